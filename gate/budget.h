/* Budgets of principals, as the exchange uses them: reserve, decide, settle. */
#ifndef SWORN_GATE_BUDGET_H
#define SWORN_GATE_BUDGET_H

#include "gate/session.h"

/* P. Reserves what the action may spend; *action then has what was spent before it. -1: the state cannot be written. */
int session_reserve(struct session *session, struct action *action, struct error *error) MUST_USE;
/* P. On every way out: what it spent in the place of what was reserved. */
void session_settle(struct session *session, struct action *action);

#endif
