/* The records of sealed payloads, packed, little-endian (private to ledger/seal*.c).
 *
 *     key record = magic, session, IV, AES-256-GCM under the KEK of (data key), tag; magic and session authenticated
 *     payload    = magic, length, key offset, IV, tag; then AES-256-GCM under the data key of (MAC key, text) */
#ifndef SWORN_LEDGER_SEAL_FORMAT_H
#define SWORN_LEDGER_SEAL_FORMAT_H

#include <assert.h>

#include "ledger/seal.h"

#define SEAL_KEY_MAGIC 0x79656b7377u
#define SEAL_KEY_AAD_BYTES 16u
#define SEAL_PAYLOAD_MAGIC 0x70777377u
#define SEAL_IV_BYTES 12
#define SEAL_TAG_BYTES 16
#define SEAL_PATH_BYTES 4096

struct seal_key_record {
    uint64_t magic;
    uint64_t session;
    uint8_t iv[SEAL_IV_BYTES];
    uint8_t wrapped[SEAL_KEK_BYTES];
    uint8_t tag[SEAL_TAG_BYTES];
    uint8_t unused[4];
};
static_assert(sizeof(struct seal_key_record) == 80, "key records are packed");

struct seal_payload_header {
    uint32_t magic;
    uint32_t length; /* of the ciphertext */
    uint64_t key_offset;
    uint8_t iv[SEAL_IV_BYTES];
    uint8_t tag[SEAL_TAG_BYTES];
    uint8_t unused[4];
};
static_assert(sizeof(struct seal_payload_header) == 48, "payload headers are packed");

#endif
