/* One text, whole or in pieces, into segments; a segment into candidates; candidates into spans that do not overlap. */
#include "detect/detect.h"

#include "detect/names.h"
#include "detect/scan.h"
#include "detect/segment.h"

#define DETECT_STREAM_MAGIC 0xde7ec703u

struct detector *detector_new(const struct detector_options *options, struct error *error) {
    struct detector *detector = calloc(1, sizeof(*detector));
    if (detector == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    detector->magic = DETECTOR_MAGIC;
    detector->classes = options != NULL && options->classes != 0 ? options->classes : CLASS_SET_ALL;
    context_table_init(&detector->context);
    names_table_init(&detector->names);
    detector->secrets = secrets_new(options != NULL ? options->match_steps_max : 0, error);
    if (detector->secrets == NULL) detector_free(&detector);
    return detector;
}

void detector_free(struct detector **handle) {
    struct detector *detector = *handle;
    if (detector == NULL) return;
    CHECK_MAGIC(detector, DETECTOR_MAGIC);
    secrets_free(&detector->secrets);
    detector->magic = 0;
    free(detector);
    *handle = NULL;
}

struct detect_scratch *detect_scratch_new(const struct detector *detector, struct error *error) {
    CHECK_MAGIC(detector, DETECTOR_MAGIC);
    struct detect_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    scratch->magic = DETECT_SCRATCH_MAGIC;
    scratch->secrets = secrets_scratch_new(detector->secrets, error);
    if (scratch->secrets == NULL) detect_scratch_free(&scratch);
    return scratch;
}

void detect_scratch_free(struct detect_scratch **handle) {
    struct detect_scratch *scratch = *handle;
    if (scratch == NULL) return;
    CHECK_MAGIC(scratch, DETECT_SCRATCH_MAGIC);
    secrets_scratch_free(&scratch->secrets);
    detect_spans_free(&scratch->candidates);
    scratch->magic = 0;
    free(scratch);
    *handle = NULL;
}

void detect_spans_init(struct detect_spans *spans) { *spans = (struct detect_spans){0}; }

void detect_spans_free(struct detect_spans *spans) {
    free(spans->items);
    *spans = (struct detect_spans){0};
}

void detect_spans_count(const struct detect_spans *spans, struct class_counts *counts) {
    for (size_t i = 0; i < spans->count; i++) counts->count[spans->items[i].class]++;
}

struct detect_hint detect_hint_from_name(const struct detector *detector, struct str name) {
    CHECK_MAGIC(detector, DETECTOR_MAGIC);
    enum data_class class = names_class(&detector->names, name);
    uint32_t context = context_of_name(&detector->context, name);
    if (class == CLASS_NONE) context |= secrets_context_of_name(name);
    return (struct detect_hint){(uint8_t)class, context};
}

bool detect_hint_tells_of_numbers(struct detect_hint hint) {
    return hint.class != CLASS_NONE || (hint.context & CONTEXT_OF_NUMBERS) != 0;
}

static int append_span(struct detect_spans *spans, struct detect_span span, struct error *error) {
    if (spans->count == spans->capacity) {
        size_t capacity = spans->capacity == 0 ? 16 : spans->capacity * 2;
        if (capacity > DETECT_SPANS_MAX) {
            return error_set(error, ERROR_LIMIT, "more than %u recognised values in one message", DETECT_SPANS_MAX);
        }
        struct detect_span *items = realloc(spans->items, capacity * sizeof(*items));
        if (items == NULL) return error_out_of_memory(error);
        spans->items = items;
        spans->capacity = capacity;
    }
    spans->items[spans->count++] = span;
    return 0;
}

/* By start, then the better first. */
static int compare_spans(const void *left, const void *right) {
    const struct detect_span *a = left, *b = right;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    if (a->end != b->end) return a->end > b->end ? -1 : 1;
    return a->class != b->class ? (a->class < b->class ? -1 : 1) : strcmp(a->rule, b->rule);
}

static bool is_better(const struct detect_span *a, const struct detect_span *b) {
    size_t a_length = a->end - a->start, b_length = b->end - b->start;
    if (a->score != b->score) return a->score > b->score;
    return a_length > b_length;
}

/* Of two that overlap the better names what is covered; what they cover together is one span, so that no part of a
 * recognised value is left over. */
static void merge_into(struct detect_span *kept, const struct detect_span *next) {
    size_t start = kept->start < next->start ? kept->start : next->start;
    size_t end = kept->end > next->end ? kept->end : next->end;
    if (is_better(next, kept)) *kept = *next;
    kept->start = start;
    kept->end = end;
}

static int emit_candidates(struct scan *scan, size_t shift, struct detect_spans *out, struct error *error) {
    struct detect_spans *found = &scan->scratch->candidates;
    bool is_sorted = true;
    for (size_t i = 1; i < found->count && is_sorted; i++) {
        is_sorted = compare_spans(&found->items[i - 1], &found->items[i]) <= 0;
    }
    if (!is_sorted) qsort(found->items, found->count, sizeof(*found->items), compare_spans);
    for (size_t i = 0; i < found->count;) {
        struct detect_span kept = found->items[i++];
        for (; i < found->count && found->items[i].start < kept.end; i++) merge_into(&kept, &found->items[i]);
        kept.start += shift;
        kept.end += shift;
        if (append_span(out, kept, error) != 0) return -1;
    }
    return 0;
}

/* One segment of text: text.data[from .. end). shift is where the text begins in the stream. */
static int scan_segment(const struct detector *detector, struct detect_scratch *scratch, struct str text, size_t from,
                        size_t end, uint32_t hint_context, size_t shift, struct detect_spans *out,
                        struct error *error) {
    struct scan scan = {
        .detector = detector,
        .scratch = scratch,
        .text = text.data,
        .floor = from > DETECT_CONTEXT_BYTES ? from - DETECT_CONTEXT_BYTES : 0,
        .from = from,
        .end = end,
        .hint_context = hint_context,
    };
    scratch->candidates.count = 0;
    scan_anchors(&scan);
    scan_private_keys(&scan);
    if (secrets_possible(str_slice(text, scan.floor, end)) && secrets_scan(&scan, error) != 0) return -1;
    if (scan.is_failed) {
        return error_set(error, ERROR_LIMIT, "too many candidates for recognised values in one message");
    }
    return emit_candidates(&scan, shift, out, error);
}

/* A value whose name ends in a word for secrets is one where it would be one behind that word in a text. */
static bool is_named_secret(const struct detector *detector, struct detect_scratch *scratch, struct str text,
                            struct detect_hint hint) {
    if ((hint.context & (CONTEXT_SECRET | CONTEXT_PASSWORD)) == 0) return false;
    struct scan scan = {.detector = detector, .scratch = scratch, .text = text.data, .end = text.length};
    struct str inside = str_trim(text);
    size_t start = (size_t)(inside.data - text.data);
    return inside.length > 0 && secrets_is_value(&scan, start, start + inside.length, hint.context);
}

static bool is_sentence(struct str text) {
    bool has_letter = false, has_blank = false;
    for (size_t i = 0; i < text.length && !(has_letter && has_blank); i++) {
        char c = text.data[i];
        has_letter |= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
        has_blank |= c == ' ' || c == '\t' || c == '\n' || c == '\r';
    }
    return has_letter && has_blank;
}

/* A name that speaks against a number, such as `order_id` or `item`, speaks of a value that is one, not of what is said
 * in a sentence. */
static uint32_t name_context(struct detect_hint hint, struct str text) {
    bool is_against = (hint.context & CONTEXT_OTHER) != 0 && is_sentence(text);
    return is_against ? hint.context & ~(uint32_t)CONTEXT_OTHER : hint.context;
}

int detect_scan(const struct detector *detector, struct detect_scratch *scratch, struct str text,
                struct detect_hint hint, struct detect_spans *spans, struct error *error) {
    CHECK_MAGIC(detector, DETECTOR_MAGIC);
    CHECK_MAGIC(scratch, DETECT_SCRATCH_MAGIC);
    detect_spans_clear(spans);
    if (hint.class < CLASS_MAX && class_set_has(detector->classes, hint.class) &&
        names_value_is_plausible(hint.class, text)) {
        struct detect_span whole = {0, text.length, hint.class, 90, "field_name"};
        return append_span(spans, whole, error);
    }
    if (class_set_has(detector->classes, CLASS_CREDENTIAL) && is_named_secret(detector, scratch, text, hint)) {
        struct detect_span whole = {0, text.length, CLASS_CREDENTIAL, 88, "field_name"};
        return append_span(spans, whole, error);
    }
    uint32_t context = name_context(hint, text);
    for (size_t from = 0; from < text.length;) {
        size_t end = segment_end(text, from, true);
        if (scan_segment(detector, scratch, text, from, end, context, 0, spans, error) != 0) return -1;
        from = end;
    }
    return 0;
}

int detect_scan_segment(const struct detector *detector, struct detect_scratch *scratch, struct str text, size_t from,
                        size_t end, uint32_t hint_context, struct detect_spans *spans, struct error *error) {
    CHECK_MAGIC(detector, DETECTOR_MAGIC);
    CHECK_MAGIC(scratch, DETECT_SCRATCH_MAGIC);
    CHECK(from <= end && end <= text.length);
    detect_spans_clear(spans);
    return scan_segment(detector, scratch, text, from, end, hint_context, 0, spans, error);
}

struct detect_stream {
    uint32_t magic;
    const struct detector *detector;
    struct buffer held; /* the context before the open segment, then the open segment */
    size_t begin;       /* of the held bytes in the stream */
    size_t open;        /* where the open segment begins, in the held bytes */
};

struct detect_stream *detect_stream_new(const struct detector *detector, struct error *error) {
    CHECK_MAGIC(detector, DETECTOR_MAGIC);
    struct detect_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    stream->magic = DETECT_STREAM_MAGIC;
    stream->detector = detector;
    buffer_init(&stream->held, SIZE_MAX / 2);
    return stream;
}

void detect_stream_free(struct detect_stream **handle) {
    struct detect_stream *stream = *handle;
    if (stream == NULL) return;
    CHECK_MAGIC(stream, DETECT_STREAM_MAGIC);
    buffer_free(&stream->held);
    stream->magic = 0;
    free(stream);
    *handle = NULL;
}

static int close_segments(struct detect_stream *stream, struct detect_scratch *scratch, bool is_final,
                          struct detect_spans *spans, struct error *error) {
    struct str held = buffer_view(&stream->held);
    while (stream->open < held.length) {
        size_t end = segment_end(held, stream->open, is_final);
        if (end == stream->open) break;
        if (scan_segment(stream->detector, scratch, held, stream->open, end, 0, stream->begin, spans, error) != 0) {
            return -1;
        }
        stream->open = end;
    }
    if (stream->open > DETECT_CONTEXT_BYTES) {
        size_t done = stream->open - DETECT_CONTEXT_BYTES;
        buffer_consume(&stream->held, done);
        stream->begin += done;
        stream->open -= done;
    }
    return 0;
}

int detect_stream_feed(struct detect_stream *stream, struct detect_scratch *scratch, struct str piece,
                       struct detect_spans *spans, struct error *error) {
    CHECK_MAGIC(stream, DETECT_STREAM_MAGIC);
    CHECK_MAGIC(scratch, DETECT_SCRATCH_MAGIC);
    buffer_append_str(&stream->held, piece);
    if (buffer_failed(&stream->held)) return error_out_of_memory(error);
    return close_segments(stream, scratch, false, spans, error);
}

int detect_stream_finish(struct detect_stream *stream, struct detect_scratch *scratch, struct detect_spans *spans,
                         struct error *error) {
    CHECK_MAGIC(stream, DETECT_STREAM_MAGIC);
    CHECK_MAGIC(scratch, DETECT_SCRATCH_MAGIC);
    int result = close_segments(stream, scratch, true, spans, error);
    buffer_clear(&stream->held);
    stream->begin = stream->open = 0;
    return result;
}

size_t detect_stream_settled(const struct detect_stream *stream) { return stream->begin + stream->open; }
