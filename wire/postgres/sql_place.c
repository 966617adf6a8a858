/* Where a session stands, as the server said it, and how the statements of one text move it on. Only what is plain is
 * followed, from one statement of a text to the next; everything else makes it unknown, until the server is asked. */
#include "wire/postgres/sql_place.h"

#include <stdlib.h>

#include "base/clock.h"
#include "wire/postgres/sql_builder.h"

#define PLACE_BYTES_MAX (256u * 1024)

static bool has_no_data(struct str copy, struct str from) {
    return from.length > 0 && copy.data == NULL;
}

static int fill(struct sql_place *place, const struct sql_known *known) {
    struct arena *arena = &place->arena;
    struct str path = arena_copy(arena, known->search_path);
    struct str *schemas = ARENA_NEW_ARRAY(arena, struct str, known->schema_count + 1);
    if (has_no_data(path, known->search_path) || schemas == NULL) return -1;
    if (sql_split_path(arena, path, &place->path, &place->path_count) != 0) return -1;
    place->has_old_snapshot = known->has_old_snapshot;
    place->has_reset_path = known->reset_path.data != NULL;
    if (place->has_reset_path) {
        struct str reset_path = arena_copy(arena, known->reset_path);
        if (sql_split_path(arena, reset_path, &place->reset_path, &place->reset_path_count) != 0) return -1;
    }
    for (size_t i = 0; i < known->schema_count; i++) {
        schemas[i] = arena_copy(arena, known->schemas[i]);
        if (schemas[i].data == NULL) return -1;
    }
    place->schemas = schemas;
    place->schema_count = known->schema_count;
    place->user = arena_copy(arena, known->user);
    place->session_user = arena_copy(arena, known->session_user);
    place->temporary = arena_copy(arena, known->temporary);
    bool is_whole = !has_no_data(place->user, known->user) && !has_no_data(place->session_user, known->session_user) &&
                    !has_no_data(place->temporary, known->temporary);
    return is_whole ? 0 : -1;
}

struct sql_place *sql_place_new(const struct sql_known *known) {
    struct sql_place *place = calloc(1, sizeof(*place));
    if (place == NULL) return NULL;
    place->reference_count = 1;
    place->learned_ns = clock_monotonic_ns();
    arena_init(&place->arena, PLACE_BYTES_MAX);
    if (fill(place, known) != 0) sql_place_release(&place);
    return place;
}

struct sql_place *sql_place_hold(struct sql_place *place) {
    if (place != NULL) place->reference_count++;
    return place;
}

void sql_place_release(struct sql_place **place) {
    if (*place != NULL && --(*place)->reference_count == 0) {
        arena_free(&(*place)->arena);
        free(*place);
    }
    *place = NULL;
}

void sql_state_begin(struct sql_state *state, const struct sql_place *place, bool has_changed) {
    *state = (struct sql_state){.place = place, .has_changed_path = has_changed, .has_changed_user = has_changed};
    if (place == NULL) return;
    state->is_path_known = true;
    state->path = place->path;
    state->path_count = place->path_count;
    state->is_user_known = true;
    state->user = place->user;
}

static void doubt_path(struct sql_state *state) {
    state->is_path_known = false;
    state->lacks_reset = false;
    state->has_changed_path = true;
}

void sql_state_doubt_path(struct sql_state *state) {
    doubt_path(state);
}

void sql_state_doubt(struct sql_state *state) {
    doubt_path(state);
    state->is_user_known = false;
    state->has_changed_user = true;
}

static void undo(struct sql_state *state) {
    if (state->has_changed_path) doubt_path(state);
    if (state->has_changed_user) state->is_user_known = false;
}

static int join_paths(struct sql_state *state, struct arena *arena, const struct sql_effect *effect) {
    struct str *both = ARENA_NEW_ARRAY(arena, struct str, state->path_count + effect->value_count + 1);
    if (both == NULL) return -1;
    for (size_t i = 0; i < state->path_count; i++) both[i] = state->path[i];
    for (size_t i = 0; i < effect->value_count; i++) both[state->path_count + i] = effect->values[i];
    state->path = both;
    state->path_count += effect->value_count;
    return 0;
}

static void reset_path(struct sql_state *state) {
    state->is_path_known = state->place != NULL && state->place->has_reset_path;
    state->lacks_reset = !state->is_path_known;
    if (state->lacks_reset) return;
    state->path = state->place->reset_path;
    state->path_count = state->place->reset_path_count;
}

/* What may or may not happen leaves both: a name may mean either. */
static int take_path(struct sql_state *state, struct arena *arena, const struct sql_effect *effect) {
    if (effect->is_maybe) return state->is_path_known ? join_paths(state, arena, effect) : 0;
    state->lacks_reset = false;
    state->is_path_known = true;
    state->path = effect->values;
    state->path_count = effect->value_count;
    return 0;
}

static void take_user(struct sql_state *state, const struct sql_effect *effect) {
    bool is_session = effect->kind == SQL_EFFECT_SET_SESSION_USER;
    bool is_back = !is_session && effect->is_default && state->place != NULL && !state->is_session_user_set;
    state->is_session_user_set |= is_session;
    state->is_user_known = !effect->is_maybe && (!effect->is_default || is_back);
    if (state->is_user_known) state->user = is_back ? state->place->session_user : effect->name;
}

int sql_state_take(struct sql_state *state, struct arena *arena, const struct sql_effect *effect) {
    switch (effect->kind) {
    case SQL_EFFECT_SET_SEARCH_PATH:
        state->has_changed_path = true;
        if (!effect->is_default) return take_path(state, arena, effect);
        reset_path(state);
        return 0;
    case SQL_EFFECT_SET_ROLE:
    case SQL_EFFECT_SET_SESSION_USER:
        state->has_changed_user = true;
        take_user(state, effect);
        return 0;
    case SQL_EFFECT_RESET_ALL: /* role and session_authorization are exempt */
        state->has_changed_path = true;
        reset_path(state);
        return 0;
    case SQL_EFFECT_DISCARD:
        sql_state_doubt(state);
        return 0;
    case SQL_EFFECT_COMMIT:
    case SQL_EFFECT_ROLLBACK:
    case SQL_EFFECT_ROLLBACK_TO:
        undo(state);
        return 0;
    default:
        return 0;
    }
}

bool sql_effect_moves(const struct sql_effect *effect, bool has_changed) {
    switch (effect->kind) {
    case SQL_EFFECT_SET_SEARCH_PATH:
    case SQL_EFFECT_SET_ROLE:
    case SQL_EFFECT_SET_SESSION_USER:
    case SQL_EFFECT_RESET_ALL:
    case SQL_EFFECT_DISCARD:
        return true;
    case SQL_EFFECT_COMMIT:
    case SQL_EFFECT_ROLLBACK:
    case SQL_EFFECT_ROLLBACK_TO:
        return has_changed;
    default:
        return false;
    }
}
