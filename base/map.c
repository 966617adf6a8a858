/* Open addressing with linear probing and backward-shift deletion: no tombstones, at most three quarters full. */
#include "base/map.h"

#include <stdlib.h>

#define MAP_FIRST_SLOTS 16u

void map_init(struct map *map) {
    *map = (struct map){0};
}

void map_free(struct map *map) {
    free(map->slots);
    map_init(map);
}

void map_clear(struct map *map) {
    if (map->slots != NULL) memset(map->slots, 0, map->slot_count * sizeof(*map->slots));
    map->count = 0;
}

/* The slot that holds the key, or the free slot where it belongs. */
static struct map_slot *find_slot(const struct map *map, struct str key, uint64_t hash) {
    size_t mask = map->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->value == NULL) return slot;
        if (slot->hash == hash && str_equal(slot->key, key)) return slot;
    }
}

void *map_get(const struct map *map, struct str key) {
    if (map->count == 0) return NULL;
    return find_slot(map, key, str_hash(key))->value;
}

static int resize(struct map *map, size_t slot_count) {
    struct map larger = {.slots = calloc(slot_count, sizeof(struct map_slot)), .slot_count = slot_count};
    if (larger.slots == NULL) return -1;
    for (size_t i = 0; i < map->slot_count; i++) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->value != NULL) *find_slot(&larger, slot->key, slot->hash) = *slot;
    }
    larger.count = map->count;
    free(map->slots);
    *map = larger;
    return 0;
}

int map_set(struct map *map, struct str key, void *value) {
    CHECK(value != NULL);
    if (map->slot_count == 0 && resize(map, MAP_FIRST_SLOTS) != 0) return -1;
    if (map->count + 1 > map->slot_count / 4 * 3 && resize(map, map->slot_count * 2) != 0) return -1;
    uint64_t hash = str_hash(key);
    struct map_slot *slot = find_slot(map, key, hash);
    if (slot->value == NULL) map->count++;
    *slot = (struct map_slot){key, value, hash};
    return 0;
}

void *map_remove(struct map *map, struct str key) {
    if (map->count == 0) return NULL;
    struct map_slot *slot = find_slot(map, key, str_hash(key));
    void *removed = slot->value;
    if (removed == NULL) return NULL;
    size_t mask = map->slot_count - 1;
    size_t hole = (size_t)(slot - map->slots);
    for (size_t i = (hole + 1) & mask; map->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        map->slots[hole] = map->slots[i];
        hole = i;
    }
    map->slots[hole] = (struct map_slot){0};
    map->count--;
    return removed;
}

bool map_next(const struct map *map, size_t *cursor, struct str *key, void **value) {
    while (*cursor < map->slot_count) {
        const struct map_slot *slot = &map->slots[(*cursor)++];
        if (slot->value == NULL) continue;
        if (key != NULL) *key = slot->key;
        if (value != NULL) *value = slot->value;
        return true;
    }
    return false;
}
