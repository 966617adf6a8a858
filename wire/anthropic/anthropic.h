/* The Anthropic API, as its official SDKs describe it: Messages, count_tokens, Models. Tables only; what is done
 * with them is in wire/llm. */
#ifndef SWORN_WIRE_ANTHROPIC_ANTHROPIC_H
#define SWORN_WIRE_ANTHROPIC_ANTHROPIC_H

#include "wire/llm/operation.h"

extern const struct llm_api llm_api_anthropic;

extern const struct shape anthropic_error;
extern const struct shape anthropic_error_object;
extern const struct shape anthropic_cache_control;
extern const struct shape anthropic_request; /* of Messages and of count_tokens */
extern const struct shape anthropic_tools;
extern const struct shape anthropic_tool;
extern const struct shape anthropic_block;
extern const struct shape anthropic_content; /* a text, or blocks */
extern const struct shape anthropic_citation;
extern const struct shape anthropic_container;
extern const struct shape anthropic_message;
extern const struct shape anthropic_event;
extern const struct shape anthropic_token_count;
extern const struct shape anthropic_model;
extern const struct shape anthropic_models;

#endif
