/* What the files of run/ know of each other. Not for other floors. */
#ifndef SWORN_RUN_INTERNAL_H
#define SWORN_RUN_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "run/offload.h"
#include "run/stack.h"
#include "run/worker.h"

#define WORKER_MAGIC 0x57304b52u
#define FIBER_MAGIC 0xf1be12a5u
#define WORKER_BLOCK_BYTES ((size_t)4096)
#define WORKER_BLOCKS_MAX 64

struct fiber_list {
    struct fiber *first;
    struct fiber *last;
};

struct worker_hook {
    void (*function)(void *argument);
    void *argument;
};

struct worker {
    uint32_t magic;
    bool is_stopping;
    size_t index;
    struct runtime *runtime;
    pthread_t thread;
    int epoll_fd;
    int event_fd;
    _Atomic(struct worker_item *) inbox; /* newest first */
    struct worker_item stop_item;

    struct fiber_context context; /* the thread's own stack, where the loop runs */
    struct fiber *running;
    struct fiber_list ready;
    struct fiber_list yielded; /* ready after the next look at the kernel */
    struct fiber *fibers;      /* all that have not ended */
    size_t fiber_count;
    void (*call_function)(void *argument); /* fiber_call_on_worker_stack */
    void *call_argument;

    uint64_t now_ns; /* of the timers' last pass */
    uint64_t poll_count;
    struct timer_heap timers;
    struct stack_pool stacks;
    struct worker_hook hooks[WORKER_HOOKS_MAX];
    size_t hook_count;
    char *blocks[WORKER_BLOCKS_MAX];
    size_t block_count;
};

struct runtime {
    struct worker *workers;
    size_t worker_count;
    atomic_size_t busy_count; /* fibers that live, posts that wait: workers leave when it is 0 */
    atomic_bool is_stopping;
    struct offload_pool *offload[OFFLOAD_PURPOSES];
    struct resolver *resolver;
};

/* worker.c */
int worker_open(struct worker *worker, struct runtime *runtime, size_t index, struct error *error) MUST_USE;
void worker_close(struct worker *worker); /* after its thread has left, or never ran */
void worker_run(struct worker *worker);   /* the thread's life */
void worker_wake_thread(struct worker *worker);
/* Blocks of WORKER_BLOCK_BYTES from malloc for small buffers that come and go. */
char *worker_take_block(struct worker *worker);
/* Accepts any malloc'ed memory: what is not block-sized is freed. */
void worker_give_block(struct worker *worker, char *memory, size_t bytes);

/* runtime.c */
void runtime_hold(struct runtime *runtime);
void runtime_release(struct runtime *runtime);

/* fiber.c */
void fiber_resume(struct worker *worker, struct fiber *fiber); /* on the worker's stack */
void fiber_cancel_all(struct worker *worker);
struct fiber *fiber_list_take(struct fiber_list *list); /* NULL when empty */
void fiber_list_move(struct fiber_list *to, struct fiber_list *from);
/* True when another I/O call is within the running fiber's budget. */
bool fiber_spend_io(struct fiber *fiber);
int fiber_check_cancelled(struct fiber *fiber, struct error *error) MUST_USE;

/* offload.c */
struct offload_pool *offload_pool_start(size_t helper_count, struct error *error) MUST_USE;
void offload_pool_stop(struct offload_pool **pool);

#endif
