/* Sessions, intents and outcomes. What is looked at is always the form of one entry, and what is open before it. */
#include "ledger/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/story_internal.h"

#define SCRATCH_BYTES_MAX ((size_t)16 << 20)
#define FINDING_BYTES 400

#define VALUE(member) (&story->form.values[EVENT_MEMBER_##member])

static void tell(struct story *story, bool is_bad, const char *format, va_list arguments) {
    char text[FINDING_BYTES];
    if (story->is_lenient) return;
    vsnprintf(text, sizeof(text), format, arguments);
    story->report(story->context, is_bad, story->entry->index, text);
}

void story_bad(struct story *story, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(story, true, format, arguments);
    va_end(arguments);
}

void story_warn(struct story *story, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(story, false, format, arguments);
    va_end(arguments);
}

/* ---- Sessions and actions that are open ------------------------------------------------------------------------ */

int story_new(struct story **out, story_finding_function *report, void *context) {
    struct story *story = *out = calloc(1, sizeof(*story));
    if (story == NULL) return -1;
    story->report = report;
    story->context = context;
    map_init(&story->sessions);
    map_init(&story->actions);
    arena_init(&story->scratch, SCRATCH_BYTES_MAX);
    return story_world_new(&story->world);
}

static struct str key_of(const uint64_t *id) { return str_make(id, sizeof(*id)); }

struct story_action *story_find_action(const struct story *story, struct str id) { return map_get(&story->actions, id); }

struct story_action *story_add_action(struct story *story, struct story_session *session, struct str id) {
    struct story_action *action = calloc(1, sizeof(*action));
    if (action != NULL) {
        arena_init(&action->arena, STORY_ACTION_BYTES_MAX);
        action->id = arena_copy(&action->arena, id);
        if (action->id.data != NULL && map_set(&story->actions, action->id, action) == 0) {
            action->next = session->actions;
            if (action->next != NULL) action->next->previous = action;
            session->actions = action;
            return action;
        }
        arena_free(&action->arena);
        free(action);
    }
    story->is_out_of_memory = true;
    return NULL;
}

void story_drop_action(struct story *story, struct story_session *session, struct story_action *action) {
    if (action->previous != NULL) action->previous->next = action->next;
    if (action->next != NULL) action->next->previous = action->previous;
    if (session->actions == action) session->actions = action->next;
    map_remove(&story->actions, action->id);
    arena_free(&action->arena);
    free(action);
}

static void drop_session(struct story *story, struct story_session *session) {
    while (session->actions != NULL) story_drop_action(story, session, session->actions);
    map_remove(&story->sessions, key_of(&session->id));
    free(session);
}

static void drop_all_sessions(struct story *story) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(&story->sessions, &cursor, &key, &value)) {
        struct story_session *session = value;
        while (session->actions != NULL) story_drop_action(story, session, session->actions);
        free(session);
    }
    map_clear(&story->sessions);
}

void story_free(struct story **story) {
    if (*story == NULL) return;
    drop_all_sessions(*story);
    map_free(&(*story)->sessions);
    map_free(&(*story)->actions);
    arena_free(&(*story)->scratch);
    story_world_free(&(*story)->world);
    free(*story);
    *story = NULL;
}

static struct str put(char **at, struct str text) {
    struct str copy = {*at, text.length};
    if (text.data == NULL) return STR_NONE;
    memcpy(*at, text.data, text.length);
    *at += text.length;
    return copy;
}

static struct story_session *add_session(struct story *story) {
    const struct str texts[] = {
        VALUE(session_start_principal)->text, VALUE(session_start_principal_type)->text,
        VALUE(session_start_on_behalf_of)->text, VALUE(session_start_upstream)->text};
    bool is_node = story->form.type == EVENT_TYPE_node_start;
    size_t length = 0;
    for (size_t i = 0; i < LENGTH_OF(texts) && !is_node; i++) length += texts[i].length;
    struct story_session *session = calloc(1, sizeof(*session) + length);
    if (session == NULL) return NULL;
    char *at = session->text;
    session->id = story->entry->session;
    session->is_node = is_node;
    if (!is_node) {
        session->principal = put(&at, texts[0]);
        session->principal_type = put(&at, texts[1]);
        session->on_behalf_of = put(&at, texts[2]);
        session->upstream = put(&at, texts[3]);
    }
    if (map_set(&story->sessions, key_of(&session->id), session) == 0) return session;
    free(session);
    return NULL;
}

/* ---- Sessions begin -------------------------------------------------------------------------------------------- */

struct wanted_principal {
    const struct story_session *session;
    const struct event_value *groups;
};

/* Is the principal of a session the one that these entities have? */
static bool is_principal_of(void *context, const struct story_people *people) {
    const struct wanted_principal *wanted = context;
    const struct story_session *session = wanted->session;
    const struct story_principal *principal = story_people_find(people, session->principal);
    if (principal == NULL || !str_equal(principal->type, session->principal_type) ||
        !str_equal(principal->on_behalf_of, session->on_behalf_of)) {
        return false;
    }
    if (wanted->groups == NULL) return true;
    for (size_t i = 0; i < wanted->groups->name_count; i++) {
        if (!story_principal_is_in(principal, wanted->groups->names[i])) return false;
    }
    return wanted->groups->name_count == principal->group_count;
}

static void begin_session(struct story *story) {
    struct story_session *old = map_get(&story->sessions, key_of(&story->entry->session));
    if (old != NULL) drop_session(story, old);
    struct story_session *session = add_session(story);
    if (session == NULL) {
        story->is_out_of_memory = true;
        return;
    }
    session->is_refused = VALUE(session_start_refused)->is_set;
    bool has_principal = VALUE(session_start_principal)->is_set;
    if (has_principal == session->is_refused) {
        story_bad(story, has_principal ? "a login that was refused, and a principal" : "neither a principal, nor why the "
                  "login was refused");
    }
    struct wanted_principal wanted = {session, VALUE(session_start_groups)};
    if (has_principal && !story_world_any(story->world, NULL, 0, is_principal_of, &wanted)) {
        story_bad(story, "principal \"%.*s\" is not as the entities in force have it", STR_ARGS(session->principal));
    }
}

static void begin_run(struct story *story) {
    drop_all_sessions(story);
    story_world_begin_run(story->world);
    story->is_closing = false;
    if (add_session(story) == NULL) story->is_out_of_memory = true;
}

/* ---- Intents --------------------------------------------------------------------------------------------------- */

/* The number of an action of the session; false (and a finding): it is no such id. */
static bool number_of(struct story *story, const struct story_session *session, struct str action, uint64_t *number) {
    uint64_t id;
    if (action.length > SESSION_HEX_BYTES + 1 && action.data[SESSION_HEX_BYTES] == '-' &&
        session_parse(str_slice(action, 0, SESSION_HEX_BYTES), &id) == 0 && id == session->id &&
        str_parse_u64(str_slice(action, SESSION_HEX_BYTES + 1, action.length), number) == 0 && *number > 0) {
        return true;
    }
    story_bad(story, "\"%.*s\" is no action of its session", STR_ARGS(action));
    return false;
}

static void check_identity(struct story *story, const struct story_session *session) {
    if (session->is_refused) story_bad(story, "an action of a session whose login was refused");
    if (!str_equal(VALUE(intent_principal)->text, session->principal) ||
        !str_equal(VALUE(intent_principal_type)->text, session->principal_type) ||
        !str_equal(VALUE(intent_on_behalf_of)->text, session->on_behalf_of)) {
        story_bad(story, "principal \"%.*s\" is not that of its session, \"%.*s\"", STR_ARGS(VALUE(intent_principal)->text),
                  STR_ARGS(session->principal));
    }
    if (session->upstream.data != NULL && !str_equal(VALUE(intent_upstream)->text, session->upstream)) {
        story_bad(story, "upstream \"%.*s\" is not that of its session", STR_ARGS(VALUE(intent_upstream)->text));
    }
}

/* ROLLBACK and its like are never asked of policy. Within a JSON string the quotes would be escaped. */
static bool only_lets_go(const struct event_value *steps) {
    for (size_t i = 0; i < steps->name_count; i++) {
        if (str_find(steps->names[i], STR("\"verb\":\"sql:release\"")) == STR_NOT_FOUND) return false;
    }
    return steps->name_count > 0;
}

/* What it says it was decided by stands in the log, and knows the principal. */
static void check_decision(struct story *story, const struct story_session *session) {
    bool is_allowed = str_equal(VALUE(intent_verdict)->text, EVENT_VERDICT_ALLOW);
    bool was_decided = VALUE(intent_rounds)->natural > 0;
    if (is_allowed && !was_decided) story_bad(story, "it is allowed, and policy was not asked");
    if (is_allowed && !str_equal(VALUE(intent_cedar)->text, EVENT_VERDICT_ALLOW)) {
        story_bad(story, "it is allowed, but Cedar said \"deny\"");
    }
    if (is_allowed && VALUE(intent_policies)->name_count == 0 && !only_lets_go(VALUE(intent_steps))) {
        story_bad(story, "it is allowed, and by no policy");
    }
    if (is_allowed && VALUE(intent_refused)->is_set) story_bad(story, "it is allowed, and says why it was refused");
    if (!story_world_has_bundle(story->world, VALUE(intent_bundle)->text)) {
        story_bad(story, "its bundle is not in the log before it");
    }
    if (!was_decided) return;
    if (!VALUE(intent_decided)->is_set || !VALUE(intent_entities)->is_set) {
        story_bad(story, "it does not say what it was decided by");
        return;
    }
    const struct story_people *people = story_world_people(story->world, VALUE(intent_entities)->text);
    struct wanted_principal wanted = {session, NULL};
    if (people == NULL) story_bad(story, "its entities are not in the log before it");
    else if (!is_principal_of(&wanted, people)) {
        story_bad(story, "principal \"%.*s\" is not as its entities have it", STR_ARGS(session->principal));
    }
}

/* "within" names an action of the same session, before this one. */
static void check_within(struct story *story, const struct story_session *session, uint64_t number) {
    uint64_t outer;
    struct str within = VALUE(intent_within)->text;
    if (!VALUE(intent_within)->is_set || !number_of(story, session, within, &outer)) return;
    if (outer >= number) story_bad(story, "it is within action %.*s, which comes after it", STR_ARGS(within));
}

static void keep_intent(struct story *story, struct story_session *session, struct story_action *action) {
    if (action == NULL) action = story_add_action(story, session, VALUE(intent_action)->text);
    if (action == NULL) return;
    action->has_intent = true;
    action->hold = STORY_HOLD_NONE;
    action->bundle = arena_copy(&action->arena, VALUE(intent_bundle)->text);
    action->reveal = arena_copy(&action->arena, VALUE(intent_reveal)->raw);
    action->reveal_request = arena_copy(&action->arena, VALUE(intent_reveal_request)->raw);
}

static void note_intent(struct story *story, struct story_session *session) {
    struct str id = VALUE(intent_action)->text;
    struct story_action *action = story_find_action(story, id);
    bool is_denied = str_equal(VALUE(intent_verdict)->text, EVENT_VERDICT_DENY);
    uint64_t number = 0;
    session->intents++;
    session->denials += is_denied;
    if (action != NULL && action->has_intent) return; /* the trail has said so */
    check_identity(story, session);
    check_decision(story, session);
    story_check_approval(story, action);
    if (number_of(story, session, id, &number)) check_within(story, session, number);
    if (number > session->highest) session->highest = number;
    if (!is_denied) keep_intent(story, session, action);
    else if (action != NULL) story_drop_action(story, session, action);
}

/* ---- Outcomes -------------------------------------------------------------------------------------------------- */

/* ["email","iban"], or ["*"] for all. */
static bool reveals(struct str raw, struct str class, bool *all) {
    char quoted[128];
    *all = str_equal(raw, STR("[\"*\"]"));
    if (*all) return true;
    int length = snprintf(quoted, sizeof(quoted), "\"%.*s\"", STR_ARGS(class));
    return length > 0 && (size_t)length < sizeof(quoted) && str_find(raw, str_make(quoted, (size_t)length)) != STR_NOT_FOUND;
}

/* A class is masked or revealed as its intent has it. */
static void check_classes(struct story *story, struct str reveal, const struct event_value *masked,
                          const struct event_value *revealed, const char *what) {
    bool all;
    for (size_t i = 0; i < masked->name_count; i++) {
        if (reveals(reveal, masked->names[i], &all)) {
            story_bad(story, "it masked \"%.*s\"%s, which its intent reveals", STR_ARGS(masked->names[i]), what);
        }
    }
    for (size_t i = 0; i < revealed->name_count; i++) {
        if (!reveals(reveal, revealed->names[i], &all)) {
            story_bad(story, "it revealed \"%.*s\"%s, which its intent does not", STR_ARGS(revealed->names[i]), what);
        }
    }
}

static void note_outcome(struct story *story, struct story_session *session) {
    struct story_action *action = story_find_action(story, VALUE(outcome_action)->text);
    if (action == NULL || !action->has_intent) return; /* the trail has said so */
    if (VALUE(outcome_bundle)->is_set && !str_equal(VALUE(outcome_bundle)->text, action->bundle)) {
        story_bad(story, "its bundle is not that of its intent");
    }
    check_classes(story, action->reveal, VALUE(outcome_masked), VALUE(outcome_revealed), "");
    check_classes(story, action->reveal_request, VALUE(outcome_masked_request), VALUE(outcome_revealed_request),
                  " in the request");
    story_drop_action(story, session, action);
}

/* ---- Sessions end ---------------------------------------------------------------------------------------------- */

static void check_total(struct story *story, const struct event_value *claimed, uint64_t found, const char *what) {
    if (!claimed->is_set || claimed->natural == found) return;
    story_bad(story, "the session counts %llu %s, but the log has %llu", (unsigned long long)claimed->natural, what,
              (unsigned long long)found);
}

static void check_totals(struct story *story, const struct story_session *session) {
    uint64_t unrecorded = VALUE(session_end_unrecorded)->natural;
    uint64_t gaps = session->highest - (session->intents < session->highest ? session->intents : session->highest);
    check_total(story, VALUE(session_end_actions), session->intents, "actions");
    check_total(story, VALUE(session_end_denials), session->denials, "denials");
    check_total(story, VALUE(session_end_entries), story->entry->seq + 1, "entries");
    if (gaps != unrecorded) {
        story_bad(story, "%llu numbers of the session's actions are missing, and %llu are declared",
                  (unsigned long long)gaps, (unsigned long long)unrecorded);
    } else if (gaps > 0) {
        story_warn(story, "%llu actions of the session could not be recorded, and did not go on", (unsigned long long)gaps);
    }
}

static void end_session(struct story *story, struct story_session *session) {
    for (const struct story_action *action = session->actions; action != NULL; action = action->next) {
        if (action->hold != STORY_HOLD_OPEN) continue;
        story_bad(story, "the hold of action %.*s has not ended, and its session has", STR_ARGS(action->id));
    }
    if (story->form.is_interrupted) story->is_closing = true;
    else check_totals(story, session);
    drop_session(story, session);
}

static void end_run(struct story *story, struct story_session *session) {
    if (story->is_closing && !story->form.is_interrupted) {
        story_bad(story, "a run that ended well, after a session of it that did not");
    }
    story->is_closing = false;
    drop_session(story, session);
}

/* ---- The node -------------------------------------------------------------------------------------------------- */

static void note_heartbeat(struct story *story, struct story_session *session) {
    uint64_t number = VALUE(heartbeat_number)->natural;
    if (number <= session->beats) {
        story_bad(story, "heartbeat %llu comes after heartbeat %llu", (unsigned long long)number,
                  (unsigned long long)session->beats);
    } else if (number > session->beats + 1) {
        story_warn(story, "%llu heartbeats before it could not be recorded",
                   (unsigned long long)(number - session->beats - 1));
    }
    session->beats = number;
    if (!story_world_has_bundle(story->world, VALUE(heartbeat_bundle)->text)) {
        story_bad(story, "its bundle is not in the log before it");
    }
}

static int note_world(struct story *story) {
    struct error error;
    if (story_world_note(story->world, &story->form, story->entry->index, &error) == 0) return 0;
    if (error.code == ERROR_MEMORY) return -1;
    story_bad(story, "%s", error.text);
    return 0;
}

/* ---- Entries --------------------------------------------------------------------------------------------------- */

/* Between the first session that a crash left open and the end of its run, nothing but ends can stand. */
static void check_closing(struct story *story) {
    if (story->is_closing && !story->form.is_interrupted && story->form.type != EVENT_TYPE_node_stop) {
        story_bad(story, "an event \"%.*s\" while an interrupted run is being closed", STR_ARGS(story->entry->summary.type));
    }
}

static int note_by_type(struct story *story) {
    struct story_session *session = map_get(&story->sessions, key_of(&story->entry->session));
    switch (story->form.type) {
    case EVENT_TYPE_node_start: begin_run(story); return 0;
    case EVENT_TYPE_session_start: begin_session(story); return 0;
    default: break;
    }
    if (session == NULL) return 0; /* the trail has said so */
    if (session->is_node != story->form.is_node) {
        story_bad(story, "an event \"%.*s\" in %s session", STR_ARGS(story->entry->summary.type),
                  session->is_node ? "the node's" : "a client's");
        return 0;
    }
    switch (story->form.type) {
    case EVENT_TYPE_approval: story_note_vote(story, session); break;
    case EVENT_TYPE_bundle_activated:
    case EVENT_TYPE_entities_activated: return note_world(story);
    case EVENT_TYPE_heartbeat: note_heartbeat(story, session); break;
    case EVENT_TYPE_node_reload:
        if (!story_world_has_bundle(story->world, VALUE(node_reload_bundle)->text)) {
            story_bad(story, "its bundle is not in the log before it");
        }
        break;
    case EVENT_TYPE_hold_ended: story_note_hold_ended(story, session); break;
    case EVENT_TYPE_hold_requested: story_note_hold(story, session); break;
    case EVENT_TYPE_intent: note_intent(story, session); break;
    case EVENT_TYPE_node_stop: end_run(story, session); break;
    case EVENT_TYPE_outcome: note_outcome(story, session); break;
    case EVENT_TYPE_session_end: end_session(story, session); break;
    default: break; /* says nothing that others would have to agree with */
    }
    return 0;
}

int story_note(struct story *story, const struct ledger_entry *entry) {
    struct error error;
    story->entry = entry;
    arena_reset(&story->scratch);
    if (event_form_read(&story->form, entry->event, entry->summary.type, &story->scratch, &error) != 0) {
        bool was_lenient = story->is_lenient;
        story->is_lenient = false; /* what an entry says of itself is looked at always */
        story_bad(story, "%s", error.text);
        story->is_lenient = was_lenient;
        return 0;
    }
    check_closing(story);
    if (note_by_type(story) != 0 || story->is_out_of_memory) return -1;
    return 0;
}

void story_skip(struct story *story) { story->is_lenient = true; }

const struct str *story_proven(const struct story *story, struct str action, size_t *count) {
    const struct story_action *found = story_find_action(story, action);
    *count = found != NULL ? found->proven_count : 0;
    return found != NULL ? found->proven : NULL;
}
