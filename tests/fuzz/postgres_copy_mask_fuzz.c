/* COPY data: fed whole and in pieces, the output is the same, and so is the verdict.
 *
 *     input = u8 (format, 4: header, 8: escape differs from quote, 16: columns are known), u8 piece length, stream
 */
#include "tests/unit/wire/canary_plan.h"
#include "wire/postgres/copy_mask.h"

#define OUT_BYTES_MAX (1u << 22)
#define ROW_BYTES_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const struct copy_mask_options *options, struct str stream, size_t step, struct buffer *out) {
    struct class_counts counts = {0};
    struct error error;
    struct copy_mask *mask = copy_mask_new(options, &canary_plan);
    CHECK(mask != NULL);
    int status = 0;
    for (size_t at = 0; status == 0 && at < stream.length; at += step) {
        status = copy_mask_feed(mask, str_slice(stream, at, at + step), out, &counts, &counts, &error);
    }
    if (status == 0) status = copy_mask_finish(mask, out, &counts, &counts, &error);
    copy_mask_free(&mask);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct row_mask_column columns[] = {
        {.name = {"id", 2}, .type_oid = 23},
        {.name = {"secret", 6}, .type_oid = 25},
        {.name = {"j", 1}, .type_oid = 3802},
    };
    if (size < 2) return 0;
    struct copy_mask_options options = copy_mask_options_default(data[0] % 4 % 3);
    options.has_header = (data[0] & 4) != 0;
    if (data[0] & 8) options.escape = '\\';
    options.columns = columns;
    options.column_count = data[0] & 16 ? LENGTH_OF(columns) : 0;
    options.row_bytes_max = ROW_BYTES_MAX;
    struct str stream = str_make(data + 2, size - 2);
    struct buffer whole, pieces;
    buffer_init(&whole, OUT_BYTES_MAX);
    buffer_init(&pieces, OUT_BYTES_MAX);
    int status = run(&options, stream, stream.length + 1, &whole);
    CHECK(run(&options, stream, data[1] + 1u, &pieces) == status);
    CHECK(str_equal(buffer_view(&whole), buffer_view(&pieces)));
    buffer_free(&whole);
    buffer_free(&pieces);
    return 0;
}
