/* Chat Completions: the request. */
#include "wire/llm/facts.h"
#include "wire/openai/openai.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT
#define VF SHAPE_VARIANT_FACT

/* ---- parts of a message's content, by "type" ---- */

static const struct shape_member text_part_members[] = {
    M("type", &shape_name), M("text", &shape_text), M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape text_part = {SHAPE_MEMBERS(text_part_members)};

static const struct shape_member refusal_part_members[] = {M("type", &shape_name), M("refusal", &shape_text)};
static const struct shape refusal_part = {SHAPE_MEMBERS(refusal_part_members)};

static const struct shape_member image_url_members[] = {M("url", &shape_media), M("detail", &shape_name)};
static const struct shape image_url = {.kind = SHAPE_MEDIA, SHAPE_MEMBERS(image_url_members)};
static const struct shape_member image_part_members[] = {
    M("type", &shape_name), M("image_url", &image_url), M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape image_part = {SHAPE_MEMBERS(image_part_members)};

static const struct shape_member audio_data_members[] = {M("data", &shape_media), M("format", &shape_name)};
static const struct shape audio_data = {SHAPE_MEMBERS(audio_data_members)};
static const struct shape_member audio_part_members[] = {
    M("type", &shape_name), M("input_audio", &audio_data), M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape audio_part = {SHAPE_MEMBERS(audio_part_members)};

static const struct shape_member file_members[] = {
    M("file_data", &shape_media), M("file_id", &shape_name), M("filename", &shape_text)};
static const struct shape file = {SHAPE_MEMBERS(file_members)};
static const struct shape_member file_part_members[] = {
    M("type", &shape_name), M("file", &file), M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape file_part = {SHAPE_MEMBERS(file_part_members)};

static const struct shape_variant part_variants[] = {
    V("text", &text_part),
    V("refusal", &refusal_part),
    VF("image_url", &image_part, LLM_IMAGE),
    VF("input_audio", &audio_part, LLM_AUDIO),
    VF("file", &file_part, LLM_FILE),
};
static const struct shape part = {SHAPE_UNION("type", part_variants)};
static const struct shape content = {.items = &part};

/* ---- tool calls of earlier answers ---- */

static const struct shape_member call_function_members[] = {
    M("name", &shape_name), M("arguments", &shape_json_text), M("parsed_arguments", &shape_tree)};
static const struct shape call_function = {SHAPE_MEMBERS(call_function_members)};
static const struct shape_member function_call_members[] = {
    M("id", &shape_name), M("type", &shape_name), M("index", &shape_plain), M("function", &call_function)};
static const struct shape function_call = {SHAPE_MEMBERS(function_call_members)};
static const struct shape_member call_custom_members[] = {M("name", &shape_name), M("input", &shape_text)};
static const struct shape call_custom = {SHAPE_MEMBERS(call_custom_members)};
static const struct shape_member custom_call_members[] = {
    M("id", &shape_name), M("type", &shape_name), M("index", &shape_plain), M("custom", &call_custom)};
static const struct shape custom_call = {SHAPE_MEMBERS(custom_call_members)};
static const struct shape_variant call_variants[] = {V("function", &function_call), V("custom", &custom_call)};
static const struct shape tool_call = {SHAPE_UNION("type", call_variants), .absent = &function_call};
static const struct shape tool_calls = {.items = &tool_call};

/* ---- messages, by "role" ---- */

static const struct shape_member said_members[] = {
    M("role", &shape_name), M("content", &content), M("name", &shape_name)};
static const struct shape said = {SHAPE_MEMBERS(said_members)};

static const struct shape_member result_members[] = {
    M("role", &shape_name), M("content", &content), M("name", &shape_name), M("tool_call_id", &shape_name)};
static const struct shape result = {SHAPE_MEMBERS(result_members)};

/* The members of an answer, since what was answered is sent again as it is. */
static const struct shape_member spoken_audio_members[] = {
    MF("id", &shape_name, LLM_AUDIO), MF("data", &shape_media, LLM_AUDIO), M("expires_at", &shape_plain),
    M("transcript", &shape_text)};
static const struct shape spoken_audio = {SHAPE_MEMBERS(spoken_audio_members)};
static const struct shape_member citation_members[] = {
    M("start_index", &shape_plain), M("end_index", &shape_plain), M("title", &shape_text), M("url", &shape_text)};
static const struct shape citation = {SHAPE_MEMBERS(citation_members)};
static const struct shape_member cited_members[] = {M("type", &shape_name), M("url_citation", &citation)};
static const struct shape cited = {SHAPE_MEMBERS(cited_members)};
static const struct shape_variant annotation_variants[] = {V("url_citation", &cited)};
static const struct shape annotation = {SHAPE_UNION("type", annotation_variants)};
static const struct shape annotations = {.items = &annotation};

static const struct shape_member answered_members[] = {
    M("role", &shape_name), M("content", &content), M("name", &shape_name), M("refusal", &shape_text),
    M("reasoning_content", &shape_text), M("reasoning", &shape_text), M("annotations", &annotations),
    M("audio", &spoken_audio), M("function_call", &call_function), M("tool_calls", &tool_calls),
    M("parsed", &shape_tree)};
static const struct shape answered = {SHAPE_MEMBERS(answered_members)};

static const struct shape_variant message_variants[] = {
    V("system", &said), V("developer", &said), V("user", &said), V("assistant", &answered), V("tool", &result),
    V("function", &result),
};
static const struct shape message = {.fact = LLM_MESSAGE, SHAPE_UNION("role", message_variants)};
static const struct shape messages = {.items = &message};

/* What was stored: all members of all of them, with the content a second time. */
static const struct shape_member stored_members[] = {
    M("id", &shape_name), M("role", &shape_name), M("content", &content), M("content_parts", &content),
    M("name", &shape_name), M("refusal", &shape_text), M("tool_call_id", &shape_name), M("annotations", &annotations),
    M("audio", &spoken_audio), M("function_call", &call_function), M("tool_calls", &tool_calls)};
static const struct shape stored = {SHAPE_MEMBERS(stored_members)};
static const struct shape stored_list = {.items = &stored};
static const struct shape_member stored_answer_members[] = {
    M("object", &shape_name), M("data", &stored_list), M("first_id", &shape_name), M("last_id", &shape_name),
    M("has_more", &shape_plain), MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_chat_messages = {SHAPE_MEMBERS(stored_answer_members)};

/* ---- tools ---- */

static const struct shape_member function_members[] = {
    MF("name", &shape_name, LLM_TOOL), M("description", &shape_text), M("parameters", &shape_tree),
    M("strict", &shape_plain)};
static const struct shape function = {SHAPE_MEMBERS(function_members)};
static const struct shape functions = {.items = &function};
static const struct shape_member function_tool_members[] = {M("type", &shape_name), M("function", &function)};
static const struct shape function_tool = {SHAPE_MEMBERS(function_tool_members)};

static const struct shape_member grammar_text_members[] = {M("definition", &shape_text), M("syntax", &shape_name)};
static const struct shape grammar_text = {SHAPE_MEMBERS(grammar_text_members)};
static const struct shape_member format_members[] = {M("type", &shape_name), M("grammar", &grammar_text)};
static const struct shape format = {SHAPE_MEMBERS(format_members)};
static const struct shape_member custom_members[] = {
    MF("name", &shape_name, LLM_TOOL), M("description", &shape_text), M("format", &format)};
static const struct shape custom = {SHAPE_MEMBERS(custom_members)};
static const struct shape_member custom_tool_members[] = {M("type", &shape_name), M("custom", &custom)};
static const struct shape custom_tool = {SHAPE_MEMBERS(custom_tool_members)};

static const struct shape_variant tool_variants[] = {V("function", &function_tool), V("custom", &custom_tool)};
static const struct shape tool = {SHAPE_UNION("type", tool_variants)};
static const struct shape tools = {.items = &tool};

/* A choice names tools, in one of several forms. */
static const struct shape choice = {.kind = SHAPE_NAME, .items = &shape_name, .others = &choice};

/* ---- the rest ---- */

static const struct shape_member schema_members[] = {
    M("name", &shape_name), M("description", &shape_text), M("schema", &shape_tree), M("strict", &shape_plain)};
static const struct shape schema = {SHAPE_MEMBERS(schema_members)};
static const struct shape_member response_format_members[] = {
    M("type", &shape_name), M("json_schema", &schema), M("grammar", &shape_text)};
static const struct shape response_format = {SHAPE_MEMBERS(response_format_members)};

static const struct shape_member prediction_members[] = {M("type", &shape_name), M("content", &content)};
static const struct shape prediction = {SHAPE_MEMBERS(prediction_members)};

static const struct shape_member approximate_members[] = {
    M("approximate", &openai_user_location), M("type", &shape_name)};
static const struct shape approximate = {SHAPE_MEMBERS(approximate_members)};
static const struct shape_member web_search_members[] = {
    M("search_context_size", &shape_name), M("user_location", &approximate)};
static const struct shape web_search = {SHAPE_MEMBERS(web_search_members)};

/* Searches of compatible providers (xAI, OpenRouter, Qwen); plugins are tools that the provider runs. */
static const struct shape_member plugin_members[] = {MF("id", &shape_name, LLM_HOSTED_TOOL)};
static const struct shape plugin = {SHAPE_MEMBERS(plugin_members)};
static const struct shape plugins = {.items = &plugin};

static const struct shape_member audio_members[] = {M("format", &shape_name), M("voice", &shape_name)};
static const struct shape audio = {SHAPE_MEMBERS(audio_members)};

static const struct shape texts = {.items = &shape_text};

static const struct shape_member request_members[] = {
    M("messages", &messages), MF("model", &shape_name, LLM_MODEL), M("audio", &audio),
    M("frequency_penalty", &shape_plain), M("function_call", &choice), M("functions", &functions),
    M("logit_bias", &shape_plain), M("logprobs", &shape_plain),
    MF("max_completion_tokens", &shape_plain, LLM_MAX_TOKENS), MF("max_tokens", &shape_plain, LLM_MAX_TOKENS),
    M("metadata", &shape_tree), M("modalities", &shape_name), M("moderation", &openai_moderation),
    M("n", &shape_plain), M("parallel_tool_calls", &shape_plain), M("prediction", &prediction),
    M("presence_penalty", &shape_plain), M("prompt_cache_key", &shape_text),
    M("prompt_cache_options", &openai_prompt_cache_options), M("prompt_cache_retention", &shape_name),
    M("reasoning_effort", &shape_name), M("response_format", &response_format), M("safety_identifier", &shape_text),
    M("seed", &shape_plain), M("service_tier", &shape_name), M("stop", &texts), MF("store", &shape_plain, LLM_STORE),
    MF("stream", &shape_plain, LLM_STREAM), M("stream_options", &shape_plain), M("temperature", &shape_plain),
    M("tool_choice", &choice), M("tools", &tools), M("top_logprobs", &shape_plain), M("top_p", &shape_plain),
    M("user", &shape_text), M("verbosity", &shape_name), MF("web_search_options", &web_search, LLM_WEB_SEARCH),
    MF("search_parameters", &shape_tree, LLM_WEB_SEARCH), MF("enable_search", &shape_plain, LLM_WEB_SEARCH),
    M("plugins", &plugins),
};
const struct shape openai_chat_request = {SHAPE_MEMBERS(request_members)};

static const struct shape_member update_members[] = {M("metadata", &shape_tree)};
const struct shape openai_chat_update = {SHAPE_MEMBERS(update_members)};
