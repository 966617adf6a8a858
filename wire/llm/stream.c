/* Streams: what all forms share. Each event is parsed, masked by its shape with the lanes as the sink of its texts, and
 * written anew. */
#include "wire/llm/stream.h"

#include <stdlib.h>

#include "wire/llm/stream_form.h"

#define STREAM_MAGIC 0x6c6c6d53u
#define SCRATCH_BYTES_MIN (1u << 20)

static int tell(void *self, uint8_t fact, const struct shape_value *value, struct error *error) {
    struct llm_stream *stream = self;
    if (stream->is_giving_rest) return 0;
    if (stream->form->on_fact != NULL) stream->form->on_fact(stream, fact, value);
    return llm_answer_tell(&stream->answer, fact, value, error);
}

static int take_text(void *self, uint8_t fact, struct str text, struct buffer *out, struct error *error) {
    struct llm_stream *stream = self;
    if (stream->is_giving_rest) return fact >= LLM_CONTENT; /* it was said before */
    return stream->form->on_text(stream, fact, text, out, error);
}

static int follow(void *self, const struct shape_place *place, struct str text, struct buffer *out,
                  struct error *error) {
    return llm_place_follow(self, place, text, out, error);
}

struct llm_stream *llm_stream_new(const struct llm_answer_options *options, size_t bytes_max) {
    struct llm_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) return NULL;
    stream->magic = STREAM_MAGIC;
    stream->options = *options;
    stream->form = options->operation->stream;
    CHECK(stream->form != NULL);
    stream->bytes_max = bytes_max;
    llm_answer_init(&stream->answer, options);
    sse_init(&stream->parser, bytes_max);
    shape_walk_init(&stream->walk);
    stream->walk.sink = (struct shape_sink){.self = stream, .fact = tell, .text = take_text, .follow = follow};
    stream->walk.plan = options->plan;
    stream->walk.is_answer = true;
    stream->walk.masked = options->masked;
    stream->walk.revealed = options->revealed;
    arena_init(&stream->scratch, 8 * bytes_max + SCRATCH_BYTES_MIN);
    buffer_init(&stream->event, 8 * bytes_max);
    buffer_init(&stream->last, 8 * bytes_max);
    stream->state = calloc(1, stream->form->state_bytes);
    if (stream->state == NULL) llm_stream_free(&stream);
    return stream;
}

void llm_stream_free(struct llm_stream **stream) {
    struct llm_stream *freed = *stream;
    if (freed == NULL) return;
    CHECK_MAGIC(freed, STREAM_MAGIC);
    while (freed->lanes != NULL) llm_lane_drop(freed, freed->lanes);
    llm_places_free(freed);
    if (freed->state != NULL) freed->form->free_state(freed->state);
    free(freed->state);
    sse_free(&freed->parser);
    shape_walk_free(&freed->walk);
    arena_free(&freed->scratch);
    buffer_free(&freed->event);
    buffer_free(&freed->last);
    freed->magic = 0;
    free(freed);
    *stream = NULL;
}

/* ---- lanes ---- */

struct llm_lane *llm_lane_find(const struct llm_stream *stream, uint32_t outer, uint32_t inner, uint8_t kind) {
    struct llm_lane *lane = stream->lanes;
    while (lane != NULL && (lane->outer != outer || lane->inner != inner || lane->kind != kind)) lane = lane->next;
    return lane;
}

static const char *field_name(uint8_t kind) { return kind == LLM_REASONING ? "thinking" : "content"; }

struct llm_lane *llm_lane_open(struct llm_stream *stream, uint32_t outer, uint32_t inner, uint8_t kind,
                               struct error *error) {
    struct llm_lane *lane = llm_lane_find(stream, outer, inner, kind);
    const struct mask_plan *plan = stream->options.plan;
    if (lane != NULL) return lane;
    if (stream->lane_count == LLM_LANES_MAX) {
        error_set(error, ERROR_LIMIT, "a stream with more than %u texts", LLM_LANES_MAX);
        return NULL;
    }
    lane = calloc(1, sizeof(*lane));
    if (lane == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    *lane = (struct llm_lane){.outer = outer, .inner = inner, .kind = kind, .next = stream->lanes};
    buffer_init(&lane->raw, stream->bytes_max);
    buffer_init(&lane->emitted, 8 * stream->bytes_max);
    stream->lanes = lane;
    stream->lane_count++;
    if (plan->reveals_all) return lane;
    lane->mask = plan->lane_new(plan, plan->field(plan, str_from_cstr(field_name(kind))));
    if (lane->mask != NULL) return lane;
    llm_lane_drop(stream, lane);
    error_out_of_memory(error);
    return NULL;
}

void llm_lane_drop(struct llm_stream *stream, struct llm_lane *lane) {
    struct llm_lane **place = &stream->lanes;
    while (*place != lane) place = &(*place)->next;
    *place = lane->next;
    stream->lane_count--;
    if (lane->mask != NULL) stream->options.plan->lane_free(&lane->mask);
    buffer_free(&lane->raw);
    buffer_free(&lane->emitted);
    free(lane);
}

static int keep_texts(struct llm_stream *stream, struct llm_lane *lane, struct str piece, struct str emitted,
                      enum llm_keep keep, struct error *error) {
    if (keep == LLM_KEEP_BOTH) buffer_append_str(&lane->raw, piece);
    if (keep != LLM_KEEP_NOTHING) buffer_append_str(&lane->emitted, emitted);
    stream->kept_bytes += piece.length;
    if (keep != LLM_KEEP_NOTHING && stream->kept_bytes > stream->bytes_max) {
        return error_set(error, ERROR_LIMIT, "the texts of a stream are longer than %zu bytes", stream->bytes_max);
    }
    return buffer_failed(&lane->raw) || buffer_failed(&lane->emitted) ? error_out_of_memory(error) : 0;
}

int llm_lane_feed(struct llm_stream *stream, struct llm_lane *lane, struct str piece, bool is_last, enum llm_keep keep,
                  struct buffer *out, struct error *error) {
    size_t length = buffer_length(out);
    struct class_counts masked = {0}, revealed = {0};
    if (lane->is_closed && piece.length == 0) return 0;
    if (lane->is_closed) return llm_stream_protocol_error(error, "more of a text that has ended");
    if (lane->mask == NULL) {
        buffer_append_str(out, piece);
    } else if (stream->options.plan->lane_new == NULL ||
               stream->options.plan->lane_feed(lane->mask, piece, is_last, out, &masked, &revealed) != 0) {
        return error_set(error, ERROR_INVALID, "a text cannot be inspected to its end: nothing more of it may pass");
    }
    if (class_counts_set(&masked) != 0 || class_counts_set(&revealed) != 0) lane->is_altered = true;
    class_counts_add(stream->options.masked, &masked);
    class_counts_add(stream->options.revealed, &revealed);
    lane->raw_bytes += piece.length;
    lane->is_closed = is_last;
    struct str emitted = str_slice(buffer_view(out), length, buffer_length(out));
    return keep_texts(stream, lane, piece, emitted, keep, error);
}

/* ---- events ---- */

int llm_stream_protocol_error(struct error *error, const char *what) {
    return error_set(error, ERROR_PROTOCOL, "the upstream's stream is out of order: %s", what);
}

int llm_stream_mask(struct llm_stream *stream, const struct shape *shape, struct str json, struct buffer *out,
                    struct error *error) {
    bool is_changed = false;
    stream->source = json;
    stream->walk.is_streamed = shape == stream->form->event;
    int result = shape_mask(&stream->walk, shape, json, out, &is_changed, error);
    stream->answer.is_unknown_type |= stream->walk.is_unknown_type;
    if (result == 0 && !is_changed) buffer_append_str(out, json);
    if (result == 0 && buffer_failed(out)) return error_out_of_memory(error);
    return result;
}

int llm_stream_mask_arguments(struct llm_stream *stream, struct str text, struct buffer *out, struct error *error) {
    struct buffer quoted, masked;
    buffer_init(&quoted, 8 * stream->bytes_max);
    buffer_init(&masked, 8 * stream->bytes_max);
    json_append_quoted(&quoted, text);
    int result = buffer_failed(&quoted) ? error_out_of_memory(error) : 0;
    if (result == 0) result = llm_stream_mask(stream, &shape_json_text, buffer_view(&quoted), &masked, error);
    if (result == 0) json_append_text(buffer_view(&masked), out);
    if (result == 0 && buffer_failed(out)) result = error_out_of_memory(error);
    buffer_free(&quoted);
    buffer_free(&masked);
    return result;
}

static int on_event(struct llm_stream *stream, const struct sse_event *event, struct buffer *out, struct error *error) {
    if (event->is_comment) {
        buffer_append_cstr(out, ":\n\n"); /* what it said is not for the client */
        return 0;
    }
    if (stream->is_complete && str_equal(event->data, STR("[DONE]"))) return 0;
    if (stream->is_complete) return llm_stream_protocol_error(error, "an event behind the last one");
    arena_reset(&stream->scratch);
    int result = stream->form->on_event(stream, event->data, out, error);
    if (result != 0) llm_call_note_all(&stream->answer.calls, event->data);
    return result;
}

int llm_stream_check_strays(struct llm_stream *stream, struct str event, struct error *error) {
    return llm_call_judge_strays(&stream->answer.calls, event, false, error);
}

int llm_stream_feed(struct llm_stream *stream, struct str bytes, bool is_last, struct buffer *out,
                    struct error *error) {
    struct sse_event event;
    int more;
    CHECK_MAGIC(stream, STREAM_MAGIC);
    if (sse_feed(&stream->parser, bytes, error) != 0) return -1;
    while ((more = sse_next(&stream->parser, &event, error)) == 1) {
        if (on_event(stream, &event, out, error) != 0) return -1;
    }
    if (more < 0) return -1;
    if (is_last && !stream->is_complete && stream->form->on_end(stream, out, error) != 0) return -1;
    return buffer_failed(out) ? error_out_of_memory(error) : 0;
}

bool llm_stream_is_complete(const struct llm_stream *stream) { return stream->is_complete; }

void llm_stream_last(struct llm_stream *stream, struct buffer *out) {
    buffer_append_str(out, buffer_view(&stream->last));
    buffer_clear(&stream->last);
}

struct llm_answer *llm_stream_answer(struct llm_stream *stream) { return &stream->answer; }

struct str llm_stream_ping(const struct llm_stream *stream) { return stream->form->ping; }

void llm_stream_append_error(const struct llm_stream *stream, struct str message, struct buffer *out) {
    stream->form->append_error(out, message);
}
