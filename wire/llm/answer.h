/* A whole answer of a model API: facts for the evidence, masking and restoration, and the tool calls in it, judged
 * one by one. Streams (wire/llm/stream.h) gather the same facts.
 *
 * A denied tool call becomes text in its place: in Chat it is taken out of tool_calls and the message stands at the
 * end of the content; in Messages it is a text block, in Responses a message item. When no call is left, the stop
 * reason says so. Allowed calls keep their bytes, but for placeholders that the plan restores. What could be a call and
 * stands elsewhere is judged where it stands; if it is denied the answer is withheld. */
#ifndef SWORN_WIRE_LLM_ANSWER_H
#define SWORN_WIRE_LLM_ANSWER_H

#include "model/fact.h"
#include "wire/llm/call.h"
#include "wire/llm/operation.h"

struct llm_answer_options {
    const struct llm_operation *operation;
    const struct mask_plan *plan;
    struct llm_judge judge;
    struct class_counts *masked;
    struct class_counts *revealed;
    struct arena *arena; /* of the action: what the answer says is kept there, and scratch of some times its size */
};

struct llm_answer {
    struct str model;
    struct str id;          /* what a later request may continue: of a response, or of a message in a thread */
    struct str stop_reason; /* the provider's word, as it came */
    struct str status;      /* Responses: the same where there is no reason */
    int64_t tokens_in;      /* -1: not said */
    int64_t tokens_out;
    int64_t tokens_cached;
    bool is_error;
    bool is_unknown_type;   /* it holds something of a type that no table has */
    struct llm_calls calls;
};

void llm_answer_init(struct llm_answer *answer, const struct llm_answer_options *options);
/* A fact that a walk told; for streams. */
int llm_answer_tell(struct llm_answer *answer, uint8_t fact, const struct shape_value *value, struct error *error);
/* Copies those facts of an outcome that the answer said. */
void llm_answer_facts(const struct llm_answer *answer, struct fact facts[FACT_COUNT]);

/* P when the judge parks. The answer for the client: appended to out when *is_changed, otherwise the body itself. -1:
 * nothing of it may pass. */
int llm_answer_rewrite(const struct llm_answer_options *options, struct str body, struct llm_answer *answer,
                       struct buffer *out, bool *is_changed, struct error *error) MUST_USE;

#endif
