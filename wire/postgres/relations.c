/* An entry is one piece of memory: its key and all names stand behind its links. */
#include "wire/postgres/relations.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/map.h"

#define KEY_BYTES_MAX 1024u

struct entry {
    struct str key; /* schema NUL name */
    uint64_t generation;
    uint64_t learned_ns;
    bool is_there;
    struct relation relation;
    struct relation_link links[];
};

struct relations {
    pthread_mutex_t mutex;
    uint64_t generation;
    struct str key; /* of a database's */
    struct map entries;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct map databases;

struct relations *relations_new(void) {
    struct relations *relations = calloc(1, sizeof(*relations));
    if (relations == NULL) return NULL;
    CHECK(pthread_mutex_init(&relations->mutex, NULL) == 0);
    map_init(&relations->entries);
    return relations;
}

static void forget(struct relations *relations) {
    size_t cursor = 0;
    void *entry;
    while (map_next(&relations->entries, &cursor, NULL, &entry)) free(entry);
    map_free(&relations->entries);
}

void relations_free(struct relations **relations) {
    if (*relations == NULL) return;
    forget(*relations);
    CHECK(pthread_mutex_destroy(&(*relations)->mutex) == 0);
    free((void *)(uintptr_t)(*relations)->key.data);
    free(*relations);
    *relations = NULL;
}

static bool make_key(struct str first, struct str second, char bytes[KEY_BYTES_MAX], struct str *key) {
    if (first.length + second.length + 1 > KEY_BYTES_MAX) return false;
    if (first.length > 0) memcpy(bytes, first.data, first.length);
    bytes[first.length] = '\0';
    if (second.length > 0) memcpy(bytes + first.length + 1, second.data, second.length);
    *key = str_make(bytes, first.length + 1 + second.length);
    return true;
}

static struct relations *add_database(struct str key) {
    struct relations *relations = databases.count < RELATIONS_DATABASES_MAX ? relations_new() : NULL;
    char *copy = relations != NULL ? malloc(key.length) : NULL;
    if (copy != NULL) {
        memcpy(copy, key.data, key.length);
        relations->key = str_make(copy, key.length);
        if (map_set(&databases, relations->key, relations) == 0) return relations;
    }
    relations_free(&relations);
    return NULL;
}

struct relations *relations_of(struct str upstream, struct str database) {
    char bytes[KEY_BYTES_MAX];
    struct str key;
    if (!make_key(upstream, database, bytes, &key)) return NULL;
    pthread_mutex_lock(&mutex);
    struct relations *relations = map_get(&databases, key);
    if (relations == NULL) relations = add_database(key);
    pthread_mutex_unlock(&mutex);
    return relations;
}

uint64_t relations_generation(struct relations *relations) {
    pthread_mutex_lock(&relations->mutex);
    uint64_t generation = relations->generation;
    pthread_mutex_unlock(&relations->mutex);
    return generation;
}

void relations_touch(struct relations *relations) {
    pthread_mutex_lock(&relations->mutex);
    relations->generation++;
    pthread_mutex_unlock(&relations->mutex);
}

static bool copy_links(struct arena *arena, const struct relation *from, struct relation *to) {
    struct relation_link *links = ARENA_NEW_ARRAY(arena, struct relation_link, from->link_count + 1);
    *to = *from;
    to->links = links;
    for (size_t i = 0; links != NULL && i < from->link_count; i++) {
        links[i] = from->links[i];
        links[i].schema = arena_copy(arena, from->links[i].schema);
        links[i].name = arena_copy(arena, from->links[i].name);
        if (links[i].schema.data == NULL || links[i].name.data == NULL) return false;
    }
    return links != NULL;
}

enum relation_answer relations_find(struct relations *relations, uint64_t generation, struct str schema, struct str name,
                                    struct arena *arena, struct relation *relation) {
    enum relation_answer answer = RELATION_UNKNOWN;
    char bytes[KEY_BYTES_MAX];
    struct str key;
    if (!make_key(schema, name, bytes, &key)) return answer;
    uint64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&relations->mutex);
    const struct entry *entry = map_get(&relations->entries, key);
    bool is_fresh = entry != NULL && entry->generation == generation && now_ns < entry->learned_ns + RELATIONS_AGE_NS;
    if (is_fresh && !entry->is_there) answer = RELATION_ABSENT;
    else if (is_fresh && copy_links(arena, &entry->relation, relation)) answer = RELATION_FOUND;
    pthread_mutex_unlock(&relations->mutex);
    return answer;
}

static struct str put(char **next, struct str text) {
    struct str copy = str_make(*next, text.length);
    if (text.length > 0) memcpy(*next, text.data, text.length);
    *next += text.length;
    return copy;
}

static struct entry *make_entry(struct str key, const struct relation *relation) {
    size_t count = relation != NULL ? relation->link_count : 0;
    if (count > RELATIONS_LINKS_MAX) return NULL;
    size_t bytes = sizeof(struct entry) + count * sizeof(struct relation_link) + key.length;
    for (size_t i = 0; i < count; i++) bytes += relation->links[i].schema.length + relation->links[i].name.length;
    struct entry *entry = calloc(1, bytes);
    if (entry == NULL) return NULL;
    char *next = (char *)&entry->links[count];
    entry->key = put(&next, key);
    entry->is_there = relation != NULL;
    if (relation == NULL) return entry;
    entry->relation = *relation;
    entry->relation.links = entry->links;
    for (size_t i = 0; i < count; i++) {
        entry->links[i] = relation->links[i];
        entry->links[i].schema = put(&next, relation->links[i].schema);
        entry->links[i].name = put(&next, relation->links[i].name);
    }
    return entry;
}

void relations_keep(struct relations *relations, uint64_t generation, struct str schema, struct str name,
                    const struct relation *relation) {
    char bytes[KEY_BYTES_MAX];
    struct str key;
    if (!make_key(schema, name, bytes, &key)) return;
    struct entry *entry = make_entry(key, relation);
    if (entry == NULL) return;
    entry->generation = generation;
    entry->learned_ns = clock_monotonic_ns();
    pthread_mutex_lock(&relations->mutex);
    if (relations->entries.count >= RELATIONS_MAX) forget(relations);
    free(map_remove(&relations->entries, entry->key));
    if (map_set(&relations->entries, entry->key, entry) != 0) free(entry);
    pthread_mutex_unlock(&relations->mutex);
}

void relations_forget_all(void) {
    size_t cursor = 0;
    void *value;
    pthread_mutex_lock(&mutex);
    while (map_next(&databases, &cursor, NULL, &value)) {
        struct relations *relations = value;
        relations_free(&relations);
    }
    map_free(&databases);
    pthread_mutex_unlock(&mutex);
}
