/* Conditions and bounded queues between fibers. */
#include "run/sync.h"

#include "tests/unit/run/harness.h"

struct waiting {
    struct condition *condition;
    uint64_t deadline_ns;
    int result;
    int *order;
    int turn;
};

static void wait_once(void *argument) {
    struct waiting *waiting = argument;
    waiting->result = condition_wait(waiting->condition, waiting->deadline_ns, NULL);
    waiting->turn = ++*waiting->order;
}

static void test_condition(void *argument) {
    struct condition condition = {0};
    int order = 0;
    struct waiting waiting[4];
    struct fiber *fibers[4];
    for (int i = 0; i < 4; i++) {
        waiting[i] = (struct waiting){.condition = &condition, .deadline_ns = FIBER_NO_DEADLINE, .order = &order};
        fibers[i] = start_fiber(wait_once, &waiting[i]);
    }
    fiber_yield();
    fiber_cancel(fibers[0]);
    condition_wake_one(&condition);
    fiber_yield();
    ok(fiber_has_ended(fibers[0]) && waiting[0].result == -1, "a cancelled waiter ends");
    ok(fiber_has_ended(fibers[1]) && waiting[1].result == 0, "and hands the wake that chose it to the next");
    ok(!fiber_has_ended(fibers[2]), "but to one only");
    condition_wake_all(&condition);
    for (int i = 0; i < 4; i++) fiber_join(fibers[i]);
    ok(waiting[2].turn == 3 && waiting[3].turn == 4, "wake_all wakes in order of arrival");
    struct error error;
    is_integer(condition_wait(&condition, deadline_in_ms(5), &error), -1, "a wait ends at its deadline");
    is_integer(error.code, ERROR_TIMEOUT, "with ERROR_TIMEOUT");
    ok(condition.first == NULL && condition.last == NULL, "and nobody is left in it");
    condition_wake_one(&condition);
    (void)argument;
}

#define ITEMS 10000

static int numbers[ITEMS];

static void push_all(void *argument) {
    for (int i = 0; i < ITEMS; i++) {
        numbers[i] = i;
        if (fiber_queue_push(argument, &numbers[i], deadline_in_ms(20000), NULL) < 0) return;
    }
    fiber_queue_close(argument);
}

static void test_queue(void *argument) {
    struct fiber_queue queue;
    struct error error;
    void *item;
    CHECK(fiber_queue_init(&queue, 7, &error) == 0);
    is_integer(fiber_queue_pop(&queue, &item, deadline_in_ms(5), &error), -1, "a pop of an empty queue times out");
    struct fiber *producer = start_fiber(push_all, &queue);
    fiber_yield();
    is_integer(queue.count, 7, "a producer stops at the queue's capacity");
    bool in_order = true;
    int count = 0;
    for (; fiber_queue_pop(&queue, &item, deadline_in_ms(20000), &error) == 0; count++) {
        in_order = in_order && item == &numbers[count];
    }
    is_integer(count, ITEMS, "all items come out");
    ok(in_order, "in order");
    is_integer(error.code, ERROR_CLOSED, "then the queue is closed");
    is_integer(fiber_queue_push(&queue, &numbers[0], FIBER_NO_DEADLINE, &error), -1, "and takes no more");
    fiber_join(producer);
    fiber_queue_free(&queue);
    (void)argument;
}

static void push_one_more(void *argument) {
    struct error error;
    struct fiber_queue *queue = argument;
    is_integer(fiber_queue_push(queue, &numbers[2], FIBER_NO_DEADLINE, &error), -1, "a producer that waits");
    is_integer(error.code, ERROR_CLOSED, "learns that the queue was closed");
}

static void test_queue_close(void *argument) {
    struct fiber_queue queue;
    struct error error;
    void *item;
    CHECK(fiber_queue_init(&queue, 1, &error) == 0);
    ok(fiber_queue_peek(&queue) == NULL && fiber_queue_try_pop(&queue) == NULL, "an empty queue has no oldest item");
    CHECK(fiber_queue_push(&queue, &numbers[1], FIBER_NO_DEADLINE, &error) == 0);
    ok(fiber_queue_peek(&queue) == &numbers[1], "the oldest item can be looked at");
    is_integer(fiber_queue_push(&queue, &numbers[2], deadline_in_ms(5), &error), -1, "a push to a full one times out");
    struct fiber *producer = start_fiber(push_one_more, &queue);
    fiber_yield();
    fiber_queue_close(&queue);
    fiber_join(producer);
    is_integer(fiber_queue_pop(&queue, &item, FIBER_NO_DEADLINE, &error), 0, "what was in it still comes out");
    ok(item == &numbers[1], "the right one");
    fiber_queue_free(&queue);
    (void)argument;
}

int main(void) {
    run_in_fiber(1, test_condition, NULL);
    run_in_fiber(1, test_queue, NULL);
    run_in_fiber(1, test_queue_close, NULL);
    return tap_done();
}
