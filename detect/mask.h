/* Masking: what leaves in the place of a recognised value.
 *
 * A policy is plain data, one operator a class; its key is borrowed. Everything is appended to the caller's buffer: ask
 * buffer_failed(), and send nothing when it says so. A mask is not recognised as its class again, so masking twice
 * changes nothing more. The stream parks no fiber and keeps at most DETECT_SEGMENT_MAX bytes plus one piece. */
#ifndef SWORN_DETECT_MASK_H
#define SWORN_DETECT_MASK_H

#include "detect/detect.h"

enum mask_operator {
#define OPERATOR(identifier, name, function, text) MASK_##identifier,
#include "detect/operators.def"
#undef OPERATOR
    MASK_OPERATOR_MAX,
};

struct mask_policy {
    uint8_t operators[CLASS_MAX]; /* enum mask_operator */
    struct str key;               /* for MASK_HASH: at least MASK_KEY_BYTES_MIN bytes */
    const struct str *allow;      /* values that are never masked, compared whole; borrowed */
    size_t allow_count;
};

#define MASK_ALLOW_BYTES_MIN 3

#define MASK_KEY_BYTES_MIN 16

const char *mask_operator_name(enum mask_operator operator);
/* MASK_OPERATOR_MAX when there is none of that name. */
enum mask_operator mask_operator_from_name(struct str name);

/* The default operator of each class (classes.def), no key. */
struct mask_policy mask_policy_default(void);
/* As `policy`, but the classes of `revealed` are kept: the plan of one action. */
struct mask_policy mask_policy_reveal(const struct mask_policy *policy, class_set revealed);

/* Does a value of the class stay as it is: by its operator, or because it is on the list? */
bool mask_keeps(const struct mask_policy *policy, enum data_class class, struct str value);
/* One value of a class. */
void mask_value(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out);
/* Is the whole text one span whose operator is null? Then the caller writes NULL. */
bool mask_is_null(const struct mask_policy *policy, struct str text, const struct detect_spans *spans);
/* The text with each span masked. counts (may be NULL) is added to; kept spans do not count. True when bytes changed
 * or were dropped. */
bool mask_text(const struct mask_policy *policy, struct str text, const struct detect_spans *spans, struct buffer *out,
               struct class_counts *counts);

/* A JSON document: strings are inspected decoded, with their key as the hint (a string in an array has the key of the
 * array, what has no key has `hint`, "value" also what its sibling "name" says; a document in a string is one), keys
 * themselves, and numbers by their key only; what is masked is written anew (a masked number becomes a string), every
 * other byte stays. A lone surrogate is read as U+FFFD, and becomes it where its string is written anew. ERROR_INVALID
 * when the text is not JSON, nothing useful in *out then. */
int mask_json(const struct detector *detector, struct detect_scratch *scratch, const struct mask_policy *policy,
              struct detect_hint hint, struct str json, struct buffer *out, struct class_counts *counts,
              struct error *error) MUST_USE;

/* What else can be done with a text and the spans that were found in it. */
enum mask_rewritten {
    MASK_REWRITTEN_NOT, /* nothing was appended */
    MASK_REWRITTEN_TEXT,
    MASK_REWRITTEN_NULL,
    MASK_REWRITTEN_FAILED, /* *error says why */
};

struct mask_rewriter {
    /* key: of the value, as it is written in a JSON document; STR_NONE: none, or the text is a key itself */
    enum mask_rewritten (*rewrite)(void *self, struct str key, struct str text, const struct detect_spans *spans,
                                   struct buffer *out, struct error *error);
    void *self;
};

/* As mask_json, with each string, key and number given to the rewriter. *is_changed: was any written anew? */
int mask_json_with(const struct detector *detector, struct detect_scratch *scratch,
                   const struct mask_rewriter *rewriter, struct detect_hint hint, struct str json, struct buffer *out,
                   bool *is_changed, struct error *error) MUST_USE;

/* Finds the classes in a JSON document without rewriting it. */
int detect_json(const struct detector *detector, struct detect_scratch *scratch, struct detect_hint hint, struct str json,
                struct class_counts *counts, struct error *error) MUST_USE;

struct mask_stream;

/* The policy is copied, its key borrowed for the life of the stream. */
struct mask_stream *mask_stream_new(const struct detector *detector, const struct mask_policy *policy,
                                    struct error *error) MUST_USE;
void mask_stream_free(struct mask_stream **stream);
int mask_stream_feed(struct mask_stream *stream, struct detect_scratch *scratch, struct str piece, struct buffer *out,
                     struct class_counts *counts, struct error *error) MUST_USE;
/* Writes what was held back; the stream may then be used for another text. */
int mask_stream_finish(struct mask_stream *stream, struct detect_scratch *scratch, struct buffer *out,
                       struct class_counts *counts, struct error *error) MUST_USE;

#endif
