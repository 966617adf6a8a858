/* struct gateway: the running process. One thread waits for signals; the workers carry the sessions; the keeper, a child
 * process, holds the ledger. */
#ifndef SWORN_GATE_GATEWAY_H
#define SWORN_GATE_GATEWAY_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "detect/detect.h"
#include "gate/snapshot.h"
#include "guard/mask_box.h"
#include "guard/record.h"
#include "guard/shelf.h"
#include "guard/store.h"
#include "guard/usage.h"
#include "keeper/keeper.h"
#include "ledger/seal.h"
#include "run/listener.h"
#include "run/worker.h"

struct approvals;
struct mask_worker;
struct session;
struct gateway;

/* What belongs to one worker thread. */
struct gate_worker {
    struct gateway *gateway;
    struct worker *worker;
    size_t index;
    struct sealer *sealer;
    struct recorder *recorder;
    struct mask_worker *masks;
    struct http_pool *http_pool;
    struct arena scratch; /* of policy decisions */
    struct session *sessions;
    struct fiber *fiber; /* makes the above, waits for the end, unmakes them */
};

struct gateway {
    const char *config_path;
    struct snapshot_slot snapshot;
    struct detector *detector;
    struct store *store;
    struct approvals *approvals;
    struct usage *usage;
    struct shelves *shelves;
    struct rings *rings;
    struct keeper *keeper;
    struct runtime *runtime;
    struct gate_worker *workers;
    size_t worker_count;
    struct listener **listeners;
    size_t listener_count;
    struct listener *admin;
    uint64_t run_id;
    struct sha256 binary;   /* of our own executable */
    struct secret seal_key;
    struct mask_box_key box_key; /* made of it */
    pthread_mutex_t cancel_lock;
    struct map cancel_keys; /* key -> session */
    atomic_uint next_worker;
    atomic_uint session_count;
    atomic_uint in_flight; /* actions between intent and outcome */
    atomic_ulong refused[REFUSAL_COUNT]; /* actions denied and answers withheld whatever policy says, since the start */
    atomic_bool is_draining;
    atomic_ulong give_up_ns; /* monotonic: from then on nobody waits for the log any more; 0: not set */
    atomic_int exit_status;
    atomic_uint workers_ready;
    _Atomic(struct snapshot *) next_snapshot; /* loaded by a reload, to be recorded and put in force by the node */
    atomic_uint reload_uid; /* who asked for the newest one */
    struct fiber *node_fiber;                 /* worker 0's */
};

/* Runs until SIGTERM or SIGINT (drains; twice: at once), reloads at SIGHUP. program is the path of our own executable.
 * Returns the exit status: 0, or 1 when it could not start or had to stop. Blocks; on the main thread. */
int gateway_run(const char *config_path, const char *program);

/* Says why, and stops the gateway with exit status 1. On any thread. */
void gateway_fail(struct gateway *gateway, const struct error *error);
/* On worker 0, once the start is in evidence: from here on connections are accepted. */
void gateway_begin_serving(struct gateway *gateway);

/* False when any worker cannot record. why may be NULL. On any thread. */
bool gateway_is_accepting(const struct gateway *gateway, struct error *why);

/* {"unknown_type":2,...}: why how many were refused. */
void gateway_write_refused(const struct gateway *gateway, struct json_writer *writer);

/* A session's cancel key, from its login to its end. Thread-safe. */
int gateway_remember_cancel_key(struct gateway *gateway, struct session *session, struct error *error) MUST_USE;
void gateway_forget_cancel_key(struct gateway *gateway, struct session *session);
/* Cancels what the session with that key does; an unknown key is ignored, as PostgreSQL does. */
void gateway_cancel(struct gateway *gateway, struct str key);

#endif
