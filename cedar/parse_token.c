/* What statements and expressions have in common: taking tokens, names, strings, entity literals. */
#include "cedar/parse.h"

#include "cedar/problem.h"

void cedar_parser_init(struct cedar_parser *parser, struct arena *arena, struct str text,
                       struct cedar_problem *problem) {
    *parser = (struct cedar_parser){.arena = arena, .lexer = {text, 0}, .problem = problem};
    cedar_lex(&parser->lexer, &parser->token);
}

void cedar_parser_advance(struct cedar_parser *parser) {
    parser->last_end = parser->token.span.end;
    cedar_lex(&parser->lexer, &parser->token);
}

bool cedar_parser_is_word(const struct cedar_parser *parser, const char *word) {
    return parser->token.kind == CEDAR_TOKEN_NAME && str_equal_cstr(parser->token.text, word);
}

bool cedar_parser_accept(struct cedar_parser *parser, enum cedar_token_kind kind) {
    if (parser->token.kind != kind) return false;
    cedar_parser_advance(parser);
    return true;
}

int cedar_parser_expect(struct cedar_parser *parser, enum cedar_token_kind kind, const char *what) {
    return cedar_parser_accept(parser, kind) ? 0 : cedar_parser_refuse(parser, what);
}

int cedar_parser_memory(struct cedar_parser *parser) {
    return cedar_problem_set_memory(parser->problem);
}

/* Signs that other languages have and Cedar has not. */
static const char *sign_advice(const struct cedar_token *token) {
    switch (token->kind) {
    case CEDAR_TOKEN_ASSIGN: return "`=` is not an operator: compare with `==`";
    case CEDAR_TOKEN_SLASH: return "there is no division: compare products instead";
    case CEDAR_TOKEN_PERCENT: return "there is no remainder operator";
    default: return NULL;
    }
}

int cedar_parser_refuse(struct cedar_parser *parser, const char *wanted) {
    const struct cedar_token *token = &parser->token;
    struct str text = parser->lexer.text;
    const char *advice = sign_advice(token);
    struct str shown = str_slice(token->text, 0, 60);
    if (token->kind == CEDAR_TOKEN_END) {
        return cedar_problem_set_at(parser->problem, CEDAR_SYNTAX, text, token->span,
                                    "the text ends too early: add %s", wanted);
    }
    if (token->kind == CEDAR_TOKEN_UNCLOSED) {
        return cedar_problem_set_at(parser->problem, CEDAR_BAD_STRING, text, token->span,
                                    "this string has no end: close it with a double quote");
    }
    if (token->kind == CEDAR_TOKEN_BAD) {
        return cedar_problem_set_at(parser->problem, CEDAR_BAD_TOKEN, text, token->span,
                                    "`%.*s` has no meaning here: remove it, or write %s", STR_ARGS(shown), wanted);
    }
    if (advice != NULL) {
        return cedar_problem_set_at(parser->problem, CEDAR_BAD_OPERATOR, text, token->span, "%s", advice);
    }
    return cedar_problem_set_at(parser->problem, CEDAR_SYNTAX, text, token->span,
                                "unexpected `%.*s`: write %s here", STR_ARGS(shown), wanted);
}

static int refuse_escape(struct cedar_parser *parser, struct str bad) {
    if (bad.data == NULL) return cedar_parser_memory(parser);
    uint32_t start = (uint32_t)(bad.data - parser->lexer.text.data);
    struct cedar_span span = {start, start + (uint32_t)bad.length};
    return cedar_problem_set_at(parser->problem, CEDAR_BAD_STRING, parser->lexer.text, span,
                                "`%.*s` is not an escape: use \\n \\r \\t \\0 \\\\ \\' \\\" \\xHH or \\u{...} (and "
                                "\\* only in the pattern of `like`)", STR_ARGS(str_slice(bad, 0, 40)));
}

int cedar_parse_string(struct cedar_parser *parser, struct str *decoded) {
    if (parser->token.kind != CEDAR_TOKEN_STRING) return cedar_parser_refuse(parser, "a string");
    struct str raw = str_slice(parser->token.text, 1, parser->token.text.length - 1), bad;
    if (cedar_unescape(parser->arena, raw, decoded, &bad) != 0) return refuse_escape(parser, bad);
    cedar_parser_advance(parser);
    return 0;
}

int cedar_parse_pattern(struct cedar_parser *parser, const struct cedar_pattern **pattern) {
    if (parser->token.kind != CEDAR_TOKEN_STRING) return cedar_parser_refuse(parser, "a pattern in double quotes");
    struct str raw = str_slice(parser->token.text, 1, parser->token.text.length - 1), bad;
    if (cedar_unescape_pattern(parser->arena, raw, pattern, &bad) != 0) return refuse_escape(parser, bad);
    cedar_parser_advance(parser);
    return 0;
}

int cedar_parse_name(struct cedar_parser *parser, struct str *name) {
    if (parser->token.kind != CEDAR_TOKEN_NAME) return cedar_parser_refuse(parser, "a name");
    *name = parser->token.text;
    if (cedar_is_reserved(*name)) {
        return cedar_problem_set_at(parser->problem, CEDAR_RESERVED, parser->lexer.text, parser->token.span,
                                    "`%.*s` is a reserved word and no name: write it as a string, [\"%.*s\"], or use "
                                    "another name", STR_ARGS(*name), STR_ARGS(*name));
    }
    cedar_parser_advance(parser);
    return 0;
}

/* Appends "::name" to a path; while nothing but the path stands in between, it stays a slice of the text. */
static int extend_path(struct cedar_parser *parser, struct str *path, struct str name) {
    if (path->data + path->length + 2 == name.data) {
        path->length += 2 + name.length;
        return 0;
    }
    struct str joined = arena_format(parser->arena, "%.*s::%.*s", (int)path->length, path->data, (int)name.length,
                                     name.data);
    if (joined.data == NULL) return cedar_parser_memory(parser);
    *path = joined;
    return 0;
}

int cedar_parse_path(struct cedar_parser *parser, struct str *path, bool *has_id, struct str *id) {
    *has_id = false;
    if (cedar_parse_name(parser, path) != 0) return -1;
    while (cedar_parser_accept(parser, CEDAR_TOKEN_PATH)) {
        if (parser->token.kind == CEDAR_TOKEN_STRING) {
            *has_id = true;
            return cedar_parse_string(parser, id);
        }
        struct str name;
        if (cedar_parse_name(parser, &name) != 0 || extend_path(parser, path, name) != 0) return -1;
        if (path->length > CEDAR_POLICY_BYTES_MAX) return cedar_parser_refuse(parser, "a shorter name");
    }
    return 0;
}

int cedar_parse_uid(struct cedar_parser *parser, const struct cedar_uid **uid) {
    struct str type, id;
    bool has_id;
    if (parser->token.kind != CEDAR_TOKEN_NAME) return cedar_parser_refuse(parser, "an entity, as in User::\"alice\"");
    if (cedar_parse_path(parser, &type, &has_id, &id) != 0) return -1;
    if (!has_id) return cedar_parser_refuse(parser, "`::` and the id in double quotes, as in User::\"alice\"");
    *uid = cedar_uid_make(parser->arena, type, id);
    return *uid != NULL ? 0 : cedar_parser_memory(parser);
}

int cedar_list_push(struct cedar_parser *parser, struct cedar_list *list, void *item) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity > 0 ? list->capacity * 2 : 4;
        void **items = ARENA_NEW_ARRAY(parser->arena, void *, capacity);
        if (items == NULL) return cedar_parser_memory(parser);
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return 0;
}

const struct cedar_uid *cedar_uid_parse(struct arena *arena, struct str text, struct cedar_problem *problem) {
    struct cedar_parser parser;
    const struct cedar_uid *uid;
    struct str copy = arena_copy(arena, text);
    if (copy.data == NULL) {
        cedar_problem_set_memory(problem);
        return NULL;
    }
    if (text.length > CEDAR_POLICY_BYTES_MAX || !utf8_is_valid(text)) {
        cedar_problem_set(problem, CEDAR_BAD_TOKEN, "an entity must be UTF-8 text of at most 1 MiB");
        return NULL;
    }
    cedar_parser_init(&parser, arena, copy, problem);
    if (cedar_parse_uid(&parser, &uid) != 0) return NULL;
    if (parser.token.kind == CEDAR_TOKEN_END) return uid;
    cedar_parser_refuse(&parser, "nothing more");
    return NULL;
}
