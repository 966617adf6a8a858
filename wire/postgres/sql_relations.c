/* What a session knows of relations while an action is described, and what it has to ask the server for. */
#include "wire/postgres/sql_session.h"

#define MISSING_MAX 2000u /* in one question; what is beyond is asked for in the next */
#define MISSING_BYTES_MAX (512u * 1024)

void sql_session_attach(struct sql_session *session, struct relations *relations) {
    session->relations = relations;
}

void sql_relations_begin(struct sql_session *session) {
    arena_init(&session->missing_arena, MISSING_BYTES_MAX);
}

void sql_relations_free(struct sql_session *session) {
    relations_free(&session->own);
    arena_free(&session->missing_arena);
}

void sql_relations_reset(struct sql_session *session) {
    session->missing = NULL;
    session->missing_count = 0;
    arena_free(&session->missing_arena);
}

static void add_missing(struct sql_session *session, struct str schema, struct str name) {
    struct arena *arena = &session->missing_arena;
    if (session->missing == NULL) session->missing = ARENA_NEW_ARRAY(arena, struct sql_relation_name, MISSING_MAX);
    session->is_cut = session->missing == NULL || session->missing_count == MISSING_MAX;
    if (session->is_cut) return;
    struct sql_relation_name *missing = &session->missing[session->missing_count];
    *missing = (struct sql_relation_name){arena_copy(arena, schema), arena_copy(arena, name)};
    session->is_cut = (schema.length > 0 && missing->schema.data == NULL) || missing->name.data == NULL;
    session->missing_count += !session->is_cut;
}

enum relation_answer sql_relations_find(struct sql_session *session, struct str schema, struct str name,
                                        struct arena *arena, struct relation *relation) {
    enum relation_answer answer = RELATION_UNKNOWN;
    uint64_t generation = relations_generation(session->relations);
    if (session->own != NULL) answer = relations_find(session->own, generation, schema, name, arena, relation);
    if (answer == RELATION_UNKNOWN && !session->has_changed_catalog)
        answer = relations_find(session->relations, generation, schema, name, arena, relation);
    if (answer == RELATION_UNKNOWN) add_missing(session, schema, name);
    return answer;
}

const struct sql_relation_name *sql_session_missing(const struct sql_session *session, size_t *count) {
    *count = session->missing_count;
    return session->missing;
}

uint64_t sql_session_generation(const struct sql_session *session) {
    return session->relations != NULL ? relations_generation(session->relations) : 0;
}

void sql_session_learn_relation(struct sql_session *session, bool is_private, uint64_t generation,
                                const struct sql_relation_name *asked, const struct relation *relation) {
    if (session->relations == NULL) return;
    if (is_private && session->own == NULL) session->own = relations_new();
    struct relations *to = is_private ? session->own : session->relations;
    if (to != NULL) relations_keep(to, generation, asked->schema, asked->name, relation);
}

bool sql_session_is_private(const struct sql_session *session) {
    return session->has_changed_catalog || (session->place != NULL && session->place->has_old_snapshot);
}

void sql_relations_sent(struct sql_session *session) {
    if (!session->changes_catalog || session->relations == NULL) return;
    session->has_changed_catalog = true;
    relations_touch(session->relations);
}

void sql_relations_settle(struct sql_session *session, char status, bool is_quiet) {
    if (status != 'I') return;
    if (session->has_changed_catalog) relations_touch(session->relations); /* others see it now */
    if (!is_quiet) return;
    session->has_changed_catalog = false;
    relations_free(&session->own);
}
