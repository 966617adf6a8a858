/* The OpenAI API, as its official SDKs describe it: Chat Completions, Responses, Embeddings, Models. Tables only;
 * what is done with them is in wire/llm. */
#ifndef SWORN_WIRE_OPENAI_OPENAI_H
#define SWORN_WIRE_OPENAI_OPENAI_H

#include "wire/llm/operation.h"

extern const struct llm_api llm_api_openai;

extern const struct shape openai_error;
extern const struct shape openai_error_event;
extern const struct shape openai_reasoning;
extern const struct shape openai_moderation;
extern const struct shape openai_prompt_cache_options;
extern const struct shape openai_cache_breakpoint;
extern const struct shape openai_user_location;
extern const struct shape openai_logprobs; /* a list of tokens */

extern const struct shape openai_chat_request;
extern const struct shape openai_chat_answer; /* and a chunk of one */
extern const struct shape openai_chat_update;
extern const struct shape openai_chat_messages; /* of a stored answer, the request's and its own */
extern const struct shape openai_chat_call; /* a tool call of an answer */

extern const struct shape openai_items;        /* input or output items, a list */
extern const struct shape openai_item;
extern const struct shape openai_item_content; /* parts of a message, a text or a list */
extern const struct shape openai_item_part;
extern const struct shape openai_summary_part;
extern const struct shape openai_annotation;
extern const struct shape openai_tools;
extern const struct shape openai_tool_choice;
extern const struct shape openai_text_format;
extern const struct shape openai_responses_request;
extern const struct shape openai_response;
extern const struct shape openai_response_event;
extern const struct shape openai_response_list; /* of input items */
extern const struct shape openai_input_tokens;

extern const struct shape openai_embeddings_request;
extern const struct shape openai_embeddings_answer;
extern const struct shape openai_models;
extern const struct shape openai_model;
extern const struct shape openai_deleted;

#endif
