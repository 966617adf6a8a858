/* The fields of one line of COPY data in text or CSV format. Internal to copy_mask*.c; nothing parks. */
#ifndef SWORN_WIRE_POSTGRES_COPY_MASK_ROW_H
#define SWORN_WIRE_POSTGRES_COPY_MASK_ROW_H

#include "wire/postgres/copy_mask.h"
#include "wire/postgres/row_mask_value.h"

/* A line without its end, "\r" included. */
struct str copy_row_trim_end(struct str line);
/* The raw field at *offset; moves past its delimiter. False behind the last one (*offset == line.length + 1). */
bool copy_row_next_field(const struct copy_mask_options *options, struct str line, size_t *offset, struct str *raw);
/* Appends what a raw field stands for. */
void copy_row_decode(const struct copy_mask_options *options, struct str raw, struct buffer *value);

/* Masks a whole line, its end included; results as for row_mask_apply. Fields past the known columns are nameless
 * values of unknown type. */
enum mask_result copy_row_mask(const struct copy_mask_options *options, const struct row_mask *columns, struct str line,
                               struct buffer *out, struct class_counts *masked,
                               struct class_counts *revealed) MUST_USE;

#endif
