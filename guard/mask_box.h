/* Texts that leave our hands and come back, or lie in the store: sealed with AES-256-GCM under a key of this gateway, for
 * one purpose, principal and upstream (the associated data). Anything else does not open.
 *
 *     sealed = base64url without padding of: version(1) nonce(12) ciphertext tag(16)
 *
 * Nonces are random: one key is good for some 2^32 texts. Nothing here parks. */
#ifndef SWORN_GUARD_MASK_BOX_H
#define SWORN_GUARD_MASK_BOX_H

#include "base/digest.h"
#include "base/error.h"

#define MASK_BOX_KEY_BYTES 32
#define MASK_BOX_TEXT_MAX_BYTES (16u << 20)

/* Plain data; wipe it with mask_box_key_wipe. */
struct mask_box_key {
    uint8_t bytes[MASK_BOX_KEY_BYTES];
};

/* HKDF-SHA256 of the gateway's seal key (ledger/seal.h), under a label of its own. Takes some microseconds: once a
 * gateway. */
int mask_box_key_derive(struct str seal_key, struct mask_box_key *key, struct error *error) MUST_USE;
void mask_box_key_wipe(struct mask_box_key *key);

/* What a box is bound to. */
struct mask_box_owner {
    struct str purpose; /* "text", "conversation" ... */
    struct str principal;
    struct str upstream;
};

/* Both append to out; -1 leaves nothing there. mask_box_open: ERROR_INVALID when it is none of ours, or not for this
 * owner. */
int mask_box_seal(const struct mask_box_key *key, const struct mask_box_owner *owner, struct str text,
                  struct buffer *out, struct error *error) MUST_USE;
int mask_box_open(const struct mask_box_key *key, const struct mask_box_owner *owner, struct str sealed,
                  struct buffer *out, struct error *error) MUST_USE;

#endif
