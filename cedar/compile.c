/* From the syntax tree to nodes that evaluate without memory of their own: constants folded, names sorted.
 *
 * Folding never changes what a policy does: only an expression of constants that evaluates without failure becomes a
 * constant; one that fails stays as it is, and fails when it is reached. */
#include "cedar/compile.h"

#include "cedar/eval.h"

void cedar_compiler_init(struct cedar_compiler *compiler, struct arena *arena) {
    compiler->arena = arena;
    map_init(&compiler->names);
    map_init(&compiler->uids);
}

void cedar_compiler_free(struct cedar_compiler *compiler) {
    map_free(&compiler->names);
    map_free(&compiler->uids);
}

static int share_name(struct cedar_compiler *compiler, struct str from, struct str *to) {
    struct str *shared = map_get(&compiler->names, from);
    if (shared == NULL) {
        shared = ARENA_NEW(compiler->arena, struct str);
        if (shared == NULL) return -1;
        *shared = arena_copy(compiler->arena, from);
        if (shared->data == NULL || map_set(&compiler->names, *shared, shared) != 0) return -1;
    }
    *to = *shared;
    return 0;
}

static int share_uid(struct cedar_compiler *compiler, const struct cedar_uid *from, const struct cedar_uid **to) {
    const struct cedar_uid *found = map_get(&compiler->uids, str_make(&from->hash, sizeof(from->hash)));
    if (found != NULL && cedar_uid_equal(found, from)) {
        *to = found;
        return 0;
    }
    struct cedar_uid *made = ARENA_NEW(compiler->arena, struct cedar_uid);
    if (made == NULL || share_name(compiler, from->type, &made->type) != 0) return -1;
    made->id = arena_copy(compiler->arena, from->id);
    made->hash = from->hash;
    *to = made;
    if (made->id.data == NULL) return -1;
    return found != NULL ? 0 : map_set(&compiler->uids, str_make(&made->hash, sizeof(made->hash)), made);
}

static int compile_node(struct cedar_compiler *compiler, const struct cedar_expression *from, struct cedar_node *to);

static int compile_items(struct cedar_compiler *compiler, const struct cedar_expression *from, struct cedar_node *to) {
    if (from->count == 0) return 0;
    struct cedar_node *items = ARENA_NEW_ARRAY(compiler->arena, struct cedar_node, from->count);
    if (items == NULL) return -1;
    to->items = items;
    to->count = from->count;
    for (uint32_t i = 0; i < from->count; i++) {
        if (compile_node(compiler, from->operands[i], &items[i]) != 0) return -1;
    }
    return 0;
}

struct key {
    struct str name;
    const struct cedar_expression *value;
};

static int compare_keys(const void *a, const void *b) {
    return cedar_name_compare(((const struct key *)a)->name, ((const struct key *)b)->name);
}

/* A record's items in the order of their names, so that evaluating it needs no sorting. */
static int compile_record(struct cedar_compiler *compiler, const struct cedar_expression *from, struct cedar_node *to) {
    struct key *keys = ARENA_NEW_ARRAY(compiler->arena, struct key, from->count);
    struct str *names = ARENA_NEW_ARRAY(compiler->arena, struct str, from->count);
    struct cedar_node *items = ARENA_NEW_ARRAY(compiler->arena, struct cedar_node, from->count);
    if (keys == NULL || names == NULL || items == NULL) return -1;
    for (uint32_t i = 0; i < from->count; i++) keys[i] = (struct key){from->names[i], from->operands[i]};
    if (from->count > 1) qsort(keys, from->count, sizeof(*keys), compare_keys);
    for (uint32_t i = 0; i < from->count; i++) {
        names[i] = keys[i].name;
        if (compile_node(compiler, keys[i].value, &items[i]) != 0) return -1;
    }
    to->operation = CEDAR_DO_RECORD;
    to->items = items;
    to->count = from->count;
    to->names = names;
    return 0;
}

/* Evaluates a node whose items are all constants, and keeps the result if there is one. */
static int fold(struct cedar_compiler *compiler, struct cedar_node *node) {
    if (node->operation == CEDAR_DO_CONSTANT || node->operation == CEDAR_DO_VARIABLE) return 0;
    if (node->operation == CEDAR_DO_CONTEXT_ATTRIBUTE) return 0;
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->items[i].operation != CEDAR_DO_CONSTANT) return 0;
    }
    if (node->operation == CEDAR_DO_IN || node->operation == CEDAR_DO_IS || node->operation == CEDAR_DO_HAS ||
        node->operation == CEDAR_DO_ATTRIBUTE) return 0; /* depend on the entities */
    if (node->operation == CEDAR_DO_CALL && (node->detail == CEDAR_GET_TAG || node->detail == CEDAR_HAS_TAG)) return 0;
    struct cedar_value value;
    struct cedar_evaluation evaluation = {.arena = compiler->arena};
    if (cedar_evaluate(&evaluation, node, &value) != 0) return evaluation.code == CEDAR_MEMORY ? -1 : 0;
    node->operation = CEDAR_DO_CONSTANT;
    node->value = value;
    node->items = NULL;
    node->count = 0;
    return 0;
}

static const uint8_t operations[] = {
    [CEDAR_EXPRESSION_LITERAL] = CEDAR_DO_CONSTANT,   [CEDAR_EXPRESSION_VARIABLE] = CEDAR_DO_VARIABLE,
    [CEDAR_EXPRESSION_NOT] = CEDAR_DO_NOT,            [CEDAR_EXPRESSION_NEGATE] = CEDAR_DO_NEGATE,
    [CEDAR_EXPRESSION_OR] = CEDAR_DO_OR,              [CEDAR_EXPRESSION_AND] = CEDAR_DO_AND,
    [CEDAR_EXPRESSION_SUM] = CEDAR_DO_SUM,            [CEDAR_EXPRESSION_PRODUCT] = CEDAR_DO_PRODUCT,
    [CEDAR_EXPRESSION_IF] = CEDAR_DO_IF,              [CEDAR_EXPRESSION_RELATION] = CEDAR_DO_RELATION,
    [CEDAR_EXPRESSION_HAS] = CEDAR_DO_HAS,            [CEDAR_EXPRESSION_LIKE] = CEDAR_DO_LIKE,
    [CEDAR_EXPRESSION_IS] = CEDAR_DO_IS,              [CEDAR_EXPRESSION_ATTRIBUTE] = CEDAR_DO_ATTRIBUTE,
    [CEDAR_EXPRESSION_CALL] = CEDAR_DO_CALL,          [CEDAR_EXPRESSION_SET] = CEDAR_DO_SET,
    [CEDAR_EXPRESSION_RECORD] = CEDAR_DO_RECORD,
};

/* What the operation needs beside its items. */
static int compile_detail(struct cedar_compiler *compiler, const struct cedar_expression *from, struct cedar_node *to) {
    switch (from->kind) {
    case CEDAR_EXPRESSION_LITERAL:
        to->value = from->value;
        return to->value.kind == CEDAR_ENTITY ? share_uid(compiler, from->value.entity, &to->value.entity) : 0;
    case CEDAR_EXPRESSION_VARIABLE: to->detail = from->variable; break;
    case CEDAR_EXPRESSION_RELATION:
        to->detail = from->relation;
        if (from->relation == CEDAR_IN) to->operation = CEDAR_DO_IN;
        break;
    case CEDAR_EXPRESSION_SUM: to->value.string = str_make(from->operators, from->count - 1); break;
    case CEDAR_EXPRESSION_HAS:
        to->names = from->names;
        to->name_count = (uint16_t)from->name_count;
        break;
    case CEDAR_EXPRESSION_LIKE: to->pattern = from->pattern; break;
    case CEDAR_EXPRESSION_CALL: to->detail = from->function; break;
    case CEDAR_EXPRESSION_ATTRIBUTE:
        if (from->operands[0]->kind == CEDAR_EXPRESSION_VARIABLE && from->operands[0]->variable == CEDAR_CONTEXT) {
            to->operation = CEDAR_DO_CONTEXT_ATTRIBUTE;
        }
        return share_name(compiler, from->name, &to->value.string);
    case CEDAR_EXPRESSION_IS: return share_name(compiler, from->name, &to->value.string);
    default: break;
    }
    return 0;
}

/* Recursion: trees are at most CEDAR_DEPTH_MAX deep. */
static int compile_node(struct cedar_compiler *compiler, const struct cedar_expression *from, struct cedar_node *to) {
    to->span = from->span;
    to->operation = operations[from->kind];
    if (from->kind == CEDAR_EXPRESSION_RECORD) {
        if (compile_record(compiler, from, to) != 0) return -1;
    } else if (compile_items(compiler, from, to) != 0) {
        return -1;
    }
    if (compile_detail(compiler, from, to) != 0) return -1;
    return fold(compiler, to);
}

static int compile_test(struct cedar_compiler *compiler, const struct cedar_scope *scope,
                        const struct cedar_uid *slot_value, struct cedar_test *test) {
    *test = (struct cedar_test){.kind = scope->kind, .count = scope->has_slot ? 1 : scope->count};
    if (scope->type.length > 0 && share_name(compiler, scope->type, &test->type) != 0) return -1;
    if (test->count == 0) return 0;
    const struct cedar_uid **entities = ARENA_NEW_ARRAY(compiler->arena, const struct cedar_uid *, test->count);
    if (entities == NULL) return -1;
    test->entities = entities;
    for (uint32_t i = 0; i < test->count; i++) {
        const struct cedar_uid *from = scope->has_slot ? slot_value : scope->entities[i];
        if (share_uid(compiler, from, &entities[i]) != 0) return -1;
    }
    return 0;
}

int cedar_compile_policy(struct cedar_compiler *compiler, const struct cedar_policy *policy,
                         struct cedar_compiled *compiled) {
    const struct cedar_statement *statement = policy->statement;
    *compiled = (struct cedar_compiled){.policy = policy, .effect = statement->effect};
    if (compile_test(compiler, &statement->principal, policy->principal, &compiled->principal) != 0) return -1;
    if (compile_test(compiler, &statement->action, NULL, &compiled->action) != 0) return -1;
    if (compile_test(compiler, &statement->resource, policy->resource, &compiled->resource) != 0) return -1;
    struct cedar_node *conditions = ARENA_NEW_ARRAY(compiler->arena, struct cedar_node, statement->condition_count);
    if (conditions == NULL) return -1;
    compiled->conditions = conditions;
    compiled->condition_count = statement->condition_count;
    for (uint32_t i = 0; i < statement->condition_count; i++) {
        const struct cedar_condition *from = &statement->conditions[i];
        struct cedar_expression negation = {.kind = CEDAR_EXPRESSION_NOT, .count = 1, .span = from->body->span};
        struct cedar_expression *operand = from->body;
        negation.operands = &operand;
        if (compile_node(compiler, from->is_unless ? &negation : from->body, &conditions[i]) != 0) return -1;
    }
    return 0;
}
