/* JSON with sorted members and one way to write each string, so that two texts of one meaning are the same bytes. */
#ifndef SWORN_TESTS_CONFORMANCE_JSON_CANONICAL_H
#define SWORN_TESTS_CONFORMANCE_JSON_CANONICAL_H

#include <stdlib.h>

#include "tests/conformance/json_member.h"

struct json_member_slice {
    struct buffer key;
    struct str value;
};

static inline int json_member_compare(const void *a, const void *b) {
    const struct json_member_slice *left = a, *right = b;
    return str_compare(buffer_view(&left->key), buffer_view(&right->key));
}

static inline void json_canonical(struct str value, struct buffer *out);

static inline void json_canonical_object(struct str object, struct buffer *out) {
    struct json_scanner scanner;
    struct str raw, key;
    size_t count = 0, capacity = 16;
    struct json_member_slice *members = malloc(capacity * sizeof(*members));
    json_scanner_init(&scanner, object);
    if (members == NULL || json_next(&scanner, &raw) != JSON_TOKEN_BEGIN_OBJECT) abort();
    while (json_next(&scanner, &key) == JSON_TOKEN_KEY) {
        enum json_token event = json_next(&scanner, &raw);
        size_t start = (size_t)(raw.data - object.data) - (event == JSON_TOKEN_STRING ? 1 : 0);
        if (count == capacity) members = realloc(members, (capacity *= 2) * sizeof(*members));
        if (members == NULL) abort();
        buffer_init(&members[count].key, key.length + 16);
        if (json_unescape(key, &members[count].key) != 0) abort();
        members[count++].value = str_slice(object, start, json_value_end(&scanner, event));
    }
    qsort(members, count, sizeof(*members), json_member_compare);
    buffer_append_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_append_byte(out, ',');
        json_append_quoted(out, buffer_view(&members[i].key));
        buffer_append_byte(out, ':');
        json_canonical(members[i].value, out);
        buffer_free(&members[i].key);
    }
    buffer_append_byte(out, '}');
    free(members);
}

/* Appends the value; the scanner bounds its depth. */
static inline void json_canonical(struct str value, struct buffer *out) {
    value = str_trim(value);
    if (value.length > 0 && value.data[0] == '{') {
        json_canonical_object(value, out);
    } else if (value.length > 0 && value.data[0] == '[') {
        struct json_scanner scanner;
        struct str item;
        json_scanner_init(&scanner, value);
        buffer_append_byte(out, '[');
        for (bool is_first = true; json_item(value, &scanner, &item); is_first = false) {
            if (!is_first) buffer_append_byte(out, ',');
            json_canonical(item, out);
        }
        buffer_append_byte(out, ']');
    } else if (value.length > 0 && value.data[0] == '"') {
        struct buffer plain;
        buffer_init(&plain, value.length + 16);
        if (json_unescape(str_slice(value, 1, value.length - 1), &plain) != 0) abort();
        json_append_quoted(out, buffer_view(&plain));
        buffer_free(&plain);
    } else {
        buffer_append_str(out, value);
    }
}

#endif
