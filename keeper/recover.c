/* Recovery of the log. */
#include "keeper/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "keeper/fault.h"
#include "keeper/high_water.h"
#include "keeper/open_ends.h"
#include "ledger/file.h"

#define CLOSINGS_BETWEEN_CHECKPOINTS 4096u
#define STALE_BYTES_MAX (4u * 1024u * 1024u) /* more than a batch can hold */

struct log_end {
    uint64_t segment;
    size_t offset;
    uint64_t index;
    int64_t time_us;
};

/* Reads one segment from `end` on, and remembers where the publisher must begin (at the first unpublished entry). */
static void read_segment(struct wal_view *view, struct publisher *publisher, struct log_end *end) {
    struct str entry;
    struct ledger_entry parsed;
    view->offset = WAL_HEADER_BYTES;
    for (;;) {
        if (end->index == publisher->edge.size) {
            publisher->view.number = view->number;
            publisher->view.offset = view->offset;
        }
        if (!wal_take_record(view->bytes, view->number, end->index, &view->offset, &entry)) return;
        if (entry_parse(entry, &parsed, NULL) == 0) end->time_us = parsed.time_us;
        end->index++;
        end->segment = view->number;
        end->offset = view->offset;
    }
}

/* Walks the segments. A later segment with records behind the end means that the log is damaged in its middle. */
static int read_segments(struct keeper_core *core, struct publisher *publisher, struct log_end *end,
                         struct error *error) {
    uint64_t last = atomic_load(&core->wal.prepared);
    bool has_begun = false;
    for (uint64_t number = core->wal.oldest; number <= last; number++) {
        struct wal_view view;
        uint64_t first_index;
        if (wal_map(&core->wal, number, &view, error) != 0) return -1;
        bool has_records = wal_first_index(&view, &first_index);
        bool is_next = has_records && (!has_begun || first_index == end->index);
        if (is_next && !has_begun && first_index > publisher->edge.size) {
            return error_set(error, ERROR_INVALID, "the write-ahead log begins at entry %llu, but only %llu are "
                             "published", (unsigned long long)first_index, (unsigned long long)publisher->edge.size);
        }
        if (is_next && !has_begun) end->index = first_index;
        if (is_next) read_segment(&view, publisher, end);
        has_begun |= is_next;
        wal_unmap(&view);
        if (has_records && !is_next) {
            return error_set(error, ERROR_INVALID, "the write-ahead log is damaged before entry %llu",
                             (unsigned long long)first_index);
        }
    }
    return 0;
}

static int check_end(const struct log_end *end, uint64_t signed_size, struct error *error) {
    if (end->index >= signed_size) return 0;
    return error_set(error, ERROR_INVALID,
                     "the write-ahead log ends at entry %llu, but %llu entries were signed: entries are lost. Restore "
                     "the state folder; do not start a new log under this origin and key",
                     (unsigned long long)end->index, (unsigned long long)signed_size);
}

/* The last signature is never ahead of the state: where it is, an older state was put back. */
static int check_checkpoint(struct keeper_core *core, const struct keeper_state *state, struct error *error) {
    struct buffer note;
    struct checkpoint checkpoint;
    struct error problem = {0};
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    int result = file_read(core->evidence_fd, "checkpoint", &note, &problem);
    if (result != 0) {
        result = problem.code == ERROR_NOT_FOUND ? 0 : error_set(error, problem.code, "%s", problem.text);
    } else if (checkpoint_verify(buffer_view(&note), checkpoint_signer_vkey(core->signer), &checkpoint, &problem) != 0) {
        result = error_set(error, ERROR_INVALID, "the checkpoint in %s is not this log's: %s", core->evidence_folder,
                           problem.text);
    } else if (checkpoint.size > state->size ||
               (checkpoint.size == state->size && !sha256_equal(&checkpoint.root, &state->root))) {
        result = error_set(error, ERROR_INVALID,
                           "%llu entries are published and signed, but the state folder knows of %llu: an older state was "
                           "put back. Restore the newest one; do not start a new log under this origin and key",
                           (unsigned long long)checkpoint.size, (unsigned long long)state->size);
    }
    buffer_free(&note);
    return result;
}

/* Whether a bundle is in the folder, of that many entries or more. */
static bool has_bundle(const struct keeper_core *core, uint64_t number, uint32_t width) {
    char path[TILE_PATH_MAX_BYTES];
    for (; width <= TILE_WIDTH; width++) {
        tile_path_format(path, TILE_ENTRIES_LEVEL, number, width);
        if (faccessat(core->evidence_fd, path, F_OK, 0) == 0) return true;
    }
    return false;
}

/* Tiles are written ahead of the signature, and never ahead of the write-ahead log. */
static int check_folder(const struct keeper_core *core, uint64_t end, struct error *error) {
    uint64_t number = end / TILE_WIDTH;
    if (!has_bundle(core, number, (uint32_t)(end % TILE_WIDTH) + 1) && !has_bundle(core, number + 1, 1)) return 0;
    return error_set(error, ERROR_INVALID, "more is published than the write-ahead log has (it ends at entry %llu): an "
                     "older state was put back. Restore the newest one; do not start a new log under this origin and key",
                     (unsigned long long)end);
}

static int publish_all(struct keeper_core *core, struct publisher *publisher, struct error *error) {
    while (publisher->edge.size < atomic_load(&core->durable_size)) {
        if (publisher_follow(publisher) != 0) return error_set_errno(error, "tiles cannot be written");
    }
    if (publisher_checkpoint(publisher) != 0) return error_set_errno(error, "the checkpoint cannot be written");
    return 0;
}

static int first_segment(struct keeper_core *core, struct error *error) {
    if (atomic_load(&core->wal.prepared) >= core->wal.oldest) return 0;
    if (wal_prepare(&core->wal) == 0) return 0;
    return error_set_errno(error, "the first segment of the write-ahead log cannot be made");
}

static int map_publisher(struct keeper_core *core, struct publisher *publisher, const struct log_end *end,
                         struct error *error) {
    struct wal_view at = publisher->view;
    if (at.number == 0) at = (struct wal_view){.number = end->segment, .offset = end->offset};
    if (wal_map(&core->wal, at.number, &publisher->view, error) != 0) return -1;
    publisher->view.offset = at.offset;
    return 0;
}

int recover_log(struct keeper_core *core, struct publisher *publisher, struct writer *writer, struct error *error) {
    struct keeper_state state;
    struct error problem = {0};
    if (keeper_state_read(core, &state, &problem) != 0) {
        bool is_new = problem.code == ERROR_NOT_FOUND && faccessat(core->evidence_fd, "checkpoint", F_OK, 0) != 0;
        if (problem.code == ERROR_NOT_FOUND && !is_new) {
            return error_set(error, ERROR_INVALID, "%s holds evidence, but the state folder that belongs to it is not "
                             "here", core->evidence_folder);
        }
        if (!is_new) return error_set(error, problem.code, "%s", problem.text);
        state.root = sha256_of(STR(""));
    }
    atomic_store(&core->node_start_hint, state.node_start);
    if (check_checkpoint(core, &state, error) != 0 || publisher_load(publisher, &state, error) != 0 ||
        high_water_check(core, &state, error) != 0 || first_segment(core, error) != 0) return -1;
    struct log_end end = {.segment = core->wal.oldest, .offset = WAL_HEADER_BYTES};
    if (read_segments(core, publisher, &end, error) != 0 || check_end(&end, state.size, error) != 0 ||
        check_folder(core, end.index, error) != 0 ||
        wal_cut(&core->wal, end.segment, end.offset, STALE_BYTES_MAX, error) != 0 ||
        map_publisher(core, publisher, &end, error) != 0) {
        return -1;
    }
    atomic_store(&core->durable_size, end.index);
    if (writer_start_at(writer, end.segment, end.offset, end.index, end.time_us, error) != 0) return -1;
    return publish_all(core, publisher, error);
}

struct closing {
    struct keeper_core *core;
    struct publisher *publisher;
    struct writer *writer;
    size_t unpublished_count;
};

/* Publishes now and then, so that the write-ahead log never fills up with what it takes to close many sessions. */
static int append_closing(struct closing *closing, uint64_t session, uint32_t flags, struct buffer *event,
                          struct error *error) {
    if (buffer_failed(event)) return error_out_of_memory(error);
    if (writer_append(closing->writer, session, flags, buffer_view(event), error) != 0) return -1;
    buffer_clear(event);
    if (++closing->unpublished_count < CLOSINGS_BETWEEN_CHECKPOINTS) return 0;
    closing->unpublished_count = 0;
    writer_commit(closing->writer);
    return publish_all(closing->core, closing->publisher, error);
}

static int close_actions(struct closing *closing, const struct open_ends *ends, struct buffer *event,
                         struct error *error) {
    const struct open_action **actions;
    size_t count = open_ends_actions(ends, &actions);
    for (size_t i = 0; i < count; i++) {
        struct json_writer json;
        json_writer_init(&json, event);
        json_begin_object(&json);
        json_member_string(&json, STR("action"), str_make(actions[i]->action, actions[i]->action_length));
        json_member_string(&json, actions[i]->is_hold ? STR("how") : STR("status"), EVENT_STATUS_INTERRUPTED);
        json_member_string(&json, STR("type"), actions[i]->is_hold ? EVENT_HOLD_ENDED : EVENT_OUTCOME);
        json_end_object(&json);
        if (append_closing(closing, actions[i]->session, 0, event, error) != 0) return -1;
    }
    return 0;
}

/* The node's own session is the last to be closed. */
static int close_sessions(struct closing *closing, const struct open_ends *ends, bool of_node, struct buffer *event,
                          struct error *error) {
    const struct open_session **sessions;
    size_t count = open_ends_sessions(ends, &sessions);
    for (size_t i = 0; i < count; i++) {
        if (sessions[i]->is_node != of_node) continue;
        struct json_writer json;
        json_writer_init(&json, event);
        json_begin_object(&json);
        json_member_bool(&json, STR("interrupted"), true);
        json_member_string(&json, STR("type"), of_node ? EVENT_NODE_STOP : EVENT_SESSION_END);
        json_end_object(&json);
        if (append_closing(closing, sessions[i]->id, RING_SESSION_END, event, error) != 0) return -1;
    }
    return 0;
}

static int open_sessions(struct writer *writer, const struct open_ends *ends, struct error *error) {
    const struct open_session **sessions;
    size_t count = open_ends_sessions(ends, &sessions);
    for (size_t i = 0; i < count; i++) {
        if (writer_open_session(writer, sessions[i]->id, sessions[i]->next_seq, error) != 0) return -1;
    }
    return 0;
}

int recover_open_ends(struct keeper_core *core, struct publisher *publisher, struct writer *writer,
                      struct error *error) {
    struct closing closing = {core, publisher, writer, 0};
    struct open_ends *ends;
    struct buffer event;
    if (open_ends_find(&ends, core->evidence_folder, atomic_load(&core->node_start_hint), error) != 0) return -1;
    const struct open_session **ignored;
    size_t count = open_ends_sessions(ends, &ignored);
    if (count > 0) log_warning("ledger: the last run ended without closing %zu sessions: closed as interrupted", count);
    buffer_init(&event, EVENT_MAX_BYTES);
    int result = open_sessions(writer, ends, error);
    if (result == 0) result = close_actions(&closing, ends, &event, error);
    if (result == 0) result = close_sessions(&closing, ends, false, &event, error);
    if (result == 0) result = close_sessions(&closing, ends, true, &event, error);
    buffer_free(&event);
    open_ends_free(&ends);
    if (result != 0) return -1;
    writer_commit(writer);
    return publish_all(core, publisher, error);
}
