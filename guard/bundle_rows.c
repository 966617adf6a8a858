/* Rows are written with the canonical writer, so that one config has one text and one hash. */
#include "guard/bundle_rows.h"

#include "base/json.h"
#include "base/json_read.h"

/* ---- Writing ------------------------------------------------------------------------------------------------- */

static void write_names(struct json_writer *writer, struct str name, const struct str *names, size_t count) {
    if (count == 0) return;
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) json_write_string(writer, names[i]);
    json_end_array(writer);
}

static void write_principal(struct json_writer *writer, const struct principal *principal) {
    write_names(writer, STR("groups"), principal->groups, principal->group_count);
    if (principal->on_behalf_of != NULL) json_member_string(writer, STR("on_behalf_of"), principal->on_behalf_of->name);
    json_member_string(writer, STR("principal"), principal->name);
    json_member_string(writer, STR("type"), principal_kind_name(principal->kind));
}

static void write_upstream(struct json_writer *writer, const struct bundle_upstream *upstream) {
    bool is_database = upstream->type.length == 0 || str_equal(upstream->type, STR("Database"));
    json_member_string(writer, STR("environment"), upstream->environment);
    write_names(writer, STR("labels"), upstream->labels, upstream->label_count);
    if (!is_database) json_member_string(writer, STR("type"), upstream->type);
    json_member_string(writer, STR("upstream"), upstream->name);
}

static void write_resource(struct json_writer *writer, const struct bundle_resource *resource) {
    bool is_table = resource->type.length == 0 || str_equal(resource->type, STR("Table"));
    write_names(writer, STR("labels"), resource->labels, resource->label_count);
    json_member_string(writer, is_table ? STR("table") : STR("resource"), resource->name);
    if (!is_table) json_member_string(writer, STR("type"), resource->type);
    json_member_string(writer, STR("upstream"), resource->upstream);
}

/* Row `index` of all: principals, upstreams, resources, verbs. */
static void write_row(struct buffer *out, const struct bundle_source *source, size_t index) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    size_t principals = identity_count(source->identity);
    if (index < principals) write_principal(&writer, identity_at(source->identity, index));
    else if ((index -= principals) < source->upstream_count) write_upstream(&writer, &source->upstreams[index]);
    else if ((index -= source->upstream_count) < source->resource_count) write_resource(&writer, &source->resources[index]);
    else json_member_string(&writer, STR("verb"), source->verbs[index - source->resource_count]);
    json_end_object(&writer);
    buffer_append_byte(out, '\n');
}

int bundle_rows_make(struct arena *arena, const struct bundle_source *source, struct str *rows, struct error *error) {
    struct buffer text;
    buffer_init(&text, BUNDLE_ROWS_BYTES_MAX);
    size_t count =
        identity_count(source->identity) + source->upstream_count + source->resource_count + source->verb_count;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        size_t before = buffer_length(&text);
        write_row(&text, source, i);
        struct str row = str_slice(buffer_view(&text), before, buffer_length(&text));
        if (row.length > BUNDLE_ROW_BYTES_MAX) {
            result = error_set(error, ERROR_LIMIT, "this principal or resource has too many groups or labels to be "
                               "recorded (%u bytes at most): %.*s ...", BUNDLE_ROW_BYTES_MAX,
                               STR_ARGS(str_slice(row, 0, 100)));
        }
    }
    if (result == 0 && buffer_failed(&text)) {
        result = error_set(error, ERROR_LIMIT, "the config has too many principals and resources to be recorded");
    }
    if (result == 0) *rows = arena_copy(arena, buffer_view(&text));
    buffer_free(&text);
    if (result == 0 && rows->data == NULL) return error_out_of_memory(error);
    return result;
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

/* All members that a row can have; which it has tells its kind. */
struct row {
    struct str principal;
    struct str type;
    struct str on_behalf_of;
    struct str environment;
    struct str upstream;
    struct str table;
    struct str resource;
    struct str verb;
    const struct str *names; /* groups or labels */
    size_t name_count;
};

static int parse_row(struct arena *arena, struct str text, struct row *row) {
    struct json_reader reader;
    struct str key;
    const struct {
        struct str name;
        struct str *value;
    } members[] = {
        {STR("principal"), &row->principal},       {STR("type"), &row->type},
        {STR("on_behalf_of"), &row->on_behalf_of}, {STR("environment"), &row->environment},
        {STR("upstream"), &row->upstream},         {STR("table"), &row->table},
        {STR("resource"), &row->resource},         {STR("verb"), &row->verb}};
    *row = (struct row){.names = NULL};
    json_reader_init(&reader, text, arena);
    json_read_object(&reader);
    while (json_read_member(&reader, &key)) {
        size_t i = 0;
        while (i < LENGTH_OF(members) && !str_equal(key, members[i].name)) i++;
        if (i < LENGTH_OF(members)) *members[i].value = json_read_string(&reader);
        else if (str_equal(key, STR("groups")) || str_equal(key, STR("labels"))) {
            row->names = json_read_strings(&reader, &row->name_count);
        } else {
            json_skip(&reader);
        }
    }
    return json_reader_is_good(&reader) ? 0 : -1;
}

static int add_principal(const struct row *row, struct bundle_rows *out) {
    static const enum principal_kind kinds[] = {PRINCIPAL_USER, PRINCIPAL_AGENT, PRINCIPAL_SERVICE};
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        if (!str_equal(row->type, principal_kind_name(kinds[i]))) continue;
        out->principals[out->principal_count++] = (struct identity_row){
            .name = row->principal, .kind = kinds[i], .groups = row->names, .group_count = row->name_count,
            .on_behalf_of = row->on_behalf_of};
        return 0;
    }
    return -1;
}

static int add_row(const struct row *row, struct bundle_rows *out) {
    if (row->principal.data != NULL) return add_principal(row, out);
    if (row->verb.data != NULL) {
        out->verbs[out->verb_count++] = row->verb;
        return 0;
    }
    if (row->upstream.data == NULL) return -1;
    if (row->table.data != NULL || row->resource.data != NULL) {
        out->resources[out->resource_count++] = (struct bundle_resource){
            .upstream = row->upstream, .name = row->table.data != NULL ? row->table : row->resource, .type = row->type,
            .labels = row->names, .label_count = row->name_count};
        return 0;
    }
    if (row->environment.data == NULL) return -1;
    out->upstreams[out->upstream_count++] = (struct bundle_upstream){
        .name = row->upstream, .environment = row->environment, .type = row->type, .labels = row->names,
        .label_count = row->name_count};
    return 0;
}

int bundle_rows_parse(struct arena *arena, struct str rows, struct bundle_rows *out, struct error *error) {
    size_t lines = 0;
    for (size_t i = 0; i < rows.length; i++) lines += rows.data[i] == '\n';
    *out = (struct bundle_rows){
        .principals = ARENA_NEW_ARRAY(arena, struct identity_row, lines + 1),
        .upstreams = ARENA_NEW_ARRAY(arena, struct bundle_upstream, lines + 1),
        .resources = ARENA_NEW_ARRAY(arena, struct bundle_resource, lines + 1),
        .verbs = ARENA_NEW_ARRAY(arena, struct str, lines + 1),
    };
    if (out->principals == NULL || out->upstreams == NULL || out->resources == NULL || out->verbs == NULL) {
        return error_out_of_memory(error);
    }
    struct str line;
    struct row row;
    while (str_split(&rows, '\n', &line)) {
        if (line.length == 0) continue;
        if (parse_row(arena, line, &row) != 0 || add_row(&row, out) != 0) {
            return error_set(error, ERROR_INVALID, "not a principal, an upstream, a resource or a verb: %.*s",
                             STR_ARGS(str_slice(line, 0, 100)));
        }
    }
    return 0;
}
