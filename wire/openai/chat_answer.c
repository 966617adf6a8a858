/* Chat Completions: answers, whole and in chunks; they have the same members. */
#include "wire/llm/facts.h"
#include "wire/openai/openai.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT

static const struct shape_member call_function_members[] = {
    M("name", &shape_name), MF("arguments", &shape_json_text, LLM_ARGUMENTS), M("parsed_arguments", &shape_tree)};
static const struct shape call_function = {SHAPE_MEMBERS(call_function_members)};
static const struct shape_member call_custom_members[] = {M("name", &shape_name), M("input", &shape_text)};
static const struct shape call_custom = {SHAPE_MEMBERS(call_custom_members)};
static const struct shape_member call_members[] = {
    M("id", &shape_name), M("type", &shape_name), M("index", &shape_plain), M("function", &call_function),
    M("custom", &call_custom)};
static const struct shape call = {SHAPE_MEMBERS(call_members)};
static const struct shape_variant call_variants[] = {V("function", &call), V("custom", &call)};
const struct shape openai_chat_call = {.fact = LLM_TOOL_CALL, SHAPE_UNION("type", call_variants), .absent = &call};
static const struct shape tool_calls = {.items = &openai_chat_call};

static const struct shape_member audio_members[] = {
    M("id", &shape_name), MF("data", &shape_media, LLM_AUDIO), M("expires_at", &shape_plain),
    MF("transcript", &shape_text, LLM_TRANSCRIPT)};
static const struct shape audio = {SHAPE_MEMBERS(audio_members)};

static const struct shape_member citation_members[] = {
    M("start_index", &shape_plain), M("end_index", &shape_plain), M("title", &shape_text), M("url", &shape_text)};
static const struct shape citation = {SHAPE_MEMBERS(citation_members)};
static const struct shape_member cited_members[] = {
    M("type", &shape_name), M("index", &shape_plain), M("url_citation", &citation)};
static const struct shape cited = {SHAPE_MEMBERS(cited_members)};
static const struct shape_variant annotation_variants[] = {V("url_citation", &cited)};
static const struct shape annotation = {SHAPE_UNION("type", annotation_variants)};
static const struct shape annotations = {.items = &annotation};

/* The message of a whole answer, and the delta of a chunk. */
static const struct shape_member message_members[] = {
    M("role", &shape_name), MF("content", &shape_text, LLM_CONTENT), MF("refusal", &shape_text, LLM_REFUSAL),
    MF("reasoning_content", &shape_text, LLM_REASONING), MF("reasoning", &shape_text, LLM_THOUGHT),
    M("annotations", &annotations), M("audio", &audio), MF("function_call", &call_function, LLM_TOOL_CALL),
    M("tool_calls", &tool_calls), M("parsed", &shape_tree)};
static const struct shape message = {SHAPE_MEMBERS(message_members)};

static const struct shape_member choice_members[] = {
    M("index", &shape_plain), MF("finish_reason", &shape_name, LLM_STOP_REASON), M("logprobs", &shape_dropped),
    M("message", &message), M("delta", &message), M("content_filter_results", &shape_plain)};
static const struct shape choice = {.fact = LLM_CHOICE, .is_told_whole = true, SHAPE_MEMBERS(choice_members)};
static const struct shape choices = {.items = &choice};

static const struct shape_member details_members[] = {MF("cached_tokens", &shape_plain, LLM_TOKENS_CACHED)};
static const struct shape details = {SHAPE_MEMBERS(details_members), .others = &shape_plain};
static const struct shape_member usage_members[] = {
    MF("prompt_tokens", &shape_plain, LLM_TOKENS_IN), MF("completion_tokens", &shape_plain, LLM_TOKENS_OUT),
    M("total_tokens", &shape_plain), M("prompt_tokens_details", &details),
    M("completion_tokens_details", &shape_plain)};
static const struct shape usage = {SHAPE_MEMBERS(usage_members), .others = &shape_plain};

static const struct shape_member answer_members[] = {
    MF("id", &shape_name, LLM_ID), M("object", &shape_name), M("created", &shape_plain),
    MF("model", &shape_name, LLM_MODEL), M("choices", &choices), M("usage", &usage),
    M("moderation", &openai_moderation),
    M("service_tier", &shape_name), M("system_fingerprint", &shape_name), M("metadata", &shape_tree),
    M("obfuscation", &shape_dropped), MF("error", &openai_error_event, LLM_ERROR)};
/* Whatever "object" says: compatible servers leave it out. */
const struct shape openai_chat_answer = {SHAPE_MEMBERS(answer_members)};
