/* Where a text may be cut without changing what is found in it.
 *
 * A break is a place no span crosses: behind a control byte (line end, tab), a double quote or '>'; or behind a blank
 * when the two words before it hold no digit and the last is not a pair of capitals (so that neither "4111 1111"
 * nor "AB 12 34 56 C" is cut), outside of a PEM block. Whether a place is a break depends on bytes before it only, so
 * it is the same however the text arrives. A run without a break longer than DETECT_SEGMENT_MAX is cut there, or
 * where the private key begins that lies across that place, whole or in pieces. */
#ifndef SWORN_DETECT_SEGMENT_H
#define SWORN_DETECT_SEGMENT_H

#include "base/str.h"

/* The end of the segment that starts at `start`: the last break, at most DETECT_SEGMENT_MAX on; `start` itself when
 * more text must come first (never when is_final). */
size_t segment_end(struct str text, size_t start, bool is_final);

/* A private key in armour at `start` ("-----BEGIN"): its end, 0 when it is none, STR_NOT_FOUND when more text must come
 * first to tell (never when is_final). */
size_t segment_private_key_end(struct str text, size_t start, bool is_final);

#endif
