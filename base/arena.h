/* struct arena: many small allocations with one lifetime (process, session or action).
 *
 * The owner embeds the struct; pieces are never freed one by one. A cap bounds the sum of all pieces: at the cap
 * allocation returns NULL, and the action that needed the memory is refused. Not thread-safe. */
#ifndef SWORN_BASE_ARENA_H
#define SWORN_BASE_ARENA_H

#include "base/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *newest;
    char *next;
    char *end;
    size_t used_bytes;
    size_t cap_bytes;
};

void arena_init(struct arena *arena, size_t cap_bytes);
/* Frees everything; the arena is empty and usable again. Keeps one small chunk when arena_reset is used instead. */
void arena_free(struct arena *arena);
void arena_reset(struct arena *arena);

/* Aligned for any type; contents are zero. NULL at the cap or when memory is out. */
void *arena_alloc(struct arena *arena, size_t size_bytes) MUST_USE;
void *arena_alloc_array(struct arena *arena, size_t count, size_t size_bytes) MUST_USE;
/* A copy, with a NUL behind it for convenience. data == NULL when it failed. */
struct str arena_copy(struct arena *arena, struct str s) MUST_USE;
struct str arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_NEW_ARRAY(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))

#endif
