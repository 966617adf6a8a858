/* Between sql_session.c (what a session has become) and sql_describe.c (what an analysis does in it). */
#ifndef SWORN_WIRE_POSTGRES_SQL_SESSION_H
#define SWORN_WIRE_POSTGRES_SQL_SESSION_H

#include "base/map.h"
#include "wire/postgres/sql_builder.h"

/* An immutable list of names, counted by references. */
struct sql_names {
    uint32_t reference_count;
    size_t count;
    struct str names[];
};

enum sql_setting { SQL_SEARCH_PATH, SQL_ROLE, SQL_SESSION_USER, SQL_SETTING_COUNT };

/* NULL: the default. local: until the transaction ends, where is_local says so. */
struct sql_settings {
    struct sql_names *session[SQL_SETTING_COUNT];
    struct sql_names *local[SQL_SETTING_COUNT];
    bool is_local[SQL_SETTING_COUNT];
};

void sql_settings_copy(struct sql_settings *to, const struct sql_settings *from);
void sql_settings_end_local(struct sql_settings *settings);
void sql_settings_free(struct sql_settings *settings);
/* -1 when memory is out. default_path: what search_path is when it is not set. */
int sql_settings_take(struct sql_settings *settings, const struct sql_effect *effect,
                      const struct sql_names *default_path) MUST_USE;
const struct sql_names *sql_settings_get(const struct sql_settings *settings, enum sql_setting setting);

/* A prepared statement or a portal. */
struct sql_entry {
    char *name;
    const struct sql_analysis *analysis;
    const struct sql_statement *statement;
    struct sql_settings settings; /* of a portal: when it was made */
    bool is_held;
};

#define SQL_OPENERS_MAX 8
#define SQL_SAVEPOINTS_MAX 10000

struct sql_savepoint {
    struct sql_savepoint *outer;
    char *name;
    struct sql_settings settings;
};

struct sql_session {
    uint32_t magic;
    struct sql_settings current;
    struct sql_settings committed;
    struct sql_savepoint *savepoint; /* innermost */
    size_t savepoint_count;
    struct sql_names *default_path; /* as the server reported it; NULL: public */
    struct map prepared;
    struct map portals;
    sql_judge_call *judge; /* NULL: there is none */
    void *judge_context;
    struct sql_named openers[SQL_OPENERS_MAX]; /* ran in this transaction and may have left cursors open; held */
    size_t opener_count;
    bool has_more_openers;
    bool is_client_utf8;
    bool is_server_utf8;
    bool has_standard_strings;
    bool has_failed;        /* since the transaction began */
    bool is_in_transaction; /* explicit */
};

struct sql_names *sql_names_new(const struct str *names, size_t count);
struct sql_names *sql_names_hold(struct sql_names *names);
void sql_names_release(struct sql_names **names);

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
const struct attribute *sql_steps_attributes(struct sql_steps *steps, const struct sql_part *part, struct str role,
                                             bool is_in_transaction, size_t *count) MUST_USE;

#endif
