/* The lexer.
 *
 *     space   = Unicode White_Space
 *     comment = "//" to the end of the line (CR or LF)
 *     name    = [A-Za-z_] *[A-Za-z0-9_]
 *     integer = 1*[0-9]
 *     string  = DQUOTE *(any but DQUOTE and "\" / "\" any but LF) DQUOTE
 *     slot    = "?" name */
#include "cedar/lex.h"

static bool is_name_start(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

bool cedar_is_space(uint32_t point) {
    return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0x85 || point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 || point == 0x202f ||
           point == 0x205f || point == 0x3000;
}

static void skip_space(struct cedar_lexer *lexer) {
    struct str text = lexer->text;
    size_t offset = lexer->offset;
    while (offset < text.length) {
        if (text.data[offset] == '/' && offset + 1 < text.length && text.data[offset + 1] == '/') {
            while (offset < text.length && text.data[offset] != '\n' && text.data[offset] != '\r') offset++;
            continue;
        }
        uint32_t point;
        size_t next = offset;
        if (utf8_decode(text, &next, &point) != 0 || !cedar_is_space(point)) break;
        offset = next;
    }
    lexer->offset = offset;
}

static size_t name_end(struct str text, size_t offset) {
    while (offset < text.length && (is_name_start(text.data[offset]) || is_digit(text.data[offset]))) offset++;
    return offset;
}

static enum cedar_token_kind string_end(struct str text, size_t *end) {
    for (size_t i = *end + 1; i < text.length; i++) {
        if (text.data[i] == '"') {
            *end = i + 1;
            return CEDAR_TOKEN_STRING;
        }
        if (text.data[i] != '\\') continue;
        if (i + 1 < text.length && text.data[i + 1] == '\n') break;
        i++;
    }
    *end += 1;
    return CEDAR_TOKEN_UNCLOSED;
}

static enum cedar_token_kind punctuation_end(struct str text, size_t *end) {
    static const struct {
        char text[3];
        uint8_t kind;
    } rows[] = {
        /* two bytes before one */
        {"==", CEDAR_TOKEN_EQUAL}, {"!=", CEDAR_TOKEN_NOT_EQUAL}, {"<=", CEDAR_TOKEN_LESS_EQUAL},
        {">=", CEDAR_TOKEN_GREATER_EQUAL}, {"&&", CEDAR_TOKEN_AND}, {"||", CEDAR_TOKEN_OR}, {"::", CEDAR_TOKEN_PATH},
        {"<", CEDAR_TOKEN_LESS}, {">", CEDAR_TOKEN_GREATER}, {"=", CEDAR_TOKEN_ASSIGN}, {"+", CEDAR_TOKEN_PLUS},
        {"-", CEDAR_TOKEN_MINUS}, {"*", CEDAR_TOKEN_STAR}, {"/", CEDAR_TOKEN_SLASH}, {"%", CEDAR_TOKEN_PERCENT},
        {"!", CEDAR_TOKEN_NOT}, {"(", CEDAR_TOKEN_LEFT_PAREN}, {")", CEDAR_TOKEN_RIGHT_PAREN},
        {"{", CEDAR_TOKEN_LEFT_BRACE}, {"}", CEDAR_TOKEN_RIGHT_BRACE}, {"[", CEDAR_TOKEN_LEFT_BRACKET},
        {"]", CEDAR_TOKEN_RIGHT_BRACKET}, {",", CEDAR_TOKEN_COMMA}, {";", CEDAR_TOKEN_SEMICOLON},
        {":", CEDAR_TOKEN_COLON}, {".", CEDAR_TOKEN_DOT}, {"@", CEDAR_TOKEN_AT}, {"?", CEDAR_TOKEN_QUESTION},
    };
    char first = text.data[*end], second = *end + 1 < text.length ? text.data[*end + 1] : '\0';
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        const char *sign = rows[i].text;
        if (sign[0] != first || (sign[1] != '\0' && sign[1] != second)) continue;
        *end += sign[1] != '\0' ? 2 : 1;
        return (enum cedar_token_kind)rows[i].kind;
    }
    uint32_t point;
    if (utf8_decode(text, end, &point) != 0) *end += 1;
    return CEDAR_TOKEN_BAD;
}

void cedar_lex(struct cedar_lexer *lexer, struct cedar_token *token) {
    skip_space(lexer);
    struct str text = lexer->text;
    size_t start = lexer->offset, end = start;
    if (start == text.length) {
        token->kind = CEDAR_TOKEN_END;
    } else if (is_name_start(text.data[start])) {
        end = name_end(text, start);
        token->kind = CEDAR_TOKEN_NAME;
    } else if (is_digit(text.data[start])) {
        while (end < text.length && is_digit(text.data[end])) end++;
        token->kind = CEDAR_TOKEN_INTEGER;
    } else if (text.data[start] == '"') {
        token->kind = string_end(text, &end);
    } else if (text.data[start] == '?' && start + 1 < text.length && is_name_start(text.data[start + 1])) {
        end = name_end(text, start + 1);
        token->kind = CEDAR_TOKEN_SLOT;
    } else {
        token->kind = punctuation_end(text, &end);
    }
    token->span = (struct cedar_span){(uint32_t)start, (uint32_t)end};
    token->text = str_slice(text, start, end);
    lexer->offset = end;
}

bool cedar_is_reserved(struct str name) {
    static const struct str words[] = {STR("true"), STR("false"), STR("if"), STR("then"), STR("else"), STR("in"),
                                       STR("is"), STR("like"), STR("has"), STR("__cedar")};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (str_equal(name, words[i])) return true;
    }
    return false;
}
