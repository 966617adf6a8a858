/* What becomes of one value of a walk: inspected, kept, masked, refused. Kinds are explained in shape.h. */
#include "wire/json/shape_scalar.h"

#include "base/digest.h"
#include "detect/classes.h"

#define UNSEALED_BYTES_MIN 12u

enum applied { APPLIED_DOUBT = -1, APPLIED_NOTHING, APPLIED_FOUND, APPLIED_CHANGED, APPLIED_DROPPED };

int shape_decode(struct shape_walk *walk, struct str raw, struct str *text, struct error *error) {
    *text = raw;
    if (str_find_byte(raw, '\\') == STR_NOT_FOUND) return 0;
    buffer_clear(&walk->decoded);
    if (raw.length > SHAPE_VALUE_BYTES_MAX) {
        return error_set(error, ERROR_LIMIT, "a string is longer than %u MiB: it cannot be inspected",
                         SHAPE_VALUE_BYTES_MAX >> 20);
    }
    if (json_unescape_lossy(raw, &walk->decoded) != 0) return error_out_of_memory(error);
    *text = buffer_view(&walk->decoded);
    return 0;
}

const char *shape_shown_name(struct str name, char out[SHAPE_SHOWN_NAME_BYTES + 1]) {
    size_t length = name.length < SHAPE_SHOWN_NAME_BYTES ? name.length : SHAPE_SHOWN_NAME_BYTES;
    for (size_t i = 0; i < length; i++) {
        char c = name.data[i];
        out[i] = c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?';
    }
    out[length] = '\0';
    return out;
}

void shape_replace(struct shape_walk *walk, struct str piece, struct str text) {
    size_t start = (size_t)(piece.data - walk->scanner.text.data);
    buffer_append_str(walk->out, str_slice(walk->scanner.text, walk->copied, start));
    buffer_append_str(walk->out, text);
    walk->copied = start + piece.length;
    walk->is_changed = true;
}

/* The string with its quotes. */
static struct str quotes(struct str raw) { return str_make(raw.data - 1, raw.length + 2); }

static void replace_string(struct shape_walk *walk, struct str raw, struct str text) {
    buffer_clear(&walk->quoted);
    json_append_quoted(&walk->quoted, text);
    if (buffer_failed(&walk->quoted)) walk->out->is_failed = true;
    shape_replace(walk, quotes(raw), buffer_view(&walk->quoted));
}

static bool masks(const struct shape_walk *walk) { return walk->plan != NULL && !walk->plan->reveals_all; }

static enum applied inspect(struct shape_walk *walk, struct str name, enum mask_shape shape, struct str text,
                            struct error *error) {
    if (walk->sink.inspect == NULL) return APPLIED_NOTHING;
    int found = walk->sink.inspect(walk->sink.self, name, shape, text, error);
    if (found < 0) return APPLIED_DOUBT;
    if (found > 0) walk->has_findings = true;
    return found > 0 ? APPLIED_FOUND : APPLIED_NOTHING;
}

/* Hands a text to the inspection or to the plan; what the plan says is then in walk->changed. */
static enum applied apply(struct shape_walk *walk, struct str name, enum mask_shape shape, struct str text,
                          struct class_counts *masked, struct error *error) {
    if (walk->plan == NULL) return inspect(walk, name, shape, text, error);
    if (!masks(walk)) return APPLIED_NOTHING;
    buffer_clear(&walk->changed);
    const struct mask_plan *plan = walk->plan;
    enum mask_result result = plan->value(plan, plan->field(plan, name), shape, text, &walk->changed, masked,
                                          walk->revealed);
    if (buffer_failed(&walk->changed)) {
        error_out_of_memory(error);
        return APPLIED_DOUBT;
    }
    if (result == MASK_UNCHANGED) return APPLIED_NOTHING;
    if (result == MASK_CHANGED) return APPLIED_CHANGED;
    if (result == MASK_DROPPED) return APPLIED_DROPPED;
    error_set(error, ERROR_INVALID, "a value cannot be inspected to its end: nothing of it may pass");
    return APPLIED_DOUBT;
}

static int walk_name(struct shape_walk *walk, struct str name, struct str text, struct error *error) {
    char shown[SHAPE_SHOWN_NAME_BYTES + 1];
    enum applied applied = apply(walk, STR_NONE, MASK_NAME, text, walk->masked, error);
    if (applied == APPLIED_DOUBT) return -1;
    if (applied == APPLIED_NOTHING || applied == APPLIED_FOUND) return 0;
    return error_set(error, ERROR_DENIED, "\"%s\" holds a value that has to be masked, and cannot be altered: leave "
                     "the value out of it", shape_shown_name(name, shown));
}

/* A string whose content is masked in this shape, and written anew when it changed. */
static int walk_text(struct shape_walk *walk, struct str name, enum mask_shape shape, struct str raw, struct str text,
                     struct error *error) {
    enum applied applied = apply(walk, name, shape, text, walk->masked, error);
    if (applied == APPLIED_DOUBT) return -1;
    if (applied == APPLIED_CHANGED) replace_string(walk, raw, buffer_view(&walk->changed));
    if (applied == APPLIED_DROPPED) replace_string(walk, raw, STR_NONE);
    return 0;
}

static bool is_json(struct str text) {
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    json_scanner_init(&scanner, text);
    while ((token = json_next(&scanner, &raw)) != JSON_TOKEN_BAD) {
        if (token == JSON_TOKEN_END) return true;
    }
    return false;
}

/* A text that is a JSON document as a whole is inspected as one: its strings have escapes and names of their own. */
static bool is_document(struct str text) {
    return text.length > 1 && (text.data[0] == '{' || text.data[0] == '[') && is_json(text);
}

/* A document that broke off is inspected as text, which is no inspection where it spells characters by number. */
static int walk_json_text(struct shape_walk *walk, struct str name, struct str raw, struct str text,
                          struct error *error) {
    char shown[SHAPE_SHOWN_NAME_BYTES + 1];
    if (is_json(text)) return walk_text(walk, name, MASK_JSON, raw, text, error);
    if (str_find(text, STR("\\u")) != STR_NOT_FOUND && (masks(walk) || walk->plan == NULL)) {
        return error_set(error, ERROR_INVALID, "\"%s\" is to hold a JSON document, but it is broken: it cannot be "
                         "inspected", shape_shown_name(name, shown));
    }
    return walk_text(walk, name, MASK_TEXT, raw, text, error);
}

static bool is_base64_byte(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '-' || c == '_' || c == '=' || c == '\n' || c == '\r';
}

static bool is_base64(struct str text) {
    for (size_t i = 0; i < text.length; i++) {
        if (!is_base64_byte(text.data[i])) return false;
    }
    return true;
}

/* Sealed bytes look random: a long text with all sorts of characters. An accidental match within them must not refuse
 * the document, but one of a credential, which has marks of its own, is none. */
static bool is_opaque(struct str text) {
    bool has_upper = false, has_lower = false, has_digit = false;
    if (text.length < SHAPE_OPAQUE_BYTES_MIN || !is_base64(text)) return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        has_upper |= c >= 'A' && c <= 'Z';
        has_lower |= c >= 'a' && c <= 'z';
        has_digit |= c >= '0' && c <= '9';
    }
    return has_upper && has_lower && has_digit;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* As the most tolerant reader would: either alphabet, padded or not, in lines, several behind each other. */
static void decode_base64(struct str text, struct buffer *out) {
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < text.length; i++) {
        int digit = base64_digit(text.data[i]);
        if (text.data[i] == '=') count = 0;
        if (digit < 0) continue;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        buffer_append_byte(out, (uint8_t)(bits >> count));
    }
}

static bool is_printable(char c) { return c >= ' ' && c < 0x7f; }

/* What is sealed looks random: it has no runs of printable characters that are long enough for a value, but for accidents
 * (an email address within six bytes comes once in some megabytes). What can be read is not sealed. */
static int walk_unsealed(struct shape_walk *walk, struct str name, struct str bytes, struct error *error) {
    size_t start = 0;
    for (size_t i = 0; i <= bytes.length; i++) {
        if (i < bytes.length && is_printable(bytes.data[i])) continue;
        struct str run = str_slice(bytes, start, i);
        start = i + 1;
        if (run.length >= UNSEALED_BYTES_MIN && walk_name(walk, name, run, error) != 0) return -1;
    }
    return 0;
}

/* Sealed by its looks: accidental matches are no values. */
static int walk_sealed(struct shape_walk *walk, struct str name, struct str text, struct error *error) {
    char shown[SHAPE_SHOWN_NAME_BYTES + 1];
    struct class_counts found = {0};
    if (walk->is_answer) return 0;
    if (apply(walk, STR_NONE, MASK_TEXT, text, &found, error) == APPLIED_DOUBT) return -1;
    if (found.count[CLASS_CREDENTIAL] == 0) return 0;
    return error_set(error, ERROR_DENIED, "\"%s\" holds a credential: leave it out", shape_shown_name(name, shown));
}

static int walk_opaque(struct shape_walk *walk, struct str name, struct str text, struct error *error) {
    int result = is_opaque(text) ? walk_sealed(walk, name, text, error) : walk_name(walk, name, text, error);
    if (result != 0 || walk->is_answer || !is_base64(text)) return result;
    buffer_clear(&walk->quoted);
    decode_base64(text, &walk->quoted);
    if (buffer_failed(&walk->quoted)) return error_out_of_memory(error);
    return walk_unsealed(walk, name, buffer_view(&walk->quoted), error);
}

static int walk_base64(struct shape_walk *walk, struct str name, struct str raw, struct str text, struct str prefix,
                       struct error *error) {
    char shown[SHAPE_SHOWN_NAME_BYTES + 1];
    buffer_clear(&walk->quoted);
    if (base64_decode(text, &walk->quoted) != 0) {
        return error_set(error, ERROR_INVALID, "\"%s\" is to hold base64: it cannot be inspected",
                         shape_shown_name(name, shown));
    }
    enum applied applied = apply(walk, name, MASK_TEXT, buffer_view(&walk->quoted), walk->masked, error);
    if (applied == APPLIED_DOUBT) return -1;
    if (applied != APPLIED_CHANGED && applied != APPLIED_DROPPED) return 0;
    buffer_clear(&walk->quoted);
    buffer_append_byte(&walk->quoted, '"');
    buffer_append_str(&walk->quoted, prefix);
    base64_append(&walk->quoted, buffer_view(&walk->changed));
    buffer_append_byte(&walk->quoted, '"');
    if (buffer_failed(&walk->quoted)) return error_out_of_memory(error);
    shape_replace(walk, quotes(raw), buffer_view(&walk->quoted));
    return 0;
}

static bool is_text_type(struct str head) {
    return str_starts_with(head, STR("data:text/")) || str_starts_with(head, STR("data:application/json")) ||
           str_starts_with(head, STR("data:application/xml")) || str_starts_with(head, STR("data:;"));
}

/* data:[type][;parameter]*;base64,... (RFC 2397). */
static int walk_data_url(struct shape_walk *walk, struct str name, struct str raw, struct str text,
                         struct error *error) {
    char shown[SHAPE_SHOWN_NAME_BYTES + 1];
    size_t comma = str_find_byte(text, ',');
    struct str head = str_slice(text, 0, comma == STR_NOT_FOUND ? 0 : comma);
    struct str data = str_slice(text, head.length + 1, text.length);
    if (!str_ends_with(head, STR(";base64")) || head.length > SHAPE_OPAQUE_BYTES_MIN || !is_base64(data)) {
        return error_set(error, ERROR_INVALID, "\"%s\" is a data: URL that is not base64: it cannot be inspected",
                         shape_shown_name(name, shown));
    }
    if (walk_name(walk, name, head, error) != 0) return -1;
    if (!is_text_type(head)) return 0;
    return walk_base64(walk, name, raw, data, str_slice(text, 0, head.length + 1), error);
}

static int walk_media(struct shape_walk *walk, struct str name, struct str raw, struct str text, struct error *error) {
    if (text.length >= 5 && str_equal_ignoring_case(str_slice(text, 0, 5), STR("data:"))) {
        return walk_data_url(walk, name, raw, text, error);
    }
    if (text.length >= SHAPE_OPAQUE_BYTES_MIN && is_base64(text)) return 0;
    return walk_name(walk, name, text, error);
}

/* Sent by the client: what was sealed comes back, or the text is one like any other. */
static int unseal_pair(struct shape_walk *walk, struct str signature, struct error *error) {
    size_t mark = str_find(signature, STR(SHAPE_SEAL_MARK));
    if (mark == STR_NOT_FOUND) return 0;
    walk->has_seals = walk->is_pair_unread = true;
    if (walk->plan == NULL) return 0;
    struct str sealed = str_slice(signature, mark + sizeof(SHAPE_SEAL_MARK) - 1, signature.length);
    if (walk->plan->unseal == NULL || walk->plan->unseal(walk->plan, sealed, &walk->signed_text) != 0) {
        return error_set(error, ERROR_DENIED, "a signature carries a seal that is not of this principal and upstream: "
                         "begin the conversation anew");
    }
    buffer_append_str(&walk->signature, str_slice(signature, 0, mark));
    walk->is_text_replaced = walk->is_signature_replaced = true;
    return 0;
}

static bool counts_differ(const struct class_counts *a, const struct class_counts *b) {
    return memcmp(a, b, sizeof(*a)) != 0;
}

/* Sent by the provider: sealed when the client gets another text, and when it gets a value in clear, which on its way
 * back may not reach the provider in clear. */
static int seal_pair(struct shape_walk *walk, struct str name, struct str text, struct error *error) {
    if (!masks(walk)) return 0;
    struct class_counts revealed = *walk->revealed;
    enum applied applied = apply(walk, name, MASK_TEXT, text, walk->masked, error);
    if (applied == APPLIED_DOUBT) return -1;
    if (applied == APPLIED_NOTHING && !counts_differ(&revealed, walk->revealed)) return 0;
    buffer_clear(&walk->signature);
    if (walk->plan->seal == NULL || walk->plan->seal(walk->plan, text, &walk->signature) != 0) {
        return error_set(error, ERROR_INVALID, "a signed text cannot be sealed");
    }
    if (applied == APPLIED_CHANGED) buffer_append_str(&walk->signed_text, buffer_view(&walk->changed));
    walk->is_text_replaced = applied != APPLIED_NOTHING;
    walk->is_signature_replaced = true;
    return 0;
}

int shape_pair_signed(struct shape_walk *walk, struct str name, struct str text, struct str signature,
                      struct error *error) {
    struct str decoded;
    buffer_clear(&walk->signed_text);
    buffer_clear(&walk->signature);
    if (shape_decode(walk, walk->is_answer ? text : signature, &decoded, error) != 0) return -1;
    if (walk->is_answer) return signature.length == 0 ? 0 : seal_pair(walk, name, decoded, error);
    return unseal_pair(walk, decoded, error);
}

static int walk_signed_text(struct shape_walk *walk, struct str name, struct str raw, struct str text,
                            struct error *error) {
    if (walk->is_text_replaced) replace_string(walk, raw, buffer_view(&walk->signed_text));
    if (walk->is_text_replaced || walk->is_pair_unread || walk->is_signature_replaced) return 0;
    return walk_text(walk, name, MASK_TEXT, raw, text, error);
}

static int walk_signature(struct shape_walk *walk, struct str name, struct str raw, struct str text,
                          struct error *error) {
    if (walk->is_pair_unread && !walk->is_signature_replaced) return 0;
    if (!walk->is_signature_replaced) return walk_opaque(walk, name, text, error);
    if (!walk->is_answer) {
        replace_string(walk, raw, buffer_view(&walk->signature));
        return 0;
    }
    buffer_clear(&walk->changed);
    buffer_append_str(&walk->changed, text);
    buffer_append_cstr(&walk->changed, SHAPE_SEAL_MARK);
    buffer_append_str(&walk->changed, buffer_view(&walk->signature));
    if (buffer_failed(&walk->changed)) return error_out_of_memory(error);
    replace_string(walk, raw, buffer_view(&walk->changed));
    return 0;
}

/* The sink's own text for one with a fact: 1 when there is one. */
static int rewrite(struct shape_walk *walk, uint8_t fact, struct str raw, struct str text, struct error *error) {
    if (fact == 0 || walk->plan == NULL || walk->sink.text == NULL) return 0;
    buffer_clear(&walk->changed);
    int result = walk->sink.text(walk->sink.self, fact, text, &walk->changed, error);
    if (result <= 0) return result;
    if (buffer_failed(&walk->changed)) return error_out_of_memory(error);
    if (!str_equal(text, buffer_view(&walk->changed))) replace_string(walk, raw, buffer_view(&walk->changed));
    return 1;
}

/* The same for a string that may go on in a later event. What is sealed by its looks is no text. */
static int follow(struct shape_walk *walk, const struct shape *shape, struct str name, struct str raw, struct str text,
                  struct error *error) {
    if (!walk->is_streamed || !masks(walk) || walk->sink.follow == NULL || text.length == 0 || is_opaque(text)) return 0;
    bool is_text = shape->kind == SHAPE_TEXT || shape->kind == SHAPE_TREE;
    const struct shape_place place = {.path = walk->path,
                                      .name = name,
                                      .is_in_delta = walk->grows && is_text && !walk->only_follows,
                                      .is_listed = shape->kind == SHAPE_TEXT};
    buffer_clear(&walk->changed);
    int result = walk->sink.follow(walk->sink.self, &place, text, &walk->changed, error);
    if (result <= 0) return result;
    if (buffer_failed(&walk->changed)) return error_out_of_memory(error);
    if (!str_equal(text, buffer_view(&walk->changed))) replace_string(walk, raw, buffer_view(&walk->changed));
    return 1;
}

/* What is dropped was not inspected: a document that holds it has to be rewritten. */
void shape_drop(struct shape_walk *walk, const struct shape *shape, struct str bytes) {
    struct str left = shape->kind == SHAPE_DROPPED ? STR("null") : STR("[]");
    if (str_equal(bytes, left)) return;
    if (walk->plan == NULL) walk->has_findings = true;
    if (masks(walk)) shape_replace(walk, bytes, left);
}

int shape_walk_string(struct shape_walk *walk, const struct shape *shape, uint8_t fact, struct str name, struct str raw,
                      struct error *error) {
    struct str text;
    if (shape_decode(walk, raw, &text, error) != 0) return -1;
    if (fact != 0 && walk->sink.fact != NULL) {
        struct shape_value value = {JSON_TOKEN_STRING, text};
        if (walk->sink.fact(walk->sink.self, fact, &value, error) != 0) return -1;
    }
    int rewritten = rewrite(walk, fact, raw, text, error);
    bool is_dropped = shape->kind == SHAPE_DROPPED || shape->kind == SHAPE_DROPPED_LIST;
    if (rewritten == 0 && !is_dropped) rewritten = follow(walk, shape, name, raw, text, error);
    if (rewritten != 0 || walk->only_follows) return rewritten < 0 ? -1 : 0;
    switch (shape->kind) {
    case SHAPE_NAME:
    case SHAPE_PLAIN: return walk_name(walk, name, text, error);
    case SHAPE_JSON_TEXT: return walk_json_text(walk, name, raw, text, error);
    case SHAPE_OPAQUE: return walk_opaque(walk, name, text, error);
    case SHAPE_MEDIA: return walk_media(walk, name, raw, text, error);
    case SHAPE_BASE64_TEXT: return walk_base64(walk, name, raw, text, STR_NONE, error);
    case SHAPE_SIGNED_TEXT: return walk_signed_text(walk, name, raw, text, error);
    case SHAPE_SIGNATURE: return walk_signature(walk, name, raw, text, error);
    case SHAPE_DROPPED:
    case SHAPE_DROPPED_LIST: shape_drop(walk, shape, quotes(raw)); return 0;
    default: return walk_text(walk, name, is_document(text) ? MASK_JSON : MASK_TEXT, raw, text, error);
    }
}

int shape_walk_number(struct shape_walk *walk, const struct shape *shape, struct str name, struct str raw,
                      struct error *error) {
    if (walk->only_follows) return 0;
    switch (shape->kind) {
    case SHAPE_TEXT:
    case SHAPE_TREE: return shape_walk_tree(walk, name, raw, error);
    case SHAPE_TOKENS:
        if (walk->plan == NULL) walk->has_tokens = true;
        if (!masks(walk)) return 0;
        return error_set(error, ERROR_INVALID, "\"%.*s\" holds tokens, which cannot be inspected: send text",
                         STR_ARGS(name));
    case SHAPE_DROPPED:
    case SHAPE_DROPPED_LIST: shape_drop(walk, shape, raw); return 0;
    default: break;
    }
    size_t point = str_find_byte(raw, '.');
    size_t digits = point < raw.length ? point : raw.length;
    return digits > SHAPE_INTEGER_DIGITS_MAX ? walk_name(walk, name, raw, error) : 0;
}

int shape_walk_tree(struct shape_walk *walk, struct str name, struct str bytes, struct error *error) {
    enum applied applied = apply(walk, name, MASK_JSON, bytes, walk->masked, error);
    if (applied == APPLIED_DOUBT) return -1;
    if (applied == APPLIED_CHANGED) shape_replace(walk, bytes, buffer_view(&walk->changed));
    if (applied == APPLIED_DROPPED) shape_replace(walk, bytes, STR("null"));
    return 0;
}

int shape_walk_key(struct shape_walk *walk, struct str raw, struct error *error) {
    struct str text;
    if (shape_decode(walk, raw, &text, error) != 0) return -1;
    return walk_text(walk, STR_NONE, MASK_TEXT, raw, text, error);
}
