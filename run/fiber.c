/* Fibers: their life, parking and waking. Switching is always between a fiber and its worker's own stack, where the
 * loop in worker.c runs; invariant: a fiber is in at most one list, and only a parked one is in none. */
#include "run/fiber.h"

#include <stdlib.h>

#include "base/clock.h"
#include "run/internal.h"

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_PARKED, FIBER_ENDED };

struct fiber {
    uint32_t magic;
    enum fiber_state state;
    bool is_held;
    bool is_woken;
    bool is_timed_out;
    bool is_cancelled;
    unsigned int shield_depth;
    unsigned int io_left;
    struct worker *worker;
    const char *name;
    void (*main)(void *argument);
    void *argument;
    struct fiber *next_ready;
    struct fiber *previous;
    struct fiber *next;
    struct fiber *joiner;
    uint64_t deadline_ns; /* of the park under way */
    struct timer timer;   /* stays set over short parks: due at the deadline or before it */
    struct fiber_context context;
};

static void list_append(struct fiber_list *list, struct fiber *fiber) {
    fiber->next_ready = NULL;
    if (list->last != NULL) list->last->next_ready = fiber;
    else list->first = fiber;
    list->last = fiber;
}

struct fiber *fiber_list_take(struct fiber_list *list) {
    struct fiber *fiber = list->first;
    if (fiber == NULL) return NULL;
    list->first = fiber->next_ready;
    if (list->first == NULL) list->last = NULL;
    return fiber;
}

void fiber_list_move(struct fiber_list *to, struct fiber_list *from) {
    if (from->first == NULL) return;
    if (to->last != NULL) to->last->next_ready = from->first;
    else to->first = from->first;
    to->last = from->last;
    *from = (struct fiber_list){0};
}

static void make_ready(struct fiber *fiber) {
    fiber->state = FIBER_READY;
    list_append(&fiber->worker->ready, fiber);
}

/* The timer of an earlier, shorter park may still be set: then the fiber is only looked at, and the timer set anew. */
static void timer_fired(void *argument) {
    struct fiber *fiber = argument;
    if (fiber->state != FIBER_PARKED || fiber->deadline_ns == FIBER_NO_DEADLINE) return;
    if (fiber->deadline_ns > fiber->worker->now_ns) {
        CHECK(timer_set(&fiber->worker->timers, &fiber->timer, fiber->deadline_ns) == 0); /* its slot was just freed */
        return;
    }
    fiber->is_timed_out = true;
    make_ready(fiber);
}

static void fiber_entry(void *argument) {
    struct fiber *fiber = argument;
    fiber->main(fiber->argument);
    fiber->state = FIBER_ENDED;
    fiber_context_exit(&fiber->context, &fiber->worker->context);
}

static void link_fiber(struct worker *worker, struct fiber *fiber) {
    fiber->next = worker->fibers;
    if (fiber->next != NULL) fiber->next->previous = fiber;
    worker->fibers = fiber;
    worker->fiber_count++;
}

static void unlink_fiber(struct worker *worker, struct fiber *fiber) {
    if (fiber->next != NULL) fiber->next->previous = fiber->previous;
    if (fiber->previous != NULL) fiber->previous->next = fiber->next;
    else worker->fibers = fiber->next;
    worker->fiber_count--;
}

struct fiber *fiber_start(struct worker *worker, void (*main)(void *argument), void *argument, const char *name) {
    CHECK_MAGIC(worker, WORKER_MAGIC);
    CHECK(worker == worker_self());
    struct fiber *fiber = calloc(1, sizeof(*fiber));
    char *stack = fiber != NULL ? stack_pool_take(&worker->stacks) : NULL;
    if (stack == NULL) {
        free(fiber);
        return NULL;
    }
    fiber->magic = FIBER_MAGIC;
    fiber->is_held = true;
    fiber->is_cancelled = worker->is_stopping;
    fiber->worker = worker;
    fiber->name = name;
    fiber->main = main;
    fiber->argument = argument;
    fiber->deadline_ns = FIBER_NO_DEADLINE;
    timer_init(&fiber->timer, timer_fired, fiber);
    fiber_context_init(&fiber->context, stack, FIBER_STACK_BYTES, fiber_entry, fiber);
    link_fiber(worker, fiber);
    runtime_hold(worker->runtime);
    make_ready(fiber);
    return fiber;
}

static void free_fiber(struct fiber *fiber) {
    fiber->magic = 0;
    free(fiber);
}

void fiber_detach(struct fiber *fiber) {
    if (fiber == NULL) return;
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    CHECK(fiber->is_held && fiber->joiner == NULL);
    fiber->is_held = false;
    if (fiber->state == FIBER_ENDED) free_fiber(fiber);
}

void fiber_join(struct fiber *fiber) {
    if (fiber == NULL) return;
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    CHECK(fiber->is_held && fiber->joiner == NULL && fiber != fiber_self());
    fiber_shield_begin();
    while (fiber->state != FIBER_ENDED) {
        fiber->joiner = fiber_self();
        int woken = fiber_park(FIBER_NO_DEADLINE, NULL);
        CHECK(woken == 0);
    }
    fiber->joiner = NULL;
    fiber_shield_end();
    fiber_detach(fiber);
}

static void finish_fiber(struct worker *worker, struct fiber *fiber) {
    timer_cancel(&worker->timers, &fiber->timer);
    unlink_fiber(worker, fiber);
    fiber_context_free(&fiber->context);
    stack_pool_give(&worker->stacks, fiber->context.stack);
    if (fiber->joiner != NULL) fiber_wake(fiber->joiner);
    if (!fiber->is_held) free_fiber(fiber);
    runtime_release(worker->runtime);
}

void fiber_resume(struct worker *worker, struct fiber *fiber) {
    fiber->state = FIBER_RUNNING;
    fiber->io_left = FIBER_IO_BUDGET;
    worker->running = fiber;
    fiber_context_switch(&worker->context, &fiber->context);
    worker->running = NULL;
    while (worker->call_function != NULL) {
        void (*function)(void *argument) = worker->call_function;
        worker->call_function = NULL;
        function(worker->call_argument);
        worker->running = fiber;
        fiber_context_switch(&worker->context, &fiber->context);
        worker->running = NULL;
    }
    if (fiber->state == FIBER_ENDED) finish_fiber(worker, fiber);
}

struct fiber *fiber_self(void) {
    struct worker *worker = worker_self();
    return worker != NULL ? worker->running : NULL;
}

const char *fiber_name(const struct fiber *fiber) {
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    return fiber->name;
}

bool fiber_has_ended(const struct fiber *fiber) {
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    return fiber->state == FIBER_ENDED;
}

bool fiber_is_cancelled(const struct fiber *fiber) {
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    return fiber->is_cancelled;
}

static bool must_unwind(const struct fiber *fiber) {
    return fiber->is_cancelled && fiber->shield_depth == 0;
}

int fiber_check_cancelled(struct fiber *fiber, struct error *error) {
    if (!must_unwind(fiber)) return 0;
    return error_set(error, ERROR_CANCELLED, "%s was cancelled", fiber->name);
}

static void switch_to_worker(struct fiber *fiber) {
    fiber_context_switch(&fiber->context, &fiber->worker->context);
}

static int arm_timer(struct fiber *fiber, uint64_t deadline_ns) {
    fiber->deadline_ns = deadline_ns;
    if (deadline_ns == FIBER_NO_DEADLINE) return 0;
    if (timer_is_set(&fiber->timer) && fiber->timer.deadline_ns <= deadline_ns) return 0;
    return timer_set(&fiber->worker->timers, &fiber->timer, deadline_ns);
}

int fiber_park(uint64_t deadline_ns, struct error *error) {
    struct fiber *fiber = fiber_self();
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    if (fiber_check_cancelled(fiber, error) < 0) return -1;
    if (!fiber->is_woken) {
        if (arm_timer(fiber, deadline_ns) < 0) return error_out_of_memory(error);
        fiber->is_timed_out = false;
        fiber->state = FIBER_PARKED;
        switch_to_worker(fiber);
        fiber->deadline_ns = FIBER_NO_DEADLINE;
        if (fiber_check_cancelled(fiber, error) < 0) return -1;
    }
    if (fiber->is_woken) {
        fiber->is_woken = false;
        return 0;
    }
    CHECK(fiber->is_timed_out);
    return error_set(error, ERROR_TIMEOUT, "no answer in time");
}

void fiber_wake(struct fiber *fiber) {
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    CHECK(fiber->worker == worker_self());
    fiber->is_woken = true;
    if (fiber->state == FIBER_PARKED) make_ready(fiber);
}

void fiber_cancel(struct fiber *fiber) {
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    CHECK(fiber->worker == worker_self());
    fiber->is_cancelled = true;
    if (fiber->state == FIBER_PARKED && must_unwind(fiber)) make_ready(fiber);
}

void fiber_cancel_all(struct worker *worker) {
    for (struct fiber *fiber = worker->fibers; fiber != NULL; fiber = fiber->next) fiber_cancel(fiber);
}

void fiber_shield_begin(void) {
    struct fiber *fiber = fiber_self();
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    fiber->shield_depth++;
}

void fiber_shield_end(void) {
    struct fiber *fiber = fiber_self();
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    CHECK(fiber->shield_depth > 0);
    fiber->shield_depth--;
}

int fiber_sleep(uint64_t duration_ns, struct error *error) {
    uint64_t deadline_ns;
    if (__builtin_add_overflow(clock_monotonic_ns(), duration_ns, &deadline_ns)) deadline_ns = FIBER_NO_DEADLINE;
    struct error reason;
    while (fiber_park(deadline_ns, &reason) == 0) {
        /* woken for something else: sleep on */
    }
    if (reason.code == ERROR_TIMEOUT) return 0;
    if (error != NULL) *error = reason;
    return -1;
}

void fiber_yield(void) {
    struct fiber *fiber = fiber_self();
    CHECK_MAGIC(fiber, FIBER_MAGIC);
    fiber->state = FIBER_READY;
    list_append(&fiber->worker->yielded, fiber);
    switch_to_worker(fiber);
}

bool fiber_spend_io(struct fiber *fiber) {
    if (fiber->io_left == 0) return false;
    fiber->io_left--;
    return true;
}

void fiber_trim_stack(void) {
    const struct fiber *fiber = fiber_self();
    if (fiber != NULL) stack_trim(fiber->context.stack, __builtin_frame_address(0));
}

void fiber_call_on_worker_stack(void (*function)(void *argument), void *argument) {
    struct fiber *fiber = fiber_self();
    if (fiber == NULL) {
        function(argument);
        return;
    }
    fiber->worker->call_argument = argument;
    fiber->worker->call_function = function;
    switch_to_worker(fiber);
}
