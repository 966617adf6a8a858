/* stream_connect: the addresses of a name, one after the other. */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/internal.h"
#include "run/resolver.h"
#include "run/socket.h"
#include "run/stream_internal.h"

#define ADDRESSES_MAX 16
#define ATTEMPT_NS (10 * NANOSECONDS_PER_SECOND) /* for an address that others follow */
#define UNIX_RETRY_NS (10 * NANOSECONDS_PER_MILLISECOND)

/* EAGAIN is a Unix socket's full backlog; TCP says EINPROGRESS. */
static int begin_connect(int fd, const struct sockaddr *address, socklen_t length, uint64_t deadline_ns,
                         struct error *error) {
    while (connect(fd, address, length) < 0 && errno != EINPROGRESS) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return error_set_errno(error, "cannot connect");
        if (clock_monotonic_ns() >= deadline_ns) return error_set(error, ERROR_TIMEOUT, "the server is too busy");
        if (fiber_sleep(UNIX_RETRY_NS, error) < 0) return -1;
    }
    return 0;
}

static int wait_until_connected(struct stream *stream, uint64_t deadline_ns, struct error *error) {
    stream->watch.is_readable = stream->watch.is_writable = false;
    if (watch_wait_writable(&stream->watch, deadline_ns, error) < 0) return -1;
    int failure = 0;
    socklen_t length = sizeof(failure);
    if (getsockopt(stream->watch.fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0) failure = errno;
    if (failure == 0) return 0;
    errno = failure;
    return error_set_errno(error, "cannot connect");
}

/* A stream that is registered before the connection stands is told when it does by its first event. */
static struct stream *connect_address(const struct sockaddr *address, socklen_t length, uint64_t deadline_ns,
                                      struct error *error) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_set_errno(error, "cannot create a socket");
        return NULL;
    }
    if (begin_connect(fd, address, length, deadline_ns, error) < 0) {
        close(fd);
        return NULL;
    }
    struct stream *stream = stream_from_fd(fd, error);
    if (stream != NULL && wait_until_connected(stream, deadline_ns, error) < 0) stream_close(&stream);
    return stream;
}

static uint64_t attempt_deadline(const struct addrinfo *address, uint64_t deadline_ns) {
    if (address->ai_next == NULL) return deadline_ns;
    uint64_t attempt_ns = clock_monotonic_ns() + ATTEMPT_NS;
    return attempt_ns < deadline_ns ? attempt_ns : deadline_ns;
}

static struct stream *connect_any(const struct addrinfo *addresses, uint64_t deadline_ns, struct error *error) {
    struct stream *stream = NULL;
    int tried = 0;
    for (const struct addrinfo *at = addresses; at != NULL && tried < ADDRESSES_MAX; at = at->ai_next, tried++) {
        stream = connect_address(at->ai_addr, at->ai_addrlen, attempt_deadline(at, deadline_ns), error);
        if (stream != NULL || error->code == ERROR_CANCELLED) break;
    }
    return stream;
}

static struct stream *connect_unix(const char *path, uint64_t deadline_ns, struct error *error) {
    struct sockaddr_un address;
    if (socket_unix_address(path, &address, error) < 0) return NULL;
    return connect_address((const struct sockaddr *)&address, sizeof(address), deadline_ns, error);
}

static struct stream *connect_tcp(const char *host, uint16_t port, uint64_t deadline_ns, struct error *error) {
    struct resolved *resolved;
    char service[SOCKET_SERVICE_BYTES];
    socket_format_port(port, service);
    struct resolver *resolver = worker_runtime(worker_self())->resolver;
    if (resolver_look_up(resolver, host, service, deadline_ns, &resolved, error) < 0) return NULL;
    struct stream *stream = connect_any(resolved_addresses(resolved), deadline_ns, error);
    resolved_release(&resolved);
    return stream;
}

struct stream *stream_connect(const char *host, uint16_t port, uint64_t deadline_ns, struct error *error) {
    struct error reason = {0};
    bool is_path = socket_host_is_path(host);
    struct stream *stream = is_path ? connect_unix(host, deadline_ns, &reason)
                                    : connect_tcp(host, port, deadline_ns, &reason);
    if (stream != NULL) return stream;
    if (reason.code == ERROR_SYSTEM) reason.code = ERROR_UNAVAILABLE;
    if (is_path) error_prefix(&reason, "%s", host);
    else error_prefix(&reason, "%s:%u", host, (unsigned int)port);
    if (error != NULL) *error = reason;
    return NULL;
}
