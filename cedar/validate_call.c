/* The types of calls: methods of sets and of tags, extension functions. */
#include "cedar/validate.h"

#define ARGUMENTS_MAX 2u

static struct cedar_outcome outcome_of(const struct cedar_type *type, bool is_ok) {
    return (struct cedar_outcome){.type = type, .is_ok = is_ok};
}

static bool is_set(const struct cedar_type *type) {
    return type != NULL && type->kind == CEDAR_TYPE_SET && type->element != NULL;
}

static struct cedar_outcome check_contains(struct cedar_checker *checker, const struct cedar_expression *node,
                                           const struct cedar_capability *prior) {
    struct cedar_outcome set = cedar_check_as(checker, node->operands[0], prior, &cedar_type_any_set, NULL);
    struct cedar_outcome member = cedar_check(checker, node->operands[1], prior);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, set.is_ok && member.is_ok);
    if (is_set(set.type)) cedar_check_same(checker, node, set.type->element, member.type, &outcome);
    return outcome;
}

static struct cedar_outcome check_contains_sets(struct cedar_checker *checker, const struct cedar_expression *node,
                                                const struct cedar_capability *prior) {
    struct cedar_outcome left = cedar_check_as(checker, node->operands[0], prior, &cedar_type_any_set, NULL);
    struct cedar_outcome right = cedar_check_as(checker, node->operands[1], prior, &cedar_type_any_set, NULL);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, left.is_ok && right.is_ok);
    if (is_set(left.type) && is_set(right.type)) cedar_check_same(checker, node, left.type, right.type, &outcome);
    return outcome;
}

static struct cedar_outcome check_has_tag(struct cedar_checker *checker, const struct cedar_expression *node,
                                          const struct cedar_capability *prior) {
    const struct cedar_expression *base = node->operands[0], *tag = node->operands[1];
    struct cedar_outcome entity = cedar_check_as(checker, base, prior, &cedar_type_any_entity, NULL);
    struct cedar_outcome key = cedar_check_as(checker, tag, prior, &cedar_type_string, NULL);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, entity.is_ok && key.is_ok);
    bool may_have = true;
    if (entity.type == NULL) return outcome_of(NULL, false);
    cedar_type_tags(checker, entity.type, &may_have);
    if (!may_have) outcome.type = &cedar_type_false;
    if (!may_have || !outcome.is_ok) return outcome;
    if (cedar_capability_has(checker, prior, base, STR_NONE, tag)) outcome.type = &cedar_type_true;
    outcome.capability = cedar_capability_make(checker, base, STR_NONE, tag);
    return outcome;
}

static struct cedar_outcome check_get_tag(struct cedar_checker *checker, const struct cedar_expression *node,
                                          const struct cedar_capability *prior) {
    const struct cedar_expression *base = node->operands[0], *tag = node->operands[1];
    struct cedar_outcome entity = cedar_check_as(checker, base, prior, &cedar_type_any_entity, NULL);
    struct cedar_outcome key = cedar_check_as(checker, tag, prior, &cedar_type_string, NULL);
    bool may_have;
    if (entity.type == NULL || entity.type->kind != CEDAR_TYPE_ENTITY) return outcome_of(NULL, false);
    struct str owner = cedar_type_describe(checker, entity.type);
    const struct cedar_type *found = cedar_type_tags(checker, entity.type, &may_have);
    if (!cedar_capability_has(checker, prior, base, STR_NONE, tag)) {
        cedar_report_add(checker->report, CEDAR_INVALID_TAG, node->span,
                         "this tag of %.*s may not be there: test it first, with the same hasTag(...) and `&&`",
                         STR_ARGS(owner));
        return outcome_of(NULL, false);
    }
    if (found == NULL) {
        cedar_report_add(checker->report, may_have ? CEDAR_INVALID_MIX : CEDAR_INVALID_NO_TAGS, node->span,
                         "%.*s has no tags of one type: declare `tags` in the schema", STR_ARGS(owner));
        return outcome_of(NULL, false);
    }
    return outcome_of(found, entity.is_ok && key.is_ok);
}

/* ---- Extension functions ------------------------------------------------------------------------------------- */

struct signature {
    const struct cedar_type *result; /* NULL: not known */
    const struct cedar_type *arguments[ARGUMENTS_MAX];
};

static const struct signature signatures[CEDAR_FUNCTION_COUNT] = {
    [CEDAR_MAKE_DECIMAL] = {&cedar_type_decimal, {&cedar_type_string}},
    [CEDAR_MAKE_DATETIME] = {&cedar_type_datetime, {&cedar_type_string}},
    [CEDAR_MAKE_DURATION] = {&cedar_type_duration, {&cedar_type_string}},
    [CEDAR_MAKE_IP] = {&cedar_type_ip, {&cedar_type_string}},
    [CEDAR_UNKNOWN] = {NULL, {&cedar_type_string}},
    [CEDAR_LESS_THAN] = {&cedar_type_bool, {&cedar_type_decimal, &cedar_type_decimal}},
    [CEDAR_LESS_THAN_OR_EQUAL] = {&cedar_type_bool, {&cedar_type_decimal, &cedar_type_decimal}},
    [CEDAR_GREATER_THAN] = {&cedar_type_bool, {&cedar_type_decimal, &cedar_type_decimal}},
    [CEDAR_GREATER_THAN_OR_EQUAL] = {&cedar_type_bool, {&cedar_type_decimal, &cedar_type_decimal}},
    [CEDAR_IS_IPV4] = {&cedar_type_bool, {&cedar_type_ip}},
    [CEDAR_IS_IPV6] = {&cedar_type_bool, {&cedar_type_ip}},
    [CEDAR_IS_LOOPBACK] = {&cedar_type_bool, {&cedar_type_ip}},
    [CEDAR_IS_MULTICAST] = {&cedar_type_bool, {&cedar_type_ip}},
    [CEDAR_IS_IN_RANGE] = {&cedar_type_bool, {&cedar_type_ip, &cedar_type_ip}},
    [CEDAR_OFFSET] = {&cedar_type_datetime, {&cedar_type_datetime, &cedar_type_duration}},
    [CEDAR_DURATION_SINCE] = {&cedar_type_duration, {&cedar_type_datetime, &cedar_type_datetime}},
    [CEDAR_TO_DATE] = {&cedar_type_datetime, {&cedar_type_datetime}},
    [CEDAR_TO_TIME] = {&cedar_type_duration, {&cedar_type_datetime}},
    [CEDAR_TO_MILLISECONDS] = {&cedar_type_long, {&cedar_type_duration}},
    [CEDAR_TO_SECONDS] = {&cedar_type_long, {&cedar_type_duration}},
    [CEDAR_TO_MINUTES] = {&cedar_type_long, {&cedar_type_duration}},
    [CEDAR_TO_HOURS] = {&cedar_type_long, {&cedar_type_duration}},
    [CEDAR_TO_DAYS] = {&cedar_type_long, {&cedar_type_duration}},
};

static bool is_constructor(enum cedar_function function) {
    return function >= CEDAR_MAKE_DECIMAL && function <= CEDAR_MAKE_IP;
}

static bool has_only_literals(const struct cedar_expression *node) {
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->operands[i]->kind != CEDAR_EXPRESSION_LITERAL) return false;
    }
    return true;
}

/* A literal that the constructor refuses would fail each time. */
static bool is_literal_good(struct cedar_checker *checker, const struct cedar_expression *node) {
    const struct cedar_expression *argument = node->operands[0];
    struct cedar_value value;
    if (argument->kind != CEDAR_EXPRESSION_LITERAL || argument->value.kind != CEDAR_STRING) return true;
    enum cedar_kind kind = cedar_function_kind((enum cedar_function)node->function);
    if (cedar_extension_parse(checker->scratch, kind, argument->value.string, &value) == 0) return true;
    cedar_report_add(checker->report, CEDAR_INVALID_LITERAL, argument->span,
                     "%s() does not take this text: correct its form", cedar_functions[node->function].name);
    return false;
}

static struct cedar_outcome check_extension(struct cedar_checker *checker, const struct cedar_expression *node,
                                            const struct cedar_capability *prior) {
    const struct signature *signature = &signatures[node->function];
    bool is_making = is_constructor((enum cedar_function)node->function), is_ok = signature->result != NULL;
    uint32_t wanted = signature->arguments[0] == NULL ? 0 : signature->arguments[1] == NULL ? 1 : 2;
    if (node->count != wanted) {
        cedar_report_add(checker->report, CEDAR_INVALID_ARGUMENTS, node->span,
                         "%s() takes %u arguments (its receiver is the first), and %u are here: correct them",
                         cedar_functions[node->function].name, wanted, node->count);
        is_ok = false;
    }
    bool is_literal = !is_making || checker->report->mode == CEDAR_PERMISSIVE || has_only_literals(node);
    if (!is_literal) {
        cedar_report_add(checker->report, CEDAR_INVALID_CALL, node->span,
                         "%s() takes a text in double quotes here: values that are computed go into the context",
                         cedar_functions[node->function].name);
        is_ok = false;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const struct cedar_type *type = is_literal && node->count == wanted ? signature->arguments[i] : &cedar_type_any;
        if (!cedar_check_as(checker, node->operands[i], prior, type, NULL).is_ok) is_ok = false;
    }
    if (is_making && node->count == wanted && !is_literal_good(checker, node)) is_ok = false;
    return outcome_of(signature->result, is_ok);
}

struct cedar_outcome cedar_check_call(struct cedar_checker *checker, const struct cedar_expression *node,
                                      const struct cedar_capability *prior) {
    switch ((enum cedar_function)node->function) {
    case CEDAR_CONTAINS: return check_contains(checker, node, prior);
    case CEDAR_CONTAINS_ALL:
    case CEDAR_CONTAINS_ANY: return check_contains_sets(checker, node, prior);
    case CEDAR_IS_EMPTY:
        return outcome_of(&cedar_type_bool,
                          cedar_check_as(checker, node->operands[0], prior, &cedar_type_any_set, NULL).is_ok);
    case CEDAR_HAS_TAG: return check_has_tag(checker, node, prior);
    case CEDAR_GET_TAG: return check_get_tag(checker, node, prior);
    default: return check_extension(checker, node, prior);
    }
}
