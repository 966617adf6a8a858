/* What a policy names, and whom its scope is for. */
#include "cedar/problem.h"
#include "cedar/validate.h"

/* Types of actions are known in every namespace. */
static void check_type_name(struct cedar_report *report, struct str type, struct cedar_span span) {
    if (cedar_is_action_type(type) || cedar_schema_entity_named(report->schema, type) != NULL) return;
    cedar_report_add(report, CEDAR_INVALID_ENTITY_TYPE, span,
                     "the schema has no entity type `%.*s`: correct the name, or declare it",
                     STR_ARGS(str_slice(type, 0, 100)));
}

static void check_uid(struct cedar_report *report, const struct cedar_uid *uid, struct cedar_span span) {
    struct str id = str_slice(uid->id, 0, 100);
    if (cedar_is_action_type(uid->type)) {
        if (cedar_schema_action_of(report->schema, uid) != NULL) return;
        cedar_report_add(report, CEDAR_INVALID_ACTION, span,
                         "the schema has no action `%.*s`: correct the name, or declare it", STR_ARGS(id));
        return;
    }
    check_type_name(report, uid->type, span);
    const struct cedar_entity_type *type = cedar_schema_entity_named(report->schema, uid->type);
    if (type == NULL || cedar_entity_type_has_id(type, uid->id)) return;
    cedar_report_add(report, CEDAR_INVALID_ID, span,
                     "`%.*s` is none of the ids that the schema lists for this type: correct it, or add it there",
                     STR_ARGS(id));
}

/* Recursion: expressions are at most CEDAR_DEPTH_MAX deep. */
static void check_expression(struct cedar_report *report, const struct cedar_expression *node) {
    if (!cedar_report_step(report)) return;
    if (node->kind == CEDAR_EXPRESSION_LITERAL && node->value.kind == CEDAR_ENTITY) {
        check_uid(report, node->value.entity, node->span);
    }
    if (node->kind == CEDAR_EXPRESSION_IS) check_type_name(report, node->name, node->span);
    for (uint32_t i = 0; i < node->count; i++) check_expression(report, node->operands[i]);
}

static void check_scope_names(struct cedar_report *report, const struct cedar_scope *scope) {
    if (scope->kind == CEDAR_SCOPE_IS || scope->kind == CEDAR_SCOPE_IS_IN) {
        check_type_name(report, scope->type, scope->span);
    }
    for (uint32_t i = 0; i < scope->count; i++) check_uid(report, scope->entities[i], scope->span);
}

void cedar_check_names(struct cedar_report *report, const struct cedar_policy *policy) {
    const struct cedar_statement *statement = policy->statement;
    if (policy->link_of != NULL) {
        if (policy->principal != NULL) check_uid(report, policy->principal, statement->principal.span);
        if (policy->resource != NULL) check_uid(report, policy->resource, statement->resource.span);
        return;
    }
    check_scope_names(report, &statement->principal);
    check_scope_names(report, &statement->action);
    check_scope_names(report, &statement->resource);
    for (uint32_t i = 0; i < statement->condition_count; i++) check_expression(report, statement->conditions[i].body);
}

/* ---- Application --------------------------------------------------------------------------------------------- */

static bool is_action_meant(const struct cedar_report *report, const struct cedar_scope *scope,
                            const struct cedar_schema_action *action) {
    if (scope->kind == CEDAR_SCOPE_ANY) return true;
    bool is_meant = false;
    for (uint32_t i = 0; i < scope->count; i++) {
        const struct cedar_schema_action *named = cedar_schema_action_of(report->schema, scope->entities[i]);
        if (named == NULL) return false; /* a list with an action that is not declared applies to none */
        bool is_under = scope->kind != CEDAR_SCOPE_EQUAL && cedar_bit_get(action->ancestors, named->index);
        is_meant = is_meant || named == action || is_under;
    }
    return is_meant;
}

static bool is_type_meant(const struct cedar_report *report, const struct cedar_scope *scope,
                          const struct cedar_uid *slot_value, const struct cedar_entity_type *type) {
    bool has_type = scope->kind == CEDAR_SCOPE_IS || scope->kind == CEDAR_SCOPE_IS_IN;
    if (has_type && !str_equal(scope->type, type->full_name)) return false;
    if (scope->kind == CEDAR_SCOPE_ANY || scope->kind == CEDAR_SCOPE_IS) return true;
    const struct cedar_uid *uid = scope->has_slot ? slot_value : scope->entities[0];
    if (uid == NULL) return true;
    const struct cedar_entity_type *named = cedar_schema_entity_named(report->schema, uid->type);
    if (named == NULL) return false;
    return scope->kind == CEDAR_SCOPE_EQUAL ? named == type : cedar_entity_type_is_under(type, named);
}

static bool is_any_meant(const struct cedar_report *report, const struct cedar_scope *scope,
                         const struct cedar_uid *slot_value, const struct cedar_list *types) {
    for (uint32_t i = 0; i < types->count; i++) {
        if (is_type_meant(report, scope, slot_value, types->items[i])) return true;
    }
    return false;
}

void cedar_check_scope(struct cedar_report *report, const struct cedar_policy *policy) {
    const struct cedar_statement *statement = policy->statement;
    for (uint32_t i = 0; i < report->schema->all_actions.count; i++) {
        const struct cedar_schema_action *action = report->schema->all_actions.items[i];
        if (!cedar_report_step(report)) return;
        if (is_action_meant(report, &statement->action, action) &&
            is_any_meant(report, &statement->principal, policy->principal, &action->principal_types) &&
            is_any_meant(report, &statement->resource, policy->resource, &action->resource_types)) {
            return;
        }
    }
    struct cedar_span span = {statement->principal.span.start, statement->resource.span.end};
    cedar_report_add(report, CEDAR_INVALID_SCOPE, span,
                     "no action of the schema applies to such a principal and resource: correct the scope");
}

/* ---- The condition ------------------------------------------------------------------------------------------- */

static struct cedar_expression *make(struct arena *arena, enum cedar_expression_kind kind, struct cedar_span span,
                                     uint32_t count) {
    struct cedar_expression *node = ARENA_NEW(arena, struct cedar_expression);
    if (node == NULL) return NULL;
    *node = (struct cedar_expression){.kind = (uint8_t)kind, .span = span, .count = count};
    node->operands = ARENA_NEW_ARRAY(arena, struct cedar_expression *, count);
    return node->operands != NULL ? node : NULL;
}

static struct cedar_expression *make_variable(struct arena *arena, const struct cedar_scope *scope,
                                              enum cedar_variable variable) {
    struct cedar_expression *node = make(arena, CEDAR_EXPRESSION_VARIABLE, scope->span, 0);
    if (node != NULL) node->variable = (uint8_t)variable;
    return node;
}

static struct cedar_expression *make_literal(struct arena *arena, struct cedar_span span, struct cedar_value value) {
    struct cedar_expression *node = make(arena, CEDAR_EXPRESSION_LITERAL, span, 0);
    if (node != NULL) node->value = value;
    return node;
}

/* The right side of `==` and `in`. A slot stands for an entity of a type that fits: the variable's own. */
static struct cedar_expression *make_target(struct arena *arena, const struct cedar_scope *scope,
                                            enum cedar_variable variable) {
    if (scope->has_slot) return make_variable(arena, scope, variable);
    if (scope->kind != CEDAR_SCOPE_IN_LIST) {
        return make_literal(arena, scope->span, cedar_entity_value(scope->entities[0]));
    }
    struct cedar_expression *set = make(arena, CEDAR_EXPRESSION_SET, scope->span, scope->count);
    for (uint32_t i = 0; set != NULL && i < scope->count; i++) {
        set->operands[i] = make_literal(arena, scope->span, cedar_entity_value(scope->entities[i]));
        if (set->operands[i] == NULL) return NULL;
    }
    return set;
}

static struct cedar_expression *make_scope(struct arena *arena, const struct cedar_scope *scope,
                                           enum cedar_variable variable) {
    bool has_type = scope->kind == CEDAR_SCOPE_IS || scope->kind == CEDAR_SCOPE_IS_IN;
    if (scope->kind == CEDAR_SCOPE_ANY) return make_literal(arena, scope->span, cedar_bool(true));
    uint32_t count = scope->kind == CEDAR_SCOPE_IS ? 1 : 2;
    struct cedar_expression *node =
        make(arena, has_type ? CEDAR_EXPRESSION_IS : CEDAR_EXPRESSION_RELATION, scope->span, count);
    if (node == NULL) return NULL;
    node->name = scope->type;
    node->relation = scope->kind == CEDAR_SCOPE_EQUAL ? CEDAR_EQUAL : CEDAR_IN;
    node->operands[0] = make_variable(arena, scope, variable);
    if (count == 2) node->operands[1] = make_target(arena, scope, variable);
    return node->operands[0] != NULL && node->operands[count - 1] != NULL ? node : NULL;
}

static struct cedar_expression *make_condition(struct arena *arena, const struct cedar_condition *condition) {
    if (!condition->is_unless) return condition->body;
    struct cedar_expression *node = make(arena, CEDAR_EXPRESSION_NOT, condition->span, 1);
    if (node != NULL) node->operands[0] = condition->body;
    return node;
}

/* All conditions, as one: what is impossible is told by this grouping. NULL: memory is out. */
static struct cedar_expression *make_conditions(struct arena *arena, const struct cedar_statement *statement) {
    uint32_t count = statement->condition_count;
    if (count == 0) return make_literal(arena, statement->span, cedar_bool(true));
    if (count == 1) return make_condition(arena, &statement->conditions[0]);
    struct cedar_expression *all = make(arena, CEDAR_EXPRESSION_AND, statement->span, count);
    for (uint32_t i = 0; all != NULL && i < count; i++) {
        all->operands[i] = make_condition(arena, &statement->conditions[i]);
        if (all->operands[i] == NULL) return NULL;
    }
    return all;
}

const struct cedar_expression *cedar_condition_make(struct arena *arena, const struct cedar_statement *statement) {
    struct cedar_expression *all = make(arena, CEDAR_EXPRESSION_AND, statement->span, 4);
    if (all == NULL) return NULL;
    all->operands[0] = make_scope(arena, &statement->principal, CEDAR_PRINCIPAL);
    all->operands[1] = make_scope(arena, &statement->action, CEDAR_ACTION);
    all->operands[2] = make_scope(arena, &statement->resource, CEDAR_RESOURCE);
    all->operands[3] = make_conditions(arena, statement);
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->operands[i] == NULL) return NULL;
    }
    return all;
}
