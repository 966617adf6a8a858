/* Blocking calls (files, name resolution, databases) on helper threads, so that a worker never blocks.
 *
 * Each purpose has threads and a queue of its own: a name server or a database that does not answer keeps nobody waiting
 * but those who ask it. A job that takes long holds up the end of the runtime: give the call its own time limit. */
#ifndef SWORN_RUN_OFFLOAD_H
#define SWORN_RUN_OFFLOAD_H

#include "run/worker.h"

#define OFFLOAD_QUEUE_MAX 65536 /* of each purpose */

enum offload_purpose {
    OFFLOAD_COMPUTE,     /* needs a processor: key derivation, large texts */
    OFFLOAD_PARSE,       /* reads a long statement: seconds of a processor */
    OFFLOAD_NAMES,       /* asks a name server */
    OFFLOAD_STATE_READ,  /* the state database; never waits for who writes there */
    OFFLOAD_STATE_WRITE,
    OFFLOAD_PURPOSES,
};

/* Runs function(argument) on a helper thread of the purpose and parks the fiber until it is done, whatever happens: a
 * cancelled fiber waits too, so argument may live on the fiber's stack. -1 (and it did not run): ERROR_LIMIT when
 * OFFLOAD_QUEUE_MAX jobs wait. */
int offload_run(enum offload_purpose purpose, void (*function)(void *argument), void *argument,
                struct error *error) MUST_USE;

/* The same in two halves, for a caller that may stop waiting: run(argument) on a helper thread, then done(argument) on
 * the worker that submitted, as a post. The job and argument live until done is called. */
struct offload_job {
    struct offload_job *next;
    void (*run)(void *argument);
    void (*done)(void *argument);
    void *argument;
    struct worker *worker;
    struct worker_item item;
};
int offload_submit(enum offload_purpose purpose, struct offload_job *job, struct error *error) MUST_USE;

#endif
