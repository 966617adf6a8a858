/* What the session expects from its upstream, in the order of what was sent: one entry a message that is answered.
 *
 * The ask fiber pushes entries and commits them once their bytes are in the upstream's output; the answer fiber takes
 * committed entries from the front. Entries that are not committed belong to messages that wait for the decision on
 * their Execute, and can be dropped again.
 *
 * struct expect_queue is a ring that grows up to EXPECT_MAX; it lives in the session. An entry holds a reference to its
 * analysis and parameters and counts for its name (wire/postgres/names.h): who takes it off gives them back. Pointers
 * into the queue are valid until the next push. Nothing parks. */
#ifndef SWORN_WIRE_POSTGRES_EXPECT_H
#define SWORN_WIRE_POSTGRES_EXPECT_H

#include "model/action.h"
#include "model/mask.h"
#include "wire/postgres/names.h"
#include "wire/postgres/sql.h"

#define EXPECT_MAX 16384u

enum expect_kind {
    EXPECT_PARSE,
    EXPECT_BIND,
    EXPECT_CLOSE,
    EXPECT_DESCRIBE_STATEMENT,
    EXPECT_DESCRIBE_PORTAL,
    EXPECT_EXECUTE,         /* an action */
    EXPECT_QUERY,           /* an action; ends with ReadyForQuery */
    EXPECT_SYNC,
    EXPECT_COPY_DATA,       /* no answer: where the client's COPY data begins */
    EXPECT_ROLLBACK,        /* our own Parse that fails, so that the server rolls back */
    EXPECT_REFUSED_EXECUTE, /* an action, refused: our own Close stands in its place */
    EXPECT_REFUSED_QUERY,   /* an action or a FunctionCall, refused: our own Sync stands in its place */
};

struct expectation {
    enum expect_kind kind;
    bool is_own; /* ours, not the client's: its answer is not relayed */
    struct action *action;
    const struct mask_plan *plan;
    const struct sql_analysis *analysis; /* held */
    const struct sql_statement *statement;
    struct name *name;               /* PARSE, BIND, CLOSE: what it sets or removes */
    struct name_parameters *parameters; /* PARSE, BIND: held */
    size_t frame_bytes;              /* of the message in the prefix, while it waits there */
};

struct expect_queue {
    struct expectation *entries;
    size_t capacity; /* a power of two, or 0 */
    uint64_t head;   /* numbers of entries since the session began */
    uint64_t committed;
    uint64_t tail;
};

void expect_init(struct expect_queue *queue);
void expect_free(struct expect_queue *queue); /* the ring; entries must have been cleared */

/* A new entry, zero but for its kind; NULL at EXPECT_MAX or when memory is out. */
struct expectation *expect_push(struct expect_queue *queue, enum expect_kind kind) MUST_USE;
void expect_commit(struct expect_queue *queue);
/* Only the first of those that are not committed. */
void expect_commit_first(struct expect_queue *queue, size_t count);

static inline size_t expect_count(const struct expect_queue *queue) { return queue->committed - queue->head; }
/* The index-th committed entry from the front; NULL when there are not as many. */
struct expectation *expect_at(const struct expect_queue *queue, size_t index);
static inline size_t expect_pending_count(const struct expect_queue *queue) { return queue->tail - queue->committed; }
/* The index-th entry that is not committed; NULL when there are not as many. */
struct expectation *expect_pending(const struct expect_queue *queue, size_t index);
/* The last entry that is not committed; NULL when there is none. */
struct expectation *expect_last_pending(const struct expect_queue *queue);
/* Takes the first committed entry off; what it holds goes to the caller. The queue must not be empty. */
struct expectation expect_pop(struct expect_queue *queue);
/* Takes the last uncommitted entry off; false when there is none. */
bool expect_pop_pending(struct expect_queue *queue, struct expectation *out);

/* Where the server's skipping after an error ends. */
static inline bool expect_is_sync(const struct expectation *entry) {
    return entry->kind == EXPECT_SYNC || entry->kind == EXPECT_REFUSED_QUERY;
}

#endif
