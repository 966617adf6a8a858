/* Small things about sockets that streams and listeners share. */
#include "run/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 6

static bool is_tcp(int fd) {
    int domain = 0;
    socklen_t length = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) return false;
    return domain == AF_INET || domain == AF_INET6;
}

/* Failures are harmless: the connection works without these options. */
void socket_set_tcp_options(int fd) {
    static const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
    };
    if (!is_tcp(fd)) return;
    for (size_t i = 0; i < LENGTH_OF(options); i++) {
        setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(options[i].value));
    }
}

int socket_unix_address(const char *path, struct sockaddr_un *address, struct error *error) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(address->sun_path)) {
        return error_set(error, ERROR_INVALID, "the socket path %s is longer than %zu bytes", path,
                         sizeof(address->sun_path) - 1);
    }
    memcpy(address->sun_path, path, length);
    return 0;
}

void socket_format_port(uint16_t port, char out[SOCKET_SERVICE_BYTES]) {
    snprintf(out, SOCKET_SERVICE_BYTES, "%u", (unsigned int)port);
}
