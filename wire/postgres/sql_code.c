/* SQL within SQL: the bodies of DO and CREATE FUNCTION. A body in SQL or PL/pgSQL is read like any text; one in another
 * language, one that runs SQL made at run time, or one that cannot be read is unknown.
 *
 * PL/pgSQL is read by libpg_query as well, which gives its tree as JSON: every expression and statement in it is the
 * member "query" of an object. */
#include <pg_query.h>
#include <stdlib.h>

#include "base/json.h"
#include "wire/postgres/sql_builder.h"

#define CODE_BYTES_MAX (256u * 1024)
#define CODE_BLOCKS_MAX 300 /* words that may open a block: libpg_query recurses over blocks without a guard */

static const PgQuery__DefElem *find_option(PgQuery__Node *const *options, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (options[i]->node_case != PG_QUERY__NODE__NODE_DEF_ELEM) continue;
        if (str_equal_cstr(str_from_cstr(options[i]->def_elem->defname), name)) return options[i]->def_elem;
    }
    return NULL;
}

static struct str first_string(const PgQuery__DefElem *option) {
    if (option == NULL || option->arg == NULL) return STR_NONE;
    if (option->arg->node_case != PG_QUERY__NODE__NODE_LIST) return sql_node_string(option->arg);
    return option->arg->list->n_items > 0 ? sql_node_string(option->arg->list->items[0]) : STR_NONE;
}

static bool starts_block(struct str rest) {
    static const char *const words[] = {"begin", "loop", "if", "case", "(", "["};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        struct str word = str_from_cstr(words[i]);
        if (str_equal_ignoring_case(str_slice(rest, 0, word.length), word)) return true;
    }
    return false;
}

static bool has_too_many_blocks(struct str code) {
    size_t blocks = 0;
    for (size_t i = 0; i < code.length && blocks <= CODE_BLOCKS_MAX; i++) {
        blocks += starts_block(str_slice(code, i, code.length));
    }
    return blocks > CODE_BLOCKS_MAX;
}

static bool walk_expression(struct sql_builder *builder, struct str expression) {
    struct str query = arena_format(builder->scratch, "SELECT %.*s", (int)expression.length, expression.data);
    return query.data != NULL && sql_walk_text(builder, query, false);
}

/* A fragment of PL/pgSQL is a statement, an expression, or an assignment: whichever it parses as, in this order. Both
 * sides of an assignment may hold queries. Cut at a sign that is not the assignment's, no side would parse. */
static bool walk_fragment(struct sql_builder *builder, struct str fragment) {
    if (sql_walk_text(builder, fragment, true) || walk_expression(builder, fragment)) return true;
    size_t equals = str_find_byte(fragment, '=');
    if (equals == STR_NOT_FOUND) return false;
    struct str left = str_slice(fragment, 0, equals);
    if (str_ends_with(left, STR(":"))) left.length--;
    return walk_expression(builder, left) && walk_expression(builder, str_slice(fragment, equals + 1, fragment.length));
}

static bool walk_quoted(struct sql_builder *builder, struct str raw) {
    struct buffer decoded;
    buffer_init(&decoded, raw.length + 4);
    bool is_read = json_unescape(raw, &decoded) == 0;
    struct str fragment = is_read ? arena_copy(builder->scratch, buffer_view(&decoded)) : STR_NONE;
    buffer_free(&decoded);
    return fragment.data != NULL && walk_fragment(builder, fragment);
}

static bool is_dynamic(struct str key) {
    static const char *const keys[] = {"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"};
    for (size_t i = 0; i < LENGTH_OF(keys); i++) {
        if (str_equal_cstr(key, keys[i])) return true;
    }
    return false;
}

static const char *walk_tree(struct sql_builder *builder, struct str tree) {
    struct json_scanner scanner;
    json_scanner_init(&scanner, tree);
    bool is_query = false;
    for (;;) {
        struct str raw;
        enum json_token token = json_next(&scanner, &raw);
        if (token == JSON_TOKEN_END) return NULL;
        if (token == JSON_TOKEN_BAD) return "its code is nested too deeply to be read";
        if (token == JSON_TOKEN_KEY && is_dynamic(raw)) return "its code runs SQL made at run time";
        if (token == JSON_TOKEN_STRING && is_query && !walk_quoted(builder, raw)) return "its code cannot be read";
        is_query = token == JSON_TOKEN_KEY && str_equal_cstr(raw, "query");
    }
}

static void walk_plpgsql(struct sql_builder *builder, struct str statement, struct str code) {
    if (code.length > CODE_BYTES_MAX || has_too_many_blocks(code)) {
        sql_add_unknown(builder, "its code is too long or too deep to be read");
        return;
    }
    PgQueryPlpgsqlParseResult parsed = pg_query_parse_plpgsql(statement.data);
    const char *why_not = parsed.error != NULL ? "its code does not parse as PL/pgSQL" : NULL;
    if (why_not == NULL) why_not = walk_tree(builder, str_trim(str_from_cstr(parsed.plpgsql_funcs)));
    if (why_not != NULL) sql_add_unknown(builder, why_not);
    pg_query_free_plpgsql_parse_result(parsed);
}

/* DO with the code between dollar quotes whose tag does not occur in it. */
static struct str quote_code(struct sql_builder *builder, struct str code) {
    for (unsigned i = 0; i < 1000; i++) {
        struct str tag = arena_format(builder->scratch, "$code%u$", i);
        if (tag.data == NULL) return STR_NONE;
        if (str_find(code, tag) != STR_NOT_FOUND) continue;
        return arena_format(builder->scratch, "DO %s%s%s", tag.data, code.data, tag.data);
    }
    return STR_NONE;
}

void sql_walk_do(struct sql_builder *builder, const PgQuery__DoStmt *statement) {
    struct str language = first_string(find_option(statement->args, statement->n_args, "language"));
    struct str code = first_string(find_option(statement->args, statement->n_args, "as"));
    sql_add_use(builder, SQL_WRITE, STR_NONE, STR_NONE);
    if (language.data != NULL && !str_equal_cstr(language, "plpgsql")) {
        sql_add_unknown(builder, "its code is in a language that cannot be read");
        return;
    }
    struct str quoted = code.data != NULL ? quote_code(builder, code) : STR_NONE;
    if (quoted.data == NULL) {
        sql_add_unknown(builder, "its code cannot be read");
        return;
    }
    walk_plpgsql(builder, quoted, code);
}

/* The settings that the function runs with; true when search_path is among them. */
static bool walk_settings(struct sql_builder *builder, const PgQuery__CreateFunctionStmt *statement) {
    bool has_path = false;
    for (size_t i = 0; i < statement->n_options; i++) {
        const PgQuery__DefElem *option = statement->options[i]->def_elem;
        if (!str_equal_cstr(str_from_cstr(option->defname), "set") || option->arg == NULL) continue;
        if (option->arg->node_case != PG_QUERY__NODE__NODE_VARIABLE_SET_STMT) continue;
        has_path |= sql_walk_function_set(builder, option->arg->variable_set_stmt);
    }
    return has_path;
}

static bool has_bare_name(const struct sql_builder *builder) {
    const struct sql_use *uses = builder->draft->uses.items;
    for (size_t i = 0; i < builder->draft->uses.count; i++) {
        if (uses[i].name.length > 0 && uses[i].schema.length == 0) return true;
    }
    return false;
}

static void walk_body(struct sql_builder *builder, const PgQuery__CreateFunctionStmt *statement) {
    struct str language = first_string(find_option(statement->options, statement->n_options, "language"));
    struct str code = first_string(find_option(statement->options, statement->n_options, "as"));
    if (str_equal_ignoring_case(language, STR("sql"))) {
        if (!sql_walk_text(builder, code, true)) sql_add_unknown(builder, "its code does not parse as SQL");
    } else if (str_equal_ignoring_case(language, STR("plpgsql")) && builder->draft->result == &statement->base) {
        walk_plpgsql(builder, builder->text, code);
    } else {
        sql_add_unknown(builder, "its code is in a language that cannot be read");
    }
}

void sql_walk_create_function(struct sql_builder *builder, const PgQuery__CreateFunctionStmt *statement) {
    sql_add_use(builder, SQL_DDL, STR_NONE, STR_NONE);
    sql_walk_nodes(builder, statement->parameters, statement->n_parameters, SQL_READ);
    bool has_path = walk_settings(builder, statement);
    sql_walk_node(builder, statement->sql_body, SQL_READ);
    if (statement->sql_body != NULL) return; /* its names were found when it was made */
    walk_body(builder, statement);
    if (has_path && has_bare_name(builder)) {
        sql_add_unknown(builder, "its code finds names by a search_path of its own: write their schemas");
    }
}
