/* Scanning JSON in place (RFC 8259). A pull parser: one token a call, a state for what may follow, one bit a level for
 * what kind of container it is.
 *
 *     value  = object | array | string | number | true | false | null
 *     object = '{' [ string ':' value *( ',' string ':' value ) ] '}'
 *     array  = '[' [ value *( ',' value ) ] ']'
 */
#include "base/json.h"
#include "base/json_plain.h"

enum scan_state {
    SCAN_VALUE,         /* a value must follow */
    SCAN_VALUE_OR_END,  /* after '[': a value or ']' */
    SCAN_KEY_OR_END,    /* after '{' */
    SCAN_AFTER_VALUE,   /* ',' or the end of the container, or the end of the text */
    SCAN_FAILED,
};

void json_scanner_init(struct json_scanner *scanner, struct str text) {
    *scanner = (struct json_scanner){.text = text, .state = SCAN_VALUE, .depth_max = JSON_DEPTH_MAX};
}

void json_scanner_init_deep(struct json_scanner *scanner, struct str text, uint64_t *bits, int depth_max) {
    *scanner = (struct json_scanner){.text = text, .state = SCAN_VALUE, .depth_max = depth_max, .deep_bits = bits};
}

static bool in_object(const struct json_scanner *scanner) {
    const uint64_t *bits = scanner->deep_bits != NULL ? scanner->deep_bits : scanner->is_object_bits;
    return scanner->depth > 0 && (bits[scanner->depth / 64] >> (scanner->depth % 64) & 1) != 0;
}

static enum json_token fail(struct json_scanner *scanner) {
    scanner->state = SCAN_FAILED;
    return JSON_TOKEN_BAD;
}

static void skip_space(struct json_scanner *scanner) {
    while (scanner->offset < scanner->text.length) {
        char c = scanner->text.data[scanner->offset];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
        scanner->offset++;
    }
}

static char peek(const struct json_scanner *scanner) {
    return scanner->offset < scanner->text.length ? scanner->text.data[scanner->offset] : '\0';
}

static bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The escape after a backslash at *at; moves past it. Surrogates are judged by json_unescape. */
static bool skip_escape(struct str text, size_t *at) {
    if (*at + 1 >= text.length) return false;
    char c = text.data[*at + 1];
    if (c == 'u') {
        if (*at + 6 > text.length) return false;
        for (size_t i = 2; i < 6; i++) {
            if (!is_hex_digit(text.data[*at + i])) return false;
        }
        *at += 6;
        return true;
    }
    if (memchr("\"\\/bfnrt", c, 8) == NULL) return false;
    *at += 2;
    return true;
}

static bool scan_string(struct json_scanner *scanner, struct str *raw) {
    struct str text = scanner->text;
    size_t start = scanner->offset + 1;
    size_t at = start;
    while (at < text.length) {
        at = json_plain_end(text, at);
        if (at == text.length) return false;
        uint8_t c = (uint8_t)text.data[at];
        if (c == '"') {
            *raw = str_slice(text, start, at);
            scanner->offset = at + 1;
            return true;
        }
        if (c < 0x20) return false;
        if (c == '\\') {
            if (!skip_escape(text, &at)) return false;
        } else {
            uint32_t ignored;
            if (utf8_decode(text, &at, &ignored) != 0) return false;
        }
    }
    return false;
}

static size_t skip_digits(struct str text, size_t at) {
    while (at < text.length && text.data[at] >= '0' && text.data[at] <= '9') at++;
    return at;
}

static bool scan_number(struct json_scanner *scanner, struct str *raw) {
    struct str text = scanner->text;
    size_t start = scanner->offset;
    size_t at = start;
    if (at < text.length && text.data[at] == '-') at++;
    size_t digits = skip_digits(text, at);
    if (digits == at || (text.data[at] == '0' && digits > at + 1)) return false;
    at = digits;
    if (at < text.length && text.data[at] == '.') {
        digits = skip_digits(text, at + 1);
        if (digits == at + 1) return false;
        at = digits;
    }
    if (at < text.length && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.length && (text.data[at] == '+' || text.data[at] == '-')) at++;
        digits = skip_digits(text, at);
        if (digits == at) return false;
        at = digits;
    }
    *raw = str_slice(text, start, at);
    scanner->offset = at;
    return true;
}

static enum json_token scan_word(struct json_scanner *scanner, struct str word, enum json_token event,
                                 struct str *raw) {
    struct str rest = str_slice(scanner->text, scanner->offset, scanner->text.length);
    if (!str_starts_with(rest, word)) return fail(scanner);
    *raw = str_slice(rest, 0, word.length);
    scanner->offset += word.length;
    scanner->state = SCAN_AFTER_VALUE;
    return event;
}

static enum json_token open_container(struct json_scanner *scanner, bool is_object, struct str *raw) {
    if (scanner->depth >= scanner->depth_max) return fail(scanner);
    scanner->depth++;
    uint64_t *bits = scanner->deep_bits != NULL ? scanner->deep_bits : scanner->is_object_bits;
    uint64_t bit = (uint64_t)1 << (scanner->depth % 64);
    if (is_object) {
        bits[scanner->depth / 64] |= bit;
    } else {
        bits[scanner->depth / 64] &= ~bit;
    }
    *raw = str_slice(scanner->text, scanner->offset, scanner->offset + 1);
    scanner->offset++;
    scanner->state = is_object ? SCAN_KEY_OR_END : SCAN_VALUE_OR_END;
    return is_object ? JSON_TOKEN_BEGIN_OBJECT : JSON_TOKEN_BEGIN_ARRAY;
}

static enum json_token close_container(struct json_scanner *scanner, struct str *raw) {
    bool is_object = in_object(scanner);
    *raw = str_slice(scanner->text, scanner->offset, scanner->offset + 1);
    scanner->offset++;
    scanner->depth--;
    scanner->state = SCAN_AFTER_VALUE;
    return is_object ? JSON_TOKEN_END_OBJECT : JSON_TOKEN_END_ARRAY;
}

static enum json_token scan_value(struct json_scanner *scanner, struct str *raw) {
    switch (peek(scanner)) {
    case '{': return open_container(scanner, true, raw);
    case '[': return open_container(scanner, false, raw);
    case '"':
        if (!scan_string(scanner, raw)) return fail(scanner);
        scanner->state = SCAN_AFTER_VALUE;
        return JSON_TOKEN_STRING;
    case 't': return scan_word(scanner, STR("true"), JSON_TOKEN_TRUE, raw);
    case 'f': return scan_word(scanner, STR("false"), JSON_TOKEN_FALSE, raw);
    case 'n': return scan_word(scanner, STR("null"), JSON_TOKEN_NULL, raw);
    default:
        if (!scan_number(scanner, raw)) return fail(scanner);
        scanner->state = SCAN_AFTER_VALUE;
        return JSON_TOKEN_NUMBER;
    }
}

static enum json_token scan_key(struct json_scanner *scanner, struct str *raw) {
    if (peek(scanner) != '"' || !scan_string(scanner, raw)) return fail(scanner);
    skip_space(scanner);
    if (peek(scanner) != ':') return fail(scanner);
    scanner->offset++;
    scanner->state = SCAN_VALUE;
    return JSON_TOKEN_KEY;
}

static enum json_token scan_after_value(struct json_scanner *scanner, struct str *raw) {
    if (scanner->depth == 0) {
        *raw = STR_NONE;
        return scanner->offset == scanner->text.length ? JSON_TOKEN_END : fail(scanner);
    }
    bool is_object = in_object(scanner);
    if (peek(scanner) == (is_object ? '}' : ']')) return close_container(scanner, raw);
    if (peek(scanner) != ',') return fail(scanner);
    scanner->offset++;
    skip_space(scanner);
    return is_object ? scan_key(scanner, raw) : scan_value(scanner, raw);
}

enum json_token json_next(struct json_scanner *scanner, struct str *raw) {
    skip_space(scanner);
    switch (scanner->state) {
    case SCAN_VALUE: return scan_value(scanner, raw);
    case SCAN_VALUE_OR_END:
        return peek(scanner) == ']' ? close_container(scanner, raw) : scan_value(scanner, raw);
    case SCAN_KEY_OR_END:
        return peek(scanner) == '}' ? close_container(scanner, raw) : scan_key(scanner, raw);
    case SCAN_AFTER_VALUE: return scan_after_value(scanner, raw);
    default: return JSON_TOKEN_BAD;
    }
}

static int read_hex4(struct str raw, size_t at, uint32_t *value) {
    if (at + 4 > raw.length) return -1;
    *value = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = raw.data[i];
        if (!is_hex_digit(c)) return -1;
        *value = *value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return 0;
}

/* Is there the second half of a surrogate pair at `at`? */
static bool read_low_surrogate(struct str raw, size_t at, uint32_t *low) {
    if (at + 6 > raw.length || raw.data[at] != '\\' || raw.data[at + 1] != 'u') return false;
    return read_hex4(raw, at + 2, low) == 0 && *low >= 0xdc00 && *low <= 0xdfff;
}

/* A \u escape at *at, with its second half where it is a surrogate pair. */
static int unescape_unicode(struct str raw, size_t *at, bool is_lossy, struct buffer *out) {
    uint32_t code_point, low;
    if (read_hex4(raw, *at + 2, &code_point) != 0) return -1;
    *at += 6;
    if (code_point >= 0xd800 && code_point <= 0xdbff && read_low_surrogate(raw, *at, &low)) {
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
        *at += 6;
    }
    char bytes[4];
    size_t length = utf8_encode(code_point, bytes);
    if (length == 0 && is_lossy) length = utf8_encode(0xfffd, bytes);
    if (length == 0) return -1;
    buffer_append(out, bytes, length);
    return 0;
}

static int unescape(struct str raw, bool is_lossy, struct buffer *out) {
    static const char escapes[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    size_t at = 0;
    while (at < raw.length) {
        size_t backslash = str_find_byte(str_slice(raw, at, raw.length), '\\');
        size_t run_end = backslash == STR_NOT_FOUND ? raw.length : at + backslash;
        buffer_append_str(out, str_slice(raw, at, run_end));
        at = run_end;
        if (at == raw.length) break;
        if (at + 1 >= raw.length) return -1;
        if (raw.data[at + 1] == 'u') {
            if (unescape_unicode(raw, &at, is_lossy, out) != 0) return -1;
            continue;
        }
        const char *found = memchr(escapes, raw.data[at + 1], sizeof(escapes) - 1);
        if (found == NULL) return -1;
        buffer_append_byte(out, (uint8_t)values[found - escapes]);
        at += 2;
    }
    return buffer_failed(out) ? -1 : 0;
}

int json_unescape(struct str raw, struct buffer *out) { return unescape(raw, false, out); }

int json_unescape_lossy(struct str raw, struct buffer *out) { return unescape(raw, true, out); }
