/* The actions that policies speak of, and the named operations of HTTP APIs: which method on which path is which action.
 * Plain data. */
#ifndef SWORN_MODEL_OPERATION_H
#define SWORN_MODEL_OPERATION_H

#include "base/str.h"

struct operation {
    struct str method;   /* "PUT" */
    struct str path_template; /* "/repos/{owner}/{repo}/pulls/{number}/merge": "{name}" is one segment, not empty */
    struct str verb;     /* "github:merge_pull_request" */
};

struct operation_table {
    struct str name; /* "github": what its verbs begin with */
    const struct operation *items;
    size_t count;
};

/* A built-in table (model/operations.def). False when there is none of that name. */
bool operation_table_find(struct str name, struct operation_table *table);

/* Every action that the gateway itself knows: model/verbs.def, and the operations of the built-in tables. */
struct verb {
    struct str name;
    struct str group; /* empty: none */
};
extern const struct verb model_verbs[];
extern const size_t model_verb_count;

/* What no row of a table names. */
#define OPERATION_UNKNOWN_VERB "http:unknown"

#endif
