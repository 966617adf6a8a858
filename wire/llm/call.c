/* See call.h. */
#include "wire/llm/call.h"

#define TEXT_BYTES_MAX (64u << 20)

static int get_text(struct arena *arena, struct str value, struct str *text, struct error *error) {
    struct buffer decoded;
    buffer_init(&decoded, TEXT_BYTES_MAX);
    json_append_text(value, &decoded);
    *text = arena_copy(arena, buffer_view(&decoded));
    bool is_good = !buffer_failed(&decoded) && text->data != NULL;
    buffer_free(&decoded);
    return is_good ? 0 : error_out_of_memory(error);
}

void llm_call_set_arguments(struct llm_tool_call *call, struct str arguments) {
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    call->arguments = arguments;
    json_scanner_init(&scanner, arguments);
    do token = json_next(&scanner, &raw);
    while (token != JSON_TOKEN_END && token != JSON_TOKEN_BAD);
    call->is_json = token == JSON_TOKEN_END;
}

/* Arguments are a JSON text, or JSON. */
static int set_arguments(struct arena *arena, struct str value, struct llm_tool_call *call, struct error *error) {
    struct str text = value.length > 0 ? value : STR("{}");
    if (json_is_string(value) && get_text(arena, value, &text, error) != 0) return -1;
    llm_call_set_arguments(call, text);
    return 0;
}

int llm_call_read_chat(struct arena *arena, struct str object, struct llm_tool_call *call, struct error *error) {
    struct str function = json_get(object, STR("function"));
    struct str custom = json_get(object, STR("custom"));
    struct str body = !json_is_null(function) ? function : !json_is_null(custom) ? custom : object;
    struct str arguments = json_get(body, STR("arguments"));
    if (json_is_null(arguments)) arguments = json_get(body, STR("input"));
    if (get_text(arena, json_get(object, STR("id")), &call->id, error) != 0) return -1;
    if (get_text(arena, json_get(body, STR("name")), &call->name, error) != 0) return -1;
    return set_arguments(arena, arguments, call, error);
}

static const struct item_kind {
    struct str type;
    struct str name; /* empty: it says so itself */
    struct str arguments;
    struct str otherwise;
} item_kinds[] = {
    {{"function_call", 13}, {NULL, 0}, {"arguments", 9}, {NULL, 0}},
    {{"custom_tool_call", 16}, {NULL, 0}, {"input", 5}, {NULL, 0}},
    {{"computer_call", 13}, {"computer", 8}, {"action", 6}, {"actions", 7}},
    {{"local_shell_call", 16}, {"local_shell", 11}, {"action", 6}, {NULL, 0}},
    {{"shell_call", 10}, {"shell", 5}, {"action", 6}, {NULL, 0}},
    {{"apply_patch_call", 16}, {"apply_patch", 11}, {"operation", 9}, {NULL, 0}},
};

static const struct item_kind *find_kind(struct str item) {
    struct str type = json_get(item, STR("type"));
    for (size_t i = 0; i < LENGTH_OF(item_kinds); i++) {
        if (json_string_is(type, item_kinds[i].type)) return &item_kinds[i];
    }
    return NULL;
}

/* A shell in the provider's container has run already. */
bool llm_call_is_item(struct str item) {
    struct str environment = json_get(item, STR("environment"));
    return find_kind(item) != NULL && !json_string_is(json_get(environment, STR("type")), STR("container_reference"));
}

int llm_call_read_item(struct arena *arena, struct str item, struct llm_tool_call *call, struct error *error) {
    const struct item_kind *kind = find_kind(item);
    CHECK(kind != NULL);
    struct str id = json_get(item, STR("call_id"));
    struct str arguments = json_get(item, kind->arguments);
    if (json_is_null(arguments) && kind->otherwise.length > 0) arguments = json_get(item, kind->otherwise);
    if (json_is_null(id)) id = json_get(item, STR("id"));
    if (get_text(arena, id, &call->id, error) != 0) return -1;
    call->name = kind->name;
    if (kind->name.length == 0 && get_text(arena, json_get(item, STR("name")), &call->name, error) != 0) return -1;
    return set_arguments(arena, arguments, call, error);
}

int llm_call_read_block(struct arena *arena, struct str block, struct llm_tool_call *call, struct error *error) {
    if (get_text(arena, json_get(block, STR("id")), &call->id, error) != 0) return -1;
    if (get_text(arena, json_get(block, STR("name")), &call->name, error) != 0) return -1;
    return set_arguments(arena, json_get(block, STR("input")), call, error);
}

static void add_name(struct llm_calls *calls, struct str name) {
    for (size_t i = 0; i < calls->name_count; i++) {
        if (str_equal(calls->names[i], name)) return;
    }
    calls->names[calls->name_count++] = name;
}

int llm_call_judge(struct llm_calls *calls, struct llm_tool_call *call, bool *is_allowed, struct str *message,
                   struct error *error) {
    struct str said = STR_NONE;
    if (calls->count >= LLM_CALLS_MAX) {
        return error_set(error, ERROR_LIMIT, "an answer with more than %u tool calls", LLM_CALLS_MAX);
    }
    if (call->name.length == 0 || call->name.length > LLM_CALL_NAME_BYTES_MAX) {
        return error_set(error, ERROR_PROTOCOL, "a tool call without a name, or with one of more than %u bytes",
                         LLM_CALL_NAME_BYTES_MAX);
    }
    call->index = calls->count++;
    add_name(calls, call->name);
    *is_allowed = false;
    if (calls->judge.judge(calls->judge.self, call, is_allowed, &said, error) != 0) return -1;
    if (*is_allowed) return 0;
    calls->denied_count++;
    *message = arena_copy(calls->arena, said);
    return message->data != NULL ? 0 : error_out_of_memory(error);
}

void llm_call_append_item(struct buffer *out, struct str id, struct str message) {
    buffer_append_cstr(out, "{\"type\":\"message\",\"id\":");
    json_append_quoted(out, id);
    buffer_append_cstr(out, ",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[");
    buffer_append_cstr(out, "{\"type\":\"output_text\",\"text\":");
    json_append_quoted(out, message);
    buffer_append_cstr(out, ",\"annotations\":[],\"logprobs\":[]}]}");
}

void llm_call_append_block(struct buffer *out, struct str message) {
    buffer_append_cstr(out, "{\"type\":\"text\",\"text\":");
    json_append_quoted(out, message);
    buffer_append_byte(out, '}');
}
