/* Any text with a canary value in it, in any pieces: the canary never comes out, little is held, and what comes out does
 * not depend on the pieces. The first two bytes say how the text is cut, and which canary stands where. */
#include <stdlib.h>

#include "detect/mask.h"
#include "guard/mask_plan_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096

static struct detector *detector;
static struct mask_worker *worker;
static struct mask_policy operators;

/* Between blanks and words that speak for nothing: whatever stands before, these are values. */
static const struct {
    const char *text;
    const char *secret;
} canaries[] = {
    {"", ""}, /* none: whatever the text is */
    {"\nwrite to quetzal.canary@example.com, then\n", "quetzal.canary@"},
    {"\nthe key ghp_16C7e42F292c6912E7710c838347Ae178B4a is\n", "ghp_16C7e42F292c"},
    {"\niban DE89370400440532013000 of\n", "DE89370400440532013000"},
    {"\nsee eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0c.dozjgNryP4J3jVmNHl0w5N so\n", "eyJzdWIiOiIxMjM0NTY3"},
    {"\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n"
     "-----END PRIVATE KEY-----\n", "BADANBgkqhkiG9w0BAQEFAASC"},
};

static size_t piece_length(uint8_t how, size_t index) { return how == 0 ? 1 : 1 + (how * (index + 1)) % 61; }

static void feed(const struct mask_plan *plan, struct str text, uint8_t how, bool is_whole, struct buffer *out) {
    struct class_counts masked = {{0}}, revealed = {{0}};
    struct mask_lane *lane = plan->lane_new(plan, (struct mask_field){0});
    CHECK(lane != NULL);
    if (is_whole) {
        CHECK(plan->lane_feed(lane, text, true, out, &masked, &revealed) == 0);
    } else {
        for (size_t at = 0, index = 0; at < text.length; index++) {
            struct str piece = str_slice(text, at, at + piece_length(how, index));
            CHECK(plan->lane_feed(lane, piece, false, out, &masked, &revealed) == 0);
            CHECK(mask_lane_held(lane) <= MASK_LANE_HELD_MAX);
            at += piece.length;
        }
        CHECK(plan->lane_feed(lane, STR(""), true, out, &masked, &revealed) == 0);
    }
    plan->lane_free(&lane);
}

static void check(const struct mask_plan *plan, struct str text, uint8_t how, const char *secret) {
    struct buffer whole, pieces;
    buffer_init(&whole, 1 << 22);
    buffer_init(&pieces, 1 << 22);
    feed(plan, text, how, true, &whole);
    feed(plan, text, how, false, &pieces);
    CHECK(str_equal(buffer_view(&whole), buffer_view(&pieces)));
    bool leaks = *secret != 0 && str_find(buffer_view(&whole), str_from_cstr(secret)) != STR_NOT_FOUND;
    CHECK(!leaks);
    buffer_free(&whole);
    buffer_free(&pieces);
}

static void check_text(struct str rest, uint8_t how, uint8_t which) {
    struct arena arena;
    struct buffer text;
    struct error error;
    buffer_init(&text, 1 << 20);
    arena_init(&arena, 1 << 20);
    static const struct vault_key key = {{1}};
    struct vault *vault = vault_new(&arena, &key, NULL);
    struct mask_plans_options options = {.worker = worker, .operators = &operators, .vault = vault,
                                         .reveal_principal = CLASS_BIT(CLASS_IP_ADDRESS) | CLASS_BIT(CLASS_PHONE)};
    const struct mask_plans *plans = mask_plans_new(&arena, &options);
    CHECK(vault != NULL && plans != NULL);
    CHECK(vault_append_placeholder(vault, CLASS_IP_ADDRESS, STR("10.0.0.7"), &text, &error) == 0);
    CHECK(vault_append_placeholder(vault, CLASS_PHONE, STR("none"), &text, &error) == 0);
    buffer_clear(&text);
    size_t canary = which % LENGTH_OF(canaries), place = rest.length * (which / LENGTH_OF(canaries)) / 43;
    /* Its own words may be anything. */
    if (str_find(rest, str_from_cstr(canaries[canary].secret)) != STR_NOT_FOUND) canary = 0;
    buffer_append_str(&text, str_slice(rest, 0, place));
    buffer_append_cstr(&text, canaries[canary].text);
    buffer_append_str(&text, str_slice(rest, place, rest.length));
    check(plans->answer, buffer_view(&text), how, canaries[canary].secret);
    arena_free(&arena);
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error;
    if (detector == NULL) {
        detector = detector_new(NULL, &error);
        worker = mask_worker_new(detector, &error);
        operators = mask_policy_default();
    }
    if (size >= 2 && size <= TEXT_MAX) check_text(str_make(data + 2, size - 2), data[0], data[1]);
    return 0;
}
