/* Sealed payloads: text (SQL, prompts, reasons) that stays outside of the log and can be erased.
 *
 * Each session has its own random data key, wrapped by the key-encryption key (KEK) of the installation. A payload is
 * AES-256-GCM over a fresh MAC key and the text; the log gets only the commitment: SHA-256 of the ciphertext, and
 * HMAC-SHA256 of the text under that MAC key, which is sealed with it. Without the keys a commitment says nothing about
 * the text; with them it proves it. Erasing = overwriting the session's key record (or the payload) with zeros.
 *
 * What else the log has of a text (the digest of an action, of its parameters) is keyed by the same MAC key, so that it is
 * gone with the payload, and nobody without it can try values out: seal_choose_key, seal_keyed_hash.
 *
 *     sealed/<run>-<worker>.payloads   appended by one worker: header, ciphertext
 *     sealed/<run>-<worker>.keys       fixed-size records: session, wrapped data key
 *
 * One sealer a worker thread; not thread-safe. seal_put only computes and buffers (a few microseconds, no system call
 * until the buffer is full); sealer_flush writes. Flush before the entry that holds the commitment is submitted.
 * Nothing here parks; keys are wiped when freed. */
#ifndef SWORN_LEDGER_SEAL_H
#define SWORN_LEDGER_SEAL_H

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

#define SEAL_KEK_BYTES 32u
#define SEAL_MAC_KEY_BYTES 32u
#define SEAL_PLAINTEXT_MAX_BYTES (64u * 1024u * 1024u)
#define SEAL_REFERENCE_MAX_BYTES 96u

struct sealer;
struct seal_session;

/* Where a payload lies. As text: "<run hex>-<worker>:<payload offset>:<key offset>". */
struct seal_reference {
    uint64_t run;
    uint32_t worker;
    uint64_t payload_offset;
    uint64_t key_offset;
};

struct seal_commitment {
    struct seal_reference reference;
    struct sha256 ciphertext; /* SHA-256 of the payload's ciphertext */
    struct sha256 plaintext;  /* HMAC-SHA256 of the text under the sealed MAC key */
    uint64_t length;          /* of the text, in bytes */
};

/* Reads the 32-byte key file. Where may_be_made, one that is not there is created (random, 0600): for a log that begins;
 * without the key of one that exists nothing of it can be opened, and a new one would hide that. */
int seal_kek_load(const char *path, bool may_be_made, struct secret *kek, struct error *error) MUST_USE;

/* folder is created if missing; run is a random number of this gateway run, the same for all workers. */
int sealer_new(struct sealer **sealer, const char *folder, struct str kek, uint64_t run, uint32_t worker,
               struct error *error) MUST_USE;
void sealer_free(struct sealer **sealer); /* what was not flushed is lost */
/* Writes what is pending and makes it durable: an entry must not commit to a text that a power cut takes. */
int sealer_flush(struct sealer *sealer, struct error *error) MUST_USE;

/* A session's data key. Its record is buffered like payloads. Free the session when it ends; that wipes the key. */
int seal_session_begin(struct sealer *sealer, uint64_t session, struct seal_session **out, struct error *error)
    MUST_USE;
void seal_session_free(struct seal_session **session);
/* The same text again in one session (of the last few) returns the earlier commitment and writes nothing. */
int seal_put(struct sealer *sealer, struct seal_session *session, struct str plaintext, struct seal_commitment *out,
             struct error *error) MUST_USE;
/* The MAC key that this text will be sealed under: that of the earlier payload, or a new one. */
void seal_choose_key(struct sealer *sealer, const struct seal_session *session, struct str plaintext,
                     uint8_t key[SEAL_MAC_KEY_BYTES]);
/* seal_put under that key. */
int seal_put_under(struct sealer *sealer, struct seal_session *session, struct str plaintext,
                   const uint8_t key[SEAL_MAC_KEY_BYTES], struct seal_commitment *out, struct error *error) MUST_USE;
/* HMAC-SHA256 of domain, NUL, data. */
struct sha256 seal_keyed_hash(const uint8_t key[SEAL_MAC_KEY_BYTES], const char *domain, struct str data);

/* The same by the installation's key: for what is no text of a session. Any length. */
struct sha256 sealer_keyed_hash(const struct sealer *sealer, const char *domain, struct str data);

/* {"ciphertext":"<hex>","length":N,"plaintext":"<hex>","reference":"..."} as the next value of the writer. */
void seal_commitment_write(struct json_writer *writer, const struct seal_commitment *commitment);
int seal_commitment_parse(struct str json, struct seal_commitment *out, struct error *error) MUST_USE;
int seal_reference_parse(struct str text, struct seal_reference *out) MUST_USE;

/* Opens a payload and checks it against its commitment. ERROR_NOT_FOUND: erased (zeros) or not there; ERROR_INVALID:
 * it is not what was committed to; ERROR_DENIED: not this KEK. The text is appended to plaintext. */
int seal_open(const char *folder, struct str kek, const struct seal_commitment *commitment, struct buffer *plaintext,
              struct error *error) MUST_USE;
/* Is what was sealed still there? Without any key: the ciphertext is the one that was committed to. */
enum seal_state {
    SEAL_WHOLE,
    SEAL_ERASED,  /* overwritten with zeros, the payload or its session's key */
    SEAL_MISSING, /* the file is gone, or shorter */
    SEAL_CHANGED,
};
enum seal_state seal_look(const char *folder, const struct seal_commitment *commitment);
/* The same, and the MAC key that was sealed with the text. */
int seal_open_with_key(const char *folder, struct str kek, const struct seal_commitment *commitment,
                       struct buffer *plaintext, uint8_t key[SEAL_MAC_KEY_BYTES], struct error *error) MUST_USE;

#endif
