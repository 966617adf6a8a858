/* Messages: answers and the events of streams; count_tokens, Models, errors. */
#include "wire/anthropic/anthropic.h"
#include "wire/llm/facts.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT

static const struct shape_member error_object_members[] = {
    M("type", &shape_name), M("message", &shape_text), M("details", &shape_tree)};
const struct shape anthropic_error_object = {SHAPE_MEMBERS(error_object_members)};
static const struct shape_member error_members[] = {
    M("type", &shape_name), MF("error", &anthropic_error_object, LLM_ERROR), M("request_id", &shape_name)};
const struct shape anthropic_error = {SHAPE_MEMBERS(error_members)};

static const struct shape_member usage_members[] = {
    MF("input_tokens", &shape_plain, LLM_TOKENS_IN), MF("output_tokens", &shape_plain, LLM_TOKENS_OUT),
    MF("cache_read_input_tokens", &shape_plain, LLM_TOKENS_CACHED)};
static const struct shape usage = {SHAPE_MEMBERS(usage_members), .others = &shape_plain};

static const struct shape_member stop_members[] = {
    M("type", &shape_name), M("category", &shape_name), M("explanation", &shape_text),
    M("fallback_credit_token", &shape_opaque), M("fallback_has_prefill_claim", &shape_plain),
    M("recommended_model", &shape_name)};
static const struct shape stop = {SHAPE_MEMBERS(stop_members)};

#define STOP_MEMBERS                                                                                              \
    MF("stop_reason", &shape_name, LLM_STOP_REASON), M("stop_sequence", &shape_text), M("stop_details", &stop), \
        M("container", &anthropic_container)

static const struct shape_member message_members[] = {
    MF("id", &shape_name, LLM_ID), M("type", &shape_name), M("role", &shape_name), MF("model", &shape_name, LLM_MODEL),
    M("content", &anthropic_content), STOP_MEMBERS, M("usage", &usage), M("context_management", &shape_name),
    M("diagnostics", &shape_name), M("input_transformations", &shape_tree), M("parsed_output", &shape_tree),
    MF("error", &anthropic_error_object, LLM_ERROR), M("request_id", &shape_name)};
/* Whatever "type" says. */
const struct shape anthropic_message = {SHAPE_MEMBERS(message_members)};

static const struct shape_member delta_members[] = {
    M("type", &shape_name), MF("text", &shape_text, LLM_CONTENT), MF("thinking", &shape_text, LLM_REASONING),
    MF("signature", &shape_opaque, LLM_SIGNATURE), MF("partial_json", &shape_text, LLM_ARGUMENTS),
    M("citation", &anthropic_citation), M("content", &shape_text), M("encrypted_content", &shape_opaque),
    M("estimated_tokens", &shape_plain)};
static const struct shape delta = {SHAPE_MEMBERS(delta_members)};
static const struct shape_variant delta_variants[] = {
    V("text_delta", &delta), V("input_json_delta", &delta), V("thinking_delta", &delta), V("signature_delta", &delta),
    V("citations_delta", &delta), V("compaction_delta", &delta)};
static const struct shape any_delta = {SHAPE_UNION("type", delta_variants)};

#define EVENT(identifier, ...) \
    static const struct shape_member identifier##_members[] = {M("type", &shape_name), __VA_ARGS__}; \
    static const struct shape identifier = {SHAPE_MEMBERS(identifier##_members)}

EVENT(message_start, M("message", &anthropic_message));
EVENT(block_start, M("index", &shape_plain), M("content_block", &anthropic_block));
EVENT(block_delta, M("index", &shape_plain), M("delta", &any_delta));
EVENT(block_stop, M("index", &shape_plain));
static const struct shape_member message_delta_members[] = {STOP_MEMBERS};
static const struct shape stopped = {SHAPE_MEMBERS(message_delta_members)};
EVENT(message_stopped, M("delta", &stopped), M("usage", &usage), M("context_management", &shape_name),
      M("input_transformations", &shape_tree));
EVENT(bare, M("amazon-bedrock-invocationMetrics", &shape_plain));

static const struct shape_variant event_variants[] = {
    V("message_start", &message_start),
    V("content_block_start", &block_start),
    V("content_block_delta", &block_delta),
    V("content_block_stop", &block_stop),
    V("message_delta", &message_stopped),
    V("message_stop", &bare),
    V("ping", &bare),
    V("error", &anthropic_error),
};
const struct shape anthropic_event = {SHAPE_UNION("type", event_variants)};

static const struct shape_member count_members[] = {
    MF("input_tokens", &shape_plain, LLM_TOKENS_IN), M("context_management", &shape_name),
    MF("error", &anthropic_error_object, LLM_ERROR), M("type", &shape_name), M("request_id", &shape_name)};
const struct shape anthropic_token_count = {SHAPE_MEMBERS(count_members)};

static const struct shape_member model_members[] = {
    M("id", &shape_name), M("type", &shape_name), M("display_name", &shape_text), M("created_at", &shape_name),
    M("capabilities", &shape_name), M("deprecated_at", &shape_name), M("retires_at", &shape_name),
    M("lifecycle", &shape_name), M("line", &shape_name), M("max_input_tokens", &shape_plain),
    M("max_tokens", &shape_plain), MF("error", &anthropic_error_object, LLM_ERROR), M("request_id", &shape_name)};
const struct shape anthropic_model = {SHAPE_MEMBERS(model_members)};
static const struct shape model_list = {.items = &anthropic_model};
static const struct shape_member models_members[] = {
    M("data", &model_list), M("first_id", &shape_name), M("last_id", &shape_name), M("has_more", &shape_plain),
    MF("error", &anthropic_error_object, LLM_ERROR), M("type", &shape_name), M("request_id", &shape_name)};
const struct shape anthropic_models = {SHAPE_MEMBERS(models_members)};
