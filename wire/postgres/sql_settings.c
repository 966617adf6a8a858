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

static bool is_constant_false(const PgQuery__Node *node) {
    while (node != NULL && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) node = node->type_cast->arg;
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_A_CONST) return false;
    if (node->a_const->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL) return !node->a_const->boolval->boolval;
    struct str value = sql_node_string(node);
    return str_equal_cstr(value, "f") || str_equal_cstr(value, "false");
}

/* set_config(name, value, is_local) is SET wherever it stands, but nobody knows whether it is reached. */
void sql_walk_set_config(struct sql_builder *builder, const PgQuery__FuncCall *call) {
    static const char *const reason = "set_config with an argument that is not a constant";
    struct str name = call->n_args > 0 ? sql_node_string(call->args[0]) : STR_NONE;
    struct str value = call->n_args > 1 ? sql_node_string(call->args[1]) : STR_NONE;
    if (call->n_args != 3 || name.data == NULL) {
        sql_add_unknown(builder, reason);
        return;
    }
    struct assignment assignment = {.value = value, .is_maybe = true};
    assignment.is_local = !is_constant_false(call->args[2]);
    assignment.rule = rule_of(name);
    if (assignment.rule == SETTING_PLAIN) return;
    if (assignment.rule == SETTING_ADMIN) {
        sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
        return;
    }
    if (value.data == NULL) {
        sql_add_unknown(builder, reason);
        return;
    }
    if (assignment.rule == SETTING_SEARCH_PATH &&
        sql_split_path(builder->arena, value, &assignment.path, &assignment.path_count) != 0) {
        sql_add_unknown(builder, "search_path cannot be read");
        return;
    }
    assign(builder, &assignment);
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
