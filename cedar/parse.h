/* The parser's state, shared by statements (parse_policy.c) and expressions (parse_expression.c). */
#ifndef SWORN_CEDAR_PARSE_H
#define SWORN_CEDAR_PARSE_H

#include "cedar/ast.h"
#include "cedar/lex.h"

struct cedar_parser {
    struct arena *arena;
    struct cedar_lexer lexer;
    struct cedar_token token;  /* the next one, not yet taken */
    uint32_t last_end;         /* where the last taken token ended */
    unsigned depth;            /* of open expressions */
    struct cedar_problem *problem;
};

/* Is the text UTF-8, and not too long? */
int cedar_check_text(struct str text, struct cedar_problem *problem) MUST_USE;
/* Parses all statements of source->text (UTF-8, at most CEDAR_TEXT_BYTES_MAX). */
int cedar_parse_policies(struct arena *arena, const struct cedar_source *source, struct cedar_statement ***statements,
                         size_t *count, struct cedar_problem *problem) MUST_USE;

/* Within the parser. All fill parser->problem and return -1, or NULL, on failure. */
void cedar_parser_init(struct cedar_parser *parser, struct arena *arena, struct str text,
                       struct cedar_problem *problem);
void cedar_parser_advance(struct cedar_parser *parser);
bool cedar_parser_is_word(const struct cedar_parser *parser, const char *word);
bool cedar_parser_accept(struct cedar_parser *parser, enum cedar_token_kind kind);
int cedar_parser_expect(struct cedar_parser *parser, enum cedar_token_kind kind, const char *what) MUST_USE;
/* Refuses the next token: "wanted" says what could stand there. */
int cedar_parser_refuse(struct cedar_parser *parser, const char *wanted);
int cedar_parser_memory(struct cedar_parser *parser);
int cedar_parse_string(struct cedar_parser *parser, struct str *decoded) MUST_USE;
int cedar_parse_pattern(struct cedar_parser *parser, const struct cedar_pattern **pattern) MUST_USE;
/* A name that is not reserved. */
int cedar_parse_name(struct cedar_parser *parser, struct str *name) MUST_USE;
/* name *("::" name), and the string of an entity literal if one follows. */
int cedar_parse_path(struct cedar_parser *parser, struct str *path, bool *has_id, struct str *id) MUST_USE;
int cedar_parse_uid(struct cedar_parser *parser, const struct cedar_uid **uid) MUST_USE;
struct cedar_expression *cedar_parse_expression(struct cedar_parser *parser) MUST_USE;

/* A growing array of pointers in the arena. */
struct cedar_list {
    void **items;
    uint32_t count;
    uint32_t capacity;
};
int cedar_list_push(struct cedar_parser *parser, struct cedar_list *list, void *item) MUST_USE;

#endif
