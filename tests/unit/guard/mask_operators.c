/* Operators for mask_plan_test.c: the defaults, but one class set to null and one to keep. On its own, because the
 * names in detect/mask.h and model/mask.h collide. */
#include "tests/unit/guard/mask_operators.h"

#include "detect/mask.h"

const struct mask_policy *test_operators(struct arena *arena) {
    struct mask_policy *operators = ARENA_NEW(arena, struct mask_policy);
    CHECK(operators != NULL);
    *operators = mask_policy_default();
    operators->operators[CLASS_US_SSN] = MASK_NULL;
    operators->operators[CLASS_IBAN] = MASK_KEEP;
    return operators;
}
