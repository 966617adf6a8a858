/* Tokens of Cedar policies and schemas. The lexer never fails: what is no token becomes CEDAR_TOKEN_BAD. */
#ifndef SWORN_CEDAR_LEX_H
#define SWORN_CEDAR_LEX_H

#include "cedar/cedar.h"

enum cedar_token_kind {
    CEDAR_TOKEN_END,
    CEDAR_TOKEN_BAD,
    CEDAR_TOKEN_UNCLOSED, /* a string without its end */
    CEDAR_TOKEN_NAME,     /* reserved words too */
    CEDAR_TOKEN_INTEGER,
    CEDAR_TOKEN_STRING, /* with its quotes, escapes as they stand */
    CEDAR_TOKEN_SLOT,
    CEDAR_TOKEN_EQUAL,
    CEDAR_TOKEN_NOT_EQUAL,
    CEDAR_TOKEN_LESS,
    CEDAR_TOKEN_LESS_EQUAL,
    CEDAR_TOKEN_GREATER,
    CEDAR_TOKEN_GREATER_EQUAL,
    CEDAR_TOKEN_ASSIGN, /* one `=`: schemas */
    CEDAR_TOKEN_AND,
    CEDAR_TOKEN_OR,
    CEDAR_TOKEN_PLUS,
    CEDAR_TOKEN_MINUS,
    CEDAR_TOKEN_STAR,
    CEDAR_TOKEN_SLASH,
    CEDAR_TOKEN_PERCENT,
    CEDAR_TOKEN_NOT,
    CEDAR_TOKEN_LEFT_PAREN,
    CEDAR_TOKEN_RIGHT_PAREN,
    CEDAR_TOKEN_LEFT_BRACE,
    CEDAR_TOKEN_RIGHT_BRACE,
    CEDAR_TOKEN_LEFT_BRACKET,
    CEDAR_TOKEN_RIGHT_BRACKET,
    CEDAR_TOKEN_COMMA,
    CEDAR_TOKEN_SEMICOLON,
    CEDAR_TOKEN_COLON,
    CEDAR_TOKEN_PATH, /* :: */
    CEDAR_TOKEN_DOT,
    CEDAR_TOKEN_AT,
    CEDAR_TOKEN_QUESTION, /* schemas */
};

struct cedar_token {
    enum cedar_token_kind kind;
    struct cedar_span span;
    struct str text;
};

struct cedar_lexer {
    struct str text; /* at most CEDAR_TEXT_BYTES_MAX, UTF-8 */
    size_t offset;
};

void cedar_lex(struct cedar_lexer *lexer, struct cedar_token *token);
bool cedar_is_reserved(struct str name);
bool cedar_is_space(uint32_t code_point); /* Unicode White_Space */

/* Decodes the inside of a string token. -1 with *bad set to the escape that is wrong (length 0: memory is out).
 * Escapes: \n \r \t \0 \\ \' \" \xHH (to 7F) \u{1 to 6 hex digits, `_` after the first}; a bare CR is refused. */
int cedar_unescape(struct arena *arena, struct str raw, struct str *decoded, struct str *bad) MUST_USE;
struct cedar_pattern;
/* The same for the right side of `like`: `*` is the wildcard, `\*` a star. */
int cedar_unescape_pattern(struct arena *arena, struct str raw, const struct cedar_pattern **pattern, struct str *bad)
    MUST_USE;
/* Appends a string literal with its quotes and the escapes it needs. */
void cedar_escape(struct str text, struct buffer *out);

#endif
