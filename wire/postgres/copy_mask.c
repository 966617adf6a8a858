/* Framing of COPY data: finds where rows end, wherever messages are cut, and has each row masked.
 *
 *     text   = *( line LF )       a backslash takes the next byte with it
 *     csv    = *( line LF )       LF within quotes belongs to the line
 *     binary = "PGCOPY\n" FF 0D 0A 00, u32 flags, u32 length, extension, *tuple, i16 -1
 *     tuple  = i16 count, count * (i32 length (-1: NULL), bytes)        a DataRow
 */
#include "wire/postgres/copy_mask.h"

#include <stdlib.h>

#include "wire/postgres/copy_mask_row.h"

#define COPY_MASK_MAGIC 0x636f7079u
#define COLUMNS_MAX 1664u /* of a PostgreSQL target list */
#define ARENA_BYTES_MAX (1u << 20)
#define SIGNATURE STR("PGCOPY\n\377\r\n\0")
#define BINARY_HEADER_BYTES 19u
#define TUPLE_COUNT_BYTES 2u
#define TRAILER 0xffffu
#define CRITICAL_FLAGS 0xffff0000u /* what they mean is unknown, so nothing after them is understood */

enum copy_state {
    COPY_HEADER,
    COPY_ROWS,
    COPY_TRAILED, /* binary: nothing may follow */
    COPY_FAILED,
};

struct copy_mask {
    uint32_t magic;
    struct copy_mask_options options;
    const struct mask_plan *plan;
    struct arena arena;
    struct row_mask *columns;
    enum copy_state state;
    struct buffer held;      /* of the row that is not whole yet */
    struct buffer discarded; /* output of an inspection */
    size_t scanned;          /* how far into the row its end was looked for */
    size_t fields_left;      /* binary */
    bool has_tuple;          /* binary */
    bool is_quoted;
    bool is_escaped;
};

struct copy_mask_options copy_mask_options_default(enum copy_mask_format format) {
    bool is_csv = format == COPY_MASK_CSV;
    return (struct copy_mask_options){
        .format = format,
        .delimiter = is_csv ? ',' : '\t',
        .quote = '"',
        .escape = '"',
        .null_text = is_csv ? STR("") : STR("\\N"),
        .row_bytes_max = (size_t)64 << 20,
    };
}

static bool prepare_columns(struct copy_mask *mask, const struct row_mask_column *columns, size_t count) {
    struct row_mask_column *copies = ARENA_NEW_ARRAY(&mask->arena, struct row_mask_column, count);
    if (copies == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        copies[i] = columns[i];
        copies[i].format = mask->options.format == COPY_MASK_BINARY;
    }
    bool is_strict = mask->columns != NULL && mask->columns->is_strict;
    mask->columns = row_mask_new(&mask->arena, mask->plan, copies, count);
    if (mask->columns != NULL) mask->columns->is_strict = is_strict;
    return mask->columns != NULL;
}

struct copy_mask *copy_mask_new(const struct copy_mask_options *options, const struct mask_plan *plan) {
    struct copy_mask *mask = calloc(1, sizeof(*mask));
    if (mask == NULL) return NULL;
    mask->magic = COPY_MASK_MAGIC;
    mask->options = *options;
    mask->plan = plan;
    arena_init(&mask->arena, ARENA_BYTES_MAX);
    buffer_init(&mask->held, SIZE_MAX);
    buffer_init(&mask->discarded, SIZE_MAX);
    mask->state = options->format == COPY_MASK_BINARY || options->has_header ? COPY_HEADER : COPY_ROWS;
    mask->options.null_text = arena_copy(&mask->arena, options->null_text);
    bool is_good = mask->options.null_text.data != NULL;
    if (!is_good || !prepare_columns(mask, options->columns, options->column_count)) copy_mask_free(&mask);
    if (mask != NULL) mask->options.columns = NULL;
    return mask;
}

void copy_mask_free(struct copy_mask **mask) {
    if (*mask == NULL) return;
    CHECK_MAGIC(*mask, COPY_MASK_MAGIC);
    buffer_free(&(*mask)->held);
    buffer_free(&(*mask)->discarded);
    arena_free(&(*mask)->arena);
    (*mask)->magic = 0;
    free(*mask);
    *mask = NULL;
}

/* The functions that look for a row's end: 1 and *end, 0 when it is not there yet, -1 when malformed. */

static int find_line_end(struct copy_mask *mask, struct str input, size_t *end) {
    const struct copy_mask_options *options = &mask->options;
    bool is_csv = options->format == COPY_MASK_CSV;
    char escape = is_csv ? options->escape : '\\';
    bool has_escape = !is_csv || options->escape != options->quote;
    for (; mask->scanned < input.length; mask->scanned++) {
        char c = input.data[mask->scanned];
        if (mask->is_escaped) {
            mask->is_escaped = false;
        } else if (has_escape && c == escape && (!is_csv || mask->is_quoted)) {
            mask->is_escaped = true;
        } else if (is_csv && c == options->quote) {
            mask->is_quoted = !mask->is_quoted;
        } else if (c == '\n' && !mask->is_quoted) {
            *end = mask->scanned + 1;
            return 1;
        }
    }
    return 0;
}

static int find_binary_header_end(struct str input, size_t *end) {
    struct str signature = str_slice(input, 0, SIGNATURE.length);
    if (!str_equal(signature, str_slice(SIGNATURE, 0, signature.length))) return -1;
    if (input.length < BINARY_HEADER_BYTES) return 0;
    if ((pg_type_read_u32(input, SIGNATURE.length) & CRITICAL_FLAGS) != 0) return -1;
    size_t extension_bytes = pg_type_read_u32(input, SIGNATURE.length + 4);
    *end = BINARY_HEADER_BYTES + extension_bytes;
    return *end <= input.length ? 1 : 0;
}

static int find_tuple_end(struct copy_mask *mask, struct str input, size_t *end) {
    if (mask->state == COPY_TRAILED) return -1;
    if (input.length < TUPLE_COUNT_BYTES) return 0;
    if (mask->scanned == 0) {
        uint16_t count = pg_type_read_u16(input, 0);
        if (count != TRAILER && count > COLUMNS_MAX) return -1;
        mask->fields_left = count == TRAILER ? 0 : count;
        mask->scanned = TUPLE_COUNT_BYTES;
    }
    for (; mask->fields_left > 0; mask->fields_left--) {
        if (mask->scanned > input.length || input.length - mask->scanned < 4) return 0;
        uint32_t length = pg_type_read_u32(input, mask->scanned);
        if (length != UINT32_MAX && length > INT32_MAX) return -1;
        if (length == UINT32_MAX) length = 0;
        if (length > mask->options.row_bytes_max) return -1;
        if (input.length - mask->scanned - 4 < length) return 0;
        mask->scanned += 4 + (size_t)length;
    }
    *end = mask->scanned;
    return 1;
}

static int find_row_end(struct copy_mask *mask, struct str input, size_t *end) {
    if (mask->options.format != COPY_MASK_BINARY) return find_line_end(mask, input, end);
    return mask->state == COPY_HEADER ? find_binary_header_end(input, end) : find_tuple_end(mask, input, end);
}

/* Column names that nobody gave may stand in the header. */
static bool take_header_names(struct copy_mask *mask, struct str line) {
    if (mask->options.column_count > 0 || mask->options.format == COPY_MASK_BINARY) return true;
    struct row_mask_column *columns = ARENA_NEW_ARRAY(&mask->arena, struct row_mask_column, COLUMNS_MAX);
    struct str content = copy_row_trim_end(line);
    size_t count = 0;
    size_t offset = 0;
    struct str raw;
    while (columns != NULL && count < COLUMNS_MAX && copy_row_next_field(&mask->options, content, &offset, &raw)) {
        struct buffer name;
        buffer_init(&name, raw.length + 1);
        copy_row_decode(&mask->options, raw, &name);
        columns[count].name = arena_copy(&mask->arena, buffer_view(&name));
        buffer_free(&name);
        if (columns[count++].name.data == NULL) return false;
    }
    return columns != NULL && offset > content.length && prepare_columns(mask, columns, count);
}

/* A tuple is a DataRow; how many fields it has is known from the first one. */
static enum mask_result mask_tuple(struct copy_mask *mask, struct str row, struct buffer *out,
                                   struct class_counts *masked, struct class_counts *revealed) {
    size_t count = pg_type_read_u16(row, 0);
    if (count == TRAILER) {
        mask->state = COPY_TRAILED;
        return MASK_UNCHANGED;
    }
    if (mask->columns->count != count) {
        if (!mask->has_tuple) mask->columns = row_mask_widen(&mask->arena, mask->columns, count, true);
        if (mask->has_tuple || mask->columns == NULL) return MASK_FAILED;
    }
    mask->has_tuple = true;
    return row_mask_apply(mask->columns, row, out, masked, revealed);
}

static bool mask_one_row(struct copy_mask *mask, struct str row, struct buffer *out, struct class_counts *masked,
                         struct class_counts *revealed) {
    enum mask_result result = MASK_UNCHANGED;
    if (mask->state == COPY_HEADER) {
        if (!take_header_names(mask, row)) return false;
        mask->state = COPY_ROWS;
    } else if (mask->options.format == COPY_MASK_BINARY) {
        result = mask_tuple(mask, row, out, masked, revealed);
    } else {
        result = copy_row_mask(&mask->options, mask->columns, row, out, masked, revealed);
    }
    if (result == MASK_UNCHANGED) buffer_append_str(out, row);
    mask->scanned = 0;
    mask->is_quoted = mask->is_escaped = false;
    return result != MASK_FAILED && !buffer_failed(out);
}

static int fail(struct copy_mask *mask, struct error *error, const char *why) {
    mask->state = COPY_FAILED;
    return error_set(error, ERROR_PROTOCOL, "COPY data was refused: %s", why);
}

/* Masks all whole rows of input; *used is how far they reach. */
static int mask_rows(struct copy_mask *mask, struct str input, size_t *used, struct buffer *out,
                     struct class_counts *masked, struct class_counts *revealed, struct error *error) {
    while (*used < input.length) {
        struct str rest = str_slice(input, *used, input.length);
        size_t end;
        int found = find_row_end(mask, rest, &end);
        if (found < 0) return fail(mask, error, "it does not follow its format");
        if (found == 0) end = rest.length;
        if (end > mask->options.row_bytes_max) return fail(mask, error, "a row is longer than the maximum");
        if (found == 0) return 0;
        if (!mask_one_row(mask, str_slice(rest, 0, end), out, masked, revealed)) {
            return fail(mask, error, "a row could not be masked");
        }
        *used += end;
    }
    return 0;
}

int copy_mask_feed(struct copy_mask *mask, struct str chunk, struct buffer *out, struct class_counts *masked,
                   struct class_counts *revealed, struct error *error) {
    CHECK_MAGIC(mask, COPY_MASK_MAGIC);
    if (mask->state == COPY_FAILED) return fail(mask, error, "an earlier row was");
    if (mask->plan->reveals_all) {
        buffer_append_str(out, chunk);
        return buffer_failed(out) ? error_out_of_memory(error) : 0;
    }
    bool is_held = buffer_length(&mask->held) > 0;
    if (is_held) buffer_append_str(&mask->held, chunk);
    struct str input = is_held ? buffer_view(&mask->held) : chunk;
    size_t used = 0;
    if (mask_rows(mask, input, &used, out, masked, revealed, error) != 0) return -1;
    if (is_held) {
        buffer_consume(&mask->held, used);
    } else {
        buffer_append_str(&mask->held, str_slice(chunk, used, chunk.length));
    }
    return buffer_failed(&mask->held) ? error_out_of_memory(error) : 0;
}

int copy_mask_finish(struct copy_mask *mask, struct buffer *out, struct class_counts *masked,
                     struct class_counts *revealed, struct error *error) {
    CHECK_MAGIC(mask, COPY_MASK_MAGIC);
    if (mask->state == COPY_FAILED) return fail(mask, error, "an earlier row was");
    struct str rest = buffer_view(&mask->held);
    if (rest.length == 0) return 0;
    if (mask->options.format == COPY_MASK_BINARY) return fail(mask, error, "it ends within a row");
    if (!mask_one_row(mask, rest, out, masked, revealed)) return fail(mask, error, "a row could not be masked");
    buffer_clear(&mask->held);
    return 0;
}

int copy_mask_inspect(struct copy_mask *mask, struct str chunk, struct class_counts *found, struct error *error) {
    mask->columns->is_strict = true;
    int status = copy_mask_feed(mask, chunk, &mask->discarded, found, found, error);
    buffer_clear(&mask->discarded);
    return status;
}

int copy_mask_inspect_finish(struct copy_mask *mask, struct class_counts *found, struct error *error) {
    int status = copy_mask_finish(mask, &mask->discarded, found, found, error);
    buffer_clear(&mask->discarded);
    return status;
}
