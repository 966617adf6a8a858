/* The type of each expression, with what is always true or false followed and what cannot be reached left alone. */
#include "cedar/validate.h"

static struct cedar_outcome outcome_of(const struct cedar_type *type, bool is_ok) {
    return (struct cedar_outcome){.type = type, .is_ok = is_ok};
}

static bool is_kind(const struct cedar_type *type, enum cedar_type_kind kind) {
    return type != NULL && type->kind == kind;
}

static bool is_boolean(const struct cedar_type *type) {
    return is_kind(type, CEDAR_TYPE_BOOL) || is_kind(type, CEDAR_TYPE_TRUE) || is_kind(type, CEDAR_TYPE_FALSE);
}

static struct cedar_outcome truth(bool is_true) {
    return outcome_of(is_true ? &cedar_type_true : &cedar_type_false, true);
}

struct cedar_outcome cedar_check_as(struct cedar_checker *checker, const struct cedar_expression *node,
                                    const struct cedar_capability *prior, const struct cedar_type *wanted,
                                    const struct cedar_type *second) {
    enum cedar_validation_mode mode = checker->report->mode;
    struct cedar_outcome outcome = cedar_check(checker, node, prior);
    if (outcome.type == NULL) outcome.is_ok = false;
    if (outcome.type == NULL || cedar_type_is_subtype(outcome.type, wanted, mode)) return outcome;
    if (second != NULL && cedar_type_is_subtype(outcome.type, second, mode)) return outcome;
    struct str saw = cedar_type_describe(checker, outcome.type), want = cedar_type_describe(checker, wanted);
    struct str other = second != NULL ? cedar_type_describe(checker, second) : STR("");
    cedar_report_add(checker->report, CEDAR_INVALID_TYPE, node->span,
                     "this is of type %.*s, and %.*s%s%.*s must stand here: correct it", STR_ARGS(saw), STR_ARGS(want),
                     second != NULL ? " or " : "", STR_ARGS(other));
    outcome.is_ok = false;
    outcome.capability = NULL;
    return outcome;
}

void cedar_check_same(struct cedar_checker *checker, const struct cedar_expression *node,
                      const struct cedar_type *left, const struct cedar_type *right, struct cedar_outcome *outcome) {
    if (checker->report->mode != CEDAR_STRICT || left == NULL || right == NULL) return;
    if (cedar_type_join(checker, left, right) != NULL) return;
    struct str a = cedar_type_describe(checker, left), b = cedar_type_describe(checker, right);
    cedar_report_add(checker->report, CEDAR_INVALID_MIX, node->span,
                     "the types %.*s and %.*s are compared here, which can never be equal: correct one side",
                     STR_ARGS(a), STR_ARGS(b));
    outcome->is_ok = false;
}

/* ---- Logic --------------------------------------------------------------------------------------------------- */

static struct cedar_outcome join_and(struct cedar_checker *checker, struct cedar_outcome left,
                                     struct cedar_outcome right) {
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, left.is_ok && right.is_ok);
    if (!is_boolean(left.type)) return outcome;
    if (is_kind(right.type, CEDAR_TYPE_FALSE)) outcome.type = right.type;
    else if (is_kind(left.type, CEDAR_TYPE_TRUE) && is_kind(right.type, CEDAR_TYPE_TRUE)) outcome.type = right.type;
    if (outcome.is_ok) outcome.capability = cedar_capability_either(checker, left.capability, right.capability);
    return outcome;
}

static struct cedar_outcome check_and(struct cedar_checker *checker, const struct cedar_expression *node,
                                      const struct cedar_capability *prior) {
    struct cedar_outcome left = cedar_check_as(checker, node->operands[0], prior, &cedar_type_bool, NULL);
    for (uint32_t i = 1; i < node->count && !is_kind(left.type, CEDAR_TYPE_FALSE); i++) {
        const struct cedar_capability *known = cedar_capability_either(checker, prior, left.capability);
        struct cedar_outcome right = cedar_check_as(checker, node->operands[i], known, &cedar_type_bool, NULL);
        left = join_and(checker, left, right);
    }
    return left;
}

static struct cedar_outcome join_or(struct cedar_checker *checker, struct cedar_outcome left,
                                    struct cedar_outcome right) {
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, left.is_ok && right.is_ok);
    if (!is_boolean(left.type)) return outcome;
    if (is_kind(right.type, CEDAR_TYPE_TRUE)) {
        outcome.type = right.type;
        outcome.capability = right.capability;
    } else if (is_kind(left.type, CEDAR_TYPE_FALSE)) {
        if (is_kind(right.type, CEDAR_TYPE_FALSE)) outcome.type = right.type;
        outcome.capability = right.capability;
    } else if (is_kind(right.type, CEDAR_TYPE_FALSE)) {
        outcome.capability = left.capability;
    } else {
        outcome.capability = cedar_capability_both(checker, left.capability, right.capability);
    }
    if (!outcome.is_ok) outcome.capability = NULL;
    return outcome;
}

static struct cedar_outcome check_or(struct cedar_checker *checker, const struct cedar_expression *node,
                                     const struct cedar_capability *prior) {
    struct cedar_outcome left = cedar_check_as(checker, node->operands[0], prior, &cedar_type_bool, NULL);
    for (uint32_t i = 1; i < node->count && !is_kind(left.type, CEDAR_TYPE_TRUE); i++) {
        left = join_or(checker, left, cedar_check_as(checker, node->operands[i], prior, &cedar_type_bool, NULL));
    }
    return left;
}

static struct cedar_outcome check_not(struct cedar_checker *checker, const struct cedar_expression *node,
                                      const struct cedar_capability *prior) {
    struct cedar_outcome inner = cedar_check_as(checker, node->operands[0], prior, &cedar_type_bool, NULL);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, inner.is_ok);
    if (is_kind(inner.type, CEDAR_TYPE_TRUE)) outcome.type = &cedar_type_false;
    if (is_kind(inner.type, CEDAR_TYPE_FALSE)) outcome.type = &cedar_type_true;
    return outcome;
}

static void refuse_mix(struct cedar_checker *checker, const struct cedar_expression *node, const char *format,
                       const struct cedar_type *left, const struct cedar_type *right) {
    struct buffer text;
    buffer_init(&text, 1u << 12);
    struct str a = cedar_type_describe(checker, left), b = cedar_type_describe(checker, right);
    buffer_append_format(&text, "the types %.*s and %.*s", STR_ARGS(a), STR_ARGS(b));
    cedar_report_add(checker->report, CEDAR_INVALID_MIX, node->span, "%.*s %s", STR_ARGS(buffer_view(&text)), format);
    buffer_free(&text);
}

/* Both branches can be reached. */
static struct cedar_outcome check_branches(struct cedar_checker *checker, const struct cedar_expression *node,
                                           const struct cedar_capability *prior, struct cedar_outcome test) {
    const struct cedar_capability *known = cedar_capability_either(checker, prior, test.capability);
    struct cedar_outcome then_side = cedar_check(checker, node->operands[1], known);
    struct cedar_outcome else_side = cedar_check(checker, node->operands[2], prior);
    struct cedar_outcome outcome = outcome_of(NULL, test.is_ok && then_side.is_ok && else_side.is_ok);
    if (then_side.type == NULL || else_side.type == NULL) return outcome_of(NULL, false);
    outcome.type = cedar_type_join(checker, then_side.type, else_side.type);
    if (outcome.type == NULL) {
        refuse_mix(checker, node, "stand behind `then` and `else`: give both branches one type", then_side.type,
                   else_side.type);
        outcome.is_ok = false;
    }
    if (!outcome.is_ok) return outcome;
    const struct cedar_capability *shown = cedar_capability_either(checker, test.capability, then_side.capability);
    outcome.capability = cedar_capability_both(checker, shown, else_side.capability);
    return outcome;
}

static struct cedar_outcome check_if(struct cedar_checker *checker, const struct cedar_expression *node,
                                     const struct cedar_capability *prior) {
    struct cedar_outcome test = cedar_check_as(checker, node->operands[0], prior, &cedar_type_bool, NULL), taken;
    if (is_kind(test.type, CEDAR_TYPE_TRUE)) {
        taken = cedar_check(checker, node->operands[1], cedar_capability_either(checker, prior, test.capability));
        taken.capability = cedar_capability_either(checker, test.capability, taken.capability);
    } else if (is_kind(test.type, CEDAR_TYPE_FALSE)) {
        taken = cedar_check(checker, node->operands[2], prior);
    } else {
        return check_branches(checker, node, prior, test);
    }
    taken.is_ok = taken.is_ok && test.is_ok;
    return taken;
}

/* ---- Relations ----------------------------------------------------------------------------------------------- */

/* A literal, or `action`, which is one in each environment. False: neither. */
static bool as_literal(const struct cedar_checker *checker, const struct cedar_expression *node,
                       struct cedar_value *value) {
    if (node->kind == CEDAR_EXPRESSION_LITERAL) {
        *value = node->value;
        return true;
    }
    if (node->kind != CEDAR_EXPRESSION_VARIABLE || node->variable != CEDAR_ACTION) return false;
    *value = cedar_entity_value(checker->action->uid);
    return true;
}

static struct cedar_outcome check_equal(struct cedar_checker *checker, const struct cedar_expression *node,
                                        const struct cedar_capability *prior) {
    struct cedar_outcome left = cedar_check(checker, node->operands[0], prior);
    struct cedar_outcome right = cedar_check(checker, node->operands[1], prior);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, left.is_ok && right.is_ok);
    struct cedar_value a, b;
    bool is_equal = false, is_known = true;
    if (as_literal(checker, node->operands[0], &a) && as_literal(checker, node->operands[1], &b)) {
        is_equal = cedar_value_equal(&a, &b);
    } else if (left.type == NULL || right.type == NULL) {
        return outcome;
    } else {
        is_known = cedar_type_are_disjoint(left.type, right.type);
    }
    if (is_known) {
        outcome.type = is_equal == (node->relation == CEDAR_EQUAL) ? &cedar_type_true : &cedar_type_false;
    } else {
        cedar_check_same(checker, node, left.type, right.type, &outcome);
    }
    return outcome;
}

static bool is_comparable(const struct cedar_type *type) {
    return type->kind == CEDAR_TYPE_LONG || type->kind == CEDAR_TYPE_DATETIME || type->kind == CEDAR_TYPE_DURATION;
}

static void refuse_comparison(struct cedar_checker *checker, const struct cedar_expression *node,
                              const struct cedar_type *type, const struct cedar_type *wanted) {
    struct str saw = cedar_type_describe(checker, type);
    struct str want = wanted != NULL ? cedar_type_describe(checker, wanted) : STR("Long, datetime or duration");
    cedar_report_add(checker->report, CEDAR_INVALID_TYPE, node->span,
                     "this is of type %.*s, and only %.*s can be compared here: correct it", STR_ARGS(saw),
                     STR_ARGS(want));
}

static struct cedar_outcome check_order(struct cedar_checker *checker, const struct cedar_expression *node,
                                        const struct cedar_capability *prior) {
    struct cedar_outcome sides[2], outcome = outcome_of(&cedar_type_bool, true);
    for (int i = 0; i < 2; i++) {
        sides[i] = cedar_check(checker, node->operands[i], prior);
        if (!sides[i].is_ok) outcome.is_ok = false;
    }
    if (sides[0].type == NULL || sides[1].type == NULL) return outcome;
    const struct cedar_type *wanted = NULL;
    if (is_comparable(sides[1].type)) wanted = sides[1].type;
    if (is_comparable(sides[0].type) && !is_kind(wanted, CEDAR_TYPE_LONG)) wanted = sides[0].type;
    for (int i = 0; i < 2; i++) {
        if (wanted != NULL && sides[i].type->kind == wanted->kind) continue;
        refuse_comparison(checker, node->operands[i], sides[i].type, wanted);
        outcome.is_ok = false;
    }
    return outcome;
}

/* Is the action at or below the one named on the right? -1: there is no such action. */
static int is_action_in(const struct cedar_checker *checker, const struct cedar_value *left,
                        const struct cedar_expression *right) {
    struct cedar_value value;
    if (!as_literal(checker, right, &value) || value.kind != CEDAR_ENTITY) return -1;
    const struct cedar_schema *schema = checker->report->schema;
    const struct cedar_schema_action *action = cedar_schema_action_of(schema, left->entity);
    const struct cedar_schema_action *group = cedar_schema_action_of(schema, value.entity);
    const struct cedar_entity_type *type = cedar_schema_entity_named(schema, value.entity->type);
    if (type != NULL && !type->is_action) return 0;
    if (action == NULL || group == NULL) return -1;
    return action == group || cedar_bit_get(action->ancestors, group->index);
}

/* `in` of an action that is known and actions that are known. NULL: of something else. */
static const struct cedar_type *type_of_action_in(const struct cedar_checker *checker,
                                                  const struct cedar_expression *node) {
    struct cedar_value left;
    if (!as_literal(checker, node->operands[0], &left) || left.kind != CEDAR_ENTITY) return NULL;
    const struct cedar_entity_type *type = cedar_schema_entity_named(checker->report->schema, left.entity->type);
    if (type == NULL || !type->is_action) return NULL;
    const struct cedar_expression *right = node->operands[1];
    bool is_set = right->kind == CEDAR_EXPRESSION_SET, is_known = true;
    uint32_t count = is_set ? right->count : 1;
    for (uint32_t i = 0; is_set && i < count; i++) {
        struct cedar_value value;
        if (!as_literal(checker, right->operands[i], &value)) return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        int is_in = is_action_in(checker, &left, is_set ? right->operands[i] : right);
        if (is_in > 0) return &cedar_type_true;
        if (is_in < 0) is_known = false;
    }
    return is_known ? &cedar_type_false : NULL;
}

/* By types: can the left be at or below the right? */
static bool may_be_in(const struct cedar_type *left, const struct cedar_type *right) {
    if (right->kind == CEDAR_TYPE_SET) {
        if (right->element == NULL) return true;
        right = right->element;
    }
    if (right->kind == CEDAR_TYPE_NEVER) return false;
    if (left->kind != CEDAR_TYPE_ENTITY || right->kind != CEDAR_TYPE_ENTITY) return true;
    for (uint32_t i = 0; i < left->count; i++) {
        for (uint32_t j = 0; j < right->count; j++) {
            if (cedar_entity_type_is_under(left->entities[i], right->entities[j])) return true;
        }
    }
    return false;
}

static const struct cedar_type set_of_entities = {.kind = CEDAR_TYPE_SET, .depth = 2, .node_count = 2,
                                                  .element = &cedar_type_any_entity};

static struct cedar_outcome check_in(struct cedar_checker *checker, const struct cedar_expression *node,
                                     const struct cedar_capability *prior) {
    struct cedar_outcome left = cedar_check_as(checker, node->operands[0], prior, &cedar_type_any_entity, NULL);
    struct cedar_outcome right =
        cedar_check_as(checker, node->operands[1], prior, &cedar_type_any_entity, &set_of_entities);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, left.is_ok && right.is_ok);
    if (!outcome.is_ok || left.type == NULL || right.type == NULL) return outcome;
    const struct cedar_type *known = type_of_action_in(checker, node);
    if (known != NULL) outcome.type = known;
    else if (!may_be_in(left.type, right.type)) outcome.type = &cedar_type_false;
    return outcome;
}

static struct cedar_outcome check_relation(struct cedar_checker *checker, const struct cedar_expression *node,
                                           const struct cedar_capability *prior) {
    if (node->relation == CEDAR_EQUAL || node->relation == CEDAR_NOT_EQUAL) return check_equal(checker, node, prior);
    return node->relation == CEDAR_IN ? check_in(checker, node, prior) : check_order(checker, node, prior);
}

static struct cedar_outcome check_is(struct cedar_checker *checker, const struct cedar_expression *node,
                                     const struct cedar_capability *prior) {
    struct cedar_outcome inner = cedar_check_as(checker, node->operands[0], prior, &cedar_type_any_entity, NULL);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, inner.is_ok);
    if (is_kind(inner.type, CEDAR_TYPE_ENTITY)) {
        const struct cedar_entity_type *wanted = cedar_schema_entity_named(checker->report->schema, node->name);
        bool is_among = false;
        for (uint32_t i = 0; i < inner.type->count; i++) is_among = is_among || inner.type->entities[i] == wanted;
        if (!is_among) outcome.type = &cedar_type_false;
        else if (inner.type->count == 1) outcome.type = &cedar_type_true;
    }
    if (node->count < 2 || is_kind(outcome.type, CEDAR_TYPE_FALSE)) return outcome;
    return join_and(checker, outcome, check_in(checker, node, prior));
}

/* ---- Attributes ---------------------------------------------------------------------------------------------- */

static struct cedar_outcome check_has_one(struct cedar_checker *checker, const struct cedar_expression *base,
                                          struct str name, const struct cedar_capability *prior) {
    struct cedar_outcome inner =
        cedar_check_as(checker, base, prior, &cedar_type_any_entity, &cedar_type_any_record);
    struct cedar_outcome outcome = outcome_of(&cedar_type_bool, inner.is_ok);
    if (inner.type == NULL) return outcome;
    bool is_required, may_have;
    const struct cedar_type *found = cedar_type_attribute(checker, inner.type, name, &is_required, &may_have);
    if (found == NULL) {
        if (!may_have) outcome.type = &cedar_type_false;
        return outcome;
    }
    bool is_sure = is_required && inner.type->kind == CEDAR_TYPE_RECORD; /* an entity may not be in the store */
    if (is_sure || cedar_capability_has(checker, prior, base, name, NULL)) outcome.type = &cedar_type_true;
    if (outcome.is_ok) outcome.capability = cedar_capability_make(checker, base, name, NULL);
    return outcome;
}

/* base.name, for the steps of `has a.b.c`. */
static const struct cedar_expression *step_to(struct cedar_checker *checker, const struct cedar_expression *base,
                                              struct str name) {
    struct cedar_expression *step = ARENA_NEW(checker->scratch, struct cedar_expression);
    struct cedar_expression **operands = ARENA_NEW(checker->scratch, struct cedar_expression *);
    union { const struct cedar_expression *borrowed; struct cedar_expression *operand; } inner = {.borrowed = base};
    if (step == NULL || operands == NULL) {
        checker->report->has_failed = true;
        return NULL;
    }
    operands[0] = inner.operand;
    *step = (struct cedar_expression){.kind = CEDAR_EXPRESSION_ATTRIBUTE, .span = base->span, .count = 1, .name = name,
                                      .operands = operands};
    return step;
}

/* `e has a.b.c` is `e has a && e.a has b && e.a.b has c`. */
static struct cedar_outcome check_has(struct cedar_checker *checker, const struct cedar_expression *node,
                                      const struct cedar_capability *prior) {
    const struct cedar_expression *base = node->operands[0];
    struct cedar_outcome left = check_has_one(checker, base, node->names[0], prior);
    for (uint32_t i = 1; i < node->name_count && !is_kind(left.type, CEDAR_TYPE_FALSE); i++) {
        base = step_to(checker, base, node->names[i - 1]);
        if (base == NULL) return outcome_of(NULL, false);
        const struct cedar_capability *known = cedar_capability_either(checker, prior, left.capability);
        left = join_and(checker, left, check_has_one(checker, base, node->names[i], known));
    }
    return left;
}

static struct cedar_outcome check_attribute(struct cedar_checker *checker, const struct cedar_expression *node,
                                            const struct cedar_capability *prior) {
    const struct cedar_expression *base = node->operands[0];
    struct cedar_outcome inner =
        cedar_check_as(checker, base, prior, &cedar_type_any_entity, &cedar_type_any_record);
    bool is_required, may_have;
    if (inner.type == NULL) return outcome_of(NULL, false);
    if (inner.type->kind != CEDAR_TYPE_ENTITY && inner.type->kind != CEDAR_TYPE_RECORD) return outcome_of(NULL, false);
    const struct cedar_type *found = cedar_type_attribute(checker, inner.type, node->name, &is_required, &may_have);
    struct str owner = cedar_type_describe(checker, inner.type), name = str_slice(node->name, 0, 60);
    if (found == NULL) {
        cedar_report_add(checker->report, CEDAR_INVALID_ATTRIBUTE, node->span,
                         "%.*s has no attribute `%.*s`: correct the name, or declare it in the schema", STR_ARGS(owner),
                         STR_ARGS(name));
        return outcome_of(NULL, false);
    }
    if (!is_required && !cedar_capability_has(checker, prior, base, node->name, NULL)) {
        cedar_report_add(checker->report, CEDAR_INVALID_OPTIONAL, node->span,
                         "the attribute `%.*s` of %.*s is optional: test it first, with `has` and `&&`", STR_ARGS(name),
                         STR_ARGS(owner));
        return outcome_of(found, false);
    }
    return outcome_of(found, inner.is_ok);
}

/* ---- The rest ------------------------------------------------------------------------------------------------ */

static struct cedar_outcome check_set(struct cedar_checker *checker, const struct cedar_expression *node,
                                      const struct cedar_capability *prior) {
    const struct cedar_type *joined = &cedar_type_never;
    bool is_ok = true, is_known = true;
    for (uint32_t i = 0; i < node->count; i++) {
        struct cedar_outcome member = cedar_check(checker, node->operands[i], prior);
        is_ok = is_ok && member.is_ok;
        if (member.type == NULL) is_known = false;
        if (!is_known || joined == NULL) continue;
        const struct cedar_type *before = joined;
        joined = cedar_type_join(checker, joined, member.type);
        if (joined != NULL) continue;
        refuse_mix(checker, node, "stand in one set: give its members one type", before, member.type);
        is_ok = false;
    }
    if (!is_known || joined == NULL) return outcome_of(NULL, false);
    if (node->count == 0 && checker->report->mode == CEDAR_STRICT) {
        cedar_report_add(checker->report, CEDAR_INVALID_EMPTY_SET, node->span,
                         "an empty set has no type of its members: use isEmpty(), or name a member");
        return outcome_of(NULL, false);
    }
    struct cedar_type *type = ARENA_NEW(checker->scratch, struct cedar_type);
    if (type == NULL) checker->report->has_failed = true;
    else *type = (struct cedar_type){.kind = CEDAR_TYPE_SET, .depth = 2, .node_count = 2, .element = joined};
    return outcome_of(type, is_ok);
}

static int compare_fields(const void *a, const void *b) {
    return cedar_name_compare(((const struct cedar_type_field *)a)->name, ((const struct cedar_type_field *)b)->name);
}

static struct cedar_outcome check_record(struct cedar_checker *checker, const struct cedar_expression *node,
                                         const struct cedar_capability *prior) {
    struct cedar_type *type = ARENA_NEW(checker->scratch, struct cedar_type);
    struct cedar_type_field *fields = ARENA_NEW_ARRAY(checker->scratch, struct cedar_type_field, node->count);
    bool is_ok = true, is_known = true;
    if (type == NULL || fields == NULL) {
        checker->report->has_failed = true;
        return outcome_of(NULL, false);
    }
    for (uint32_t i = 0; i < node->count; i++) {
        struct cedar_outcome member = cedar_check(checker, node->operands[i], prior);
        is_ok = is_ok && member.is_ok;
        is_known = is_known && member.type != NULL;
        fields[i] = (struct cedar_type_field){node->names[i], member.type, true};
    }
    if (!is_known) return outcome_of(NULL, false);
    if (node->count > 1) qsort(fields, node->count, sizeof(*fields), compare_fields);
    *type = (struct cedar_type){.kind = CEDAR_TYPE_RECORD, .depth = 1, .count = node->count, .node_count = 1,
                                .fields = fields};
    return outcome_of(type, is_ok);
}

static struct cedar_outcome check_numbers(struct cedar_checker *checker, const struct cedar_expression *node,
                                          const struct cedar_capability *prior) {
    bool is_ok = true;
    for (uint32_t i = 0; i < node->count; i++) {
        if (!cedar_check_as(checker, node->operands[i], prior, &cedar_type_long, NULL).is_ok) is_ok = false;
    }
    return outcome_of(&cedar_type_long, is_ok);
}

static struct cedar_outcome check_literal(const struct cedar_checker *checker, const struct cedar_expression *node) {
    switch (node->value.kind) {
    case CEDAR_BOOL: return truth(node->value.boolean);
    case CEDAR_LONG: return outcome_of(&cedar_type_long, true);
    case CEDAR_STRING: return outcome_of(&cedar_type_string, true);
    default: break;
    }
    const struct cedar_entity_type *type =
        cedar_schema_entity_named(checker->report->schema, node->value.entity->type);
    bool is_there = type != NULL &&
                    (!type->is_action || cedar_schema_action_of(checker->report->schema, node->value.entity) != NULL);
    return is_there ? outcome_of(type->self, true) : outcome_of(NULL, false);
}

static struct cedar_outcome check_variable(const struct cedar_checker *checker, const struct cedar_expression *node) {
    switch ((enum cedar_variable)node->variable) {
    case CEDAR_PRINCIPAL: return outcome_of(checker->principal, true);
    case CEDAR_ACTION: return outcome_of(checker->action->type->self, true);
    case CEDAR_RESOURCE: return outcome_of(checker->resource, true);
    default: return outcome_of(checker->action->context_type, true);
    }
}

/* Recursion: expressions are at most CEDAR_DEPTH_MAX deep. */
struct cedar_outcome cedar_check(struct cedar_checker *checker, const struct cedar_expression *node,
                                 const struct cedar_capability *prior) {
    if (!cedar_report_step(checker->report)) return outcome_of(NULL, false);
    switch ((enum cedar_expression_kind)node->kind) {
    case CEDAR_EXPRESSION_LITERAL: return check_literal(checker, node);
    case CEDAR_EXPRESSION_VARIABLE: return check_variable(checker, node);
    case CEDAR_EXPRESSION_NOT: return check_not(checker, node, prior);
    case CEDAR_EXPRESSION_OR: return check_or(checker, node, prior);
    case CEDAR_EXPRESSION_AND: return check_and(checker, node, prior);
    case CEDAR_EXPRESSION_NEGATE:
    case CEDAR_EXPRESSION_SUM:
    case CEDAR_EXPRESSION_PRODUCT: return check_numbers(checker, node, prior);
    case CEDAR_EXPRESSION_IF: return check_if(checker, node, prior);
    case CEDAR_EXPRESSION_RELATION: return check_relation(checker, node, prior);
    case CEDAR_EXPRESSION_HAS: return check_has(checker, node, prior);
    case CEDAR_EXPRESSION_LIKE:
        return outcome_of(&cedar_type_bool,
                          cedar_check_as(checker, node->operands[0], prior, &cedar_type_string, NULL).is_ok);
    case CEDAR_EXPRESSION_IS: return check_is(checker, node, prior);
    case CEDAR_EXPRESSION_ATTRIBUTE: return check_attribute(checker, node, prior);
    case CEDAR_EXPRESSION_CALL: return cedar_check_call(checker, node, prior);
    case CEDAR_EXPRESSION_SET: return check_set(checker, node, prior);
    case CEDAR_EXPRESSION_RECORD: return check_record(checker, node, prior);
    }
    return outcome_of(NULL, false);
}
