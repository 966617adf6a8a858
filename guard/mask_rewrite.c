/* One walk over the spans and the placeholders of a text, in their order.
 *
 * Where both lie at one place: a span that covers nothing but a placeholder and marks around it ("password: EMAIL_1.") is
 * no value. Any other goes with the placeholder that it touches: a value is never left in part. */
#include "guard/mask_rewrite.h"

#include "detect/bytes.h"

struct walk {
    const struct mask_rewrite *job;
    struct str text;
    size_t copied; /* up to here the text is in *out, or replaced there */
    size_t end;
    bool is_final;
    class_set restore;
    bool has_match;
    struct vault_match match; /* the next placeholder */
    struct buffer *out;
    struct error *error;
};

class_set mask_rewrite_restorable(const struct mask_rewrite *job) {
    return job->vault != NULL && !job->is_request ? job->restore & vault_classes(job->vault) : 0;
}

/* Placeholders that the vault does not hold are text like any other. */
static void next_match(struct walk *walk, size_t from) {
    walk->has_match = false;
    while (walk->job->vault != NULL) {
        bool is_found = walk->job->is_request
                            ? vault_find_exact(walk->text, from, &walk->match)
                            : vault_find(walk->text, from, walk->restore, walk->is_final, &walk->match) ==
                                  VAULT_FOUND_ONE;
        if (!is_found || walk->match.start >= walk->end) return;
        from = walk->match.end;
        if (!walk->job->is_request &&
            vault_value(walk->job->vault, walk->match.class, walk->match.number).data == NULL) {
            continue;
        }
        walk->has_match = true;
        return;
    }
}

static void replace_match(struct walk *walk) {
    const struct mask_rewrite *job = walk->job;
    if (!job->is_request) {
        buffer_append_str(walk->out, str_slice(walk->text, walk->copied, walk->match.start));
        buffer_append_str(walk->out, vault_value(job->vault, walk->match.class, walk->match.number));
        walk->copied = walk->match.end;
        mask_count_one(job->revealed, walk->match.class);
    }
    next_match(walk, walk->match.end);
}

static bool is_only_marks(struct str text) {
    for (size_t i = 0; i < text.length; i++) {
        if (byte_is_word(text.data[i]) || (unsigned char)text.data[i] >= 0x80) return false;
    }
    return true;
}

static bool is_placeholder(const struct walk *walk, const struct detect_span *span) {
    const struct vault_match *match = &walk->match;
    if (!walk->has_match || match->start >= span->end || match->end <= span->start) return false;
    return (span->start >= match->start || is_only_marks(str_slice(walk->text, span->start, match->start))) &&
           (span->end <= match->end || is_only_marks(str_slice(walk->text, match->end, span->end)));
}

static int replace_span(struct walk *walk, const struct detect_span *span) {
    const struct mask_rewrite *job = walk->job;
    size_t start = span->start, end = span->end;
    for (; walk->has_match && walk->match.start < end; next_match(walk, walk->match.end)) {
        if (walk->match.start < start) start = walk->match.start;
        if (walk->match.end > end) end = walk->match.end;
    }
    struct str value = str_slice(walk->text, start, end);
    buffer_append_str(walk->out, str_slice(walk->text, walk->copied, start));
    walk->copied = end;
    mask_count_one(job->masked, span->class);
    if (job->is_request) return vault_append_placeholder(job->vault, span->class, value, walk->out, walk->error);
    mask_value(job->policy, span->class, value, walk->out);
    return 0;
}

static int on_span(struct walk *walk, const struct detect_span *span) {
    if (walk->job->policy->operators[span->class] == MASK_KEEP) {
        if (class_set_has(walk->job->restore, span->class)) mask_count_one(walk->job->revealed, span->class);
        return 0;
    }
    if (span->start < walk->copied) return 0; /* it went with the one before it */
    while (walk->has_match && walk->match.end <= span->start) replace_match(walk);
    return is_placeholder(walk, span) ? 0 : replace_span(walk, span);
}

int mask_rewrite_part(const struct mask_rewrite *job, struct str text, size_t from, size_t end, bool is_final,
                      const struct detect_spans *spans, struct buffer *out, bool *is_changed, struct error *error) {
    struct walk walk = {.job = job, .text = text, .copied = from, .end = end, .is_final = is_final,
                        .restore = mask_rewrite_restorable(job), .out = out, .error = error};
    next_match(&walk, from);
    for (size_t i = 0; i < spans->count && spans->items[i].start < end; i++) {
        if (on_span(&walk, &spans->items[i]) != 0) return -1;
    }
    while (walk.has_match) replace_match(&walk);
    *is_changed = walk.copied > from;
    buffer_append_str(out, str_slice(text, walk.copied, end));
    return buffer_failed(out) ? error_set(error, ERROR_LIMIT, "a masked value is too large") : 0;
}

size_t mask_rewrite_hold(const struct mask_rewrite *job, struct str text, size_t from, size_t end, bool is_final) {
    class_set restore = mask_rewrite_restorable(job);
    struct vault_match match;
    while (from < end) {
        enum vault_found found = vault_find(text, from, restore, is_final, &match);
        if (found == VAULT_FOUND_NONE || match.start >= end) return end;
        if (found == VAULT_FOUND_MORE || match.end > end) return match.start;
        from = match.end;
    }
    return end;
}
