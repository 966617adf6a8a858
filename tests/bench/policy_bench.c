/* What a decision costs, warm: one step on a table with labels, one on a table that the config does not name, one that
 * is held, and the reveal question from memory. Prints nanoseconds a call, the median of several runs. */
#include <stdlib.h>

#include "base/clock.h"
#include "guard/policy.h"
#include "tests/unit/guard/world.h"

#define RUNS 9
#define CALLS 5000

static const struct resource prod = {{"Environment", 11}, {"prod", 4}, NULL};
static const struct resource shop = {{"Database", 8}, {"prod/shop", 9}, &prod};
static const struct resource known = {{"Table", 5}, {"prod/shop/public.customers", 26}, &shop};
static const struct resource unknown = {{"Table", 5}, {"prod/shop/public.orders", 23}, &shop};

static const char policies[] =
    "@id(\"support-reads\") permit (principal in Sworn::Group::\"support\", action == Sworn::Action::\"sql:read\", "
    "resource in Sworn::Environment::\"prod\");\n"
    "@id(\"support-writes\") permit (principal in Sworn::Group::\"support\", action == Sworn::Action::\"sql:write\", "
    "resource in Sworn::Environment::\"prod\") when { context.has_where };\n"
    "@id(\"agents-read\") permit (principal is Sworn::Agent, action == Sworn::Action::\"sql:read\", resource) "
    "when { principal has onBehalfOf };\n"
    "@id(\"no-secrets\") forbid (principal, action in Sworn::Action::\"sql\", resource) "
    "when { context.classes.contains(\"credential\") };\n"
    "@id(\"ddl\") permit (principal, action == Sworn::Action::\"sql:ddl\", resource);\n"
    "@id(\"ddl-two\") @remedy(\"approve:sre:2\") forbid (principal, action == Sworn::Action::\"sql:ddl\", "
    "resource in Sworn::Environment::\"prod\") unless { context.applied.contains(\"approve:sre:2\") };\n"
    "@id(\"mail\") permit (principal in Sworn::Group::\"support\", action == Sworn::Action::\"reveal\", "
    "resource == Sworn::DataClass::\"email\");\n";

static struct policy_session *session;
static struct arena scratch;
static const struct policy_facts facts = {.now_us = 1795354679000000ll};

static struct action *make_action(const char *verb, const struct resource *resource) {
    struct action *action = action_new(1, 1);
    CHECK(action != NULL);
    struct attribute *attributes = ARENA_NEW_ARRAY(&action->arena, struct attribute, 5);
    attributes[0] = (struct attribute){.id = ATTRIBUTE_STATEMENT, .string = STR("select")};
    attributes[1] = (struct attribute){.id = ATTRIBUTE_HAS_WHERE, .boolean = true};
    attributes[2] = (struct attribute){.id = ATTRIBUTE_HAS_LIMIT, .boolean = false};
    attributes[3] = (struct attribute){.id = ATTRIBUTE_FUNCTIONS, .set = {NULL, 0}};
    attributes[4] = (struct attribute){.id = ATTRIBUTE_IN_TRANSACTION, .boolean = false};
    action->steps = ARENA_NEW(&action->arena, struct action_step);
    action->step_count = 1;
    *action->steps = (struct action_step){str_from_cstr(verb), resource, attributes, 5};
    return action;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void bench_decide(const char *name, const char *verb, const struct resource *resource, enum verdict_kind kind) {
    double runs[RUNS];
    for (int run = 0; run < RUNS; run++) {
        struct action *action = make_action(verb, resource);
        uint64_t start = clock_monotonic_ns();
        for (int i = 0; i < CALLS; i++) {
            struct error error;
            CHECK(policy_decide(session, &scratch, &facts, action, NULL, 0, &error) == 0 &&
                  action->verdict.kind == kind);
        }
        runs[run] = (double)(clock_monotonic_ns() - start) / CALLS;
        action_free(&action);
    }
    qsort(runs, RUNS, sizeof(*runs), compare);
    printf("%-36s %8.0f ns\n", name, runs[RUNS / 2]);
}

static void bench_reveal(const char *name, bool is_remembered) {
    double runs[RUNS];
    int calls = is_remembered ? CALLS : CALLS / 20;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = clock_monotonic_ns();
        for (int i = 0; i < calls; i++) {
            struct policy_facts now = {.now_us = facts.now_us + (is_remembered ? 0 : (run * calls + i) * 60000000ll)};
            class_set reveal = 0;
            struct error error;
            CHECK(policy_reveal(session, &scratch, &now, STR("prod/shop"), POLICY_SINK_PRINCIPAL, NULL, 0, &reveal,
                                &error) == 0 && reveal == CLASS_BIT(CLASS_EMAIL));
        }
        runs[run] = (double)(clock_monotonic_ns() - start) / calls;
    }
    qsort(runs, RUNS, sizeof(*runs), compare);
    printf("%-36s %8.0f ns\n", name, runs[RUNS / 2]);
}

int main(void) {
    world_open();
    struct identity *identity = world_identity();
    struct bundle *bundle = world_bundle(identity, policies);
    struct error error = {0};
    session = policy_session_new(bundle, identity_find(identity, STR("ana")), STR("192.0.2.9"), &error);
    arena_init(&scratch, POLICY_SCRATCH_BYTES);
    bench_decide("decide, table in the config", "sql:read", &known, VERDICT_ALLOW);
    bench_decide("decide, table not in the config", "sql:read", &unknown, VERDICT_ALLOW);
    bench_decide("decide, held", "sql:ddl", &known, VERDICT_HOLD);
    bench_reveal("reveal, remembered", true);
    bench_reveal("reveal, a new minute", false);
    arena_free(&scratch);
    policy_session_free(&session);
    bundle_release(&bundle);
    identity_release(&identity);
    world_close();
    return 0;
}
