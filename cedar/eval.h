/* Evaluating compiled expressions. All memory comes from the arena; recursion is bounded by the depth of the tree. */
#ifndef SWORN_CEDAR_EVAL_H
#define SWORN_CEDAR_EVAL_H

#include "cedar/compile.h"
#include "cedar/entities.h"

struct cedar_evaluation {
    const struct cedar_request *request;
    const struct cedar_entities *entities;
    const struct cedar_entity *variables[3]; /* principal, action, resource; NULL: not in the store */
    struct arena *arena;
    enum cedar_code code; /* why it failed: CEDAR_FAILED_... or CEDAR_MEMORY */
    struct cedar_span span;
};

void cedar_evaluation_init(struct cedar_evaluation *evaluation, const struct cedar_request *request,
                           const struct cedar_entities *entities, struct arena *arena);
int cedar_evaluate(struct cedar_evaluation *evaluation, const struct cedar_node *node,
                   struct cedar_value *value) MUST_USE;

/* Applies a function or method to evaluated arguments (the receiver first). CEDAR_OK, CEDAR_FAILED_... or
 * CEDAR_MEMORY. Not for getTag and hasTag. */
enum cedar_code cedar_apply(struct arena *arena, enum cedar_function function, const struct cedar_value *arguments,
                            size_t count, struct cedar_value *value) MUST_USE;
/* Does the scope's test hold? entity: what the store has of uid, or NULL. */
bool cedar_test_passes(const struct cedar_test *test, const struct cedar_uid *uid, const struct cedar_entity *entity);
/* What a code of a failed evaluation means, and what to do. */
const char *cedar_failure_advice(enum cedar_code code);
bool cedar_pattern_matches(const struct cedar_pattern *pattern, struct str text);

#endif
