/* One request and its answer on an HTTP/1.1 connection, and the state of the connection. Private to wire/http and to the
 * protocols that are built on it (http, openai, anthropic).
 *
 * A connection carries one exchange at a time: the next request is read when the answer before it has left, so that
 * pipelined requests are answered in their order. The ask fiber brings an exchange to EXCHANGE_FORWARDED or
 * EXCHANGE_REFUSED, the answer fiber on from there; both run on one worker, so there are no locks.
 *
 * What an exchange holds lives in its own arena and buffers: the action comes and goes with the gate, and
 * everything that the dialect keeps must be let go of in its `close`, which is called before the action goes. */
#ifndef SWORN_WIRE_HTTP_EXCHANGE_H
#define SWORN_WIRE_HTTP_EXCHANGE_H

#include "base/clock.h"
#include "run/sync.h"
#include "wire/http1/body.h"
#include "wire/http1/encoding.h"
#include "wire/http1/framing.h"
#include "wire/http1/head.h"
#include "wire/http1/pool.h"
#include "wire/wire.h"

#define HTTP_STATE_MAGIC 0x48747470u
#define HTTP_EXCHANGE_ARENA_BYTES ((size_t)8 << 20)
#define HTTP_BODY_BYTES_MAX ((size_t)48 << 20)  /* with its head it must fit a sealed payload */
#define HTTP_HEAD_TIMEOUT_NS (30 * NANOSECONDS_PER_SECOND)
#define HTTP_IDLE_TIMEOUT_NS (120 * NANOSECONDS_PER_SECOND)
#define HTTP_REST_NS (200 * NANOSECONDS_PER_MILLISECOND)      /* a connection idle for so long gives up what it can */
#define HTTP_BODY_TIMEOUT_NS (300 * NANOSECONDS_PER_SECOND)    /* for all of a request's body */
#define HTTP_ANSWER_TIMEOUT_NS (900 * NANOSECONDS_PER_SECOND)  /* between two pieces of an answer */
#define HTTP_PING_NS (10 * NANOSECONDS_PER_SECOND)             /* while a stream waits for an approval */

struct http_dialect;

enum exchange_phase {
    EXCHANGE_DESCRIBED, /* the gate decides */
    EXCHANGE_FORWARDED, /* on its way to the upstream */
    EXCHANGE_REFUSED,   /* `problem` is the answer */
    EXCHANGE_ANSWERED,  /* complete but for its end */
    EXCHANGE_RELEASED,  /* the end is buffered */
};

/* An answer of our own. */
struct http_problem {
    unsigned status; /* 0: none */
    struct str message;
    bool is_final;   /* the same request would be answered the same, whatever its status says */
};

enum answer_mode {
    ANSWER_WHOLE,    /* the body is read whole, then written with its length */
    ANSWER_STREAMED, /* piece by piece, chunked */
    ANSWER_WITHHELD, /* its content cannot be looked into: nothing of it is read */
};

struct http_exchange {
    struct arena arena;
    struct wire_session *session;
    const struct http_dialect *dialect; /* the session's, until describe finds that another one fits */
    enum exchange_phase phase;

    /* the request */
    struct http_head request;
    struct http_framing framing;
    struct str path;  /* of the target, not decoded */
    struct str query; /* STR_NONE: none */
    struct buffer body; /* without its transfer and content coding */
    struct buffer text; /* what an approver reads and what is sealed; none once it is forwarded */
    bool is_body_left;  /* it was not read to its end: the connection cannot go on */

    /* in flight */
    struct action *action;
    const struct mask_plans *plans;
    struct http_problem problem;
    struct http_connection *upstream;
    bool is_writing; /* the ask fiber is in the upstream's stream */

    /* the answer */
    struct http_head answer;
    struct http_framing answer_framing;
    enum answer_mode mode;
    struct http_body answer_reader;
    struct http_decoder *decoder; /* of the answer's content; NULL: it is not encoded */
    struct buffer answer_body; /* whole, or the piece at hand */
    struct buffer out;              /* what goes to the client, not framed yet */
    bool is_begun;                  /* its head was written */
    bool is_broken;                 /* it ended before its end, which only the connection's end can say */
    void *dialect_state;
};

struct http_state {
    uint32_t magic;
    const struct http_dialect *dialect;
    bool has_tls_settled;
    struct secret token;            /* of this session */
    struct http_exchange *pending;  /* its head was read, nothing more */
    struct http_exchange *exchange; /* NULL: idle */
    struct condition progress;      /* of the exchange */
    struct fiber *close_waiter;     /* the ask fiber, while it waits for the exchange */
    unsigned fault_status;          /* of a request that could not be read */
    bool is_closing;                /* no request after this one */
};

struct http_state *http_state(const struct wire_session *session);

struct http_exchange *http_exchange_new(struct wire_session *session, struct error *error) MUST_USE;
void http_exchange_free(struct http_exchange **exchange);

/* request.c. P: the head into a new pending exchange: 1; 0 the client left; -1. */
int http_read_head(struct wire_session *session, struct error *error) MUST_USE;
/* The credential that the request brings; STR_NONE: none. */
struct str http_request_credential(const struct http_head *head);
/* P: reads the body and describes the exchange as an action. What is wrong with the request in itself becomes the action's
 * refusal and the exchange's problem. */
int http_describe(struct http_exchange *exchange, struct action **action, struct error *error) MUST_USE;
/* Sets why the exchange is refused whatever policy says; the first reason stays. */
void http_refuse_request(struct http_exchange *exchange, struct action *action, enum refusal refused_as,
                         struct str message);

/* forward.c. Is a field of the client's request passed on? */
bool http_field_is_forwarded(const struct http_head *head, struct str name);
int http_write_masked_field(const struct mask_plan *plan, const struct http_field *field, struct buffer *out,
                            struct class_counts *masked, struct class_counts *revealed, struct error *error) MUST_USE;
/* P: sends the request on; what fails becomes the exchange's problem. -1: the session cannot go on. */
int http_send_request(struct http_exchange *exchange, struct error *error) MUST_USE;
/* Gives the connection back, or closes it. P: waits until the ask fiber is out of it. */
void http_leave_upstream(struct http_exchange *exchange, bool is_reusable);

/* answer.c. P: relays the answer up to its end. -1: it cannot be completed. */
int http_relay(struct http_exchange *exchange, struct error *error) MUST_USE;
/* Sworn-Receipt: which intent entry this is the answer to; and whether the connection ends with it. */
void http_write_own_fields(struct http_exchange *exchange, struct buffer *out);
/* Buffers the end of the answer. */
int http_finish(struct http_exchange *exchange, struct error *error) MUST_USE;
/* P: sends what has gathered in exchange->out as a piece of a streamed answer. */
int http_emit(struct http_exchange *exchange, struct error *error) MUST_USE;

/* judge.c. P: decides on an action within the answer; a streamed answer keeps the client alive meanwhile. */
int http_judge(struct http_exchange *exchange, struct action *action, struct error *error) MUST_USE;

/* problem.c: an answer of our own into exchange->out or, without an exchange, straight to the client. */
int http_write_problem(struct http_exchange *exchange, struct error *error) MUST_USE;
void http_reject(struct wire_session *session, const struct error *why);

#endif
