/* The evaluator. One small function an operation keeps the frames of the recursion small: CEDAR_DEPTH_MAX levels fit a
 * stack of 64 KiB. */
#include "cedar/eval.h"

#define ARGUMENTS_DIRECT 3u /* more than any function takes */

typedef int evaluate_function(struct cedar_evaluation *evaluation, const struct cedar_node *node,
                              struct cedar_value *value);

static const struct cedar_record empty_record = {0};

static int fail(struct cedar_evaluation *evaluation, const struct cedar_node *node, enum cedar_code code) {
    evaluation->code = code;
    evaluation->span = node->span;
    return -1;
}

static int evaluate_kind(struct cedar_evaluation *evaluation, const struct cedar_node *node, enum cedar_kind kind,
                         struct cedar_value *value) {
    if (cedar_evaluate(evaluation, node, value) != 0) return -1;
    return value->kind == kind ? 0 : fail(evaluation, node, CEDAR_FAILED_TYPE);
}

static int do_constant(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    (void)evaluation;
    *value = node->value;
    return 0;
}

static int do_variable(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    const struct cedar_request *request = evaluation->request;
    switch (node->detail) {
    case CEDAR_PRINCIPAL: *value = cedar_entity_value(request->principal); break;
    case CEDAR_ACTION: *value = cedar_entity_value(request->action); break;
    case CEDAR_RESOURCE: *value = cedar_entity_value(request->resource); break;
    default: *value = cedar_record_value(request->context != NULL ? request->context : &empty_record);
    }
    return 0;
}

static const struct cedar_entity *find_entity(const struct cedar_evaluation *evaluation, const struct cedar_uid *uid) {
    if (uid == evaluation->request->principal) return evaluation->variables[CEDAR_PRINCIPAL];
    if (uid == evaluation->request->resource) return evaluation->variables[CEDAR_RESOURCE];
    if (uid == evaluation->request->action) return evaluation->variables[CEDAR_ACTION];
    return cedar_entities_find(evaluation->entities, uid);
}

/* The record whose fields the value has: its own, or the entity's attributes (NULL: no such entity). */
static int find_fields(struct cedar_evaluation *evaluation, const struct cedar_node *node,
                       const struct cedar_value *value, const struct cedar_record **fields, bool *is_missing) {
    *is_missing = false;
    if (value->kind == CEDAR_RECORD) {
        *fields = value->record;
        return 0;
    }
    if (value->kind != CEDAR_ENTITY) return fail(evaluation, node, CEDAR_FAILED_TYPE);
    const struct cedar_entity *entity = find_entity(evaluation, value->entity);
    *is_missing = entity == NULL;
    *fields = entity != NULL ? entity->attributes : NULL;
    return 0;
}

static int do_attribute(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    const struct cedar_record *fields;
    bool is_missing;
    if (cedar_evaluate(evaluation, node->items, value) != 0) return -1;
    if (find_fields(evaluation, node->items, value, &fields, &is_missing) != 0) return -1;
    if (is_missing) return fail(evaluation, node->items, CEDAR_FAILED_NO_ENTITY);
    const struct cedar_value *found = cedar_record_get(fields, node->value.string);
    if (found == NULL) return fail(evaluation, node, CEDAR_FAILED_NO_ATTRIBUTE);
    *value = *found;
    return 0;
}

static int do_context_attribute(struct cedar_evaluation *evaluation, const struct cedar_node *node,
                                struct cedar_value *value) {
    const struct cedar_value *found = cedar_record_get(evaluation->request->context, node->value.string);
    if (found == NULL) return fail(evaluation, node, CEDAR_FAILED_NO_ATTRIBUTE);
    *value = *found;
    return 0;
}

static int do_not(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (evaluate_kind(evaluation, node->items, CEDAR_BOOL, value) != 0) return -1;
    value->boolean = !value->boolean;
    return 0;
}

static int do_negate(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (evaluate_kind(evaluation, node->items, CEDAR_LONG, value) != 0) return -1;
    if (__builtin_sub_overflow(0, value->number, &value->number)) return fail(evaluation, node, CEDAR_FAILED_OVERFLOW);
    return 0;
}

static int do_and(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    for (uint32_t i = 0; i < node->count; i++) {
        if (evaluate_kind(evaluation, &node->items[i], CEDAR_BOOL, value) != 0) return -1;
        if (!value->boolean) return 0;
    }
    return 0;
}

static int do_or(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    for (uint32_t i = 0; i < node->count; i++) {
        if (evaluate_kind(evaluation, &node->items[i], CEDAR_BOOL, value) != 0) return -1;
        if (value->boolean) return 0;
    }
    return 0;
}

static int do_if(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (evaluate_kind(evaluation, &node->items[0], CEDAR_BOOL, value) != 0) return -1;
    return cedar_evaluate(evaluation, &node->items[value->boolean ? 1 : 2], value);
}

static bool is_ordered(enum cedar_kind kind) {
    return kind == CEDAR_LONG || kind == CEDAR_DATETIME || kind == CEDAR_DURATION;
}

static int do_relation(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    struct cedar_value right;
    if (cedar_evaluate(evaluation, &node->items[0], value) != 0) return -1;
    if (cedar_evaluate(evaluation, &node->items[1], &right) != 0) return -1;
    if (node->detail == CEDAR_EQUAL || node->detail == CEDAR_NOT_EQUAL) {
        *value = cedar_bool(cedar_value_equal(value, &right) == (node->detail == CEDAR_EQUAL));
        return 0;
    }
    if (!is_ordered(value->kind)) return fail(evaluation, &node->items[0], CEDAR_FAILED_TYPE);
    if (right.kind != value->kind) return fail(evaluation, &node->items[1], CEDAR_FAILED_TYPE);
    switch (node->detail) {
    case CEDAR_LESS: *value = cedar_bool(value->number < right.number); break;
    case CEDAR_LESS_EQUAL: *value = cedar_bool(value->number <= right.number); break;
    case CEDAR_GREATER: *value = cedar_bool(value->number > right.number); break;
    default: *value = cedar_bool(value->number >= right.number);
    }
    return 0;
}

/* Is the entity one of the targets, or below one? The targets are an entity or a set of entities. */
static int evaluate_in(struct cedar_evaluation *evaluation, const struct cedar_node *targets_node,
                       const struct cedar_uid *uid, struct cedar_value *value) {
    struct cedar_value targets;
    if (cedar_evaluate(evaluation, targets_node, &targets) != 0) return -1;
    const struct cedar_value *members = &targets;
    size_t count = 1;
    if (targets.kind == CEDAR_SET) {
        members = targets.set->members;
        count = targets.set->count;
    }
    bool is_in = false;
    const struct cedar_entity *entity = find_entity(evaluation, uid);
    for (size_t i = 0; i < count; i++) {
        if (members[i].kind != CEDAR_ENTITY) return fail(evaluation, targets_node, CEDAR_FAILED_TYPE);
        is_in = is_in || cedar_uid_equal(uid, members[i].entity) ||
            cedar_entity_has_ancestor(entity, members[i].entity);
    }
    *value = cedar_bool(is_in);
    return 0;
}

static int do_in(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (evaluate_kind(evaluation, &node->items[0], CEDAR_ENTITY, value) != 0) return -1;
    return evaluate_in(evaluation, &node->items[1], value->entity, value);
}

static int do_is(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (evaluate_kind(evaluation, &node->items[0], CEDAR_ENTITY, value) != 0) return -1;
    const struct cedar_uid *uid = value->entity;
    *value = cedar_bool(str_equal(uid->type, node->value.string));
    if (!value->boolean || node->count == 1) return 0;
    return evaluate_in(evaluation, &node->items[1], uid, value);
}

static int do_sum(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    int64_t total = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        if (evaluate_kind(evaluation, &node->items[i], CEDAR_LONG, value) != 0) return -1;
        bool is_minus = i > 0 && node->value.string.data[i - 1] == '-';
        bool overflows = is_minus ? __builtin_sub_overflow(total, value->number, &total)
                                  : __builtin_add_overflow(total, value->number, &total);
        if (overflows) return fail(evaluation, node, CEDAR_FAILED_OVERFLOW);
    }
    value->number = total;
    return 0;
}

static int do_product(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    int64_t total = 1;
    for (uint32_t i = 0; i < node->count; i++) {
        if (evaluate_kind(evaluation, &node->items[i], CEDAR_LONG, value) != 0) return -1;
        if (__builtin_mul_overflow(total, value->number, &total)) {
            return fail(evaluation, node, CEDAR_FAILED_OVERFLOW);
        }
    }
    value->number = total;
    return 0;
}

static int do_has(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (cedar_evaluate(evaluation, node->items, value) != 0) return -1;
    for (uint32_t i = 0; i < node->name_count; i++) {
        const struct cedar_record *fields;
        bool is_missing;
        if (find_fields(evaluation, node->items, value, &fields, &is_missing) != 0) return -1;
        const struct cedar_value *found = cedar_record_get(fields, node->names[i]);
        if (found == NULL) {
            *value = cedar_bool(false);
            return 0;
        }
        *value = *found;
    }
    *value = cedar_bool(true);
    return 0;
}

static int do_like(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    if (evaluate_kind(evaluation, node->items, CEDAR_STRING, value) != 0) return -1;
    *value = cedar_bool(cedar_pattern_matches(node->pattern, value->string));
    return 0;
}

static int use_tag(struct cedar_evaluation *evaluation, const struct cedar_node *node,
                   const struct cedar_value *arguments, struct cedar_value *value) {
    if (arguments[0].kind != CEDAR_ENTITY) return fail(evaluation, &node->items[0], CEDAR_FAILED_TYPE);
    if (arguments[1].kind != CEDAR_STRING) return fail(evaluation, &node->items[1], CEDAR_FAILED_TYPE);
    const struct cedar_entity *entity = find_entity(evaluation, arguments[0].entity);
    const struct cedar_value *tag = entity != NULL ? cedar_record_get(entity->tags, arguments[1].string) : NULL;
    if (node->detail == CEDAR_HAS_TAG) {
        *value = cedar_bool(tag != NULL);
        return 0;
    }
    if (entity == NULL) return fail(evaluation, &node->items[0], CEDAR_FAILED_NO_ENTITY);
    if (tag == NULL) return fail(evaluation, node, CEDAR_FAILED_NO_TAG);
    *value = *tag;
    return 0;
}

static int do_call(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    struct cedar_value arguments[ARGUMENTS_DIRECT];
    if (node->count > ARGUMENTS_DIRECT) return fail(evaluation, node, CEDAR_FAILED_ARGUMENTS);
    for (uint32_t i = 0; i < node->count; i++) {
        if (cedar_evaluate(evaluation, &node->items[i], &arguments[i]) != 0) return -1;
    }
    if (node->detail == CEDAR_GET_TAG || node->detail == CEDAR_HAS_TAG) {
        return use_tag(evaluation, node, arguments, value);
    }
    enum cedar_code code =
        cedar_apply(evaluation->arena, (enum cedar_function)node->detail, arguments, node->count, value);
    return code == CEDAR_OK ? 0 : fail(evaluation, node, code);
}

static int do_set(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    struct cedar_value *members = ARENA_NEW_ARRAY(evaluation->arena, struct cedar_value, node->count);
    if (members == NULL) return fail(evaluation, node, CEDAR_MEMORY);
    for (uint32_t i = 0; i < node->count; i++) {
        if (cedar_evaluate(evaluation, &node->items[i], &members[i]) != 0) return -1;
    }
    return cedar_set_make(evaluation->arena, members, node->count, value) == 0 ? 0
                                                                               : fail(evaluation, node, CEDAR_MEMORY);
}

static int do_record(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    struct cedar_record *record = cedar_record_new(evaluation->arena, node->count);
    if (record == NULL) return fail(evaluation, node, CEDAR_MEMORY);
    for (uint32_t i = 0; i < node->count; i++) {
        record->fields[i].name = node->names[i];
        if (cedar_evaluate(evaluation, &node->items[i], &record->fields[i].value) != 0) return -1;
    }
    record->count = node->count;
    *value = cedar_record_value(record);
    return 0;
}

int cedar_evaluate(struct cedar_evaluation *evaluation, const struct cedar_node *node, struct cedar_value *value) {
    static evaluate_function *const operations[] = {
        [CEDAR_DO_CONSTANT] = do_constant, [CEDAR_DO_VARIABLE] = do_variable, [CEDAR_DO_ATTRIBUTE] = do_attribute,
        [CEDAR_DO_CONTEXT_ATTRIBUTE] = do_context_attribute,
        [CEDAR_DO_NOT] = do_not,           [CEDAR_DO_NEGATE] = do_negate,     [CEDAR_DO_AND] = do_and,
        [CEDAR_DO_OR] = do_or,             [CEDAR_DO_IF] = do_if,             [CEDAR_DO_RELATION] = do_relation,
        [CEDAR_DO_IN] = do_in,             [CEDAR_DO_SUM] = do_sum,           [CEDAR_DO_PRODUCT] = do_product,
        [CEDAR_DO_HAS] = do_has,           [CEDAR_DO_LIKE] = do_like,         [CEDAR_DO_IS] = do_is,
        [CEDAR_DO_CALL] = do_call,         [CEDAR_DO_SET] = do_set,           [CEDAR_DO_RECORD] = do_record,
    };
    return operations[node->operation](evaluation, node, value);
}
