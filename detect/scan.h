/* Inside the detector: one pass over one segment. Rules read text[floor .. end) only and add candidates that start at
 * or behind `from`; candidates may overlap and come in any order. */
#ifndef SWORN_DETECT_SCAN_H
#define SWORN_DETECT_SCAN_H

#include "detect/context.h"
#include "detect/detect.h"
#include "detect/secrets.h"

#define DETECTOR_MAGIC 0xde7ec701u
#define DETECT_SCRATCH_MAGIC 0xde7ec702u

struct detector {
    uint32_t magic;
    class_set classes;
    struct word_table context;
    struct word_table names; /* of fields: names.def */
    struct secrets *secrets;
};

struct detect_scratch {
    uint32_t magic;
    struct secrets_scratch *secrets;
    struct detect_spans candidates; /* of the segment at hand */
};

struct scan {
    const struct detector *detector;
    struct detect_scratch *scratch;
    const char *text;
    size_t floor; /* DETECT_CONTEXT_BYTES before `from`, or the text's start */
    size_t from;
    size_t end;
    size_t word_end; /* of the word with digits that was judged last */
    uint32_t hint_context;
    bool is_failed; /* out of memory or past DETECT_SPANS_MAX */
};

void scan_add(struct scan *scan, size_t start, size_t end, enum data_class class, int score, const char *rule);

/* The byte before or at a place, 0 where the segment ends. */
static inline char scan_before(const struct scan *scan, size_t at) { return at > scan->floor ? scan->text[at - 1] : 0; }
static inline char scan_at(const struct scan *scan, size_t at) { return at < scan->end ? scan->text[at] : 0; }

static inline uint32_t scan_context_before(const struct scan *scan, size_t at) {
    return scan->hint_context | context_before(&scan->detector->context, scan->text, scan->floor, at);
}
static inline uint32_t scan_context_after(const struct scan *scan, size_t at) {
    return context_after(&scan->detector->context, scan->text, at, scan->end);
}

/* A blank or a dash outside of ASCII, as texts from word processors have them between groups of digits: U+00A0, U+2007 to
 * U+200B, U+202F count as ' '; U+2010 to U+2015, U+2212 as '-'. Its length, 0 when there is none. */
size_t scan_wide_separator(const struct scan *scan, size_t at, char *kind);

#define UUID_BYTES 36
/* Are these UUID_BYTES 8-4-4-4-12 hex digits? */
bool is_uuid(const char *text);

/* Finds anchors (digits, '@', ':') and runs the rules on them. */
void scan_anchors(struct scan *scan);

/* The rules. Each returns where the scan goes on: behind what needs no second look. */
size_t scan_digits(struct scan *scan, size_t at); /* `at` begins a run of digits: scan_digits.c */
size_t scan_word(struct scan *scan, size_t start, size_t end); /* letters and digits mixed: scan_words.c */
size_t scan_at_sign(struct scan *scan, size_t at); /* scan_marks.c */
size_t scan_colon(struct scan *scan, size_t at);   /* scan_marks.c */
/* What a name before ':', '=' or '>' says of the value behind it: scan_names.c. */
void scan_named(struct scan *scan, size_t at);
/* As above for a mark that stands just before the segment, whose value begins in it. */
void scan_named_before(struct scan *scan);
void scan_private_keys(struct scan *scan);         /* scan_marks.c */

#endif
