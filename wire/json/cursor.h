/* Reading and cutting up JSON that was scanned before: the members of an object or the items of an array, one after
 * the other, each as its bytes. Names are compared unescaped. For edits of the structure that a walk by shapes
 * cannot make. */
#ifndef SWORN_WIRE_JSON_CURSOR_H
#define SWORN_WIRE_JSON_CURSOR_H

#include "base/arena.h"
#include "base/error.h"
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

/* The objects of a list, one after the other, read from a scanner over its bytes. What stands in the place of a list is
 * read as the nearest form of one: an object is a list of itself, a list within is opened, what is no object is passed
 * over. False at the end. */
bool json_next_object(struct json_scanner *scanner, struct str *object);

bool json_name_is(struct str raw_name, struct str name);
/* The value of an object's first member of that name; data == NULL when there is none. */
struct str json_get(struct str object, struct str name);
bool json_find(struct str object, struct str name, struct json_member *member);
bool json_is_string(struct str value);
bool json_is_null(struct str value); /* or not there */
/* Appends the text that a string means; nothing for another value. */
void json_append_text(struct str value, struct buffer *out);
bool json_string_is(struct str value, struct str text);
/* -1 when it is no integer from 0 to UINT32_MAX. */
int64_t json_get_index(struct str object, struct str name);

/* A copy of a document with pieces of it replaced. Pieces are bytes of the document, do not overlap, and come in any
 * order; what replaces them is copied to the arena. A full arena is told by json_edits_apply. */
struct json_edit {
    struct str piece;
    struct str replacement;
};

struct json_edits {
    struct arena *arena;
    struct json_edit *items;
    size_t count;
    size_t capacity;
    bool is_failed;
};

void json_edits_init(struct json_edits *edits, struct arena *arena);
void json_edit_replace(struct json_edits *edits, struct str piece, struct str replacement);
/* Takes a member out of its object, with the comma. Of two members that follow each other only one may be taken out. */
void json_edit_remove(struct json_edits *edits, struct str object, const struct json_member *member);
int json_edits_apply(struct json_edits *edits, struct str document, struct buffer *out, struct error *error) MUST_USE;

#endif
