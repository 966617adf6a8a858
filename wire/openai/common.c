/* What several endpoints have in common, and the small ones: Embeddings, Models, errors. */
#include "wire/llm/facts.h"
#include "wire/openai/openai.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT

static const struct shape_member error_members[] = {
    M("message", &shape_text), M("type", &shape_name), M("param", &shape_text), M("code", &shape_name),
    M("event_id", &shape_name)};
const struct shape openai_error_event = {SHAPE_MEMBERS(error_members)};
static const struct shape_member error_body_members[] = {MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_error = {SHAPE_MEMBERS(error_body_members)};

static const struct shape_member reasoning_members[] = {
    M("context", &shape_name), M("effort", &shape_name), M("generate_summary", &shape_name), M("mode", &shape_name),
    M("summary", &shape_name)};
const struct shape openai_reasoning = {.kind = SHAPE_NAME, SHAPE_MEMBERS(reasoning_members)};

/* Settings in a request, scores in an answer. */
const struct shape openai_moderation = {.kind = SHAPE_NAME, .items = &openai_moderation, .others = &openai_moderation};
const struct shape openai_prompt_cache_options = {.kind = SHAPE_NAME};
const struct shape openai_cache_breakpoint = {.kind = SHAPE_NAME};

static const struct shape_member location_members[] = {
    M("type", &shape_name), M("city", &shape_text), M("country", &shape_text), M("region", &shape_text),
    M("timezone", &shape_name)};
const struct shape openai_user_location = {SHAPE_MEMBERS(location_members)};

static const struct shape input_text = {.kind = SHAPE_TOKENS, .items = &shape_tokens};
static const struct shape input = {.kind = SHAPE_TOKENS, .items = &input_text};
static const struct shape_member embeddings_members[] = {
    M("input", &input), MF("model", &shape_name, LLM_MODEL), M("dimensions", &shape_plain),
    M("encoding_format", &shape_name), M("user", &shape_text)};
const struct shape openai_embeddings_request = {SHAPE_MEMBERS(embeddings_members)};

static const struct shape vector = {.kind = SHAPE_MEDIA, .items = &shape_plain};
static const struct shape_member embedding_members[] = {
    M("object", &shape_name), M("index", &shape_plain), M("embedding", &vector)};
static const struct shape embedding = {SHAPE_MEMBERS(embedding_members)};
static const struct shape embeddings = {.items = &embedding};
static const struct shape_member usage_members[] = {
    MF("prompt_tokens", &shape_plain, LLM_TOKENS_IN), M("total_tokens", &shape_plain)};
static const struct shape usage = {SHAPE_MEMBERS(usage_members), .others = &shape_plain};
static const struct shape_member embeddings_answer_members[] = {
    M("object", &shape_name), M("data", &embeddings), MF("model", &shape_name, LLM_MODEL), M("usage", &usage),
    MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_embeddings_answer = {SHAPE_MEMBERS(embeddings_answer_members)};

static const struct shape_member model_members[] = {
    M("id", &shape_name), M("object", &shape_name), M("created", &shape_plain), M("owned_by", &shape_text),
    MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_model = {SHAPE_MEMBERS(model_members)};
static const struct shape model_list = {.items = &openai_model};
static const struct shape_member models_members[] = {
    M("object", &shape_name), M("data", &model_list), MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_models = {SHAPE_MEMBERS(models_members)};

static const struct shape_member deleted_members[] = {
    M("id", &shape_name), M("object", &shape_name), M("deleted", &shape_plain),
    MF("error", &openai_error_event, LLM_ERROR)};
const struct shape openai_deleted = {SHAPE_MEMBERS(deleted_members)};
