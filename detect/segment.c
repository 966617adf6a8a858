/* Breaks and PEM blocks; see segment.h. */
#include "detect/segment.h"

#include "detect/bytes.h"
#include "detect/detect.h"
#include "detect/names.h"

#define BREAK_LOOKBACK_BYTES 64
#define NAMED_LOOKBACK_BYTES 256 /* how long a value with blanks may be behind the name that marks it, and stay whole */
#define NAME_BYTES_MAX 48
#define MARKER "-----BEGIN"
#define PEM_TITLE_MAX 64 /* "-----BEGIN ... PRIVATE KEY BLOCK-----" */
#define PEM_BODY_MIN 40  /* base64 characters: below it there is no key inside */

static bool is_hard_break(char c) { return (unsigned char)c < 0x20 || c == '"' || c == '>'; }

/* Does text[.. at) end within the value of a name that marks a class ("last_name": "Maria von | Berg")? */
static bool is_in_named_value(const char *text, size_t at) {
    size_t floor = at > NAMED_LOOKBACK_BYTES ? at - NAMED_LOOKBACK_BYTES : 0;
    size_t i = at;
    while (i > floor && (unsigned char)text[i - 1] >= 0x20 && text[i - 1] != ':' && text[i - 1] != '=' &&
           text[i - 1] != '>') {
        i--;
    }
    if (i == floor || (unsigned char)text[i - 1] < 0x20) return false;
    i--;
    if (i > floor && text[i] == '>' && text[i - 1] == '=') i--;
    while (i > floor && (text[i - 1] == ' ' || text[i - 1] == '"' || text[i - 1] == '\\' || text[i - 1] == '\'')) i--;
    size_t start = i;
    while (start > floor && i - start < NAME_BYTES_MAX &&
           (byte_is_word(text[start - 1]) || text[start - 1] == '-' || text[start - 1] == '.')) {
        start--;
    }
    return start < i && names_marks(str_make(text + start, i - start));
}

/* Is there a break between text[at - 1], a blank, and text[at]? */
static bool blank_is_break(const char *text, size_t at) {
    size_t floor = at > BREAK_LOOKBACK_BYTES ? at - BREAK_LOOKBACK_BYTES : 0;
    bool two_capitals = at >= 3 && byte_is_upper(text[at - 2]) && byte_is_upper(text[at - 3]);
    if (two_capitals && (at == 3 || !byte_is_word(text[at - 4]))) return false;
    size_t i = at - 1;
    while (i > floor && text[i - 1] == ' ') i--;
    for (int word = 0; word < 2; word++) {
        while (i > floor && text[i - 1] != ' ' && !is_hard_break(text[i - 1])) {
            if (byte_is_digit(text[--i])) return false;
        }
        if (i == floor || is_hard_break(text[i - 1])) break;
        while (i > floor && text[i - 1] == ' ') i--;
    }
    return !is_in_named_value(text, at);
}

static size_t last_break(const char *text, size_t start, size_t limit) {
    for (size_t at = limit; at > start; at--) {
        char c = text[at - 1];
        if (is_hard_break(c) || (c == ' ' && blank_is_break(text, at))) return at;
    }
    return start;
}

static bool is_armour_byte(char c) {
    return byte_is_alnum(c) || c == '+' || c == '/' || c == '=' || c == '\n' || c == '\r' || c == '\\' || c == '-' ||
           c == ':' || c == ',' || c == '\t';
}

/* -----BEGIN (words) PRIVATE KEY( BLOCK)?----- : the end of the title, 0: not a title, STR_NOT_FOUND: not yet known. */
static size_t title_end(struct str text, size_t start, bool is_final) {
    size_t i = start + strlen(MARKER);
    size_t limit = start + PEM_TITLE_MAX < text.length ? start + PEM_TITLE_MAX : text.length;
    while (i < limit && (byte_is_upper(text.data[i]) || byte_is_digit(text.data[i]) || text.data[i] == ' ')) i++;
    if (i >= start + PEM_TITLE_MAX) return 0;
    if (i + 5 > text.length) return is_final ? 0 : STR_NOT_FOUND;
    struct str words = str_slice(text, start, i);
    bool is_key = str_ends_with(words, STR("PRIVATE KEY")) || str_ends_with(words, STR("PRIVATE KEY BLOCK"));
    return is_key && str_starts_with(str_slice(text, i, i + 5), STR("-----")) ? i + 5 : 0;
}

size_t segment_private_key_end(struct str text, size_t start, bool is_final) {
    size_t body = title_end(text, start, is_final);
    if (body == 0 || body == STR_NOT_FOUND) return body;
    size_t limit = start + DETECT_SPAN_MAX;
    bool is_whole = is_final || text.length >= limit;
    if (limit > text.length) limit = text.length;
    struct str rest = str_slice(text, body, limit);
    size_t dashes = str_find(rest, STR("-----"));
    if (dashes == STR_NOT_FOUND && !is_whole) return STR_NOT_FOUND;
    if (dashes != STR_NOT_FOUND) {
        struct str foot = str_slice(rest, dashes, dashes + PEM_TITLE_MAX);
        if (foot.length < PEM_TITLE_MAX && !is_whole) return STR_NOT_FOUND;
        size_t end = str_find(str_slice(foot, 8, foot.length), STR("-----"));
        if (str_starts_with(foot, STR("-----END")) && end != STR_NOT_FOUND) {
            return dashes < PEM_BODY_MIN ? 0 : body + dashes + 8 + end + 5;
        }
    }
    /* No foot: a key that was cut off. What can be its body belongs to it. */
    size_t end = body;
    while (end < limit && is_armour_byte(text.data[end])) end++;
    if (end == limit && !is_whole) return STR_NOT_FOUND;
    return end - body >= PEM_BODY_MIN ? end : 0;
}

/* The last break before `limit` that lies in no private key. */
static size_t soft_end(struct str text, size_t start, size_t limit, bool is_final) {
    size_t cut = last_break(text.data, start, limit);
    size_t safe = start; /* the last break before the keys that were passed */
    for (size_t at = start;;) {
        size_t found = str_find(str_slice(text, at, cut), STR(MARKER));
        if (found == STR_NOT_FOUND) return cut;
        size_t before = last_break(text.data, at, at + found);
        if (before > at || at == start) safe = before;
        at += found;
        size_t end = segment_private_key_end(text, at, is_final);
        if (end == STR_NOT_FOUND || end > cut) return safe;
        at = end > at ? end : at + 1;
    }
}

/* In a run without a break: `limit`, or the beginning of the private key that lies across it. */
static size_t hard_end(struct str text, size_t start, size_t limit, bool is_final) {
    for (size_t at = start;;) {
        size_t found = str_find(str_slice(text, at, limit + strlen(MARKER) - 1), STR(MARKER));
        if (found == STR_NOT_FOUND) return limit;
        at += found;
        size_t end = segment_private_key_end(text, at, is_final);
        if (end == STR_NOT_FOUND) return start;
        if (end > limit) return at;
        at = end > at ? end : at + 1;
    }
}

size_t segment_end(struct str text, size_t start, bool is_final) {
    size_t remaining = text.length - start;
    if (remaining <= DETECT_SEGMENT_MAX && is_final) return text.length;
    size_t limit = remaining > DETECT_SEGMENT_MAX ? start + DETECT_SEGMENT_MAX : text.length;
    size_t cut = soft_end(text, start, limit, is_final);
    bool is_full = is_final || remaining >= DETECT_SEGMENT_MAX + strlen(MARKER) - 1;
    return cut == start && is_full ? hard_end(text, start, limit, is_final) : cut;
}
