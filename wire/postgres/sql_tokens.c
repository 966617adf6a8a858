/* About how many words and signs the scanner will find, in one cheap pass, so that what takes too long to read is refused at
 * once. What stands in quotes is one. */
#include "wire/postgres/sql_builder.h"

enum byte_kind { BYTE_SPACE, BYTE_WORD, BYTE_SIGN };

static enum byte_kind kind_of(char c) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) return BYTE_SPACE;
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (uint8_t)c >= 0x80;
    return is_letter || (c >= '0' && c <= '9') ? BYTE_WORD : BYTE_SIGN;
}

/* Behind the next `c`; with is_escaped a backslash hides it. The end, when there is none. */
static size_t behind(struct str text, size_t at, char c, bool is_escaped) {
    for (; at < text.length; at++) {
        if (is_escaped && text.data[at] == '\\') at++;
        else if (text.data[at] == c) return at + 1;
    }
    return text.length;
}

/* $tag$ ... $tag$; a dollar sign that opens none is a sign. */
static size_t behind_dollars(struct str text, size_t at) {
    size_t end = at + 1;
    while (end < text.length && kind_of(text.data[end]) == BYTE_WORD) end++;
    if (end >= text.length || text.data[end] != '$') return at + 1;
    struct str tag = str_slice(text, at, end + 1);
    size_t close = str_find(str_slice(text, end + 1, text.length), tag);
    return close == STR_NOT_FOUND ? text.length : end + 1 + close + tag.length;
}

static bool is_escape_string(struct str text, size_t quote) {
    bool has_e = quote > 0 && (text.data[quote - 1] == 'e' || text.data[quote - 1] == 'E');
    return has_e && (quote == 1 || kind_of(text.data[quote - 2]) != BYTE_WORD);
}

size_t sql_count_tokens(struct str text) {
    size_t count = 0;
    enum byte_kind last = BYTE_SPACE;
    for (size_t at = 0; at < text.length;) {
        char c = text.data[at];
        enum byte_kind kind = kind_of(c);
        if (kind == BYTE_SIGN || (kind == BYTE_WORD && last != BYTE_WORD)) count++;
        if (c == '\'' || c == '"') at = behind(text, at + 1, c, c == '\'' && is_escape_string(text, at));
        else if (c == '$' && last != BYTE_WORD) at = behind_dollars(text, at);
        else at++;
        last = kind;
    }
    return count;
}
