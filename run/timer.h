/* Timers: a binary heap of deadlines, one heap a worker. struct timer is embedded in what it belongs to and must be
 * cancelled before that is freed. Setting and cancelling cost O(log n) and never fail but for memory. */
#ifndef SWORN_RUN_TIMER_H
#define SWORN_RUN_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct timer {
    uint64_t deadline_ns;
    size_t heap_index; /* 1-based; 0: not set */
    void (*function)(void *argument);
    void *argument;
};

struct timer_heap {
    struct timer **slots; /* slots[0] is unused */
    size_t count;
    size_t capacity;
};

void timer_heap_init(struct timer_heap *heap);
void timer_heap_free(struct timer_heap *heap); /* timers that are still set are forgotten */

void timer_init(struct timer *timer, void (*function)(void *argument), void *argument);
static inline bool timer_is_set(const struct timer *timer) { return timer->heap_index != 0; }
/* Sets or moves. -1 when memory is out (never when it was set already). */
int timer_set(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns) MUST_USE;
void timer_cancel(struct timer_heap *heap, struct timer *timer);
/* Of the earliest timer; UINT64_MAX when there is none. */
uint64_t timer_heap_next_ns(const struct timer_heap *heap);
/* Fires what is due at now_ns, earliest first; each is unset before its function runs, which may set it again. One pass
 * fires at most as many as were set when it began. */
void timer_heap_fire(struct timer_heap *heap, uint64_t now_ns);

#endif
