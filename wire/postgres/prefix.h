/* The prefix: messages of an extended batch that wait until what they belong to is decided. Private to wire/postgres.
 *
 * Parse, Bind, Describe and Close are kept in state->prefix, in order, each with its uncommitted entry of the queue. The
 * decision on an Execute covers the Bind of its portal and the Parse of that statement before it. What no Execute covers is
 * decided by itself before it goes on: a Bind makes the server plan, which runs functions; a Parse and the Describe of a
 * statement tell what columns there are. Nothing here parks. */
#ifndef SWORN_WIRE_POSTGRES_PREFIX_H
#define SWORN_WIRE_POSTGRES_PREFIX_H

#include "wire/postgres/session.h"

/* What needs a decision of its own. */
struct prefix_item {
    size_t first;                      /* where it begins: what stands before needs no decision */
    size_t count;                      /* messages of the prefix up to and with it */
    const struct expectation *subject; /* its Parse or Bind; NULL: a Describe of a statement that is not in the prefix */
    struct str statement;              /* that Describe's; points into the prefix */
    bool is_bind;                      /* else it only prepares and describes */
    struct str portal;                 /* of a Bind; points into the prefix */
};

/* Appends the client's message, whose entry was pushed last. -1: ERROR_LIMIT. */
int prefix_add(struct wire_session *session, const struct message *message, struct error *error) MUST_USE;
/* To the upstream's output, with their entries: everything, or the first ones. */
void prefix_send(struct wire_session *session);
void prefix_send_first(struct wire_session *session, size_t count);
/* What was refused is dropped with all that follows; what stands before it, such as a Close, is sent. */
void prefix_drop_refused(struct wire_session *session);
void prefix_drop(struct postgres_state *state);

/* The first that needs a decision; false when there is none. */
bool prefix_find(const struct postgres_state *state, struct prefix_item *item);
/* Executing this portal covers the whole prefix. */
bool prefix_is_covered_by(const struct postgres_state *state, struct str portal);

/* Gives back what an entry holds. */
void prefix_release_entry(struct postgres_state *state, struct expectation *entry);

#endif
