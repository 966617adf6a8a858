/* COPY: what it moves, whereto, and in which form. */
#include "wire/postgres/sql_builder.h"

static bool is_named(const PgQuery__DefElem *option, const char *name) {
    return str_equal_cstr(str_from_cstr(option->defname), name);
}

static char first_byte(const PgQuery__DefElem *option, char otherwise) {
    struct str value = sql_node_string(option->arg);
    return value.length > 0 ? value.data[0] : otherwise;
}

static bool is_true(const PgQuery__DefElem *option) {
    if (option->arg == NULL) return true;
    if (option->arg->node_case == PG_QUERY__NODE__NODE_INTEGER) return option->arg->integer->ival != 0;
    if (option->arg->node_case == PG_QUERY__NODE__NODE_BOOLEAN) return option->arg->boolean->boolval;
    struct str value = sql_node_string(option->arg);
    return !str_equal_ignoring_case(value, STR("false")) && !str_equal_ignoring_case(value, STR("off"));
}

static enum sql_copy_format format_of(const PgQuery__CopyStmt *statement) {
    for (size_t i = 0; i < statement->n_options; i++) {
        const PgQuery__DefElem *option = statement->options[i]->def_elem;
        struct str value = sql_node_string(option->arg);
        if (!is_named(option, "format")) continue;
        if (str_equal_cstr(value, "csv")) return SQL_COPY_CSV;
        if (str_equal_cstr(value, "binary")) return SQL_COPY_BINARY;
    }
    return SQL_COPY_TEXT;
}

static void read_options(struct sql_builder *builder, const PgQuery__CopyStmt *statement, struct sql_copy *copy) {
    for (size_t i = 0; i < statement->n_options; i++) {
        const PgQuery__DefElem *option = statement->options[i]->def_elem;
        if (is_named(option, "delimiter")) copy->delimiter = first_byte(option, copy->delimiter);
        if (is_named(option, "quote")) copy->quote = first_byte(option, copy->quote);
        if (is_named(option, "escape")) copy->escape = first_byte(option, copy->escape);
        if (is_named(option, "null")) copy->null_text = sql_keep(builder, sql_node_string(option->arg));
        if (is_named(option, "encoding")) copy->encoding = sql_keep(builder, sql_node_string(option->arg));
        if (is_named(option, "header")) copy->has_header = is_true(option);
    }
}

static void read_columns(struct sql_builder *builder, const PgQuery__CopyStmt *statement, struct sql_copy *copy) {
    struct str *columns = ARENA_NEW_ARRAY(builder->arena, struct str, statement->n_attlist + 1);
    if (columns == NULL) {
        builder->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < statement->n_attlist; i++) {
        columns[i] = sql_keep(builder, sql_node_string(statement->attlist[i]));
        sql_add_column(builder, columns[i]);
    }
    copy->columns = columns;
    copy->column_count = statement->n_attlist;
}

static void describe_copy(struct sql_builder *builder, const PgQuery__CopyStmt *statement) {
    struct sql_copy *copy = ARENA_NEW(builder->arena, struct sql_copy);
    if (copy == NULL) {
        builder->is_out_of_memory = true;
        return;
    }
    enum sql_copy_format format = format_of(statement);
    bool is_csv = format == SQL_COPY_CSV;
    *copy = (struct sql_copy){
        .is_from = statement->is_from,
        .is_client = !statement->is_program && str_from_cstr(statement->filename).length == 0,
        .format = format,
        .delimiter = is_csv ? ',' : '\t',
        .quote = '"',
        .null_text = is_csv ? STR("") : STR("\\N"),
    };
    read_options(builder, statement, copy);
    if (copy->escape == '\0') copy->escape = copy->quote;
    read_columns(builder, statement, copy);
    if (statement->relation != NULL) {
        copy->schema = sql_keep_cstr(builder, statement->relation->schemaname);
        copy->name = sql_keep_cstr(builder, statement->relation->relname);
    }
    builder->draft->statement.copy = copy;
}

void sql_walk_copy(struct sql_builder *builder, const PgQuery__CopyStmt *statement) {
    describe_copy(builder, statement);
    if (statement->relation != NULL) {
        sql_add_relation(builder, statement->is_from ? SQL_WRITE : SQL_READ, statement->relation);
    }
    if (statement->query != NULL && statement->query->node_case == PG_QUERY__NODE__NODE_SELECT_STMT) {
        builder->draft->result = &statement->query->select_stmt->base;
    }
    if (statement->relation != NULL && !statement->is_from) sql_note_returning(builder, NULL);
    builder->is_own_part = statement->query != NULL;
    sql_walk_node(builder, statement->query, SQL_READ);
    sql_walk_node(builder, statement->where_clause, SQL_READ);
    bool is_file = statement->is_program || str_from_cstr(statement->filename).length > 0;
    if (is_file) sql_add_use(builder, SQL_ADMIN, STR_NONE, STR_NONE);
}
