/* Sessions and actions through the log. */
#include "ledger/trail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"

#define WINDOW_WORDS (EVENT_ACTION_WINDOW / 64)
#define HEARTBEATS_MISSED_MAX 4 /* one more than the keeper waits before it declares a gap */

struct trail_action {
    struct trail_action *next; /* of the same session */
    struct trail_action *previous;
    uint64_t index;
    size_t length;
    char text[EVENT_ACTION_MAX_BYTES];
};

struct trail_session {
    uint64_t id;
    uint64_t next_seq;
    uint64_t last_index;
    bool is_node;
    uint64_t heartbeat_ms;
    int64_t last_beat_us;
    bool is_gap_declared;
    bool has_actions;
    uint64_t highest_action;
    uint64_t seen[WINDOW_WORDS]; /* bit n % window: action n is taken, for the window up to the highest */
    struct trail_action *open;
};

struct trail {
    struct finding_sink *sink;
    struct map sessions;
    struct map actions;
    bool is_lenient; /* entries were missing: unknown sessions and actions are no findings any more */
    int64_t last_time_us;
};

void finding_add(struct finding_sink *sink, enum ledger_severity severity, uint64_t index, const char *format, ...) {
    char text[512];
    size_t at = 0;
    struct ledger_summary *summary = sink->summary;
    uint64_t count = summary->bad_count + summary->warning_count;
    if (severity == LEDGER_BAD) {
        summary->bad_count++;
    } else {
        summary->warning_count++;
    }
    if (sink->report == NULL || count >= LEDGER_FINDINGS_MAX) return;
    bool has_index = index != FINDING_NO_INDEX;
    if (has_index) at = (size_t)snprintf(text, sizeof(text), "entry %llu: ", (unsigned long long)index);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + at, sizeof(text) - at, format, arguments);
    va_end(arguments);
    struct ledger_finding finding = {severity, has_index, has_index ? index : 0, text};
    sink->report(sink->context, &finding);
}

int trail_new(struct trail **trail, struct finding_sink *sink) {
    *trail = calloc(1, sizeof(**trail));
    if (*trail == NULL) return -1;
    (*trail)->sink = sink;
    map_init(&(*trail)->sessions);
    map_init(&(*trail)->actions);
    return 0;
}

static void free_values(struct map *map) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(map, &cursor, &key, &value)) free(value);
    map_free(map);
}

void trail_free(struct trail **trail) {
    if (*trail == NULL) return;
    free_values(&(*trail)->sessions);
    free_values(&(*trail)->actions);
    free(*trail);
    *trail = NULL;
}

void trail_skip(struct trail *trail) {
    trail->is_lenient = true;
}

static bool is_start(struct str type) {
    return str_equal(type, EVENT_SESSION_START) || str_equal(type, EVENT_NODE_START);
}

static bool is_end(struct str type) {
    return str_equal(type, EVENT_SESSION_END) || str_equal(type, EVENT_NODE_STOP);
}

static void drop_action(struct trail *trail, struct trail_session *session, struct trail_action *action) {
    if (action->previous != NULL) action->previous->next = action->next;
    if (action->next != NULL) action->next->previous = action->previous;
    if (session->open == action) session->open = action->next;
    map_remove(&trail->actions, str_make(action->text, action->length));
    free(action);
}

static void drop_session(struct trail *trail, struct trail_session *session) {
    while (session->open != NULL) drop_action(trail, session, session->open);
    map_remove(&trail->sessions, str_make(&session->id, sizeof(session->id)));
    free(session);
}

static struct trail_session *add_session(struct trail *trail, const struct ledger_entry *entry) {
    struct trail_session *session = calloc(1, sizeof(*session));
    if (session == NULL) return NULL;
    session->id = entry->session;
    session->next_seq = entry->seq;
    session->is_node = str_equal(entry->summary.type, EVENT_NODE_START);
    session->last_beat_us = entry->time_us;
    session->heartbeat_ms = entry->summary.heartbeat_ms;
    if (map_set(&trail->sessions, str_make(&session->id, sizeof(session->id)), session) != 0) {
        free(session);
        return NULL;
    }
    trail->sink->summary->sessions++;
    return session;
}

/* Sessions that the entry should have found closed: all others, at the start and the end of a run. */
static void check_others_closed(struct trail *trail, const struct ledger_entry *entry) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (!trail->is_lenient && map_next(&trail->sessions, &cursor, &key, &value)) {
        const struct trail_session *session = value;
        if (session->id == entry->session) continue;
        finding_add(trail->sink, LEDGER_BAD, entry->index, "%.*s, but session %016llx (last entry %llu) has not ended",
                    STR_ARGS(entry->summary.type), (unsigned long long)session->id,
                    (unsigned long long)session->last_index);
    }
}

/* What was still open has been reported, and belongs to the past. */
static void drop_others(struct trail *trail, uint64_t kept) {
    struct map old = trail->sessions;
    size_t cursor = 0;
    struct str key;
    void *value;
    map_init(&trail->sessions);
    while (map_next(&old, &cursor, &key, &value)) {
        struct trail_session *session = value;
        if (session->id == kept && map_set(&trail->sessions, key, session) == 0) continue;
        while (session->open != NULL) drop_action(trail, session, session->open);
        free(session);
    }
    map_free(&old);
}

static struct trail_session *find_session(struct trail *trail, const struct ledger_entry *entry) {
    struct trail_session *session = map_get(&trail->sessions, str_make(&entry->session, sizeof(entry->session)));
    bool starts = is_start(entry->summary.type);
    if (session != NULL && starts) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "session %016llx starts a second time",
                    (unsigned long long)entry->session);
        drop_session(trail, session);
        session = NULL;
    }
    if (session != NULL) return session;
    if (!trail->is_lenient && (!starts || entry->seq != 0)) {
        finding_add(trail->sink, LEDGER_BAD, entry->index,
                    "session %016llx begins with \"%.*s\", seq %llu: its first entries are missing",
                    (unsigned long long)entry->session, STR_ARGS(entry->summary.type), (unsigned long long)entry->seq);
    }
    return add_session(trail, entry);
}

static void check_seq(struct trail *trail, struct trail_session *session, const struct ledger_entry *entry) {
    if (entry->seq != session->next_seq && !trail->is_lenient) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "session %016llx: seq %llu where %llu was expected",
                    (unsigned long long)session->id, (unsigned long long)entry->seq,
                    (unsigned long long)session->next_seq);
    }
    session->next_seq = entry->seq + 1;
    session->last_index = entry->index;
}

static void check_time(struct trail *trail, const struct ledger_entry *entry) {
    struct ledger_summary *summary = trail->sink->summary;
    if (summary->first_time_us == 0) summary->first_time_us = entry->time_us;
    if (entry->time_us < trail->last_time_us) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "its time %.*s is before that of the entry before it",
                    STR_ARGS(entry->time));
    }
    trail->last_time_us = summary->last_time_us = entry->time_us;
}

/* "<session hex>-<n>", of this session. */
static bool parse_action(struct str action, uint64_t session, uint64_t *number) {
    uint64_t id;
    return action.length > SESSION_HEX_BYTES + 1 && action.data[SESSION_HEX_BYTES] == '-' &&
           session_parse(str_slice(action, 0, SESSION_HEX_BYTES), &id) == 0 && id == session &&
           str_parse_u64(str_slice(action, SESSION_HEX_BYTES + 1, action.length), number) == 0;
}

static bool bit_of(const struct trail_session *session, uint64_t number) {
    return (session->seen[number % EVENT_ACTION_WINDOW / 64] >> (number % 64) & 1) != 0;
}

static void set_bit(struct trail_session *session, uint64_t number, bool value) {
    uint64_t bit = (uint64_t)1 << (number % 64);
    uint64_t *word = &session->seen[number % EVENT_ACTION_WINDOW / 64];
    *word = value ? *word | bit : *word & ~bit;
}

/* Whether the number is new in its session; takes it. */
static bool take_number(struct trail_session *session, uint64_t number) {
    if (session->has_actions && number <= session->highest_action) {
        if (session->highest_action - number >= EVENT_ACTION_WINDOW || bit_of(session, number)) return false;
        set_bit(session, number, true);
        return true;
    }
    uint64_t from = session->has_actions ? session->highest_action + 1 : 0;
    if (number - from >= EVENT_ACTION_WINDOW) {
        memset(session->seen, 0, sizeof(session->seen));
    } else {
        for (uint64_t between = from; between < number; between++) set_bit(session, between, false);
    }
    set_bit(session, number, true);
    session->has_actions = true;
    session->highest_action = number;
    return true;
}

static int note_intent(struct trail *trail, struct trail_session *session, const struct ledger_entry *entry) {
    struct str action = entry->summary.action;
    uint64_t number;
    trail->sink->summary->intents++;
    if (!parse_action(action, session->id, &number)) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "action id \"%.*s\" is not one of its session",
                    STR_ARGS(action));
        return 0;
    }
    if (!take_number(session, number)) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "action %.*s is used a second time, or out of its order",
                    STR_ARGS(action));
        return 0;
    }
    if (str_equal(entry->summary.verdict, EVENT_VERDICT_DENY)) {
        trail->sink->summary->denied++;
        return 0;
    }
    struct trail_action *open = calloc(1, sizeof(*open));
    if (open == NULL) return -1;
    open->index = entry->index;
    open->length = action.length;
    memcpy(open->text, action.data, action.length);
    if (map_set(&trail->actions, str_make(open->text, open->length), open) != 0) {
        free(open);
        return -1;
    }
    open->next = session->open;
    if (open->next != NULL) open->next->previous = open;
    session->open = open;
    return 0;
}

static void note_outcome(struct trail *trail, struct trail_session *session, const struct ledger_entry *entry) {
    struct str text = entry->summary.action;
    struct trail_action *action = map_get(&trail->actions, text);
    uint64_t number;
    if (str_equal(entry->summary.status, EVENT_STATUS_INTERRUPTED)) {
        trail->sink->summary->interrupted++;
        finding_add(trail->sink, LEDGER_WARNING, entry->index,
                    "action %.*s was interrupted: the run ended before its outcome was known", STR_ARGS(text));
    }
    if (action != NULL && parse_action(text, session->id, &number)) {
        drop_action(trail, session, action);
    } else if (!trail->is_lenient) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "outcome of action %.*s, which has no open intent",
                    STR_ARGS(text));
    }
}

static void note_heartbeat(struct trail *trail, struct trail_session *session, const struct ledger_entry *entry) {
    struct str type = entry->summary.type;
    if (str_equal(type, EVENT_HEARTBEAT_GAP)) {
        session->is_gap_declared = true;
        finding_add(trail->sink, LEDGER_WARNING, entry->index, "heartbeats stayed away until here (declared)");
        return;
    }
    bool is_reload = str_equal(type, EVENT_NODE_RELOAD);
    bool is_beat = is_reload || str_equal(type, EVENT_HEARTBEAT) || str_equal(type, EVENT_NODE_STOP);
    if (!session->is_node || !is_beat) return;
    int64_t gap_ms = (entry->time_us - session->last_beat_us) / 1000;
    bool is_gap = session->heartbeat_ms > 0 && gap_ms / HEARTBEATS_MISSED_MAX > (int64_t)session->heartbeat_ms;
    bool is_interrupted = str_find(entry->event, STR("{\"interrupted\":true,")) == 0;
    if (is_gap && !session->is_gap_declared && !is_interrupted && !trail->is_lenient) {
        finding_add(trail->sink, LEDGER_BAD, entry->index, "no heartbeat for %lld ms before it, and no declared gap",
                    (long long)gap_ms);
    }
    session->is_gap_declared = false;
    session->last_beat_us = entry->time_us;
    if (is_reload) session->heartbeat_ms = entry->summary.heartbeat_ms; /* promised from here on */
}

static void note_end(struct trail *trail, struct trail_session *session, const struct ledger_entry *entry) {
    for (const struct trail_action *open = session->open; open != NULL && !trail->is_lenient; open = open->next) {
        finding_add(trail->sink, LEDGER_BAD, open->index, "action %.*s has no outcome, and its session ended at entry "
                    "%llu", (int)open->length, open->text, (unsigned long long)entry->index);
    }
    if (str_find(entry->event, STR("{\"interrupted\":true,")) == 0) {
        finding_add(trail->sink, LEDGER_WARNING, entry->index, "%s %016llx was interrupted",
                    session->is_node ? "the run" : "session", (unsigned long long)session->id);
    }
    if (session->is_node) {
        check_others_closed(trail, entry);
        drop_others(trail, session->id);
    }
    drop_session(trail, session);
}

int trail_note(struct trail *trail, const struct ledger_entry *entry) {
    struct str type = entry->summary.type;
    check_time(trail, entry);
    if (str_equal(type, EVENT_NODE_START)) {
        check_others_closed(trail, entry);
        drop_others(trail, entry->session);
    }
    struct trail_session *session = find_session(trail, entry);
    if (session == NULL) return -1;
    check_seq(trail, session, entry);
    note_heartbeat(trail, session, entry);
    if (str_equal(type, EVENT_INTENT) && note_intent(trail, session, entry) != 0) return -1;
    if (str_equal(type, EVENT_OUTCOME)) note_outcome(trail, session, entry);
    if (is_end(type)) note_end(trail, session, entry);
    return 0;
}

void trail_end(struct trail *trail) {
    trail->sink->summary->open = trail->actions.count;
}
