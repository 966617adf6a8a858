/* The walk over JSON by the tables of the model APIs: the first byte says which table and which way. What comes out is
 * JSON again and holds no canary; a document in which inspection found nothing is left as it is. */
#include <stdlib.h>

#include "tests/unit/wire/json_plan.h"
#include "wire/anthropic/anthropic.h"
#include "wire/openai/openai.h"

#define OUT_BYTES_MAX (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct shape *const tables[] = {
    &openai_chat_request, &openai_chat_answer, &openai_responses_request, &openai_response,
    &openai_response_event, &openai_embeddings_request, &openai_embeddings_answer, &openai_models, &anthropic_request,
    &anthropic_message, &anthropic_event, &anthropic_models, &anthropic_error,
};

static int inspect(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error) {
    (void)name;
    (void)error;
    struct class_counts masked = {0}, revealed = {0};
    struct buffer *out = self;
    buffer_clear(out);
    enum mask_result result = plan_value(&json_plan, (struct mask_field){0}, shape, text, out, &masked, &revealed);
    return result == MASK_FAILED ? -1 : result != MASK_UNCHANGED;
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

/* Long base64 is taken for what is sealed, or for media, which policy governs: a canary may be part of it. */
static bool has_long_base64(struct str text) {
    size_t run = 0;
    for (size_t i = 0; i < text.length && run < SHAPE_OPAQUE_BYTES_MIN; i++) {
        bool is_part = text.data[i] > ' ' && text.data[i] != '"';
        run = is_part ? run + 1 : 0;
    }
    return run >= SHAPE_OPAQUE_BYTES_MIN;
}

static void check(const struct shape *table, bool is_answer, struct str document) {
    struct class_counts masked = {0}, revealed = {0};
    struct error error;
    struct shape_walk walk;
    struct buffer out, scratch;
    bool is_changed = false;
    buffer_init(&out, OUT_BYTES_MAX);
    buffer_init(&scratch, OUT_BYTES_MAX);
    shape_walk_init(&walk);
    walk.is_answer = is_answer;
    walk.sink.self = &scratch;
    walk.sink.inspect = inspect;
    bool is_inspected = shape_inspect(&walk, table, document, &error) == 0;
    bool is_clean = !walk.has_findings && !walk.has_seals && !walk.has_tokens;
    walk.sink.inspect = NULL;
    walk.plan = &json_plan;
    walk.masked = &masked;
    walk.revealed = &revealed;
    bool is_masked = shape_mask(&walk, table, document, &out, &is_changed, &error) == 0;
    struct str result = is_changed ? buffer_view(&out) : document;
    if (is_masked && (!is_inspected || !is_json(result))) abort();
    if (is_inspected && is_clean && (!is_masked || is_changed)) abort();
    if (is_masked && str_find(result, STR("CANARY-123")) != STR_NOT_FOUND && !has_long_base64(document)) abort();
    shape_walk_free(&walk);
    buffer_free(&out);
    buffer_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 65536) return 0;
    check(tables[(data[0] >> 1) % LENGTH_OF(tables)], (data[0] & 1) != 0, str_make(data + 1, size - 1));
    return 0;
}
