/* Admission, envelopes, group commit. */
#include "keeper/writer.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "keeper/fault.h"
#include "ledger/event.h"

#define GATHER_YIELDS_MAX 4
#define BATCH_RECORDS_MAX 4096u
#define BATCH_BYTES (1024u * 1024u)
#define RECORD_MAX_BYTES (WAL_RECORD_HEADER_BYTES + ENTRY_MAX_BYTES)
#define ADMISSION_MAX_BYTES (2u * RECORD_MAX_BYTES) /* a record, and a gap declared before it */
#define RING_TURN_RECORDS 128u
#define IDLE_WAIT_MS 1000
#define SEGMENT_WAIT_MS 20u
#define HEARTBEATS_MISSED_MAX 3u

struct session {
    uint64_t id; /* its bytes are the map's key */
    uint64_t next_seq;
    uint64_t heartbeat_ms; /* of a node's session; 0: none promised */
    int64_t last_beat_us;
    bool is_node;
};

struct batch_record {
    struct ring *ring; /* NULL: the keeper's own */
    uint64_t position;
    uint64_t index;
    bool is_refused;
};

struct writer {
    struct keeper_core *core;
    struct map sessions;
    bool has_node; /* this run's node_start is in */
    uint64_t segment;
    int segment_fd;
    size_t offset; /* where the batch will go */
    uint64_t next_index;
    int64_t last_time_us;
    char time_text[CLOCK_RFC3339_BYTES];
    struct str time;
    size_t used_bytes;
    size_t record_count;
    uint32_t first_ring; /* whose turn it is to be served first */
    struct batch_record records[BATCH_RECORDS_MAX + 1];
    char bytes[BATCH_BYTES + ADMISSION_MAX_BYTES];
};

int writer_new(struct writer **writer, struct keeper_core *core, struct error *error) {
    *writer = calloc(1, sizeof(**writer));
    if (*writer == NULL) return error_out_of_memory(error);
    (*writer)->core = core;
    (*writer)->segment_fd = -1;
    map_init(&(*writer)->sessions);
    return 0;
}

void writer_free(struct writer **writer) {
    if (*writer == NULL) return;
    size_t cursor = 0;
    struct str key;
    void *session;
    while (map_next(&(*writer)->sessions, &cursor, &key, &session)) free(session);
    map_free(&(*writer)->sessions);
    if ((*writer)->segment_fd >= 0) close((*writer)->segment_fd);
    free(*writer);
    *writer = NULL;
}

static int open_segment(struct writer *writer, uint64_t segment) {
    int fd = wal_open_segment(&writer->core->wal, segment);
    if (fd < 0) return -1;
    if (writer->segment_fd >= 0) close(writer->segment_fd);
    writer->segment_fd = fd;
    writer->segment = segment;
    atomic_store(&writer->core->segments_needed, segment + 1);
    return 0;
}

int writer_start_at(struct writer *writer, uint64_t segment, size_t offset, uint64_t index, int64_t last_time_us,
                    struct error *error) {
    writer->offset = offset;
    writer->next_index = index;
    writer->last_time_us = last_time_us;
    if (open_segment(writer, segment) == 0) return 0;
    return error_set_errno(error, "the write-ahead log cannot be opened for writing");
}

/* Sessions --------------------------------------------------------------------------------------------------------- */

static struct str session_key(const uint64_t *id) {
    return str_make(id, sizeof(*id));
}

static struct session *session_begin(struct writer *writer, uint64_t id) {
    struct session *session = writer->sessions.count < WRITER_SESSIONS_MAX ? calloc(1, sizeof(*session)) : NULL;
    if (session == NULL) return NULL;
    session->id = id;
    if (map_set(&writer->sessions, session_key(&session->id), session) != 0) {
        free(session);
        return NULL;
    }
    return session;
}

static void session_end(struct writer *writer, struct session *session) {
    map_remove(&writer->sessions, session_key(&session->id));
    free(session);
}

int writer_open_session(struct writer *writer, uint64_t id, uint64_t next_seq, struct error *error) {
    struct session *session = session_begin(writer, id);
    if (session == NULL) return error_out_of_memory(error);
    session->next_seq = next_seq;
    return 0;
}

/* The flags a record of this type must carry. */
static uint32_t flags_of_type(struct str type) {
    if (str_equal(type, EVENT_NODE_START)) return RING_SESSION_BEGIN | RING_NODE;
    if (str_equal(type, EVENT_SESSION_START)) return RING_SESSION_BEGIN;
    if (str_equal(type, EVENT_SESSION_END) || str_equal(type, EVENT_NODE_STOP)) return RING_SESSION_END;
    return 0;
}

/* What only completes what was begun is taken also while space is short: the segments at hand have room for it. */
static bool is_closing(struct str type) {
    return str_equal(type, EVENT_OUTCOME) || str_equal(type, EVENT_HOLD_ENDED) || str_equal(type, EVENT_HEARTBEAT) ||
           (flags_of_type(type) & RING_SESSION_END) != 0;
}

/* Batch ------------------------------------------------------------------------------------------------------------ */

static void set_batch_time(struct writer *writer) {
    int64_t now_us = clock_real_us();
    if (now_us > writer->last_time_us) writer->last_time_us = now_us;
    writer->time = clock_format_rfc3339(writer->last_time_us, writer->time_text);
}

static char *event_place(struct writer *writer) {
    return writer->bytes + writer->used_bytes + WAL_RECORD_HEADER_BYTES + ENTRY_PREFIX_BYTES;
}

/* The event stands at event_place() already: puts envelope and record header around it. */
static uint64_t seal_entry(struct writer *writer, struct session *session, size_t event_length) {
    char *record = writer->bytes + writer->used_bytes;
    size_t length = entry_wrap(record + WAL_RECORD_HEADER_BYTES, str_make(event_place(writer), event_length),
                               session->id, session->next_seq++, writer->time);
    uint64_t index = writer->next_index++;
    wal_seal_record(record, writer->segment, index, (uint32_t)length);
    writer->used_bytes += WAL_RECORD_HEADER_BYTES + length;
    return index;
}

/* Where the node's heartbeats stayed away, the keeper says so itself, before the event that stands at event_place(). */
static void declare_gap(struct writer *writer, struct session *session, size_t event_length) {
    int64_t gap_ms = (writer->last_time_us - session->last_beat_us) / 1000;
    bool is_gap = session->heartbeat_ms > 0 && gap_ms > (int64_t)(HEARTBEATS_MISSED_MAX * session->heartbeat_ms);
    session->last_beat_us = writer->last_time_us;
    if (!is_gap) return;
    char saved[EVENT_MAX_BYTES];
    memcpy(saved, event_place(writer), event_length);
    struct buffer text;
    buffer_init(&text, 256);
    buffer_append_format(&text, "{\"gap_ms\":%lld,\"type\":\"heartbeat_gap\"}", (long long)gap_ms);
    if (!buffer_failed(&text)) {
        struct str view = buffer_view(&text);
        memcpy(event_place(writer), view.data, view.length);
        seal_entry(writer, session, view.length);
    }
    buffer_free(&text);
    memcpy(event_place(writer), saved, event_length);
}

static void note_node_event(struct writer *writer, struct session *session, const struct event_summary *summary,
                            size_t event_length) {
    if (str_equal(summary->type, EVENT_NODE_START)) {
        session->heartbeat_ms = summary->heartbeat_ms;
        session->last_beat_us = writer->last_time_us;
        atomic_store(&writer->core->node_start_hint, writer->next_index);
    } else if (str_equal(summary->type, EVENT_HEARTBEAT) || str_equal(summary->type, EVENT_NODE_STOP)) {
        declare_gap(writer, session, event_length);
    } else if (str_equal(summary->type, EVENT_NODE_RELOAD)) {
        declare_gap(writer, session, event_length); /* by what was promised until now */
        session->heartbeat_ms = summary->heartbeat_ms;
    }
}

/* Admits the event that stands at event_place(); -1: refused, and nothing has changed. */
static int admit(struct writer *writer, uint64_t session_id, uint32_t flags, size_t event_length, uint64_t *index,
                 struct error *error) {
    struct event_summary summary;
    struct str event = str_make(event_place(writer), event_length);
    if (event_check(event, &summary, error) != 0) return -1;
    if (flags_of_type(summary.type) != flags) {
        return error_set(error, ERROR_INVALID, "flags %u do not fit type %.*s", flags, STR_ARGS(summary.type));
    }
    if (ring_state(writer->core->rings, NULL) != RING_ACCEPTING && !is_closing(summary.type)) {
        return error_set(error, ERROR_UNAVAILABLE, "the ledger has no space");
    }
    struct session *session = map_get(&writer->sessions, session_key(&session_id));
    /* The node's end says that everything was closed: else the next start has to close it. */
    if (writer->core->may_wait && str_equal(summary.type, EVENT_NODE_STOP) && writer->sessions.count > 1) {
        return error_set(error, ERROR_INVALID, "node_stop while %zu sessions are open", writer->sessions.count - 1);
    }
    bool is_begin = (flags & RING_SESSION_BEGIN) != 0;
    if (is_begin && (flags & RING_NODE) == 0 && !writer->has_node) {
        return error_set(error, ERROR_INVALID, "a session before node_start");
    }
    if (is_begin ? session != NULL : session == NULL) {
        return error_set(error, ERROR_INVALID, is_begin ? "the session has begun already" : "no such session is open");
    }
    if (is_begin && (session = session_begin(writer, session_id)) == NULL) return error_out_of_memory(error);
    session->is_node |= (flags & RING_NODE) != 0;
    writer->has_node |= session->is_node;
    if (session->is_node) note_node_event(writer, session, &summary, event_length);
    *index = seal_entry(writer, session, event_length);
    if ((flags & RING_SESSION_END) != 0) session_end(writer, session);
    return 0;
}

static void write_batch(struct writer *writer) {
    struct str rest = str_make(writer->bytes, writer->used_bytes);
    off_t offset = (off_t)writer->offset;
    while (rest.length > 0) {
        ssize_t done = pwrite(writer->segment_fd, rest.data, rest.length, offset);
        if (done < 0 && errno == EINTR) continue;
        /* The space was allocated beforehand: this is no lack of space but a broken disk. */
        if (done <= 0) core_fail(writer->core, "writing to the write-ahead log");
        offset += done;
        rest = str_slice(rest, (size_t)done, rest.length);
    }
    fault_step("after-wal-write");
    if (fault_fdatasync(writer->segment_fd) != 0) core_fail(writer->core, "making the write-ahead log durable");
    fault_step("after-fdatasync");
    writer->offset += writer->used_bytes;
    writer->used_bytes = 0;
    atomic_store(&writer->core->durable_size, writer->next_index);
}

void writer_commit(struct writer *writer) {
    if (writer->used_bytes > 0) write_batch(writer);
    for (size_t i = 0; i < writer->record_count; i++) {
        struct batch_record *record = &writer->records[i];
        ring_complete(record->ring, record->position, record->is_refused ? RING_REFUSED : RING_DURABLE, record->index);
    }
    writer->record_count = 0;
    fault_step("after-result");
    uint32_t count = rings_count(writer->core->rings);
    for (uint32_t i = 0; i < count; i++) ring_signal(rings_get(writer->core->rings, i));
}

/* Room in the segment for one admission beyond what the batch holds? */
static bool has_room(const struct writer *writer) {
    return writer->offset + writer->used_bytes + ADMISSION_MAX_BYTES <= writer->core->wal.segment_bytes;
}

/* Moves to the next segment, if it is ready. The batch must be empty. */
static bool move_on(struct writer *writer) {
    if (atomic_load(&writer->core->wal.prepared) <= writer->segment) return false;
    if (open_segment(writer, writer->segment + 1) != 0) core_fail(writer->core, "opening a segment");
    writer->offset = WAL_HEADER_BYTES;
    core_wake_publisher(writer->core);
    return true;
}

int writer_append(struct writer *writer, uint64_t session, uint32_t flags, struct str event, struct error *error) {
    uint64_t index;
    if (writer->used_bytes >= BATCH_BYTES || !has_room(writer)) writer_commit(writer);
    while (!has_room(writer)) {
        if (move_on(writer)) break;
        if (wal_prepare(&writer->core->wal) != 0) {
            return error_set_errno(error, "a segment of the write-ahead log cannot be made");
        }
    }
    if (writer->used_bytes == 0) set_batch_time(writer);
    memcpy(event_place(writer), event.data, event.length);
    return admit(writer, session, flags, event.length, &index, error);
}

/* Serving the rings ------------------------------------------------------------------------------------------------ */

static void take_record(struct writer *writer, struct ring *ring, const struct ring_record *record, bool has_space) {
    struct batch_record *slot = &writer->records[writer->record_count++];
    struct error error;
    *slot = (struct batch_record){.ring = ring, .position = record->position, .is_refused = true};
    if (!has_space) return;
    memcpy(event_place(writer), record->event.data, record->event.length);
    if (admit(writer, record->session, record->flags, record->event.length, &slot->index, &error) == 0) {
        slot->is_refused = false;
    } else if (error.code == ERROR_INVALID || error.code == ERROR_LIMIT) {
        log_warning("ledger: a record was refused: %s", error.text);
    }
}

/* 1 when there may be more to take in this batch, 0 when not, -1 when the ring is broken. */
static int take_turn(struct writer *writer, struct ring *ring, bool has_space) {
    for (uint32_t i = 0; i < RING_TURN_RECORDS; i++) {
        struct ring_record record;
        if (writer->record_count == BATCH_RECORDS_MAX || writer->used_bytes >= BATCH_BYTES) return 0;
        if (has_space && !has_room(writer)) return 0;
        int taken = ring_take(ring, &record);
        if (taken <= 0) return taken;
        take_record(writer, ring, &record, has_space);
    }
    return 1;
}

/* Gathers what the rings hold. Without a segment to write to, everything is refused once the disk is known to be full,
 * and left in the rings as long as a segment is merely on its way. */
static int gather(struct writer *writer) {
    struct rings *rings = writer->core->rings;
    bool has_space = has_room(writer) || move_on(writer);
    if (!has_space && ring_state(rings, NULL) == RING_ACCEPTING && !atomic_load(&writer->core->is_stopping)) {
        core_wake_publisher(writer->core);
        core_sleep_on(writer->core, &writer->core->segment_ready, SEGMENT_WAIT_MS);
        return 0;
    }
    set_batch_time(writer);
    uint32_t count = rings_count(rings);
    bool is_more = true;
    while (is_more) {
        is_more = false;
        for (uint32_t i = 0; i < count; i++) {
            int turn = take_turn(writer, rings_get(rings, (writer->first_ring + i) % count), has_space);
            if (turn < 0) return -1;
            is_more |= turn > 0;
        }
    }
    writer->first_ring = (writer->first_ring + 1) % count;
    return 0;
}

/* A commit costs the same for one record as for many. As long as letting others run brings more of them, the batch
 * grows; on an idle machine that costs a system call and no time. */
static int gather_batch(struct writer *writer) {
    int result = gather(writer);
    for (int yields = 0; result == 0 && has_room(writer) && yields < GATHER_YIELDS_MAX; yields++) {
        size_t gathered = writer->record_count;
        if (gathered == 0) return 0;
        sched_yield();
        result = gather(writer);
        if (writer->record_count == gathered) return result;
    }
    return result;
}

/* The lifeline carries no data: readable means that the gateway has closed it, or is gone. */
int writer_run(struct writer *writer) {
    bool is_ending = false;
    bool has_yielded = false;
    for (;;) {
        int result = gather_batch(writer);
        bool is_idle = writer->record_count == 0;
        if (!is_idle) fault_step("after-ring-take");
        if (!is_idle || writer->used_bytes > 0) writer_commit(writer);
        if (result != 0) {
            log_error("ledger: a worker broke its ring: the keeper stops after what came before");
            return -1;
        }
        if (!is_idle) {
            has_yielded = false;
            continue;
        }
        if (is_ending) return 0;
        if (!has_yielded) {
            has_yielded = true;
            sched_yield();
            continue;
        }
        is_ending = rings_wait(writer->core->rings, IDLE_WAIT_MS);
    }
}
