/* Masks one value by its type; shared by DataRow and COPY. Internal to row_mask*.c and copy_mask*.c.
 *
 * All functions here: MASK_UNCHANGED, MASK_DROPPED and MASK_FAILED leave out as it was; MASK_CHANGED appended the value to
 * send. Nothing is allocated unless a value has to be decoded. */
#ifndef SWORN_WIRE_POSTGRES_ROW_MASK_VALUE_H
#define SWORN_WIRE_POSTGRES_ROW_MASK_VALUE_H

#include "model/mask.h"
#include "wire/postgres/pg_type.h"
#include "wire/postgres/row_mask.h"

#define ROW_MASK_DEPTH_MAX 8            /* arrays in records in arrays */
#define ROW_MASK_ARRAY_DIMENSIONS_MAX 6 /* PostgreSQL's MAXDIM */

struct value_mask {
    const struct mask_plan *plan;
    struct mask_field field;
    const struct mask_field *fields; /* of the records that come next; NULL: not known */
    size_t field_count;
    struct class_counts *masked;
    struct class_counts *revealed;
    unsigned depth;
    bool is_strict; /* what cannot be read fails, and is not withheld: for those who only look */
};

/* What is known of the index-th field of a record, its own fields are not known. */
struct value_mask value_mask_of_field(const struct value_mask *record, size_t index);

enum mask_result value_mask_apply(struct value_mask *mask, const struct pg_type *type, bool is_binary,
                                  struct str value, struct buffer *out) MUST_USE;

/* A text, masked as a document where it is one. */
enum mask_result value_mask_ask_text(struct value_mask *mask, struct str value, struct buffer *out) MUST_USE;
/* What the plan says to a text or to JSON. */
enum mask_result value_mask_ask(struct value_mask *mask, enum mask_shape shape, struct str value,
                                struct buffer *out) MUST_USE;
/* As value_mask_ask, but of something that cannot hold the mask, or is seen in passing: CHANGED becomes NULL. */
enum mask_result value_mask_ask_or_null(struct value_mask *mask, struct str value, size_t out_bytes_max) MUST_USE;
/* The same of what was asked in its parts already: what it reveals has been counted. */
enum mask_result value_mask_ask_whole(struct value_mask *mask, struct str value, size_t out_bytes_max) MUST_USE;

/* row_mask_text.c: arrays and records in their text form. */
bool text_is_array(struct str value);
bool text_is_record(struct str value);
enum mask_result text_mask_array(struct value_mask *mask, const struct pg_type *element, struct str value,
                                 struct buffer *out) MUST_USE;
enum mask_result text_mask_record(struct value_mask *mask, struct str value, struct buffer *out) MUST_USE;

/* row_mask_binary.c: the containers in their binary form, and bytes without a known form. */
bool binary_is_array(struct str value);
bool binary_is_record(struct str value);
enum mask_result binary_mask_array(struct value_mask *mask, struct str value, struct buffer *out) MUST_USE;
enum mask_result binary_mask_record(struct value_mask *mask, struct str value, struct buffer *out) MUST_USE;
enum mask_result binary_mask_range(struct value_mask *mask, const struct pg_type *subtype, struct str value,
                                   struct buffer *out) MUST_USE;
enum mask_result binary_mask_multirange(struct value_mask *mask, const struct pg_type *range, struct str value,
                                        struct buffer *out) MUST_USE;
enum mask_result binary_mask_tsvector(struct value_mask *mask, struct str value, struct buffer *out) MUST_USE;
enum mask_result binary_mask_bytes(struct value_mask *mask, struct str value, struct buffer *out) MUST_USE;

/* A sequence of (int32 length, bytes) in which some are replaced: what lies between is copied as late as possible. */
struct field_splice {
    struct str source;
    struct buffer *out;
    size_t start;  /* of what was appended, from the front of out */
    size_t copied; /* up to where the source has been */
    bool is_changed;
    bool has_new_null;
};

void field_splice_init(struct field_splice *splice, struct str source, struct buffer *out);
/* The length at an offset: false when it, or the value, does not lie within; *value has data == NULL for NULL. */
bool field_splice_read(struct str source, size_t *offset, struct str *value);
/* The value ends at `end`; `result` is what became of it, appended to out by now if it changed. */
void field_splice_put(struct field_splice *splice, struct str value, size_t end, enum mask_result result, size_t mark);
/* Copies the rest. MASK_CHANGED, MASK_UNCHANGED or MASK_FAILED. */
enum mask_result field_splice_finish(struct field_splice *splice) MUST_USE;
enum mask_result field_splice_fail(struct field_splice *splice) MUST_USE;

/* The columns as row_mask_new prepared them. */
struct row_mask_strategy {
    const struct pg_type *type;
    struct mask_field field;
    const struct mask_field *fields; /* of a row type */
    size_t field_count;
    bool is_binary;
    bool is_inspected;
};

struct row_mask {
    const struct mask_plan *plan;
    bool is_noop;
    bool is_strict; /* see struct value_mask */
    size_t count;
    struct row_mask_strategy columns[];
};

/* The same for `count` columns: what was not known is a nameless value of unknown type. NULL at the arena's cap. */
struct row_mask *row_mask_widen(struct arena *arena, const struct row_mask *mask, size_t count,
                                bool is_binary) MUST_USE;

#endif
