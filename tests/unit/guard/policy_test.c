#include "guard/policy.h"
#include "tests/unit/guard/world.h"

static const struct resource prod = {{"Environment", 11}, {"prod", 4}, NULL};
static const struct resource test_environment = {{"Environment", 11}, {"test", 4}, NULL};
static const struct resource shop = {{"Database", 8}, {"prod/shop", 9}, &prod};
static const struct resource lab = {{"Database", 8}, {"test/lab", 8}, &test_environment};
static const struct resource customers = {{"Table", 5}, {"prod/shop/public.customers", 26}, &shop};
static const struct resource orders = {{"Table", 5}, {"prod/shop/public.orders", 23}, &shop};
static const struct resource shop_archive = {{"Database", 8}, {"prod/shop/archive", 17}, &shop};
static const struct resource archived = {{"Table", 5}, {"prod/shop/archive/public.customers", 34}, &shop_archive};
static const struct resource samples = {{"Table", 5}, {"test/lab/public.samples", 23}, &lab};

#define PERMIT_ALL "@id(\"all\") permit (principal, action, resource);\n"
#define TWO_SRE \
    "@id(\"ddl-two-sre\") @remedy(\"approve:sre:2\")\n" \
    "forbid (principal, action == Sworn::Action::\"sql:ddl\", resource in Sworn::Environment::\"prod\")\n" \
    "unless { context.applied.contains(\"approve:sre:2\") };\n"
#define OWNER \
    "@id(\"pii-owner\") @remedy(\"approve:owners\")\n" \
    "forbid (principal, action in Sworn::Action::\"sql\", resource)\n" \
    "when { resource.labels.contains(\"pii\") } unless { context.applied.contains(\"approve:owners\") };\n"
#define NO_DROP \
    "@id(\"no-drop\") @reason(\"nobody drops tables here\")\n" \
    "forbid (principal, action == Sworn::Action::\"sql:ddl\", resource) when { context.statement == \"drop\" };\n"
#define ERRS_FORBID "@id(\"errs\") forbid (principal, action, resource) when { context.nosuch > 3 };\n"
#define ERRS_PERMIT "@id(\"errs-permit\") permit (principal, action, resource) when { context.nosuch > 3 };\n"

struct question {
    const char *verb;
    const struct resource *resource;
};

static const struct {
    const char *name;
    const char *policies;
    const char *principal;
    struct question questions[3];
    const char *statement;
    const char *applied;
    enum verdict_kind kind;
    bool cedar_allows;
    const char *determining; /* joined by spaces */
    const char *errors;
    const char *remedies;
    const char *message;
} rows[] = {
    {"permit", PERMIT_ALL, "ana", {{"sql:read", &customers}}, "select", NULL, VERDICT_ALLOW, true, "all", "", "", ""},
    {"default deny", "@id(\"x\") permit (principal, action == Sworn::Action::\"sql:read\", resource);", "ana",
     {{"sql:write", &customers}}, "update", NULL, VERDICT_DENY, false, "", "", "",
     "no policy permits this: it is action \"sql:write\""},
    {"forbid over permit", PERMIT_ALL NO_DROP, "ana", {{"sql:ddl", &orders}}, "drop", NULL, VERDICT_DENY, false,
     "no-drop", "", "", "denied by policy no-drop: nobody drops tables here"},
    {"a forbid without a reason", PERMIT_ALL "@id(\"n\") forbid (principal, action, resource);", "ana",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_DENY, false, "n", "", "",
     "denied by policy n: this action is not allowed"},
    {"one remedy", PERMIT_ALL TWO_SRE, "ana", {{"sql:ddl", &orders}}, "alter", NULL, VERDICT_HOLD, false, "ddl-two-sre",
     "", "approve:sre:2", "held by policy ddl-two-sre: needs approve:sre:2"},
    {"the remedy applied", PERMIT_ALL TWO_SRE, "ana", {{"sql:ddl", &orders}}, "alter", "approve:sre:2", VERDICT_ALLOW,
     true, "all", "", "", ""},
    {"another remedy applied", PERMIT_ALL TWO_SRE, "ana", {{"sql:ddl", &orders}}, "alter", "approve:sre:1",
     VERDICT_HOLD,
     false, "ddl-two-sre", "", "approve:sre:2", NULL},
    {"two remedies", PERMIT_ALL TWO_SRE OWNER, "ana", {{"sql:ddl", &customers}}, "alter", NULL, VERDICT_HOLD, false,
     "ddl-two-sre pii-owner", "", "approve:owners approve:sre:2",
     "held by policies ddl-two-sre, pii-owner: needs approve:owners, approve:sre:2"},
    {"two remedies, one applied", PERMIT_ALL TWO_SRE OWNER, "ana", {{"sql:ddl", &customers}}, "alter", "approve:owners",
     VERDICT_HOLD, false, "ddl-two-sre", "", "approve:sre:2", NULL},
    {"two steps, a remedy each", PERMIT_ALL TWO_SRE OWNER, "ana", {{"sql:ddl", &orders}, {"sql:read", &customers}},
     "alter", NULL, VERDICT_HOLD, false, "ddl-two-sre pii-owner", "", "approve:owners approve:sre:2", NULL},
    {"curable and incurable in one step", PERMIT_ALL TWO_SRE NO_DROP, "ana", {{"sql:ddl", &orders}}, "drop", NULL,
     VERDICT_DENY, false, "ddl-two-sre no-drop", "", "",
     "denied by policies ddl-two-sre, no-drop: nobody drops tables here"},
    {"curable and incurable in two steps",
     TWO_SRE "@id(\"ddl\") permit (principal, action == Sworn::Action::\"sql:ddl\", resource);", "ana",
     {{"sql:ddl", &orders}, {"sql:write", &orders}}, "alter", NULL, VERDICT_DENY, false, "ddl-two-sre", "", "", NULL},
    {"erring forbid", PERMIT_ALL ERRS_FORBID, "ana", {{"sql:read", &orders}}, "select", NULL, VERDICT_DENY, true,
     "errs",
     "errs", "", "denied by policy errs: a policy could not be evaluated, so that this is not allowed"},
    {"erring forbid beside a curable one", PERMIT_ALL ERRS_FORBID TWO_SRE, "ana", {{"sql:ddl", &orders}}, "alter", NULL,
     VERDICT_DENY, false, "ddl-two-sre errs", "errs", "", NULL},
    {"erring permit does not permit", ERRS_PERMIT, "ana", {{"sql:read", &orders}}, "select", NULL, VERDICT_DENY, false,
     "", "errs-permit", "", "no policy permits this: it is action \"sql:read\""},
    {"erring permit does not deny", PERMIT_ALL ERRS_PERMIT, "ana", {{"sql:read", &orders}}, "select", NULL,
     VERDICT_ALLOW, true, "all", "errs-permit", "", ""},
    {"two tables, both allowed", PERMIT_ALL, "ana", {{"sql:read", &orders}, {"sql:read", &customers}}, "select", NULL,
     VERDICT_ALLOW, true, "all", "", "", ""},
    {"two tables, one denied",
     PERMIT_ALL "@id(\"pii\") forbid (principal, action, resource) when { resource.labels.contains(\"pii\") };", "ana",
     {{"sql:read", &orders}, {"sql:read", &customers}}, "select", NULL, VERDICT_DENY, false, "pii", "", "", NULL},
    {"a table that the config does not name has no labels",
     "@id(\"u\") permit (principal, action, resource) when { resource.labels.isEmpty() };", "ana",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_ALLOW, true, "u", "", "", ""},
    {"labels apply in every database of the upstream",
     PERMIT_ALL "@id(\"pii\") forbid (principal, action, resource) when { resource.labels.contains(\"pii\") };", "ana",
     {{"sql:read", &archived}}, "select", NULL, VERDICT_DENY, false, "pii", "", "", NULL},
    {"every database of an upstream is in it",
     "@id(\"d\") permit (principal, action, resource in Sworn::Database::\"prod/shop\");", "ana",
     {{"sql:read", &archived}}, "select", NULL, VERDICT_ALLOW, true, "d", "", "", ""},
    {"environment tree: in", "@id(\"p\") permit (principal, action, resource in Sworn::Environment::\"prod\");", "ana",
     {{"sql:read", &orders}, {"sql:read", &customers}, {"sql:admin", &shop}}, "select", NULL, VERDICT_ALLOW, true, "p",
     "", "", ""},
    {"environment tree: not in", "@id(\"p\") permit (principal, action, resource in Sworn::Environment::\"prod\");",
     "ana", {{"sql:read", &samples}}, "select", NULL, VERDICT_DENY, false, "", "", "", NULL},
    {"action group", "@id(\"g\") permit (principal, action in Sworn::Action::\"sql\", resource);", "ana",
     {{"sql:read", &orders}, {"sql:write", &orders}, {"sql:ddl", &orders}}, "select", NULL, VERDICT_ALLOW, true, "g",
     "",
     "", ""},
    {"sql:unknown is in no group", "@id(\"g\") permit (principal, action in Sworn::Action::\"sql\", resource);", "ana",
     {{"sql:unknown", &shop}}, "", NULL, VERDICT_DENY, false, "", "", "", NULL},
    {"sql:unknown by name", "@id(\"n\") permit (principal, action == Sworn::Action::\"sql:unknown\", resource);", "ana",
     {{"sql:unknown", &shop}}, "", NULL, VERDICT_ALLOW, true, "n", "", "", ""},
    {"principal in group", "@id(\"s\") permit (principal in Sworn::Group::\"support\", action, resource);", "ana",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_ALLOW, true, "s", "", "", ""},
    {"an agent is not in its person's groups",
     "@id(\"s\") permit (principal in Sworn::Group::\"support\", action, resource);", "copilot",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_DENY, false, "", "", "", NULL},
    {"onBehalfOf",
     "@id(\"b\") permit (principal is Sworn::Agent, action, resource)\n"
     "when { principal has onBehalfOf && principal.onBehalfOf in Sworn::Group::\"support\" };", "copilot",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_ALLOW, true, "b", "", "", ""},
    {"an agent for nobody",
     "@id(\"b\") permit (principal is Sworn::Agent, action, resource) when { principal has onBehalfOf };", "loner",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_DENY, false, "", "", "", NULL},
    {"service", "@id(\"n\") permit (principal == Sworn::Service::\"nightly\", action, resource);", "nightly",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_ALLOW, true, "n", "", "", ""},
    {"context of the gateway",
     "@id(\"c\") permit (principal, action, resource) when {\n"
     " context.classes.contains(\"email\") && context.session_actions == 7 && context.session_denials == 2 &&\n"
     " context.hour == 13 && context.weekday == 7 && context.client_address.isInRange(ip(\"192.0.2.0/24\")) &&\n"
     " context.time == datetime(\"2026-11-22T13:37:00Z\") && context.applied.isEmpty() &&\n"
     " context.has_where && context.functions.containsAll([\"f\", \"g\"]) && context.row_limit == 10 };", "ana",
     {{"sql:read", &orders}}, "select", NULL, VERDICT_ALLOW, true, "c", "", "", ""},
    {"an id with a number", "permit (principal, action, resource);", "ana", {{"sql:read", &orders}}, "select", NULL,
     VERDICT_ALLOW, true, "policy.cedar#policy0", "", "", ""},
};

#define NOW_US 1795354679000000ll /* 2026-11-22T13:37:59Z, a Sunday */

static const struct policy_facts facts = {.now_us = NOW_US, .session_actions = 7, .session_denials = 2};

static struct str joined(const struct str *items, size_t count, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", i == 0 ? "" : " ", STR_ARGS(items[i]));
    }
    return str_from_cstr(out);
}

static struct action *make_action(const struct question *questions, size_t count, const char *statement) {
    static const struct str functions[] = {{"g", 1}, {"f", 1}};
    struct action *action = action_new(1, 1);
    CHECK(action != NULL);
    struct attribute *attributes = ARENA_NEW_ARRAY(&action->arena, struct attribute, 4);
    attributes[0] = (struct attribute){.id = ATTRIBUTE_STATEMENT, .string = str_from_cstr(statement)};
    attributes[1] = (struct attribute){.id = ATTRIBUTE_HAS_WHERE, .boolean = true};
    attributes[2] = (struct attribute){.id = ATTRIBUTE_FUNCTIONS, .set = {functions, 2}};
    attributes[3] = (struct attribute){.id = ATTRIBUTE_ROW_LIMIT, .integer = 10};
    action->steps = ARENA_NEW_ARRAY(&action->arena, struct action_step, count);
    for (size_t i = 0; i < count && questions[i].verb != NULL; i++) {
        action->steps[i] = (struct action_step){str_from_cstr(questions[i].verb), questions[i].resource, attributes, 4};
        action->step_count++;
    }
    action->request_classes.count[CLASS_EMAIL] = 1;
    return action;
}

static void check_row(const struct identity *identity, struct arena *scratch, size_t i) {
    char text[512];
    struct bundle *bundle = world_bundle(identity, rows[i].policies);
    if (!ok(bundle != NULL, rows[i].name)) return;
    struct error error = {0};
    const struct principal *principal = identity_find(identity, str_from_cstr(rows[i].principal));
    struct policy_session *session = policy_session_new(bundle, principal, STR("192.0.2.9"), &error);
    struct action *action = make_action(rows[i].questions, LENGTH_OF(rows[i].questions), rows[i].statement);
    struct str applied = str_from_cstr(rows[i].applied);
    is_integer(policy_decide(session, scratch, &facts, action, &applied, applied.data != NULL, &error), 0,
               rows[i].name);
    const struct verdict *verdict = &action->verdict;
    is_integer(verdict->kind, rows[i].kind, rows[i].name);
    is_integer(verdict->cedar_allows, rows[i].cedar_allows, "what Cedar says");
    is_integer(verdict->rounds, 1, "rounds");
    is_str(joined(verdict->policies, verdict->policy_count, text, sizeof(text)), str_from_cstr(rows[i].determining),
           "determining policies");
    is_str(joined(verdict->errors, verdict->error_count, text, sizeof(text)), str_from_cstr(rows[i].errors), "errors");
    is_str(joined(verdict->remedies, verdict->remedy_count, text, sizeof(text)), str_from_cstr(rows[i].remedies),
           "remedies");
    is_str(joined(verdict->applied, verdict->applied_count, text, sizeof(text)), applied, "applied");
    ok(sha256_equal(&verdict->bundle, bundle_hash(bundle)), "the bundle is named");
    if (rows[i].message != NULL) is_str(verdict->message, str_from_cstr(rows[i].message), "message");
    action_free(&action);
    policy_session_free(&session);
    bundle_release(&bundle);
}

/* Hold, approve, decide again: `applied` grows until the action goes. */
static void check_rounds(const struct identity *identity, struct arena *scratch) {
    static const struct question questions[] = {{"sql:ddl", &customers}};
    struct bundle *bundle = world_bundle(identity, PERMIT_ALL TWO_SRE OWNER);
    struct error error = {0};
    struct policy_session *session = policy_session_new(bundle, identity_find(identity, STR("ana")), STR_NONE, &error);
    struct action *action = make_action(questions, 1, "alter");
    is_integer(policy_decide(session, scratch, &facts, action, NULL, 0, &error), 0, "first round");
    struct str applied[2];
    CHECK(action->verdict.remedy_count == 2);
    memcpy(applied, action->verdict.remedies, sizeof(applied));
    is_integer(policy_decide(session, scratch, &facts, action, applied, 2, &error), 0, "second round");
    is_integer(action->verdict.kind, VERDICT_ALLOW, "both remedies obtained: it goes");
    is_integer(action->verdict.rounds, 2, "two rounds");
    is_integer(action->verdict.message.length, 0, "no message of the first round is left");
    action_free(&action);
    policy_session_free(&session);
    bundle_release(&bundle);
}

static void check_refusals(const struct identity *identity) {
    struct bundle *bundle = world_bundle(identity, PERMIT_ALL);
    struct error error = {0};
    struct principal stranger = {.kind = PRINCIPAL_USER, .name = STR("mallory")};
    ok(policy_session_new(bundle, &stranger, STR_NONE, &error) == NULL && error.code == ERROR_DENIED, "a stranger");
    struct principal disguised = {.kind = PRINCIPAL_SERVICE, .name = STR("ana")};
    ok(policy_session_new(bundle, &disguised, STR_NONE, &error) == NULL, "a known name of another kind");
    ok(policy_session_new(bundle, identity_find(identity, STR("ana")), STR("nowhere"), &error) == NULL, "no address");

    struct policy_session *session = policy_session_new(bundle, identity_find(identity, STR("ana")), STR_NONE, &error);
    struct arena small;
    arena_init(&small, 256);
    static const struct question questions[] = {{"sql:read", &orders}};
    struct action *action = make_action(questions, 1, "select");
    ok(policy_decide(session, &small, &facts, action, NULL, 0, &error) != 0, "scratch is full");
    is_integer(action->verdict.kind, VERDICT_DENY, "then it is denied");
    action->step_count = 0;
    arena_free(&small);
    arena_init(&small, POLICY_SCRATCH_BYTES);
    ok(policy_decide(session, &small, &facts, action, NULL, 0, &error) != 0 && action->verdict.kind == VERDICT_DENY,
       "an action that asks for nothing is denied");
    struct resource odd = {{"a b", 3}, {"x", 1}, NULL};
    struct question odd_question = {"sql:read", &odd};
    struct action *other = make_action(&odd_question, 1, "select");
    ok(policy_decide(session, &small, &facts, other, NULL, 0, &error) != 0 && other->verdict.kind == VERDICT_DENY,
       "a resource type that is no name");
    action_free(&other);
    action_free(&action);
    arena_free(&small);
    policy_session_free(&session);
    bundle_release(&bundle);
}

static class_set reveal_at(struct policy_session *session, struct arena *scratch, const char *source,
                           enum policy_sink sink, int64_t now_us, const char *applied) {
    struct policy_facts now = {.now_us = now_us};
    struct error error = {0};
    struct str token = str_from_cstr(applied);
    class_set reveal = 0;
    CHECK(policy_reveal(session, scratch, &now, str_from_cstr(source), sink, &token, token.data != NULL, &reveal,
                        &error) == 0);
    return reveal;
}

static void check_reveal(const struct identity *identity, struct arena *scratch) {
    struct bundle *bundle = world_bundle(
        identity,
        "permit (principal in Sworn::Group::\"support\", action == Sworn::Action::\"reveal\", "
        "resource == Sworn::DataClass::\"email\") "
        "when { context.source == \"prod/shop\" && context.sink == \"principal\" };"
        "permit (principal == Sworn::User::\"sam\", action == Sworn::Action::\"reveal\", resource) "
        "when { context.hour == 13 };"
        "permit (principal == Sworn::User::\"sam\", action == Sworn::Action::\"reveal\", resource) "
        "when { context.applied.contains(\"approve:dpo\") };"
        "forbid (principal == Sworn::User::\"sam\", action == Sworn::Action::\"reveal\", "
        "resource == Sworn::DataClass::\"iban\") when { context.nosuch };");
    CHECK(bundle != NULL);
    struct error error = {0};
    struct policy_session *ana = policy_session_new(bundle, identity_find(identity, STR("ana")), STR_NONE, &error);
    struct policy_session *agent = policy_session_new(bundle, identity_find(identity, STR("copilot")), STR_NONE,
                                                      &error);
    struct policy_session *sam = policy_session_new(bundle, identity_find(identity, STR("sam")), STR_NONE, &error);
    is_integer(reveal_at(ana, scratch, "prod/shop", POLICY_SINK_PRINCIPAL, NOW_US, NULL), CLASS_BIT(CLASS_EMAIL),
               "a person in support sees emails");
    is_integer(reveal_at(ana, scratch, "prod/shop", POLICY_SINK_PRINCIPAL, NOW_US, NULL), CLASS_BIT(CLASS_EMAIL),
               "and again, from memory");
    is_integer(reveal_at(ana, scratch, "test/lab", POLICY_SINK_PRINCIPAL, NOW_US, NULL), 0, "not of another source");
    is_integer(reveal_at(ana, scratch, "prod/shop", POLICY_SINK_UPSTREAM, NOW_US, NULL), 0, "nor for another sink");
    is_integer(reveal_at(agent, scratch, "prod/shop", POLICY_SINK_PRINCIPAL, NOW_US, NULL), 0,
               "the agent of that person sees none");
    class_set all_but_iban = CLASS_SET_ALL & ~CLASS_BIT(CLASS_IBAN);
    is_integer(reveal_at(sam, scratch, "test/lab", POLICY_SINK_PRINCIPAL, NOW_US, NULL), all_but_iban,
               "an erring forbid hides its class");
    is_integer(reveal_at(sam, scratch, "test/lab", POLICY_SINK_PRINCIPAL, NOW_US + 3600000000ll, NULL), 0,
               "another hour: the memory does not outlive its minute");
    is_integer(reveal_at(sam, scratch, "test/lab", POLICY_SINK_PRINCIPAL, NOW_US + 3600000000ll, "approve:dpo"),
               all_but_iban, "a remedy in force is asked anew");
    is_integer(reveal_at(sam, scratch, "test/lab", POLICY_SINK_PRINCIPAL, NOW_US + 3600000000ll, NULL), 0,
               "and is not remembered");
    policy_session_free(&ana);
    policy_session_free(&agent);
    policy_session_free(&sam);
    bundle_release(&bundle);
}

static void check_may(const struct identity *identity, struct arena *scratch) {
    struct bundle *bundle = world_bundle(
        identity, "permit (principal in Sworn::Group::\"sre\", action == "
                  "Sworn::Action::\"approve\", resource in Sworn::Environment::\"prod\");");
    struct error error = {0};
    bool is_allowed = false;
    struct policy_session *sam = policy_session_new(bundle, identity_find(identity, STR("sam")), STR_NONE, &error);
    struct policy_session *ana = policy_session_new(bundle, identity_find(identity, STR("ana")), STR_NONE, &error);
    ok(policy_may(sam, scratch, &facts, STR("approve"), &orders, &is_allowed, &error) == 0 && is_allowed, "sam may");
    ok(policy_may(ana, scratch, &facts, STR("approve"), &orders, &is_allowed, &error) == 0 && !is_allowed,
       "ana may not");
    ok(policy_may(sam, scratch, &facts, STR("admin"), &orders, &is_allowed, &error) == 0 && !is_allowed, "only that");
    policy_session_free(&sam);
    policy_session_free(&ana);
    bundle_release(&bundle);
}

int main(void) {
    world_open();
    struct identity *identity = world_identity();
    struct arena scratch;
    arena_init(&scratch, POLICY_SCRATCH_BYTES);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(identity, &scratch, i);
    check_rounds(identity, &scratch);
    check_refusals(identity);
    check_reveal(identity, &scratch);
    check_may(identity, &scratch);
    arena_free(&scratch);
    identity_release(&identity);
    world_close();
    return tap_done();
}
