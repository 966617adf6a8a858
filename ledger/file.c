/* Small helpers over openat and friends. */
#include "ledger/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 65536u

static int read_to_end(int fd, struct buffer *out) {
    for (;;) {
        char *room = buffer_reserve(out, READ_BYTES);
        if (room == NULL) {
            errno = EFBIG;
            return -1;
        }
        ssize_t got = read(fd, room, READ_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        buffer_commit(out, (size_t)got);
    }
}

int file_read(int folder_fd, const char *path, struct buffer *out, struct error *error) {
    buffer_clear(out);
    int fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        int code = errno;
        error_set_errno(error, "%s cannot be opened", path);
        if (error != NULL && (code == ENOENT || code == ENOTDIR)) error->code = ERROR_NOT_FOUND;
        return -1;
    }
    int result = read_to_end(fd, out);
    if (result != 0) error_set_errno(error, "%s cannot be read", path);
    close(fd);
    return result;
}

int file_write_all(int fd, struct str data) {
    while (data.length > 0) {
        ssize_t done = write(fd, data.data, data.length);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        data = str_slice(data, (size_t)done, data.length);
    }
    return 0;
}

/* The part in front of the last '/', NUL-terminated; false when there is none. */
static bool folder_of(const char *path, char out[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || (size_t)(slash - path) >= PATH_MAX) return false;
    memcpy(out, path, (size_t)(slash - path));
    out[slash - path] = '\0';
    return true;
}

int file_sync_folder_of(int folder_fd, const char *path) {
    char folder[PATH_MAX];
    int fd = openat(folder_fd, folder_of(path, folder) ? folder : path[0] == '/' ? "/" : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = fsync(fd);
    close(fd);
    return result;
}

int file_make_folders_of(int folder_fd, const char *path) {
    char folder[PATH_MAX];
    if (!folder_of(path, folder)) return 0;
    if (mkdirat(folder_fd, folder, 0755) == 0 || errno == EEXIST) return 0;
    if (errno != ENOENT) return -1;
    if (file_make_folders_of(folder_fd, folder) != 0) return -1;
    return mkdirat(folder_fd, folder, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

static int write_temporary(int folder_fd, const char *temporary, struct str data, unsigned mode) {
    int fd = openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return -1;
    int result = file_write_all(fd, data) == 0 && fsync(fd) == 0 ? 0 : -1;
    int code = errno;
    if (close(fd) != 0 && result == 0) return -1;
    errno = code;
    return result;
}

int file_replace(int folder_fd, const char *path, struct str data, unsigned mode, struct error *error) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
        return error_set(error, ERROR_LIMIT, "%s: the path is too long", path);
    }
    if (write_temporary(folder_fd, temporary, data, mode) != 0 ||
        renameat(folder_fd, temporary, folder_fd, path) != 0 || file_sync_folder_of(folder_fd, path) != 0) {
        error_set_errno(error, "%s cannot be written", path);
        unlinkat(folder_fd, temporary, 0);
        return -1;
    }
    return 0;
}

static bool holds(const char *folder, const char *name) {
    char path[PATH_MAX];
    int length = folder != NULL ? snprintf(path, sizeof(path), "%s/%s", folder, name) : -1;
    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0;
}

bool file_log_exists(const char *evidence_folder, const char *state_folder) {
    return holds(evidence_folder, "checkpoint") || holds(evidence_folder, "tile") || holds(state_folder, "state");
}
