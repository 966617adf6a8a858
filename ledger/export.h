/* A consistent copy of an evidence folder that a keeper goes on writing to: what one checkpoint covers, and nothing else. */
#ifndef SWORN_LEDGER_EXPORT_H
#define SWORN_LEDGER_EXPORT_H

#include "base/error.h"
#include "base/str.h"

/* Copies into a folder that is new or empty; the checkpoint comes last, so that a copy without one was broken off. *size:
 * entries copied. vkey: what the checkpoint must be signed by. Blocking. */
int ledger_export(const char *folder, struct str vkey, const char *to, uint64_t *size, struct error *error) MUST_USE;

#endif
