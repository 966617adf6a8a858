/* Operators for mask_plan_test.c. */
#ifndef SWORN_TESTS_UNIT_GUARD_MASK_OPERATORS_H
#define SWORN_TESTS_UNIT_GUARD_MASK_OPERATORS_H

#include "base/arena.h"

struct mask_policy;
const struct mask_policy *test_operators(struct arena *arena);

#endif
