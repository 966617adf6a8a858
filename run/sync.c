/* Conditions and bounded queues between fibers of one worker. A waiter lives on the stack of the fiber that waits. */
#include "run/sync.h"

#include <stdlib.h>

#include "run/worker.h"

struct condition_waiter {
    struct condition_waiter *previous;
    struct condition_waiter *next;
    struct fiber *fiber;
    bool is_chosen;
};

/* Not inlined: gcc would take a waiter that condition_wake_one() removes for a dangling pointer. */
static __attribute__((noinline)) void append_waiter(struct condition *condition, struct condition_waiter *waiter) {
    waiter->previous = condition->last;
    if (condition->last != NULL) condition->last->next = waiter;
    else condition->first = waiter;
    condition->last = waiter;
}

static void remove_waiter(struct condition *condition, struct condition_waiter *waiter) {
    if (waiter->previous != NULL) waiter->previous->next = waiter->next;
    else condition->first = waiter->next;
    if (waiter->next != NULL) waiter->next->previous = waiter->previous;
    else condition->last = waiter->previous;
}

/* A waiter that was chosen and is cancelled at the same moment hands its wake on, so that none is lost. */
int condition_wait(struct condition *condition, uint64_t deadline_ns, struct error *error) {
    struct condition_waiter waiter = {.fiber = fiber_self()};
    append_waiter(condition, &waiter);
    int result = 0;
    while (!waiter.is_chosen && result == 0) result = fiber_park(deadline_ns, error);
    if (!waiter.is_chosen) remove_waiter(condition, &waiter);
    else if (result < 0) condition_wake_one(condition);
    return result;
}

void condition_wake_one(struct condition *condition) {
    struct condition_waiter *waiter = condition->first;
    if (waiter == NULL) return;
    remove_waiter(condition, waiter);
    waiter->is_chosen = true;
    fiber_wake(waiter->fiber);
}

void condition_wake_all(struct condition *condition) {
    while (condition->first != NULL) condition_wake_one(condition);
}

int fiber_queue_init(struct fiber_queue *queue, size_t capacity, struct error *error) {
    CHECK(capacity > 0);
    *queue = (struct fiber_queue){.capacity = capacity};
    queue->items = calloc(capacity, sizeof(*queue->items));
    return queue->items != NULL ? 0 : error_out_of_memory(error);
}

void fiber_queue_free(struct fiber_queue *queue) {
    CHECK(queue->not_empty.first == NULL && queue->not_full.first == NULL);
    free(queue->items);
    *queue = (struct fiber_queue){.is_closed = true};
}

static int closed(struct error *error) {
    return error_set(error, ERROR_CLOSED, "the queue was closed");
}

int fiber_queue_push(struct fiber_queue *queue, void *item, uint64_t deadline_ns, struct error *error) {
    CHECK(item != NULL);
    while (!queue->is_closed && queue->count == queue->capacity) {
        if (condition_wait(&queue->not_full, deadline_ns, error) < 0) return -1;
    }
    if (queue->is_closed) return closed(error);
    queue->items[(queue->first + queue->count) % queue->capacity] = item;
    queue->count++;
    condition_wake_one(&queue->not_empty);
    return 0;
}

void *fiber_queue_peek(const struct fiber_queue *queue) {
    return queue->count > 0 ? queue->items[queue->first] : NULL;
}

void *fiber_queue_try_pop(struct fiber_queue *queue) {
    void *item = fiber_queue_peek(queue);
    if (item == NULL) return NULL;
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    condition_wake_one(&queue->not_full);
    return item;
}

int fiber_queue_pop(struct fiber_queue *queue, void **item, uint64_t deadline_ns, struct error *error) {
    while ((*item = fiber_queue_try_pop(queue)) == NULL) {
        if (queue->is_closed) return closed(error);
        if (condition_wait(&queue->not_empty, deadline_ns, error) < 0) return -1;
    }
    return 0;
}

void fiber_queue_close(struct fiber_queue *queue) {
    queue->is_closed = true;
    condition_wake_all(&queue->not_empty);
    condition_wake_all(&queue->not_full);
}
