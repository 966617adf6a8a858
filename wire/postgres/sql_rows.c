/* What the text of a statement proves of rows: which of them it changes, and how many it gives back.
 *
 * A statement touches all rows when nothing in it keeps it from that: there is no condition, or none that depends on a
 * row. Doubt is true. That a condition happens to hold for every row nobody can know from the text. Numbers are not
 * looked at, because analyses are shared by shape (sql_shape.h). */
#include "wire/postgres/sql_builder.h"

static const void *field_at(const ProtobufCMessage *message, unsigned offset) {
    return (const char *)message + offset;
}

typedef bool message_test(const ProtobufCMessage *message, const void *argument);

/* True when the message, or one in it, passes the test. As deep as the tree, which is bounded. */
static bool any_message(const ProtobufCMessage *message, message_test *test, const void *argument) {
    if (test(message, argument)) return true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)field_at(message, field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)field_at(message, field->offset);
            for (size_t j = 0; j < count; j++) {
                if (any_message(items[j], test, argument)) return true;
            }
            continue;
        }
        bool is_other_of_union = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                                 *(const uint32_t *)field_at(message, field->quantifier_offset) != field->id;
        const ProtobufCMessage *child = *(const ProtobufCMessage *const *)field_at(message, field->offset);
        if (!is_other_of_union && child != NULL && any_message(child, test, argument)) return true;
    }
    return false;
}

static bool is_column(const ProtobufCMessage *message, const void *unused) {
    (void)unused;
    return message->descriptor == &pg_query__column_ref__descriptor ||
           message->descriptor == &pg_query__current_of_expr__descriptor;
}

static bool is_relation(const ProtobufCMessage *message, const void *name) {
    if (message->descriptor != &pg_query__range_var__descriptor) return false;
    return str_equal(str_from_cstr(((const PgQuery__RangeVar *)message)->relname), *(const struct str *)name);
}

static bool has_column(const PgQuery__Node *node) {
    return any_message(&node->base, is_column, NULL);
}

/* The statement whose conditions are read. */
struct change {
    struct str table;
    bool is_self_join; /* its table stands among those that it is joined with */
};

/* The n-th name from the end, as in [[table.]column]; none when there are not as many. */
static struct str name_from_end(const PgQuery__ColumnRef *column, size_t n) {
    return n < column->n_fields ? sql_node_string(column->fields[column->n_fields - 1 - n]) : STR_NONE;
}

/* a and t.a may be one column; s.a and t.a are when both are the table itself. */
static bool is_same_column(const struct change *change, const PgQuery__ColumnRef *a, const PgQuery__ColumnRef *b) {
    struct str one = name_from_end(a, 1);
    struct str other = name_from_end(b, 1);
    if (!str_equal(name_from_end(a, 0), name_from_end(b, 0))) return false;
    return change->is_self_join || one.length == 0 || other.length == 0 || str_equal(one, other);
}

static bool is_same(const struct change *change, const ProtobufCMessage *a, const ProtobufCMessage *b);

static bool is_same_child(const struct change *change, const ProtobufCMessage *a, const ProtobufCMessage *b) {
    return a == NULL || b == NULL ? a == b : is_same(change, a, b);
}

static bool is_same_list(const struct change *change, const ProtobufCFieldDescriptor *field, const ProtobufCMessage *a,
                         const ProtobufCMessage *b) {
    size_t count = *(const size_t *)field_at(a, field->quantifier_offset);
    ProtobufCMessage *const *left = *(ProtobufCMessage *const *const *)field_at(a, field->offset);
    ProtobufCMessage *const *right = *(ProtobufCMessage *const *const *)field_at(b, field->offset);
    if (count != *(const size_t *)field_at(b, field->quantifier_offset)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_same(change, left[i], right[i])) return false;
    }
    return true;
}

static bool is_same_field(const struct change *change, const ProtobufCFieldDescriptor *field, const ProtobufCMessage *a,
                          const ProtobufCMessage *b) {
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return str_equal(str_from_cstr(*(char *const *)field_at(a, field->offset)),
                         str_from_cstr(*(char *const *)field_at(b, field->offset)));
    }
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return true; /* numbers, places in the text */
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return is_same_list(change, field, a, b);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t which = *(const uint32_t *)field_at(a, field->quantifier_offset);
        if (which != *(const uint32_t *)field_at(b, field->quantifier_offset)) return false;
        if (which != field->id) return true;
    }
    return is_same_child(change, *(const ProtobufCMessage *const *)field_at(a, field->offset),
                         *(const ProtobufCMessage *const *)field_at(b, field->offset));
}

/* The same expression, but for numbers. */
static bool is_same(const struct change *change, const ProtobufCMessage *a, const ProtobufCMessage *b) {
    if (a->descriptor != b->descriptor) return false;
    if (a->descriptor == &pg_query__column_ref__descriptor) {
        return is_same_column(change, (const PgQuery__ColumnRef *)a, (const PgQuery__ColumnRef *)b);
    }
    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        if (!is_same_field(change, &a->descriptor->fields[i], a, b)) return false;
    }
    return true;
}

/* id = id, lower(a) <= lower(a), row(a, b) = row(a, b). */
static bool compares_with_itself(const struct change *change, const PgQuery__AExpr *expression) {
    if (expression->lexpr == NULL || expression->rexpr == NULL) return false;
    return is_same(change, &expression->lexpr->base, &expression->rexpr->base);
}

static bool is_always(const struct change *change, const PgQuery__Node *node, bool value);

static bool query_is_whole(const struct change *change, const PgQuery__Node *node) {
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) return true;
    const PgQuery__SelectStmt *select = node->select_stmt;
    if (select->larg != NULL) return any_message(&select->base, is_relation, &change->table);
    return select->limit_count == NULL && is_always(change, select->where_clause, true);
}

/* EXISTS (SELECT ... no condition), id IN (SELECT id FROM the same table). */
static bool link_is_always(const struct change *change, const PgQuery__SubLink *link) {
    if (!query_is_whole(change, link->subselect)) return false;
    if (link->testexpr == NULL) return true;
    return any_message(&link->subselect->base, is_relation, &change->table);
}

static bool operands_are_always(const struct change *change, const PgQuery__BoolExpr *expression, bool value) {
    bool is_and = expression->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    bool needs_all = is_and == value; /* an AND is true when all are, and false when one is */
    for (size_t i = 0; i < expression->n_args; i++) {
        if (is_always(change, expression->args[i], value) != needs_all) return !needs_all;
    }
    return needs_all;
}

/* May the condition have this value for all rows, whatever is in them? */
static bool is_always(const struct change *change, const PgQuery__Node *node, bool value) {
    if (node == NULL || !has_column(node)) return true;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        if (node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR)
            return is_always(change, node->bool_expr->args[0], !value);
        return operands_are_always(change, node->bool_expr, value);
    case PG_QUERY__NODE__NODE_A_EXPR: return compares_with_itself(change, node->a_expr);
    case PG_QUERY__NODE__NODE_SUB_LINK: return link_is_always(change, node->sub_link);
    case PG_QUERY__NODE__NODE_TYPE_CAST: return is_always(change, node->type_cast->arg, value);
    default: return false;
    }
}

static bool names_relation(PgQuery__Node *const *nodes, size_t count, const struct str *table) {
    for (size_t i = 0; i < count; i++) {
        if (any_message(&nodes[i]->base, is_relation, table)) return true;
    }
    return false;
}

void sql_note_where(struct sql_builder *builder, const PgQuery__RangeVar *relation, const PgQuery__Node *where,
                    PgQuery__Node *const *from, size_t from_count) {
    struct sql_part *part = &sql_part(builder)->part;
    struct change change = {.table = str_from_cstr(relation->relname)};
    change.is_self_join = names_relation(from, from_count, &change.table);
    part->is_where_relevant = part->is_change = true;
    part->has_where = where != NULL;
    part->touches_all_rows = is_always(&change, where, true);
}

static bool is_changing(const PgQuery__MergeWhenClause *when) {
    return when->command_type == PG_QUERY__CMD_TYPE__CMD_UPDATE || when->command_type == PG_QUERY__CMD_TYPE__CMD_DELETE;
}

/* A row that matches is chosen by the join and by the condition of its WHEN; one that is not in the source is chosen by
 * the latter alone. */
void sql_note_merge(struct sql_builder *builder, const PgQuery__MergeStmt *merge) {
    struct sql_part *part = &sql_part(builder)->part;
    struct change change = {.table = str_from_cstr(merge->relation->relname)};
    change.is_self_join = names_relation(&merge->source_relation, 1, &change.table);
    bool is_join_always = is_always(&change, merge->join_condition, true);
    for (size_t i = 0; i < merge->n_merge_when_clauses; i++) {
        const PgQuery__MergeWhenClause *when = merge->merge_when_clauses[i]->merge_when_clause;
        if (!is_changing(when)) continue;
        bool is_joined = when->matched;
        part->is_where_relevant = part->is_change = true;
        part->touches_all_rows |= (is_join_always || !is_joined) && is_always(&change, when->condition, true);
    }
    part->has_where = !part->touches_all_rows;
}

static bool makes_rows(const ProtobufCMessage *message, const void *unused) {
    static const char *const names[] = {"unnest", "json_to_recordset", "jsonb_to_recordset", "json_populate_recordset",
                                        "jsonb_populate_recordset", "json_array_elements", "jsonb_array_elements"};
    (void)unused;
    if (message->descriptor == &pg_query__select_stmt__descriptor) return true;
    if (message->descriptor != &pg_query__func_call__descriptor) return false;
    const PgQuery__FuncCall *call = (const PgQuery__FuncCall *)message;
    struct str name = call->n_funcname > 0 ? sql_node_string(call->funcname[call->n_funcname - 1]) : STR_NONE;
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (str_equal_cstr(name, names[i])) return false;
    }
    return true;
}

/* unnest($1), jsonb_to_recordset('...'); not generate_series, which makes rows itself. */
static bool is_unfolded(const PgQuery__Node *node) {
    return node->node_case == PG_QUERY__NODE__NODE_RANGE_FUNCTION && !any_message(&node->base, makes_rows, NULL);
}

/* Rows that the client gives itself, as VALUES or as arrays and documents to unfold, are as many as it gives. */
static bool is_given(const PgQuery__SelectStmt *select) {
    if (select->larg != NULL) return false;
    for (size_t i = 0; i < select->n_from_clause; i++) {
        if (!is_unfolded(select->from_clause[i])) return false;
    }
    return true;
}

void sql_note_conflict(struct sql_builder *builder, const PgQuery__InsertStmt *insert) {
    struct sql_part *part = &sql_part(builder)->part;
    const PgQuery__OnConflictClause *conflict = insert->on_conflict_clause;
    if (conflict == NULL || conflict->action != PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_UPDATE) return;
    const PgQuery__Node *source = insert->select_stmt;
    struct change change = {.table = str_from_cstr(insert->relation->relname)};
    bool is_few = source == NULL || (source->node_case == PG_QUERY__NODE__NODE_SELECT_STMT &&
                                     is_given(source->select_stmt));
    part->is_where_relevant = part->is_change = true;
    part->touches_all_rows =
        !is_few && query_is_whole(&change, source) && is_always(&change, conflict->where_clause, true);
    part->has_where = !part->touches_all_rows;
}

void sql_note_truncate(struct sql_builder *builder) {
    struct sql_part *part = &sql_part(builder)->part;
    part->is_change = part->touches_all_rows = true;
}

/* int8, or int4 and int2 that are cast to it. */
static bool read_integer(const struct sql_value *value, int64_t *integer) {
    const uint8_t *bytes = (const uint8_t *)value->bytes.data;
    size_t length = value->bytes.length;
    if (!value->is_binary) return str_parse_i64(value->bytes, integer) == 0;
    if (length != 2 && length != 4 && length != 8) return false;
    uint64_t read = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < length; i++) read = read << 8 | bytes[i];
    *integer = (int64_t)read;
    return true;
}

/* WITH TIES gives back more than it says. */
void sql_note_limit(struct sql_builder *builder, const PgQuery__SelectStmt *select) {
    struct sql_part *part = &sql_part(builder)->part;
    const PgQuery__Node *limit = select->limit_count;
    part->is_limit_relevant = true;
    if (limit == NULL || select->limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES) return;
    part->has_limit = true;
    const struct sql_value *bound = sql_bound_value(builder, limit);
    if (bound != NULL) part->has_row_limit = read_integer(bound, &part->row_limit);
    if (limit->node_case != PG_QUERY__NODE__NODE_A_CONST) return;
    const PgQuery__AConst *constant = limit->a_const;
    part->has_limit = !constant->isnull; /* LIMIT ALL and LIMIT NULL are none */
    if (constant->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        part->has_row_limit = true;
        part->row_limit = constant->ival->ival;
    } else if (constant->val_case == PG_QUERY__A__CONST__VAL_FVAL) {
        part->has_row_limit = str_parse_i64(str_from_cstr(constant->fval->fval), &part->row_limit) == 0;
    }
}

void sql_note_returning(struct sql_builder *builder, const PgQuery__InsertStmt *insert) {
    struct sql_part *part = &sql_part(builder)->part;
    part->is_limit_relevant = true;
    if (insert == NULL || insert->select_stmt == NULL) return;
    if (insert->select_stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) return;
    const PgQuery__SelectStmt *select = insert->select_stmt->select_stmt;
    part->has_row_limit = select->n_values_lists > 0;
    part->row_limit = (int64_t)select->n_values_lists;
}
