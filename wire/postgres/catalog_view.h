/* What the columns of a view are computed from, by its definition as the server prints it (pg_get_viewdef).
 *
 * An alias is a column of one view and the names behind it; views on views are followed by name, through the aliases of
 * all views within one. Everything lies in the caller's arena. Nothing here parks. */
#ifndef SWORN_WIRE_POSTGRES_CATALOG_VIEW_H
#define SWORN_WIRE_POSTGRES_CATALOG_VIEW_H

#include "base/arena.h"
#include "base/error.h"

#define CATALOG_SOURCES_MAX 512u /* names behind one column */

struct catalog_alias {
    struct str name;
    const struct str *sources;
    size_t source_count;
};

/* Sets the sources of aliases[i], the i-th column of the view. A definition that our parser does not know makes every
 * word in it a source of every column. */
int catalog_view_read(struct arena *arena, struct str definition, struct catalog_alias *aliases, size_t count,
                      struct error *error) MUST_USE;
/* All names behind a column, its own not among them. */
int catalog_view_resolve(struct arena *arena, const struct catalog_alias *aliases, size_t alias_count, struct str name,
                         const struct str **sources, size_t *source_count, struct error *error) MUST_USE;

#endif
