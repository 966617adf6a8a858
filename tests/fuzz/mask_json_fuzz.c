/* Any bytes: what is JSON is masked, never refused; it stays JSON when it is masked, and stays itself when every class
 * is kept. */
#include <stdlib.h>

#include "base/json.h"
#include "detect/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct detector *detector;
static struct detect_scratch *scratch;

static bool is_json(struct str text) {
    struct json_scanner scanner;
    struct str raw;
    json_scanner_init(&scanner, text);
    while (true) {
        enum json_token token = json_next(&scanner, &raw);
        if (token == JSON_TOKEN_END || token == JSON_TOKEN_BAD) return token == JSON_TOKEN_END;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error;
    if (detector == NULL) {
        detector = detector_new(NULL, &error);
        scratch = detect_scratch_new(detector, &error);
    }
    struct str json = str_make(data, size);
    struct mask_policy policy = mask_policy_default();
    struct mask_policy keep = mask_policy_reveal(&policy, CLASS_SET_ALL);
    struct class_counts counts = {0};
    struct buffer out;
    buffer_init(&out, SIZE_MAX / 2);
    int result = mask_json(detector, scratch, &policy, DETECT_HINT_NONE, json, &out, &counts, &error);
    CHECK((result == 0) == is_json(json));
    if (result == 0) {
        CHECK(is_json(buffer_view(&out)));
        buffer_clear(&out);
        CHECK(mask_json(detector, scratch, &keep, DETECT_HINT_NONE, json, &out, &counts, &error) == 0);
        CHECK(str_equal(buffer_view(&out), json));
        CHECK(detect_json(detector, scratch, DETECT_HINT_NONE, json, &counts, &error) == 0);
    }
    buffer_free(&out);
    return 0;
}
