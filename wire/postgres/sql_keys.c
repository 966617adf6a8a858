/* Keys into documents: what doc->>'born' gives is as much "born" as a column of that name.
 *
 *     path = key *( separator key )       of ->, #>, jsonpath, XPath, hstore, near enough: what stands between separators
 */
#include "wire/postgres/sql_builder.h"

static const struct str operators[] = {STR("->"), STR("->>"), STR("#>"), STR("#>>")};
/* Parts of the names of functions that are given a path. */
static const struct str functions[] = {STR("extract_path"), STR("path_query"), STR("object_field"), STR("xpath"),
                                       STR("fetchval"),     STR("array_element"), STR("json_query")};

bool sql_is_key_operator(const PgQuery__AExpr *expression) {
    if (expression->n_name == 0) return false;
    struct str name = sql_node_string(expression->name[expression->n_name - 1]);
    for (size_t i = 0; i < LENGTH_OF(operators); i++) {
        if (str_equal(name, operators[i])) return true;
    }
    return false;
}

bool sql_is_key_function(const PgQuery__FuncCall *call) {
    if (call->n_funcname == 0) return false;
    struct str name = sql_node_string(call->funcname[call->n_funcname - 1]);
    for (size_t i = 0; i < LENGTH_OF(functions); i++) {
        if (str_find(name, functions[i]) != STR_NOT_FOUND) return true;
    }
    return false;
}

static bool is_separator(char c) {
    return c != '\0' && strchr("{}[]().,:;\"'$@?*/", c) != NULL;
}

void sql_add_keys(struct sql_builder *builder, struct str path) {
    for (size_t at = 0; at < path.length;) {
        size_t end = at;
        while (end < path.length && !is_separator(path.data[end])) end++;
        sql_add_column(builder, str_trim(str_slice(path, at, end)));
        at = end + 1;
    }
}
