/* Responses: requests, answers and the events of streams. */
#include "wire/llm/facts.h"
#include "wire/openai/openai.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT

static const struct shape_member conversation_members[] = {MF("id", &shape_name, LLM_CONVERSATION)};
static const struct shape conversation = {.kind = SHAPE_NAME, SHAPE_MEMBERS(conversation_members)};

static const struct shape variables = {.others = &openai_item_part};
static const struct shape_member prompt_members[] = {
    M("id", &shape_name), M("version", &shape_name), M("variables", &variables)};
static const struct shape prompt = {SHAPE_MEMBERS(prompt_members)};

static const struct shape_member text_members[] = {M("format", &openai_text_format), M("verbosity", &shape_name)};
static const struct shape text = {SHAPE_MEMBERS(text_members)};

static const struct shape_member management_members[] = {M("type", &shape_name), M("compact_threshold", &shape_plain)};
static const struct shape management_item = {SHAPE_MEMBERS(management_members)};
static const struct shape management = {.items = &management_item};

static const struct shape_member request_members[] = {
    MF("background", &shape_plain, LLM_BACKGROUND), M("context_management", &management),
    MF("conversation", &conversation, LLM_CONVERSATION), M("include", &shape_name), M("input", &openai_items),
    M("instructions", &shape_text), MF("max_output_tokens", &shape_plain, LLM_MAX_TOKENS),
    M("max_tool_calls", &shape_plain), M("metadata", &shape_tree), MF("model", &shape_name, LLM_MODEL),
    M("moderation", &openai_moderation), M("parallel_tool_calls", &shape_plain), M("personality", &shape_text),
    MF("previous_response_id", &shape_name, LLM_PREVIOUS_RESPONSE), M("prompt", &prompt),
    M("prompt_cache_key", &shape_text), M("prompt_cache_options", &openai_prompt_cache_options),
    M("prompt_cache_retention", &shape_name), M("reasoning", &openai_reasoning), M("safety_identifier", &shape_text),
    M("service_tier", &shape_name), MF("store", &shape_plain, LLM_STORE), MF("stream", &shape_plain, LLM_STREAM),
    M("stream_options", &shape_plain), M("temperature", &shape_plain), M("text", &text),
    M("tool_choice", &openai_tool_choice), M("tools", &openai_tools), M("top_logprobs", &shape_plain),
    M("top_p", &shape_plain), M("truncation", &shape_name), M("user", &shape_text),
};
const struct shape openai_responses_request = {SHAPE_MEMBERS(request_members)};

static const struct shape_member incomplete_members[] = {MF("reason", &shape_name, LLM_STOP_REASON)};
static const struct shape incomplete = {SHAPE_MEMBERS(incomplete_members)};
static const struct shape_member in_details_members[] = {MF("cached_tokens", &shape_plain, LLM_TOKENS_CACHED)};
static const struct shape in_details = {SHAPE_MEMBERS(in_details_members), .others = &shape_plain};
static const struct shape_member usage_members[] = {
    MF("input_tokens", &shape_plain, LLM_TOKENS_IN), M("input_tokens_details", &in_details),
    MF("output_tokens", &shape_plain, LLM_TOKENS_OUT), M("output_tokens_details", &shape_plain),
    M("total_tokens", &shape_plain)};
static const struct shape usage = {SHAPE_MEMBERS(usage_members), .others = &shape_plain};

static const struct shape echo = {.kind = SHAPE_TREE, .is_echo = true};

/* Instructions come back in the answer; items among them are none of its output. */
static const struct shape_member answer_members[] = {
    MF("id", &shape_name, LLM_ID), M("object", &shape_name), M("created_at", &shape_plain),
    M("completed_at", &shape_plain), M("output_text", &shape_text), MF("error", &openai_error_event, LLM_ERROR),
    M("incomplete_details", &incomplete), M("instructions", &shape_text), M("metadata", &shape_tree),
    MF("model", &shape_name, LLM_MODEL), M("output", &openai_items), M("parallel_tool_calls", &shape_plain),
    M("temperature", &shape_plain), M("tool_choice", &openai_tool_choice), M("tools", &echo),
    M("top_p", &shape_plain), M("background", &shape_plain), M("conversation", &conversation),
    M("max_output_tokens", &shape_plain), M("max_tool_calls", &shape_plain), M("moderation", &openai_moderation),
    M("previous_response_id", &shape_name), M("prompt", &prompt), M("prompt_cache_key", &shape_text),
    M("prompt_cache_options", &openai_prompt_cache_options), M("prompt_cache_retention", &shape_name),
    M("reasoning", &openai_reasoning), M("safety_identifier", &shape_text), M("service_tier", &shape_name),
    MF("status", &shape_name, LLM_STATUS), M("store", &shape_plain), M("text", &text),
    M("top_logprobs", &shape_plain), M("truncation", &shape_name), M("usage", &usage), M("user", &shape_text),
    M("frequency_penalty", &shape_plain), M("presence_penalty", &shape_plain), M("billing", &shape_name),
};
/* Whatever "object" says: compatible servers leave it out. */
const struct shape openai_response = {SHAPE_MEMBERS(answer_members)};

static const struct shape_member list_members[] = {
    M("object", &shape_name), M("data", &openai_items), M("first_id", &shape_name), M("last_id", &shape_name),
    M("has_more", &shape_plain), MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_response_list = {SHAPE_MEMBERS(list_members)};
static const struct shape_member tokens_members[] = {
    M("object", &shape_name), MF("input_tokens", &shape_plain, LLM_TOKENS_IN),
    MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_input_tokens = {SHAPE_MEMBERS(tokens_members)};

/* ---- events, by "type" ---- */

#define EVENT_MEMBERS M("type", &shape_name), M("sequence_number", &shape_plain), M("agent", &shape_name)
#define ITEM_EVENT_MEMBERS EVENT_MEMBERS, M("item_id", &shape_name), M("output_index", &shape_plain)
#define PART_EVENT_MEMBERS ITEM_EVENT_MEMBERS, M("content_index", &shape_plain), M("summary_index", &shape_plain)
#define EVENT(identifier, ...) \
    static const struct shape_member identifier##_members[] = {__VA_ARGS__}; \
    static const struct shape identifier = {SHAPE_MEMBERS(identifier##_members)}

EVENT(state, EVENT_MEMBERS, M("response", &openai_response));
EVENT(progress, ITEM_EVENT_MEMBERS, M("status", &shape_name));
EVENT(part, PART_EVENT_MEMBERS, M("part", &openai_item_part), M("status", &shape_name));
EVENT(summary_part, PART_EVENT_MEMBERS, M("part", &openai_summary_part), M("status", &shape_name));
EVENT(content, PART_EVENT_MEMBERS, MF("delta", &shape_text, LLM_CONTENT), MF("text", &shape_text, LLM_CONTENT),
      M("logprobs", &shape_dropped_list), M("obfuscation", &shape_dropped));
EVENT(refusal, PART_EVENT_MEMBERS, MF("delta", &shape_text, LLM_REFUSAL), MF("refusal", &shape_text, LLM_REFUSAL),
      M("obfuscation", &shape_dropped));
EVENT(reasoning, PART_EVENT_MEMBERS, MF("delta", &shape_text, LLM_REASONING), MF("text", &shape_text, LLM_REASONING),
      M("obfuscation", &shape_dropped));
EVENT(summary, PART_EVENT_MEMBERS, MF("delta", &shape_text, LLM_REASONING), MF("text", &shape_text, LLM_REASONING),
      M("obfuscation", &shape_dropped));
EVENT(annotation, PART_EVENT_MEMBERS, M("annotation_index", &shape_plain), M("annotation", &openai_annotation));
EVENT(item, EVENT_MEMBERS, M("output_index", &shape_plain), M("item", &openai_item));
EVENT(arguments, ITEM_EVENT_MEMBERS, M("name", &shape_name), MF("delta", &shape_text, LLM_ARGUMENTS),
      MF("arguments", &shape_json_text, LLM_ARGUMENTS), MF("input", &shape_text, LLM_ARGUMENTS),
      M("obfuscation", &shape_dropped));
EVENT(code, ITEM_EVENT_MEMBERS, MF("delta", &shape_text, LLM_CODE), MF("code", &shape_text, LLM_CODE),
      M("obfuscation", &shape_dropped));
EVENT(image, ITEM_EVENT_MEMBERS, M("partial_image_index", &shape_plain),
      MF("partial_image_b64", &shape_media, LLM_IMAGE), M("background", &shape_name), M("output_format", &shape_name),
      M("quality", &shape_name), M("size", &shape_name));
EVENT(audio, EVENT_MEMBERS, MF("delta", &shape_media, LLM_AUDIO), M("response_id", &shape_name));
EVENT(transcript, EVENT_MEMBERS, MF("delta", &shape_text, LLM_TRANSCRIPT), M("response_id", &shape_name));
EVENT(failure, EVENT_MEMBERS, M("code", &shape_name), MF("message", &shape_text, LLM_ERROR), M("param", &shape_text),
      M("error", &openai_error_event));

static const struct shape_variant event_variants[] = {
    V("response.created", &state),
    V("response.queued", &state),
    V("response.in_progress", &state),
    V("response.completed", &state),
    V("response.incomplete", &state),
    V("response.failed", &state),
    V("response.compaction.compacting", &progress),
    V("response.output_item.added", &item),
    V("response.output_item.done", &item),
    V("response.content_part.added", &part),
    V("response.content_part.done", &part),
    V("response.output_text.delta", &content),
    V("response.output_text.done", &content),
    V("response.output_text.annotation.added", &annotation),
    V("response.refusal.delta", &refusal),
    V("response.refusal.done", &refusal),
    V("response.reasoning_text.delta", &reasoning),
    V("response.reasoning_text.done", &reasoning),
    V("response.reasoning_summary_part.added", &summary_part),
    V("response.reasoning_summary_part.done", &summary_part),
    V("response.reasoning_summary_text.delta", &summary),
    V("response.reasoning_summary_text.done", &summary),
    V("response.function_call_arguments.delta", &arguments),
    V("response.function_call_arguments.done", &arguments),
    V("response.custom_tool_call_input.delta", &arguments),
    V("response.custom_tool_call_input.done", &arguments),
    V("response.mcp_call_arguments.delta", &arguments),
    V("response.mcp_call_arguments.done", &arguments),
    V("response.mcp_call.in_progress", &progress),
    V("response.mcp_call.completed", &progress),
    V("response.mcp_call.failed", &progress),
    V("response.mcp_list_tools.in_progress", &progress),
    V("response.mcp_list_tools.completed", &progress),
    V("response.mcp_list_tools.failed", &progress),
    V("response.code_interpreter_call_code.delta", &code),
    V("response.code_interpreter_call_code.done", &code),
    V("response.code_interpreter_call.in_progress", &progress),
    V("response.code_interpreter_call.interpreting", &progress),
    V("response.code_interpreter_call.completed", &progress),
    V("response.file_search_call.in_progress", &progress),
    V("response.file_search_call.searching", &progress),
    V("response.file_search_call.completed", &progress),
    V("response.web_search_call.in_progress", &progress),
    V("response.web_search_call.searching", &progress),
    V("response.web_search_call.completed", &progress),
    V("response.image_generation_call.in_progress", &progress),
    V("response.image_generation_call.generating", &progress),
    V("response.image_generation_call.completed", &progress),
    V("response.image_generation_call.partial_image", &image),
    V("response.audio.delta", &audio),
    V("response.audio.done", &audio),
    V("response.audio.transcript.delta", &transcript),
    V("response.audio.transcript.done", &transcript),
    V("error", &failure),
};
const struct shape openai_response_event = {SHAPE_UNION("type", event_variants)};
