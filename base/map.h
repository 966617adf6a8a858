/* struct map: a hash table from byte strings to pointers. Keys are borrowed: they must outlive their entry (keep them
 * in the value or in an arena). Open addressing; not thread-safe. */
#ifndef SWORN_BASE_MAP_H
#define SWORN_BASE_MAP_H

#include "base/str.h"

struct map_slot {
    struct str key;
    void *value; /* NULL: free */
    uint64_t hash;
};

struct map {
    struct map_slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
};

void map_init(struct map *map);
void map_free(struct map *map); /* the table only, never the values */
void *map_get(const struct map *map, struct str key); /* NULL when absent */
/* Sets or replaces; value must not be NULL. -1 when memory is out. */
int map_set(struct map *map, struct str key, void *value) MUST_USE;
void *map_remove(struct map *map, struct str key); /* what was there, or NULL */
void map_clear(struct map *map);
/* Iterates: start with *cursor = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *map, size_t *cursor, struct str *key, void **value);

#endif
