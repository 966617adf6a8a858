/* Switching between stacks.
 *
 * Built without _FORTIFY_SOURCE: the checked longjmp takes a jump to another stack for a jump into a dead frame.
 * Nothing here may be inlined into its callers, and no local changes between sigsetjmp and its second return. */
#include "run/fiber_switch.h"

#include <pthread.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/check.h"

#if defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0
#error "fiber_switch.c must be built with -U_FORTIFY_SOURCE"
#endif

#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* The annotations must stand in the switching function itself: TSan counts function entries and exits per fiber. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE void announce_switch(void **fake_stack, const struct fiber_context *to) {
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(fake_stack, to->stack, to->stack_bytes);
#endif
#ifdef FIBER_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    (void)fake_stack;
    (void)to;
}

ALWAYS_INLINE void announce_arrival(const struct fiber_context *self) {
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#endif
    (void)self;
}

void fiber_context_init_thread(struct fiber_context *context) {
    *context = (struct fiber_context){.was_entered = true};
#ifdef FIBER_ASAN
    pthread_attr_t attributes;
    void *stack = NULL;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &stack, &context->stack_bytes) == 0);
    pthread_attr_destroy(&attributes);
    context->stack = stack;
#endif
#ifdef FIBER_TSAN
    context->tsan_fiber = __tsan_get_current_fiber();
#endif
}

void fiber_context_init(struct fiber_context *context, char *stack, size_t stack_bytes, void (*entry)(void *argument),
                        void *argument) {
    *context = (struct fiber_context){.entry = entry, .argument = argument, .stack = stack, .stack_bytes = stack_bytes};
#ifdef FIBER_TSAN
    context->tsan_fiber = __tsan_create_fiber(0);
#endif
}

void fiber_context_free(struct fiber_context *context) {
#ifdef FIBER_TSAN
    if (context->tsan_fiber != NULL) __tsan_destroy_fiber(context->tsan_fiber);
#endif
    context->tsan_fiber = NULL;
}

/* makecontext passes ints only: the pointer comes in two halves. */
static void first_frame(unsigned int low, unsigned int high) {
    struct fiber_context *self = (struct fiber_context *)(((uintptr_t)high << 32) | low);
    announce_arrival(self);
    self->entry(self->argument);
    CHECK(false);
}

static void prepare_first_entry(struct fiber_context *to, ucontext_t *first) {
    CHECK(getcontext(first) == 0);
    first->uc_stack.ss_sp = to->stack;
    first->uc_stack.ss_size = to->stack_bytes;
    first->uc_link = NULL;
    uintptr_t address = (uintptr_t)to;
    makecontext(first, (void (*)(void))(uintptr_t)first_frame, 2, (unsigned int)address, (unsigned int)(address >> 32));
    to->was_entered = true;
}

static __attribute__((noinline)) void enter_first_time(struct fiber_context *from, struct fiber_context *to) {
    ucontext_t first;
    prepare_first_entry(to, &first);
    if (sigsetjmp(from->jump, 0) == 0) {
        announce_switch(&from->fake_stack, to);
        setcontext(&first);
        CHECK(false);
    }
    announce_arrival(from);
}

__attribute__((noinline)) void fiber_context_switch(struct fiber_context *from, struct fiber_context *to) {
    if (!to->was_entered) {
        enter_first_time(from, to);
        return;
    }
    if (sigsetjmp(from->jump, 0) == 0) {
        announce_switch(&from->fake_stack, to);
        siglongjmp(to->jump, 1);
    }
    announce_arrival(from);
}

__attribute__((noinline)) void fiber_context_exit(struct fiber_context *from, struct fiber_context *to) {
    (void)from;
    announce_switch(NULL, to); /* NULL: ASan drops this stack's shadow frames */
    siglongjmp(to->jump, 1);
}
