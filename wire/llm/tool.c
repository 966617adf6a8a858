/* Tool calls in answers, as actions of their own. */
#include "model/tags.h"
#include "wire/http/api.h"
#include "wire/llm/exchange.h"

#define TOOL_ATTRIBUTES 2

/* Arguments are JSON, but those of tools that take free text: that is one parameter, `text`. What begins as JSON and is
 * none might still be read as some by the client. */
static int read_arguments(struct str arguments, struct arena *arena, struct attribute_tags *tags) {
    struct str text = str_trim(arguments);
    if (text.length == 0) return 0;
    if (text.data[0] == '{' || text.data[0] == '[') return attribute_tags_from_json(tags, arena, text);
    return attribute_tags_add(tags, arena, STR("text"), arguments);
}

int llm_tool_step(const struct http_exchange *exchange, struct str name, struct str arguments, struct arena *arena,
                  struct action_step *step) {
    struct attribute_tags tags = {.count = 0};
    struct attribute *attributes = ARENA_NEW_ARRAY(arena, struct attribute, TOOL_ATTRIBUTES);
    const struct resource *tool = http_resource(exchange->session->target, arena, STR("Tool"), name);
    if (attributes == NULL || tool == NULL) return -1;
    *step = (struct action_step){
        .verb = STR("llm:tool_use"), .resource = tool, .attributes = attributes, .attribute_count = TOOL_ATTRIBUTES};
    int result = read_arguments(arguments, arena, &tags);
    attributes[0] = (struct attribute){.id = ATTRIBUTE_INPUT, .tags = {tags.items, tags.count}};
    attributes[1] = (struct attribute){.id = ATTRIBUTE_INPUT_NUMBERS, .tags = {tags.items, tags.count}};
    return result;
}

/* ---- Offered ------------------------------------------------------------------------------------------------------ */

static bool has_name(const struct str *names, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name)) return true;
    }
    return false;
}

/* "computer_toolset_20260801" offers "computer" and what begins with "computer_". */
static bool is_of_toolset(const struct llm_names *names, struct str name) {
    for (size_t i = 0; i < names->count; i++) {
        size_t length = str_find(names->items[i], STR("_toolset_"));
        if (length == STR_NOT_FOUND || !str_starts_with(name, str_slice(names->items[i], 0, length))) continue;
        if (name.length == length || name.data[length] == '_') return true;
    }
    return false;
}

/* What the APIs let a tool be called. */
static bool is_plain_name(struct str name) {
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_plain) return false;
    }
    return name.length > 0;
}

/* Byte for byte: a policy that names a tool must not be passed by another spelling of it, which the client may take for the
 * same. An answer that is read again names no tools in its request. */
static bool is_offered(const struct http_exchange *exchange, const struct llm_tool_call *call) {
    const struct llm_exchange *llm = llm_exchange(exchange);
    const struct llm_request *request = &llm->request;
    const struct llm_names *tools = &request->tools, *hosted = &request->hosted_tools;
    const struct action *action = exchange->action;
    bool is_computer = str_equal(call->name, STR("computer"));
    if (call->is_echoed || has_name(tools->items, tools->count, call->name)) return true;
    if (has_name(hosted->items, hosted->count, call->name)) return true;
    if (has_name(action->tools, action->tool_count, call->name)) return true;
    if (is_computer && has_name(tools->items, tools->count, STR("computer_use_preview"))) return true;
    if (is_of_toolset(&request->tools, call->name)) return true;
    return llm->operation->request == NULL && is_plain_name(call->name);
}

static int describe_call(struct http_exchange *exchange, const struct llm_tool_call *call, struct action *action,
                         struct error *error) {
    struct wire_session *session = exchange->session;
    const struct str end = {"", 1};
    struct str parts[] = {session->target->environment, end, session->target->name, end, STR("llm:tool_use"), end,
                          call->name, end, call->arguments};
    struct action_step *step = ARENA_NEW(&action->arena, struct action_step);
    action->protocol = session->protocol->name;
    action->started_ns = clock_monotonic_ns();
    action->text = arena_format(&action->arena, "%.*s %.*s", STR_ARGS(call->name), STR_ARGS(call->arguments));
    action->digest = sha256_of_parts(parts, LENGTH_OF(parts));
    memcpy(action->within, exchange->action->id, sizeof(action->within));
    if (step == NULL || action->text.data == NULL) return error_out_of_memory(error);
    if (!is_offered(exchange, call)) {
        action_refuse(action, REFUSAL_NOT_OFFERED, STR("the request offers no tool of this name"));
    }
    if (llm_tool_step(exchange, call->name, call->arguments, &action->arena, step) != 0) {
        action_refuse(action, REFUSAL_UNREADABLE, STR("the arguments of the tool call cannot be read without doubt"));
    }
    if (step->resource == NULL) return error_out_of_memory(error);
    if (session->gate->inspect(session, STR_NONE, MASK_JSON, call->arguments, &action->request_classes, NULL) != 0) {
        action_refuse(action, REFUSAL_UNINSPECTED, STR("the arguments of the tool call could not be inspected"));
    }
    action->steps = step;
    action->step_count = 1;
    return 0;
}

/* "sworn did not let the model call deploy: denied by policy ... (action 0123...-4)" */
static struct str denial(struct http_exchange *exchange, const struct llm_tool_call *call, const struct action *action) {
    struct str message = arena_format(&exchange->arena, "sworn did not let the model call %.*s: %.*s (action %s)",
                                      STR_ARGS(call->name), STR_ARGS(action->verdict.message), action->id);
    return message.data != NULL ? message : STR("sworn did not let the model call a tool");
}

int llm_judge_call(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                   struct error *error) {
    struct http_exchange *exchange = self;
    struct wire_session *session = exchange->session;
    struct action *action = action_new(session->id, session->action_count + 1);
    if (action == NULL) return error_out_of_memory(error);
    session->action_count++;
    int result = describe_call(exchange, call, action, error);
    if (result == 0) result = http_judge(exchange, action, error);
    if (result == 0) {
        *is_allowed = action->verdict.kind == VERDICT_ALLOW;
        if (!*is_allowed) *message = denial(exchange, call, action);
        action->outcome.bytes = call->arguments.length;
        session->gate->conclude(session, action);
    }
    action_free(&action);
    return result;
}
