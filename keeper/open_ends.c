/* Finding intents without outcome and sessions without end. */
#include "keeper/open_ends.h"

#include <stdlib.h>

#include "base/map.h"
#include "ledger/reader.h"

struct open_ends {
    struct map sessions;
    struct map actions;
    const struct open_session **session_list;
    const struct open_action **action_list;
};

static void free_values(struct map *map) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(map, &cursor, &key, &value)) free(value);
    map_free(map);
}

void open_ends_free(struct open_ends **ends) {
    if (*ends == NULL) return;
    free_values(&(*ends)->sessions);
    free_values(&(*ends)->actions);
    free((*ends)->session_list);
    free((*ends)->action_list);
    free(*ends);
    *ends = NULL;
}

static int note_session(struct open_ends *ends, const struct ledger_entry *entry, struct error *error) {
    struct str key = str_make(&entry->session, sizeof(entry->session));
    struct open_session *session = map_get(&ends->sessions, key);
    if (str_equal(entry->summary.type, EVENT_SESSION_END) || str_equal(entry->summary.type, EVENT_NODE_STOP)) {
        if (session != NULL) {
            map_remove(&ends->sessions, key);
            free(session);
        }
        return 0;
    }
    if (session == NULL) {
        session = calloc(1, sizeof(*session));
        if (session == NULL) return error_out_of_memory(error);
        session->id = entry->session;
        if (map_set(&ends->sessions, str_make(&session->id, sizeof(session->id)), session) != 0) {
            free(session);
            return error_out_of_memory(error);
        }
    }
    session->next_seq = entry->seq + 1;
    session->is_node |= str_equal(entry->summary.type, EVENT_NODE_START);
    return 0;
}

static int open_action(struct open_ends *ends, const struct ledger_entry *entry, bool is_hold, struct error *error) {
    const struct event_summary *summary = &entry->summary;
    struct open_action *action = calloc(1, sizeof(*action));
    if (action == NULL) return error_out_of_memory(error);
    action->index = entry->index;
    action->session = entry->session;
    action->is_hold = is_hold;
    action->action_length = summary->action.length;
    memcpy(action->action, summary->action.data, summary->action.length);
    if (map_set(&ends->actions, str_make(action->action, action->action_length), action) == 0) return 0;
    free(action);
    return error_out_of_memory(error);
}

/* An action is held and answered, held again perhaps, and then has its intent: one thing at a time. */
static int note_action(struct open_ends *ends, const struct ledger_entry *entry, struct error *error) {
    const struct event_summary *summary = &entry->summary;
    if (summary->action.length == 0) return 0;
    struct open_action *action = map_get(&ends->actions, summary->action);
    bool is_end = str_equal(summary->type, EVENT_OUTCOME) || str_equal(summary->type, EVENT_HOLD_ENDED);
    if (is_end && action != NULL) {
        map_remove(&ends->actions, summary->action);
        free(action);
        return 0;
    }
    bool is_hold = str_equal(summary->type, EVENT_HOLD_REQUESTED);
    bool is_intent = str_equal(summary->type, EVENT_INTENT) && !str_equal(summary->verdict, EVENT_VERDICT_DENY);
    if ((!is_hold && !is_intent) || action != NULL) return 0;
    return open_action(ends, entry, is_hold, error);
}

static int read_entries(struct open_ends *ends, struct ledger_reader *reader, uint64_t from, struct error *error) {
    struct ledger_entry entry;
    int found;
    if (from > 0 && (from >= ledger_reader_size(reader) || ledger_reader_get(reader, from, &entry, NULL) != 0 ||
                     !str_equal(entry.summary.type, EVENT_NODE_START))) {
        from = 0;
    }
    ledger_reader_seek(reader, from);
    while ((found = ledger_reader_next(reader, &entry, error)) > 0) {
        if (note_session(ends, &entry, error) != 0 || note_action(ends, &entry, error) != 0) return -1;
    }
    return found;
}

static int compare_actions(const void *a, const void *b) {
    uint64_t left = (*(const struct open_action *const *)a)->index;
    uint64_t right = (*(const struct open_action *const *)b)->index;
    return left < right ? -1 : left > right;
}

static int make_lists(struct open_ends *ends, struct error *error) {
    ends->session_list = calloc(ends->sessions.count + 1, sizeof(*ends->session_list));
    ends->action_list = calloc(ends->actions.count + 1, sizeof(*ends->action_list));
    if (ends->session_list == NULL || ends->action_list == NULL) return error_out_of_memory(error);
    struct str key;
    void *value;
    size_t count = 0;
    for (size_t cursor = 0; map_next(&ends->sessions, &cursor, &key, &value);) ends->session_list[count++] = value;
    count = 0;
    for (size_t cursor = 0; map_next(&ends->actions, &cursor, &key, &value);) ends->action_list[count++] = value;
    qsort(ends->action_list, count, sizeof(*ends->action_list), compare_actions);
    return 0;
}

int open_ends_find(struct open_ends **ends, const char *folder, uint64_t from, struct error *error) {
    struct ledger_reader *reader = NULL;
    *ends = calloc(1, sizeof(**ends));
    if (*ends == NULL) return error_out_of_memory(error);
    map_init(&(*ends)->sessions);
    map_init(&(*ends)->actions);
    int result = ledger_reader_open(&reader, folder, STR_NONE, error);
    if (result == 0) result = read_entries(*ends, reader, from, error);
    if (result == 0) result = make_lists(*ends, error);
    ledger_reader_free(&reader);
    if (result != 0) open_ends_free(ends);
    return result;
}

size_t open_ends_sessions(const struct open_ends *ends, const struct open_session ***sessions) {
    *sessions = ends->session_list;
    return ends->sessions.count;
}

size_t open_ends_actions(const struct open_ends *ends, const struct open_action ***actions) {
    *actions = ends->action_list;
    return ends->actions.count;
}
