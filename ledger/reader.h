/* Reading the entries of an evidence folder, in order, also while a keeper writes to it: up to the checkpoint's size.
 *
 * It trusts the files it reads (ledger/verify.h is what checks them) but survives any content. Entries are borrowed:
 * valid until the next call on the same reader. Not thread-safe; blocking file reads, so not for a worker's loop. */
#ifndef SWORN_LEDGER_READER_H
#define SWORN_LEDGER_READER_H

#include "ledger/event.h"

struct ledger_reader;

/* vkey (data == NULL: do not check the signature) in signed-note form. A folder without a checkpoint is empty. */
int ledger_reader_open(struct ledger_reader **reader, const char *folder, struct str vkey, struct error *error)
    MUST_USE;
void ledger_reader_free(struct ledger_reader **reader);
uint64_t ledger_reader_size(const struct ledger_reader *reader);
/* Reads the checkpoint again; the size can only grow. */
int ledger_reader_refresh(struct ledger_reader *reader, struct error *error) MUST_USE;
/* The next entry to return; any index up to the size. */
void ledger_reader_seek(struct ledger_reader *reader, uint64_t index);
/* 1 an entry, 0 the end, -1 an error (the same entry again at the next call). */
int ledger_reader_next(struct ledger_reader *reader, struct ledger_entry *entry, struct error *error) MUST_USE;
/* One entry by index. */
int ledger_reader_get(struct ledger_reader *reader, uint64_t index, struct ledger_entry *entry, struct error *error)
    MUST_USE;

#endif
