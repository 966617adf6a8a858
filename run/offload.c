/* Pools of helper threads, one a purpose, each fed from a queue under a lock. */
#include "run/offload.h"

#include <stdlib.h>

#include "run/internal.h"

#define HELPERS_MAX 64

struct offload_pool {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct offload_job *first;
    struct offload_job *last;
    size_t queued_count;
    bool is_stopping;
    size_t helper_count;
    pthread_t helpers[HELPERS_MAX];
};

static struct offload_job *take_job(struct offload_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->is_stopping) pthread_cond_wait(&pool->has_work, &pool->lock);
    struct offload_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL) pool->last = NULL;
        pool->queued_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *helper_main(void *argument) {
    struct offload_pool *pool = argument;
    struct offload_job *job;
    while ((job = take_job(pool)) != NULL) {
        struct runtime *runtime = worker_runtime(job->worker);
        job->run(job->argument);
        worker_post_item(job->worker, &job->item); /* from here on the job may be gone */
        runtime_release(runtime);
    }
    return NULL;
}

struct offload_pool *offload_pool_start(size_t helper_count, struct error *error) {
    if (helper_count == 0 || helper_count > HELPERS_MAX) {
        error_set(error, ERROR_INVALID, "the number of helper threads must be 1 to %d", HELPERS_MAX);
        return NULL;
    }
    struct offload_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    for (; pool->helper_count < helper_count; pool->helper_count++) {
        int failure = pthread_create(&pool->helpers[pool->helper_count], NULL, helper_main, pool);
        if (failure == 0) continue;
        error_set(error, ERROR_SYSTEM, "cannot start a helper thread (error %d)", failure);
        offload_pool_stop(&pool);
        return NULL;
    }
    return pool;
}

void offload_pool_stop(struct offload_pool **pool) {
    if (*pool == NULL) return;
    pthread_mutex_lock(&(*pool)->lock);
    (*pool)->is_stopping = true;
    pthread_cond_broadcast(&(*pool)->has_work);
    pthread_mutex_unlock(&(*pool)->lock);
    for (size_t i = 0; i < (*pool)->helper_count; i++) CHECK(pthread_join((*pool)->helpers[i], NULL) == 0);
    pthread_cond_destroy(&(*pool)->has_work);
    pthread_mutex_destroy(&(*pool)->lock);
    free(*pool);
    *pool = NULL;
}

int offload_submit(enum offload_purpose purpose, struct offload_job *job, struct error *error) {
    job->worker = worker_self();
    CHECK(job->worker != NULL);
    job->next = NULL;
    job->item = (struct worker_item){.function = job->done, .argument = job->argument};
    struct offload_pool *pool = job->worker->runtime->offload[purpose];
    pthread_mutex_lock(&pool->lock);
    bool is_full = pool->queued_count >= OFFLOAD_QUEUE_MAX;
    if (!is_full) {
        runtime_hold(job->worker->runtime);
        if (pool->last != NULL) pool->last->next = job;
        else pool->first = job;
        pool->last = job;
        pool->queued_count++;
        pthread_cond_signal(&pool->has_work);
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_full) return error_set(error, ERROR_LIMIT, "%d calls wait for a helper thread already", OFFLOAD_QUEUE_MAX);
    return 0;
}

struct blocking_call {
    void (*function)(void *argument);
    void *argument;
    struct fiber *caller;
    bool is_done;
};

static void run_call(void *argument) {
    struct blocking_call *call = argument;
    call->function(call->argument);
}

static void finish_call(void *argument) {
    struct blocking_call *call = argument;
    call->is_done = true;
    fiber_wake(call->caller);
}

int offload_run(enum offload_purpose purpose, void (*function)(void *argument), void *argument, struct error *error) {
    struct blocking_call call = {.function = function, .argument = argument, .caller = fiber_self()};
    CHECK(call.caller != NULL);
    struct offload_job job = {.run = run_call, .done = finish_call, .argument = &call};
    if (offload_submit(purpose, &job, error) < 0) return -1;
    fiber_shield_begin();
    while (!call.is_done) {
        int woken = fiber_park(FIBER_NO_DEADLINE, NULL);
        CHECK(woken == 0);
    }
    fiber_shield_end();
    return 0;
}
