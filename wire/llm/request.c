/* See request.h. */
#include "wire/llm/request.h"

#include "wire/llm/facts.h"

struct reading {
    struct llm_request *request;
    const struct llm_inspector *inspector;
    struct arena *arena;
};

static int inspect(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error) {
    const struct llm_inspector *inspector = ((struct reading *)self)->inspector;
    return inspector->inspect(inspector->self, name, shape, text, error);
}

/* "web_search_20250305", "web_search_2025_08_26": a tool's version is no part of its name. */
static struct str without_version(struct str name) {
    size_t end = name.length;
    for (size_t i = name.length; i > 0; i--) {
        char c = name.data[i - 1];
        if (c == '_') end = i - 1;
        else if (c < '0' || c > '9') break;
    }
    return end > 0 ? str_slice(name, 0, end) : name;
}

static int copy(struct reading *reading, struct str text, struct str *out, struct error *error) {
    if (text.length > LLM_NAME_BYTES_MAX) {
        return error_set(error, ERROR_LIMIT, "a name of %zu bytes: longer than %d", text.length, LLM_NAME_BYTES_MAX);
    }
    *out = arena_copy(reading->arena, text);
    return out->data != NULL ? 0 : error_out_of_memory(error);
}

static int add_name(struct reading *reading, struct llm_names *names, struct str name, struct error *error) {
    for (size_t i = 0; i < names->count; i++) {
        if (str_equal(names->items[i], name)) return 0;
    }
    if (names->count == LLM_NAMES_MAX) return error_set(error, ERROR_LIMIT, "more than %d tools", LLM_NAMES_MAX);
    if (names->items == NULL) names->items = ARENA_NEW_ARRAY(reading->arena, struct str, LLM_NAMES_MAX);
    if (names->items == NULL) return error_out_of_memory(error);
    return copy(reading, name, &names->items[names->count++], error);
}

static int read_text(struct reading *reading, uint8_t fact, struct str text, struct error *error) {
    struct llm_request *request = reading->request;
    const struct str web_search = STR("web_search");
    if (fact == LLM_HOSTED_TOOL && str_equal(text, STR("web"))) text = web_search; /* OpenRouter's plugin */
    switch (fact) {
    case LLM_MODEL:
        if (copy(reading, text, &request->model, error) != 0) return -1;
        return str_ends_with(text, STR(":online")) ? add_name(reading, &request->hosted_tools, web_search, error) : 0;
    case LLM_CONVERSATION: return copy(reading, text, &request->conversation, error);
    case LLM_PREVIOUS_RESPONSE: return copy(reading, text, &request->previous_response_id, error);
    case LLM_TOOL: return add_name(reading, &request->tools, text, error);
    case LLM_HOSTED_TOOL: return add_name(reading, &request->hosted_tools, without_version(text), error);
    case LLM_SERVER: return add_name(reading, &request->servers, text, error);
    default: return 0;
    }
}

static int read_fact(void *self, uint8_t fact, const struct shape_value *value, struct error *error) {
    struct reading *reading = self;
    struct llm_request *request = reading->request;
    if (value->token == JSON_TOKEN_NULL) return 0;
    switch (fact) {
    case LLM_STREAM: request->is_stream = value->token == JSON_TOKEN_TRUE; return 0;
    case LLM_BACKGROUND: request->is_background = value->token == JSON_TOKEN_TRUE; return 0;
    case LLM_THREAD: request->is_thread = true; return 0;
    case LLM_MESSAGE:
    case LLM_ITEM: request->message_count++; return 0;
    case LLM_IMAGE: request->has_image = true; return 0;
    case LLM_AUDIO: request->has_audio = true; return 0;
    case LLM_FILE: request->has_file = true; return 0;
    case LLM_WEB_SEARCH:
        if (value->token == JSON_TOKEN_FALSE) return 0;
        return add_name(reading, &request->hosted_tools, STR("web_search"), error);
    case LLM_MAX_TOKENS:
        if (str_parse_i64(value->text, &request->max_tokens) != 0) request->max_tokens = -1;
        return 0;
    default: return value->token == JSON_TOKEN_STRING ? read_text(reading, fact, value->text, error) : 0;
    }
}

static int check_object(struct str body, struct error *error) {
    struct str trimmed = str_trim(body);
    if (trimmed.length > 0 && trimmed.data[0] == '{') return 0;
    return error_set(error, ERROR_INVALID, "the request's body is not a JSON object");
}

int llm_request_inspect(const struct llm_operation *operation, struct str body, const struct llm_inspector *inspector,
                        struct arena *arena, struct llm_request *request, struct error *error) {
    struct reading reading = {.request = request, .inspector = inspector, .arena = arena};
    struct shape_walk walk;
    *request = (struct llm_request){.max_tokens = -1};
    if (operation->request == NULL) return 0;
    if (check_object(body, error) != 0) return -1;
    shape_walk_init(&walk);
    walk.sink = (struct shape_sink){.self = &reading, .inspect = inspect, .fact = read_fact};
    int result = shape_inspect(&walk, operation->request, body, error);
    request->is_unknown_type = walk.is_unknown_type;
    request->has_tokens = walk.has_tokens;
    request->needs_masking = walk.has_findings || walk.has_seals || walk.has_tokens;
    shape_walk_free(&walk);
    return result;
}

int llm_request_mask(const struct llm_operation *operation, struct str body, const struct mask_plan *plan,
                     struct class_counts *masked, struct class_counts *revealed, struct buffer *out, bool *is_changed,
                     struct error *error) {
    struct shape_walk walk;
    *is_changed = false;
    if (operation->request == NULL) return 0;
    shape_walk_init(&walk);
    walk.plan = plan;
    walk.masked = masked;
    walk.revealed = revealed;
    struct class_counts masked_before = *masked, revealed_before = *revealed;
    size_t before = buffer_length(out);
    int result, again;
    if (plan->begin != NULL) plan->begin(plan);
    do {
        buffer_truncate(out, before);
        *masked = masked_before;
        *revealed = revealed_before;
        result = shape_mask(&walk, operation->request, body, out, is_changed, error);
        again = result == 0 && plan->settle != NULL ? plan->settle(plan) : 0;
    } while (again > 0);
    if (again < 0) result = error_set(error, ERROR_LIMIT, "the request is too large to be looked into");
    shape_walk_free(&walk);
    return result;
}
