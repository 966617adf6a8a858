/* JSON documents: the scanner of base/ walks the bytes; strings, keys and numbers are inspected, and only what is
 * masked is written anew. */
#include "base/json.h"
#include "detect/mask.h"
#include "detect/names.h"

#define PAIR_TOKENS_MAX 64 /* of an object, looked through for the "name" of a "value" */
#define NESTING_MAX 3      /* documents in strings; below it a document is a text */
#define JSON_STRING_BYTES_MAX (64u << 20)

struct walk {
    const struct detector *detector;
    struct detect_scratch *scratch;
    const struct mask_rewriter *rewriter; /* NULL: only count */
    struct str json;
    size_t copied; /* bytes of json that are in *out */
    struct buffer *out;
    struct buffer decoded;
    struct buffer masked;
    struct detect_spans spans;
    struct class_counts *counts; /* without a rewriter */
    bool is_changed;
    int nesting; /* of documents in strings of documents */
    struct detect_hint hints[JSON_DEPTH_MAX + 2]; /* of the values at each depth */
    struct str keys[JSON_DEPTH_MAX + 2];          /* of the same, as they are written */
    struct {
        struct str name;    /* the value of "name", which speaks for the value of "value" */
        bool is_name_next;  /* the member at hand is a "name" */
    } pairs[JSON_DEPTH_MAX + 2];
    int depth;
};

/* The text that a token means. A lone surrogate stands for U+FFFD, so that no string escapes inspection. */
static int decode(struct walk *walk, struct str raw, enum json_token token, struct str *text, struct error *error) {
    *text = raw;
    if (token == JSON_TOKEN_NUMBER || str_find_byte(raw, '\\') == STR_NOT_FOUND) return 0;
    buffer_clear(&walk->decoded);
    if (raw.length > JSON_STRING_BYTES_MAX) {
        return error_set(error, ERROR_LIMIT, "a JSON string is longer than %u MiB: it cannot be inspected",
                         JSON_STRING_BYTES_MAX >> 20);
    }
    if (json_unescape_lossy(raw, &walk->decoded) != 0) return error_out_of_memory(error);
    *text = buffer_view(&walk->decoded);
    return 0;
}

/* Puts what stands for a token, quotes and all, in its place. */
static void splice(struct walk *walk, struct str raw, bool is_quoted, struct str replacement, bool is_null) {
    size_t start = (size_t)(raw.data - walk->json.data) - (is_quoted ? 1 : 0);
    buffer_append_str(walk->out, str_slice(walk->json, walk->copied, start));
    if (is_null) buffer_append_cstr(walk->out, "null");
    else json_append_quoted(walk->out, replacement);
    walk->copied = start + raw.length + (is_quoted ? 2 : 0);
}

static bool is_document(struct str text) {
    struct str inside = str_trim(text);
    if (inside.length < 2 || (inside.data[0] != '{' && inside.data[0] != '[')) return false;
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    json_scanner_init(&scanner, text);
    do token = json_next(&scanner, &raw);
    while (token != JSON_TOKEN_END && token != JSON_TOKEN_BAD);
    return token == JSON_TOKEN_END;
}

static int run_walk(struct walk *walk, struct detect_hint hint, struct error *error);

/* A document in a string is masked as one: 1 when something in it was. */
static int inspect_document(struct walk *walk, struct str raw, struct str text, struct detect_hint hint,
                            struct error *error) {
    struct buffer document, out;
    buffer_init(&document, JSON_STRING_BYTES_MAX);
    buffer_init(&out, JSON_STRING_BYTES_MAX);
    buffer_append_str(&document, text);
    struct walk inner = {.detector = walk->detector, .scratch = walk->scratch, .rewriter = walk->rewriter,
                         .json = buffer_view(&document), .out = &out, .counts = walk->counts,
                         .nesting = walk->nesting + 1};
    int result = buffer_failed(&document) ? error_out_of_memory(error) : run_walk(&inner, hint, error);
    if (result == 0 && inner.is_changed) {
        buffer_append_str(&out, str_slice(inner.json, inner.copied, inner.json.length));
        splice(walk, raw, true, buffer_view(&out), false);
        walk->is_changed = true;
        result = buffer_failed(&out) ? error_out_of_memory(error) : 1;
    }
    buffer_free(&document);
    buffer_free(&out);
    return result;
}

static int inspect(struct walk *walk, struct str key, struct str raw, enum json_token token, struct detect_hint hint,
                   struct error *error) {
    struct str text;
    if (token == JSON_TOKEN_NUMBER && !detect_hint_tells_of_numbers(hint)) return 0;
    if (decode(walk, raw, token, &text, error) != 0) return -1;
    if (token == JSON_TOKEN_STRING && is_document(text) && walk->nesting < NESTING_MAX) {
        int result = inspect_document(walk, raw, text, hint, error);
        if (result != 0) return result < 0 ? -1 : 0;
    }
    if (detect_scan(walk->detector, walk->scratch, text, hint, &walk->spans, error) != 0) return -1;
    if (walk->rewriter == NULL) {
        detect_spans_count(&walk->spans, walk->counts);
        return 0;
    }
    buffer_clear(&walk->masked);
    enum mask_rewritten result =
        walk->rewriter->rewrite(walk->rewriter->self, key, text, &walk->spans, &walk->masked, error);
    if (result == MASK_REWRITTEN_FAILED) return -1;
    if (result == MASK_REWRITTEN_NOT) return 0;
    if (buffer_failed(&walk->masked)) return error_out_of_memory(error);
    bool is_null = token != JSON_TOKEN_KEY && result == MASK_REWRITTEN_NULL;
    splice(walk, raw, token != JSON_TOKEN_NUMBER, buffer_view(&walk->masked), is_null);
    walk->is_changed = true;
    return 0;
}

static struct detect_hint join_hints(struct detect_hint a, struct detect_hint b) {
    return (struct detect_hint){a.class != CLASS_NONE ? a.class : b.class, a.context | b.context};
}

/* The value of "name" in the rest of an object, whose member "value" came first. */
static struct str find_pair_name(const struct json_scanner *from) {
    struct json_scanner scanner = *from;
    struct str raw;
    bool is_name = false;
    for (int depth = 0, tokens = 0; tokens < PAIR_TOKENS_MAX; tokens++) {
        enum json_token token = json_next(&scanner, &raw);
        if (token == JSON_TOKEN_BAD || token == JSON_TOKEN_END) break;
        bool opens = token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY;
        bool closes = token == JSON_TOKEN_END_OBJECT || token == JSON_TOKEN_END_ARRAY;
        if (closes && depth == 0) break;
        depth += opens - closes;
        if (depth == 0 && token == JSON_TOKEN_STRING && is_name) return raw;
        is_name = depth == 0 && token == JSON_TOKEN_KEY && names_is_pair_name(raw);
    }
    return STR_NONE;
}

static int on_key(struct walk *walk, const struct json_scanner *scanner, struct str raw, struct error *error) {
    struct str name;
    if (decode(walk, raw, JSON_TOKEN_KEY, &name, error) != 0) return -1;
    struct detect_hint hint = detect_hint_from_name(walk->detector, name);
    walk->pairs[walk->depth].is_name_next = names_is_pair_name(name);
    if (names_is_pair_value(name)) {
        struct str pair = walk->pairs[walk->depth].name;
        if (pair.length == 0) pair = find_pair_name(scanner);
        if (pair.length > 0) hint = join_hints(detect_hint_from_name(walk->detector, pair), hint);
    }
    walk->hints[walk->depth] = hint;
    walk->keys[walk->depth] = raw;
    return inspect(walk, STR_NONE, raw, JSON_TOKEN_KEY, DETECT_HINT_NONE, error);
}

/* A value in an array has the name of the array. */
static void enter(struct walk *walk, bool is_array) {
    struct detect_hint hint = walk->hints[walk->depth++];
    walk->hints[walk->depth] = is_array ? hint : DETECT_HINT_NONE;
    walk->keys[walk->depth] = is_array ? walk->keys[walk->depth - 1] : STR_NONE;
    walk->pairs[walk->depth].name = STR_NONE;
    walk->pairs[walk->depth].is_name_next = false;
}

static void note_pair(struct walk *walk, struct str raw, enum json_token token) {
    if (!walk->pairs[walk->depth].is_name_next) return;
    walk->pairs[walk->depth].is_name_next = false;
    if (token == JSON_TOKEN_STRING) walk->pairs[walk->depth].name = raw;
}

static int walk_document(struct walk *walk, struct detect_hint hint, struct error *error) {
    struct json_scanner scanner;
    json_scanner_init(&scanner, walk->json);
    walk->hints[0] = hint;
    struct str raw;
    while (true) {
        int result = 0;
        enum json_token token = json_next(&scanner, &raw);
        switch (token) {
        case JSON_TOKEN_BEGIN_OBJECT:
        case JSON_TOKEN_BEGIN_ARRAY: enter(walk, token == JSON_TOKEN_BEGIN_ARRAY); break;
        case JSON_TOKEN_END_OBJECT:
        case JSON_TOKEN_END_ARRAY: walk->depth--; break;
        case JSON_TOKEN_KEY: result = on_key(walk, &scanner, raw, error); break;
        case JSON_TOKEN_STRING:
        case JSON_TOKEN_NUMBER:
            note_pair(walk, raw, token);
            result = inspect(walk, walk->keys[walk->depth], raw, token, walk->hints[walk->depth], error);
            break;
        case JSON_TOKEN_BAD:
            return error_set(error, ERROR_INVALID, "not JSON, or nested deeper than %d, at byte %zu", JSON_DEPTH_MAX,
                             scanner.offset);
        case JSON_TOKEN_END: return 0;
        default: break;
        }
        if (result != 0) return -1;
    }
}

static int run_walk(struct walk *walk, struct detect_hint hint, struct error *error) {
    buffer_init(&walk->decoded, JSON_STRING_BYTES_MAX);
    buffer_init(&walk->masked, JSON_STRING_BYTES_MAX);
    int result = walk_document(walk, hint, error);
    buffer_free(&walk->decoded);
    buffer_free(&walk->masked);
    detect_spans_free(&walk->spans);
    return result;
}

int mask_json_with(const struct detector *detector, struct detect_scratch *scratch,
                   const struct mask_rewriter *rewriter, struct detect_hint hint, struct str json, struct buffer *out,
                   bool *is_changed, struct error *error) {
    struct walk walk = {.detector = detector, .scratch = scratch, .rewriter = rewriter, .json = json, .out = out};
    if (run_walk(&walk, hint, error) != 0) return -1;
    buffer_append_str(out, str_slice(json, walk.copied, json.length));
    *is_changed = walk.is_changed;
    return buffer_failed(out) ? error_out_of_memory(error) : 0;
}

struct by_policy {
    const struct mask_policy *policy;
    struct class_counts *counts;
};

static enum mask_rewritten rewrite_by_policy(void *self, struct str key, struct str text,
                                             const struct detect_spans *spans, struct buffer *out, struct error *error) {
    (void)key;
    (void)error;
    const struct by_policy *by = self;
    if (spans->count == 0 || !mask_text(by->policy, text, spans, out, by->counts)) return MASK_REWRITTEN_NOT;
    return mask_is_null(by->policy, text, spans) ? MASK_REWRITTEN_NULL : MASK_REWRITTEN_TEXT;
}

int mask_json(const struct detector *detector, struct detect_scratch *scratch, const struct mask_policy *policy,
              struct detect_hint hint, struct str json, struct buffer *out, struct class_counts *counts,
              struct error *error) {
    struct by_policy by = {policy, counts};
    struct mask_rewriter rewriter = {rewrite_by_policy, &by};
    bool is_changed;
    return mask_json_with(detector, scratch, &rewriter, hint, json, out, &is_changed, error);
}

int detect_json(const struct detector *detector, struct detect_scratch *scratch, struct detect_hint hint, struct str json,
                struct class_counts *counts, struct error *error) {
    struct walk walk = {.detector = detector, .scratch = scratch, .json = json, .counts = counts};
    return run_walk(&walk, hint, error);
}
