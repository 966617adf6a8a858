/* Resolved types: the ones that have no parts, finding fields, writing. */
#include "cedar/schema.h"

#define PLAIN(type_kind) {.kind = (type_kind), .depth = 1, .node_count = 1}

const struct cedar_type cedar_type_never = PLAIN(CEDAR_TYPE_NEVER), cedar_type_true = PLAIN(CEDAR_TYPE_TRUE),
                        cedar_type_false = PLAIN(CEDAR_TYPE_FALSE), cedar_type_bool = PLAIN(CEDAR_TYPE_BOOL),
                        cedar_type_long = PLAIN(CEDAR_TYPE_LONG), cedar_type_string = PLAIN(CEDAR_TYPE_STRING),
                        cedar_type_decimal = PLAIN(CEDAR_TYPE_DECIMAL),
                        cedar_type_datetime = PLAIN(CEDAR_TYPE_DATETIME),
                        cedar_type_duration = PLAIN(CEDAR_TYPE_DURATION), cedar_type_ip = PLAIN(CEDAR_TYPE_IP),
                        cedar_type_any_set = PLAIN(CEDAR_TYPE_SET),
                        cedar_type_any_record = {.kind = CEDAR_TYPE_RECORD, .is_open = true, .depth = 1,
                                                 .node_count = 1},
                        cedar_type_any_entity = PLAIN(CEDAR_TYPE_ANY_ENTITY), cedar_type_any = PLAIN(CEDAR_TYPE_ANY);

const struct cedar_type_field *cedar_type_field_find(const struct cedar_type *record, struct str name) {
    uint32_t low = 0, high = record->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = cedar_name_compare(name, record->fields[middle].name);
        if (order == 0) return &record->fields[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

static void write_record(const struct cedar_type *type, struct buffer *out) {
    buffer_append_byte(out, '{');
    for (uint32_t i = 0; i < type->count; i++) {
        const struct cedar_type_field *field = &type->fields[i];
        if (i > 0) buffer_append_cstr(out, ", ");
        if (cedar_schema_is_name(field->name)) buffer_append_str(out, field->name);
        else cedar_escape(field->name, out);
        buffer_append_cstr(out, field->is_required ? ": " : "?: ");
        cedar_type_write(field->type, out);
    }
    if (type->is_open) buffer_append_cstr(out, type->count > 0 ? ", ..." : "...");
    buffer_append_byte(out, '}');
}

/* Recursion: types are at most CEDAR_SCHEMA_DEPTH_MAX deep, or as deep as the expression that they are of. */
void cedar_type_write(const struct cedar_type *type, struct buffer *out) {
    static const char *const names[] = {
        [CEDAR_TYPE_NEVER] = "nothing", [CEDAR_TYPE_TRUE] = "Bool (always true)",
        [CEDAR_TYPE_FALSE] = "Bool (always false)", [CEDAR_TYPE_BOOL] = "Bool", [CEDAR_TYPE_LONG] = "Long",
        [CEDAR_TYPE_STRING] = "String", [CEDAR_TYPE_DECIMAL] = "decimal", [CEDAR_TYPE_DATETIME] = "datetime",
        [CEDAR_TYPE_DURATION] = "duration", [CEDAR_TYPE_IP] = "ipaddr", [CEDAR_TYPE_SET] = "Set",
        [CEDAR_TYPE_RECORD] = "record", [CEDAR_TYPE_ENTITY] = "entity", [CEDAR_TYPE_ANY_ENTITY] = "entity",
        [CEDAR_TYPE_ANY] = "anything",
    };
    if (type->kind == CEDAR_TYPE_RECORD && (type->count > 0 || !type->is_open)) {
        write_record(type, out);
    } else if (type->kind == CEDAR_TYPE_SET && type->element != NULL) {
        buffer_append_cstr(out, "Set<");
        cedar_type_write(type->element, out);
        buffer_append_byte(out, '>');
    } else if (type->kind == CEDAR_TYPE_ENTITY) {
        for (uint32_t i = 0; i < type->count; i++) {
            if (i > 0) buffer_append_cstr(out, " | ");
            buffer_append_str(out, type->entities[i]->full_name);
        }
    } else {
        buffer_append_cstr(out, names[type->kind]);
    }
}
