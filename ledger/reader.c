/* Entries out of bundles, one bundle in memory at a time. */
#include "ledger/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/checkpoint.h"
#include "ledger/file.h"
#include "ledger/merkle.h"

#define READER_MAGIC 0x52656164u
#define BUNDLE_MAX_BYTES (TILE_WIDTH * (2u + ENTRY_MAX_BYTES) + 65536u)

struct ledger_reader {
    uint32_t magic;
    int folder_fd;
    bool has_vkey;
    struct checkpoint_vkey vkey;
    uint64_t size;
    uint64_t next;
    struct buffer bundle;
    uint64_t bundle_number; /* valid while bundle_count > 0 */
    uint32_t bundle_count;
    uint32_t offsets[TILE_WIDTH]; /* of each entry's length in the bundle */
};

int ledger_reader_open(struct ledger_reader **out, const char *folder, struct str vkey, struct error *error) {
    struct ledger_reader *reader = *out = calloc(1, sizeof(**out));
    if (reader == NULL) return error_out_of_memory(error);
    reader->magic = READER_MAGIC;
    reader->has_vkey = vkey.data != NULL;
    buffer_init(&reader->bundle, BUNDLE_MAX_BYTES);
    reader->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = 0;
    if (reader->folder_fd < 0) result = error_set_errno(error, "evidence folder %s cannot be opened", folder);
    if (result == 0 && reader->has_vkey) result = checkpoint_vkey_parse(vkey, &reader->vkey, error);
    if (result == 0) result = ledger_reader_refresh(reader, error);
    if (result != 0) ledger_reader_free(out);
    return result;
}

void ledger_reader_free(struct ledger_reader **reader) {
    if (*reader == NULL) return;
    CHECK_MAGIC(*reader, READER_MAGIC);
    buffer_free(&(*reader)->bundle);
    if ((*reader)->folder_fd >= 0) close((*reader)->folder_fd);
    free(*reader);
    *reader = NULL;
}

uint64_t ledger_reader_size(const struct ledger_reader *reader) {
    return reader->size;
}

int ledger_reader_refresh(struct ledger_reader *reader, struct error *error) {
    CHECK_MAGIC(reader, READER_MAGIC);
    struct buffer note;
    struct error problem = {0};
    struct checkpoint checkpoint;
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    int result = file_read(reader->folder_fd, "checkpoint", &note, &problem);
    if (result == 0) {
        result = reader->has_vkey ? checkpoint_verify(buffer_view(&note), &reader->vkey, &checkpoint, &problem)
                                  : checkpoint_parse(buffer_view(&note), &checkpoint, &problem);
        if (result == 0 && checkpoint.size > reader->size) reader->size = checkpoint.size;
        if (result != 0) error_prefix(&problem, "checkpoint");
    } else if (problem.code == ERROR_NOT_FOUND) {
        result = 0;
    }
    buffer_free(&note);
    if (result != 0 && error != NULL) *error = problem;
    return result;
}

void ledger_reader_seek(struct ledger_reader *reader, uint64_t index) {
    reader->next = index;
}

static int split_bundle(struct ledger_reader *reader, uint32_t width, struct error *error) {
    struct str view = buffer_view(&reader->bundle);
    struct str rest = view;
    for (uint32_t i = 0; i < width; i++) {
        struct str entry;
        reader->offsets[i] = (uint32_t)(rest.data - view.data);
        if (bundle_take_entry(&rest, &entry) != 0) {
            return error_set(error, ERROR_INVALID, "entry %llu: its bundle is cut short",
                             (unsigned long long)(reader->bundle_number * TILE_WIDTH + i));
        }
    }
    reader->bundle_count = width;
    return 0;
}

static int load_bundle(struct ledger_reader *reader, uint64_t number, struct error *error) {
    char path[TILE_PATH_MAX_BYTES];
    uint32_t width = tile_width(reader->size, 0, number);
    reader->bundle_number = number;
    reader->bundle_count = 0;
    tile_path_format(path, TILE_ENTRIES_LEVEL, number, TILE_WIDTH);
    struct error problem = {0};
    int result = file_read(reader->folder_fd, path, &reader->bundle, &problem);
    if (result != 0 && width < TILE_WIDTH && problem.code == ERROR_NOT_FOUND) {
        tile_path_format(path, TILE_ENTRIES_LEVEL, number, width);
        result = file_read(reader->folder_fd, path, &reader->bundle, &problem);
        if (result != 0 && problem.code == ERROR_NOT_FOUND) { /* it became full between the two attempts */
            tile_path_format(path, TILE_ENTRIES_LEVEL, number, TILE_WIDTH);
            result = file_read(reader->folder_fd, path, &reader->bundle, &problem);
        }
    }
    if (result == 0) return split_bundle(reader, width, error);
    if (error != NULL) *error = problem;
    return -1;
}

int ledger_reader_get(struct ledger_reader *reader, uint64_t index, struct ledger_entry *entry, struct error *error) {
    CHECK_MAGIC(reader, READER_MAGIC);
    if (index >= reader->size) {
        return error_set(error, ERROR_NOT_FOUND, "entry %llu: the log has only %llu", (unsigned long long)index,
                         (unsigned long long)reader->size);
    }
    uint64_t number = index / TILE_WIDTH;
    uint32_t place = (uint32_t)(index % TILE_WIDTH);
    bool is_loaded = reader->bundle_number == number && place < reader->bundle_count;
    if (!is_loaded && load_bundle(reader, number, error) != 0) return -1;
    struct str rest = str_slice(buffer_view(&reader->bundle), reader->offsets[place], SIZE_MAX);
    struct str text;
    if (bundle_take_entry(&rest, &text) != 0 || entry_parse(text, entry, error) != 0) {
        return error_prefix(error, "entry %llu", (unsigned long long)index);
    }
    entry->index = index;
    return 0;
}

int ledger_reader_next(struct ledger_reader *reader, struct ledger_entry *entry, struct error *error) {
    if (reader->next >= reader->size) return 0;
    if (ledger_reader_get(reader, reader->next, entry, error) != 0) return -1;
    reader->next++;
    return 1;
}
