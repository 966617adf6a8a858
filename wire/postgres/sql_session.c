/* What a session has made of itself: where it stands, as the server said when it was asked, and the names of prepared
 * statements and portals, as the server confirmed them. */
#include <stdlib.h>

#include "base/clock.h"
#include "wire/postgres/sql_session.h"

#define SQL_SESSION_MAGIC 0x5a15e551u
#define SQL_PLACE_AGE_NS (60 * NANOSECONDS_PER_SECOND) /* the server's configuration may be read anew */

struct sql_session *sql_session_new(void) {
    struct sql_session *session = calloc(1, sizeof(*session));
    if (session == NULL) return NULL;
    session->magic = SQL_SESSION_MAGIC;
    session->is_client_utf8 = true;
    session->is_server_utf8 = true;
    session->has_standard_strings = true;
    map_init(&session->prepared);
    map_init(&session->portals);
    sql_relations_begin(session);
    static const struct str schema = {"public", 6};
    struct error error;
    if (sql_session_know(session, &(struct sql_known){.search_path = schema, .schemas = &schema, .schema_count = 1},
                         &error) != 0)
        sql_session_free(&session);
    return session;
}

static void free_entry(struct sql_entry *entry) {
    if (entry == NULL) return;
    sql_analysis_release(&entry->analysis);
    sql_place_release(&entry->place);
    free((void *)(uintptr_t)entry->types.data);
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

static void forget_openers(struct sql_session *session) {
    while (session->opener_count > 0) sql_analysis_release(&session->openers[--session->opener_count].analysis);
    session->has_more_openers = false;
}

void sql_session_free(struct sql_session **session) {
    if (*session == NULL) return;
    CHECK_MAGIC(*session, SQL_SESSION_MAGIC);
    forget_openers(*session);
    free_entries(&(*session)->prepared);
    free_entries(&(*session)->portals);
    map_free(&(*session)->prepared);
    map_free(&(*session)->portals);
    sql_place_release(&(*session)->place);
    sql_relations_free(*session);
    sql_place_release(&(*session)->last_place);
    (*session)->magic = 0;
    free(*session);
    *session = NULL;
}

int sql_session_know(struct sql_session *session, const struct sql_known *known, struct error *error) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    sql_place_release(&session->place);
    sql_place_release(&session->last_place);
    session->place = sql_place_new(known);
    session->last_place = sql_place_hold(session->place);
    return session->place != NULL ? 0 : error_set(error, ERROR_LIMIT, "search_path cannot be read");
}

void sql_session_doubt(struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    sql_place_release(&session->place);
}

void sql_session_begin(struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    session->asked_prepared[0] = '\0';
    if (session->place == NULL || clock_monotonic_ns() < session->place->learned_ns + SQL_PLACE_AGE_NS) return;
    sql_place_release(&session->place);
}

void sql_session_bury(struct sql_session *session, bool is_dead) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    session->is_dead = is_dead;
}

bool sql_session_lacks(const struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    return session->lacks_place || session->lacks_reset || session->missing_count > 0 || session->is_cut ||
           session->lacks_prepared[0] != '\0';
}

bool sql_session_lacks_reset(const struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    return session->lacks_reset;
}

struct str sql_session_asks_prepared(struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    memcpy(session->asked_prepared, session->lacks_prepared, sizeof(session->asked_prepared));
    return str_from_cstr(session->asked_prepared);
}

bool sql_session_doubts(const struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    return session->is_doubtful || session->lacks_place || session->missing_count > 0 || session->is_cut;
}

bool sql_session_has_failed(const struct sql_session *session) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    return session->has_failed;
}

void sql_session_parameter(struct sql_session *session, struct str name, struct str value) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    if (str_equal_ignoring_case(name, STR("client_encoding"))) session->is_client_utf8 = sql_is_encoding_utf8(value);
    if (str_equal_ignoring_case(name, STR("server_encoding"))) session->is_server_utf8 = sql_is_encoding_utf8(value);
    if (str_equal_ignoring_case(name, STR("standard_conforming_strings"))) {
        session->has_standard_strings = sql_is_true(value);
    }
    if (str_equal_ignoring_case(name, STR("search_path"))) sql_session_doubt(session); /* reported since PostgreSQL 18 */
}

static void remove_entry(struct map *map, struct str name) {
    free_entry(map_remove(map, name));
}

static int set_entry(struct map *map, struct sql_place *place, struct str name,
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
    entry->place = sql_place_hold(place);
    if (map_set(map, str_from_cstr(copy), entry) == 0) return 0;
    free_entry(entry);
    return error_out_of_memory(error);
}

int sql_session_set_prepared(struct sql_session *session, struct str name, const struct sql_analysis *analysis,
                             const struct sql_statement *statement, struct error *error) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    struct sql_named named = {.analysis = analysis, .statement = statement};
    return set_entry(&session->prepared, session->place, name, &named, true, error);
}

void sql_session_set_types(struct sql_session *session, struct str name, struct str types) {
    struct sql_entry *entry = map_get(&session->prepared, name);
    char *copy = entry != NULL && types.length > 0 ? malloc(types.length) : NULL;
    if (copy == NULL) return;
    memcpy(copy, types.data, types.length);
    free((void *)(uintptr_t)entry->types.data);
    entry->types = str_make(copy, types.length);
}

int sql_session_set_portal(struct sql_session *session, struct str name, const struct sql_analysis *analysis,
                           const struct sql_statement *statement, struct error *error) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    struct sql_named named = {.analysis = analysis, .statement = statement};
    return set_entry(&session->portals, session->last_place, name, &named, false, error);
}

static bool find_entry(const struct map *map, struct str name, struct sql_named *found) {
    const struct sql_entry *entry = map_get(map, name);
    if (entry == NULL) return false;
    *found = (struct sql_named){entry->analysis, entry->statement, entry->types};
    return true;
}

bool sql_session_find_prepared(const struct sql_session *session, struct str name, struct sql_named *found) {
    return find_entry(&session->prepared, name, found);
}

bool sql_session_find_portal(const struct sql_session *session, struct str name, struct sql_named *found) {
    return find_entry(&session->portals, name, found);
}

/* As somebody would write it in SET: each name in quotes, so that none hides another. */
static void add_names(struct action *action, struct str setting, const struct str *names, size_t count) {
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(&text, "%s\"%.*s\"", i > 0 ? ", " : "", STR_ARGS(names[i]));
    }
    struct action_detail detail = {.kind = ACTION_DETAIL_SETTING, .name = setting, .value = buffer_view(&text)};
    if (buffer_failed(&text)) action->is_part_unseen = true;
    else action_add_detail(action, &detail);
    buffer_free(&text);
}

/* What nobody has asked the server for has no part in the decision, and is not known here either. */
void sql_session_add_settings(const struct sql_session *session, struct action *action) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    const struct sql_place *place = session->place != NULL ? session->place : session->last_place;
    struct str transaction = !session->is_in_transaction ? STR("none is open")
                             : session->has_failed       ? STR("one is open, and has failed")
                                                         : STR("one is open: COMMIT or ROLLBACK comes later");
    action_add_detail(action, &(struct action_detail){.kind = ACTION_DETAIL_SETTING, .name = STR("transaction"),
                                                      .value = transaction});
    if (place == NULL) return;
    add_names(action, STR("search_path"), place->path, place->path_count);
    add_names(action, STR("role"), &place->user, 1);
    if (!str_equal(place->user, place->session_user)) add_names(action, STR("session user"), &place->session_user, 1);
}

static bool names_something(const struct sql_analysis *analysis) {
    for (size_t i = 0; i < analysis->statement_count; i++) {
        const struct sql_statement *statement = &analysis->statements[i];
        for (size_t j = 0; j < statement->effect_count; j++) {
            enum sql_effect_kind kind = statement->effects[j].kind;
            if (kind == SQL_EFFECT_PREPARE || kind == SQL_EFFECT_DECLARE) return true;
        }
    }
    return false;
}

bool sql_session_sent(struct sql_session *session, const struct sql_analysis *analysis) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    sql_relations_sent(session);
    if (!session->moves) return analysis->changes_session && names_something(analysis);
    session->moves = false;
    session->has_changed = true;
    sql_session_doubt(session);
    return true;
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
    struct sql_named opener = {.analysis = sql_analysis_hold(analysis), .statement = statement};
    session->openers[session->opener_count++] = opener;
}

static void end_transaction(struct sql_session *session) {
    forget_openers(session);
    close_portals(session, true);
    session->has_failed = false;
    session->is_in_transaction = false;
}

static int apply_effect(struct sql_session *session, const struct sql_analysis *analysis,
                        const struct sql_effect *effect, struct error *error) {
    struct sql_named inner = {.analysis = analysis, .statement = effect->inner};
    switch (effect->kind) {
    case SQL_EFFECT_BEGIN:
        session->is_in_transaction = true;
        return 0;
    case SQL_EFFECT_ROLLBACK:
    case SQL_EFFECT_COMMIT:
        end_transaction(session);
        return 0;
    case SQL_EFFECT_ROLLBACK_TO:
        session->has_failed = false;
        return 0;
    case SQL_EFFECT_PREPARE:
        return set_entry(&session->prepared, session->place, effect->name, &inner, true, error);
    case SQL_EFFECT_DECLARE:
        return set_entry(&session->portals, session->last_place, effect->name, &inner, effect->is_held, error);
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
        return 0;
    default:
        return 0;
    }
}

/* Code may have made or removed a name, or not: nobody knows what it stands for. */
static void forget_effect(struct sql_session *session, const struct sql_effect *effect) {
    bool is_prepared = effect->kind == SQL_EFFECT_PREPARE || effect->kind == SQL_EFFECT_DEALLOCATE;
    bool is_portal = effect->kind == SQL_EFFECT_DECLARE || effect->kind == SQL_EFFECT_CLOSE;
    bool is_all = effect->kind == SQL_EFFECT_DISCARD;
    if (is_all || (is_prepared && effect->name.length == 0)) free_entries(&session->prepared);
    else if (is_prepared) remove_entry(&session->prepared, effect->name);
    if (is_all || (is_portal && effect->name.length == 0)) free_entries(&session->portals);
    else if (is_portal) remove_entry(&session->portals, effect->name);
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
    bool is_code = str_equal_cstr(statement->kind, "do");
    if (str_equal_cstr(statement->kind, "create function")) return 0; /* its code has not run */
    for (size_t i = 0; i < statement->effect_count; i++) {
        if (statement->effects[i].kind == SQL_EFFECT_OPENS) remember_opener(session, analysis, statement);
        if (is_code) forget_effect(session, &statement->effects[i]);
        else if (apply_effect(session, analysis, &statement->effects[i], error) != 0) return -1;
    }
    return 0;
}

void sql_session_settle(struct sql_session *session, char status, bool is_quiet) {
    CHECK_MAGIC(session, SQL_SESSION_MAGIC);
    sql_relations_settle(session, status, is_quiet);
    session->is_in_transaction = status != 'I';
    session->has_failed = status == 'E';
    if (status == 'I') end_transaction(session);
    if (!session->has_changed || status == 'T') return;
    sql_session_doubt(session);
    if (status == 'I' && is_quiet) session->has_changed = false;
}
