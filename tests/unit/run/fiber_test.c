/* Fibers: switching, parking, waking, deadlines, cancelling, shields, joining, the worker's stack. */
#include "run/fiber.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "run/stack.h"
#include "tests/unit/run/harness.h"

/* Two fibers that wake each other in turn. */
#define SWITCHES (IS_SANITIZED ? 50000 : 500000)

struct ping {
    struct fiber *partner;
    int turns;
};

static void play_ping(void *argument) {
    struct ping *ping = argument;
    for (; ping->turns < SWITCHES; ping->turns++) {
        if (ping->partner != NULL) fiber_wake(ping->partner);
        if (fiber_park(FIBER_NO_DEADLINE, NULL) < 0) return;
    }
    fiber_wake(ping->partner);
}

static void test_switching(void *argument) {
    struct ping players[2] = {{0}};
    struct fiber *first = start_fiber(play_ping, &players[0]);
    struct fiber *second = start_fiber(play_ping, &players[1]);
    players[0].partner = second;
    players[1].partner = first;
    fiber_join(first);
    fiber_join(second);
    is_integer(players[0].turns + players[1].turns, 2 * SWITCHES, "two fibers took a million turns");
    (void)argument;
}

struct trace {
    char text[16];
    size_t length;
};

static struct trace trace;

static void leave_mark(void *argument) {
    trace.text[trace.length++] = *(const char *)argument;
}

static void leave_mark_twice(void *argument) {
    leave_mark(argument);
    fiber_yield();
    leave_mark(argument);
}

static void test_order(void *argument) {
    trace = (struct trace){0};
    char marks[] = "abc";
    struct fiber *a = start_fiber(leave_mark_twice, &marks[0]), *b = start_fiber(leave_mark_twice, &marks[1]);
    struct fiber *c = start_fiber(leave_mark, &marks[2]);
    is_integer(trace.length, 0, "a started fiber does not run before its starter parks");
    fiber_join(c);
    fiber_join(a);
    fiber_join(b);
    is_str(str_make(trace.text, trace.length), STR("abcab"), "fibers run in order, a yield goes behind the others");
    (void)argument;
}

static void test_wake(void *argument) {
    struct error error;
    fiber_wake(fiber_self());
    fiber_wake(fiber_self());
    is_integer(fiber_park(FIBER_NO_DEADLINE, &error), 0, "a wake before the park is not lost");
    is_integer(fiber_park(deadline_in_ms(5), &error), -1, "two wakes before the park are one");
    is_integer(error.code, ERROR_TIMEOUT, "the next park times out");
    (void)argument;
}

static void wake_after_10_ms(void *argument) {
    ok(fiber_sleep(MILLISECONDS(10), NULL) == 0, "a sleep ends");
    fiber_wake(argument);
}

static void test_deadlines(void *argument) {
    struct error error;
    uint64_t start_ns = clock_monotonic_ns();
    is_integer(fiber_park(start_ns + MILLISECONDS(20), &error), -1, "a park with a deadline returns");
    is_integer(error.code, ERROR_TIMEOUT, "with ERROR_TIMEOUT");
    ok(clock_monotonic_ns() - start_ns >= MILLISECONDS(20), "not before its deadline");
    is_integer(fiber_park(0, &error), -1, "a deadline in the past times out");

    struct fiber *helper = start_fiber(wake_after_10_ms, fiber_self());
    is_integer(fiber_park(deadline_in_ms(30), &error), 0, "a park is woken before its deadline");
    fiber_join(helper);
    start_ns = clock_monotonic_ns();
    is_integer(fiber_park(start_ns + MILLISECONDS(60), &error), -1, "the next park has a later deadline");
    ok(clock_monotonic_ns() - start_ns >= MILLISECONDS(60), "and is not cut short by the earlier one");
    start_ns = clock_monotonic_ns();
    is_integer(fiber_park(start_ns + MILLISECONDS(5), &error), -1, "a shorter park after a longer one");
    ok(clock_monotonic_ns() - start_ns < MILLISECONDS(1000), "ends at its own deadline");
    (void)argument;
}

struct victim {
    enum error_code codes[3];
    bool shielded_wake;
    bool has_begun;
};

static void be_cancelled(void *argument) {
    struct victim *victim = argument;
    struct error error = {0};
    for (int i = 0; i < 2; i++) {
        if (fiber_park(FIBER_NO_DEADLINE, &error) < 0) victim->codes[i] = error.code;
    }
    fiber_shield_begin();
    fiber_shield_begin();
    fiber_shield_end();
    victim->shielded_wake = fiber_sleep(MILLISECONDS(5), NULL) == 0 && fiber_is_cancelled(fiber_self());
    fiber_shield_end();
    if (fiber_sleep(MILLISECONDS(5), &error) < 0) victim->codes[2] = error.code;
}

static void test_cancel(void *argument) {
    struct victim victim = {0};
    struct fiber *fiber = start_fiber(be_cancelled, &victim);
    fiber_yield();
    fiber_cancel(fiber);
    fiber_cancel(fiber);
    fiber_join(fiber);
    is_integer(victim.codes[0], ERROR_CANCELLED, "a parked fiber is cancelled");
    is_integer(victim.codes[1], ERROR_CANCELLED, "and so is each later park");
    ok(victim.shielded_wake, "but not inside nested shields");
    is_integer(victim.codes[2], ERROR_CANCELLED, "and again after them");
    (void)argument;
}

static void wait_in_shield(void *argument) {
    struct victim *victim = argument;
    fiber_shield_begin();
    victim->has_begun = true;
    victim->shielded_wake = fiber_park(FIBER_NO_DEADLINE, NULL) == 0;
    fiber_shield_end();
}

static void test_shield(void *argument) {
    struct victim victim = {0};
    struct fiber *fiber = start_fiber(wait_in_shield, &victim);
    fiber_yield();
    fiber_cancel(fiber);
    fiber_yield();
    ok(victim.has_begun && !fiber_has_ended(fiber), "a cancel does not end a park inside a shield");
    fiber_wake(fiber);
    fiber_join(fiber);
    ok(victim.shielded_wake, "a wake does");
    (void)argument;
}

static void do_nothing(void *argument) {
    (void)argument;
}

static void test_join(void *argument) {
    struct fiber *fiber = start_fiber(do_nothing, NULL);
    fiber_yield();
    ok(fiber_has_ended(fiber), "a fiber has ended");
    fiber_wake(fiber);
    fiber_cancel(fiber);
    fiber_join(fiber);
    ok(true, "it can be woken, cancelled and joined nevertheless");
    fiber_detach(start_fiber(do_nothing, NULL));
    fiber = start_fiber(do_nothing, NULL);
    fiber_yield();
    fiber_detach(fiber);
    fiber_join(NULL);
    fiber_detach(NULL);
    is_integer(worker_fiber_count(worker_self()), 1, "detached fibers are gone");
    (void)argument;
}

/* More than a fiber's stack by far; volatile so that no compiler makes a loop of it. */
static size_t recurse(size_t depth) {
    volatile char frame[1024];
    frame[0] = (char)depth;
    frame[1023] = 1;
    return depth == 0 ? 0 : recurse(depth - 1) + (size_t)frame[1023];
}

struct deep_call {
    size_t depth;
    size_t result;
    bool was_outside;
};

static void call_deep(void *argument) {
    struct deep_call *call = argument;
    call->was_outside = fiber_self() == NULL;
    call->result = recurse(call->depth);
}

static void test_worker_stack(void *argument) {
    struct fiber *self = fiber_self();
    bool all_right = true;
    for (int i = 0; i < 100; i++) {
        struct deep_call call = {.depth = 1024};
        fiber_call_on_worker_stack(call_deep, &call);
        all_right = all_right && call.result == 1024 && call.was_outside;
    }
    ok(all_right, "1 MiB of recursion fits on the worker's stack");
    ok(fiber_self() == self, "and the fiber goes on");
    struct deep_call outside = {.depth = 10};
    fiber_call_on_worker_stack(call_deep, &outside);
    is_integer(outside.result, 10, "again");
    (void)argument;
}

static void touch_stack(void *argument) {
    *(size_t *)argument += recurse(20) / 20;
    if (fiber_sleep(MILLISECONDS(1), NULL) < 0) *(size_t *)argument = 0;
}

static bool is_resident(const char *page) {
    unsigned char state = 0;
    return mincore((void *)((uintptr_t)page & ~(uintptr_t)4095), 4096, &state) == 0 && (state & 1) != 0;
}

static void test_trim(void *argument) {
    const char *below = (const char *)__builtin_frame_address(0) - 3 * 4096;
    size_t sum = recurse(20);
    bool was_resident = is_resident(below);
    fiber_trim_stack();
    ok(was_resident && !is_resident(below), "what a deep call took of the stack is given back");
    is_integer(recurse(20), sum, "and can be taken again");
    (void)argument;
}

#define MANY_FIBERS (IS_SANITIZED ? 500 : 3000)

static void test_many(void *argument) {
    static struct fiber *fibers[3000];
    size_t touched = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY_FIBERS; i++) fibers[i] = start_fiber(touch_stack, &touched);
        for (int i = 0; i < MANY_FIBERS; i++) fiber_join(fibers[i]);
    }
    is_integer(touched, 3 * MANY_FIBERS, "stacks are used again");
    (void)argument;
}

static void test_stopping(void *argument) {
    bool *has_unwound = argument;
    struct error error;
    if (fiber_park(FIBER_NO_DEADLINE, &error) < 0 && error.code == ERROR_CANCELLED) *has_unwound = true;
}

static void start_sleeper(void *argument) {
    fiber_detach(start_fiber(test_stopping, argument));
}

static void overflow_stack(void *argument) {
    *(size_t *)argument = recurse(FIBER_STACK_BYTES / 1024 + 8);
}

/* The kernel places mappings downwards, so the second fiber's stack lies right below the first one's. */
static void overflow_beside_neighbour(void *argument) {
    struct fiber *first = start_fiber(overflow_stack, argument);
    struct fiber *second = start_fiber(do_nothing, NULL);
    fiber_join(first);
    fiber_join(second);
}

/* In a child process: a fiber that outgrows its stack dies on the guard page and writes over nobody. */
static void test_guard_page(void) {
    if (IS_SANITIZED) {
        tap_skip("the guard page", "sanitizers report it in their own way");
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        size_t depth = 0;
        run_in_fiber(1, overflow_beside_neighbour, &depth);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "an overflow of a fiber's stack ends the process");
}

int main(void) {
    static const struct {
        void (*function)(void *argument);
    } tests[] = {{test_switching}, {test_order}, {test_wake}, {test_deadlines}, {test_cancel},
                 {test_shield},    {test_join},  {test_worker_stack}, {test_trim}, {test_many}};
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(1, tests[i].function, NULL);
    test_guard_page();
    bool has_unwound = false;
    run_in_fiber(1, start_sleeper, &has_unwound);
    ok(has_unwound, "the end of the runtime cancels and awaits what is parked");
    return tap_done();
}
