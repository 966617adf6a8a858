/* Listening sockets: opening them on any thread, accepting on one worker. */
#include "run/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/socket.h"

#define LISTENER_MAGIC 0x115e4e40u
#define RETRY_NS (100 * NANOSECONDS_PER_MILLISECOND)
#define REPORT_NS (10 * NANOSECONDS_PER_SECOND)

struct listener {
    uint32_t magic;
    int fd;
    char *unix_path; /* removed when closed */
    struct watch watch;
    uint64_t reported_ns;
};

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t length, int backlog, struct error *error) {
    if (bind(fd, address, length) < 0) return error_set_errno(error, "cannot bind");
    if (listen(fd, backlog) < 0) return error_set_errno(error, "cannot listen");
    return 0;
}

static int listen_on(const struct addrinfo *address, int backlog, struct error *error) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return error_set_errno(error, "cannot create a socket");
    int one = 1, zero = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (address->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind_and_listen(fd, address->ai_addr, address->ai_addrlen, backlog, error) == 0) return fd;
    close(fd);
    return -1;
}

/* "All addresses" is one dual-stack IPv6 socket where the machine has IPv6, else IPv4. */
static int listen_tcp(const char *host, uint16_t port, int backlog, struct error *error) {
    bool is_any = host[0] == '\0' || strcmp(host, "*") == 0;
    char service[SOCKET_SERVICE_BYTES];
    socket_format_port(port, service);
    const struct {
        const char *host;
        int family;
    } tries[] = {{is_any ? "::" : host, AF_UNSPEC}, {is_any ? "0.0.0.0" : NULL, AF_INET}};
    int fd = -1;
    for (size_t i = 0; i < LENGTH_OF(tries) && fd < 0 && tries[i].host != NULL; i++) {
        struct addrinfo hints = {.ai_family = tries[i].family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
        struct addrinfo *addresses = NULL;
        int failure = getaddrinfo(tries[i].host, service, &hints, &addresses);
        if (failure != 0) {
            error_set(error, ERROR_INVALID, "cannot look up the address: %s", gai_strerror(failure));
            continue;
        }
        fd = listen_on(addresses, backlog, error);
        freeaddrinfo(addresses);
    }
    return fd;
}

/* A path that a crashed process left behind refuses connections; one that answers is in use. */
static int remove_stale_path(const char *path, const struct sockaddr_un *address, struct error *error) {
    struct stat status;
    if (lstat(path, &status) < 0) return errno == ENOENT ? 0 : error_set_errno(error, "cannot look at the path");
    if (!S_ISSOCK(status.st_mode)) return error_set(error, ERROR_INVALID, "the path exists and is not a socket");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return error_set_errno(error, "cannot create a socket");
    bool is_refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!is_refused) return error_set(error, ERROR_UNAVAILABLE, "another process listens there");
    return unlink(path) == 0 ? 0 : error_set_errno(error, "cannot remove the stale socket");
}

/* The mode is set before bind(), which creates the path with it: there is no moment at which it is open to others. */
static int listen_unix(const char *path, int backlog, struct error *error) {
    struct sockaddr_un address;
    if (socket_unix_address(path, &address, error) < 0 || remove_stale_path(path, &address, error) < 0) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return error_set_errno(error, "cannot create a socket");
    if (fchmod(fd, 0600) == 0 &&
        bind_and_listen(fd, (const struct sockaddr *)&address, sizeof(address), backlog, error) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

struct listener *listener_open(const char *host, uint16_t port, int backlog, struct error *error) {
    struct listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    listener->magic = LISTENER_MAGIC;
    listener->watch.fd = listener->fd = -1;
    bool is_path = socket_host_is_path(host);
    if (is_path && (listener->unix_path = strdup(host)) == NULL) {
        error_out_of_memory(error);
    } else {
        listener->fd = is_path ? listen_unix(host, backlog, error) : listen_tcp(host, port, backlog, error);
        if (listener->fd < 0 && is_path) error_prefix(error, "cannot listen on %s", host);
        if (listener->fd < 0 && !is_path) error_prefix(error, "cannot listen on %s:%u", host, (unsigned int)port);
    }
    if (listener->fd >= 0) return listener;
    free(listener->unix_path);
    free(listener);
    return NULL;
}

void listener_close(struct listener **listener) {
    if (*listener == NULL) return;
    CHECK_MAGIC(*listener, LISTENER_MAGIC);
    worker_unwatch(&(*listener)->watch);
    if ((*listener)->unix_path != NULL) unlink((*listener)->unix_path);
    close((*listener)->fd);
    free((*listener)->unix_path);
    (*listener)->magic = 0;
    free(*listener);
    *listener = NULL;
}

uint16_t listener_port(const struct listener *listener) {
    CHECK_MAGIC(listener, LISTENER_MAGIC);
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_storage storage;
    } address = {0};
    socklen_t length = sizeof(address);
    if (getsockname(listener->fd, &address.any, &length) < 0) return 0;
    if (address.any.sa_family == AF_INET) return ntohs(address.ipv4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.ipv6.sin6_port) : 0;
}

static void format_ipv6(const struct sockaddr_in6 *address, char peer[LISTENER_PEER_BYTES]) {
    char text[INET6_ADDRSTRLEN];
    unsigned int port = ntohs(address->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
        inet_ntop(AF_INET, address->sin6_addr.s6_addr + 12, text, sizeof(text));
        snprintf(peer, LISTENER_PEER_BYTES, "%s:%u", text, port);
    } else {
        inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof(text));
        snprintf(peer, LISTENER_PEER_BYTES, "[%s]:%u", text, port);
    }
}

static void format_peer(int fd, const struct sockaddr_storage *address, char peer[LISTENER_PEER_BYTES]) {
    char text[INET_ADDRSTRLEN];
    struct ucred credentials = {.uid = (uid_t)-1};
    socklen_t length = sizeof(credentials);
    switch (address->ss_family) {
    case AF_INET: {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof(text));
        snprintf(peer, LISTENER_PEER_BYTES, "%s:%u", text, (unsigned int)ntohs(ipv4->sin_port));
        break;
    }
    case AF_INET6:
        format_ipv6((const struct sockaddr_in6 *)address, peer);
        break;
    default:
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0) {
            snprintf(peer, LISTENER_PEER_BYTES, "unix:uid=%u", (unsigned int)credentials.uid);
        } else {
            snprintf(peer, LISTENER_PEER_BYTES, "unix:uid=unknown");
        }
    }
}

/* Out of descriptors or memory: the connections wait in the kernel's queue while we wait for some to come free. */
static int wait_for_resources(struct listener *listener, int reason, struct error *error) {
    uint64_t now_ns = clock_monotonic_ns();
    if (listener->reported_ns == 0 || now_ns - listener->reported_ns > REPORT_NS) {
        listener->reported_ns = now_ns;
        log_warning("cannot accept connections for now (%s): raise the limit of open files, or allow fewer sessions",
                    strerror(reason));
    }
    return fiber_sleep(RETRY_NS, error);
}

/* Errors of a connection that was gone before it was accepted (accept(2) passes them on) concern nobody else. */
static int handle_accept_error(struct listener *listener, int reason, struct error *error) {
    switch (reason) {
    case EAGAIN:
        listener->watch.is_readable = false;
        return 0;
    case EINTR: case ECONNABORTED: case EPROTO: case ENOPROTOOPT: case ENETDOWN: case ENETUNREACH: case EHOSTDOWN:
    case EHOSTUNREACH: case ENONET: case EOPNOTSUPP: case EPERM:
        return worker_charge_io(error);
    case EMFILE: case ENFILE: case ENOBUFS: case ENOMEM:
        return wait_for_resources(listener, reason, error);
    default:
        errno = reason;
        return error_set_errno(error, "cannot accept connections");
    }
}

int listener_accept(struct listener *listener, int *fd, char peer[LISTENER_PEER_BYTES], struct error *error) {
    CHECK_MAGIC(listener, LISTENER_MAGIC);
    if (listener->watch.fd < 0 && worker_watch(worker_self(), listener->fd, &listener->watch, error) < 0) return -1;
    while (true) {
        if (watch_wait_readable(&listener->watch, FIBER_NO_DEADLINE, error) < 0) return -1;
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof(address);
        *fd = accept4(listener->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (*fd < 0) {
            if (handle_accept_error(listener, errno, error) < 0) return -1;
            continue;
        }
        socket_set_tcp_options(*fd);
        format_peer(*fd, &address, peer);
        if (worker_charge_io(error) == 0) return 0;
        close(*fd);
        return -1;
    }
}
