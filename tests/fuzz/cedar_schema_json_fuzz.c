/* Schemas as JSON: whatever is accepted can be written as JSON, and as text where text can say it; both are
 * accepted. */
#include "cedar/cedar.h"

#define OUT_BYTES_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct cedar_schema *schema, enum cedar_schema_format format) {
    struct cedar_problem problem;
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    if (cedar_schema_write(schema, format, &out, &problem) == 0) {
        struct cedar_schema *again = cedar_schema_new(buffer_view(&out), format, &problem);
        CHECK(again != NULL || problem.code == CEDAR_LIMIT);
        cedar_schema_free(&again);
    } else {
        CHECK(format == CEDAR_SCHEMA_TEXT);
    }
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cedar_problem problem = {0};
    struct cedar_schema *schema = cedar_schema_new(str_make(data, size), CEDAR_SCHEMA_JSON, &problem);
    CHECK((schema != NULL) == (problem.code == CEDAR_OK));
    if (schema != NULL) {
        check_again(schema, CEDAR_SCHEMA_JSON);
        check_again(schema, CEDAR_SCHEMA_TEXT);
    }
    cedar_schema_free(&schema);
    return 0;
}
