/* Responses: items whose arguments come in pieces, in streams. Those that the client is to run are held whole and
 * judged; of the provider's own (a remote tool server's call) only the pieces are held, since a value split over the
 * pieces of a JSON text cannot be masked piece by piece. */
#include <stdlib.h>

#include "wire/openai/openai.h"
#include "wire/openai/responses_stream.h"

static const struct piece_kind {
    const char *delta;
    const char *done;
    struct str text; /* the member of `done` that says it whole */
    bool is_hosted;
} piece_kinds[] = {
    {"response.function_call_arguments.delta", "response.function_call_arguments.done", {"arguments", 9}, false},
    {"response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", {"input", 5}, false},
    {"response.mcp_call_arguments.delta", "response.mcp_call_arguments.done", {"arguments", 9}, true},
};

struct responses_item *responses_find(const struct llm_stream *stream, uint32_t index) {
    struct responses_state *state = stream->state;
    struct responses_item *item = state->items;
    while (item != NULL && item->index != index) item = item->next;
    return item;
}

static struct responses_item *open_item(struct llm_stream *stream, uint32_t index, struct error *error) {
    struct responses_state *state = stream->state;
    struct responses_item *item = responses_find(stream, index);
    if (item != NULL) return item;
    if (state->item_count++ == RESPONSES_ITEMS_MAX) {
        error_set(error, ERROR_LIMIT, "an answer with more than %u tool calls", RESPONSES_ITEMS_MAX);
        return NULL;
    }
    item = calloc(1, sizeof(*item));
    if (item == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    *item = (struct responses_item){.index = index, .next = state->items};
    buffer_init(&item->events, 8 * stream->bytes_max);
    buffer_init(&item->replacement, 8 * stream->bytes_max);
    state->items = item;
    return item;
}

static const struct piece_kind *find_done(struct str event) {
    struct str type = json_get(event, STR("type"));
    for (size_t i = 0; i < LENGTH_OF(piece_kinds); i++) {
        if (json_string_is(type, str_from_cstr(piece_kinds[i].done))) return &piece_kinds[i];
    }
    return NULL;
}

/* Masked events wait in a line each: line feeds in JSON are white space. */
int responses_hold(struct responses_item *item, struct str event, struct error *error) {
    for (size_t i = 0; i < event.length; i++) {
        buffer_append_byte(&item->events, event.data[i] == '\n' ? ' ' : (uint8_t)event.data[i]);
    }
    buffer_append_byte(&item->events, '\n');
    return buffer_failed(&item->events) ? error_out_of_memory(error) : 0;
}

static int hold_event(struct llm_stream *stream, struct responses_item *item, struct str data, struct error *error) {
    buffer_clear(&stream->event);
    if (responses_mask(stream, data, &stream->event, error) != 0) return -1;
    struct str event = buffer_view(&stream->event);
    bool is_checked = find_done(event) != NULL || llm_call_is_item(json_get(event, STR("item"))); /* when it is released */
    if (!is_checked && llm_stream_check_strays(stream, event, error) != 0) return -1;
    return responses_hold(item, event, error);
}

/* The one piece that says what all pieces said, made from the event that says it whole. */
static int append_piece(struct llm_stream *stream, const struct piece_kind *kind, struct str done, struct buffer *out,
                        struct error *error) {
    struct buffer data;
    buffer_init(&data, 8 * stream->bytes_max);
    buffer_append_format(&data, "{\"type\":\"%s\",\"sequence_number\":0,\"item_id\":", kind->delta);
    buffer_append_str(&data, json_get(done, STR("item_id")));
    buffer_append_cstr(&data, ",\"output_index\":");
    buffer_append_str(&data, json_get(done, STR("output_index")));
    buffer_append_cstr(&data, ",\"delta\":");
    buffer_append_str(&data, json_get(done, kind->text));
    buffer_append_byte(&data, '}');
    int result = buffer_failed(&data) ? error_out_of_memory(error)
                                      : responses_append(stream, buffer_view(&data), out, error);
    buffer_free(&data);
    return result;
}

/* An event that was masked, with the pieces before it that it says whole. */
static int append_masked(struct llm_stream *stream, const struct responses_item *item, struct str event,
                         struct buffer *out, struct error *error) {
    const struct piece_kind *kind = find_done(event);
    bool is_whole = kind != NULL && json_is_string(json_get(event, kind->text)) &&
                    json_get(event, STR("item_id")).length > 0 && json_get(event, STR("output_index")).length > 0;
    if (item->has_deltas && is_whole && append_piece(stream, kind, event, out, error) != 0) return -1;
    return responses_append(stream, event, out, error);
}

/* Does an event that was held say the same call as the one that was judged, as far as it says it? */
static bool tells_same(const struct llm_tool_call *call, struct str object, struct str arguments) {
    struct str name = json_get(object, STR("name"));
    struct buffer text;
    bool is_same = json_is_null(name) || json_string_is(name, call->name) || !json_is_string(name);
    if (!is_same || !json_is_string(arguments) || arguments.length == 2) return is_same;
    buffer_init(&text, arguments.length);
    json_append_text(arguments, &text);
    is_same = !buffer_failed(&text) && str_equal(buffer_view(&text), call->arguments);
    buffer_free(&text);
    return is_same;
}

static int release(struct llm_stream *stream, const struct responses_item *item, struct buffer *out,
                   struct error *error) {
    struct str rest = buffer_view(&item->events);
    struct str event;
    while (str_split(&rest, '\n', &event)) {
        const struct piece_kind *kind = find_done(event);
        struct str object = json_get(event, STR("item"));
        bool is_same = kind != NULL ? tells_same(&item->call, event, json_get(event, kind->text))
                                    : tells_same(&item->call, object, json_get(object, STR("arguments")));
        if (!is_same) return llm_stream_protocol_error(error, "a tool call that changed on its way");
        if (event.length > 0 && append_masked(stream, item, event, out, error) != 0) return -1;
    }
    return 0;
}

/* ---- judging ---- */

static int replace(struct llm_stream *stream, const struct llm_tool_call *call, struct str message,
                   struct buffer *replacement, struct error *error) {
    struct str id = arena_format(stream->options.arena, "msg_%.*s", STR_ARGS(call->id));
    llm_call_append_item(replacement, id, message);
    return id.data == NULL || buffer_failed(replacement) ? error_out_of_memory(error) : 0;
}

/* `object` is an item that the client may see. */
static int judge_item(struct llm_stream *stream, struct responses_item *item, struct str object, struct error *error) {
    struct llm_tool_call *call = &item->call;
    struct str message;
    bool is_allowed;
    if (llm_call_read_item(stream->options.arena, object, call, error) != 0) return -1;
    call->arguments = arena_copy(stream->options.arena, call->arguments);
    if (call->arguments.data == NULL) return error_out_of_memory(error);
    if (llm_call_judge(&stream->answer.calls, call, &is_allowed, &message, error) != 0) return -1;
    item->is_judged = true;
    item->is_denied = !is_allowed;
    return is_allowed ? 0 : replace(stream, call, message, &item->replacement, error);
}

int responses_judge_listed(struct llm_stream *stream, struct str object, struct buffer *replacement,
                           struct error *error) {
    struct responses_state *state = stream->state;
    struct llm_tool_call call = {0};
    struct str message;
    bool is_allowed;
    if (llm_call_read_item(stream->options.arena, object, &call, error) != 0) return -1;
    for (const struct responses_item *item = state->items; item != NULL; item = item->next) {
        if (!item->is_judged || !str_equal(item->call.id, call.id) || !str_equal(item->call.name, call.name) ||
            !str_equal(item->call.arguments, call.arguments)) {
            continue;
        }
        buffer_append_str(replacement, buffer_view(&item->replacement));
        return buffer_failed(replacement) ? error_out_of_memory(error) : 0;
    }
    if (llm_call_judge(&stream->answer.calls, &call, &is_allowed, &message, error) != 0) return -1;
    return is_allowed ? 0 : replace(stream, &call, message, replacement, error);
}

/* One of the events that tell of a message item; `rest` is the end of its members. */
static int append_message_event(struct llm_stream *stream, const struct responses_item *item, const char *type,
                                const char *head, struct str value, const char *rest, struct buffer *out,
                                struct error *error) {
    struct buffer data;
    bool is_of_item = strncmp(type, "response.output_item.", 21) == 0;
    buffer_init(&data, 8 * stream->bytes_max);
    buffer_append_format(&data, "{\"type\":\"%s\",\"sequence_number\":0,\"output_index\":%u", type, item->index);
    if (!is_of_item) {
        buffer_append_cstr(&data, ",\"item_id\":");
        buffer_append_str(&data, json_get(buffer_view(&item->replacement), STR("id")));
        buffer_append_cstr(&data, ",\"content_index\":0");
    }
    buffer_append_cstr(&data, head);
    buffer_append_str(&data, value);
    buffer_append_cstr(&data, rest);
    int result = buffer_failed(&data) ? error_out_of_memory(error)
                                      : responses_append(stream, buffer_view(&data), out, error);
    buffer_free(&data);
    return result;
}

static int append_message(struct llm_stream *stream, const struct responses_item *item, struct buffer *out,
                          struct error *error) {
    struct json_cursor content;
    struct json_member part = {0};
    struct str whole = buffer_view(&item->replacement);
    struct str parts = json_get(whole, STR("content"));
    CHECK(json_cursor_init(&content, parts) && json_cursor_next(&content, &part));
    const struct {
        const char *type;
        const char *head;
        struct str value;
        const char *rest;
    } events[] = {
        {"response.output_item.added", ",\"item\":{\"type\":\"message\",\"id\":", json_get(whole, STR("id")),
         ",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}"},
        {"response.content_part.added", ",\"part\":",
         STR("{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}"), "}"},
        {"response.output_text.delta", ",\"delta\":", json_get(part.value, STR("text")), ",\"logprobs\":[]}"},
        {"response.output_text.done", ",\"text\":", json_get(part.value, STR("text")), ",\"logprobs\":[]}"},
        {"response.content_part.done", ",\"part\":", part.value, "}"},
        {"response.output_item.done", ",\"item\":", whole, "}"},
    };
    for (size_t i = 0; i < LENGTH_OF(events); i++) {
        if (append_message_event(stream, item, events[i].type, events[i].head, events[i].value, events[i].rest, out,
                                 error) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- taking ---- */

static int end_item(struct llm_stream *stream, struct responses_item *item, struct str data, struct buffer *out,
                    struct error *error) {
    if (hold_event(stream, item, data, error) != 0) return -1;
    item->is_held = false;
    struct buffer masked; /* the judge may park: it must not be the event that is worked on */
    buffer_init(&masked, 8 * stream->bytes_max);
    buffer_append_str(&masked, json_get(buffer_view(&stream->event), STR("item")));
    int result = buffer_failed(&masked) ? error_out_of_memory(error)
                                        : judge_item(stream, item, buffer_view(&masked), error);
    buffer_free(&masked);
    if (result == 0 && item->is_denied) result = append_message(stream, item, out, error);
    else if (result == 0) result = release(stream, item, out, error);
    buffer_free(&item->events);
    return result;
}

static int take_item(struct llm_stream *stream, bool is_end, int64_t index, struct str data, struct buffer *out,
                     struct error *error) {
    if (!llm_call_is_item(json_get(data, STR("item")))) return 0;
    if (index < 0) return llm_stream_protocol_error(error, "an item without an index");
    struct responses_item *item = open_item(stream, (uint32_t)index, error);
    if (item == NULL) return -1;
    if (item->is_judged) return llm_stream_protocol_error(error, "an item that has ended");
    item->is_held = true;
    llm_call_note_all(&stream->answer.calls, json_get(data, STR("item")));
    return (is_end ? end_item(stream, item, data, out, error) : hold_event(stream, item, data, error)) == 0 ? 1 : -1;
}

/* A client's call of which the beginning is missing, as in a stream that is taken up again, is held from here on. */
static int take_piece(struct llm_stream *stream, const struct piece_kind *kind, int64_t index, struct error *error) {
    if (index < 0) return llm_stream_protocol_error(error, "a piece of arguments without an index");
    struct responses_item *item = open_item(stream, (uint32_t)index, error);
    if (item == NULL) return -1;
    item->has_deltas = true;
    if (!kind->is_hosted && !item->is_judged) item->is_held = true;
    return item->is_judged ? llm_stream_protocol_error(error, "an item that has ended") : 1;
}

int responses_take(struct llm_stream *stream, struct str type, struct str data, struct buffer *out,
                   struct error *error) {
    int64_t index = json_get_index(data, STR("output_index"));
    bool is_end = json_string_is(type, STR("response.output_item.done"));
    for (size_t i = 0; i < LENGTH_OF(piece_kinds); i++) {
        if (!json_string_is(type, str_from_cstr(piece_kinds[i].delta))) continue;
        return take_piece(stream, &piece_kinds[i], index, error);
    }
    if (is_end || json_string_is(type, STR("response.output_item.added"))) {
        int taken = take_item(stream, is_end, index, data, out, error);
        if (taken != 0) return taken;
    }
    const struct piece_kind *done = find_done(data);
    bool is_of_client = done != NULL && !done->is_hosted && index >= 0;
    struct responses_item *item = index >= 0 ? responses_find(stream, (uint32_t)index) : NULL;
    if (item == NULL && is_of_client) item = open_item(stream, (uint32_t)index, error);
    if (item == NULL) return is_of_client ? -1 : 0;
    if (is_of_client && !item->is_judged) item->is_held = true;
    if (item->is_held) return hold_event(stream, item, data, error) == 0 ? 1 : -1;
    if (done == NULL) return 0;
    buffer_clear(&stream->event);
    if (responses_mask(stream, data, &stream->event, error) != 0) return -1;
    if (llm_stream_check_strays(stream, buffer_view(&stream->event), error) != 0) return -1;
    return append_masked(stream, item, buffer_view(&stream->event), out, error) == 0 ? 1 : -1;
}
