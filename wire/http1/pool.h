/* struct http_pool: the idle upstream connections of one worker thread, to be used again (RFC 9112 section 9.3).
 *
 * A connection belongs to whoever acquired it until it is released. It is reused only for a target of the same address,
 * TLS context and generation, and never when its peer has closed it or has sent bytes that nobody asked for: those
 * would be taken for the answer to somebody else's request. Even so a reused connection may end just as a request is
 * sent on it: *is_reused tells the caller that a connection that ends before the answer's first byte means no more than
 * that.
 *
 * http_pool_acquire parks while it connects. All calls are on the worker's thread; the pool outlives its users. */
#ifndef SWORN_WIRE_HTTP1_POOL_H
#define SWORN_WIRE_HTTP1_POOL_H

#include "wire/wire.h"

#define HTTP_POOL_IDLE_MAX 256           /* of all targets together */
#define HTTP_POOL_IDLE_PER_TARGET_MAX 64
#define HTTP_POOL_IDLE_NS (30 * NANOSECONDS_PER_SECOND)
#define HTTP_POOL_SWEEP_NS NANOSECONDS_PER_SECOND
#define HTTP_PORT 80
#define HTTP_TLS_PORT 443

struct http_pool;

/* The stream is the holder's to read and write; it is closed by http_pool_release alone. */
struct http_connection {
    uint32_t magic;
    struct stream *stream;
    /* What it may be reused for. */
    struct str address;
    const struct tls_client *tls;
    uint64_t generation;
    uint64_t idle_since_ns;
};

struct http_pool *http_pool_new(void) MUST_USE; /* NULL when memory is out */
/* Closes all idle connections. Those still in use are to be released before. Accepts NULL. */
void http_pool_free(struct http_pool **pool);
/* How long a connection may be idle, for operators of upstreams that close earlier than HTTP_POOL_IDLE_NS. */
void http_pool_set_idle_limit(struct http_pool *pool, uint64_t idle_limit_ns);
size_t http_pool_idle_count(const struct http_pool *pool);

/* Parks. NULL: ERROR_UNAVAILABLE, ERROR_TIMEOUT (target->connect_timeout_ns), ERROR_DENIED (certificate),
 * ERROR_CANCELLED ... generation changes whenever what is behind target may have changed. */
struct http_connection *http_pool_acquire(struct http_pool *pool, const struct wire_upstream *target,
                                          uint64_t generation, bool *is_reused, struct error *error) MUST_USE;
/* Opens a new connection in any case: for a request that is sent again after a reused one had ended. Parks. */
struct http_connection *http_pool_connect(const struct wire_upstream *target, uint64_t generation,
                                          struct error *error) MUST_USE;
/* Gives it back and sets NULL; accepts NULL. is_reusable: all of the request was flushed, all of its answer was read,
 * and both sides said that they keep the connection; otherwise it is closed. */
void http_pool_release(struct http_pool *pool, struct http_connection **connection, bool is_reusable);

#endif
