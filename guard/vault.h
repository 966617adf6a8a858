/* struct vault: the placeholders of one request. A value that must not go upstream is replaced by "<EMAIL_k7q2m9x4ab>": the
 * label of its class and a name that is a keyed digest of the value. What an answer says of a placeholder is put back
 * from here, or from the shelf of the principal (guard/shelf.h) where the value stands in the history no more.
 *
 * The name depends on the value, its class and the key of the scope, and on nothing else: not on the order of values, the
 * request, the process or the gateway. So it is stable from turn to turn, and is never given to another value. Values
 * whose names collide all the same, within what is known to this vault, get longer ones.
 *
 * A vault lives in the arena that it was made with (the action's) and needs no free. One thread at a time; nothing here
 * parks. */
#ifndef SWORN_GUARD_VAULT_H
#define SWORN_GUARD_VAULT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "detect/classes.h"
#include "guard/mask_box.h"

#define VAULT_VALUES_MAX 65536u         /* in one vault */
#define VAULT_VALUE_BYTES_MAX (8u << 20) /* of all values together */
#define VAULT_NAME_BYTES 10             /* some 50 bits */
#define VAULT_NAME_BYTES_MAX 20         /* of a name that would have collided */
#define VAULT_LABEL_BYTES_MAX 24
#define VAULT_NAMES_MAX 256u            /* in one list */

/* Not a data class: text of the caller that reads like one of his placeholders. It is put back for everyone. */
#define VAULT_TEXT ((enum data_class)CLASS_MAX)
#define VAULT_CLASSES (CLASS_MAX + 1)

struct vault;
struct shelf;

/* What names are made with: one for each principal and upstream. Plain data. */
struct vault_key {
    uint8_t bytes[SHA256_BYTES];
};
void vault_key_derive(const struct mask_box_key *root, struct str principal, struct str upstream, struct vault_key *key);

/* A name in lower case. */
struct vault_name {
    uint8_t class; /* enum data_class or VAULT_TEXT */
    uint8_t length;
    char bytes[VAULT_NAME_BYTES_MAX];
};
static inline struct str vault_name_str(const struct vault_name *name) { return str_make(name->bytes, name->length); }

/* Empty. shelf may be NULL, and is borrowed. NULL when the arena is full. */
struct vault *vault_new(struct arena *arena, const struct vault_key *key, struct shelf *shelf) MUST_USE;
size_t vault_count(const struct vault *vault);
/* Of which it, or its shelf, holds values. */
class_set vault_classes(const struct vault *vault);

/* Appends the placeholder of the value; the value is copied. -1: a limit was reached (ERROR_LIMIT) or memory is out;
 * nothing was appended. */
int vault_append_placeholder(struct vault *vault, enum data_class class, struct str value, struct buffer *out,
                             struct error *error) MUST_USE;
/* The value of a name; STR_NONE when neither the vault nor its shelf holds it. */
struct str vault_value(const struct vault *vault, const struct vault_name *name);
/* The vault's own entries, by index below vault_count(). */
struct str vault_entry(const struct vault *vault, size_t index, struct vault_name *name);

/* What else a conversation has to remember, by name: parameters that are URLs by the schema of their tool, and the tools
 * that were offered. A name that finds no room is dropped. */
enum vault_list { VAULT_URI_NAMES, VAULT_TOOLS, VAULT_LIST_COUNT };
void vault_add_name(struct vault *vault, enum vault_list list, struct str name);
bool vault_has_name(const struct vault *vault, enum vault_list list, struct str name);
const struct str *vault_names(const struct vault *vault, enum vault_list list, size_t *count);

/* A placeholder in a text, as it was made or as models write it:
 *
 *     placeholder = open *2SP label separator name *2SP close        ; in any case; "_" in the label is a separator too
 *     open, close = "<" ">" / "[" "]" / "\<" "\>" / U+FF1C U+FF1E   ; as it is
 *                 / "&lt;" "&gt;", also by number                    ; in HTML
 *                 / "\u003c" "\u003e" / "\x3c" "\x3e"                ; in a string of a program
 *                 / "%3C" "%3E"                                      ; in a URL
 *     separator   = "_" / "\_" / "-" / SP / "%5F" / "&#95;" / "\u005f"
 *
 * "[" "]" before "(" are those of a link. A bare word is never a placeholder. */
enum vault_spelling { VAULT_PLAIN, VAULT_IN_HTML, VAULT_IN_STRING, VAULT_IN_URL };

struct vault_match {
    size_t start;
    size_t end;
    enum vault_spelling spelling; /* how what stands around it is written, and so what is put back is, too */
    struct vault_name name;
};

enum vault_found {
    VAULT_FOUND_NONE,
    VAULT_FOUND_ONE,  /* in *match */
    VAULT_FOUND_MORE, /* match->start: what begins there may become one when more text comes; never when is_final */
};

/* The first placeholder of one of the classes (bits of VAULT_CLASSES) that begins at or behind `from`; whether anybody
 * holds it is not asked. */
enum vault_found vault_find(struct str text, size_t from, class_set classes, bool is_final, struct vault_match *match);

/* Everything that the vault holds, for keeping it sealed. Loading goes into an empty vault. ERROR_INVALID when the bytes
 * are none of ours; the vault is to be thrown away then. */
void vault_serialise(const struct vault *vault, struct buffer *out);
int vault_load(struct vault *vault, struct str bytes, struct error *error) MUST_USE;

/* Shared with vault_match.c: letters first, none that is mistaken for another. */
extern const char vault_alphabet[33];
struct str vault_label(unsigned class);

#endif
