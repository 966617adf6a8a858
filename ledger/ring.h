/* Shared memory between the gateway and its keeper: one ring of records for each gateway worker.
 *
 * A ring has one producer (a worker thread) and one consumer (the keeper's writer). A record stays in place until the
 * producer has reaped its result, in order of submission:
 *
 *     worker                                          keeper
 *     ring_submit ... ring_submit, ring_kick  ->      ring_take, write, fdatasync
 *     ring_reap until it returns false        <-      ring_complete each, ring_signal once a commit
 *
 * The worker's loop watches ring_event_fd (edge-triggered needs no read; level-triggered calls ring_event_clear) and,
 * each time before it sleeps, calls ring_kick: it wakes the keeper if that sleeps, asks for one signal at the next
 * commit, and says whether there is something to reap already. Without ring_kick nothing wakes anybody.
 *
 * Trust: the keeper takes nothing in this memory for granted; a gateway that scribbles over it can only stop its own
 * records. The memory is a sealed memfd (it cannot shrink under the keeper). Nothing here parks a fiber or blocks,
 * except rings_wait. Threads: one per ring on the producer's side, one for all rings on the consumer's. */
#ifndef SWORN_LEDGER_RING_H
#define SWORN_LEDGER_RING_H

#include <stdatomic.h>

#include "ledger/event.h"

#define RINGS_MAX 64u
#define RING_MIN_BYTES (256u * 1024u)
#define RING_MAX_BYTES (64u * 1024u * 1024u)
#define RING_DEFAULT_BYTES (4u * 1024u * 1024u)

enum ring_result {
    RING_PENDING, /* never returned by ring_reap */
    RING_DURABLE, /* on disk; leaf_index is its place in the log */
    RING_REFUSED, /* not in the log and never will be: the action must be refused */
};

/* What a record is for its session; it must agree with the event's type (else it is refused). */
enum ring_flag {
    RING_SESSION_BEGIN = 1, /* session_start, node_start */
    RING_SESSION_END = 2,   /* session_end, node_stop */
    RING_NODE = 4,          /* with begin: node_start, the node's own session */
};

enum ring_state {
    RING_ACCEPTING,
    RING_REFUSING, /* records are refused until the keeper can write again; the errno says why */
    RING_STOPPED,  /* the keeper has stopped or is stopping: restart needed */
};

struct rings;
struct ring;

/* Producer side (gateway) ---------------------------------------------------------------------------------------- */

/* ring_count rings of ring_bytes (a power of two) each, with their file descriptors (close-on-exec). */
int rings_new(struct rings **rings, uint32_t ring_count, uint32_t ring_bytes, struct error *error) MUST_USE;
void rings_free(struct rings **rings);
struct ring *rings_get(struct rings *rings, uint32_t number);
uint32_t rings_count(const struct rings *rings);
/* Cheap enough to ask before each action. *system_errno (may be NULL): ENOSPC, EDQUOT, EROFS, EIO ... */
enum ring_state ring_state(const struct rings *rings, int *system_errno);

/* Appends a record and returns a ticket (counts from 0 for each ring). -1 (think ERROR_LIMIT): the ring is full, or
 * the event is longer than EVENT_MAX_BYTES; nothing was written. Follow with ring_kick, once for a batch. */
int ring_submit(struct ring *ring, uint64_t session, uint32_t flags, struct str event, uint64_t *ticket) MUST_USE;
/* True: something can be reaped now, do so before sleeping. */
bool ring_kick(struct ring *ring);
/* The next finished record in order of submission; false when there is none. leaf_index is set for RING_DURABLE. */
bool ring_reap(struct ring *ring, uint64_t *ticket, enum ring_result *result, uint64_t *leaf_index);
uint64_t ring_outstanding(const struct ring *ring); /* submitted and not yet reaped */
int ring_event_fd(const struct ring *ring);
void ring_event_clear(struct ring *ring);

/* Consumer side (keeper) ----------------------------------------------------------------------------------------- */

struct ring_record {
    uint64_t position; /* for ring_complete */
    uint64_t session;
    uint32_t flags;
    struct str event; /* still in shared memory: copy it before looking at it */
};

/* The descriptors behind the rings, to hand to the keeper. */
struct rings_descriptors {
    int memory_fd;
    int wake_fd;
    uint32_t ring_count;
    int event_fds[RINGS_MAX];
};

void rings_describe(const struct rings *rings, struct rings_descriptors *out);
/* Maps what rings_new made, in the keeper. The descriptors belong to the rings from then on. */
int rings_attach(struct rings **rings, const struct rings_descriptors *descriptors, struct error *error) MUST_USE;
/* 1 a record, 0 none, -1 the producer broke the ring (no more can be read from it). */
int ring_take(struct ring *ring, struct ring_record *record) MUST_USE;
void ring_complete(struct ring *ring, uint64_t position, enum ring_result result, uint64_t leaf_index);
/* Signals the worker if it asked for it since the last signal. */
void ring_signal(struct ring *ring);
void rings_set_state(struct rings *rings, enum ring_state state, int system_errno);
/* Once, before the first rings_wait: fd ends a wait as well, when it becomes readable or hangs up; -1: nothing does. */
int rings_watch(struct rings *rings, int fd, struct error *error) MUST_USE;
/* Sleeps until a producer kicks, the watched fd is readable, or the time is over. Returns at once when a ring holds
 * records. True when the watched fd is readable. */
bool rings_wait(struct rings *rings, int timeout_ms);

#endif
