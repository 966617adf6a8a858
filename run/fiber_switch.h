/* Switching between stacks: the one file that knows how (fiber_switch.c). Internal to run/.
 *
 * A context is entered for the first time by makecontext and setcontext, and from then on by sigsetjmp and siglongjmp
 * without signal masks, which needs no system call. ASan and TSan are told of every switch. */
#ifndef SWORN_RUN_FIBER_SWITCH_H
#define SWORN_RUN_FIBER_SWITCH_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

struct fiber_context {
    sigjmp_buf jump;
    void (*entry)(void *argument);
    void *argument;
    char *stack; /* lowest byte */
    size_t stack_bytes;
    bool was_entered;
    void *fake_stack; /* ASan */
    void *tsan_fiber; /* TSan */
};

/* For the calling thread's own stack. */
void fiber_context_init_thread(struct fiber_context *context);
/* entry must never return: it ends in fiber_context_exit. */
void fiber_context_init(struct fiber_context *context, char *stack, size_t stack_bytes, void (*entry)(void *argument),
                        void *argument);
/* Saves `from` (which is running), continues `to`; returns when somebody switches back to `from`. */
void fiber_context_switch(struct fiber_context *from, struct fiber_context *to);
/* As above for a context that will never run again. */
_Noreturn void fiber_context_exit(struct fiber_context *from, struct fiber_context *to);
/* After fiber_context_exit, from another context. */
void fiber_context_free(struct fiber_context *context);

#endif
