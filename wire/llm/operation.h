/* The operations of a model API: which method on which path is which action, and what its bodies hold. Tables only. */
#ifndef SWORN_WIRE_LLM_OPERATION_H
#define SWORN_WIRE_LLM_OPERATION_H

#include "model/operation.h"
#include "wire/json/shape.h"

struct llm_stream_form; /* wire/llm/stream.h */

/* How an answer holds tool calls (wire/llm/answer.h). */
enum llm_form { LLM_FORM_OTHER, LLM_FORM_CHAT, LLM_FORM_RESPONSE, LLM_FORM_MESSAGE };

/* Without shapes it is an operation by name only: no policy permits it unless it is named. */
struct llm_operation {
    struct operation operation;
    const struct shape *request; /* NULL: no body */
    const struct shape *answer;
    enum llm_form form;
    const struct llm_stream_form *stream; /* NULL: never a stream */
};

struct llm_api {
    struct str name; /* "openai" */
    const struct llm_operation *operations;
    size_t count;
    const struct shape *error; /* the body of an answer that is an error */
};

/* The operation of a path without its query; NULL: unknown (OPERATION_UNKNOWN_VERB). */
const struct llm_operation *llm_operation_find(const struct llm_api *api, struct str method, struct str path);

#endif
