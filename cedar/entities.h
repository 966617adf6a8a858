/* Entity stores inside: a hash table of entities, each with its closed list of ancestors. */
#ifndef SWORN_CEDAR_ENTITIES_H
#define SWORN_CEDAR_ENTITIES_H

#include "cedar/value.h"

struct cedar_ancestor {
    uint64_t hash;
    const struct cedar_uid *uid;
};

struct cedar_entity {
    const struct cedar_uid *uid;
    const struct cedar_record *attributes;
    const struct cedar_record *tags;
    struct cedar_record *own_attributes; /* while they grow: the same as attributes */
    struct cedar_record *own_tags;
    struct cedar_ancestor *ancestors; /* sorted by hash; those of parents that are in no store included */
    const struct cedar_uid **parents;
    uint32_t ancestor_count;
    uint32_t parent_count;
    uint32_t parent_capacity;
    uint32_t next_parent; /* while ancestors are computed */
    uint8_t mark;
};

struct cedar_entities {
    uint32_t magic;
    bool is_finished;
    bool has_failed;    /* sticky: memory or a limit */
    bool owns_arena;
    struct arena own;
    struct arena *arena;
    const struct cedar_entities *base;
    struct cedar_entity **slots; /* open addressing by uid hash */
    size_t slot_count;
    struct cedar_entity **order;
    size_t order_capacity;
    size_t count;
};

/* In this store only, not in its base. */
struct cedar_entity *cedar_entities_find_own(const struct cedar_entities *entities, const struct cedar_uid *uid);

#define CEDAR_ANCESTORS_LINEAR 8u

/* Is target among the ancestors? entity may be NULL. */
static inline bool cedar_entity_has_ancestor(const struct cedar_entity *entity, const struct cedar_uid *target) {
    if (entity == NULL || entity->ancestor_count == 0) return false;
    size_t low = 0, high = entity->ancestor_count;
    while (high - low > CEDAR_ANCESTORS_LINEAR) {
        size_t middle = low + (high - low) / 2;
        if (entity->ancestors[middle].hash < target->hash) low = middle + 1;
        else high = middle + 1;
    }
    for (; low < entity->ancestor_count && entity->ancestors[low].hash <= target->hash; low++) {
        if (entity->ancestors[low].hash == target->hash && cedar_uid_equal(entity->ancestors[low].uid, target))
            return true;
    }
    return false;
}

#endif
