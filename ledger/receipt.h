/* Receipts: one entry with all that is needed to check it alone: its index, its inclusion proof, the signed checkpoint.
 *
 *     {"checkpoint":"<signed note>","entry":"<the entry's text>","index":N,"proof":["<base64>",...]}
 *
 * The entry and the note are carried as JSON strings, byte for byte. */
#ifndef SWORN_LEDGER_RECEIPT_H
#define SWORN_LEDGER_RECEIPT_H

#include "ledger/event.h"
#include "ledger/proof.h"

#define RECEIPT_MAX_BYTES (256u * 1024u)

/* Appends the receipt of an entry to out; vkey (data == NULL: unchecked) is what the folder's checkpoint must fit. */
int receipt_make(const char *folder, struct str vkey, uint64_t index, struct buffer *out, struct error *error) MUST_USE;
/* Checks signature, proof and the entry's form. *entry points into `scratch`, which is the caller's. */
int receipt_verify(struct str receipt, struct str vkey, struct buffer *scratch, struct ledger_entry *entry,
                   struct error *error) MUST_USE;

#endif
