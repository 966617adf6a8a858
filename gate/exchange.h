/* The spine: every action of a session passes here, and only here do protocols and the guard meet. */
#ifndef SWORN_GATE_EXCHANGE_H
#define SWORN_GATE_EXCHANGE_H

#include "gate/session.h"

/* What the protocols call back (wire/wire.h). */
extern const struct wire_gate exchange_gate;

/* P. From a session that is logged in to one whose every action is accounted for. 0: the client left in an orderly way;
 * -1: it ended otherwise, and why. */
int exchange_run(struct session *session, struct error *error) MUST_USE;

#endif
