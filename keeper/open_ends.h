/* What a run left open: a reading of the log from its last node_start on. */
#ifndef SWORN_KEEPER_OPEN_ENDS_H
#define SWORN_KEEPER_OPEN_ENDS_H

#include "ledger/event.h"

struct open_session {
    uint64_t id;
    uint64_t next_seq;
    bool is_node;
};

struct open_action {
    uint64_t index; /* of its intent, or of its hold_requested */
    uint64_t session;
    bool is_hold;   /* it waits for approval: what is missing is hold_ended, not an outcome */
    char action[EVENT_ACTION_MAX_BYTES];
    size_t action_length;
};

struct open_ends;

/* Reads entries [from, size) of the evidence folder; when they do not begin at a node_start, all of them. */
int open_ends_find(struct open_ends **ends, const char *folder, uint64_t from, struct error *error) MUST_USE;
void open_ends_free(struct open_ends **ends);
size_t open_ends_sessions(const struct open_ends *ends, const struct open_session ***sessions);
/* In the order of their entries. */
size_t open_ends_actions(const struct open_ends *ends, const struct open_action ***actions);

#endif
