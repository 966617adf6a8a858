/* What the config says of things within upstreams: labels of tables, models, tools and endpoints, and tables of named
 * operations.
 *
 *     row  = method SP path SP name                    POST /v1/refunds/{id}/cancel cancel_refund
 *     path = "/" / 1*( "/" segment )     a segment is printable, or a parameter "{" 1*( letter / digit / "_" ) "}" */
#include "gate/config_internal.h"

#include "detect/bytes.h"

#define OPERATION_ROWS_MAX 4096
#define METHOD_BYTES_MAX 16

/* ---- Labels ---------------------------------------------------------------------------------------------------- */

/* Which list names what, and in which upstreams it can be. */
struct resource_kind {
    const char *section;
    const char *key;
    struct str type;
    const char *parents[2];
};

static const struct resource_kind resource_kinds[CONFIG_RESOURCE_LISTS] = {
    [CONFIG_TABLES] = {"tables", "table", {"Table", 5}, {"Database", NULL}},
    [CONFIG_MODELS] = {"models", "model", {"Model", 5}, {"Provider", NULL}},
    [CONFIG_TOOLS] = {"tools", "tool", {"Tool", 4}, {"Provider", "ToolServer"}},
    [CONFIG_ENDPOINTS] = {"endpoints", "endpoint", {"Endpoint", 8}, {"Api", "Provider"}},
};

static bool fits(const struct resource_kind *kind, const struct config_upstream *upstream) {
    return str_equal_cstr(upstream->resource_type, kind->parents[0]) ||
           (kind->parents[1] != NULL && str_equal_cstr(upstream->resource_type, kind->parents[1]));
}

static int check_upstream(struct config_reader *reader, const struct resource_kind *kind, struct str name) {
    const struct config_upstream *upstream = config_find_upstream(reader->config, name);
    if (upstream == NULL) {
        return config_fail(reader, "upstream", "there is no upstream %s: name one of `upstreams`", name.data);
    }
    if (fits(kind, upstream)) return 0;
    return config_fail(reader, "upstream", "%s speaks %s and has no %s", name.data, upstream->protocol.data, kind->section);
}

static int read_resource(struct config_reader *reader, const struct resource_kind *kind,
                         const struct document_resource *document, struct bundle_resource *resource) {
    resource->type = kind->type;
    if (config_read_text(reader, "upstream", document->upstream, NULL, &resource->upstream) != 0 ||
        config_read_text(reader, kind->key, document->name, NULL, &resource->name) != 0 ||
        config_read_strings(reader, "labels", document->labels, document->labels_count, &resource->labels) != 0 ||
        check_upstream(reader, kind, resource->upstream) != 0) {
        return -1;
    }
    resource->label_count = document->labels_count;
    bool is_table = kind == &resource_kinds[CONFIG_TABLES];
    if (is_table && str_find_byte(resource->name, '.') == STR_NOT_FOUND) {
        return config_fail(reader, "table", "write %s with its schema, as in public.%s", resource->name.data,
                           resource->name.data);
    }
    for (const struct bundle_resource *other = reader->config->resources; other < resource; other++) {
        if (str_equal(other->upstream, resource->upstream) && str_equal(other->type, resource->type) &&
            str_equal(other->name, resource->name)) {
            return config_fail(reader, kind->key, "%s is there already: give all its labels once", resource->name.data);
        }
    }
    return 0;
}

int config_read_resources(struct config_reader *reader, const struct config_document *document) {
    struct config *config = reader->config;
    const struct document_resource_list lists[CONFIG_RESOURCE_LISTS] = {
        [CONFIG_TABLES] = {document->tables, document->tables_count},
        [CONFIG_MODELS] = {document->models, document->models_count},
        [CONFIG_TOOLS] = {document->tools, document->tools_count},
        [CONFIG_ENDPOINTS] = {document->endpoints, document->endpoints_count},
    };
    size_t count = 0;
    for (size_t i = 0; i < CONFIG_RESOURCE_LISTS; i++) count += lists[i].count;
    config->resources = ARENA_NEW_ARRAY(&config->arena, struct bundle_resource, count);
    if (config->resources == NULL && count != 0) return error_out_of_memory(reader->error);
    for (size_t i = 0; i < CONFIG_RESOURCE_LISTS; i++) {
        for (unsigned row = 0; row < lists[i].count; row++) {
            struct bundle_resource *resource = &config->resources[config->resource_count++];
            config_enter(reader, "%s[%u]", resource_kinds[i].section, row);
            if (read_resource(reader, &resource_kinds[i], &lists[i].items[row], resource) != 0) return -1;
        }
    }
    return 0;
}

/* ---- Operations ------------------------------------------------------------------------------------------------ */

static bool is_word(struct str text) {
    for (size_t i = 0; i < text.length; i++) {
        bool is_lower = byte_is_letter(text.data[i]) && !byte_is_upper(text.data[i]);
        if (!is_lower && !byte_is_digit(text.data[i]) && text.data[i] != '_') return false;
    }
    return text.length > 0;
}

static bool is_method(struct str text) {
    for (size_t i = 0; i < text.length; i++) {
        if (!byte_is_upper(text.data[i])) return false;
    }
    return text.length > 0 && text.length <= METHOD_BYTES_MAX;
}

static bool is_segment(struct str text) {
    bool is_parameter = text.length > 2 && text.data[0] == '{' && text.data[text.length - 1] == '}';
    if (is_parameter) text = str_slice(text, 1, text.length - 1);
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        bool is_plain = byte > ' ' && byte <= '~' && str_find_byte(STR("{}?#%\\"), byte) == STR_NOT_FOUND;
        if (is_parameter ? !byte_is_word(byte) : !is_plain) return false;
    }
    return text.length > 0;
}

static bool is_template(struct str text) {
    struct str segment;
    bool ends_in_slash = text.length > 1 && text.data[text.length - 1] == '/';
    if (text.length == 0 || text.data[0] != '/' || ends_in_slash) return false;
    text = str_slice(text, 1, text.length);
    while (text.length > 0 && str_split(&text, '/', &segment)) {
        if (!is_segment(segment)) return false;
    }
    return true;
}

static int read_operation(struct config_reader *reader, unsigned row, struct str text, struct str table,
                          struct operation *operation) {
    struct arena *arena = &reader->config->arena;
    struct str name = STR_NONE;
    bool is_whole = str_split(&text, ' ', &operation->method) && str_split(&text, ' ', &operation->path_template) &&
                    str_split(&text, ' ', &name) && text.length == 0;
    if (!is_whole || !is_method(operation->method) || !is_template(operation->path_template) || !is_word(name)) {
        return config_fail(reader, "rows", "row %u must be METHOD /path/{parameter} name, as in "
                           "POST /v1/refunds/{id}/cancel cancel_refund", row);
    }
    operation->method = arena_copy(arena, operation->method);
    operation->path_template = arena_copy(arena, operation->path_template);
    operation->verb = arena_format(arena, "%s:%.*s", table.data, STR_ARGS(name));
    bool is_made = operation->method.data != NULL && operation->path_template.data != NULL && operation->verb.data != NULL;
    return is_made ? 0 : error_out_of_memory(reader->error);
}

/* The verbs of other tables are taken. */
static bool is_taken(const struct config *config, struct str table) {
    for (size_t i = 0; i < model_verb_count; i++) {
        struct str verb = model_verbs[i].name;
        if (str_starts_with(verb, table) && (verb.length == table.length || verb.data[table.length] == ':')) return true;
    }
    for (size_t i = 0; i < config->operation_table_count; i++) {
        if (str_equal(config->operation_tables[i].name, table)) return true;
    }
    return false;
}

static int add_verb(struct config_reader *reader, struct str verb) {
    struct config *config = reader->config;
    for (size_t i = 0; i < config->verb_count; i++) {
        if (str_equal(config->verbs[i], verb)) return 0;
    }
    if (config->verb_count == OPERATION_ROWS_MAX) {
        return config_fail(reader, "rows", "there are more than %d operations", OPERATION_ROWS_MAX);
    }
    config->verbs[config->verb_count++] = verb;
    return 0;
}

static int read_operation_table(struct config_reader *reader, const struct document_operation_table *document) {
    struct config *config = reader->config;
    struct operation_table table = {.count = document->rows_count};
    if (config_read_text(reader, "table", document->table, NULL, &table.name) != 0) return -1;
    if (!is_word(table.name)) return config_fail(reader, "table", "may hold lower-case letters, digits and '_' only");
    if (is_taken(config, table.name)) return config_fail(reader, "table", "%s is there already", document->table);
    struct operation *rows = ARENA_NEW_ARRAY(&config->arena, struct operation, table.count);
    if (rows == NULL && table.count != 0) return error_out_of_memory(reader->error);
    table.items = rows;
    for (unsigned i = 0; i < document->rows_count; i++) {
        struct str text = str_from_cstr(document->rows[i]);
        if (read_operation(reader, i, text, table.name, &rows[i]) != 0 || add_verb(reader, rows[i].verb) != 0) return -1;
        for (unsigned j = 0; j < i; j++) {
            bool is_same = str_equal(rows[i].method, rows[j].method) &&
                           str_equal(rows[i].path_template, rows[j].path_template);
            if (is_same) return config_fail(reader, "rows", "row %u has the method and path of row %u", i, j);
        }
    }
    config->operation_tables[config->operation_table_count++] = table;
    return 0;
}

int config_read_operations(struct config_reader *reader, const struct config_document *document) {
    struct config *config = reader->config;
    unsigned count = document->operations_count;
    if (count == 0) return 0;
    config->operation_tables = ARENA_NEW_ARRAY(&config->arena, struct operation_table, count);
    config->verbs = ARENA_NEW_ARRAY(&config->arena, struct str, OPERATION_ROWS_MAX);
    if (config->operation_tables == NULL || config->verbs == NULL) return error_out_of_memory(reader->error);
    for (unsigned i = 0; i < count; i++) {
        config_enter(reader, "operations[%u]", i);
        if (read_operation_table(reader, &document->operations[i]) != 0) return -1;
    }
    return 0;
}

bool config_find_operations(const struct config *config, struct str name, struct operation_table *table) {
    for (size_t i = 0; i < config->operation_table_count; i++) {
        if (!str_equal(config->operation_tables[i].name, name)) continue;
        *table = config->operation_tables[i];
        return true;
    }
    return operation_table_find(name, table);
}
