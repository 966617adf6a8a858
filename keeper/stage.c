/* Staged writes. Whatever needs space is waited for; a failed fsync ends the keeper. */
#include "keeper/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/fault.h"
#include "ledger/file.h"

#define STAGE_FOLDER ".new"
#define STAGE_NAME_BYTES 32

static void format_slot(size_t slot, char out[STAGE_NAME_BYTES]) {
    snprintf(out, STAGE_NAME_BYTES, STAGE_FOLDER "/%zu", slot);
}

int stage_prepare(struct keeper_core *core, struct error *error) {
    if (mkdirat(core->evidence_fd, STAGE_FOLDER, 0755) == 0 || errno == EEXIST) return 0;
    return error_set_errno(error, "%s/%s cannot be created", core->evidence_folder, STAGE_FOLDER);
}

void stage_clean(struct keeper_core *core) {
    char name[STAGE_NAME_BYTES];
    for (size_t i = 0; i <= STAGED_MAX; i++) {
        format_slot(i, name);
        unlinkat(core->evidence_fd, name, 0);
    }
    unlinkat(core->evidence_fd, STAGE_FOLDER, AT_REMOVEDIR);
}

static int write_temporary(int folder_fd, const char *name, struct str data) {
    if (fault_new_space() != 0) return -1;
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return -1;
    if (file_write_all(fd, data) != 0) {
        int code = errno;
        close(fd);
        unlinkat(folder_fd, name, 0);
        errno = code;
        return -1;
    }
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return fd;
}

static int write_patiently(struct keeper_core *core, int folder_fd, const char *name, struct str data,
                           const char *what) {
    int fd;
    while ((fd = write_temporary(folder_fd, name, data)) < 0) {
        if (!core_wait_for_space(core, what)) return -1;
    }
    core_space_is_back(core);
    return fd;
}

int stage_add(struct publisher *publisher, const char *path, struct str data) {
    if (publisher->staged_count == STAGED_MAX && stage_flush(publisher) != 0) return -1;
    char name[STAGE_NAME_BYTES];
    format_slot(publisher->staged_count, name);
    int fd = write_patiently(publisher->core, publisher->core->evidence_fd, name, data, "a tile");
    if (fd < 0) return -1;
    struct staged_file *file = &publisher->staged[publisher->staged_count++];
    file->fd = fd;
    snprintf(file->path, sizeof(file->path), "%s", path);
    return 0;
}

/* New folders: they and all above them are made durable too. */
static int make_folders(struct keeper_core *core, const char *path) {
    if (fault_new_space() != 0 || file_make_folders_of(core->evidence_fd, path) != 0) return -1;
    char above[TILE_PATH_MAX_BYTES];
    snprintf(above, sizeof(above), "%s", path);
    for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
        *slash = '\0';
        if (file_sync_folder_of(core->evidence_fd, above) != 0) core_fail(core, "making a tile folder durable");
    }
    return 0;
}

static int move_into_place(struct keeper_core *core, size_t slot, const char *path) {
    char name[STAGE_NAME_BYTES];
    format_slot(slot, name);
    while (renameat(core->evidence_fd, name, core->evidence_fd, path) != 0) {
        bool is_folder_missing = errno == ENOENT;
        if (is_folder_missing && make_folders(core, path) == 0) continue;
        if (!core_wait_for_space(core, "a tile")) return -1;
    }
    return 0;
}

static bool is_same_folder(const char *a, const char *b) {
    const char *a_end = strrchr(a, '/');
    const char *b_end = strrchr(b, '/');
    return str_equal(str_make(a, (size_t)(a_end - a)), str_make(b, (size_t)(b_end - b)));
}

/* Each folder once: a file whose folder came before it in the list is passed over. */
static void sync_folders(struct publisher *publisher) {
    for (size_t i = 0; i < publisher->staged_count; i++) {
        const char *path = publisher->staged[i].path;
        bool is_done = false;
        for (size_t j = 0; j < i && !is_done; j++) is_done = is_same_folder(publisher->staged[j].path, path);
        if (!is_done && file_sync_folder_of(publisher->core->evidence_fd, path) != 0) {
            core_fail(publisher->core, "making a tile folder durable");
        }
    }
}

int stage_flush(struct publisher *publisher) {
    struct keeper_core *core = publisher->core;
    if (publisher->staged_count == 0) return 0;
    for (size_t i = 0; i < publisher->staged_count; i++) {
        if (fault_fsync(publisher->staged[i].fd) != 0) core_fail(core, "making a tile durable");
        close(publisher->staged[i].fd);
        publisher->staged[i].fd = -1;
    }
    fault_step("tile-temp");
    for (size_t i = 0; i < publisher->staged_count; i++) {
        if (move_into_place(core, i, publisher->staged[i].path) != 0) return -1;
    }
    fault_step("tile-rename");
    sync_folders(publisher);
    publisher->staged_count = 0;
    return 0;
}

int stage_replace(struct keeper_core *core, int folder_fd, const char *temporary, const char *path, struct str data,
                  const char *step) {
    int fd = write_patiently(core, folder_fd, temporary, data, path);
    if (fd < 0) return -1;
    if (fault_fsync(fd) != 0) core_fail(core, "making the checkpoint or its state durable");
    close(fd);
    fault_step(step);
    while (renameat(folder_fd, temporary, folder_fd, path) != 0) {
        if (!core_wait_for_space(core, path)) return -1;
    }
    if (fault_fsync(folder_fd) != 0) core_fail(core, "making the checkpoint or its state durable");
    return 0;
}
