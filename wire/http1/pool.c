/* Idle connections stand in one array, longest idle first: so few that looking through them costs less than a table. */
#include "wire/http1/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "wire/address.h"

#define POOL_MAGIC 0x9001c0deu
#define CONNECTION_MAGIC 0xc044ec71u

struct http_pool {
    uint32_t magic;
    uint64_t idle_limit_ns;
    struct timer sweep;
    struct http_connection *idle[HTTP_POOL_IDLE_MAX];
    size_t idle_count;
};

static void connection_free(struct http_connection **connection) {
    struct http_connection *closing = *connection;
    if (closing == NULL) return;
    CHECK_MAGIC(closing, CONNECTION_MAGIC);
    stream_close(&closing->stream);
    closing->magic = 0;
    free((char *)(uintptr_t)closing->address.data);
    free(closing);
    *connection = NULL;
}

static struct http_connection *take_idle(struct http_pool *pool, size_t index) {
    struct http_connection *connection = pool->idle[index];
    pool->idle_count--;
    memmove(&pool->idle[index], &pool->idle[index + 1], (pool->idle_count - index) * sizeof(pool->idle[0]));
    return connection;
}

static void drop_idle(struct http_pool *pool, size_t index) {
    struct http_connection *connection = take_idle(pool, index);
    connection_free(&connection);
}

/* Silent and open. The stream's own view is as old as the worker's last look at the kernel, so the kernel is asked. */
static bool is_quiet(const struct http_connection *connection) {
    char byte;
    if (stream_has_closed(connection->stream) || stream_buffered(connection->stream).length > 0) return false;
    ssize_t got = recv(stream_fd(connection->stream), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void sweep(void *argument) {
    struct http_pool *pool = argument;
    CHECK_MAGIC(pool, POOL_MAGIC);
    uint64_t now_ns = clock_monotonic_ns();
    for (size_t i = pool->idle_count; i > 0; i--) {
        const struct http_connection *connection = pool->idle[i - 1];
        bool is_old = now_ns - connection->idle_since_ns >= pool->idle_limit_ns;
        if (is_old || stream_has_closed(connection->stream)) drop_idle(pool, i - 1);
    }
    /* Without memory for the timer nothing is swept until the next release; what is acquired is looked at anyway. */
    if (pool->idle_count > 0 && worker_timer_set(worker_self(), &pool->sweep, now_ns + HTTP_POOL_SWEEP_NS) != 0) return;
}

struct http_pool *http_pool_new(void) {
    struct http_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) return NULL;
    pool->magic = POOL_MAGIC;
    pool->idle_limit_ns = HTTP_POOL_IDLE_NS;
    timer_init(&pool->sweep, sweep, pool);
    return pool;
}

void http_pool_free(struct http_pool **pool) {
    struct http_pool *closing = *pool;
    if (closing == NULL) return;
    CHECK_MAGIC(closing, POOL_MAGIC);
    if (timer_is_set(&closing->sweep)) worker_timer_cancel(worker_self(), &closing->sweep);
    while (closing->idle_count > 0) drop_idle(closing, closing->idle_count - 1);
    closing->magic = 0;
    free(closing);
    *pool = NULL;
}

void http_pool_set_idle_limit(struct http_pool *pool, uint64_t idle_limit_ns) {
    CHECK_MAGIC(pool, POOL_MAGIC);
    pool->idle_limit_ns = idle_limit_ns;
}

size_t http_pool_idle_count(const struct http_pool *pool) {
    CHECK_MAGIC(pool, POOL_MAGIC);
    return pool->idle_count;
}

static bool is_for(const struct http_connection *connection, struct str address, const struct tls_client *tls,
                   uint64_t generation) {
    return connection->generation == generation && connection->tls == tls && str_equal(connection->address, address);
}

/* The one that was used last is the least likely to be closed soon. */
static struct http_connection *reuse(struct http_pool *pool, const struct wire_upstream *target, uint64_t generation) {
    uint64_t now_ns = clock_monotonic_ns();
    for (size_t i = pool->idle_count; i > 0; i--) {
        struct http_connection *connection = pool->idle[i - 1];
        if (!is_for(connection, target->address, target->tls, generation)) continue;
        if (now_ns - connection->idle_since_ns < pool->idle_limit_ns && is_quiet(connection))
            return take_idle(pool, i - 1);
        drop_idle(pool, i - 1);
    }
    return NULL;
}

static int start_tls(struct stream *stream, const struct wire_upstream *target, const char *host, uint64_t deadline_ns,
                     struct error *error) {
    if (stream_start_tls_client(stream, target->tls, host, deadline_ns, error) != 0) return -1;
    struct str protocol = stream_tls_alpn(stream);
    if (protocol.length == 0 || str_equal(protocol, STR("http/1.1"))) return 0;
    return error_set(error, ERROR_PROTOCOL, "it wants to speak %.*s, not http/1.1", STR_ARGS(protocol));
}

static struct stream *open_stream(const struct wire_upstream *target, struct error *error) {
    char host[WIRE_HOST_BYTES_MAX];
    uint16_t port;
    uint64_t deadline_ns = clock_monotonic_ns() + target->connect_timeout_ns;
    uint16_t default_port = target->tls != NULL ? HTTP_TLS_PORT : HTTP_PORT;
    if (wire_address_split(target->address, default_port, host, &port, error) != 0) return NULL;
    struct stream *stream = stream_connect(host, port, deadline_ns, error);
    if (stream != NULL && target->tls != NULL && start_tls(stream, target, host, deadline_ns, error) != 0)
        stream_close(&stream);
    return stream;
}

struct http_connection *http_pool_connect(const struct wire_upstream *target, uint64_t generation,
                                          struct error *error) {
    struct http_connection *connection = calloc(1, sizeof(*connection));
    char *address = str_to_cstr(target->address);
    if (connection == NULL || address == NULL) {
        free(connection);
        free(address);
        error_out_of_memory(error);
        return NULL;
    }
    *connection = (struct http_connection){
        .magic = CONNECTION_MAGIC, .address = str_from_cstr(address), .tls = target->tls, .generation = generation};
    connection->stream = open_stream(target, error);
    if (connection->stream != NULL) return connection;
    error_prefix(error, "upstream %.*s", STR_ARGS(target->name));
    connection_free(&connection);
    return NULL;
}

struct http_connection *http_pool_acquire(struct http_pool *pool, const struct wire_upstream *target,
                                          uint64_t generation, bool *is_reused, struct error *error) {
    CHECK_MAGIC(pool, POOL_MAGIC);
    struct http_connection *connection = reuse(pool, target, generation);
    *is_reused = connection != NULL;
    return connection != NULL ? connection : http_pool_connect(target, generation, error);
}

/* Makes room for one more like this one: the longest idle goes. */
static void make_room(struct http_pool *pool, const struct http_connection *like) {
    size_t count = 0, oldest = 0;
    for (size_t i = pool->idle_count; i > 0; i--) {
        if (!is_for(pool->idle[i - 1], like->address, like->tls, like->generation)) continue;
        count++;
        oldest = i - 1;
    }
    if (count >= HTTP_POOL_IDLE_PER_TARGET_MAX) drop_idle(pool, oldest);
    else if (pool->idle_count == HTTP_POOL_IDLE_MAX) drop_idle(pool, 0);
}

void http_pool_release(struct http_pool *pool, struct http_connection **connection, bool is_reusable) {
    struct http_connection *released = *connection;
    if (released == NULL) return;
    CHECK_MAGIC(pool, POOL_MAGIC);
    CHECK_MAGIC(released, CONNECTION_MAGIC);
    bool is_kept = is_reusable && !stream_has_closed(released->stream) &&
                   stream_buffered(released->stream).length == 0 && !worker_is_stopping(worker_self());
    if (!is_kept) {
        connection_free(connection);
        return;
    }
    *connection = NULL;
    make_room(pool, released);
    released->idle_since_ns = clock_monotonic_ns();
    pool->idle[pool->idle_count++] = released;
    if (timer_is_set(&pool->sweep)) return;
    if (worker_timer_set(worker_self(), &pool->sweep, released->idle_since_ns + HTTP_POOL_SWEEP_NS) != 0)
        drop_idle(pool, pool->idle_count - 1); /* nothing would end it in time */
}
