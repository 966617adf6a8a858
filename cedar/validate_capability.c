/* Capabilities: what is known to be there after `has` and `hasTag`. Expressions are the same when they are written the
 * same, white space and parentheses aside. */
#include "cedar/validate.h"

static bool are_same_names(const struct cedar_expression *a, const struct cedar_expression *b) {
    if (a->name_count != b->name_count) return false;
    for (uint32_t i = 0; i < a->name_count; i++) {
        if (!str_equal(a->names[i], b->names[i])) return false;
    }
    return true;
}

static bool are_same_patterns(const struct cedar_pattern *a, const struct cedar_pattern *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL || a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!str_equal(a->pieces[i], b->pieces[i])) return false;
    }
    return true;
}

/* Recursion: expressions are at most CEDAR_DEPTH_MAX deep. */
static bool are_same(struct cedar_checker *checker, const struct cedar_expression *a,
                     const struct cedar_expression *b) {
    if (a == b) return true;
    if (!cedar_report_step(checker->report)) return false;
    if (a->kind != b->kind || a->count != b->count || !str_equal(a->name, b->name)) return false;
    switch ((enum cedar_expression_kind)a->kind) {
    case CEDAR_EXPRESSION_LITERAL: return cedar_value_equal(&a->value, &b->value);
    case CEDAR_EXPRESSION_VARIABLE: return a->variable == b->variable;
    case CEDAR_EXPRESSION_RELATION:
        if (a->relation != b->relation) return false;
        break;
    case CEDAR_EXPRESSION_CALL:
        if (a->function != b->function) return false;
        break;
    case CEDAR_EXPRESSION_SUM:
        if (memcmp(a->operators, b->operators, a->count - 1) != 0) return false;
        break;
    case CEDAR_EXPRESSION_LIKE:
        if (!are_same_patterns(a->pattern, b->pattern)) return false;
        break;
    default:
        if (!are_same_names(a, b)) return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!are_same(checker, a->operands[i], b->operands[i])) return false;
    }
    return true;
}

static const struct cedar_capability *make(struct cedar_checker *checker, struct cedar_capability node) {
    struct cedar_capability *made = ARENA_NEW(checker->scratch, struct cedar_capability);
    if (made == NULL) checker->report->has_failed = true;
    else *made = node;
    return made;
}

const struct cedar_capability *cedar_capability_make(struct cedar_checker *checker,
                                                     const struct cedar_expression *expression, struct str name,
                                                     const struct cedar_expression *tag) {
    return make(checker, (struct cedar_capability){.kind = CEDAR_CAPABILITY_ONE, .expression = expression, .tag = tag,
                                                   .name = name});
}

const struct cedar_capability *cedar_capability_either(struct cedar_checker *checker,
                                                       const struct cedar_capability *left,
                                                       const struct cedar_capability *right) {
    if (left == NULL || left == right) return right;
    if (right == NULL) return left;
    return make(checker, (struct cedar_capability){.kind = CEDAR_CAPABILITY_EITHER, .left = left, .right = right});
}

const struct cedar_capability *cedar_capability_both(struct cedar_checker *checker, const struct cedar_capability *left,
                                                     const struct cedar_capability *right) {
    if (left == NULL || right == NULL) return NULL;
    return make(checker, (struct cedar_capability){.kind = CEDAR_CAPABILITY_BOTH, .left = left, .right = right});
}

/* The left side is followed in a loop: chains of `&&` and `||` grow there. Recursion on the right is as deep as the
 * expression. */
bool cedar_capability_has(struct cedar_checker *checker, const struct cedar_capability *set,
                          const struct cedar_expression *expression, struct str name,
                          const struct cedar_expression *tag) {
    while (set != NULL && cedar_report_step(checker->report)) {
        if (set->kind == CEDAR_CAPABILITY_ONE) {
            if ((tag != NULL) != (set->tag != NULL) || !are_same(checker, expression, set->expression)) return false;
            return tag != NULL ? are_same(checker, tag, set->tag) : str_equal(name, set->name);
        }
        bool is_right = cedar_capability_has(checker, set->right, expression, name, tag);
        if (is_right == (set->kind == CEDAR_CAPABILITY_EITHER)) return is_right;
        set = set->left;
    }
    return false;
}
