/* A binary heap, 1-based, each timer knowing its index, so that one can be moved or removed from the middle. */
#include "run/timer.h"

#include <stdlib.h>

void timer_heap_init(struct timer_heap *heap) {
    *heap = (struct timer_heap){0};
}

void timer_heap_free(struct timer_heap *heap) {
    for (size_t i = 1; i <= heap->count; i++) heap->slots[i]->heap_index = 0;
    free(heap->slots);
    timer_heap_init(heap);
}

void timer_init(struct timer *timer, void (*function)(void *argument), void *argument) {
    *timer = (struct timer){.function = function, .argument = argument};
}

static void put(struct timer_heap *heap, size_t index, struct timer *timer) {
    heap->slots[index] = timer;
    timer->heap_index = index;
}

static void sift_up(struct timer_heap *heap, struct timer *timer) {
    size_t index = timer->heap_index;
    while (index > 1 && heap->slots[index / 2]->deadline_ns > timer->deadline_ns) {
        put(heap, index, heap->slots[index / 2]);
        index /= 2;
    }
    put(heap, index, timer);
}

static void sift_down(struct timer_heap *heap, struct timer *timer) {
    size_t index = timer->heap_index;
    while (index * 2 <= heap->count) {
        size_t child = index * 2;
        if (child < heap->count && heap->slots[child + 1]->deadline_ns < heap->slots[child]->deadline_ns) child++;
        if (heap->slots[child]->deadline_ns >= timer->deadline_ns) break;
        put(heap, index, heap->slots[child]);
        index = child;
    }
    put(heap, index, timer);
}

static int grow(struct timer_heap *heap) {
    if (heap->count + 1 < heap->capacity) return 0;
    size_t capacity = heap->capacity > 0 ? heap->capacity * 2 : 64;
    struct timer **slots = reallocarray(heap->slots, capacity, sizeof(*slots));
    if (slots == NULL) return -1;
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

int timer_set(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ns) {
    if (!timer_is_set(timer)) {
        if (grow(heap) < 0) return -1;
        put(heap, ++heap->count, timer);
    }
    timer->deadline_ns = deadline_ns;
    sift_up(heap, timer);
    sift_down(heap, timer);
    return 0;
}

void timer_cancel(struct timer_heap *heap, struct timer *timer) {
    if (!timer_is_set(timer)) return;
    struct timer *last = heap->slots[heap->count--];
    if (last != timer) {
        put(heap, timer->heap_index, last);
        sift_up(heap, last);
        sift_down(heap, last);
    }
    timer->heap_index = 0;
}

uint64_t timer_heap_next_ns(const struct timer_heap *heap) {
    return heap->count > 0 ? heap->slots[1]->deadline_ns : UINT64_MAX;
}

void timer_heap_fire(struct timer_heap *heap, uint64_t now_ns) {
    for (size_t left = heap->count; left > 0 && timer_heap_next_ns(heap) <= now_ns; left--) {
        struct timer *timer = heap->slots[1];
        timer_cancel(heap, timer);
        timer->function(timer->argument);
    }
}
