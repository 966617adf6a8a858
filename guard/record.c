/* The queue of a worker's events, and who waits for them.
 *
 * Events gather in `queue` while a batch of fibers runs. The worker's poll hook then writes the sealed payloads, submits
 * what fits into the ring, wakes the keeper once and reaps what it has finished. Each submitted event's session stands
 * in `submitted`, in order, so that a result finds its session without trusting anything in shared memory. */
#include "guard/record.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "guard/record_events.h"
#include "guard/view.h"

#define DETAILS_BYTES_MAX (8 * (size_t)ACTION_ARENA_BYTES) /* where they lie: as JSON a byte takes six at most */
#define RECORDER_CHECK_NS (100 * NANOSECONDS_PER_MILLISECOND)
#define RECORDER_STALL_NS (5 * NANOSECONDS_PER_SECOND) /* a commit takes less than a millisecond, a slow disk's a second */

/* One event of a session, in the order of its recording. */
struct record_number {
    struct record_session *session;
    uint64_t number;     /* from 1 */
    uint64_t outcome_of; /* number of the action whose outcome it is; 0: it is none */
    uint64_t intent_of;  /* likewise its intent */
    bool is_denial;
};

struct queued_event {
    struct record_number of;
    uint32_t flags;
    uint32_t length_bytes;
    bool is_sealed; /* it commits to a sealed text, which has to be written before it */
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
    uint64_t progress_ns;             /* when the keeper last finished something, or got something to do */
    uint64_t seal_retry_ns;           /* when sealed texts that cannot be written are tried again */
    /* Other threads read these: see recorder_is_accepting(). */
    _Atomic int seal_errno;           /* why sealed texts cannot be written; 0: they can */
    _Atomic bool is_stalled;          /* the keeper has not answered for RECORDER_STALL_NS */
    _Atomic bool is_failed;
    bool is_stopping;
};

static void settle(struct record_number event, bool is_durable) {
    struct record_session *session = event.session;
    session->settled++;
    session->is_last_durable = is_durable;
    if (!is_durable) {
        session->is_refused = true;
        session->actions -= event.intent_of != 0; /* its totals are of what is in the log */
        session->denials -= event.is_denial;
        if (session->refused_count++ < RECORD_REFUSED_MAX) session->refused[session->refused_count - 1] = event.number;
        bool is_lost = event.outcome_of != 0 && session->lost_count < RECORD_REFUSED_MAX;
        if (is_lost) session->lost[session->lost_count++] = event.outcome_of;
    } else if (event.intent_of > session->highest_action) {
        session->highest_action = event.intent_of;
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
    if (recorder->submitted_count == 0) recorder->progress_ns = clock_monotonic_ns();
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
    size_t before = recorder->submitted_count;
    while (!recorder->is_failed && ring_reap(recorder->ring, &ticket, &result, &leaf_index)) {
        settle(pop_submitted(recorder), result == RING_DURABLE);
    }
    if (recorder->submitted_count == before) return;
    recorder->progress_ns = clock_monotonic_ns();
    if (!recorder->is_stalled) return;
    recorder->is_stalled = false;
    log_info("the keeper answers again: actions are accepted");
}

/* A keeper that hangs says nothing: whoever waits for it is told. */
static void check_progress(struct recorder *recorder) {
    bool is_late = recorder->submitted_count > 0 && clock_monotonic_ns() - recorder->progress_ns > RECORDER_STALL_NS;
    if (!is_late || recorder->is_stalled) return;
    recorder->is_stalled = true;
    log_error("the keeper has not answered for %d s: actions are refused until it does",
              (int)(RECORDER_STALL_NS / NANOSECONDS_PER_SECOND));
    for (size_t i = 0; i < recorder->submitted_count; i++) {
        size_t at = (recorder->submitted_first + i) & (recorder->submitted_capacity - 1);
        condition_wake_all(&recorder->submitted[at].session->changed);
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

/* What does not commit to a sealed text goes on: ends and outcomes do not share the fate of new work. */
static void refuse_sealed(struct recorder *recorder) {
    struct buffer rest;
    struct queued_event head;
    struct str event;
    buffer_init(&rest, RECORD_QUEUE_MAX_BYTES);
    while (peek_queued(recorder, &head, &event)) {
        if (head.is_sealed) {
            settle(head.of, false);
        } else {
            buffer_append(&rest, &head, sizeof(head));
            buffer_append_str(&rest, event);
        }
        buffer_consume(&recorder->queue, sizeof(head) + head.length_bytes);
    }
    CHECK(!buffer_failed(&rest));
    buffer_free(&recorder->queue);
    recorder->queue = rest;
}

/* What could not be written stays with the sealer and is tried again, so that the log accepts as soon as it can. */
static void flush_sealed(struct recorder *recorder) {
    struct error error;
    bool was_failing = recorder->seal_errno != 0;
    bool is_due = was_failing ? clock_monotonic_ns() >= recorder->seal_retry_ns : buffer_length(&recorder->queue) > 0;
    if (is_due && sealer_flush(recorder->sealer, &error) == 0) {
        if (was_failing) log_info("sealed texts can be written again: actions are accepted");
        recorder->seal_errno = 0;
        return;
    }
    if (!is_due && !was_failing) return;
    if (is_due && !was_failing) log_error("%s: actions are refused until they can", error.text);
    if (is_due) {
        recorder->seal_errno = error.system_errno != 0 ? error.system_errno : EIO;
        recorder->seal_retry_ns = clock_monotonic_ns() + RECORDER_CHECK_NS;
    }
    refuse_sealed(recorder);
}

static void on_poll(void *argument) {
    struct recorder *recorder = argument;
    if (recorder->is_failed) {
        refuse_all(recorder);
        return;
    }
    flush_sealed(recorder);
    submit_queued(recorder);
    if (recorder->submitted_count > 0 && ring_kick(recorder->ring)) reap(recorder);
}

/* Wakes up at each commit of the keeper. It outlives the cancellation of a shutdown, because sessions that end then still
 * have to be recorded; recorder_stop() ends it. */
static void event_fiber_main(void *argument) {
    struct recorder *recorder = argument;
    fiber_shield_begin();
    while (!recorder->is_stopping) {
        uint64_t deadline_ns = clock_monotonic_ns() + RECORDER_CHECK_NS;
        if (watch_wait_readable(&recorder->event_watch, deadline_ns, NULL) != 0) {
            check_progress(recorder);
            continue;
        }
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
    int seal_errno = recorder->seal_errno;
    if (state == RING_ACCEPTING && seal_errno == 0 && !recorder->is_stalled) return true;
    const char *what = state == RING_ACCEPTING && seal_errno != 0 ? "sealed texts" : "the evidence log";
    const char *reason = state == RING_STOPPED     ? "the keeper has stopped"
                         : state == RING_REFUSING  ? strerror(system_errno)
                         : seal_errno != 0         ? strerror(seal_errno)
                                                   : "the keeper does not answer";
    error_set(why, ERROR_UNAVAILABLE, "%s cannot be written (%s): nothing is let through until it can", what, reason);
    return false;
}

struct event_kind {
    uint32_t flags;      /* ring_flag */
    uint64_t outcome_of; /* number of an action; 0: it is no outcome */
    uint64_t intent_of;
    bool is_denial;
    bool is_sealed;      /* it commits to a sealed text */
};

static void queue_event(struct record_session *session, struct event_kind kind, struct str event) {
    struct recorder *recorder = session->recorder;
    struct queued_event head = {
        .of = {session, ++session->recorded, kind.outcome_of, kind.intent_of, kind.is_denial},
        .flags = kind.flags,
        .length_bytes = (uint32_t)event.length,
        .is_sealed = kind.is_sealed,
    };
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
    queue_event(session, (struct event_kind){.flags = flags}, event);
}

/* The scratch buffer, empty, for the next event; record_written() queues what was written there. */
static struct buffer *begin_event(struct record_session *session) {
    buffer_clear(&session->recorder->scratch);
    return &session->recorder->scratch;
}

static void end_event(struct record_session *session, struct event_kind kind) {
    struct buffer *scratch = &session->recorder->scratch;
    queue_event(session, kind, buffer_failed(scratch) ? STR_NONE : buffer_view(scratch));
}

int record_begin(struct record_session *session, struct recorder *recorder, uint64_t id,
                 const struct record_session_facts *facts, struct error *error) {
    *session = (struct record_session){.recorder = recorder, .id = id};
    if (seal_session_begin(recorder->sealer, id, &session->seal, error) != 0) return -1;
    struct sha256 claimed = sealer_keyed_hash(recorder->sealer, "sworn/claimed-name/v1", facts->claimed_name);
    record_events_session_start(begin_event(session), facts, &claimed);
    end_event(session, (struct event_kind){.flags = RING_SESSION_BEGIN});
    return 0;
}

void record_key_action(struct record_session *session, struct action *action) {
    if (action->is_keyed) return;
    static_assert(sizeof(action->seal_key) == SEAL_MAC_KEY_BYTES, "the key that is sealed with the text");
    seal_choose_key(session->recorder->sealer, session->seal, action->text, action->seal_key);
    action->digest = seal_keyed_hash(action->seal_key, RECORD_DIGEST_DOMAIN, str_make(action->digest.bytes, SHA256_BYTES));
    action->is_keyed = true;
}

/* Seals a text; false when it cannot be sealed, which the event then says by its absence and the session by refusing. */
static bool seal_text(struct record_session *session, struct str text, const uint8_t *key,
                      struct seal_commitment *commitment) {
    struct error error;
    struct sealer *sealer = session->recorder->sealer;
    int result = key != NULL ? seal_put_under(sealer, session->seal, text, key, commitment, &error)
                             : seal_put(sealer, session->seal, text, commitment, &error);
    if (result == 0) return true;
    log_error("a text cannot be sealed, the action is refused: %s", error.text);
    session->is_refused = true;
    return false;
}

/* What belongs to the text and does not stand in it. *commitment: NULL when there is nothing. */
static bool seal_details(struct record_session *session, const struct action *action, struct seal_commitment *place,
                         const struct seal_commitment **commitment) {
    struct json_writer writer;
    struct buffer json;
    *commitment = NULL;
    if (action->detail_count == 0) return true;
    buffer_init(&json, DETAILS_BYTES_MAX);
    json_writer_init(&writer, &json);
    view_write_details(action, &writer);
    bool is_sealed = !buffer_failed(&json) && seal_text(session, buffer_view(&json), NULL, place);
    if (buffer_failed(&json)) session->is_refused = true;
    if (is_sealed) *commitment = place;
    buffer_free(&json);
    return is_sealed;
}

int record_intent(struct record_session *session, const struct action *action, const struct principal *principal,
                  struct str upstream, uint64_t *number) {
    struct seal_commitment commitment, place;
    const struct seal_commitment *details;
    *number = 0;
    if (!seal_text(session, action->text, action->seal_key, &commitment) ||
        !seal_details(session, action, &place, &details)) {
        return 0; /* the session is refused */
    }
    record_events_intent(begin_event(session), action, principal, upstream, &commitment, details);
    if (buffer_failed(&session->recorder->scratch)) return -1;
    bool is_denial = action->verdict.kind == VERDICT_DENY;
    session->actions++;
    session->denials += is_denial;
    end_event(session, (struct event_kind){.intent_of = action->number, .is_denial = is_denial, .is_sealed = true});
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
    end_event(session, (struct event_kind){.outcome_of = action->number});
}

void record_hold_requested(struct record_session *session, const struct action *action, int64_t expires_us, struct str view,
                           const struct sha256 *view_digest) {
    struct seal_commitment text, shown;
    if (!seal_text(session, action->text, action->seal_key, &text) || !seal_text(session, view, NULL, &shown)) return;
    record_events_hold_requested(begin_event(session), action, expires_us, &text, &shown, view_digest);
    end_event(session, (struct event_kind){.is_sealed = true});
}

void record_vote(struct record_session *session, const struct action *action, const struct record_vote *vote) {
    struct seal_commitment reason;
    bool has_reason = vote->reason.length > 0;
    if (has_reason && !seal_text(session, vote->reason, NULL, &reason)) return;
    record_events_vote(begin_event(session), action, vote, has_reason ? &reason : NULL);
    end_event(session, (struct event_kind){.is_sealed = has_reason});
}

void record_hold_ended(struct record_session *session, const struct action *action, struct str how) {
    record_events_hold_ended(begin_event(session), action, how);
    end_event(session, (struct event_kind){0});
}

int record_await(struct record_session *session, uint64_t count, struct error *error) {
    const struct recorder *recorder = session->recorder;
    while (session->settled < count && !session->is_refused && !recorder->is_stalled) {
        if (condition_wait(&session->changed, FIBER_NO_DEADLINE, error) != 0) return -1;
    }
    if (session->settled >= count && !session->is_refused) return 0;
    if (!recorder_is_accepting(recorder, error)) return -1;
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
        end_event(session, (struct event_kind){.outcome_of = lost[i]});
    }
    await_settled(session, session->recorded);
}

/* P, not cancellable. False: nothing will be written any more; the next start of the keeper closes what stays open. */
static bool wait_to_try_again(struct record_session *session) {
    if (session->recorder->is_failed) return false;
    fiber_shield_begin();
    int slept = fiber_sleep(RECORDER_CHECK_NS, NULL);
    fiber_shield_end();
    return slept == 0 && !session->recorder->is_failed;
}

static void end_until_taken(struct record_session *session, struct str reason) {
    do {
        if (session->lost_count > 0) record_lost_outcomes(session);
        if (session->lost_count > 0) continue;
        record_events_session_end(begin_event(session), session, reason);
        end_event(session, (struct event_kind){.flags = RING_SESSION_END});
        await_settled(session, session->recorded);
    } while ((session->lost_count > 0 || !session->is_last_durable) && wait_to_try_again(session));
}

void record_end(struct record_session *session, struct str reason) {
    if (session->recorder == NULL) return;
    await_settled(session, session->recorded);
    end_until_taken(session, reason);
    seal_session_free(&session->seal);
    session->recorder = NULL;
}

void record_node_begin(struct record_session *session, struct recorder *recorder, uint64_t id, struct str event) {
    *session = (struct record_session){.recorder = recorder, .id = id};
    record_event(session, RING_SESSION_BEGIN | RING_NODE, event);
}

void record_node_end(struct record_session *session) {
    do {
        record_event(session, RING_SESSION_END, STR("{\"type\":\"node_stop\"}"));
        await_settled(session, session->recorded);
    } while (!session->is_last_durable && wait_to_try_again(session));
    session->recorder = NULL;
}
