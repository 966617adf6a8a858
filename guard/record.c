/* The queue of a worker's events, and who waits for them.
 *
 * Events gather in `queue` while a batch of fibers runs. The worker's poll hook then writes the sealed payloads, submits
 * what fits into the ring, wakes the keeper once and reaps what it has finished. Each submitted event's session stands
 * in `submitted`, in order, so that a result finds its session without trusting anything in shared memory. */
#include "guard/record.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "guard/record_events.h"

#define RECORDER_STOP_CHECK_NS (100 * NANOSECONDS_PER_MILLISECOND)

/* One event of a session, in the order of its recording. */
struct record_number {
    struct record_session *session;
    uint64_t number;     /* from 1 */
    uint64_t outcome_of; /* number of the action whose outcome it is; 0: it is none */
};

struct queued_event {
    struct record_number of;
    uint32_t flags;
    uint32_t length_bytes;
};

struct recorder {
    struct worker *worker;
    struct rings *rings;
    struct ring *ring;
    struct sealer *sealer;
    struct watch event_watch;
    struct fiber *event_fiber;
    struct buffer queue;              /* queued_event, event, queued_event, event ... */
    struct record_number *submitted;   /* ring buffer, power of two */
    size_t submitted_capacity;
    size_t submitted_first;
    size_t submitted_count;
    struct buffer scratch;            /* the event being written */
    bool is_failed;
    bool is_stopping;
};

static void settle(struct record_number event, bool is_durable) {
    struct record_session *session = event.session;
    session->settled++;
    if (!is_durable) {
        session->is_refused = true;
        if (session->refused_count++ < RECORD_REFUSED_MAX) session->refused[session->refused_count - 1] = event.number;
        bool is_lost = event.outcome_of != 0 && session->lost_count < RECORD_REFUSED_MAX;
        if (is_lost) session->lost[session->lost_count++] = event.outcome_of;
    }
    condition_wake_all(&session->changed);
}

/* Beyond what is remembered, what came later counts as refused. */
static bool was_refused(const struct record_session *session, uint64_t number) {
    for (size_t i = 0; i < session->refused_count && i < RECORD_REFUSED_MAX; i++) {
        if (session->refused[i] == number) return true;
    }
    return session->refused_count > RECORD_REFUSED_MAX && number > session->refused[RECORD_REFUSED_MAX - 1];
}

static bool push_submitted(struct recorder *recorder, struct record_number event) {
    if (recorder->submitted_count == recorder->submitted_capacity) {
        size_t capacity = recorder->submitted_capacity > 0 ? recorder->submitted_capacity * 2 : 256;
        struct record_number *larger = calloc(capacity, sizeof(*larger));
        if (larger == NULL) return false;
        for (size_t i = 0; i < recorder->submitted_count; i++) {
            larger[i] = recorder->submitted[(recorder->submitted_first + i) & (recorder->submitted_capacity - 1)];
        }
        free(recorder->submitted);
        recorder->submitted = larger;
        recorder->submitted_capacity = capacity;
        recorder->submitted_first = 0;
    }
    size_t last = (recorder->submitted_first + recorder->submitted_count) & (recorder->submitted_capacity - 1);
    recorder->submitted[last] = event;
    recorder->submitted_count++;
    return true;
}

static struct record_number pop_submitted(struct recorder *recorder) {
    CHECK(recorder->submitted_count > 0);
    struct record_number event = recorder->submitted[recorder->submitted_first];
    recorder->submitted_first = (recorder->submitted_first + 1) & (recorder->submitted_capacity - 1);
    recorder->submitted_count--;
    return event;
}

static void reap(struct recorder *recorder) {
    uint64_t ticket;
    enum ring_result result;
    uint64_t leaf_index;
    while (!recorder->is_failed && ring_reap(recorder->ring, &ticket, &result, &leaf_index)) {
        settle(pop_submitted(recorder), result == RING_DURABLE);
    }
}

/* Takes the first queued event off; false when there is none. */
static bool peek_queued(const struct recorder *recorder, struct queued_event *head, struct str *event) {
    struct str view = buffer_view(&recorder->queue);
    if (view.length == 0) return false;
    memcpy(head, view.data, sizeof(*head));
    *event = str_slice(view, sizeof(*head), sizeof(*head) + head->length_bytes);
    return true;
}

static void submit_queued(struct recorder *recorder) {
    struct queued_event head;
    struct str event;
    while (peek_queued(recorder, &head, &event)) {
        uint64_t ticket;
        if (event.length > EVENT_MAX_BYTES || !push_submitted(recorder, head.of)) {
            settle(head.of, false);
        } else if (ring_submit(recorder->ring, head.of.session->id, head.flags, event, &ticket) != 0) {
            recorder->submitted_count--;
            return; /* the ring is full: the rest goes when the keeper has made room */
        }
        buffer_consume(&recorder->queue, sizeof(head) + head.length_bytes);
    }
}

static void refuse_queued(struct recorder *recorder) {
    struct queued_event head;
    struct str event;
    while (peek_queued(recorder, &head, &event)) {
        buffer_consume(&recorder->queue, sizeof(head) + head.length_bytes);
        settle(head.of, false);
    }
}

static void refuse_all(struct recorder *recorder) {
    while (recorder->submitted_count > 0) settle(pop_submitted(recorder), false);
    refuse_queued(recorder);
}

static void on_poll(void *argument) {
    struct recorder *recorder = argument;
    if (recorder->is_failed) {
        refuse_all(recorder);
        return;
    }
    if (buffer_length(&recorder->queue) > 0) {
        struct error error;
        if (sealer_flush(recorder->sealer, &error) != 0) {
            log_error("sealed payloads cannot be written, actions are refused: %s", error.text);
            refuse_queued(recorder);
        }
    }
    submit_queued(recorder);
    if (recorder->submitted_count > 0 && ring_kick(recorder->ring)) reap(recorder);
}

/* Wakes up at each commit of the keeper. It outlives the cancellation of a shutdown, because sessions that end then still
 * have to be recorded; recorder_stop() ends it. */
static void event_fiber_main(void *argument) {
    struct recorder *recorder = argument;
    fiber_shield_begin();
    while (!recorder->is_stopping) {
        uint64_t deadline_ns = clock_monotonic_ns() + RECORDER_STOP_CHECK_NS;
        if (watch_wait_readable(&recorder->event_watch, deadline_ns, NULL) != 0) continue;
        watch_set_drained(&recorder->event_watch);
        reap(recorder);
    }
    fiber_shield_end();
    worker_unwatch(&recorder->event_watch);
}

int recorder_new(struct recorder **out, struct worker *worker, struct rings *rings, uint32_t ring_number,
                 struct sealer *sealer, struct error *error) {
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    *out = recorder;
    if (recorder == NULL) return error_out_of_memory(error);
    recorder->worker = worker;
    recorder->rings = rings;
    recorder->ring = rings_get(rings, ring_number);
    recorder->sealer = sealer;
    recorder->event_watch.fd = -1;
    buffer_init(&recorder->queue, RECORD_QUEUE_MAX_BYTES);
    buffer_init(&recorder->scratch, EVENT_MAX_BYTES);
    if (worker_watch(worker, ring_event_fd(recorder->ring), &recorder->event_watch, error) != 0 ||
        worker_add_poll_hook(worker, on_poll, recorder) != 0) {
        return -1;
    }
    recorder->event_fiber = fiber_start(worker, event_fiber_main, recorder, "recorder");
    return recorder->event_fiber != NULL ? 0 : error_out_of_memory(error);
}

void recorder_free(struct recorder **out) {
    struct recorder *recorder = *out;
    if (recorder == NULL) return;
    CHECK(recorder->submitted_count == 0);
    buffer_free(&recorder->queue);
    buffer_free(&recorder->scratch);
    free(recorder->submitted);
    free(recorder);
    *out = NULL;
}

void recorder_stop(struct recorder *recorder) {
    recorder->is_stopping = true;
    fiber_join(recorder->event_fiber);
    recorder->event_fiber = NULL;
}

void recorder_fail(struct recorder *recorder) {
    recorder->is_failed = true;
    refuse_all(recorder);
}

bool recorder_is_accepting(const struct recorder *recorder, struct error *why) {
    int system_errno = 0;
    enum ring_state state = recorder->is_failed ? RING_STOPPED : ring_state(recorder->rings, &system_errno);
    if (state == RING_ACCEPTING) return true;
    error_set(why, ERROR_UNAVAILABLE, "the evidence log cannot be written (%s): nothing is let through until it can",
              state == RING_STOPPED ? "the keeper has stopped" : strerror(system_errno));
    return false;
}

static void queue_event(struct record_session *session, uint32_t flags, uint64_t outcome_of, struct str event) {
    struct recorder *recorder = session->recorder;
    struct queued_event head = {{session, ++session->recorded, outcome_of}, flags, (uint32_t)event.length};
    bool fits = event.length > 0 && event.length <= EVENT_MAX_BYTES && !recorder->is_failed &&
                buffer_length(&recorder->queue) + sizeof(head) + event.length <= RECORD_QUEUE_MAX_BYTES;
    if (!fits) {
        /* Results come in order; one that never enters the queue may overtake, which only refuses sooner. */
        settle(head.of, false);
        return;
    }
    buffer_append(&recorder->queue, &head, sizeof(head));
    buffer_append_str(&recorder->queue, event);
    CHECK(!buffer_failed(&recorder->queue));
}

void record_event(struct record_session *session, uint32_t flags, struct str event) {
    queue_event(session, flags, 0, event);
}

/* The scratch buffer, empty, for the next event; record_written() queues what was written there. */
static struct buffer *begin_event(struct record_session *session) {
    buffer_clear(&session->recorder->scratch);
    return &session->recorder->scratch;
}

static void end_event(struct record_session *session, uint32_t flags) {
    struct buffer *scratch = &session->recorder->scratch;
    record_event(session, flags, buffer_failed(scratch) ? STR_NONE : buffer_view(scratch));
}

static void end_outcome(struct record_session *session, uint64_t action) {
    struct buffer *scratch = &session->recorder->scratch;
    queue_event(session, 0, action, buffer_failed(scratch) ? STR_NONE : buffer_view(scratch));
}

int record_begin(struct record_session *session, struct recorder *recorder, uint64_t id,
                 const struct record_session_facts *facts, struct error *error) {
    *session = (struct record_session){.recorder = recorder, .id = id};
    if (seal_session_begin(recorder->sealer, id, &session->seal, error) != 0) return -1;
    record_events_session_start(begin_event(session), facts);
    end_event(session, RING_SESSION_BEGIN);
    return 0;
}

/* Seals a text; false when it cannot be sealed, which the event then says by its absence and the session by refusing. */
static bool seal_text(struct record_session *session, struct str text, struct seal_commitment *commitment) {
    struct error error;
    if (seal_put(session->recorder->sealer, session->seal, text, commitment, &error) == 0) return true;
    log_error("a text cannot be sealed, the action is refused: %s", error.text);
    session->is_refused = true;
    return false;
}

int record_intent(struct record_session *session, const struct action *action, const struct principal *principal,
                  struct str upstream, uint64_t *number) {
    struct seal_commitment commitment;
    *number = 0;
    if (!seal_text(session, action->text, &commitment)) return 0; /* the session is refused */
    record_events_intent(begin_event(session), action, principal, upstream, &commitment);
    if (buffer_failed(&session->recorder->scratch)) return -1;
    session->actions++;
    if (action->verdict.kind == VERDICT_DENY) session->denials++;
    end_event(session, 0);
    *number = session->recorded;
    return 0;
}

static void await_settled(struct record_session *session, uint64_t count) {
    fiber_shield_begin();
    while (session->settled < count) {
        if (condition_wait(&session->changed, FIBER_NO_DEADLINE, NULL) != 0) break;
    }
    fiber_shield_end();
}

void record_outcome(struct record_session *session, const struct action *action, uint64_t intent) {
    await_settled(session, intent);
    if (intent == 0 || was_refused(session, intent)) return;
    record_events_outcome(begin_event(session), action);
    end_outcome(session, action->number);
}

void record_hold_requested(struct record_session *session, const struct action *action, int64_t expires_us) {
    struct seal_commitment commitment;
    if (!seal_text(session, action->text, &commitment)) return;
    record_events_hold_requested(begin_event(session), action, expires_us, &commitment);
    end_event(session, 0);
}

void record_vote(struct record_session *session, const struct action *action, struct str approver, struct str group,
                 struct str decision, struct str reason, struct str rule) {
    struct seal_commitment commitment;
    if (reason.length > 0 && !seal_text(session, reason, &commitment)) return;
    record_events_vote(begin_event(session), action, approver, group, decision,
                       reason.length > 0 ? &commitment : NULL, rule);
    end_event(session, 0);
}

void record_hold_ended(struct record_session *session, const struct action *action, struct str how) {
    record_events_hold_ended(begin_event(session), action, how);
    end_event(session, 0);
}

int record_await(struct record_session *session, uint64_t count, struct error *error) {
    while (session->settled < count && !session->is_refused) {
        if (condition_wait(&session->changed, FIBER_NO_DEADLINE, error) != 0) return -1;
    }
    if (!session->is_refused) return 0;
    if (!recorder_is_accepting(session->recorder, error)) return -1;
    return error_set(error, ERROR_UNAVAILABLE, "the evidence log refused an entry of this session: nothing more is let "
                                               "through on it, connect again");
}

/* What the log did not take when it came: that the action is over must stand there before the session's end. */
static void record_lost_outcomes(struct record_session *session) {
    uint64_t lost[RECORD_REFUSED_MAX];
    size_t count = session->lost_count;
    memcpy(lost, session->lost, sizeof(lost));
    session->lost_count = 0;
    for (size_t i = 0; i < count; i++) {
        record_events_interrupted(begin_event(session), session->id, lost[i]);
        end_outcome(session, lost[i]);
    }
    await_settled(session, session->recorded);
}

void record_end(struct record_session *session, struct str reason) {
    if (session->recorder == NULL) return;
    await_settled(session, session->recorded);
    if (session->lost_count > 0) record_lost_outcomes(session);
    record_events_session_end(begin_event(session), session, reason);
    end_event(session, RING_SESSION_END);
    await_settled(session, session->recorded);
    seal_session_free(&session->seal);
    session->recorder = NULL;
}

void record_node_begin(struct record_session *session, struct recorder *recorder, uint64_t id, struct str event) {
    *session = (struct record_session){.recorder = recorder, .id = id};
    record_event(session, RING_SESSION_BEGIN | RING_NODE, event);
}

void record_node_end(struct record_session *session) {
    record_event(session, RING_SESSION_END, STR("{\"type\":\"node_stop\"}"));
    await_settled(session, session->recorded);
    session->recorder = NULL;
}
