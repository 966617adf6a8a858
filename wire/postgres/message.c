/* Decoding reads through a cursor that remembers the first thing that was wrong, so that a decoder asks once, at its
 * end. */
#include "wire/postgres/message.h"

struct cursor {
    struct str rest;
    bool is_bad;
};

static struct str take(struct cursor *cursor, size_t length) {
    if (cursor->is_bad || length > cursor->rest.length) {
        cursor->is_bad = true;
        return STR_NONE;
    }
    struct str taken = str_slice(cursor->rest, 0, length);
    cursor->rest = str_slice(cursor->rest, length, cursor->rest.length);
    return taken;
}

static uint16_t read_u16(struct str bytes) {
    return (uint16_t)((uint8_t)bytes.data[0] << 8 | (uint8_t)bytes.data[1]);
}

static uint32_t read_u32(struct str bytes) {
    return (uint32_t)read_u16(bytes) << 16 | read_u16(str_slice(bytes, 2, 4));
}

static uint8_t take_u8(struct cursor *cursor) {
    struct str bytes = take(cursor, 1);
    return cursor->is_bad ? 0 : (uint8_t)bytes.data[0];
}

static uint16_t take_u16(struct cursor *cursor) {
    struct str bytes = take(cursor, 2);
    return cursor->is_bad ? 0 : read_u16(bytes);
}

static uint32_t take_u32(struct cursor *cursor) {
    struct str bytes = take(cursor, 4);
    return cursor->is_bad ? 0 : read_u32(bytes);
}

static struct str take_cstring(struct cursor *cursor) {
    size_t end = cursor->is_bad ? STR_NOT_FOUND : str_find_byte(cursor->rest, '\0');
    if (end == STR_NOT_FOUND) {
        cursor->is_bad = true;
        return STR_NONE;
    }
    struct str text = take(cursor, end);
    (void)take(cursor, 1);
    return text;
}

/* 0 when everything was there and nothing is left. */
static int finish(const struct cursor *cursor) {
    return cursor->is_bad || cursor->rest.length > 0 ? -1 : 0;
}

enum message_framing message_next(struct str input, struct message *message) {
    *message = (struct message){.frame_bytes = MESSAGE_HEADER_BYTES};
    if (input.length < MESSAGE_HEADER_BYTES) return MESSAGE_PART;
    uint32_t length = read_u32(str_slice(input, 1, MESSAGE_HEADER_BYTES));
    message->type = input.data[0];
    if (length < 4 || length > INT32_MAX) return MESSAGE_BAD;
    message->frame_bytes = (size_t)length + 1;
    if (input.length < message->frame_bytes) return MESSAGE_PART;
    message->body = str_slice(input, MESSAGE_HEADER_BYTES, message->frame_bytes);
    return MESSAGE_WHOLE;
}

enum message_framing message_next_startup(struct str input, struct message *message) {
    *message = (struct message){.frame_bytes = 4};
    if (input.length < 4) return MESSAGE_PART;
    uint32_t length = read_u32(input);
    if (length < 8 || length > MESSAGE_STARTUP_BYTES_MAX) return MESSAGE_BAD;
    message->frame_bytes = length;
    if (input.length < length) return MESSAGE_PART;
    message->body = str_slice(input, 4, length);
    return MESSAGE_WHOLE;
}

/* StartupMessage: u32 version, { name NUL value NUL }, NUL
 * CancelRequest:  u32 code, process id, secret of 4 (3.0) to 256 (3.2) bytes
 * SSLRequest, GSSENCRequest: u32 code */
int message_decode_startup(struct str body, struct message_startup *out) {
    struct cursor cursor = {.rest = body};
    *out = (struct message_startup){.code = take_u32(&cursor)};
    if (out->code == MESSAGE_CODE_CANCEL) {
        out->cancel_key = cursor.rest;
        return cursor.rest.length >= 8 && cursor.rest.length <= 260 ? 0 : -1;
    }
    if (out->code == MESSAGE_CODE_SSL || out->code == MESSAGE_CODE_GSSENC) return finish(&cursor);
    while (!cursor.is_bad) {
        struct str name = take_cstring(&cursor);
        if (name.length == 0) break;
        struct str value = take_cstring(&cursor);
        if (out->option_count == MESSAGE_STARTUP_OPTIONS_MAX) return -1;
        out->options[out->option_count++] = (struct message_option){name, value};
    }
    return finish(&cursor);
}

/* Parse: name NUL, text NUL, u16 count, count x u32 */
int message_decode_parse(struct str body, struct message_parse *out) {
    struct cursor cursor = {.rest = body};
    out->name = take_cstring(&cursor);
    out->text = take_cstring(&cursor);
    out->type_count = take_u16(&cursor);
    out->type_oids = take(&cursor, out->type_count * 4);
    return finish(&cursor);
}

uint32_t message_parse_type(const struct message_parse *parse, size_t index) {
    return index < parse->type_count ? read_u32(str_slice(parse->type_oids, index * 4, index * 4 + 4)) : 0;
}

static bool are_formats(struct str formats) {
    for (size_t i = 0; i < formats.length; i += 2) {
        if (read_u16(str_slice(formats, i, i + 2)) > 1) return false;
    }
    return true;
}

/* Bind: portal NUL, statement NUL, u16 count, count x u16 format, u16 count, count x (i32 length, bytes),
 *       u16 count, count x u16 format of a result column */
int message_decode_bind(struct str body, struct message_bind *out) {
    struct cursor cursor = {.rest = body};
    out->portal = take_cstring(&cursor);
    out->statement = take_cstring(&cursor);
    out->format_count = take_u16(&cursor);
    out->formats = take(&cursor, out->format_count * 2);
    out->value_count = take_u16(&cursor);
    struct str values = cursor.rest;
    for (size_t i = 0; i < out->value_count && !cursor.is_bad; i++) {
        uint32_t length = take_u32(&cursor);
        if (length != UINT32_MAX) (void)take(&cursor, length);
    }
    out->values = str_slice(values, 0, values.length - cursor.rest.length);
    size_t result_count = take_u16(&cursor);
    struct str results = take(&cursor, result_count * 2);
    if (finish(&cursor) != 0 || !are_formats(out->formats) || !are_formats(results)) return -1;
    return out->format_count <= 1 || out->format_count == out->value_count ? 0 : -1;
}

struct str message_bind_next(struct str *values, bool *is_null) {
    struct cursor cursor = {.rest = *values};
    uint32_t length = take_u32(&cursor);
    *is_null = cursor.is_bad || length == UINT32_MAX;
    struct str value = *is_null ? STR_NONE : take(&cursor, length);
    *values = cursor.rest;
    return value;
}

uint16_t message_bind_format(const struct message_bind *bind, size_t index) {
    if (bind->format_count == 0) return 0;
    size_t at = bind->format_count == 1 ? 0 : index;
    return read_u16(str_slice(bind->formats, at * 2, at * 2 + 2));
}

int message_decode_target(struct str body, struct message_target *out) {
    struct cursor cursor = {.rest = body};
    out->kind = (char)take_u8(&cursor);
    out->name = take_cstring(&cursor);
    if (out->kind != 'S' && out->kind != 'P') return -1;
    return finish(&cursor);
}

int message_decode_execute(struct str body, struct str *portal) {
    struct cursor cursor = {.rest = body};
    *portal = take_cstring(&cursor);
    (void)take_u32(&cursor);
    return finish(&cursor);
}

int message_decode_string(struct str body, struct str *out) {
    struct cursor cursor = {.rest = body};
    *out = take_cstring(&cursor);
    return finish(&cursor);
}

/* RowDescription: u16 count, count x (name NUL, u32 table, i16 attribute, u32 type, i16 size, i32 modifier,
 *                 u16 format) */
static void take_column(struct cursor *cursor, struct message_column *out) {
    out->name = take_cstring(cursor);
    out->table_oid = take_u32(cursor);
    out->attribute_number = (int16_t)take_u16(cursor);
    out->type_oid = take_u32(cursor);
    (void)take(cursor, 6);
    out->format = take_u16(cursor);
}

int message_decode_row_description(struct str body, struct message_columns *out) {
    struct cursor cursor = {.rest = body};
    out->count = take_u16(&cursor);
    out->rest = cursor.rest;
    for (size_t i = 0; i < out->count && !cursor.is_bad; i++) {
        struct message_column column;
        take_column(&cursor, &column);
        if (column.format > 1) return -1;
    }
    return finish(&cursor);
}

void message_column_next(struct message_columns *columns, struct message_column *out) {
    struct cursor cursor = {.rest = columns->rest};
    take_column(&cursor, out);
    columns->rest = cursor.rest;
}

/* ErrorResponse, NoticeResponse: { field type, text NUL }, NUL */
static int walk_error(struct str body, char wanted, struct str *found) {
    struct cursor cursor = {.rest = body};
    for (;;) {
        char field = (char)take_u8(&cursor);
        if (cursor.is_bad || field == '\0') return finish(&cursor);
        struct str text = take_cstring(&cursor);
        if (field == wanted) *found = text;
    }
}

int message_decode_error(struct str body) {
    struct str ignored;
    return walk_error(body, '\0', &ignored);
}

struct str message_error_field(struct str body, char field) {
    struct str found = STR_NONE;
    return walk_error(body, field, &found) == 0 ? found : STR_NONE;
}

int message_decode_parameter_status(struct str body, struct message_option *out) {
    struct cursor cursor = {.rest = body};
    out->name = take_cstring(&cursor);
    out->value = take_cstring(&cursor);
    return finish(&cursor);
}

int message_decode_ready(struct str body, char *status) {
    struct cursor cursor = {.rest = body};
    *status = (char)take_u8(&cursor);
    if (*status != 'I' && *status != 'T' && *status != 'E') return -1;
    return finish(&cursor);
}

int message_decode_copy_response(struct str body, uint8_t *format, size_t *column_count) {
    struct cursor cursor = {.rest = body};
    *format = take_u8(&cursor);
    *column_count = take_u16(&cursor);
    struct str formats = take(&cursor, *column_count * 2);
    return finish(&cursor) == 0 && *format <= 1 && are_formats(formats) ? 0 : -1;
}

int message_decode_authentication(struct str body, uint32_t *code, struct str *data) {
    struct cursor cursor = {.rest = body};
    *code = take_u32(&cursor);
    *data = cursor.rest;
    return cursor.is_bad ? -1 : 0;
}

size_t message_begin(struct buffer *out, char type) {
    size_t offset = buffer_length(out);
    buffer_append_byte(out, (uint8_t)type);
    buffer_append_u32be(out, 0);
    return offset;
}

void message_end(struct buffer *out, size_t offset) {
    if (buffer_failed(out)) return;
    buffer_patch_u32be(out, offset + 1, (uint32_t)(buffer_length(out) - offset - 1));
}

void message_append(struct buffer *out, char type, struct str body) {
    buffer_append_byte(out, (uint8_t)type);
    buffer_append_u32be(out, (uint32_t)(body.length + 4));
    buffer_append_str(out, body);
}

void message_append_cstring(struct buffer *out, struct str s) {
    buffer_append_str(out, str_slice(s, 0, str_find_byte(s, '\0')));
    buffer_append_byte(out, 0);
}

static void append_field(struct buffer *out, char field, struct str text) {
    if (text.length == 0) return;
    buffer_append_byte(out, (uint8_t)field);
    message_append_cstring(out, text);
}

void message_append_error(struct buffer *out, const struct message_error *error) {
    size_t offset = message_begin(out, 'E');
    append_field(out, 'S', str_from_cstr(error->severity));
    append_field(out, 'V', str_from_cstr(error->severity));
    append_field(out, 'C', str_from_cstr(error->code));
    append_field(out, 'M', error->message.length > 0 ? error->message : STR("refused"));
    append_field(out, 'D', error->detail);
    append_field(out, 'H', error->hint);
    buffer_append_byte(out, 0);
    message_end(out, offset);
}

void message_append_ready(struct buffer *out, char status) {
    message_append(out, 'Z', str_make(&status, 1));
}

void message_append_target(struct buffer *out, char type, char kind, struct str name) {
    size_t offset = message_begin(out, type);
    buffer_append_byte(out, (uint8_t)kind);
    message_append_cstring(out, name);
    message_end(out, offset);
}
