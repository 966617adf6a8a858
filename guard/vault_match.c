/* Placeholders in a text; the grammar stands in vault.h. */
#include "detect/bytes.h"
#include "guard/vault.h"

#define SPACES_MAX 2
#define NUMBER_DIGITS_MAX 5

/* A pair may be the beginning of another's first byte ("\\u003c", "\\<"): each is tried. */
static const struct {
    struct str open, close;
} pairs[] = {
    {STR("<"), STR(">")},
    {STR("["), STR("]")},
    {STR("&lt;"), STR("&gt;")},
    {STR("\\u003c"), STR("\\u003e")},
    {STR("\\<"), STR("\\>")},
    {STR("%3C"), STR("%3E")},
    {STR("\xef\xbc\x9c"), STR("\xef\xbc\x9e")},
};

/* The bytes at which a placeholder may begin: an opening, or the capital of a label. */
static const uint8_t begins[256] = {
    ['<'] = 1, ['['] = 1, ['&'] = 1, ['\\'] = 1, ['%'] = 1, [0xef] = 1, ['A' ... 'Z'] = 2,
};

enum step { STEP_NO, STEP_YES, STEP_MORE }; /* MORE: the text ended before it could be told */

struct cursor {
    struct str text;
    size_t at;
};

static enum step take_literal(struct cursor *cursor, struct str literal) {
    for (size_t i = 0; i < literal.length; i++) {
        if (cursor->at + i == cursor->text.length) return STEP_MORE;
        if (byte_upper(cursor->text.data[cursor->at + i]) != byte_upper(literal.data[i])) return STEP_NO;
    }
    cursor->at += literal.length;
    return STEP_YES;
}

static void skip_spaces(struct cursor *cursor) {
    for (int i = 0; i < SPACES_MAX && cursor->at < cursor->text.length && cursor->text.data[cursor->at] == ' '; i++) {
        cursor->at++;
    }
}

/* "_" or one of the forms that it may have taken. */
static enum step take_separator(struct cursor *cursor, bool is_bare) {
    if (cursor->at == cursor->text.length) return STEP_MORE;
    char c = cursor->text.data[cursor->at];
    if (c == '\\') {
        if (cursor->at + 1 == cursor->text.length) return STEP_MORE;
        if (cursor->text.data[cursor->at + 1] != '_') return STEP_NO;
        cursor->at += 2;
        return STEP_YES;
    }
    if (c != '_' && (is_bare || (c != '-' && c != ' '))) return STEP_NO;
    cursor->at++;
    return STEP_YES;
}

static enum step take_label(struct cursor *cursor, struct str label, bool is_bare) {
    for (size_t i = 0; i < label.length; i++) {
        if (label.data[i] == '_') {
            enum step step = take_separator(cursor, is_bare);
            if (step != STEP_YES) return step;
            continue;
        }
        if (cursor->at == cursor->text.length) return STEP_MORE;
        char c = cursor->text.data[cursor->at];
        if ((is_bare ? c : byte_upper(c)) != label.data[i]) return STEP_NO;
        cursor->at++;
    }
    return STEP_YES;
}

static enum step take_number(struct cursor *cursor, uint32_t *number) {
    size_t start = cursor->at;
    uint32_t value = 0;
    while (cursor->at < cursor->text.length && byte_is_digit(cursor->text.data[cursor->at])) {
        if (cursor->at - start == NUMBER_DIGITS_MAX) return STEP_NO;
        value = value * 10 + (uint32_t)(cursor->text.data[cursor->at++] - '0');
    }
    if (cursor->at > start && cursor->text.data[start] == '0') return STEP_NO;
    *number = value;
    if (cursor->at == cursor->text.length) return STEP_MORE; /* more digits may follow */
    return cursor->at > start ? STEP_YES : STEP_NO;
}

/* label separator number, of one of the classes. STEP_YES wins over STEP_MORE: no name is the beginning of another. */
static enum step take_name(struct cursor *cursor, class_set classes, bool is_bare, struct vault_match *match) {
    bool is_open = false;
    for (class_set left = classes; left != 0; left &= left - 1) {
        enum data_class class = (enum data_class)__builtin_ctzll(left);
        struct cursor attempt = *cursor;
        enum step step = take_label(&attempt, str_from_cstr(class_label(class)), is_bare);
        if (step == STEP_YES) step = take_separator(&attempt, is_bare);
        if (step == STEP_YES) step = take_number(&attempt, &match->number);
        /* At the end of the text the number is complete for those who ask no further. */
        if (step == STEP_YES || (step == STEP_MORE && match->number > 0 && attempt.at == attempt.text.length &&
                                 attempt.at > 0 && byte_is_digit(attempt.text.data[attempt.at - 1]))) {
            match->class = class;
            *cursor = attempt;
            return step;
        }
        is_open = is_open || step == STEP_MORE;
    }
    return is_open ? STEP_MORE : STEP_NO;
}

static enum step take_in_pair(struct str text, size_t at, size_t pair, class_set classes, struct vault_match *match) {
    struct cursor cursor = {text, at};
    enum step step = take_literal(&cursor, pairs[pair].open);
    if (step != STEP_YES) return step;
    skip_spaces(&cursor);
    if (cursor.at == text.length) return STEP_MORE;
    match->number = 0;
    step = take_name(&cursor, classes, false, match);
    if (step != STEP_YES) return step;
    skip_spaces(&cursor);
    step = take_literal(&cursor, pairs[pair].close);
    if (step != STEP_YES) return step;
    bool is_bracket = *pairs[pair].open.data == '[';
    if (is_bracket && cursor.at < text.length && text.data[cursor.at] == '(') return STEP_NO;
    match->end = cursor.at;
    return is_bracket && cursor.at == text.length ? STEP_MORE : STEP_YES;
}

static enum step take_bare(struct str text, size_t at, class_set classes, struct vault_match *match) {
    if (at > 0 && byte_is_word(text.data[at - 1])) return STEP_NO;
    struct cursor cursor = {text, at};
    match->number = 0;
    enum step step = take_name(&cursor, classes, true, match);
    match->end = cursor.at;
    return step == STEP_YES && byte_is_word(text.data[cursor.at]) ? STEP_NO : step;
}

/* At the end of the last text a "[NAME_1]" and a bare name are complete. */
static bool is_complete_at_end(struct str text, const struct vault_match *match) {
    return match->number > 0 && match->end == text.length && match->end > match->start;
}

static enum step take_placeholder(struct str text, size_t at, class_set classes, bool is_final,
                                  struct vault_match *match) {
    bool is_open = false;
    match->start = at;
    if (begins[(uint8_t)text.data[at]] == 2) {
        match->end = 0;
        enum step step = take_bare(text, at, classes, match);
        if (step == STEP_MORE && is_final) step = is_complete_at_end(text, match) ? STEP_YES : STEP_NO;
        return step;
    }
    for (size_t i = 0; i < LENGTH_OF(pairs); i++) {
        match->end = 0;
        enum step step = take_in_pair(text, at, i, classes, match);
        if (step == STEP_MORE && is_final) step = is_complete_at_end(text, match) ? STEP_YES : STEP_NO;
        if (step == STEP_YES) return step;
        is_open = is_open || step == STEP_MORE;
    }
    return is_open ? STEP_MORE : STEP_NO;
}

enum vault_found vault_find(struct str text, size_t from, class_set classes, bool is_final, struct vault_match *match) {
    if (classes == 0) return VAULT_FOUND_NONE;
    for (size_t at = from; at < text.length; at++) {
        if (begins[(uint8_t)text.data[at]] == 0) continue;
        enum step step = take_placeholder(text, at, classes, is_final, match);
        if (step != STEP_NO) return step == STEP_YES ? VAULT_FOUND_ONE : VAULT_FOUND_MORE;
    }
    return VAULT_FOUND_NONE;
}

bool vault_find_exact(struct str text, size_t from, struct vault_match *match) {
    for (size_t at = from; at < text.length; at++) {
        size_t found = str_find_byte(str_slice(text, at, text.length), '<');
        if (found == STR_NOT_FOUND) return false;
        at += found;
        struct cursor cursor = {text, at + 1};
        match->number = 0;
        if (take_name(&cursor, CLASS_SET_ALL, true, match) != STEP_YES || text.data[cursor.at] != '>') continue;
        match->start = at;
        match->end = cursor.at + 1;
        return true;
    }
    return false;
}
