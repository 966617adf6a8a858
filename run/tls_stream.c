/* TLS on a stream.
 *
 * OpenSSL reads and writes through a BIO of ours over the stream's socket. Reading: it takes bytes that were buffered
 * before a direct handshake, then the socket's, without a system call when the cached readiness says there is nothing.
 * Writing: it always succeeds, because what the socket does not take waits in `backlog`, which is sent before more is
 * encrypted. So OpenSSL never wants to write while it reads, nothing half-written is stuck inside of it, and one reader
 * and one writer fiber can use it in turn. Handshakes run on the worker's stack: certificate checks go deep. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "run/stream_internal.h"
#include "run/tls_context.h"

#define RECORD_BYTES_MAX 16384u               /* RFC 8446 section 5.1 */
#define BACKLOG_CAP_BYTES ((size_t)256 << 10) /* a handshake's flight or one record, with much to spare */
#define HANDSHAKE_ROUNDS_MAX 1000             /* reads before we give up on a peer that trickles bytes */

struct tls_session {
    SSL *ssl;
    struct buffer early; /* bytes read before a direct handshake */
    struct buffer backlog;
    struct error socket_error; /* of the BIO's last call, if code is set */
    bool has_failed;
    int handshake_result;
};

static int bio_read(BIO *bio, char *out, size_t room, size_t *count) {
    struct stream *stream = BIO_get_data(bio);
    struct tls_session *tls = stream->tls;
    BIO_clear_retry_flags(bio);
    size_t early = buffer_length(&tls->early);
    if (early > 0) {
        *count = early < room ? early : room;
        memcpy(out, buffer_view(&tls->early).data, *count);
        buffer_consume(&tls->early, *count);
        if (buffer_length(&tls->early) == 0) buffer_free(&tls->early);
        return 1;
    }
    enum io_result result = stream_socket_read(stream, out, room, count, &tls->socket_error);
    if (result == IO_WAIT) BIO_set_retry_read(bio);
    if (result == IO_END) stream->is_at_end = true;
    return result == IO_DONE;
}

static int bio_write(BIO *bio, const char *data, size_t length, size_t *count) {
    struct stream *stream = BIO_get_data(bio);
    struct tls_session *tls = stream->tls;
    BIO_clear_retry_flags(bio);
    size_t sent = 0;
    if (buffer_length(&tls->backlog) == 0) {
        struct iovec part = {(void *)(uintptr_t)data, length};
        if (stream_socket_write(stream, &part, 1, &sent, &tls->socket_error) == IO_FAILED) return 0;
    }
    buffer_append(&tls->backlog, data + sent, length - sent);
    if (buffer_failed(&tls->backlog)) {
        error_set(&tls->socket_error, ERROR_LIMIT, "the peer does not read what TLS has to send");
        return 0;
    }
    *count = length;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    struct stream *stream = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF) return stream->is_at_end;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void) {
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sworn stream");
    if (bio_method == NULL) return;
    BIO_meth_set_read_ex(bio_method, bio_read);
    BIO_meth_set_write_ex(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_control);
}

static BIO *new_bio(struct stream *stream) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_bio_method);
    BIO *bio = bio_method != NULL ? BIO_new(bio_method) : NULL;
    if (bio == NULL) return NULL;
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    return bio;
}

void tls_session_free(struct tls_session **session) {
    if (*session == NULL) return;
    SSL_free((*session)->ssl);
    buffer_free(&(*session)->early);
    buffer_free(&(*session)->backlog);
    free(*session);
    *session = NULL;
}

bool tls_session_has_backlog(const struct stream *stream) {
    return stream->tls != NULL && buffer_length(&stream->tls->backlog) > 0;
}

enum io_result tls_session_send_backlog(struct stream *stream, struct error *error) {
    struct buffer *backlog = &stream->tls->backlog;
    while (buffer_length(backlog) > 0) {
        struct str held = buffer_view(backlog);
        struct iovec part = {(void *)(uintptr_t)held.data, held.length};
        size_t sent = 0;
        enum io_result result = stream_socket_write(stream, &part, 1, &sent, error);
        if (result != IO_DONE) return result;
        buffer_consume(backlog, sent);
    }
    buffer_free(backlog);
    return IO_DONE;
}

static enum io_result fail(struct stream *stream, const char *what, struct error *error) {
    struct tls_session *tls = stream->tls;
    tls->has_failed = true;
    if (tls->socket_error.code != ERROR_NONE) {
        ERR_clear_error();
        if (error != NULL) *error = tls->socket_error;
    } else {
        tls_set_error(error, ERROR_PROTOCOL, what);
    }
    return IO_FAILED;
}

enum io_result tls_session_read(struct stream *stream, char *out, size_t room, size_t *count, struct error *error) {
    struct tls_session *tls = stream->tls;
    ERR_clear_error();
    if (tls->has_failed) return fail(stream, "TLS had failed before this read", error);
    if (SSL_read_ex(tls->ssl, out, room, count) == 1) return IO_DONE;
    *count = 0;
    switch (SSL_get_error(tls->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return IO_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    default:
        if (!stream->is_at_end) return fail(stream, "TLS failed while reading", error);
        ERR_clear_error();
        tls->has_failed = true;
        stream->was_truncated = true;
        return IO_END;
    }
}

enum io_result tls_session_write(struct stream *stream, struct str data, size_t *count, struct error *error) {
    struct tls_session *tls = stream->tls;
    CHECK(buffer_length(&tls->backlog) == 0);
    size_t length = data.length < RECORD_BYTES_MAX ? data.length : RECORD_BYTES_MAX;
    ERR_clear_error();
    if (tls->has_failed || SSL_write_ex(tls->ssl, data.data, length, count) != 1) {
        *count = 0;
        return fail(stream, "TLS failed while writing", error);
    }
    return IO_DONE;
}

void tls_session_say_goodbye(struct stream *stream) {
    struct tls_session *tls = stream->tls;
    if (tls->has_failed || !SSL_is_init_finished(tls->ssl)) return;
    if ((SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) != 0) return;
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

static void run_handshake(void *argument) {
    struct tls_session *tls = argument;
    ERR_clear_error();
    tls->handshake_result = SSL_do_handshake(tls->ssl);
    if (tls->handshake_result != 1) tls->handshake_result = -SSL_get_error(tls->ssl, tls->handshake_result);
}

static int explain_failure(struct stream *stream, struct error *error) {
    struct tls_session *tls = stream->tls;
    tls->has_failed = true;
    long verified = SSL_get_verify_result(tls->ssl);
    if (!SSL_is_server(tls->ssl) && verified != X509_V_OK && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE) {
        ERR_clear_error();
        return error_set(error, ERROR_DENIED, "the server's certificate is not accepted: %s",
                         X509_verify_cert_error_string(verified));
    }
    if (stream->is_at_end) {
        ERR_clear_error();
        return error_set(error, ERROR_CLOSED, "the peer closed the connection during the TLS handshake");
    }
    fail(stream, "the TLS handshake failed", error);
    return -1;
}

static int send_flight(struct stream *stream, uint64_t deadline_ns, struct error *error) {
    enum io_result result;
    while ((result = tls_session_send_backlog(stream, error)) == IO_WAIT) {
        if (watch_wait_writable(&stream->watch, deadline_ns, error) < 0) return -1;
    }
    return result == IO_DONE ? 0 : -1;
}

static int shake_hands(struct stream *stream, uint64_t deadline_ns, struct error *error) {
    struct tls_session *tls = stream->tls;
    for (int round = 0; round < HANDSHAKE_ROUNDS_MAX; round++) {
        fiber_call_on_worker_stack(run_handshake, tls);
        if (tls->handshake_result != 1 && tls->handshake_result != -SSL_ERROR_WANT_READ) {
            return explain_failure(stream, error);
        }
        if (send_flight(stream, deadline_ns, error) < 0) return -1;
        if (tls->handshake_result == 1) return 0;
        if (worker_charge_io(error) < 0) return -1;
        if (watch_wait_readable(&stream->watch, deadline_ns, error) < 0) return -1;
    }
    return error_set(error, ERROR_LIMIT, "the TLS handshake took more than %d reads", HANDSHAKE_ROUNDS_MAX);
}

static int check_start(struct stream *stream, enum tls_start start, struct error *error) {
    CHECK(stream->tls == NULL && buffer_length(&stream->output) == 0);
    if (start == TLS_START_DIRECT || buffer_length(&stream->input) == 0) return 0;
    return error_set(error, ERROR_PROTOCOL, "the peer sent %zu bytes in clear ahead of the TLS handshake",
                     buffer_length(&stream->input));
}

static int attach_session(struct stream *stream, SSL_CTX *context, struct error *error) {
    struct tls_session *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) return error_out_of_memory(error);
    tls->has_failed = true; /* until it is whole: nothing may be read or written in clear from here on */
    buffer_init(&tls->backlog, BACKLOG_CAP_BYTES);
    tls->early = stream->input; /* its bytes become the handshake's first */
    buffer_init(&stream->input, tls->early.cap_bytes);
    stream->tls = tls;
    tls->ssl = SSL_new(context);
    BIO *bio = tls->ssl != NULL ? new_bio(stream) : NULL;
    if (bio == NULL) return tls_set_error(error, ERROR_MEMORY, "cannot start TLS");
    SSL_set_bio(tls->ssl, bio, bio);
    tls->has_failed = false;
    return 0;
}

int stream_start_tls_server(struct stream *stream, const struct tls_server *server, enum tls_start start,
                            uint64_t deadline_ns, struct error *error) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    if (check_start(stream, start, error) < 0 || attach_session(stream, server->context, error) < 0) return -1;
    SSL_set_accept_state(stream->tls->ssl);
    return shake_hands(stream, deadline_ns, error);
}

static bool is_address(const char *host) {
    ASN1_OCTET_STRING *parsed = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(parsed);
    ERR_clear_error();
    return parsed != NULL;
}

static int expect_host(SSL *ssl, enum tls_verify verify, const char *host, struct error *error) {
    CHECK(host != NULL || verify != TLS_VERIFY_FULL);
    if (host == NULL) return 0;
    bool is_ip = is_address(host);
    /* SSL_set_tlsext_host_name(), whose macro casts const away */
    bool is_set = is_ip || SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                    (void *)(uintptr_t)host) == 1;
    if (is_set && verify == TLS_VERIFY_FULL) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_set = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 : SSL_set1_host(ssl, host) == 1;
    }
    return is_set ? 0 : tls_set_error(error, ERROR_INVALID, "the host name cannot be used for TLS");
}

int stream_start_tls_client(struct stream *stream, const struct tls_client *client, const char *host,
                            uint64_t deadline_ns, struct error *error) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    if (check_start(stream, TLS_START_UPGRADE, error) < 0) return -1;
    if (attach_session(stream, client->context, error) < 0) return -1;
    if (expect_host(stream->tls->ssl, client->verify, host, error) < 0) return -1;
    SSL_set_connect_state(stream->tls->ssl);
    return shake_hands(stream, deadline_ns, error);
}

/* A record header (type 22, version 3.x) and the handshake type of a ClientHello. */
bool tls_is_client_hello(struct str first_bytes) {
    const unsigned char *bytes = (const unsigned char *)first_bytes.data;
    size_t length = first_bytes.length;
    return length >= 1 && bytes[0] == 22 && (length < 2 || bytes[1] == 3) && (length < 6 || bytes[5] == 1);
}

struct str stream_tls_alpn(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    const unsigned char *name = NULL;
    unsigned int length = 0;
    if (stream->tls != NULL) SSL_get0_alpn_selected(stream->tls->ssl, &name, &length);
    return str_make(name, length);
}

const char *stream_tls_version(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return stream->tls != NULL ? SSL_get_version(stream->tls->ssl) : NULL;
}
