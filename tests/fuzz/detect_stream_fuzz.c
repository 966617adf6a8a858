/* Any text in pieces has the spans and the mask of the whole. The first byte says how the text is cut. */
#include <stdlib.h>

#include "detect/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct detector *detector;
static struct detect_scratch *scratch;

static void check_spans(struct str text, const struct detect_spans *spans) {
    size_t at = 0;
    for (size_t i = 0; i < spans->count; i++) {
        const struct detect_span *span = &spans->items[i];
        CHECK(span->start >= at && span->end > span->start && span->end <= text.length && span->score <= 100);
        at = span->end;
    }
}

static size_t piece_length(uint8_t how, size_t index) { return how == 0 ? 1 : 1 + (how * (index + 1)) % 37; }

static void compare(struct str text, uint8_t how) {
    struct error error;
    struct detect_spans whole = {0}, pieces = {0};
    struct mask_policy policy = mask_policy_default();
    struct buffer masked_whole, masked_pieces;
    buffer_init(&masked_whole, SIZE_MAX / 2);
    buffer_init(&masked_pieces, SIZE_MAX / 2);
    CHECK(detect_scan(detector, scratch, text, DETECT_HINT_NONE, &whole, &error) == 0);
    check_spans(text, &whole);
    mask_text(&policy, text, &whole, &masked_whole, NULL);
    struct detect_stream *stream = detect_stream_new(detector, &error);
    struct mask_stream *mask = mask_stream_new(detector, &policy, &error);
    CHECK(stream != NULL && mask != NULL);
    size_t index = 0;
    for (size_t at = 0; at < text.length; index++) {
        struct str piece = str_slice(text, at, at + piece_length(how, index));
        CHECK(detect_stream_feed(stream, scratch, piece, &pieces, &error) == 0);
        CHECK(mask_stream_feed(mask, scratch, piece, &masked_pieces, NULL, &error) == 0);
        at += piece.length;
    }
    CHECK(detect_stream_finish(stream, scratch, &pieces, &error) == 0);
    CHECK(mask_stream_finish(mask, scratch, &masked_pieces, NULL, &error) == 0);
    CHECK(whole.count == pieces.count);
    for (size_t i = 0; i < whole.count; i++) {
        const struct detect_span *a = &whole.items[i], *b = &pieces.items[i];
        CHECK(a->start == b->start && a->end == b->end && a->class == b->class && a->score == b->score);
    }
    CHECK(str_equal(buffer_view(&masked_whole), buffer_view(&masked_pieces)));
    detect_stream_free(&stream);
    mask_stream_free(&mask);
    detect_spans_free(&whole);
    detect_spans_free(&pieces);
    buffer_free(&masked_whole);
    buffer_free(&masked_pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error;
    if (detector == NULL) {
        detector = detector_new(NULL, &error);
        scratch = detect_scratch_new(detector, &error);
    }
    if (size > 0) compare(str_make(data + 1, size - 1), data[0]);
    return 0;
}
