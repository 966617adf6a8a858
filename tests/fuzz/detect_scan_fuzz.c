/* Any text, with the name of a field in its first line: spans are in order and in range, and masking the mask changes
 * no class that was masked into something longer than the text allows. */
#include <stdlib.h>

#include "detect/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct detector *detector;
static struct detect_scratch *scratch;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error;
    if (detector == NULL) {
        detector = detector_new(NULL, &error);
        scratch = detect_scratch_new(detector, &error);
    }
    struct str text = str_make(data, size), name;
    if (!str_split(&text, '\n', &name)) return 0;
    struct detect_spans spans = {0};
    struct detect_hint hint = detect_hint_from_name(detector, name);
    CHECK(detect_scan(detector, scratch, text, hint, &spans, &error) == 0);
    for (int operator = 0; operator < MASK_OPERATOR_MAX; operator++) {
        struct mask_policy policy = {.key = STR("0123456789abcdef")};
        memset(policy.operators, operator, sizeof(policy.operators));
        struct buffer out;
        struct class_counts counts = {0};
        buffer_init(&out, SIZE_MAX / 2);
        bool is_changed = mask_text(&policy, text, &spans, &out, &counts);
        CHECK(is_changed == (operator != MASK_KEEP && spans.count > 0));
        CHECK(is_changed || str_equal(buffer_view(&out), text));
        buffer_free(&out);
    }
    detect_spans_free(&spans);
    return 0;
}
