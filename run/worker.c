/* A worker's loop: run what is ready, call the hooks, ask the kernel, run posts and timers.
 *
 * Events only set flags and make fibers ready; no user code runs while a batch of events is looked at, so a watch
 * that a fiber frees cannot be met again in the same batch. The eventfd is edge-triggered and never read. */
#include "run/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/internal.h"

#define BATCH_FIBERS_MAX 256
#define BATCH_EVENTS_MAX 256

static _Thread_local struct worker *current_worker;

struct worker *worker_self(void) {
    return current_worker;
}

struct runtime *worker_runtime(struct worker *worker) {
    return worker->runtime;
}

size_t worker_index(const struct worker *worker) {
    return worker->index;
}

bool worker_is_stopping(const struct worker *worker) {
    return worker->is_stopping;
}

size_t worker_fiber_count(const struct worker *worker) {
    return worker->fiber_count;
}

uint64_t worker_poll_count(const struct worker *worker) {
    return worker->poll_count;
}

static int open_descriptors(struct worker *worker, struct error *error) {
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (worker->epoll_fd < 0) return error_set_errno(error, "cannot create an epoll descriptor");
    worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->event_fd < 0) return error_set_errno(error, "cannot create an event descriptor");
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->event_fd, &event) < 0) {
        return error_set_errno(error, "cannot watch an event descriptor");
    }
    return 0;
}

int worker_open(struct worker *worker, struct runtime *runtime, size_t index, struct error *error) {
    *worker = (struct worker){
        .magic = WORKER_MAGIC, .runtime = runtime, .index = index, .epoll_fd = -1, .event_fd = -1};
    timer_heap_init(&worker->timers);
    return open_descriptors(worker, error);
}

static struct worker_item *take_inbox(struct worker *worker) {
    struct worker_item *newest = atomic_exchange_explicit(&worker->inbox, NULL, memory_order_acquire);
    struct worker_item *oldest = NULL;
    while (newest != NULL) {
        struct worker_item *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void worker_close(struct worker *worker) {
    struct worker_item *item = take_inbox(worker);
    while (item != NULL) {
        struct worker_item *next = item->next;
        if (item->is_owned_by_worker) free(item);
        item = next;
    }
    while (worker->block_count > 0) free(worker->blocks[--worker->block_count]);
    stack_pool_free(&worker->stacks);
    timer_heap_free(&worker->timers);
    if (worker->event_fd >= 0) close(worker->event_fd);
    if (worker->epoll_fd >= 0) close(worker->epoll_fd);
    worker->magic = 0;
}

void worker_wake_thread(struct worker *worker) {
    uint64_t one = 1;
    ssize_t written = write(worker->event_fd, &one, sizeof(one));
    CHECK(written == sizeof(one) || errno == EAGAIN); /* EAGAIN: 2^64 - 1 wakes, which is a wake as well */
}

void worker_post_item(struct worker *worker, struct worker_item *item) {
    CHECK_MAGIC(worker, WORKER_MAGIC);
    runtime_hold(worker->runtime);
    struct worker_item *newest = atomic_load_explicit(&worker->inbox, memory_order_relaxed);
    do {
        item->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&worker->inbox, &newest, item, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (newest == NULL && worker != current_worker) worker_wake_thread(worker);
}

int worker_post(struct worker *worker, void (*function)(void *argument), void *argument) {
    struct worker_item *item = malloc(sizeof(*item));
    if (item == NULL) return -1;
    *item = (struct worker_item){.function = function, .argument = argument, .is_owned_by_worker = true};
    worker_post_item(worker, item);
    return 0;
}

static void run_inbox(struct worker *worker) {
    if (atomic_load_explicit(&worker->inbox, memory_order_relaxed) == NULL) return;
    struct worker_item *item = take_inbox(worker);
    while (item != NULL) {
        struct worker_item *next = item->next;
        void (*function)(void *argument) = item->function;
        void *argument = item->argument;
        if (item->is_owned_by_worker) free(item);
        function(argument);
        runtime_release(worker->runtime);
        item = next;
    }
}

int worker_add_poll_hook(struct worker *worker, void (*function)(void *argument), void *argument) {
    CHECK(worker == current_worker);
    if (worker->hook_count == WORKER_HOOKS_MAX) return -1;
    worker->hooks[worker->hook_count++] = (struct worker_hook){function, argument};
    return 0;
}

int worker_timer_set(struct worker *worker, struct timer *timer, uint64_t deadline_ns) {
    CHECK(worker == current_worker);
    return timer_set(&worker->timers, timer, deadline_ns);
}

void worker_timer_cancel(struct worker *worker, struct timer *timer) {
    CHECK(worker == current_worker);
    timer_cancel(&worker->timers, timer);
}

char *worker_take_block(struct worker *worker) {
    return worker->block_count > 0 ? worker->blocks[--worker->block_count] : malloc(WORKER_BLOCK_BYTES);
}

void worker_give_block(struct worker *worker, char *memory, size_t bytes) {
    if (bytes == WORKER_BLOCK_BYTES && worker->block_count < WORKER_BLOCKS_MAX) {
        worker->blocks[worker->block_count++] = memory;
    } else {
        free(memory);
    }
}

int worker_charge_io(struct error *error) {
    struct fiber *fiber = fiber_self();
    if (!fiber_spend_io(fiber)) fiber_yield();
    return fiber_check_cancelled(fiber, error);
}

int worker_watch(struct worker *worker, int fd, struct watch *watch, struct error *error) {
    CHECK(worker == current_worker);
    *watch = (struct watch){.fd = fd, .worker = worker};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = watch};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) return 0;
    watch->fd = -1;
    return error_set_errno(error, "cannot watch descriptor %d", fd);
}

/* Removed by hand, not by close(): another process may hold a duplicate, which would keep the registration alive. */
void worker_unwatch(struct watch *watch) {
    if (watch->fd < 0 || watch->worker == NULL) return;
    CHECK(watch->worker == current_worker && watch->reader == NULL && watch->writer == NULL);
    int removed = epoll_ctl(watch->worker->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    CHECK(removed == 0);
    watch->fd = -1;
}

static void note_event(struct watch *watch, uint32_t events) {
    bool has_failed = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if (has_failed || (events & (EPOLLIN | EPOLLRDHUP)) != 0) watch->is_readable = true;
    if (has_failed || (events & EPOLLOUT) != 0) watch->is_writable = true;
    if (has_failed || (events & EPOLLRDHUP) != 0) {
        watch->has_closed = true;
        if (watch->close_waiter != NULL) fiber_wake(watch->close_waiter);
    }
    if (watch->is_readable && watch->reader != NULL) fiber_wake(watch->reader);
    if (watch->is_writable && watch->writer != NULL) fiber_wake(watch->writer);
}

void watch_set_drained(struct watch *watch) {
    watch->is_readable = watch->has_closed;
}

static int wait_for_flag(const bool *flag, struct fiber **waiter, uint64_t deadline_ns, struct error *error) {
    CHECK(*waiter == NULL);
    int result = 0;
    while (!*flag && result == 0) {
        *waiter = fiber_self();
        result = fiber_park(deadline_ns, error);
        *waiter = NULL;
    }
    return result;
}

int watch_wait_readable(struct watch *watch, uint64_t deadline_ns, struct error *error) {
    return wait_for_flag(&watch->is_readable, &watch->reader, deadline_ns, error);
}

int watch_wait_writable(struct watch *watch, uint64_t deadline_ns, struct error *error) {
    return wait_for_flag(&watch->is_writable, &watch->writer, deadline_ns, error);
}

static void run_ready(struct worker *worker) {
    for (int i = 0; i < BATCH_FIBERS_MAX; i++) {
        struct fiber *fiber = fiber_list_take(&worker->ready);
        if (fiber == NULL) return;
        fiber_resume(worker, fiber);
    }
}

static int timeout_ms(struct worker *worker) {
    if (worker->ready.first != NULL || worker->yielded.first != NULL) return 0;
    if (atomic_load_explicit(&worker->inbox, memory_order_relaxed) != NULL) return 0;
    uint64_t next_ns = timer_heap_next_ns(&worker->timers);
    if (next_ns == UINT64_MAX) return -1;
    uint64_t now_ns = clock_monotonic_ns();
    if (next_ns <= now_ns) return 0;
    uint64_t wait_ms = (next_ns - now_ns + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
    return wait_ms < 60000 ? (int)wait_ms : 60000;
}

static void ask_kernel(struct worker *worker) {
    struct epoll_event events[BATCH_EVENTS_MAX];
    int count = epoll_wait(worker->epoll_fd, events, BATCH_EVENTS_MAX, timeout_ms(worker));
    CHECK(count >= 0 || errno == EINTR);
    worker->poll_count++;
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr != NULL) note_event(events[i].data.ptr, events[i].events);
    }
    fiber_list_move(&worker->ready, &worker->yielded);
}

static void fire_timers(struct worker *worker) {
    if (timer_heap_next_ns(&worker->timers) == UINT64_MAX) return;
    worker->now_ns = clock_monotonic_ns();
    timer_heap_fire(&worker->timers, worker->now_ns);
}

static bool may_leave(const struct worker *worker) {
    return worker->is_stopping && atomic_load(&worker->runtime->busy_count) == 0;
}

void worker_run(struct worker *worker) {
    current_worker = worker;
    fiber_context_init_thread(&worker->context);
    while (!may_leave(worker)) {
        run_inbox(worker);
        fire_timers(worker);
        run_ready(worker);
        for (size_t i = 0; i < worker->hook_count; i++) worker->hooks[i].function(worker->hooks[i].argument);
        if (!may_leave(worker)) ask_kernel(worker);
    }
    current_worker = NULL;
}
