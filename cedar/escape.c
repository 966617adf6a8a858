/* String literals: decoding, patterns of `like`, and writing them again. */
#include "cedar/ast.h"
#include "cedar/lex.h"

#define UNICODE_DIGITS_MAX 6

static int hex_digit(char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

/* \xHH: exactly two digits, ASCII only. */
static int take_hex(struct str raw, size_t *offset, uint32_t *point) {
    int high = *offset < raw.length ? hex_digit(raw.data[*offset]) : -1;
    int low = *offset + 1 < raw.length ? hex_digit(raw.data[*offset + 1]) : -1;
    if (high < 0 || high > 7 || low < 0) return -1;
    *offset += 2;
    *point = (uint32_t)(high << 4 | low);
    return 0;
}

/* \u{...} */
static int take_unicode(struct str raw, size_t *offset, uint32_t *point) {
    size_t at = *offset;
    int digits = 0;
    *point = 0;
    if (at >= raw.length || raw.data[at++] != '{') return -1;
    for (; at < raw.length && raw.data[at] != '}'; at++) {
        if (raw.data[at] == '_' && digits > 0) continue;
        int digit = hex_digit(raw.data[at]);
        if (digit < 0 || ++digits > UNICODE_DIGITS_MAX) return -1;
        *point = *point << 4 | (uint32_t)digit;
    }
    if (at >= raw.length || digits == 0) return -1;
    *offset = at + 1;
    char encoded[4];
    return utf8_encode(*point, encoded) > 0 ? 0 : -1;
}

/* What stands behind a backslash. */
static int take_escape(struct str raw, size_t *offset, uint32_t *point) {
    static const char names[] = "nrt0\\'\"";
    static const char values[] = "\n\r\t\0\\'\"";
    if (*offset >= raw.length) return -1;
    char name = raw.data[(*offset)++];
    if (name == 'x') return take_hex(raw, offset, point);
    if (name == 'u') return take_unicode(raw, offset, point);
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (found == NULL) return -1;
    *point = (uint8_t)values[found - names];
    return 0;
}

static int refuse(struct str raw, size_t start, size_t end, struct str *bad) {
    *bad = str_slice(raw, start, end > start ? end : start + 1);
    return -1;
}

/* Decoded text is never longer than the raw text. Each wildcard is noted by its offset in the decoded text. */
static int decode(struct str raw, bool is_pattern, char *out, size_t *length, uint32_t *stars, size_t *star_count,
                  struct str *bad) {
    *length = 0;
    for (size_t i = 0; i < raw.length;) {
        size_t start = i;
        char byte = raw.data[i++];
        if (byte == '\r') return refuse(raw, start, i, bad);
        if (byte == '*' && is_pattern) {
            stars[(*star_count)++] = (uint32_t)*length;
        } else if (byte == '\\' && is_pattern && i < raw.length && raw.data[i] == '*') {
            out[(*length)++] = '*';
            i++;
        } else if (byte == '\\') {
            uint32_t point;
            if (take_escape(raw, &i, &point) != 0) return refuse(raw, start, i, bad);
            *length += utf8_encode(point, out + *length);
        } else {
            out[(*length)++] = byte;
        }
    }
    return 0;
}

int cedar_unescape(struct arena *arena, struct str raw, struct str *decoded, struct str *bad) {
    *bad = STR_NONE;
    *decoded = raw;
    if (str_find_byte(raw, '\\') == STR_NOT_FOUND && str_find_byte(raw, '\r') == STR_NOT_FOUND) return 0;
    char *out = arena_alloc(arena, raw.length);
    if (out == NULL) return -1;
    decoded->data = out;
    return decode(raw, false, out, &decoded->length, NULL, NULL, bad);
}

int cedar_unescape_pattern(struct arena *arena, struct str raw, const struct cedar_pattern **pattern, struct str *bad) {
    *bad = STR_NONE;
    size_t star_most = 0, star_count = 0, length;
    for (size_t i = 0; i < raw.length; i++) star_most += raw.data[i] == '*';
    char *out = arena_alloc(arena, raw.length);
    uint32_t *stars = ARENA_NEW_ARRAY(arena, uint32_t, star_most);
    if (out == NULL || stars == NULL) return -1;
    if (decode(raw, true, out, &length, stars, &star_count, bad) != 0) return -1;
    struct cedar_pattern *made =
        arena_alloc(arena, sizeof(struct cedar_pattern) + (star_count + 1) * sizeof(struct str));
    if (made == NULL) return -1;
    made->count = star_count + 1;
    for (size_t i = 0; i <= star_count; i++) {
        size_t start = i > 0 ? stars[i - 1] : 0;
        size_t end = i < star_count ? stars[i] : length;
        made->pieces[i] = str_make(out + start, end - start);
    }
    *pattern = made;
    return 0;
}

void cedar_escape(struct str text, struct buffer *out) {
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        switch (byte) {
        case '\n': buffer_append_cstr(out, "\\n"); break;
        case '\r': buffer_append_cstr(out, "\\r"); break;
        case '\t': buffer_append_cstr(out, "\\t"); break;
        case '\0': buffer_append_cstr(out, "\\0"); break;
        case '\\': buffer_append_cstr(out, "\\\\"); break;
        case '"': buffer_append_cstr(out, "\\\""); break;
        default:
            if (byte < 0x20 || byte == 0x7f) buffer_append_format(out, "\\u{%x}", byte);
            else buffer_append_byte(out, byte);
        }
    }
    buffer_append_byte(out, '"');
}
