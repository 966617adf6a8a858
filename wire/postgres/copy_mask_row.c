/* One line of COPY data:
 *
 *     text  = field *( delimiter field )       field = null-text | *( char | '\' ( b f n r t v | octal{1,3} |
 *                                                                  'x' hex{1,2} | any other, for itself ) )
 *     csv   = field *( delimiter field )       field = null-text | *( char | quote *( char | escape quote |
 *                                                                  escape escape ) quote )
 */
#include "wire/postgres/copy_mask_row.h"

static const char text_escapes[][2] = {{'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'v', '\v'}};

struct str copy_row_trim_end(struct str line) {
    if (line.length > 0 && line.data[line.length - 1] == '\n') line.length--;
    if (line.length > 0 && line.data[line.length - 1] == '\r') line.length--;
    return line;
}

static size_t find_text_field_end(const struct copy_mask_options *options, struct str line, size_t at) {
    while (at < line.length && line.data[at] != options->delimiter) at += line.data[at] == '\\' ? 2 : 1;
    return at < line.length ? at : line.length;
}

static size_t find_csv_field_end(const struct copy_mask_options *options, struct str line, size_t at) {
    bool is_quoted = false;
    for (; at < line.length; at++) {
        char c = line.data[at];
        if (is_quoted && c == options->escape && options->escape != options->quote) {
            at++;
        } else if (c == options->quote) {
            is_quoted = !is_quoted;
        } else if (!is_quoted && c == options->delimiter) {
            return at;
        }
    }
    return line.length;
}

bool copy_row_next_field(const struct copy_mask_options *options, struct str line, size_t *offset, struct str *raw) {
    if (*offset > line.length) return false;
    bool is_csv = options->format == COPY_MASK_CSV;
    size_t end = is_csv ? find_csv_field_end(options, line, *offset) : find_text_field_end(options, line, *offset);
    *raw = str_slice(line, *offset, end);
    *offset = end + 1;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* What follows a backslash at `at`; returns how many bytes that is. */
static size_t decode_escape(struct str raw, size_t at, uint8_t *byte) {
    char c = raw.data[at];
    size_t length = 1;
    unsigned value = (uint8_t)c;
    if (c >= '0' && c <= '7') {
        value = (unsigned)(c - '0');
        for (; length < 3 && at + length < raw.length; length++) {
            char next = raw.data[at + length];
            if (next < '0' || next > '7') break;
            value = value << 3 | (unsigned)(next - '0');
        }
    } else if (c == 'x' && at + 1 < raw.length && hex_digit(raw.data[at + 1]) >= 0) {
        value = (unsigned)hex_digit(raw.data[at + 1]);
        length = 2;
        if (at + 2 < raw.length && hex_digit(raw.data[at + 2]) >= 0) {
            value = value << 4 | (unsigned)hex_digit(raw.data[at + 2]);
            length = 3;
        }
    } else {
        for (size_t i = 0; i < LENGTH_OF(text_escapes); i++) {
            if (text_escapes[i][0] == c) value = (uint8_t)text_escapes[i][1];
        }
    }
    *byte = (uint8_t)value;
    return length;
}

static void decode_text(struct str raw, struct buffer *value) {
    for (size_t i = 0; i < raw.length;) {
        uint8_t byte = (uint8_t)raw.data[i++];
        if (byte == '\\' && i < raw.length) i += decode_escape(raw, i, &byte);
        buffer_append_byte(value, byte);
    }
}

static void decode_csv(const struct copy_mask_options *options, struct str raw, struct buffer *value) {
    bool is_quoted = false;
    for (size_t i = 0; i < raw.length; i++) {
        char c = raw.data[i];
        char next = i + 1 < raw.length ? raw.data[i + 1] : '\0';
        if (is_quoted && c == options->escape && i + 1 < raw.length &&
            (next == options->quote || next == options->escape)) {
            buffer_append_byte(value, (uint8_t)next);
            i++;
        } else if (c == options->quote) {
            is_quoted = !is_quoted;
        } else {
            buffer_append_byte(value, (uint8_t)c);
        }
    }
}

void copy_row_decode(const struct copy_mask_options *options, struct str raw, struct buffer *value) {
    if (options->format == COPY_MASK_CSV) {
        decode_csv(options, raw, value);
    } else {
        decode_text(raw, value);
    }
}

static void encode_text(const struct copy_mask_options *options, struct str value, struct buffer *out) {
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        char escaped = c == '\\' || c == options->delimiter ? c : '\0';
        for (size_t escape = 0; escape < LENGTH_OF(text_escapes); escape++) {
            if (text_escapes[escape][1] == c) escaped = text_escapes[escape][0];
        }
        if (escaped != '\0') buffer_append_byte(out, '\\');
        buffer_append_byte(out, (uint8_t)(escaped != '\0' ? escaped : c));
    }
}

static void encode_csv(const struct copy_mask_options *options, struct str value, struct buffer *out) {
    buffer_append_byte(out, (uint8_t)options->quote);
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == options->quote || c == options->escape) buffer_append_byte(out, (uint8_t)options->escape);
        buffer_append_byte(out, (uint8_t)c);
    }
    buffer_append_byte(out, (uint8_t)options->quote);
}

static bool is_plain(const struct copy_mask_options *options, struct str raw) {
    return str_find_byte(raw, options->format == COPY_MASK_CSV ? options->quote : '\\') == STR_NOT_FOUND;
}

static enum mask_result mask_raw_field(const struct copy_mask_options *options, struct value_mask *mask,
                                       const struct pg_type *type, struct str raw, struct buffer *masked) {
    if (is_plain(options, raw)) return value_mask_apply(mask, type, false, raw, masked);
    struct buffer value;
    buffer_init(&value, raw.length + 1);
    copy_row_decode(options, raw, &value);
    enum mask_result result = MASK_FAILED;
    if (!buffer_failed(&value)) result = value_mask_apply(mask, type, false, buffer_view(&value), masked);
    buffer_free(&value);
    return result;
}

static enum mask_result splice_field(const struct copy_mask_options *options, struct value_mask *mask,
                                     const struct pg_type *type, struct str raw, struct str before,
                                     struct buffer *out) {
    struct buffer masked;
    buffer_init(&masked, out->cap_bytes);
    enum mask_result result = mask_raw_field(options, mask, type, raw, &masked);
    if (result == MASK_CHANGED || result == MASK_DROPPED) buffer_append_str(out, before);
    if (result == MASK_DROPPED) buffer_append_str(out, options->null_text);
    if (result == MASK_CHANGED && options->format == COPY_MASK_CSV) encode_csv(options, buffer_view(&masked), out);
    if (result == MASK_CHANGED && options->format == COPY_MASK_TEXT) encode_text(options, buffer_view(&masked), out);
    buffer_free(&masked);
    return result;
}

enum mask_result copy_row_mask(const struct copy_mask_options *options, const struct row_mask *columns, struct str line,
                               struct buffer *out, struct class_counts *masked, struct class_counts *revealed) {
    struct str content = copy_row_trim_end(line);
    struct value_mask mask = {
        .plan = columns->plan, .masked = masked, .revealed = revealed, .is_strict = columns->is_strict};
    size_t start = buffer_length(out);
    size_t copied = 0;
    size_t offset = 0;
    struct str raw;
    if (str_equal(content, STR("\\."))) return MASK_UNCHANGED;
    for (size_t i = 0; copy_row_next_field(options, content, &offset, &raw); i++) {
        const struct row_mask_strategy *column = i < columns->count ? &columns->columns[i] : NULL;
        size_t from = (size_t)(raw.data - line.data);
        if (raw.length == 0 || str_equal(raw, options->null_text)) continue;
        if (column != NULL && !column->is_inspected) continue;
        mask.field = column != NULL ? column->field : (struct mask_field){0};
        const struct pg_type *type = column != NULL ? column->type : pg_type_find(0);
        enum mask_result result = splice_field(options, &mask, type, raw, str_slice(line, copied, from), out);
        if (result == MASK_FAILED || buffer_failed(out)) {
            buffer_truncate(out, start);
            return MASK_FAILED;
        }
        if (result != MASK_UNCHANGED) copied = from + raw.length;
    }
    if (copied == 0) return MASK_UNCHANGED;
    buffer_append_str(out, str_slice(line, copied, line.length));
    if (!buffer_failed(out)) return MASK_CHANGED;
    buffer_truncate(out, start);
    return MASK_FAILED;
}
