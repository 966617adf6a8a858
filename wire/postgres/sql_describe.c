/* From an analysis to the steps of an action: names become tables by the search_path in force, EXECUTE and FETCH become
 * what they run. */
#include "wire/postgres/sql_session.h"

#define SQL_INDIRECTION_MAX 8 /* EXECUTE of a statement that is an EXECUTE ... */

struct describer {
    const struct sql_session *session;
    const struct sql_target *target;
    struct action *action;
    struct sql_settings settings;  /* as they are when the statement runs */
    struct sql_settings committed; /* what ROLLBACK would bring back */
    bool is_path_doubtful;         /* after ROLLBACK TO within the text */
    const struct sql_analysis *analysis;
    size_t index; /* of the statement: what those before it prepare is there */
    struct map tables;
    const struct resource *database;
    struct sql_steps steps;
    const struct sql_part *part; /* whose uses are added, */
    struct sql_attributes attributes; /* and what it says of itself */
    unsigned indirection;
    size_t named_count; /* statements that EXECUTE and FETCH led to */
    bool is_in_transaction;
    bool has_failed; /* out of memory or of steps */
};

static void *take(struct describer *describer, void *piece) {
    if (piece == NULL) describer->has_failed = true;
    return piece;
}

static struct str role_of(const struct describer *describer);

/* What the steps that come next say of themselves. */
static void set_part(struct describer *describer, const struct sql_part *part) {
    describer->part = part;
    describer->attributes.list = sql_steps_attributes(&describer->steps, part, role_of(describer),
                                                      describer->is_in_transaction, &describer->attributes.count);
    if (describer->attributes.list == NULL) describer->has_failed = true;
}

/* The same question is asked once, however often the text gives rise to it. */
static void add_step(struct describer *describer, enum sql_verb verb, const struct resource *resource) {
    if (resource == NULL || describer->has_failed) return;
    struct action_step added = {sql_verb_name(verb), resource, describer->attributes.list, describer->attributes.count};
    if (sql_steps_add(&describer->steps, &added) != 0) describer->has_failed = true;
}

static const struct resource *new_resource(struct describer *describer, struct str type, struct str id,
                                           const struct resource *parent) {
    struct resource *resource = take(describer, ARENA_NEW(&describer->action->arena, struct resource));
    if (id.data == NULL) describer->has_failed = true;
    if (resource != NULL) *resource = (struct resource){type, id, parent};
    return resource;
}

static void make_database(struct describer *describer) {
    const struct sql_target *target = describer->target;
    struct arena *arena = &describer->action->arena;
    const struct resource *environment =
        new_resource(describer, STR("Environment"), arena_copy(arena, target->environment), NULL);
    struct str id = arena_format(arena, "%.*s/%.*s", STR_ARGS(target->environment), STR_ARGS(target->upstream));
    describer->database = new_resource(describer, STR("Database"), id, environment);
    if (target->has_one_database || target->database.length == 0 || str_equal(target->database, target->upstream)) return;
    id = arena_format(arena, "%.*s/%.*s", STR_ARGS(id), STR_ARGS(target->database));
    describer->database = new_resource(describer, STR("Database"), id, describer->database);
}

static void add_table(struct describer *describer, enum sql_verb verb, struct str schema, struct str name) {
    if (describer->has_failed) return;
    struct str id = arena_format(&describer->action->arena, "%.*s/%.*s.%.*s", STR_ARGS(describer->database->id),
                                 STR_ARGS(schema), STR_ARGS(name));
    const struct resource *table = id.data != NULL ? map_get(&describer->tables, id) : NULL;
    if (table == NULL) {
        table = new_resource(describer, STR("Table"), id, describer->database);
        if (table == NULL || map_set(&describer->tables, id, (void *)(uintptr_t)table) != 0) {
            describer->has_failed = true;
            return;
        }
    }
    add_step(describer, verb, table);
}

static void add_unknown(struct describer *describer) {
    add_step(describer, SQL_UNKNOWN, describer->database);
}

static const struct sql_names *path_of(const struct describer *describer) {
    const struct sql_names *path = sql_settings_get(&describer->settings, SQL_SEARCH_PATH);
    return path != NULL ? path : describer->session->default_path;
}

static struct str role_of(const struct describer *describer) {
    const struct sql_names *role = sql_settings_get(&describer->settings, SQL_ROLE);
    if (role == NULL) role = sql_settings_get(&describer->settings, SQL_SESSION_USER);
    return role != NULL ? role->names[0] : STR_NONE;
}

static bool path_holds(const struct sql_names *path, struct str schema) {
    for (size_t i = 0; path != NULL && i < path->count; i++) {
        if (str_equal(path->names[i], schema)) return true;
    }
    return false;
}

/* An unqualified name may be in any schema of the path: all of them must be allowed. pg_catalog stands first unless it
 * is named in the path. "$user" is the role in force by SET ROLE; sworn's own login has no schema of its name. */
static void add_by_path(struct describer *describer, enum sql_verb verb, struct str name) {
    const struct sql_names *path = path_of(describer);
    struct str role = role_of(describer);
    size_t added = 0;
    if (sql_is_catalog_relation(name) && !path_holds(path, STR("pg_catalog"))) {
        add_table(describer, verb, STR("pg_catalog"), name);
        return;
    }
    if (describer->is_path_doubtful) {
        add_unknown(describer);
        return;
    }
    if (path == NULL) {
        if (role.length > 0) add_table(describer, verb, role, name);
        add_table(describer, verb, STR("public"), name);
        return;
    }
    for (size_t i = 0; i < path->count; i++) {
        struct str schema = path->names[i];
        if (str_equal_cstr(schema, "$user")) schema = role;
        if (schema.length == 0) continue;
        add_table(describer, verb, schema, name);
        added++;
    }
    if (added == 0) add_unknown(describer);
}

static void add_use(struct describer *describer, const struct sql_use *use) {
    if (use->name.length == 0) {
        add_step(describer, use->verb, describer->database);
    } else if (use->schema.length > 0) {
        add_table(describer, use->verb, use->schema, use->name);
    } else {
        add_by_path(describer, use->verb, use->name);
    }
}

static void add_statement(struct describer *describer, const struct sql_statement *statement);

/* What this very text prepares or declares before the statement that asks. */
static const struct sql_statement *find_in_text(const struct describer *describer, enum sql_effect_kind kind,
                                                struct str name) {
    for (size_t i = describer->index; i > 0; i--) {
        const struct sql_statement *statement = &describer->analysis->statements[i - 1];
        for (size_t j = 0; j < statement->effect_count; j++) {
            const struct sql_effect *effect = &statement->effects[j];
            if (effect->kind == kind && str_equal(effect->name, name)) return effect->inner;
        }
    }
    return NULL;
}

static void add_named(struct describer *describer, const struct sql_statement *statement,
                      const struct sql_entry *entry) {
    describer->named_count++;
    if (statement == NULL || describer->indirection == SQL_INDIRECTION_MAX) {
        add_unknown(describer);
        return;
    }
    struct sql_settings settings = describer->settings;
    const struct sql_part *part = describer->part;
    struct sql_attributes attributes = describer->attributes;
    if (entry != NULL) describer->settings = entry->settings;
    describer->indirection++;
    add_statement(describer, statement);
    describer->indirection--;
    describer->settings = settings;
    describer->part = part;
    describer->attributes = attributes;
}

static bool opens(const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->effect_count; i++) {
        if (statement->effects[i].kind == SQL_EFFECT_OPENS) return true;
    }
    return false;
}

/* A cursor that no DECLARE made: code of this transaction has opened it, and it gives what that code may read. */
static void add_opened(struct describer *describer) {
    const struct sql_session *session = describer->session;
    size_t before = describer->named_count;
    for (size_t i = 0; i < session->opener_count; i++) add_named(describer, session->openers[i].statement, NULL);
    for (size_t i = 0; i < describer->index; i++) {
        const struct sql_statement *statement = &describer->analysis->statements[i];
        if (opens(statement)) add_named(describer, statement, NULL);
    }
    if (describer->named_count == before || session->has_more_openers) add_named(describer, NULL, NULL);
}

static void add_effect(struct describer *describer, const struct sql_effect *effect) {
    const struct sql_entry *entry;
    const struct sql_statement *found;
    switch (effect->kind) {
    case SQL_EFFECT_EXECUTE:
        entry = map_get(&describer->session->prepared, effect->name);
        found = find_in_text(describer, SQL_EFFECT_PREPARE, effect->name);
        if (entry != NULL) add_named(describer, entry->statement, NULL);
        if (found != NULL || entry == NULL) add_named(describer, found, NULL);
        break;
    case SQL_EFFECT_FETCH:
        entry = map_get(&describer->session->portals, effect->name);
        found = find_in_text(describer, SQL_EFFECT_DECLARE, effect->name);
        if (entry != NULL) add_named(describer, entry->statement, entry);
        if (found != NULL) add_named(describer, found, NULL);
        if (entry == NULL && found == NULL) add_opened(describer);
        break;
    case SQL_EFFECT_NAMES_DATABASE:
        if (!str_equal(effect->name, describer->target->database)) add_unknown(describer);
        break;
    default:
        break;
    }
}

/* A function that no list has: as the catalogue says, and unknown where nobody can ask it. */
static void add_calls(struct describer *describer, const struct sql_statement *statement) {
    const struct sql_session *session = describer->session;
    for (size_t i = 0; i < statement->call_count && !describer->has_failed; i++) {
        const struct sql_call *call = &statement->calls[i];
        enum sql_verb verb = SQL_UNKNOWN;
        if (session->judge != NULL) verb = session->judge(session->judge_context, call);
        else if (call->kind == SQL_CALL_COLUMN) return; /* they are the last */
        if (verb == SQL_VERB_COUNT) verb = call->kind == SQL_CALL_FUNCTION ? SQL_UNKNOWN : SQL_READ;
        if (verb == SQL_READ) continue;
        set_part(describer, &statement->parts[call->part]);
        add_step(describer, verb, describer->database);
    }
}

/* EXECUTE and FETCH do what they run, and nothing else but to call what their arguments call. */
static bool is_bare_read(const struct sql_statement *statement) {
    return statement->use_count == 1 && statement->uses[0].verb == SQL_READ && statement->uses[0].name.length == 0 &&
           statement->parts[0].function_count == 0;
}

static void add_statement(struct describer *describer, const struct sql_statement *statement) {
    size_t named_before = describer->named_count;
    set_part(describer, &statement->parts[0]);
    for (size_t i = 0; i < statement->effect_count && !describer->has_failed; i++) {
        add_effect(describer, &statement->effects[i]);
    }
    add_calls(describer, statement);
    if (is_bare_read(statement) && describer->named_count > named_before) return;
    for (size_t i = 0; i < statement->use_count && !describer->has_failed; i++) {
        const struct sql_use *use = &statement->uses[i];
        if (describer->part != &statement->parts[use->part]) set_part(describer, &statement->parts[use->part]);
        add_use(describer, use);
    }
}

/* A quote or a letter may not be what it seems when the server reads the bytes otherwise. */
static bool is_readable(const struct sql_session *session, const struct sql_analysis *analysis) {
    bool is_utf8 = session->is_client_utf8 && session->is_server_utf8;
    return session->has_standard_strings && (is_utf8 || (session->is_client_utf8 && analysis->is_ascii));
}

static void begin(struct describer *describer, struct sql_session *session, const struct sql_target *target,
                  struct action *action) {
    *describer = (struct describer){.session = session, .target = target, .action = action};
    describer->is_in_transaction = session->is_in_transaction;
    map_init(&describer->tables);
    sql_steps_begin(&describer->steps, action);
    make_database(describer);
}

static void finish(struct describer *describer) {
    map_free(&describer->tables);
    sql_steps_end(&describer->steps);
    if (!describer->has_failed) return;
    action_refuse(describer->action, REFUSAL_TOO_LARGE,
                  STR("the text does too many different things for one action: send it in parts"));
}

static void add_unreadable(struct describer *describer) {
    static const struct sql_part unreadable = {.kind = {"unknown", 7}};
    set_part(describer, &unreadable);
    add_unknown(describer);
}

static void add_empty(struct describer *describer) {
    static const struct sql_part empty = {.kind = {"empty", 5}};
    set_part(describer, &empty);
    add_step(describer, SQL_READ, describer->database);
}

static void run_on_end(struct describer *describer, bool is_commit) {
    if (is_commit) {
        sql_settings_end_local(&describer->settings);
        sql_settings_copy(&describer->committed, &describer->settings);
    } else {
        sql_settings_copy(&describer->settings, &describer->committed);
    }
    describer->is_in_transaction = false;
}

/* Runs the settings on, as the statements before the next one will have left them. */
static void run_on(struct describer *describer, const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->effect_count; i++) {
        const struct sql_effect *effect = &statement->effects[i];
        if (effect->kind == SQL_EFFECT_BEGIN) describer->is_in_transaction = true;
        if (effect->kind == SQL_EFFECT_COMMIT || effect->kind == SQL_EFFECT_ROLLBACK) {
            run_on_end(describer, effect->kind == SQL_EFFECT_COMMIT);
        }
        if (effect->kind == SQL_EFFECT_ROLLBACK_TO) {
            describer->is_path_doubtful |= memcmp(&describer->settings, &describer->committed,
                                                  sizeof(describer->settings)) != 0;
        }
        if (sql_settings_take(&describer->settings, effect, describer->session->default_path) != 0) {
            describer->has_failed = true;
        }
    }
}

void sql_session_describe(struct sql_session *session, const struct sql_analysis *analysis,
                          const struct sql_target *target, struct action *action) {
    struct describer describer;
    begin(&describer, session, target, action);
    describer.analysis = analysis;
    sql_settings_copy(&describer.settings, &session->current);
    sql_settings_copy(&describer.committed, &session->committed);
    if (!is_readable(session, analysis)) {
        add_unreadable(&describer);
    } else {
        for (size_t i = 0; i < analysis->statement_count && !describer.has_failed; i++) {
            describer.index = i;
            add_statement(&describer, &analysis->statements[i]);
            run_on(&describer, &analysis->statements[i]);
        }
        if (analysis->statement_count == 0) add_empty(&describer);
    }
    sql_settings_free(&describer.settings);
    sql_settings_free(&describer.committed);
    finish(&describer);
}

void sql_session_describe_portal(struct sql_session *session, struct str name, const struct sql_target *target,
                                 struct action *action) {
    const struct sql_entry *entry = map_get(&session->portals, name);
    struct describer describer;
    begin(&describer, session, target, action);
    if (entry == NULL || !is_readable(session, entry->analysis)) {
        add_unreadable(&describer);
    } else {
        describer.settings = entry->settings; /* borrowed */
        describer.analysis = entry->analysis;
        if (entry->statement == NULL) add_empty(&describer);
        else add_statement(&describer, entry->statement);
    }
    finish(&describer);
}
