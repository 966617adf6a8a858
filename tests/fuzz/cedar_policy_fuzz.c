/* Policy texts: each is refused with a place inside it, or compiles and decides; what decides twice decides the same.
 * */
#include "cedar/cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decide(const struct cedar_policy_set *set) {
    struct cedar_problem problem;
    struct cedar_uid principal, action, resource;
    struct cedar_decision first, second;
    struct arena scratch;
    cedar_uid_init(&principal, STR("User"), STR("alice"));
    cedar_uid_init(&action, STR("Action"), STR("read"));
    cedar_uid_init(&resource, STR("File"), STR("f"));
    struct cedar_engine *engine = cedar_engine_new(set, &problem);
    CHECK(engine != NULL);
    arena_init(&scratch, 64u << 20);
    struct cedar_record *context = cedar_record_new(&scratch, 2);
    CHECK(cedar_record_set(context, STR("a"), cedar_long(1)) == 0);
    CHECK(cedar_record_set(context, STR("b"), cedar_string(STR("text"))) == 0);
    struct cedar_request request = {&principal, &action, &resource, context};
    struct cedar_entities *entities = cedar_entities_overlay(&scratch, NULL);
    struct cedar_entity *user = cedar_entities_add(entities, &principal);
    cedar_entity_set(entities, user, STR("a"), cedar_record_value(context));
    cedar_entity_set_tag(entities, user, STR("a"), cedar_long(2));
    cedar_entity_add_parent(entities, user, &resource);
    CHECK(cedar_entities_finish(entities, &problem) == 0);
    CHECK(cedar_engine_authorize(engine, &request, entities, &scratch, &first) == 0);
    CHECK(cedar_engine_authorize(engine, &request, entities, &scratch, &second) == 0);
    CHECK(first.is_allowed == second.is_allowed && first.reason_count == second.reason_count);
    for (size_t i = 0; i < first.error_count; i++) {
        struct buffer text;
        buffer_init(&text, 1u << 16);
        cedar_failure_write(&first.errors[i], &text);
        buffer_free(&text);
    }
    arena_free(&scratch);
    cedar_engine_free(&engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cedar_problem problem;
    struct cedar_policy_set *set = cedar_policy_set_new();
    if (set == NULL) return 0;
    if (cedar_policy_set_add(set, str_make(data, size), NULL, &problem) != 0) {
        CHECK(problem.code != CEDAR_OK && problem.text[0] != '\0');
        CHECK(problem.span.start <= problem.span.end && problem.span.end <= size);
        CHECK(cedar_policy_set_count(set) == 0);
    } else {
        for (size_t i = 0; i < cedar_policy_set_count(set); i++) {
            const struct cedar_policy *policy = cedar_policy_set_at(set, i);
            (void)cedar_policy_is_cured_by(policy, STR("t"));
            (void)cedar_policy_reads_context(policy, STR("a"));
        }
        decide(set);
    }
    cedar_policy_set_free(&set);
    return 0;
}
