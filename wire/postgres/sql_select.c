/* Queries: the scope of WITH, the reach of FOR UPDATE, limits, and what each output column is computed from. */
#include "wire/postgres/sql_builder.h"

/* A query in WITH sees those before it; with RECURSIVE all of them, itself included. */
void sql_walk_with(struct sql_builder *builder, const PgQuery__WithClause *with) {
    if (with == NULL) return;
    struct sql_scope *scopes = ARENA_NEW_ARRAY(builder->scratch, struct sql_scope, with->n_ctes + 1);
    if (scopes == NULL) {
        builder->is_out_of_memory = true;
        return;
    }
    const struct sql_scope *outer = builder->scope;
    for (size_t i = 0; i < with->n_ctes; i++) {
        const PgQuery__CommonTableExpr *query = with->ctes[i]->common_table_expr;
        scopes[i] = (struct sql_scope){i > 0 ? &scopes[i - 1] : outer, str_from_cstr(query->ctename)};
        if (query->n_aliascolnames > 0) builder->draft->is_output_doubtful = true;
    }
    const struct sql_lock *lock = builder->lock;
    builder->lock = NULL;
    for (size_t i = 0; i < with->n_ctes; i++) {
        builder->scope = with->recursive ? &scopes[with->n_ctes - 1] : scopes[i].outer;
        const PgQuery__CommonTableExpr *query = with->ctes[i]->common_table_expr;
        sql_output_of_row(builder, str_from_cstr(query->ctename), query->ctequery);
        sql_walk_node(builder, query->ctequery, SQL_READ);
    }
    builder->lock = lock;
    if (with->n_ctes > 0) builder->scope = &scopes[with->n_ctes - 1];
}

static bool clause_names(const PgQuery__LockingClause *clause, struct str alias) {
    for (size_t i = 0; i < clause->n_locked_rels; i++) {
        if (str_equal(str_from_cstr(clause->locked_rels[i]->range_var->relname), alias)) return true;
    }
    return clause->n_locked_rels == 0;
}

bool sql_is_locked(const struct sql_lock *lock, struct str alias) {
    if (lock == NULL) return false;
    if (lock->is_forced) return true;
    for (size_t i = 0; i < lock->select->n_locking_clause; i++) {
        if (clause_names(lock->select->locking_clause[i]->locking_clause, alias)) return true;
    }
    return false;
}

/* "*" or "t.*" as an output of its own. */
static bool is_star(const PgQuery__Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || node->res_target->val == NULL) return false;
    const PgQuery__Node *value = node->res_target->val;
    if (value->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || value->column_ref->n_fields == 0) return false;
    const PgQuery__ColumnRef *column = value->column_ref;
    return column->fields[column->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR;
}

static void walk_output(struct sql_builder *builder, const PgQuery__Node *node) {
    struct sql_list names = {0};
    bool is_many = is_star(node);
    builder->draft->output_columns = is_many ? NULL : &names;
    sql_walk_node(builder, node, SQL_READ);
    builder->draft->output_columns = NULL;
    if (is_many) {
        builder->draft->star_count++;
        builder->draft->star = builder->draft->outputs.count;
    }
    struct sql_list *output = sql_list_add(builder, &builder->draft->outputs, sizeof(*output));
    if (output != NULL) *output = names;
}

void sql_walk_targets(struct sql_builder *builder, const ProtobufCMessage *message, PgQuery__Node *const *nodes,
                      size_t count) {
    if (builder->draft->result != message) {
        sql_walk_nodes(builder, nodes, count, SQL_READ);
        return;
    }
    for (size_t i = 0; i < count; i++) walk_output(builder, nodes[i]);
}

/* The rows of VALUES; in an INSERT its columns name them. */
static void walk_values(struct sql_builder *builder, const PgQuery__SelectStmt *select,
                        const PgQuery__InsertStmt *insert) {
    for (size_t i = 0; i < select->n_values_lists; i++) {
        const PgQuery__List *row = select->values_lists[i]->list;
        for (size_t j = 0; j < row->n_items; j++) {
            bool is_named = insert != NULL && j < insert->n_cols;
            sql_walk_named(builder, row->items[j],
                           is_named ? str_from_cstr(insert->cols[j]->res_target->name) : STR_NONE);
        }
    }
}

static void walk_body(struct sql_builder *builder, const PgQuery__SelectStmt *select,
                      const PgQuery__InsertStmt *insert) {
    const struct str *outer_names = builder->setting_names;
    size_t outer_count = builder->setting_name_count;
    builder->setting_names = sql_setting_names(builder, select, &builder->setting_name_count);
    sql_walk_targets(builder, &select->base, select->target_list, select->n_target_list);
    struct sql_lock lock = {.select = select};
    const struct sql_lock *outer = builder->lock;
    bool is_locking = select->n_locking_clause > 0 && (outer == NULL || !outer->is_forced);
    if (is_locking) builder->lock = &lock;
    sql_walk_nodes(builder, select->from_clause, select->n_from_clause, SQL_READ);
    builder->lock = NULL;
    sql_walk_nodes(builder, select->distinct_clause, select->n_distinct_clause, SQL_READ);
    sql_walk_node(builder, select->where_clause, SQL_READ);
    sql_walk_nodes(builder, select->group_clause, select->n_group_clause, SQL_READ);
    sql_walk_node(builder, select->having_clause, SQL_READ);
    sql_walk_nodes(builder, select->window_clause, select->n_window_clause, SQL_READ);
    walk_values(builder, select, insert);
    sql_walk_nodes(builder, select->sort_clause, select->n_sort_clause, SQL_READ);
    sql_walk_node(builder, select->limit_offset, SQL_READ);
    sql_walk_node(builder, select->limit_count, SQL_READ);
    builder->lock = outer;
    builder->setting_names = outer_names;
    builder->setting_name_count = outer_count;
}

void sql_walk_select(struct sql_builder *builder, const PgQuery__SelectStmt *select) {
    const struct sql_scope *outer = builder->scope;
    const PgQuery__InsertStmt *insert = builder->insert;
    builder->insert = NULL;
    if (sql_part(builder)->message == &select->base) sql_note_limit(builder, select);
    sql_walk_with(builder, select->with_clause);
    if (select->into_clause != NULL) {
        sql_part(builder)->part.kind = STR("select into");
        sql_walk_message(builder, &select->into_clause->base, SQL_DDL);
    }
    if (select->larg != NULL && select->rarg != NULL) {
        sql_walk_select(builder, select->larg);
        sql_walk_select(builder, select->rarg);
    }
    walk_body(builder, select, insert);
    builder->scope = outer;
}
