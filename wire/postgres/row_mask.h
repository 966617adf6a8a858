/* struct row_mask: masks the DataRow messages of one result (PostgreSQL 15 documentation, 55.7 and 55.2.2).
 *
 * Prepared once a RowDescription in the caller's arena, which owns it; it borrows the plan, copies nothing else of its
 * input, and is immutable, so that one mask serves any number of rows. Nothing here parks or does I/O.
 *
 * Each column gets its way of inspection from its type (pg_type.def) and from the hints of all names that stand for
 * it. Strings are replaced in place; a value of a type that cannot hold the mask becomes NULL. Type modifiers do not
 * matter: clients do not check the length of a varchar(n). */
#ifndef SWORN_WIRE_POSTGRES_ROW_MASK_H
#define SWORN_WIRE_POSTGRES_ROW_MASK_H

#include "base/arena.h"
#include "model/mask.h"

struct row_mask;

struct row_mask_column {
    struct str name;              /* as the client sees it */
    struct str origin;            /* the table column's own name, may be empty */
    const struct str *referenced; /* other columns that a computed one is made of, may be NULL */
    size_t referenced_count;
    bool is_computed;             /* from the referenced: what they speak for may stand in it in any form */
    const struct row_mask_column *fields; /* of a row type, or an array of it: by place; NULL: not known */
    size_t field_count;
    uint32_t type_oid;
    uint16_t format; /* 0: text, 1: binary */
};

/* The hints of all the column's names together. */
struct mask_field row_mask_column_field(const struct mask_plan *plan, const struct row_mask_column *column);

/* NULL when a format is neither 0 nor 1, there are more than 65,535 columns, or the arena is at its cap: refuse. */
struct row_mask *row_mask_new(struct arena *arena, const struct mask_plan *plan,
                              const struct row_mask_column *columns, size_t count) MUST_USE;

/* True when no row can hold anything to mask or to count: rows may be streamed in slices, unseen. */
bool row_mask_is_noop(const struct row_mask *mask);

/* `body` is a whole DataRow without its type byte and length.
 * MASK_UNCHANGED: nothing was appended, pass the original on. MASK_CHANGED: the whole new body was appended.
 * MASK_FAILED: malformed, or doubt; out is as it was. Never MASK_DROPPED. */
enum mask_result row_mask_apply(const struct row_mask *mask, struct str body, struct buffer *out,
                                struct class_counts *masked, struct class_counts *revealed) MUST_USE;

#endif
