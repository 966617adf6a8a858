/* The decision: each step of an action is one Cedar request, and nothing but Cedar decides.
 *
 *     principal  Sworn::User|Agent|Service::"<name>" in its Sworn::Group's; an agent has `onBehalfOf` when it acts for
 *                someone: a Sworn::User
 *     action     Sworn::Action::"<verb>", in its groups ("sql:write" in "sql")
 *     resource   Sworn::<Type>::"<id>" in the chain of its parents; every resource has `labels`, a set of strings
 *     context    the step's attributes, and of every action: applied, classes, time, hour, weekday, session_actions,
 *                session_denials, tokens_1h, tokens_1d, and client_address unless the client came over a Unix socket
 *
 * Verdict: a forbid that errs denies, whatever Cedar says (cedar_allows keeps what it said). All steps allowed: ALLOW.
 * Every step that is denied is denied by forbids with a @remedy only: HOLD, with the union of the remedies. Any other
 * denial: DENY.
 *
 * Data that nobody can look into (action->has_unscanned) is one request more: `reveal` of Sworn::DataClass::"unscanned" to
 * the upstream. What answers it counts as for a step.
 *
 * verdict.policies are the ids that determined the verdict: of an ALLOW the permits of all steps; of HOLD and DENY
 * those of the denied steps, with the forbids that erred. A denial without policies is the default one.
 *
 * A policy session binds one principal on one connection to one bundle, and keeps what stays the same: make a new one
 * when the bundle was replaced. It belongs to one worker. Nothing here parks. Takes less than 64 KiB of stack. */
#ifndef SWORN_GUARD_POLICY_H
#define SWORN_GUARD_POLICY_H

#include "guard/bundle.h"
#include "model/action.h"
#include "model/principal.h"

#define POLICY_SCRATCH_BYTES (16u << 20) /* cap for the scratch arena: one a worker, reset by each call */

struct policy_session;

/* Holds the bundle. client_address: "192.0.2.1" or "2001:db8::1", STR_NONE on a Unix socket; borrowed for the call, as
 * is the principal, which is looked up in the bundle by kind and name: ERROR_DENIED when it is not there (any more). */
struct policy_session *policy_session_new(struct bundle *bundle, const struct principal *principal,
                                          struct str client_address, struct error *error) MUST_USE;
void policy_session_free(struct policy_session **session);

/* What the gateway measured of the session and the principal at the time of an action. */
struct policy_facts {
    int64_t now_us; /* real time */
    uint64_t session_actions;
    uint64_t session_denials;
    int64_t tokens_1h; /* guard/usage.h */
    int64_t tokens_1d;
    struct str source; /* "<environment>/<upstream>", for what is unscanned */
};

/* Decides on the action and fills in action->verdict (strings in the action's arena), all but `approvers` and `reveal`,
 * which it leaves, and `rounds`, which it counts up. -1 when memory ran out or a name in the action is not one: the
 * verdict is DENY then, with a message. */
int policy_decide(struct policy_session *session, struct arena *scratch, const struct policy_facts *facts,
                  struct action *action, const struct str *applied, size_t applied_count, struct error *error) MUST_USE;

enum policy_sink { POLICY_SINK_PRINCIPAL, POLICY_SINK_UPSTREAM, POLICY_SINK_URL, POLICY_SINK_COUNT };

/* Which data classes may be received in clear: asks Sworn::Action::"reveal" on each Sworn::DataClass, with context
 * {source, sink, applied, time, hour, weekday, client_address}. source is "<environment>/<upstream>". The answer is
 * kept in the session for the minute it was given in. On -1 *reveal is empty: everything is masked. */
int policy_reveal(struct policy_session *session, struct arena *scratch, const struct policy_facts *facts,
                  struct str source, enum policy_sink sink, const struct str *applied, size_t applied_count,
                  class_set *reveal, struct error *error) MUST_USE;

/* One question outside of any action: may the principal do `verb` on the resource (say "approve", "admin",
 * "audit:read")? For the gateway's own administration. */
int policy_may(struct policy_session *session, struct arena *scratch, const struct policy_facts *facts, struct str verb,
               const struct resource *resource, bool *is_allowed, struct error *error) MUST_USE;

#endif
