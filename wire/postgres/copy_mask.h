/* struct copy_mask: masks a stream of COPY data (PostgreSQL 15 documentation, COPY, "File Formats").
 *
 * CopyData messages may cut anywhere: what was fed is held until a row is whole, and then emitted; wherever the cuts
 * are, all of the output together is the same. A message that is one whole row, as a server sends it, comes out as one
 * whole row, so frame what one feed appended as one CopyData (none when nothing was appended).
 *
 * On the heap: copy_mask_new and copy_mask_free. The plan is borrowed; the options are copied. Nothing here parks. */
#ifndef SWORN_WIRE_POSTGRES_COPY_MASK_H
#define SWORN_WIRE_POSTGRES_COPY_MASK_H

#include "base/error.h"
#include "wire/postgres/row_mask.h"

struct copy_mask;

enum copy_mask_format {
    COPY_MASK_TEXT,
    COPY_MASK_CSV,
    COPY_MASK_BINARY,
};

/* As the statement has them; start from copy_mask_options_default(). */
struct copy_mask_options {
    enum copy_mask_format format;
    char delimiter;
    char quote;  /* CSV */
    char escape; /* CSV */
    struct str null_text;
    bool has_header; /* the first line goes on as it is */
    /* What is known of the columns: fewer than there are, or none, is allowed; the rest is text without a name. A
     * type_oid of 0 is unknown; format and the referenced names' storage are as for row_mask (format is ignored). */
    const struct row_mask_column *columns;
    size_t column_count;
    size_t row_bytes_max; /* a longer row is refused */
};

struct copy_mask_options copy_mask_options_default(enum copy_mask_format format);

/* NULL when memory is out. */
struct copy_mask *copy_mask_new(const struct copy_mask_options *options, const struct mask_plan *plan) MUST_USE;
void copy_mask_free(struct copy_mask **mask);

/* The data of one CopyData message; appends whole masked rows to out. -1: malformed, too long, or doubt; what was
 * appended by then may be sent, nothing may follow. */
int copy_mask_feed(struct copy_mask *mask, struct str chunk, struct buffer *out, struct class_counts *masked,
                   struct class_counts *revealed, struct error *error) MUST_USE;
/* At CopyDone: a last row without a line end is emitted. -1 also when binary data ended within a row. */
int copy_mask_finish(struct copy_mask *mask, struct buffer *out, struct class_counts *masked,
                     struct class_counts *revealed, struct error *error) MUST_USE;

/* COPY ... FROM STDIN: counts what a chunk's whole rows hold, masked or revealed, and emits nothing. The same rules for
 * the end: copy_mask_inspect_finish at CopyDone. */
int copy_mask_inspect(struct copy_mask *mask, struct str chunk, struct class_counts *found,
                      struct error *error) MUST_USE;
int copy_mask_inspect_finish(struct copy_mask *mask, struct class_counts *found, struct error *error) MUST_USE;

#endif
