/* From tokens and trees to documents.
 *
 * The tree says how the tokens belong together, the tokens say what is written: every token's own text is kept. A
 * comment belongs to the token before it on the same line (it trails), otherwise to the next token (it leads), and each
 * is written once: with its token, unless a construct takes it first. */
#include "cedar/format.h"

#include "cedar/ast.h"
#include "cedar/format_doc.h"
#include "cedar/parse.h"
#include "cedar/problem.h"

#define FORMAT_BYTES_MAX ((size_t)4 << 30)

struct format_token {
    struct cedar_span span;
    struct str text;
    struct str leading;  /* the gap before it, from the line end on */
    struct str trailing; /* the gap behind it, up to the line end */
};

struct formatter {
    struct doc_builder builder;
    struct str text;
    struct format_token *tokens;
    uint32_t count;
    struct str rest; /* behind the last token, from the line end on */
};

static const struct doc *expression_doc(struct formatter *formatter, const struct cedar_expression *node);

/* ---- Tokens and comments ------------------------------------------------------------------------------------- */

/* Splits the gap between two tokens at its first line end. */
static void share_gap(struct str gap, struct format_token *before, struct str *behind) {
    size_t end = before != NULL ? str_find_byte(gap, '\n') : 0;
    if (before != NULL) before->trailing = str_slice(gap, 0, end == STR_NOT_FOUND ? gap.length : end);
    *behind = end == STR_NOT_FOUND ? STR("") : str_slice(gap, end, gap.length);
}

static int read_tokens(struct formatter *formatter, struct arena *arena) {
    struct cedar_lexer lexer = {formatter->text, 0};
    struct cedar_token token;
    size_t capacity = 0;
    for (cedar_lex(&lexer, &token); token.kind != CEDAR_TOKEN_END; cedar_lex(&lexer, &token)) capacity++;
    formatter->tokens = ARENA_NEW_ARRAY(arena, struct format_token, capacity + 1);
    if (formatter->tokens == NULL) return -1;
    lexer.offset = 0;
    struct format_token *before = NULL;
    uint32_t last_end = 0;
    for (cedar_lex(&lexer, &token); token.kind != CEDAR_TOKEN_END; cedar_lex(&lexer, &token)) {
        struct format_token *next = &formatter->tokens[formatter->count++];
        *next = (struct format_token){.span = token.span, .text = token.text};
        share_gap(str_slice(formatter->text, last_end, token.span.start), before, &next->leading);
        last_end = token.span.end;
        before = next;
    }
    share_gap(str_slice(formatter->text, last_end, formatter->text.length), before, &formatter->rest);
    return 0;
}

/* The first token that starts at `offset` or behind it. */
static uint32_t token_from(const struct formatter *formatter, uint32_t offset) {
    uint32_t low = 0, high = formatter->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (formatter->tokens[middle].span.start < offset) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* The first and last token of a span. */
static uint32_t first_token(const struct formatter *formatter, struct cedar_span span) {
    return token_from(formatter, span.start);
}

static uint32_t last_token(const struct formatter *formatter, struct cedar_span span) {
    return token_from(formatter, span.end) - 1;
}

/* The next comment of a gap, without white space at its end. */
static bool next_comment(struct str *gap, struct str *comment) {
    size_t start = str_find(*gap, STR("//")), kept = start, end = start;
    if (start == STR_NOT_FOUND) return false;
    while (end < gap->length && gap->data[end] != '\n' && gap->data[end] != '\r') {
        uint32_t point;
        if (utf8_decode(*gap, &end, &point) != 0) end++;
        else if (cedar_is_space(point)) continue;
        kept = end;
    }
    *comment = str_slice(*gap, start, kept);
    *gap = str_slice(*gap, end, gap->length);
    return true;
}

static const struct doc *leading_doc(struct formatter *formatter, struct str *gap) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *doc = doc_nothing();
    struct str comment;
    while (next_comment(gap, &comment)) {
        doc = DOC_JOIN(builder, doc, doc_hard_line(), doc_text(builder, comment));
    }
    *gap = STR("");
    return doc == doc_nothing() ? doc : DOC_JOIN(builder, doc, doc_hard_line());
}

static const struct doc *trailing_doc(struct formatter *formatter, struct str *gap, const struct doc *otherwise) {
    struct doc_builder *builder = &formatter->builder;
    struct str comment;
    if (!next_comment(gap, &comment)) return otherwise;
    *gap = STR("");
    return DOC_JOIN(builder, doc_text(builder, STR(" ")), doc_text(builder, comment), doc_hard_line());
}

/* A token with its comments; `otherwise` follows where no comment trails. */
static const struct doc *token_then(struct formatter *formatter, uint32_t index, const struct doc *otherwise) {
    struct format_token *token = &formatter->tokens[index];
    const struct doc *leading = leading_doc(formatter, &token->leading);
    const struct doc *trailing = trailing_doc(formatter, &token->trailing, otherwise);
    return DOC_JOIN(&formatter->builder, leading, doc_text(&formatter->builder, token->text), trailing);
}

static const struct doc *token_doc(struct formatter *formatter, uint32_t index) {
    return token_then(formatter, index, doc_nothing());
}

/* Tokens without space in between: names, entities, a sign and its number. */
static const struct doc *tokens_doc(struct formatter *formatter, uint32_t first, uint32_t last) {
    const struct doc *doc = token_doc(formatter, first);
    for (uint32_t i = first + 1; i <= last; i++) doc = DOC_JOIN(&formatter->builder, doc, token_doc(formatter, i));
    return doc;
}

/* ---- Expressions --------------------------------------------------------------------------------------------- */

static struct cedar_span outer_span(const struct formatter *formatter, const struct cedar_expression *node) {
    uint32_t first = first_token(formatter, node->span), last = last_token(formatter, node->span);
    return (struct cedar_span){formatter->tokens[first - node->paren_count].span.start,
                               formatter->tokens[last + node->paren_count].span.end};
}

/* The token behind an operand with its parentheses. */
static uint32_t token_behind(const struct formatter *formatter, const struct cedar_expression *node) {
    return last_token(formatter, node->span) + node->paren_count + 1;
}

/* operand operator operand ...; `before_next` stands behind an operator. */
static const struct doc *chain_doc(struct formatter *formatter, const struct cedar_expression *node,
                                   const struct doc *before_next, bool is_comment_a_break) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc **parts = ARENA_NEW_ARRAY(builder->arena, const struct doc *, (size_t)node->count * 4);
    size_t count = 0;
    if (parts == NULL) {
        builder->is_failed = true;
        return doc_nothing();
    }
    for (uint32_t i = 0; i < node->count; i++) {
        parts[count++] = expression_doc(formatter, node->operands[i]);
        if (i + 1 == node->count) break;
        uint32_t sign = token_behind(formatter, node->operands[i]);
        parts[count++] = doc_text(builder, STR(" "));
        parts[count++] = token_then(formatter, sign, is_comment_a_break ? before_next : doc_nothing());
        if (!is_comment_a_break) parts[count++] = before_next;
    }
    return doc_join(builder, parts, count);
}

static const struct doc *if_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *doc = doc_nothing();
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t word = i == 0 ? first_token(formatter, node->span) : token_behind(formatter, node->operands[i - 1]);
        const struct doc *head = token_doc(formatter, word);
        const struct doc *body = DOC_JOIN(builder, doc_line(), expression_doc(formatter, node->operands[i]));
        doc = DOC_JOIN(builder, doc, i > 0 ? doc_line() : doc_nothing(), head,
                       doc_nest(builder, CEDAR_FORMAT_INDENT, body));
    }
    return doc_group(builder, doc);
}

static const struct doc *sign_doc(struct formatter *formatter, const struct cedar_expression *node) {
    const struct doc *sign = token_doc(formatter, first_token(formatter, node->span));
    return doc_group(&formatter->builder,
                     DOC_JOIN(&formatter->builder, sign, expression_doc(formatter, node->operands[0])));
}

/* name *("." name), from the token `first` on. */
static const struct doc *names_doc(struct formatter *formatter, uint32_t first, uint32_t last) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *name = token_doc(formatter, first), *rest = doc_nothing();
    for (uint32_t i = first + 1; i < last; i += 2) {
        rest = DOC_JOIN(builder, rest, i > first + 1 ? doc_soft_line() : doc_nothing(),
                        tokens_doc(formatter, i, i + 1));
    }
    return doc_group(builder, DOC_JOIN(builder, name, doc_nest(builder, CEDAR_FORMAT_INDENT, rest)));
}

/* `has`, `like`: the word and what stands behind it. */
static const struct doc *word_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    uint32_t word = token_behind(formatter, node->operands[0]);
    const struct doc *left = expression_doc(formatter, node->operands[0]), *middle = token_doc(formatter, word);
    const struct doc *right = names_doc(formatter, word + 1, last_token(formatter, node->span));
    return doc_group(builder, DOC_JOIN(builder, left, doc_line(), middle, doc_line(),
                                       doc_nest(builder, CEDAR_FORMAT_INDENT, right)));
}

static const struct doc *is_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *space = doc_text(builder, STR(" ")), *behind = doc_nothing();
    uint32_t word = token_behind(formatter, node->operands[0]), last = last_token(formatter, node->span);
    const struct doc *left = expression_doc(formatter, node->operands[0]), *middle = token_doc(formatter, word);
    if (node->count == 2) {
        last = first_token(formatter, outer_span(formatter, node->operands[1])) - 2;
        const struct doc *in = token_doc(formatter, last + 1);
        const struct doc *container = expression_doc(formatter, node->operands[1]);
        behind = DOC_JOIN(builder, doc_line(), in, space, doc_nest(builder, CEDAR_FORMAT_INDENT, container));
    }
    const struct doc *type = doc_nest(builder, CEDAR_FORMAT_INDENT, tokens_doc(formatter, word + 1, last));
    return doc_group(builder, DOC_JOIN(builder, left, space, middle, space, type, behind));
}

/* Members with a comma between each two. A comma behind the last one is left out. */
static const struct doc *list_doc(struct formatter *formatter, struct cedar_expression *const *members,
                                  uint32_t count) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc **parts = ARENA_NEW_ARRAY(builder->arena, const struct doc *, (size_t)count * 3);
    size_t part_count = 0;
    if (parts == NULL) {
        builder->is_failed = true;
        return doc_nothing();
    }
    for (uint32_t i = 0; i < count; i++) {
        parts[part_count++] = expression_doc(formatter, members[i]);
        if (i + 1 == count) break;
        parts[part_count++] = token_doc(formatter, token_behind(formatter, members[i]));
        parts[part_count++] = doc_line();
    }
    return doc_join(builder, parts, part_count);
}

static const struct doc *set_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *members = list_doc(formatter, node->operands, node->count);
    const struct doc *open = token_doc(formatter, first_token(formatter, node->span));
    const struct doc *close = token_doc(formatter, last_token(formatter, node->span));
    return DOC_JOIN(builder, open, doc_nest(builder, 1, members), close);
}

/* key: value, of the field whose key is the token `key`. */
static const struct doc *field_doc(struct formatter *formatter, uint32_t key, const struct cedar_expression *value) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *name = token_doc(formatter, key);
    const struct doc *colon = token_doc(formatter, key + 1), *space = doc_text(builder, STR(" "));
    return DOC_JOIN(builder, name, colon, space, expression_doc(formatter, value));
}

static const struct doc *record_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    uint32_t first = first_token(formatter, node->span), key = first + 1;
    const struct doc *open = token_doc(formatter, first), *fields = doc_nothing();
    const struct doc *close = token_doc(formatter, last_token(formatter, node->span));
    for (uint32_t i = 0; i < node->count; i++) {
        fields = DOC_JOIN(builder, fields, i > 0 ? token_doc(formatter, key - 1) : doc_nothing(), doc_line(),
                          field_doc(formatter, key, node->operands[i]));
        key = token_behind(formatter, node->operands[i]) + 1;
    }
    const struct doc *inside = node->count == 0 ? doc_nothing()
        : DOC_JOIN(builder, doc_nest(builder, CEDAR_FORMAT_INDENT, fields), doc_line());
    return DOC_JOIN(builder, open, doc_group(builder, inside), close);
}

static bool is_method(const struct cedar_expression *node) {
    return node->kind == CEDAR_EXPRESSION_CALL && cedar_functions[node->function].is_method;
}

static bool is_access(const struct cedar_expression *node) {
    return node->kind == CEDAR_EXPRESSION_ATTRIBUTE || is_method(node);
}

/* "(" arguments ")", the parenthesis being the token `open`. */
static const struct doc *arguments_doc(struct formatter *formatter, uint32_t open,
                                       const struct cedar_expression *call, uint32_t skip) {
    struct doc_builder *builder = &formatter->builder;
    if (call->count == skip) return tokens_doc(formatter, open, open + 1);
    const struct doc *before = token_doc(formatter, open);
    const struct doc *arguments = list_doc(formatter, call->operands + skip, call->count - skip);
    const struct doc *after = token_doc(formatter, last_token(formatter, call->span));
    const struct doc *inside = doc_nest(builder, CEDAR_FORMAT_INDENT, DOC_JOIN(builder, doc_soft_line(), arguments));
    return DOC_JOIN(builder, before, inside, doc_soft_line(), after);
}

/* One access behind a value: .name, ["name"], .name(...). */
static const struct doc *access_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    uint32_t first = token_behind(formatter, node->operands[0]);
    if (node->kind == CEDAR_EXPRESSION_ATTRIBUTE && node->has_string) return tokens_doc(formatter, first, first + 2);
    const struct doc *name = tokens_doc(formatter, first, first + 1);
    if (node->kind == CEDAR_EXPRESSION_ATTRIBUTE) return name;
    return DOC_JOIN(builder, name, doc_soft_line(), arguments_doc(formatter, first + 2, node, 1));
}

/* What the accesses stand behind. A set there breaks its lines when the accesses do. */
static const struct doc *base_doc(struct formatter *formatter, const struct cedar_expression *node, bool is_alone) {
    if (is_alone) return tokens_doc(formatter, first_token(formatter, node->span), last_token(formatter, node->span));
    if (node->kind == CEDAR_EXPRESSION_SET && node->paren_count == 0) return set_doc(formatter, node);
    return expression_doc(formatter, node);
}

/* A value and the accesses behind it. Recursion over the accesses of one value is bounded as the tree's depth is. */
static const struct doc *member_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    const struct cedar_expression *steps[CEDAR_DEPTH_MAX];
    size_t count = 0;
    while (is_access(node) && (count == 0 || node->paren_count == 0)) {
        steps[count++] = node;
        node = node->operands[0];
    }
    const struct doc *base, *accesses = doc_nothing();
    bool is_call = node->kind == CEDAR_EXPRESSION_CALL && !is_method(node) && (count == 0 || node->paren_count == 0);
    if (is_call) {
        uint32_t open = node->count > 0 ? first_token(formatter, outer_span(formatter, node->operands[0])) - 1
                                        : last_token(formatter, node->span) - 1;
        base = tokens_doc(formatter, first_token(formatter, node->span), open - 1);
        accesses = arguments_doc(formatter, open, node, 0);
    } else {
        base = base_doc(formatter, node, count == 0);
    }
    for (size_t i = count; i > 0; i--) {
        bool is_first = i == count && !is_call;
        accesses = DOC_JOIN(builder, accesses, is_first ? doc_nothing() : doc_soft_line(),
                            access_doc(formatter, steps[i - 1]));
    }
    return doc_group(builder, DOC_JOIN(builder, base, doc_nest(builder, CEDAR_FORMAT_INDENT, accesses)));
}

static const struct doc *bare_doc(struct formatter *formatter, const struct cedar_expression *node) {
    switch ((enum cedar_expression_kind)node->kind) {
    case CEDAR_EXPRESSION_OR:
    case CEDAR_EXPRESSION_AND: return chain_doc(formatter, node, doc_line(), true);
    case CEDAR_EXPRESSION_SUM:
    case CEDAR_EXPRESSION_PRODUCT:
        return doc_group(&formatter->builder, chain_doc(formatter, node, doc_line(), false));
    case CEDAR_EXPRESSION_RELATION:
        return chain_doc(formatter, node, doc_text(&formatter->builder, STR(" ")), false);
    case CEDAR_EXPRESSION_IF: return if_doc(formatter, node);
    case CEDAR_EXPRESSION_NOT:
    case CEDAR_EXPRESSION_NEGATE: return sign_doc(formatter, node);
    case CEDAR_EXPRESSION_HAS:
    case CEDAR_EXPRESSION_LIKE: return word_doc(formatter, node);
    case CEDAR_EXPRESSION_IS: return is_doc(formatter, node);
    case CEDAR_EXPRESSION_SET: return doc_group(&formatter->builder, set_doc(formatter, node));
    case CEDAR_EXPRESSION_RECORD: return record_doc(formatter, node);
    default: return member_doc(formatter, node);
    }
}

/* Recursion: trees are at most CEDAR_DEPTH_MAX deep. */
static const struct doc *expression_doc(struct formatter *formatter, const struct cedar_expression *node) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *doc = bare_doc(formatter, node);
    uint32_t first = first_token(formatter, node->span), last = last_token(formatter, node->span);
    for (uint32_t i = 1; i <= node->paren_count; i++) {
        const struct doc *open = token_doc(formatter, first - i);
        doc = doc_group(builder, DOC_JOIN(builder, open, doc_nest(builder, 1, doc), token_doc(formatter, last + i)));
    }
    return doc;
}

/* ---- Statements ---------------------------------------------------------------------------------------------- */

static bool is_token(const struct formatter *formatter, uint32_t index, const char *text) {
    return index < formatter->count && str_equal_cstr(formatter->tokens[index].text, text);
}

static const struct doc *scope_value_doc(struct formatter *formatter, uint32_t first, uint32_t last);

/* Entities with commas in between, each perhaps in parentheses. */
static const struct doc *scope_list_doc(struct formatter *formatter, uint32_t first, uint32_t last) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *doc = doc_nothing();
    uint32_t start = first;
    for (uint32_t i = first; i <= last; i++) {
        bool is_comma = is_token(formatter, i, ",");
        if (!is_comma && i != last) continue;
        if (start <= i - is_comma) doc = DOC_JOIN(builder, doc, scope_value_doc(formatter, start, i - is_comma));
        if (is_comma && i != last) doc = DOC_JOIN(builder, doc, token_doc(formatter, i), doc_line());
        start = i + 1;
    }
    return doc;
}

/* An entity, a slot, a list of actions, or one of these in parentheses. Recursion: the parser bounds parentheses. */
static const struct doc *scope_value_doc(struct formatter *formatter, uint32_t first, uint32_t last) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *inside;
    if (is_token(formatter, first, "(")) inside = scope_value_doc(formatter, first + 1, last - 1);
    else if (!is_token(formatter, first, "[")) return tokens_doc(formatter, first, last);
    else inside = last == first + 1 ? doc_nothing() : scope_list_doc(formatter, first + 1, last - 1);
    const struct doc *open = token_doc(formatter, first), *close = token_doc(formatter, last);
    return doc_group(builder, DOC_JOIN(builder, open, doc_nest(builder, 1, inside), close));
}

/* `is` type, from the token `first` on. */
static const struct doc *scope_type_doc(struct formatter *formatter, uint32_t first, uint32_t last) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *word = doc_group(builder, DOC_JOIN(builder, doc_line(), token_doc(formatter, first)));
    const struct doc *type = tokens_doc(formatter, first + 1, last);
    return doc_group(builder, doc_nest(builder, CEDAR_FORMAT_INDENT, DOC_JOIN(builder, word, doc_line(), type)));
}

static bool is_compared(const struct cedar_scope *scope) {
    return scope->kind != CEDAR_SCOPE_ANY && scope->kind != CEDAR_SCOPE_IS;
}

static const struct doc *scope_doc(struct formatter *formatter, const struct cedar_scope *scope) {
    struct doc_builder *builder = &formatter->builder;
    uint32_t first = first_token(formatter, scope->span), last = last_token(formatter, scope->span), sign = first + 1;
    bool has_type = scope->kind == CEDAR_SCOPE_IS || scope->kind == CEDAR_SCOPE_IS_IN;
    const struct doc *lead = leading_doc(formatter, &formatter->tokens[first].leading);
    const struct doc *variable = token_doc(formatter, first), *type = doc_nothing();
    if (has_type) {
        while (sign <= last && !is_token(formatter, sign, "in")) sign++;
        type = scope_type_doc(formatter, first + 1, sign - 1);
    }
    if (!is_compared(scope)) return DOC_JOIN(builder, lead, variable, type);
    const struct doc *operator = token_doc(formatter, sign);
    const struct doc *value = scope_value_doc(formatter, sign + 1, last);
    const struct doc *left = doc_group(builder, DOC_JOIN(builder, variable, type, doc_line(), operator));
    const struct doc *right = doc_nest(builder, CEDAR_FORMAT_INDENT, DOC_JOIN(builder, doc_line(), value));
    return DOC_JOIN(builder, lead, doc_group(builder, DOC_JOIN(builder, left, right)));
}

static const struct doc *scopes_doc(struct formatter *formatter, const struct cedar_statement *statement) {
    struct doc_builder *builder = &formatter->builder;
    bool is_short = statement->principal.kind == CEDAR_SCOPE_ANY && statement->action.kind == CEDAR_SCOPE_ANY &&
                    statement->resource.kind == CEDAR_SCOPE_ANY;
    const struct doc *between = is_short ? doc_text(builder, STR(" ")) : doc_hard_line();
    const struct doc *principal = scope_doc(formatter, &statement->principal);
    const struct doc *first_comma =
        token_then(formatter, last_token(formatter, statement->principal.span) + 1, between);
    const struct doc *action = scope_doc(formatter, &statement->action);
    const struct doc *second_comma = token_then(formatter, last_token(formatter, statement->action.span) + 1, between);
    const struct doc *resource = scope_doc(formatter, &statement->resource);
    const struct doc *all = DOC_JOIN(builder, principal, first_comma, action, second_comma, resource);
    if (is_short) return doc_group(builder, doc_nest(builder, CEDAR_FORMAT_INDENT, all));
    return DOC_JOIN(builder, doc_nest(builder, CEDAR_FORMAT_INDENT, DOC_JOIN(builder, doc_hard_line(), all)),
                    doc_hard_line());
}

static const struct doc *annotation_doc(struct formatter *formatter, const struct cedar_annotation *annotation) {
    uint32_t first = first_token(formatter, annotation->span), last = last_token(formatter, annotation->span);
    return DOC_JOIN(&formatter->builder, tokens_doc(formatter, first, last - 1),
                    token_then(formatter, last, doc_hard_line()));
}

static const struct doc *condition_doc(struct formatter *formatter, const struct cedar_condition *condition) {
    struct doc_builder *builder = &formatter->builder;
    uint32_t first = first_token(formatter, condition->span);
    struct format_token *word = &formatter->tokens[first], *brace = &formatter->tokens[first + 1];
    const struct doc *word_lead = leading_doc(formatter, &word->leading);
    const struct doc *word_trail = trailing_doc(formatter, &word->trailing, doc_line());
    const struct doc *brace_lead = leading_doc(formatter, &brace->leading);
    const struct doc *brace_trail = trailing_doc(formatter, &brace->trailing, doc_line());
    const struct doc *body_lead = leading_doc(formatter, &formatter->tokens[first + 2].leading);
    const struct doc *body = doc_group(builder, expression_doc(formatter, condition->body));
    const struct doc *close = token_doc(formatter, last_token(formatter, condition->span));
    const struct doc *inside = doc_nest(builder, CEDAR_FORMAT_INDENT, DOC_JOIN(builder, brace_trail, body_lead, body));
    const struct doc *braces = DOC_JOIN(builder, doc_text(builder, brace->text),
                                        doc_group(builder, DOC_JOIN(builder, inside, doc_line(), close)));
    return DOC_JOIN(builder, word_lead, doc_group(builder, DOC_JOIN(builder, doc_text(builder, word->text), word_trail,
                                                                    brace_lead, braces)));
}

/* The token behind the scopes with the comments of a comma before it, if there is one. */
static const struct doc *scopes_end_doc(struct formatter *formatter, const struct cedar_statement *statement) {
    uint32_t index = last_token(formatter, statement->resource.span) + 1;
    if (is_token(formatter, index, ",")) {
        formatter->tokens[index + 1].leading = formatter->tokens[index].leading;
        formatter->tokens[index + 1].trailing = formatter->tokens[index].trailing;
        index++;
    }
    return token_then(formatter, index, statement->condition_count > 0 ? doc_hard_line() : doc_nothing());
}

static const struct doc *statement_doc(struct formatter *formatter, const struct cedar_statement *statement) {
    struct doc_builder *builder = &formatter->builder;
    const struct doc *doc = doc_nothing();
    for (uint32_t i = 0; i < statement->annotation_count; i++) {
        doc = DOC_JOIN(builder, doc, annotation_doc(formatter, &statement->annotations[i]));
    }
    uint32_t open = first_token(formatter, statement->principal.span) - 1;
    const struct doc *effect_lead = leading_doc(formatter, &formatter->tokens[open - 1].leading);
    const struct doc *effect = token_then(formatter, open - 1, doc_line());
    const struct doc *head = doc_group(builder, DOC_JOIN(builder, effect, token_doc(formatter, open)));
    const struct doc *scopes = scopes_doc(formatter, statement);
    doc = DOC_JOIN(builder, doc, effect_lead, head, scopes, scopes_end_doc(formatter, statement));
    for (uint32_t i = 0; i < statement->condition_count; i++) {
        doc = DOC_JOIN(builder, doc, i > 0 ? doc_hard_line() : doc_nothing(),
                       condition_doc(formatter, &statement->conditions[i]));
    }
    return DOC_JOIN(builder, doc, token_doc(formatter, last_token(formatter, statement->span)));
}

/* ---- The whole text ------------------------------------------------------------------------------------------ */

static int write_statement(struct formatter *formatter, const struct cedar_statement *statement, struct buffer *out) {
    struct buffer raw, tidied;
    buffer_init(&raw, FORMAT_BYTES_MAX);
    buffer_init(&tidied, FORMAT_BYTES_MAX);
    const struct doc *doc = statement_doc(formatter, statement);
    int status = formatter->builder.is_failed ? -1 : doc_write(doc, CEDAR_FORMAT_WIDTH, &raw);
    cedar_format_tidy(buffer_view(&raw), &tidied);
    buffer_append_str(out, buffer_view(&tidied));
    if (buffer_failed(&tidied)) status = -1;
    buffer_free(&raw);
    buffer_free(&tidied);
    return status;
}

static int write_all(struct formatter *formatter, struct cedar_statement *const *statements, size_t count,
                     struct buffer *out) {
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_append_cstr(out, "\n\n");
        if (write_statement(formatter, statements[i], out) != 0) return -1;
    }
    buffer_append_byte(out, '\n');
    struct str comment;
    while (next_comment(&formatter->rest, &comment)) {
        buffer_append_str(out, comment);
        buffer_append_byte(out, '\n');
    }
    return buffer_failed(out) ? -1 : 0;
}

int cedar_format(struct str text, struct buffer *out, struct cedar_problem *problem) {
    struct arena arena;
    struct cedar_statement **statements;
    size_t count;
    if (cedar_check_text(text, problem) != 0) return -1;
    arena_init(&arena, FORMAT_BYTES_MAX);
    struct cedar_source source = {.text = text};
    struct formatter formatter = {.builder = {.arena = &arena}, .text = text};
    int status = cedar_parse_policies(&arena, &source, &statements, &count, problem);
    if (status == 0 && (read_tokens(&formatter, &arena) != 0 || write_all(&formatter, statements, count, out) != 0)) {
        status = cedar_problem_set_memory(problem);
    }
    arena_free(&arena);
    return status;
}
