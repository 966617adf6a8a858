/* The compiled set: policies sorted by id, and the index over their scopes.
 *
 * Index: policies are grouped by the action (or group of actions) that they name, those without one in a group of their
 * own. In a group each policy has one key: the principal's entity, else the resource's entity, else the principal's
 * type, else the resource's type, else none. A request looks up its action and the action's ancestors; in each group
 * found, its principal and resource, their ancestors, and their types. Keys are hashes: a collision brings a policy
 * that does not match, and the whole scope is tested anyway, so that the index decides only how much work is done. */
#ifndef SWORN_CEDAR_ENGINE_H
#define SWORN_CEDAR_ENGINE_H

#include "cedar/eval.h"

#define CEDAR_LINEAR_MAX 12u /* groups up to this size are tested one by one */

enum cedar_key_kind {
    CEDAR_KEY_NONE,
    CEDAR_KEY_PRINCIPAL,
    CEDAR_KEY_RESOURCE,
    CEDAR_KEY_PRINCIPAL_TYPE,
    CEDAR_KEY_RESOURCE_TYPE,
    CEDAR_KEY_KIND_COUNT,
};

/* Policies (indices) that share a key: a stretch of an array sorted by key. */
struct cedar_bucket {
    uint64_t key;
    uint32_t start;
    uint32_t count; /* 0: free slot */
};

struct cedar_group {
    uint64_t action_hash;
    uint32_t count;
    uint32_t unkeyed_count; /* the first of `members` */
    uint32_t *members;
    bool has_kind[CEDAR_KEY_KIND_COUNT];
    bool is_linear;
    struct cedar_bucket *buckets; /* open addressing */
    size_t bucket_slots;
};

struct cedar_engine {
    uint32_t magic;
    struct arena arena;
    struct cedar_compiled *policies; /* sorted by id */
    uint32_t count;
    struct cedar_group any_action;
    struct cedar_group *groups;
    struct cedar_group **group_slots; /* open addressing by action_hash */
    size_t group_slot_count;
    uint32_t group_count;
};

#define CEDAR_ENGINE_MAGIC 0x43454e47u

static inline uint64_t cedar_key_make(enum cedar_key_kind kind, uint64_t hash) {
    return hash ^ ((uint64_t)kind * 0x9e3779b97f4a7c15u);
}

int cedar_index_build(struct cedar_engine *engine) MUST_USE;
const struct cedar_group *cedar_index_find(const struct cedar_engine *engine, uint64_t action_hash);
/* The policies of one key. */
const uint32_t *cedar_group_find(const struct cedar_group *group, uint64_t key, uint32_t *count);

#endif
