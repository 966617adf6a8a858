/* struct session: one client connection, from its first byte to its session_end entry.
 *
 * It belongs to one worker and runs on two fibers: the session's own (login, then the ask loop, then the end) and the
 * answer fiber (gate/exchange.c). */
#ifndef SWORN_GATE_SESSION_H
#define SWORN_GATE_SESSION_H

#include "gate/gateway.h"
#include "guard/approval.h"
#include "guard/policy.h"
#include "guard/record.h"
#include "wire/wire.h"

#define SESSION_ARENA_BYTES ((size_t)16 << 20)
#define SESSION_TOKEN_CHECK_US 1000000
#define SESSION_LOGIN_TIMEOUT_NS (60 * NANOSECONDS_PER_SECOND)

struct session {
    struct wire_session wire; /* first: the gate's callbacks come back with it */
    struct gate_worker *worker;
    struct record_session record;
    const struct config_listener *listener;
    struct snapshot *login_snapshot; /* where it goes to */
    struct snapshot *snapshot;       /* who may do what, as of now */
    uint64_t generation;             /* of snapshot */
    const struct config_upstream *upstream;
    struct str principal_name;       /* copies that outlive snapshots */
    const struct principal *principal; /* in snapshot's identity */
    struct sha256 token_hash;        /* of the token that logged in */
    int64_t token_expires_us;        /* 0: never */
    int64_t token_checked_us;        /* when the store last said that it is not revoked */
    struct policy_session *policy;   /* of snapshot's bundle */
    struct shelf *shelf;             /* placeholders of earlier requests; NULL: the protocol has none */
    struct vault *filling;           /* of the action under way; NULL: none */
    size_t filled;                   /* so many of its values are on the shelf */
    class_set ambient_reveal;        /* what wire.ambient_plan reveals */
    uint64_t intent_mark;            /* events that must be durable before the upstream gets more bytes */
    uint64_t answer_mark;            /* and the client */
    struct fiber *ask;
    struct fiber *answer;
    struct hold *hold;               /* while an action waits for approval */
    size_t in_flight;                /* actions forwarded and not answered */
    bool is_draining;
    bool is_told;                    /* the client knows that and why the session ends */
    unsigned cancel_count;           /* cancellations on their way to the upstream */
    struct condition cancels_done;
    struct session *next; /* in the worker's list */
    struct session *previous;
};

/* Takes fd over and starts the session's fiber on this worker. peer is copied. */
void session_start(struct gate_worker *worker, size_t listener_index, int fd, const char *peer);
/* The client's network address without its port; STR_NONE on a Unix socket. */
struct str session_client_ip(const struct session *session);
/* P. -1 when the token that logged in has been revoked since (ERROR_DENIED), or the store does not answer. Asks the store
 * when its last answer is older than SESSION_TOKEN_CHECK_US. */
int session_check_token(struct session *session, struct error *error) MUST_USE;
/* P. Tells the client at once why the session ends, when its evidence can take long. */
void session_take_leave(struct session *session, struct error *error);
/* On its worker: a peer asked, with the right key, to cancel what the session does. */
void session_cancel(struct session *session);
/* On its worker: leaves when it is idle, else after what is in flight. */
void session_drain(struct session *session);

#endif
