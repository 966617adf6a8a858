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

struct str action_detail_kind_name(enum action_detail_kind kind) {
    static const struct str names[] = {[ACTION_DETAIL_PARAMETER] = {"parameter", 9}, [ACTION_DETAIL_BEHIND] = {"behind", 6},
                                       [ACTION_DETAIL_FIELD] = {"field", 5}, [ACTION_DETAIL_SETTING] = {"setting", 7}};
    return names[kind];
}

static bool grow_details(struct action *action) {
    if (action->detail_count < action->detail_capacity) return true;
    if (action->detail_count == ACTION_DETAILS_MAX) return false;
    size_t capacity = action->detail_capacity > 0 ? action->detail_capacity * 2 : 8;
    struct action_detail *larger = ARENA_NEW_ARRAY(&action->arena, struct action_detail, capacity);
    if (larger == NULL) return false;
    if (action->detail_count > 0) memcpy(larger, action->details, action->detail_count * sizeof(*larger));
    action->details = larger;
    action->detail_capacity = capacity;
    return true;
}

static bool copy_string(struct arena *arena, struct str *string) {
    if (string->length > 0) *string = arena_copy(arena, *string);
    return string->length == 0 || string->data != NULL;
}

void action_add_detail(struct action *action, const struct action_detail *detail) {
    struct action_detail copy = *detail;
    struct arena *arena = &action->arena;
    bool fits = grow_details(action) && copy_string(arena, &copy.name) && copy_string(arena, &copy.type) &&
                copy_string(arena, &copy.field) && copy_string(arena, &copy.value);
    if (fits) action->details[action->detail_count++] = copy;
    else action->is_part_unseen = true;
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
