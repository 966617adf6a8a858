/* What a session has made of itself, as the server confirmed it: settings with their transactions and savepoints, and
 * the names of prepared statements and portals. */
#include <stdlib.h>

#include "wire/postgres/sql_session.h"

#define SQL_SESSION_MAGIC 0x5a15e551u

struct sql_session *sql_session_new(void) {
    struct sql_session *session = calloc(1, sizeof(*session));
    if (session == NULL) return NULL;
    session->magic = SQL_SESSION_MAGIC;
    session->is_client_utf8 = true;
    session->is_server_utf8 = true;
    session->has_standard_strings = true;
    map_init(&session->prepared);
    map_init(&session->portals);
    return session;
}

static void free_entry(struct sql_entry *entry) {
    if (entry == NULL) return;
    sql_analysis_release(&entry->analysis);
    sql_settings_free(&entry->settings);
    free(entry->name);
    free(entry);
}

static void free_entries(struct map *map) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(map, &cursor, &key, &value)) free_entry(value);
    map_clear(map);
}

static void pop_savepoint(struct sql_session *session) {
    struct sql_savepoint *savepoint = session->savepoint;
    session->savepoint = savepoint->outer;
    session->savepoint_count--;
    sql_settings_free(&savepoint->settings);
    free(savepoint->name);
    free(savepoint);
}

static void forget_openers(struct sql_session *session) {
    while (session->opener_count > 0) sql_analysis_release(&session->openers[--session->opener_count].analysis);
    session->has_more_openers = false;
}

void sql_session_free(struct sql_session **session) {
    if (*session == NULL) return;
    CHECK_MAGIC(*session, SQL_SESSION_MAGIC);
    while ((*session)->savepoint != NULL) pop_savepoint(*session);
    forget_openers(*session);
    free_entries(&(*session)->prepared);
    free_entries(&(*session)->portals);
    map_free(&(*session)->prepared);
    map_free(&(*session)->portals);
    sql_settings_free(&(*session)->current);
    sql_settings_free(&(*session)->committed);
    sql_names_release(&(*session)->default_path);
    (*session)->magic = 0;
    free(*session);
    *session = NULL;
}

static void set_default_path(struct sql_session *session, struct str value) {
    struct arena arena;
    const struct str *names;
    size_t count;
    arena_init(&arena, 64 * 1024);
    if (sql_split_path(&arena, value, &names, &count) == 0) {
        sql_names_release(&session->default_path);
        session->default_path = sql_names_new(names, count);
    }
    arena_free(&arena);
}

void sql_session_set_judge(struct sql_session *session, sql_judge_call *judge, void *context) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    session->judge = judge;
    session->judge_context = context;
}

void sql_session_parameter(struct sql_session *session, struct str name, struct str value) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    if (str_equal_ignoring_case(name, STR("client_encoding"))) session->is_client_utf8 = sql_is_encoding_utf8(value);
    if (str_equal_ignoring_case(name, STR("server_encoding"))) session->is_server_utf8 = sql_is_encoding_utf8(value);
    if (str_equal_ignoring_case(name, STR("standard_conforming_strings"))) {
        session->has_standard_strings = sql_is_true(value);
    }
    if (str_equal_ignoring_case(name, STR("search_path"))) set_default_path(session, value);
}

static void remove_entry(struct map *map, struct str name) {
    free_entry(map_remove(map, name));
}

static int set_entry(struct map *map, const struct sql_settings *settings, struct str name,
                     const struct sql_named *named, bool is_held, struct error *error) {
    remove_entry(map, name);
    if (named->analysis == NULL) return 0;
    if (map->count >= SQL_NAMES_MAX) return error_set(error, ERROR_LIMIT, "too many prepared statements or cursors");
    struct sql_entry *entry = calloc(1, sizeof(*entry));
    char *copy = str_to_cstr(name);
    if (entry == NULL || copy == NULL) {
        free(entry);
        free(copy);
        return error_out_of_memory(error);
    }
    entry->name = copy;
    entry->analysis = sql_analysis_hold(named->analysis);
    entry->statement = named->statement;
    entry->is_held = is_held;
    sql_settings_copy(&entry->settings, settings);
    if (map_set(map, str_from_cstr(copy), entry) == 0) return 0;
    free_entry(entry);
    return error_out_of_memory(error);
}

int sql_session_set_prepared(struct sql_session *session, struct str name, const struct sql_analysis *analysis,
                             const struct sql_statement *statement, struct error *error) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    struct sql_named named = {analysis, statement};
    return set_entry(&session->prepared, &session->current, name, &named, true, error);
}

int sql_session_set_portal(struct sql_session *session, struct str name, const struct sql_analysis *analysis,
                           const struct sql_statement *statement, struct error *error) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    struct sql_named named = {analysis, statement};
    return set_entry(&session->portals, &session->current, name, &named, false, error);
}

static bool find_entry(const struct map *map, struct str name, struct sql_named *found) {
    const struct sql_entry *entry = map_get(map, name);
    if (entry == NULL) return false;
    *found = (struct sql_named){entry->analysis, entry->statement};
    return true;
}

bool sql_session_find_prepared(const struct sql_session *session, struct str name, struct sql_named *found) {
    return find_entry(&session->prepared, name, found);
}

bool sql_session_find_portal(const struct sql_session *session, struct str name, struct sql_named *found) {
    return find_entry(&session->portals, name, found);
}

static bool is_changed(const struct sql_session *session) {
    return memcmp(&session->current, &session->committed, sizeof(session->current)) != 0;
}

bool sql_session_needs_barrier(const struct sql_session *session, const struct sql_analysis *analysis) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    if (!analysis->changes_session) return false;
    for (size_t i = 0; i < analysis->statement_count; i++) {
        const struct sql_statement *statement = &analysis->statements[i];
        for (size_t j = 0; j < statement->effect_count; j++) {
            switch (statement->effects[j].kind) {
            case SQL_EFFECT_SET_SEARCH_PATH:
            case SQL_EFFECT_SET_ROLE:
            case SQL_EFFECT_SET_SESSION_USER:
            case SQL_EFFECT_RESET_ALL:
            case SQL_EFFECT_DISCARD:
            case SQL_EFFECT_PREPARE:
            case SQL_EFFECT_DECLARE:
                return true;
            case SQL_EFFECT_COMMIT:
            case SQL_EFFECT_ROLLBACK:
            case SQL_EFFECT_ROLLBACK_TO:
                if (is_changed(session) || session->savepoint != NULL) return true;
                break;
            default:
                break;
            }
        }
    }
    return false;
}

static void close_portals(struct sql_session *session, bool is_transaction_end) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(&session->portals, &cursor, &key, &value)) {
        if (is_transaction_end && ((struct sql_entry *)value)->is_held) continue;
        remove_entry(&session->portals, key);
        cursor = 0; /* the table changed */
    }
}

static void remember_opener(struct sql_session *session, const struct sql_analysis *analysis,
                            const struct sql_statement *statement) {
    for (size_t i = 0; i < session->opener_count; i++) {
        if (session->openers[i].statement == statement) return;
    }
    if (session->opener_count == SQL_OPENERS_MAX) {
        session->has_more_openers = true;
        return;
    }
    session->openers[session->opener_count++] = (struct sql_named){sql_analysis_hold(analysis), statement};
}

static void end_transaction(struct sql_session *session) {
    forget_openers(session);
    if (session->has_failed) sql_settings_copy(&session->current, &session->committed);
    sql_settings_end_local(&session->current);
    sql_settings_copy(&session->committed, &session->current);
    while (session->savepoint != NULL) pop_savepoint(session);
    close_portals(session, true);
    session->has_failed = false;
    session->is_in_transaction = false;
}

static int push_savepoint(struct sql_session *session, struct str name, struct error *error) {
    if (session->savepoint_count >= SQL_SAVEPOINTS_MAX) {
        return error_set(error, ERROR_LIMIT, "more than %d savepoints", SQL_SAVEPOINTS_MAX);
    }
    struct sql_savepoint *savepoint = calloc(1, sizeof(*savepoint));
    char *copy = str_to_cstr(name);
    if (savepoint == NULL || copy == NULL) {
        free(savepoint);
        free(copy);
        return error_out_of_memory(error);
    }
    savepoint->name = copy;
    savepoint->outer = session->savepoint;
    sql_settings_copy(&savepoint->settings, &session->current);
    session->savepoint = savepoint;
    session->savepoint_count++;
    return 0;
}

static void unwind_savepoints(struct sql_session *session, struct str name, bool is_rollback) {
    const struct sql_savepoint *wanted = session->savepoint;
    while (wanted != NULL && !str_equal_cstr(name, wanted->name)) wanted = wanted->outer;
    if (wanted == NULL) return;
    while (session->savepoint != wanted) pop_savepoint(session);
    if (!is_rollback) {
        pop_savepoint(session);
        return;
    }
    sql_settings_copy(&session->current, &session->savepoint->settings);
    session->has_failed = false;
}

static int apply_effect(struct sql_session *session, const struct sql_analysis *analysis,
                        const struct sql_effect *effect, struct error *error) {
    struct sql_named inner = {analysis, effect->inner};
    switch (effect->kind) {
    case SQL_EFFECT_BEGIN:
        session->is_in_transaction = true;
        return 0;
    case SQL_EFFECT_ROLLBACK:
        session->has_failed = true;
        end_transaction(session);
        return 0;
    case SQL_EFFECT_COMMIT:
        end_transaction(session);
        return 0;
    case SQL_EFFECT_SAVEPOINT:
        return push_savepoint(session, effect->name, error);
    case SQL_EFFECT_RELEASE:
    case SQL_EFFECT_ROLLBACK_TO:
        unwind_savepoints(session, effect->name, effect->kind == SQL_EFFECT_ROLLBACK_TO);
        return 0;
    case SQL_EFFECT_PREPARE:
        return set_entry(&session->prepared, &session->current, effect->name, &inner, true, error);
    case SQL_EFFECT_DECLARE:
        return set_entry(&session->portals, &session->current, effect->name, &inner, effect->is_held, error);
    case SQL_EFFECT_DEALLOCATE:
        if (effect->name.length > 0) remove_entry(&session->prepared, effect->name);
        else free_entries(&session->prepared);
        return 0;
    case SQL_EFFECT_CLOSE:
        if (effect->name.length > 0) remove_entry(&session->portals, effect->name);
        else close_portals(session, false);
        return 0;
    case SQL_EFFECT_DISCARD:
        free_entries(&session->prepared);
        free_entries(&session->portals);
        break;
    default:
        break;
    }
    if (sql_settings_take(&session->current, effect, session->default_path) == 0) return 0;
    return error_out_of_memory(error);
}

int sql_session_apply(struct sql_session *session, const struct sql_analysis *analysis, size_t index, bool succeeded,
                      struct error *error) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    if (!succeeded) {
        session->has_failed = true;
        return 0;
    }
    if (index >= analysis->statement_count) return 0; /* more completions than statements: none of ours */
    const struct sql_statement *statement = &analysis->statements[index];
    for (size_t i = 0; i < statement->effect_count; i++) {
        if (statement->effects[i].kind == SQL_EFFECT_OPENS) remember_opener(session, analysis, statement);
        if (apply_effect(session, analysis, &statement->effects[i], error) != 0) return -1;
    }
    return 0;
}

void sql_session_settle(struct sql_session *session, char status) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    session->is_in_transaction = status != 'I';
    if (status == 'E') session->has_failed = true;
    if (status == 'I') end_transaction(session);
}
