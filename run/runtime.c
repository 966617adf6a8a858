/* The threads: workers and helpers, how they start and how they end. */
#include <signal.h>
#include <stdlib.h>

#include "run/internal.h"
#include "run/resolver.h"

#define WORKER_STACK_BYTES ((size_t)16 << 20) /* for recursive libraries: fiber_call_on_worker_stack */

void runtime_hold(struct runtime *runtime) {
    atomic_fetch_add(&runtime->busy_count, 1);
}

void runtime_release(struct runtime *runtime) {
    if (atomic_fetch_sub(&runtime->busy_count, 1) != 1 || !atomic_load(&runtime->is_stopping)) return;
    for (size_t i = 0; i < runtime->worker_count; i++) {
        if (&runtime->workers[i] != worker_self()) worker_wake_thread(&runtime->workers[i]);
    }
}

size_t runtime_worker_count(const struct runtime *runtime) {
    return runtime->worker_count;
}

struct worker *runtime_worker(struct runtime *runtime, size_t index) {
    CHECK(index < runtime->worker_count);
    return &runtime->workers[index];
}

static void ignore_sigpipe(void) {
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

static void *worker_main(void *argument) {
    worker_run(argument);
    return NULL;
}

static int start_thread(struct worker *worker, struct error *error) {
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES) == 0);
    int failure = pthread_create(&worker->thread, &attributes, worker_main, worker);
    pthread_attr_destroy(&attributes);
    if (failure != 0) return error_set(error, ERROR_SYSTEM, "cannot start a worker thread (error %d)", failure);
    return 0;
}

static void stop_worker(void *argument) {
    struct worker *worker = argument;
    worker->is_stopping = true;
    fiber_cancel_all(worker);
}

void runtime_stop(struct runtime *runtime) {
    if (atomic_exchange(&runtime->is_stopping, true)) return;
    for (size_t i = 0; i < runtime->worker_count; i++) {
        worker_post_item(&runtime->workers[i], &runtime->workers[i].stop_item);
    }
}

static void join_workers(struct runtime *runtime, size_t started_count) {
    for (size_t i = 0; i < started_count; i++) CHECK(pthread_join(runtime->workers[i].thread, NULL) == 0);
}

static void free_parts(struct runtime **runtime) {
    for (size_t i = 0; i < (*runtime)->worker_count; i++) worker_close(&(*runtime)->workers[i]);
    resolver_free(&(*runtime)->resolver);
    free((*runtime)->workers);
    free(*runtime);
    *runtime = NULL;
}

/* Opens all workers, so that a failure to do so needs no thread to be stopped. */
static int open_workers(struct runtime *runtime, size_t worker_count, struct error *error) {
    runtime->workers = calloc(worker_count, sizeof(*runtime->workers));
    if (runtime->workers == NULL) return error_out_of_memory(error);
    while (runtime->worker_count < worker_count) {
        size_t index = runtime->worker_count++;
        if (worker_open(&runtime->workers[index], runtime, index, error) < 0) return -1;
        runtime->workers[index].stop_item =
            (struct worker_item){.function = stop_worker, .argument = &runtime->workers[index]};
    }
    return 0;
}

/* When one cannot start, those before it are told to leave; they have nothing to do yet. */
static int start_workers(struct runtime *runtime, struct error *error) {
    for (size_t i = 0; i < runtime->worker_count; i++) {
        if (start_thread(&runtime->workers[i], error) == 0) continue;
        atomic_store(&runtime->is_stopping, true);
        for (size_t k = 0; k < i; k++) worker_post_item(&runtime->workers[k], &runtime->workers[k].stop_item);
        join_workers(runtime, i);
        return -1;
    }
    return 0;
}

static int start_helpers(struct runtime *runtime, size_t helper_count, struct error *error) {
    for (int purpose = 0; purpose < OFFLOAD_PURPOSES; purpose++) {
        runtime->offload[purpose] = offload_pool_start(helper_count, error);
        if (runtime->offload[purpose] == NULL) return -1;
    }
    return 0;
}

static void stop_helpers(struct runtime *runtime) {
    for (int purpose = 0; purpose < OFFLOAD_PURPOSES; purpose++) offload_pool_stop(&runtime->offload[purpose]);
}

int runtime_start(struct runtime **runtime, size_t worker_count, size_t helper_count, struct error *error) {
    *runtime = NULL;
    if (worker_count == 0 || worker_count > RUNTIME_WORKERS_MAX) {
        return error_set(error, ERROR_INVALID, "the number of workers must be 1 to %d", RUNTIME_WORKERS_MAX);
    }
    ignore_sigpipe();
    sigset_t all_signals, previous_signals;
    sigfillset(&all_signals);
    pthread_sigmask(SIG_SETMASK, &all_signals, &previous_signals); /* threads inherit it */
    struct runtime *started = calloc(1, sizeof(*started));
    int result = started != NULL ? open_workers(started, worker_count, error) : error_out_of_memory(error);
    if (result == 0 && (started->resolver = resolver_new(NULL)) == NULL) result = error_out_of_memory(error);
    if (result == 0) result = start_helpers(started, helper_count, error);
    if (result == 0) result = start_workers(started, error);
    pthread_sigmask(SIG_SETMASK, &previous_signals, NULL);
    if (result < 0 && started != NULL) {
        stop_helpers(started);
        free_parts(&started);
    }
    *runtime = started;
    return result;
}

void runtime_free(struct runtime **runtime) {
    if (*runtime == NULL) return;
    CHECK(worker_self() == NULL);
    runtime_stop(*runtime);
    join_workers(*runtime, (*runtime)->worker_count);
    stop_helpers(*runtime);
    free_parts(runtime);
}
