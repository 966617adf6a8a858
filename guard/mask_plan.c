/* The vtable that protocols call, over the worker that does the looking.
 *
 * struct mask_field carries a struct detect_hint: the class in the low byte, the context bits from bit 8. */
#include "guard/mask_plan.h"

struct plan {
    struct mask_plan vtable;
    struct mask_worker *worker;
    const struct mask_policy *policy;
    class_set reveal;
};

static struct mask_field field_from_hint(struct detect_hint hint) {
    return (struct mask_field){.hint = (uint64_t)hint.context << 8 | hint.class};
}

static struct detect_hint hint_from_field(struct mask_field field) {
    return (struct detect_hint){.class = (uint8_t)field.hint, .context = (uint32_t)(field.hint >> 8)};
}

struct mask_field mask_field_of_name(const struct mask_worker *worker, struct str name) {
    return field_from_hint(mask_worker_hint(worker, name));
}

static struct mask_field plan_field(const struct mask_plan *vtable, struct str name) {
    const struct plan *plan = vtable->self;
    return mask_field_of_name(plan->worker, name);
}

static enum mask_result plan_value(const struct mask_plan *vtable, struct mask_field field, enum mask_shape shape,
                                   struct str value, struct buffer *out, struct class_counts *masked,
                                   struct class_counts *revealed) {
    const struct plan *plan = vtable->self;
    if (value.length == 0) return MASK_UNCHANGED;
    struct mask_job job = {.policy = plan->policy, .reveal = plan->reveal, .masked = masked, .revealed = revealed};
    struct detect_hint hint = hint_from_field(field);
    enum masked_as result = MASKED_NOT;
    int status = shape == MASK_JSON ? mask_worker_json(plan->worker, &job, hint, value, out, &result, NULL)
                                    : mask_worker_text(plan->worker, &job, hint, value, out, &result, NULL);
    if (status != 0) return MASK_FAILED;
    static const enum mask_result results[] = {
        [MASKED_NOT] = MASK_UNCHANGED, [MASKED_CHANGED] = MASK_CHANGED, [MASKED_NULL] = MASK_NULL};
    return results[result];
}

const struct mask_plan *mask_plan_new(struct arena *arena, struct mask_worker *worker,
                                      const struct mask_policy *operators, class_set reveal) {
    struct plan *plan = ARENA_NEW(arena, struct plan);
    if (plan == NULL) return NULL;
    *plan = (struct plan){
        .vtable = {.reveals_all = (reveal & CLASS_SET_ALL) == CLASS_SET_ALL, .field = plan_field, .value = plan_value,
                   .self = plan},
        .worker = worker,
        .policy = mask_worker_policy(arena, operators, reveal),
        .reveal = reveal,
    };
    return plan->policy != NULL ? &plan->vtable : NULL;
}

int mask_inspect(struct mask_worker *worker, struct mask_field field, enum mask_shape shape, struct str value,
                 struct class_counts *counts, struct error *error) {
    struct detect_hint hint = hint_from_field(field);
    struct class_counts found = {{0}};
    if (shape == MASK_JSON && mask_worker_count_json(worker, hint, value, &found, NULL) == 0) {
        class_counts_add(counts, &found);
        return 0;
    }
    return mask_worker_count_text(worker, hint, value, counts, error);
}
