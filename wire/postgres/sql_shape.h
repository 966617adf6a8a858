/* Texts that differ in whole numbers only are of one shape and do the same: `WHERE id = 17` and `WHERE id = 4`. One of
 * them is parsed, and the analysis of the others is made from its analysis.
 *
 * Only plain text has a shape: ASCII without quotes, dollar signs, backslashes, comments and control characters. In it
 * a run of digits that touches no letter, digit, '_' or '.' is an integer constant, wherever it stands. */
#ifndef SWORN_WIRE_POSTGRES_SQL_SHAPE_H
#define SWORN_WIRE_POSTGRES_SQL_SHAPE_H

#include "wire/postgres/sql.h"

#define SQL_SHAPE_BYTES_MAX 1024
#define SQL_SHAPE_NUMBERS_MAX 32

struct sql_number {
    size_t offset;
    size_t length_bytes;
};

struct sql_shape {
    char key[SQL_SHAPE_BYTES_MAX]; /* the text with a NUL for each number: no text that can be read holds one */
    size_t key_bytes;
    struct sql_number numbers[SQL_SHAPE_NUMBERS_MAX];
    size_t number_count;
};

/* False: the text has none. */
bool sql_shape_read(struct str text, struct sql_shape *shape);
struct str sql_shape_key(const struct sql_shape *shape);

/* Whether the analysis of a text of this shape holds for all texts of it, but for its literals. */
bool sql_shape_covers(const struct sql_shape *shape, const struct sql_analysis *analysis);

/* The analysis of `text`, whose shape this is, from that of another text of the same shape that it covers. It holds
 * `base`. NULL when memory is out. */
struct sql_analysis *sql_shape_apply(const struct sql_shape *shape, struct str text, const struct sql_analysis *base,
                                     struct error *error) MUST_USE;

#endif
