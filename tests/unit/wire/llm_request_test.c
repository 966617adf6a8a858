/* Requests to models: which operation a path is, and what a request says of itself. */
#include "wire/llm/request.h"

#include <inttypes.h>

#include "tests/unit/tap.h"
#include "tests/unit/wire/json_plan.h"
#include "wire/anthropic/anthropic.h"
#include "wire/openai/openai.h"

static const struct path_row {
    const struct llm_api *api;
    const char *method;
    const char *path;
    const char *verb; /* NULL: unknown */
} paths[] = {
    {&llm_api_openai, "POST", "/v1/chat/completions", "llm:prompt"},
    {&llm_api_openai, "POST", "/v1/responses", "llm:prompt"},
    {&llm_api_openai, "GET", "/v1/responses/resp_1", "llm:read_response"},
    {&llm_api_openai, "DELETE", "/v1/responses/resp_1", "llm:delete_response"},
    {&llm_api_openai, "POST", "/v1/responses/input_tokens", "llm:count_tokens"},
    {&llm_api_openai, "POST", "/v1/embeddings", "llm:embed"},
    {&llm_api_openai, "GET", "/v1/models/gpt-4o", "llm:list_models"},
    {&llm_api_openai, "GET", "/v1/chat/completions/c/messages", "llm:read_response"},
    {&llm_api_openai, "GET", "/v1/chat/completions", "openai:list_completions"},
    {&llm_api_openai, "POST", "/v1/batches", "openai:create_batch"},
    {&llm_api_openai, "POST", "/v1/files", "openai:upload_file"},
    {&llm_api_openai, "GET", "/v1/responses/", NULL},
    {&llm_api_openai, "GET", "/v1/responses/a/b", NULL},
    {&llm_api_openai, "PUT", "/v1/responses", NULL},
    {&llm_api_openai, "POST", "/v1/responses/", NULL},
    {&llm_api_openai, "POST", "v1/responses", NULL},
    {&llm_api_openai, "POST", "/v1/messages", NULL},
    {&llm_api_anthropic, "POST", "/v1/messages", "llm:prompt"},
    {&llm_api_anthropic, "POST", "/v1/messages/count_tokens", "llm:count_tokens"},
    {&llm_api_anthropic, "POST", "/v1/messages/batches", "anthropic:create_batch"},
    {&llm_api_anthropic, "POST", "/v1/chat/completions", NULL},
};

static void test_paths(void) {
    for (size_t i = 0; i < LENGTH_OF(paths); i++) {
        const struct llm_operation *operation =
            llm_operation_find(paths[i].api, str_from_cstr(paths[i].method), str_from_cstr(paths[i].path));
        is_str(operation != NULL ? operation->operation.verb : STR_NONE, str_from_cstr(paths[i].verb), paths[i].path);
    }
}

static const struct row {
    const char *label;
    const struct llm_api *api;
    const char *path;
    const char *body;
    const char *wanted; /* facts, or the error */
} rows[] = {
#include "tests/unit/wire/llm_request_rows.def"
};

static int inspect(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error) {
    (void)self;
    (void)name;
    (void)shape;
    (void)error;
    return plan_has_canary(text);
}

static void append_names(struct buffer *out, const char *label, const struct llm_names *names) {
    for (size_t i = 0; i < names->count; i++) {
        buffer_append_format(out, "%s%.*s", i == 0 ? label : ",", STR_ARGS(names->items[i]));
    }
}

static void append_facts(struct buffer *out, const struct llm_request *request) {
    buffer_append_str(out, request->model);
    if (request->is_stream) buffer_append_cstr(out, " stream");
    if (request->is_background) buffer_append_cstr(out, " background");
    if (request->is_thread) buffer_append_cstr(out, " thread");
    if (request->has_image) buffer_append_cstr(out, " image");
    if (request->has_audio) buffer_append_cstr(out, " audio");
    if (request->has_file) buffer_append_cstr(out, " file");
    if (request->has_tokens) buffer_append_cstr(out, " tokens");
    if (request->needs_masking) buffer_append_cstr(out, " needs");
    if (request->max_tokens >= 0) buffer_append_format(out, " max=%" PRId64, request->max_tokens);
    buffer_append_format(out, " messages=%" PRIu64, request->message_count);
    if (request->conversation.length > 0) {
        buffer_append_format(out, " conversation=%.*s", STR_ARGS(request->conversation));
    }
    if (request->previous_response_id.length > 0) {
        buffer_append_format(out, " previous=%.*s", STR_ARGS(request->previous_response_id));
    }
    append_names(out, " tools=", &request->tools);
    append_names(out, " hosted=", &request->hosted_tools);
    append_names(out, " servers=", &request->servers);
}

static void test_row(const struct row *row) {
    static const struct llm_inspector inspector = {.inspect = inspect};
    const struct llm_operation *operation = llm_operation_find(row->api, STR("POST"), str_from_cstr(row->path));
    struct llm_request request;
    struct error error = {0};
    struct arena arena;
    struct buffer out;
    arena_init(&arena, 1u << 20);
    buffer_init(&out, 4096);
    if (llm_request_inspect(operation, str_from_cstr(row->body), &inspector, &arena, &request, &error) == 0) {
        append_facts(&out, &request);
        is_str(buffer_view(&out), str_from_cstr(row->wanted), row->label);
    } else {
        buffer_append_format(&out, "%s%s", request.is_unknown_type ? "!" : "", error.text);
        bool is_wanted = str_starts_with(buffer_view(&out), str_from_cstr(row->wanted));
        if (!ok(is_wanted, row->label)) printf("# %s\n", error.text);
    }
    buffer_free(&out);
    arena_free(&arena);
}

static void test_masking(void) {
    const struct llm_operation *operation = llm_operation_find(&llm_api_anthropic, STR("POST"), STR("/v1/messages"));
    struct class_counts masked = {0}, revealed = {0};
    struct error error = {0};
    struct buffer out;
    bool is_changed;
    buffer_init(&out, 4096);
    struct str body = STR("{\"model\": \"c\", \"messages\":[{\"role\":\"user\",\"content\":\"CANARY-123\"}]}");
    int result = llm_request_mask(operation, body, &json_plan, &masked, &revealed, &out, &is_changed, &error);
    is_integer(result, 0, "masked");
    ok(is_changed && masked.count[CLASS_CREDENTIAL] == 1, "and counted");
    is_str(buffer_view(&out),
           STR("{\"model\": \"c\", \"messages\":[{\"role\":\"user\",\"content\":\"[was canary]\"}]}"), "spliced");
    buffer_free(&out);
}

int main(void) {
    test_paths();
    for (size_t i = 0; i < LENGTH_OF(rows); i++) test_row(&rows[i]);
    test_masking();
    return tap_done();
}
