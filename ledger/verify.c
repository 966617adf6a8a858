/* Verification of an evidence folder: files against hashes, hashes against the signed root, entries against each other.
 *
 * One pass over the bundles recomputes everything; a second pass over the names in the folder finds what should not be
 * there, and compares the earlier, narrower forms of a tile with the wider one that was checked. */
#include "ledger/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/checkpoint.h"
#include "ledger/file.h"
#include "ledger/merkle.h"
#include "ledger/story.h"
#include "ledger/trail.h"

#define BUNDLE_MAX_BYTES (TILE_WIDTH * (2u + ENTRY_MAX_BYTES) + 65536u)
#define TILE_MAX_BYTES (TILE_WIDTH * SHA256_BYTES + 65536u)
#define FOLDER_DEPTH_MAX 12
#define PATH_BYTES 512

struct verifier {
    int folder_fd;
    struct finding_sink sink;
    struct trail *trail;
    struct story *story;
    struct merkle_edge edge;
    struct checkpoint_vkey vkey;
    uint64_t size;
    struct sha256 root;
    bool has_checkpoint;
    bool has_kept;
    struct checkpoint kept; /* that somebody has of this log */
    struct buffer bundle;
    struct buffer tile;
    struct buffer other;
};

static void on_story(void *context, bool is_bad, uint64_t index, const char *finding) {
    struct verifier *verifier = context;
    finding_add(&verifier->sink, is_bad ? LEDGER_BAD : LEDGER_WARNING, index, "%s", finding);
}

/* Entries are missing: what follows from that alone is not reported again. */
static void skip_entries(struct verifier *verifier) {
    trail_skip(verifier->trail);
    story_skip(verifier->story);
}

#define BAD(verifier, index, ...) finding_add(&(verifier)->sink, LEDGER_BAD, (index), __VA_ARGS__)

static void check_checkpoint(struct verifier *verifier) {
    struct buffer note;
    struct checkpoint checkpoint;
    struct error error = {0};
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    if (file_read(verifier->folder_fd, "checkpoint", &note, &error) != 0) {
        BAD(verifier, FINDING_NO_INDEX, "checkpoint: %s", error.text);
        buffer_free(&note);
        return;
    }
    if (checkpoint_verify(buffer_view(&note), &verifier->vkey, &checkpoint, &error) != 0) {
        BAD(verifier, FINDING_NO_INDEX, "checkpoint: %s", error.text);
        if (checkpoint_parse(buffer_view(&note), &checkpoint, &error) != 0) checkpoint.size = UINT64_MAX;
    }
    if (checkpoint.size != UINT64_MAX) {
        verifier->has_checkpoint = true;
        verifier->size = checkpoint.size;
        verifier->root = checkpoint.root;
        snprintf(verifier->sink.summary->origin, sizeof(verifier->sink.summary->origin), "%.*s",
                 STR_ARGS(checkpoint.origin));
    }
    buffer_free(&note);
}

/* The file that holds a tile under the checkpoint: of exactly its width, or full where the log has gone on. */
static int read_main(struct verifier *verifier, int level, uint64_t number, uint32_t width, struct buffer *out,
                     uint32_t *found_width, struct error *error) {
    char path[TILE_PATH_MAX_BYTES];
    *found_width = width;
    tile_path_format(path, level, number, width);
    if (file_read(verifier->folder_fd, path, out, error) == 0) return 0;
    if (width == TILE_WIDTH || error->code != ERROR_NOT_FOUND) return -1;
    *found_width = TILE_WIDTH;
    tile_path_format(path, level, number, TILE_WIDTH);
    return file_read(verifier->folder_fd, path, out, NULL);
}

/* A tile of hashes from the folder; empty (and reported) when missing or of the wrong length. */
static struct str read_tile(struct verifier *verifier, uint32_t level, uint64_t number, uint32_t width,
                            uint64_t first_entry) {
    struct error error = {0};
    uint32_t found_width;
    if (read_main(verifier, (int)level, number, width, &verifier->tile, &found_width, &error) != 0) {
        BAD(verifier, first_entry, "from here on, the hashes are missing: %s", error.text);
        return STR_NONE;
    }
    struct str view = buffer_view(&verifier->tile);
    if (view.length != found_width * SHA256_BYTES) {
        BAD(verifier, first_entry, "from here on: tile %u/%llu has %zu bytes, not %u", level, (unsigned long long)number,
            view.length, found_width * SHA256_BYTES);
        return STR_NONE;
    }
    return str_slice(view, 0, width * SHA256_BYTES);
}

static uint64_t first_entry_of(uint32_t level, uint64_t number) {
    return number << (8 * (level + 1));
}

/* Compares a level's recomputed hashes with the folder's. Level 0 has been compared entry by entry. */
static void check_tile(struct verifier *verifier, uint32_t level, uint64_t number, const struct sha256 *hashes,
                       uint32_t width) {
    uint64_t first = first_entry_of(level, number);
    struct str tile = read_tile(verifier, level, number, width, first);
    for (uint32_t i = 0; i < width && tile.length > 0; i++) {
        if (memcmp(tile.data + i * SHA256_BYTES, hashes[i].bytes, SHA256_BYTES) == 0) continue;
        BAD(verifier, first + ((uint64_t)i << (8 * level)), "from here on: tile %u/%llu does not hold the hashes of the "
            "entries", level, (unsigned long long)number);
        return;
    }
}

static int on_full_tile(void *context, uint32_t level, uint64_t number, const struct sha256 *hashes) {
    if (level > 0) check_tile(context, level, number, hashes, TILE_WIDTH);
    return 0;
}

/* The tree at the size of the checkpoint that somebody kept must be the one that it signs. */
static void check_kept(struct verifier *verifier) {
    if (!verifier->has_kept || verifier->edge.size != verifier->kept.size) return;
    struct sha256 root = merkle_edge_root(&verifier->edge);
    if (sha256_equal(&root, &verifier->kept.root)) return;
    BAD(verifier, FINDING_NO_INDEX, "the first %llu entries are not those of the checkpoint that was kept: the log was "
        "forked", (unsigned long long)verifier->kept.size);
}

static int append_leaf(struct verifier *verifier, struct sha256 leaf) {
    int result = merkle_edge_append(&verifier->edge, leaf, on_full_tile, verifier);
    check_kept(verifier);
    return result;
}

static int note_entry(struct verifier *verifier, struct str text, uint64_t index) {
    struct ledger_entry entry;
    struct error error = {0};
    if (entry_parse(text, &entry, &error) != 0) {
        BAD(verifier, index, "it is not a well-formed entry: %s", error.text);
        skip_entries(verifier);
        return 0;
    }
    entry.index = index;
    return trail_note(verifier->trail, &entry) == 0 ? story_note(verifier->story, &entry) : -1;
}

struct bundle_check {
    uint64_t first; /* index of its first entry */
    uint32_t width; /* entries under the checkpoint */
    struct str tile;
    uint32_t mismatch_count;
};

/* Where entries from `place` on are not there, the tile's hashes stand in for theirs in the tree. */
static int take_tile_hashes(struct verifier *verifier, const struct bundle_check *check, uint32_t place) {
    skip_entries(verifier);
    for (; place < check->width; place++) {
        struct sha256 leaf = {{0}};
        if (check->tile.length > 0) memcpy(leaf.bytes, check->tile.data + place * SHA256_BYTES, SHA256_BYTES);
        if (append_leaf(verifier, leaf) != 0) return -1;
    }
    return 0;
}

static int take_entry(struct verifier *verifier, struct bundle_check *check, uint32_t place, struct str entry) {
    struct sha256 leaf = merkle_leaf_hash(entry);
    bool is_same = check->tile.length == 0 ||
                   memcmp(check->tile.data + place * SHA256_BYTES, leaf.bytes, SHA256_BYTES) == 0;
    if (!is_same && check->mismatch_count++ == 0) {
        BAD(verifier, check->first + place, "it is not the entry that was hashed (changed, removed or moved)");
    }
    if (note_entry(verifier, entry, check->first + place) != 0) return -1;
    return append_leaf(verifier, leaf);
}

static int check_entries(struct verifier *verifier, struct bundle_check *check, uint32_t found_width) {
    struct str rest = buffer_view(&verifier->bundle);
    for (uint32_t place = 0; place < found_width; place++) {
        struct str entry;
        bool is_here = bundle_take_entry(&rest, &entry) == 0;
        if (!is_here && place < check->width) {
            BAD(verifier, check->first + place, "it and what follows it in its bundle are missing (cut short)");
            return take_tile_hashes(verifier, check, place);
        }
        if (!is_here) break;
        if (place >= check->width) continue; /* not under this checkpoint */
        if (take_entry(verifier, check, place, entry) != 0) return -1;
    }
    if (rest.length > 0) {
        BAD(verifier, check->first + check->width - 1, "%zu bytes too many behind the last entry of its bundle",
            rest.length);
    }
    if (check->mismatch_count > 0) skip_entries(verifier);
    return 0;
}

static int check_bundle(struct verifier *verifier, uint64_t number) {
    struct bundle_check check = {.first = number * TILE_WIDTH, .width = tile_width(verifier->size, 0, number)};
    struct error error = {0};
    uint32_t found_width;
    struct str tile = read_tile(verifier, 0, number, check.width, check.first);
    char copy[TILE_WIDTH * SHA256_BYTES]; /* the buffer is used again for the levels above */
    if (tile.length > 0) memcpy(copy, tile.data, tile.length);
    check.tile = str_make(copy, tile.length);
    if (read_main(verifier, TILE_ENTRIES_LEVEL, number, check.width, &verifier->bundle, &found_width, &error) == 0) {
        return check_entries(verifier, &check, found_width);
    }
    BAD(verifier, check.first, "it and the %u entries from it on are missing: %s", check.width, error.text);
    return take_tile_hashes(verifier, &check, 0);
}

/* A file cut off the end is said once: without it, nothing behind it need be tried. */
static bool is_beyond_end(struct verifier *verifier, uint64_t number) {
    char paths[2][TILE_PATH_MAX_BYTES];
    uint32_t width = tile_width(verifier->size, 0, number);
    tile_path_format(paths[0], TILE_ENTRIES_LEVEL, number, width);
    tile_path_format(paths[1], 0, number, width);
    return verifier->sink.summary->bad_count >= LEDGER_FINDINGS_MAX &&
           faccessat(verifier->folder_fd, paths[0], F_OK, 0) != 0 && faccessat(verifier->folder_fd, paths[1], F_OK, 0) != 0;
}

static int check_tree(struct verifier *verifier) {
    uint64_t bundles = verifier->size / TILE_WIDTH + (verifier->size % TILE_WIDTH != 0);
    for (uint64_t number = 0; number < bundles; number++) {
        if (is_beyond_end(verifier, number)) {
            BAD(verifier, number * TILE_WIDTH, "too much is missing: stopped here");
            return 0;
        }
        if (check_bundle(verifier, number) != 0) return -1;
    }
    for (uint32_t level = 1; level < TILE_LEVELS; level++) {
        const struct merkle_level *edge = &verifier->edge.levels[level];
        uint64_t number = (verifier->size >> (8 * level)) / TILE_WIDTH;
        if (edge->count > 0) check_tile(verifier, level, number, edge->hashes, edge->count);
    }
    struct sha256 root = merkle_edge_root(&verifier->edge);
    if (!sha256_equal(&root, &verifier->root)) {
        BAD(verifier, FINDING_NO_INDEX, "the %llu entries do not give the root that the checkpoint signs",
            (unsigned long long)verifier->size);
    }
    return 0;
}

/* Names in the folder ---------------------------------------------------------------------------------------------- */

/* An earlier form of a tile: what is in it must be the beginning of the wider one. */
static void check_earlier(struct verifier *verifier, const char *path, int level, uint64_t number, uint32_t width) {
    struct error error = {0};
    uint32_t tile_level = level < 0 ? 0 : (uint32_t)level;
    uint32_t found_width;
    uint64_t first = first_entry_of(tile_level, number);
    uint32_t main_width = tile_width(verifier->size, tile_level, number);
    if (file_read(verifier->folder_fd, path, &verifier->other, &error) != 0) {
        if (error.code != ERROR_NOT_FOUND) BAD(verifier, first, "%s", error.text);
        return; /* superseded while we looked */
    }
    if (read_main(verifier, level, number, main_width, &verifier->bundle, &found_width, &error) != 0) return;
    struct str whole = buffer_view(&verifier->bundle);
    struct str rest = whole;
    struct str entry;
    size_t length = width * SHA256_BYTES;
    for (uint32_t i = 0; level < 0 && i < width && bundle_take_entry(&rest, &entry) == 0; i++) {
        length = (size_t)(rest.data - whole.data);
    }
    if (!str_equal(buffer_view(&verifier->other), str_slice(whole, 0, length))) {
        BAD(verifier, first, "%s does not fit the wider form of the same tile", path);
    }
}

static void check_name(struct verifier *verifier, const char *path) {
    int level;
    uint64_t number;
    uint32_t width;
    if (str_equal_cstr(STR("checkpoint"), path)) return;
    if (tile_path_parse(str_from_cstr(path), &level, &number, &width) != 0) {
        BAD(verifier, FINDING_NO_INDEX, "%s does not belong into an evidence folder", path);
        return;
    }
    uint32_t wanted = tile_width(verifier->size, level < 0 ? 0 : (uint32_t)level, number);
    if (width < wanted) check_earlier(verifier, path, level, number, width);
}

static void check_folder(struct verifier *verifier, const char *folder, int depth) {
    int fd = openat(verifier->folder_fd, depth == 0 ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL) {
        if (fd >= 0) close(fd);
        if (errno != ENOENT) BAD(verifier, FINDING_NO_INDEX, "%s cannot be listed: %s", folder, strerror(errno));
        return;
    }
    for (struct dirent *item; (item = readdir(listing)) != NULL;) {
        char path[PATH_BYTES];
        struct stat status;
        if (item->d_name[0] == '.') continue; /* the keeper's own workplace, .new */
        int length = depth == 0 ? snprintf(path, sizeof(path), "%s", item->d_name)
                                : snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
        if (length >= (int)sizeof(path) || fstatat(verifier->folder_fd, path, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISDIR(status.st_mode) && depth < FOLDER_DEPTH_MAX && (depth > 0 || strcmp(path, "tile") == 0)) {
            check_folder(verifier, path, depth + 1);
        } else if (S_ISREG(status.st_mode)) {
            check_name(verifier, path);
        } else {
            BAD(verifier, FINDING_NO_INDEX, "%s does not belong into an evidence folder", path);
        }
    }
    closedir(listing);
}

static int run(struct verifier *verifier) {
    check_checkpoint(verifier);
    if (!verifier->has_checkpoint) return 0;
    merkle_edge_init(&verifier->edge);
    check_kept(verifier);
    if (verifier->has_kept && verifier->kept.size > verifier->size) {
        BAD(verifier, FINDING_NO_INDEX, "the checkpoint that was kept has %llu entries, this log has %llu: it was cut back",
            (unsigned long long)verifier->kept.size, (unsigned long long)verifier->size);
    }
    if (check_tree(verifier) != 0) return -1;
    trail_end(verifier->trail);
    check_folder(verifier, "", 0);
    verifier->sink.summary->size = verifier->size;
    verifier->sink.summary->root = merkle_edge_root(&verifier->edge);
    return 0;
}

int ledger_verify(const char *folder, struct str vkey, struct str kept, ledger_finding_function *report, void *context,
                  struct ledger_summary *summary, struct error *error) {
    *summary = (struct ledger_summary){0};
    struct verifier *verifier = calloc(1, sizeof(*verifier));
    if (verifier == NULL) return error_out_of_memory(error);
    verifier->sink = (struct finding_sink){report, context, summary};
    buffer_init(&verifier->bundle, BUNDLE_MAX_BYTES);
    buffer_init(&verifier->tile, TILE_MAX_BYTES);
    buffer_init(&verifier->other, BUNDLE_MAX_BYTES);
    int result = checkpoint_vkey_parse(vkey, &verifier->vkey, error);
    struct error kept_error = {0};
    verifier->has_kept = kept.data != NULL;
    if (result == 0 && verifier->has_kept &&
        checkpoint_verify(kept, &verifier->vkey, &verifier->kept, &kept_error) != 0) {
        result = error_set(error, ERROR_INVALID, "the checkpoint that was kept: %s", kept_error.text);
    }
    verifier->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result == 0 && verifier->folder_fd < 0) {
        result = error_set_errno(error, "evidence folder %s cannot be opened", folder);
    }
    if (result == 0 && (trail_new(&verifier->trail, &verifier->sink) != 0 ||
                        story_new(&verifier->story, on_story, verifier) != 0 || run(verifier) != 0)) {
        result = error_out_of_memory(error);
    }
    trail_free(&verifier->trail);
    story_free(&verifier->story);
    buffer_free(&verifier->bundle);
    buffer_free(&verifier->tile);
    buffer_free(&verifier->other);
    if (verifier->folder_fd >= 0) close(verifier->folder_fd);
    free(verifier);
    return result;
}
