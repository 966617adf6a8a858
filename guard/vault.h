/* struct vault: the placeholders of one conversation. A value that must not go upstream is replaced by "<EMAIL_1>": the
 * label of its class and a number by first appearance, so that the same history gives the same text; what an answer says
 * of a placeholder is put back from here.
 *
 * A vault lives in the arena that it was made with (the action's) and needs no free. Values are compared by their bytes,
 * within their class. One thread at a time; nothing here parks. */
#ifndef SWORN_GUARD_VAULT_H
#define SWORN_GUARD_VAULT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "detect/classes.h"

#define VAULT_VALUES_MAX 65536u         /* in one vault */
#define VAULT_VALUE_BYTES_MAX (8u << 20) /* of all values together */
#define VAULT_PLACEHOLDER_MAX 32        /* bytes of "<IT_FISCAL_CODE_65536>" and the like */

struct vault;

/* Empty. NULL when the arena is full. */
struct vault *vault_new(struct arena *arena) MUST_USE;
size_t vault_count(const struct vault *vault);
class_set vault_classes(const struct vault *vault); /* of which it holds values */

/* Appends the placeholder of the value, a new one when the value is new; the value is copied. -1: a limit was reached
 * (ERROR_LIMIT) or memory is out; nothing was appended. */
int vault_append_placeholder(struct vault *vault, enum data_class class, struct str value, struct buffer *out,
                             struct error *error) MUST_USE;
/* The value of a placeholder by its class and number; STR_NONE when the vault does not hold it. */
struct str vault_value(const struct vault *vault, enum data_class class, uint32_t number);

/* A placeholder in a text, as it was made or as a model wrote it:
 *
 *     placeholder = open *2SP name *2SP close / bare
 *     open, close = "<" ">" / "[" "]" / "&lt;" "&gt;" / "\u003c" "\u003e" / "\<" "\>" / "%3C" "%3E" / U+FF1C U+FF1E
 *     name        = label separator number     ; in any case, also "_" in the label as a separator
 *     separator   = "_" / "\_" / "-" / SP
 *     bare        = label "_" number           ; as it is written, at word boundaries; "\_" as well
 *
 * "[" "]" before "(" are those of a link: the bare form inside of it is meant. Without brackets only capitals are taken,
 * lest the name of a column be one. */
struct vault_match {
    size_t start;
    size_t end;
    enum data_class class;
    uint32_t number;
};

enum vault_found {
    VAULT_FOUND_NONE,
    VAULT_FOUND_ONE,  /* in *match */
    VAULT_FOUND_MORE, /* match->start: what begins there may become one when more text comes; never when is_final */
};

/* The first placeholder of one of the classes that begins at or behind `from`. */
enum vault_found vault_find(struct str text, size_t from, class_set classes, bool is_final, struct vault_match *match);
/* The first placeholder exactly as vaults write it, of any class. */
bool vault_find_exact(struct str text, size_t from, struct vault_match *match);

/* Everything that the vault holds, for keeping it sealed. Loading goes into an empty vault. ERROR_INVALID when the bytes
 * are none of ours; the vault is to be thrown away then. */
void vault_serialise(const struct vault *vault, struct buffer *out);
int vault_load(struct vault *vault, struct str bytes, struct error *error) MUST_USE;

#endif
