/* CRC32C (Castagnoli), as in RFC 3720 appendix B.4; with the processor's instruction where it has one. */
#ifndef SWORN_LEDGER_CRC32C_H
#define SWORN_LEDGER_CRC32C_H

#include "base/str.h"

/* Continues from `crc` (0 at the start). */
uint32_t crc32c(uint32_t crc, struct str data);

#endif
