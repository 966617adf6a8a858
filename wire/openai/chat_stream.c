/* Chat Completions: streams of chunks, which "data: [DONE]" ends.
 *
 * Texts are lanes by choice and kind. Tool calls are cut out of the chunks and gathered by choice and index; with the
 * chunk that has the choice's finish_reason they are judged, and come out in chunks of their own before it. Chunks that
 * we add are copies of the last one with other choices. */
#include <stdlib.h>

#include "wire/llm/stream_form.h"
#include "wire/openai/openai.h"

struct gathered {
    uint32_t choice;
    uint32_t index;
    bool is_custom;
    bool is_function_call; /* the older form, one a choice */
    struct buffer id;
    struct buffer name;
    struct buffer arguments;
    struct gathered *next; /* in the order of their appearance */
};

struct chat_state {
    struct gathered *calls;
    size_t count;
    uint32_t choice;    /* that is being masked */
    bool is_finishing;  /* its texts end with this chunk */
    bool is_in_choice;
};

static struct chat_state *state_of(struct llm_stream *stream) { return stream->state; }

static void free_gathered(struct gathered **place) {
    struct gathered *call = *place;
    *place = call->next;
    buffer_free(&call->id);
    buffer_free(&call->name);
    buffer_free(&call->arguments);
    free(call);
}

static void free_state(void *state) {
    struct chat_state *chat = state;
    while (chat->calls != NULL) free_gathered(&chat->calls);
}

/* ---- texts ---- */

static void on_fact(struct llm_stream *stream, uint8_t fact, const struct shape_value *value) {
    struct chat_state *chat = state_of(stream);
    if (fact != LLM_CHOICE || value->token != JSON_TOKEN_BEGIN_OBJECT) return;
    int64_t index = json_get_index(value->text, STR("index"));
    chat->choice = index >= 0 ? (uint32_t)index : 0;
    chat->is_finishing = !json_is_null(json_get(value->text, STR("finish_reason")));
    chat->is_in_choice = true;
}

static const struct text_kind {
    uint8_t kind;
    const char *head; /* of a delta with such a text, up to the text */
    const char *tail;
} text_kinds[] = {
    {LLM_REASONING, "{\"reasoning_content\":", "}"},
    {LLM_THOUGHT, "{\"reasoning\":", "}"},
    {LLM_CONTENT, "{\"content\":", "}"},
    {LLM_REFUSAL, "{\"refusal\":", "}"},
    {LLM_TRANSCRIPT, "{\"audio\":{\"transcript\":", "}}"},
};

static int on_text(struct llm_stream *stream, uint8_t fact, struct str text, struct buffer *out, struct error *error) {
    struct chat_state *chat = state_of(stream);
    size_t i = 0;
    while (i < LENGTH_OF(text_kinds) && text_kinds[i].kind != fact) i++;
    if (i == LENGTH_OF(text_kinds) || !chat->is_in_choice) return 0;
    struct llm_lane *lane = llm_lane_open(stream, chat->choice, 0, fact, error);
    if (lane == NULL) return -1;
    bool is_last = chat->is_finishing;
    return llm_lane_feed(stream, lane, text, is_last, LLM_KEEP_NOTHING, out, error) == 0 ? 1 : -1;
}

/* A chunk like the last one, with this delta only. */
static int append_chunk(struct llm_stream *stream, uint32_t choice, struct str delta, struct buffer *out,
                        struct error *error) {
    struct json_edits edits;
    struct buffer chunk, choices;
    struct str last = buffer_view(&stream->event);
    struct str usage = json_get(last, STR("usage"));
    buffer_init(&chunk, 8 * stream->bytes_max);
    buffer_init(&choices, 8 * stream->bytes_max);
    buffer_append_format(&choices, "[{\"index\":%u,\"delta\":", choice);
    buffer_append_str(&choices, delta);
    buffer_append_cstr(&choices, ",\"logprobs\":null,\"finish_reason\":null}]");
    json_edits_init(&edits, &stream->scratch);
    struct str place = json_get(last, STR("choices"));
    int result = place.length > 0 ? 0 : llm_stream_protocol_error(error, "no chunk before the end");
    if (result == 0) json_edit_replace(&edits, place, buffer_view(&choices));
    if (!json_is_null(usage)) json_edit_replace(&edits, usage, STR("null"));
    if (result == 0) result = json_edits_apply(&edits, last, &chunk, error);
    if (result == 0) sse_append(out, STR_NONE, buffer_view(&chunk));
    if (buffer_failed(&choices)) result = error_out_of_memory(error);
    buffer_free(&chunk);
    buffer_free(&choices);
    return result;
}

static int append_text(struct llm_stream *stream, uint32_t choice, const struct text_kind *kind, struct str text,
                       struct buffer *out, struct error *error) {
    struct buffer delta;
    if (text.length == 0) return 0;
    buffer_init(&delta, 8 * stream->bytes_max);
    buffer_append_cstr(&delta, kind->head);
    json_append_quoted(&delta, text);
    buffer_append_cstr(&delta, kind->tail);
    int result = buffer_failed(&delta) ? error_out_of_memory(error)
                                       : append_chunk(stream, choice, buffer_view(&delta), out, error);
    buffer_free(&delta);
    return result;
}

/* What the choice's lanes still hold. */
static int flush_choice(struct llm_stream *stream, uint32_t choice, struct buffer *out, struct error *error) {
    struct buffer rest;
    int result = 0;
    buffer_init(&rest, 8 * stream->bytes_max);
    for (size_t i = 0; i < LENGTH_OF(text_kinds) && result == 0; i++) {
        struct llm_lane *lane = llm_lane_find(stream, choice, 0, text_kinds[i].kind);
        if (lane == NULL || lane->is_closed) continue;
        buffer_clear(&rest);
        result = llm_lane_feed(stream, lane, STR_NONE, true, LLM_KEEP_NOTHING, &rest, error);
        if (result == 0) result = append_text(stream, choice, &text_kinds[i], buffer_view(&rest), out, error);
    }
    buffer_free(&rest);
    return result;
}

/* ---- tool calls ---- */

static struct gathered *find_gathered(struct llm_stream *stream, uint32_t choice, uint32_t index, bool is_function_call,
                                      struct error *error) {
    struct chat_state *chat = state_of(stream);
    struct gathered **place = &chat->calls;
    for (; *place != NULL; place = &(*place)->next) {
        struct gathered *call = *place;
        if (call->choice == choice && call->index == index && call->is_function_call == is_function_call) return call;
    }
    if (chat->count++ == LLM_CALLS_MAX) {
        error_set(error, ERROR_LIMIT, "an answer with more than %u tool calls", LLM_CALLS_MAX);
        return NULL;
    }
    struct gathered *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    call->choice = choice;
    call->index = index;
    call->is_function_call = is_function_call;
    buffer_init(&call->id, LLM_CALL_NAME_BYTES_MAX);
    buffer_init(&call->name, LLM_CALL_NAME_BYTES_MAX);
    buffer_init(&call->arguments, stream->bytes_max);
    *place = call;
    return call;
}

static int gather(struct llm_stream *stream, uint32_t choice, struct str delta, bool is_function_call,
                  struct error *error) {
    int64_t index = is_function_call ? 0 : json_get_index(delta, STR("index"));
    if (index < 0) return llm_stream_protocol_error(error, "a tool call without an index");
    struct gathered *call = find_gathered(stream, choice, (uint32_t)index, is_function_call, error);
    if (call == NULL) return -1;
    struct str custom = json_get(delta, STR("custom"));
    struct str body = is_function_call ? delta : json_get(delta, STR("function"));
    if (!json_is_null(custom)) body = custom;
    if (!json_is_null(custom) || json_string_is(json_get(delta, STR("type")), STR("custom"))) call->is_custom = true;
    /* Some say the id and the name in every delta. */
    if (buffer_length(&call->id) == 0) json_append_text(json_get(delta, STR("id")), &call->id);
    if (buffer_length(&call->name) == 0) json_append_text(json_get(body, STR("name")), &call->name);
    json_append_text(json_get(body, call->is_custom ? STR("input") : STR("arguments")), &call->arguments);
    bool is_failed = buffer_failed(&call->id) || buffer_failed(&call->name) || buffer_failed(&call->arguments);
    return is_failed ? error_set(error, ERROR_LIMIT, "a tool call of the stream is too long") : 0;
}

/* Cuts the tool calls out of a choice. */
static int cut_choice(struct llm_stream *stream, struct str choice, struct json_edits *edits, struct error *error) {
    struct json_member calls, item;
    struct json_cursor cursor;
    int64_t index = json_get_index(choice, STR("index"));
    uint32_t number = index >= 0 ? (uint32_t)index : 0;
    struct str delta = json_get(choice, STR("delta"));
    struct str function_call = json_get(delta, STR("function_call"));
    if (!json_is_null(function_call)) {
        if (gather(stream, number, function_call, true, error) != 0) return -1;
        json_edit_replace(edits, function_call, STR("null"));
    }
    if (!json_find(delta, STR("tool_calls"), &calls) || !json_cursor_init(&cursor, calls.value)) return 0;
    while (json_cursor_next(&cursor, &item)) {
        if (gather(stream, number, item.value, false, error) != 0) return -1;
    }
    json_edit_remove(edits, delta, &calls);
    return 0;
}

/* The call as the client may see it, for the judge and for the chunk that tells of it; `index` is its place among those
 * that are left. */
static int build_call(struct llm_stream *stream, const struct gathered *call, size_t index, struct buffer *out,
                      struct error *error) {
    struct buffer object;
    buffer_init(&object, 8 * stream->bytes_max);
    if (call->is_function_call) {
        buffer_append_cstr(&object, "{\"function\":{");
    } else {
        buffer_append_format(&object, "{\"index\":%zu,\"id\":", index);
        json_append_quoted(&object, buffer_view(&call->id));
        buffer_append_cstr(&object, call->is_custom ? ",\"type\":\"custom\",\"custom\":{"
                                                    : ",\"type\":\"function\",\"function\":{");
    }
    buffer_append_cstr(&object, "\"name\":");
    json_append_quoted(&object, buffer_view(&call->name));
    buffer_append_cstr(&object, call->is_custom ? ",\"input\":" : ",\"arguments\":");
    json_append_quoted(&object, buffer_view(&call->arguments));
    buffer_append_cstr(&object, "}}");
    state_of(stream)->is_in_choice = false;
    int result = buffer_failed(&object)
                     ? error_out_of_memory(error)
                     : llm_stream_mask(stream, &openai_chat_call, buffer_view(&object), out, error);
    buffer_free(&object);
    return result;
}

static int append_call(struct llm_stream *stream, const struct gathered *call, struct str object, struct buffer *out,
                       struct error *error) {
    struct buffer delta;
    buffer_init(&delta, 8 * stream->bytes_max);
    buffer_append_cstr(&delta, call->is_function_call ? "{\"function_call\":" : "{\"tool_calls\":[");
    buffer_append_str(&delta, call->is_function_call ? json_get(object, STR("function")) : object);
    buffer_append_cstr(&delta, call->is_function_call ? "}" : "]}");
    int result = buffer_failed(&delta) ? error_out_of_memory(error)
                                       : append_chunk(stream, call->choice, buffer_view(&delta), out, error);
    buffer_free(&delta);
    return result;
}

/* Why a call is denied, at the end of the content. */
static int append_denial(struct llm_stream *stream, uint32_t choice, struct str message, struct buffer *out,
                         struct error *error) {
    static const struct text_kind content = {LLM_CONTENT, "{\"content\":", "}"};
    struct buffer text;
    struct llm_lane *lane = llm_lane_open(stream, choice, 0, LLM_CONTENT, error);
    if (lane == NULL) return -1;
    buffer_init(&text, stream->bytes_max);
    if (lane->raw_bytes > 0) buffer_append_cstr(&text, "\n\n");
    buffer_append_str(&text, message);
    lane->is_closed = true;
    lane->raw_bytes += message.length;
    int result = buffer_failed(&text) ? error_out_of_memory(error)
                                      : append_text(stream, choice, &content, buffer_view(&text), out, error);
    buffer_free(&text);
    return result;
}

static int judge_call(struct llm_stream *stream, const struct gathered *gathered, size_t index, bool *is_allowed,
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
    else if (result == 0) result = append_denial(stream, gathered->choice, message, out, error);
    buffer_free(&object);
    return result;
}

/* The choice ends: what was held of it, then its calls. *is_empty: it asked for tools, and none is left. */
static int end_choice(struct llm_stream *stream, uint32_t choice, bool *is_empty, struct buffer *out,
                      struct error *error) {
    struct gathered **place = &state_of(stream)->calls;
    size_t asked = 0, left = 0;
    if (flush_choice(stream, choice, out, error) != 0) return -1;
    while (*place != NULL) {
        bool is_allowed;
        if ((*place)->choice != choice) {
            place = &(*place)->next;
            continue;
        }
        if (judge_call(stream, *place, left, &is_allowed, out, error) != 0) return -1;
        asked++;
        left += is_allowed;
        free_gathered(place);
    }
    *is_empty = asked > 0 && left == 0;
    return 0;
}

/* ---- chunks ---- */

static int end_choices(struct llm_stream *stream, struct json_edits *edits, struct buffer *out, struct error *error) {
    struct json_cursor cursor;
    struct json_member choice;
    struct str choices = json_get(buffer_view(&stream->event), STR("choices"));
    if (choices.length == 0 || !json_cursor_init(&cursor, choices)) return 0;
    while (json_cursor_next(&cursor, &choice)) {
        bool is_empty;
        struct str reason = json_get(choice.value, STR("finish_reason"));
        int64_t index = json_get_index(choice.value, STR("index"));
        if (json_is_null(reason)) continue;
        if (end_choice(stream, index >= 0 ? (uint32_t)index : 0, &is_empty, out, error) != 0) return -1;
        bool asks = json_string_is(reason, STR("tool_calls")) || json_string_is(reason, STR("function_call"));
        if (is_empty && asks) json_edit_replace(edits, reason, STR("\"stop\""));
    }
    return 0;
}

static int cut_calls(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct json_edits edits;
    struct json_cursor cursor;
    struct json_member choice;
    struct str choices = json_get(data, STR("choices"));
    json_edits_init(&edits, &stream->scratch);
    if (choices.length > 0 && json_cursor_init(&cursor, choices)) {
        while (json_cursor_next(&cursor, &choice)) {
            if (cut_choice(stream, choice.value, &edits, error) != 0) return -1;
        }
    }
    return json_edits_apply(&edits, data, out, error);
}

/* A chunk of which nothing is left but its frame. */
static bool says_nothing(struct str chunk) {
    struct json_cursor cursor, members;
    struct json_member choice, member;
    struct str choices = json_get(chunk, STR("choices"));
    bool is_empty = true;
    if (!json_is_null(json_get(chunk, STR("usage"))) || choices.length == 0) return false;
    if (!json_cursor_init(&cursor, choices)) return false;
    while (is_empty && json_cursor_next(&cursor, &choice)) {
        struct str delta = json_get(choice.value, STR("delta"));
        is_empty = json_is_null(json_get(choice.value, STR("finish_reason"))) && delta.length > 0 &&
                   json_cursor_init(&members, delta) && !json_cursor_next(&members, &member);
    }
    return is_empty;
}

static int on_chunk(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct json_edits edits;
    struct buffer cut, chunk;
    buffer_init(&cut, stream->bytes_max + 1);
    buffer_init(&chunk, 8 * stream->bytes_max);
    buffer_clear(&stream->event);
    state_of(stream)->is_in_choice = false;
    json_edits_init(&edits, &stream->scratch);
    int result = cut_calls(stream, data, &cut, error);
    bool is_cut = result == 0 && buffer_length(&cut) != data.length;
    if (result == 0) {
        result = llm_stream_mask(stream, &openai_chat_chunk, buffer_view(&cut), &stream->event, error);
    }
    if (result == 0) result = end_choices(stream, &edits, out, error);
    if (result == 0) result = json_edits_apply(&edits, buffer_view(&stream->event), &chunk, error);
    if (result == 0 && !(is_cut && says_nothing(buffer_view(&chunk)))) sse_append(out, STR_NONE, buffer_view(&chunk));
    buffer_free(&cut);
    buffer_free(&chunk);
    return result;
}

static int flush_all(struct llm_stream *stream, struct buffer *out, struct error *error) {
    if (stream->answer.is_error) return 0;
    for (struct llm_lane *lane = stream->lanes; lane != NULL; lane = lane->next) {
        if (!lane->is_closed && flush_choice(stream, lane->outer, out, error) != 0) return -1;
    }
    return 0;
}

static int on_event(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    bool is_empty;
    if (!str_equal(data, STR("[DONE]"))) return on_chunk(stream, data, out, error);
    if (flush_all(stream, out, error) != 0) return -1;
    while (state_of(stream)->calls != NULL) {
        if (end_choice(stream, state_of(stream)->calls->choice, &is_empty, out, error) != 0) return -1;
    }
    sse_append(&stream->last, STR_NONE, data);
    stream->is_complete = true;
    return 0;
}

static void append_error(struct buffer *out, struct str message) {
    buffer_append_cstr(out, "data: {\"error\":{\"message\":");
    json_append_quoted(out, message);
    buffer_append_cstr(out, ",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n");
}

const struct llm_stream_form llm_stream_chat = {
    .event = &openai_chat_chunk,
    .ping = {": ping\n\n", 8},
    .state_bytes = sizeof(struct chat_state),
    .on_event = on_event,
    .on_end = flush_all,
    .on_text = on_text,
    .on_fact = on_fact,
    .append_error = append_error,
    .free_state = free_state,
};
