/* TLS on streams: handshakes, verification, ALPN, bulk both ways, direct start, bytes ahead of the handshake. */
#include "run/tls.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>

#include "run/offload.h"
#include "run/stream_internal.h"
#include "tests/unit/run/certificate.h"
#include "tests/unit/run/harness.h"

/* A self-signed certificate for "gateway.test" and 127.0.0.1, in files under a directory of the test's own. */
static char directory[] = "/tmp/sworn-tls-test-XXXXXX";
static char certificate_path[64], key_path[64], other_path[64], junk_path[64];

static void write_files(void) {
    CHECK(mkdtemp(directory) != NULL);
    snprintf(certificate_path, sizeof(certificate_path), "%s/certificate", directory);
    snprintf(key_path, sizeof(key_path), "%s/key", directory);
    snprintf(other_path, sizeof(other_path), "%s/other", directory);
    snprintf(junk_path, sizeof(junk_path), "%s/junk", directory);
    write_certificate(certificate_path, key_path);
    write_certificate(other_path, NULL);
    FILE *file = fopen(junk_path, "w");
    CHECK(file != NULL && fputs("junk", file) > 0 && fclose(file) == 0);
}

static void remove_files(void) {
    unlink(certificate_path);
    unlink(key_path);
    unlink(other_path);
    unlink(junk_path);
    rmdir(directory);
}

static struct tls_server *new_server(const char *const *alpn) {
    struct tls_server_options options = {certificate_path, key_path, alpn};
    struct tls_server *server = tls_server_new(&options, NULL);
    CHECK(server != NULL);
    return server;
}

static struct tls_client *new_client(enum tls_verify verify, const char *ca_path, const char *const *alpn) {
    struct tls_client_options options = {verify, ca_path, alpn};
    struct tls_client *client = tls_client_new(&options, NULL);
    CHECK(client != NULL);
    return client;
}

/* One end of a handshake, run by a fiber of its own. */
struct end {
    struct stream *stream;
    const struct tls_server *server; /* or NULL: */
    const struct tls_client *client;
    const char *host;
    enum tls_start start;
    size_t peeked;
    int result;
    struct error error;
};

static void shake_hands(void *argument) {
    struct end *end = argument;
    uint64_t deadline_ns = deadline_in_ms(20000);
    if (end->peeked > 0) CHECK(stream_fill(end->stream, end->peeked, deadline_ns, NULL) == 0);
    if (end->server != NULL) {
        end->result = stream_start_tls_server(end->stream, end->server, end->start, deadline_ns, &end->error);
    } else {
        end->result = stream_start_tls_client(end->stream, end->client, end->host, deadline_ns, &end->error);
    }
    if (end->result < 0) stream_shutdown(end->stream);
}

struct session {
    struct end near; /* the client */
    struct end far;  /* the server */
};

static void open_streams(struct session *session) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    session->near.stream = stream_from_fd(ends[0], NULL);
    session->far.stream = stream_from_fd(ends[1], NULL);
    CHECK(session->near.stream != NULL && session->far.stream != NULL);
}

static void run_handshakes(struct session *session) {
    struct fiber *near = start_fiber(shake_hands, &session->near), *far = start_fiber(shake_hands, &session->far);
    fiber_join(near);
    fiber_join(far);
}

static void close_streams(struct session *session) {
    stream_close(&session->near.stream);
    stream_close(&session->far.stream);
}

static void test_verification(void *argument) {
    static const struct {
        const char *name;
        enum tls_verify verify;
        bool is_other_ca;
        const char *host;
        enum error_code wanted;
    } rows[] = {
        {"no verification accepts anything", TLS_VERIFY_NONE, true, NULL, ERROR_NONE},
        {"no verification, with a name", TLS_VERIFY_NONE, true, "elsewhere.test", ERROR_NONE},
        {"a trusted CA", TLS_VERIFY_CA, false, "elsewhere.test", ERROR_NONE},
        {"an unknown CA", TLS_VERIFY_CA, true, "gateway.test", ERROR_DENIED},
        {"the right name", TLS_VERIFY_FULL, false, "gateway.test", ERROR_NONE},
        {"the right address", TLS_VERIFY_FULL, false, "127.0.0.1", ERROR_NONE},
        {"a wrong name", TLS_VERIFY_FULL, false, "elsewhere.test", ERROR_DENIED},
        {"a wrong address", TLS_VERIFY_FULL, false, "127.0.0.2", ERROR_DENIED},
    };
    struct tls_server *server = new_server(NULL);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct tls_client *client =
            new_client(rows[i].verify, rows[i].is_other_ca ? other_path : certificate_path, NULL);
        struct session session = {.near = {.client = client, .host = rows[i].host}, .far = {.server = server}};
        open_streams(&session);
        run_handshakes(&session);
        is_integer(session.near.result < 0 ? session.near.error.code : ERROR_NONE, rows[i].wanted, rows[i].name);
        if (rows[i].wanted == ERROR_NONE) ok(session.far.result == 0, "and the server agrees");
        close_streams(&session);
        tls_client_free(&client);
    }
    tls_server_free(&server);
    (void)argument;
}

static void test_alpn(void *argument) {
    static const char *const ours[] = {"postgresql", "http/1.1", NULL};
    static const char *const http[] = {"h2", "http/1.1", NULL};
    static const char *const foreign[] = {"h2", NULL};
    static const struct {
        const char *const *offered;
        bool succeeds;
        const char *agreed;
    } rows[] = {{http, true, "http/1.1"}, {NULL, true, ""}, {foreign, false, ""}};
    struct tls_server *server = new_server(ours);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct tls_client *client = new_client(TLS_VERIFY_NONE, NULL, rows[i].offered);
        struct session session = {.near = {.client = client}, .far = {.server = server}};
        open_streams(&session);
        run_handshakes(&session);
        is_integer(session.far.result == 0, rows[i].succeeds, "ALPN succeeds or not, as it should");
        is_str(stream_tls_alpn(session.far.stream), str_from_cstr(rows[i].agreed), "on the protocol in common");
        if (rows[i].succeeds) {
            ok(str_equal_cstr(stream_tls_alpn(session.near.stream), rows[i].agreed), "which the client knows too");
            ok(strcmp(stream_tls_version(session.near.stream), "TLSv1.3") == 0, "under TLS 1.3");
        }
        close_streams(&session);
        tls_client_free(&client);
    }
    tls_server_free(&server);
    (void)argument;
}

#define BULK_BYTES ((size_t)(IS_SANITIZED ? 2 : 16) << 20)

struct bulk {
    struct stream *stream;
    size_t done;
    bool is_right;
};

static char pattern_at(size_t offset) {
    return (char)(offset * 2654435761u >> 13);
}

static void write_bulk(void *argument) {
    struct bulk *bulk = argument;
    static const size_t lengths[] = {1, 100, 5000, 16384, 16385, 70000};
    char *slice = malloc(70000);
    CHECK(slice != NULL);
    for (size_t turn = 0; bulk->done < BULK_BYTES; turn++) {
        size_t length = lengths[turn % LENGTH_OF(lengths)];
        if (length > BULK_BYTES - bulk->done) length = BULK_BYTES - bulk->done;
        for (size_t i = 0; i < length; i++) slice[i] = pattern_at(bulk->done + i);
        buffer_append(stream_output(bulk->stream), slice, length / 2);
        struct str rest = str_make(slice + length / 2, length - length / 2);
        if (stream_write_direct(bulk->stream, rest, deadline_in_ms(60000), NULL) < 0) break;
        bulk->done += length;
    }
    free(slice);
}

static void read_bulk(void *argument) {
    struct bulk *bulk = argument;
    bulk->is_right = true;
    while (bulk->done < BULK_BYTES && bulk->is_right) {
        if (stream_fill(bulk->stream, 1, deadline_in_ms(60000), NULL) < 0) return;
        struct str got = stream_buffered(bulk->stream);
        for (size_t i = 0; i < got.length; i++) bulk->is_right &= got.data[i] == pattern_at(bulk->done + i);
        bulk->done += got.length;
        stream_consume(bulk->stream, got.length);
    }
}

static void open_session(struct session *session, struct tls_server **server, struct tls_client **client) {
    *server = new_server(NULL);
    *client = new_client(TLS_VERIFY_FULL, certificate_path, NULL);
    *session = (struct session){.near = {.client = *client, .host = "gateway.test"}, .far = {.server = *server}};
    open_streams(session);
    run_handshakes(session);
    CHECK(session->near.result == 0 && session->far.result == 0);
    tls_server_free(server); /* streams outlive their contexts */
    tls_client_free(client);
}

static void test_bulk(void *argument) {
    struct tls_server *server;
    struct tls_client *client;
    struct session session;
    open_session(&session, &server, &client);
    struct bulk writers[2] = {{.stream = session.near.stream}, {.stream = session.far.stream}};
    struct bulk readers[2] = {{.stream = session.far.stream}, {.stream = session.near.stream}};
    struct fiber *fibers[4];
    for (int i = 0; i < 2; i++) {
        fibers[i] = start_fiber(write_bulk, &writers[i]);
        fibers[2 + i] = start_fiber(read_bulk, &readers[i]);
    }
    for (int i = 0; i < 4; i++) fiber_join(fibers[i]);
    for (int i = 0; i < 2; i++) {
        ok(readers[i].done == BULK_BYTES && readers[i].is_right, "bulk arrives whole, both ways at once");
    }
    close_streams(&session);
    (void)argument;
}

static void test_ends(void *argument) {
    struct tls_server *server;
    struct tls_client *client;
    struct session session;
    struct error error;
    open_session(&session, &server, &client);
    is_integer(stream_fill(session.near.stream, 1, deadline_in_ms(10), &error), -1, "nothing comes");
    is_integer(error.code, ERROR_TIMEOUT, "before the deadline");
    buffer_append_cstr(stream_output(session.far.stream), "bye");
    CHECK(stream_flush(session.far.stream, deadline_in_ms(10000), NULL) == 0);
    stream_close(&session.far.stream);
    is_integer(stream_fill(session.near.stream, 3, deadline_in_ms(10000), &error), 0, "the last bytes arrive");
    is_integer(stream_fill(session.near.stream, 4, deadline_in_ms(10000), &error), -1, "then the end");
    is_integer(error.code, ERROR_CLOSED, "as ERROR_CLOSED");
    ok(!stream_was_truncated(session.near.stream), "which was announced by close_notify");
    close_streams(&session);

    open_session(&session, &server, &client);
    shutdown(stream_fd(session.far.stream), SHUT_RDWR);
    is_integer(stream_fill(session.near.stream, 1, deadline_in_ms(10000), &error), -1, "an end without close_notify");
    is_integer(error.code, ERROR_CLOSED, "is an end too");
    ok(stream_was_truncated(session.near.stream), "but one that can be told apart");
    close_streams(&session);
    (void)argument;
}

/* A whole plaintext message and the beginning of the handshake in one packet: CVE-2021-23214. */
static void test_bytes_ahead(void *argument) {
    struct tls_server *server = new_server(NULL);
    struct tls_client *client = new_client(TLS_VERIFY_NONE, NULL, NULL);
    struct error error;
    struct session session = {0};
    open_streams(&session);
    buffer_append_cstr(stream_output(session.near.stream), "SSLRequest" "injected");
    CHECK(stream_flush(session.near.stream, deadline_in_ms(10000), NULL) == 0);
    CHECK(stream_fill(session.far.stream, 10, deadline_in_ms(10000), NULL) == 0);
    stream_consume(session.far.stream, 10);
    is_integer(stream_start_tls_server(session.far.stream, server, TLS_START_UPGRADE, FIBER_NO_DEADLINE, &error), -1,
               "bytes in clear ahead of the handshake are refused by a server");
    is_integer(error.code, ERROR_PROTOCOL, "as ERROR_PROTOCOL");
    buffer_append_cstr(stream_output(session.far.stream), "S" "injected");
    CHECK(stream_flush(session.far.stream, deadline_in_ms(10000), NULL) == 0);
    CHECK(stream_fill(session.near.stream, 9, deadline_in_ms(10000), NULL) == 0);
    stream_consume(session.near.stream, 1);
    is_integer(stream_start_tls_client(session.near.stream, client, NULL, FIBER_NO_DEADLINE, &error), -1,
               "and by a client");
    close_streams(&session);
    tls_server_free(&server);
    tls_client_free(&client);
    (void)argument;
}

static void test_direct(void *argument) {
    struct tls_server *server = new_server(NULL);
    struct tls_client *client = new_client(TLS_VERIFY_FULL, certificate_path, NULL);
    struct session session = {.near = {.client = client, .host = "gateway.test"},
                              .far = {.server = server, .start = TLS_START_DIRECT, .peeked = 8}};
    struct error error;
    open_streams(&session);
    run_handshakes(&session);
    ok(session.near.result == 0 && session.far.result == 0, "a handshake whose first bytes were looked at succeeds");
    buffer_append_cstr(stream_output(session.near.stream), "hello");
    CHECK(stream_flush(session.near.stream, deadline_in_ms(10000), NULL) == 0);
    is_integer(stream_fill(session.far.stream, 5, deadline_in_ms(10000), &error), 0, "and carries data");
    is_str(stream_buffered(session.far.stream), STR("hello"), "unharmed");
    close_streams(&session);
    tls_server_free(&server);
    tls_client_free(&client);
    static const struct {
        struct str bytes;
        bool is_hello;
    } rows[] = {{STR("\x16\x03\x01\x02\x00\x01"), true}, {STR("\x16"), true}, {STR("\x16\x03"), true},
                {STR("\x00\x00\x00\x08\x04\xd2"), false}, {STR("\x16\x03\x01\x02\x00\x02"), false}, {STR(""), false}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        is_integer(tls_is_client_hello(rows[i].bytes), rows[i].is_hello, "a ClientHello is told by its first bytes");
    }
    (void)argument;
}

static void test_bad_peers(void *argument) {
    struct tls_server *server = new_server(NULL);
    struct error error;
    struct session session = {0};
    open_streams(&session);
    buffer_append_cstr(stream_output(session.near.stream), "GET / HTTP/1.1\r\n\r\n");
    CHECK(stream_flush(session.near.stream, deadline_in_ms(10000), NULL) == 0);
    uint64_t deadline_ns = deadline_in_ms(10000);
    is_integer(stream_start_tls_server(session.far.stream, server, TLS_START_UPGRADE, deadline_ns, &error), -1,
               "a peer that does not speak TLS fails");
    is_integer(error.code, ERROR_PROTOCOL, "as ERROR_PROTOCOL");
    close_streams(&session);
    open_streams(&session);
    is_integer(stream_start_tls_server(session.far.stream, server, TLS_START_UPGRADE, deadline_in_ms(10), &error), -1,
               "a silent one too");
    is_integer(error.code, ERROR_TIMEOUT, "at the deadline");
    close_streams(&session);
    open_streams(&session);
    stream_close(&session.near.stream);
    deadline_ns = deadline_in_ms(10000);
    is_integer(stream_start_tls_server(session.far.stream, server, TLS_START_UPGRADE, deadline_ns, &error), -1,
               "so does one that leaves");
    is_integer(error.code, ERROR_CLOSED, "with ERROR_CLOSED");
    close_streams(&session);
    tls_server_free(&server);
    (void)argument;
}

/* A client of OpenSSL's own, on a blocking socket and a thread, that changes its keys before each message and asks
 * for ours to be changed as well. */
#define KEY_UPDATES 40

static void *update_keys(void *argument) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    CHECK(ssl != NULL && SSL_set_fd(ssl, *(int *)argument) == 1);
    bool is_right = SSL_connect(ssl) == 1;
    for (int i = 0; i < KEY_UPDATES && is_right; i++) {
        char sent = (char)i, echoed = 0;
        is_right = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_write(ssl, &sent, 1) == 1 &&
                   SSL_read(ssl, &echoed, 1) == 1 && echoed == sent;
    }
    *(int *)argument = is_right ? 1 : 0;
    SSL_shutdown(ssl);
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    SSL_CTX_free(context);
    return NULL;
}

static void test_key_updates(void *argument) {
    int ends[2];
    pthread_t thread;
    struct error error;
    struct tls_server *server = new_server(NULL);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(pthread_create(&thread, NULL, update_keys, &ends[0]) == 0);
    struct stream *stream = stream_from_fd(ends[1], NULL);
    CHECK(stream_start_tls_server(stream, server, TLS_START_UPGRADE, deadline_in_ms(20000), &error) == 0);
    while (stream_fill(stream, 1, deadline_in_ms(20000), &error) == 0) {
        buffer_append_str(stream_output(stream), stream_buffered(stream));
        stream_consume(stream, stream_buffered(stream).length);
        if (stream_flush(stream, deadline_in_ms(20000), &error) < 0) break;
    }
    is_integer(error.code, ERROR_CLOSED, "OpenSSL's own client says goodbye");
    pthread_join(thread, NULL);
    is_integer(ends[0], 1, "and its key updates were followed");
    stream_close(&stream);
    tls_server_free(&server);
    (void)argument;
}

/* A client that asks for many key updates before it reads any answer: the answers fill the socket, and the fiber
 * that only reads has to send what is left of them. */
#define UNREAD_UPDATES 1500

struct hoarder {
    int fd;
    sem_t has_asked;
    sem_t may_read;
    bool is_right;
};

static void *hoard_updates(void *argument) {
    struct hoarder *hoarder = argument;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    char byte = 0;
    CHECK(ssl != NULL && SSL_set_fd(ssl, hoarder->fd) == 1);
    hoarder->is_right = SSL_connect(ssl) == 1;
    for (int i = 0; i < UNREAD_UPDATES && hoarder->is_right; i++) {
        hoarder->is_right = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1;
    }
    sem_post(&hoarder->has_asked);
    sem_wait(&hoarder->may_read);
    hoarder->is_right = hoarder->is_right && SSL_read(ssl, &byte, 1) == 1 && byte == 'x';
    close(hoarder->fd);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return NULL;
}

static void read_until_end(void *argument) {
    while (stream_fill(argument, 1, FIBER_NO_DEADLINE, NULL) == 0) stream_consume(argument, 1);
}

static bool wait_for_backlog(struct stream *stream, bool wanted) {
    for (int i = 0; i < 2000 && tls_session_has_backlog(stream) != wanted; i++) {
        CHECK(fiber_sleep(MILLISECONDS(5), NULL) == 0);
    }
    return tls_session_has_backlog(stream) == wanted;
}

static void wait_for_thread(void *argument) {
    sem_wait(argument);
}

static void test_reader_sends(void *argument) {
    int ends[2];
    pthread_t thread;
    struct tls_server *server = new_server(NULL);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    struct hoarder hoarder = {.fd = ends[0]};
    CHECK(sem_init(&hoarder.has_asked, 0, 0) == 0 && sem_init(&hoarder.may_read, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, hoard_updates, &hoarder) == 0);
    struct stream *stream = stream_from_fd(ends[1], NULL);
    CHECK(stream_start_tls_server(stream, server, TLS_START_UPGRADE, deadline_in_ms(20000), NULL) == 0);
    struct fiber *reader = start_fiber(read_until_end, stream);
    CHECK(offload_run(OFFLOAD_COMPUTE, wait_for_thread, &hoarder.has_asked, NULL) == 0);
    ok(wait_for_backlog(stream, true), "answers to a peer that does not read wait");
    sem_post(&hoarder.may_read);
    ok(wait_for_backlog(stream, false), "and are sent by the fiber that reads, once it does");
    buffer_append_cstr(stream_output(stream), "x");
    CHECK(stream_flush(stream, deadline_in_ms(20000), NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    ok(hoarder.is_right, "in good order with what another fiber writes");
    fiber_join(reader);
    stream_close(&stream);
    tls_server_free(&server);
    (void)argument;
}

/* Nothing may leave in clear once TLS was asked for. */
static void test_no_fallback(void *argument) {
    struct tls_server *server = new_server(NULL);
    struct session session = {0};
    struct error error;
    open_streams(&session);
    CHECK(stream_start_tls_server(session.far.stream, server, TLS_START_UPGRADE, deadline_in_ms(5), &error) < 0);
    buffer_append_cstr(stream_output(session.far.stream), "secret");
    is_integer(stream_flush(session.far.stream, deadline_in_ms(1000), &error), -1, "a failed handshake ends writing");
    is_integer(stream_fill(session.far.stream, 1, deadline_in_ms(1000), &error), -1, "and reading");
    is_integer(stream_counters(session.far.stream)->bytes_written, 0, "and nothing left in clear");
    close_streams(&session);
    tls_server_free(&server);
    (void)argument;
}

static void test_bad_files(void) {
    struct error error;
    struct tls_server_options bad_certificate = {junk_path, key_path, NULL};
    ok(tls_server_new(&bad_certificate, &error) == NULL && strstr(error.text, junk_path) != NULL,
       "an unusable certificate is an error that names its file");
    struct tls_server_options bad_key = {certificate_path, junk_path, NULL};
    ok(tls_server_new(&bad_key, &error) == NULL && strstr(error.text, junk_path) != NULL, "so is an unusable key");
    struct tls_client_options bad_ca = {TLS_VERIFY_CA, "/nonexistent", NULL};
    ok(tls_client_new(&bad_ca, &error) == NULL && strstr(error.text, "/nonexistent") != NULL, "and a missing CA file");
    struct tls_client_options system_store = {TLS_VERIFY_FULL, NULL, NULL};
    struct tls_client *client = tls_client_new(&system_store, &error);
    ok(client != NULL, "the system's store can be used");
    tls_client_free(&client);
}

int main(void) {
    static const struct {
        void (*function)(void *argument);
    } tests[] = {{test_verification}, {test_alpn}, {test_bulk}, {test_ends}, {test_bytes_ahead}, {test_direct},
                 {test_bad_peers}, {test_key_updates}, {test_reader_sends},
                 {test_no_fallback}};
    write_files();
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(1, tests[i].function, NULL);
    test_bad_files();
    remove_files();
    return tap_done();
}
