/* Entity stores and overlays: building, ancestors, lookup. */
#include "cedar/entities.h"
#include "cedar/problem.h"

#define ENTITIES_MAGIC 0x43454e54u
#define STORE_BYTES_MAX ((size_t)4 << 30)
#define SLOTS_FIRST 16u
#define INSERTION_SORT_MAX 32u

enum { MARK_NEW, MARK_OPEN, MARK_CLOSED };

struct cedar_entities *cedar_entities_new(void) {
    struct cedar_entities *entities = calloc(1, sizeof(*entities));
    if (entities == NULL) return NULL;
    entities->magic = ENTITIES_MAGIC;
    entities->owns_arena = true;
    arena_init(&entities->own, STORE_BYTES_MAX);
    entities->arena = &entities->own;
    return entities;
}

void cedar_entities_free(struct cedar_entities **entities) {
    if (*entities == NULL) return;
    CHECK_MAGIC(*entities, ENTITIES_MAGIC);
    CHECK((*entities)->owns_arena);
    arena_free(&(*entities)->own);
    (*entities)->magic = 0;
    free(*entities);
    *entities = NULL;
}

struct cedar_entities *cedar_entities_overlay(struct arena *arena, const struct cedar_entities *base) {
    CHECK(base == NULL || base->is_finished);
    struct cedar_entities *entities = ARENA_NEW(arena, struct cedar_entities);
    if (entities == NULL) return NULL;
    entities->magic = ENTITIES_MAGIC;
    entities->arena = arena;
    entities->base = base;
    return entities;
}

static struct cedar_entity **find_slot(const struct cedar_entities *entities, const struct cedar_uid *uid) {
    size_t mask = entities->slot_count - 1;
    for (size_t i = uid->hash & mask;; i = (i + 1) & mask) {
        if (entities->slots[i] == NULL || cedar_uid_equal(entities->slots[i]->uid, uid)) return &entities->slots[i];
    }
}

struct cedar_entity *cedar_entities_find_own(const struct cedar_entities *entities, const struct cedar_uid *uid) {
    return entities->slot_count > 0 ? *find_slot(entities, uid) : NULL;
}

const struct cedar_entity *cedar_entities_find(const struct cedar_entities *entities, const struct cedar_uid *uid) {
    for (; entities != NULL; entities = entities->base) {
        const struct cedar_entity *entity = cedar_entities_find_own(entities, uid);
        if (entity != NULL) return entity;
    }
    return NULL;
}

static bool grow_slots(struct cedar_entities *entities) {
    size_t slot_count = entities->slot_count > 0 ? entities->slot_count * 2 : SLOTS_FIRST;
    struct cedar_entity **slots = ARENA_NEW_ARRAY(entities->arena, struct cedar_entity *, slot_count);
    if (slots == NULL) return false;
    entities->slots = slots;
    entities->slot_count = slot_count;
    for (size_t i = 0; i < entities->count; i++) *find_slot(entities, entities->order[i]->uid) = entities->order[i];
    return true;
}

static bool grow_order(struct cedar_entities *entities) {
    size_t capacity = entities->order_capacity > 0 ? entities->order_capacity * 2 : SLOTS_FIRST / 2;
    struct cedar_entity **order = ARENA_NEW_ARRAY(entities->arena, struct cedar_entity *, capacity);
    if (order == NULL) return false;
    if (entities->count > 0) memcpy(order, entities->order, entities->count * sizeof(struct cedar_entity *));
    entities->order = order;
    entities->order_capacity = capacity;
    return true;
}

struct cedar_entity *cedar_entities_add(struct cedar_entities *entities, const struct cedar_uid *uid) {
    if (entities == NULL) return NULL;
    CHECK(!entities->is_finished);
    struct cedar_entity *entity = uid != NULL ? cedar_entities_find_own(entities, uid) : NULL;
    if (entity != NULL) return entity;
    entities->has_failed = entities->has_failed || uid == NULL || entities->count >= CEDAR_ENTITIES_MAX;
    if (entities->has_failed) return NULL;
    if ((entities->count + 1) * 4 > entities->slot_count * 3 && !grow_slots(entities)) entities->has_failed = true;
    if (entities->count == entities->order_capacity && !grow_order(entities)) entities->has_failed = true;
    entity = ARENA_NEW(entities->arena, struct cedar_entity);
    if (entity == NULL) entities->has_failed = true;
    if (entities->has_failed) return NULL;
    entity->uid = uid;
    *find_slot(entities, uid) = entity;
    entities->order[entities->count++] = entity;
    return entity;
}

void cedar_entity_add_parent(struct cedar_entities *entities, struct cedar_entity *entity,
                             const struct cedar_uid *parent) {
    if (entities == NULL) return;
    if (entity == NULL || parent == NULL || entity->parent_count >= CEDAR_ANCESTORS_MAX) {
        entities->has_failed = true;
        return;
    }
    if (entity->parent_count == entity->parent_capacity) {
        uint32_t capacity = entity->parent_capacity > 0 ? entity->parent_capacity * 2 : 2;
        const struct cedar_uid **parents = ARENA_NEW_ARRAY(entities->arena, const struct cedar_uid *, capacity);
        if (parents == NULL) {
            entities->has_failed = true;
            return;
        }
        if (entity->parent_count > 0) memcpy(parents, entity->parents, entity->parent_count * sizeof(*parents));
        entity->parents = parents;
        entity->parent_capacity = capacity;
    }
    entity->parents[entity->parent_count++] = parent;
}

/* Sets a field, in a larger copy when the record is full. */
static struct cedar_record *set_growing(struct cedar_entities *entities, struct cedar_record *record, struct str name,
                                        struct cedar_value value) {
    if (record != NULL && cedar_record_set(record, name, value) == 0) return record;
    size_t capacity = record != NULL ? (size_t)record->capacity * 2 : 8;
    struct cedar_record *larger = cedar_record_new(entities->arena, capacity);
    if (larger == NULL) return NULL;
    if (record != NULL) {
        memcpy(larger->fields, record->fields, record->count * sizeof(record->fields[0]));
        larger->count = record->count;
    }
    return cedar_record_set(larger, name, value) == 0 ? larger : NULL;
}

void cedar_entity_set(struct cedar_entities *entities, struct cedar_entity *entity, struct str name,
                      struct cedar_value value) {
    if (entities == NULL) return;
    struct cedar_record *record = entity != NULL ? set_growing(entities, entity->own_attributes, name, value) : NULL;
    if (record == NULL) entities->has_failed = true;
    else entity->attributes = entity->own_attributes = record;
}

void cedar_entity_set_tag(struct cedar_entities *entities, struct cedar_entity *entity, struct str name,
                          struct cedar_value value) {
    if (entities == NULL) return;
    struct cedar_record *record = entity != NULL ? set_growing(entities, entity->own_tags, name, value) : NULL;
    if (record == NULL) entities->has_failed = true;
    else entity->tags = entity->own_tags = record;
}

void cedar_entity_set_attributes(struct cedar_entity *entity, const struct cedar_record *attributes) {
    if (entity == NULL) return;
    entity->attributes = attributes;
    entity->own_attributes = NULL;
}

static int compare_ancestors(const void *a, const void *b) {
    const struct cedar_ancestor *left = a, *right = b;
    if (left->hash != right->hash) return left->hash < right->hash ? -1 : 1;
    struct cedar_value left_value = cedar_entity_value(left->uid), right_value = cedar_entity_value(right->uid);
    return cedar_value_compare(&left_value, &right_value);
}

static void sort_ancestors(struct cedar_ancestor *ancestors, size_t count) {
    if (count > INSERTION_SORT_MAX) {
        qsort(ancestors, count, sizeof(*ancestors), compare_ancestors);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct cedar_ancestor moved = ancestors[i];
        size_t to = i;
        for (; to > 0 && compare_ancestors(&moved, &ancestors[to - 1]) < 0; to--) ancestors[to] = ancestors[to - 1];
        ancestors[to] = moved;
    }
}

/* The union of the parents and their ancestors; every parent is closed. */
static int close_entity(struct cedar_entities *entities, struct cedar_entity *entity) {
    size_t most = 0, used = 0;
    for (uint32_t i = 0; i < entity->parent_count; i++) {
        const struct cedar_entity *parent = cedar_entities_find(entities, entity->parents[i]);
        most += 1 + (parent != NULL ? parent->ancestor_count : 0);
    }
    struct cedar_ancestor *ancestors = ARENA_NEW_ARRAY(entities->arena, struct cedar_ancestor, most);
    if (ancestors == NULL) return -1;
    for (uint32_t i = 0; i < entity->parent_count; i++) {
        const struct cedar_entity *parent = cedar_entities_find(entities, entity->parents[i]);
        ancestors[used++] = (struct cedar_ancestor){entity->parents[i]->hash, entity->parents[i]};
        if (parent == NULL || parent->ancestor_count == 0) continue;
        memcpy(ancestors + used, parent->ancestors, parent->ancestor_count * sizeof(*ancestors));
        used += parent->ancestor_count;
    }
    sort_ancestors(ancestors, used);
    size_t kept = 0;
    for (size_t i = 0; i < used; i++) {
        if (kept > 0 && compare_ancestors(&ancestors[kept - 1], &ancestors[i]) == 0) continue;
        ancestors[kept++] = ancestors[i];
    }
    if (kept > CEDAR_ANCESTORS_MAX) return -1;
    entity->ancestors = ancestors;
    entity->ancestor_count = (uint32_t)kept;
    entity->mark = MARK_CLOSED;
    return 0;
}

static int refuse_cycle(const struct cedar_entity *entity, struct cedar_problem *problem) {
    struct buffer text;
    buffer_init(&text, 4096);
    cedar_uid_write(entity->uid, &text);
    cedar_problem_set(problem, CEDAR_CYCLE, "%.*s is its own ancestor: remove one of the parents that close the circle",
                      STR_ARGS(str_slice(buffer_view(&text), 0, 200)));
    buffer_free(&text);
    return -1;
}

/* Depth first, with a stack of its own: hierarchies may be as deep as there are entities. */
static int close_from(struct cedar_entities *entities, struct cedar_entity *first, struct cedar_entity **stack,
                      struct cedar_problem *problem) {
    size_t depth = 0;
    if (first->mark == MARK_CLOSED) return 0;
    stack[depth++] = first;
    first->mark = MARK_OPEN;
    while (depth > 0) {
        struct cedar_entity *entity = stack[depth - 1];
        if (entity->next_parent == entity->parent_count) {
            if (close_entity(entities, entity) != 0) {
                return cedar_problem_set(problem, CEDAR_LIMIT, "an entity has more than 65,536 ancestors, or memory is "
                                                               "out: flatten the hierarchy");
            }
            depth--;
            continue;
        }
        struct cedar_entity *parent = cedar_entities_find_own(entities, entity->parents[entity->next_parent++]);
        if (parent == NULL || parent->mark == MARK_CLOSED) continue;
        if (parent->mark == MARK_OPEN) return refuse_cycle(parent, problem);
        parent->mark = MARK_OPEN;
        stack[depth++] = parent;
    }
    return 0;
}

int cedar_entities_finish(struct cedar_entities *entities, struct cedar_problem *problem) {
    CHECK(entities == NULL || !entities->is_finished);
    struct cedar_entity **stack =
        entities != NULL ? ARENA_NEW_ARRAY(entities->arena, struct cedar_entity *, entities->count) : NULL;
    if (stack == NULL || entities->has_failed) {
        return cedar_problem_set(problem, CEDAR_LIMIT, "the entities do not fit: their arena is full, or one of the "
                                                       "limits of cedar.h was reached");
    }
    for (size_t i = 0; i < entities->count; i++) {
        if (close_from(entities, entities->order[i], stack, problem) != 0) return -1;
    }
    entities->is_finished = true;
    return 0;
}

size_t cedar_entities_count(const struct cedar_entities *entities) {
    return entities->count;
}

const struct cedar_uid *cedar_entity_uid(const struct cedar_entity *entity) {
    return entity->uid;
}

const struct cedar_record *cedar_entity_attributes(const struct cedar_entity *entity) {
    return entity->attributes;
}

const struct cedar_record *cedar_entity_tags(const struct cedar_entity *entity) {
    return entity->tags;
}

size_t cedar_entity_ancestor_count(const struct cedar_entity *entity) {
    return entity->ancestor_count;
}

const struct cedar_uid *cedar_entity_ancestor_at(const struct cedar_entity *entity, size_t index) {
    return index < entity->ancestor_count ? entity->ancestors[index].uid : NULL;
}
