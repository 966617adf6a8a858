/* Parameters of recorded actions: evidence has their digest only, their values are in the sealed text.
 *
 * With the key they are made again from the text of a tool call ("<tool> <arguments as JSON>"), and count when they have
 * the digest that was recorded. Otherwise they stay sealed (attribute_is_sealed()): a policy that reads them errs, and so
 * tells that its decision cannot be taken without them. Blocking. */
#ifndef SWORN_GUARD_REPLAY_TAGS_H
#define SWORN_GUARD_REPLAY_TAGS_H

#include "guard/replay_entry.h"

/* Where sealed texts are; NULL and STR_NONE without. */
struct replay_seals {
    const char *folder;
    struct str kek;
};

/* Fills in what can be filled in, in the action's arena. */
void replay_tags_open(const struct replay_seals *seals, const struct replay_entry *entry, struct action *action);

/* Did a policy err that did not err when it was recorded, while parameters are sealed? is_recorded: the policies are those
 * of then. */
bool replay_tags_are_missed(const struct replay_entry *entry, const struct verdict *verdict, bool is_recorded);

#endif
