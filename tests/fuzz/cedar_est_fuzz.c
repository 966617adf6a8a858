/* JSON policies: each is refused with a place inside it, or becomes a policy whose JSON form can be read again and is
 * the same then. */
#include "cedar/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct cedar_policy_set *set, bool is_whole) {
    struct cedar_problem problem;
    struct buffer first, second;
    struct cedar_policy_set *again = cedar_policy_set_new();
    buffer_init(&first, 64u << 20);
    buffer_init(&second, 64u << 20);
    if (is_whole) {
        CHECK(cedar_policy_set_write_json(set, &first) == 0);
        CHECK(cedar_policy_set_load_json(again, buffer_view(&first), &problem) == 0);
        CHECK(cedar_policy_set_write_json(again, &second) == 0);
    } else {
        CHECK(cedar_policy_write_json(cedar_policy_set_at(set, 0), &first) == 0);
        CHECK(cedar_policy_set_add_json(again, buffer_view(&first), STR("p"), &problem) == 0);
        CHECK(cedar_policy_write_json(cedar_policy_set_at(again, 0), &second) == 0);
    }
    CHECK(str_equal(buffer_view(&first), buffer_view(&second)));
    buffer_free(&first);
    buffer_free(&second);
    cedar_policy_set_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str json = str_make(data, size);
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        struct cedar_problem problem = {0};
        struct cedar_policy_set *set = cedar_policy_set_new();
        int status = is_whole ? cedar_policy_set_load_json(set, json, &problem)
                              : cedar_policy_set_add_json(set, json, STR("p"), &problem);
        if (status == 0) {
            compare(set, is_whole);
        } else {
            CHECK(problem.code != CEDAR_OK && problem.text[0] != '\0');
            CHECK(cedar_policy_set_count(set) == 0);
        }
        cedar_policy_set_free(&set);
    }
    return 0;
}
