/* Waiting between fibers of one worker: a condition and a bounded queue. Not thread-safe: all on one thread, so there
 * is no lock and a test-then-wait is atomic. Other threads come in by worker_post(). */
#ifndef SWORN_RUN_SYNC_H
#define SWORN_RUN_SYNC_H

#include "run/fiber.h"

struct condition_waiter;

/* Zero-initialised is empty. */
struct condition {
    struct condition_waiter *first;
    struct condition_waiter *last;
};

/* Parks until a wake of this condition; in order of arrival. May return 0 spuriously only after such a wake: use it in
 * a loop over what is waited for. -1: ERROR_TIMEOUT or ERROR_CANCELLED. */
int condition_wait(struct condition *condition, uint64_t deadline_ns, struct error *error) MUST_USE;
void condition_wake_one(struct condition *condition);
void condition_wake_all(struct condition *condition);

/* A bounded first-in-first-out queue of pointers. The owner frees what is left in it. */
struct fiber_queue {
    void **items;
    size_t capacity;
    size_t first;
    size_t count;
    bool is_closed;
    struct condition not_empty;
    struct condition not_full;
};

int fiber_queue_init(struct fiber_queue *queue, size_t capacity, struct error *error) MUST_USE;
/* Nobody may be waiting; the items are the caller's to drain before. */
void fiber_queue_free(struct fiber_queue *queue);
/* Parks while the queue is full. -1: ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_CLOSED. item must not be NULL. */
int fiber_queue_push(struct fiber_queue *queue, void *item, uint64_t deadline_ns, struct error *error) MUST_USE;
/* Parks while it is empty. -1: ERROR_TIMEOUT, ERROR_CANCELLED, or ERROR_CLOSED once it is closed and empty. */
int fiber_queue_pop(struct fiber_queue *queue, void **item, uint64_t deadline_ns, struct error *error) MUST_USE;
/* The oldest item without taking it and without parking; NULL when empty. */
void *fiber_queue_peek(const struct fiber_queue *queue);
void *fiber_queue_try_pop(struct fiber_queue *queue); /* NULL when empty; never parks */
/* Later pushes fail; pops drain what is there. Wakes everyone. */
void fiber_queue_close(struct fiber_queue *queue);

#endif
