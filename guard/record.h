/* Recording: how what the gate decides and sees becomes entries of the evidence log.
 *
 * struct recorder is one worker's: it gathers the events of a batch of fibers, writes the sealed payloads they commit
 * to, hands the events to the keeper through the worker's ring and wakes who waits. struct record_session is one
 * session's line of events; the keeper numbers it.
 *
 * Nothing here parks but the functions marked P. Recording itself never waits: whoever is about to let bytes go calls
 * record_await first, and must treat -1 as "this is not in evidence: do not". All functions belong to the worker's
 * thread. A record_session must not be freed before record_end. */
#ifndef SWORN_GUARD_RECORD_H
#define SWORN_GUARD_RECORD_H

#include "base/json.h"
#include "ledger/ring.h"
#include "ledger/seal.h"
#include "model/action.h"
#include "model/principal.h"
#include "run/sync.h"
#include "run/worker.h"

#define RECORD_QUEUE_MAX_BYTES ((size_t)64 << 20)
#define RECORD_REFUSED_MAX 64 /* events of a session whose refusal is remembered one by one; it ends at the first */

struct mask_worker;
struct recorder;

struct record_session {
    struct recorder *recorder;
    uint64_t id;
    struct seal_session *seal;
    uint64_t recorded; /* events so far */
    uint64_t settled;  /* of these, durable or refused */
    bool is_refused;   /* one of them is not in the log and never will be */
    bool is_last_durable; /* of the event that was settled last */
    uint64_t refused[RECORD_REFUSED_MAX]; /* the first of these, by number */
    uint64_t refused_count;
    uint64_t lost[RECORD_REFUSED_MAX]; /* numbers of the actions whose outcome was refused */
    size_t lost_count;
    uint64_t actions; /* recorded, and not refused since */
    uint64_t denials;
    uint64_t highest_action; /* the highest number in the log */
    struct condition changed;
};

/* The ring and the sealer are borrowed. On the worker's own thread. */
int recorder_new(struct recorder **recorder, struct worker *worker, struct rings *rings, uint32_t ring_number,
                 struct sealer *sealer, struct error *error) MUST_USE;
/* P, not cancellable. When every session of the worker has ended: the recorder's own fiber leaves. Then free. */
void recorder_stop(struct recorder *recorder);
void recorder_free(struct recorder **recorder);
/* The keeper is gone, or no longer waited for: everything outstanding and to come is refused. */
void recorder_fail(struct recorder *recorder);
/* False while the log or the sealed texts cannot be written, or the keeper does not answer: refuse actions before they
 * start. why may be NULL. On any thread. */
bool recorder_is_accepting(const struct recorder *recorder, struct error *why);

/* What is known when a session begins. Strings are borrowed for the call. */
struct record_session_facts {
    struct str protocol;
    struct str upstream;
    struct str environment;
    struct str database;
    struct str client_address;
    struct str token_id;                /* which token, never the token */
    struct str claimed_name;            /* who the client said it is; where no principal has that name: hashed */
    bool is_name_known;
    const struct principal *principal;  /* NULL: the login was refused */
    struct str refusal;                 /* why; empty when it was not */
};

int record_begin(struct record_session *session, struct recorder *recorder, uint64_t id,
                 const struct record_session_facts *facts, struct error *error) MUST_USE;
#define RECORD_DIGEST_DOMAIN "sworn/digest/v1"
#define RECORD_NAME_DOMAIN "sworn/name/v1"
#define RECORD_INPUT_DOMAIN "sworn/input/v1"
/* Before the first round: makes the action's digest one that nobody can try values out on. Once; the text stays as it is. */
void record_key_action(struct record_session *session, struct action *action);
/* -1: the intent is too long for an entry; nothing was recorded. *number: which event of the session it is, 0 when its text
 * could not be sealed and the session is refused. */
int record_intent(struct record_session *session, const struct action *action, const struct principal *principal,
                  struct str upstream, uint64_t *number) MUST_USE;
/* Does the text hold a recognised value, or more bytes than a name has? */
bool record_is_telling(struct mask_worker *masks, struct str text);
/* Before the first entry: which names of the steps hold a recognised value. -1: out of memory. */
int record_check_names(struct mask_worker *masks, struct action *action) MUST_USE;
/* Takes out what holds a recognised value. */
void record_check_facts(struct mask_worker *masks, struct fact facts[FACT_COUNT]);
/* P, not cancellable, when the intent is not settled yet: an outcome is recorded only where its intent is. intent: its
 * number, 0 for none. */
void record_outcome(struct record_session *session, const struct action *action, uint64_t intent);
/* A hold begins, with the view that people are shown (guard/view.h) and its hash; gets votes; ends. */
void record_hold_requested(struct record_session *session, const struct action *action, int64_t expires_us, struct str view,
                           const struct sha256 *view_digest);
struct record_vote {
    struct str approver;
    struct str token_id;
    struct str group;
    struct str decision; /* "approve", "deny", or "refused" with the rule that refused it */
    struct str rule;
    struct str reason;
    const struct sha256 *view; /* what the approver was shown; NULL: it is no approval */
};
void record_vote(struct record_session *session, const struct action *action, const struct record_vote *vote);
void record_hold_ended(struct record_session *session, const struct action *action, struct str how);

/* P: waits until the first `count` events (session->recorded when it was read) are durable. -1 also when the keeper has
 * not answered for some seconds: whether they will be durable is open then. */
int record_await(struct record_session *session, uint64_t count, struct error *error) MUST_USE;
/* P, not cancellable: outcomes that were refused, as interrupted, then the last event, with totals; again until the log has
 * taken them or the recorder has failed; frees the session's key. */
void record_end(struct record_session *session, struct str reason);

/* The node's own session: its start, its heartbeats, the bundles it activates. Event is a complete canonical object
 * with its "type". */
void record_node_begin(struct record_session *session, struct recorder *recorder, uint64_t id, struct str event);
void record_event(struct record_session *session, uint32_t flags, struct str event);
/* P. */
void record_node_end(struct record_session *session);

/* Members "name":{class:count,...} of counts that are not zero. */
void record_write_counts(struct json_writer *writer, struct str name, const struct class_counts *counts);

#endif
