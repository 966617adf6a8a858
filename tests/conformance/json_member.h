/* Reading JSON by slices of its text. jansson cannot be used here: official cases have keys that hold U+0000. */
#ifndef SWORN_TESTS_CONFORMANCE_JSON_MEMBER_H
#define SWORN_TESTS_CONFORMANCE_JSON_MEMBER_H

#include "base/json.h"

/* The end of the value that `event` begins; the scanner is left behind it. */
static inline size_t json_value_end(struct json_scanner *scanner, enum json_token event) {
    struct str raw;
    int depth = event == JSON_TOKEN_BEGIN_OBJECT || event == JSON_TOKEN_BEGIN_ARRAY ? 1 : 0;
    while (depth > 0) {
        event = json_next(scanner, &raw);
        if (event == JSON_TOKEN_BAD || event == JSON_TOKEN_END) break;
        if (event == JSON_TOKEN_BEGIN_OBJECT || event == JSON_TOKEN_BEGIN_ARRAY) depth++;
        if (event == JSON_TOKEN_END_OBJECT || event == JSON_TOKEN_END_ARRAY) depth--;
    }
    return scanner->offset;
}

/* The value of a member of the object in `text`, as it stands there; data == NULL when it is absent. */
static inline struct str json_member(struct str text, struct str key) {
    struct json_scanner scanner;
    struct str raw, name;
    json_scanner_init(&scanner, text);
    if (json_next(&scanner, &raw) != JSON_TOKEN_BEGIN_OBJECT) return STR_NONE;
    while (json_next(&scanner, &name) == JSON_TOKEN_KEY) {
        enum json_token event = json_next(&scanner, &raw);
        if (event == JSON_TOKEN_BAD) return STR_NONE;
        size_t start = (size_t)(raw.data - text.data);
        if (event == JSON_TOKEN_STRING) start--;
        size_t end = json_value_end(&scanner, event);
        if (str_equal(name, key)) return str_slice(text, start, end);
    }
    return STR_NONE;
}

/* Cuts the next item off an array: start with *offset = 0. */
static inline bool json_item(struct str array, struct json_scanner *scanner, struct str *item) {
    struct str raw;
    if (scanner->offset == 0 && json_next(scanner, &raw) != JSON_TOKEN_BEGIN_ARRAY) return false;
    enum json_token event = json_next(scanner, &raw);
    if (event == JSON_TOKEN_BAD || event == JSON_TOKEN_END || event == JSON_TOKEN_END_ARRAY) return false;
    size_t start = (size_t)(raw.data - array.data);
    if (event == JSON_TOKEN_STRING) start--;
    *item = str_slice(array, start, json_value_end(scanner, event));
    return true;
}

/* The inside of a string without escapes. */
static inline struct str json_plain(struct str value) {
    return value.length >= 2 && value.data[0] == '"' ? str_slice(value, 1, value.length - 1) : STR_NONE;
}

#endif
