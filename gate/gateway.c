/* Start, signals, stop. What is made here is unmade in the reverse order, also when the start fails half way. */
#include "gate/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "gate/admin.h"
#include "gate/node.h"
#include "gate/session.h"
#include "guard/mask_plan.h"
#include "ledger/file.h"
#include "wire/http1/pool.h"

#define GATEWAY_HELPERS 4
#define GATEWAY_DRAIN_NS (30 * NANOSECONDS_PER_SECOND)
#define GATEWAY_POLL_NS (50 * NANOSECONDS_PER_MILLISECOND)
#define GATEWAY_FAREWELL_NS (5 * NANOSECONDS_PER_SECOND) /* after the draining: for ends to be recorded */
#define GATEWAY_KEEPER_STOP_MS 10000

void gateway_write_refused(const struct gateway *gateway, struct json_writer *writer) {
    json_begin_object(writer);
    for (unsigned i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
        unsigned long count = atomic_load_explicit(&gateway->refused[i], memory_order_relaxed);
        if (count > 0) json_member_integer(writer, str_from_cstr(refusal_word((enum refusal)i)), (int64_t)count);
    }
    json_end_object(writer);
}

bool gateway_is_accepting(const struct gateway *gateway, struct error *why) {
    for (size_t i = 0; i < gateway->worker_count; i++) {
        const struct recorder *recorder = gateway->workers[i].recorder;
        if (recorder != NULL && !recorder_is_accepting(recorder, why)) return false;
    }
    return true;
}

/* ---- Cancel keys ----------------------------------------------------------------------------------------------- */

int gateway_remember_cancel_key(struct gateway *gateway, struct session *session, struct error *error) {
    if (session->wire.cancel_key.length == 0) return 0;
    pthread_mutex_lock(&gateway->cancel_lock);
    int result = map_set(&gateway->cancel_keys, session->wire.cancel_key, session);
    pthread_mutex_unlock(&gateway->cancel_lock);
    return result == 0 ? 0 : error_out_of_memory(error);
}

void gateway_forget_cancel_key(struct gateway *gateway, struct session *session) {
    if (session->wire.cancel_key.length == 0) return;
    pthread_mutex_lock(&gateway->cancel_lock);
    if (map_get(&gateway->cancel_keys, session->wire.cancel_key) == session) {
        map_remove(&gateway->cancel_keys, session->wire.cancel_key);
    }
    pthread_mutex_unlock(&gateway->cancel_lock);
}

struct cancellation {
    struct gateway *gateway;
    struct str key;
    char bytes[];
};

static struct session *find_by_cancel_key(struct gateway *gateway, struct str key) {
    pthread_mutex_lock(&gateway->cancel_lock);
    struct session *session = map_get(&gateway->cancel_keys, key);
    pthread_mutex_unlock(&gateway->cancel_lock);
    return session;
}

/* On the session's worker, where it cannot end meanwhile; it may have ended since it was looked up. */
static void deliver_cancellation(void *argument) {
    struct cancellation *cancellation = argument;
    struct session *session = find_by_cancel_key(cancellation->gateway, cancellation->key);
    if (session != NULL && session->worker->worker == worker_self()) session_cancel(session);
    free(cancellation);
}

void gateway_cancel(struct gateway *gateway, struct str key) {
    pthread_mutex_lock(&gateway->cancel_lock);
    struct session *session = map_get(&gateway->cancel_keys, key);
    struct worker *worker = session != NULL ? session->worker->worker : NULL;
    pthread_mutex_unlock(&gateway->cancel_lock);
    if (worker == NULL) return;
    struct cancellation *cancellation = malloc(sizeof(*cancellation) + key.length);
    if (cancellation == NULL) return;
    memcpy(cancellation->bytes, key.data, key.length);
    cancellation->gateway = gateway;
    cancellation->key = str_make(cancellation->bytes, key.length);
    if (worker_post(worker, deliver_cancellation, cancellation) != 0) free(cancellation);
}

/* ---- Workers --------------------------------------------------------------------------------------------------- */

void gateway_fail(struct gateway *gateway, const struct error *error) {
    log_error("%s", error->text);
    atomic_store(&gateway->exit_status, 1);
    atomic_store(&gateway->is_draining, true);
    kill(getpid(), SIGTERM);
}

static int make_worker(struct gate_worker *worker, struct error *error) {
    struct gateway *gateway = worker->gateway;
    uint64_t generation;
    struct snapshot *snapshot = snapshot_slot_take(&gateway->snapshot, &generation);
    arena_init(&worker->scratch, POLICY_SCRATCH_BYTES);
    int result = sealer_new(&worker->sealer, snapshot->config->ledger.sealed.data, secret_view(&gateway->seal_key),
                            gateway->run_id, (uint32_t)worker->index, error);
    snapshot_release(&snapshot);
    if (result == 0) {
        result = recorder_new(&worker->recorder, worker->worker, gateway->rings, (uint32_t)worker->index,
                              worker->sealer, error);
    }
    if (result != 0) return -1;
    worker->http_pool = http_pool_new();
    if (worker->http_pool == NULL) return error_out_of_memory(error);
    worker->masks = mask_worker_new(gateway->detector, error);
    return worker->masks != NULL ? 0 : -1;
}

/* The end of all patience: what is not in the log by then is closed by the next start. */
static bool must_give_up(const struct gateway *gateway) {
    unsigned long give_up_ns = atomic_load(&gateway->give_up_ns);
    return give_up_ns != 0 && clock_monotonic_ns() >= give_up_ns;
}

static bool has_sessions(const struct gate_worker *worker) {
    bool is_node = worker->index == 0 && worker->gateway->node_fiber != NULL;
    return worker->sessions != NULL || is_node;
}

/* After its thread has ended: until then the poll hook looks at the recorder. */
static void unmake_worker(struct gate_worker *worker) {
    recorder_free(&worker->recorder);
    sealer_free(&worker->sealer);
    mask_worker_free(&worker->masks);
    arena_free(&worker->scratch);
}

static void worker_main(void *argument) {
    struct gate_worker *worker = argument;
    struct gateway *gateway = worker->gateway;
    struct error error;
    if (make_worker(worker, &error) != 0) {
        gateway_fail(gateway, &error);
    } else if (atomic_fetch_add(&gateway->workers_ready, 1) + 1 == gateway->worker_count) {
        kill(getpid(), SIGUSR1); /* the main thread starts the node */
    }
    while (fiber_park(FIBER_NO_DEADLINE, &error) == 0) {}
    fiber_shield_begin();
    bool has_given_up = false;
    while (has_sessions(worker)) {
        if (fiber_sleep(GATEWAY_POLL_NS, &error) != 0) break;
        if (has_given_up || worker->recorder == NULL || !must_give_up(gateway)) continue;
        has_given_up = true;
        log_error("the evidence log has not taken every end in time: the next start closes what stays open");
        recorder_fail(worker->recorder);
    }
    if (worker->recorder != NULL) recorder_stop(worker->recorder);
    http_pool_free(&worker->http_pool);
    fiber_shield_end();
}

static void start_worker_fiber(void *argument) {
    struct gate_worker *worker = argument;
    fiber_detach(fiber_start(worker->worker, worker_main, worker, "worker"));
}

static void fail_recorder(void *argument) {
    struct gate_worker *worker = argument;
    if (worker->recorder != NULL) recorder_fail(worker->recorder);
}

/* The keeper is gone: nothing can be recorded, so nothing goes through any more. */
static void keeper_watch_main(void *argument) {
    struct gateway *gateway = argument;
    struct watch watch = {.fd = -1};
    struct error error;
    if (worker_watch(worker_self(), keeper_watch_fd(gateway->keeper), &watch, &error) != 0) {
        gateway_fail(gateway, &error);
        return;
    }
    int woken = watch_wait_readable(&watch, FIBER_NO_DEADLINE, &error);
    worker_unwatch(&watch);
    if (woken != 0) return;
    for (size_t i = 0; i < gateway->worker_count; i++) {
        if (worker_post(gateway->workers[i].worker, fail_recorder, &gateway->workers[i]) != 0) abort();
    }
    error_set(&error, ERROR_UNAVAILABLE, "the keeper has stopped: the gateway stops too, since nothing can be recorded");
    gateway_fail(gateway, &error);
}

static void start_node_fibers(void *argument) {
    struct gateway *gateway = argument;
    struct worker *worker = gateway->workers[0].worker;
    fiber_detach(fiber_start(worker, keeper_watch_main, gateway, "keeper watch"));
    struct fiber *node = fiber_start(worker, node_main, &gateway->workers[0], "node");
    gateway->node_fiber = node;
    fiber_detach(node);
}

/* ---- Listeners ------------------------------------------------------------------------------------------------- */

struct connection {
    struct gate_worker *worker;
    size_t listener_index;
    int fd;
    char peer[LISTENER_PEER_BYTES];
};

static void start_session(void *argument) {
    struct connection *connection = argument;
    if (worker_is_stopping(connection->worker->worker)) close(connection->fd);
    else session_start(connection->worker, connection->listener_index, connection->fd, connection->peer);
    free(connection);
}

struct accepting {
    struct gateway *gateway;
    size_t listener_index;
};

/* Sessions go to the workers in turn. */
static void dispatch(struct gateway *gateway, size_t listener_index, int fd, const char *peer) {
    struct connection *connection = calloc(1, sizeof(*connection));
    unsigned turn = atomic_fetch_add(&gateway->next_worker, 1);
    if (connection != NULL) {
        connection->worker = &gateway->workers[turn % gateway->worker_count];
        connection->listener_index = listener_index;
        connection->fd = fd;
        memcpy(connection->peer, peer, LISTENER_PEER_BYTES);
    }
    if (connection == NULL || worker_post(connection->worker->worker, start_session, connection) != 0) {
        free(connection);
        close(fd);
        log_error("a connection was dropped: out of memory");
    }
}

static void accept_main(void *argument) {
    struct accepting accepting = *(struct accepting *)argument;
    free(argument);
    struct listener *listener = accepting.gateway->listeners[accepting.listener_index];
    struct error error;
    char peer[LISTENER_PEER_BYTES];
    int fd;
    while (listener_accept(listener, &fd, peer, &error) == 0) {
        if (atomic_load(&accepting.gateway->is_draining)) close(fd);
        else dispatch(accepting.gateway, accepting.listener_index, fd, peer);
    }
    if (error.code != ERROR_CANCELLED) gateway_fail(accepting.gateway, &error);
    listener_close(&accepting.gateway->listeners[accepting.listener_index]);
}

static struct listener *open_listener(const struct config_address *address, struct error *error) {
    return listener_open(address->is_unix ? address->path.data : address->host.data, address->port, LISTENER_BACKLOG,
                         error);
}

static int open_listeners(struct gateway *gateway, const struct config *config, struct error *error) {
    gateway->listeners = calloc(config->listener_count + 1, sizeof(struct listener *));
    if (gateway->listeners == NULL) return error_out_of_memory(error);
    gateway->listener_count = config->listener_count;
    for (size_t i = 0; i < config->listener_count; i++) {
        gateway->listeners[i] = open_listener(&config->listeners[i].address, error);
        if (gateway->listeners[i] == NULL) return -1;
    }
    gateway->admin = open_listener(&config->admin, error);
    return gateway->admin != NULL ? 0 : -1;
}

void gateway_begin_serving(struct gateway *gateway) {
    struct worker *worker = gateway->workers[0].worker;
    for (size_t i = 0; i < gateway->listener_count; i++) {
        struct accepting *accepting = calloc(1, sizeof(*accepting));
        if (accepting == NULL) abort();
        *accepting = (struct accepting){gateway, i};
        fiber_detach(fiber_start(worker, accept_main, accepting, "accept"));
    }
    fiber_detach(fiber_start(worker, admin_main, &gateway->workers[0], "admin"));
    log_info("ready");
}

/* ---- Start and stop -------------------------------------------------------------------------------------------- */

static int hash_program(struct gateway *gateway, const char *program, struct error *error) {
    int fd = open(program, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        if (fd >= 0) close(fd);
        return error_set_errno(error, "%s", program);
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) return error_set_errno(error, "%s", program);
    gateway->binary = sha256_of(str_make(bytes, (size_t)status.st_size));
    munmap(bytes, (size_t)status.st_size);
    return 0;
}

static int start_keeper(struct gateway *gateway, const struct config *config, const char *program,
                        struct error *error) {
    static const char *const verb[] = {"sworn", "keeper", NULL};
    struct keeper_options options = {
        .evidence_folder = config->ledger.directory.data,
        .state_folder = config->ledger.state.data,
        .key_file = config->ledger.key.data,
        .vkey_file = config->ledger.vkey.data,
        .high_water_file = config->ledger.high_water.data,
        .origin = config->ledger.origin.data,
        .checkpoint_interval_ms = (uint32_t)(config->ledger.checkpoint_interval_ns / NANOSECONDS_PER_MILLISECOND),
    };
    if (rings_new(&gateway->rings, (uint32_t)gateway->worker_count, RING_DEFAULT_BYTES, error) != 0) return -1;
    return keeper_spawn(&gateway->keeper, &options, gateway->rings, program, verb, error);
}

static int start_workers(struct gateway *gateway, struct error *error) {
    gateway->workers = calloc(gateway->worker_count, sizeof(struct gate_worker));
    if (gateway->workers == NULL) return error_out_of_memory(error);
    if (runtime_start(&gateway->runtime, gateway->worker_count, GATEWAY_HELPERS, error) != 0) return -1;
    for (size_t i = 0; i < gateway->worker_count; i++) {
        struct gate_worker *worker = &gateway->workers[i];
        *worker = (struct gate_worker){.gateway = gateway, .index = i, .worker = runtime_worker(gateway->runtime, i)};
    }
    for (size_t i = 0; i < gateway->worker_count; i++) {
        struct gate_worker *worker = &gateway->workers[i];
        if (worker_post(worker->worker, start_worker_fiber, worker) != 0) return error_out_of_memory(error);
    }
    return 0;
}

/* A session has two descriptors, and the usual soft limit of 1024 is there for programs that use select(). */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log_warning("the limit of open files cannot be raised");
}

static int start(struct gateway *gateway, const char *program, struct error *error) {
    raise_descriptor_limit();
    process_keep_memory();
    struct snapshot *snapshot = snapshot_load(gateway->config_path, error);
    if (snapshot == NULL) return -1;
    snapshot_slot_init(&gateway->snapshot, snapshot);
    const struct config *config = snapshot->config;
    log_set_level(config->log_level);
    log_set_json(config->logs_json);
    for (size_t i = 0; i < config->warning_count; i++) log_warning("%.*s", STR_ARGS(config->warnings[i]));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    gateway->worker_count = config->workers > 0 ? config->workers : cores > 0 ? (size_t)cores : 1;
    if (gateway->worker_count > RINGS_MAX) gateway->worker_count = RINGS_MAX;
    random_bytes(&gateway->run_id, sizeof(gateway->run_id));

    if (hash_program(gateway, program, error) != 0) return -1;
    bool is_new = !file_log_exists(config->ledger.directory.data, config->ledger.state.data);
    if (seal_kek_load(config->ledger.sealed_key.data, is_new, &gateway->seal_key, error) != 0) return -1;
    if (mask_box_key_derive(secret_view(&gateway->seal_key), &gateway->box_key, error) != 0) return -1;
    gateway->store = store_open(config->state.data, error);
    if (gateway->store == NULL) return -1;
    gateway->approvals = approvals_new(gateway->store, error);
    if (gateway->approvals == NULL) return -1;
    if (start_keeper(gateway, config, program, error) != 0) return -1;
    gateway->usage = usage_new(gateway->store, clock_real_us(), error);
    if (gateway->usage == NULL) return -1;
    gateway->shelves = shelves_new(gateway->store, &gateway->box_key);
    if (gateway->shelves == NULL) return error_out_of_memory(error);
    gateway->detector = detector_new(NULL, error);
    if (gateway->detector == NULL) return -1;
    if (open_listeners(gateway, config, error) != 0) return -1;
    return start_workers(gateway, error);
}

static void stop(struct gateway *gateway) {
    struct error error;
    if (gateway->runtime != NULL) runtime_free(&gateway->runtime);
    for (size_t i = 0; gateway->workers != NULL && i < gateway->worker_count; i++) unmake_worker(&gateway->workers[i]);
    for (size_t i = 0; gateway->listeners != NULL && i < gateway->listener_count; i++) {
        if (gateway->listeners[i] != NULL) listener_close(&gateway->listeners[i]);
    }
    if (gateway->admin != NULL) listener_close(&gateway->admin);
    if (gateway->keeper != NULL && keeper_stop(&gateway->keeper, GATEWAY_KEEPER_STOP_MS, &error) != 0) {
        log_error("keeper: %s", error.text);
        atomic_store(&gateway->exit_status, 1);
    }
    rings_free(&gateway->rings);
    approvals_free(&gateway->approvals);
    usage_free(&gateway->usage);
    shelves_free(&gateway->shelves);
    if (gateway->store != NULL) store_close(&gateway->store);
    if (gateway->detector != NULL) detector_free(&gateway->detector);
    secret_wipe(&gateway->seal_key);
    mask_box_key_wipe(&gateway->box_key);
    free(gateway->workers);
    free(gateway->listeners);
    map_free(&gateway->cancel_keys);
    struct snapshot *unused = atomic_exchange(&gateway->next_snapshot, NULL);
    snapshot_release(&unused);
    if (gateway->snapshot.current != NULL) snapshot_slot_free(&gateway->snapshot);
}

/* ---- Signals --------------------------------------------------------------------------------------------------- */

/* Sessions find their listener by its place in the list. */
static bool has_same_listeners(struct gateway *gateway, const struct config *next) {
    uint64_t generation;
    struct snapshot *current = snapshot_slot_take(&gateway->snapshot, &generation);
    bool is_same = current->config->listener_count == next->listener_count;
    for (size_t i = 0; is_same && i < next->listener_count; i++) {
        is_same = str_equal(current->config->listeners[i].address.text, next->listeners[i].address.text);
    }
    snapshot_release(&current);
    return is_same;
}

static void reload(struct gateway *gateway) {
    struct error error;
    struct snapshot *snapshot = snapshot_load(gateway->config_path, &error);
    if (snapshot == NULL) {
        log_error("the reload is refused, what was in force stays: %s", error.text);
        return;
    }
    if (!has_same_listeners(gateway, snapshot->config)) {
        log_error("the reload is refused: other listeners, or others' addresses, need a restart");
        snapshot_release(&snapshot);
        return;
    }
    log_set_level(snapshot->config->log_level);
    node_activate(gateway, snapshot);
}

static void drain_worker(void *argument) {
    struct gate_worker *worker = argument;
    for (struct session *session = worker->sessions; session != NULL; session = session->next) session_drain(session);
}

/* True: another signal came. */
static bool await_sessions(struct gateway *gateway, const sigset_t *signals, uint64_t deadline_ns) {
    struct timespec pause = {0, (long)GATEWAY_POLL_NS};
    while (atomic_load(&gateway->session_count) > 0 && clock_monotonic_ns() < deadline_ns) {
        int got = sigtimedwait(signals, NULL, &pause);
        if (got == SIGTERM || got == SIGINT) return true;
    }
    return false;
}

/* Sessions leave as soon as nothing of theirs is in flight; another signal, or the time, ends the patience. */
static void drain(struct gateway *gateway, const sigset_t *signals) {
    if (!atomic_exchange(&gateway->is_draining, true)) {
        log_info("draining %u sessions", atomic_load(&gateway->session_count));
        for (size_t i = 0; i < gateway->worker_count; i++) {
            if (worker_post(gateway->workers[i].worker, drain_worker, &gateway->workers[i]) != 0) break;
        }
        bool is_hurried = await_sessions(gateway, signals, clock_monotonic_ns() + GATEWAY_DRAIN_NS);
        if (is_hurried) log_info("a second signal: sessions are ended");
    }
    atomic_store(&gateway->give_up_ns, clock_monotonic_ns() + GATEWAY_FAREWELL_NS);
}

static void wait_for_signals(struct gateway *gateway, const sigset_t *signals) {
    bool is_node_started = false;
    for (;;) {
        siginfo_t info;
        int got = sigwaitinfo(signals, &info);
        if (got == SIGHUP) {
            atomic_store(&gateway->reload_uid, info.si_uid);
            reload(gateway);
        }
        if (got == SIGUSR1 && !is_node_started) {
            is_node_started = atomic_load(&gateway->workers_ready) == gateway->worker_count;
            if (is_node_started && worker_post(gateway->workers[0].worker, start_node_fibers, gateway) != 0) return;
        }
        if (got == SIGTERM || got == SIGINT) {
            drain(gateway, signals);
            return;
        }
    }
}

int gateway_run(const char *config_path, const char *program) {
    struct gateway gateway = {.config_path = config_path};
    struct error error;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* inherited by every thread: only this one takes them */
    pthread_mutex_init(&gateway.cancel_lock, NULL);
    map_init(&gateway.cancel_keys);
    if (start(&gateway, program, &error) != 0) {
        log_error("%s", error.text);
        atomic_store(&gateway.exit_status, 1);
    } else {
        wait_for_signals(&gateway, &signals);
    }
    stop(&gateway);
    log_info("stopped");
    return atomic_load(&gateway.exit_status);
}
