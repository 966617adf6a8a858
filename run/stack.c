/* Stacks for fibers. A pooled stack keeps its topmost pages, which the next fiber touches anyway; what a deep call
 * dirtied below them goes back to the kernel. */
#include "run/stack.h"

#include <sys/mman.h>

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#endif

#include "base/check.h"

#define PAGE_BYTES ((size_t)4096)
#define GUARD_BYTES PAGE_BYTES
#define CALLS_BYTES ((size_t)512) /* what the calls that trim a stack take of it themselves */
#define KEPT_BYTES ((size_t)8192)
/* This many of a pool keep all of their pages, so that a busy worker makes no system calls. */
#define DIRTY_STACKS_MAX 32

static char *map_stack(void) {
    char *whole = mmap(NULL, GUARD_BYTES + FIBER_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (whole == MAP_FAILED) return NULL;
    if (mprotect(whole, GUARD_BYTES, PROT_NONE) != 0) {
        munmap(whole, GUARD_BYTES + FIBER_STACK_BYTES);
        return NULL;
    }
    return whole + GUARD_BYTES;
}

static void unmap_stack(char *stack) {
    CHECK(munmap(stack - GUARD_BYTES, GUARD_BYTES + FIBER_STACK_BYTES) == 0);
}

void stack_trim(char *stack, const char *top) {
    size_t used_bytes = (size_t)(stack + FIBER_STACK_BYTES - top) + CALLS_BYTES;
    used_bytes = (used_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (used_bytes < FIBER_STACK_BYTES) madvise(stack, FIBER_STACK_BYTES - used_bytes, MADV_DONTNEED);
}

char *stack_pool_take(struct stack_pool *pool) {
    return pool->count > 0 ? pool->stacks[--pool->count] : map_stack();
}

void stack_pool_give(struct stack_pool *pool, char *stack) {
#ifdef FIBER_ASAN
    __asan_unpoison_memory_region(stack, FIBER_STACK_BYTES); /* the fiber's last frames never returned */
#endif
    if (pool->count == STACK_POOL_MAX) {
        unmap_stack(stack);
        return;
    }
    if (pool->count >= DIRTY_STACKS_MAX) madvise(stack, FIBER_STACK_BYTES - KEPT_BYTES, MADV_DONTNEED);
    pool->stacks[pool->count++] = stack;
}

void stack_pool_free(struct stack_pool *pool) {
    while (pool->count > 0) unmap_stack(pool->stacks[--pool->count]);
}
