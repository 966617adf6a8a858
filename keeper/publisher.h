/* The publisher: follows the write-ahead log, writes tiles, entry bundles and checkpoints, and gives segments back.
 *
 * Order, so that no signature ever stands for something that could be lost: tiles durable, then (size, root) durable in
 * the state file, then sign, then the checkpoint. Runs alone during recovery, then on a thread of its own. */
#ifndef SWORN_KEEPER_PUBLISHER_H
#define SWORN_KEEPER_PUBLISHER_H

#include "base/buffer.h"
#include "keeper/core.h"
#include "ledger/merkle.h"

#define STAGED_MAX 64
#define STAGED_FOLDERS_MAX (2 * STAGED_MAX)

struct staged_file {
    int fd;
    char path[TILE_PATH_MAX_BYTES];
};

/* Partial files stay this long after their tile is full and under a checkpoint: whoever copies the folder may have listed
 * them. */
#define PARTIALS_KEPT_NS (5 * 60 * NANOSECONDS_PER_SECOND)
#define PARTIALS_QUEUE_MAX 8192u
#define PARTIALS_LOOK_BACK 1024u /* tiles before the edge in which a start looks for what an earlier run left */

struct filled_tile {
    int level;
    uint64_t number;
    uint64_t since_ns; /* 0: not under a checkpoint yet */
};

struct publisher {
    struct keeper_core *core;
    struct merkle_edge edge;
    struct buffer bundle;        /* the entries of the bundle that is not full yet */
    struct wal_view view;        /* where it reads */
    uint64_t checkpoint_size;    /* under the last signature */
    bool has_checkpoint;
    size_t staged_count;
    struct staged_file staged[STAGED_MAX];
    uint64_t filled_first; /* tiles that are full and had partial ones, oldest first: a ring */
    uint64_t filled_end;
    struct filled_tile filled[PARTIALS_QUEUE_MAX];
};

struct keeper_state {
    uint64_t size;
    struct sha256 root;
    uint64_t node_start;
};

/* ERROR_NOT_FOUND: there is none, the log is new. */
int keeper_state_read(struct keeper_core *core, struct keeper_state *state, struct error *error) MUST_USE;

int publisher_new(struct publisher **publisher, struct keeper_core *core, struct error *error) MUST_USE;
void publisher_free(struct publisher **publisher);
/* Loads the right edge of the published tree and checks it against the signed root. */
int publisher_load(struct publisher *publisher, const struct keeper_state *state, struct error *error) MUST_USE;
/* Takes in everything up to durable_size; writes full tiles. -1: gave up, because it may not wait for space. */
int publisher_follow(struct publisher *publisher) MUST_USE;
/* Partial tiles, state, signature, checkpoint for everything taken in. */
int publisher_checkpoint(struct publisher *publisher) MUST_USE;
void *publisher_thread(void *publisher);

#endif
