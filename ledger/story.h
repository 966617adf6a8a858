/* What a log tells, and whether it hangs together: who asked for what, what was decided, who approved it, how it ended.
 *
 * ledger/trail.h follows the frame (sessions, their entries' numbers, intents and outcomes in pairs, time); this follows the
 * members of events (ledger/event_form.h), by the rules of doc/evidence-format.md, section "What has to agree". Feed it
 * every entry in order. Memory: the sessions and actions that are open at a point of the log, and who is who.
 *
 * It also answers what votes have proven of an action, for whoever decides it again. */
#ifndef SWORN_LEDGER_STORY_H
#define SWORN_LEDGER_STORY_H

#include "ledger/event.h"

/* finding: one line, without the entry's number. */
typedef void story_finding_function(void *context, bool is_bad, uint64_t index, const char *finding);

struct story;

/* -1: out of memory. */
int story_new(struct story **story, story_finding_function *report, void *context) MUST_USE;
void story_free(struct story **story);
int story_note(struct story *story, const struct ledger_entry *entry) MUST_USE; /* -1: out of memory */
/* Entries are missing here (reported already): from here on, only what an entry says of itself is looked at. */
void story_skip(struct story *story);

/* The remedies that the votes noted so far fulfil for an action of the log, in the order of their holds. Valid until the
 * next call of story_note. */
const struct str *story_proven(const struct story *story, struct str action, size_t *count);

#endif
