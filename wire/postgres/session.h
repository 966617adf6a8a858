/* The state of one PostgreSQL session: what session->state points to. Private to wire/postgres.
 *
 * Fields are grouped by the fiber that writes them; both run on one worker, so that there are no locks. The ask fiber
 * alone appends to the upstream's output, the answer fiber alone to the client's once the client was greeted.
 *
 * A *batch* is what lies between two Syncs. Parse, Bind, Describe and Close wait in `prefix` until the Execute behind
 * them is decided, or until Sync or Flush sends them on by themselves. */
#ifndef SWORN_WIRE_POSTGRES_SESSION_H
#define SWORN_WIRE_POSTGRES_SESSION_H

#include "run/sync.h"
#include "wire/postgres/copy_mask.h"
#include "wire/postgres/expect.h"
#include "wire/postgres/inquiry.h"
#include "wire/postgres/message.h"
#include "wire/postgres/names.h"
#include "wire/postgres/row_mask.h"
#include "wire/postgres/sql.h"
#include "wire/postgres/upstream.h"
#include "wire/wire.h"

#define POSTGRES_STATE_MAGIC 0x50675373u
#define POSTGRES_LOGIN_TIMEOUT_NS (60 * NANOSECONDS_PER_SECOND)
#define POSTGRES_GATHER_BYTES (32u * 1024)       /* output is flushed when more has gathered */
#define POSTGRES_PREFIX_MESSAGES_MAX 4096u       /* without an Execute among them */
#define POSTGRES_RESULT_ARENA_BYTES (16u * 1024 * 1024)
#define POSTGRES_CANCEL_KEY_BYTES 8u
#define POSTGRES_PARAMETERS_BYTES_MAX (16u * 1024) /* of startup parameters that are passed on */

enum copy_in {
    COPY_IN_NONE,
    COPY_IN_AWAITED,   /* the server has asked for data, the client has sent none yet */
    COPY_IN_STREAMING,
};

/* An action that next_action has returned and that is not yet forwarded or refused. */
struct described {
    struct action *action; /* NULL: none */
    bool is_taken;         /* forward or refuse has taken it over */
    bool is_query;         /* else an Execute, or messages of the prefix */
    size_t prefix_count;   /* of these, not 0: that many from the front */
    bool is_bind;          /* of these: they end with a Bind; else they prepare and describe */
    size_t frame_bytes;    /* still in the client's input */
    const struct sql_analysis *analysis;
    const struct sql_statement *statement;
    char portal[NAME_BYTES_MAX + 1];
    bool is_portal_confirmed; /* the SQL session knows the portal */
    bool is_portal_described; /* the prefix ends with the client's own Describe of the portal */
};

/* What has come of the answer to one statement. */
enum answer_phase {
    PHASE_START,    /* nothing of this statement yet */
    PHASE_ROWS,     /* the columns of a Query, the first row of an Execute */
    PHASE_COPY_OUT,
    PHASE_COPIED,   /* the end of that data */
    PHASE_COPY_IN,  /* the server reads COPY data */
    PHASE_OVER,     /* an error, or an empty query: nothing but the batch's end */
    PHASES,
};

struct postgres_state {
    uint32_t magic;

    /* login */
    struct str principal;        /* who claims to log in: the gate lets nobody else pass */
    struct str database;
    struct buffer parameters;    /* startup parameters to pass on: name NUL value NUL ... */
    struct upstream_link link;
    bool is_greeted;

    /* both */
    struct expect_queue expected;
    struct condition progress; /* the answer fiber took something off the queue */
    struct names names;
    size_t parameter_bytes; /* that names and expectations keep */
    struct sql_session *sql;
    struct sql_target target;
    struct inquiry inquiry;
    enum copy_in copy_in;
    bool has_client_left;   /* it sends nothing more; it may still read */
    bool is_client_deaf;    /* it takes nothing more: what comes for it is thrown away */

    /* ask */
    struct buffer prefix;
    uint64_t batch;
    size_t batch_executes;  /* forwarded in this batch */
    bool is_batch_open;     /* something of this batch went upstream */
    bool is_discarding;     /* an action of this batch was refused: everything up to Sync is thrown away */
    bool is_copy_marked;    /* the last message was COPY data */
    uint64_t barrier;       /* no action is described before the queue's head is here */
    struct described described;

    /* answer */
    bool is_skipping;       /* the server discards up to Sync */
    bool is_in_block;       /* an explicit transaction is open */
    bool is_fatal;          /* the server has said goodbye */
    bool is_upstream_lost;  /* its connection broke */
    char status;            /* of the last ReadyForQuery */
    size_t statement_index; /* of the simple query at the front */
    enum answer_phase phase; /* how far the answer of the Query or Execute at the front has come */
    struct buffer withheld; /* the last frame of the action that next_answer returned */
    const struct sql_analysis *released; /* of that action, held until release */
    uint64_t copied;        /* messages of COPY data from the server */
    bool is_cut;            /* the answer holds more rows than may leave: nothing is told but the batch's end */
    bool is_cut_new;        /* and the server does not know yet */
    struct arena result;    /* of the current result: row mask and names */
    struct row_mask *row_mask;
    struct copy_mask *copy_mask;
    struct copy_mask *copy_received; /* looks at the data of COPY FROM STDIN while copy_in says so */
    struct action *copy_action;      /* to whose outcome that counts */
    bool is_plan;           /* the result is the text of EXPLAIN: plan_text gathers it */
    bool is_plan_cut;       /* a portal's plan was fetched in part, in this transaction */
    struct buffer plan_text;
    size_t passing_bytes;   /* of a big message that is passed on unseen */

    /* after the fibers */
    const struct sql_analysis **orphans; /* of actions that were taken back */
    size_t orphan_count;
};

static inline struct postgres_state *postgres_state(const struct wire_session *session) {
    struct postgres_state *state = session->state;
    CHECK_MAGIC(state, POSTGRES_STATE_MAGIC);
    return state;
}

/* The worker's cache of analyses; NULL when memory is out. */
struct sql_cache *postgres_sql_cache(void);

/* startup.c */
int postgres_accept(struct wire_session *session, struct wire_login *login, struct error *error);
void postgres_reject(struct wire_session *session, const struct error *why);
int postgres_greet(struct wire_session *session, struct error *error);
/* ask.c */
int postgres_push_answers(struct wire_session *session, struct error *error);
int postgres_next_action(struct wire_session *session, struct action **action, struct error *error);
int postgres_forward(struct wire_session *session, struct action *action, const struct mask_plans *plans,
                     struct error *error);
int postgres_refuse(struct wire_session *session, struct action *action, struct error *error);
/* P: flushes, and waits until everything that is under way was answered. */
int postgres_await_answers(struct wire_session *session, struct error *error) MUST_USE;
/* leave.c, P: after the client's end: has the server finish what it was sent, and says goodbye to it. */
int postgres_leave(struct wire_session *session, struct error *error) MUST_USE;
/* P: as wire_flush_client; what is for a client that takes nothing more is thrown away, which is no error. */
int postgres_flush_client(struct wire_session *session, struct error *error) MUST_USE;
/* answer.c */
int postgres_next_answer(struct wire_session *session, struct action **action, struct error *error);
int postgres_release(struct wire_session *session, struct action *action, struct error *error);
/* answer_text.c: an ErrorResponse, notice or notification, masked by the plan of the entry (NULL: the session's), counted
 * for its action. What cannot be masked is left out, of an error all but its code. */
void postgres_append_text(const struct wire_session *session, const struct message *message,
                          const struct expectation *entry, struct buffer *out);

/* large_text.c. P, when the text is long: nothing may point into the client's input, and no entry be pushed before.
 * NULL: the session is over. */
const struct sql_analysis *postgres_analyze(struct wire_session *session, struct str text,
                                            struct error *error) MUST_USE;

/* describe.c: the action that a Query or an Execute is. */
struct action *postgres_describe(struct wire_session *session, const struct described *described,
                                 const struct name_parameters *parameters, struct error *error) MUST_USE;
/* Inspects the values of a Bind, and keeps them; those that cannot be judged are doubtful. types: as Parse named them, u32
 * each. NULL when memory is out. */
struct name_parameters *postgres_inspect_bind(struct wire_session *session, const struct message_bind *bind,
                                              const struct sql_statement *statement, struct str types,
                                              struct error *error) MUST_USE;

/* details.c: the values of a Bind as the action's details; what the session adds before the action is held. */
void postgres_add_parameters(struct action *action, const struct name_parameters *parameters,
                             const struct sql_statement *statement);
void postgres_add_settings(struct wire_session *session, struct action *action);
/* The types of parameters that a Parse named, in its entry; those of the statement that a Bind is of, when resolved. */
int postgres_keep_types(struct postgres_state *state, struct expectation *entry, struct str types,
                        struct error *error) MUST_USE;
struct str postgres_types_of(const struct postgres_state *state, struct str statement);

/* Puts what the statement means with the values of this Bind in the place of *analysis, where that says more. */
int postgres_bind_values(const struct message_bind *bind, const struct sql_analysis **analysis,
                         const struct sql_statement **statement, struct error *error) MUST_USE;

/* refusal.c: the ErrorResponse for a refused action; action NULL: a FunctionCall. */
void postgres_append_refusal(struct buffer *out, const struct action *action);
/* What a client is told where its answer stops. */
void postgres_append_rows_max(struct buffer *out, const struct action *action);
/* Appends what an error of ours looks like to a client. */
void postgres_append_failure(struct buffer *out, const struct error *why, bool is_login);

/* result.c: what a RowDescription says, as a mask for rows; what a COPY statement says, as a mask for its data. The
 * RowDescription is the first message in the upstream's input, before and after. statement may be NULL.
 * P: looks up the names of columns that are not known yet. */
int postgres_prepare_rows(struct wire_session *session, const struct mask_plan *plan,
                          const struct sql_statement *statement, struct error *error) MUST_USE;
struct copy_mask *postgres_prepare_copy(struct wire_session *session, const struct mask_plan *plan,
                                        const struct sql_statement *statement, uint8_t format,
                                        struct error *error) MUST_USE;

#endif
