/* Which columns' values flow into what a query gives back. A count, a length, a comparison is made from a column and
 * holds none of it; a whole row under another name, or what an INSERT put elsewhere, does. */
#include "wire/postgres/sql_builder.h"

#define OUTPUT_DEPTH_MAX 64   /* of an expression; what lies deeper counts as flowing in from every column */
#define OUTPUT_NAMES_MAX 1000 /* columns in one expression */

/* Their results say how many or of which kind, never what. */
static const char *const silent_functions[] = {
    "count", "length", "char_length", "character_length", "octet_length", "bit_length", "row_number", "rank", "dense_rank",
    "percent_rank", "cume_dist", "ntile", "pg_column_size", "pg_typeof", "cardinality", "array_length", "array_ndims",
    "jsonb_array_length", "json_array_length", "jsonb_typeof", "json_typeof", "bool_and", "bool_or", "every",
    "num_nulls", "num_nonnulls", "starts_with",
};

static const char *const comparisons[] = {"=",   "<>",  "!=", "<",  ">",   "<=", ">=", "~",  "~*", "!~", "!~*",
                                          "~~",  "!~~", "~~*", "!~~*", "@>", "<@", "&&", "?",  "?|", "?&", "@@"};

static bool is_in(struct str name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_cstr(name, list[i])) return true;
    }
    return false;
}

static bool is_silent_call(const PgQuery__FuncCall *call) {
    if (call->n_funcname == 0) return false;
    struct str name = sql_node_string(call->funcname[call->n_funcname - 1]);
    bool is_builtin = call->n_funcname == 1 || str_equal_cstr(sql_node_string(call->funcname[0]), "pg_catalog");
    return is_builtin && is_in(name, silent_functions, LENGTH_OF(silent_functions));
}

static bool is_comparison(const PgQuery__AExpr *expression) {
    if (expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF) return false;
    if (expression->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP) return true; /* ANY, ALL, IN, LIKE, BETWEEN, DISTINCT ... */
    if (expression->n_name != 1) return false;
    return is_in(sql_node_string(expression->name[0]), comparisons, LENGTH_OF(comparisons));
}

bool sql_output_is_silent(const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *kind = message->descriptor;
    if (kind == &pg_query__null_test__descriptor || kind == &pg_query__boolean_test__descriptor ||
        kind == &pg_query__bool_expr__descriptor) {
        return true;
    }
    if (kind == &pg_query__a__expr__descriptor) return is_comparison((const PgQuery__AExpr *)message);
    if (kind == &pg_query__func_call__descriptor) return is_silent_call((const PgQuery__FuncCall *)message);
    if (kind != &pg_query__sub_link__descriptor) return false;
    PgQuery__SubLinkType type = ((const PgQuery__SubLink *)message)->sub_link_type;
    return type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK || type == PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK ||
           type == PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK;
}

/* name stands for column as well, wherever either comes from. */
static void add_alias(struct sql_builder *builder, struct str name, struct str column) {
    if (name.length == 0 || column.length == 0 || str_equal(name, column)) return;
    struct sql_alias *alias = sql_list_add(builder, &builder->draft->aliases, sizeof(*alias));
    if (alias != NULL) *alias = (struct sql_alias){sql_keep(builder, name), sql_keep(builder, column)};
}

struct collector {
    struct sql_builder *builder;
    struct str name;
    size_t count;
};

/* Adds an alias for each column within the message whose value flows out of it. */
static void collect(struct collector *collector, const ProtobufCMessage *message, unsigned depth) {
    if (depth > OUTPUT_DEPTH_MAX || collector->count > OUTPUT_NAMES_MAX) {
        collector->builder->draft->is_output_doubtful = true;
        return;
    }
    if (message->descriptor == &pg_query__column_ref__descriptor) {
        const PgQuery__ColumnRef *column = (const PgQuery__ColumnRef *)message;
        collector->count++;
        if (column->n_fields == 0) return;
        add_alias(collector->builder, collector->name, sql_node_string(column->fields[column->n_fields - 1]));
        return;
    }
    if (sql_output_is_silent(message)) return;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        const char *base = (const char *)message;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(const void *)(base + field->offset);
            for (size_t j = 0; j < count; j++) collect(collector, items[j], depth + 1);
            continue;
        }
        bool is_other = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                        *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id;
        const ProtobufCMessage *child = *(const ProtobufCMessage *const *)(const void *)(base + field->offset);
        if (!is_other && child != NULL) collect(collector, child, depth + 1);
    }
}

/* The leftmost SELECT of a set operation names the columns, but values come from all. */
static void name_insert_columns(struct sql_builder *builder, const PgQuery__InsertStmt *insert,
                                const PgQuery__SelectStmt *select, unsigned depth) {
    if (select == NULL || depth > OUTPUT_DEPTH_MAX) return;
    name_insert_columns(builder, insert, select->larg, depth + 1);
    name_insert_columns(builder, insert, select->rarg, depth + 1);
    for (size_t i = 0; i < select->n_target_list && i < insert->n_cols; i++) {
        struct collector collector = {builder, str_from_cstr(insert->cols[i]->res_target->name), 0};
        collect(&collector, &select->target_list[i]->base, 0);
    }
}

void sql_output_of_insert(struct sql_builder *builder, const PgQuery__InsertStmt *insert) {
    const PgQuery__Node *source = insert->select_stmt;
    if (source == NULL || source->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) return;
    bool is_query = source->select_stmt->n_values_lists == 0;
    /* Without a list of columns the table's order decides, which the text does not say. */
    if (is_query && insert->n_cols == 0 && insert->n_returning_list > 0) builder->draft->statement.moves_unnamed = true;
    if (is_query) name_insert_columns(builder, insert, source->select_stmt, 0);
}

void sql_output_of_row(struct sql_builder *builder, struct str alias, const PgQuery__Node *query) {
    if (alias.length == 0) return;
    struct str *row = sql_list_add(builder, &builder->draft->row_names, sizeof(*row));
    if (row != NULL) *row = sql_keep(builder, alias);
    if (query == NULL || query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) return;
    const PgQuery__SelectStmt *select = query->select_stmt;
    for (size_t i = 0; i < select->n_target_list; i++) {
        const PgQuery__ResTarget *target = select->target_list[i]->res_target;
        /* A column that keeps its name is known by it in the row too. */
        if (target->name != NULL && target->name[0] != '\0') add_alias(builder, alias, str_from_cstr(target->name));
    }
}

void sql_output_of_relation(struct sql_builder *builder, const PgQuery__RangeVar *relation) {
    struct str name = str_from_cstr(relation->relname);
    struct str alias = relation->alias != NULL ? str_from_cstr(relation->alias->aliasname) : name;
    sql_output_of_row(builder, alias, NULL);
    add_alias(builder, alias, name);
}

bool sql_output_has_row(const struct sql_draft *draft) {
    const struct str *rows = draft->row_names.items, *columns = draft->columns.items;
    if (draft->row_names.count * draft->columns.count > SQL_FUNCTIONS_MAX * 10u) return true;
    for (size_t i = 0; i < draft->row_names.count; i++) {
        for (size_t j = 0; j < draft->columns.count; j++) {
            if (str_equal(rows[i], columns[j])) return true;
        }
    }
    return false;
}
