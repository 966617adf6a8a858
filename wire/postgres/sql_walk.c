/* Visits every message of a parse tree, by reflection, so that nothing is found by luck: a node that needs care has a
 * visitor, and through every other one the walk goes on into whatever it holds. */
#include <inttypes.h>
#include <stdio.h>

#include "wire/postgres/sql_builder.h"

struct str sql_node_string(const PgQuery__Node *node) {
    if (node == NULL) return STR_NONE;
    if (node->node_case == PG_QUERY__NODE__NODE_STRING) return str_from_cstr(node->string->sval);
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) return sql_node_string(node->type_cast->arg);
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST) return STR_NONE;
    const PgQuery__AConst *constant = node->a_const;
    return constant->val_case == PG_QUERY__A__CONST__VAL_SVAL ? str_from_cstr(constant->sval->sval) : STR_NONE;
}

static void visit_constant(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__AConst *constant = (const PgQuery__AConst *)message;
    char digits[16];
    (void)verb;
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_SVAL:
        sql_add_literal(builder, str_from_cstr(constant->sval->sval), 0);
        if (builder->is_key) sql_add_keys(builder, str_from_cstr(constant->sval->sval));
        break;
    case PG_QUERY__A__CONST__VAL_FVAL:
        sql_add_literal(builder, str_from_cstr(constant->fval->fval), 0);
        break;
    case PG_QUERY__A__CONST__VAL_BSVAL:
        sql_add_literal(builder, str_from_cstr(constant->bsval->bsval), 0);
        break;
    case PG_QUERY__A__CONST__VAL_IVAL: {
        int length = snprintf(digits, sizeof(digits), "%" PRId32, constant->ival->ival);
        bool is_in_text = builder->nesting == 0 && constant->location > 0;
        sql_add_literal(builder, str_make(digits, (size_t)length), is_in_text ? (size_t)constant->location : 0);
        break;
    }
    default:
        break;
    }
}

static struct str column_name(const PgQuery__Node *node) {
    while (node != NULL && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) node = node->type_cast->arg;
    if (node != NULL && node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL && node->func_call->n_args == 1) {
        node = node->func_call->args[0];
    }
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF) return STR_NONE;
    const PgQuery__ColumnRef *column = node->column_ref;
    return column->n_fields > 0 ? sql_node_string(column->fields[column->n_fields - 1]) : STR_NONE;
}

const struct sql_value *sql_bound_value(struct sql_builder *builder, const PgQuery__Node *node) {
    while (node != NULL && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) node = node->type_cast->arg;
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_PARAM_REF) return NULL;
    int32_t number = node->param_ref->number;
    builder->draft->statement.wants_values = true;
    if (number < 1 || (size_t)number > builder->value_count) return NULL;
    const struct sql_value *value = &builder->values[number - 1];
    return value->bytes.data != NULL ? value : NULL;
}

void sql_walk_named(struct sql_builder *builder, const PgQuery__Node *node, struct str name) {
    struct str outer = builder->literal_name;
    if (name.length > 0) builder->literal_name = sql_keep(builder, name);
    sql_walk_node(builder, node, SQL_READ);
    builder->literal_name = outer;
}

/* Its "operator" is a word. */
static bool is_between(const PgQuery__AExpr *expression) {
    return expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN ||
           expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN ||
           expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM ||
           expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
}

static void visit_expression(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__AExpr *expression = (const PgQuery__AExpr *)message;
    (void)verb;
    if (!is_between(expression)) sql_add_operator(builder, expression->name, expression->n_name);
    sql_walk_named(builder, expression->lexpr, column_name(expression->rexpr));
    bool is_outer_key = builder->is_key;
    if (sql_is_key_operator(expression)) builder->is_key = true;
    sql_walk_named(builder, expression->rexpr, column_name(expression->lexpr));
    builder->is_key = is_outer_key;
}

static void visit_column(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__ColumnRef *column = (const PgQuery__ColumnRef *)message;
    (void)verb;
    if (column->n_fields == 0) return;
    const PgQuery__Node *last = column->fields[column->n_fields - 1];
    struct str name = sql_node_string(last);
    if (last->node_case == PG_QUERY__NODE__NODE_A_STAR && builder->draft->output_columns != NULL) {
        builder->draft->is_output_doubtful = true;
    }
    /* One name alone may be a whole row. */
    sql_add_column(builder, name);
    if (column->n_fields > 1) {
        sql_add_possible_function(builder, sql_node_string(column->fields[column->n_fields - 2]), name);
    }
}

static void visit_indirection(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__AIndirection *indirection = (const PgQuery__AIndirection *)message;
    for (size_t i = 0; i < indirection->n_indirection; i++) {
        const PgQuery__Node *step = indirection->indirection[i];
        if (step->node_case == PG_QUERY__NODE__NODE_A_STAR) builder->draft->is_output_doubtful = true;
        if (step->node_case == PG_QUERY__NODE__NODE_A_INDICES) {
            sql_add_keys(builder, sql_node_string(step->a_indices->uidx));
        }
        if (step->node_case != PG_QUERY__NODE__NODE_STRING) continue;
        sql_add_field(builder, i == 0 ? indirection->arg : NULL, sql_node_string(step));
        sql_add_column(builder, sql_node_string(step));
    }
    sql_walk_children(builder, message, verb);
}

static void visit_call(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__FuncCall *call = (const PgQuery__FuncCall *)message;
    sql_add_function(builder, call->funcname, call->n_funcname);
    if (call->n_funcname > 0 && str_equal_cstr(sql_node_string(call->funcname[call->n_funcname - 1]), "set_config")) {
        sql_walk_set_config(builder, call);
    }
    bool is_outer_key = builder->is_key;
    if (sql_is_key_function(call)) builder->is_key = true;
    sql_walk_children(builder, message, verb);
    builder->is_key = is_outer_key;
}

static void visit_parameter(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_add_parameter(builder, ((const PgQuery__ParamRef *)message)->number);
}

static bool is_in_scope(const struct sql_scope *scope, struct str name) {
    for (; scope != NULL; scope = scope->outer) {
        if (str_equal(scope->name, name)) return true;
    }
    return false;
}

static void visit_relation(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__RangeVar *relation = (const PgQuery__RangeVar *)message;
    struct str name = str_from_cstr(relation->relname);
    struct str alias = relation->alias != NULL ? str_from_cstr(relation->alias->aliasname) : name;
    if (relation->alias != NULL && relation->alias->n_colnames > 0) builder->draft->is_output_doubtful = true;
    if (verb == SQL_READ || verb == SQL_WRITE) sql_output_of_relation(builder, relation);
    bool is_qualified = relation->schemaname != NULL && relation->schemaname[0] != '\0';
    if (verb == SQL_READ && !is_qualified && is_in_scope(builder->scope, name)) return;
    sql_add_relation(builder, verb, relation);
    if (verb == SQL_READ && sql_is_locked(builder->lock, alias)) sql_add_relation(builder, SQL_WRITE, relation);
}

static void visit_like(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_children(builder, message, SQL_READ);
}

static void visit_subselect(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__RangeSubselect *subselect = (const PgQuery__RangeSubselect *)message;
    const PgQuery__Alias *alias = subselect->alias;
    const struct sql_lock *outer = builder->lock;
    struct sql_lock forced = {.is_forced = true};
    if (alias != NULL && alias->n_colnames > 0) builder->draft->is_output_doubtful = true;
    if (alias != NULL) sql_output_of_row(builder, str_from_cstr(alias->aliasname), subselect->subquery);
    bool is_locked = sql_is_locked(outer, alias != NULL ? str_from_cstr(alias->aliasname) : STR_NONE);
    builder->lock = is_locked ? &forced : NULL;
    sql_walk_node(builder, subselect->subquery, verb);
    builder->lock = outer;
}

/* What an output column of any query is called, and the columns behind it. */
static void visit_target(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__ResTarget *target = (const PgQuery__ResTarget *)message;
    struct str name = str_from_cstr(target->name);
    if (name.length == 0) {
        sql_walk_children(builder, message, verb);
        return;
    }
    struct sql_list *outer = builder->draft->output_columns;
    struct sql_list names = {0};
    builder->draft->output_columns = &names;
    sql_walk_nodes(builder, target->indirection, target->n_indirection, SQL_READ);
    sql_walk_named(builder, target->val, name);
    builder->draft->output_columns = outer;
    struct str kept = sql_keep(builder, name);
    for (size_t i = 0; i < names.count; i++) {
        struct str column = ((const struct str *)names.items)[i];
        struct sql_alias *alias = sql_list_add(builder, &builder->draft->aliases, sizeof(*alias));
        if (alias != NULL) *alias = (struct sql_alias){kept, column};
        if (outer == NULL) continue;
        struct str *copy = sql_list_add(builder, outer, sizeof(*copy));
        if (copy != NULL) *copy = column;
    }
}

/* x = ANY (...), ORDER BY x USING <. */
static void visit_link(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__SubLink *link = (const PgQuery__SubLink *)message;
    sql_add_operator(builder, link->oper_name, link->n_oper_name);
    sql_walk_children(builder, message, verb);
}

static void visit_sort(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__SortBy *sort = (const PgQuery__SortBy *)message;
    sql_add_operator(builder, sort->use_op, sort->n_use_op);
    sql_walk_children(builder, message, verb);
}

/* f(...) AS x, where f gives one value and not a row: x is that value, and x.g is g(x). */
static void note_scalar(struct sql_builder *builder, const PgQuery__RangeFunction *function) {
    if (function->n_functions != 1 || function->n_coldeflist > 0) return;
    const PgQuery__Node *item = function->functions[0];
    if (item->node_case != PG_QUERY__NODE__NODE_LIST || item->list->n_items == 0) return;
    const PgQuery__Node *node = item->list->items[0];
    if (node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || node->func_call->n_funcname == 0) return;
    struct str name = sql_node_string(node->func_call->funcname[node->func_call->n_funcname - 1]);
    if (sql_function_makes_record(name) || function->ordinality) return;
    struct sql_scalar *scalar = sql_list_add(builder, &builder->draft->scalars, sizeof(*scalar));
    if (scalar == NULL) return;
    *scalar = (struct sql_scalar){sql_keep(builder, name), function->alias};
    if (function->alias != NULL) scalar->name = sql_keep_cstr(builder, function->alias->aliasname);
}

/* Functions in FROM name their columns themselves, jsonb_to_record by its keys; so do XMLTABLE and the like. */
static void visit_from_function(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    builder->draft->is_output_doubtful = true;
    if (message->descriptor == &pg_query__range_function__descriptor) {
        const PgQuery__RangeFunction *function = (const PgQuery__RangeFunction *)message;
        note_scalar(builder, function);
        for (size_t i = 0; i < function->n_coldeflist; i++) {
            sql_add_column(builder, str_from_cstr(function->coldeflist[i]->column_def->colname));
        }
    }
    sql_walk_children(builder, message, verb);
}

static void visit_select(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_select(builder, (const PgQuery__SelectStmt *)message);
}

/* An option given as a string: a password, a header, a language. */
static void visit_option(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__DefElem *option = (const PgQuery__DefElem *)message;
    struct str value = sql_node_string(option->arg);
    struct str outer = builder->literal_name;
    builder->literal_name = sql_keep_cstr(builder, option->defname);
    if (value.length > 0) sql_add_literal(builder, value, 0);
    builder->literal_name = outer;
    sql_walk_children(builder, message, verb);
}

static void visit_nothing(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)builder;
    (void)message;
    (void)verb;
}

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    void (*visit)(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb);
} visitors[] = {
    {&pg_query__a__const__descriptor, visit_constant},
    {&pg_query__column_ref__descriptor, visit_column},
    {&pg_query__a__expr__descriptor, visit_expression},
    {&pg_query__param_ref__descriptor, visit_parameter},
    {&pg_query__sub_link__descriptor, visit_link},
    {&pg_query__sort_by__descriptor, visit_sort},
    {&pg_query__res_target__descriptor, visit_target},
    {&pg_query__range_var__descriptor, visit_relation},
    {&pg_query__func_call__descriptor, visit_call},
    {&pg_query__select_stmt__descriptor, visit_select},
    {&pg_query__range_subselect__descriptor, visit_subselect},
    {&pg_query__a__indirection__descriptor, visit_indirection},
    {&pg_query__range_function__descriptor, visit_from_function},
    {&pg_query__range_table_func__descriptor, visit_from_function},
    {&pg_query__table_like_clause__descriptor, visit_like},
    {&pg_query__def_elem__descriptor, visit_option},
    {&pg_query__locking_clause__descriptor, visit_nothing}, /* names aliases; sql_is_locked reads it */
};

void sql_walk_message(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    if (message->descriptor == &pg_query__node__descriptor) {
        const PgQuery__Node *node = (const PgQuery__Node *)message;
        if (node->node_case == PG_QUERY__NODE__NODE__NOT_SET || node->alias == NULL) return;
        if (sql_is_statement(node)) {
            sql_walk_statement(builder, node);
        } else {
            sql_walk_message(builder, &node->alias->base, verb); /* the members of the union are all messages */
        }
        return;
    }
    struct sql_list *output = builder->draft->output_columns;
    if (output != NULL && sql_output_is_silent(message)) {
        builder->draft->output_columns = NULL;
        sql_walk_message(builder, message, verb);
        builder->draft->output_columns = output;
        return;
    }
    for (size_t i = 0; i < LENGTH_OF(visitors); i++) {
        if (visitors[i].descriptor == message->descriptor) {
            visitors[i].visit(builder, message, verb);
            return;
        }
    }
    sql_walk_children(builder, message, verb);
}

static const void *field_at(const ProtobufCMessage *message, unsigned offset) {
    return (const char *)message + offset;
}

void sql_walk_children(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    for (unsigned i = 0; i < message->descriptor->n_fields && !builder->is_out_of_memory; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)field_at(message, field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)field_at(message, field->offset);
            for (size_t j = 0; j < count; j++) sql_walk_message(builder, items[j], verb);
            continue;
        }
        bool is_other_of_union = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                                 *(const uint32_t *)field_at(message, field->quantifier_offset) != field->id;
        const ProtobufCMessage *child = *(const ProtobufCMessage *const *)field_at(message, field->offset);
        if (!is_other_of_union && child != NULL) sql_walk_message(builder, child, verb);
    }
}

void sql_walk_nodes(struct sql_builder *builder, PgQuery__Node *const *nodes, size_t count, enum sql_verb verb) {
    for (size_t i = 0; i < count; i++) sql_walk_node(builder, nodes[i], verb);
}

void sql_walk_node(struct sql_builder *builder, const PgQuery__Node *node, enum sql_verb verb) {
    if (node != NULL) sql_walk_message(builder, &node->base, verb);
}
