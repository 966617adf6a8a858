/* Deciding recorded actions again: `sworn policy replay` and `sworn policy diff`.
 *
 * One pass over an evidence folder. Each intent and each hold_requested becomes the action that it was and goes through
 * policy_decide() and policy_reveal(), the same that the gateway calls, once for each side: under the bundle that was
 * recorded, or under a folder of policies; always with the entities that were recorded. Memory: the sessions that are
 * open at a point of the log (REPLAY_SESSIONS_MAX) and what guard/replay_bundle.h keeps. Blocking; needs a big stack. */
#ifndef SWORN_GUARD_REPLAY_H
#define SWORN_GUARD_REPLAY_H

#include "guard/replay_bundle.h"
#include "guard/replay_entry.h"

#define REPLAY_SIDES_MAX 2
#define REPLAY_SESSIONS_MAX 65536 /* open at once, in the log */

struct replay_options {
    const char *evidence;
    const char *sides[REPLAY_SIDES_MAX]; /* folders of policies; NULL: as recorded */
    size_t side_count;
    const char *sealed; /* with kek: opens sealed texts, of policies and of tool calls */
    struct str kek;
};

/* One decision, taken again. */
struct replay_decision {
    const struct replay_entry *entry;
    const struct action *action;
    struct str principal;
    struct str source;           /* "prod/shop": where a reveal is from */
    enum verdict_kind recorded;  /* what policy said then */
    bool repeats_hold;           /* an intent whose decision is that of its hold_requested: nobody approved */
    struct verdict verdicts[REPLAY_SIDES_MAX];
};

struct replay_summary {
    uint64_t entries;
    uint64_t decisions; /* taken again */
    uint64_t undecided; /* intents that policy was not asked about: not counted in decisions */
    uint64_t failed;    /* could not be taken again */
    uint64_t sealed;    /* nor these: policies read what only the sealed text has */
};

typedef int replay_function(void *context, const struct replay_decision *decision, struct error *error);
/* Why an action could not be decided; the same text is told once in a row. */
typedef void replay_problem_function(void *context, struct str action, const char *text);

/* -1: the log cannot be read, or on_decision said so. */
int replay_run(const struct replay_options *options, replay_function *on_decision, replay_problem_function *on_problem,
               void *context, struct replay_summary *summary, struct error *error) MUST_USE;

#endif
