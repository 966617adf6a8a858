/* The query index: what the evidence says of each action, in SQLite, so that it can be asked quickly.
 *
 * It is derived from the log and holds nothing else: it catches up from where it was each time it is opened, and can be
 * thrown away and rebuilt. It belongs to one evidence folder; one that is of another log, or ahead of it, is rebuilt. */
#ifndef SWORN_CMD_INDEX_H
#define SWORN_CMD_INDEX_H

#include <sqlite3.h>

#include "base/error.h"
#include "base/str.h"

struct audit_index;

/* path NULL: in memory, for this command only. is_fresh: rebuild from nothing; so is what its bond (cmd/index_bond.h, by
 * the key) does not hold. */
int audit_index_open(struct audit_index **index, const char *path, const char *evidence_folder, struct str key,
                     bool is_fresh, struct error *error) MUST_USE;
void audit_index_close(struct audit_index **index);
/* For queries. */
sqlite3 *audit_index_database(struct audit_index *index);
int64_t audit_index_size(struct audit_index *index); /* entries read so far */

#endif
