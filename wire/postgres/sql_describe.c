/* From an analysis to the steps of an action: names become tables by the search_path in force, EXECUTE and FETCH become
 * what they run. */
#include "wire/postgres/sql_session.h"

#define SQL_STEPS_MAX 128 /* different ones: an intent lists them all */
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
    const struct attribute *attributes;
    size_t attribute_count;
    size_t capacity;
    unsigned indirection;
    bool is_in_transaction;
    bool has_failed; /* out of memory or of steps */
};

static void *take(struct describer *describer, void *piece) {
    if (piece == NULL) describer->has_failed = true;
    return piece;
}

static bool is_same_step(const struct action_step *a, const struct action_step *b) {
    return str_equal(a->verb, b->verb) && str_equal(a->resource->type, b->resource->type) &&
           str_equal(a->resource->id, b->resource->id) &&
           attributes_equal(a->attributes, a->attribute_count, b->attributes, b->attribute_count);
}

/* The same question is asked once, however often the text gives rise to it. */
static void add_step(struct describer *describer, enum sql_verb verb, const struct resource *resource) {
    struct action *action = describer->action;
    if (resource == NULL || describer->has_failed) return;
    struct action_step added = {sql_verb_name(verb), resource, describer->attributes, describer->attribute_count};
    for (size_t i = action->step_count; i > 0; i--) {
        if (is_same_step(&action->steps[i - 1], &added)) return;
    }
    if (action->step_count == describer->capacity) {
        size_t capacity = describer->capacity > 0 ? describer->capacity * 2 : 4;
        struct action_step *steps = take(describer, ARENA_NEW_ARRAY(&action->arena, struct action_step, capacity));
        if (steps == NULL) return;
        if (action->step_count > 0) memcpy(steps, action->steps, action->step_count * sizeof(*steps));
        action->steps = steps;
        describer->capacity = capacity;
    }
    if (action->step_count == SQL_STEPS_MAX) {
        describer->has_failed = true;
        return;
    }
    action->steps[action->step_count++] = added;
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

static const struct str *copy_names(struct describer *describer, const struct str *names, size_t count) {
    struct arena *arena = &describer->action->arena;
    struct str *copies = take(describer, ARENA_NEW_ARRAY(arena, struct str, count));
    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = arena_copy(arena, names[i]);
        if (copies[i].data == NULL) describer->has_failed = true;
    }
    return copies;
}

#define SQL_ATTRIBUTES_MAX 7

static void make_attributes(struct describer *describer, const struct sql_statement *statement) {
    struct arena *arena = &describer->action->arena;
    struct attribute *list = take(describer, ARENA_NEW_ARRAY(arena, struct attribute, SQL_ATTRIBUTES_MAX));
    struct str role = role_of(describer);
    size_t count = 0;
    if (list == NULL) return;
    list[count++] = (struct attribute){.id = ATTRIBUTE_STATEMENT, .string = arena_copy(arena, statement->kind)};
    if (statement->is_where_relevant) {
        list[count++] = (struct attribute){.id = ATTRIBUTE_HAS_WHERE, .boolean = statement->has_where};
    }
    if (statement->is_limit_relevant) {
        list[count++] = (struct attribute){.id = ATTRIBUTE_HAS_LIMIT, .boolean = statement->has_limit};
    }
    if (statement->has_row_limit) {
        list[count++] = (struct attribute){.id = ATTRIBUTE_ROW_LIMIT, .integer = statement->row_limit};
    }
    struct attribute functions = {.id = ATTRIBUTE_FUNCTIONS};
    functions.set.count = statement->function_count;
    if (functions.set.count > 0) {
        functions.set.items = copy_names(describer, statement->functions, functions.set.count);
    }
    list[count++] = functions;
    if (role.length > 0) list[count++] = (struct attribute){.id = ATTRIBUTE_ROLE, .string = arena_copy(arena, role)};
    list[count++] = (struct attribute){.id = ATTRIBUTE_IN_TRANSACTION, .boolean = describer->is_in_transaction};
    CHECK(count <= SQL_ATTRIBUTES_MAX);
    describer->attributes = list;
    describer->attribute_count = count;
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
    if (statement == NULL || describer->indirection == SQL_INDIRECTION_MAX) {
        add_unknown(describer);
        return;
    }
    struct sql_settings settings = describer->settings;
    const struct attribute *attributes = describer->attributes;
    size_t attribute_count = describer->attribute_count;
    if (entry != NULL) describer->settings = entry->settings;
    describer->indirection++;
    add_statement(describer, statement);
    describer->indirection--;
    describer->settings = settings;
    describer->attributes = attributes;
    describer->attribute_count = attribute_count;
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
        if (found != NULL || entry == NULL) add_named(describer, found, NULL);
        break;
    case SQL_EFFECT_NAMES_DATABASE:
        if (!str_equal(effect->name, describer->target->database)) add_unknown(describer);
        break;
    default:
        break;
    }
}

/* EXECUTE and FETCH do what they run, and nothing else. */
static bool is_bare_read(const struct sql_statement *statement) {
    return statement->use_count == 1 && statement->uses[0].verb == SQL_READ && statement->uses[0].name.length == 0;
}

static void add_statement(struct describer *describer, const struct sql_statement *statement) {
    size_t before = describer->action->step_count;
    make_attributes(describer, statement);
    for (size_t i = 0; i < statement->effect_count && !describer->has_failed; i++) {
        add_effect(describer, &statement->effects[i]);
    }
    if (is_bare_read(statement) && describer->action->step_count > before) return;
    for (size_t i = 0; i < statement->use_count && !describer->has_failed; i++) {
        add_use(describer, &statement->uses[i]);
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
    action->steps = NULL;
    action->step_count = 0;
    make_database(describer);
}

static void finish(struct describer *describer) {
    map_free(&describer->tables);
    if (!describer->has_failed) return;
    action_refuse(describer->action, REFUSAL_TOO_LARGE,
                  STR("the text does too many different things for one action: send it in parts"));
}

static void add_unreadable(struct describer *describer) {
    const struct sql_statement unreadable = {.kind = STR("unknown"), .use_count = 0};
    make_attributes(describer, &unreadable);
    add_unknown(describer);
}

static void add_empty(struct describer *describer) {
    const struct sql_statement empty = {.kind = STR("empty")};
    make_attributes(describer, &empty);
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
