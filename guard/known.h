/* struct known: what a request's vault holds, searched for in all texts of the request. A value that was found at one place,
 * by the word before it or by its whole form, may stand at another without that word, with other spaces or escapes, in an
 * equal form of Unicode, or split over two parts of a message, which the model reads as one text.
 *
 *     known_begin()    a first walk over the request begins: each text is masked, and known_note()d as it goes on
 *     known_search()   behind it: is anything of the vault left in what was noted? Then a second walk, of the same texts in
 *                      the same order, is to
 *     known_apply()    what was found in each
 *
 * A walk does not park, so one struct known serves all requests of a worker thread. Nothing here parks. */
#ifndef SWORN_GUARD_KNOWN_H
#define SWORN_GUARD_KNOWN_H

#include "guard/vault.h"
#include "model/mask.h"

#define KNOWN_BYTES_MAX (256u << 20) /* folded, of one request */
#define KNOWN_TEXTS_MAX (1u << 20)

struct known;

struct known *known_new(void) MUST_USE;
void known_free(struct known **known);

void known_begin(struct known *known);
/* The next text, as it would go on. */
void known_note(struct known *known, enum mask_shape shape, struct str text);
/* 1: something was found; 0: nothing; -1: memory is out, or the request has too many texts. */
int known_search(struct known *known, const struct vault *vault) MUST_USE;
/* The next text again: what is to go on is appended to out when *is_changed. Values are added to the vault as they are
 * written here. */
int known_apply(struct known *known, struct vault *vault, enum mask_shape shape, struct str text, struct buffer *out,
                bool *is_changed, struct class_counts *masked, struct error *error) MUST_USE;

#endif
