/* Copying by the checkpoint: a tile that is partial under it is taken from that file, or cut from the full one that has
 * come since. Tiles of the log never change otherwise, so nothing has to be locked. */
#include "ledger/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/checkpoint.h"
#include "ledger/event.h"
#include "ledger/file.h"
#include "ledger/merkle.h"

#define EXPORT_FILE_MAX_BYTES (TILE_WIDTH * (2u + ENTRY_MAX_BYTES) + 65536u)

struct export {
    int from_fd;
    int to_fd;
    struct buffer file;
};

/* The first `width` hashes or entries of a full tile. */
static int cut_tile(int level, uint32_t width, struct str whole, struct str *part) {
    struct str rest = whole;
    struct str entry;
    if (level != TILE_ENTRIES_LEVEL) {
        *part = str_slice(whole, 0, (size_t)width * SHA256_BYTES);
        return part->length == (size_t)width * SHA256_BYTES ? 0 : -1;
    }
    for (uint32_t i = 0; i < width; i++) {
        if (bundle_take_entry(&rest, &entry) != 0) return -1;
    }
    *part = str_slice(whole, 0, (size_t)(rest.data - whole.data));
    return 0;
}

static int copy_tile(struct export *export, int level, uint64_t number, uint32_t width, struct error *error) {
    char path[TILE_PATH_MAX_BYTES];
    char full[TILE_PATH_MAX_BYTES];
    struct error problem = {0};
    tile_path_format(path, level, number, width);
    int result = file_read(export->from_fd, path, &export->file, &problem);
    struct str data = buffer_view(&export->file);
    if (result != 0 && problem.code == ERROR_NOT_FOUND && width < TILE_WIDTH) {
        tile_path_format(full, level, number, TILE_WIDTH);
        result = file_read(export->from_fd, full, &export->file, &problem);
        if (result == 0 && cut_tile(level, width, buffer_view(&export->file), &data) != 0) {
            return error_set(error, ERROR_INVALID, "%s is damaged", full);
        }
    }
    if (result != 0) return error_set(error, problem.code, "%s", problem.text);
    if (file_make_folders_of(export->to_fd, path) != 0) return error_set_errno(error, "%s cannot be made", path);
    return file_replace(export->to_fd, path, data, 0644, error);
}

static int copy_level(struct export *export, int level, uint64_t size, struct error *error) {
    uint32_t tile_level = level < 0 ? 0 : (uint32_t)level;
    uint64_t hashes = size >> (8 * tile_level);
    for (uint64_t number = 0; number * TILE_WIDTH < hashes; number++) {
        if (copy_tile(export, level, number, tile_width(size, tile_level, number), error) != 0) return -1;
    }
    return 0;
}

static int copy_all(struct export *export, struct str vkey_text, uint64_t *size, struct error *error) {
    struct buffer note;
    struct checkpoint checkpoint;
    struct checkpoint_vkey vkey;
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    int result = checkpoint_vkey_parse(vkey_text, &vkey, error);
    if (result == 0) result = file_read(export->from_fd, "checkpoint", &note, error);
    if (result == 0) result = checkpoint_verify(buffer_view(&note), &vkey, &checkpoint, error);
    if (result == 0) *size = checkpoint.size;
    for (int level = TILE_ENTRIES_LEVEL; result == 0 && level < (int)TILE_LEVELS; level++) {
        result = copy_level(export, level, *size, error);
    }
    if (result == 0) result = file_replace(export->to_fd, "checkpoint", buffer_view(&note), 0644, error);
    buffer_free(&note);
    return result;
}

static bool is_empty(const char *folder) {
    DIR *listing = opendir(folder);
    bool has_any = listing == NULL;
    for (struct dirent *item; listing != NULL && (item = readdir(listing)) != NULL;) {
        has_any = has_any || (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0);
    }
    if (listing != NULL) closedir(listing);
    return !has_any;
}

int ledger_export(const char *folder, struct str vkey, const char *to, uint64_t *size, struct error *error) {
    struct export export = {.from_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .to_fd = -1};
    if (export.from_fd < 0) return error_set_errno(error, "evidence folder %s cannot be opened", folder);
    int result = mkdir(to, 0755) == 0 || errno == EEXIST ? 0 : error_set_errno(error, "%s cannot be made", to);
    if (result == 0 && !is_empty(to)) result = error_set(error, ERROR_INVALID, "%s is no empty folder", to);
    if (result == 0 && (export.to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        result = error_set_errno(error, "%s cannot be opened", to);
    }
    buffer_init(&export.file, EXPORT_FILE_MAX_BYTES);
    if (result == 0) result = copy_all(&export, vkey, size, error);
    buffer_free(&export.file);
    close(export.from_fd);
    if (export.to_fd >= 0) close(export.to_fd);
    return result;
}
