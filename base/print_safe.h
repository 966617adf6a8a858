/* Text on its way to a terminal or a log: nothing in it may move the cursor, change what stands before it, or hide.
 *
 * What could is written as an escape that can be seen, and that a JSON string has, too: "\\u001b". Replaced are control
 * characters (C0 but line feed and tab, DEL, C1), what reorders text (bidirectional marks, embeddings, overrides, isolates),
 * what has no width (joiners, fillers, tags, byte order mark), the separators U+2028 and U+2029, and, as "\\xff", bytes that
 * are not UTF-8. Everything else passes as it is. Pure. */
#ifndef SWORN_BASE_PRINT_SAFE_H
#define SWORN_BASE_PRINT_SAFE_H

#include "base/buffer.h"

#define PRINT_SAFE_CHARACTER_BYTES 4u /* of UTF-8, at most */

/* Appends the text, safe. */
void print_safe_append(struct buffer *out, struct str text);
/* Appends as much as holds whole characters; returns how many bytes were taken. The rest, less than one character's, is the
 * beginning of what comes next. */
size_t print_safe_append_part(struct buffer *out, struct str text);

#endif
