/* Folding: the forms of one value become the same bytes, so that "maria%40Example.org", "maria&#64;example.org" and the
 * full-width spelling are known for "maria@example.org", and "DE89 3704" for "DE893704".
 *
 *     escapes      percent (also of a percent sign), HTML entities, "\u0040", "\x40", "\_" of markdown
 *     characters   compatibility forms of letters, digits and marks (the part of NFKC that ends in ASCII), accents, case
 *     left out     white space and characters of no width; "-./()" between two digits
 *
 * Folding says that two texts are alike, never how one is written: names of values and the search for known values use
 * it, what is put back is the value itself. Pure; nothing here parks. */
#ifndef SWORN_GUARD_FOLD_H
#define SWORN_GUARD_FOLD_H

#include "base/buffer.h"

/* Where a folded byte comes from. */
struct fold_place {
    uint32_t start;
    uint32_t end;
};

/* Appends the folded text to out and, unless places is NULL, one struct fold_place a byte of it to places. */
void fold_append(struct str text, struct buffer *out, struct buffer *places);

#endif
