/* Statements: policies and templates.
 *
 *     policy     = *annotation ("permit" / "forbid") "(" scope ")" *condition ";"
 *     annotation = "@" word ["(" string ")"]                          word: reserved words too
 *     scope      = principal "," action "," resource [","]
 *     principal  = "principal" [("==" / "in") entity / "is" path ["in" entity]]     resource alike
 *     action     = "action" [("==" / "in") entity / "in" "[" [entity *("," entity) [","]] "]"]
 *     entity     = path "::" string / "?principal" / "?resource" / "(" entity ")"
 *     condition  = ("when" / "unless") "{" expression "}" */
#include "cedar/parse.h"
#include "cedar/problem.h"

#define PAREN_MAX 128u

static int refuse_at(struct cedar_parser *parser, enum cedar_code code, struct cedar_span span, const char *text) {
    return cedar_problem_set_at(parser->problem, code, parser->lexer.text, span, "%s", text);
}

static int parse_annotation(struct cedar_parser *parser, struct cedar_list *annotations) {
    struct cedar_annotation *annotation = ARENA_NEW(parser->arena, struct cedar_annotation);
    if (annotation == NULL) return cedar_parser_memory(parser);
    annotation->span.start = parser->token.span.start;
    cedar_parser_advance(parser);
    if (parser->token.kind != CEDAR_TOKEN_NAME) return cedar_parser_refuse(parser, "the annotation's name");
    annotation->key = parser->token.text;
    for (uint32_t i = 0; i < annotations->count; i++) {
        const struct cedar_annotation *earlier = annotations->items[i];
        if (!str_equal(earlier->key, annotation->key)) continue;
        return refuse_at(parser, CEDAR_DUPLICATE, parser->token.span, "this annotation is there already: remove one");
    }
    if (annotations->count >= CEDAR_ANNOTATIONS_MAX) {
        return refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many annotations (1,024 at most)");
    }
    cedar_parser_advance(parser);
    annotation->value = STR("");
    annotation->has_value = cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_PAREN);
    if (annotation->has_value) {
        if (cedar_parse_string(parser, &annotation->value) != 0) return -1;
        if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_PAREN, "`)`") != 0) return -1;
    }
    annotation->span.end = parser->last_end;
    return cedar_list_push(parser, annotations, annotation);
}

/* Opening parentheses around a scope's value, which Cedar permits. */
static int take_parens(struct cedar_parser *parser, unsigned *count) {
    for (*count = 0; cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_PAREN); (*count)++) {
        if (*count >= PAREN_MAX) return refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many parentheses");
    }
    return 0;
}

static int close_parens(struct cedar_parser *parser, unsigned count) {
    for (; count > 0; count--) {
        if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_PAREN, "`)`") != 0) return -1;
    }
    return 0;
}

static int refuse_slot(struct cedar_parser *parser, const char *variable) {
    return cedar_problem_set_at(parser->problem, CEDAR_BAD_SLOT, parser->lexer.text, parser->token.span,
                                strcmp(variable, "action") == 0 ? "an action cannot be a slot: name the action%.0s"
                                                                : "the only slot that may stand here is ?%s", variable);
}

static int push_entity(struct cedar_parser *parser, struct cedar_list *entities, bool is_action) {
    const struct cedar_uid *uid;
    struct cedar_span span = parser->token.span;
    if (entities->count >= CEDAR_MEMBERS_MAX) return refuse_at(parser, CEDAR_LIMIT, span, "too many actions");
    if (cedar_parse_uid(parser, &uid) != 0) return -1;
    if (is_action && !cedar_is_action_type(uid->type)) {
        span.end = parser->last_end;
        return refuse_at(parser, CEDAR_BAD_SCOPE, span, "this is no action: its type must end in Action");
    }
    union { const struct cedar_uid *borrowed; void *item; } member = {.borrowed = uid};
    return cedar_list_push(parser, entities, member.item);
}

static int adopt_entities(struct cedar_parser *parser, struct cedar_scope *scope, const struct cedar_list *entities) {
    scope->entities = ARENA_NEW_ARRAY(parser->arena, const struct cedar_uid *, entities->count);
    if (scope->entities == NULL) return cedar_parser_memory(parser);
    scope->count = entities->count;
    for (uint32_t i = 0; i < entities->count; i++) scope->entities[i] = entities->items[i];
    return 0;
}

/* The value behind `==` or `in`. */
static int parse_scope_entity(struct cedar_parser *parser, struct cedar_scope *scope, const char *variable) {
    struct cedar_list entities = {0};
    unsigned parens;
    bool is_action = strcmp(variable, "action") == 0;
    if (take_parens(parser, &parens) != 0) return -1;
    if (parser->token.kind == CEDAR_TOKEN_SLOT) {
        struct str slot = str_slice(parser->token.text, 1, parser->token.text.length);
        if (is_action || !str_equal_cstr(slot, variable)) return refuse_slot(parser, variable);
        cedar_parser_advance(parser);
        scope->has_slot = true;
    } else if (push_entity(parser, &entities, is_action) != 0) {
        return -1;
    }
    return close_parens(parser, parens) != 0 ? -1 : adopt_entities(parser, scope, &entities);
}

static int parse_action_list(struct cedar_parser *parser, struct cedar_scope *scope) {
    struct cedar_list entities = {0};
    scope->kind = CEDAR_SCOPE_IN_LIST;
    while (!cedar_parser_accept(parser, CEDAR_TOKEN_RIGHT_BRACKET)) {
        unsigned parens;
        if (take_parens(parser, &parens) != 0 || push_entity(parser, &entities, true) != 0) return -1;
        if (close_parens(parser, parens) != 0) return -1;
        if (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA)) continue;
        if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACKET, "`,` or `]`") != 0) return -1;
        break;
    }
    return adopt_entities(parser, scope, &entities);
}

static int parse_scope_in(struct cedar_parser *parser, struct cedar_scope *scope, const char *variable) {
    struct cedar_lexer lexer = parser->lexer;
    struct cedar_token token = parser->token;
    uint32_t last_end = parser->last_end;
    unsigned parens;
    scope->kind = CEDAR_SCOPE_IN;
    if (take_parens(parser, &parens) != 0) return -1;
    if (strcmp(variable, "action") == 0 && cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_BRACKET)) {
        return parse_action_list(parser, scope) != 0 ? -1 : close_parens(parser, parens);
    }
    parser->lexer = lexer;
    parser->token = token;
    parser->last_end = last_end;
    return parse_scope_entity(parser, scope, variable);
}

static int parse_scope_is(struct cedar_parser *parser, struct cedar_scope *scope, const char *variable) {
    struct str id;
    bool has_id;
    struct cedar_span span = parser->token.span;
    if (strcmp(variable, "action") == 0) {
        return refuse_at(parser, CEDAR_BAD_SCOPE, span, "`is` cannot be used with action: use `==` or `in`");
    }
    if (cedar_parse_path(parser, &scope->type, &has_id, &id) != 0) return -1;
    if (has_id) {
        return refuse_at(parser, CEDAR_BAD_SCOPE, span,
                         "behind `is` stands a type without an id: for one entity use `==`");
    }
    scope->kind = CEDAR_SCOPE_IS;
    if (!cedar_parser_is_word(parser, "in")) return 0;
    cedar_parser_advance(parser);
    scope->kind = CEDAR_SCOPE_IS_IN;
    return parse_scope_entity(parser, scope, variable);
}

static int parse_scope(struct cedar_parser *parser, struct cedar_scope *scope, const char *variable) {
    int status = 0;
    if (!cedar_parser_is_word(parser, variable)) {
        if (parser->token.kind != CEDAR_TOKEN_NAME) return cedar_parser_refuse(parser, variable);
        return cedar_problem_set_at(parser->problem, CEDAR_BAD_SCOPE, parser->lexer.text, parser->token.span,
                                    "the scope is (principal, action, resource), in this order: write `%s` here",
                                    variable);
    }
    scope->span.start = parser->token.span.start;
    cedar_parser_advance(parser);
    if (cedar_parser_accept(parser, CEDAR_TOKEN_EQUAL)) {
        scope->kind = CEDAR_SCOPE_EQUAL;
        status = parse_scope_entity(parser, scope, variable);
    } else if (cedar_parser_is_word(parser, "in")) {
        cedar_parser_advance(parser);
        status = parse_scope_in(parser, scope, variable);
    } else if (cedar_parser_is_word(parser, "is")) {
        cedar_parser_advance(parser);
        status = parse_scope_is(parser, scope, variable);
    } else if (parser->token.kind != CEDAR_TOKEN_COMMA && parser->token.kind != CEDAR_TOKEN_RIGHT_PAREN) {
        return cedar_parser_refuse(parser, "`==`, `in`, `is`, `,` or `)`; other tests go into a `when` clause");
    }
    scope->span.end = parser->last_end;
    return status;
}

static int parse_scopes(struct cedar_parser *parser, struct cedar_statement *statement) {
    if (cedar_parser_expect(parser, CEDAR_TOKEN_LEFT_PAREN, "`(`") != 0) return -1;
    if (parse_scope(parser, &statement->principal, "principal") != 0) return -1;
    if (cedar_parser_expect(parser, CEDAR_TOKEN_COMMA, "`, action`") != 0) return -1;
    if (parse_scope(parser, &statement->action, "action") != 0) return -1;
    if (cedar_parser_expect(parser, CEDAR_TOKEN_COMMA, "`, resource`") != 0) return -1;
    if (parse_scope(parser, &statement->resource, "resource") != 0) return -1;
    cedar_parser_accept(parser, CEDAR_TOKEN_COMMA);
    return cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_PAREN, "`)`");
}

static int parse_condition(struct cedar_parser *parser, struct cedar_list *conditions) {
    struct cedar_condition *condition = ARENA_NEW(parser->arena, struct cedar_condition);
    if (condition == NULL) return cedar_parser_memory(parser);
    condition->span.start = parser->token.span.start;
    condition->is_unless = cedar_parser_is_word(parser, "unless");
    if (!condition->is_unless && !cedar_parser_is_word(parser, "when")) {
        if (parser->token.kind != CEDAR_TOKEN_NAME) return cedar_parser_refuse(parser, "`when`, `unless` or `;`");
        return refuse_at(parser, CEDAR_BAD_CONDITION, parser->token.span,
                         "conditions are `when { ... }` or `unless { ... }`");
    }
    cedar_parser_advance(parser);
    if (cedar_parser_expect(parser, CEDAR_TOKEN_LEFT_BRACE, "`{`") != 0) return -1;
    if (parser->token.kind == CEDAR_TOKEN_RIGHT_BRACE) {
        return refuse_at(parser, CEDAR_BAD_CONDITION, parser->token.span,
                         "this condition is empty: write an expression, or remove it");
    }
    condition->body = cedar_parse_expression(parser);
    if (condition->body == NULL) return -1;
    if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACE, "an operator or `}`") != 0) return -1;
    condition->span.end = parser->last_end;
    return cedar_list_push(parser, conditions, condition);
}

static int parse_effect(struct cedar_parser *parser, struct cedar_statement *statement) {
    bool is_forbid = cedar_parser_is_word(parser, "forbid");
    statement->effect = is_forbid ? CEDAR_FORBID : CEDAR_PERMIT;
    if (!is_forbid && !cedar_parser_is_word(parser, "permit")) {
        return cedar_parser_refuse(parser, "`permit` or `forbid`");
    }
    cedar_parser_advance(parser);
    return 0;
}

static int adopt_parts(struct cedar_parser *parser, struct cedar_statement *statement,
                       const struct cedar_list *annotations, const struct cedar_list *conditions) {
    statement->annotations = ARENA_NEW_ARRAY(parser->arena, struct cedar_annotation, annotations->count);
    statement->conditions = ARENA_NEW_ARRAY(parser->arena, struct cedar_condition, conditions->count);
    if (statement->annotations == NULL || statement->conditions == NULL) return cedar_parser_memory(parser);
    statement->annotation_count = annotations->count;
    statement->condition_count = conditions->count;
    for (uint32_t i = 0; i < annotations->count; i++) {
        statement->annotations[i] = *(const struct cedar_annotation *)annotations->items[i];
    }
    for (uint32_t i = 0; i < conditions->count; i++) {
        statement->conditions[i] = *(const struct cedar_condition *)conditions->items[i];
    }
    return 0;
}

static int parse_statement(struct cedar_parser *parser, struct cedar_statement *statement) {
    struct cedar_list annotations = {0}, conditions = {0};
    statement->span.start = parser->token.span.start;
    while (parser->token.kind == CEDAR_TOKEN_AT) {
        if (parse_annotation(parser, &annotations) != 0) return -1;
    }
    if (parse_effect(parser, statement) != 0 || parse_scopes(parser, statement) != 0) return -1;
    while (parser->token.kind != CEDAR_TOKEN_SEMICOLON) {
        if (conditions.count >= CEDAR_MEMBERS_MAX) {
            return refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many conditions (65,536 at most)");
        }
        if (parse_condition(parser, &conditions) != 0) return -1;
    }
    cedar_parser_advance(parser);
    statement->span.end = parser->last_end;
    if (statement->span.end - statement->span.start > CEDAR_POLICY_BYTES_MAX) {
        return refuse_at(parser, CEDAR_LIMIT, statement->span, "this policy is larger than 1 MiB: split it");
    }
    return adopt_parts(parser, statement, &annotations, &conditions);
}

int cedar_parse_policies(struct arena *arena, const struct cedar_source *source, struct cedar_statement ***statements,
                         size_t *count, struct cedar_problem *problem) {
    struct cedar_parser parser;
    struct cedar_list list = {0};
    cedar_parser_init(&parser, arena, source->text, problem);
    while (parser.token.kind != CEDAR_TOKEN_END) {
        struct cedar_statement *statement = ARENA_NEW(arena, struct cedar_statement);
        if (statement == NULL) return cedar_parser_memory(&parser);
        statement->source = source;
        if (parse_statement(&parser, statement) != 0 || cedar_list_push(&parser, &list, statement) != 0) return -1;
        if (list.count > CEDAR_POLICIES_MAX) {
            return refuse_at(&parser, CEDAR_LIMIT, statement->span, "too many policies in one text");
        }
    }
    *statements = (struct cedar_statement **)list.items;
    *count = list.count;
    return 0;
}
