/* Run-time parameters: those that change what later text means, or who acts, are told apart from the others. Names of
 * parameters are compared without case, as the server does. */
#include "wire/postgres/sql_builder.h"

enum setting_rule {
    SETTING_PLAIN,
    SETTING_SEARCH_PATH,
    SETTING_ROLE,
    SETTING_SESSION_USER,
    SETTING_ENCODING, /* UTF-8 only: in others a byte of a character may look like a quote */
    SETTING_ON,       /* on only: otherwise a backslash quotes */
    SETTING_ADMIN,
};

static const struct {
    const char *name;
    enum setting_rule rule;
} settings[] = {
#define SETTING(name, rule) {name, SETTING_##rule},
#include "wire/postgres/sql_settings.def"
#undef SETTING
};

/* What stands before the point in parameters of extensions and languages. */
static const char *const extensions[] = {
    "anon", "auth_delay", "auto_explain", "basic_archive", "citus", "credcheck", "cron", "dblink", "file_fdw", "hypopg",
    "login_hook", "orafce", "passwordcheck", "pljava", "pllua", "plperl", "plpgsql", "plprofiler", "plpython", "plpython3",
    "plrust", "pltcl", "pltclu", "plv8", "postgres_fdw", "powa", "rds", "sepgsql", "session_variable", "set_user",
    "sslutils", "supautils", "supabase", "system_stats", "timescaledb", "ts_rls", "wal2json",
};

static bool is_of_extension(struct str prefix) {
    for (size_t i = 0; i < LENGTH_OF(extensions); i++) {
        if (str_equal_ignoring_case(prefix, str_from_cstr(extensions[i]))) return true;
    }
    static const char *const families[] = {"pg", "aws", "azure", "google", "cloudsql", "alloydb", "neon", "edb"};
    if (str_equal_ignoring_case(prefix, STR("pg_trgm"))) return false; /* thresholds of similarity */
    for (size_t i = 0; i < LENGTH_OF(families); i++) {
        struct str family = str_from_cstr(families[i]);
        if (str_equal_ignoring_case(str_slice(prefix, 0, family.length), family)) return true;
    }
    return false;
}

static enum setting_rule rule_of(struct str name) {
    for (size_t i = 0; i < LENGTH_OF(settings); i++) {
        if (str_equal_ignoring_case(name, str_from_cstr(settings[i].name))) return settings[i].rule;
    }
    size_t point = str_find_byte(name, '.');
    bool is_own = point != STR_NOT_FOUND && !is_of_extension(str_slice(name, 0, point));
    return is_own ? SETTING_PLAIN : SETTING_ADMIN;
}

bool sql_is_encoding_utf8(struct str value) {
    static const char *const names[] = {"utf8", "utf-8", "unicode", "sql_ascii"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (str_equal_ignoring_case(value, str_from_cstr(names[i]))) return true;
    }
    return false;
}

bool sql_is_true(struct str value) {
    static const char *const names[] = {"on", "true", "yes", "1"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (str_equal_ignoring_case(value, str_from_cstr(names[i]))) return true;
    }
    return false;
}

/* One setting to one text; value without data: to its default. */
struct assignment {
    enum setting_rule rule;
    struct str value;
    const struct str *path;
    size_t path_count;
    bool is_local;
    bool is_maybe;
};

static void add_setting_effect(struct sql_builder *builder, const struct assignment *assignment,
                               enum sql_effect_kind kind) {
    struct sql_effect *effect = sql_add_effect(builder, kind, NULL);
    if (effect == NULL) return;
    effect->is_local = assignment->is_local;
    effect->is_maybe = assignment->is_maybe;
    if (kind == SQL_EFFECT_SET_SEARCH_PATH) {
        effect->is_default = assignment->path == NULL;
        effect->values = assignment->path;
        effect->value_count = assignment->path_count;
        return;
    }
    effect->name = sql_keep(builder, assignment->value);
    effect->is_default = assignment->value.data == NULL ||
                         (kind == SQL_EFFECT_SET_ROLE && str_equal_cstr(assignment->value, "none"));
}

static void assign(struct sql_builder *builder, const struct assignment *assignment) {
    bool is_default = assignment->value.data == NULL;
    switch (assignment->rule) {
    case SETTING_SEARCH_PATH:
        add_setting_effect(builder, assignment, SQL_EFFECT_SET_SEARCH_PATH);
        break;
    case SETTING_ROLE:
        sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
        add_setting_effect(builder, assignment, SQL_EFFECT_SET_ROLE);
        break;
    case SETTING_SESSION_USER:
        sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
        add_setting_effect(builder, assignment, SQL_EFFECT_SET_SESSION_USER);
        break;
    case SETTING_ENCODING:
        if (is_default || sql_is_encoding_utf8(assignment->value)) break;
        sql_add_unknown(builder, "SQL can only be read in client_encoding UTF8");
        break;
    case SETTING_ON:
        if (is_default || sql_is_true(assignment->value)) break;
        sql_add_unknown(builder, "SQL can only be read with standard_conforming_strings on");
        break;
    case SETTING_PLAIN: break;
    case SETTING_ADMIN: /* back to its default is no more than it was */
        if (!is_default) sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
        break;
    }
}

/* SET search_path = a, 'b c': each argument is one name. */
static void take_path(struct sql_builder *builder, const PgQuery__VariableSetStmt *set, struct assignment *assignment) {
    struct str *path = ARENA_NEW_ARRAY(builder->arena, struct str, set->n_args + 1);
    if (path == NULL) {
        builder->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < set->n_args; i++) path[i] = sql_keep(builder, sql_node_string(set->args[i]));
    assignment->path = path;
    assignment->path_count = set->n_args;
}

void sql_walk_set(struct sql_builder *builder, const PgQuery__VariableSetStmt *set) {
    bool is_reset = set->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
                    set->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL;
    struct assignment assignment = {.is_local = set->is_local};
    sql_walk_children(builder, &set->base, SQL_READ);
    if (is_reset) sql_part(builder)->part.kind = STR("reset");
    if (set->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL) {
        sql_add_effect(builder, SQL_EFFECT_RESET_ALL, NULL);
        return;
    }
    if (set->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_MULTI) return; /* of the transaction: isolation, read only */
    assignment.rule = rule_of(str_from_cstr(set->name));
    if (set->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE && set->n_args > 0) {
        assignment.value = sql_node_string(set->args[0]);
        if (assignment.value.data == NULL) assignment.value = STR("?"); /* a number: no name, and not true */
        if (assignment.rule == SETTING_SEARCH_PATH) take_path(builder, set, &assignment);
    }
    assign(builder, &assignment);
}

bool sql_walk_function_set(struct sql_builder *builder, const PgQuery__VariableSetStmt *set) {
    enum setting_rule rule = rule_of(str_from_cstr(set->name));
    if (rule != SETTING_PLAIN && rule != SETTING_SEARCH_PATH) sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
    return rule == SETTING_SEARCH_PATH;
}

enum truth { TRUTH_UNKNOWN, TRUTH_FALSE, TRUTH_TRUE };

/* As boolin reads it; in binary form it is one byte. */
static enum truth read_truth(struct str value) {
    static const char *const false_words[] = {"f", "false", "off", "no", "n", "0"};
    static const char *const true_words[] = {"t", "true", "on", "yes", "y", "1"};
    for (size_t i = 0; i < LENGTH_OF(false_words); i++) {
        if (str_equal_ignoring_case(str_trim(value), str_from_cstr(false_words[i]))) return TRUTH_FALSE;
        if (str_equal_ignoring_case(str_trim(value), str_from_cstr(true_words[i]))) return TRUTH_TRUE;
    }
    return TRUTH_UNKNOWN;
}

static enum truth truth_of(struct sql_builder *builder, const PgQuery__Node *node) {
    const struct sql_value *bound = sql_bound_value(builder, node);
    if (bound != NULL && !bound->is_binary) return read_truth(bound->bytes);
    if (bound != NULL && bound->bytes.length == 1) return bound->bytes.data[0] != 0 ? TRUTH_TRUE : TRUTH_FALSE;
    while (node != NULL && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) node = node->type_cast->arg;
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_A_CONST) return TRUTH_UNKNOWN;
    if (node->a_const->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL)
        return node->a_const->boolval->boolval ? TRUTH_TRUE : TRUTH_FALSE;
    return read_truth(sql_node_string(node));
}

/* A constant, or a parameter that is known: text has one form. */
static struct str text_of(struct sql_builder *builder, const PgQuery__Node *node) {
    const struct sql_value *bound = sql_bound_value(builder, node);
    return bound != NULL ? bound->bytes : sql_node_string(node);
}

static const char *const not_constant = "set_config with an argument that is not known";

/* set_config(name, value, is_local) is SET wherever it stands, but nobody knows whether it is reached. */
static void walk_assignment(struct sql_builder *builder, const PgQuery__FuncCall *call, struct str name) {
    struct assignment assignment = {.rule = rule_of(name), .is_maybe = true};
    if (assignment.rule == SETTING_PLAIN) return;
    if (assignment.rule == SETTING_ADMIN) {
        sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
        return;
    }
    enum truth is_local = truth_of(builder, call->args[2]);
    assignment.value = text_of(builder, call->args[1]);
    assignment.is_local = is_local == TRUTH_TRUE;
    if (assignment.value.data == NULL || is_local == TRUTH_UNKNOWN) {
        sql_add_unknown(builder, not_constant);
        return;
    }
    if (assignment.rule == SETTING_SEARCH_PATH &&
        sql_split_path(builder->arena, assignment.value, &assignment.path, &assignment.path_count) != 0) {
        sql_add_unknown(builder, "search_path cannot be read");
        return;
    }
    assign(builder, &assignment);
}

static bool is_column_name(const PgQuery__Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields == 0) return false;
    return str_equal_cstr(sql_node_string(node->column_ref->fields[node->column_ref->n_fields - 1]), "name");
}

void sql_walk_set_config(struct sql_builder *builder, const PgQuery__FuncCall *call) {
    struct str name = call->n_args == 3 ? text_of(builder, call->args[0]) : STR_NONE;
    if (name.data != NULL) {
        walk_assignment(builder, call, name);
    } else if (call->n_args == 3 && builder->setting_names != NULL && is_column_name(call->args[0])) {
        for (size_t i = 0; i < builder->setting_name_count; i++) walk_assignment(builder, call, builder->setting_names[i]);
    } else {
        sql_add_unknown(builder, not_constant);
    }
}

/* name = 'a', name IN ('a', 'b') */
static const struct str *names_that_equal(struct sql_builder *builder, const PgQuery__AExpr *expression, size_t *count) {
    bool is_in = expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_IN;
    bool is_equal = is_in || expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP;
    if (!is_equal || expression->n_name != 1 || !str_equal_cstr(sql_node_string(expression->name[0]), "=")) return NULL;
    if (expression->lexpr == NULL || expression->rexpr == NULL || !is_column_name(expression->lexpr)) return NULL;
    PgQuery__Node *const *items = &expression->rexpr;
    *count = 1;
    if (is_in) {
        if (expression->rexpr->node_case != PG_QUERY__NODE__NODE_LIST) return NULL;
        items = expression->rexpr->list->items;
        *count = expression->rexpr->list->n_items;
    }
    struct str *names = ARENA_NEW_ARRAY(builder->scratch, struct str, *count);
    for (size_t i = 0; names != NULL && i < *count; i++) {
        names[i] = text_of(builder, items[i]);
        if (names[i].data == NULL) return NULL;
    }
    return names;
}

static const struct str *names_that_pass(struct sql_builder *builder, const PgQuery__Node *where, size_t *count) {
    if (where == NULL) return NULL;
    if (where->node_case == PG_QUERY__NODE__NODE_A_EXPR) return names_that_equal(builder, where->a_expr, count);
    if (where->node_case != PG_QUERY__NODE__NODE_BOOL_EXPR) return NULL;
    if (where->bool_expr->boolop != PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) return NULL;
    const struct str *names = NULL;
    for (size_t i = 0; names == NULL && i < where->bool_expr->n_args; i++) {
        names = names_that_pass(builder, where->bool_expr->args[i], count);
    }
    return names;
}

const struct str *sql_setting_names(struct sql_builder *builder, const PgQuery__SelectStmt *select, size_t *count) {
    if (select->n_from_clause != 1 || select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR) return NULL;
    const PgQuery__RangeVar *from = select->from_clause[0]->range_var;
    struct str schema = str_from_cstr(from->schemaname);
    bool is_catalog = schema.length == 0 || str_equal_cstr(schema, "pg_catalog");
    bool is_renamed = from->alias != NULL && from->alias->n_colnames > 0;
    if (!is_catalog || is_renamed || !str_equal_cstr(str_from_cstr(from->relname), "pg_settings")) return NULL;
    return names_that_pass(builder, select->where_clause, count);
}

/* path := [ name ("," name)* ]; name := '"' (any | '""')* '"' | bytes but for space, comma and quote. White space
 * around names is skipped; names that are not quoted are folded to lower case (ASCII, as on a UTF-8 server). */
static int read_path_name(struct arena *arena, struct str *rest, struct str *name) {
    struct str copy = arena_copy(arena, *rest);
    if (copy.data == NULL) return -1;
    char *out = (char *)(uintptr_t)copy.data; /* just made, ours */
    size_t at = 0;
    size_t length = 0;
    if (rest->length > 0 && rest->data[0] == '"') {
        for (at = 1;; at++) {
            if (at >= rest->length) return -1;
            if (rest->data[at] == '"') {
                if (at + 1 >= rest->length || rest->data[at + 1] != '"') break;
                at++;
            }
            out[length++] = rest->data[at];
        }
        at++;
    } else {
        for (; at < rest->length && strchr(", \t\n\r\f\v\"", rest->data[at]) == NULL; at++) {
            char byte = rest->data[at];
            out[length++] = byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
        }
        if (length == 0) return -1;
    }
    *name = str_make(out, length);
    *rest = str_slice(*rest, at, rest->length);
    return 0;
}

int sql_split_path(struct arena *arena, struct str value, const struct str **names, size_t *count) {
    size_t most = 1;
    for (size_t i = 0; i < value.length; i++) most += value.data[i] == ',';
    struct str *list = most <= SQL_PATH_MAX ? ARENA_NEW_ARRAY(arena, struct str, most) : NULL;
    if (list == NULL) return -1;
    *names = list;
    *count = 0;
    for (struct str rest = str_trim(value); rest.length > 0;) {
        if (read_path_name(arena, &rest, &list[*count]) != 0) return -1;
        ++*count;
        rest = str_trim(rest);
        if (rest.length == 0) break;
        if (rest.data[0] != ',') return -1;
        rest = str_trim(str_slice(rest, 1, rest.length));
        if (rest.length == 0) return -1;
    }
    return 0;
}
