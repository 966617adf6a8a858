/* A request to a model as an action: what policy is asked. */
#include "wire/http/api.h"
#include "wire/http/content.h"
#include "wire/http/route.h"
#include "wire/llm/exchange.h"

#define PROMPT_ATTRIBUTES_MAX 12
#define BYTES_PER_TOKEN 4
#define TOKENS_OUT_USUAL 1024
#define TOKENS_OUT_MAX 1000000 /* what no model writes is no limit */

/* ---- Inspection ------------------------------------------------------------------------------------------------ */

struct inspection {
    struct http_exchange *exchange;
    struct action *action;
};

static int inspect(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error) {
    struct inspection *inspection = self;
    struct wire_session *session = inspection->exchange->session;
    struct class_counts found = {{0}};
    if (session->gate->inspect(session, name, shape, text, &found, error) != 0) return -1;
    class_counts_add(&inspection->action->request_classes, &found);
    return class_counts_set(&found) != 0;
}

static void inspect_body(struct http_exchange *exchange, struct action *action) {
    struct llm_exchange *llm = llm_exchange(exchange);
    struct inspection inspection = {exchange, action};
    struct llm_inspector inspector = {&inspection, inspect};
    struct str body = buffer_view(&exchange->body);
    struct error why = {0};
    if (exchange->problem.status != 0) return;
    if (llm->operation->request == NULL) {
        if (body.length == 0) return;
        http_refuse_request(exchange, action, REFUSAL_UNREADABLE, STR("this operation takes no body: send none"));
    } else if (content_kind_of(&exchange->request) != CONTENT_JSON) {
        http_refuse_request(exchange, action, REFUSAL_UNSUPPORTED,
                            STR("this operation takes a body of JSON: say so in Content-Type"));
    } else if (llm_request_inspect(llm->operation, body, &inspector, &exchange->arena, &llm->request, &why) != 0) {
        http_refuse_request(exchange, action, llm->request.is_unknown_type ? REFUSAL_UNKNOWN_TYPE : REFUSAL_UNREADABLE,
                            str_from_cstr(why.text));
    }
}

/* ---- Attributes ------------------------------------------------------------------------------------------------ */

/* Types of the provider's own tools, and the tool servers that it calls as "mcp:<name>". */
static struct attribute provider_tools(const struct llm_request *request, struct arena *arena) {
    size_t count = request->hosted_tools.count + request->servers.count;
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, count + 1);
    struct attribute attribute = {.id = ATTRIBUTE_PROVIDER_TOOLS};
    if (names == NULL) return attribute;
    for (size_t i = 0; i < request->hosted_tools.count; i++) names[i] = request->hosted_tools.items[i];
    for (size_t i = 0; i < request->servers.count; i++) {
        names[request->hosted_tools.count + i] = arena_format(arena, "mcp:%.*s", STR_ARGS(request->servers.items[i]));
    }
    attribute.set.items = names;
    attribute.set.count = count;
    return attribute;
}

static size_t list_attributes(const struct llm_request *request, struct arena *arena, struct attribute *out) {
    bool continues = request->conversation.length > 0 || request->previous_response_id.length > 0;
    size_t count = 0;
    out[count++] = (struct attribute){.id = ATTRIBUTE_STREAM, .boolean = request->is_stream};
    out[count++] = (struct attribute){.id = ATTRIBUTE_MESSAGES, .integer = (int64_t)request->message_count};
    if (request->max_tokens >= 0) {
        out[count++] = (struct attribute){.id = ATTRIBUTE_MAX_TOKENS, .integer = request->max_tokens};
    }
    out[count++] = (struct attribute){.id = ATTRIBUTE_TOOLS, .set = {request->tools.items, request->tools.count}};
    out[count++] = provider_tools(request, arena);
    out[count++] = (struct attribute){.id = ATTRIBUTE_HAS_IMAGE, .boolean = request->has_image};
    out[count++] = (struct attribute){.id = ATTRIBUTE_HAS_AUDIO, .boolean = request->has_audio};
    out[count++] = (struct attribute){.id = ATTRIBUTE_HAS_FILE, .boolean = request->has_file};
    out[count++] = (struct attribute){.id = ATTRIBUTE_CONTINUES, .boolean = continues};
    return count;
}

/* ---- Steps ----------------------------------------------------------------------------------------------------- */

/* The prompt itself, then each tool that the provider would run without asking anybody. */
static int add_steps(struct http_exchange *exchange, struct action *action, struct error *error) {
    const struct llm_exchange *llm = llm_exchange(exchange);
    const struct llm_request *request = &llm->request;
    struct arena *arena = &action->arena;
    size_t count = 1 + request->hosted_tools.count;
    struct action_step *steps = ARENA_NEW_ARRAY(arena, struct action_step, count);
    struct attribute *attributes = ARENA_NEW_ARRAY(arena, struct attribute, PROMPT_ATTRIBUTES_MAX);
    const struct resource *model = http_resource(exchange->session->target, arena, STR("Model"), request->model);
    if (steps == NULL || attributes == NULL || model == NULL) return error_out_of_memory(error);
    steps[0] = (struct action_step){.verb = llm->operation->operation.verb, .resource = model, .attributes = attributes};
    steps[0].attribute_count = list_attributes(request, arena, attributes);
    for (size_t i = 1; i < count; i++) {
        if (llm_tool_step(exchange, request->hosted_tools.items[i - 1], STR_NONE, arena, &steps[i]) != 0) {
            return error_out_of_memory(error);
        }
    }
    action->steps = steps;
    action->step_count = count;
    return 0;
}

/* What is continued, or read again, by the provider's name of it. */
static struct str conversation_of(struct http_exchange *exchange, const struct llm_operation *operation,
                                  const struct llm_request *request) {
    struct route route;
    if (request->previous_response_id.length > 0) return request->previous_response_id;
    if (request->conversation.length > 0) return request->conversation;
    if (operation->form != LLM_FORM_RESPONSE) return STR_NONE;
    bool is_named = route_match(operation->operation.path_template, exchange->path, &exchange->arena, &route) &&
                    route.parameter_count > 0;
    return is_named ? route.parameters[0].value : STR_NONE;
}

/* About four bytes a token; of an answer without a limit, as much as is usual. */
static int64_t estimate(const struct http_exchange *exchange, const struct llm_request *request) {
    int64_t asked = (int64_t)(buffer_length(&exchange->body) / BYTES_PER_TOKEN) + 1;
    bool is_limited = request->max_tokens >= 0 && request->max_tokens < TOKENS_OUT_MAX;
    return asked + (is_limited ? request->max_tokens : TOKENS_OUT_USUAL);
}

static int describe_known(struct http_exchange *exchange, const struct llm_operation *operation, struct action *action,
                          struct error *error) {
    struct llm_exchange *llm = ARENA_NEW(&exchange->arena, struct llm_exchange);
    if (llm == NULL) return error_out_of_memory(error);
    *llm = (struct llm_exchange){.operation = operation, .request = {.max_tokens = -1}};
    exchange->dialect_state = llm;
    inspect_body(exchange, action);
    const struct llm_request *request = &llm->request;
    action->has_unscanned = request->has_image || request->has_audio || request->has_file || request->has_tokens;
    bool is_prompt = operation->form != LLM_FORM_OTHER && operation->request != NULL;
    if (is_prompt) action->tokens_estimate = estimate(exchange, request);
    action->conversation = conversation_of(exchange, operation, request);
    if (request->is_thread) { /* the next request of it need not offer them again */
        action->tools = request->tools.items;
        action->tool_count = request->tools.count;
    }
    return add_steps(exchange, action, error);
}

int llm_describe(struct http_exchange *exchange, struct action *action, struct error *error) {
    const struct llm_dialect *dialect = llm_dialect(exchange);
    const struct llm_operation *operation =
        llm_operation_find(dialect->api, exchange->request.method, exchange->path);
    if (operation != NULL && (operation->request != NULL || operation->answer != NULL)) {
        return describe_known(exchange, operation, action, error);
    }
    const struct operation_table named = {dialect->api->name, operation != NULL ? &operation->operation : NULL,
                                          operation != NULL};
    exchange->dialect = dialect->plain;
    return http_api_describe(exchange, &named, action, error);
}
