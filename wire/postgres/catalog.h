/* Names of table columns and of fields of row types, for each database of each upstream.
 *
 * A RowDescription names a column as the statement calls it; what the table calls it is only in the catalog. Names are
 * fetched over a connection of sworn's own, kept for CATALOG_AGE_NS, and shared by all workers (behind a mutex that is
 * never held across a park). Where the catalog cannot be asked, names are missing, which is logged; the value's own
 * form, the alias and the names in the statement still count.
 *
 * Borrowed: target, database. Results are copied into the caller's arena. */
#ifndef SWORN_WIRE_POSTGRES_CATALOG_H
#define SWORN_WIRE_POSTGRES_CATALOG_H

#include "wire/postgres/row_mask.h"
#include "wire/wire.h"

#define CATALOG_AGE_NS (60 * NANOSECONDS_PER_SECOND)
#define CATALOG_RETRY_NS (1 * NANOSECONDS_PER_SECOND) /* after the catalog could not be asked */
#define CATALOG_TABLES_MAX 100000u                    /* of one database; at the maximum all are forgotten */
#define CATALOG_DATABASES_MAX 1000u
#define CATALOG_TABLES_BY_NAME_MAX 64u
#define CATALOG_RELATIONS_OF_TYPES_MAX 256u           /* whose rows lie in one result, or in each other */

/* P: fetches what is not known or too old of these tables. */
void catalog_learn(const struct wire_upstream *target, struct str database, const uint32_t *oids, size_t count);
/* Sets origin and, for a column of a view, the names that it is computed from; leaves them when unknown. -1: the arena
 * is at its cap. Does not park. */
int catalog_column(const struct wire_upstream *target, struct str database, uint32_t oid, int16_t attribute_number,
                   struct arena *arena, struct row_mask_column *column) MUST_USE;

/* P: fetches what is not known or too old of these types, and the tables whose rows are of them. */
void catalog_learn_types(const struct wire_upstream *target, struct str database, const uint32_t *oids, size_t count);
/* Sets the fields of a column whose type is a row type, or an array of one; leaves them for every other. -1: the arena
 * is at its cap. Does not park. */
int catalog_fields(const struct wire_upstream *target, struct str database, struct arena *arena,
                   struct row_mask_column *column) MUST_USE;
/* P: the columns of every table of that name (in that schema, when not empty), by place: where several tables have the
 * name, each column carries the names of all of them. None when there is no such table. as_copied: without generated
 * columns, which COPY table leaves out. */
int catalog_table_columns(const struct wire_upstream *target, struct str database, struct str schema, struct str name,
                          bool as_copied, struct arena *arena, const struct row_mask_column **columns, size_t *count,
                          struct error *error) MUST_USE;
void catalog_forget_all(void);

#endif
