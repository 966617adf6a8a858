/* What binds an index to its log and to the installation: without it, whoever may write the file decides what it lists.
 *
 * Beside the index stands "<index>.bond": size and root of the log that was read, the SHA-256 of the index file, and an
 * HMAC of all three under a key that is derived from the installation's. Where any of it does not fit, the index is built
 * anew. Blocking. */
#ifndef SWORN_CMD_INDEX_BOND_H
#define SWORN_CMD_INDEX_BOND_H

#include "base/digest.h"
#include "base/error.h"

/* Is the index what was made of this log, up to a size that the log still has? */
bool index_bond_holds(const char *index_path, const char *evidence_folder, struct str key);
/* After the index was brought up to `size` and closed for writing. */
int index_bond_write(const char *index_path, const char *evidence_folder, struct str key, uint64_t size,
                     struct error *error) MUST_USE;

#endif
