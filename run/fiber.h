/* struct fiber: a stackful coroutine, pinned for life to the worker that started it.
 *
 * Ownership: fiber_start() hands the caller one hold on the fiber. It ends with exactly one fiber_join() or
 * fiber_detach(); until then fiber_wake() and fiber_cancel() are safe, also after the fiber has ended. After it the
 * pointer must not be used by its former holder.
 *
 * All functions are called on the worker's own thread. Those that may park the running fiber: fiber_park,
 * fiber_sleep, fiber_join, fiber_yield. Times are clock_monotonic_ns() (absolute: deadline_ns; spans: duration_ns).
 *
 * A wake only ends a park; it carries no meaning of its own and wakes are merged. Therefore every wait is a loop over
 * its own condition: `while (!request->is_done) if (fiber_park(deadline_ns, error) < 0) return -1;`
 *
 * Stacks have FIBER_STACK_BYTES and a guard page below: no big locals, no deep recursion (fiber_call_on_worker_stack
 * is there for that). */
#ifndef SWORN_RUN_FIBER_H
#define SWORN_RUN_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define FIBER_NO_DEADLINE UINT64_MAX

struct fiber;
struct worker;

/* Queues a new fiber that will run main(argument). name is borrowed for good (a literal). NULL when memory is out. On a
 * worker that is stopping the fiber starts out cancelled. */
struct fiber *fiber_start(struct worker *worker, void (*main)(void *argument), void *argument,
                          const char *name) MUST_USE;
/* Gives the hold up; NULL is accepted, so that fiber_detach(fiber_start(...)) reads well where failure is ignored. */
void fiber_detach(struct fiber *fiber);
/* Waits until the fiber has ended, and gives the hold up. Not cancellable. NULL is accepted. */
void fiber_join(struct fiber *fiber);

/* The running fiber; NULL outside of any (in posts, hooks, timers, on the worker's stack, on foreign threads). */
struct fiber *fiber_self(void);
const char *fiber_name(const struct fiber *fiber);
bool fiber_has_ended(const struct fiber *fiber);
bool fiber_is_cancelled(const struct fiber *fiber); /* shielded or not */

/* Waits for fiber_wake(). 0: woken (a wake since the last park counts); -1: ERROR_TIMEOUT or ERROR_CANCELLED. */
int fiber_park(uint64_t deadline_ns, struct error *error) MUST_USE;
/* Ends the fiber's park, or the next one when it is not parked. Merged until the fiber runs again. */
void fiber_wake(struct fiber *fiber);
/* The fiber's park and all later ones return ERROR_CANCELLED, so that it unwinds. It cannot be taken back. */
void fiber_cancel(struct fiber *fiber);
/* Between the two the running fiber's cancellation is deferred. They nest. */
void fiber_shield_begin(void);
void fiber_shield_end(void);

int fiber_sleep(uint64_t duration_ns, struct error *error) MUST_USE; /* -1: ERROR_CANCELLED */
/* Lets every other ready fiber, and what the kernel has ready, run first. */
void fiber_yield(void);

/* Gives the kernel what the running fiber's stack once took below where it stands now. A system call: before long parks. */
void fiber_trim_stack(void);

/* Runs function(argument) on the worker thread's own big stack. It must not park. Outside of a fiber: a plain call. */
void fiber_call_on_worker_stack(void (*function)(void *argument), void *argument);

#endif
