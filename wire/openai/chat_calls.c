/* Chat Completions: tool calls of a stream, gathered by choice and index, judged when their choice ends. */
#include "wire/openai/chat_stream.h"

#include <stdlib.h>

#include "wire/openai/openai.h"

static struct chat_state *state_of(struct llm_stream *stream) { return stream->state; }

static void free_call(struct chat_call **place) {
    struct chat_call *call = *place;
    struct buffer *buffers[] = {&call->first, &call->more, &call->id, &call->name, &call->arguments};
    *place = call->next;
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffer_free(buffers[i]);
    free(call);
}

void chat_free_calls(struct chat_state *state) {
    while (state->calls != NULL) free_call(&state->calls);
}

/* ---- gathering ---- */

/* What a piece says of a call. */
struct piece {
    struct str object;
    struct str body; /* its function, its custom tool, or itself */
    uint32_t choice;
    int64_t index;
    bool is_function_call;
    bool is_custom;
};

static struct piece read_piece(struct str object, uint32_t choice, bool is_function_call) {
    struct str custom = json_get(object, STR("custom"));
    struct str function = json_get(object, STR("function"));
    struct piece piece = {.object = object, .body = object, .choice = choice, .is_function_call = is_function_call};
    piece.index = is_function_call ? -1 : json_get_index(object, STR("index"));
    piece.is_custom = !json_is_null(custom) || json_string_is(json_get(object, STR("type")), STR("custom"));
    if (!json_is_null(custom)) piece.body = custom;
    else if (!json_is_null(function)) piece.body = function;
    return piece;
}

/* Without an index a piece belongs to the call whose id it says, or else to the last one, unless it says another name. */
static bool belongs(const struct piece *piece, const struct chat_call *call) {
    struct str id = json_get(piece->object, STR("id"));
    struct str name = json_get(piece->body, STR("name"));
    bool has_id = json_is_string(id) && id.length > 2;
    bool has_name = json_is_string(name) && name.length > 2;
    if (call->choice != piece->choice || call->is_function_call != piece->is_function_call) return false;
    if (piece->is_function_call) return true;
    if (piece->index >= 0 || call->index >= 0) return piece->index == call->index;
    if (has_id) return json_string_is(id, buffer_view(&call->id));
    return !has_name || json_string_is(name, buffer_view(&call->name));
}

static struct chat_call *find_call(struct llm_stream *stream, const struct piece *piece, struct error *error) {
    struct chat_state *chat = state_of(stream);
    struct chat_call *found = NULL, **place = &chat->calls;
    for (; *place != NULL; place = &(*place)->next) {
        if (belongs(piece, *place)) found = *place;
    }
    if (found != NULL) return found;
    if (chat->count++ == LLM_CALLS_MAX) {
        error_set(error, ERROR_LIMIT, "an answer with more than %u tool calls", LLM_CALLS_MAX);
        return NULL;
    }
    struct chat_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    *call = (struct chat_call){
        .choice = piece->choice, .index = piece->index, .is_function_call = piece->is_function_call};
    buffer_init(&call->first, stream->bytes_max);
    buffer_init(&call->more, stream->bytes_max);
    buffer_init(&call->id, LLM_CALL_NAME_BYTES_MAX);
    buffer_init(&call->name, LLM_CALL_NAME_BYTES_MAX);
    buffer_init(&call->arguments, stream->bytes_max);
    buffer_append_str(&call->first, piece->object);
    *place = call;
    return call;
}

static void gather_more(struct chat_call *call, struct str object) {
    static const struct str own[] = {{"index", 5},    {"id", 2},   {"type", 4},     {"function", 8},
                                     {"custom", 6}, {"name", 4}, {"arguments", 9}, {"input", 5}};
    struct json_cursor cursor;
    struct json_member member;
    if (!json_cursor_init(&cursor, object)) return;
    while (json_cursor_next(&cursor, &member)) {
        bool is_own = false;
        for (size_t i = 0; i < LENGTH_OF(own); i++) is_own |= json_name_is(member.name, own[i]);
        if (is_own || json_get(buffer_view(&call->first), member.name).length > 0) continue;
        buffer_append_cstr(&call->more, ",\"");
        buffer_append_str(&call->more, member.name);
        buffer_append_cstr(&call->more, "\":");
        buffer_append_str(&call->more, member.value);
    }
}

/* Arguments are a text; some write them as the JSON that they mean. */
static void gather_arguments(struct chat_call *call, struct str body) {
    struct str arguments = json_get(body, call->is_custom ? STR("input") : STR("arguments"));
    if (json_is_string(arguments)) json_append_text(arguments, &call->arguments);
    else if (!json_is_null(arguments)) buffer_append_str(&call->arguments, arguments);
}

static int gather(struct llm_stream *stream, const struct piece *piece, struct error *error) {
    struct chat_call *call = find_call(stream, piece, error);
    if (call == NULL) return -1;
    if (piece->is_custom) call->is_custom = true;
    /* Some say the id and the name in every piece. */
    if (buffer_length(&call->id) == 0) json_append_text(json_get(piece->object, STR("id")), &call->id);
    if (buffer_length(&call->name) == 0) json_append_text(json_get(piece->body, STR("name")), &call->name);
    gather_arguments(call, piece->body);
    gather_more(call, piece->object);
    const struct buffer *buffers[] = {&call->first, &call->more, &call->id, &call->name, &call->arguments};
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) {
        if (buffer_failed(buffers[i])) return error_set(error, ERROR_LIMIT, "a tool call of the stream is too long");
    }
    llm_call_note(&stream->answer.calls, buffer_view(&call->name));
    return 0;
}

static int cut_message(struct llm_stream *stream, uint32_t number, struct str message, struct json_edits *edits,
                       struct error *error) {
    struct json_member calls;
    struct json_scanner scanner;
    struct str object;
    struct str function_call = json_get(message, STR("function_call"));
    if (!json_is_null(function_call)) {
        struct piece piece = read_piece(function_call, number, true);
        if (gather(stream, &piece, error) != 0) return -1;
        json_edit_replace(edits, function_call, STR("null"));
    }
    if (!json_find(message, STR("tool_calls"), &calls)) return 0;
    json_scanner_init(&scanner, calls.value);
    while (json_next_object(&scanner, &object)) {
        struct piece piece = read_piece(object, number, false);
        if (gather(stream, &piece, error) != 0) return -1;
    }
    json_edit_remove(edits, message, &calls);
    return 0;
}

/* Some write a message where a delta belongs. */
int chat_cut_calls(struct llm_stream *stream, uint32_t number, struct str choice, struct json_edits *edits,
                   struct error *error) {
    const struct str names[] = {STR("delta"), STR("message")};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        struct json_scanner scanner;
        struct str message;
        json_scanner_init(&scanner, json_get(choice, names[i]));
        while (json_next_object(&scanner, &message)) {
            if (cut_message(stream, number, message, edits, error) != 0) return -1;
        }
    }
    return 0;
}

/* ---- giving out ---- */

/* Puts a text in the place of a member's value, or keeps it for a member that is to be put in. */
static void put(struct json_edits *edits, struct str object, const char *name, struct str value, struct buffer *missing) {
    struct str there = json_get(object, str_from_cstr(name));
    if (there.length > 0) {
        json_edit_replace(edits, there, value);
        return;
    }
    if (buffer_length(missing) > 0) buffer_append_byte(missing, ',');
    buffer_append_format(missing, "\"%s\":", name);
    buffer_append_str(missing, value);
}

static void put_missing(struct json_edits *edits, struct str object, struct buffer *missing) {
    struct json_cursor cursor;
    struct json_member member;
    bool has_members = json_cursor_init(&cursor, object) && json_cursor_next(&cursor, &member);
    if (buffer_length(missing) == 0) return;
    if (has_members) buffer_append_byte(missing, ',');
    json_edit_replace(edits, str_make(object.data + 1, 0), buffer_view(missing));
    if (buffer_failed(missing)) edits->is_failed = true;
    buffer_clear(missing);
}

struct parts {
    struct buffer missing;
    struct buffer name;
    struct buffer arguments;
    struct buffer id;
    struct buffer body; /* when the first piece has none */
};

static void splice_body(const struct chat_call *call, struct str object, struct json_edits *edits, struct parts *parts) {
    const char *name = call->is_custom ? "custom" : "function";
    struct str body = call->is_function_call ? object : json_get(object, str_from_cstr(name));
    const char *arguments = call->is_custom ? "input" : "arguments";
    bool is_flat = json_get(object, STR("name")).length > 0 || json_get(object, str_from_cstr(arguments)).length > 0;
    if (json_is_null(body) && is_flat) body = object;
    if (body.length > 0 && body.data[0] == '{') {
        put(edits, body, "name", buffer_view(&parts->name), &parts->missing);
        put(edits, body, arguments, buffer_view(&parts->arguments), &parts->missing);
        if (body.data != object.data) put_missing(edits, body, &parts->missing);
        return;
    }
    buffer_append_cstr(&parts->body, "{\"name\":");
    buffer_append_str(&parts->body, buffer_view(&parts->name));
    buffer_append_format(&parts->body, ",\"%s\":", arguments);
    buffer_append_str(&parts->body, buffer_view(&parts->arguments));
    buffer_append_byte(&parts->body, '}');
    put(edits, object, name, buffer_view(&parts->body), &parts->missing);
}

/* The first piece with all that later ones said; `index` is the call's place among those that are left. */
static int splice(struct llm_stream *stream, const struct chat_call *call, size_t index, struct buffer *out,
                  struct error *error) {
    struct parts parts;
    struct buffer *buffers[] = {&parts.missing, &parts.name, &parts.arguments, &parts.id, &parts.body};
    struct json_edits edits;
    char number[24];
    struct str object = buffer_view(&call->first);
    bool is_failed = false;
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffer_init(buffers[i], 8 * stream->bytes_max);
    json_append_quoted(&parts.name, buffer_view(&call->name));
    json_append_quoted(&parts.arguments, buffer_view(&call->arguments));
    json_append_quoted(&parts.id, buffer_view(&call->id));
    json_edits_init(&edits, &stream->scratch);
    splice_body(call, object, &edits, &parts);
    if (!call->is_function_call) {
        int length = snprintf(number, sizeof(number), "%zu", index);
        put(&edits, object, "index", str_make(number, (size_t)length), &parts.missing);
        put(&edits, object, "id", buffer_view(&parts.id), &parts.missing);
        put(&edits, object, "type", call->is_custom ? STR("\"custom\"") : STR("\"function\""), &parts.missing);
    }
    put_missing(&edits, object, &parts.missing);
    if (buffer_length(&call->more) > 0) {
        json_edit_replace(&edits, str_make(object.data + object.length - 1, 0), buffer_view(&call->more));
    }
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) is_failed |= buffer_failed(buffers[i]);
    int result = is_failed ? error_out_of_memory(error) : json_edits_apply(&edits, object, out, error);
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffer_free(buffers[i]);
    return result;
}

/* The call as the client may see it, for the judge and for the chunk that tells of it. */
static int build_call(struct llm_stream *stream, const struct chat_call *call, size_t index, struct buffer *out,
                      struct error *error) {
    struct buffer object;
    buffer_init(&object, 8 * stream->bytes_max);
    if (call->is_function_call) buffer_append_cstr(&object, "{\"function\":");
    int result = splice(stream, call, index, &object, error);
    if (call->is_function_call) buffer_append_byte(&object, '}');
    state_of(stream)->is_in_choice = false;
    if (result == 0 && buffer_failed(&object)) result = error_out_of_memory(error);
    if (result == 0) result = llm_stream_mask(stream, &openai_chat_call, buffer_view(&object), out, error);
    buffer_free(&object);
    return result;
}

static int append_call(struct llm_stream *stream, const struct chat_call *call, struct str object, struct buffer *out,
                       struct error *error) {
    struct buffer delta;
    buffer_init(&delta, 8 * stream->bytes_max);
    buffer_append_cstr(&delta, call->is_function_call ? "{\"function_call\":" : "{\"tool_calls\":[");
    buffer_append_str(&delta, call->is_function_call ? json_get(object, STR("function")) : object);
    buffer_append_cstr(&delta, call->is_function_call ? "}" : "]}");
    int result = buffer_failed(&delta) ? error_out_of_memory(error)
                                       : chat_append_chunk(stream, call->choice, buffer_view(&delta), out, error);
    buffer_free(&delta);
    return result;
}

static int judge_call(struct llm_stream *stream, const struct chat_call *gathered, size_t index, bool *is_allowed,
                      struct buffer *out, struct error *error) {
    struct llm_tool_call call = {0};
    struct str message;
    struct buffer object;
    buffer_init(&object, 8 * stream->bytes_max);
    int result = build_call(stream, gathered, index, &object, error);
    struct str text = buffer_view(&object);
    if (result == 0) result = llm_call_read_chat(stream->options.arena, text, &call, error);
    if (result == 0) result = llm_call_judge(&stream->answer.calls, &call, is_allowed, &message, error);
    if (result == 0 && *is_allowed) result = append_call(stream, gathered, text, out, error);
    else if (result == 0) result = chat_append_denial(stream, gathered->choice, message, out, error);
    buffer_free(&object);
    return result;
}

int chat_end_calls(struct llm_stream *stream, uint32_t choice, bool *is_empty, struct buffer *out, struct error *error) {
    struct chat_call **place = &state_of(stream)->calls;
    size_t asked = 0, left = 0;
    while (*place != NULL) {
        bool is_allowed;
        if ((*place)->choice != choice) {
            place = &(*place)->next;
            continue;
        }
        if (judge_call(stream, *place, left, &is_allowed, out, error) != 0) return -1;
        asked++;
        left += is_allowed;
        free_call(place);
    }
    *is_empty = asked > 0 && left == 0;
    return 0;
}
