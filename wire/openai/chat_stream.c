/* Chat Completions: streams of chunks, which "data: [DONE]" ends, or the end of the body once a choice has ended.
 *
 * Texts are lanes by choice and kind. Tool calls are cut out of the chunks and gathered (chat_calls.c); with the chunk
 * that has the choice's finish_reason they are judged, and come out in chunks of their own before it. Chunks that we add
 * are copies of the last one with other choices. */
#include "wire/openai/chat_stream.h"

#include "wire/openai/openai.h"

static struct chat_state *state_of(struct llm_stream *stream) { return stream->state; }

static void free_state(void *state) {
    struct chat_state *chat = state;
    chat_free_calls(chat);
    buffer_free(&chat->frame);
}

uint32_t chat_choice_number(struct str choice, uint32_t place) {
    int64_t index = json_get_index(choice, STR("index"));
    return index >= 0 ? (uint32_t)index : place;
}

/* Some say "" in every chunk. */
static bool is_finished(struct str choice) {
    struct str reason = json_get(choice, STR("finish_reason"));
    return !json_is_null(reason) && !json_string_is(reason, STR(""));
}

/* ---- texts ---- */

static void on_fact(struct llm_stream *stream, uint8_t fact, const struct shape_value *value) {
    struct chat_state *chat = state_of(stream);
    if (fact != LLM_CHOICE || value->token != JSON_TOKEN_BEGIN_OBJECT) return;
    chat->choice = chat_choice_number(value->text, chat->next_choice++);
    chat->is_finishing = stream->is_last_piece = is_finished(value->text);
    stream->outer = chat->choice;
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

int chat_append_chunk(struct llm_stream *stream, uint32_t choice, struct str delta, struct buffer *out,
                      struct error *error) {
    struct json_edits edits;
    struct buffer chunk, choices;
    struct str last = buffer_view(&state_of(stream)->frame);
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
                                       : chat_append_chunk(stream, choice, buffer_view(&delta), out, error);
    buffer_free(&delta);
    return result;
}

/* What texts that no table knows still hold, of a choice or of all. */
static int append_rest(struct llm_stream *stream, uint32_t choice, struct buffer *out, struct error *error) {
    struct json_edits edits;
    struct buffer rest, chunk;
    int more;
    buffer_init(&rest, 8 * stream->bytes_max);
    buffer_init(&chunk, 8 * stream->bytes_max);
    state_of(stream)->is_in_choice = false;
    while ((more = llm_place_rest(stream, choice, STR_NONE, &rest, error)) == 1) {
        struct str usage = json_get(buffer_view(&rest), STR("usage"));
        buffer_clear(&chunk);
        json_edits_init(&edits, &stream->scratch);
        if (!json_is_null(usage)) json_edit_replace(&edits, usage, STR("null"));
        more = json_edits_apply(&edits, buffer_view(&rest), &chunk, error);
        if (more != 0) break;
        sse_append(out, STR_NONE, buffer_view(&chunk));
    }
    buffer_free(&rest);
    buffer_free(&chunk);
    return more;
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
    return result == 0 ? append_rest(stream, choice, out, error) : -1;
}

int chat_append_denial(struct llm_stream *stream, uint32_t choice, struct str message, struct buffer *out,
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

/* The choice ends: what was held of it, then its calls. */
static int end_choice(struct llm_stream *stream, uint32_t choice, bool *is_empty, struct buffer *out,
                      struct error *error) {
    if (flush_choice(stream, choice, out, error) != 0) return -1;
    return chat_end_calls(stream, choice, is_empty, out, error);
}

/* ---- chunks ---- */

static int end_choices(struct llm_stream *stream, struct json_edits *edits, struct buffer *out, struct error *error) {
    struct json_scanner scanner;
    struct str choice;
    json_scanner_init(&scanner, json_get(buffer_view(&stream->event), STR("choices")));
    for (uint32_t place = 0; json_next_object(&scanner, &choice); place++) {
        bool is_empty;
        struct str reason = json_get(choice, STR("finish_reason"));
        if (!is_finished(choice)) continue;
        state_of(stream)->has_finished = true;
        if (end_choice(stream, chat_choice_number(choice, place), &is_empty, out, error) != 0) return -1;
        bool asks = json_string_is(reason, STR("tool_calls")) || json_string_is(reason, STR("function_call"));
        if (is_empty && asks) json_edit_replace(edits, reason, STR("\"stop\""));
    }
    return 0;
}

static int cut_calls(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct json_edits edits;
    struct json_scanner scanner;
    struct str choice;
    json_edits_init(&edits, &stream->scratch);
    json_scanner_init(&scanner, json_get(data, STR("choices")));
    for (uint32_t place = 0; json_next_object(&scanner, &choice); place++) {
        if (chat_cut_calls(stream, chat_choice_number(choice, place), choice, &edits, error) != 0) return -1;
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

static int keep_frame(struct llm_stream *stream, struct error *error) {
    struct buffer *frame = &state_of(stream)->frame;
    struct str event = buffer_view(&stream->event);
    if (json_get(event, STR("choices")).length == 0) return 0;
    if (frame->cap_bytes == 0) buffer_init(frame, 8 * stream->bytes_max);
    buffer_clear(frame);
    buffer_append_str(frame, event);
    return buffer_failed(frame) ? error_out_of_memory(error) : 0;
}

static int on_chunk(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct json_edits edits;
    struct buffer cut, chunk;
    buffer_init(&cut, stream->bytes_max + 1);
    buffer_init(&chunk, 8 * stream->bytes_max);
    buffer_clear(&stream->event);
    state_of(stream)->is_in_choice = false;
    state_of(stream)->next_choice = 0;
    stream->outer = LLM_OUTER_NONE;
    stream->is_last_piece = false;
    json_edits_init(&edits, &stream->scratch);
    int result = cut_calls(stream, data, &cut, error);
    bool is_cut = result == 0 && buffer_length(&cut) != data.length;
    if (result == 0) {
        result = llm_stream_mask(stream, &openai_chat_answer, buffer_view(&cut), &stream->event, error);
    }
    if (result == 0) result = llm_stream_check_strays(stream, buffer_view(&stream->event), error);
    if (result == 0) result = keep_frame(stream, error);
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
    return append_rest(stream, LLM_OUTER_ANY, out, error);
}

/* Without its last event the stream is whole all the same once a choice has ended and none is under way. */
static int on_end(struct llm_stream *stream, struct buffer *out, struct error *error) {
    bool is_open = state_of(stream)->calls != NULL;
    for (const struct llm_lane *lane = stream->lanes; lane != NULL; lane = lane->next) is_open |= !lane->is_closed;
    if (flush_all(stream, out, error) != 0) return -1;
    stream->is_complete = state_of(stream)->has_finished && !is_open;
    return 0;
}

static int on_done(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    bool is_empty;
    if (flush_all(stream, out, error) != 0) return -1;
    while (state_of(stream)->calls != NULL) {
        if (end_choice(stream, state_of(stream)->calls->choice, &is_empty, out, error) != 0) return -1;
    }
    sse_append(&stream->last, STR_NONE, data);
    stream->is_complete = true;
    return 0;
}

/* A list of chunks is as many events. */
static int on_event(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct json_scanner scanner;
    struct str chunk;
    if (str_equal(str_trim(data), STR("[DONE]"))) return on_done(stream, data, out, error);
    if (!str_starts_with(str_trim(data), STR("["))) return on_chunk(stream, data, out, error);
    json_scanner_init(&scanner, data);
    while (json_next_object(&scanner, &chunk)) {
        if (on_chunk(stream, chunk, out, error) != 0) return -1;
    }
    return 0;
}

static void append_error(struct buffer *out, struct str message) {
    buffer_append_cstr(out, "data: {\"error\":{\"message\":");
    json_append_quoted(out, message);
    buffer_append_cstr(out, ",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n");
}

const struct llm_stream_form llm_stream_chat = {
    .event = &openai_chat_answer,
    .ping = {": ping\n\n", 8},
    .state_bytes = sizeof(struct chat_state),
    .on_event = on_event,
    .on_end = on_end,
    .on_text = on_text,
    .on_fact = on_fact,
    .append_error = append_error,
    .free_state = free_state,
};
