/* What may be seen in an allowed action: its mask plans, with the placeholders of the conversation that it continues. */
#ifndef SWORN_GATE_PLANS_H
#define SWORN_GATE_PLANS_H

#include "gate/session.h"
#include "guard/mask_plan.h"

/* P. By action->verdict; in the action's arena. NULL: doubt, deny. */
const struct mask_plans *session_make_plans(struct session *session, struct action *action) MUST_USE;
/* P. What the request of the action under way was given is kept before the provider learns of it. */
void session_keep_placeholders(struct session *session);
/* P. What a later action may continue is kept before the client learns of its name. */
void session_keep_vault(struct session *session, struct action *action);

#endif
