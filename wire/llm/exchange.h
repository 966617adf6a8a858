/* What a model API keeps of one exchange. Private to wire/llm. */
#ifndef SWORN_WIRE_LLM_EXCHANGE_H
#define SWORN_WIRE_LLM_EXCHANGE_H

#include "wire/llm/dialect.h"
#include "wire/llm/request.h"
#include "wire/llm/stream.h"

struct llm_exchange {
    const struct llm_operation *operation;
    struct llm_request request;
    struct llm_answer_options options;
    struct llm_stream *stream; /* NULL: the answer is whole, or not there yet */
    bool has_facts;
};

struct llm_exchange *llm_exchange(const struct http_exchange *exchange);
const struct llm_dialect *llm_dialect(const struct http_exchange *exchange);

/* tool.c. P: what llm_judge of the answer calls; self is the struct http_exchange. */
int llm_judge_call(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                   struct error *error);
/* The step of a tool that is run: by the client, or by the provider itself (arguments empty). -1: the arguments cannot be
 * read without doubt, or memory is out. */
int llm_tool_step(const struct http_exchange *exchange, struct str name, struct str arguments, struct arena *arena,
                  struct action_step *step) MUST_USE;

#endif
