/* The state of a gateway that is not evidence: tokens, actions that are held for approval, sealed conversations, and
 * what was spent. A narrow interface over SQLite (one file, WAL mode, 0600).
 *
 * Every function here blocks: call it from a helper thread (run/offload.h) or from a command. A store may be used by
 * several threads (a connection and a lock for readers, another for writers) and its file by several processes (commands
 * beside the gateway). Strings that come out are copied into the arena that was passed in; strings that go in are borrowed
 * for the call. Times are microseconds since the epoch, 0 is "never". */
#ifndef SWORN_GUARD_STORE_H
#define SWORN_GUARD_STORE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"

#define STORE_BUSY_TIMEOUT_MS 5000 /* of a write */
#define STORE_READ_TIMEOUT_MS 1000
#define STORE_ROWS_MAX 100000 /* in one listing */
#define STORE_TOKENS_PER_PRINCIPAL_MAX 1000
#define STORE_VOTES_MAX 256 /* of one hold that are listed */
#define STORE_CONVERSATION_BYTES_MAX (16u << 20)
#define STORE_SHELF_BYTES_MAX (16u << 20) /* of one row, unsealed */
#define STORE_SPENDING_SWEEP_EACH 64 /* rows that were added */
#define STORE_CONVERSATION_NAME_MAX 8192 /* with the names of principal and upstream */

struct store;

/* Opens the file or creates it. NULL on error: a file of a newer schema, or one that is no store, is refused. */
struct store *store_open(const char *path, struct error *error) MUST_USE;
void store_close(struct store **store);

/* ---- Tokens: guard/identity.h makes and reads their text; only the hash is kept. ------------------------------- */

struct token_info {
    int64_t id; /* from 1; never reused */
    struct str principal;
    struct sha256 hash; /* of the token's text */
    int64_t created_us;
    int64_t expires_us; /* 0: never */
    int64_t revoked_us; /* 0: not revoked */
    int64_t used_day;   /* days since the epoch of the last login, 0: never used */
};

int store_token_create(struct store *store, struct str principal, const struct sha256 *hash, int64_t now_us,
                       int64_t expires_us, int64_t *id, struct error *error) MUST_USE;
/* Sorted by id; principal STR_NONE: all. */
int store_token_list(struct store *store, struct arena *arena, struct str principal, struct token_info **tokens,
                     size_t *count, struct error *error) MUST_USE;
/* ERROR_NOT_FOUND when there is no such token; revoking one twice is fine and keeps the first time. */
int store_token_revoke(struct store *store, int64_t id, int64_t now_us, struct error *error) MUST_USE;
/* By hash. ERROR_NOT_FOUND when there is none; expired and revoked ones are found. */
int store_token_find(struct store *store, struct arena *arena, const struct sha256 *hash, struct token_info *token,
                     struct error *error) MUST_USE;
/* Notes the day of a login; writes only when the day is new. */
int store_token_touch(struct store *store, int64_t id, int64_t now_us, struct error *error) MUST_USE;

/* ---- Holds: actions that wait for approval ------------------------------------------------------------------- */

enum hold_state {
    HOLD_PENDING,
    HOLD_APPROVED,
    HOLD_DENIED,
    HOLD_EXPIRED,
    HOLD_CANCELLED,   /* the client cancelled or left */
    HOLD_INTERRUPTED, /* the gateway stopped meanwhile */
    HOLD_STATE_COUNT,
};

struct str hold_state_name(enum hold_state state);

struct store_hold {
    struct str id; /* chosen by the caller; unique */
    struct str action_id;
    struct str session;
    struct str principal;
    struct str on_behalf_of; /* STR_NONE: nobody */
    struct str upstream;
    struct sha256 digest; /* of the exact action */
    bool is_sealed;
    struct str text; /* the SQL, or with is_sealed the reference of its sealed payload */
    const struct str *policies;
    size_t policy_count;
    const struct str *remedies;
    size_t remedy_count;
    int64_t created_us;
    int64_t expires_us;
    enum hold_state state;
    int64_t closed_us; /* when it left HOLD_PENDING; 0: it has not */
};

struct store_vote {
    struct str approver;
    bool is_approval;
    struct str reason; /* a reference of a sealed payload; STR_NONE: none given */
    int64_t time_us;
};

int store_hold_create(struct store *store, const struct store_hold *hold, struct error *error) MUST_USE;
/* ERROR_NOT_FOUND when there is none. */
int store_hold_find(struct store *store, struct arena *arena, struct str id, struct store_hold *hold,
                    struct error *error) MUST_USE;
/* In order of creation. */
int store_hold_list(struct store *store, struct arena *arena, enum hold_state state, struct store_hold **holds,
                    size_t *count, struct error *error) MUST_USE;
/* Moves a pending hold to another state, once: ERROR_INVALID when it is pending no more, ERROR_NOT_FOUND. */
int store_hold_close(struct store *store, struct str id, enum hold_state state, int64_t now_us, struct error *error)
    MUST_USE;
/* At start: every pending hold becomes HOLD_INTERRUPTED; they are returned, so that each can be recorded. */
int store_hold_interrupt(struct store *store, struct arena *arena, int64_t now_us, struct store_hold **holds,
                         size_t *count, struct error *error) MUST_USE;

/* One vote an approver, on a pending hold only: ERROR_INVALID for a second one or a closed hold, ERROR_NOT_FOUND. */
int store_vote_add(struct store *store, struct str hold_id, const struct store_vote *vote,
                   struct error *error) MUST_USE;
/* In order of time. */
int store_vote_list(struct store *store, struct arena *arena, struct str hold_id, struct store_vote **votes,
                    size_t *count, struct error *error) MUST_USE;

/* ---- Conversations: sealed bytes; guard/conversation.h makes and reads them ------------------------------------- */

/* Replaces what is there under the id; sweeps what has expired. sealed is text. */
int store_conversation_put(struct store *store, const struct sha256 *id, struct str sealed, int64_t now_us,
                           int64_t expires_us, struct error *error) MUST_USE;
/* Appends to sealed. ERROR_NOT_FOUND when there is none, or none that has not expired. */
int store_conversation_get(struct store *store, const struct sha256 *id, int64_t now_us, struct buffer *sealed,
                           struct error *error) MUST_USE;

/* ---- Shelves: sealed rows; guard/shelf.h makes and reads them --------------------------------------------------- */

/* Adds a row; sweeps what has expired. sealed is text. */
int store_shelf_put(struct store *store, const struct sha256 *scope, struct str sealed, int64_t now_us,
                    int64_t expires_us, struct error *error) MUST_USE;
/* The rows of the scope whose sequence is above `after`, the newest first, until the function says that it has enough
 * (not 0). With the lock held: it must not come back here. */
typedef int store_shelf_function(void *context, int64_t sequence, struct str sealed, int64_t expires_us);
int store_shelf_each(struct store *store, const struct sha256 *scope, int64_t after, int64_t now_us,
                     store_shelf_function *function, void *context, struct error *error) MUST_USE;

/* ---- Spending: guard/usage.h counts ---------------------------------------------------------------------------- */

/* *number: of the row, above those of all rows before it. Now and then sweeps those older than oldest_us. */
int store_spending_add(struct store *store, struct str principal, int64_t time_us, int64_t tokens, int64_t oldest_us,
                       int64_t *number, struct error *error) MUST_USE;
/* Replaces what is there; a row that was swept stays away. */
int store_spending_settle(struct store *store, int64_t number, int64_t time_us, int64_t tokens, struct error *error)
    MUST_USE;
/* Of the rows with a number below `before`: those later than hour_us, and those later than day_us. */
int store_spending_totals(struct store *store, struct str principal, int64_t before, int64_t hour_us, int64_t day_us,
                          int64_t *tokens_1h, int64_t *tokens_1d, struct error *error) MUST_USE;
/* The totals of each principal. With the lock held: the function must not come back here; -1 from it: memory is out. */
typedef int store_spending_function(void *context, struct str principal, int64_t tokens_1h, int64_t tokens_1d);
int store_spending_each(struct store *store, int64_t hour_us, int64_t day_us, store_spending_function *function,
                        void *context, struct error *error) MUST_USE;

#endif
