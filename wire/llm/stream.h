#ifndef SWORN_WIRE_LLM_STREAM_H
#define SWORN_WIRE_LLM_STREAM_H
struct llm_stream_form { int x; };
extern const struct llm_stream_form llm_stream_chat, llm_stream_responses, llm_stream_messages;
#endif
