/* The vtable that protocols call, over the worker that does the looking.
 *
 * A value can have several names (alias, column, the columns that it is made of), whose hints the protocols join with |.
 * So struct mask_field carries sets: the classes that the names speak for in the low half, their context bits in the high
 * half. No hint is 0. */
#include "guard/mask_plan.h"

struct plan {
    struct mask_plan vtable;
    struct mask_worker *worker;
    const struct mask_policy *policy;
    class_set reveal;
};

static_assert(CLASS_MAX <= 32, "the classes of a field have the low half of its hint");

/* These have no shape by which a value could be known without its name, so they win over the others. */
#define CLASSES_BY_NAME (CLASS_BIT(CLASS_PERSON_NAME) | CLASS_BIT(CLASS_ADDRESS) | CLASS_BIT(CLASS_DATE_OF_BIRTH))

static struct mask_field field_from_hint(struct detect_hint hint) {
    class_set classes = hint.class < CLASS_MAX ? CLASS_BIT(hint.class) : 0;
    return (struct mask_field){.hint = (uint64_t)hint.context << 32 | classes};
}

static struct detect_hint hint_from_field(struct mask_field field) {
    class_set classes = field.hint & UINT32_MAX;
    class_set foremost = (classes & CLASSES_BY_NAME) != 0 ? classes & CLASSES_BY_NAME : classes;
    return (struct detect_hint){
        .class = foremost != 0 ? (uint8_t)__builtin_ctzll(foremost) : CLASS_NONE,
        .context = (uint32_t)(field.hint >> 32),
    };
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
