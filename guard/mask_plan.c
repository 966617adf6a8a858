/* The vtable that protocols call, over the worker that does the looking.
 *
 * A value can have several names (alias, column, the columns that it is made of), whose hints the protocols join with |.
 * So struct mask_field carries sets: the classes that the names speak for in the low half, their context bits in the high
 * half. No hint is 0. */
#include "guard/mask_plan.h"

#include "detect/names.h"

struct plan {
    struct mask_plan vtable;
    struct mask_worker *worker;
    const struct mask_policy *policy;
    class_set reveal;
};

static_assert(CLASS_MAX <= 32, "the classes of a field have the low half of its hint");

/* These have no shape by which a value could be known without its name. */
#define CLASSES_BY_NAME (CLASS_BIT(CLASS_PERSON_NAME) | CLASS_BIT(CLASS_ADDRESS) | CLASS_BIT(CLASS_DATE_OF_BIRTH))

static struct mask_field field_from_hint(struct detect_hint hint) {
    class_set classes = hint.class < CLASS_MAX ? CLASS_BIT(hint.class) : 0;
    return (struct mask_field){.hint = (uint64_t)hint.context << 32 | classes};
}

/* The first of the classes that the value may be of. */
static enum data_class first_plausible(class_set classes, struct str value) {
    for (; classes != 0; classes &= classes - 1) {
        enum data_class class = (enum data_class)__builtin_ctzll(classes);
        if (names_value_is_plausible(class, value)) return class;
    }
    return CLASS_NONE;
}

/* Of several classes: one that the value may be of, that must be hidden, and that nothing but the name could tell. An
 * array of values has the foremost. */
static enum data_class choose_class(class_set classes, class_set reveal, struct str value) {
    const class_set orders[] = {classes & CLASSES_BY_NAME & ~reveal, classes & ~reveal, classes};
    enum data_class foremost = CLASS_NONE;
    bool is_one = (classes & (classes - 1)) == 0;
    for (size_t i = 0; i < LENGTH_OF(orders) && classes != 0; i++) {
        enum data_class class = is_one ? CLASS_NONE : first_plausible(orders[i], value);
        if (class != CLASS_NONE) return class;
        if (foremost == CLASS_NONE && orders[i] != 0) foremost = (enum data_class)__builtin_ctzll(orders[i]);
    }
    return foremost;
}

static struct detect_hint hint_from_field(struct mask_field field, class_set reveal, struct str value) {
    return (struct detect_hint){
        .class = (uint8_t)choose_class(field.hint & UINT32_MAX, reveal, value),
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
    struct detect_hint hint = hint_from_field(field, plan->reveal, value);
    enum masked_as result = MASKED_NOT;
    int status = shape == MASK_JSON ? mask_worker_json(plan->worker, &job, hint, value, out, &result, NULL)
                                    : mask_worker_text(plan->worker, &job, hint, value, out, &result, NULL);
    if (status != 0) return MASK_FAILED;
    static const enum mask_result results[] = {
        [MASKED_NOT] = MASK_UNCHANGED, [MASKED_CHANGED] = MASK_CHANGED, [MASKED_NULL] = MASK_DROPPED};
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
    struct detect_hint hint = hint_from_field(field, 0, value);
    struct class_counts found = {{0}};
    if (shape == MASK_JSON && mask_worker_count_json(worker, hint, value, &found, NULL) == 0) {
        class_counts_add(counts, &found);
        return 0;
    }
    return mask_worker_count_text(worker, hint, value, counts, error);
}
