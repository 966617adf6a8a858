/* The Anthropic API: its operations. */
#include "wire/anthropic/anthropic.h"
#include "wire/llm/stream.h"

#define ROW(method, template, verb, ...) \
    {.operation = {{method, sizeof(method) - 1}, {template, sizeof(template) - 1}, {verb, sizeof(verb) - 1}}, \
     __VA_ARGS__}
#define NAMED(method, template, verb) ROW(method, template, "anthropic:" verb, .request = NULL)

static const struct llm_operation operations[] = {
    ROW("POST", "/v1/messages", "llm:prompt", .request = &anthropic_request, .answer = &anthropic_message,
        .form = LLM_FORM_MESSAGE, .stream = &llm_stream_messages),
    ROW("POST", "/v1/messages/count_tokens", "llm:count_tokens", .request = &anthropic_request,
        .answer = &anthropic_token_count),
    ROW("GET", "/v1/models", "llm:list_models", .answer = &anthropic_models),
    ROW("GET", "/v1/models/{model}", "llm:list_models", .answer = &anthropic_model),
    NAMED("POST", "/v1/complete", "create_completion"),
    NAMED("POST", "/v1/messages/batches", "create_batch"),
    NAMED("GET", "/v1/messages/batches", "list_batches"),
    NAMED("GET", "/v1/messages/batches/{id}", "read_batch"),
    NAMED("GET", "/v1/messages/batches/{id}/results", "read_batch_results"),
    NAMED("POST", "/v1/messages/batches/{id}/cancel", "cancel_batch"),
    NAMED("DELETE", "/v1/messages/batches/{id}", "delete_batch"),
    NAMED("POST", "/v1/files", "upload_file"),
    NAMED("GET", "/v1/files", "list_files"),
    NAMED("GET", "/v1/files/{id}", "read_file"),
    NAMED("GET", "/v1/files/{id}/content", "download_file"),
    NAMED("DELETE", "/v1/files/{id}", "delete_file"),
    NAMED("POST", "/v1/skills", "create_skill"),
    NAMED("GET", "/v1/skills", "list_skills"),
    NAMED("GET", "/v1/skills/{id}", "read_skill"),
    NAMED("DELETE", "/v1/skills/{id}", "delete_skill"),
    NAMED("POST", "/v1/agents", "create_agent"),
    NAMED("GET", "/v1/agents", "list_agents"),
    NAMED("POST", "/v1/sessions", "create_session"),
    NAMED("GET", "/v1/sessions", "list_sessions"),
    NAMED("POST", "/v1/environments", "create_environment"),
    NAMED("POST", "/v1/memory_stores", "create_memory_store"),
    NAMED("POST", "/v1/vaults", "create_vault"),
};

const struct llm_api llm_api_anthropic = {
    .name = {"anthropic", 9}, .operations = operations, .count = LENGTH_OF(operations), .error = &anthropic_error};
