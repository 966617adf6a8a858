/* Building the index over scopes, and looking into it. */
#include "cedar/engine.h"

struct entry {
    uint64_t action_hash;
    uint64_t key;
    uint32_t policy;
    uint8_t kind;
    bool has_action;
};

struct entries {
    struct entry *items;
    size_t count;
};

static bool names_entity(const struct cedar_test *test) {
    return test->kind == CEDAR_SCOPE_EQUAL || test->kind == CEDAR_SCOPE_IN || test->kind == CEDAR_SCOPE_IS_IN;
}

static enum cedar_key_kind choose_key(const struct cedar_compiled *policy, uint64_t *key) {
    enum cedar_key_kind kind = CEDAR_KEY_NONE;
    uint64_t hash = 0;
    if (names_entity(&policy->principal)) {
        kind = CEDAR_KEY_PRINCIPAL;
        hash = policy->principal.entities[0]->hash;
    } else if (names_entity(&policy->resource)) {
        kind = CEDAR_KEY_RESOURCE;
        hash = policy->resource.entities[0]->hash;
    } else if (policy->principal.kind == CEDAR_SCOPE_IS) {
        kind = CEDAR_KEY_PRINCIPAL_TYPE;
        hash = str_hash(policy->principal.type);
    } else if (policy->resource.kind == CEDAR_SCOPE_IS) {
        kind = CEDAR_KEY_RESOURCE_TYPE;
        hash = str_hash(policy->resource.type);
    }
    *key = cedar_key_make(kind, hash);
    return kind;
}

/* One entry for each action that a policy names, or one without an action. */
static int collect_entries(struct cedar_engine *engine, struct entries *entries) {
    size_t most = 0;
    for (uint32_t i = 0; i < engine->count; i++) most += 1 + engine->policies[i].action.count;
    entries->items = calloc(most + 1, sizeof(struct entry));
    if (entries->items == NULL) return -1;
    bool is_small = engine->count <= CEDAR_LINEAR_MAX;
    for (uint32_t i = 0; i < engine->count; i++) {
        const struct cedar_compiled *policy = &engine->policies[i];
        struct entry entry = {.policy = i};
        entry.kind = (uint8_t)choose_key(policy, &entry.key);
        entry.has_action = !is_small && policy->action.kind != CEDAR_SCOPE_ANY;
        if (!entry.has_action) entries->items[entries->count++] = entry;
        for (uint32_t j = 0; entry.has_action && j < policy->action.count; j++) {
            entry.action_hash = policy->action.entities[j]->hash;
            entries->items[entries->count++] = entry;
        }
    }
    return 0;
}

/* Groups together, in a group those without key first, keys together, policies in order. */
static int compare_entries(const void *a, const void *b) {
    const struct entry *left = a, *right = b;
    if (left->has_action != right->has_action) return left->has_action ? 1 : -1;
    if (left->action_hash != right->action_hash) return left->action_hash < right->action_hash ? -1 : 1;
    bool left_keyed = left->kind != CEDAR_KEY_NONE, right_keyed = right->kind != CEDAR_KEY_NONE;
    if (left_keyed != right_keyed) return left_keyed ? 1 : -1;
    if (left->key != right->key) return left->key < right->key ? -1 : 1;
    return left->policy < right->policy ? -1 : left->policy > right->policy;
}

static size_t slots_for(size_t count) {
    size_t slots = 4;
    while (slots < count * 2) slots *= 2;
    return slots;
}

static struct cedar_bucket *find_bucket(const struct cedar_group *group, uint64_t key) {
    size_t mask = group->bucket_slots - 1;
    for (size_t i = key & mask;; i = (i + 1) & mask) {
        if (group->buckets[i].count == 0 || group->buckets[i].key == key) return &group->buckets[i];
    }
}

static int fill_group(struct arena *arena, struct cedar_group *group, const struct entry *entries, size_t count) {
    group->action_hash = entries[0].action_hash;
    group->count = (uint32_t)count;
    group->is_linear = count <= CEDAR_LINEAR_MAX;
    group->members = ARENA_NEW_ARRAY(arena, uint32_t, count);
    group->bucket_slots = slots_for(count);
    group->buckets = ARENA_NEW_ARRAY(arena, struct cedar_bucket, group->bucket_slots);
    if (group->members == NULL || group->buckets == NULL) return -1;
    for (size_t i = 0; i < count; i++) {
        group->members[i] = entries[i].policy;
        group->has_kind[entries[i].kind] = true;
        if (entries[i].kind == CEDAR_KEY_NONE) {
            group->unkeyed_count++;
            continue;
        }
        struct cedar_bucket *bucket = find_bucket(group, entries[i].key);
        if (bucket->count == 0) *bucket = (struct cedar_bucket){entries[i].key, (uint32_t)i, 0};
        bucket->count++;
    }
    return 0;
}

static size_t group_end(const struct entries *entries, size_t start) {
    size_t end = start + 1;
    while (end < entries->count && entries->items[end].has_action == entries->items[start].has_action &&
           entries->items[end].action_hash == entries->items[start].action_hash) end++;
    return end;
}

static void insert_group(struct cedar_engine *engine, struct cedar_group *group) {
    size_t mask = engine->group_slot_count - 1;
    size_t i = group->action_hash & mask;
    while (engine->group_slots[i] != NULL) i = (i + 1) & mask;
    engine->group_slots[i] = group;
}

static int build_groups(struct cedar_engine *engine, const struct entries *entries) {
    size_t groups = 0;
    for (size_t i = 0; i < entries->count; i = group_end(entries, i)) groups++;
    engine->groups = ARENA_NEW_ARRAY(&engine->arena, struct cedar_group, groups);
    engine->group_slot_count = slots_for(groups);
    engine->group_slots = ARENA_NEW_ARRAY(&engine->arena, struct cedar_group *, engine->group_slot_count);
    if (engine->groups == NULL || engine->group_slots == NULL) return -1;
    for (size_t i = 0, end; i < entries->count; i = end) {
        end = group_end(entries, i);
        bool has_action = entries->items[i].has_action;
        struct cedar_group *group = has_action ? &engine->groups[engine->group_count++] : &engine->any_action;
        if (fill_group(&engine->arena, group, entries->items + i, end - i) != 0) return -1;
        if (has_action) insert_group(engine, group);
    }
    return 0;
}

int cedar_index_build(struct cedar_engine *engine) {
    struct entries entries = {0};
    int status = collect_entries(engine, &entries);
    if (status == 0) {
        if (entries.count > 1) qsort(entries.items, entries.count, sizeof(struct entry), compare_entries);
        status = build_groups(engine, &entries);
    }
    free(entries.items);
    return status;
}

const struct cedar_group *cedar_index_find(const struct cedar_engine *engine, uint64_t action_hash) {
    size_t mask = engine->group_slot_count - 1;
    for (size_t i = action_hash & mask; engine->group_slots[i] != NULL; i = (i + 1) & mask) {
        if (engine->group_slots[i]->action_hash == action_hash) return engine->group_slots[i];
    }
    return NULL;
}

const uint32_t *cedar_group_find(const struct cedar_group *group, uint64_t key, uint32_t *count) {
    const struct cedar_bucket *bucket = find_bucket(group, key);
    *count = bucket->count;
    return group->members + bucket->start;
}
