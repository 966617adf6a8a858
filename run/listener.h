/* struct listener: a listening TCP or Unix socket.
 *
 * It may be opened on any thread (at start, before workers run); the fiber that accepts binds it to its worker. To
 * spread connections, hand the descriptors to other workers with worker_post(). listener_accept parks. */
#ifndef SWORN_RUN_LISTENER_H
#define SWORN_RUN_LISTENER_H

#include "run/worker.h"

#define LISTENER_PEER_BYTES 80
#define LISTENER_BACKLOG 1024

struct listener;

/* host: an address or name, "*" or "" for all addresses, or an absolute path for a Unix socket (a stale one is
 * replaced, one that answers is ERROR_UNAVAILABLE; its mode is 0600, widen it with chmod). port 0: the kernel
 * chooses. */
struct listener *listener_open(const char *host, uint16_t port, int backlog, struct error *error) MUST_USE;
/* Closes, removes a Unix socket's path, frees, sets NULL. On the accepting worker's thread once it has accepted there;
 * no fiber may be waiting in it (cancel and join it before). */
void listener_close(struct listener **listener);
uint16_t listener_port(const struct listener *listener); /* 0 for a Unix socket */

/* Parks until a connection comes. *fd is the caller's: non-blocking, close-on-exec, TCP without delay and with
 * keepalive. peer becomes "127.0.0.1:53124", "[::1]:53124" or "unix:uid=1000". When descriptors or memory run out it
 * waits and tries again. -1: ERROR_CANCELLED, ERROR_SYSTEM. */
int listener_accept(struct listener *listener, int *fd, char peer[LISTENER_PEER_BYTES], struct error *error) MUST_USE;

#endif
