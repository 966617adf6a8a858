/* Streams of the model APIs: the first byte says which and how the bytes are cut. Wherever they are cut the same
 * comes out; each event holds JSON, and none a canary. Tools whose name begins with "no" are denied. */
#include <stdlib.h>

#include "tests/unit/wire/json_plan.h"
#include "wire/anthropic/anthropic.h"
#include "wire/llm/sse.h"
#include "wire/llm/stream.h"
#include "wire/openai/openai.h"

#define STREAM_BYTES_MAX 65536u
#define OUT_BYTES_MAX (1u << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int judge(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                 struct error *error) {
    (void)self;
    (void)error;
    *is_allowed = !str_starts_with(call->name, STR("no"));
    *message = STR("denied");
    return 0;
}

static int run(const struct llm_operation *operation, struct str bytes, size_t step, struct buffer *out) {
    struct class_counts masked = {0}, revealed = {0};
    struct arena arena;
    struct error error;
    int result = 0;
    arena_init(&arena, 1u << 22);
    const struct llm_answer_options options = {.operation = operation, .plan = &json_plan, .judge = {NULL, judge},
                                               .masked = &masked, .revealed = &revealed, .arena = &arena};
    struct llm_stream *stream = llm_stream_new(&options, STREAM_BYTES_MAX);
    for (size_t at = 0; at < bytes.length && result == 0; at += step) {
        result = llm_stream_feed(stream, str_slice(bytes, at, at + step), false, out, &error);
    }
    if (result == 0) result = llm_stream_feed(stream, STR_NONE, true, out, &error);
    if (result == 0) llm_stream_last(stream, out);
    llm_stream_free(&stream);
    arena_free(&arena);
    return result;
}

static bool is_json(struct str text) {
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    json_scanner_init(&scanner, text);
    while ((token = json_next(&scanner, &raw)) != JSON_TOKEN_BAD) {
        if (token == JSON_TOKEN_END) return true;
    }
    return false;
}

static void check_events(struct str stream) {
    struct sse_parser parser;
    struct sse_event event;
    struct error error;
    sse_init(&parser, OUT_BYTES_MAX);
    if (sse_feed(&parser, stream, &error) != 0) abort();
    while (sse_next(&parser, &event, &error) == 1) {
        if (!event.is_comment && !is_json(event.data) && !str_equal(event.data, STR("[DONE]"))) abort();
    }
    sse_free(&parser);
}

/* Long base64 is taken for what is sealed, or for media: a canary may be part of it. */
static bool has_long_run(struct str text) {
    size_t run = 0;
    for (size_t i = 0; i < text.length && run < SHAPE_OPAQUE_BYTES_MIN; i++) {
        run = text.data[i] > ' ' && text.data[i] != '"' ? run + 1 : 0;
    }
    return run >= SHAPE_OPAQUE_BYTES_MIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 16384) return 0;
    static const struct {
        const struct llm_api *api;
        const char *path;
    } forms[] = {{&llm_api_openai, "/v1/chat/completions"}, {&llm_api_openai, "/v1/responses"},
                 {&llm_api_anthropic, "/v1/messages"}};
    struct str stream = str_make(data + 1, size - 1);
    struct str path = str_from_cstr(forms[data[0] % 3].path);
    const struct llm_operation *operation = llm_operation_find(forms[data[0] % 3].api, STR("POST"), path);
    struct buffer whole, cut;
    buffer_init(&whole, OUT_BYTES_MAX);
    buffer_init(&cut, OUT_BYTES_MAX);
    int result = run(operation, stream, SIZE_MAX / 2, &whole);
    if (run(operation, stream, 1u + data[0] / 3, &cut) != result) abort();
    if (!str_equal(buffer_view(&whole), buffer_view(&cut))) abort();
    check_events(buffer_view(&whole));
    if (str_find(buffer_view(&whole), STR("CANARY-123")) != STR_NOT_FOUND && !has_long_run(stream)) abort();
    buffer_free(&whole);
    buffer_free(&cut);
    return 0;
}
