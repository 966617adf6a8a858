/* The containers in their binary form (array_send, record_send, range_send, multirange_send, tsvectorsend), and bytes
 * of no known form.
 *
 *     array      = i32 dimensions, i32 has-null, u32 element OID, dimensions * (i32 size, i32 lower bound), *field
 *     record     = i32 count, count * (u32 OID, field)
 *     range      = u8 flags, 0 to 2 fields (the bounds)
 *     multirange = i32 count, count * field (a range)
 *     tsvector   = i32 count, count * (lexeme, NUL, u16 positions, positions * u16)
 *     field      = i32 length (-1: NULL), bytes
 */
#include "wire/postgres/row_mask_value.h"

#define LENGTH_BYTES 4u
#define ARRAY_HEADER_BYTES 12u
#define ARRAY_HAS_NULL_OFFSET 4u
#define RUN_BYTES_MIN 4u /* fewer readable bytes in a row hold nothing */

void field_splice_init(struct field_splice *splice, struct str source, struct buffer *out) {
    *splice = (struct field_splice){.source = source, .out = out, .start = buffer_length(out)};
}

bool field_splice_read(struct str source, size_t *offset, struct str *value) {
    if (*offset > source.length || source.length - *offset < LENGTH_BYTES) return false;
    uint32_t length = pg_type_read_u32(source, *offset);
    *offset += LENGTH_BYTES;
    *value = STR_NONE;
    if (length == UINT32_MAX) return true;
    if (length > INT32_MAX || length > source.length - *offset) return false;
    *value = str_make(source.data + *offset, length);
    *offset += length;
    return true;
}

/* Makes room before what was appended since `mark` for what belongs there. */
static void insert_before(struct buffer *out, size_t mark, struct str unchanged, uint32_t length) {
    size_t appended = buffer_length(out) - mark;
    size_t inserted = unchanged.length + LENGTH_BYTES;
    if (buffer_reserve(out, inserted) == NULL) return;
    buffer_commit(out, inserted);
    char *place = out->data + out->start + mark;
    uint32_t swapped = __builtin_bswap32(length);
    memmove(place + inserted, place, appended);
    memcpy(place, unchanged.data, unchanged.length);
    memcpy(place + unchanged.length, &swapped, LENGTH_BYTES);
}

void field_splice_put(struct field_splice *splice, struct str value, size_t end, enum mask_result result, size_t mark) {
    if (result != MASK_CHANGED && result != MASK_DROPPED) return;
    size_t appended = buffer_length(splice->out) - mark;
    bool is_null = result == MASK_DROPPED;
    if (appended > INT32_MAX) splice->out->is_failed = true;
    struct str unchanged = str_slice(splice->source, splice->copied, end - value.length - LENGTH_BYTES);
    insert_before(splice->out, mark, unchanged, is_null ? UINT32_MAX : (uint32_t)appended);
    splice->copied = end;
    splice->is_changed = true;
    if (is_null) splice->has_new_null = true;
}

enum mask_result field_splice_fail(struct field_splice *splice) {
    buffer_truncate(splice->out, splice->start);
    return MASK_FAILED;
}

enum mask_result field_splice_finish(struct field_splice *splice) {
    if (!splice->is_changed) return MASK_UNCHANGED;
    buffer_append_str(splice->out, str_slice(splice->source, splice->copied, splice->source.length));
    return buffer_failed(splice->out) ? field_splice_fail(splice) : MASK_CHANGED;
}

/* The fields of an array or a record, masked; what is text in them is also joined, to be seen as a whole. */
struct container {
    struct value_mask mask; /* one level deeper */
    struct field_splice splice;
    struct buffer joined;
};

static void container_init(struct container *container, const struct value_mask *mask, struct str value,
                           struct buffer *out) {
    container->mask = *mask;
    container->mask.depth++;
    field_splice_init(&container->splice, value, out);
    size_t joined_bytes_max = 0;
    if (__builtin_mul_overflow(value.length, 2u, &joined_bytes_max)) joined_bytes_max = SIZE_MAX;
    buffer_init(&container->joined, joined_bytes_max);
}

/* The next field at *offset; mask: what is known of it. */
static bool container_field(struct container *container, struct value_mask *mask, const struct pg_type *type,
                            size_t *offset) {
    struct field_splice *splice = &container->splice;
    struct str value;
    if (!field_splice_read(splice->source, offset, &value)) return false;
    if (value.data == NULL || (!type->is_inspected && mask->field.hint == 0)) return true;
    size_t mark = buffer_length(splice->out);
    enum mask_result result = value_mask_apply(mask, type, true, value, splice->out);
    field_splice_put(splice, value, *offset, result, mark);
    if (type->kind == PG_TYPE_TEXT && !splice->is_changed) {
        if (buffer_length(&container->joined) > 0) buffer_append_byte(&container->joined, ',');
        buffer_append_str(&container->joined, value);
    }
    return result != MASK_FAILED;
}

static enum mask_result container_finish(struct container *container, bool is_good) {
    struct field_splice *splice = &container->splice;
    enum mask_result result = is_good ? field_splice_finish(splice) : field_splice_fail(splice);
    if (result == MASK_UNCHANGED) {
        result = buffer_failed(&container->joined)
                     ? MASK_FAILED
                     : value_mask_ask_whole(&container->mask, buffer_view(&container->joined), splice->out->cap_bytes);
    }
    buffer_free(&container->joined);
    return result;
}

/* Counts the elements and finds the first; false when the header is not an array's. */
static bool read_array_header(struct str value, size_t *count, size_t *offset) {
    if (value.length < ARRAY_HEADER_BYTES) return false;
    uint32_t dimensions = pg_type_read_u32(value, 0);
    if (dimensions > ROW_MASK_ARRAY_DIMENSIONS_MAX || pg_type_read_u32(value, ARRAY_HAS_NULL_OFFSET) > 1) return false;
    *offset = ARRAY_HEADER_BYTES + (size_t)dimensions * 8;
    if (value.length < *offset) return false;
    *count = dimensions > 0 ? 1 : 0;
    for (size_t i = 0; i < dimensions; i++) {
        uint32_t size = pg_type_read_u32(value, ARRAY_HEADER_BYTES + i * 8);
        if (__builtin_mul_overflow(*count, (size_t)size, count)) return false;
    }
    return *count <= (value.length - *offset) / LENGTH_BYTES;
}

bool binary_is_array(struct str value) {
    size_t count, offset;
    struct str element;
    if (!read_array_header(value, &count, &offset)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!field_splice_read(value, &offset, &element)) return false;
    }
    return offset == value.length;
}

enum mask_result binary_mask_array(struct value_mask *mask, struct str value, struct buffer *out) {
    size_t count, offset;
    if (!read_array_header(value, &count, &offset)) return MASK_FAILED;
    const struct pg_type *element = pg_type_find(pg_type_read_u32(value, 8));
    struct container container;
    container_init(&container, mask, value, out);
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++) {
        is_good = container_field(&container, &container.mask, element, &offset);
    }
    enum mask_result result = container_finish(&container, is_good && offset == value.length);
    if (result == MASK_CHANGED && container.splice.has_new_null) {
        buffer_patch_u32be(out, container.splice.start + ARRAY_HAS_NULL_OFFSET, 1);
    }
    return result;
}

bool binary_is_record(struct str value) {
    struct str field;
    if (value.length < LENGTH_BYTES) return false;
    uint32_t count = pg_type_read_u32(value, 0);
    size_t offset = LENGTH_BYTES;
    if (count > (value.length - offset) / (2 * LENGTH_BYTES)) return false;
    for (uint32_t i = 0; i < count; i++) {
        offset += LENGTH_BYTES;
        if (!field_splice_read(value, &offset, &field)) return false;
    }
    return offset == value.length;
}

enum mask_result binary_mask_record(struct value_mask *mask, struct str value, struct buffer *out) {
    if (!binary_is_record(value)) return MASK_FAILED;
    uint32_t count = pg_type_read_u32(value, 0);
    size_t offset = LENGTH_BYTES;
    struct container container;
    container_init(&container, mask, value, out);
    bool is_good = true;
    for (uint32_t i = 0; i < count && is_good; i++) {
        const struct pg_type *type = pg_type_find(pg_type_read_u32(value, offset));
        offset += LENGTH_BYTES;
        struct value_mask field = value_mask_of_field(&container.mask, i);
        is_good = container_field(&container, &field, type, &offset);
    }
    return container_finish(&container, is_good);
}

/* The worse of two: a value that cannot be changed in part is NULL once something was found. */
static enum mask_result worse(enum mask_result a, enum mask_result b) {
    if (a == MASK_FAILED || b == MASK_FAILED) return MASK_FAILED;
    return a == MASK_UNCHANGED && b == MASK_UNCHANGED ? MASK_UNCHANGED : MASK_DROPPED;
}

/* A part of a value that is kept or lost as a whole. */
static enum mask_result mask_part(struct value_mask *mask, const struct pg_type *type, struct str part,
                                  struct buffer *out) {
    struct value_mask deeper = *mask;
    deeper.depth++;
    size_t mark = buffer_length(out);
    enum mask_result result = value_mask_apply(&deeper, type, true, part, out);
    buffer_truncate(out, mark);
    return worse(result, MASK_UNCHANGED);
}

enum mask_result binary_mask_range(struct value_mask *mask, const struct pg_type *subtype, struct str value,
                                   struct buffer *out) {
    if (value.length < 1) return MASK_FAILED;
    enum mask_result result = MASK_UNCHANGED;
    for (size_t offset = 1; offset < value.length;) {
        struct str bound;
        if (!field_splice_read(value, &offset, &bound) || bound.data == NULL) return MASK_FAILED;
        result = worse(result, mask_part(mask, subtype, bound, out));
    }
    return result;
}

enum mask_result binary_mask_multirange(struct value_mask *mask, const struct pg_type *range, struct str value,
                                        struct buffer *out) {
    if (value.length < LENGTH_BYTES) return MASK_FAILED;
    enum mask_result result = MASK_UNCHANGED;
    for (size_t offset = LENGTH_BYTES; offset < value.length;) {
        struct str part;
        if (!field_splice_read(value, &offset, &part) || part.data == NULL) return MASK_FAILED;
        result = worse(result, mask_part(mask, range, part, out));
    }
    return result;
}

enum mask_result binary_mask_tsvector(struct value_mask *mask, struct str value, struct buffer *out) {
    if (value.length < LENGTH_BYTES) return MASK_FAILED;
    enum mask_result result = MASK_UNCHANGED;
    for (size_t offset = LENGTH_BYTES; offset < value.length;) {
        size_t length = str_find_byte(str_slice(value, offset, value.length), '\0');
        if (length == STR_NOT_FOUND || value.length - offset - length < 1 + sizeof(uint16_t)) return MASK_FAILED;
        struct str lexeme = str_slice(value, offset, offset + length);
        offset += length + 1;
        size_t positions_bytes = sizeof(uint16_t) * (1u + pg_type_read_u16(value, offset));
        if (positions_bytes > value.length - offset) return MASK_FAILED;
        offset += positions_bytes;
        result = worse(result, value_mask_ask_or_null(mask, lexeme, out->cap_bytes));
    }
    return result;
}

static bool is_readable(uint32_t code_point) {
    return (code_point >= 0x20 && code_point != 0x7f) || (code_point >= '\t' && code_point <= '\r');
}

/* The end of the readable UTF-8 at `start`. */
static size_t find_run_end(struct str value, size_t start) {
    size_t at = start;
    for (size_t next = start; at < value.length; at = next) {
        uint32_t code_point;
        if (utf8_decode(value, &next, &code_point) != 0 || !is_readable(code_point)) break;
    }
    return at;
}

static enum mask_result mask_run(struct value_mask *mask, struct str value, size_t start, size_t end,
                                 size_t out_bytes_max) {
    enum mask_result result = value_mask_ask_or_null(mask, str_slice(value, start, end), out_bytes_max);
    if (result != MASK_UNCHANGED || start + 1 < LENGTH_BYTES) return result;
    /* The first byte may be the low byte of a length, which would make a text of "4111..." one of "04111..." */
    uint32_t length = pg_type_read_u32(value, start + 1 - LENGTH_BYTES);
    if (length > value.length - start - 1) return result;
    if (length > end - start - 1) length = (uint32_t)(end - start - 1);
    return value_mask_ask_whole(mask, str_slice(value, start + 1, start + 1 + length), out_bytes_max);
}

/* One readable run after the other; the whole becomes NULL when one of them holds something. */
static enum mask_result mask_runs(struct value_mask *mask, struct str value, size_t out_bytes_max) {
    enum mask_result result = MASK_UNCHANGED;
    for (size_t at = 0; at < value.length && result == MASK_UNCHANGED;) {
        size_t end = find_run_end(value, at);
        if (end - at >= RUN_BYTES_MIN) result = mask_run(mask, value, at, end, out_bytes_max);
        at = end > at ? end : at + 1;
    }
    return result;
}

enum mask_result binary_mask_bytes(struct value_mask *mask, struct str value, struct buffer *out) {
    if (find_run_end(value, 0) == value.length) return value_mask_ask(mask, MASK_TEXT, value, out);
    return mask_runs(mask, value, out->cap_bytes);
}
