/* See sse.h. Bytes are taken line by line; a line is consumed once it was read. */
#include "wire/llm/sse.h"

void sse_init(struct sse_parser *parser, size_t event_bytes_max) {
    *parser = (struct sse_parser){.event_bytes_max = event_bytes_max};
    buffer_init(&parser->pending, SIZE_MAX / 2);
    buffer_init(&parser->type, event_bytes_max);
    buffer_init(&parser->data, event_bytes_max);
    buffer_init(&parser->id, event_bytes_max);
}

void sse_free(struct sse_parser *parser) {
    buffer_free(&parser->pending);
    buffer_free(&parser->type);
    buffer_free(&parser->data);
    buffer_free(&parser->id);
}

int sse_feed(struct sse_parser *parser, struct str bytes, struct error *error) {
    buffer_append_str(&parser->pending, bytes);
    return buffer_failed(&parser->pending) ? error_out_of_memory(error) : 0;
}

/* False while the first bytes may yet be a BOM. */
static bool skip_bom(struct sse_parser *parser) {
    struct str bom = STR("\xef\xbb\xbf");
    struct str begun = str_slice(buffer_view(&parser->pending), 0, bom.length);
    if (parser->is_begun) return true;
    if (begun.length < bom.length && str_starts_with(bom, begun)) return false;
    if (str_equal(begun, bom)) buffer_consume(&parser->pending, bom.length);
    parser->is_begun = true;
    return true;
}

/* Takes a line without its end; *next is how much to consume for it. False when there is no whole line. */
static bool take_line(struct sse_parser *parser, struct str *line, size_t *next) {
    struct str pending = buffer_view(&parser->pending);
    if (parser->was_cr && pending.length > 0) {
        if (pending.data[0] == '\n') buffer_consume(&parser->pending, 1);
        pending = buffer_view(&parser->pending);
        parser->was_cr = false;
        parser->scanned = 0;
    }
    for (size_t i = parser->scanned; i < pending.length; i++) {
        if (pending.data[i] != '\r' && pending.data[i] != '\n') continue;
        *line = str_slice(pending, 0, i);
        *next = i + 1;
        parser->was_cr = pending.data[i] == '\r';
        parser->scanned = 0;
        return true;
    }
    parser->scanned = pending.length;
    return false;
}

static void set(struct buffer *buffer, struct str value) {
    buffer_clear(buffer);
    buffer_append_str(buffer, value);
}

static void read_field(struct sse_parser *parser, struct str line) {
    size_t colon = str_find_byte(line, ':');
    struct str name = str_slice(line, 0, colon == STR_NOT_FOUND ? line.length : colon);
    struct str value = str_slice(line, name.length + 1, line.length);
    if (value.length > 0 && value.data[0] == ' ') value = str_slice(value, 1, value.length);
    if (str_equal(name, STR("event"))) {
        set(&parser->type, value);
    } else if (str_equal(name, STR("data"))) {
        if (parser->has_data) buffer_append_byte(&parser->data, '\n');
        buffer_append_str(&parser->data, value);
        parser->has_data = true;
    } else if (str_equal(name, STR("id")) && str_find_byte(value, '\0') == STR_NOT_FOUND) {
        set(&parser->id, value);
    }
}

static void forget(struct sse_parser *parser) {
    buffer_clear(&parser->type);
    buffer_clear(&parser->data);
    parser->has_data = parser->is_taken = false;
}

static bool is_too_long(const struct sse_parser *parser) {
    return buffer_failed(&parser->type) || buffer_failed(&parser->data) || buffer_failed(&parser->id) ||
           parser->scanned > parser->event_bytes_max;
}

int sse_next(struct sse_parser *parser, struct sse_event *event, struct error *error) {
    struct str line;
    size_t next;
    if (parser->is_taken) forget(parser);
    if (!skip_bom(parser)) return 0;
    *event = (struct sse_event){0};
    while (take_line(parser, &line, &next)) {
        bool is_end = line.length == 0;
        event->is_comment = line.length > 0 && line.data[0] == ':' && !parser->has_data;
        if (!is_end && line.data[0] != ':') read_field(parser, line);
        buffer_consume(&parser->pending, next);
        if (is_too_long(parser)) break;
        if (event->is_comment) return 1;
        if (!is_end) continue;
        if (!parser->has_data) {
            forget(parser);
            continue;
        }
        *event = (struct sse_event){.type = buffer_view(&parser->type), .data = buffer_view(&parser->data),
                                    .id = buffer_view(&parser->id)};
        parser->is_taken = true;
        return 1;
    }
    if (!is_too_long(parser)) return 0;
    return error_set(error, ERROR_LIMIT, "an event of the stream is longer than %zu bytes", parser->event_bytes_max);
}

void sse_append(struct buffer *out, struct str type, struct str data) {
    struct str line;
    if (type.length > 0) {
        buffer_append_cstr(out, "event: ");
        buffer_append_str(out, type);
        buffer_append_byte(out, '\n');
    }
    if (data.data == NULL) data = STR("");
    while (str_split(&data, '\n', &line)) {
        buffer_append_cstr(out, "data: ");
        buffer_append_str(out, line);
        buffer_append_byte(out, '\n');
    }
    buffer_append_byte(out, '\n');
}
