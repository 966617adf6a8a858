/* One value by its type. What can hold a mask gets it; everything else becomes NULL when something was found. */
#include "wire/postgres/row_mask_value.h"

#include <stdio.h>

#include "base/json.h"

#define JSONB_VERSION 1
#define EXPONENT_DIGITS_MAX 400 /* of a float8 printed without exponent, with sign */

struct value_mask value_mask_of_field(const struct value_mask *record, size_t index) {
    struct value_mask mask = *record;
    if (index < record->field_count) mask.field.hint |= record->fields[index].hint;
    mask.fields = NULL;
    mask.field_count = 0;
    return mask;
}

enum mask_result value_mask_ask(struct value_mask *mask, enum mask_shape shape, struct str value, struct buffer *out) {
    if (value.length == 0) return MASK_UNCHANGED;
    size_t mark = buffer_length(out);
    enum mask_result result =
        mask->plan->value(mask->plan, mask->field, shape, value, out, mask->masked, mask->revealed);
    if (buffer_failed(out)) result = MASK_FAILED;
    if (result != MASK_CHANGED) buffer_truncate(out, mark);
    return result;
}

static enum mask_result ask_or_null(struct value_mask *mask, enum mask_shape shape, struct str value,
                                    size_t out_bytes_max) {
    struct buffer unused;
    buffer_init(&unused, out_bytes_max);
    enum mask_result result = value_mask_ask(mask, shape, value, &unused);
    buffer_free(&unused);
    return result == MASK_CHANGED ? MASK_DROPPED : result;
}

enum mask_result value_mask_ask_or_null(struct value_mask *mask, struct str value, size_t out_bytes_max) {
    return ask_or_null(mask, MASK_TEXT, value, out_bytes_max);
}

enum mask_result value_mask_ask_whole(struct value_mask *mask, struct str value, size_t out_bytes_max) {
    struct class_counts counted_before = {0};
    struct value_mask whole = *mask;
    whole.revealed = &counted_before;
    return value_mask_ask_or_null(&whole, value, out_bytes_max);
}

/* A float in scientific form hides its digits. */
static struct str expand_exponent(struct str value, char *expanded, size_t size) {
    double number;
    if (str_find_byte(value, 'e') == STR_NOT_FOUND || str_parse_f64(value, &number) != 0) return value;
    int length = snprintf(expanded, size, "%.0f", number);
    return length > 0 && (size_t)length < size ? str_make(expanded, (size_t)length) : value;
}

/* By its shape alone no number is a telephone number, a card or an identifier: it takes a name that says so. */
static enum mask_result mask_number(struct value_mask *mask, struct str value, size_t out_bytes_max) {
    if (mask->field.hint == 0) return MASK_UNCHANGED;
    char expanded[EXPONENT_DIGITS_MAX];
    value = expand_exponent(value, expanded, sizeof(expanded));
    enum mask_result result = ask_or_null(mask, MASK_NUMBER, value, out_bytes_max);
    size_t point = str_find_byte(value, '.');
    if (result != MASK_UNCHANGED || point == STR_NOT_FOUND) return result;
    struct class_counts counted_before = {0};
    struct value_mask whole = *mask;
    whole.revealed = &counted_before;
    return ask_or_null(&whole, MASK_NUMBER, str_slice(value, 0, point), out_bytes_max);
}

static bool is_number(const struct pg_type *type) {
    return type->kind == PG_TYPE_INTEGER || type->kind == PG_TYPE_NUMERIC || type->kind == PG_TYPE_FLOAT;
}

static enum mask_result mask_rendered(struct value_mask *mask, const struct pg_type *type, struct str value,
                                      struct buffer *out) {
    if (mask->field.hint == 0 && is_number(type)) return MASK_UNCHANGED;
    struct buffer text;
    buffer_init(&text, out->cap_bytes);
    enum mask_result result = MASK_FAILED;
    if (pg_type_render(type, value, &text) == 0 && !buffer_failed(&text)) {
        result = is_number(type) ? mask_number(mask, buffer_view(&text), out->cap_bytes)
                                 : value_mask_ask_or_null(mask, buffer_view(&text), out->cap_bytes);
    }
    buffer_free(&text);
    return result;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool decode_hex(struct str digits, struct buffer *bytes) {
    if (digits.length % 2 != 0) return false;
    char *room = buffer_reserve(bytes, digits.length / 2 + 1);
    if (room == NULL) return false;
    for (size_t i = 0; i < digits.length; i += 2) {
        int high = hex_digit(digits.data[i]);
        int low = hex_digit(digits.data[i + 1]);
        if (high < 0 || low < 0) return false;
        room[i / 2] = (char)(high << 4 | low);
    }
    buffer_commit(bytes, digits.length / 2);
    return true;
}

/* bytea_output = escape: a backslash is doubled, an unprintable byte is a backslash and three octal digits. */
static bool decode_escaped(struct str text, struct buffer *bytes) {
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '\\' && i + 1 < text.length && text.data[i + 1] == '\\') {
            i++;
        } else if (c == '\\') {
            if (i + 3 >= text.length) return false;
            unsigned value = 0;
            for (size_t digit = 1; digit <= 3; digit++) {
                char octal = text.data[i + digit];
                if (octal < '0' || octal > '7') return false;
                value = value << 3 | (unsigned)(octal - '0');
            }
            c = (char)value;
            i += 3;
        }
        buffer_append_byte(bytes, (uint8_t)c);
    }
    return true;
}

static void append_bytea(struct buffer *out, struct str bytes) {
    static const char digits[] = "0123456789abcdef";
    buffer_append_cstr(out, "\\x");
    for (size_t i = 0; i < bytes.length; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];
        char pair[2] = {digits[byte >> 4], digits[byte & 15]};
        buffer_append(out, pair, 2);
    }
}

static enum mask_result mask_bytea_text(struct value_mask *mask, struct str value, struct buffer *out) {
    struct buffer bytes, masked;
    buffer_init(&bytes, value.length + 1);
    buffer_init(&masked, out->cap_bytes);
    size_t mark = buffer_length(out);
    bool is_hex = str_starts_with(value, STR("\\x"));
    bool is_decoded = is_hex ? decode_hex(str_slice(value, 2, value.length), &bytes) : decode_escaped(value, &bytes);
    enum mask_result result = MASK_FAILED;
    if (is_decoded && !buffer_failed(&bytes)) result = binary_mask_bytes(mask, buffer_view(&bytes), &masked);
    if (result == MASK_CHANGED) append_bytea(out, buffer_view(&masked));
    if (buffer_failed(out)) {
        buffer_truncate(out, mark);
        result = MASK_FAILED;
    }
    buffer_free(&bytes);
    buffer_free(&masked);
    return result;
}

/* A version byte stands before the value and stays there. */
static enum mask_result mask_versioned(struct value_mask *mask, enum mask_shape shape, struct str value,
                                       struct buffer *out) {
    if (value.length < 1 || value.data[0] != JSONB_VERSION) return MASK_FAILED;
    size_t mark = buffer_length(out);
    buffer_append_byte(out, JSONB_VERSION);
    enum mask_result result = value_mask_ask(mask, shape, str_slice(value, 1, value.length), out);
    if (result != MASK_CHANGED) buffer_truncate(out, mark);
    return result;
}

/* A document: by what its end is, is what begins as one. Too deep to be read, it is one that cannot be masked. */
enum json_document { JSON_IS_NONE, JSON_IS_DOCUMENT, JSON_IS_TOO_DEEP };

static enum json_document json_document_of(struct str value) {
    struct str inside = str_trim(value);
    if (inside.length < 2 || (inside.data[0] != '{' && inside.data[0] != '[')) return JSON_IS_NONE;
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    int depth = 0, deepest = 0;
    json_scanner_init(&scanner, value);
    do {
        token = json_next(&scanner, &raw);
        if (token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY) depth++;
        if (token == JSON_TOKEN_END_OBJECT || token == JSON_TOKEN_END_ARRAY) depth--;
        if (depth > deepest) deepest = depth;
    } while (token != JSON_TOKEN_END && token != JSON_TOKEN_BAD);
    if (token == JSON_TOKEN_END) return JSON_IS_DOCUMENT;
    return deepest >= JSON_DEPTH_MAX ? JSON_IS_TOO_DEEP : JSON_IS_NONE;
}

static bool is_json_container(struct str value) { return json_document_of(value) != JSON_IS_NONE; }

/* A document as text is masked as one; a value may also be spread over its members. */
static enum mask_result mask_json_text(struct value_mask *mask, struct str value, struct buffer *out) {
    enum mask_result result = value_mask_ask(mask, MASK_JSON, value, out);
    return result == MASK_UNCHANGED ? value_mask_ask_whole(mask, value, out->cap_bytes) : result;
}

/* What an element whose type is not known is, by its bytes. With a sign or a fraction it is a number; digits alone may be
 * a text as well, but what reads it may expect a number. */
enum number_like { IS_NO_NUMBER, IS_DIGITS, IS_NUMBER };

static enum number_like looks_like_number(struct str value) {
    size_t points = 0, signs = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == '.') points++;
        else if (c == '-' && i == 0) signs++;
        else if (c < '0' || c > '9') return IS_NO_NUMBER;
    }
    if (value.length == 0 || points > 1) return IS_NO_NUMBER;
    return points + signs > 0 ? IS_NUMBER : IS_DIGITS;
}

enum mask_result value_mask_ask_text(struct value_mask *mask, struct str value, struct buffer *out) {
    return is_json_container(value) ? mask_json_text(mask, value, out) : value_mask_ask(mask, MASK_TEXT, value, out);
}

/* A type that is not known is an enum, a domain, citext, hstore, a record type, an array of these, or what stands in a
 * record. */
static enum mask_result mask_unknown_text(struct value_mask *mask, struct str value, struct buffer *out) {
    if (is_json_container(value)) return mask_json_text(mask, value, out);
    enum number_like number = mask->depth > 0 ? looks_like_number(value) : IS_NO_NUMBER;
    if (number == IS_NUMBER) return mask_number(mask, value, out->cap_bytes);
    if (number == IS_DIGITS) return value_mask_ask_or_null(mask, value, out->cap_bytes);
    if (mask->depth < ROW_MASK_DEPTH_MAX && text_is_array(value)) {
        return text_mask_array(mask, pg_type_find(0), value, out);
    }
    if (mask->depth < ROW_MASK_DEPTH_MAX && text_is_record(value)) return text_mask_record(mask, value, out);
    return value_mask_ask(mask, MASK_TEXT, value, out);
}

/* Scalars that a value of these bytes may be. A number of more digits is rather a float, of whose bits it is made. */
static const uint32_t guessed_oids[] = {PG_TYPE_INT8_OID, PG_TYPE_NUMERIC_OID, PG_TYPE_DATE_OID, PG_TYPE_INET_OID};
#define GUESSED_INTEGER_END 100000000000000000 /* 17 digits */

static bool is_guess(const struct pg_type *type, struct str value) {
    if (type->kind != PG_TYPE_INTEGER) return true;
    if (value.length != 8) return false;
    int64_t number = (int64_t)pg_type_read_u64(value, 0);
    return number > 0 && number < GUESSED_INTEGER_END;
}

/* COPY does not say of which type its binary values are. */
static enum mask_result mask_guessed_scalar(struct value_mask *mask, struct str value, size_t out_bytes_max) {
    struct buffer text;
    buffer_init(&text, out_bytes_max);
    enum mask_result result = MASK_UNCHANGED;
    for (size_t i = 0; i < LENGTH_OF(guessed_oids) && result == MASK_UNCHANGED; i++) {
        const struct pg_type *type = pg_type_find(guessed_oids[i]);
        buffer_clear(&text);
        if ((!type->is_inspected && mask->field.hint == 0) || !is_guess(type, value) ||
            pg_type_render(type, value, &text) != 0)
            continue;
        result = is_number(type) ? mask_number(mask, buffer_view(&text), out_bytes_max)
                                 : value_mask_ask_or_null(mask, buffer_view(&text), out_bytes_max);
    }
    if (buffer_failed(&text)) result = MASK_FAILED;
    buffer_free(&text);
    return result;
}

static enum mask_result mask_unknown_binary(struct value_mask *mask, struct str value, struct buffer *out) {
    bool is_versioned = value.length > 0 && value.data[0] == JSONB_VERSION;
    if (is_json_container(value)) return mask_json_text(mask, value, out);
    if (is_versioned && is_json_container(str_slice(value, 1, value.length)))
        return mask_versioned(mask, MASK_JSON, value, out);
    if (binary_is_array(value)) return binary_mask_array(mask, value, out);
    if (binary_is_record(value)) return binary_mask_record(mask, value, out);
    enum mask_result result = binary_mask_bytes(mask, value, out);
    return result == MASK_UNCHANGED ? mask_guessed_scalar(mask, value, out->cap_bytes) : result;
}

static enum mask_result apply_text(struct value_mask *mask, const struct pg_type *type, struct str value,
                                   struct buffer *out) {
    switch (type->kind) {
    case PG_TYPE_UNKNOWN: return mask_unknown_text(mask, value, out);
    case PG_TYPE_TEXT:
    case PG_TYPE_JSONPATH: return value_mask_ask_text(mask, value, out);
    case PG_TYPE_JSON:
    case PG_TYPE_JSONB: return value_mask_ask(mask, MASK_JSON, value, out);
    case PG_TYPE_BYTEA: return mask_bytea_text(mask, value, out);
    case PG_TYPE_INTEGER:
    case PG_TYPE_NUMERIC:
    case PG_TYPE_FLOAT: return mask_number(mask, value, out->cap_bytes);
    case PG_TYPE_ARRAY: return text_mask_array(mask, pg_type_find(type->element_oid), value, out);
    case PG_TYPE_RECORD: return text_mask_record(mask, value, out);
    default: return value_mask_ask_or_null(mask, value, out->cap_bytes);
    }
}

static enum mask_result mask_structured_bytes(struct value_mask *mask, struct str value, struct buffer *out) {
    size_t mark = buffer_length(out);
    enum mask_result result = binary_mask_bytes(mask, value, out);
    buffer_truncate(out, mark);
    return result == MASK_CHANGED ? MASK_DROPPED : result;
}

static enum mask_result apply_binary(struct value_mask *mask, const struct pg_type *type, struct str value,
                                     struct buffer *out) {
    switch (type->kind) {
    case PG_TYPE_UNKNOWN: return mask_unknown_binary(mask, value, out);
    case PG_TYPE_TEXT: return value_mask_ask_text(mask, value, out);
    case PG_TYPE_JSON: return value_mask_ask(mask, MASK_JSON, value, out);
    case PG_TYPE_JSONB: return mask_versioned(mask, MASK_JSON, value, out);
    case PG_TYPE_JSONPATH: return mask_versioned(mask, MASK_TEXT, value, out);
    case PG_TYPE_BYTEA: return binary_mask_bytes(mask, value, out);
    case PG_TYPE_BYTES: return mask_structured_bytes(mask, value, out);
    case PG_TYPE_TSVECTOR: return binary_mask_tsvector(mask, value, out);
    case PG_TYPE_RANGE: return binary_mask_range(mask, pg_type_find(type->element_oid), value, out);
    case PG_TYPE_MULTIRANGE: return binary_mask_multirange(mask, pg_type_find(type->element_oid), value, out);
    case PG_TYPE_ARRAY: return binary_mask_array(mask, value, out);
    case PG_TYPE_RECORD: return binary_mask_record(mask, value, out);
    default: return mask_rendered(mask, type, value, out);
    }
}

/* What is computed from a value and can hold no mask is NULL, whatever its bytes are. */
static bool holds_text(const struct pg_type *type) {
    return type->kind == PG_TYPE_TEXT || type->kind == PG_TYPE_UNKNOWN || type->kind == PG_TYPE_JSON ||
           type->kind == PG_TYPE_JSONB || type->kind == PG_TYPE_ARRAY || type->kind == PG_TYPE_RECORD;
}

#define WITHHELD STR("[WITHHELD]")

/* What cannot be read to its end, or is nested too deep, does not pass; the rest of the row does. */
static enum mask_result withhold(const struct pg_type *type, bool is_binary, struct buffer *out) {
    switch (type->kind) {
    case PG_TYPE_JSONB:
        if (is_binary) buffer_append_byte(out, JSONB_VERSION);
        json_append_quoted(out, WITHHELD);
        break;
    case PG_TYPE_JSON: json_append_quoted(out, WITHHELD); break;
    case PG_TYPE_TEXT: buffer_append_str(out, WITHHELD); break;
    default: return MASK_DROPPED;
    }
    return MASK_CHANGED;
}

enum mask_result value_mask_apply(struct value_mask *mask, const struct pg_type *type, bool is_binary,
                                  struct str value, struct buffer *out) {
    size_t mark = buffer_length(out);
    if ((mask->field.hint & MASK_FIELD_COMPUTED) != 0 && !holds_text(type)) {
        return value_mask_ask_or_null(mask, STR("computed"), out->cap_bytes);
    }
    enum mask_result result = MASK_FAILED;
    if (mask->depth <= ROW_MASK_DEPTH_MAX) {
        result = is_binary ? apply_binary(mask, type, value, out) : apply_text(mask, type, value, out);
    }
    if (result != MASK_FAILED || buffer_failed(out) || mask->is_strict) return result;
    buffer_truncate(out, mark);
    result = withhold(type, is_binary, out);
    return buffer_failed(out) ? MASK_FAILED : result;
}
