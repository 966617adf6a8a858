/* What SQL text does: which tables it reads, writes, defines, which functions it calls, and how it changes the meaning
 * of what follows in its session.
 *
 * struct sql_analysis is what one text means in any session; it is immutable, counted by references, and kept in a
 * struct sql_cache by its text, or by the shape of it (sql_shape.h). struct sql_session is what a session has made of
 * itself (search_path, role, prepared statements, cursors); with it an analysis becomes the steps of an action.
 *
 * The text is read by libpg_query, the parser of PostgreSQL 15. Doubt is SQL_UNKNOWN, never a guess: text that does not
 * parse, is not UTF-8, holds a NUL, is too long or too deep, names another database, runs SQL made at run time, or is
 * of a kind that nobody taught us.
 *
 * No function here parks. A cache belongs to one worker (no lock); its analyses may be released on that worker only.
 * Lengths are bytes. Strings of an analysis live as long as it does. */
#ifndef SWORN_WIRE_POSTGRES_SQL_H
#define SWORN_WIRE_POSTGRES_SQL_H

#include "base/arena.h"
#include "base/error.h"
#include "model/action.h"
#include "wire/postgres/relations.h"

/* More than this is SQL_UNKNOWN. So many words take ten seconds of a
 * processor and half a GiB while they are read. */
#define SQL_TEXT_BYTES_MAX (16u * 1024 * 1024)
#define SQL_TOKENS_MAX 2500000u

enum sql_verb {
    SQL_READ,
    SQL_WRITE,
    SQL_DDL,
    SQL_ADMIN,
    SQL_UNKNOWN,
    SQL_RELEASE, /* it only lets go: of a transaction, a cursor, a prepared statement, a setting (model/action.h) */
    SQL_VERB_COUNT
};

/* Is a server of this version ("17.2", "18beta1") newer than the parser, so that it has syntax that is SQL_UNKNOWN here? */
bool sql_is_newer_than_parser(struct str server_version);
const char *sql_parser_version(void); /* "15" */

struct str sql_verb_name(enum sql_verb verb); /* "sql:read" */

/* One thing that a statement does to one table (or view, sequence, index ...), or to the database: name is empty. */
struct sql_use {
    enum sql_verb verb;
    uint32_t part;     /* of the statement that does it: an index into its parts */
    struct str schema; /* empty: as search_path finds it */
    struct str name;   /* after the server's folding and truncation */
};

/* A statement says of itself what its steps carry: the whole one, and each one within it (in WITH, in code, in what
 * PREPARE, DECLARE, COPY and EXPLAIN ANALYZE hold). A query within an expression or in FROM is part of its statement. */
struct sql_part {
    struct str kind;            /* "select", "insert", "alter table", "copy" ...: attribute `statement` */
    const struct str *functions; /* called in it; sorted, without duplicates; "schema.name" where written so */
    size_t function_count;
    bool is_change;             /* it changes or removes rows that were there: touches_all_rows says something */
    bool touches_all_rows;      /* nothing in it keeps it from changing every row (sql_rows.c) */
    bool is_where_relevant;     /* has_where says something */
    bool has_where;             /* UPDATE, DELETE: a WHERE clause; MERGE, ON CONFLICT DO UPDATE: a condition on rows */
    bool is_limit_relevant;     /* it gives rows back: has_limit says something */
    bool has_limit;
    bool has_row_limit;         /* its answer has no more than row_limit rows */
    int64_t row_limit;
};

/* A string constant, decoded, or a number as it stands; name is the column that it is compared with, inserted into or
 * set to, where that is plain to see, else empty. */
struct sql_literal {
    struct str name;
    struct str value;
    size_t offset; /* where a whole number stands in the text of the analysis; 0: elsewhere */
};

/* The columns that an output column is computed from, seen through aliases of subqueries. */
struct sql_output {
    const struct str *names;
    size_t name_count;
};

/* A function that no list has (sql_functions*.def): what it does is for the server's catalogue to say. */
struct sql_call {
    enum sql_call_kind {
        SQL_CALL_FUNCTION, /* f(...), or an operator: a call */
        SQL_CALL_FIELD,    /* (x).f: a call of f(x), or a column of the composite value x */
        SQL_CALL_COLUMN,   /* x.f: most likely a column of the table x */
    } kind;
    uint32_t part;
    struct str schema;    /* empty: as search_path finds it */
    struct str name;
    struct str qualifier; /* COLUMN: x */
};

enum sql_copy_format { SQL_COPY_TEXT, SQL_COPY_CSV, SQL_COPY_BINARY };

struct sql_copy {
    bool is_from;       /* into the database */
    bool is_client;     /* the data passes through the connection (STDIN, STDOUT) */
    enum sql_copy_format format;
    bool has_header;
    char delimiter;
    char quote;
    char escape;
    struct str null_text;
    struct str encoding;        /* empty: client_encoding */
    const struct str *columns;  /* as listed; none: all of the table, or the outputs of the query */
    size_t column_count;
    struct str schema;          /* of the table; name empty for COPY (query) */
    struct str name;
};

enum sql_effect_kind {
    SQL_EFFECT_NONE,
    SQL_EFFECT_BEGIN,
    SQL_EFFECT_COMMIT,
    SQL_EFFECT_ROLLBACK,
    SQL_EFFECT_SAVEPOINT,             /* name */
    SQL_EFFECT_RELEASE,               /* name */
    SQL_EFFECT_ROLLBACK_TO,           /* name */
    SQL_EFFECT_SET_SEARCH_PATH,       /* values; is_default: RESET */
    SQL_EFFECT_SET_ROLE,              /* name; is_default: NONE or RESET */
    SQL_EFFECT_SET_SESSION_USER,      /* name; is_default: DEFAULT or RESET */
    SQL_EFFECT_RESET_ALL,
    SQL_EFFECT_PREPARE,               /* name, inner */
    SQL_EFFECT_EXECUTE,               /* name */
    SQL_EFFECT_DEALLOCATE,            /* name; empty: ALL */
    SQL_EFFECT_DECLARE,               /* name, inner */
    SQL_EFFECT_FETCH,                 /* name (FETCH and MOVE) */
    SQL_EFFECT_CLOSE,                 /* name; empty: ALL */
    SQL_EFFECT_DISCARD,               /* ALL (also DEALLOCATE ALL, CLOSE ALL, RESET ALL) */
    SQL_EFFECT_OPENS,                 /* code that it runs may leave a cursor open, by a name of its own */
    SQL_EFFECT_NAMES_DATABASE,        /* name: a table was written with this database in front */
};

struct sql_statement;

struct sql_effect {
    enum sql_effect_kind kind;
    bool is_local;   /* SET LOCAL: until the transaction ends */
    bool is_default;
    bool is_maybe;   /* may or may not happen (set_config in an expression): both must be allowed for */
    bool is_held;    /* DECLARE ... WITH HOLD */
    struct str name;
    const struct str *values;
    size_t value_count;
    const struct sql_statement *inner;
};

struct sql_statement {
    struct str text;           /* of this statement alone */
    struct str kind;           /* of parts[0] */
    struct str unknown_reason; /* why a use is SQL_UNKNOWN, for the user; empty otherwise */
    const struct sql_use *uses; /* never none */
    size_t use_count;
    const struct sql_part *parts; /* [0]: the statement itself */
    size_t part_count;
    bool wants_values;         /* it says more once its parameters are known: see sql_analyze_bound */
    const struct sql_literal *literals;
    size_t literal_count;
    const struct str *parameter_names; /* [n - 1]: the column that $n is compared with or inserted into; may be empty */
    size_t parameter_count;            /* the highest n */
    const struct str *columns;         /* every column name in the statement, sorted, without duplicates */
    size_t column_count;
    const struct sql_output *outputs;  /* one a column of the result; none when that cannot be computed: use columns */
    size_t output_count;
    const struct sql_output *starred;  /* instead of these where one output is "*": outputs around it, itself empty */
    size_t starred_count;
    size_t star;                       /* its place among them */
    bool has_whole_row;                /* a row of a table stands in an expression: any of its columns may flow out */
    bool moves_unnamed;                /* INSERT of a query without a list of columns, with RETURNING */
    const struct sql_effect *effects;
    size_t effect_count;
    const struct sql_call *calls;      /* sorted by kind; without duplicates */
    size_t call_count;
    const struct sql_copy *copy;       /* COPY; else NULL */
};

struct sql_analysis {
    uint32_t magic;
    uint32_t reference_count;
    struct arena arena;
    struct str text;                       /* a copy */
    bool is_ascii;
    bool changes_session;                  /* some statement has an effect */
    const struct sql_statement *statements; /* none: empty */
    size_t statement_count;
    const struct sql_analysis *base;       /* held: where the strings of this one are, when it was made from another */
};

/* Longer texts are seldom asked for twice: they are not kept. */
#define SQL_CACHE_TEXT_BYTES_MAX 16384

struct sql_cache;

/* NULL when memory is out. bytes_max bounds the sum of all analyses that it holds. */
struct sql_cache *sql_cache_new(size_t entries_max, size_t bytes_max) MUST_USE;
void sql_cache_free(struct sql_cache **cache);

/* A held reference to what the text means: give it back with sql_analysis_release. Text that cannot be understood is an
 * analysis as well (one statement, SQL_UNKNOWN). cache may be NULL. NULL only when memory is out. Runs the parser on
 * the worker's own stack. */
const struct sql_analysis *sql_analyze(struct sql_cache *cache, struct str text, struct error *error) MUST_USE;
/* What one statement means with these values of its parameters, $1 first: in set_config and LIMIT they are as good as
 * constants. Of an analysis with that statement alone. */
struct sql_value {
    struct str bytes; /* no data: NULL, or not known */
    bool is_binary;
};
#define SQL_VALUES_MAX 64 /* later ones are not known */
const struct sql_analysis *sql_analyze_bound(const struct sql_analysis *analysis, const struct sql_value *values,
                                             size_t count, struct error *error) MUST_USE;
const struct sql_analysis *sql_analysis_hold(const struct sql_analysis *analysis);
void sql_analysis_release(const struct sql_analysis **analysis);

/* ---- the session ---- */

struct sql_session;

/* Where the tables are, for resource ids. Borrowed for the call. */
struct sql_target {
    struct str environment; /* "prod" */
    struct str upstream;    /* "shop" */
    struct str database;    /* as logged in: a name with another database in front is SQL_UNKNOWN */
    bool has_one_database;  /* the configuration names it: ids of resources need not */
    struct str user;        /* who sworn logged in as: the attribute role is absent for it */
};

struct sql_session *sql_session_new(void) MUST_USE;
void sql_session_free(struct sql_session **session);

/* A run-time parameter as the server reports it (ParameterStatus) or as it was given at login: client_encoding,
 * server_encoding, standard_conforming_strings, search_path; others are ignored. */
void sql_session_parameter(struct sql_session *session, struct str name, struct str value);

/* Where the session stands, as the server says when it is asked (inquiry.h). */
struct sql_known {
    struct str search_path;    /* the setting */
    struct str user;           /* current_user */
    struct str session_user;
    struct str temporary;      /* the schema of its temporary tables; empty: none */
    struct str reset_path;     /* what search_path is reset to; no data: it was not asked for */
    bool has_old_snapshot;     /* what the server says of relations may be older than what it goes by */
    const struct str *schemas; /* of search_path, those that are there */
    size_t schema_count;
};

/* -1 when memory is out or the path cannot be read: then nothing is known. */
int sql_session_know(struct sql_session *session, const struct sql_known *known, struct error *error) MUST_USE;
void sql_session_doubt(struct sql_session *session); /* nothing is known until the server has been asked */
/* Before an action is described for the first time: what was known for too long is dropped. */
void sql_session_begin(struct sql_session *session);
bool sql_session_lacks_reset(const struct sql_session *session) MUST_USE; /* sql_known.reset_path */
/* The prepared statement that nobody has seen made, which the server is now asked for; empty: none. */
struct str sql_session_asks_prepared(struct sql_session *session) MUST_USE;
/* The action that was described last rests on what only the server knows: ask it and describe again. Until then what
 * rests on it is SQL_UNKNOWN. */
bool sql_session_lacks(const struct sql_session *session) MUST_USE;
/* Which table it names cannot be known, by asking either: it must not run, whatever policy says of SQL_UNKNOWN. */
bool sql_session_doubts(const struct sql_session *session) MUST_USE;
/* The server does nothing for now but end the transaction: it cannot be asked, and names need not be resolved for what
 * it will not touch. Holds for the next description. */
void sql_session_bury(struct sql_session *session, bool is_dead);
bool sql_session_has_failed(const struct sql_session *session); /* the transaction, as far as the server has said */
/* What the session knows of relations (relations.h): the database's, for the life of the session. Without them every name
 * is taken as it stands, and touches nothing else. */
void sql_session_attach(struct sql_session *session, struct relations *relations);
struct sql_relation_name {
    struct str schema; /* empty: all of that name */
    struct str name;
};
/* What the description lacked. Valid until the next one. */
const struct sql_relation_name *sql_session_missing(const struct sql_session *session, size_t *count);
uint64_t sql_session_generation(const struct sql_session *session); /* to be taken before the server is asked */
/* Others do not see what this session sees of relations: they must not learn it. */
bool sql_session_is_private(const struct sql_session *session);
void sql_session_learn_relation(struct sql_session *session, bool is_private, uint64_t generation,
                                const struct sql_relation_name *asked, const struct relation *relation);
/* The action that was described last goes to the server. True when the next one must not be described before this one
 * was answered and applied, because it changes what names mean. (Send a Flush, so that the server answers.) */
bool sql_session_sent(struct sql_session *session, const struct sql_analysis *analysis) MUST_USE;

/* Fills in action->steps (with resources and the attributes statement, has_where, has_limit, row_limit, functions,
 * role, in_transaction), in the action's arena. What is too much for one action gets a refusal. */
void sql_session_describe(struct sql_session *session, const struct sql_analysis *analysis,
                          const struct sql_target *target, struct action *action);

/* As above for the statement of a portal (Execute), with the search_path of when it was bound; a name that is not known
 * is SQL_UNKNOWN. */
void sql_session_describe_portal(struct sql_session *session, struct str name, const struct sql_target *target,
                                 struct action *action);

/* After the server answered: statement `index` completed (CommandComplete ...) or failed (ErrorResponse); in order,
 * each once; what was never run is not reported. */
int sql_session_apply(struct sql_session *session, const struct sql_analysis *analysis, size_t index, bool succeeded,
                      struct error *error) MUST_USE;
/* At each ReadyForQuery: its status byte 'I', 'T' or 'E'. is_quiet: nothing else is under way. */
void sql_session_settle(struct sql_session *session, char status, bool is_quiet);

/* The one namespace of prepared statements (PREPARE and Parse; the unnamed one has an empty name) and of portals
 * (DECLARE and Bind). A NULL analysis removes the name. Set at once for the protocol's own messages; the analysis is
 * held. A portal keeps where the session stands at this moment. -1 when memory is out or there are SQL_NAMES_MAX. */
#define SQL_NAMES_MAX 10000
int sql_session_set_prepared(struct sql_session *session, struct str name, const struct sql_analysis *analysis,
                             const struct sql_statement *statement, struct error *error) MUST_USE;
/* The types that Parse named for the parameters of a prepared statement: OIDs, u32 each. Without memory there are none. */
void sql_session_set_types(struct sql_session *session, struct str name, struct str types);
int sql_session_set_portal(struct sql_session *session, struct str name, const struct sql_analysis *analysis,
                           const struct sql_statement *statement, struct error *error) MUST_USE;

/* What a name stands for; false when unknown. *analysis is borrowed until the session changes: hold it to keep it. */
struct sql_named {
    const struct sql_analysis *analysis;
    const struct sql_statement *statement; /* of that analysis: the inner one for PREPARE and DECLARE */
    struct str types; /* OIDs of the parameters' types that Parse named, u32 each; borrowed likewise */
};
bool sql_session_find_prepared(const struct sql_session *session, struct str name, struct sql_named *found);
bool sql_session_find_portal(const struct sql_session *session, struct str name, struct sql_named *found);

/* What gives a text its meaning just now, for who has to approve it: search_path, role, the transaction. */
void sql_session_add_settings(const struct sql_session *session, struct action *action);

#endif
