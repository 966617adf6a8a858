/* The heap of timers against a plain model. */
#include "run/timer.h"

#include "tests/unit/tap.h"

#define TIMERS 500
#define STEPS 20000

static uint64_t fired_ns[TIMERS];
static size_t fired_count;

static void note(void *argument) {
    fired_ns[fired_count++] = ((struct timer *)argument)->deadline_ns;
}

static uint32_t next_random(void) {
    static uint32_t state = 12345;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static bool heap_is_ordered(const struct timer_heap *heap) {
    for (size_t i = 2; i <= heap->count; i++) {
        const struct timer *timer = heap->slots[i];
        if (timer->deadline_ns < heap->slots[i / 2]->deadline_ns || timer->heap_index != i) return false;
    }
    return true;
}

static void test_random_steps(void) {
    struct timer_heap heap;
    struct timer timers[TIMERS];
    timer_heap_init(&heap);
    for (size_t i = 0; i < TIMERS; i++) timer_init(&timers[i], note, &timers[i]);
    bool is_ordered = true;
    for (int step = 0; step < STEPS; step++) {
        struct timer *timer = &timers[next_random() % TIMERS];
        if (next_random() % 3 == 0) timer_cancel(&heap, timer);
        else is_ordered = timer_set(&heap, timer, next_random() % 100000) == 0 && is_ordered;
        is_ordered = is_ordered && heap_is_ordered(&heap);
    }
    ok(is_ordered, "the heap keeps its order over random steps");
    size_t set_count = 0, due_count = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        set_count += timer_is_set(&timers[i]);
        due_count += timer_is_set(&timers[i]) && timers[i].deadline_ns <= 50000;
    }
    is_integer(heap.count, set_count, "it holds what is set");
    timer_heap_fire(&heap, 50000);
    is_integer(fired_count, due_count, "what is due fires, and nothing else");
    timer_heap_fire(&heap, 100000);
    is_integer(fired_count, set_count, "the rest fires later");
    bool is_sorted = true;
    for (size_t i = 1; i < fired_count; i++) is_sorted = is_sorted && fired_ns[i - 1] <= fired_ns[i];
    ok(is_sorted, "earliest first");
    ok(timer_heap_next_ns(&heap) == UINT64_MAX, "then there is none");
    timer_heap_free(&heap);
}

static struct timer_heap again_heap;
static int again_count;

static void set_again(void *argument) {
    again_count++;
    CHECK(timer_set(&again_heap, argument, 0) == 0);
}

static void test_set_again(void) {
    struct timer timer;
    timer_heap_init(&again_heap);
    timer_init(&timer, set_again, &timer);
    CHECK(timer_set(&again_heap, &timer, 0) == 0);
    timer_heap_fire(&again_heap, 10);
    is_integer(again_count, 1, "a timer that sets itself for the past fires once a pass");
    ok(timer_is_set(&timer), "and is set");
    timer_cancel(&again_heap, &timer);
    timer_cancel(&again_heap, &timer);
    is_integer(again_heap.count, 0, "cancelling twice is harmless");
    timer_heap_free(&again_heap);
}

int main(void) {
    test_random_steps();
    test_set_again();
    return tap_done();
}
