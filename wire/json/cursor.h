/* Reading and cutting up JSON that was scanned before: the members of an object or the items of an array, one after the
 * other, each as its bytes. Names are compared unescaped. For edits of the structure that a walk by shapes cannot make. */
#ifndef SWORN_WIRE_JSON_CURSOR_H
#define SWORN_WIRE_JSON_CURSOR_H

#include "base/json.h"

struct json_cursor {
    struct json_scanner scanner;
    bool is_object;
};

struct json_member {
    struct str name;  /* raw: between the quotes; empty in an array */
    struct str value; /* all its bytes, with the quotes of a string */
};

/* False when the value is neither an object nor an array. */
bool json_cursor_init(struct json_cursor *cursor, struct str value);
/* False at the end, or where the text is not JSON. */
bool json_cursor_next(struct json_cursor *cursor, struct json_member *member);

bool json_name_is(struct str raw_name, struct str name);
/* The value of an object's first member of that name; data == NULL when there is none. */
struct str json_get(struct str object, struct str name);
/* The same down a path of names that ends with an empty one. */
struct str json_get_path(struct str object, const struct str *path);
bool json_is_string(struct str value);
bool json_is_null(struct str value); /* or not there */
/* Appends the text that a string means; nothing for another value. */
void json_append_text(struct str value, struct buffer *out);
bool json_string_is(struct str value, struct str text);
/* -1 when it is no integer from 0 to UINT32_MAX. */
int64_t json_get_index(struct str object, struct str name);

/* A copy of a document with pieces of it replaced. The pieces are bytes of the document and come in their order. */
struct json_splice {
    struct str document;
    size_t copied;
    struct buffer *out;
};

void json_splice_init(struct json_splice *splice, struct str document, struct buffer *out);
void json_splice_replace(struct json_splice *splice, struct str piece, struct str replacement);
/* Appends what was not replaced up to `piece` and skips it: the caller appends to out what is to stand there. */
void json_splice_skip(struct json_splice *splice, struct str piece);
void json_splice_finish(struct json_splice *splice);

#endif
