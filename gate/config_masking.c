/* `masking`: the operators of the classes, the key of the operator `hash`, columns whose class the user knows, and values
 * that are nobody's. */
#include "detect/mask.h"
#include "gate/config_internal.h"
#include "wire/wire.h"

#define COLUMNS_MAX 10000
#define ALLOW_MAX 1000

static int read_operators(struct config_reader *reader, const struct document_operators *document) {
    config_enter(reader, "masking.operators");
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        if (document->names[class] == NULL) continue;
        enum mask_operator operator = mask_operator_from_name(str_from_cstr(document->names[class]));
        if (operator == MASK_OPERATOR_MAX) {
            return config_fail(reader, class_name((enum data_class)class),
                               "there is no operator %s: use redact, partial, hash, null or keep",
                               document->names[class]);
        }
        reader->config->masking->operators[class] = (uint8_t)operator;
    }
    return 0;
}

/* schema.table, either of them "*". */
static int read_table(struct config_reader *reader, const char *text, struct wire_column *column) {
    struct str table;
    if (config_read_text(reader, "table", text, "*.*", &table) != 0) return -1;
    size_t point = str_find_byte(table, '.');
    if (point == STR_NOT_FOUND || point == 0 || point + 1 == table.length) {
        return config_fail(reader, "table", "write %s with its schema, as in public.%s; * is any schema or any table",
                           table.data, table.data);
    }
    column->schema = str_slice(table, 0, point);
    column->table = str_slice(table, point + 1, table.length);
    return 0;
}

static int read_column(struct config_reader *reader, const struct document_column *document,
                       struct config_upstream *upstream) {
    struct wire_column *column = &upstream->columns[upstream->column_count];
    if (config_read_text(reader, "column", document->column, NULL, &column->column) != 0 ||
        config_read_text(reader, "class", document->class, NULL, &column->class) != 0 ||
        read_table(reader, document->table, column) != 0) {
        return -1;
    }
    if (class_from_name(column->class) == CLASS_NONE) {
        return config_fail(reader, "class", "there is no data class %s: doc/configuration.md lists them",
                           column->class.data);
    }
    upstream->column_count++;
    return 0;
}

static int read_columns(struct config_reader *reader, const struct document_masking *document) {
    struct config *config = reader->config;
    if (document->columns_count > COLUMNS_MAX) {
        return config_fail(reader, "columns", "has more than %d rows", COLUMNS_MAX);
    }
    for (unsigned i = 0; i < document->columns_count; i++) {
        struct str name;
        config_enter(reader, "masking.columns[%u]", i);
        if (config_read_text(reader, "upstream", document->columns[i].upstream, NULL, &name) != 0) return -1;
        const struct config_upstream *found = config_find_upstream(config, name);
        struct config_upstream *upstream = found != NULL ? &config->upstreams[found - config->upstreams] : NULL;
        if (upstream == NULL) {
            return config_fail(reader, "upstream", "there is no upstream %s: name one of `upstreams`", name.data);
        }
        if (!str_equal_cstr(upstream->resource_type, "Database")) {
            return config_fail(reader, "upstream", "%s speaks %s and has no columns", name.data, upstream->protocol.data);
        }
        if (upstream->columns == NULL) {
            upstream->columns = ARENA_NEW_ARRAY(&config->arena, struct wire_column, document->columns_count);
            if (upstream->columns == NULL) return error_out_of_memory(reader->error);
        }
        if (read_column(reader, &document->columns[i], upstream) != 0) return -1;
    }
    return 0;
}

/* Values in clear for everybody: an address of the house, a card number of the payment provider's tests. */
static int read_allow(struct config_reader *reader, const struct document_masking *document, struct mask_policy *policy) {
    config_enter(reader, "masking");
    if (document->allow_count > ALLOW_MAX) return config_fail(reader, "allow", "has more than %d values", ALLOW_MAX);
    if (config_read_strings(reader, "allow", document->allow, document->allow_count, &policy->allow) != 0) return -1;
    policy->allow_count = document->allow_count;
    for (size_t i = 0; i < policy->allow_count; i++) {
        if (policy->allow[i].length < MASK_ALLOW_BYTES_MIN) {
            return config_fail(reader, "allow", "%s is shorter than %d bytes: give whole values", policy->allow[i].data,
                               MASK_ALLOW_BYTES_MIN);
        }
    }
    return 0;
}

int config_read_masking(struct config_reader *reader, const struct document_masking *document) {
    struct config *config = reader->config;
    config->masking = ARENA_NEW(&config->arena, struct mask_policy);
    if (config->masking == NULL) return error_out_of_memory(reader->error);
    *config->masking = mask_policy_default();
    if (read_operators(reader, &document->operators) != 0 || read_columns(reader, document) != 0 ||
        read_allow(reader, document, config->masking) != 0) {
        return -1;
    }
    config_enter(reader, "masking");
    const char *reference = document->hash_key != NULL ? document->hash_key : "file:mask.key";
    if (config_read_secret(reader, "hash_key", reference, true, &config->masking_key) != 0) return -1;
    config->masking->key = secret_view(&config->masking_key);
    if (config->masking_key.length == 0 || config->masking_key.length >= MASK_KEY_BYTES_MIN) return 0;
    return config_fail(reader, "hash_key", "must have at least %d bytes: remove the file and one is made",
                       MASK_KEY_BYTES_MIN);
}
