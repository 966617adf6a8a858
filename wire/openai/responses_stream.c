/* Responses: streams of typed events, which response.completed, .incomplete or .failed ends.
 *
 * Texts are lanes by output item, part and kind. The events that say a text again as a whole say what its pieces
 * said. An item that asks the client to run a tool is held from output_item.added to output_item.done, judged, and
 * comes out with one piece of arguments, or as a message item. Events are numbered anew, since some are added and
 * some left out. */
#include "wire/openai/responses_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/openai/openai.h"

#define TYPE_BYTES_MAX 4096u /* of an event; no table lists a longer one */

static struct responses_state *state_of(struct llm_stream *stream) { return stream->state; }

static void free_state(void *state) {
    struct responses_state *responses = state;
    while (responses->items != NULL) {
        struct responses_item *item = responses->items;
        responses->items = item->next;
        buffer_free(&item->events);
        buffer_free(&item->replacement);
        free(item);
    }
}

/* An event's type may be written with escapes, as any string. */
static bool type_matches(struct str type, struct str start, struct str end) {
    struct buffer decoded;
    buffer_init(&decoded, TYPE_BYTES_MAX);
    json_append_text(type, &decoded);
    struct str text = buffer_view(&decoded);
    bool is_match = !buffer_failed(&decoded) && str_starts_with(text, start) && str_ends_with(text, end);
    buffer_free(&decoded);
    return is_match;
}

/* ---- writing ---- */

/* Writes an event with its type and the next number. */
int responses_append(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct responses_state *state = state_of(stream);
    struct json_edits edits;
    struct buffer type, numbered;
    char text[24];
    struct str number = json_get(data, STR("sequence_number"));
    int length = snprintf(text, sizeof(text), "%" PRIu64, state->next_number++);
    buffer_init(&type, TYPE_BYTES_MAX);
    buffer_init(&numbered, 8 * stream->bytes_max);
    json_append_text(json_get(data, STR("type")), &type);
    json_edits_init(&edits, &stream->scratch);
    if (number.length > 0) json_edit_replace(&edits, number, str_make(text, (size_t)length));
    int result = json_edits_apply(&edits, data, &numbered, error);
    if (result == 0) sse_append(out, buffer_view(&type), buffer_view(&numbered));
    buffer_free(&type);
    buffer_free(&numbered);
    return result;
}

static const struct text_kind {
    uint8_t kind;
    bool is_summary;
    const char *delta;
    const char *inner; /* the name of the part's index */
    const char *tail;
} text_kinds[] = {
    {LLM_CONTENT, false, "response.output_text.delta", "content_index", ",\"logprobs\":[]"},
    {LLM_REFUSAL, false, "response.refusal.delta", "content_index", ""},
    {LLM_REASONING, false, "response.reasoning_text.delta", "content_index", ""},
    {LLM_REASONING, true, "response.reasoning_summary_text.delta", "summary_index", ""},
    {LLM_CODE, false, "response.code_interpreter_call_code.delta", NULL, ""},
    {LLM_TRANSCRIPT, false, "response.audio.transcript.delta", NULL, ""},
};

static const struct text_kind *find_kind(uint8_t kind, bool is_summary) {
    for (size_t i = 0; i < LENGTH_OF(text_kinds); i++) {
        if (text_kinds[i].kind == kind && text_kinds[i].is_summary == is_summary) return &text_kinds[i];
    }
    return NULL;
}

static int append_delta(struct llm_stream *stream, const struct llm_lane *lane, struct str text, struct buffer *out,
                        struct error *error) {
    const struct text_kind *kind = find_kind(lane->kind, (lane->inner & RESPONSES_SUMMARY) != 0);
    struct buffer data;
    buffer_init(&data, 8 * stream->bytes_max);
    buffer_append_format(&data, "{\"type\":\"%s\",\"sequence_number\":0", kind->delta);
    if (lane->item_id.length > 0) {
        buffer_append_cstr(&data, ",\"item_id\":");
        buffer_append_str(&data, lane->item_id);
        buffer_append_format(&data, ",\"output_index\":%u", lane->outer);
    }
    if (kind->inner != NULL) buffer_append_format(&data, ",\"%s\":%u", kind->inner, lane->inner & ~RESPONSES_SUMMARY);
    buffer_append_cstr(&data, ",\"delta\":");
    json_append_quoted(&data, text);
    buffer_append_cstr(&data, kind->tail);
    buffer_append_byte(&data, '}');
    int result = buffer_failed(&data) ? error_out_of_memory(error)
                                      : responses_append(stream, buffer_view(&data), out, error);
    buffer_free(&data);
    return result;
}

static int flush_lane(struct llm_stream *stream, struct llm_lane *lane, struct buffer *out, struct error *error) {
    struct buffer rest;
    if (lane == NULL || lane->is_closed) return 0;
    buffer_init(&rest, 8 * stream->bytes_max);
    int result = llm_lane_feed(stream, lane, STR_NONE, true, LLM_KEEP_EMITTED, &rest, error);
    if (result == 0 && buffer_length(&rest) > 0) result = append_delta(stream, lane, buffer_view(&rest), out, error);
    buffer_free(&rest);
    return result;
}

/* What texts that no table knows still hold: of an item that ends, of events of one type, or of all. */
static int append_rest(struct llm_stream *stream, uint32_t item, struct str type, struct buffer *out,
                       struct error *error) {
    struct buffer rest;
    int more;
    buffer_init(&rest, 8 * stream->bytes_max);
    while ((more = llm_place_rest(stream, item, type, &rest, error)) == 1) {
        struct responses_item *held = item != LLM_OUTER_ANY ? responses_find(stream, item) : NULL;
        bool is_held = held != NULL && held->is_held;
        more = is_held ? responses_hold(held, buffer_view(&rest), error)
                       : responses_append(stream, buffer_view(&rest), out, error);
        if (more != 0) break;
    }
    buffer_free(&rest);
    return more;
}

static int flush_all(struct llm_stream *stream, struct buffer *out, struct error *error) {
    for (struct llm_lane *lane = stream->lanes; lane != NULL; lane = lane->next) {
        if (flush_lane(stream, lane, out, error) != 0) return -1;
    }
    return append_rest(stream, LLM_OUTER_ANY, STR_NONE, out, error);
}

/* ---- texts ---- */

/* Where in the answer the walk is. */
static void on_fact(struct llm_stream *stream, uint8_t fact, const struct shape_value *value) {
    struct responses_state *state = state_of(stream);
    if (value->token != JSON_TOKEN_BEGIN_OBJECT) return;
    if (fact == LLM_ITEM && state->is_whole) state->item++;
    if (fact == LLM_ITEM) state->part = state->summary = -1;
    if (fact == LLM_PART && !state->is_part_event) state->part++;
    if (fact == LLM_SUMMARY && !state->is_part_event) state->summary++;
    if (fact == LLM_PART) state->is_summary = false;
    if (fact == LLM_SUMMARY) state->is_summary = true;
}

/* The part that the text belongs to; -1: none. */
static int64_t inner_of(const struct responses_state *state, uint8_t fact) {
    if (fact == LLM_CODE || fact == LLM_TRANSCRIPT) return 0;
    int64_t inner = state->is_summary ? state->summary : state->part;
    return inner >= 0 && state->is_summary ? inner | RESPONSES_SUMMARY : inner;
}

static int on_text(struct llm_stream *stream, uint8_t fact, struct str text, struct buffer *out, struct error *error) {
    struct responses_state *state = state_of(stream);
    int64_t inner = inner_of(state, fact);
    if (find_kind(fact, false) == NULL) return 0;
    bool has_place = state->item >= 0 && inner >= 0;
    if (state->is_delta && !has_place) return llm_stream_protocol_error(error, "a piece of text without an index");
    if (!has_place) return 0;
    if (state->is_delta) {
        struct llm_lane *lane = llm_lane_open(stream, (uint32_t)state->item, (uint32_t)inner, fact, error);
        if (lane == NULL) return -1;
        state->lane = lane;
        return llm_lane_feed(stream, lane, text, false, LLM_KEEP_EMITTED, out, error) == 0 ? 1 : -1;
    }
    const struct llm_lane *lane = llm_lane_find(stream, (uint32_t)state->item, (uint32_t)inner, fact);
    if (lane == NULL || !lane->is_closed || lane->raw_bytes != text.length) return 0;
    buffer_append_str(out, buffer_view(&lane->emitted));
    return 1;
}

/* ---- events ---- */

int responses_mask(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct responses_state *state = state_of(stream);
    struct str summary = json_get(data, STR("summary_index"));
    struct str type = json_get(data, STR("type"));
    state->is_delta = type_matches(type, STR("response."), STR(".delta"));
    state->is_whole = json_get(data, STR("response")).length > 0;
    state->is_part_event = json_get(data, STR("item_id")).length > 0;
    state->is_summary = summary.length > 0;
    state->item = state->is_whole ? -1 : json_get_index(data, STR("output_index"));
    state->part = json_get_index(data, STR("content_index"));
    state->summary = json_get_index(data, STR("summary_index"));
    state->lane = NULL;
    stream->outer = state->item >= 0 ? (uint32_t)state->item : LLM_OUTER_NONE;
    if (type_matches(type, STR("response.audio.transcript."), STR(""))) state->item = 0;
    return llm_stream_mask(stream, &openai_response_event, data, out, error);
}

/* Remembers by what name the item goes, for the pieces that we add. */
static int name_lane(struct llm_stream *stream, struct error *error) {
    struct llm_lane *lane = state_of(stream)->lane;
    if (lane == NULL || lane->item_id.length > 0) return 0;
    struct str id = json_get(buffer_view(&stream->event), STR("item_id"));
    lane->item_id = arena_copy(stream->options.arena, id);
    return lane->item_id.data != NULL ? 0 : error_out_of_memory(error);
}

/* An item's end is the end of all that is in it, x.done that of what x.delta brought. */
static int flush_unknown(struct llm_stream *stream, struct str type, uint32_t item, struct buffer *out,
                         struct error *error) {
    struct buffer delta;
    struct str end = STR(".done");
    buffer_init(&delta, TYPE_BYTES_MAX);
    json_append_text(type, &delta);
    struct str name = buffer_view(&delta);
    bool is_of_item = str_equal(name, STR("response.output_item.done"));
    buffer_truncate(&delta, name.length - end.length);
    buffer_append_cstr(&delta, ".delta");
    int result = buffer_failed(&delta) ? error_out_of_memory(error)
                                       : append_rest(stream, item, is_of_item ? STR_NONE : buffer_view(&delta), out, error);
    buffer_free(&delta);
    return result;
}

/* A text's end, and of everything in its part or item: what is held comes out before it. */
static int flush_before(struct llm_stream *stream, struct str type, struct str data, struct buffer *out,
                        struct error *error) {
    bool is_audio = json_string_is(type, STR("response.audio.transcript.done"));
    int64_t item = is_audio ? 0 : json_get_index(data, STR("output_index"));
    int64_t part = json_get_index(data, STR("content_index"));
    int64_t summary = json_get_index(data, STR("summary_index"));
    if (!type_matches(type, STR("response."), STR(".done")) || item < 0) return 0;
    if (flush_unknown(stream, type, (uint32_t)item, out, error) != 0) return -1;
    for (struct llm_lane *lane = stream->lanes; lane != NULL; lane = lane->next) {
        bool is_meant = part < 0 && summary < 0;
        if (part >= 0 && lane->inner == part) is_meant = true;
        if (summary >= 0 && lane->inner == (summary | RESPONSES_SUMMARY)) is_meant = true;
        if (lane->outer == item && is_meant && flush_lane(stream, lane, out, error) != 0) return -1;
    }
    return 0;
}

static int pass(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    buffer_clear(&stream->event);
    if (responses_mask(stream, data, &stream->event, error) != 0) return -1;
    if (llm_stream_check_strays(stream, buffer_view(&stream->event), error) != 0) return -1;
    if (name_lane(stream, error) != 0) return -1;
    return responses_append(stream, buffer_view(&stream->event), out, error);
}

/* Denied calls are messages in the list of all items, too. A call that no event told of, which was cut short or came
 * before the stream was taken up again, is judged now, and so is one that says something else than before. */
static int replace_denied(struct llm_stream *stream, struct buffer *out, struct error *error) {
    struct llm_calls *calls = &stream->answer.calls;
    struct json_edits edits;
    struct json_scanner scanner;
    struct buffer replacement;
    struct str item;
    struct str event = buffer_view(&stream->event);
    int result = 0;
    json_edits_init(&edits, &stream->scratch);
    buffer_init(&replacement, 8 * stream->bytes_max);
    json_scanner_init(&scanner, json_get(json_get(event, STR("response")), STR("output")));
    while (result == 0 && json_next_object(&scanner, &item)) {
        if (!llm_call_is_item(item)) continue;
        buffer_clear(&replacement);
        result = responses_judge_listed(stream, item, &replacement, error);
        if (calls->read_count < LLM_CALLS_MAX) calls->read[calls->read_count++] = item.data;
        if (buffer_length(&replacement) > 0) json_edit_replace(&edits, item, buffer_view(&replacement));
    }
    buffer_free(&replacement);
    if (result == 0) result = llm_stream_check_strays(stream, event, error);
    return result == 0 ? json_edits_apply(&edits, event, out, error) : result;
}

static int on_whole(struct llm_stream *stream, struct str type, struct str data, struct buffer *out,
                    struct error *error) {
    struct buffer whole;
    bool is_end = json_string_is(type, STR("response.completed")) || json_string_is(type, STR("response.incomplete")) ||
                  json_string_is(type, STR("response.failed"));
    if (is_end && flush_all(stream, out, error) != 0) return -1;
    buffer_clear(&stream->event);
    if (responses_mask(stream, data, &stream->event, error) != 0) return -1;
    buffer_init(&whole, 8 * stream->bytes_max);
    int result = replace_denied(stream, &whole, error);
    if (result == 0) result = responses_append(stream, buffer_view(&whole), is_end ? &stream->last : out, error);
    buffer_free(&whole);
    stream->is_complete = result == 0 && is_end;
    return result;
}

static int on_event(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct responses_state *state = state_of(stream);
    struct str type = json_get(data, STR("type"));
    int64_t number = json_get_index(data, STR("sequence_number"));
    if (str_equal(data, STR("[DONE]"))) return 0;
    if (!state->is_begun && number > 0) state->next_number = (uint64_t)number;
    state->is_begun = true;
    if (json_get(data, STR("response")).length > 0) return on_whole(stream, type, data, out, error);
    if (flush_before(stream, type, data, out, error) != 0) return -1;
    int taken = responses_take(stream, type, data, out, error);
    if (taken != 0) return taken < 0 ? -1 : 0;
    return pass(stream, data, out, error);
}

static void append_error(struct buffer *out, struct str message) {
    buffer_append_cstr(out, "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":");
    json_append_quoted(out, message);
    buffer_append_cstr(out, ",\"param\":null,\"sequence_number\":0}\n\n");
}

const struct llm_stream_form llm_stream_responses = {
    .event = &openai_response_event,
    .ping = {": ping\n\n", 8},
    .state_bytes = sizeof(struct responses_state),
    .on_event = on_event,
    .on_end = flush_all,
    .on_text = on_text,
    .on_fact = on_fact,
    .append_error = append_error,
    .free_state = free_state,
};
