/* The canonical check of events and entries, in one pass over the bytes, and the envelope.
 *
 *     value  = object | array | string | integer | "true" | "false" | "null"        no white space anywhere
 *     object = "{" [ key ":" value *( "," key ":" value ) ] "}"                     keys strictly rising
 *     key    = %x22 *( %x20-7E except quote and backslash ) %x22
 *     string = %x22 *( UTF-8 from %x20 except quote and backslash | escape ) %x22
 *     escape = "\" ( %x22 / "\" / "b" / "t" / "n" / "f" / "r" / "u00" lower-case hex of another control character )
 *     integer = "0" / [ "-" ] digit1-9 *15digit
 */
#include "ledger/event.h"

#include <assert.h>

#include "base/clock.h"

#define INTEGER_MAX_DIGITS 16

struct scan {
    const char *start;
    const char *at;
    const char *end;
};

static int fail(const struct scan *scan, const char *what, struct error *error) {
    return error_set(error, ERROR_INVALID, "%s at byte %zu", what, (size_t)(scan->at - scan->start));
}

/* True when one of eight bytes is a control character, a quote, a backslash, or not ASCII. */
static bool has_special(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    return ((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & tops) != 0;
}

static void skip_plain(struct scan *scan) {
    while (scan->end - scan->at >= 8) {
        uint64_t word;
        memcpy(&word, scan->at, sizeof(word));
        if (has_special(word)) return;
        scan->at += 8;
    }
}

static bool take_escape(struct scan *scan) {
    if (scan->end - scan->at < 2) return false;
    char c = scan->at[1];
    if (c != 'u') {
        scan->at += 2;
        return memchr("\"\\btnfr", c, 7) != NULL;
    }
    if (scan->end - scan->at < 6 || memcmp(scan->at + 2, "00", 2) != 0) return false;
    char high = scan->at[4];
    char low = scan->at[5];
    if ((high != '0' && high != '1') || !((low >= '0' && low <= '9') || (low >= 'a' && low <= 'f'))) return false;
    bool has_short_form = high == '0' && memchr("89acd", low, 5) != NULL;
    scan->at += 6;
    return !has_short_form;
}

/* The string at a quote; *inside is what stands between the quotes. */
static int take_string(struct scan *scan, struct str *inside, struct error *error) {
    const char *start = ++scan->at;
    for (;;) {
        skip_plain(scan);
        if (scan->at == scan->end) return fail(scan, "a string without end", error);
        uint8_t c = (uint8_t)*scan->at;
        if (c == '"') break;
        if (c < 0x20) return fail(scan, "a control character in a string", error);
        if (c == '\\') {
            if (!take_escape(scan)) return fail(scan, "an escape that is not canonical", error);
        } else if (c < 0x80) {
            scan->at++;
        } else {
            size_t offset = 0;
            uint32_t ignored;
            if (utf8_decode(str_make(scan->at, (size_t)(scan->end - scan->at)), &offset, &ignored) != 0) {
                return fail(scan, "ill-formed UTF-8", error);
            }
            scan->at += offset;
        }
    }
    *inside = str_make(start, (size_t)(scan->at - start));
    scan->at++;
    return 0;
}

static int take_integer(struct scan *scan, struct str *digits, struct error *error) {
    const char *start = scan->at;
    if (scan->at < scan->end && *scan->at == '-') scan->at++;
    const char *first = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') scan->at++;
    ptrdiff_t count = scan->at - first;
    bool has_leading_zero = count > 0 && *first == '0' && (count > 1 || first != start);
    if (count == 0 || count > INTEGER_MAX_DIGITS || has_leading_zero) {
        return fail(scan, "a value that is not canonical", error);
    }
    *digits = str_make(start, (size_t)(scan->at - start));
    return 0;
}

static bool take_literal(struct scan *scan, struct str literal) {
    struct str rest = str_make(scan->at, (size_t)(scan->end - scan->at));
    if (!str_starts_with(rest, literal)) return false;
    scan->at += literal.length;
    return true;
}

static int keep_member(struct event_summary *summary, struct str key, char kind, struct str value,
                       struct error *error) {
    const struct { struct str name; struct str *place; } strings[] = {
        {STR("type"), &summary->type}, {STR("action"), &summary->action},
        {STR("verdict"), &summary->verdict}, {STR("status"), &summary->status},
    };
    for (size_t i = 0; i < LENGTH_OF(strings); i++) {
        if (!str_equal(key, strings[i].name)) continue;
        if (kind != '"' || str_find_byte(value, '\\') != STR_NOT_FOUND) {
            return error_set(error, ERROR_INVALID, "member \"%.*s\" is not a plain string", STR_ARGS(key));
        }
        *strings[i].place = value;
        return 0;
    }
    if (str_equal(key, STR("heartbeat_ms")) && (kind != '0' || str_parse_u64(value, &summary->heartbeat_ms) != 0)) {
        return error_set(error, ERROR_INVALID, "member \"heartbeat_ms\" is not a natural number");
    }
    return 0;
}

struct frame {
    bool is_object;
    bool has_member;
    struct str last_key;
};

static int take_key(struct scan *scan, struct frame *frame, struct error *error) {
    struct str key;
    if (scan->at == scan->end || *scan->at != '"') return fail(scan, "a key was expected", error);
    if (take_string(scan, &key, error) != 0) return -1;
    for (size_t i = 0; i < key.length; i++) {
        if (key.data[i] == '\\' || (uint8_t)key.data[i] >= 0x7f) return fail(scan, "a key that is not plain", error);
    }
    if (frame->has_member && str_compare(frame->last_key, key) >= 0) {
        return fail(scan, "a key out of order or twice", error);
    }
    frame->last_key = key;
    if (!take_literal(scan, STR(":"))) return fail(scan, "':' was expected", error);
    return 0;
}

/* A value that is no container: kind is '"', '0' (a number) or 'l' (a literal). */
static int take_scalar(struct scan *scan, char *kind, struct str *value, struct error *error) {
    if (*scan->at == '"') {
        *kind = '"';
        return take_string(scan, value, error);
    }
    *kind = 'l';
    *value = STR_NONE;
    if (take_literal(scan, STR("true")) || take_literal(scan, STR("false")) || take_literal(scan, STR("null"))) {
        return 0;
    }
    *kind = '0';
    return take_integer(scan, value, error);
}

/* Closes what ends here, then expects a comma, unless the outermost object is complete. */
static int close_frames(struct scan *scan, struct frame *frames, int *depth, struct error *error) {
    while (*depth > 0) {
        struct frame *frame = &frames[*depth];
        if (scan->at == scan->end) return fail(scan, "an end too early", error);
        char c = *scan->at;
        if (c == (frame->is_object ? '}' : ']')) {
            scan->at++;
            --*depth;
            continue;
        }
        if (!frame->has_member) return 0;
        if (c != ',') return fail(scan, "',' was expected", error);
        scan->at++;
        return 0;
    }
    return 0;
}

/* The object at scan->at, up to its closing brace. */
static int take_object(struct scan *scan, struct event_summary *summary, struct error *error) {
    struct frame frames[EVENT_DEPTH_MAX + 1];
    int depth = 0;
    if (scan->at == scan->end || *scan->at != '{') return fail(scan, "an object was expected", error);
    scan->at++;
    frames[++depth] = (struct frame){.is_object = true};
    if (close_frames(scan, frames, &depth, error) != 0) return -1;
    while (depth > 0) {
        struct frame *frame = &frames[depth];
        if (frame->is_object && take_key(scan, frame, error) != 0) return -1;
        frame->has_member = true;
        if (scan->at == scan->end) return fail(scan, "an end too early", error);
        char c = *scan->at;
        if (c == '{' || c == '[') {
            if (depth == EVENT_DEPTH_MAX) return fail(scan, "nesting too deep", error);
            scan->at++;
            frames[++depth] = (struct frame){.is_object = c == '{'};
        } else {
            char kind;
            struct str value;
            if (take_scalar(scan, &kind, &value, error) != 0) return -1;
            if (depth == 1 && keep_member(summary, frame->last_key, kind, value, error) != 0) return -1;
        }
        if (close_frames(scan, frames, &depth, error) != 0) return -1;
    }
    return 0;
}

static int check_summary(const struct event_summary *summary, struct error *error) {
    if (summary->type.length == 0) return error_set(error, ERROR_INVALID, "the event has no type");
    if (summary->action.length > EVENT_ACTION_MAX_BYTES) {
        return error_set(error, ERROR_INVALID, "the action id is longer than %u bytes", EVENT_ACTION_MAX_BYTES);
    }
    return 0;
}

int event_check(struct str event, struct event_summary *summary, struct error *error) {
    struct scan scan = {event.data, event.data, event.data + event.length};
    *summary = (struct event_summary){0};
    if (event.length > EVENT_MAX_BYTES) return error_set(error, ERROR_LIMIT, "longer than %u bytes", EVENT_MAX_BYTES);
    if (take_object(&scan, summary, error) != 0) return -1;
    if (scan.at != scan.end) return fail(&scan, "bytes behind the object", error);
    return check_summary(summary, error);
}

static bool take_time(struct scan *scan, struct ledger_entry *entry) {
    static const char shape[] = "0000-00-00T00:00:00.000000Z";
    if (scan->end - scan->at < (ptrdiff_t)sizeof(shape) - 1) return false;
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        char c = scan->at[i];
        if (shape[i] == '0' ? (c < '0' || c > '9') : c != shape[i]) return false;
    }
    entry->time = str_make(scan->at, sizeof(shape) - 1);
    scan->at += sizeof(shape) - 1;
    return clock_parse_rfc3339(entry->time, &entry->time_us) == 0;
}

static bool take_envelope_end(struct scan *scan, struct ledger_entry *entry) {
    struct str digits;
    if (!take_literal(scan, STR(",\"seq\":")) || take_integer(scan, &digits, NULL) != 0 ||
        str_parse_u64(digits, &entry->seq) != 0 || !take_literal(scan, STR(",\"session\":\"")) ||
        scan->end - scan->at < (ptrdiff_t)SESSION_HEX_BYTES ||
        session_parse(str_make(scan->at, SESSION_HEX_BYTES), &entry->session) != 0) {
        return false;
    }
    scan->at += SESSION_HEX_BYTES;
    return take_literal(scan, STR("\",\"time\":\"")) && take_time(scan, entry) && take_literal(scan, STR("\"}"));
}

int entry_parse(struct str text, struct ledger_entry *entry, struct error *error) {
    struct scan scan = {text.data, text.data, text.data + text.length};
    *entry = (struct ledger_entry){.text = text};
    if (text.length > ENTRY_MAX_BYTES) return error_set(error, ERROR_LIMIT, "longer than %u bytes", ENTRY_MAX_BYTES);
    if (!take_literal(&scan, STR("{\"event\":"))) return fail(&scan, "no event", error);
    const char *start = scan.at;
    if (take_object(&scan, &entry->summary, error) != 0 || check_summary(&entry->summary, error) != 0) return -1;
    entry->event = str_make(start, (size_t)(scan.at - start));
    if (!take_envelope_end(&scan, entry) || scan.at != scan.end) {
        return fail(&scan, "an envelope that is not {\"event\",\"seq\",\"session\",\"time\"}", error);
    }
    return 0;
}

static char *put(char *out, struct str s) {
    memcpy(out, s.data, s.length);
    return out + s.length;
}

static char *put_decimal(char *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(out, str_make(digits + at, sizeof(digits) - at));
}

size_t entry_wrap(char *out, struct str event, uint64_t session, uint64_t seq, struct str time) {
    static_assert(sizeof("{\"event\":,\"seq\":,\"session\":\"\",\"time\":\"\"}") - 1 + 20 + SESSION_HEX_BYTES + 27 <=
                      ENTRY_ENVELOPE_MAX_BYTES, "the envelope fits its bound");
    char *at = put(out, STR("{\"event\":"));
    if (at != event.data) memcpy(at, event.data, event.length);
    at = put(at + event.length, STR(",\"seq\":"));
    at = put(put_decimal(at, seq), STR(",\"session\":\""));
    session_format(session, at);
    at = put(put(at + SESSION_HEX_BYTES, STR("\",\"time\":\"")), time);
    at = put(at, STR("\"}"));
    return (size_t)(at - out);
}

void session_format(uint64_t session, char out[SESSION_HEX_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = SESSION_HEX_BYTES; i-- > 0; session >>= 4) out[i] = digits[session & 15];
}

int session_parse(struct str text, uint64_t *session) {
    if (text.length != SESSION_HEX_BYTES) return -1;
    uint64_t value = 0;
    for (size_t i = 0; i < SESSION_HEX_BYTES; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return -1;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *session = value;
    return 0;
}
