/* Placeholders in a text; the grammar stands in vault.h. */
#include "detect/bytes.h"
#include "guard/vault.h"

#define SPACES_MAX 2

/* A pair may be the beginning of another's first byte ("\\u003c", "\\<"): each is tried. */
static const struct {
    struct str open, close;
    enum vault_spelling spelling;
} pairs[] = {
    {STR("<"), STR(">"), VAULT_PLAIN},
    {STR("["), STR("]"), VAULT_PLAIN},
    {STR("\\<"), STR("\\>"), VAULT_PLAIN},
    {STR("\xef\xbc\x9c"), STR("\xef\xbc\x9e"), VAULT_PLAIN},
    {STR("&lt;"), STR("&gt;"), VAULT_IN_HTML},
    {STR("&#60;"), STR("&#62;"), VAULT_IN_HTML},
    {STR("&#x3c;"), STR("&#x3e;"), VAULT_IN_HTML},
    {STR("\\u003c"), STR("\\u003e"), VAULT_IN_STRING},
    {STR("\\x3c"), STR("\\x3e"), VAULT_IN_STRING},
    {STR("%3C"), STR("%3E"), VAULT_IN_URL},
};

static const struct str separators[] = {
    STR("_"), STR("\\_"), STR("-"), STR(" "), STR("%5F"), STR("&#95;"), STR("\\u005f"), STR("\xef\xbc\xbf"),
};

/* The bytes at which a placeholder may begin. */
static const bool begins[256] = {['<'] = true, ['['] = true, ['&'] = true, ['\\'] = true, ['%'] = true, [0xef] = true};

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

static enum step take_separator(struct cursor *cursor) {
    bool is_open = false;
    for (size_t i = 0; i < LENGTH_OF(separators); i++) {
        enum step step = take_literal(cursor, separators[i]);
        if (step == STEP_YES) return step;
        is_open = is_open || step == STEP_MORE;
    }
    return is_open ? STEP_MORE : STEP_NO;
}

static enum step take_label(struct cursor *cursor, struct str label) {
    for (size_t i = 0; i < label.length; i++) {
        enum step step = label.data[i] == '_' ? take_separator(cursor) : take_literal(cursor, str_slice(label, i, i + 1));
        if (step != STEP_YES) return step;
    }
    return STEP_YES;
}

static bool is_symbol(char c) { return memchr(vault_alphabet, c, sizeof(vault_alphabet) - 1) != NULL; }

/* As many symbols as there are: a close has to follow. */
static enum step take_name(struct cursor *cursor, struct vault_name *name) {
    name->length = 0;
    for (; cursor->at < cursor->text.length; cursor->at++) {
        char c = cursor->text.data[cursor->at];
        if (byte_is_upper(c)) c = (char)(c | 0x20);
        if (!is_symbol(c)) break;
        if (name->length == VAULT_NAME_BYTES_MAX) return STEP_NO;
        name->bytes[name->length++] = c;
    }
    bool is_name = name->length == VAULT_NAME_BYTES || name->length == VAULT_NAME_BYTES_MAX;
    if (name->length > 0 && byte_is_digit(name->bytes[0])) return STEP_NO;
    return cursor->at == cursor->text.length ? STEP_MORE : is_name ? STEP_YES : STEP_NO;
}

/* label separator name, of one of the classes. No label with its separator is the beginning of another's name: the first
 * that fits is the one. */
static enum step take_label_and_name(struct cursor *cursor, class_set classes, struct vault_name *name) {
    bool is_open = false;
    for (class_set left = classes; left != 0; left &= left - 1) {
        unsigned class = (unsigned)__builtin_ctzll(left);
        struct cursor attempt = *cursor;
        enum step step = take_label(&attempt, vault_label(class));
        if (step == STEP_YES) step = take_separator(&attempt);
        if (step == STEP_YES) step = take_name(&attempt, name);
        if (step == STEP_YES) {
            name->class = (uint8_t)class;
            *cursor = attempt;
            return STEP_YES;
        }
        is_open = is_open || step == STEP_MORE;
    }
    return is_open ? STEP_MORE : STEP_NO;
}

static enum step take_in_pair(struct str text, size_t at, size_t pair, class_set classes, bool is_final,
                              struct vault_match *match) {
    struct cursor cursor = {text, at};
    enum step step = take_literal(&cursor, pairs[pair].open);
    if (step != STEP_YES) return step;
    skip_spaces(&cursor);
    if (cursor.at == text.length) return STEP_MORE;
    step = take_label_and_name(&cursor, classes, &match->name);
    if (step != STEP_YES) return step;
    skip_spaces(&cursor);
    step = take_literal(&cursor, pairs[pair].close);
    if (step != STEP_YES) return step;
    *match = (struct vault_match){at, cursor.at, pairs[pair].spelling, match->name};
    if (*pairs[pair].open.data != '[') return STEP_YES;
    if (cursor.at == text.length) return is_final ? STEP_YES : STEP_MORE;
    return text.data[cursor.at] == '(' ? STEP_NO : STEP_YES;
}

static enum step take_placeholder(struct str text, size_t at, class_set classes, bool is_final,
                                  struct vault_match *match) {
    bool is_open = false;
    match->start = at;
    for (size_t i = 0; i < LENGTH_OF(pairs); i++) {
        enum step step = take_in_pair(text, at, i, classes, is_final, match);
        if (step == STEP_YES) return step;
        is_open = is_open || step == STEP_MORE;
    }
    return is_open && !is_final ? STEP_MORE : STEP_NO;
}

enum vault_found vault_find(struct str text, size_t from, class_set classes, bool is_final, struct vault_match *match) {
    if (classes == 0) return VAULT_FOUND_NONE;
    for (size_t at = from; at < text.length; at++) {
        if (!begins[(uint8_t)text.data[at]]) continue;
        enum step step = take_placeholder(text, at, classes, is_final, match);
        if (step != STEP_NO) return step == STEP_YES ? VAULT_FOUND_ONE : VAULT_FOUND_MORE;
    }
    return VAULT_FOUND_NONE;
}
