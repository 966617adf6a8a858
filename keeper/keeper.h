/* The keeper: the one process that holds the ledger's files and its signing key.
 *
 * The gateway spawns it (the same binary, a hidden verb) and gives it the shared rings and one end of a socket, the
 * lifeline. When the gateway closes its end or dies, the keeper commits every record that was completely submitted,
 * writes tiles and a last checkpoint, and exits 0. When the keeper dies, the gateway's end becomes readable.
 *
 * Folders: evidence_folder holds the published tree (checkpoint, tile/...) and nothing else; state_folder holds the
 * write-ahead log, the state file and by default the key. Both are locked: a second keeper on either refuses to start.
 *
 * SWORN_TEST_FAULT in the keeper's environment injects faults, for tests only: see keeper/fault.h. */
#ifndef SWORN_KEEPER_KEEPER_H
#define SWORN_KEEPER_KEEPER_H

#include <sys/types.h>

#include "ledger/ring.h"

#define KEEPER_CHECKPOINT_INTERVAL_MS 500u /* default; 200 to 1000 */
#define KEEPER_WAL_MAX_BYTES (256u * 1024u * 1024u)
#define KEEPER_WAL_SEGMENT_BYTES (16u * 1024u * 1024u)

/* Exit statuses of the keeper process. */
enum keeper_exit {
    KEEPER_EXIT_DONE = 0,
    KEEPER_EXIT_FAILED = 1,  /* a write could not be made durable, or the gateway broke its ring: it stopped at once */
    KEEPER_EXIT_REFUSED = 2, /* it did not start: locked, damaged, wrong key, options */
};

struct keeper_options {
    const char *evidence_folder; /* created if missing */
    const char *state_folder;    /* NULL: evidence_folder + ".state" */
    const char *key_file;        /* NULL: state_folder + "/signing.key"; created 0600 if missing */
    const char *vkey_file;       /* NULL: evidence_folder + ".vkey"; written 0644 at start */
    const char *high_water_file; /* NULL: none (keeper/high_water.h) */
    const char *origin;          /* first line of checkpoints and name of the key; must fit an existing key */
    uint32_t checkpoint_interval_ms; /* 0: the default */
    uint64_t wal_max_bytes;          /* 0: the default; at least 4 segments */
    uint32_t wal_segment_bytes;      /* 0: the default */
};

/* The gateway's side -------------------------------------------------------------------------------------------- */

struct keeper;

/* Starts `program` (usually /proc/self/exe) with the words of `verb` (NULL-terminated, e.g. {"sworn", "keeper", NULL})
 * followed by the options, and waits until it has recovered the log and is ready: that can take seconds, so call it
 * before serving. On failure the error is the keeper's own words. */
int keeper_spawn(struct keeper **keeper, const struct keeper_options *options, struct rings *rings,
                 const char *program, const char *const *verb, struct error *error) MUST_USE;
/* Readable (end of file) once the keeper is gone. Watch it; then keeper_stop tells how it ended. */
int keeper_watch_fd(const struct keeper *keeper);
pid_t keeper_pid(const struct keeper *keeper);
/* Number of entries in the log when the keeper was ready. */
uint64_t keeper_start_size(const struct keeper *keeper);
/* Asks it to finish (everything submitted is committed, last checkpoint written), waits up to timeout_ms, reaps it.
 * -1 when it ended otherwise than well or did not end in time (then it is left alone, never killed: it may be writing). */
int keeper_stop(struct keeper **keeper, int timeout_ms, struct error *error) MUST_USE;

/* The keeper's side --------------------------------------------------------------------------------------------- */

/* The hidden verb: argc and argv are what followed the verb's own words. Returns the exit status. */
int keeper_child_main(int argc, char **argv);
/* Runs the keeper in this process until the lifeline ends; takes over the descriptors. */
int keeper_main(const struct keeper_options *options, const struct rings_descriptors *rings, int lifeline_fd);

#endif
