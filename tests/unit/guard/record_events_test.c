/* The exact bytes of an intent and an outcome that have everything a model's answer can bring. */
#include "guard/record_events.h"

#include "base/clock.h"
#include "base/json.h"
#include "detect/detect.h"
#include "model/tags.h"
#include "tests/unit/tap.h"

static const struct resource prod = {{"Environment", 11}, {"prod", 4}, NULL};
static const struct resource openai = {{"Provider", 8}, {"prod/openai", 11}, &prod};
static const struct resource tool = {{"Tool", 4}, {"prod/openai/refund", 18}, &openai};
static const struct principal copilot = {.kind = PRINCIPAL_AGENT, .name = {"copilot", 7}};

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
/* SHA-256 of "amount\0" "12\0" "note\0" "<b>\0" */
#define INPUT_SHA256 "%INPUT%"

static const char intent[] =
    "{\"action\":\"00000000000000aa-7\",\"asserted\":{\"sworn-agent\":\"sup?port\",\"traceparent\":\"00-1\"},"
    "\"bundle\":\"" ZEROS "\",\"cedar\":\"allow\",\"classes\":{\"email\":2},\"decided\":\"1970-01-01T00:00:01.000000Z\","
    "\"digest\":\"" ZEROS "\",\"entities\":\"" ZEROS "\",\"principal\":\"copilot\",\"principal_type\":\"Agent\","
    "\"protocol\":\"openai\",\"reveal\":[\"email\"],\"reveal_request\":[\"*\"],\"rounds\":1,"
    "\"steps\":[{\"context\":{\"input\":{\"count\":2,\"hmac\":\"" INPUT_SHA256 "\"}},"
    "\"parents\":[\"Provider::prod/openai\",\"Environment::prod\"],\"resource\":\"prod/openai/refund\",\"type\":\"Tool\","
    "\"verb\":\"llm:tool_use\"}],\"tokens_1d\":900,\"tokens_1h\":30,\"type\":\"intent\",\"unscanned\":true,"
    "\"upstream\":\"openai\",\"verdict\":\"allow\",\"within\":\"00000000000000aa-6\"}";

static const char outcome[] =
    "{\"action\":\"00000000000000aa-7\",\"bundle\":\"" ZEROS "\",\"bytes\":10,\"detector\":\"%DETECTOR%\","
    "\"duration_us\":%DURATION%,\"facts\":{\"model\":\"gpt-4o\",\"stop_reason\":\"a?b\",\"tokens_in\":9007199254740992,"
    "\"tokens_out\":5,\"tools\":[\"refund\",\"mail\"]},\"masked\":{\"email\":1},\"masked_request\":{\"iban\":2},"
    "\"revealed_request\":{\"phone\":3},\"rows\":0,\"status\":\"ok\",\"type\":\"outcome\"}";

static struct action *make_action(void) {
    static const struct str names[] = {{"refund", 6}, {"mail", 4}};
    struct action *action = action_new(0xaa, 7);
    struct attribute_tags tags = {0};
    CHECK(action != NULL && attribute_tags_from_json(&tags, &action->arena, STR("{\"amount\":12,\"note\":\"<b>\"}")) == 0);
    snprintf(action->within, sizeof(action->within), "00000000000000aa-6");
    action->protocol = STR("openai");
    action->assertions[0] = (struct assertion){STR("traceparent"), STR("00-1")};
    action->assertions[1] = (struct assertion){STR("sworn-agent"), STR("sup\nport")};
    action->assertion_count = 2;
    action->has_unscanned = true;
    action->request_classes.count[CLASS_EMAIL] = 2;
    struct attribute *attribute = ARENA_NEW(&action->arena, struct attribute);
    *attribute = (struct attribute){.id = ATTRIBUTE_INPUT, .tags = {tags.items, tags.count}};
    action->steps = ARENA_NEW(&action->arena, struct action_step);
    action->steps[0] = (struct action_step){STR("llm:tool_use"), &tool, attribute, 1};
    action->step_count = 1;
    action->verdict = (struct verdict){.kind = VERDICT_ALLOW, .cedar_allows = true, .rounds = 1, .decided_us = 1000000,
                                       .tokens_1h = 30, .tokens_1d = 900, .reveal = CLASS_BIT(CLASS_EMAIL),
                                       .reveal_request = CLASS_SET_ALL};
    struct fact *facts = action->outcome.facts;
    fact_set_text(facts, FACT_MODEL, STR("gpt-4o"));
    fact_set_text(facts, FACT_STOP_REASON, STR("a\x01" "b"));
    fact_set_integer(facts, FACT_TOKENS_IN, INT64_MAX);
    fact_set_integer(facts, FACT_TOKENS_OUT, 5);
    fact_set_names(facts, FACT_TOOLS, names, LENGTH_OF(names));
    action->outcome.bytes = 10;
    action->outcome.masked.count[CLASS_EMAIL] = 1;
    action->outcome.request_masked.count[CLASS_IBAN] = 2;
    action->outcome.request_revealed.count[CLASS_PHONE] = 3;
    action->started_ns = clock_monotonic_ns();
    return action;
}

/* Replaces the first %mark% of text, which is only known now. */
static void put_in(struct buffer *text, struct str mark, struct str value) {
    struct buffer whole;
    struct str view = buffer_view(text);
    size_t at = str_find(view, mark);
    CHECK(at != STR_NOT_FOUND);
    buffer_init(&whole, 10000);
    buffer_append_str(&whole, str_slice(view, 0, at));
    buffer_append_str(&whole, value);
    buffer_append_str(&whole, str_slice(view, at + mark.length, view.length));
    buffer_clear(text);
    buffer_append_str(text, buffer_view(&whole));
    buffer_free(&whole);
}

static void put_hash(struct buffer *text, struct str mark, const struct sha256 *hash) {
    struct buffer hex;
    buffer_init(&hex, 2 * SHA256_BYTES);
    hex_append(&hex, str_make(hash->bytes, SHA256_BYTES));
    put_in(text, mark, buffer_view(&hex));
    buffer_free(&hex);
}

static void check_intent(const struct action *action, struct buffer *got, struct buffer *wanted) {
    struct sha256 unkeyed = sha256_of(STR("amount\0" "12\0" "note\0" "<b>\0"));
    struct sha256 input =
        seal_keyed_hash(action->seal_key, RECORD_INPUT_DOMAIN, str_make(unkeyed.bytes, sizeof(unkeyed.bytes)));
    buffer_clear(got);
    buffer_clear(wanted);
    buffer_append_cstr(wanted, intent);
    put_hash(wanted, STR(INPUT_SHA256), &input);
    record_events_intent(got, action, &copilot, STR("openai"), NULL, NULL);
    is_str(buffer_view(got), buffer_view(wanted), "an intent");
    ok(str_find(buffer_view(got), STR("<b>")) == STR_NOT_FOUND, "which tells no parameter");
}

static void check_outcome(const struct action *action, struct buffer *got, struct buffer *wanted) {
    buffer_clear(got);
    buffer_clear(wanted);
    record_events_outcome(got, action);
    struct str view = buffer_view(got);
    size_t from = str_find(view, STR("\"duration_us\":")) + 14;
    size_t length = str_find_byte(str_slice(view, from, view.length), ',');
    buffer_append_cstr(wanted, outcome);
    put_hash(wanted, STR("%DETECTOR%"), detect_version());
    put_in(wanted, STR("%DURATION%"), str_slice(view, from, from + length));
    is_str(view, buffer_view(wanted), "an outcome");
}

/* A session of whose ten events the log refused three, one of them an outcome: its end counts what is in the log. */
static void check_refused(struct buffer *got) {
    const struct record_session session = {.id = 0xaa, .recorded = 10, .refused_count = 3, .actions = 4,
                                           .highest_action = 6};
    buffer_clear(got);
    record_events_interrupted(got, session.id, 7);
    is_str(buffer_view(got), STR("{\"action\":\"00000000000000aa-7\",\"status\":\"interrupted\",\"type\":\"outcome\"}"),
           "an outcome that was refused when it came");
    buffer_clear(got);
    record_events_session_end(got, &session, STR("unavailable"));
    is_str(buffer_view(got), STR("{\"actions\":4,\"denials\":0,\"entries\":8,\"reason\":\"unavailable\","
                                 "\"type\":\"session_end\",\"unrecorded\":2}"), "entries are those that were taken");
}

int main(void) {
    struct buffer got, wanted;
    buffer_init(&got, 10000);
    buffer_init(&wanted, 10000);
    struct action *action = make_action();
    check_intent(action, &got, &wanted);
    check_outcome(action, &got, &wanted);
    check_refused(&got);
    action_free(&action);
    buffer_free(&got);
    buffer_free(&wanted);
    return tap_done();
}
