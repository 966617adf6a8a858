/* Tiles, bundles, checkpoints. */
#include "keeper/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/fault.h"
#include "keeper/high_water.h"
#include "keeper/stage.h"
#include "ledger/crc32c.h"
#include "ledger/file.h"

#define BUNDLE_MAX_BYTES (TILE_WIDTH * (2u + ENTRY_MAX_BYTES))
#define STATE_MAX_BYTES 4096u
#define STATE_FILE "state"
#define CHECKPOINT_FILE "checkpoint"
#define FOLLOW_STEP_ENTRIES 4096u

/* The state file: five lines, the last one a CRC32C of those before it. */
static void format_state(const char *origin, const struct keeper_state *state, struct buffer *out) {
    buffer_append_format(out, "sworn ledger state 1 %s\n%llu\n", origin, (unsigned long long)state->size);
    hex_append(out, str_make(state->root.bytes, SHA256_BYTES));
    buffer_append_format(out, "\n%llu\n", (unsigned long long)state->node_start);
    buffer_append_format(out, "%08x\n", crc32c(0, buffer_view(out)));
}

static int parse_state(struct str text, const char *origin, struct keeper_state *state, struct buffer *scratch) {
    struct str rest = text;
    struct str line;
    if (!str_split(&rest, '\n', &line) || !str_split(&rest, '\n', &line) || str_parse_u64(line, &state->size) != 0 ||
        !str_split(&rest, '\n', &line) || hex_decode(line, scratch) != 0 || buffer_length(scratch) != SHA256_BYTES) {
        return -1;
    }
    memcpy(state->root.bytes, buffer_view(scratch).data, SHA256_BYTES);
    if (!str_split(&rest, '\n', &line) || str_parse_u64(line, &state->node_start) != 0) return -1;
    buffer_clear(scratch);
    format_state(origin, state, scratch);
    return str_equal(buffer_view(scratch), text) ? 0 : -1;
}

int keeper_state_read(struct keeper_core *core, struct keeper_state *state, struct error *error) {
    struct buffer text;
    struct buffer scratch;
    buffer_init(&text, STATE_MAX_BYTES + 65536);
    buffer_init(&scratch, STATE_MAX_BYTES);
    *state = (struct keeper_state){0};
    int result = file_read(core->state_fd, STATE_FILE, &text, error);
    if (result == 0 && parse_state(buffer_view(&text), core->origin, state, &scratch) != 0) {
        result = error_set(error, ERROR_INVALID,
                           "the ledger's state file is damaged or belongs to a log of another origin than %s",
                           core->origin);
    }
    buffer_free(&text);
    buffer_free(&scratch);
    return result;
}

int publisher_new(struct publisher **publisher, struct keeper_core *core, struct error *error) {
    *publisher = calloc(1, sizeof(**publisher));
    if (*publisher == NULL) return error_out_of_memory(error);
    (*publisher)->core = core;
    merkle_edge_init(&(*publisher)->edge);
    buffer_init(&(*publisher)->bundle, BUNDLE_MAX_BYTES);
    return 0;
}

void publisher_free(struct publisher **publisher) {
    if (*publisher == NULL) return;
    for (size_t i = 0; i < (*publisher)->staged_count; i++) {
        if ((*publisher)->staged[i].fd >= 0) close((*publisher)->staged[i].fd);
    }
    buffer_free(&(*publisher)->bundle);
    wal_unmap(&(*publisher)->view);
    free(*publisher);
    *publisher = NULL;
}

/* A tile of the right edge: the partial file, or the full one where later entries have filled it already. */
static int read_edge_tile(struct keeper_core *core, int level, uint64_t number, uint32_t width, struct buffer *out,
                          struct error *error) {
    char path[TILE_PATH_MAX_BYTES];
    tile_path_format(path, level, number, width);
    if (file_read(core->evidence_fd, path, out, error) == 0) return 0;
    tile_path_format(path, level, number, TILE_WIDTH);
    return file_read(core->evidence_fd, path, out, error);
}

static int load_levels(struct publisher *publisher, uint64_t size, struct error *error) {
    struct buffer tile;
    buffer_init(&tile, 2 * 65536);
    int result = 0;
    for (uint32_t level = 0; level < TILE_LEVELS && result == 0; level++) {
        uint64_t number = (size >> (8 * level)) / TILE_WIDTH;
        uint32_t width = tile_width(size, level, number);
        publisher->edge.levels[level].count = width;
        if (width == 0) continue;
        result = read_edge_tile(publisher->core, (int)level, number, width, &tile, error);
        if (result == 0 && buffer_length(&tile) < width * SHA256_BYTES) {
            result = error_set(error, ERROR_INVALID, "tile %u/%llu is short", level, (unsigned long long)number);
        }
        if (result == 0) memcpy(publisher->edge.levels[level].hashes, buffer_view(&tile).data, width * SHA256_BYTES);
    }
    buffer_free(&tile);
    return result;
}

static int load_bundle(struct publisher *publisher, uint64_t size, struct error *error) {
    uint32_t width = tile_width(size, 0, size / TILE_WIDTH);
    struct buffer bundle;
    buffer_clear(&publisher->bundle);
    if (width == 0) return 0;
    buffer_init(&bundle, BUNDLE_MAX_BYTES + 65536);
    int result = read_edge_tile(publisher->core, TILE_ENTRIES_LEVEL, size / TILE_WIDTH, width, &bundle, error);
    struct str rest = buffer_view(&bundle);
    for (uint32_t i = 0; i < width && result == 0; i++) {
        struct str entry;
        if (bundle_take_entry(&rest, &entry) != 0) result = error_set(error, ERROR_INVALID, "an entry bundle is short");
    }
    if (result == 0) {
        buffer_append(&publisher->bundle, bundle.data + bundle.start, (size_t)(rest.data - (bundle.data + bundle.start)));
    }
    buffer_free(&bundle);
    return result;
}

static void remove_partials_of(struct publisher *publisher, const struct filled_tile *tile) {
    int folder_fd = publisher->core->evidence_fd;
    char path[TILE_PATH_MAX_BYTES];
    for (uint32_t width = 1; width < TILE_WIDTH; width++) {
        tile_path_format(path, tile->level, tile->number, width);
        unlinkat(folder_fd, path, 0);
    }
    *strrchr(path, '/') = '\0';
    unlinkat(folder_fd, path, AT_REMOVEDIR);
}

static void add_filled(struct publisher *publisher, int level, uint64_t number, uint64_t since_ns) {
    if (publisher->filled_end - publisher->filled_first == PARTIALS_QUEUE_MAX) {
        const struct filled_tile *oldest = &publisher->filled[publisher->filled_first % PARTIALS_QUEUE_MAX];
        if (oldest->since_ns == 0) return; /* its partial files stay */
        remove_partials_of(publisher, oldest);
        publisher->filled_first++;
    }
    publisher->filled[publisher->filled_end++ % PARTIALS_QUEUE_MAX] = (struct filled_tile){level, number, since_ns};
}

/* Only the first tile to fill after a checkpoint can have partial files, at each level. */
static void remember_filled(struct publisher *publisher, int level, uint64_t number) {
    uint32_t tile_level = level < 0 ? 0 : (uint32_t)level;
    if (tile_width(publisher->checkpoint_size, tile_level, number) > 0) add_filled(publisher, level, number, 0);
}

/* What an earlier run left: its partial files have their time from now on. */
static void find_old_partials(struct publisher *publisher) {
    uint64_t now_ns = clock_monotonic_ns();
    for (int level = TILE_ENTRIES_LEVEL; level < (int)TILE_LEVELS; level++) {
        uint64_t edge = (publisher->edge.size >> (8 * (level < 0 ? 0 : level))) / TILE_WIDTH;
        for (uint64_t back = 1; back <= PARTIALS_LOOK_BACK && back <= edge; back++) {
            char path[TILE_PATH_MAX_BYTES];
            tile_path_format(path, level, edge - back, 1);
            *strrchr(path, '/') = '\0';
            if (faccessat(publisher->core->evidence_fd, path, F_OK, 0) != 0) continue;
            add_filled(publisher, level, edge - back, now_ns);
        }
    }
}

int publisher_load(struct publisher *publisher, const struct keeper_state *state, struct error *error) {
    publisher->edge.size = state->size;
    if (load_levels(publisher, state->size, error) != 0 || load_bundle(publisher, state->size, error) != 0) {
        return error_prefix(error, "the published evidence does not hold what was signed (%llu entries)",
                            (unsigned long long)state->size);
    }
    struct sha256 root = merkle_edge_root(&publisher->edge);
    if (!sha256_equal(&root, &state->root)) {
        return error_set(error, ERROR_INVALID, "the published tiles do not give the root that was signed at %llu "
                         "entries: restore the evidence folder from a copy", (unsigned long long)state->size);
    }
    publisher->checkpoint_size = state->size;
    find_old_partials(publisher);
    return 0;
}

static int stage_tile(struct publisher *publisher, int level, uint64_t number, uint32_t width, struct str data) {
    char path[TILE_PATH_MAX_BYTES];
    tile_path_format(path, level, number, width);
    return stage_add(publisher, path, data);
}

static int on_full_tile(void *context, uint32_t level, uint64_t number, const struct sha256 *hashes) {
    struct publisher *publisher = context;
    remember_filled(publisher, (int)level, number);
    if (level == 0) {
        remember_filled(publisher, TILE_ENTRIES_LEVEL, number);
        if (stage_tile(publisher, TILE_ENTRIES_LEVEL, number, TILE_WIDTH, buffer_view(&publisher->bundle)) != 0) {
            return -1;
        }
        buffer_clear(&publisher->bundle);
    }
    return stage_tile(publisher, (int)level, number, TILE_WIDTH, str_make(hashes, TILE_WIDTH * sizeof(*hashes)));
}

static int next_segment(struct publisher *publisher) {
    uint64_t number = publisher->view.number + 1;
    struct error error = {0};
    wal_unmap(&publisher->view);
    if (wal_map(&publisher->core->wal, number, &publisher->view, &error) == 0) return 0;
    core_fail(publisher->core, "reading the write-ahead log back");
}

static int take_in(struct publisher *publisher, struct str entry) {
    buffer_append_u16be(&publisher->bundle, (uint16_t)entry.length);
    buffer_append_str(&publisher->bundle, entry);
    if (buffer_failed(&publisher->bundle)) {
        errno = ENOMEM;
        core_fail(publisher->core, "keeping an entry bundle in memory");
    }
    return merkle_edge_append(&publisher->edge, merkle_leaf_hash(entry), on_full_tile, publisher);
}

int publisher_follow(struct publisher *publisher) {
    uint64_t durable = atomic_load(&publisher->core->durable_size);
    for (uint64_t done = 0; publisher->edge.size < durable && done < FOLLOW_STEP_ENTRIES; done++) {
        struct wal_view *view = &publisher->view;
        struct str entry;
        if (!wal_take_record(view->bytes, view->number, publisher->edge.size, &view->offset, &entry)) {
            if (next_segment(publisher) != 0) return -1;
            if (!wal_take_record(view->bytes, view->number, publisher->edge.size, &view->offset, &entry)) {
                errno = EIO;
                core_fail(publisher->core, "reading an entry back from the write-ahead log");
            }
        }
        if (take_in(publisher, entry) != 0) return -1;
    }
    return stage_flush(publisher);
}

static int stage_partials(struct publisher *publisher) {
    const struct merkle_edge *edge = &publisher->edge;
    for (uint32_t level = 0; level < TILE_LEVELS; level++) {
        uint64_t number = (edge->size >> (8 * level)) / TILE_WIDTH;
        uint32_t width = edge->levels[level].count;
        bool is_unchanged = width == tile_width(publisher->checkpoint_size, level, number);
        if (width == 0 || is_unchanged) continue;
        if (level == 0 && stage_tile(publisher, TILE_ENTRIES_LEVEL, number, width, buffer_view(&publisher->bundle)) != 0) {
            return -1;
        }
        struct str hashes = str_make(edge->levels[level].hashes, width * sizeof(struct sha256));
        if (stage_tile(publisher, (int)level, number, width, hashes) != 0) return -1;
    }
    return stage_flush(publisher);
}

/* The partial files of tiles that have been full and under a checkpoint for long enough. */
static void remove_partials(struct publisher *publisher) {
    uint64_t now_ns = clock_monotonic_ns();
    for (uint64_t i = publisher->filled_end; i > publisher->filled_first; i--) {
        struct filled_tile *tile = &publisher->filled[(i - 1) % PARTIALS_QUEUE_MAX];
        if (tile->since_ns != 0) break;
        tile->since_ns = now_ns;
    }
    for (; publisher->filled_first < publisher->filled_end; publisher->filled_first++) {
        const struct filled_tile *tile = &publisher->filled[publisher->filled_first % PARTIALS_QUEUE_MAX];
        if (now_ns - tile->since_ns < PARTIALS_KEPT_NS) break;
        remove_partials_of(publisher, tile);
    }
}

static int sign_and_write(struct publisher *publisher, const struct keeper_state *state, struct buffer *text) {
    struct keeper_core *core = publisher->core;
    struct error error = {0};
    format_state(core->origin, state, text);
    if (stage_replace(core, core->state_fd, STATE_FILE ".new", STATE_FILE, buffer_view(text), "state-write") != 0) {
        return -1;
    }
    buffer_clear(text);
    if (checkpoint_sign(core->signer, state->size, &state->root, text, &error) != 0) core_fail(core, "signing");
    if (stage_replace(core, core->evidence_fd, ".new/checkpoint", CHECKPOINT_FILE, buffer_view(text),
                      "checkpoint-rename") != 0) {
        return -1;
    }
    return high_water_write(core, buffer_view(text));
}

int publisher_checkpoint(struct publisher *publisher) {
    struct keeper_core *core = publisher->core;
    if (publisher->has_checkpoint && publisher->checkpoint_size == publisher->edge.size) return 0;
    struct keeper_state state = {publisher->edge.size, merkle_edge_root(&publisher->edge),
                                 atomic_load(&core->node_start_hint)};
    if (state.node_start > state.size) state.node_start = 0;
    if (stage_partials(publisher) != 0) return -1;
    struct buffer text;
    buffer_init(&text, STATE_MAX_BYTES);
    int result = sign_and_write(publisher, &state, &text);
    buffer_free(&text);
    if (result != 0) return -1;
    publisher->checkpoint_size = state.size;
    publisher->has_checkpoint = true;
    remove_partials(publisher);
    wal_release(&core->wal, publisher->view.number);
    return 0;
}

/* One segment more than the writer has is always ready, so that it never waits for one to be made. */
static void prepare_segments(struct publisher *publisher, uint64_t needed) {
    struct keeper_core *core = publisher->core;
    while (atomic_load(&core->wal.prepared) < needed) {
        if (wal_prepare(&core->wal) == 0) {
            core_space_is_back(core);
            pthread_mutex_lock(&core->mutex);
            pthread_cond_broadcast(&core->segment_ready);
            pthread_mutex_unlock(&core->mutex);
        } else if (errno == EAGAIN || !core_wait_for_space(core, "a segment of the write-ahead log")) {
            return;
        }
    }
}

void *publisher_thread(void *context) {
    struct publisher *publisher = context;
    struct keeper_core *core = publisher->core;
    uint64_t interval_ns = core->checkpoint_interval_ms * NANOSECONDS_PER_MILLISECOND;
    uint64_t next_checkpoint_ns = clock_monotonic_ns() + interval_ns;
    for (;;) {
        bool is_last = atomic_load(&core->is_stopping);
        if (!is_last) prepare_segments(publisher, atomic_load(&core->segments_needed));
        if (publisher_follow(publisher) != 0) break;
        bool is_behind = publisher->edge.size < atomic_load(&core->durable_size);
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= next_checkpoint_ns || (is_last && !is_behind)) {
            if (publisher_checkpoint(publisher) != 0) break;
            next_checkpoint_ns = now_ns + interval_ns;
        }
        if (is_last && !is_behind) break;
        if (!is_behind && now_ns < next_checkpoint_ns) {
            core_sleep_on(core, &core->publisher_wake,
                          (uint32_t)((next_checkpoint_ns - now_ns) / NANOSECONDS_PER_MILLISECOND) + 1);
        }
    }
    return NULL;
}
