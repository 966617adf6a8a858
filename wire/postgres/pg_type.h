/* What masking has to know of PostgreSQL's types: which there are stands in pg_type.def; how the binary form of a
 * scalar reads as text is in pg_type_render.c (PostgreSQL's *_send functions). Pure functions, nothing parks. */
#ifndef SWORN_WIRE_POSTGRES_PG_TYPE_H
#define SWORN_WIRE_POSTGRES_PG_TYPE_H

#include "base/buffer.h"

/* Types that are asked for by name. */
#define PG_TYPE_BOOL_OID 16u
#define PG_TYPE_INT8_OID 20u
#define PG_TYPE_INET_OID 869u
#define PG_TYPE_DATE_OID 1082u
#define PG_TYPE_NUMERIC_OID 1700u

enum pg_type_kind {
    PG_TYPE_UNKNOWN,    /* not listed: judged by what the value looks like */
    PG_TYPE_TEXT,
    PG_TYPE_JSON,
    PG_TYPE_JSONB,      /* binary: a version byte, then JSON */
    PG_TYPE_JSONPATH,   /* binary: a version byte, then text */
    PG_TYPE_BYTEA,
    PG_TYPE_BYTES,      /* text in a structure of its own that is not followed; cannot hold a mask */
    PG_TYPE_INTEGER,
    PG_TYPE_NUMERIC,
    PG_TYPE_FLOAT,
    PG_TYPE_DATE,
    PG_TYPE_TIMESTAMP,
    PG_TYPE_ADDRESS,    /* inet, cidr */
    PG_TYPE_HARDWARE,   /* macaddr, macaddr8 */
    PG_TYPE_UUID,
    PG_TYPE_OPAQUE,     /* cannot hold anything that is recognised without the column's name */
    PG_TYPE_TSVECTOR,
    PG_TYPE_RANGE,
    PG_TYPE_MULTIRANGE,
    PG_TYPE_ARRAY,
    PG_TYPE_RECORD,
};

struct pg_type {
    uint32_t oid;
    uint32_t element_oid; /* arrays: the element; ranges: the subtype; multiranges: the range */
    enum pg_type_kind kind;
    bool is_inspected; /* without a hint, too */
};

/* Never NULL: what is not listed has kind PG_TYPE_UNKNOWN. */
const struct pg_type *pg_type_find(uint32_t oid);

/* "int8", "int8[]"; empty for what is not listed. */
struct str pg_type_name(uint32_t oid);

/* Appends a scalar's binary form as text; kinds INTEGER to OPAQUE. -1 when the bytes are not of that type. */
int pg_type_render(const struct pg_type *type, struct str value, struct buffer *text) MUST_USE;

/* Big-endian numbers at an offset that lies within. */
uint16_t pg_type_read_u16(struct str bytes, size_t offset);
uint32_t pg_type_read_u32(struct str bytes, size_t offset);
uint64_t pg_type_read_u64(struct str bytes, size_t offset);

#endif
