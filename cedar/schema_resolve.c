/* What the names of a schema mean.
 *
 * An unqualified name is looked for in its own namespace, then in the empty one, then among Cedar's own types (which
 * `__cedar::` names without doubt); in each, common types come before entity types. A namespace may not define what the
 * empty one defines already. */
#include "cedar/problem.h"
#include "cedar/schema.h"

static int refuse(const struct cedar_schema *schema, struct cedar_problem *problem, enum cedar_code code,
                  struct cedar_span span, const char *format, struct str name) {
    char shown[100];
    snprintf(shown, sizeof(shown), "%.*s", STR_ARGS(name));
    return cedar_problem_set_at(problem, code, schema->text, span, format, shown);
}

const struct cedar_type *cedar_schema_builtin(struct str name) {
    static const struct {
        const char *name;
        const struct cedar_type *type;
    } rows[] = {
        {"Bool", &cedar_type_bool}, {"Long", &cedar_type_long}, {"String", &cedar_type_string},
        {"ipaddr", &cedar_type_ip}, {"decimal", &cedar_type_decimal}, {"datetime", &cedar_type_datetime},
        {"duration", &cedar_type_duration},
    };
    if (str_starts_with(name, STR("__cedar::"))) name = str_slice(name, 9, name.length);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        if (str_equal_cstr(name, rows[i].name)) return rows[i].type;
    }
    return NULL;
}

/* The name in its own namespace (index 0), then as it stands (index 1). data == NULL: there is no such candidate. */
static struct str candidate(struct cedar_schema *schema, const struct cedar_schema_namespace *home, struct str name,
                            int index) {
    if (index == 1) return name;
    if (home->name.length == 0 || str_find(name, STR("::")) != STR_NOT_FOUND) return STR_NONE;
    return cedar_schema_join(&schema->arena, home->name, "::", name);
}

struct cedar_entity_type *cedar_schema_resolve_entity(struct cedar_schema *schema,
                                                      const struct cedar_schema_namespace *home,
                                                      const struct cedar_schema_reference *reference,
                                                      struct cedar_problem *problem) {
    for (int i = 0; i < 2; i++) {
        struct str name = candidate(schema, home, reference->type, i);
        struct cedar_entity_type *entity = name.data != NULL ? map_get(&schema->entities, name) : NULL;
        if (entity != NULL) return entity;
    }
    refuse(schema, problem, CEDAR_UNDEFINED, reference->span,
           "there is no entity type `%s`: declare it, or correct the name", reference->type);
    return NULL;
}

static const struct cedar_type *resolve_common(struct cedar_schema *schema, struct cedar_common_type *common,
                                               struct cedar_span span, unsigned depth, struct cedar_problem *problem) {
    if (common->mark == CEDAR_MARK_CLOSED) return common->resolved;
    if (common->mark == CEDAR_MARK_OPEN) {
        refuse(schema, problem, CEDAR_CYCLE, span, "the type `%s` contains itself: break the circle", common->name);
        return NULL;
    }
    common->mark = CEDAR_MARK_OPEN;
    common->resolved = cedar_schema_resolve_type(schema, common->home, common->type, depth, problem);
    common->mark = CEDAR_MARK_CLOSED;
    return common->resolved;
}

/* A name: what stands for a common type, and what for an entity type, may be asked for. */
static const struct cedar_type *resolve_name(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                                             const struct cedar_schema_type *type, unsigned depth,
                                             struct cedar_problem *problem) {
    for (int i = 0; i < 2; i++) {
        struct str name = candidate(schema, home, type->name, i);
        if (name.data == NULL) continue;
        struct cedar_common_type *common = type->form != CEDAR_FORM_ENTITY ? map_get(&schema->commons, name) : NULL;
        if (common != NULL) return resolve_common(schema, common, type->span, depth, problem);
        struct cedar_entity_type *entity = type->form != CEDAR_FORM_COMMON ? map_get(&schema->entities, name) : NULL;
        if (entity != NULL) return entity->self;
    }
    const struct cedar_type *builtin = type->form != CEDAR_FORM_ENTITY ? cedar_schema_builtin(type->name) : NULL;
    if (builtin == NULL) {
        refuse(schema, problem, CEDAR_UNDEFINED, type->span,
               type->form == CEDAR_FORM_ENTITY ? "there is no entity type `%s`: declare it, or correct the name"
                                               : "there is no type `%s`: declare it, or correct the name", type->name);
    }
    return builtin;
}

static const struct cedar_type *adopt(struct cedar_schema *schema, const struct cedar_schema_type *type,
                                      struct cedar_type *made, struct cedar_problem *problem) {
    if (made->depth <= CEDAR_SCHEMA_DEPTH_MAX && made->node_count <= CEDAR_SCHEMA_TYPE_PARTS_MAX) return made;
    refuse(schema, problem, CEDAR_LIMIT, type->span,
           "this type%s is too deep (64 levels at most) or has too many parts (65,536 at most)", STR(""));
    return NULL;
}

static int compare_fields(const void *a, const void *b) {
    return cedar_name_compare(((const struct cedar_type_field *)a)->name, ((const struct cedar_type_field *)b)->name);
}

static const struct cedar_type *resolve_record(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                                               const struct cedar_schema_type *type, unsigned depth,
                                               struct cedar_problem *problem) {
    uint32_t count = type->attributes.count;
    struct cedar_type *record = ARENA_NEW(&schema->arena, struct cedar_type);
    struct cedar_type_field *fields = ARENA_NEW_ARRAY(&schema->arena, struct cedar_type_field, count);
    if (record == NULL || fields == NULL) {
        cedar_problem_set_memory(problem);
        return NULL;
    }
    *record = (struct cedar_type){.kind = CEDAR_TYPE_RECORD, .depth = 1, .count = count, .node_count = 1};
    for (uint32_t i = 0; i < count; i++) {
        const struct cedar_schema_attribute *attribute = type->attributes.items[i];
        const struct cedar_type *part = cedar_schema_resolve_type(schema, home, attribute->type, depth + 1, problem);
        if (part == NULL) return NULL;
        fields[i] = (struct cedar_type_field){attribute->name, part, attribute->is_required};
        if (part->depth >= record->depth) record->depth = part->depth + 1;
        record->node_count += part->node_count;
        if (record->node_count > CEDAR_SCHEMA_TYPE_PARTS_MAX) break;
    }
    if (count > 1) qsort(fields, count, sizeof(*fields), compare_fields);
    record->fields = fields;
    return adopt(schema, type, record, problem);
}

static const struct cedar_type *resolve_set(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                                            const struct cedar_schema_type *type, unsigned depth,
                                            struct cedar_problem *problem) {
    const struct cedar_type *element = cedar_schema_resolve_type(schema, home, type->element, depth + 1, problem);
    if (element == NULL) return NULL;
    struct cedar_type *set = ARENA_NEW(&schema->arena, struct cedar_type);
    if (set == NULL) {
        cedar_problem_set_memory(problem);
        return NULL;
    }
    *set = (struct cedar_type){.kind = CEDAR_TYPE_SET, .depth = element->depth + 1,
                               .node_count = element->node_count + 1, .element = element};
    return adopt(schema, type, set, problem);
}

static const struct cedar_type *resolve_extension(struct cedar_schema *schema, const struct cedar_schema_type *type,
                                                  struct cedar_problem *problem) {
    const struct cedar_type *found = cedar_schema_builtin(type->name);
    bool is_extension = found != NULL && found->kind >= CEDAR_TYPE_DECIMAL && found->kind <= CEDAR_TYPE_IP &&
                        str_find(type->name, STR("::")) == STR_NOT_FOUND;
    if (is_extension) return found;
    refuse(schema, problem, CEDAR_UNDEFINED, type->span,
           "there is no extension type `%s`: use ipaddr, decimal, datetime or duration", type->name);
    return NULL;
}

/* Recursion is bounded by `depth`, which common types add to. */
const struct cedar_type *cedar_schema_resolve_type(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                                                   const struct cedar_schema_type *type, unsigned depth,
                                                   struct cedar_problem *problem) {
    if (depth > CEDAR_SCHEMA_DEPTH_MAX) {
        refuse(schema, problem, CEDAR_LIMIT, type->span,
               "the type%s is nested too deep (64 levels at most): flatten it",
               STR(""));
        return NULL;
    }
    switch (type->form) {
    case CEDAR_FORM_SET: return resolve_set(schema, home, type, depth, problem);
    case CEDAR_FORM_RECORD: return resolve_record(schema, home, type, depth, problem);
    case CEDAR_FORM_PRIMITIVE: return cedar_schema_builtin(type->name);
    case CEDAR_FORM_EXTENSION: return resolve_extension(schema, type, problem);
    default: return resolve_name(schema, home, type, depth + 1, problem);
    }
}

/* ---- Entity types -------------------------------------------------------------------------------------------- */

static int resolve_parents(struct cedar_schema *schema, struct cedar_entity_type *entity,
                           struct cedar_problem *problem) {
    size_t word_count = schema->all_entities.count / 64 + 1;
    entity->ancestors = ARENA_NEW_ARRAY(&schema->arena, uint64_t, word_count);
    if (entity->ancestors == NULL) return cedar_problem_set_memory(problem);
    for (uint32_t i = 0; i < entity->parents.count; i++) {
        const struct cedar_schema_reference *reference = entity->parents.items[i];
        const struct cedar_entity_type *parent = cedar_schema_resolve_entity(schema, entity->home, reference, problem);
        if (parent == NULL) return -1;
        if (parent->is_action) {
            return refuse(schema, problem, CEDAR_UNDEFINED, reference->span,
                          "entities cannot be in `%s`, which is the type of actions: remove it", reference->type);
        }
        cedar_bit_set(entity->ancestors, parent->index);
    }
    return 0;
}

/* What can be reached from each type over its parents: each type in turn as the one on the way. */
static void close_ancestors(struct cedar_schema *schema) {
    uint32_t count = schema->all_entities.count;
    for (uint32_t middle = 0; middle < count; middle++) {
        const struct cedar_entity_type *way = schema->all_entities.items[middle];
        for (uint32_t i = 0; i < count; i++) {
            struct cedar_entity_type *entity = schema->all_entities.items[i];
            if (!cedar_bit_get(entity->ancestors, middle)) continue;
            for (uint32_t word = 0; word < count / 64 + 1; word++) entity->ancestors[word] |= way->ancestors[word];
        }
    }
}

static int resolve_shape(struct cedar_schema *schema, struct cedar_entity_type *entity, struct cedar_problem *problem) {
    static const struct cedar_type empty = {.kind = CEDAR_TYPE_RECORD, .depth = 1, .node_count = 1};
    entity->attributes = &empty;
    if (entity->shape != NULL) {
        entity->attributes = cedar_schema_resolve_type(schema, entity->home, entity->shape, 0, problem);
        if (entity->attributes == NULL) return -1;
        if (entity->attributes->kind != CEDAR_TYPE_RECORD) {
            return refuse(schema, problem, CEDAR_BAD_TYPE, entity->shape->span,
                          "the shape of `%s` must be a record: write `{ ... }`", entity->name);
        }
    }
    if (entity->tags == NULL) return 0;
    entity->tag_type = cedar_schema_resolve_type(schema, entity->home, entity->tags, 0, problem);
    return entity->tag_type != NULL ? 0 : -1;
}

/* ---- Actions ------------------------------------------------------------------------------------------------- */

static struct cedar_schema_action *resolve_group(struct cedar_schema *schema, const struct cedar_schema_action *action,
                                                 const struct cedar_schema_reference *group,
                                                 struct cedar_problem *problem) {
    struct str type = group->type.data != NULL ? group->type : STR("Action");
    for (int i = 0; i < 2; i++) {
        struct str name = candidate(schema, action->home, type, i);
        if (name.data == NULL) continue;
        struct cedar_schema_action *found = cedar_schema_action_named(schema, name, group->id);
        if (found != NULL) return found;
    }
    refuse(schema, problem, CEDAR_UNDEFINED, group->span, "there is no action `%s`: declare it, or correct the name",
           group->id);
    return NULL;
}

static int resolve_groups(struct cedar_schema *schema, struct cedar_schema_action *action,
                          struct cedar_problem *problem) {
    action->ancestors = ARENA_NEW_ARRAY(&schema->arena, uint64_t, schema->all_actions.count / 64 + 1);
    if (action->ancestors == NULL) return cedar_problem_set_memory(problem);
    for (uint32_t i = 0; i < action->groups.count; i++) {
        struct cedar_schema_action *group = resolve_group(schema, action, action->groups.items[i], problem);
        if (group == NULL || cedar_schema_push(schema, &action->parents, group, problem) != 0) return -1;
    }
    return 0;
}

static void inherit(struct cedar_schema *schema, struct cedar_schema_action *action) {
    for (uint32_t i = 0; i < action->parents.count; i++) {
        const struct cedar_schema_action *parent = action->parents.items[i];
        cedar_bit_set(action->ancestors, parent->index);
        for (uint32_t word = 0; word < schema->all_actions.count / 64 + 1; word++) {
            action->ancestors[word] |= parent->ancestors[word];
        }
    }
    action->mark = CEDAR_MARK_CLOSED;
}

/* Depth first with a stack of its own: groups may nest as deep as there are actions. */
static int close_action(struct cedar_schema *schema, struct cedar_schema_action *first,
                        struct cedar_schema_action **stack, struct cedar_problem *problem) {
    size_t depth = 0;
    if (first->mark == CEDAR_MARK_CLOSED) return 0;
    stack[depth++] = first;
    first->mark = CEDAR_MARK_OPEN;
    while (depth > 0) {
        struct cedar_schema_action *action = stack[depth - 1];
        if (action->next_parent == action->parents.count) {
            inherit(schema, action);
            depth--;
            continue;
        }
        struct cedar_schema_action *parent = action->parents.items[action->next_parent++];
        if (parent->mark == CEDAR_MARK_CLOSED) continue;
        if (parent->mark == CEDAR_MARK_OPEN) {
            return refuse(schema, problem, CEDAR_CYCLE, parent->span,
                          "the action `%s` is in its own group: remove it from one of the groups", parent->name);
        }
        parent->mark = CEDAR_MARK_OPEN;
        stack[depth++] = parent;
    }
    return 0;
}

static int resolve_applicable(struct cedar_schema *schema, const struct cedar_schema_action *action,
                              const struct cedar_list *references, struct cedar_list *types,
                              struct cedar_problem *problem) {
    for (uint32_t i = 0; i < references->count; i++) {
        const struct cedar_schema_reference *reference = references->items[i];
        struct cedar_entity_type *entity = cedar_schema_resolve_entity(schema, action->home, reference, problem);
        if (entity == NULL) return -1;
        if (entity->is_action) {
            return refuse(schema, problem, CEDAR_UNDEFINED, reference->span,
                          "`%s` is the type of actions: it cannot be a principal or a resource", reference->type);
        }
        bool is_there = false;
        for (uint32_t j = 0; j < types->count && !is_there; j++) is_there = types->items[j] == entity;
        if (!is_there && cedar_schema_push(schema, types, entity, problem) != 0) return -1;
    }
    return 0;
}

static int resolve_action(struct cedar_schema *schema, struct cedar_schema_action *action,
                          struct cedar_problem *problem) {
    static const struct cedar_type empty = {.kind = CEDAR_TYPE_RECORD, .depth = 1, .node_count = 1};
    if (resolve_applicable(schema, action, &action->principals, &action->principal_types, problem) != 0 ||
        resolve_applicable(schema, action, &action->resources, &action->resource_types, problem) != 0) {
        return -1;
    }
    action->context_type = &empty;
    if (action->context == NULL) return 0;
    action->context_type = cedar_schema_resolve_type(schema, action->home, action->context, 0, problem);
    if (action->context_type == NULL) return -1;
    if (action->context_type->kind == CEDAR_TYPE_RECORD) return 0;
    return refuse(schema, problem, CEDAR_BAD_TYPE, action->context->span,
                  "the context of `%s` must be a record: write `{ ... }` or the name of one", action->name);
}

static int resolve_actions(struct cedar_schema *schema, struct cedar_problem *problem) {
    uint32_t count = schema->all_actions.count;
    struct cedar_schema_action **stack = ARENA_NEW_ARRAY(&schema->arena, struct cedar_schema_action *, count);
    if (stack == NULL) return cedar_problem_set_memory(problem);
    for (uint32_t i = 0; i < count; i++) {
        if (resolve_groups(schema, schema->all_actions.items[i], problem) != 0) return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (close_action(schema, schema->all_actions.items[i], stack, problem) != 0) return -1;
        if (resolve_action(schema, schema->all_actions.items[i], problem) != 0) return -1;
    }
    return 0;
}

static int resolve_commons(struct cedar_schema *schema, struct cedar_problem *problem) {
    for (uint32_t i = 0; i < schema->namespaces.count; i++) {
        const struct cedar_schema_namespace *home = schema->namespaces.items[i];
        for (uint32_t j = 0; j < home->commons.count; j++) {
            struct cedar_common_type *common = home->commons.items[j];
            if (resolve_common(schema, common, common->span, 0, problem) == NULL) return -1;
        }
    }
    return 0;
}

int cedar_schema_resolve(struct cedar_schema *schema, struct cedar_problem *problem) {
    if (cedar_schema_index(schema, problem) != 0) return -1;
    for (uint32_t i = 0; i < schema->all_entities.count; i++) {
        if (resolve_parents(schema, schema->all_entities.items[i], problem) != 0) return -1;
    }
    close_ancestors(schema);
    if (resolve_commons(schema, problem) != 0) return -1;
    for (uint32_t i = 0; i < schema->all_entities.count; i++) {
        if (resolve_shape(schema, schema->all_entities.items[i], problem) != 0) return -1;
    }
    return resolve_actions(schema, problem);
}
