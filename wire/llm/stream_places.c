/* Strings of a stream that no table takes for pieces. One that is a piece all the same (in a member "delta", by its name, or
 * since its place brings another) gets a lane of its own, by its place; what the lane holds back at the end comes out in
 * a copy of the last event that brought a piece, in which every other text is empty. Every other string is masked by
 * itself; where it and what stood at its place before make up a value that neither has alone, nothing more may pass, since
 * it cannot be put together. */
#include <stdlib.h>

#include "wire/llm/stream_form.h"

#define PLACES_MAX 16384u
#define TAIL_BYTES 256u

struct llm_place {
    uint64_t path;
    uint32_t outer;
    bool is_closed;
    struct mask_lane *mask; /* NULL: none of its strings was a piece */
    struct buffer tail;     /* the end of what was said here, as it came */
    size_t told_bytes;      /* of the tail, which went out before there was a lane: the lane says them first */
    bool has_strings;
    struct buffer event;    /* the last that brought a piece, as it came */
    struct llm_place *next;
};

static struct llm_place **bucket_of(struct llm_stream *stream, uint64_t path) {
    return &stream->places[(path ^ path >> 32) % LLM_PLACE_BUCKETS];
}

static struct llm_place *find_place(struct llm_stream *stream, uint64_t path) {
    struct llm_place *place = *bucket_of(stream, path);
    while (place != NULL && place->path != path) place = place->next;
    return place;
}

static struct llm_place *open_place(struct llm_stream *stream, uint64_t path, struct error *error) {
    struct llm_place *place = find_place(stream, path);
    if (place != NULL) return place;
    if (stream->place_count++ == PLACES_MAX) {
        error_set(error, ERROR_LIMIT, "a stream with strings at more than %u places", PLACES_MAX);
        return NULL;
    }
    place = calloc(1, sizeof(*place));
    if (place == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    struct llm_place **bucket = bucket_of(stream, path);
    *place = (struct llm_place){.path = path, .next = *bucket};
    buffer_init(&place->tail, 4 * TAIL_BYTES);
    buffer_init(&place->event, stream->bytes_max);
    *bucket = place;
    return place;
}

void llm_places_free(struct llm_stream *stream) {
    for (size_t i = 0; i < LLM_PLACE_BUCKETS; i++) {
        while (stream->places[i] != NULL) {
            struct llm_place *place = stream->places[i];
            stream->places[i] = place->next;
            if (place->mask != NULL) stream->options.plan->lane_free(&place->mask);
            buffer_free(&place->tail);
            buffer_free(&place->event);
            free(place);
        }
    }
}

/* ---- strings that stand alone ---- */

static bool is_inside(struct str text, size_t at) {
    return at > 0 && at < text.length && ((uint8_t)text.data[at] & 0xc0) == 0x80;
}

static struct str head_of(struct str text) {
    size_t end = text.length < TAIL_BYTES ? text.length : TAIL_BYTES;
    while (is_inside(text, end)) end--;
    return str_slice(text, 0, end);
}

static struct str tail_of(struct str text) {
    size_t start = text.length < TAIL_BYTES ? 0 : text.length - TAIL_BYTES;
    while (is_inside(text, start)) start++;
    return str_slice(text, start, text.length);
}

/* How many values a text holds; -1: doubt. */
static int64_t count_values(struct llm_stream *stream, struct str name, struct str text) {
    const struct mask_plan *plan = stream->options.plan;
    struct class_counts masked = {0}, revealed = {0};
    struct buffer ignored;
    int64_t sum = 0;
    buffer_init(&ignored, 64 * TAIL_BYTES);
    enum mask_result result = plan->value(plan, plan->field(plan, name), MASK_TEXT, text, &ignored, &masked, &revealed);
    buffer_free(&ignored);
    for (size_t i = 0; i < CLASS_MAX; i++) sum += (int64_t)masked.count[i] + (int64_t)revealed.count[i];
    return result == MASK_FAILED ? -1 : sum;
}

/* The same again, such as an id: but digits may go on. */
static bool repeats(struct str tail, struct str text) {
    bool has_letter = false;
    for (size_t i = 0; i < text.length; i++) has_letter |= (text.data[i] | 0x20) >= 'a' && (text.data[i] | 0x20) <= 'z';
    return has_letter && text.length > 2 && str_ends_with(tail, tail_of(text));
}

static int check_alone(struct llm_stream *stream, struct llm_place *place, struct str name, struct str text,
                       struct error *error) {
    struct str tail = buffer_view(&place->tail), head = head_of(text);
    struct buffer joined;
    bool is_spread = false;
    if (repeats(tail, text)) return 0;
    buffer_init(&joined, 4 * TAIL_BYTES);
    buffer_append_str(&joined, tail);
    buffer_append_str(&joined, head);
    if (tail.length > 0) {
        int64_t whole = count_values(stream, name, buffer_view(&joined));
        int64_t before = count_values(stream, name, tail), now = count_values(stream, name, head);
        is_spread = whole < 0 || before < 0 || now < 0 || whole > before + now;
    }
    if (text.length > head.length) buffer_clear(&joined);
    if (text.length > head.length) buffer_append_str(&joined, tail_of(text));
    buffer_clear(&place->tail);
    buffer_append_str(&place->tail, tail_of(buffer_view(&joined)));
    bool is_failed = buffer_failed(&place->tail) || buffer_failed(&joined);
    buffer_free(&joined);
    if (is_failed) return error_out_of_memory(error);
    return is_spread ? error_set(error, ERROR_INVALID, "a value is spread over strings of several events: it cannot be "
                                 "masked, and nothing more may pass") : 0;
}

/* ---- pieces ---- */

static bool is_one_of(struct str name, const struct str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name)) return true;
    }
    return false;
}

/* Strings of these names say what something is, or where: they come whole. */
static bool is_label(struct str name) {
    static const struct str labels[] = {{"type", 4},   {"id", 2},   {"format", 6}, {"role", 4},  {"name", 4},
                                        {"object", 6}, {"kind", 4}, {"status", 6}, {"phase", 5}, {"data", 4},
                                        {"url", 3},    {"uri", 3},  {"title", 5},  {"model", 5}, {"filename", 8}};
    return is_one_of(name, labels, LENGTH_OF(labels)) || str_ends_with(name, STR("_id")) ||
           str_ends_with(name, STR("_type")) || str_ends_with(name, STR("signature"));
}

/* Texts of these names come in pieces wherever they were seen. */
static bool is_text(struct str name) {
    static const struct str texts[] = {{"text", 4},      {"content", 7},           {"delta", 5},
                                       {"thinking", 8},  {"reasoning", 9},         {"reasoning_content", 17},
                                       {"summary", 7},   {"reasoning_text", 14},   {"transcript", 10},
                                       {"refusal", 7},   {"thoughts", 8},          {"thought", 7}};
    return is_one_of(name, texts, LENGTH_OF(texts));
}

enum part { PART_NONE, PART_PIECE, PART_MAYBE }; /* a piece when its place has brought a string before */

static enum part part_of(const struct shape_place *at) {
    if (!at->is_in_delta || is_label(at->name)) return PART_NONE;
    if (is_text(at->name)) return PART_PIECE;
    return at->is_listed ? PART_NONE : PART_MAYBE;
}

/* What went out before there was a lane is taken off what the lane says. -1: the lane says it otherwise, since a value
 * begins in it. */
static int take_told(struct llm_place *place, struct buffer *said, struct buffer *out) {
    struct str text = buffer_view(said), tail = buffer_view(&place->tail);
    size_t told = place->told_bytes < text.length ? place->told_bytes : text.length;
    size_t start = tail.length - place->told_bytes;
    if (!str_equal(str_slice(text, 0, told), str_slice(tail, start, start + told))) return -1;
    place->told_bytes -= told;
    buffer_append_str(out, str_slice(text, told, text.length));
    return buffer_failed(said) ? -1 : 0;
}

static int feed(struct llm_stream *stream, struct llm_place *place, struct str piece, bool is_last, struct buffer *out,
                struct error *error) {
    struct buffer said;
    size_t length = buffer_length(out);
    buffer_init(&said, 8 * stream->bytes_max);
    int result = stream->options.plan->lane_feed(place->mask, piece, is_last, &said, stream->options.masked,
                                                 stream->options.revealed);
    if (result == 0) result = take_told(place, &said, out);
    buffer_free(&said);
    place->is_closed = is_last;
    if (stream->is_giving_rest) stream->rest_bytes += buffer_length(out) - length;
    if (result == 0) return 1;
    return error_set(error, ERROR_INVALID, "a text cannot be inspected to its end: nothing more of it may pass");
}

/* A lane that knows what went out before it. */
static int open_lane(struct llm_stream *stream, struct llm_place *place, struct str name, struct buffer *out,
                     struct error *error) {
    const struct mask_plan *plan = stream->options.plan;
    place->mask = plan->lane_new(plan, plan->field(plan, name));
    if (place->mask == NULL) return error_out_of_memory(error);
    place->told_bytes = buffer_length(&place->tail);
    if (place->told_bytes == 0) return 0;
    return feed(stream, place, buffer_view(&place->tail), false, out, error) == 1 ? 0 : -1;
}

static int keep_event(struct llm_stream *stream, struct llm_place *place, struct error *error) {
    stream->place_bytes -= buffer_length(&place->event);
    buffer_clear(&place->event);
    buffer_append_str(&place->event, stream->source);
    stream->place_bytes += stream->source.length;
    if (stream->place_bytes > 2 * stream->bytes_max) {
        return error_set(error, ERROR_LIMIT, "a stream with too many texts of an unknown kind at once");
    }
    return buffer_failed(&place->event) ? error_out_of_memory(error) : 0;
}

static int take_piece(struct llm_stream *stream, struct llm_place *place, struct str name, struct str piece,
                      struct buffer *out, struct error *error) {
    if (place->is_closed) return llm_stream_protocol_error(error, "more of a text that has ended");
    if (place->mask == NULL && open_lane(stream, place, name, out, error) != 0) return -1;
    place->outer = stream->outer;
    if (keep_event(stream, place, error) != 0) return -1;
    return feed(stream, place, piece, stream->is_last_piece, out, error);
}

int llm_place_follow(struct llm_stream *stream, const struct shape_place *at, struct str text, struct buffer *out,
                     struct error *error) {
    enum part part = part_of(at);
    if (stream->is_giving_rest) {
        struct llm_place *place = find_place(stream, at->path);
        bool is_open = place != NULL && place->mask != NULL && !place->is_closed;
        return part == PART_NONE ? 0 : is_open ? feed(stream, place, STR_NONE, true, out, error) : 1;
    }
    struct llm_place *place = open_place(stream, at->path, error);
    if (place == NULL) return -1;
    bool is_piece = part == PART_PIECE || (part == PART_MAYBE && place->has_strings);
    place->has_strings = true;
    return is_piece ? take_piece(stream, place, at->name, text, out, error)
                    : check_alone(stream, place, at->name, text, error);
}

/* ---- the rest ---- */

static struct llm_place *next_open(struct llm_stream *stream, uint32_t outer, struct str type) {
    for (size_t i = 0; i < LLM_PLACE_BUCKETS; i++) {
        for (struct llm_place *place = stream->places[i]; place != NULL; place = place->next) {
            if (place->mask == NULL || place->is_closed || (outer != LLM_OUTER_ANY && place->outer != outer)) continue;
            bool is_meant = type.length == 0 ||
                            json_string_is(json_get(buffer_view(&place->event), STR("type")), type);
            if (is_meant) return place;
        }
    }
    return NULL;
}

int llm_place_rest(struct llm_stream *stream, uint32_t outer, struct str type, struct buffer *event,
                   struct error *error) {
    struct llm_place *place;
    while ((place = next_open(stream, outer, type)) != NULL) {
        struct str source = buffer_view(&place->event);
        buffer_clear(event);
        stream->is_giving_rest = true;
        stream->rest_bytes = 0;
        int result = llm_stream_mask(stream, stream->form->event, source, event, error);
        stream->is_giving_rest = false;
        if (result != 0) return -1;
        if (!place->is_closed) return llm_stream_protocol_error(error, "a text that cannot be brought to its end");
        if (stream->rest_bytes > 0) return 1;
    }
    return 0;
}
