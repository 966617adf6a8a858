/* An action and its arena live and die together. */
#include "model/action.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ACTION_MAGIC 0x5ac71011u

void action_write_id(char id[ACTION_ID_BYTES], uint64_t session_id, uint64_t number) {
    snprintf(id, ACTION_ID_BYTES, "%016" PRIx64 "-%" PRIu64, session_id, number);
}

struct action *action_new(uint64_t session_id, uint64_t number) {
    struct action *action = calloc(1, sizeof(*action));
    if (action == NULL) return NULL;
    action->magic = ACTION_MAGIC;
    action->number = number;
    arena_init(&action->arena, ACTION_ARENA_BYTES);
    action_write_id(action->id, session_id, number);
    return action;
}

const char *refusal_word(enum refusal refusal) {
    static const char *const words[] = {
        [REFUSAL_NONE] = "",
#define REFUSAL(identifier, word) [REFUSAL_##identifier] = word,
#include "model/refusals.def"
#undef REFUSAL
    };
    return words[refusal];
}

void action_refuse(struct action *action, enum refusal refused_as, struct str message) {
    if (action->refused_as != REFUSAL_NONE) return;
    action->refused_as = refused_as;
    action->refusal = arena_copy(&action->arena, message);
    if (action->refusal.length == 0) action->refusal = STR("this cannot be let through");
}

void action_free(struct action **action) {
    if (*action == NULL) return;
    CHECK_MAGIC(*action, ACTION_MAGIC);
    (*action)->magic = 0;
    facts_free((*action)->outcome.facts);
    arena_free(&(*action)->arena);
    free(*action);
    *action = NULL;
}
