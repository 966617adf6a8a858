/* Values as Cedar expressions. */
#include "cedar/lex.h"
#include "cedar/value.h"

#include <inttypes.h>

void cedar_uid_write(const struct cedar_uid *uid, struct buffer *out) {
    buffer_append_str(out, uid->type);
    buffer_append_cstr(out, "::");
    cedar_escape(uid->id, out);
}

static void write_decimal(int64_t number, struct buffer *out) {
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    buffer_append_format(out, "decimal(\"%s%" PRIu64 ".%04" PRIu64 "\")", number < 0 ? "-" : "", magnitude / 10000,
                         magnitude % 10000);
}

static void write_datetime(int64_t number, struct buffer *out) {
    buffer_append_format(out, "datetime(\"1970-01-01\").offset(duration(\"%" PRId64 "ms\"))", number);
}

static void write_set(const struct cedar_set *set, struct buffer *out) {
    buffer_append_byte(out, '[');
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0) buffer_append_cstr(out, ", ");
        cedar_value_write(&set->members[i], out);
    }
    buffer_append_byte(out, ']');
}

static void write_record(const struct cedar_record *record, struct buffer *out) {
    buffer_append_byte(out, '{');
    for (size_t i = 0; record != NULL && i < record->count; i++) {
        if (i > 0) buffer_append_cstr(out, ", ");
        cedar_escape(record->fields[i].name, out);
        buffer_append_cstr(out, ": ");
        cedar_value_write(&record->fields[i].value, out);
    }
    buffer_append_byte(out, '}');
}

void cedar_value_write(const struct cedar_value *value, struct buffer *out) {
    switch (value->kind) {
    case CEDAR_BOOL: buffer_append_cstr(out, value->boolean ? "true" : "false"); break;
    case CEDAR_LONG: buffer_append_i64_decimal(out, value->number); break;
    case CEDAR_STRING: cedar_escape(value->string, out); break;
    case CEDAR_ENTITY: cedar_uid_write(value->entity, out); break;
    case CEDAR_SET: write_set(value->set, out); break;
    case CEDAR_RECORD: write_record(value->record, out); break;
    case CEDAR_DECIMAL: write_decimal(value->number, out); break;
    case CEDAR_DATETIME: write_datetime(value->number, out); break;
    case CEDAR_DURATION: buffer_append_format(out, "duration(\"%" PRId64 "ms\")", value->number); break;
    case CEDAR_IP:
        buffer_append_cstr(out, "ip(\"");
        cedar_ip_write(value->ip, out);
        buffer_append_cstr(out, "\")");
        break;
    case CEDAR_KIND_COUNT: break;
    }
}
