/* TLS 1.2 and 1.3 for streams (OpenSSL 3).
 *
 * A context is shared by all workers and counts its users: it may be freed while streams still run on it (so
 * certificates are reloaded by making a new context). Paths name PEM files. stream_start_tls_* park. */
#ifndef SWORN_RUN_TLS_H
#define SWORN_RUN_TLS_H

#include "run/stream.h"

#define TLS_ALPN_MAX 8

struct tls_server;
struct tls_client;

struct tls_server_options {
    const char *certificate_path; /* leaf first, then its chain */
    const char *key_path; /* not protected by a password */
    /* Protocols we speak, most wanted first, ended by NULL; NULL: no ALPN. A client that offers ALPN and shares none of
     * them is refused (RFC 7301 section 3.2). */
    const char *const *alpn;
};

enum tls_verify {
    TLS_VERIFY_NONE, /* encrypts, authenticates nobody */
    TLS_VERIFY_CA,   /* the chain must lead to a trusted CA */
    TLS_VERIFY_FULL, /* and the certificate must be for the host's name or address */
};

struct tls_client_options {
    enum tls_verify verify;
    const char *ca_path; /* NULL: the system's store */
    const char *const *alpn;
};

/* NULL when a file cannot be used; the error names it. */
struct tls_server *tls_server_new(const struct tls_server_options *options, struct error *error) MUST_USE;
void tls_server_free(struct tls_server **server);
struct tls_client *tls_client_new(const struct tls_client_options *options, struct error *error) MUST_USE;
void tls_client_free(struct tls_client **client);

enum tls_start {
    /* After an agreement in clear (SSLRequest, STARTTLS): bytes that were buffered before the handshake came from who
     * knows whom and are ERROR_PROTOCOL (the class of CVE-2021-23214). */
    TLS_START_UPGRADE,
    /* The connection begins with TLS: bytes buffered so far (looked at with stream_fill and stream_buffered, not
     * consumed) are the beginning of the handshake. */
    TLS_START_DIRECT,
};

/* The output must be flushed before. Failure: ERROR_PROTOCOL with OpenSSL's reason, or as for a read. */
int stream_start_tls_server(struct stream *stream, const struct tls_server *server, enum tls_start start,
                            uint64_t deadline_ns, struct error *error) MUST_USE;
/* host: for SNI (when it is a name) and for TLS_VERIFY_FULL; may be NULL otherwise. A certificate that does not verify
 * is ERROR_DENIED. */
int stream_start_tls_client(struct stream *stream, const struct tls_client *client, const char *host,
                            uint64_t deadline_ns, struct error *error) MUST_USE;

/* True when the bytes (at least 1; the more the better) can be the beginning of a TLS ClientHello record. */
bool tls_is_client_hello(struct str first_bytes);
/* The protocol agreed on by ALPN; empty when none. Borrowed from the stream. */
struct str stream_tls_alpn(const struct stream *stream);
const char *stream_tls_version(const struct stream *stream); /* "TLSv1.3"; NULL without TLS */

#endif
