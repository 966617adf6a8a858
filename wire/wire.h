/* What a protocol is to the gate: a table of functions over a session.
 *
 * The gate (gate/exchange.c) runs two fibers a session. The *ask* fiber calls next_action and then forward or refuse;
 * the *answer* fiber calls next_answer and then release. Both run on one worker thread, so the session needs no locks,
 * but each may find that the other has moved on across any call that parks (marked P).
 *
 * The protocol keeps one queue of what it expects from the upstream, in the order of the requests; forward and refuse
 * append to it, next_answer consumes it: a refusal never overtakes an earlier answer.
 *
 * Evidence before bytes: nothing is written to a peer but through wire_flush_client and wire_flush_upstream, which
 * first wait until the evidence for what is buffered is durable. A protocol appends to the stream's output and
 * flushes when it is about to park for input, or when much has gathered.
 *
 * Errors: -1 with a struct error ends the session; what can be answered in the protocol is answered by the function
 * itself. Nothing points into a stream's buffer across a call marked P. */
#ifndef SWORN_WIRE_WIRE_H
#define SWORN_WIRE_WIRE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/action.h"
#include "model/mask.h"
#include "model/principal.h"
#include "run/stream.h"
#include "run/tls.h"

struct http_pool;
struct wire_session;

/* What the gate does for the protocol. */
struct wire_gate {
    /* P: waits until every intent so far is durable. -1: evidence cannot be written, nothing may be sent. */
    int (*await_intents)(struct wire_session *session, struct error *error);
    /* P: waits until every outcome and denial so far is durable (or returns at once for `outcome: behind`). */
    int (*await_outcomes)(struct wire_session *session, struct error *error);
    /* Inspects text of a request (literals, parameters) and counts what it finds. -1: doubt, refuse. */
    int (*inspect)(struct wire_session *session, struct str name, enum mask_shape shape, struct str value,
                   struct class_counts *found, struct error *error);
    /* P, for hours: decides on an action that an answer asks for, such as a tool call, holds it for approval, and records
     * the verdict as its intent. Nobody reads action->verdict before; the action stays the caller's, and every one that
     * was judged is concluded. The ask fiber must not return from next_action meanwhile. */
    int (*judge)(struct wire_session *session, struct action *action, struct error *error);
    /* Records the outcome of a judged action that was allowed. */
    void (*conclude)(struct wire_session *session, struct action *action);
    /* A peer on its own connection asks to cancel what the session with this key does. */
    void (*cancel)(struct wire_session *session, struct str key);
};

/* Who logs in, as claimed: the gate verifies it. */
struct wire_login {
    struct str user;     /* name of a principal */
    bool is_bearer;      /* there is no user: the caller is whosever the token is */
    struct secret token;
    struct str database; /* or what else the protocol selects within the upstream; may be empty */
    bool is_cancel;      /* the connection was a cancel request and is done */
};

/* Where the session goes. Borrowed from the configuration snapshot. */
/* A column that the configuration says the class of. */
struct wire_column {
    struct str schema; /* "*": any */
    struct str table;  /* "*": any */
    struct str column;
    struct str class;  /* its name, which is a name for fields of that class too */
};

struct wire_upstream {
    struct str name;        /* "shop" */
    struct str environment; /* "prod" */
    struct str resource_type; /* of its entity: "Database" */
    struct str address;     /* "host:port" or "unix:/path" */
    struct str user;
    struct str database;    /* empty: what the client asked for */
    const struct secret *password;
    struct tls_client *tls; /* NULL: plaintext */
    uint64_t generation;    /* of the configuration: connections of another one are not used again */
    const struct operation_table *operations; /* for the protocols that have any */
    const struct wire_column *columns;
    size_t column_count;
    size_t message_bytes_max;
    uint64_t connect_timeout_ns;
};

struct wire_session {
    uint32_t magic;
    uint64_t id;
    struct arena arena; /* the session's lifetime */
    struct stream *client;
    struct stream *upstream;              /* NULL until open_upstream */
    struct tls_server *tls;               /* NULL: the listener offers no TLS */
    bool allows_plaintext_token;          /* loopback or Unix socket */
    struct str client_address;
    const struct wire_upstream *target;
    const struct wire_protocol *protocol;
    const struct wire_gate *gate;
    /* For texts that belong to no action: notices, notifications, errors between actions. Set by the gate before
     * next_answer, valid until close; NULL: they are withheld. */
    const struct mask_plan *ambient_plan;
    uint64_t action_count;                /* number of the last action */
    struct str cancel_key;                /* set by greet: what a cancel request for this session carries */
    bool has_successor;                   /* set before next_action returns 0: what the client's stream holds now begins
                                           * another session, with a login of its own */
    struct http_pool *http_pool;          /* the worker's connections to upstreams */
    void *state;                          /* the protocol's own */
};

struct wire_protocol {
    struct str name;
    bool masks_requests; /* the gate makes a plan for the request, too */
    /* P: from the first byte to a claimed login (TLS included). 0, or -1 when the connection is over. */
    int (*accept)(struct wire_session *session, struct wire_login *login, struct error *error);
    /* P: tells the client in its protocol that the login or the session is refused, and why. */
    void (*reject)(struct wire_session *session, const struct error *why);
    /* P: connects and logs in with sworn's own credential. */
    int (*open_upstream)(struct wire_session *session, struct error *error);
    /* P: tells the client that it is logged in. */
    int (*greet)(struct wire_session *session, struct error *error);

    /* P: the next action, fully described. 1, 0 when the client is done, -1. *action is the caller's to free. */
    int (*next_action)(struct wire_session *session, struct action **action, struct error *error);
    /* Both of the next take the action over, also when they fail: it comes back by next_answer or take_unanswered.
     * Buffers the action for the upstream and expects its answer. The plans live in the action's arena. */
    int (*forward)(struct wire_session *session, struct action *action, const struct mask_plans *plans,
                   struct error *error);
    /* Expects a refusal in its place; it is answered in turn by next_answer. */
    int (*refuse)(struct wire_session *session, struct action *action, struct error *error);

    /* P: relays until an action's answer is complete but for its last frame, or its refusal is due (the refusal is
     * then buffered). 1 with *action, whose outcome is filled in; 0 when the session is over; -1. */
    int (*next_answer)(struct wire_session *session, struct action **action, struct error *error);
    /* Buffers the last frame of the action's answer; what was held for it is forgotten. */
    int (*release)(struct wire_session *session, struct action *action, struct error *error);
    /* P: before an action is held: sends what is buffered and has the upstream answer it, so that no earlier answer waits
     * with the action. */
    int (*push_answers)(struct wire_session *session, struct error *error);
    /* Before an action is held: adds to its details what of the session, or of the request, gives its text its meaning. */
    void (*add_settings)(struct wire_session *session, struct action *action);
    /* After either fiber ended: takes back the actions that were expected and not answered, one a call; NULL when
     * there are none left. Their outcome status is set. */
    struct action *(*take_unanswered)(struct wire_session *session);
    /* P: passes a client's cancellation on to the upstream, on a connection of its own. */
    void (*cancel_upstream)(struct wire_session *session);
    void (*close)(struct wire_session *session);
};

/* P. Wait for the evidence, then write. */
int wire_flush_client(struct wire_session *session, struct error *error) MUST_USE;
int wire_flush_upstream(struct wire_session *session, struct error *error) MUST_USE;

/* The protocol of that name from wire/protocols.def, or NULL. */
const struct wire_protocol *wire_protocol_find(struct str name);

#endif
