/* Stacks for fibers: mapped with a guard page below, pooled per worker. Internal to run/. */
#ifndef SWORN_RUN_STACK_H
#define SWORN_RUN_STACK_H

#include "run/fiber_switch.h"

#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
#define FIBER_STACK_BYTES ((size_t)256 * 1024)
#else
#define FIBER_STACK_BYTES ((size_t)64 * 1024)
#endif
#define STACK_POOL_MAX 256

struct stack_pool {
    char *stacks[STACK_POOL_MAX];
    size_t count;
};

/* Gives back the whole pages below `top`, the address that their fiber stands at. */
void stack_trim(char *stack, const char *top);
/* The lowest usable byte of FIBER_STACK_BYTES; NULL when memory (or the kernel's count of mappings) is out. */
char *stack_pool_take(struct stack_pool *pool);
void stack_pool_give(struct stack_pool *pool, char *stack);
void stack_pool_free(struct stack_pool *pool);

#endif
