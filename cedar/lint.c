/* Questions about a policy's text: its tree is walked, nothing is evaluated. */
#include "cedar/ast.h"

static bool is_context(const struct cedar_expression *node) {
    return node->kind == CEDAR_EXPRESSION_VARIABLE && node->variable == CEDAR_CONTEXT;
}

/* context.applied.contains("<token>") */
static bool is_token_test(const struct cedar_expression *node, struct str token) {
    if (node->kind != CEDAR_EXPRESSION_CALL || node->function != CEDAR_CONTAINS) return false;
    const struct cedar_expression *receiver = node->operands[0], *argument = node->operands[1];
    if (receiver->kind != CEDAR_EXPRESSION_ATTRIBUTE || !str_equal(receiver->name, STR("applied"))) return false;
    if (!is_context(receiver->operands[0])) return false;
    return argument->kind == CEDAR_EXPRESSION_LITERAL && argument->value.kind == CEDAR_STRING &&
           str_equal(argument->value.string, token);
}

/* Recursion: trees are at most CEDAR_DEPTH_MAX deep. */
static bool is_satisfied_by(const struct cedar_expression *node, struct str token) {
    if (node->kind != CEDAR_EXPRESSION_OR) return is_token_test(node, token);
    for (uint32_t i = 0; i < node->count; i++) {
        if (is_satisfied_by(node->operands[i], token)) return true;
    }
    return false;
}

bool cedar_policy_is_cured_by(const struct cedar_policy *policy, struct str token) {
    for (uint32_t i = 0; i < policy->statement->condition_count; i++) {
        const struct cedar_condition *condition = &policy->statement->conditions[i];
        if (condition->is_unless && is_satisfied_by(condition->body, token)) return true;
    }
    return false;
}

static bool reads_context(const struct cedar_expression *node, struct str name) {
    if (node->kind == CEDAR_EXPRESSION_ATTRIBUTE && is_context(node->operands[0]) && str_equal(node->name, name)) {
        return true;
    }
    if (node->kind == CEDAR_EXPRESSION_HAS && is_context(node->operands[0]) && str_equal(node->names[0], name)) {
        return true;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (reads_context(node->operands[i], name)) return true;
    }
    return false;
}

bool cedar_policy_reads_context(const struct cedar_policy *policy, struct str name) {
    for (uint32_t i = 0; i < policy->statement->condition_count; i++) {
        if (reads_context(policy->statement->conditions[i].body, name)) return true;
    }
    return false;
}
