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

/* Without a type it is a function's call when it has a name and arguments. */
static const struct item_kind *find_kind(struct str item) {
    struct str type = json_get(item, STR("type"));
    for (size_t i = 0; i < LENGTH_OF(item_kinds); i++) {
        if (json_string_is(type, item_kinds[i].type)) return &item_kinds[i];
    }
    bool is_function = json_is_null(type) && json_is_string(json_get(item, STR("name"))) &&
                       !json_is_null(json_get(item, STR("arguments")));
    return is_function ? &item_kinds[0] : NULL;
}

bool llm_call_is_type(struct str type) {
    for (size_t i = 0; i < LENGTH_OF(item_kinds); i++) {
        if (str_equal_ignoring_case(type, item_kinds[i].type)) return true;
    }
    return str_equal_ignoring_case(type, STR("tool_use"));
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

/* Without a type it is one when it has a name and an input. */
bool llm_call_is_block(struct str block) {
    struct str type = json_get(block, STR("type"));
    if (!json_is_null(type)) return json_string_is(type, STR("tool_use"));
    return json_is_string(json_get(block, STR("name"))) && json_get(block, STR("input")).length > 0;
}

int llm_call_read_any(struct arena *arena, struct str object, struct llm_tool_call *call, struct error *error) {
    bool is_item = find_kind(object) != NULL;
    return is_item ? llm_call_read_item(arena, object, call, error) : llm_call_read_chat(arena, object, call, error);
}

void llm_call_note(struct llm_calls *calls, struct str name) {
    if (name.length == 0 || name.length > LLM_CALL_NAME_BYTES_MAX || calls->name_count == LLM_CALLS_MAX) return;
    for (size_t i = 0; i < calls->name_count; i++) {
        if (str_equal(calls->names[i], name)) return;
    }
    struct str copy = arena_copy(calls->arena, name);
    if (copy.data != NULL) calls->names[calls->name_count++] = copy;
}

static int note(void *self, struct str object, struct error *error) {
    struct llm_calls *calls = self;
    struct llm_tool_call call = {0};
    if (llm_call_read_any(calls->arena, object, &call, error) != 0) return -1;
    llm_call_note(calls, call.name);
    return 0;
}

void llm_call_note_all(struct llm_calls *calls, struct str document) {
    struct error ignored;
    if (llm_call_find(document, &(struct llm_finder){calls, true, note}, &ignored) != 0) return;
}

struct strays {
    struct llm_calls *calls;
    bool is_whole;
};

static int judge_stray(void *self, struct str object, struct error *error) {
    const struct strays *strays = self;
    struct llm_calls *calls = strays->calls;
    struct llm_tool_call call = {0};
    struct str message;
    bool is_allowed;
    for (size_t i = 0; i < calls->read_count; i++) {
        if (calls->read[i] == object.data) return 0;
    }
    if (find_kind(object) != NULL && !llm_call_is_item(object)) return 0;
    if (llm_call_read_any(calls->arena, object, &call, error) != 0) return -1;
    llm_call_note(calls, call.name);
    if (!strays->is_whole) {
        return error_set(error, ERROR_INVALID, "it asks for a tool at a place where no such call can be decided");
    }
    if (llm_call_judge(calls, &call, &is_allowed, &message, error) != 0) return -1;
    return is_allowed ? 0 : error_set(error, ERROR_DENIED, "%.*s", STR_ARGS(message));
}

int llm_call_judge_strays(struct llm_calls *calls, struct str document, bool is_whole, struct error *error) {
    struct strays strays = {calls, is_whole};
    int result = llm_call_find(document, &(struct llm_finder){&strays, false, judge_stray}, error);
    calls->read_count = 0;
    return result;
}

static bool is_offered(const struct llm_calls *calls, struct str name) {
    for (size_t i = 0; i < calls->offered_count; i++) {
        if (str_equal(calls->offered[i], name)) return true;
    }
    return false;
}

int llm_call_offer(struct llm_calls *calls, struct str name, struct error *error) {
    if (is_offered(calls, name) || calls->offered_count == LLM_OFFERED_MAX) return 0;
    if (calls->offered == NULL) calls->offered = ARENA_NEW_ARRAY(calls->arena, struct str, LLM_OFFERED_MAX);
    struct str copy = calls->offered != NULL ? arena_copy(calls->arena, name) : STR_NONE;
    if (copy.data == NULL) return error_out_of_memory(error);
    calls->offered[calls->offered_count++] = copy;
    return 0;
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
    call->is_echoed = is_offered(calls, call->name);
    llm_call_note(calls, call->name);
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
