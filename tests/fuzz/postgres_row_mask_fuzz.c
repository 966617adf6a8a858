/* DataRow, notices and notifications: out is untouched unless something changed, and a changed row is a row again, in
 * which nothing more is to be changed.
 *
 *     input = u8 columns, columns * (u16 type, u8 flags (1: binary, 2: hinted, 4: no built-in type)), body
 */
#include "tests/unit/wire/canary_plan.h"
#include "wire/postgres/notice_mask.h"
#include "wire/postgres/row_mask.h"

#define COLUMNS_MAX 8u
#define COLUMN_BYTES 3u
#define OUT_BYTES_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct row_mask *mask, struct str body) {
    struct class_counts counts = {0};
    struct buffer out, again;
    buffer_init(&out, OUT_BYTES_MAX);
    buffer_init(&again, OUT_BYTES_MAX);
    enum mask_result result = row_mask_apply(mask, body, &out, &counts, &counts);
    CHECK(result != MASK_DROPPED && (result == MASK_CHANGED) == (buffer_length(&out) > 0));
    if (result == MASK_CHANGED) {
        CHECK(row_mask_apply(mask, buffer_view(&out), &again, &counts, &counts) != MASK_FAILED);
    }
    buffer_free(&out);
    buffer_free(&again);
}

static void check_notices(struct str body) {
    struct class_counts counts = {0};
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    enum mask_result result = notice_mask_apply(&canary_plan, body, &out, &counts, &counts);
    CHECK(result != MASK_DROPPED && (result == MASK_CHANGED) == (buffer_length(&out) > 0));
    buffer_clear(&out);
    result = notice_mask_notification(&canary_plan, body, &out, &counts, &counts);
    CHECK(result != MASK_DROPPED && (result == MASK_CHANGED) == (buffer_length(&out) > 0));
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t count = data[0] % (COLUMNS_MAX + 1);
    if (size < 1 + count * COLUMN_BYTES) return 0;
    struct row_mask_column columns[COLUMNS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        const uint8_t *column = data + 1 + i * COLUMN_BYTES;
        columns[i].type_oid = (uint32_t)(column[0] << 8 | column[1]) + (column[2] & 4 ? 16384u : 0u);
        columns[i].format = column[2] & 1;
        columns[i].name = column[2] & 2 ? STR("secret") : STR("c");
    }
    struct arena arena;
    arena_init(&arena, 1u << 16);
    struct row_mask *mask = row_mask_new(&arena, &canary_plan, columns, count);
    struct str body = str_make(data + 1 + count * COLUMN_BYTES, size - 1 - count * COLUMN_BYTES);
    check_row(mask, body);
    check_notices(body);
    arena_free(&arena);
    return 0;
}
