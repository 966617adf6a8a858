/* See cursor.h. */
#include "wire/json/cursor.h"

#include <stdlib.h>

#define NAME_BYTES_MAX 4096

static struct str whole(struct str raw, enum json_token token) {
    bool is_quoted = token == JSON_TOKEN_STRING;
    return str_make(raw.data - is_quoted, raw.length + 2 * is_quoted);
}

/* The bytes of the value that begins with this token. */
static bool take_value(struct json_scanner *scanner, enum json_token token, struct str raw, struct str *value) {
    if (token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY) {
        const char *start = raw.data;
        int depth = scanner->depth;
        while (scanner->depth >= depth) {
            token = json_next(scanner, &raw);
            if (token == JSON_TOKEN_BAD || token == JSON_TOKEN_END) return false;
        }
        *value = str_make(start, (size_t)(raw.data + raw.length - start));
        return true;
    }
    *value = whole(raw, token);
    return token >= JSON_TOKEN_STRING && token <= JSON_TOKEN_NULL;
}

bool json_cursor_init(struct json_cursor *cursor, struct str value) {
    struct str raw;
    json_scanner_init(&cursor->scanner, value);
    enum json_token token = json_next(&cursor->scanner, &raw);
    cursor->is_object = token == JSON_TOKEN_BEGIN_OBJECT;
    return token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY;
}

bool json_cursor_next(struct json_cursor *cursor, struct json_member *member) {
    struct str raw;
    *member = (struct json_member){0};
    enum json_token token = json_next(&cursor->scanner, &raw);
    if (cursor->is_object) {
        if (token != JSON_TOKEN_KEY) return false;
        member->name = raw;
        token = json_next(&cursor->scanner, &raw);
    }
    return take_value(&cursor->scanner, token, raw, &member->value);
}

bool json_next_object(struct json_scanner *scanner, struct str *object) {
    struct str raw;
    enum json_token token;
    do token = json_next(scanner, &raw);
    while (token != JSON_TOKEN_BEGIN_OBJECT && token != JSON_TOKEN_END && token != JSON_TOKEN_BAD);
    return token == JSON_TOKEN_BEGIN_OBJECT && take_value(scanner, token, raw, object);
}

bool json_name_is(struct str raw_name, struct str name) {
    if (str_equal(raw_name, name)) return true;
    if (str_find_byte(raw_name, '\\') == STR_NOT_FOUND) return false;
    struct buffer decoded;
    buffer_init(&decoded, NAME_BYTES_MAX);
    bool is_equal = json_unescape_lossy(raw_name, &decoded) == 0 && str_equal(buffer_view(&decoded), name);
    buffer_free(&decoded);
    return is_equal;
}

bool json_find(struct str object, struct str name, struct json_member *member) {
    struct json_cursor cursor;
    if (object.length == 0 || !json_cursor_init(&cursor, object) || !cursor.is_object) return false;
    while (json_cursor_next(&cursor, member)) {
        if (json_name_is(member->name, name)) return true;
    }
    return false;
}

struct str json_get(struct str object, struct str name) {
    struct json_member member;
    return json_find(object, name, &member) ? member.value : STR_NONE;
}

bool json_is_string(struct str value) { return value.length >= 2 && value.data[0] == '"'; }

bool json_is_null(struct str value) { return value.length == 0 || value.data[0] == 'n'; }

void json_append_text(struct str value, struct buffer *out) {
    if (!json_is_string(value)) return;
    if (json_unescape_lossy(str_slice(value, 1, value.length - 1), out) != 0) out->is_failed = true;
}

bool json_string_is(struct str value, struct str text) {
    return json_is_string(value) && json_name_is(str_slice(value, 1, value.length - 1), text);
}

int64_t json_get_index(struct str object, struct str name) {
    uint64_t index;
    if (str_parse_u64(json_get(object, name), &index) != 0 || index > UINT32_MAX) return -1;
    return (int64_t)index;
}

void json_edits_init(struct json_edits *edits, struct arena *arena) { *edits = (struct json_edits){.arena = arena}; }

static bool grow(struct json_edits *edits) {
    size_t capacity = edits->capacity == 0 ? 8 : 2 * edits->capacity;
    struct json_edit *items = ARENA_NEW_ARRAY(edits->arena, struct json_edit, capacity);
    if (items == NULL) return false;
    if (edits->count > 0) memcpy(items, edits->items, edits->count * sizeof(*items));
    edits->items = items;
    edits->capacity = capacity;
    return true;
}

void json_edit_replace(struct json_edits *edits, struct str piece, struct str replacement) {
    struct str copy = arena_copy(edits->arena, replacement);
    if (copy.data == NULL || (edits->count == edits->capacity && !grow(edits))) edits->is_failed = true;
    if (edits->is_failed) return;
    edits->items[edits->count++] = (struct json_edit){piece, copy};
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void json_edit_remove(struct json_edits *edits, struct str object, const struct json_member *member) {
    const char *start = member->name.data - 1;
    const char *end = member->value.data + member->value.length;
    const char *after = end;
    while (after < object.data + object.length && is_space(*after)) after++;
    if (*after == ',') {
        end = after + 1;
    } else {
        const char *before = start;
        while (before > object.data && is_space(before[-1])) before--;
        if (before > object.data && before[-1] == ',') start = before - 1;
    }
    json_edit_replace(edits, str_make(start, (size_t)(end - start)), STR_NONE);
}

static int compare(const void *a, const void *b) {
    const struct json_edit *left = a, *right = b;
    return left->piece.data < right->piece.data ? -1 : left->piece.data > right->piece.data;
}

int json_edits_apply(struct json_edits *edits, struct str document, struct buffer *out, struct error *error) {
    size_t copied = 0;
    if (edits->is_failed) return error_out_of_memory(error);
    if (edits->count > 0) qsort(edits->items, edits->count, sizeof(*edits->items), compare);
    for (size_t i = 0; i < edits->count; i++) {
        size_t start = (size_t)(edits->items[i].piece.data - document.data);
        CHECK(start >= copied && start + edits->items[i].piece.length <= document.length);
        buffer_append_str(out, str_slice(document, copied, start));
        buffer_append_str(out, edits->items[i].replacement);
        copied = start + edits->items[i].piece.length;
    }
    buffer_append_str(out, str_slice(document, copied, document.length));
    return buffer_failed(out) ? error_out_of_memory(error) : 0;
}
