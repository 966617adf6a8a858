/* One walk over the spans and the placeholders of a text, in their order.
 *
 * Where both lie at one place: a span that covers nothing but a placeholder and marks around it ("password: <X_1>.") is
 * no value. Any other goes with the placeholder that it touches: a value is never left in part. */
#include "guard/mask_rewrite.h"

#include "base/json.h"
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
    struct text_place *place;
    size_t placed; /* up to here the text was passed through *place */
    struct buffer *out;
    struct error *error;
};

#define ALL_CLASSES (CLASS_SET_ALL | CLASS_BIT(VAULT_TEXT))

class_set mask_rewrite_restorable(const struct mask_rewrite *job) {
    if (job->vault == NULL || job->is_request) return 0;
    return (job->restore | CLASS_BIT(VAULT_TEXT)) & vault_classes(job->vault);
}

static struct str value_of(const struct walk *walk) { return vault_value(walk->job->vault, &walk->match.name); }

/* In an answer, placeholders that nobody holds are text like any other. */
static void next_match(struct walk *walk, size_t from) {
    class_set classes = walk->job->is_request ? ALL_CLASSES : walk->restore;
    walk->has_match = false;
    while (walk->job->vault != NULL) {
        bool is_final = walk->is_final || walk->job->is_request;
        if (vault_find(walk->text, from, classes, is_final, &walk->match) != VAULT_FOUND_ONE) return;
        if (walk->match.start >= walk->end) return;
        from = walk->match.end;
        if (!walk->job->is_request && value_of(walk).data == NULL) continue;
        walk->has_match = true;
        return;
    }
}

/* Is the placeholder in a URL? Its place in the text is then known up to its end. */
static bool stands_in_url(struct walk *walk) {
    text_place_pass(walk->place, str_slice(walk->text, walk->placed, walk->match.start));
    walk->placed = walk->match.end;
    return walk->job->is_address || text_place_is_url(walk->place);
}

static void append_in_html(struct buffer *out, struct str value) {
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (c == '&') buffer_append_cstr(out, "&amp;");
        else if (c == '<') buffer_append_cstr(out, "&lt;");
        else if (c == '>') buffer_append_cstr(out, "&gt;");
        else if (c == '"') buffer_append_cstr(out, "&quot;");
        else buffer_append_byte(out, (uint8_t)c);
    }
}

static void append_in_url(struct buffer *out, struct str value) {
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        if (byte_is_alnum(c) || (c != 0 && strchr("-._~@", c) != NULL)) buffer_append_byte(out, (uint8_t)c);
        else buffer_append_format(out, "%%%02X", (unsigned char)c);
    }
}

/* As what stands around it is written. */
static void append_restored(struct walk *walk, struct str value) {
    struct text_place in_string = {.depth = 1};
    switch (walk->match.spelling) {
    case VAULT_IN_HTML: append_in_html(walk->out, value); break;
    case VAULT_IN_URL: append_in_url(walk->out, value); break;
    case VAULT_IN_STRING: text_place_append(walk->place->depth > 0 ? walk->place : &in_string, value, walk->out); break;
    default: text_place_append(walk->place, value, walk->out); break;
    }
}

/* Of the answer: the value, where the principal may have it. */
static void restore_match(struct walk *walk) {
    const struct mask_rewrite *job = walk->job;
    unsigned class = walk->match.name.class;
    bool may_stand = !stands_in_url(walk) || class == VAULT_TEXT || (job->restore_url >> class & 1) != 0;
    if (may_stand) {
        buffer_append_str(walk->out, str_slice(walk->text, walk->copied, walk->match.start));
        append_restored(walk, value_of(walk));
        walk->copied = walk->match.end;
        if (class < CLASS_MAX) mask_count_one(job->revealed, (enum data_class)class);
    }
    text_place_pass_placeholder(walk->place);
}

/* Of the request: our own placeholder come back, in a URL or where the principal may not see what it stands for. Anywhere
 * else it would come out as the value: so it is text of the caller, and becomes a placeholder itself. */
static int keep_match(struct walk *walk) {
    const struct mask_rewrite *job = walk->job;
    bool is_url = stands_in_url(walk);
    class_set put_back = job->restore | CLASS_BIT(VAULT_TEXT);
    bool is_text = (put_back >> walk->match.name.class & 1) != 0 && value_of(walk).data != NULL;
    text_place_pass_placeholder(walk->place);
    if (is_url || !is_text) return 0;
    buffer_append_str(walk->out, str_slice(walk->text, walk->copied, walk->match.start));
    walk->copied = walk->match.end;
    struct str text = str_slice(walk->text, walk->match.start, walk->match.end);
    return vault_append_placeholder(job->vault, VAULT_TEXT, text, walk->out, walk->error);
}

static int replace_match(struct walk *walk) {
    int result = 0;
    if (walk->job->is_request) result = keep_match(walk);
    else restore_match(walk);
    next_match(walk, walk->match.end);
    return result;
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
    if (mask_keeps(walk->job->policy, span->class, str_slice(walk->text, span->start, span->end))) {
        if (class_set_has(walk->job->reveal, span->class)) mask_count_one(walk->job->revealed, span->class);
        return 0;
    }
    if (span->start < walk->copied) return 0; /* it went with the one before it */
    while (walk->has_match && walk->match.end <= span->start) {
        if (replace_match(walk) != 0) return -1;
    }
    return is_placeholder(walk, span) ? 0 : replace_span(walk, span);
}

int mask_rewrite_part(const struct mask_rewrite *job, struct str text, size_t from, size_t end, bool is_final,
                      const struct detect_spans *spans, struct buffer *out, bool *is_changed, struct error *error) {
    struct text_place whole = {0};
    struct walk walk = {.job = job, .text = text, .copied = from, .end = end, .is_final = is_final,
                        .restore = mask_rewrite_restorable(job), .out = out, .error = error,
                        .place = job->place != NULL ? job->place : &whole, .placed = from};
    next_match(&walk, from);
    for (size_t i = 0; i < spans->count && spans->items[i].start < end; i++) {
        if (on_span(&walk, &spans->items[i]) != 0) return -1;
    }
    while (walk.has_match) {
        if (replace_match(&walk) != 0) return -1;
    }
    if (job->place != NULL && walk.placed < end) text_place_pass(job->place, str_slice(text, walk.placed, end));
    *is_changed = walk.copied > from;
    buffer_append_str(out, str_slice(text, walk.copied, end));
    return buffer_failed(out) ? error_set(error, ERROR_LIMIT, "a masked value is too large") : 0;
}

size_t mask_rewrite_hold(const struct mask_rewrite *job, struct str text, size_t from, size_t end, bool is_final) {
    class_set restore = mask_rewrite_restorable(job);
    struct vault_match match;
    for (size_t at = from; at < end;) {
        enum vault_found found = vault_find(text, at, restore, is_final, &match);
        if (found == VAULT_FOUND_NONE || match.start >= end) return end;
        if (found == VAULT_FOUND_ONE && match.end > end && match.start == from) return match.end;
        if (found == VAULT_FOUND_MORE || match.end > end) return match.start;
        at = match.end;
    }
    return end;
}
