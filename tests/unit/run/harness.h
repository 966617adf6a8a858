/* For tests of run/: a runtime around one fiber, and a limit of time for the whole program. */
#ifndef SWORN_TESTS_UNIT_RUN_HARNESS_H
#define SWORN_TESTS_UNIT_RUN_HARNESS_H

#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/fiber_switch.h"
#include "run/worker.h"
#include "tests/unit/tap.h"

#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

#define MILLISECONDS(count) ((uint64_t)(count) * NANOSECONDS_PER_MILLISECOND)
#define TEST_LIMIT_S 120

static inline uint64_t deadline_in_ms(uint64_t milliseconds) {
    return clock_monotonic_ns() + MILLISECONDS(milliseconds);
}

struct harness {
    void (*main)(void *argument);
    void *argument;
    sem_t is_done;
};

static inline void harness_fiber(void *argument) {
    struct harness *harness = argument;
    harness->main(harness->argument);
    sem_post(&harness->is_done);
}

static inline void harness_start(void *argument) {
    struct fiber *fiber = fiber_start(worker_self(), harness_fiber, argument, "test");
    CHECK(fiber != NULL);
    fiber_detach(fiber);
}

/* Runs main(argument) as a fiber of the first of worker_count workers, and then ends the runtime. */
static inline void run_in_fiber(size_t worker_count, void (*main)(void *argument), void *argument) {
    struct harness harness = {.main = main, .argument = argument};
    struct runtime *runtime;
    struct error error;
    alarm(TEST_LIMIT_S);
    CHECK(sem_init(&harness.is_done, 0, 0) == 0);
    CHECK(runtime_start(&runtime, worker_count, 2, &error) == 0);
    CHECK(worker_post(runtime_worker(runtime, 0), harness_start, &harness) == 0);
    while (sem_wait(&harness.is_done) != 0) {
    }
    runtime_free(&runtime);
    sem_destroy(&harness.is_done);
}

/* A fiber of the calling fiber's worker; memory does not run out in tests. */
static inline struct fiber *start_fiber(void (*main)(void *argument), void *argument) {
    struct fiber *fiber = fiber_start(worker_self(), main, argument, "helper");
    CHECK(fiber != NULL);
    return fiber;
}

#endif
