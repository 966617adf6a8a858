/* Analyses by their text, or by its shape where that is all that matters: a clock of entries. One that was asked for
 * since the hand passed gets another round; bytes and entries are bounded. Long texts are seldom asked for twice and are
 * not kept. */
#include <stdlib.h>

#include "wire/postgres/sql_builder.h"
#include "wire/postgres/sql_shape.h"

#define SQL_CACHE_MAGIC 0x5a1cac4eu

struct cache_entry {
    const struct sql_analysis *analysis; /* NULL: free */
    struct str key;                      /* its text, or the shape of it in the analysis' arena */
    size_t bytes;
    bool is_recent;
};

struct sql_cache {
    uint32_t magic;
    struct map map; /* key to entry */
    struct cache_entry *entries;
    size_t entries_max;
    size_t bytes_max;
    size_t bytes;
    size_t hand;
};

struct sql_cache *sql_cache_new(size_t entries_max, size_t bytes_max) {
    struct sql_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) return NULL;
    CHECK(entries_max > 0);
    cache->magic = SQL_CACHE_MAGIC;
    cache->entries_max = entries_max;
    cache->bytes_max = bytes_max;
    map_init(&cache->map);
    cache->entries = calloc(entries_max, sizeof(*cache->entries));
    if (cache->entries == NULL) sql_cache_free(&cache);
    return cache;
}

static void drop(struct sql_cache *cache, struct cache_entry *entry) {
    if (entry->analysis == NULL) return;
    map_remove(&cache->map, entry->key);
    cache->bytes -= entry->bytes;
    sql_analysis_release(&entry->analysis);
}

void sql_cache_free(struct sql_cache **cache) {
    if (*cache == NULL) return;
    CHECK_MAGIC(*cache, SQL_CACHE_MAGIC);
    for (size_t i = 0; (*cache)->entries != NULL && i < (*cache)->entries_max; i++) {
        drop(*cache, &(*cache)->entries[i]);
    }
    map_free(&(*cache)->map);
    free((*cache)->entries);
    (*cache)->magic = 0;
    free(*cache);
    *cache = NULL;
}

/* Moves the hand to an entry that may go, and empties it. */
static struct cache_entry *evict(struct sql_cache *cache) {
    for (;;) {
        struct cache_entry *entry = &cache->entries[cache->hand];
        cache->hand = (cache->hand + 1) % cache->entries_max;
        if (entry->analysis == NULL || !entry->is_recent) {
            drop(cache, entry);
            return entry;
        }
        entry->is_recent = false;
    }
}

/* shape: NULL when the analysis is of its text alone. */
static void keep(struct sql_cache *cache, struct sql_analysis *analysis, const struct sql_shape *shape) {
    struct str key = shape != NULL ? arena_copy(&analysis->arena, sql_shape_key(shape)) : analysis->text;
    size_t bytes = sizeof(*analysis) + analysis->arena.used_bytes;
    if (key.data == NULL || key.length > SQL_CACHE_TEXT_BYTES_MAX || bytes > cache->bytes_max / 8) return;
    struct cache_entry *entry = evict(cache);
    while (cache->bytes + bytes > cache->bytes_max) entry = evict(cache);
    *entry = (struct cache_entry){.analysis = analysis, .key = key, .bytes = bytes};
    if (map_set(&cache->map, key, entry) != 0) {
        entry->analysis = NULL;
        return;
    }
    sql_analysis_hold(analysis);
    cache->bytes += bytes;
}

static const struct sql_analysis *find(struct sql_cache *cache, struct str key) {
    struct cache_entry *entry = key.length <= SQL_CACHE_TEXT_BYTES_MAX ? map_get(&cache->map, key) : NULL;
    if (entry == NULL) return NULL;
    entry->is_recent = true;
    return entry->analysis;
}

const struct sql_analysis *sql_analyze(struct sql_cache *cache, struct str text, struct error *error) {
    /* A key with a NUL is a shape; what comes with one is not readable, and not kept. */
    if (cache == NULL || str_find_byte(text, '\0') != STR_NOT_FOUND) return sql_analysis_new(text, error);
    CHECK_MAGIC(cache, SQL_CACHE_MAGIC);
    const struct sql_analysis *found = find(cache, text);
    if (found != NULL) return sql_analysis_hold(found);
    struct sql_shape shape;
    bool has_shape = sql_shape_read(text, &shape);
    found = has_shape ? find(cache, sql_shape_key(&shape)) : NULL;
    if (found != NULL && str_equal(found->text, text)) return sql_analysis_hold(found);
    if (found != NULL) return sql_shape_apply(&shape, text, found, error);
    struct sql_analysis *analysis = sql_analysis_new(text, error);
    if (analysis == NULL) return NULL;
    keep(cache, analysis, has_shape && sql_shape_covers(&shape, analysis) ? &shape : NULL);
    return analysis;
}
