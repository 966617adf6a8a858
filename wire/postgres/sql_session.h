/* Between sql_session.c (what a session has become) and sql_describe.c (what an analysis does in it). */
#ifndef SWORN_WIRE_POSTGRES_SQL_SESSION_H
#define SWORN_WIRE_POSTGRES_SQL_SESSION_H

#include "base/map.h"
#include "wire/postgres/sql_builder.h"
#include "wire/postgres/sql_place.h"

/* A prepared statement or a portal. */
struct sql_entry {
    char *name;
    const struct sql_analysis *analysis;
    const struct sql_statement *statement;
    struct sql_place *place; /* of a portal: where the session stood when it was made; NULL: nobody knows */
    struct str types; /* of a prepared statement's parameters, where Parse named them; u32 each, ours */
    bool is_held;
};

#define SQL_OPENERS_MAX 8
struct sql_session {
    uint32_t magic;
    struct sql_place *place; /* NULL: the server must be asked */
    struct sql_place *last_place; /* the newest: where what was decided on, and is confirmed only now, was sent from */
    bool has_changed;        /* something that the end of the transaction may undo */
    struct relations *relations; /* the database's; NULL: nothing is known of any */
    struct relations *own;       /* what only this transaction sees */
    bool has_changed_catalog;    /* in a transaction that others do not see yet */
    struct map prepared;
    struct map portals;
    struct sql_named openers[SQL_OPENERS_MAX]; /* ran in this transaction and may have left cursors open; held */
    size_t opener_count;
    bool has_more_openers;
    bool is_client_utf8;
    bool is_server_utf8;
    bool has_standard_strings;
    bool has_failed;        /* since the transaction began */
    bool is_in_transaction; /* explicit */
    bool is_dead;           /* the server does nothing before the transaction, or the batch, has ended */
    /* Of the action that was described last: */
    bool lacks_place;
    bool lacks_reset;       /* what search_path is reset to */
    char lacks_prepared[64]; /* a name that it executes, and nobody has seen; empty: none */
    char asked_prepared[64]; /* the server was asked for it, for this action */
    bool is_doubtful;       /* it names a table, and nobody knows which one that will be */
    bool moves;             /* it may change where the session stands */
    bool changes_catalog;   /* it may change what relations are */
    bool is_cut;            /* more is missing than there is room for */
    struct arena missing_arena;
    struct sql_relation_name *missing;
    size_t missing_count;
};

/* sql_relations.c */
void sql_relations_begin(struct sql_session *session);
void sql_relations_free(struct sql_session *session);
void sql_relations_reset(struct sql_session *session); /* before each description */
/* UNKNOWN: it is missing now. */
enum relation_answer sql_relations_find(struct sql_session *session, struct str schema, struct str name,
                                        struct arena *arena, struct relation *relation) MUST_USE;
void sql_relations_sent(struct sql_session *session);
void sql_relations_settle(struct sql_session *session, char status, bool is_quiet);

/* sql_steps.c: the steps of an action while they are gathered, in its arena. -1 and NULL: memory is out, or there are
 * more than SQL_STEPS_MAX. */
#define SQL_STEPS_MAX 10000 /* different ones */

struct sql_attributes {
    const struct attribute *list;
    size_t count;
};

struct sql_steps {
    struct action *action;
    size_t capacity;
    struct map found; /* digests of the steps, once there are many */
    struct sql_attributes recent[32]; /* the last lists that were made: a text repeats itself */
    size_t recent_count;
    size_t next_recent;
};

void sql_steps_begin(struct sql_steps *steps, struct action *action);
void sql_steps_end(struct sql_steps *steps);
int sql_steps_add(struct sql_steps *steps, const struct action_step *added) MUST_USE;
/* via: the view through which the table is reached; empty: none. */
const struct attribute *sql_steps_attributes(struct sql_steps *steps, const struct sql_part *part, struct str role,
                                             struct str via, bool is_in_transaction, size_t *count) MUST_USE;

#endif
