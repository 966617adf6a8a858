/* Workers: posts, timers, hooks, watches, fairness; and the helper threads of offload. */
#include "run/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

#include "run/offload.h"
#include "tests/unit/run/harness.h"

/* Posts from several threads: all arrive, each thread's in its order. */
#define POSTERS 4
#define POSTS (IS_SANITIZED ? 2000 : 20000)

struct posted {
    int poster;
    int number;
};

struct post_test {
    struct worker *worker;
    struct fiber *waiter;
    struct posted *posts[POSTERS];
    int last_number[POSTERS];
    int arrived;
    bool is_in_order;
};

static struct post_test post_test;

static void take_post(void *argument) {
    const struct posted *post = argument;
    if (post->number != post_test.last_number[post->poster] + 1) post_test.is_in_order = false;
    post_test.last_number[post->poster] = post->number;
    post_test.arrived++;
    if (post_test.arrived == POSTERS * POSTS) fiber_wake(post_test.waiter);
}

static void *send_posts(void *argument) {
    struct posted *posts = argument;
    for (int i = 0; i < POSTS; i++) CHECK(worker_post(post_test.worker, take_post, &posts[i]) == 0);
    return NULL;
}

static void test_posts(void *argument) {
    pthread_t threads[POSTERS];
    post_test = (struct post_test){.worker = worker_self(), .waiter = fiber_self(), .is_in_order = true};
    for (int i = 0; i < POSTERS; i++) {
        post_test.posts[i] = calloc((size_t)POSTS, sizeof(struct posted));
        CHECK(post_test.posts[i] != NULL);
        for (int k = 0; k < POSTS; k++) post_test.posts[i][k] = (struct posted){i, k + 1};
        CHECK(pthread_create(&threads[i], NULL, send_posts, post_test.posts[i]) == 0);
    }
    while (post_test.arrived < POSTERS * POSTS) {
        if (fiber_park(deadline_in_ms(60000), NULL) < 0) break;
    }
    is_integer(post_test.arrived, POSTERS * POSTS, "posts from four threads all arrive");
    ok(post_test.is_in_order, "each thread's in its order");
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        free(post_test.posts[i]);
    }
    (void)argument;
}

/* Work that goes round all workers. */
#define LAPS 1000

struct lap {
    struct worker_item item;
    struct runtime *runtime;
    struct fiber *waiter;
    int laps;
    bool is_home;
};

static void run_lap(void *argument) {
    struct lap *lap = argument;
    size_t next = (worker_index(worker_self()) + 1) % runtime_worker_count(lap->runtime);
    lap->laps++;
    if (lap->laps >= LAPS && worker_index(worker_self()) == 0) {
        lap->is_home = true;
        fiber_wake(lap->waiter);
        return;
    }
    worker_post_item(runtime_worker(lap->runtime, next), &lap->item);
}

static void test_post_items(void *argument) {
    struct lap lap = {.runtime = worker_runtime(worker_self()), .waiter = fiber_self()};
    lap.item = (struct worker_item){.function = run_lap, .argument = &lap};
    worker_post_item(worker_self(), &lap.item);
    while (!lap.is_home) {
        if (fiber_park(deadline_in_ms(60000), NULL) < 0) break;
    }
    ok(lap.is_home && lap.laps >= LAPS, "an item goes round three workers a thousand times");
    (void)argument;
}

struct timed {
    struct timer timer;
    int number;
};

static int timed_order[8];
static size_t timed_count;

static void note_timer(void *argument) {
    timed_order[timed_count++] = ((struct timed *)argument)->number;
}

static void test_timers(void *argument) {
    static const int after_ms[] = {30, 10, 20, 15};
    struct timed timed[4];
    uint64_t start_ns = clock_monotonic_ns();
    for (int i = 0; i < 4; i++) {
        timed[i].number = i;
        timer_init(&timed[i].timer, note_timer, &timed[i]);
        CHECK(worker_timer_set(worker_self(), &timed[i].timer, start_ns + MILLISECONDS(after_ms[i])) == 0);
    }
    worker_timer_cancel(worker_self(), &timed[3].timer);
    CHECK(fiber_sleep(MILLISECONDS(60), NULL) == 0);
    is_integer(timed_count, 3, "three timers fired, the cancelled one did not");
    ok(timed_order[0] == 1 && timed_order[1] == 2 && timed_order[2] == 0, "in the order of their deadlines");
    (void)argument;
}

struct hook {
    struct fiber *to_wake;
    int calls;
};

static void hook_function(void *argument) {
    struct hook *hook = argument;
    hook->calls++;
    if (hook->to_wake != NULL) fiber_wake(hook->to_wake);
    hook->to_wake = NULL;
}

static void test_hooks(void *argument) {
    static struct hook hook;
    is_integer(worker_add_poll_hook(worker_self(), hook_function, &hook), 0, "a hook is added");
    hook.to_wake = fiber_self();
    is_integer(fiber_park(deadline_in_ms(1000), NULL), 0, "a hook runs after the batch and may wake fibers");
    int added = 1;
    while (added < 100 && worker_add_poll_hook(worker_self(), hook_function, &hook) == 0) added++;
    is_integer(added, WORKER_HOOKS_MAX, "the number of hooks is bounded");
    (void)argument;
}

static void test_watch(void *argument) {
    int ends[2];
    char byte;
    struct error error;
    struct watch watch;
    CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    is_integer(worker_watch(worker_self(), ends[0], &watch, &error), 0, "a pipe is watched");
    is_integer(watch_wait_readable(&watch, deadline_in_ms(10), &error), -1, "an empty one is not readable");
    is_integer(error.code, ERROR_TIMEOUT, "until the deadline");
    CHECK(write(ends[1], "x", 1) == 1);
    is_integer(watch_wait_readable(&watch, deadline_in_ms(1000), &error), 0, "it becomes readable");
    CHECK(read(ends[0], &byte, 1) == 1);
    watch_set_drained(&watch);
    is_integer(watch_wait_readable(&watch, deadline_in_ms(10), &error), -1, "and is not, once drained");
    close(ends[1]);
    is_integer(watch_wait_readable(&watch, deadline_in_ms(1000), &error), 0, "the end of it is readable");
    watch_set_drained(&watch);
    ok(watch.has_closed && watch.is_readable, "and stays so");
    worker_unwatch(&watch);
    worker_unwatch(&watch);
    close(ends[0]);
    is_integer(worker_watch(worker_self(), -1, &watch, &error), -1, "a bad descriptor is an error");
    (void)argument;
}

static void spend_io(void *argument) {
    bool *may_end = argument;
    while (!*may_end) {
        if (worker_charge_io(NULL) < 0) return;
    }
}

static void test_fairness(void *argument) {
    bool may_end = false;
    struct fiber *greedy = start_fiber(spend_io, &may_end);
    uint64_t start_ns = clock_monotonic_ns();
    is_integer(fiber_sleep(MILLISECONDS(20), NULL), 0, "a timer fires beside a fiber that never parks");
    ok(clock_monotonic_ns() - start_ns < MILLISECONDS(5000), "soon");
    may_end = true;
    fiber_join(greedy);
    greedy = start_fiber(spend_io, &(bool){false});
    fiber_yield();
    fiber_cancel(greedy);
    fiber_join(greedy);
    ok(true, "and such a fiber can be cancelled");
    (void)argument;
}

struct blocking {
    pthread_t thread;
    int result;
};

static void block_for_20_ms(void *argument) {
    struct blocking *blocking = argument;
    blocking->thread = pthread_self();
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    blocking->result = 42;
}

static void block_in_fiber(void *argument) {
    struct blocking blocking = {0};
    if (offload_run(OFFLOAD_COMPUTE, block_for_20_ms, &blocking, NULL) == 0) *(int *)argument += blocking.result;
}

static void test_offload(void *argument) {
    struct blocking blocking = {0};
    struct error error;
    is_integer(offload_run(OFFLOAD_COMPUTE, block_for_20_ms, &blocking, &error), 0, "a blocking call is run");
    ok(blocking.result == 42 && !pthread_equal(blocking.thread, pthread_self()), "on another thread");
    int sum = 0;
    struct fiber *fibers[8];
    for (int i = 0; i < 8; i++) fibers[i] = start_fiber(block_in_fiber, &sum);
    fiber_yield();
    fiber_cancel(fibers[7]);
    for (int i = 0; i < 8; i++) fiber_join(fibers[i]);
    is_integer(sum, 8 * 42, "more calls than helpers all end, a cancelled fiber's too");
    (void)argument;
}

static void test_bad_counts(void) {
    struct runtime *runtime;
    struct error error;
    is_integer(runtime_start(&runtime, 0, 1, &error), -1, "no worker is an error");
    is_integer(runtime_start(&runtime, RUNTIME_WORKERS_MAX + 1, 1, &error), -1, "too many workers are an error");
    is_integer(runtime_start(&runtime, 1, 0, &error), -1, "no helper is an error");
    ok(runtime == NULL, "nothing is left of them");
    runtime_free(&runtime);
}

int main(void) {
    static const struct {
        size_t workers;
        void (*function)(void *argument);
    } tests[] = {{1, test_posts}, {3, test_post_items}, {1, test_timers}, {1, test_hooks},
                 {1, test_watch}, {1, test_fairness},   {2, test_offload}};
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(tests[i].workers, tests[i].function, NULL);
    test_bad_counts();
    return tap_done();
}
