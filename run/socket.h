/* Small things about sockets that streams and listeners share. Internal to run/. */
#ifndef SWORN_RUN_SOCKET_H
#define SWORN_RUN_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

/* TCP without delay and with keepalive, so that a peer that vanished is noticed; nothing on other sockets. */
void socket_set_tcp_options(int fd);
static inline bool socket_host_is_path(const char *host) { return host[0] == '/'; }
/* -1: the path does not fit. */
int socket_unix_address(const char *path, struct sockaddr_un *address, struct error *error) MUST_USE;

#define SOCKET_SERVICE_BYTES 6
void socket_format_port(uint16_t port, char out[SOCKET_SERVICE_BYTES]);

#endif
