/* Named operations of an HTTP API: which method on which path is which action. Plain data. */
#ifndef SWORN_MODEL_OPERATION_H
#define SWORN_MODEL_OPERATION_H

#include "base/str.h"

struct operation {
    struct str method;   /* "PUT" */
    struct str template; /* "/repos/{owner}/{repo}/pulls/{number}/merge": "{name}" is one segment, not empty */
    struct str verb;     /* "github:merge_pull_request" */
};

struct operation_table {
    struct str name; /* "github": what its verbs begin with */
    const struct operation *items;
    size_t count;
};

/* What no row of a table names. */
#define OPERATION_UNKNOWN_VERB "http:unknown"

#endif
