/* Approval: an action that policy holds waits here for real people.
 *
 * A hold belongs to one exact action of one session that is waiting for it, and ends with it: an approval can apply to
 * nothing else and is used once. Votes come from any worker; the rules are applied on the hold's own worker, where each
 * vote is recorded and durable before its voter is told and before it counts.
 *
 * Rules: only a user (a person) may vote; never the requester nor the person the requester acts for; only members of
 * the group that a remedy names; one vote a person; an approval names the view of the action that the approver was shown
 * (guard/view.h) and is of that one alone; the first denial ends the hold; so do its expiry, the client's
 * leaving and the gateway's stop. */
#ifndef SWORN_GUARD_APPROVAL_H
#define SWORN_GUARD_APPROVAL_H

#include "guard/identity.h"
#include "guard/record.h"
#include "guard/store.h"
#include "run/stream.h"

#define APPROVAL_ID_BYTES 10 /* 9 characters and a NUL */
#define APPROVAL_VOTES_MAX 64
#define APPROVAL_HOLDS_PER_PRINCIPAL_MAX 32 /* what waits at once; more is denied */
#define APPROVAL_REASON_MAX_BYTES 2000

struct approvals; /* all holds of the gateway; thread-safe */

/* store is borrowed. Marks what an earlier run left pending as interrupted (blocks: at start, off the workers). */
struct approvals *approvals_new(struct store *store, struct error *error) MUST_USE;
void approvals_free(struct approvals **approvals);

struct approval_request {
    struct record_session *record;
    const struct action *action; /* its verdict is HOLD and names the remedies */
    const struct principal *principal;
    struct str upstream;
    struct str upstream_id; /* "<environment>/<name>" */
    struct str client_address;
    const struct bundle *bundle; /* that holds it */
    struct stream *client;  /* its leaving ends the hold */
    uint64_t timeout_ns;
};

enum approval_end {
    APPROVAL_GRANTED,
    APPROVAL_DENIED,
    APPROVAL_EXPIRED,
    APPROVAL_CANCELLED,
    APPROVAL_INTERRUPTED, /* the gateway stops */
    APPROVAL_CROWDED,     /* too many actions of the principal wait already; in evidence it was cancelled */
    APPROVAL_UNREADABLE,  /* it was never held: nobody could be shown all of it */
};

struct approval_result {
    enum approval_end end;
    const struct str *approvers; /* in the action's arena, sorted */
    size_t approver_count;
    struct str denier; /* APPROVAL_DENIED */
};

struct hold;

/* P. Waits for the hold's end, whatever it is (0), or fails (-1: evidence or store do not answer). The client's leaving
 * ends it, as do fiber_cancel() and approval_cancel(). *hold is set while it waits. */
int approval_wait(struct approvals *approvals, const struct approval_request *request, struct arena *arena,
                  struct hold **hold, struct approval_result *result, struct error *error) MUST_USE;
/* On the hold's worker: the client cancelled the action. */
void approval_cancel(struct hold *hold);
/* On the hold's worker: the gateway stops, and the action is not waited for any longer. */
void approval_interrupt(struct hold *hold);

struct approval_vote {
    struct str hold_id; /* or the action's id */
    const struct principal *voter;
    struct str token_id; /* by which the voter proved who it is */
    bool is_approval;
    struct str view;     /* an approval: the first digits of the view's hash, as `sworn pending ID` shows them */
    struct str reason;
};

struct approval_tally {
    bool is_ended;   /* approved (all that was asked for is given), or denied */
    uint32_t given;  /* else of the first remedy that still lacks approvals */
    uint32_t needed;
};

/* P, on any worker. Errors: ERROR_NOT_FOUND, ERROR_DENIED (a rule, named in the text), ERROR_UNAVAILABLE. */
int approvals_vote(struct approvals *approvals, const struct approval_vote *vote, struct approval_tally *tally,
                   struct error *error) MUST_USE;

/* The view of an action that waits: a copy in the arena, not masked. */
struct approval_view {
    struct str json;
    struct sha256 digest;
    struct str upstream_id;
};
int approvals_view(struct approvals *approvals, struct str hold_id, struct arena *arena, struct approval_view *view,
                   struct error *error) MUST_USE;

/* What `sworn pending` lists; strings in the arena. */
struct approval_listing {
    struct str id;
    struct str action_id;
    struct str principal;
    struct str on_behalf_of;
    struct str upstream_id;
    struct str text;
    struct str policies; /* comma separated, as are the next two */
    struct str remedies;
    struct str approvers; /* who has approved so far */
    struct str candidates; /* who may still approve or deny */
    int64_t created_us;
    int64_t expires_us;
};

int approvals_list(struct approvals *approvals, const struct identity *identity, struct arena *arena,
                   struct approval_listing **listings, size_t *count, struct error *error) MUST_USE;

#endif
