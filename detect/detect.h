/* The detector of personal data and secrets: which spans of a text are of which data class.
 *
 * struct detector is immutable once made and shared by all threads. Whoever scans has a struct detect_scratch, one a
 * thread. Nothing here parks a fiber; detect_scan needs about 16 KiB of stack. Offsets are bytes. Text may be any
 * bytes; classes are recognised in ASCII, also in the midst of UTF-8.
 *
 * Every verdict depends only on the candidate, on DETECT_CONTEXT_BYTES before it and on what follows it up to the next
 * break (detect/segment.h). That is why a text that comes in pieces (struct detect_stream) gives exactly the spans of
 * the whole. Spans do not overlap and are sorted. Where candidates overlap, the one with the higher score names the
 * class (then the longer, the earlier, the lower class), and the span is what they cover together: no part of a
 * recognised value is left over. */
#ifndef SWORN_DETECT_DETECT_H
#define SWORN_DETECT_DETECT_H

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "detect/classes.h"

#define DETECT_CONTEXT_BYTES 128         /* how far before a candidate evidence is looked for */
#define DETECT_SEGMENT_MAX (64u << 10)   /* the longest run without a break that is judged as one piece */
#define DETECT_SPAN_MAX (32u << 10)      /* the longest span, but for a value whose name marks its class */
#define DETECT_SPANS_MAX (1u << 20)      /* in one scan or one feed: beyond it the scan fails with ERROR_LIMIT */

struct detector_options {
    class_set classes;        /* what to look for; 0: everything */
    uint32_t match_steps_max; /* of the pattern engine for one candidate, beyond which a scan fails with ERROR_LIMIT;
                                 0: enough for any text; otherwise counted exactly, which is slow */
};

struct detector;
struct detect_scratch;

struct detect_span {
    size_t start;
    size_t end; /* one past the last byte */
    enum data_class class;
    uint8_t score;    /* 0 to 100 */
    const char *rule; /* which rule matched, e.g. "github_pat"; static or owned by the detector */
};

struct detect_spans {
    struct detect_span *items;
    size_t count;
    size_t capacity;
};

/* What the name of a column or a JSON key says of its values: compute it once a column. */
struct detect_hint {
    uint8_t class;    /* enum data_class: the whole value is of this class when it is plausible; CLASS_NONE: none */
    uint32_t context; /* evidence for the rules (detect/context.h) */
};

#define DETECT_HINT_NONE ((struct detect_hint){CLASS_NONE, 0})

/* Takes some 100 ms: patterns are compiled. options may be NULL. NULL on error. */
struct detector *detector_new(const struct detector_options *options, struct error *error) MUST_USE;
void detector_free(struct detector **detector); /* after the last scratch and stream that uses it */

/* A digest of all tables of rules: two detectors of one version differ at most in the code that reads them. */
const struct sha256 *detect_version(void);

struct detect_scratch *detect_scratch_new(const struct detector *detector, struct error *error) MUST_USE;
void detect_scratch_free(struct detect_scratch **scratch);

void detect_spans_init(struct detect_spans *spans);
void detect_spans_free(struct detect_spans *spans);
static inline void detect_spans_clear(struct detect_spans *spans) { spans->count = 0; }
/* Adds one to the count of each span's class. */
void detect_spans_count(const struct detect_spans *spans, struct class_counts *counts);

/* Does the name say that a number is a telephone number, a card, an identifier? By shape alone no number is. */
bool detect_hint_tells_of_numbers(struct detect_hint hint);
struct detect_hint detect_hint_from_name(const struct detector *detector, struct str name);

/* An error means that the text was not inspected to its end: nothing of it may pass.
 *
 * Replaces what is in *spans by the spans of the whole text. A hint's class makes the whole value one span. */
int detect_scan(const struct detector *detector, struct detect_scratch *scratch, struct str text,
                struct detect_hint hint, struct detect_spans *spans, struct error *error) MUST_USE;

/* For those who cut a text themselves (detect/segment.h says where it may be cut): one segment, text[from .. end), of
 * which DETECT_CONTEXT_BYTES before it are looked at for evidence. Replaces what is in *spans; offsets are those of text. */
int detect_scan_segment(const struct detector *detector, struct detect_scratch *scratch, struct str text, size_t from,
                        size_t end, uint32_t hint_context, struct detect_spans *spans, struct error *error) MUST_USE;

/* A text that arrives in pieces. Spans come out once nothing that follows can change them; offsets count from the start
 * of the stream. Memory is bounded by DETECT_SEGMENT_MAX, DETECT_SPAN_MAX and one piece. One thread at a time. */
struct detect_stream;

struct detect_stream *detect_stream_new(const struct detector *detector, struct error *error) MUST_USE;
void detect_stream_free(struct detect_stream **stream);
/* Both append to *spans (they do not clear it). After finish the stream is empty and may be used for another text. */
int detect_stream_feed(struct detect_stream *stream, struct detect_scratch *scratch, struct str piece,
                       struct detect_spans *spans, struct error *error) MUST_USE;
int detect_stream_finish(struct detect_stream *stream, struct detect_scratch *scratch, struct detect_spans *spans,
                         struct error *error) MUST_USE;
/* Everything before this offset is decided: it may leave. */
size_t detect_stream_settled(const struct detect_stream *stream);

#endif
