/* Columns whose class the configuration says (masking.columns). They are found by the tables that a statement names: where
 * a table of the pattern is in it, a column of that name is of the class, under whatever alias it comes. Pure. */
#ifndef SWORN_WIRE_POSTGRES_DECLARED_H
#define SWORN_WIRE_POSTGRES_DECLARED_H

#include "wire/postgres/row_mask.h"
#include "wire/postgres/sql.h"
#include "wire/wire.h"

/* Adds the names of the classes of the column to those that it refers to. -1: the arena is at its cap. */
int declared_add(struct arena *arena, const struct wire_upstream *target, const struct sql_statement *statement,
                 struct row_mask_column *column) MUST_USE;
/* The class of a column that the statement names; no data when none is declared. `at` goes on from one to the next. */
struct str declared_next(const struct wire_upstream *target, const struct sql_statement *statement, struct str column,
                         size_t *at);

#endif
