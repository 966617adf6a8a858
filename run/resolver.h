/* Names to addresses: one question at a time for each name, and answers that are kept for a while.
 *
 * getaddrinfo() tells no time to live: an answer is used for keep_ns, a "no" for keep_no_ns. A name that stops resolving
 * keeps its last addresses for stale_ns. The runtime has a resolver for all of its workers. */
#ifndef SWORN_RUN_RESOLVER_H
#define SWORN_RUN_RESOLVER_H

#include <netdb.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

#define RESOLVER_NAMES_MAX 4096

struct resolver_times {
    uint64_t keep_ns;
    uint64_t keep_no_ns;
    uint64_t stale_ns;
};

struct resolver;
struct resolved; /* addresses, shared; released by each who got them */

/* times NULL: 30 s, 5 s, 10 minutes. NULL: memory is out. */
struct resolver *resolver_new(const struct resolver_times *times) MUST_USE;
void resolver_free(struct resolver **resolver); /* nobody asks any more */

/* Parks unless the answer is at hand. *out is the caller's to release. -1: ERROR_UNAVAILABLE (there is no such name, or
 * nobody knows), ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_LIMIT. */
int resolver_look_up(struct resolver *resolver, const char *host, const char *service, uint64_t deadline_ns,
                     struct resolved **out, struct error *error) MUST_USE;
const struct addrinfo *resolved_addresses(const struct resolved *resolved);
void resolved_release(struct resolved **resolved);

#endif
