/* The pool against a server of its own: what is reused and what is not; TLS with ALPN; bodies cut short under TLS. */
#include "wire/http1/pool.h"

#include <stdlib.h>

#include "run/listener.h"
#include "tests/unit/run/certificate.h"
#include "tests/unit/run/harness.h"
#include "wire/http1/body.h"
#include "wire/http1/write.h"

#define ARENA_BYTES ((size_t)1 << 16)
#define CONNECTIONS_MAX 128

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
static char folder[] = "/tmp/sworn-pool-test-XXXXXX";
static char certificate_path[64], key_path[64], socket_path[64];

/* Answers every request with the number of its connection, and does on the side what the target says. */
struct server {
    struct listener *listener;
    struct tls_server *tls;
    struct fiber *acceptor;
    struct fiber *fibers[CONNECTIONS_MAX];
    struct stream *streams[CONNECTIONS_MAX];
    size_t count;
};

struct served {
    struct server *server;
    size_t index;
};

static void answer(struct stream *stream, size_t index, struct str target) {
    char body[32];
    struct buffer *out = stream_output(stream);
    snprintf(body, sizeof(body), "%zu", index);
    CHECK(http_write_status_line(out, 200, STR_NONE, NULL) == 0);
    if (!str_equal(target, STR("/cut"))) http_write_content_length(out, strlen(body));
    http_write_head_end(out);
    buffer_append_cstr(out, body);
    if (str_equal(target, STR("/extra"))) buffer_append_cstr(out, "HTTP/1.1 200 OK\r\n\r\n");
    CHECK(stream_flush(stream, deadline_in_ms(10000), NULL) == 0);
    if (!str_equal(target, STR("/later"))) return;
    CHECK(fiber_sleep(MILLISECONDS(20), NULL) == 0);
    buffer_append_cstr(stream_output(stream), "x");
    CHECK(stream_flush(stream, deadline_in_ms(10000), NULL) == 0);
}

static void serve(void *argument) {
    struct served served = *(struct served *)argument;
    struct stream **stream = &served.server->streams[served.index];
    struct arena arena;
    struct http_head head;
    free(argument);
    arena_init(&arena, ARENA_BYTES);
    bool is_open = served.server->tls == NULL ||
                   stream_start_tls_server(*stream, served.server->tls, TLS_START_DIRECT, deadline_in_ms(10000),
                                           NULL) == 0;
    while (is_open && http_head_read_request(*stream, &limits, deadline_in_ms(60000), &arena, &head, NULL) == 1) {
        answer(*stream, served.index, head.target);
        if (str_equal(head.target, STR("/cut"))) CHECK(shutdown(stream_fd(*stream), SHUT_RDWR) == 0);
        if (str_equal(head.target, STR("/close")) || str_equal(head.target, STR("/cut"))) break;
        arena_reset(&arena);
    }
    stream_close(stream);
    arena_free(&arena);
}

static void accept_all(void *argument) {
    struct server *server = argument;
    char peer[LISTENER_PEER_BYTES];
    int fd;
    while (listener_accept(server->listener, &fd, peer, NULL) == 0) {
        CHECK(server->count < CONNECTIONS_MAX);
        struct served *served = malloc(sizeof(*served));
        CHECK(served != NULL);
        *served = (struct served){server, server->count};
        server->streams[server->count] = stream_from_fd(fd, NULL);
        CHECK(server->streams[server->count] != NULL);
        server->fibers[server->count++] = start_fiber(serve, served);
    }
}

static void server_open(struct server *server, const char *host, struct tls_server *tls) {
    *server = (struct server){.tls = tls};
    server->listener = listener_open(host, 0, LISTENER_BACKLOG, NULL);
    CHECK(server->listener != NULL);
    server->acceptor = start_fiber(accept_all, server);
}

static void server_close(struct server *server) {
    fiber_cancel(server->acceptor);
    fiber_join(server->acceptor);
    for (size_t i = 0; i < server->count; i++) {
        fiber_cancel(server->fibers[i]);
        fiber_join(server->fibers[i]);
    }
    listener_close(&server->listener);
}

static struct wire_upstream target_of(struct server *server, char address[64]) {
    snprintf(address, 64, "127.0.0.1:%u", (unsigned)listener_port(server->listener));
    return (struct wire_upstream){.name = STR("api"), .address = str_from_cstr(address),
                                  .connect_timeout_ns = 10 * NANOSECONDS_PER_SECOND};
}

/* One exchange; the answer's body in text. */
static int exchange(struct http_connection *connection, const char *path, char text[32], struct error *error) {
    struct arena arena;
    struct http_head head;
    struct http_framing framing;
    struct http_body body;
    struct buffer content;
    uint64_t deadline_ns = deadline_in_ms(10000);
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&content, 31);
    struct buffer *out = stream_output(connection->stream);
    CHECK(http_write_request_line(out, STR("GET"), str_from_cstr(path), NULL) == 0);
    CHECK(http_write_field(out, STR("Host"), STR("a"), NULL) == 0);
    http_write_head_end(out);
    CHECK(stream_flush(connection->stream, deadline_ns, NULL) == 0);
    CHECK(http_head_read_answer(connection->stream, &limits, deadline_ns, &arena, &head, NULL) == 1);
    CHECK(http_framing_of_answer(&head, STR("GET"), &framing, NULL) == 0);
    CHECK(http_body_open(&body, connection->stream, &framing, 1000, &limits, &arena, NULL) == 0);
    int result = 1;
    while (result == 1) result = http_body_read(&body, deadline_ns, &content, error);
    struct str view = buffer_view(&content);
    if (view.length > 0) memcpy(text, view.data, view.length);
    text[view.length] = '\0';
    http_body_close(&body);
    buffer_free(&content);
    arena_free(&arena);
    return result;
}

/* Acquires, asks, releases as reusable. Says on which connection of the server it went. */
static long visit(struct http_pool *pool, const struct wire_upstream *target, uint64_t generation, const char *path,
                  bool *is_reused) {
    char text[32];
    struct error error = {0};
    struct http_connection *connection = http_pool_acquire(pool, target, generation, is_reused, &error);
    CHECK(connection != NULL);
    CHECK(exchange(connection, path, text, &error) == 0);
    http_pool_release(pool, &connection, true);
    CHECK(connection == NULL);
    return strtol(text, NULL, 10);
}

struct step {
    const char *name;
    const char *path;
    uint64_t generation;
    uint64_t sleep_ms; /* before it */
    long connection;
    bool is_reused;
};

static void test_reuse(void *argument) {
    static const struct step steps[] = {
        {"the first one connects", "/", 1, 0, 0, false},
        {"the second uses it again", "/", 1, 0, 0, true},
        {"another generation does not", "/", 2, 0, 1, false},
        {"the first generation still does", "/", 1, 0, 0, true},
        {"the last one of this connection", "/close", 1, 0, 0, true},
        {"a connection that was closed is not used", "/", 1, 5, 2, false},
        {"bytes come along with an answer", "/extra", 1, 0, 2, true},
        {"then it is not used", "/", 1, 0, 3, false},
        {"bytes come later", "/later", 1, 0, 3, true},
        {"then it is not used either", "/", 1, 40, 4, false},
        {"the one of the second generation was left alone", "/", 2, 0, 1, true},
    };
    struct server server;
    char address[64];
    server_open(&server, "127.0.0.1", NULL);
    struct wire_upstream target = target_of(&server, address);
    struct http_pool *pool = http_pool_new();
    for (size_t i = 0; i < LENGTH_OF(steps); i++) {
        bool is_reused;
        if (steps[i].sleep_ms > 0) CHECK(fiber_sleep(MILLISECONDS(steps[i].sleep_ms), NULL) == 0);
        is_integer(visit(pool, &target, steps[i].generation, steps[i].path, &is_reused), steps[i].connection,
                   steps[i].name);
        is_integer(is_reused, steps[i].is_reused, "and says so");
    }
    http_pool_free(&pool);
    ok(pool == NULL, "freed");
    server_close(&server);
    (void)argument;
}

static void test_counts(void *argument) {
    struct http_connection *held[HTTP_POOL_IDLE_PER_TARGET_MAX + 6];
    struct server server;
    char address[64];
    bool is_reused;
    struct error error = {0};
    server_open(&server, "127.0.0.1", NULL);
    struct wire_upstream target = target_of(&server, address);
    struct http_pool *pool = http_pool_new();
    for (size_t i = 0; i < LENGTH_OF(held); i++) {
        held[i] = http_pool_acquire(pool, &target, 1, &is_reused, &error);
        CHECK(held[i] != NULL && !is_reused);
    }
    for (size_t i = 0; i < LENGTH_OF(held); i++) http_pool_release(pool, &held[i], true);
    is_integer(http_pool_idle_count(pool), HTTP_POOL_IDLE_PER_TARGET_MAX, "so many stay idle");
    struct http_connection *connection = http_pool_acquire(pool, &target, 1, &is_reused, &error);
    CHECK(connection != NULL);
    ok(is_reused, "they are used again");
    http_pool_release(pool, &connection, false);
    is_integer(http_pool_idle_count(pool), HTTP_POOL_IDLE_PER_TARGET_MAX - 1, "what is not reusable is closed");
    connection = http_pool_connect(&target, 1, &error);
    CHECK(connection != NULL);
    is_integer(http_pool_idle_count(pool), HTTP_POOL_IDLE_PER_TARGET_MAX - 1, "a connection may be asked to be new");
    http_pool_release(pool, &connection, false);
    http_pool_release(pool, &connection, false);
    http_pool_free(&pool);
    server_close(&server);
    (void)argument;
}

static void test_idle_limit(void *argument) {
    struct server server;
    char address[64];
    bool is_reused;
    server_open(&server, "127.0.0.1", NULL);
    struct wire_upstream target = target_of(&server, address);
    struct http_pool *pool = http_pool_new();
    http_pool_set_idle_limit(pool, MILLISECONDS(50));
    visit(pool, &target, 1, "/", &is_reused);
    CHECK(fiber_sleep(MILLISECONDS(60), NULL) == 0);
    is_integer(visit(pool, &target, 1, "/", &is_reused), 1, "what was idle for too long is not used");
    is_integer(http_pool_idle_count(pool), 1, "and gone");
    CHECK(fiber_sleep(2 * HTTP_POOL_SWEEP_NS + MILLISECONDS(100), NULL) == 0);
    is_integer(http_pool_idle_count(pool), 0, "nobody has to ask for it to go");
    http_pool_set_idle_limit(pool, HTTP_POOL_IDLE_NS);
    visit(pool, &target, 1, "/close", &is_reused);
    CHECK(fiber_sleep(HTTP_POOL_SWEEP_NS + MILLISECONDS(200), NULL) == 0);
    is_integer(http_pool_idle_count(pool), 0, "nor for what the server has closed");
    http_pool_free(&pool);
    server_close(&server);
    (void)argument;
}

static void test_unix(void *argument) {
    struct server server;
    char address[80];
    bool is_reused;
    server_open(&server, socket_path, NULL);
    snprintf(address, sizeof(address), "unix:%s", socket_path);
    struct wire_upstream target = {.name = STR("api"), .address = str_from_cstr(address),
                                   .connect_timeout_ns = 10 * NANOSECONDS_PER_SECOND};
    struct http_pool *pool = http_pool_new();
    visit(pool, &target, 1, "/", &is_reused);
    is_integer(visit(pool, &target, 1, "/", &is_reused), 0, "a Unix socket is used again");
    ok(is_reused, "as others are");
    server_close(&server);
    struct error error = {0};
    ok(http_pool_acquire(pool, &target, 1, &is_reused, &error) == NULL, "a server that has gone is none");
    is_integer(error.code, ERROR_UNAVAILABLE, "and that is said");
    ok(str_starts_with(str_from_cstr(error.text), STR("upstream api: ")), "by its name");
    http_pool_free(&pool);
    (void)argument;
}

static void test_tls(void *argument) {
    static const char *const http11[] = {"http/1.1", NULL};
    static const char *const h2[] = {"h2", NULL};
    static const char *const both[] = {"h2", "http/1.1", NULL};
    struct tls_server_options server_options = {certificate_path, key_path, http11};
    struct tls_client_options options = {TLS_VERIFY_FULL, certificate_path, http11};
    struct tls_server *tls = tls_server_new(&server_options, NULL);
    struct tls_client *client = tls_client_new(&options, NULL), *other = tls_client_new(&options, NULL);
    options.alpn = both;
    struct tls_client *greedy = tls_client_new(&options, NULL);
    CHECK(tls != NULL && client != NULL && other != NULL && greedy != NULL);
    struct server server;
    char address[64], text[32];
    bool is_reused;
    struct error error = {0};
    server_open(&server, "127.0.0.1", tls);
    struct wire_upstream target = target_of(&server, address);
    struct http_pool *pool = http_pool_new();
    target.tls = client;
    is_integer(visit(pool, &target, 1, "/", &is_reused), 0, "TLS connects");
    is_integer(visit(pool, &target, 1, "/", &is_reused), 0, "and is used again");
    ok(is_reused, "as it is quiet");
    target.tls = other;
    is_integer(visit(pool, &target, 1, "/", &is_reused), 1, "another TLS context is another target");
    struct http_connection *connection = http_pool_acquire(pool, &target, 1, &is_reused, &error);
    CHECK(connection != NULL);
    is_integer(exchange(connection, "/cut", text, &error), -1, "a body until the end needs the end that TLS has");
    ok(str_find(str_from_cstr(error.text), STR("ended before")) != STR_NOT_FOUND, "or it was cut short");
    http_pool_release(pool, &connection, false);
    server_close(&server);
    tls_server_free(&tls);
    server_options.alpn = h2;
    tls = tls_server_new(&server_options, NULL);
    CHECK(tls != NULL);
    server_open(&server, "127.0.0.1", tls);
    target = target_of(&server, address);
    target.tls = greedy;
    ok(http_pool_acquire(pool, &target, 1, &is_reused, &error) == NULL, "a server that insists on HTTP/2 is refused");
    is_integer(error.code, ERROR_PROTOCOL, "by ALPN");
    server_close(&server);
    http_pool_free(&pool);
    tls_server_free(&tls);
    tls_client_free(&client);
    tls_client_free(&other);
    tls_client_free(&greedy);
    (void)argument;
}

int main(void) {
    static void (*const tests[])(void *argument) = {test_reuse, test_counts, test_idle_limit, test_unix, test_tls};
    CHECK(mkdtemp(folder) != NULL);
    snprintf(certificate_path, sizeof(certificate_path), "%s/certificate", folder);
    snprintf(key_path, sizeof(key_path), "%s/key", folder);
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    write_certificate(certificate_path, key_path);
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(1, tests[i], NULL);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(folder);
    return tap_done();
}
