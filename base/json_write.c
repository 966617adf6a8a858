/* Writing JSON in the canonical form of RFC 8785. */
#include "base/json.h"
#include "base/json_plain.h"

#define JSON_INTEGER_MAX ((int64_t)1 << 53)

void json_writer_init(struct json_writer *writer, struct buffer *out) {
    writer->out = out;
    writer->depth = 0;
    writer->has_member[0] = false;
    writer->is_object[0] = false;
}

/* Before a value: the comma that separates it from the one before. In an object the key has seen to that. */
static void begin_value(struct json_writer *writer) {
    int depth = writer->depth;
    if (writer->is_object[depth]) return;
    if (writer->has_member[depth]) buffer_append_byte(writer->out, ',');
    writer->has_member[depth] = depth > 0;
}

static void open_container(struct json_writer *writer, bool is_object) {
    begin_value(writer);
    CHECK(writer->depth < JSON_DEPTH_MAX);
    writer->depth++;
    writer->has_member[writer->depth] = false;
    writer->is_object[writer->depth] = is_object;
    writer->last_key[writer->depth] = STR_NONE;
    buffer_append_byte(writer->out, is_object ? '{' : '[');
}

static void close_container(struct json_writer *writer, bool is_object) {
    CHECK(writer->depth > 0 && writer->is_object[writer->depth] == is_object);
    writer->depth--;
    buffer_append_byte(writer->out, is_object ? '}' : ']');
}

void json_begin_object(struct json_writer *writer) { open_container(writer, true); }
void json_end_object(struct json_writer *writer) { close_container(writer, true); }
void json_begin_array(struct json_writer *writer) { open_container(writer, false); }
void json_end_array(struct json_writer *writer) { close_container(writer, false); }

void json_key(struct json_writer *writer, struct str key) {
    int depth = writer->depth;
    CHECK(depth > 0 && writer->is_object[depth]);
    CHECK(!writer->has_member[depth] || str_compare(writer->last_key[depth], key) < 0);
    if (writer->has_member[depth]) buffer_append_byte(writer->out, ',');
    writer->has_member[depth] = true;
    writer->last_key[depth] = key;
    json_append_quoted(writer->out, key);
    buffer_append_byte(writer->out, ':');
}

void json_write_string(struct json_writer *writer, struct str value) {
    begin_value(writer);
    json_append_quoted(writer->out, value);
}

void json_write_integer(struct json_writer *writer, int64_t value) {
    CHECK(value <= JSON_INTEGER_MAX && value >= -JSON_INTEGER_MAX);
    begin_value(writer);
    buffer_append_i64_decimal(writer->out, value);
}

void json_write_bool(struct json_writer *writer, bool value) {
    begin_value(writer);
    buffer_append_str(writer->out, value ? STR("true") : STR("false"));
}

void json_write_null(struct json_writer *writer) {
    begin_value(writer);
    buffer_append_str(writer->out, STR("null"));
}

void json_write_raw(struct json_writer *writer, struct str value) {
    begin_value(writer);
    buffer_append_str(writer->out, value);
}

static void append_escaped(struct buffer *out, uint8_t byte) {
    static const char short_escapes[] = "btn\0fr"; /* for 0x08 to 0x0d; 0x0b has none */
    if (byte == '"' || byte == '\\') {
        char pair[2] = {'\\', (char)byte};
        buffer_append(out, pair, 2);
    } else if (byte >= 0x08 && byte <= 0x0d && byte != 0x0b) {
        char pair[2] = {'\\', short_escapes[byte - 0x08]};
        buffer_append(out, pair, 2);
    } else {
        buffer_append_format(out, "\\u%04x", byte);
    }
}

void json_append_quoted(struct buffer *out, struct str value) {
    buffer_append_byte(out, '"');
    size_t offset = 0;
    while (offset < value.length) {
        size_t run = json_plain_end(value, offset);
        buffer_append_str(out, str_slice(value, offset, run));
        offset = run;
        if (offset == value.length) break;
        if ((uint8_t)value.data[offset] < 0x80) {
            append_escaped(out, (uint8_t)value.data[offset++]);
            continue;
        }
        uint32_t ignored;
        size_t start = offset;
        if (utf8_decode(value, &offset, &ignored) == 0) {
            buffer_append_str(out, str_slice(value, start, offset));
        } else {
            buffer_append_str(out, STR("\xef\xbf\xbd"));
            offset++;
        }
    }
    buffer_append_byte(out, '"');
}
