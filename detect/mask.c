/* Policies, and texts rewritten span by span, whole or in pieces. */
#include "detect/mask.h"

#include "detect/mask_operators.h"

#define MASK_STREAM_MAGIC 0xde7ec704u

static const struct {
    const char *name;
    mask_function *function;
} operators[MASK_OPERATOR_MAX] = {
#define OPERATOR(identifier, name, function, text) {name, function},
#include "detect/operators.def"
#undef OPERATOR
};

const char *mask_operator_name(enum mask_operator operator) {
    CHECK(operator < MASK_OPERATOR_MAX);
    return operators[operator].name;
}

enum mask_operator mask_operator_from_name(struct str name) {
    int i = 0;
    while (i < MASK_OPERATOR_MAX && !str_equal_cstr(name, operators[i].name)) i++;
    return (enum mask_operator)i;
}

struct mask_policy mask_policy_default(void) {
    return (struct mask_policy){
        .operators =
            {
#define CLASS(identifier, name, label, operator, text) MASK_##operator,
#include "detect/classes.def"
#undef CLASS
            },
    };
}

struct mask_policy mask_policy_reveal(const struct mask_policy *policy, class_set revealed) {
    struct mask_policy plan = *policy;
    for (int i = 0; i < CLASS_MAX; i++) {
        if (class_set_has(revealed, (enum data_class)i)) plan.operators[i] = MASK_KEEP;
    }
    return plan;
}

void mask_value(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out) {
    CHECK(class < CLASS_MAX && policy->operators[class] < MASK_OPERATOR_MAX);
    operators[policy->operators[class]].function(policy, class, value, out);
}

bool mask_keeps(const struct mask_policy *policy, enum data_class class, struct str value) {
    if (policy->operators[class] == MASK_KEEP) return true;
    value = str_trim(value);
    for (size_t i = 0; i < policy->allow_count; i++) {
        if (str_equal(policy->allow[i], value)) return true;
    }
    return false;
}

bool mask_is_null(const struct mask_policy *policy, struct str text, const struct detect_spans *spans) {
    if (spans->count != 1) return false;
    const struct detect_span *span = &spans->items[0];
    return span->start == 0 && span->end == text.length && policy->operators[span->class] == MASK_NULL &&
           !mask_keeps(policy, span->class, text);
}

/* Masks text.data, which stands at `begin` in the stream that the spans count in. */
static bool mask_spans(const struct mask_policy *policy, struct str text, size_t begin,
                       const struct detect_spans *spans, struct buffer *out, struct class_counts *counts) {
    size_t at = 0;
    bool is_changed = false;
    for (size_t i = 0; i < spans->count; i++) {
        const struct detect_span *span = &spans->items[i];
        CHECK(span->start >= begin + at && span->end <= begin + text.length);
        if (mask_keeps(policy, span->class, str_slice(text, span->start - begin, span->end - begin))) continue;
        buffer_append_str(out, str_slice(text, at, span->start - begin));
        mask_value(policy, span->class, str_slice(text, span->start - begin, span->end - begin), out);
        at = span->end - begin;
        if (counts != NULL && counts->count[span->class] < UINT32_MAX) counts->count[span->class]++;
        is_changed = true;
    }
    buffer_append_str(out, str_slice(text, at, text.length));
    return is_changed;
}

bool mask_text(const struct mask_policy *policy, struct str text, const struct detect_spans *spans, struct buffer *out,
               struct class_counts *counts) {
    return mask_spans(policy, text, 0, spans, out, counts);
}

struct mask_stream {
    uint32_t magic;
    struct mask_policy policy;
    struct detect_stream *stream;
    struct buffer held; /* what is not settled */
    size_t begin;       /* of held in the stream */
    struct detect_spans spans;
};

struct mask_stream *mask_stream_new(const struct detector *detector, const struct mask_policy *policy,
                                    struct error *error) {
    struct mask_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    stream->magic = MASK_STREAM_MAGIC;
    stream->policy = *policy;
    buffer_init(&stream->held, SIZE_MAX / 2);
    stream->stream = detect_stream_new(detector, error);
    if (stream->stream == NULL) mask_stream_free(&stream);
    return stream;
}

void mask_stream_free(struct mask_stream **handle) {
    struct mask_stream *stream = *handle;
    if (stream == NULL) return;
    CHECK_MAGIC(stream, MASK_STREAM_MAGIC);
    detect_stream_free(&stream->stream);
    detect_spans_free(&stream->spans);
    buffer_free(&stream->held);
    stream->magic = 0;
    free(stream);
    *handle = NULL;
}

static void release(struct mask_stream *stream, size_t settled, struct buffer *out, struct class_counts *counts) {
    struct str ready = str_slice(buffer_view(&stream->held), 0, settled - stream->begin);
    mask_spans(&stream->policy, ready, stream->begin, &stream->spans, out, counts);
    buffer_consume(&stream->held, ready.length);
    stream->begin = settled;
}

int mask_stream_feed(struct mask_stream *stream, struct detect_scratch *scratch, struct str piece, struct buffer *out,
                     struct class_counts *counts, struct error *error) {
    CHECK_MAGIC(stream, MASK_STREAM_MAGIC);
    detect_spans_clear(&stream->spans);
    buffer_append_str(&stream->held, piece);
    if (buffer_failed(&stream->held)) return error_out_of_memory(error);
    if (detect_stream_feed(stream->stream, scratch, piece, &stream->spans, error) != 0) return -1;
    release(stream, detect_stream_settled(stream->stream), out, counts);
    return buffer_failed(out) ? error_out_of_memory(error) : 0;
}

int mask_stream_finish(struct mask_stream *stream, struct detect_scratch *scratch, struct buffer *out,
                       struct class_counts *counts, struct error *error) {
    CHECK_MAGIC(stream, MASK_STREAM_MAGIC);
    detect_spans_clear(&stream->spans);
    int result = detect_stream_finish(stream->stream, scratch, &stream->spans, error);
    if (result == 0) release(stream, stream->begin + buffer_length(&stream->held), out, counts);
    buffer_clear(&stream->held);
    stream->begin = 0;
    if (result == 0 && buffer_failed(out)) result = error_out_of_memory(error);
    return result;
}
