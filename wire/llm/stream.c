#include "wire/llm/stream.h"
const struct llm_stream_form llm_stream_chat, llm_stream_responses, llm_stream_messages;
