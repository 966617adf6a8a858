/* Folders, locks, key, and the two ways of failing. */
#include "keeper/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "keeper/high_water.h"
#include "ledger/file.h"

#define RETRY_INTERVAL_MS 200u
#define LOCK_WAIT_MS 5000u
#define LOCK_INTERVAL_MS 50u

static int path_or_default(char out[KEEPER_PATH_BYTES], const char *given, const char *base, const char *suffix,
                           struct error *error) {
    int length = given != NULL ? snprintf(out, KEEPER_PATH_BYTES, "%s", given)
                               : snprintf(out, KEEPER_PATH_BYTES, "%s%s", base, suffix);
    if (length >= KEEPER_PATH_BYTES - 32) return error_set(error, ERROR_LIMIT, "%s: the path is too long", base);
    while (given != NULL && length > 1 && out[length - 1] == '/') out[--length] = '\0';
    return 0;
}

/* The keeper of a gateway that was killed ends by itself, once it has written what it was given: that is waited for. */
static int lock_folder(int fd, const char *folder, struct error *error) {
    const struct timespec interval = {0, (long)(LOCK_INTERVAL_MS * NANOSECONDS_PER_MILLISECOND)};
    for (uint32_t waited_ms = 0;; waited_ms += LOCK_INTERVAL_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
        if (errno != EWOULDBLOCK) return error_set_errno(error, "folder %s cannot be locked", folder);
        if (waited_ms == LOCK_WAIT_MS) {
            return error_set(error, ERROR_UNAVAILABLE, "folder %s is in use by another keeper: stop it first", folder);
        }
        if (waited_ms == 0) log_info("keeper: folder %s is in use by another keeper: waits for its end", folder);
        nanosleep(&interval, NULL);
    }
}

static int open_locked(const char *folder, mode_t mode, int *fd, struct error *error) {
    if (file_make_folders_of(AT_FDCWD, folder) != 0 || (mkdir(folder, mode) != 0 && errno != EEXIST)) {
        return error_set_errno(error, "folder %s cannot be created", folder);
    }
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return error_set_errno(error, "folder %s cannot be opened", folder);
    return lock_folder(*fd, folder, error);
}

static int write_vkey(struct keeper_core *core, const char *path, struct error *error) {
    struct buffer text;
    buffer_init(&text, CHECKPOINT_MAX_BYTES);
    checkpoint_vkey_format(checkpoint_signer_vkey(core->signer), &text);
    buffer_append_byte(&text, '\n');
    int result = file_replace(AT_FDCWD, path, buffer_view(&text), 0644, error);
    buffer_free(&text);
    return result;
}

static int open_parts(struct keeper_core *core, const struct keeper_options *options, struct error *error) {
    char state[KEEPER_PATH_BYTES];
    char path[KEEPER_PATH_BYTES];
    bool is_new;
    uint32_t segment_bytes = options->wal_segment_bytes > 0 ? options->wal_segment_bytes : KEEPER_WAL_SEGMENT_BYTES;
    uint64_t wal_bytes = options->wal_max_bytes > 0 ? options->wal_max_bytes : KEEPER_WAL_MAX_BYTES;
    if (segment_bytes < 1024 * 1024 || segment_bytes % 4096 != 0 || wal_bytes / segment_bytes < 4 ||
        wal_bytes / segment_bytes > WAL_SEGMENTS_MAX) {
        return error_set(error, ERROR_INVALID, "the write-ahead log needs 4 to %u segments of 1 MiB or more",
                         WAL_SEGMENTS_MAX);
    }
    if (path_or_default(core->evidence_folder, options->evidence_folder, "", "", error) != 0 ||
        path_or_default(state, options->state_folder, core->evidence_folder, ".state", error) != 0 ||
        open_locked(core->evidence_folder, 0755, &core->evidence_fd, error) != 0 ||
        open_locked(state, 0700, &core->state_fd, error) != 0) {
        return -1;
    }
    is_new = !file_log_exists(core->evidence_folder, state);
    if (path_or_default(path, options->key_file, state, "/signing.key", error) != 0 ||
        checkpoint_signer_load(&core->signer, path, is_new, str_from_cstr(options->origin), error) != 0 ||
        path_or_default(path, options->vkey_file, core->evidence_folder, ".vkey", error) != 0 ||
        write_vkey(core, path, error) != 0 ||
        high_water_open(core, options->high_water_file, error) != 0 ||
        path_or_default(path, NULL, state, "/wal", error) != 0) {
        return -1;
    }
    return wal_open(&core->wal, path, segment_bytes, wal_bytes, error);
}

void core_prepare(struct keeper_core *core, struct rings *rings, int lifeline_fd) {
    pthread_condattr_t attributes;
    memset(core, 0, sizeof(*core));
    core->evidence_fd = core->state_fd = core->high_water_fd = core->wal.folder_fd = -1;
    core->rings = rings;
    core->lifeline_fd = lifeline_fd;
    CHECK(pthread_mutex_init(&core->mutex, NULL) == 0 && pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&core->publisher_wake, &attributes) == 0);
    CHECK(pthread_cond_init(&core->segment_ready, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

int core_open(struct keeper_core *core, const struct keeper_options *options, struct error *error) {
    if (options->evidence_folder == NULL || options->evidence_folder[0] == '\0' || options->origin == NULL) {
        return error_set(error, ERROR_INVALID, "the keeper needs an evidence folder and an origin");
    }
    core->origin = options->origin;
    core->checkpoint_interval_ms =
        options->checkpoint_interval_ms > 0 ? options->checkpoint_interval_ms : KEEPER_CHECKPOINT_INTERVAL_MS;
    return open_parts(core, options, error);
}

void core_free(struct keeper_core *core) {
    checkpoint_signer_free(&core->signer);
    wal_close(&core->wal);
    if (core->evidence_fd >= 0) close(core->evidence_fd);
    if (core->state_fd >= 0) close(core->state_fd);
    high_water_close(core);
    pthread_cond_destroy(&core->publisher_wake);
    pthread_cond_destroy(&core->segment_ready);
    pthread_mutex_destroy(&core->mutex);
}

static bool is_passing(int code) {
    return code == ENOSPC || code == EDQUOT || code == EROFS || code == ENOMEM || code == EMFILE || code == ENFILE ||
           code == EACCES || code == EPERM;
}

bool core_wait_for_space(struct keeper_core *core, const char *what) {
    int code = errno;
    if (!core->may_wait) return false;
    if (!is_passing(code)) core_fail(core, what);
    if (ring_state(core->rings, NULL) == RING_ACCEPTING) {
        log_error("ledger: %s cannot be written (%s): actions are refused until it can", what, strerror(code));
        rings_set_state(core->rings, RING_REFUSING, code);
    }
    core_sleep_on(core, &core->publisher_wake, RETRY_INTERVAL_MS);
    if (!atomic_load(&core->is_stopping)) return true;
    log_error("ledger: %s was not written before the end; the next start will do it", what);
    return false;
}

void core_space_is_back(struct keeper_core *core) {
    if (!core->may_wait || ring_state(core->rings, NULL) != RING_REFUSING) return;
    log_info("ledger: writing is possible again: actions are accepted");
    rings_set_state(core->rings, RING_ACCEPTING, 0);
}

_Noreturn void core_fail(struct keeper_core *core, const char *what) {
    int code = errno;
    if (core->rings != NULL) rings_set_state(core->rings, RING_STOPPED, code);
    log_error("ledger: %s failed (%s): the keeper stops here", what, strerror(code));
    _exit(KEEPER_EXIT_FAILED);
}

void core_wake_publisher(struct keeper_core *core) {
    pthread_mutex_lock(&core->mutex);
    pthread_cond_signal(&core->publisher_wake);
    pthread_mutex_unlock(&core->mutex);
}

void core_sleep_on(struct keeper_core *core, pthread_cond_t *condition, uint32_t timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + timeout_ms * NANOSECONDS_PER_MILLISECOND;
    until.tv_sec += (time_t)(ns / NANOSECONDS_PER_SECOND);
    until.tv_nsec = (long)(ns % NANOSECONDS_PER_SECOND);
    pthread_mutex_lock(&core->mutex);
    if (!atomic_load(&core->is_stopping)) pthread_cond_timedwait(condition, &core->mutex, &until);
    pthread_mutex_unlock(&core->mutex);
}
