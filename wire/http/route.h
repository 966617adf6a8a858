/* Which operation a request is: its method and path against rows of method and template (model/operation.h). Pure. */
#ifndef SWORN_WIRE_HTTP_ROUTE_H
#define SWORN_WIRE_HTTP_ROUTE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/operation.h"

#define ROUTE_PARAMETERS_MAX 16
#define ROUTE_QUERY_MAX 64 /* parameters of a query that are looked at; more is refused */

struct route_parameter {
    struct str name;
    struct str value; /* decoded */
};

struct route {
    const struct operation *operation; /* NULL: no row names it */
    struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
    size_t parameter_count;
};

/* path: as http_target_check() accepted it. Rows are tried in order; a template's fixed segments are compared decoded. */
void route_find(const struct operation_table *table, struct str method, struct str path, struct arena *arena,
                struct route *route);
/* True when the path has the form of the template; the parameters are filled in then. */
bool route_match(struct str path_template, struct str path, struct arena *arena, struct route *route);

/* "a=1&b=2", decoded ('+' is a blank). ERROR_LIMIT beyond ROUTE_QUERY_MAX, ERROR_INVALID when it does not decode. */
int route_query(struct str query, struct arena *arena, struct route_parameter **parameters, size_t *count,
                struct error *error) MUST_USE;

#endif
