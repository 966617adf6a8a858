/* What policies can ask of model and HTTP APIs: parameters as tags, budgets, what nobody can look into. */
#include "guard/policy.h"
#include "model/tags.h"
#include "tests/unit/guard/world.h"

#define NOW_US 1795354679000000ll

static const struct resource prod = {{"Environment", 11}, {"prod", 4}, NULL};
static const struct resource openai = {{"Provider", 8}, {"prod/openai", 11}, &prod};
static const struct resource model = {{"Model", 5}, {"prod/openai/gpt-4o", 18}, &openai};
static const struct resource tool = {{"Tool", 4}, {"prod/openai/refund", 18}, &openai};

#define PERMIT "@id(\"llm\") permit (principal, action in Sworn::Action::\"llm\", resource);\n"
#define REVEAL \
    "@id(\"images\") permit (principal, action == Sworn::Action::\"reveal\", resource == Sworn::DataClass::\"unscanned\") " \
    "when { context.source == \"prod/openai\" && context.sink == \"upstream\" };\n"
#define NO_IMAGES \
    "@id(\"no-images\") @reason(\"no images today\") forbid (principal, action == Sworn::Action::\"reveal\", " \
    "resource == Sworn::DataClass::\"unscanned\");\n"
#define ASK_FOR_IMAGES \
    "@id(\"ask\") @remedy(\"approve:sre\") forbid (principal, action == Sworn::Action::\"reveal\", " \
    "resource == Sworn::DataClass::\"unscanned\") unless { context.applied.contains(\"approve:sre\") };\n"
#define BUDGET "@id(\"budget\") forbid (principal, action == Sworn::Action::\"llm:prompt\", resource) " \
    "when { context.tokens_1h > 1000 || context.tokens_1d > 5000 };\n"
#define NOT_ETC "@id(\"etc\") forbid (principal, action == Sworn::Action::\"llm:tool_use\", resource) when { " \
    "context.input.hasTag(\"options.path\") && context.input.getTag(\"options.path\") like \"/etc/*\" };\n"
#define REFUND "@id(\"refund\") @remedy(\"approve:sre\") forbid (principal, action == Sworn::Action::\"llm:tool_use\", " \
    "resource == Sworn::Tool::\"prod/openai/refund\") when { context.input_numbers.hasTag(\"amount\") && " \
    "context.input_numbers.getTag(\"amount\") > 500 } unless { context.applied.contains(\"approve:sre\") };\n"
#define UNKNOWN_AMOUNT "@id(\"amount\") forbid (principal, action == Sworn::Action::\"llm:tool_use\", " \
    "resource) unless { context.input_numbers.hasTag(\"amount\") };\n"
#define LABELLED "@id(\"labels\") permit (principal, action, resource in Sworn::Provider::\"prod/openai\") when { " \
    "resource.labels.contains(\"approved\") && Sworn::Provider::\"prod/openai\".labels.contains(\"pii\") };\n"
#define HTTP "@id(\"http\") permit (principal, action in Sworn::Action::\"http\", resource);\n"
#define REFUNDS \
    "@id(\"ours\") permit (principal, action == Sworn::Action::\"billing:create_refund\", resource is Sworn::Api);\n"
#define LACKS \
    "it holds data that cannot be inspected (an image, audio or a file), and no policy reveals unscanned to the upstream"

static const struct {
    const char *name;
    const char *policies;
    const char *verb;
    const char *input; /* JSON; NULL: not a tool call */
    const char *applied;
    int64_t tokens_1h;
    int64_t tokens_1d;
    bool has_unscanned;
    enum verdict_kind kind;
    const char *determining;
    const char *message;
} rows[] = {
    {"a prompt", PERMIT, "llm:prompt", NULL, NULL, 0, 0, false, VERDICT_ALLOW, "llm", ""},
    {"unscanned data is denied by default", PERMIT, "llm:prompt", NULL, NULL, 0, 0, true, VERDICT_DENY, "", LACKS},
    {"unscanned data that is revealed", PERMIT REVEAL, "llm:prompt", NULL, NULL, 0, 0, true, VERDICT_ALLOW, "images llm",
     ""},
    {"reveal is not asked without any", PERMIT NO_IMAGES, "llm:prompt", NULL, NULL, 0, 0, false, VERDICT_ALLOW, "llm", ""},
    {"unscanned data that is forbidden", PERMIT REVEAL NO_IMAGES, "llm:prompt", NULL, NULL, 0, 0, true, VERDICT_DENY,
     "no-images", "denied by policy no-images: no images today"},
    {"unscanned data that needs approval", PERMIT REVEAL ASK_FOR_IMAGES, "llm:prompt", NULL, NULL, 0, 0, true, VERDICT_HOLD,
     "ask", "held by policy ask: needs approve:sre"},
    {"and got it", PERMIT REVEAL ASK_FOR_IMAGES, "llm:prompt", NULL, "approve:sre", 0, 0, true, VERDICT_ALLOW, "images llm",
     ""},
    {"approval alone reveals nothing", PERMIT ASK_FOR_IMAGES, "llm:prompt", NULL, "approve:sre", 0, 0, true, VERDICT_DENY,
     "", LACKS},
    {"a denied prompt is denied for its own reason", REVEAL, "llm:prompt", NULL, NULL, 0, 0, true, VERDICT_DENY, "",
     "no policy permits this: it is action \"llm:prompt\""},
    {"within the budget", PERMIT BUDGET, "llm:prompt", NULL, NULL, 1000, 5000, false, VERDICT_ALLOW, "llm", ""},
    {"beyond the hour's", PERMIT BUDGET, "llm:prompt", NULL, NULL, 1001, 5000, false, VERDICT_DENY, "budget", NULL},
    {"beyond the day's", PERMIT BUDGET, "llm:prompt", NULL, NULL, 0, 5001, false, VERDICT_DENY, "budget", NULL},
    {"a nested text", PERMIT NOT_ETC, "llm:tool_use", "{\"options\":{\"path\":\"/etc/passwd\"}}", NULL, 0, 0, false,
     VERDICT_DENY, "etc", NULL},
    {"an escaped one", PERMIT NOT_ETC, "llm:tool_use", "{\"options\":{\"path\":\"\\u002fetc/passwd\"}}", NULL, 0, 0, false,
     VERDICT_DENY, "etc", NULL},
    {"another place", PERMIT NOT_ETC, "llm:tool_use", "{\"options\":{\"path\":\"/tmp\"},\"path\":\"/etc/x\"}", NULL, 0, 0,
     false, VERDICT_ALLOW, "llm", ""},
    {"a small number", PERMIT REFUND, "llm:tool_use", "{\"amount\":500}", NULL, 0, 0, false, VERDICT_ALLOW, "llm", ""},
    {"a large number", PERMIT REFUND, "llm:tool_use", "{\"amount\":501}", NULL, 0, 0, false, VERDICT_HOLD, "refund", NULL},
    {"approved", PERMIT REFUND, "llm:tool_use", "{\"amount\":501}", "approve:sre", 0, 0, false, VERDICT_ALLOW, "llm", ""},
    {"a number that is a text is none", PERMIT UNKNOWN_AMOUNT, "llm:tool_use", "{\"amount\":\"a lot\"}", NULL, 0, 0, false,
     VERDICT_DENY, "amount", NULL},
    {"labels of an upstream and a model", LABELLED, "llm:prompt", NULL, NULL, 0, 0, false, VERDICT_ALLOW, "labels", ""},
    {"a tool that has none", LABELLED, "llm:tool_use", "{}", NULL, 0, 0, false, VERDICT_DENY, "", NULL},
    {"an operation of the config is in its group", HTTP, "billing:create_refund", NULL, NULL, 0, 0, false, VERDICT_ALLOW,
     "http", ""},
    {"so are those of the providers", HTTP, "openai:create_batch", NULL, NULL, 0, 0, false, VERDICT_ALLOW, "http", ""},
    {"a verb that nothing names is in no group", HTTP, "billing:steal", NULL, NULL, 0, 0, false, VERDICT_DENY, "", NULL},
    {"nor is what no table names", HTTP, "http:unknown", NULL, NULL, 0, 0, false, VERDICT_DENY, "", NULL},
    {"no number at all", PERMIT UNKNOWN_AMOUNT, "llm:tool_use", "{}", NULL, 0, 0, false, VERDICT_DENY, "amount", NULL},
};

static struct action *make_action(size_t i) {
    struct action *action = action_new(1, 1);
    CHECK(action != NULL);
    struct attribute *attributes = ARENA_NEW_ARRAY(&action->arena, struct attribute, 2);
    size_t count = 0;
    if (rows[i].input != NULL) {
        struct attribute_tags tags = {0};
        CHECK(attribute_tags_from_json(&tags, &action->arena, str_from_cstr(rows[i].input)) == 0);
        attributes[count++] = (struct attribute){.id = ATTRIBUTE_INPUT, .tags = {tags.items, tags.count}};
        attributes[count++] = (struct attribute){.id = ATTRIBUTE_INPUT_NUMBERS, .tags = {tags.items, tags.count}};
    }
    action->steps = ARENA_NEW_ARRAY(&action->arena, struct action_step, 1);
    action->steps[0] = (struct action_step){str_from_cstr(rows[i].verb), rows[i].input != NULL ? &tool : &model, attributes,
                                            count};
    action->step_count = 1;
    action->has_unscanned = rows[i].has_unscanned;
    return action;
}

static void check_row(const struct identity *identity, struct arena *scratch, size_t i) {
    struct bundle *bundle = world_bundle(identity, rows[i].policies);
    if (!ok(bundle != NULL, rows[i].name)) return;
    struct error error = {0};
    struct policy_session *session =
        policy_session_new(bundle, identity_find(identity, STR("copilot")), STR("192.0.2.9"), &error);
    struct action *action = make_action(i);
    struct policy_facts facts = {
        .now_us = NOW_US, .tokens_1h = rows[i].tokens_1h, .tokens_1d = rows[i].tokens_1d, .source = STR("prod/openai")};
    struct str applied = str_from_cstr(rows[i].applied);
    is_integer(policy_decide(session, scratch, &facts, action, &applied, applied.data != NULL, &error), 0, rows[i].name);
    const struct verdict *verdict = &action->verdict;
    is_integer(verdict->kind, rows[i].kind, rows[i].name);
    struct buffer names;
    buffer_init(&names, 1000);
    for (size_t j = 0; j < verdict->policy_count; j++) {
        if (j > 0) buffer_append_byte(&names, ' ');
        buffer_append_str(&names, verdict->policies[j]);
    }
    is_str(buffer_view(&names), str_from_cstr(rows[i].determining), "determining policies");
    if (rows[i].message != NULL) is_str(verdict->message, str_from_cstr(rows[i].message), "message");
    ok(verdict->tokens_1h == rows[i].tokens_1h && verdict->tokens_1d == rows[i].tokens_1d, "what was spent is kept");
    buffer_free(&names);
    action_free(&action);
    policy_session_free(&session);
    bundle_release(&bundle);
}

/* Every policy of the rows is one that `sworn policy check` finds nothing in. */
static void check_schema(const struct identity *identity) {
    struct bundle *bundle =
        world_bundle(identity, PERMIT REVEAL NO_IMAGES ASK_FOR_IMAGES BUDGET NOT_ETC REFUND UNKNOWN_AMOUNT HTTP REFUNDS);
    struct bundle_problems problems;
    struct error error = {0};
    bundle_problems_init(&problems);
    is_integer(bundle_validate(bundle, &problems, &error), 0, "they can be validated");
    is_integer(problems.count, 0, "and are good");
    for (size_t i = 0; i < problems.count; i++) printf("# %.*s\n", STR_ARGS(problems.items[i].text));
    bundle_problems_free(&problems);
    bundle_release(&bundle);
}

int main(void) {
    world_open();
    struct identity *identity = world_identity();
    struct arena scratch;
    arena_init(&scratch, POLICY_SCRATCH_BYTES);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(identity, &scratch, i);
    check_schema(identity);
    arena_free(&scratch);
    identity_release(&identity);
    world_close();
    return tap_done();
}
