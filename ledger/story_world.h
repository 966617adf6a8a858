/* What a log says is in force: which policies, and who is who. The part of the story that votes and intents lean on.
 *
 * Fed with bundle_activated and entities_activated events, it recomputes their hashes, so that a principal's groups are
 * what the hash in an intent stands for. All sets of principals of one run are kept, up to STORY_WORLD_BYTES_MAX. */
#ifndef SWORN_LEDGER_STORY_WORLD_H
#define SWORN_LEDGER_STORY_WORLD_H

#include "base/digest.h"
#include "ledger/event_form.h"

#define STORY_WORLD_BYTES_MAX ((size_t)256 << 20)
#define STORY_CHAIN_MAX 16 /* people and agents behind a principal */

struct story_principal {
    struct str name;
    struct str type;
    struct str on_behalf_of; /* data == NULL: nobody */
    const struct str *groups;
    size_t group_count;
};

struct story_world; /* opaque */
struct story_people; /* a set of principals, by the hash of all entities */

int story_world_new(struct story_world **world) MUST_USE; /* -1: out of memory */
void story_world_free(struct story_world **world);
/* A run begins: what an earlier one had is not in force any more. */
void story_world_begin_run(struct story_world *world);
/* A bundle_activated or entities_activated event. -1: it does not fit; the error says why (ERROR_MEMORY: out of it). */
int story_world_note(struct story_world *world, const struct event_form *form, uint64_t index, struct error *error)
    MUST_USE;

/* Was the whole bundle of that hash (hex) recorded in this run? */
bool story_world_has_bundle(const struct story_world *world, struct str hash);
/* NULL: no such entities were recorded in this run. */
const struct story_people *story_world_people(const struct story_world *world, struct str hash);
const struct story_principal *story_people_find(const struct story_people *people, struct str name);
bool story_principal_is_in(const struct story_principal *principal, struct str group);

/* What is to be asked of each set that was in force at some time from entry `since` on, `first` (what an action names) among
 * them; true once the answer is. */
typedef bool story_people_question(void *context, const struct story_people *people);
bool story_world_any(const struct story_world *world, const struct story_people *first, uint64_t since,
                     story_people_question *question, void *context);

#endif
