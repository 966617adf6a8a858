/* Policy texts: what parses is formatted into a text with the same JSON form, and that stays so when it is formatted
 * again. */
#include "cedar/est.h"
#include "cedar/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool write_form(struct str text, struct buffer *json) {
    struct cedar_problem problem;
    struct cedar_policy_set *set = cedar_policy_set_new();
    bool is_read = cedar_policy_set_add(set, text, NULL, &problem) == 0;
    if (is_read) CHECK(cedar_policy_set_write_json(set, json) == 0);
    cedar_policy_set_free(&set);
    return is_read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = str_make(data, size);
    struct cedar_problem problem;
    struct buffer before, after, formatted;
    buffer_init(&before, 64u << 20);
    buffer_init(&after, 64u << 20);
    buffer_init(&formatted, 64u << 20);
    if (write_form(text, &before)) {
        CHECK(cedar_format(text, &formatted, &problem) == 0);
        CHECK(write_form(buffer_view(&formatted), &after));
        CHECK(str_equal(buffer_view(&before), buffer_view(&after)));
    }
    buffer_free(&before);
    buffer_free(&after);
    buffer_free(&formatted);
    return 0;
}
