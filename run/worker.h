/* struct worker: one thread with its epoll, run queue, timers and fibers. struct runtime owns all workers and the
 * helper threads of run/offload.h.
 *
 * Shutdown: runtime_stop() cancels every fiber of every worker; the threads leave when the last fiber of all of them
 * has ended (posts are still run until then, so that fibers which unwind can talk to other workers).
 *
 * Thread-safe: worker_post, worker_post_item, runtime_stop, runtime_worker, runtime_worker_count. Everything else is
 * called on the worker's own thread. Only watch_wait_* and worker_charge_io park. Signals are blocked on all threads of
 * the runtime; they go to the thread that started it. */
#ifndef SWORN_RUN_WORKER_H
#define SWORN_RUN_WORKER_H

#include "run/fiber.h"
#include "run/timer.h"

#define RUNTIME_WORKERS_MAX 256
#define WORKER_HOOKS_MAX 8

struct runtime;
struct worker;

/* Starts worker_count threads and, for each purpose of run/offload.h, helper_count helper threads (at least one each).
 * Also makes SIGPIPE harmless for the process. On failure *runtime is NULL. */
int runtime_start(struct runtime **runtime, size_t worker_count, size_t helper_count, struct error *error) MUST_USE;
/* Asks everything to end; returns at once. Async-signal-safe it is not: post it or call it from a thread. */
void runtime_stop(struct runtime *runtime);
/* Stops, waits for all threads, frees. From a thread that is not one of the runtime's. */
void runtime_free(struct runtime **runtime);
size_t runtime_worker_count(const struct runtime *runtime);
struct worker *runtime_worker(struct runtime *runtime, size_t index);

struct worker *worker_self(void); /* NULL on foreign threads */
struct runtime *worker_runtime(struct worker *worker);
size_t worker_index(const struct worker *worker);
bool worker_is_stopping(const struct worker *worker);
size_t worker_fiber_count(const struct worker *worker); /* fibers that have not ended */
uint64_t worker_poll_count(const struct worker *worker); /* calls of epoll_wait so far */

/* Runs function(argument) on the worker's thread, outside of any fiber (it must not park; it may start a fiber). Posts
 * of one thread keep their order. -1 when memory is out. A post that comes after the worker has left is dropped. */
int worker_post(struct worker *worker, void (*function)(void *argument), void *argument) MUST_USE;

/* The same without an allocation: the item belongs to the worker until its function is called (which may free it). */
struct worker_item {
    struct worker_item *next;
    void (*function)(void *argument);
    void *argument;
    bool is_owned_by_worker;
};
void worker_post_item(struct worker *worker, struct worker_item *item);

/* Called after each batch of ready fibers ran and before the worker asks the kernel for more (or sleeps): the place to
 * submit what the batch collected. May wake fibers. It stays for the worker's life. -1 past WORKER_HOOKS_MAX. */
int worker_add_poll_hook(struct worker *worker, void (*function)(void *argument), void *argument) MUST_USE;

/* Timers outside of fibers; their functions run as posts do. */
int worker_timer_set(struct worker *worker, struct timer *timer, uint64_t deadline_ns) MUST_USE;
void worker_timer_cancel(struct worker *worker, struct timer *timer);

/* Readiness of one descriptor. Registered once, edge-triggered; readiness is cached here: whoever finds the kernel
 * empty or full (a short read or write, EAGAIN) clears the flag, the worker sets it again. has_closed is sticky: the
 * peer has sent its end, or the connection broke; then is_readable stays set as well. One waiting fiber a role. */
struct watch {
    int fd; /* -1: not registered */
    bool is_readable;
    bool is_writable;
    bool has_closed;
    struct worker *worker;
    struct fiber *reader;
    struct fiber *writer;
    struct fiber *close_waiter;
};

/* Starts out neither readable nor writable; what is ready is seen at the worker's next look at the kernel. */
int worker_watch(struct worker *worker, int fd, struct watch *watch, struct error *error) MUST_USE;
void worker_unwatch(struct watch *watch); /* before close(fd); nobody may be waiting; accepts an unregistered one */
/* Parks until the flag is set. -1: ERROR_TIMEOUT or ERROR_CANCELLED. */
int watch_wait_readable(struct watch *watch, uint64_t deadline_ns, struct error *error) MUST_USE;
int watch_wait_writable(struct watch *watch, uint64_t deadline_ns, struct error *error) MUST_USE;
/* After a read: the next wait parks until the kernel reports more (unless has_closed). */
void watch_set_drained(struct watch *watch);

/* Counts one I/O call of the running fiber; past FIBER_IO_BUDGET calls since it was last resumed it yields, so that a
 * fiber whose peer never pauses cannot starve the others. -1: ERROR_CANCELLED. */
#define FIBER_IO_BUDGET 32
int worker_charge_io(struct error *error) MUST_USE;

#endif
