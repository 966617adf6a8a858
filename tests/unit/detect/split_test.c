/* The split test: every case cut at every byte, and byte by byte, gives the spans and the mask of the whole. Also a
 * text longer than one segment, with and without breaks. */
#include "detect/mask.h"
#include "tests/unit/detect/cases.h"
#include "tests/unit/tap.h"

static struct detector *detector;
static struct detect_scratch *scratch;
static struct detect_stream *stream;
static struct mask_stream *masker;
static struct mask_policy policy;

struct outcome {
    struct detect_spans spans;
    struct buffer masked;
};

static bool feed(struct outcome *outcome, struct str piece) {
    struct error error;
    return detect_stream_feed(stream, scratch, piece, &outcome->spans, &error) == 0 &&
           mask_stream_feed(masker, scratch, piece, &outcome->masked, NULL, &error) == 0;
}

static bool finish(struct outcome *outcome) {
    struct error error;
    return detect_stream_finish(stream, scratch, &outcome->spans, &error) == 0 &&
           mask_stream_finish(masker, scratch, &outcome->masked, NULL, &error) == 0;
}

static bool is_same(const struct outcome *a, const struct outcome *b) {
    if (a->spans.count != b->spans.count) return false;
    for (size_t i = 0; i < a->spans.count; i++) {
        const struct detect_span *x = &a->spans.items[i], *y = &b->spans.items[i];
        if (x->start != y->start || x->end != y->end || x->class != y->class || x->score != y->score) return false;
    }
    return str_equal(buffer_view(&a->masked), buffer_view(&b->masked));
}

static void whole(struct outcome *outcome, struct str text) {
    struct error error;
    CHECK(detect_scan(detector, scratch, text, DETECT_HINT_NONE, &outcome->spans, &error) == 0);
    mask_text(&policy, text, &outcome->spans, &outcome->masked, NULL);
}

static void clear(struct outcome *outcome) {
    detect_spans_clear(&outcome->spans);
    buffer_clear(&outcome->masked);
}

static bool in_pieces_of(struct outcome *outcome, struct str text, size_t length) {
    clear(outcome);
    bool is_fed = true;
    for (size_t at = 0; is_fed && at < text.length; at += length) {
        is_fed = feed(outcome, str_slice(text, at, at + length));
    }
    return is_fed && finish(outcome);
}

static void test_text(struct outcome *expected, struct outcome *got, struct str text, const char *name) {
    clear(expected);
    whole(expected, text);
    size_t wrong = 0;
    for (size_t cut = 0; cut <= text.length; cut++) {
        clear(got);
        bool is_fed = feed(got, str_slice(text, 0, cut)) && feed(got, str_slice(text, cut, text.length)) && finish(got);
        if (!is_fed || !is_same(expected, got)) wrong++;
    }
    if (!in_pieces_of(got, text, 1) || !is_same(expected, got)) wrong++;
    if (!ok(wrong == 0, name)) printf("# %zu cuts of [%.*s]\n", wrong, STR_ARGS(text));
}

static void test_cases(struct outcome *expected, struct outcome *got) {
    struct buffer all;
    buffer_init(&all, 1u << 20);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct case_text text;
        struct str bytes = case_read(&cases[i], &text);
        test_text(expected, got, bytes, cases[i].class == CLASS_NONE ? "near miss" : class_name(cases[i].class));
        buffer_append_str(&all, bytes);
        buffer_append_cstr(&all, i % 3 == 0 ? " and " : i % 3 == 1 ? "\n" : " ");
    }
    struct str text = buffer_view(&all);
    test_text(expected, got, text, "all cases in one text");
    buffer_free(&all);
}

/* Runs that pass DETECT_SEGMENT_MAX: with line ends, with digits and blanks only, and without any break. */
static void test_long(struct outcome *expected, struct outcome *got) {
    static const char *const patterns[] = {"4111 1111 1111 1111 a@b.io\n",
                                           "12 345 6 4111111111111111 ", "a1b2c3d4,x@y.io,"};
    for (size_t i = 0; i < LENGTH_OF(patterns); i++) {
        struct buffer text;
        buffer_init(&text, 1u << 20);
        while (buffer_length(&text) < 3 * DETECT_SEGMENT_MAX) buffer_append_cstr(&text, patterns[i]);
        clear(expected);
        whole(expected, buffer_view(&text));
        bool is_right = expected->spans.count > 1000;
        static const size_t lengths[] = {997, 4096, 65535, 65536, 65537, 100000};
        for (size_t j = 0; j < LENGTH_OF(lengths); j++) {
            is_right = in_pieces_of(got, buffer_view(&text), lengths[j]) && is_same(expected, got) && is_right;
        }
        ok(is_right, patterns[i]);
        buffer_free(&text);
    }
}

static void test_held_back(void) {
    struct error error;
    struct detect_spans spans = {0};
    CHECK(detect_stream_feed(stream, scratch, STR("Good morning to all of you "), &spans, &error) == 0);
    is_integer(detect_stream_settled(stream), 27, "plain words leave at once");
    CHECK(detect_stream_feed(stream, scratch, STR("my card is 4111 "), &spans, &error) == 0);
    is_integer(detect_stream_settled(stream), 38, "what may become a card stays");
    CHECK(detect_stream_finish(stream, scratch, &spans, &error) == 0);
    detect_spans_free(&spans);
}

int main(void) {
    struct error error;
    policy = mask_policy_default();
    detector = detector_new(NULL, &error);
    scratch = detect_scratch_new(detector, &error);
    stream = detect_stream_new(detector, &error);
    masker = mask_stream_new(detector, &policy, &error);
    struct outcome expected = {0}, got = {0};
    buffer_init(&expected.masked, 4u << 20);
    buffer_init(&got.masked, 4u << 20);
    test_cases(&expected, &got);
    test_long(&expected, &got);
    test_held_back();
    detect_spans_free(&expected.spans);
    detect_spans_free(&got.spans);
    buffer_free(&expected.masked);
    buffer_free(&got.masked);
    mask_stream_free(&masker);
    detect_stream_free(&stream);
    detect_scratch_free(&scratch);
    detector_free(&detector);
    return tap_done();
}
