/* Decisions: candidates from the index, their scopes and conditions, then forbid over permit over deny. */
#include "cedar/engine.h"

#define HITS_FIRST 16u

/* A policy that is satisfied (CEDAR_OK) or that failed. */
struct hit {
    uint32_t policy;
    enum cedar_code code;
    struct cedar_span span;
};

struct decider {
    const struct cedar_engine *engine;
    struct cedar_evaluation evaluation;
    struct hit *hits;
    size_t hit_count;
    size_t hit_capacity;
};

bool cedar_test_passes(const struct cedar_test *test, const struct cedar_uid *uid, const struct cedar_entity *entity) {
    switch (test->kind) {
    case CEDAR_SCOPE_ANY: return true;
    case CEDAR_SCOPE_EQUAL: return cedar_uid_equal(uid, test->entities[0]);
    case CEDAR_SCOPE_IS: return str_equal(uid->type, test->type);
    case CEDAR_SCOPE_IS_IN:
        if (!str_equal(uid->type, test->type)) return false;
        break;
    default: break;
    }
    for (uint32_t i = 0; i < test->count; i++) {
        if (cedar_uid_equal(uid, test->entities[i]) || cedar_entity_has_ancestor(entity, test->entities[i]))
            return true;
    }
    return false;
}

static int add_hit(struct decider *decider, uint32_t policy, enum cedar_code code, struct cedar_span span) {
    if (decider->hit_count == decider->hit_capacity) {
        size_t capacity = decider->hit_capacity > 0 ? decider->hit_capacity * 2 : HITS_FIRST;
        struct hit *hits = ARENA_NEW_ARRAY(decider->evaluation.arena, struct hit, capacity);
        if (hits == NULL) return -1;
        if (decider->hit_count > 0) memcpy(hits, decider->hits, decider->hit_count * sizeof(*hits));
        decider->hits = hits;
        decider->hit_capacity = capacity;
    }
    decider->hits[decider->hit_count++] = (struct hit){policy, code, span};
    return 0;
}

static int test_policy(struct decider *decider, uint32_t index) {
    const struct cedar_compiled *policy = &decider->engine->policies[index];
    struct cedar_evaluation *evaluation = &decider->evaluation;
    const struct cedar_request *request = evaluation->request;
    if (!cedar_test_passes(&policy->action, request->action, evaluation->variables[CEDAR_ACTION])) return 0;
    if (!cedar_test_passes(&policy->principal, request->principal, evaluation->variables[CEDAR_PRINCIPAL])) return 0;
    if (!cedar_test_passes(&policy->resource, request->resource, evaluation->variables[CEDAR_RESOURCE])) return 0;
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        struct cedar_value value;
        const struct cedar_node *condition = &policy->conditions[i];
        if (cedar_evaluate(evaluation, condition, &value) != 0) {
            if (evaluation->code == CEDAR_MEMORY) return -1;
            return add_hit(decider, index, evaluation->code, evaluation->span);
        }
        if (value.kind != CEDAR_BOOL) return add_hit(decider, index, CEDAR_FAILED_TYPE, condition->span);
        if (!value.boolean) return 0;
    }
    return add_hit(decider, index, CEDAR_OK, (struct cedar_span){0, 0});
}

static int test_members(struct decider *decider, const uint32_t *members, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (test_policy(decider, members[i]) != 0) return -1;
    }
    return 0;
}

static int test_key(struct decider *decider, const struct cedar_group *group, enum cedar_key_kind kind, uint64_t hash) {
    uint32_t count;
    const uint32_t *members = cedar_group_find(group, cedar_key_make(kind, hash), &count);
    return test_members(decider, members, count);
}

/* The keys of an entity and all its ancestors. */
static int test_entity_keys(struct decider *decider, const struct cedar_group *group, enum cedar_key_kind kind,
                            const struct cedar_uid *uid, const struct cedar_entity *entity) {
    if (!group->has_kind[kind]) return 0;
    if (test_key(decider, group, kind, uid->hash) != 0) return -1;
    for (uint32_t i = 0; entity != NULL && i < entity->ancestor_count; i++) {
        if (test_key(decider, group, kind, entity->ancestors[i].hash) != 0) return -1;
    }
    return 0;
}

static int test_group(struct decider *decider, const struct cedar_group *group) {
    const struct cedar_request *request = decider->evaluation.request;
    if (group == NULL || group->count == 0) return 0;
    if (group->is_linear) return test_members(decider, group->members, group->count);
    if (test_members(decider, group->members, group->unkeyed_count) != 0) return -1;
    if (test_entity_keys(decider, group, CEDAR_KEY_PRINCIPAL, request->principal,
                         decider->evaluation.variables[CEDAR_PRINCIPAL]) != 0) return -1;
    if (test_entity_keys(decider, group, CEDAR_KEY_RESOURCE, request->resource,
                         decider->evaluation.variables[CEDAR_RESOURCE]) != 0) return -1;
    if (group->has_kind[CEDAR_KEY_PRINCIPAL_TYPE] &&
        test_key(decider, group, CEDAR_KEY_PRINCIPAL_TYPE, str_hash(request->principal->type)) != 0) return -1;
    if (group->has_kind[CEDAR_KEY_RESOURCE_TYPE] &&
        test_key(decider, group, CEDAR_KEY_RESOURCE_TYPE, str_hash(request->resource->type)) != 0) return -1;
    return 0;
}

static int test_groups(struct decider *decider) {
    const struct cedar_engine *engine = decider->engine;
    const struct cedar_entity *action = decider->evaluation.variables[CEDAR_ACTION];
    if (test_group(decider, &engine->any_action) != 0) return -1;
    if (engine->group_count == 0) return 0;
    if (test_group(decider, cedar_index_find(engine, decider->evaluation.request->action->hash)) != 0) return -1;
    for (uint32_t i = 0; action != NULL && i < action->ancestor_count; i++) {
        if (test_group(decider, cedar_index_find(engine, action->ancestors[i].hash)) != 0) return -1;
    }
    return 0;
}

static void sift_down(struct hit *hits, size_t root, size_t count) {
    struct hit moved = hits[root];
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && hits[child].policy < hits[child + 1].policy) child++;
        if (moved.policy >= hits[child].policy) break;
        hits[root] = hits[child];
    }
    hits[root] = moved;
}

/* By policy, which is by id; a policy that was reached through two actions stands there once. */
static void sort_hits(struct decider *decider) {
    struct hit *hits = decider->hits;
    size_t count = decider->hit_count, ordered = 1, kept = 0;
    while (ordered < count && hits[ordered - 1].policy < hits[ordered].policy) ordered++;
    if (ordered >= count) return;
    for (size_t i = count / 2; i-- > 0;) sift_down(hits, i, count);
    for (size_t end = count; end-- > 1;) {
        struct hit last = hits[0];
        hits[0] = hits[end];
        hits[end] = last;
        sift_down(hits, 0, end);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && hits[kept - 1].policy == hits[i].policy) continue;
        hits[kept++] = hits[i];
    }
    decider->hit_count = kept;
}

/* Reasons are the satisfied forbids, or without one the satisfied permits. */
static int fill_decision(struct decider *decider, struct cedar_decision *decision) {
    struct arena *arena = decider->evaluation.arena;
    size_t counts[2] = {0, 0};
    for (size_t i = 0; i < decider->hit_count; i++) {
        const struct hit *hit = &decider->hits[i];
        if (hit->code != CEDAR_OK) decision->error_count++;
        else counts[decider->engine->policies[hit->policy].effect]++;
    }
    enum cedar_effect effect = counts[CEDAR_FORBID] > 0 ? CEDAR_FORBID : CEDAR_PERMIT;
    decision->is_allowed = effect == CEDAR_PERMIT && counts[CEDAR_PERMIT] > 0;
    const struct cedar_policy **reasons = ARENA_NEW_ARRAY(arena, const struct cedar_policy *, counts[effect]);
    struct cedar_failure *errors = ARENA_NEW_ARRAY(arena, struct cedar_failure, decision->error_count);
    if (reasons == NULL || errors == NULL) return -1;
    size_t error_count = 0;
    for (size_t i = 0; i < decider->hit_count; i++) {
        const struct hit *hit = &decider->hits[i];
        const struct cedar_compiled *policy = &decider->engine->policies[hit->policy];
        if (hit->code != CEDAR_OK) {
            errors[error_count++] = (struct cedar_failure){policy->policy, hit->code, hit->span};
        } else if (policy->effect == effect) {
            reasons[decision->reason_count++] = policy->policy;
        }
    }
    decision->reasons = reasons;
    decision->errors = errors;
    return 0;
}

void cedar_evaluation_init(struct cedar_evaluation *evaluation, const struct cedar_request *request,
                           const struct cedar_entities *entities, struct arena *arena) {
    *evaluation = (struct cedar_evaluation){.request = request, .entities = entities, .arena = arena};
    evaluation->variables[CEDAR_PRINCIPAL] = cedar_entities_find(entities, request->principal);
    evaluation->variables[CEDAR_ACTION] = cedar_entities_find(entities, request->action);
    evaluation->variables[CEDAR_RESOURCE] = cedar_entities_find(entities, request->resource);
}

int cedar_engine_authorize(const struct cedar_engine *engine, const struct cedar_request *request,
                           const struct cedar_entities *entities, struct arena *scratch,
                           struct cedar_decision *decision) {
    CHECK_MAGIC(engine, CEDAR_ENGINE_MAGIC);
    CHECK(entities == NULL || entities->is_finished);
    struct decider decider = {.engine = engine};
    cedar_evaluation_init(&decider.evaluation, request, entities, scratch);
    *decision = (struct cedar_decision){0};
    if (test_groups(&decider) != 0) return -1;
    sort_hits(&decider);
    return fill_decision(&decider, decision);
}

const char *cedar_failure_advice(enum cedar_code code) {
    switch (code) {
    case CEDAR_FAILED_TYPE: return "an operand has the wrong type: test it with `is` or `has`, or correct the policy";
    case CEDAR_FAILED_OVERFLOW: return "the result does not fit 64 bits: use smaller numbers";
    case CEDAR_FAILED_NO_ENTITY: return "the entity is not in the store: test it with `has` before reading an "
                                        "attribute";
    case CEDAR_FAILED_NO_ATTRIBUTE: return "there is no such attribute: test it with `has` first";
    case CEDAR_FAILED_NO_TAG: return "there is no such tag: test it with `hasTag` first";
    case CEDAR_FAILED_EXTENSION: return "an argument of an extension function is not of its form";
    default: return "an extension function has too few or too many arguments";
    }
}

void cedar_failure_write(const struct cedar_failure *failure, struct buffer *out) {
    struct str text = failure->policy->statement->source->text;
    struct str part = str_slice(text, failure->span.start, failure->span.end);
    buffer_append_format(out, "policy `%.*s`, `%.*s`: %s", STR_ARGS(str_slice(failure->policy->id, 0, 100)),
                         STR_ARGS(str_slice(part, 0, 200)), cedar_failure_advice(failure->code));
}
