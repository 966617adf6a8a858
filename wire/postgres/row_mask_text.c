/* Arrays and records in their text form: every element is masked on its own, and, if none changed, the whole is looked
 * at as well, since a value may be spread over elements.
 *
 *     array   = [ 1*( '[' bound ':' bound ']' ) '=' ] '{' [ item *( ',' item ) ] '}'
 *     item    = array | element
 *     record  = '(' [ element ] *( ',' [ element ] ) ')'       an empty element is NULL
 *     element = 1*( '"' *( char | '""' | '\' char ) '"' | char | '\' char )
 */
#include "wire/postgres/row_mask_value.h"

struct text_splice {
    struct value_mask mask; /* one level deeper */
    size_t index;           /* of the next element */
    const struct pg_type *type;
    struct str source;
    struct buffer *out;
    size_t copied;
    bool is_changed;
    bool is_record;
};

/* The end of the element at `at`: the first of `ends` outside of quotes; the length when there is none. */
static size_t find_element_end(struct str value, size_t at, const char *ends) {
    bool is_quoted = false;
    for (; at < value.length; at++) {
        char c = value.data[at];
        if (c == '\\') {
            at++;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && strchr(ends, c) != NULL && c != '\0') {
            return at;
        }
    }
    return value.length;
}

static void append_unquoted(struct buffer *text, struct str raw) {
    bool is_quoted = false;
    for (size_t i = 0; i < raw.length; i++) {
        char c = raw.data[i];
        if (c == '\\' && i + 1 < raw.length) {
            buffer_append_byte(text, (uint8_t)raw.data[++i]);
        } else if (c == '"' && is_quoted && i + 1 < raw.length && raw.data[i + 1] == '"') {
            buffer_append_byte(text, '"');
            i++;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else {
            buffer_append_byte(text, (uint8_t)c);
        }
    }
}

/* array_out escapes a quote, record_out doubles it: not every client reads both. */
static void append_quoted(struct buffer *out, struct str value, char quote_escape) {
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == '"') buffer_append_byte(out, (uint8_t)quote_escape);
        if (c == '\\') buffer_append_byte(out, '\\');
        buffer_append_byte(out, (uint8_t)c);
    }
    buffer_append_byte(out, '"');
}

static bool has_special(struct str raw) {
    return str_find_byte(raw, '"') != STR_NOT_FOUND || str_find_byte(raw, '\\') != STR_NOT_FOUND;
}

/* The inside of quotes that surround all of it and hide nothing else needs no decoding. */
static struct str strip_plain_quotes(struct str raw) {
    if (raw.length < 2 || raw.data[0] != '"' || raw.data[raw.length - 1] != '"') return raw;
    struct str inside = str_slice(raw, 1, raw.length - 1);
    return has_special(inside) ? raw : inside;
}

static enum mask_result mask_raw_element(struct text_splice *splice, size_t index, struct str raw,
                                         struct buffer *masked) {
    struct value_mask mask = splice->is_record ? value_mask_of_field(&splice->mask, index) : splice->mask;
    struct str plain = strip_plain_quotes(raw);
    if (!has_special(plain)) return value_mask_apply(&mask, splice->type, false, plain, masked);
    struct buffer text;
    buffer_init(&text, raw.length + 1);
    append_unquoted(&text, raw);
    enum mask_result result = MASK_FAILED;
    if (!buffer_failed(&text)) {
        result = value_mask_apply(&mask, splice->type, false, buffer_view(&text), masked);
    }
    buffer_free(&text);
    return result;
}

static bool is_null_element(const struct text_splice *splice, struct str raw) {
    return raw.length == 0 || (!splice->is_record && str_equal_ignoring_case(raw, STR("NULL")));
}

static bool splice_element(struct text_splice *splice, size_t from, size_t to) {
    struct str raw = str_slice(splice->source, from, to);
    size_t index = splice->index++;
    if (is_null_element(splice, raw)) return true;
    struct buffer masked;
    buffer_init(&masked, splice->out->cap_bytes);
    enum mask_result result = mask_raw_element(splice, index, raw, &masked);
    if (result == MASK_CHANGED || result == MASK_DROPPED) {
        buffer_append_str(splice->out, str_slice(splice->source, splice->copied, from));
        char quote_escape = splice->is_record ? '"' : '\\';
        if (result == MASK_CHANGED) append_quoted(splice->out, buffer_view(&masked), quote_escape);
        if (result == MASK_DROPPED && !splice->is_record) buffer_append_cstr(splice->out, "NULL");
        splice->copied = to;
        splice->is_changed = true;
    }
    buffer_free(&masked);
    return result != MASK_FAILED;
}

/* Walks the elements of an array; splice == NULL only looks whether it is one. */
static bool walk_array(struct str value, struct text_splice *splice) {
    size_t at = 0;
    if (value.length > 0 && value.data[0] == '[') {
        size_t bounds_end = str_find_byte(value, '=');
        if (bounds_end == STR_NOT_FOUND) return false;
        at = bounds_end + 1;
    }
    int depth = 0;
    while (at < value.length) {
        char c = value.data[at];
        if (c == '{') {
            if (++depth > ROW_MASK_ARRAY_DIMENSIONS_MAX) return false;
            at++;
        } else if (depth == 0) {
            return false;
        } else if (c == '}') {
            at++;
            if (--depth == 0) return at == value.length;
        } else if (c == ',') {
            at++;
        } else {
            size_t end = find_element_end(value, at, "{},");
            if (end == value.length) return false;
            if (splice != NULL && !splice_element(splice, at, end)) return false;
            at = end;
        }
    }
    return false;
}

static bool walk_record(struct str value, struct text_splice *splice) {
    if (value.length < 2 || value.data[0] != '(') return false;
    for (size_t at = 1; at < value.length;) {
        size_t end = find_element_end(value, at, ",)");
        if (end == value.length) return false;
        if (splice != NULL && !splice_element(splice, at, end)) return false;
        if (value.data[end] == ')') return end + 1 == value.length;
        at = end + 1;
    }
    return false;
}

bool text_is_array(struct str value) {
    return value.length >= 2 && (value.data[0] == '{' || value.data[0] == '[') && walk_array(value, NULL);
}

bool text_is_record(struct str value) {
    return walk_record(value, NULL);
}

/* An array of numbers is not a number cut in pieces. */
static bool may_spread(const struct pg_type *type) {
    return type->kind == PG_TYPE_TEXT || type->kind == PG_TYPE_UNKNOWN;
}

static enum mask_result mask_container(struct text_splice *splice) {
    struct buffer *out = splice->out;
    size_t mark = buffer_length(out);
    splice->mask.depth++;
    bool is_walked = splice->is_record ? walk_record(splice->source, splice) : walk_array(splice->source, splice);
    if (is_walked && !splice->is_changed) {
        splice->mask.depth--;
        if (!may_spread(splice->type)) return MASK_UNCHANGED;
        return value_mask_ask_whole(&splice->mask, splice->source, out->cap_bytes);
    }
    buffer_append_str(out, str_slice(splice->source, splice->copied, splice->source.length));
    if (is_walked && !buffer_failed(out)) return MASK_CHANGED;
    buffer_truncate(out, mark);
    return MASK_FAILED;
}

enum mask_result text_mask_array(struct value_mask *mask, const struct pg_type *element, struct str value,
                                 struct buffer *out) {
    struct text_splice splice = {.mask = *mask, .type = element, .source = value, .out = out};
    return mask_container(&splice);
}

enum mask_result text_mask_record(struct value_mask *mask, struct str value, struct buffer *out) {
    struct text_splice splice = {
        .mask = *mask, .type = pg_type_find(0), .source = value, .out = out, .is_record = true};
    return mask_container(&splice);
}
