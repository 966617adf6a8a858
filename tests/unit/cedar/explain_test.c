/* Explanations: the outcome of each policy, and the facts that decided it. */
#include "cedar/explain.h"
#include "tests/unit/tap.h"

static const char policies[] =
    "@id(\"open\") permit(principal in Group::\"g\", action, resource);"
    "@id(\"rows\") permit(principal, action, resource) when { context.rows < 10 && context.mode == \"r\" };"
    "@id(\"night\") forbid(principal, action, resource) unless { context.hour >= 8 || principal == User::\"root\" };"
    "@id(\"typo\") forbid(principal, action, resource) when { context.clases.contains(\"x\") };"
    "@id(\"other\") permit(principal == User::\"bob\", action, resource);"
    "@id(\"slot\") permit(principal == ?principal, action, resource);";

static const char wanted_text[] =
    "DENY: a policy forbids this.\n\n"
    "open permits this, without conditions\n"
    "night forbids this:\n"
    "  unless\n"
    "    - `context.hour >= 8 || principal == User::\"root\"` is false\n"
    "      - `context.hour >= 8` is false\n"
    "        - `context.hour` is 3\n"
    "      - `principal == User::\"root\"` is false\n"
    "        - `principal` is User::\"eve\"\n"
    "typo could not be evaluated, and is left out:\n"
    "  when\n"
    "    - `context.clases.contains(\"x\")` cannot be evaluated: ";

static const char wanted_end[] =
    "rows does not permit this:\n"
    "  when\n"
    "    - `context.rows < 10 && context.mode == \"r\"` is false\n"
    "      - `context.rows < 10` is false\n"
    "        - `context.rows` is 25\n"
    "other is not about this request: it is for `principal == User::\"bob\"`, and this is User::\"eve\"\n"
    "link is not about this request: it is for `principal == ?principal`, and this is User::\"eve\"; the slot stands "
    "for User::\"carl\"\n";

int main(void) {
    struct arena arena;
    struct cedar_problem problem = {0};
    struct cedar_request request;
    struct cedar_explanation explanation;
    struct buffer text, json;
    arena_init(&arena, 1u << 20);
    buffer_init(&text, 1u << 20);
    buffer_init(&json, 1u << 20);
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_entities *entities = cedar_entities_new();
    const struct cedar_naming naming = {CEDAR_IDS_ANNOTATED, STR(""), STR("")};
    const struct cedar_uid *carl = cedar_uid_make(&arena, STR("User"), STR("carl"));
    ok(cedar_policy_set_add(set, str_from_cstr(policies), &naming, &problem) == 0 &&
           cedar_policy_set_link(set, STR("slot"), STR("link"), carl, NULL, &problem) == 0 &&
           cedar_entities_add_json(entities, STR("[{\"uid\":{\"type\":\"User\",\"id\":\"eve\"},\"attrs\":{},\"parents\":"
                                                 "[{\"type\":\"Group\",\"id\":\"g\"}]}]"), &problem) == 0 &&
           cedar_entities_finish(entities, &problem) == 0, "policies and entities are read");
    ok(cedar_request_parse(&arena, STR("{\"principal\":\"User::\\\"eve\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":"
                                       "\"File::\\\"f\\\"\",\"context\":{\"rows\":25,\"mode\":\"r\",\"hour\":3}}"),
                           &request, &problem) == 0, "the request is read");
    ok(cedar_explain(set, &request, entities, &arena, &explanation) == 0, "and explained");
    ok(!explanation.is_allowed && explanation.count == 6, "a denial, every policy and link in it, no template");
    cedar_explanation_write_text(&explanation, &text);
    is_str(str_slice(buffer_view(&text), 0, sizeof(wanted_text) - 1), str_from_cstr(wanted_text), "the text begins so");
    ok(str_ends_with(buffer_view(&text), str_from_cstr(wanted_end)), "and ends so");
    cedar_explanation_write_json(&explanation, &json);
    ok(str_starts_with(buffer_view(&json), STR("{\"decision\":\"deny\",\"policies\":[{\"id\":\"open\",\"effect\":\"permit\","
                                               "\"outcome\":\"satisfied\",\"because\":[]}")), "JSON begins so");
    ok(str_find(buffer_view(&json), STR("\"text\":\"context.rows\",\"start\":")) != STR_NOT_FOUND, "and has the facts");
    struct arena small;
    arena_init(&small, 256);
    is_integer(cedar_explain(set, &request, entities, &small, &explanation), -1, "a full arena is said");
    arena_free(&small);
    buffer_free(&text);
    buffer_free(&json);
    cedar_entities_free(&entities);
    cedar_policy_set_free(&set);
    arena_free(&arena);
    return tap_done();
}
