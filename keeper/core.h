/* What the keeper's two threads share, and how each of them takes a failing disk.
 *
 * The writer (keeper/writer.h) makes entries durable in the write-ahead log; the publisher (keeper/publisher.h) follows
 * behind, reads them back from there and writes tiles and checkpoints. They meet in durable_size, in the numbers of the
 * log's segments, and in the mutex that goes with the two conditions. */
#ifndef SWORN_KEEPER_CORE_H
#define SWORN_KEEPER_CORE_H

#include <pthread.h>

#include "keeper/keeper.h"
#include "keeper/wal.h"
#include "ledger/checkpoint.h"

#define KEEPER_PATH_BYTES 4096

struct keeper_core {
    const char *origin;
    char evidence_folder[KEEPER_PATH_BYTES];
    uint32_t checkpoint_interval_ms;
    int evidence_fd;
    int state_fd;
    int high_water_fd; /* folder of the mark; -1: there is none */
    char high_water_name[256];
    int lifeline_fd;
    struct rings *rings;
    struct checkpoint_signer *signer;
    struct wal wal;
    _Atomic uint64_t durable_size;    /* entries that are safe in the write-ahead log */
    _Atomic uint64_t node_start_hint; /* index of the last node_start */
    _Atomic uint64_t segments_needed; /* the segment that should be prepared: one after the writer's */
    _Atomic bool is_stopping;
    bool may_wait; /* false while starting: then a full disk is an error, not something to wait out */
    pthread_mutex_t mutex;
    pthread_cond_t publisher_wake;
    pthread_cond_t segment_ready;
};

void core_prepare(struct keeper_core *core, struct rings *rings, int lifeline_fd); /* borrows both */
int core_open(struct keeper_core *core, const struct keeper_options *options, struct error *error) MUST_USE;
void core_free(struct keeper_core *core);

/* Something could not be written; errno says why. A lack of space (or of write access, or memory) is waited out, with
 * the rings refusing meanwhile: true means try again. False: the keeper is stopping or starting, give up. Anything else
 * ends the process at once. */
bool core_wait_for_space(struct keeper_core *core, const char *what);
/* It could be written after all. */
void core_space_is_back(struct keeper_core *core);
/* Nothing more may be trusted: says so, marks the rings as stopped and exits. */
_Noreturn void core_fail(struct keeper_core *core, const char *what);

void core_wake_publisher(struct keeper_core *core);
/* Waits on a condition of the core for at most that long; the mutex must not be held. */
void core_sleep_on(struct keeper_core *core, pthread_cond_t *condition, uint32_t timeout_ms);

#endif
