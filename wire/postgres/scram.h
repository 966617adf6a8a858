/* SCRAM-SHA-256 as a client (RFC 5802, RFC 7677), without channel binding, and PostgreSQL's MD5 password (PostgreSQL
 * 15 documentation, 55.2.1). Pure functions; scram_client_finish derives the key, which takes milliseconds: call it on
 * a helper thread.
 *
 * The password is used as it stands: SASLprep leaves ASCII as it is; other text has to be configured in NFKC. */
#ifndef SWORN_WIRE_POSTGRES_SCRAM_H
#define SWORN_WIRE_POSTGRES_SCRAM_H

#include "base/digest.h"
#include "base/error.h"

#define SCRAM_MECHANISM "SCRAM-SHA-256"
#define SCRAM_NONCE_BYTES 24 /* 18 random bytes as base64 */
#define SCRAM_MESSAGE_BYTES_MAX 2048
#define SCRAM_ITERATIONS_MAX 1000000

struct scram_client {
    char nonce[SCRAM_NONCE_BYTES];
    size_t nonce_length;
    struct sha256 server_signature; /* what the server has to show at the end */
    bool has_signature;
};

void scram_client_init(struct scram_client *client); /* draws the nonce */
/* client-first-message, with its GS2 header. username is usually empty: PostgreSQL takes it from the startup packet. */
void scram_client_start(const struct scram_client *client, struct str username, struct buffer *out);
/* Reads server-first-message and appends client-final-message. */
int scram_client_finish(struct scram_client *client, struct str username, struct str password,
                        struct str server_first, struct buffer *out, struct error *error) MUST_USE;
/* Reads server-final-message: the server has shown that it knows the password. */
int scram_client_verify(const struct scram_client *client, struct str server_final, struct error *error) MUST_USE;

#define MD5_PASSWORD_BYTES 36 /* "md5" + 32 hex digits + NUL */

/* "md5" + hex(md5(hex(md5(password user)) salt)). -1 where MD5 is not available (FIPS). */
int md5_password(struct str user, struct str password, struct str salt, char out[MD5_PASSWORD_BYTES],
                 struct error *error) MUST_USE;

#endif
