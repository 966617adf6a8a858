/* Messages: streams, from message_start to message_stop.
 *
 *     message_start *( content_block_start *content_block_delta content_block_stop ) message_delta message_stop
 *
 * Texts are lanes by content block. A block of a tool's input is held from its start to its stop; the client's own
 * tools are judged then. Thinking is followed by its signature, which carries the sealed original when it was
 * altered. */
#include <stdlib.h>

#include "wire/anthropic/anthropic.h"
#include "wire/llm/stream_form.h"

#define BLOCKS_MAX 1024
#define TYPE_BYTES_MAX 256u

struct held_block {
    uint32_t index;
    bool is_judged;      /* a tool of the client's */
    bool has_deltas;
    struct buffer start; /* the content_block_start event, masked */
    struct buffer input; /* JSON, in pieces as it came */
    struct held_block *next;
};

struct messages_state {
    struct held_block *held;
    size_t held_count;
    size_t allowed_count;
    uint32_t index;   /* of the block whose event is being masked */
    bool is_in_block;
};

static struct messages_state *state_of(struct llm_stream *stream) { return stream->state; }

static void free_held(struct held_block **place) {
    struct held_block *block = *place;
    *place = block->next;
    buffer_free(&block->start);
    buffer_free(&block->input);
    free(block);
}

static void free_state(void *state) {
    struct messages_state *messages = state;
    while (messages->held != NULL) free_held(&messages->held);
}

/* ---- texts ---- */

static const struct text_kind {
    uint8_t kind;
    const char *head; /* of a delta, up to the text */
} text_kinds[] = {
    {LLM_CONTENT, "{\"type\":\"text_delta\",\"text\":"},
    {LLM_REASONING, "{\"type\":\"thinking_delta\",\"thinking\":"},
};

static int append_delta(struct llm_stream *stream, uint32_t index, const char *head, struct str text,
                        struct buffer *out, struct error *error) {
    struct buffer data;
    buffer_init(&data, 8 * stream->bytes_max);
    buffer_append_format(&data, "{\"type\":\"content_block_delta\",\"index\":%u,\"delta\":%s", index, head);
    json_append_quoted(&data, text);
    buffer_append_cstr(&data, "}}");
    if (!buffer_failed(&data)) sse_append(out, STR("content_block_delta"), buffer_view(&data));
    int result = buffer_failed(&data) ? error_out_of_memory(error) : 0;
    buffer_free(&data);
    return result;
}

/* What texts that no table knows still hold, of a block or of all. */
static int append_rest(struct llm_stream *stream, uint32_t index, struct buffer *rest, struct buffer *out,
                       struct error *error) {
    int more;
    while ((more = llm_place_rest(stream, index, STR_NONE, rest, error)) == 1) {
        sse_append(out, STR("content_block_delta"), buffer_view(rest));
    }
    return more;
}

static int flush_block(struct llm_stream *stream, uint32_t index, struct buffer *out, struct error *error) {
    struct buffer rest;
    int result = 0;
    buffer_init(&rest, 8 * stream->bytes_max);
    for (size_t i = 0; i < LENGTH_OF(text_kinds) && result == 0; i++) {
        struct llm_lane *lane = llm_lane_find(stream, index, 0, text_kinds[i].kind);
        if (lane == NULL || lane->is_closed) continue;
        buffer_clear(&rest);
        enum llm_keep keep = lane->kind == LLM_REASONING ? LLM_KEEP_BOTH : LLM_KEEP_NOTHING;
        result = llm_lane_feed(stream, lane, STR_NONE, true, keep, &rest, error);
        if (result != 0 || buffer_length(&rest) == 0) continue;
        result = append_delta(stream, index, text_kinds[i].head, buffer_view(&rest), out, error);
    }
    if (result == 0) result = append_rest(stream, index, &rest, out, error);
    buffer_free(&rest);
    return result;
}

/* The provider's signature, with the sealed original behind it when the client got another text. */
static int seal(struct llm_stream *stream, struct str signature, struct buffer *out, struct error *error) {
    const struct mask_plan *plan = stream->options.plan;
    const struct llm_lane *lane = llm_lane_find(stream, state_of(stream)->index, 0, LLM_REASONING);
    if (lane == NULL || signature.length == 0) return 0;
    struct str original = buffer_view(&lane->raw);
    if (!lane->is_altered && str_equal(original, buffer_view(&lane->emitted))) return 0;
    buffer_append_str(out, signature);
    buffer_append_cstr(out, SHAPE_SEAL_MARK);
    if (plan->seal == NULL || plan->seal(plan, original, out) != 0) {
        return error_set(error, ERROR_INVALID, "a signed text cannot be sealed");
    }
    return 1;
}

static int on_text(struct llm_stream *stream, uint8_t fact, struct str text, struct buffer *out, struct error *error) {
    struct messages_state *messages = state_of(stream);
    if (!messages->is_in_block) return 0;
    if (fact == LLM_SIGNATURE) return seal(stream, text, out, error);
    if (fact != LLM_CONTENT && fact != LLM_REASONING) return 0;
    struct llm_lane *lane = llm_lane_open(stream, messages->index, 0, fact, error);
    if (lane == NULL) return -1;
    enum llm_keep keep = fact == LLM_REASONING ? LLM_KEEP_BOTH : LLM_KEEP_NOTHING;
    return llm_lane_feed(stream, lane, text, false, keep, out, error) == 0 ? 1 : -1;
}

/* ---- held blocks ---- */

static struct held_block **find_held(struct llm_stream *stream, uint32_t index) {
    struct held_block **place = &state_of(stream)->held;
    while (*place != NULL && (*place)->index != index) place = &(*place)->next;
    return place;
}

/* A block whose input comes in pieces of JSON. */
static bool has_input(struct str block, bool *is_judged) {
    struct str type = json_get(block, STR("type"));
    *is_judged = llm_call_is_block(block);
    return *is_judged || json_string_is(type, STR("server_tool_use")) || json_string_is(type, STR("mcp_tool_use"));
}

static int hold(struct llm_stream *stream, uint32_t index, bool is_judged, struct error *error) {
    struct messages_state *messages = state_of(stream);
    struct held_block **place = find_held(stream, index);
    if (*place != NULL) return llm_stream_protocol_error(error, "a content block begins twice");
    if (messages->held_count++ == BLOCKS_MAX) {
        return error_set(error, ERROR_LIMIT, "an answer with more than %d tool calls", BLOCKS_MAX);
    }
    struct held_block *block = calloc(1, sizeof(*block));
    if (block == NULL) return error_out_of_memory(error);
    *place = block;
    block->index = index;
    block->is_judged = is_judged;
    buffer_init(&block->start, 8 * stream->bytes_max);
    buffer_init(&block->input, stream->bytes_max);
    buffer_append_str(&block->start, buffer_view(&stream->event));
    return buffer_failed(&block->start) ? error_out_of_memory(error) : 0;
}

/* What the client's tool was called with, as the client may see it. */
static int mask_input(struct llm_stream *stream, const struct held_block *block, struct buffer *input,
                      struct error *error) {
    struct str written = json_get(json_get(buffer_view(&block->start), STR("content_block")), STR("input"));
    state_of(stream)->is_in_block = false;
    if (buffer_length(&block->input) > 0) {
        struct json_cursor cursor;
        struct json_member member;
        if (written.length > 0 && json_cursor_init(&cursor, written) && json_cursor_next(&cursor, &member)) {
            return llm_stream_protocol_error(error, "a tool's input that is said twice");
        }
        return llm_stream_mask_arguments(stream, buffer_view(&block->input), input, error);
    }
    if (written.length > 0) buffer_append_str(input, written);
    return 0;
}

static int release(struct llm_stream *stream, const struct held_block *block, struct str input, struct buffer *out,
                   struct error *error) {
    sse_append(out, STR("content_block_start"), buffer_view(&block->start));
    if (!block->has_deltas) return 0;
    struct str text = buffer_length(&block->input) > 0 ? input : STR("");
    return append_delta(stream, block->index, "{\"type\":\"input_json_delta\",\"partial_json\":", text, out, error);
}

static int deny(struct llm_stream *stream, uint32_t index, struct str message, struct buffer *out,
                struct error *error) {
    struct buffer start;
    buffer_init(&start, 4096);
    buffer_append_format(&start, "{\"type\":\"content_block_start\",\"index\":%u,\"content_block\":", index);
    llm_call_append_block(&start, STR(""));
    buffer_append_byte(&start, '}');
    sse_append(out, STR("content_block_start"), buffer_view(&start));
    buffer_free(&start);
    return append_delta(stream, index, text_kinds[0].head, message, out, error);
}

static int judge(struct llm_stream *stream, const struct held_block *block, struct str input, struct buffer *out,
                 struct error *error) {
    struct llm_tool_call call = {0};
    struct str message = STR_NONE;
    bool is_allowed = true;
    struct str start = json_get(buffer_view(&block->start), STR("content_block"));
    if (!block->is_judged) return release(stream, block, input, out, error);
    if (llm_call_read_block(stream->options.arena, start, &call, error) != 0) return -1;
    llm_call_set_arguments(&call, input);
    if (llm_call_judge(&stream->answer.calls, &call, &is_allowed, &message, error) != 0) return -1;
    if (!is_allowed) return deny(stream, block->index, message, out, error);
    state_of(stream)->allowed_count++;
    return release(stream, block, input, out, error);
}

static int end_held(struct llm_stream *stream, struct held_block **place, struct buffer *out, struct error *error) {
    struct buffer input;
    buffer_init(&input, 8 * stream->bytes_max);
    int result = mask_input(stream, *place, &input, error);
    if (result == 0 && buffer_failed(&input)) result = error_out_of_memory(error);
    if (result == 0) result = judge(stream, *place, buffer_view(&input), out, error);
    buffer_free(&input);
    free_held(place);
    state_of(stream)->held_count--;
    return result;
}

/* ---- events ---- */

static int append_event(struct llm_stream *stream, const char *type, struct buffer *out, struct error *error) {
    if (llm_stream_check_strays(stream, buffer_view(&stream->event), error) != 0) return -1;
    sse_append(out, str_from_cstr(type), buffer_view(&stream->event));
    return 0;
}

static int on_start(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    bool is_judged;
    struct str block = json_get(data, STR("content_block"));
    uint32_t index = state_of(stream)->index;
    if (has_input(block, &is_judged)) {
        llm_call_note_all(&stream->answer.calls, block);
        return hold(stream, index, is_judged, error);
    }
    return append_event(stream, "content_block_start", out, error);
}

static int on_delta(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct str delta = json_get(data, STR("delta"));
    struct held_block *held = *find_held(stream, state_of(stream)->index);
    bool is_input = json_string_is(json_get(delta, STR("type")), STR("input_json_delta"));
    if (is_input != (held != NULL)) return llm_stream_protocol_error(error, "a delta of another kind than its block");
    if (held == NULL) return append_event(stream, "content_block_delta", out, error);
    held->has_deltas = true;
    json_append_text(json_get(delta, STR("partial_json")), &held->input);
    if (!buffer_failed(&held->input)) return 0;
    return error_set(error, ERROR_LIMIT, "a tool call is longer than %zu bytes", stream->bytes_max);
}

static int on_stop(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    (void)data;
    uint32_t index = state_of(stream)->index;
    struct held_block **held = find_held(stream, index);
    int result = *held != NULL ? end_held(stream, held, out, error) : flush_block(stream, index, out, error);
    return result == 0 ? append_event(stream, "content_block_stop", out, error) : -1;
}

static int on_message_delta(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    (void)data;
    struct json_edits edits;
    struct buffer changed;
    struct str event = buffer_view(&stream->event);
    struct str reason = json_get(json_get(event, STR("delta")), STR("stop_reason"));
    bool is_none_left = stream->answer.calls.denied_count > 0 && state_of(stream)->allowed_count == 0;
    if (!is_none_left || !json_string_is(reason, STR("tool_use"))) return append_event(stream, "message_delta", out, error);
    buffer_init(&changed, 8 * stream->bytes_max);
    json_edits_init(&edits, &stream->scratch);
    json_edit_replace(&edits, reason, STR("\"end_turn\""));
    int result = json_edits_apply(&edits, event, &changed, error);
    if (result == 0) sse_append(out, STR("message_delta"), buffer_view(&changed));
    buffer_free(&changed);
    return result;
}

static int flush_all(struct llm_stream *stream, struct buffer *out, struct error *error) {
    for (struct llm_lane *lane = stream->lanes; lane != NULL; lane = lane->next) {
        if (!lane->is_closed && flush_block(stream, lane->outer, out, error) != 0) return -1;
    }
    return flush_block(stream, LLM_OUTER_ANY, out, error);
}

static int on_message_stop(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    (void)data;
    if (state_of(stream)->held != NULL) return llm_stream_protocol_error(error, "a content block has no end");
    if (flush_all(stream, out, error) != 0) return -1;
    sse_append(&stream->last, STR("message_stop"), buffer_view(&stream->event));
    stream->is_complete = true;
    return 0;
}

static const struct event_kind {
    const char *type;
    bool has_index;
    int (*handle)(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error);
} event_kinds[] = {
    {"content_block_start", true, on_start},   {"content_block_delta", true, on_delta},
    {"content_block_stop", true, on_stop},     {"message_delta", false, on_message_delta},
    {"message_stop", false, on_message_stop},  {"message_start", false, NULL},
    {"ping", false, NULL},                     {"error", false, NULL},
};

/* Before a signature the text that it signs is complete. */
static int prepare(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct str type = json_get(json_get(data, STR("delta")), STR("type"));
    if (!json_string_is(type, STR("signature_delta"))) return 0;
    return flush_block(stream, state_of(stream)->index, out, error);
}

/* An event of a type that no table has passes by its own name. */
static int append_unknown(struct llm_stream *stream, struct str type, struct buffer *out, struct error *error) {
    struct buffer name;
    if (llm_stream_check_strays(stream, buffer_view(&stream->event), error) != 0) return -1;
    buffer_init(&name, TYPE_BYTES_MAX);
    json_append_text(type, &name);
    struct str line = buffer_view(&name);
    bool is_name = !buffer_failed(&name) && str_find_byte(line, '\n') == STR_NOT_FOUND &&
                   str_find_byte(line, '\r') == STR_NOT_FOUND;
    if (is_name) sse_append(out, line, buffer_view(&stream->event));
    buffer_free(&name);
    return is_name ? 0 : llm_stream_protocol_error(error, "an event whose type is no name");
}

static int on_event(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) {
    struct messages_state *messages = state_of(stream);
    const struct event_kind *kind = NULL;
    struct str type = json_get(data, STR("type"));
    for (size_t i = 0; i < LENGTH_OF(event_kinds) && kind == NULL; i++) {
        if (json_string_is(type, str_from_cstr(event_kinds[i].type))) kind = &event_kinds[i];
    }
    messages->is_in_block = kind != NULL && kind->has_index;
    stream->outer = LLM_OUTER_NONE;
    if (messages->is_in_block) {
        int64_t index = json_get_index(data, STR("index"));
        if (index < 0) return llm_stream_protocol_error(error, "a content block without an index");
        messages->index = stream->outer = (uint32_t)index;
        if (prepare(stream, data, out, error) != 0) return -1;
        bool is_held = *find_held(stream, messages->index) != NULL;
        if (is_held && kind->handle == on_delta) return on_delta(stream, data, out, error);
    }
    buffer_clear(&stream->event);
    if (llm_stream_mask(stream, &anthropic_event, data, &stream->event, error) != 0) return -1;
    if (kind == NULL) return append_unknown(stream, type, out, error);
    return kind->handle != NULL ? kind->handle(stream, data, out, error) : append_event(stream, kind->type, out, error);
}

static void append_error(struct buffer *out, struct str message) {
    buffer_append_cstr(out, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":");
    json_append_quoted(out, message);
    buffer_append_cstr(out, "}}\n\n");
}

const struct llm_stream_form llm_stream_messages = {
    .event = &anthropic_event,
    .ping = {"event: ping\ndata: {\"type\": \"ping\"}\n\n", 36},
    .state_bytes = sizeof(struct messages_state),
    .on_event = on_event,
    .on_end = flush_all,
    .on_text = on_text,
    .append_error = append_error,
    .free_state = free_state,
};
