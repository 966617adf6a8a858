/* See cursor.h. */
#include "wire/json/cursor.h"

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

bool json_name_is(struct str raw_name, struct str name) {
    if (str_equal(raw_name, name)) return true;
    if (str_find_byte(raw_name, '\\') == STR_NOT_FOUND) return false;
    struct buffer decoded;
    buffer_init(&decoded, NAME_BYTES_MAX);
    bool is_equal = json_unescape_lossy(raw_name, &decoded) == 0 && str_equal(buffer_view(&decoded), name);
    buffer_free(&decoded);
    return is_equal;
}

struct str json_get(struct str object, struct str name) {
    struct json_cursor cursor;
    struct json_member member;
    if (object.length == 0 || !json_cursor_init(&cursor, object) || !cursor.is_object) return STR_NONE;
    while (json_cursor_next(&cursor, &member)) {
        if (json_name_is(member.name, name)) return member.value;
    }
    return STR_NONE;
}

struct str json_get_path(struct str object, const struct str *path) {
    for (; path->length > 0; path++) object = json_get(object, *path);
    return object;
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

void json_splice_init(struct json_splice *splice, struct str document, struct buffer *out) {
    *splice = (struct json_splice){.document = document, .out = out};
}

void json_splice_skip(struct json_splice *splice, struct str piece) {
    size_t start = (size_t)(piece.data - splice->document.data);
    CHECK(start >= splice->copied && start + piece.length <= splice->document.length);
    buffer_append_str(splice->out, str_slice(splice->document, splice->copied, start));
    splice->copied = start + piece.length;
}

void json_splice_replace(struct json_splice *splice, struct str piece, struct str replacement) {
    json_splice_skip(splice, piece);
    buffer_append_str(splice->out, replacement);
}

void json_splice_finish(struct json_splice *splice) {
    buffer_append_str(splice->out, str_slice(splice->document, splice->copied, splice->document.length));
    splice->copied = splice->document.length;
}
