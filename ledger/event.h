/* The words of the evidence log, and the check that every event and entry passes.
 *
 * An event is one object in RFC 8785 canonical form with a member "type". The gateway writes events; the keeper wraps
 * each into an entry, so that time and numbers are never the gateway's:
 *
 *     {"event":{...},"seq":N,"session":"<16 hex>","time":"2026-11-22T02:14:07.123456Z"}
 *
 * seq counts the entries of one session from 0 without gaps. The ledger itself looks only at "type", "action",
 * "verdict", "status" and "heartbeat_ms"; everything else in an event belongs to whoever wrote it.
 *
 * Rules that `sworn audit verify` holds events to (doc/evidence-format.md has them in full):
 *   - A run's first entry is node_start: the keeper refuses session_start before it.
 *   - A session's first entry is session_start (node_start for the node's own session), its last is session_end
 *     (node_stop). Session ids are never used twice. Action ids are "<session hex>-<n>", n rising within the session
 *     (an intent may stand at most EVENT_ACTION_WINDOW behind the highest n so far).
 *   - An intent with "verdict":"deny" is complete in itself. Every other intent is followed by exactly one outcome.
 *     A held action writes hold_requested, approval, hold_ended (all with its "action") BEFORE its one intent, or after
 *     it; the ledger does not care about their order.
 *   - node_start carries "heartbeat_ms". Where heartbeats stayed away for more than 3 intervals, the keeper itself
 *     declares it by a heartbeat_gap entry before the next one. */
#ifndef SWORN_LEDGER_EVENT_H
#define SWORN_LEDGER_EVENT_H

#include "base/error.h"
#include "base/str.h"

#define EVENT_NODE_START STR("node_start")             /* bundle, config, binary, version, heartbeat_ms */
#define EVENT_HEARTBEAT STR("heartbeat")               /* counters, in_flight */
#define EVENT_HEARTBEAT_GAP STR("heartbeat_gap")       /* by the keeper: gap_ms */
#define EVENT_NODE_STOP STR("node_stop")               /* ends the node's session; by the keeper: interrupted */
#define EVENT_BUNDLE_ACTIVATED STR("bundle_activated") /* bundle and its text, plain or sealed */
#define EVENT_ENTITIES_ACTIVATED STR("entities_activated") /* principals and resources that policies speak of */
#define EVENT_SESSION_START STR("session_start")
#define EVENT_SESSION_END STR("session_end") /* by the keeper, after a crash: interrupted */
#define EVENT_INTENT STR("intent")           /* action, verdict, ... */
#define EVENT_NODE_RELOAD STR("node_reload") /* heartbeat_ms from here on, ... */
#define EVENT_OUTCOME STR("outcome")         /* action, status, ... */
#define EVENT_HOLD_REQUESTED STR("hold_requested")
#define EVENT_APPROVAL STR("approval")
#define EVENT_HOLD_ENDED STR("hold_ended")

#define EVENT_VERDICT_ALLOW STR("allow")
#define EVENT_VERDICT_DENY STR("deny")

#define EVENT_STATUS_OK STR("ok")
#define EVENT_STATUS_ERROR STR("error")
#define EVENT_STATUS_CANCELLED STR("cancelled")
#define EVENT_STATUS_INTERRUPTED STR("interrupted") /* the run ended between intent and outcome */

#define ENTRY_MAX_BYTES 65535u
/* What the envelope adds at most: its keys, a 20 digit seq, 16 hex digits, 27 characters of time. */
#define ENTRY_ENVELOPE_MAX_BYTES 110u
#define EVENT_MAX_BYTES (ENTRY_MAX_BYTES - ENTRY_ENVELOPE_MAX_BYTES)
#define EVENT_DEPTH_MAX 32
#define EVENT_ACTION_MAX_BYTES 64u
#define EVENT_ACTION_WINDOW 1024u

/* The members of an event that the ledger looks at, borrowed from its text; data == NULL where absent. Strings with
 * escapes and values of another type than expected make the event invalid. */
struct event_summary {
    struct str type;
    struct str action;
    struct str verdict;
    struct str status;
    uint64_t heartbeat_ms; /* 0 where absent */
};

struct ledger_entry {
    uint64_t index;
    struct str text;  /* the whole entry */
    struct str event; /* the event within it */
    uint64_t seq;
    uint64_t session;
    struct str time;
    int64_t time_us; /* microseconds since 1970 */
    struct event_summary summary;
};

/* Checks the canonical form (strict: no white space, keys in order and unique, shortest escapes, integers only, keys
 * plain ASCII, valid UTF-8, depth up to EVENT_DEPTH_MAX) and fills the summary. No allocation. */
int event_check(struct str event, struct event_summary *summary, struct error *error) MUST_USE;

/* The same for a whole entry. index is not in the text: the caller knows it. */
int entry_parse(struct str text, struct ledger_entry *entry, struct error *error) MUST_USE;

/* Writes the envelope around event, to `out` of at least event.length + ENTRY_ENVELOPE_MAX_BYTES bytes; returns the
 * length. out may overlap the event only where the event already stands at out + ENTRY_PREFIX_BYTES. */
#define ENTRY_PREFIX_BYTES 9u /* {"event": */
size_t entry_wrap(char *out, struct str event, uint64_t session, uint64_t seq, struct str time) MUST_USE;

#define SESSION_HEX_BYTES 16u
void session_format(uint64_t session, char out[SESSION_HEX_BYTES]); /* lower-case hex, no NUL */
int session_parse(struct str text, uint64_t *session) MUST_USE;

#endif
