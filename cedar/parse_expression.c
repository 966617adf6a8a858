/* Expressions.
 *
 *     expression = or / "if" expression "then" expression "else" expression
 *     or         = and *("||" and)
 *     and        = relation *("&&" relation)
 *     relation   = sum [("==" / "!=" / "<" / "<=" / ">" / ">=" / "in") sum
 *                      / "has" (name *("." name) / string) / "like" pattern / "is" path ["in" sum]]
 *     sum        = product *(("+" / "-") product)
 *     product    = unary *("*" unary)
 *     unary      = 0*4"!" member / 0*4"-" member
 *     member     = primary *("." name ["(" list ")"] / "[" string "]")
 *     primary    = "true" / "false" / integer / string / variable / entity / name "(" list ")"
 *                / "(" expression ")" / "[" list "]" / "{" record "}"
 *     list       = [expression *("," expression) [","]]
 *     record     = [key ":" expression *("," key ":" expression) [","]]     key = name / string
 *
 * Recursion is bounded by CEDAR_DEPTH_MAX open expressions, and each tree by the same depth. */
#include "cedar/parse.h"
#include "cedar/problem.h"

static struct cedar_expression *parse_sum(struct cedar_parser *parser);

static struct cedar_expression *new_node(struct cedar_parser *parser, enum cedar_expression_kind kind, uint32_t start) {
    struct cedar_expression *node = ARENA_NEW(parser->arena, struct cedar_expression);
    if (node == NULL) {
        cedar_parser_memory(parser);
        return NULL;
    }
    node->kind = (uint8_t)kind;
    node->depth = 1;
    node->span = (struct cedar_span){start, parser->last_end};
    return node;
}

static struct cedar_expression *refuse_at(struct cedar_parser *parser, enum cedar_code code, struct cedar_span span,
                                          const char *text) {
    cedar_problem_set_at(parser->problem, code, parser->lexer.text, span, "%s", text);
    return NULL;
}

/* Gives the node its operands, its end and its depth. */
static struct cedar_expression *adopt(struct cedar_parser *parser, struct cedar_expression *node,
                                      const struct cedar_list *operands) {
    if (node == NULL) return NULL;
    unsigned depth = 0;
    node->operands = (struct cedar_expression **)operands->items;
    node->count = operands->count;
    node->span.end = parser->last_end;
    for (uint32_t i = 0; i < operands->count; i++) {
        if (node->operands[i]->depth > depth) depth = node->operands[i]->depth;
    }
    if (depth + 1 > CEDAR_DEPTH_MAX) {
        return refuse_at(parser, CEDAR_LIMIT, node->span,
                         "this expression is nested too deeply (128 levels at most): split the policy");
    }
    node->depth = (uint8_t)(depth + 1);
    return node;
}

static struct cedar_expression *new_with_operands(struct cedar_parser *parser, enum cedar_expression_kind kind,
                                                  uint32_t start, struct cedar_expression *first,
                                                  struct cedar_expression *second) {
    struct cedar_list operands = {0};
    if (first == NULL || cedar_list_push(parser, &operands, first) != 0) return NULL;
    if (second != NULL && cedar_list_push(parser, &operands, second) != 0) return NULL;
    return adopt(parser, new_node(parser, kind, start), &operands);
}

/* [expression *("," expression) [","]] and the closing token. */
static int parse_list(struct cedar_parser *parser, enum cedar_token_kind close, const char *close_text,
                      struct cedar_list *list) {
    while (!cedar_parser_accept(parser, close)) {
        if (list->count >= CEDAR_MEMBERS_MAX) {
            refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many members (65,536 at most): use a group");
            return -1;
        }
        struct cedar_expression *member = cedar_parse_expression(parser);
        if (member == NULL || cedar_list_push(parser, list, member) != 0) return -1;
        if (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA)) continue;
        return cedar_parser_expect(parser, close, close_text);
    }
    return 0;
}

static struct cedar_expression *parse_call(struct cedar_parser *parser, struct str name, struct cedar_span name_span,
                                           struct cedar_expression *receiver, uint32_t start) {
    struct cedar_list arguments = {0};
    enum cedar_function function = cedar_function_find(name);
    const struct cedar_function_row *row = &cedar_functions[function];
    bool is_method = receiver != NULL;
    if (function == CEDAR_FUNCTION_NONE || row->is_method != is_method) {
        cedar_problem_set_at(parser->problem, CEDAR_BAD_NAME, parser->lexer.text, name_span,
                             function == CEDAR_FUNCTION_NONE ? "there is no function or method `%.*s`: check its name"
                             : is_method ? "`%.*s` is a function: call it without a value and a dot before it"
                                         : "`%.*s` is a method: call it as value.method(...)", STR_ARGS(name));
        return NULL;
    }
    if (is_method && cedar_list_push(parser, &arguments, receiver) != 0) return NULL;
    if (parse_list(parser, CEDAR_TOKEN_RIGHT_PAREN, "`,` or `)`", &arguments) != 0) return NULL;
    if (row->is_core && arguments.count != row->argument_count + 1u) {
        cedar_problem_set_at(parser->problem, CEDAR_BAD_ARGUMENTS, parser->lexer.text,
                             (struct cedar_span){name_span.start, parser->last_end},
                             "`%s` takes %u argument%s, and has %u: correct the call", row->name, row->argument_count,
                             row->argument_count == 1 ? "" : "s", arguments.count - 1);
        return NULL;
    }
    struct cedar_expression *node = new_node(parser, CEDAR_EXPRESSION_CALL, start);
    if (node == NULL) return NULL;
    node->function = (uint8_t)function;
    node->name = name;
    return adopt(parser, node, &arguments);
}

static struct cedar_expression *new_literal(struct cedar_parser *parser, struct cedar_value value, uint32_t start) {
    struct cedar_expression *node = new_node(parser, CEDAR_EXPRESSION_LITERAL, start);
    if (node != NULL) node->value = value;
    return node;
}

static struct cedar_expression *parse_integer(struct cedar_parser *parser, bool is_negative, uint32_t start) {
    struct str digits = parser->token.text;
    int64_t number = 0;
    bool overflows = false;
    for (size_t i = 0; i < digits.length && !overflows; i++) {
        int digit = digits.data[i] - '0';
        overflows = __builtin_mul_overflow(number, 10, &number) || __builtin_sub_overflow(number, digit, &number);
    }
    if (overflows || (!is_negative && __builtin_sub_overflow(0, number, &number))) {
        return refuse_at(parser, CEDAR_INTEGER_RANGE, parser->token.span,
                         "this integer does not fit 64 bits: -9223372036854775808 to 9223372036854775807");
    }
    cedar_parser_advance(parser);
    return new_literal(parser, cedar_long(number), start);
}

/* A word: true, false, a variable, an entity literal, or a call. */
static struct cedar_expression *parse_word(struct cedar_parser *parser) {
    static const char *const variables[] = {"principal", "action", "resource", "context"};
    struct cedar_span span = parser->token.span;
    bool is_true = cedar_parser_is_word(parser, "true"), has_id;
    if (is_true || cedar_parser_is_word(parser, "false")) {
        cedar_parser_advance(parser);
        return new_literal(parser, cedar_bool(is_true), span.start);
    }
    struct str path, id;
    if (cedar_parse_path(parser, &path, &has_id, &id) != 0) return NULL;
    span.end = parser->last_end;
    if (has_id) {
        const struct cedar_uid *uid = cedar_uid_make(parser->arena, path, id);
        if (uid != NULL) return new_literal(parser, cedar_entity_value(uid), span.start);
        cedar_parser_memory(parser);
        return NULL;
    }
    if (cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_PAREN)) return parse_call(parser, path, span, NULL, span.start);
    for (size_t i = 0; i < LENGTH_OF(variables); i++) {
        if (!str_equal_cstr(path, variables[i])) continue;
        struct cedar_expression *node = new_node(parser, CEDAR_EXPRESSION_VARIABLE, span.start);
        if (node != NULL) node->variable = (uint8_t)i;
        return node;
    }
    cedar_problem_set_at(parser->problem, CEDAR_BAD_NAME, parser->lexer.text, span,
                         "`%.*s` is not a variable: the variables are principal, action, resource and context; an "
                         "entity is written Type::\"id\", a string in double quotes", STR_ARGS(path));
    return NULL;
}

static int compare_names(const void *a, const void *b) {
    return cedar_name_compare(*(const struct str *)a, *(const struct str *)b);
}

static int refuse_duplicate_keys(struct cedar_parser *parser, const struct cedar_expression *node) {
    if (node->count < 2) return 0;
    struct str *sorted = ARENA_NEW_ARRAY(parser->arena, struct str, node->count);
    if (sorted == NULL) return cedar_parser_memory(parser);
    memcpy(sorted, node->names, node->count * sizeof(*sorted));
    qsort(sorted, node->count, sizeof(*sorted), compare_names);
    for (uint32_t i = 1; i < node->count; i++) {
        if (!str_equal(sorted[i - 1], sorted[i])) continue;
        return cedar_problem_set_at(parser->problem, CEDAR_DUPLICATE, parser->lexer.text, node->span,
                                    "the key `%.*s` stands twice in this record: remove one",
                                    STR_ARGS(str_slice(sorted[i], 0, 60)));
    }
    return 0;
}

static int push_name(struct cedar_parser *parser, struct cedar_list *names, struct str name) {
    struct str *kept = ARENA_NEW(parser->arena, struct str);
    if (kept == NULL) return cedar_parser_memory(parser);
    *kept = name;
    return cedar_list_push(parser, names, kept);
}

static int adopt_names(struct cedar_parser *parser, struct cedar_expression *node, const struct cedar_list *names) {
    node->names = ARENA_NEW_ARRAY(parser->arena, struct str, names->count);
    if (node->names == NULL) return cedar_parser_memory(parser);
    node->name_count = names->count;
    for (uint32_t i = 0; i < names->count; i++) node->names[i] = *(struct str *)names->items[i];
    return 0;
}

static int parse_field(struct cedar_parser *parser, struct cedar_list *names, struct cedar_list *values) {
    struct str key;
    if (values->count >= CEDAR_MEMBERS_MAX) {
        refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many fields (65,536 at most)");
        return -1;
    }
    if ((parser->token.kind == CEDAR_TOKEN_STRING ? cedar_parse_string(parser, &key)
                                                  : cedar_parse_name(parser, &key)) != 0) return -1;
    if (push_name(parser, names, key) != 0) return -1;
    if (cedar_parser_expect(parser, CEDAR_TOKEN_COLON, "`:` and a value") != 0) return -1;
    struct cedar_expression *value = cedar_parse_expression(parser);
    return value != NULL ? cedar_list_push(parser, values, value) : -1;
}

static struct cedar_expression *parse_record(struct cedar_parser *parser, uint32_t start) {
    struct cedar_list names = {0}, values = {0};
    while (!cedar_parser_accept(parser, CEDAR_TOKEN_RIGHT_BRACE)) {
        if (parse_field(parser, &names, &values) != 0) return NULL;
        if (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA)) continue;
        if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACE, "`,` or `}`") != 0) return NULL;
        break;
    }
    struct cedar_expression *node = new_node(parser, CEDAR_EXPRESSION_RECORD, start);
    if (node == NULL || adopt_names(parser, node, &names) != 0) return NULL;
    if (adopt(parser, node, &values) == NULL || refuse_duplicate_keys(parser, node) != 0) return NULL;
    return node;
}

static struct cedar_expression *parse_paren(struct cedar_parser *parser) {
    struct cedar_expression *inner = cedar_parse_expression(parser);
    if (inner == NULL || cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_PAREN, "`)`") != 0) return NULL;
    inner->paren_count++;
    return inner;
}

static struct cedar_expression *parse_primary(struct cedar_parser *parser) {
    uint32_t start = parser->token.span.start;
    struct cedar_list members = {0};
    struct str string;
    switch (parser->token.kind) {
    case CEDAR_TOKEN_NAME: return parse_word(parser);
    case CEDAR_TOKEN_INTEGER: return parse_integer(parser, false, start);
    case CEDAR_TOKEN_STRING:
        if (cedar_parse_string(parser, &string) != 0) return NULL;
        return new_literal(parser, cedar_string(string), start);
    case CEDAR_TOKEN_SLOT:
        return refuse_at(parser, CEDAR_BAD_SLOT, parser->token.span,
                         "a slot may stand only in the scope, behind `principal` or `resource`: write the variable");
    case CEDAR_TOKEN_LEFT_PAREN:
        cedar_parser_advance(parser);
        return parse_paren(parser);
    case CEDAR_TOKEN_LEFT_BRACKET:
        cedar_parser_advance(parser);
        if (parse_list(parser, CEDAR_TOKEN_RIGHT_BRACKET, "`,` or `]`", &members) != 0) return NULL;
        return adopt(parser, new_node(parser, CEDAR_EXPRESSION_SET, start), &members);
    case CEDAR_TOKEN_LEFT_BRACE:
        cedar_parser_advance(parser);
        return parse_record(parser, start);
    default: cedar_parser_refuse(parser, "an expression"); return NULL;
    }
}

/* "." name ["(" list ")"] / "[" string "]" behind a value. */
static struct cedar_expression *parse_access(struct cedar_parser *parser, struct cedar_expression *object,
                                             uint32_t start) {
    bool has_string = cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_BRACKET);
    struct str name;
    if (has_string) {
        if (cedar_parse_string(parser, &name) != 0) return NULL;
        if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACKET, "`]`") != 0) return NULL;
    } else {
        cedar_parser_advance(parser);
        struct cedar_span span = parser->token.span;
        if (cedar_parse_name(parser, &name) != 0) return NULL;
        if (cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_PAREN)) return parse_call(parser, name, span, object, start);
    }
    struct cedar_expression *node = new_with_operands(parser, CEDAR_EXPRESSION_ATTRIBUTE, start, object, NULL);
    if (node == NULL) return NULL;
    node->name = name;
    node->has_string = has_string;
    return node;
}

static struct cedar_expression *parse_member(struct cedar_parser *parser) {
    uint32_t start = parser->token.span.start;
    struct cedar_expression *node = parse_primary(parser);
    while (node != NULL &&
           (parser->token.kind == CEDAR_TOKEN_DOT || parser->token.kind == CEDAR_TOKEN_LEFT_BRACKET)) {
        node = parse_access(parser, node, start);
    }
    if (node != NULL && parser->token.kind == CEDAR_TOKEN_LEFT_PAREN) {
        return refuse_at(parser, CEDAR_BAD_NAME, parser->token.span,
                         "this is not a function: calls are written name(...) or value.method(...)");
    }
    return node;
}

/* True if the next token is an integer and the one behind it does not reach into it. */
static bool is_bare_integer(const struct cedar_parser *parser) {
    struct cedar_lexer ahead = parser->lexer;
    struct cedar_token next;
    if (parser->token.kind != CEDAR_TOKEN_INTEGER) return false;
    cedar_lex(&ahead, &next);
    return next.kind != CEDAR_TOKEN_DOT && next.kind != CEDAR_TOKEN_LEFT_BRACKET &&
           next.kind != CEDAR_TOKEN_LEFT_PAREN;
}

static struct cedar_expression *parse_unary(struct cedar_parser *parser) {
    enum cedar_token_kind sign = parser->token.kind;
    if (sign != CEDAR_TOKEN_NOT && sign != CEDAR_TOKEN_MINUS) return parse_member(parser);
    uint32_t starts[CEDAR_UNARY_MAX];
    unsigned count = 0;
    for (; parser->token.kind == sign; cedar_parser_advance(parser)) {
        if (count == CEDAR_UNARY_MAX) {
            return refuse_at(parser, CEDAR_BAD_OPERATOR, parser->token.span,
                             "at most four `!` or `-` may stand in a row: remove pairs of them");
        }
        starts[count++] = parser->token.span.start;
    }
    struct cedar_expression *node;
    if (sign == CEDAR_TOKEN_MINUS && is_bare_integer(parser)) {
        count--;
        node = parse_integer(parser, true, starts[count]);
    } else {
        node = parse_member(parser);
    }
    while (node != NULL && count > 0) {
        node = new_with_operands(parser, sign == CEDAR_TOKEN_NOT ? CEDAR_EXPRESSION_NOT : CEDAR_EXPRESSION_NEGATE,
                                 starts[--count], node, NULL);
    }
    return node;
}

/* Operands of one level with operators in between: the node, or the operand alone when there is no operator. */
static struct cedar_expression *parse_chain(struct cedar_parser *parser, enum cedar_expression_kind kind,
                                            enum cedar_token_kind first_operator, enum cedar_token_kind second_operator,
                                            struct cedar_expression *(*parse_operand)(struct cedar_parser *)) {
    uint32_t start = parser->token.span.start;
    struct cedar_expression *operand = parse_operand(parser);
    if (operand == NULL) return NULL;
    if (parser->token.kind != first_operator && parser->token.kind != second_operator) return operand;
    struct cedar_list operands = {0};
    struct buffer operators;
    buffer_init(&operators, CEDAR_MEMBERS_MAX);
    int status = cedar_list_push(parser, &operands, operand);
    while (status == 0 && (parser->token.kind == first_operator || parser->token.kind == second_operator)) {
        buffer_append_byte(&operators, (uint8_t)parser->token.text.data[0]);
        cedar_parser_advance(parser);
        operand = parse_operand(parser);
        status = operand != NULL ? cedar_list_push(parser, &operands, operand) : -1;
        if (status == 0 && operands.count >= CEDAR_MEMBERS_MAX) {
            refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many terms (65,536 at most): split the policy");
            status = -1;
        }
    }
    struct cedar_expression *node = status == 0 ? new_node(parser, kind, start) : NULL;
    if (node != NULL) {
        struct str copy = arena_copy(parser->arena, buffer_view(&operators));
        union { const char *borrowed; char *owned; } bytes = {.borrowed = copy.data};
        node->operators = bytes.owned;
        if (copy.data == NULL || buffer_failed(&operators)) node = NULL;
        if (node == NULL) cedar_parser_memory(parser);
    }
    buffer_free(&operators);
    return adopt(parser, node, &operands);
}

static struct cedar_expression *parse_product(struct cedar_parser *parser) {
    return parse_chain(parser, CEDAR_EXPRESSION_PRODUCT, CEDAR_TOKEN_STAR, CEDAR_TOKEN_STAR, parse_unary);
}

static struct cedar_expression *parse_sum(struct cedar_parser *parser) {
    return parse_chain(parser, CEDAR_EXPRESSION_SUM, CEDAR_TOKEN_PLUS, CEDAR_TOKEN_MINUS, parse_product);
}

static struct cedar_expression *parse_has(struct cedar_parser *parser, struct cedar_expression *object,
                                          uint32_t start) {
    struct cedar_list names = {0};
    struct str name;
    bool has_string = parser->token.kind == CEDAR_TOKEN_STRING;
    if (has_string) {
        if (cedar_parse_string(parser, &name) != 0 || push_name(parser, &names, name) != 0) return NULL;
    } else {
        do {
            if (cedar_parse_name(parser, &name) != 0 || push_name(parser, &names, name) != 0) return NULL;
        } while (cedar_parser_accept(parser, CEDAR_TOKEN_DOT));
    }
    if (names.count >= CEDAR_DEPTH_MAX) {
        return refuse_at(parser, CEDAR_LIMIT, parser->token.span, "too many attributes behind `has` (127 at most)");
    }
    struct cedar_expression *node = new_with_operands(parser, CEDAR_EXPRESSION_HAS, start, object, NULL);
    if (node == NULL || adopt_names(parser, node, &names) != 0) return NULL;
    node->has_string = has_string;
    return node;
}

static struct cedar_expression *parse_is(struct cedar_parser *parser, struct cedar_expression *object, uint32_t start) {
    struct str type, id;
    bool has_id;
    struct cedar_span span = parser->token.span;
    if (cedar_parse_path(parser, &type, &has_id, &id) != 0) return NULL;
    if (has_id) {
        return refuse_at(parser, CEDAR_SYNTAX, span,
                         "behind `is` stands a type without an id: for one entity use `==`");
    }
    struct cedar_expression *container = NULL;
    if (cedar_parser_is_word(parser, "in")) {
        cedar_parser_advance(parser);
        container = parse_sum(parser);
        if (container == NULL) return NULL;
    }
    struct cedar_expression *node = new_with_operands(parser, CEDAR_EXPRESSION_IS, start, object, container);
    if (node != NULL) node->name = type;
    return node;
}

static struct cedar_expression *parse_like(struct cedar_parser *parser, struct cedar_expression *object,
                                           uint32_t start) {
    const struct cedar_pattern *pattern;
    if (cedar_parse_pattern(parser, &pattern) != 0) return NULL;
    struct cedar_expression *node = new_with_operands(parser, CEDAR_EXPRESSION_LIKE, start, object, NULL);
    if (node != NULL) node->pattern = pattern;
    return node;
}

/* The relation that the next token stands for, or -1. */
static int next_relation(const struct cedar_parser *parser) {
    switch (parser->token.kind) {
    case CEDAR_TOKEN_EQUAL: return CEDAR_EQUAL;
    case CEDAR_TOKEN_NOT_EQUAL: return CEDAR_NOT_EQUAL;
    case CEDAR_TOKEN_LESS: return CEDAR_LESS;
    case CEDAR_TOKEN_LESS_EQUAL: return CEDAR_LESS_EQUAL;
    case CEDAR_TOKEN_GREATER: return CEDAR_GREATER;
    case CEDAR_TOKEN_GREATER_EQUAL: return CEDAR_GREATER_EQUAL;
    default: return cedar_parser_is_word(parser, "in") ? CEDAR_IN : -1;
    }
}

static struct cedar_expression *parse_compared(struct cedar_parser *parser, struct cedar_expression *left,
                                               int relation, uint32_t start) {
    cedar_parser_advance(parser);
    struct cedar_expression *right = parse_sum(parser);
    if (right == NULL) return NULL;
    struct cedar_expression *node = new_with_operands(parser, CEDAR_EXPRESSION_RELATION, start, left, right);
    if (node != NULL) node->relation = (uint8_t)relation;
    return node;
}

static struct cedar_expression *parse_relation(struct cedar_parser *parser) {
    static const struct {
        const char *word;
        struct cedar_expression *(*parse)(struct cedar_parser *, struct cedar_expression *, uint32_t);
    } words[] = {{"has", parse_has}, {"like", parse_like}, {"is", parse_is}};
    uint32_t start = parser->token.span.start;
    struct cedar_expression *node = parse_sum(parser);
    if (node == NULL) return NULL;
    int relation = next_relation(parser);
    size_t word = 0;
    while (word < LENGTH_OF(words) && !cedar_parser_is_word(parser, words[word].word)) word++;
    if (relation < 0 && word == LENGTH_OF(words)) return node;
    if (relation >= 0) {
        node = parse_compared(parser, node, relation, start);
    } else {
        cedar_parser_advance(parser);
        node = words[word].parse(parser, node, start);
    }
    if (node != NULL && next_relation(parser) >= 0) {
        return refuse_at(parser, CEDAR_BAD_OPERATOR, parser->token.span,
                         "relations do not chain: put parentheses around the first one, or join two with `&&`");
    }
    return node;
}

static struct cedar_expression *parse_and(struct cedar_parser *parser) {
    return parse_chain(parser, CEDAR_EXPRESSION_AND, CEDAR_TOKEN_AND, CEDAR_TOKEN_AND, parse_relation);
}

static struct cedar_expression *parse_or(struct cedar_parser *parser) {
    return parse_chain(parser, CEDAR_EXPRESSION_OR, CEDAR_TOKEN_OR, CEDAR_TOKEN_OR, parse_and);
}

static struct cedar_expression *parse_if(struct cedar_parser *parser) {
    static const char *const words[3] = {"if", "then", "else"};
    static const char *const wanted[3] = {"`if`", "`then`", "`else`"};
    uint32_t start = parser->token.span.start;
    struct cedar_list operands = {0};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (!cedar_parser_is_word(parser, words[i])) {
            cedar_parser_refuse(parser, wanted[i]);
            return NULL;
        }
        cedar_parser_advance(parser);
        struct cedar_expression *operand = cedar_parse_expression(parser);
        if (operand == NULL || cedar_list_push(parser, &operands, operand) != 0) return NULL;
    }
    return adopt(parser, new_node(parser, CEDAR_EXPRESSION_IF, start), &operands);
}

struct cedar_expression *cedar_parse_expression(struct cedar_parser *parser) {
    if (parser->depth >= CEDAR_DEPTH_MAX) {
        return refuse_at(parser, CEDAR_LIMIT, parser->token.span,
                         "expressions are nested too deeply (128 levels at most): split the policy");
    }
    parser->depth++;
    struct cedar_expression *node = cedar_parser_is_word(parser, "if") ? parse_if(parser) : parse_or(parser);
    parser->depth--;
    return node;
}
