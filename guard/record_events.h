/* The texts of events: what is written of an action, a session, an approval (doc/evidence-format.md). Each appends one
 * canonical JSON object to out; pure functions. */
#ifndef SWORN_GUARD_RECORD_EVENTS_H
#define SWORN_GUARD_RECORD_EVENTS_H

#include "guard/record.h"

#define RECORD_TYPE_SEPARATOR "::" /* in a step's `parents`: "Database::prod/shop" */

/* claimed_hash: for a name that no principal has. */
void record_events_session_start(struct buffer *out, const struct record_session_facts *facts,
                                 const struct sha256 *claimed_hash);
void record_events_session_end(struct buffer *out, const struct record_session *session, struct str reason);
/* details: NULL when there are none. */
void record_events_intent(struct buffer *out, const struct action *action, const struct principal *principal,
                          struct str upstream, const struct seal_commitment *text,
                          const struct seal_commitment *details);
void record_events_outcome(struct buffer *out, const struct action *action);
/* The outcome of an action of which nothing more is known. */
void record_events_interrupted(struct buffer *out, uint64_t session_id, uint64_t number);
void record_events_hold_requested(struct buffer *out, const struct action *action, int64_t expires_us,
                                  const struct seal_commitment *text, const struct seal_commitment *view,
                                  const struct sha256 *view_digest);
/* reason: NULL when none was given. */
void record_events_vote(struct buffer *out, const struct action *action, const struct record_vote *vote,
                        const struct seal_commitment *reason);
void record_events_hold_ended(struct buffer *out, const struct action *action, struct str how);

#endif
