/* Why a request was decided as it was: every policy with the part of it that decided, as a tree of facts.
 *
 * A policy whose scope does not match has that part of the scope; one that is not satisfied has the condition that is
 * false, and in it the terms that made it so, down to the values that were compared; one that is satisfied has all that
 * is true. Everything lies in the arena; texts are slices of the policies. Nothing parks; needs a big stack. */
#ifndef SWORN_CEDAR_EXPLAIN_H
#define SWORN_CEDAR_EXPLAIN_H

#include "cedar/cedar.h"

enum cedar_outcome {
    CEDAR_SATISFIED,
    CEDAR_FAILED, /* it could not be evaluated, and is left out of the decision */
    CEDAR_NOT_SATISFIED,
    CEDAR_OUT_OF_SCOPE, /* it is not about this principal, action or resource */
};

/* A part of a policy and what it came to. */
struct cedar_fact {
    struct str text;  /* as written */
    struct str value; /* as Cedar writes it, cut when it is long; of what failed, why */
    struct cedar_span span; /* in the policy's file */
    bool has_failed;
    bool is_unless; /* an `unless` condition: the policy needs it to be false */
    const struct cedar_fact *first; /* what it follows from */
    const struct cedar_fact *next;
};

struct cedar_explained {
    const struct cedar_policy *policy;
    enum cedar_outcome outcome;
    const struct cedar_fact *facts;
};

struct cedar_explanation {
    bool is_allowed;
    const struct cedar_explained *policies; /* by outcome, in the order of the enum; then as in the set */
    size_t count;
};

const char *cedar_outcome_name(enum cedar_outcome outcome);
/* -1 when the arena is full. */
int cedar_explain(const struct cedar_policy_set *set, const struct cedar_request *request,
                  const struct cedar_entities *entities, struct arena *arena,
                  struct cedar_explanation *explanation) MUST_USE;
void cedar_explanation_write_text(const struct cedar_explanation *explanation, struct buffer *out);
void cedar_explanation_write_json(const struct cedar_explanation *explanation, struct buffer *out);

#endif
