/* Chunks in a list, newest first; each is twice the size of the one before, up to a maximum;
 * the first of a small arena is a part of its cap. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK_FIRST_BYTES 2048u
#define ARENA_CHUNK_MAX_BYTES (256u * 1024)
#define ARENA_ALIGNMENT 16u

struct arena_chunk {
    struct arena_chunk *older;
    size_t size_bytes;
    _Alignas(ARENA_ALIGNMENT) char bytes[];
};

void arena_init(struct arena *arena, size_t cap_bytes) {
    *arena = (struct arena){.cap_bytes = cap_bytes};
}

static void free_chunks(struct arena_chunk *chunk) {
    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

void arena_free(struct arena *arena) {
    free_chunks(arena->newest);
    arena_init(arena, arena->cap_bytes);
}

void arena_reset(struct arena *arena) {
    struct arena_chunk *kept = arena->newest;
    if (kept == NULL) return;
    free_chunks(kept->older);
    kept->older = NULL;
    if (kept->size_bytes > ARENA_CHUNK_MAX_BYTES) {
        free(kept);
        arena_init(arena, arena->cap_bytes);
        return;
    }
    arena->next = kept->bytes;
    arena->end = kept->bytes + kept->size_bytes;
    arena->used_bytes = 0;
}

static bool add_chunk(struct arena *arena, size_t least_bytes) {
    size_t first_bytes = arena->cap_bytes / 8 < ARENA_CHUNK_FIRST_BYTES ? arena->cap_bytes / 8 : ARENA_CHUNK_FIRST_BYTES;
    size_t size_bytes = arena->newest != NULL ? arena->newest->size_bytes * 2 : first_bytes;
    if (size_bytes > ARENA_CHUNK_MAX_BYTES) size_bytes = ARENA_CHUNK_MAX_BYTES;
    if (size_bytes < least_bytes) size_bytes = least_bytes;
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + size_bytes);
    if (chunk == NULL) return false;
    chunk->older = arena->newest;
    chunk->size_bytes = size_bytes;
    arena->newest = chunk;
    arena->next = chunk->bytes;
    arena->end = chunk->bytes + size_bytes;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size_bytes) {
    size_t rounded;
    if (__builtin_add_overflow(size_bytes, ARENA_ALIGNMENT - 1, &rounded)) return NULL;
    rounded &= ~(size_t)(ARENA_ALIGNMENT - 1);
    if (rounded == 0) rounded = ARENA_ALIGNMENT;
    size_t used_bytes;
    if (__builtin_add_overflow(arena->used_bytes, rounded, &used_bytes) || used_bytes > arena->cap_bytes) return NULL;
    if ((size_t)(arena->end - arena->next) < rounded && !add_chunk(arena, rounded)) return NULL;
    void *piece = arena->next;
    arena->next += rounded;
    arena->used_bytes = used_bytes;
    return memset(piece, 0, rounded);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size_bytes) {
    size_t total_bytes;
    if (__builtin_mul_overflow(count, size_bytes, &total_bytes)) return NULL;
    return arena_alloc(arena, total_bytes);
}

struct str arena_copy(struct arena *arena, struct str s) {
    size_t with_nul;
    if (__builtin_add_overflow(s.length, 1u, &with_nul)) return STR_NONE;
    char *copy = arena_alloc(arena, with_nul);
    if (copy == NULL) return STR_NONE;
    if (s.length > 0) memcpy(copy, s.data, s.length);
    return (struct str){copy, s.length};
}

struct str arena_format(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length >= 0 ? arena_alloc(arena, (size_t)length + 1) : NULL;
    if (text != NULL) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text != NULL ? (struct str){text, (size_t)length} : STR_NONE;
}
