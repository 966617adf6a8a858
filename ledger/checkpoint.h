/* Checkpoints (C2SP tlog-checkpoint) and the signed notes around them (C2SP signed-note, Ed25519).
 *
 *     <origin>\n<size>\n<base64 of the root>\n\n<U+2014> <name> <base64 of key id and signature>\n
 *
 * vkey: "<name>+<hex8 key id>+<base64 of 0x01 and the public key>". The private key file holds one line
 * "PRIVATE+KEY+<name>+<hex8>+<base64 of 0x01 and the seed>" (the form of Go's sumdb/note), mode 0600. */
#ifndef SWORN_LEDGER_CHECKPOINT_H
#define SWORN_LEDGER_CHECKPOINT_H

#include "base/digest.h"
#include "base/error.h"

#define CHECKPOINT_NAME_MAX_BYTES 200u
#define CHECKPOINT_MAX_BYTES 16384u
#define ED25519_KEY_BYTES 32u
#define ED25519_SIGNATURE_BYTES 64u

struct checkpoint_vkey {
    char name[CHECKPOINT_NAME_MAX_BYTES + 1];
    uint32_t key_id;
    uint8_t public_key[ED25519_KEY_BYTES];
};

struct checkpoint {
    struct str origin; /* borrowed from the note */
    uint64_t size;
    struct sha256 root;
};

struct checkpoint_signer;

int checkpoint_vkey_parse(struct str text, struct checkpoint_vkey *vkey, struct error *error) MUST_USE;
void checkpoint_vkey_format(const struct checkpoint_vkey *vkey, struct buffer *out);

/* Loads the key. Where may_be_made, one that is not there is made, with that name: for a log that begins. */
int checkpoint_signer_load(struct checkpoint_signer **signer, const char *path, bool may_be_made, struct str name,
                           struct error *error)
    MUST_USE;
void checkpoint_signer_free(struct checkpoint_signer **signer);
const struct checkpoint_vkey *checkpoint_signer_vkey(const struct checkpoint_signer *signer);
/* Appends the signed note. */
int checkpoint_sign(const struct checkpoint_signer *signer, uint64_t size, const struct sha256 *root,
                    struct buffer *note, struct error *error) MUST_USE;

/* Reads a note's text without looking at signatures. */
int checkpoint_parse(struct str note, struct checkpoint *checkpoint, struct error *error) MUST_USE;
/* Parses it, wants the vkey's name as its origin, and a good signature by the vkey. */
int checkpoint_verify(struct str note, const struct checkpoint_vkey *vkey, struct checkpoint *checkpoint,
                      struct error *error) MUST_USE;

#endif
