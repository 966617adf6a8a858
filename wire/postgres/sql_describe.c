/* From an analysis to the steps of an action: names become tables by the search_path in force, EXECUTE and FETCH become
 * what they run. */
#include "wire/postgres/sql_session.h"

#define ANYWHERE_MAX 100 /* relations of one name */
#define SQL_BEHIND_MAX 256    /* texts behind names that people are shown of one action */
#define SQL_INDIRECTION_MAX 8 /* EXECUTE of a statement that is an EXECUTE ... */

struct describer {
    struct sql_session *session;
    const struct sql_target *target;
    struct action *action;
    struct sql_state state; /* as it is when the statement runs */
    bool is_dead;           /* the server will not run what comes next */
    const struct sql_analysis *analysis;
    size_t index; /* of the statement: what those before it prepare is there */
    struct map tables;
    const struct resource *database;
    struct sql_steps steps;
    const struct sql_part *part; /* whose uses are added, */
    struct sql_attributes attributes; /* and what it says of itself */
    unsigned indirection;
    size_t shown_count; /* texts behind names */
    size_t named_count; /* statements that EXECUTE and FETCH led to */
    bool is_elsewhere;     /* what runs next has a place of its own, an older one */
    bool is_moved_by_name; /* one of them may leave the session elsewhere */
    bool was_dead;       /* and what comes behind the end of the transaction cannot be asked about */
    bool has_run_code;   /* of users, in a trigger, a rule, a default or a view: it may have set the path */
    bool is_in_transaction;
    bool has_failed; /* out of memory or of steps */
};

static void *take(struct describer *describer, void *piece) {
    if (piece == NULL) describer->has_failed = true;
    return piece;
}

/* The attribute role. */
static struct str role_of(const struct describer *describer) {
    bool is_own = str_equal(describer->state.user, describer->target->user);
    return describer->state.is_user_known && !is_own ? describer->state.user : STR_NONE;
}

/* What the steps that come next say of themselves. */
static void set_part(struct describer *describer, const struct sql_part *part) {
    describer->part = part;
    describer->attributes.list = sql_steps_attributes(&describer->steps, part, role_of(describer), STR_NONE,
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

/* It is not known which table a name is. */
static void add_doubt(struct describer *describer) {
    describer->session->is_doubtful = true;
    describer->session->lacks_reset |= describer->state.lacks_reset;
    add_unknown(describer);
}

static bool path_holds(const struct sql_state *state, struct str schema) {
    for (size_t i = 0; i < state->path_count; i++) {
        if (str_equal(state->path[i], schema)) return true;
    }
    return false;
}

/* What is touched with a relation: through a view with the view's name, and by a rule for writes only when it writes. */
static void add_links(struct describer *describer, enum sql_verb verb, struct str schema, struct str name,
                      const struct relation *relation) {
    struct sql_attributes own = describer->attributes;
    struct sql_attributes via = {NULL, 0};
    bool is_refreshed = relation->is_stored && str_equal_cstr(describer->part->kind, "refresh materialized view");
    bool is_touched = verb == SQL_READ || verb == SQL_WRITE || verb == SQL_UNKNOWN || is_refreshed;
    for (size_t i = 0; i < relation->link_count && !describer->has_failed; i++) {
        const struct relation_link *link = &relation->links[i];
        if (link->is_within && (!is_touched || (link->is_by_rule && verb == SQL_READ))) continue;
        if (link->is_within && via.list == NULL) {
            struct str through = arena_format(&describer->action->arena, "%.*s.%.*s", STR_ARGS(schema), STR_ARGS(name));
            via.list = sql_steps_attributes(&describer->steps, describer->part, role_of(describer), through,
                                            describer->is_in_transaction, &via.count);
            if (through.data == NULL || via.list == NULL) describer->has_failed = true;
        }
        describer->attributes = link->is_within ? via : own;
        add_table(describer, link->is_within && relation->is_stored ? SQL_READ : verb, link->schema, link->name);
    }
    describer->attributes = own;
}

static bool is_of_server(struct str schema) {
    return str_equal_cstr(schema, "pg_catalog") || str_equal_cstr(schema, "information_schema");
}

/* False: there is no such relation. What the server has to be asked for first is unknown until then. */
static bool add_relation(struct describer *describer, enum sql_verb verb, struct str schema, struct str name) {
    struct sql_session *session = describer->session;
    const struct sql_place *place = describer->state.place;
    struct relation relation;
    bool is_temporary = place != NULL && place->temporary.length > 0 &&
                        (str_equal(schema, place->temporary) || str_equal_cstr(schema, "pg_temp"));
    struct str shown = is_temporary ? STR("pg_temp") : schema;
    if (describer->is_dead || session->relations == NULL || is_of_server(schema)) {
        add_table(describer, verb, shown, name);
        return true;
    }
    if (describer->was_dead) {
        add_doubt(describer);
        return true;
    }
    switch (sql_relations_find(session, is_temporary ? place->temporary : schema, name, &describer->action->arena,
                               &relation)) {
    case RELATION_ABSENT: return false;
    case RELATION_UNKNOWN: add_unknown(describer); return true;
    case RELATION_FOUND: break;
    }
    add_table(describer, verb, shown, name);
    add_links(describer, verb, shown, name, &relation);
    describer->has_run_code |= relation.runs_code;
    session->moves |= relation.runs_code;
    return true;
}

/* The path is not known: every relation of that name must be allowed. What is made is made who knows where. */
static void add_anywhere(struct describer *describer, enum sql_verb verb, struct str name) {
    struct relation relation;
    bool is_asked = describer->session->relations != NULL && (verb == SQL_READ || verb == SQL_WRITE) &&
                    !describer->was_dead && !describer->state.lacks_reset;
    enum relation_answer answer = RELATION_ABSENT;
    if (is_asked)
        answer = sql_relations_find(describer->session, STR_NONE, name, &describer->action->arena, &relation);
    if (answer == RELATION_UNKNOWN) add_unknown(describer);
    else if (answer == RELATION_ABSENT || relation.link_count > ANYWHERE_MAX) add_doubt(describer);
    for (size_t i = 0; answer == RELATION_FOUND && i < relation.link_count; i++) {
        if (!add_relation(describer, verb, relation.links[i].schema, relation.links[i].name)) add_doubt(describer);
    }
}

static bool is_there(const struct sql_state *state, struct str schema) {
    for (size_t i = 0; state->place != NULL && i < state->place->schema_count; i++) {
        if (str_equal(state->place->schemas[i], schema)) return true;
    }
    return false;
}

/* The relations of that name in the schemas of the path; how many there are. */
static size_t add_those_there(struct describer *describer, enum sql_verb verb, struct str name) {
    const struct sql_state *state = &describer->state;
    struct str temporary = state->place != NULL ? state->place->temporary : STR_NONE;
    size_t added = 0;
    if (describer->session->relations == NULL || describer->is_dead) return 0;
    if (temporary.length > 0) added += add_relation(describer, verb, temporary, name);
    if (str_starts_with(name, STR("pg_"))) added += add_relation(describer, verb, STR("pg_catalog"), name);
    for (size_t i = 0; i < state->path_count; i++) {
        bool is_user = str_equal_cstr(state->path[i], "$user");
        struct str schema = is_user ? state->user : state->path[i];
        if (is_user && !state->is_user_known) add_doubt(describer);
        if (schema.length > 0) added += add_relation(describer, verb, schema, name);
    }
    return added;
}

/* A name without a schema may be in any schema of the path: all of those that have it must be allowed, so that nobody
 * gains by making or dropping a table of that name meanwhile. When none has it, it may be made in any of them. Sworn's own
 * login has no schema of its name, unless there is one. */
static void add_in_path(struct describer *describer, enum sql_verb verb, struct str name) {
    const struct sql_state *state = &describer->state;
    size_t added = add_those_there(describer, verb, name);
    if (added > 0) return;
    for (size_t i = 0; i < state->path_count; i++) {
        bool is_user = str_equal_cstr(state->path[i], "$user");
        struct str schema = is_user ? state->user : state->path[i];
        bool is_left_out = is_user && role_of(describer).length == 0 && !is_there(state, schema);
        if (is_user && !state->is_user_known) add_doubt(describer);
        if (schema.length == 0 || is_left_out) continue;
        add_table(describer, verb, schema, name);
        added++;
    }
    if (added == 0) add_unknown(describer);
}

/* pg_catalog stands first unless it is named in the path. */
static void add_by_path(struct describer *describer, enum sql_verb verb, struct str name) {
    const struct sql_state *state = &describer->state;
    if (!state->is_path_known) add_anywhere(describer, verb, name);
    else if (sql_is_catalog_relation(name) && !path_holds(state, STR("pg_catalog")))
        add_table(describer, verb, STR("pg_catalog"), name);
    else add_in_path(describer, verb, name);
}

static void add_use(struct describer *describer, const struct sql_use *use) {
    if (use->name.length == 0) {
        add_step(describer, use->verb, describer->database);
    } else if (use->schema.length > 0) {
        if (!add_relation(describer, use->verb, use->schema, use->name))
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

/* Code runs in it of which nobody can say what it sets, or when: IF, an exception that undoes it, COMMIT within. */
static bool runs_code(const struct sql_statement *statement) {
    bool is_code = str_equal_cstr(statement->kind, "do") || str_equal_cstr(statement->kind, "call");
    for (size_t i = 0; i < statement->use_count; i++) {
        const struct sql_use *use = &statement->uses[i];
        bool is_doubtful = use->verb == SQL_UNKNOWN || (is_code && use->verb == SQL_ADMIN);
        bool is_setting = use->verb == SQL_WRITE && str_equal_cstr(use->name, "pg_settings"); /* a rule calls set_config */
        if (is_doubtful || is_setting) return true;
    }
    for (size_t i = 0; is_code && i < statement->effect_count; i++) {
        if (sql_effect_moves(&statement->effects[i], true)) return true;
    }
    return str_equal_cstr(statement->kind, "call");
}

/* What relations are may be something else after it. */
static bool changes_catalog(const struct sql_statement *statement) {
    bool is_changed = str_equal_cstr(statement->kind, "do") || str_equal_cstr(statement->kind, "call");
    for (size_t i = 0; i < statement->use_count; i++) {
        is_changed |= statement->uses[i].verb == SQL_DDL || statement->uses[i].verb == SQL_UNKNOWN;
    }
    return is_changed;
}

/* The session may stand elsewhere after it. */
static bool moves(const struct describer *describer, const struct sql_statement *statement) {
    bool is_code = str_equal_cstr(statement->kind, "do") || runs_code(statement);
    for (size_t i = 0; i < statement->use_count; i++) {
        is_code |= statement->uses[i].verb == SQL_DDL || statement->uses[i].verb == SQL_ADMIN; /* schemas, rights */
    }
    for (size_t i = 0; i < statement->effect_count && !is_code; i++) {
        is_code = sql_effect_moves(&statement->effects[i], describer->session->has_changed);
    }
    return is_code;
}

static void add_named(struct describer *describer, const struct sql_statement *statement,
                      const struct sql_entry *entry) {
    describer->named_count++;
    describer->is_moved_by_name |= statement != NULL && moves(describer, statement);
    if (statement == NULL || describer->indirection == SQL_INDIRECTION_MAX) {
        add_unknown(describer);
        return;
    }
    struct sql_state state = describer->state;
    const struct sql_part *part = describer->part;
    struct sql_attributes attributes = describer->attributes;
    bool is_elsewhere = describer->is_elsewhere;
    if (entry != NULL) sql_state_begin(&describer->state, entry->place, false);
    describer->is_elsewhere |= entry != NULL;
    describer->indirection++;
    add_statement(describer, statement);
    describer->indirection--;
    describer->is_elsewhere = is_elsewhere;
    describer->state = state;
    describer->part = part;
    describer->attributes = attributes;
}

/* Who reads "execute q(2)" has to see q. Once a name and text, however often the text says so. */
static void show_behind(struct describer *describer, const char *verb, struct str name, struct str text) {
    struct action *action = describer->action;
    struct str label = arena_format(&action->arena, "%s %.*s", verb, STR_ARGS(name));
    for (size_t i = 0; i < action->detail_count; i++) {
        const struct action_detail *detail = &action->details[i];
        if (detail->kind == ACTION_DETAIL_BEHIND && str_equal(detail->name, label) && str_equal(detail->value, text)) return;
    }
    if (++describer->shown_count > SQL_BEHIND_MAX) action->is_part_unseen = true;
    else action_add_detail(action, &(struct action_detail){.kind = ACTION_DETAIL_BEHIND, .name = label, .value = text});
}

static struct str text_of(const struct sql_entry *entry) {
    return entry->statement != NULL ? entry->statement->text : entry->analysis->text;
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
    for (size_t i = 0; i < session->opener_count; i++) {
        const struct sql_statement *opener = session->openers[i].statement;
        if (opener != NULL) show_behind(describer, "fetch", STR("(opened by code)"), opener->text);
        add_named(describer, opener, NULL);
    }
    for (size_t i = 0; i < describer->index; i++) {
        const struct sql_statement *statement = &describer->analysis->statements[i];
        if (opens(statement)) add_named(describer, statement, NULL);
    }
    if (describer->named_count == before || session->has_more_openers) add_named(describer, NULL, NULL);
}

/* The server knows the name, or there is none. */
static void lack_prepared(struct describer *describer, struct str name) {
    struct sql_session *session = describer->session;
    name = str_slice(name, 0, sizeof(session->lacks_prepared) - 1);
    if (describer->is_dead || describer->indirection > 0 || str_equal_cstr(name, session->asked_prepared)) return;
    if (name.length > 0) memcpy(session->lacks_prepared, name.data, name.length);
    session->lacks_prepared[name.length] = '\0';
}

static void add_effect(struct describer *describer, const struct sql_effect *effect) {
    const struct sql_entry *entry;
    const struct sql_statement *found;
    switch (effect->kind) {
    case SQL_EFFECT_EXECUTE:
        entry = map_get(&describer->session->prepared, effect->name);
        found = find_in_text(describer, SQL_EFFECT_PREPARE, effect->name);
        if (entry != NULL) show_behind(describer, "execute", effect->name, text_of(entry));
        if (entry != NULL) add_named(describer, entry->statement, NULL);
        if (found != NULL || entry == NULL) add_named(describer, found, NULL);
        if (found == NULL && entry == NULL) lack_prepared(describer, effect->name);
        break;
    case SQL_EFFECT_FETCH:
        entry = map_get(&describer->session->portals, effect->name);
        found = find_in_text(describer, SQL_EFFECT_DECLARE, effect->name);
        if (entry != NULL) show_behind(describer, "fetch", effect->name, text_of(entry));
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

/* A function that no list has is unknown, and so is a field, which may be one; a qualified name is a column. */
static void add_calls(struct describer *describer, const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->call_count && !describer->has_failed; i++) {
        const struct sql_call *call = &statement->calls[i];
        if (call->kind == SQL_CALL_COLUMN) return; /* they are the last */
        set_part(describer, &statement->parts[call->part]);
        add_step(describer, SQL_UNKNOWN, describer->database);
    }
}

/* EXECUTE and FETCH do what they run, and nothing else but to call what their arguments call. */
static bool is_bare_read(const struct sql_statement *statement) {
    return statement->use_count == 1 && statement->uses[0].verb == SQL_READ && statement->uses[0].name.length == 0 &&
           statement->parts[0].function_count == 0;
}

static bool names_table(const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->use_count; i++) {
        if (statement->uses[i].name.length > 0) return true;
    }
    return false;
}

/* What it does depends on where the session stands: on the path, or on who acts. Transaction control and the like does
 * not: the server is not asked before it, because an answer would be the transaction's first query. */
static bool rests_on_place(const struct sql_statement *statement) {
    if (names_table(statement)) return true;
    for (size_t i = 0; i < statement->use_count; i++) {
        if (statement->uses[i].verb != SQL_READ && statement->uses[i].verb != SQL_RELEASE) return true;
    }
    for (size_t i = 0; i < statement->part_count; i++) {
        if (statement->parts[i].function_count > 0) return true;
    }
    return false;
}

/* Who acts is part of what is decided, so that a table is not touched by nobody knows whom. */
static void check_place(struct describer *describer, const struct sql_statement *statement) {
    const struct sql_state *state = &describer->state;
    if (describer->is_dead || !rests_on_place(statement)) return;
    if (state->place == NULL && !describer->is_elsewhere) describer->session->lacks_place = true;
    if (!state->is_user_known && names_table(statement)) add_doubt(describer);
    else if (!state->is_user_known || state->place == NULL) add_unknown(describer);
}

static void add_statement(struct describer *describer, const struct sql_statement *statement) {
    size_t named_before = describer->named_count;
    set_part(describer, &statement->parts[0]);
    check_place(describer, statement);
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
    describer->session->moves |= moves(describer, statement);
    describer->session->changes_catalog |= changes_catalog(statement);
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
    describer->is_dead = session->is_dead;
    session->is_dead = false;
    session->lacks_place = false;
    session->lacks_reset = false;
    session->is_doubtful = false;
    session->is_cut = false;
    session->changes_catalog = false;
    sql_relations_reset(session);
    session->lacks_prepared[0] = '\0';
    session->moves = false;
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

/* Where the transaction ends, the server comes to life, and nobody has asked it. */
static void run_on_end(struct describer *describer) {
    if (describer->is_dead) sql_state_doubt(&describer->state);
    describer->was_dead |= describer->is_dead;
    describer->is_dead = false;
}

/* Moves the session on, as the statements before the next one will have left it. */
static void run_on(struct describer *describer, const struct sql_statement *statement) {
    if (runs_code(statement)) {
        sql_state_doubt(&describer->state);
        return;
    }
    if (describer->has_run_code) sql_state_doubt_path(&describer->state);
    describer->has_run_code = false;
    if (str_equal_cstr(statement->kind, "create function")) return; /* its code does not run yet */
    for (size_t i = 0; i < statement->effect_count; i++) {
        const struct sql_effect *effect = &statement->effects[i];
        bool is_end = effect->kind == SQL_EFFECT_COMMIT || effect->kind == SQL_EFFECT_ROLLBACK;
        if (effect->kind == SQL_EFFECT_BEGIN) describer->is_in_transaction = true;
        if (is_end) describer->is_in_transaction = false;
        if (is_end || effect->kind == SQL_EFFECT_ROLLBACK_TO) run_on_end(describer);
        if (effect->kind == SQL_EFFECT_EXECUTE && describer->is_moved_by_name) sql_state_doubt(&describer->state);
        if (sql_state_take(&describer->state, &describer->action->arena, effect) != 0) describer->has_failed = true;
    }
}

/* The server will touch nothing, so that a guess does no harm: where the session stood, or else the default. */
static void begin_state(struct describer *describer) {
    static const struct str guess = {"public", 6};
    struct sql_state *state = &describer->state;
    sql_state_begin(state, describer->session->place, describer->session->has_changed);
    if (!describer->is_dead || state->place != NULL) return;
    state->is_path_known = state->is_user_known = true;
    state->path = &guess;
    state->path_count = 1;
}

void sql_session_describe(struct sql_session *session, const struct sql_analysis *analysis,
                          const struct sql_target *target, struct action *action) {
    struct describer describer;
    begin(&describer, session, target, action);
    describer.analysis = analysis;
    begin_state(&describer);
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
        sql_state_begin(&describer.state, entry->place, session->has_changed);
        describer.is_elsewhere = true;
        describer.analysis = entry->analysis;
        if (entry->statement == NULL) add_empty(&describer);
        else add_statement(&describer, entry->statement);
    }
    finish(&describer);
}
