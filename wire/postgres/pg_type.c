/* The table of types, found by OID in one step. */
#include "wire/postgres/pg_type.h"

#define PG_TYPE_OID_MAX 8191

enum type_row {
    ROW_UNKNOWN,
#define PG_TYPE(oid, name, kind, inspection, element) ROW_##name,
#define PG_ARRAY(oid, element) ROW_array_of_##element,
#include "wire/postgres/pg_type.def"
#undef PG_TYPE
#undef PG_ARRAY
    ROW_COUNT
};

enum type_oid {
#define PG_TYPE(oid, name, kind, inspection, element) OID_##name = oid,
#define PG_ARRAY(oid, element)
#include "wire/postgres/pg_type.def"
#undef PG_TYPE
#undef PG_ARRAY
};

enum type_inspection {
    HINTED = 0,
    ALWAYS = 1,
#define PG_TYPE(oid, name, kind, inspection, element) INSPECTION_##name = inspection,
#define PG_ARRAY(oid, element)
#include "wire/postgres/pg_type.def"
#undef PG_TYPE
#undef PG_ARRAY
};

static const struct pg_type types[ROW_COUNT] = {
    [ROW_UNKNOWN] = {0, 0, PG_TYPE_UNKNOWN, true},
#define PG_TYPE(oid, name, kind, inspection, element) [ROW_##name] = {oid, OID_##element, PG_TYPE_##kind, inspection},
#define PG_ARRAY(oid, element) [ROW_array_of_##element] = {oid, OID_##element, PG_TYPE_ARRAY, INSPECTION_##element},
#include "wire/postgres/pg_type.def"
#undef PG_TYPE
#undef PG_ARRAY
};

_Static_assert(ROW_COUNT <= UINT8_MAX, "rows are numbered in a byte");

static const uint8_t row_by_oid[PG_TYPE_OID_MAX + 1] = {
#define PG_TYPE(oid, name, kind, inspection, element) [oid] = ROW_##name,
#define PG_ARRAY(oid, element) [oid] = ROW_array_of_##element,
#include "wire/postgres/pg_type.def"
#undef PG_TYPE
#undef PG_ARRAY
};

const struct pg_type *pg_type_find(uint32_t oid) {
    return &types[oid <= PG_TYPE_OID_MAX ? row_by_oid[oid] : ROW_UNKNOWN];
}

struct str pg_type_name(uint32_t oid) {
    static const struct str names[ROW_COUNT] = {
#define PG_TYPE(oid, name, kind, inspection, element) [ROW_##name] = {#name, sizeof(#name) - 1},
#define PG_ARRAY(oid, element) [ROW_array_of_##element] = {#element "[]", sizeof(#element "[]") - 1},
#include "wire/postgres/pg_type.def"
#undef PG_TYPE
#undef PG_ARRAY
    };
    return names[oid <= PG_TYPE_OID_MAX ? row_by_oid[oid] : ROW_UNKNOWN];
}

uint16_t pg_type_read_u16(struct str bytes, size_t offset) {
    uint16_t value;
    memcpy(&value, bytes.data + offset, sizeof(value));
    return __builtin_bswap16(value);
}

uint32_t pg_type_read_u32(struct str bytes, size_t offset) {
    uint32_t value;
    memcpy(&value, bytes.data + offset, sizeof(value));
    return __builtin_bswap32(value);
}

uint64_t pg_type_read_u64(struct str bytes, size_t offset) {
    uint64_t value;
    memcpy(&value, bytes.data + offset, sizeof(value));
    return __builtin_bswap64(value);
}
