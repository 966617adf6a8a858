/* A thin layer over the scanner. Arrays double in the arena as they are read. */
#include "base/json_read.h"

void json_reader_init(struct json_reader *reader, struct str text, struct arena *arena) {
    *reader = (struct json_reader){.arena = arena};
    json_scanner_init(&reader->scanner, text);
}

bool json_reader_is_good(const struct json_reader *reader) { return !reader->is_bad; }

static enum json_token next(struct json_reader *reader, struct str *raw) {
    *raw = STR_NONE;
    if (reader->is_bad) return JSON_TOKEN_BAD;
    enum json_token token = json_next(&reader->scanner, raw);
    if (token == JSON_TOKEN_BAD || token == JSON_TOKEN_END) reader->is_bad = true;
    return token;
}

static bool expect(struct json_reader *reader, enum json_token wanted, struct str *raw) {
    if (next(reader, raw) != wanted) reader->is_bad = true;
    return !reader->is_bad;
}

void json_read_object(struct json_reader *reader) {
    struct str raw;
    (void)expect(reader, JSON_TOKEN_BEGIN_OBJECT, &raw);
}

bool json_read_member(struct json_reader *reader, struct str *key) {
    enum json_token token = next(reader, key);
    if (token == JSON_TOKEN_KEY) return true;
    if (token != JSON_TOKEN_END_OBJECT) reader->is_bad = true;
    return false;
}

static struct str unescape(struct json_reader *reader, struct str raw) {
    if (str_find_byte(raw, '\\') == STR_NOT_FOUND) return raw;
    struct buffer text;
    buffer_init(&text, raw.length + 4); /* escapes never grow */
    struct str copy = STR_NONE;
    if (json_unescape(raw, &text) == 0 && !buffer_failed(&text)) copy = arena_copy(reader->arena, buffer_view(&text));
    buffer_free(&text);
    if (copy.data == NULL) reader->is_bad = true;
    return copy;
}

struct str json_read_string(struct json_reader *reader) {
    struct str raw;
    return expect(reader, JSON_TOKEN_STRING, &raw) ? unescape(reader, raw) : STR_NONE;
}

int64_t json_read_integer(struct json_reader *reader) {
    struct str raw;
    int64_t value = 0;
    if (!expect(reader, JSON_TOKEN_NUMBER, &raw)) return 0;
    if (str_parse_i64(raw, &value) != 0) reader->is_bad = true;
    return reader->is_bad ? 0 : value;
}

bool json_read_bool(struct json_reader *reader) {
    struct str raw;
    enum json_token token = next(reader, &raw);
    if (token != JSON_TOKEN_TRUE && token != JSON_TOKEN_FALSE) reader->is_bad = true;
    return token == JSON_TOKEN_TRUE;
}

/* The rest of the value whose first token was read: its bytes, from where the token stands in the text. */
static struct str rest_of(struct json_reader *reader, enum json_token token, struct str raw) {
    bool is_string = token == JSON_TOKEN_STRING;
    const char *start = raw.data - (is_string ? 1 : 0);
    int depth = 0;
    for (;;) {
        if (token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY) depth++;
        if (token == JSON_TOKEN_END_OBJECT || token == JSON_TOKEN_END_ARRAY) depth--;
        if (depth == 0) break;
        token = next(reader, &raw);
        if (reader->is_bad) return STR_NONE;
    }
    return str_make(start, (size_t)(raw.data + raw.length - start) + (is_string ? 1 : 0));
}

struct str json_read_raw(struct json_reader *reader) {
    struct str raw;
    enum json_token token = next(reader, &raw);
    bool is_value = token != JSON_TOKEN_END_ARRAY && token != JSON_TOKEN_END_OBJECT && token != JSON_TOKEN_KEY;
    if (!is_value) reader->is_bad = true;
    return reader->is_bad ? STR_NONE : rest_of(reader, token, raw);
}

void json_skip(struct json_reader *reader) { (void)json_read_raw(reader); }

/* Room for one more in an array of which `count` are used. */
static struct str *grow(struct json_reader *reader, struct str *items, size_t count) {
    bool is_full = count == 0 || (count >= 4 && (count & (count - 1)) == 0);
    if (!is_full) return items;
    struct str *larger = NULL;
    if (count < JSON_ITEMS_MAX) larger = ARENA_NEW_ARRAY(reader->arena, struct str, count == 0 ? 4 : count * 2);
    if (larger == NULL) reader->is_bad = true;
    else if (count > 0) memcpy(larger, items, count * sizeof(*items));
    return larger;
}

static const struct str *read_items(struct json_reader *reader, bool are_strings, size_t *count) {
    struct str *items = NULL;
    struct str raw;
    size_t read = 0;
    *count = 0;
    if (!expect(reader, JSON_TOKEN_BEGIN_ARRAY, &raw)) return NULL;
    for (;;) {
        enum json_token token = next(reader, &raw);
        if (token == JSON_TOKEN_END_ARRAY) break;
        if (are_strings && token != JSON_TOKEN_STRING) reader->is_bad = true;
        if (!reader->is_bad) items = grow(reader, items, read);
        if (reader->is_bad) return NULL;
        items[read++] = are_strings ? unescape(reader, raw) : rest_of(reader, token, raw);
    }
    if (!reader->is_bad) *count = read;
    return items;
}

const struct str *json_read_strings(struct json_reader *reader, size_t *count) {
    return read_items(reader, true, count);
}

const struct str *json_read_array(struct json_reader *reader, size_t *count) {
    return read_items(reader, false, count);
}
