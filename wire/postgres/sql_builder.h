/* Between the files that read SQL: an analysis under construction.
 *
 * sql_parse.c runs the parser and starts; sql_walk.c visits every message of the parse tree; sql_statement.c knows the
 * kinds of statement; sql_builder.c gathers what they find. A failure of memory is sticky (is_out_of_memory). */
#ifndef SWORN_WIRE_POSTGRES_SQL_BUILDER_H
#define SWORN_WIRE_POSTGRES_SQL_BUILDER_H

#include <pg_query/pg_query.pb-c.h>

#include "base/map.h"
#include "wire/postgres/sql.h"

#define SQL_USES_MAX 1000       /* tables of one statement */
#define SQL_PARTS_MAX 10000     /* statements in one */
#define SQL_CALLS_MAX 1000      /* of functions that no list has */
#define SQL_FUNCTIONS_MAX 10000 /* and column names */
#define SQL_PARAMETERS_MAX 65535
#define SQL_PATH_MAX 64         /* schemas in search_path */
#define SQL_NESTING_MAX 4       /* of texts in texts: DO in DO */
#define SQL_DEPTH_MAX 1500      /* see sql_depth_bound */

/* Grows by doubling, in the scratch arena. */
struct sql_list {
    void *items;
    size_t count;
    size_t capacity;
};

/* Names of common table expressions in force, innermost first. */
struct sql_scope {
    const struct sql_scope *outer;
    struct str name;
};

/* A FOR UPDATE (or SHARE ...) in force over a FROM clause. */
struct sql_lock {
    const PgQuery__SelectStmt *select;
    const struct sql_lock *outer;
    bool is_forced; /* within a subquery that is locked whole */
};

/* One alias of an output column somewhere in the statement, and one column that it is computed from. */
struct sql_alias {
    struct str name;
    struct str column;
};

/* A function in FROM whose result is one value, not a row: x in FROM f(...) AS x. */
struct sql_scalar {
    struct str name;
    const PgQuery__Alias *alias; /* NULL: it goes by the function's name */
};

/* A part under construction. */
struct sql_draft_part {
    struct sql_part part;
    const ProtobufCMessage *message; /* its own: of the queries in it, this one gives back its rows */
    struct sql_list functions;
    struct map function_set;
};

/* The statement under construction. */
struct sql_draft {
    struct sql_statement statement;
    struct sql_list uses;
    struct sql_list parts; /* pointers to struct sql_draft_part */
    size_t part;           /* the one that is visited */
    struct sql_list literals;
    struct sql_list parameter_names;
    struct sql_list columns;
    struct sql_list effects;
    struct sql_list aliases;
    struct sql_list calls;          /* struct sql_call */
    struct sql_list scalars;        /* struct sql_scalar */
    struct sql_list outputs;
    struct sql_list row_names;       /* what a whole row can be called by */
    struct map column_set;
    const ProtobufCMessage *result;  /* the message whose output columns are the statement's */
    struct sql_list *output_columns; /* while an output column is visited: where its column names go */
    bool is_output_doubtful;
    size_t star_count; /* targets that stand for many columns */
    size_t star;       /* the place of the last one */
};

struct sql_builder {
    struct arena *arena;   /* of the analysis */
    struct arena *scratch; /* until the analysis is complete */
    struct sql_draft *draft;
    const struct sql_scope *scope;
    const struct sql_lock *lock;
    struct str literal_name; /* the column that a constant here belongs to */
    bool is_key;             /* a constant here is a key, or a path of keys, into a document */
    const PgQuery__InsertStmt *insert; /* whose rows come next */
    struct str schema;       /* CREATE SCHEMA: where its unqualified elements go */
    struct str text;         /* of the statement */
    unsigned nesting;
    const struct sql_value *values; /* of the parameters; none when they are not known yet */
    size_t value_count;
    const struct str *setting_names; /* what pg_settings.name can be here; NULL: anything */
    size_t setting_name_count;
    bool is_own_part; /* the statement that comes next is a part, even if it is a query */
    bool is_out_of_memory;
};

/* sql_builder.c. Strings are copied where they are kept. */
void *sql_list_add(struct sql_builder *builder, struct sql_list *list, size_t item_bytes);
struct str sql_keep(struct sql_builder *builder, struct str s);
struct str sql_keep_cstr(struct sql_builder *builder, const char *text);
void sql_add_use(struct sql_builder *builder, enum sql_verb verb, struct str schema, struct str name);
void sql_add_relation(struct sql_builder *builder, enum sql_verb verb, const PgQuery__RangeVar *relation);
void sql_add_unknown(struct sql_builder *builder, const char *reason);
void sql_add_function_name(struct sql_builder *builder, struct str schema, struct str name);
void sql_add_function(struct sql_builder *builder, PgQuery__Node *const *names, size_t count);
/* x.name, which may be a column or a call of name(x). */
void sql_add_possible_function(struct sql_builder *builder, struct str qualifier, struct str name);
/* (expression).name */
void sql_add_field(struct sql_builder *builder, const PgQuery__Node *of, struct str name);
void sql_add_operator(struct sql_builder *builder, PgQuery__Node *const *names, size_t count);
void sql_add_column(struct sql_builder *builder, struct str name);
/* offset: of a whole number in the text, else 0. */
void sql_add_literal(struct sql_builder *builder, struct str value, size_t offset);
void sql_add_parameter(struct sql_builder *builder, int32_t number);
struct sql_effect *sql_add_effect(struct sql_builder *builder, enum sql_effect_kind kind, const char *name);
void sql_draft_begin(struct sql_builder *builder, struct sql_draft *draft);
/* Copies what was gathered to *statement, and frees the draft. */
void sql_draft_end(struct sql_builder *builder, struct sql_draft *draft, struct sql_statement *statement);
/* What the inner statement does, the outer one does. */
void sql_absorb(struct sql_builder *builder, const struct sql_statement *inner);
/* What planning it alone does: it reads the same tables, and changes nothing. */
void sql_absorb_plan(struct sql_builder *builder, const struct sql_statement *inner);
/* Opens a part of this kind and makes it the one that is visited; returns the one that was, to go back to. */
size_t sql_part_begin(struct sql_builder *builder, struct str kind, const ProtobufCMessage *message);
void sql_part_end(struct sql_builder *builder, size_t outer);
struct sql_draft_part *sql_part(struct sql_builder *builder);
bool sql_has_verb_since(const struct sql_builder *builder, size_t first_use, enum sql_verb verb);

/* sql_walk.c. verb: what is done to a relation that is found. */
void sql_walk_message(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb);
void sql_walk_children(struct sql_builder *builder, const ProtobufCMessage *message, enum sql_verb verb);
void sql_walk_nodes(struct sql_builder *builder, PgQuery__Node *const *nodes, size_t count, enum sql_verb verb);
void sql_walk_node(struct sql_builder *builder, const PgQuery__Node *node, enum sql_verb verb);
/* As sql_walk_node; constants belong to the column `name`, when it is not empty. */
/* The value of a parameter, through casts: NULL when the node is none, or it is not known. Notes that it was asked for. */
const struct sql_value *sql_bound_value(struct sql_builder *builder, const PgQuery__Node *node);
void sql_walk_named(struct sql_builder *builder, const PgQuery__Node *node, struct str name);
struct str sql_node_string(const PgQuery__Node *node); /* a String or a string constant; else no data */

/* sql_keys.c */
bool sql_is_key_operator(const PgQuery__AExpr *expression);
bool sql_is_key_function(const PgQuery__FuncCall *call);
/* Each key of a path counts as the name of a column. */
void sql_add_keys(struct sql_builder *builder, struct str path);

/* sql_select.c */
void sql_walk_select(struct sql_builder *builder, const PgQuery__SelectStmt *select);
/* Visits the targets of `message`; when it gives the statement its result, they are its outputs. */
void sql_walk_targets(struct sql_builder *builder, const ProtobufCMessage *message, PgQuery__Node *const *nodes,
                      size_t count);
/* Visits the queries and puts their names in force; the caller restores builder->scope. */
void sql_walk_with(struct sql_builder *builder, const PgQuery__WithClause *with);
bool sql_is_locked(const struct sql_lock *lock, struct str alias);

/* sql_output.c: which columns' values flow into what a query gives back. */
/* Does the value of the expression hold nothing of the columns in it? */
bool sql_output_is_silent(const ProtobufCMessage *message);
/* A column that an INSERT fills from a query stands for what the query computes it from. */
void sql_output_of_insert(struct sql_builder *builder, const PgQuery__InsertStmt *insert);
/* A row of the query, or of the relation, can be meant by this one name. query may be NULL. */
void sql_output_of_row(struct sql_builder *builder, struct str alias, const PgQuery__Node *query);
void sql_output_of_relation(struct sql_builder *builder, const PgQuery__RangeVar *relation);
/* Is one of the columns that the statement names really a whole row? */
bool sql_output_has_row(const struct sql_draft *draft);

/* sql_rows.c: what the text proves of the rows that a statement changes, and of those that it gives back. */
void sql_note_where(struct sql_builder *builder, const PgQuery__RangeVar *relation, const PgQuery__Node *where,
                    PgQuery__Node *const *from, size_t from_count);
void sql_note_merge(struct sql_builder *builder, const PgQuery__MergeStmt *merge);
void sql_note_conflict(struct sql_builder *builder, const PgQuery__InsertStmt *insert);
void sql_note_truncate(struct sql_builder *builder);
void sql_note_limit(struct sql_builder *builder, const PgQuery__SelectStmt *select);
/* It gives back rows that nothing bounds; or one for each row of VALUES. */
void sql_note_returning(struct sql_builder *builder, const PgQuery__InsertStmt *insert);

/* sql_statement.c */
bool sql_is_statement(const PgQuery__Node *node);
void sql_walk_statement(struct sql_builder *builder, const PgQuery__Node *node);
/* The first of a draft; one of a kind that is not known is unknown. */
void sql_build_statement(struct sql_builder *builder, const PgQuery__Node *node);
/* A statement within another (PREPARE, DECLARE): what it does counts for the outer one too. */
const struct sql_statement *sql_build_inner(struct sql_builder *builder, const PgQuery__Node *node);

/* sql_settings.c: SET and set_config. */
void sql_walk_set(struct sql_builder *builder, const PgQuery__VariableSetStmt *set);
/* SET of CREATE FUNCTION: in force while it runs. True when it says where its code finds names. */
/* The names that WHERE name = '...' leaves of pg_settings; NULL: any. */
const struct str *sql_setting_names(struct sql_builder *builder, const PgQuery__SelectStmt *select, size_t *count);
bool sql_walk_function_set(struct sql_builder *builder, const PgQuery__VariableSetStmt *set);
void sql_walk_set_config(struct sql_builder *builder, const PgQuery__FuncCall *call);
bool sql_is_encoding_utf8(struct str value); /* or none at all, SQL_ASCII */
bool sql_is_true(struct str value);
/* Splits the value of search_path: identifiers, quoted or folded, between commas. -1 when malformed. */
int sql_split_path(struct arena *arena, struct str value, const struct str **names, size_t *count) MUST_USE;

/* sql_copy.c */
void sql_walk_copy(struct sql_builder *builder, const PgQuery__CopyStmt *copy);

/* sql_code.c: texts within the text. */
void sql_walk_do(struct sql_builder *builder, const PgQuery__DoStmt *statement);
void sql_walk_create_function(struct sql_builder *builder, const PgQuery__CreateFunctionStmt *statement);

/* sql_stack.c */
void sql_on_worker_stack(void (*function)(void *argument), void *argument);

/* sql_parse.c */
/* One that says nothing yet; it has a copy of the text (of its beginning, when it is too long). */
struct sql_analysis *sql_analysis_begin(struct str text, struct error *error) MUST_USE;
struct sql_analysis *sql_analysis_new(struct str text, struct error *error) MUST_USE;
/* The tree of text, in the builder's scratch arena; NULL with an error. text ends with a NUL. */
const PgQuery__ParseResult *sql_parse(struct sql_builder *builder, struct str text, struct error *error) MUST_USE;
/* Walks the text's statements into the draft that is open, as if they stood there; is_own_part: its queries are parts,
 * else they are expressions. False when it does not parse. */
bool sql_walk_text(struct sql_builder *builder, struct str text, bool is_own_part);

/* sql_tables.c */
bool sql_function_verb(struct str name, enum sql_verb *verb);
/* A function of PostgreSQL or of an extension that comes with it, which reads and computes. */
bool sql_function_reads(struct str schema, struct str name);
bool sql_function_makes_record(struct str name);
bool sql_is_operator_known(struct str schema, struct str name);
bool sql_is_statistics_relation(struct str name); /* its rows hold values of other tables */
bool sql_is_catalog_relation(struct str name);

/* sql_tokens.c */
size_t sql_count_tokens(struct str text);

/* sql_depth.c: an upper bound of the depth of the parse tree, in tokens; -1 with a message when it does not scan. */
int sql_depth_bound(const char *text, size_t length, size_t *depth, struct error *error) MUST_USE;

#endif
