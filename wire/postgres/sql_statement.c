/* The kinds of statement: what each does to what it names itself. sql_kinds.def is the table; here are the readers of
 * those whose fields do not speak for themselves. */
#include "wire/postgres/sql_builder.h"

#define LOCK_ACCESS_SHARE 1    /* in LockStmt.mode */
#define CURSOR_WITH_HOLD 0x20 /* in DeclareCursorStmt.options */

typedef void statement_reader(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb);

static void read_plain(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    sql_walk_children(builder, message, verb);
}

/* Names in it are not relations, and there is nothing else. */
static void read_nothing(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)builder;
    (void)message;
    (void)verb;
}

static void read_select(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_select(builder, (const PgQuery__SelectStmt *)message);
}

/* What RETURNING gives back is read. */
static void read_returning(struct sql_builder *builder, const ProtobufCMessage *message, PgQuery__Node *const *nodes,
                           size_t count, const PgQuery__RangeVar *relation) {
    if (count == 0) return;
    sql_note_returning(builder, message->descriptor == &pg_query__insert_stmt__descriptor
                                    ? (const PgQuery__InsertStmt *)message : NULL);
    sql_add_relation(builder, SQL_READ, relation);
    if (relation != NULL) sql_output_of_relation(builder, relation);
    sql_walk_targets(builder, message, nodes, count);
}

static void read_insert(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__InsertStmt *insert = (const PgQuery__InsertStmt *)message;
    const struct sql_scope *outer = builder->scope;
    sql_walk_with(builder, insert->with_clause);
    sql_add_relation(builder, verb, insert->relation);
    for (size_t i = 0; i < insert->n_cols; i++) {
        sql_add_column(builder, str_from_cstr(insert->cols[i]->res_target->name));
        sql_walk_message(builder, &insert->cols[i]->base, SQL_READ);
    }
    sql_note_conflict(builder, insert);
    builder->insert = insert;
    sql_walk_node(builder, insert->select_stmt, SQL_READ);
    builder->insert = NULL;
    sql_output_of_insert(builder, insert);
    if (insert->on_conflict_clause != NULL) sql_walk_message(builder, &insert->on_conflict_clause->base, SQL_READ);
    read_returning(builder, message, insert->returning_list, insert->n_returning_list, insert->relation);
    builder->scope = outer;
}

static void read_update(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__UpdateStmt *update = (const PgQuery__UpdateStmt *)message;
    const struct sql_scope *outer = builder->scope;
    sql_note_where(builder, update->relation, update->where_clause, update->from_clause, update->n_from_clause);
    sql_walk_with(builder, update->with_clause);
    sql_add_relation(builder, verb, update->relation);
    sql_walk_nodes(builder, update->target_list, update->n_target_list, SQL_READ);
    sql_walk_nodes(builder, update->from_clause, update->n_from_clause, SQL_READ);
    sql_walk_node(builder, update->where_clause, SQL_READ);
    read_returning(builder, message, update->returning_list, update->n_returning_list, update->relation);
    builder->scope = outer;
}

static void read_delete(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__DeleteStmt *statement = (const PgQuery__DeleteStmt *)message;
    const struct sql_scope *outer = builder->scope;
    sql_note_where(builder, statement->relation, statement->where_clause, statement->using_clause,
                   statement->n_using_clause);
    sql_walk_with(builder, statement->with_clause);
    sql_add_relation(builder, verb, statement->relation);
    sql_walk_nodes(builder, statement->using_clause, statement->n_using_clause, SQL_READ);
    sql_walk_node(builder, statement->where_clause, SQL_READ);
    read_returning(builder, message, statement->returning_list, statement->n_returning_list, statement->relation);
    builder->scope = outer;
}

static void read_merge(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__MergeStmt *merge = (const PgQuery__MergeStmt *)message;
    const struct sql_scope *outer = builder->scope;
    sql_note_merge(builder, merge);
    sql_walk_with(builder, merge->with_clause);
    sql_add_relation(builder, verb, merge->relation);
    sql_walk_node(builder, merge->source_relation, SQL_READ);
    sql_walk_node(builder, merge->join_condition, SQL_READ);
    sql_walk_nodes(builder, merge->merge_when_clauses, merge->n_merge_when_clauses, SQL_READ);
    builder->scope = outer;
}

static void read_truncate(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    sql_note_truncate(builder);
    sql_walk_children(builder, message, verb);
}

/* ACCESS SHARE is what any SELECT takes. */
static void read_lock(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    bool is_shared = ((const PgQuery__LockStmt *)message)->mode == LOCK_ACCESS_SHARE;
    sql_walk_children(builder, message, is_shared ? SQL_READ : SQL_WRITE);
}

/* How many of the last names of an object stand behind its relation's: a trigger's, a column's. -1: no relation. */
static int names_behind_relation(PgQuery__ObjectType type) {
    switch (type) {
    case PG_QUERY__OBJECT_TYPE__OBJECT_TABLE:
    case PG_QUERY__OBJECT_TYPE__OBJECT_VIEW:
    case PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW:
    case PG_QUERY__OBJECT_TYPE__OBJECT_INDEX:
    case PG_QUERY__OBJECT_TYPE__OBJECT_SEQUENCE:
    case PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_TABLE:
        return 0;
    case PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN:
    case PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT:
    case PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER:
    case PG_QUERY__OBJECT_TYPE__OBJECT_RULE:
    case PG_QUERY__OBJECT_TYPE__OBJECT_POLICY:
        return 1;
    default:
        return -1;
    }
}

static void add_object(struct sql_builder *builder, PgQuery__ObjectType type, const PgQuery__Node *object) {
    int behind = names_behind_relation(type);
    if (behind < 0 || object == NULL || object->node_case != PG_QUERY__NODE__NODE_LIST) return;
    const PgQuery__List *names = object->list;
    if (names->n_items <= (size_t)behind) return;
    size_t count = names->n_items - (size_t)behind;
    if (count > 2) {
        struct str database = sql_node_string(names->items[count - 3]);
        sql_add_effect(builder, SQL_EFFECT_NAMES_DATABASE, database.data);
    }
    struct str schema = count > 1 ? sql_node_string(names->items[count - 2]) : STR_NONE;
    sql_add_use(builder, SQL_DDL, schema, sql_node_string(names->items[count - 1]));
}

/* "drop" and OBJECT_MATVIEW make "drop materialized view". */
static void set_kind(struct sql_builder *builder, const char *what, PgQuery__ObjectType type) {
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&pg_query__object_type__descriptor, (int)type);
    if (value == NULL || !str_starts_with(str_from_cstr(value->name), STR("OBJECT_"))) return;
    const char *object = value->name + strlen("OBJECT_");
    if (type == PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW) object = "materialized_view";
    struct str kind = arena_format(builder->arena, "%s %s", what, object);
    if (kind.data == NULL) {
        builder->is_out_of_memory = true;
        return;
    }
    char *bytes = (char *)(uintptr_t)kind.data; /* just made, ours */
    for (size_t i = 0; i < kind.length; i++) {
        if (bytes[i] == '_') bytes[i] = ' ';
        if (bytes[i] >= 'A' && bytes[i] <= 'Z') bytes[i] = (char)(bytes[i] + ('a' - 'A'));
    }
    sql_part(builder)->part.kind = kind;
}

static void read_drop(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__DropStmt *drop = (const PgQuery__DropStmt *)message;
    (void)verb;
    set_kind(builder, "drop", drop->remove_type);
    for (size_t i = 0; i < drop->n_objects; i++) add_object(builder, drop->remove_type, drop->objects[i]);
}

static void read_comment(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__CommentStmt *comment = (const PgQuery__CommentStmt *)message;
    (void)verb;
    add_object(builder, comment->objtype, comment->object);
    if (comment->comment != NULL) sql_add_literal(builder, str_from_cstr(comment->comment), 0);
}

static void read_rename(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__RenameStmt *rename = (const PgQuery__RenameStmt *)message;
    bool is_of_relation = rename->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN ||
                          rename->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT;
    set_kind(builder, "alter", is_of_relation ? rename->relation_type : rename->rename_type);
    sql_walk_children(builder, message, verb);
}

static void read_alter_table(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    set_kind(builder, "alter", ((const PgQuery__AlterTableStmt *)message)->objtype);
    sql_walk_children(builder, message, verb);
}

static void read_notify(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_add_literal(builder, str_from_cstr(((const PgQuery__NotifyStmt *)message)->payload), 0);
}

static void read_vacuum(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    bool is_analyze = !((const PgQuery__VacuumStmt *)message)->is_vacuumcmd;
    if (is_analyze) sql_part(builder)->part.kind = STR("analyze");
    sql_walk_children(builder, message, verb);
}

static void read_transaction(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    static const struct {
        const char *kind;
        enum sql_effect_kind effect;
        bool is_prepared; /* of two-phase commit: it writes, and ends nothing here unless it prepares */
    } kinds[] = {
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN] = {"begin", SQL_EFFECT_BEGIN, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START] = {"begin", SQL_EFFECT_BEGIN, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT] = {"commit", SQL_EFFECT_COMMIT, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK] = {"rollback", SQL_EFFECT_ROLLBACK, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT] = {"savepoint", SQL_EFFECT_SAVEPOINT, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE] = {"release", SQL_EFFECT_RELEASE, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO] = {"rollback to", SQL_EFFECT_ROLLBACK_TO, false},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_PREPARE] = {"prepare transaction", SQL_EFFECT_COMMIT, true},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT_PREPARED] = {"commit prepared", SQL_EFFECT_NONE, true},
        [PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_PREPARED] = {"rollback prepared", SQL_EFFECT_NONE, true},
    };
    const PgQuery__TransactionStmt *transaction = (const PgQuery__TransactionStmt *)message;
    size_t kind = (size_t)transaction->kind;
    (void)verb;
    if (kind >= LENGTH_OF(kinds) || kinds[kind].kind == NULL) {
        sql_add_unknown(builder, "this kind of transaction control is not known");
        return;
    }
    sql_part(builder)->part.kind = str_from_cstr(kinds[kind].kind);
    if (kinds[kind].is_prepared) sql_add_use(builder, SQL_WRITE, STR_NONE, STR_NONE);
    if (kinds[kind].effect != SQL_EFFECT_NONE) {
        sql_add_effect(builder, kinds[kind].effect, transaction->savepoint_name);
    }
    if (transaction->chain) sql_add_effect(builder, SQL_EFFECT_BEGIN, NULL);
}

static void read_set(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_set(builder, (const PgQuery__VariableSetStmt *)message);
}

static void read_discard(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    if (((const PgQuery__DiscardStmt *)message)->target == PG_QUERY__DISCARD_MODE__DISCARD_ALL) {
        sql_add_effect(builder, SQL_EFFECT_DISCARD, NULL);
    }
}

static void read_prepare(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__PrepareStmt *prepare = (const PgQuery__PrepareStmt *)message;
    (void)verb;
    const struct sql_statement *inner = sql_build_inner(builder, prepare->query);
    struct sql_effect *effect = sql_add_effect(builder, SQL_EFFECT_PREPARE, prepare->name);
    if (effect != NULL) effect->inner = inner;
}

static void read_execute(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__ExecuteStmt *execute = (const PgQuery__ExecuteStmt *)message;
    sql_add_effect(builder, SQL_EFFECT_EXECUTE, execute->name);
    sql_walk_children(builder, message, verb);
}

static void read_deallocate(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_add_effect(builder, SQL_EFFECT_DEALLOCATE, ((const PgQuery__DeallocateStmt *)message)->name);
}

static void read_declare(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__DeclareCursorStmt *declare = (const PgQuery__DeclareCursorStmt *)message;
    (void)verb;
    const struct sql_statement *inner = sql_build_inner(builder, declare->query);
    struct sql_effect *effect = sql_add_effect(builder, SQL_EFFECT_DECLARE, declare->portalname);
    if (effect == NULL) return;
    effect->inner = inner;
    effect->is_held = (declare->options & CURSOR_WITH_HOLD) != 0;
}

static void read_fetch(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__FetchStmt *fetch = (const PgQuery__FetchStmt *)message;
    (void)verb;
    if (fetch->ismove) sql_part(builder)->part.kind = STR("move");
    sql_add_effect(builder, SQL_EFFECT_FETCH, fetch->portalname);
}

static void read_close(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_add_effect(builder, SQL_EFFECT_CLOSE, ((const PgQuery__ClosePortalStmt *)message)->portalname);
}

static void read_create_function(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_create_function(builder, (const PgQuery__CreateFunctionStmt *)message);
}

static void read_do(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_do(builder, (const PgQuery__DoStmt *)message);
}

static void read_create_trigger(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__CreateTrigStmt *trigger = (const PgQuery__CreateTrigStmt *)message;
    if (trigger->n_funcname > 0) { /* called later, by what changes the table */
        struct str schema = trigger->n_funcname > 1 ? sql_node_string(trigger->funcname[trigger->n_funcname - 2]) : STR_NONE;
        sql_add_function_name(builder, schema, sql_node_string(trigger->funcname[trigger->n_funcname - 1]));
    }
    sql_walk_children(builder, message, verb);
}

static void read_create_schema(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__CreateSchemaStmt *schema = (const PgQuery__CreateSchemaStmt *)message;
    struct str outer = builder->schema;
    sql_add_use(builder, verb, STR_NONE, STR_NONE);
    builder->schema = str_from_cstr(schema->schemaname);
    if (builder->schema.length == 0 && schema->authrole != NULL) {
        builder->schema = str_from_cstr(schema->authrole->rolename);
    }
    sql_walk_nodes(builder, schema->schema_elts, schema->n_schema_elts, verb);
    builder->schema = outer;
}

/* EXPLAIN plans, EXPLAIN ANALYZE runs. The last ANALYZE counts; what is not plainly false is true. */
static bool is_run_by_explain(const PgQuery__ExplainStmt *explain) {
    static const char *const false_words[] = {"false", "off", "0"};
    bool is_run = false;
    for (size_t i = 0; i < explain->n_options; i++) {
        const PgQuery__DefElem *option = explain->options[i]->def_elem;
        if (!str_equal_cstr(str_from_cstr(option->defname), "analyze")) continue;
        struct str value = sql_node_string(option->arg);
        is_run = true;
        for (size_t j = 0; j < LENGTH_OF(false_words); j++) {
            if (str_equal_ignoring_case(value, str_from_cstr(false_words[j]))) is_run = false;
        }
        if (option->arg != NULL && option->arg->node_case == PG_QUERY__NODE__NODE_INTEGER) {
            is_run = option->arg->integer->ival != 0;
        }
    }
    return is_run;
}

static void read_explain(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    const PgQuery__ExplainStmt *explain = (const PgQuery__ExplainStmt *)message;
    (void)verb;
    if (is_run_by_explain(explain)) {
        builder->is_own_part = true;
        sql_walk_node(builder, explain->query, SQL_READ);
        return;
    }
    struct sql_draft *outer = builder->draft;
    struct sql_draft aside;
    struct sql_statement unused;
    sql_draft_begin(builder, &aside);
    const struct sql_statement *inner = sql_build_inner(builder, explain->query);
    sql_draft_end(builder, &aside, &unused);
    builder->draft = outer;
    if (inner != NULL) sql_absorb_plan(builder, inner);
}

static void read_copy(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb) {
    (void)verb;
    sql_walk_copy(builder, (const PgQuery__CopyStmt *)message);
}

static const struct {
    const char *name;
    enum sql_verb verb;
    statement_reader *read;
} kinds[PG_QUERY__NODE__NODE_A_CONST + 1] = {
#define KIND(node, verb, name, reader) [PG_QUERY__NODE__NODE_##node] = {name, SQL_##verb, read_##reader},
#include "wire/postgres/sql_kinds.def"
#undef KIND
};

bool sql_is_statement(const PgQuery__Node *node) {
    return (size_t)node->node_case < LENGTH_OF(kinds) && kinds[node->node_case].name != NULL;
}

/* What only lets go of what the session holds is never refused: a lock or a transaction would stay. */
static bool lets_go(struct str kind) {
    static const char *const kinds_of_release[] = {"commit", "rollback", "rollback to", "release", "close",
                                                   "deallocate", "unlisten", "reset", "discard"};
    for (size_t i = 0; i < LENGTH_OF(kinds_of_release); i++) {
        if (str_equal_cstr(kind, kinds_of_release[i])) return true;
    }
    return false;
}

/* A part that names no table, or whose own verb no table got, does its verb to the database. What only reads does that
 * where there is nothing else to ask about: it is the whole statement, or it calls functions. */
static void add_default_use(struct sql_builder *builder, size_t first_use, enum sql_verb verb) {
    struct sql_draft *draft = builder->draft;
    if (verb != SQL_READ) {
        if (!sql_has_verb_since(builder, first_use, verb)) sql_add_use(builder, verb, STR_NONE, STR_NONE);
    } else if (draft->uses.count == first_use && (draft->part == 0 || sql_part(builder)->functions.count > 0)) {
        bool is_release = sql_part(builder)->functions.count == 0 && lets_go(sql_part(builder)->part.kind);
        sql_add_use(builder, is_release ? SQL_RELEASE : SQL_READ, STR_NONE, STR_NONE);
    }
}

/* A query within another statement belongs to it, unless it runs by itself. */
void sql_walk_statement(struct sql_builder *builder, const PgQuery__Node *node) {
    struct sql_draft *draft = builder->draft;
    const ProtobufCMessage *message = &node->alias->base; /* the members of the union are all messages */
    enum sql_verb verb = kinds[node->node_case].verb;
    size_t first_use = draft->uses.count;
    size_t outer = draft->part;
    bool is_part = draft->parts.count == 0 || builder->is_own_part ||
                   node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT;
    builder->is_own_part = false;
    if (draft->parts.count == 0) draft->result = message;
    if (is_part) (void)sql_part_begin(builder, str_from_cstr(kinds[node->node_case].name), message);
    if (draft->parts.count == 0) return; /* out of memory */
    kinds[node->node_case].read(builder, message, verb);
    if (is_part) add_default_use(builder, first_use, verb);
    sql_part_end(builder, outer);
}

const struct sql_statement *sql_build_inner(struct sql_builder *builder, const PgQuery__Node *node) {
    struct sql_statement *inner = ARENA_NEW(builder->arena, struct sql_statement);
    if (inner == NULL || node == NULL) {
        builder->is_out_of_memory |= inner == NULL;
        return NULL;
    }
    struct sql_draft *outer = builder->draft;
    struct sql_draft draft;
    sql_draft_begin(builder, &draft);
    sql_build_statement(builder, node);
    sql_draft_end(builder, &draft, inner);
    inner->text = builder->text;
    builder->draft = outer;
    sql_absorb(builder, inner);
    return inner;
}

void sql_build_statement(struct sql_builder *builder, const PgQuery__Node *node) {
    if (node != NULL && sql_is_statement(node)) {
        sql_walk_statement(builder, node);
        return;
    }
    (void)sql_part_begin(builder, STR("unknown"), NULL);
    sql_add_unknown(builder, "this kind of statement is not known");
}
