/* The pass: sessions come and go, actions are rebuilt in one action that is used again and again. */
#include "guard/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "base/map.h"
#include "base/net_address.h"
#include "guard/replay_tags.h"
#include "ledger/reader.h"
#include "ledger/story.h"

/* What is known of a session at this point of the log. */
struct replay_session {
    uint64_t id; /* the key in the map */
    struct str principal;
    struct str address; /* STR_NONE: a Unix socket */
    struct str source;
    uint64_t actions;
    uint64_t denials;
    char held[ACTION_ID_BYTES]; /* the action that has hold_requested and no intent yet */
    uint32_t holds;             /* how many */
    char text[];
};

struct replay {
    const struct replay_options *options;
    replay_function *on_decision;
    replay_problem_function *on_problem;
    void *context;
    struct replay_summary *summary;
    struct ledger_reader *reader;
    struct replay_bundles *bundles;
    struct map sessions;
    struct action *action;
    struct arena scratch;
    struct error last_problem;
    struct story *story;    /* what votes have proven so far */
    bool is_story_broken;   /* by the entry that is looked at */
};

/* ---- Sessions ------------------------------------------------------------------------------------------------ */

static struct str ip_of(struct str text) {
    struct net_address address;
    return net_address_parse(text, &address) == 0 ? net_address_ip(&address) : STR_NONE;
}

struct session_start {
    struct str principal;
    struct str address;
    struct str environment;
    struct str upstream;
};

static int parse_start(struct replay *replay, struct str event, struct session_start *start) {
    struct json_reader reader;
    struct str key;
    *start = (struct session_start){.principal = STR_NONE};
    arena_reset(&replay->scratch);
    json_reader_init(&reader, event, &replay->scratch);
    json_read_object(&reader);
    while (json_read_member(&reader, &key)) {
        if (str_equal(key, STR("principal"))) start->principal = json_read_string(&reader);
        else if (str_equal(key, STR("client_address"))) start->address = ip_of(json_read_string(&reader));
        else if (str_equal(key, STR("environment"))) start->environment = json_read_string(&reader);
        else if (str_equal(key, STR("upstream"))) start->upstream = json_read_string(&reader);
        else json_skip(&reader);
    }
    return json_reader_is_good(&reader) ? 0 : -1;
}

static struct str put(char **at, struct str text) {
    if (text.data == NULL) return STR_NONE;
    struct str copy = {*at, text.length};
    if (text.length > 0) memcpy(*at, text.data, text.length);
    *at += text.length;
    return copy;
}

static struct replay_session *new_session(const struct ledger_entry *entry, const struct session_start *start) {
    size_t length = start->principal.length + start->address.length + start->environment.length + start->upstream.length;
    struct replay_session *session = calloc(1, sizeof(*session) + length + 1);
    if (session == NULL) return NULL;
    char *at = session->text;
    session->id = entry->session;
    session->principal = put(&at, start->principal);
    session->address = put(&at, start->address);
    const char *source = at;
    put(&at, start->environment);
    *at++ = '/';
    put(&at, start->upstream);
    session->source = str_make(source, (size_t)(at - source));
    return session;
}

static struct str key_of(const uint64_t *id) { return str_make(id, sizeof(*id)); }

static int begin_session(struct replay *replay, const struct ledger_entry *entry, struct error *error) {
    struct session_start start;
    if (parse_start(replay, entry->event, &start) != 0) {
        return error_set(error, ERROR_INVALID, "entry %llu: it is not as doc/evidence-format.md has it",
                         (unsigned long long)entry->index);
    }
    if (replay->sessions.count == REPLAY_SESSIONS_MAX) {
        return error_set(error, ERROR_LIMIT, "entry %llu: more than %d sessions are open at once",
                         (unsigned long long)entry->index, REPLAY_SESSIONS_MAX);
    }
    struct replay_session *session = new_session(entry, &start);
    if (session == NULL) return error_out_of_memory(error);
    free(map_remove(&replay->sessions, key_of(&session->id)));
    if (map_set(&replay->sessions, key_of(&session->id), session) == 0) return 0;
    free(session);
    return error_out_of_memory(error);
}

static void end_session(struct replay *replay, const struct ledger_entry *entry) {
    free(map_remove(&replay->sessions, key_of(&entry->session)));
}

/* ---- Decisions ----------------------------------------------------------------------------------------------- */

/* What goes to a database is inspected, not masked: nothing was asked about it. */
static bool masks_requests(const struct action *action) {
    const struct resource *resource = action->step_count > 0 ? action->steps[0].resource : NULL;
    for (; resource != NULL; resource = resource->parent) {
        if (str_equal(resource->type, STR("Database"))) return false;
    }
    return true;
}

static int decide_reveal(struct replay *replay, const struct replay_session *session, const struct replay_entry *entry,
                         struct policy_session *policy, const struct policy_facts *facts, struct error *error) {
    struct action *action = replay->action;
    struct verdict *verdict = &action->verdict;
    if (policy_reveal(policy, &replay->scratch, facts, session->source, POLICY_SINK_PRINCIPAL, entry->applied,
                      entry->applied_count, &verdict->reveal, error) != 0) {
        return -1;
    }
    if (!masks_requests(action)) return 0;
    if (policy_reveal(policy, &replay->scratch, facts, session->source, POLICY_SINK_UPSTREAM, entry->applied,
                      entry->applied_count, &verdict->reveal_request, error) != 0) {
        return -1;
    }
    return policy_reveal(policy, &replay->scratch, facts, session->source, POLICY_SINK_URL, entry->applied,
                         entry->applied_count, &verdict->reveal_url, error);
}

static int decide(struct replay *replay, const struct replay_session *session, const struct replay_entry *entry,
                  const char *directory, struct verdict *verdict, struct error *error) {
    struct policy_session *policy = replay_bundles_session(replay->bundles, directory, &entry->bundle, &entry->entities,
                                                           session->principal, session->address, error);
    if (policy == NULL) return -1;
    struct policy_facts facts = {
        .now_us = entry->decided_us,
        .session_actions = session->actions,
        .session_denials = session->denials,
        .tokens_1h = entry->tokens_1h,
        .tokens_1d = entry->tokens_1d,
        .source = session->source,
    };
    struct action *action = replay->action;
    action->verdict = (struct verdict){.kind = VERDICT_DENY};
    /* What policy cannot decide on is denied, here as there. */
    struct error undecidable;
    if (policy_decide(policy, &replay->scratch, &facts, action, entry->applied, entry->applied_count, &undecidable) == 0 &&
        action->verdict.kind == VERDICT_ALLOW &&
        decide_reveal(replay, session, entry, policy, &facts, error) != 0) {
        return -1;
    }
    *verdict = action->verdict;
    return 0;
}

static int tell_problem(struct replay *replay, struct str action, const struct error *problem) {
    replay->summary->failed++;
    if (strcmp(replay->last_problem.text, problem->text) == 0) return 0;
    replay->last_problem = *problem;
    replay->on_problem(replay->context, action, problem->text);
    return 0;
}

/* Not the same, and not different: nobody knows. */
static int tell_sealed(struct replay *replay, struct str action) {
    bool has_key = replay->options->kek.length > 0;
    replay->summary->sealed++;
    replay->on_problem(replay->context, action,
                       has_key ? "policies read parameters or names, which cannot be made again from its sealed text"
                               : "policies read parameters or names, which only its sealed text has: name the config");
    return 0;
}

/* An intent's verdict says what happened. Policy held where no decision came after the last hold; it allowed where the
 * gateway itself refused what Cedar allows: no forbid erred then. */
static enum verdict_kind recorded_kind(const struct replay_entry *entry, uint32_t holds) {
    if (entry->is_hold || holds == entry->rounds) return VERDICT_HOLD;
    bool was_refused_by_gateway = entry->is_denied && entry->cedar_allows && entry->error_count == 0;
    return entry->is_denied && !was_refused_by_gateway ? VERDICT_DENY : VERDICT_ALLOW;
}

static int decide_sides(struct replay *replay, struct replay_session *session, const struct replay_entry *entry,
                        uint32_t holds, struct error *error) {
    struct replay_decision decision = {
        .entry = entry,
        .action = replay->action,
        .principal = session->principal,
        .source = session->source,
        .recorded = recorded_kind(entry, holds),
        .repeats_hold = !entry->is_hold && holds == entry->rounds,
    };
    struct error problem;
    for (size_t i = 0; i < replay->options->side_count; i++) {
        if (decide(replay, session, entry, replay->options->sides[i], &decision.verdicts[i], &problem) != 0) {
            return tell_problem(replay, entry->action, &problem);
        }
        bool is_untold = entry->has_untold && decision.verdicts[i].kind != decision.recorded;
        if (is_untold || replay_tags_are_missed(entry, &decision.verdicts[i], replay->options->sides[i] == NULL)) {
            return tell_sealed(replay, entry->action);
        }
    }
    replay->summary->decisions++;
    return replay->on_decision(replay->context, &decision, error);
}

static uint32_t count_holds(struct replay_session *session, const struct replay_entry *entry) {
    bool is_same = str_equal_cstr(entry->action, session->held);
    if (!entry->is_hold) return is_same ? session->holds : 0;
    if (!is_same) {
        session->holds = 0;
        snprintf(session->held, sizeof(session->held), "%.*s", STR_ARGS(entry->action));
    }
    return ++session->holds;
}

/* What an entry claims to have been approved counts where votes before it prove it. */
static int keep_proven(struct replay *replay, struct replay_entry *entry, const struct str *proven, size_t count,
                       struct error *error) {
    struct str *kept = ARENA_NEW_ARRAY(&replay->action->arena, struct str, entry->applied_count + 1);
    size_t kept_count = 0;
    if (kept == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < entry->applied_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (!str_equal(entry->applied[i], proven[j])) continue;
            kept[kept_count] = arena_copy(&replay->action->arena, proven[j]);
            if (kept[kept_count++].data == NULL) return error_out_of_memory(error);
            break;
        }
    }
    entry->applied = kept;
    entry->applied_count = kept_count;
    return 0;
}

/* The story takes in the entry; what votes had proven before it is left in *entry. */
static int follow_story(struct replay *replay, const struct ledger_entry *ledger_entry, struct replay_entry *entry,
                        struct error *error) {
    size_t count;
    const struct str *proven = story_proven(replay->story, ledger_entry->summary.action, &count);
    if (entry != NULL && keep_proven(replay, entry, proven, count, error) != 0) return -1;
    replay->is_story_broken = false;
    if (story_note(replay->story, ledger_entry) != 0) return error_out_of_memory(error);
    if (entry != NULL) entry->is_disproved = replay->is_story_broken;
    return 0;
}

static void on_story(void *context, bool is_bad, uint64_t index, const char *finding) {
    struct replay *replay = context;
    (void)index;
    (void)finding; /* `sworn audit verify` has the words */
    replay->is_story_broken |= is_bad;
}

static int take_action(struct replay *replay, const struct ledger_entry *ledger_entry, struct error *error) {
    struct replay_session *session = map_get(&replay->sessions, key_of(&ledger_entry->session));
    struct replay_entry entry;
    struct error problem;
    int result = 0;
    if (session == NULL) {
        if (follow_story(replay, ledger_entry, NULL, error) != 0) return -1;
        error_set(&problem, ERROR_INVALID, "its session's start is not in the log");
        return tell_problem(replay, ledger_entry->summary.action, &problem);
    }
    bool is_read = replay_entry_parse(ledger_entry, replay->action, &entry, &problem) == 0;
    if (follow_story(replay, ledger_entry, is_read ? &entry : NULL, error) != 0) return -1;
    if (!is_read) {
        result = tell_problem(replay, ledger_entry->summary.action, &problem);
    } else if (!entry.was_decided) {
        replay->summary->undecided++;
    } else {
        const struct replay_seals seals = {replay->options->sealed, replay->options->kek};
        replay_tags_open(&seals, &entry, replay->action);
        result = decide_sides(replay, session, &entry, count_holds(session, &entry), error);
    }
    if (str_equal(ledger_entry->summary.type, EVENT_HOLD_REQUESTED)) return result;
    session->held[0] = '\0';
    session->actions++;
    if (str_equal(ledger_entry->summary.verdict, EVENT_VERDICT_DENY)) session->denials++;
    return result;
}

/* ---- The pass ------------------------------------------------------------------------------------------------ */

static int take_entry(struct replay *replay, const struct ledger_entry *entry, struct error *error) {
    struct str type = entry->summary.type;
    replay->summary->entries++;
    if (str_equal(type, EVENT_INTENT) || str_equal(type, EVENT_HOLD_REQUESTED)) return take_action(replay, entry, error);
    if (follow_story(replay, entry, NULL, error) != 0) return -1;
    if (str_equal(type, EVENT_SESSION_START)) return begin_session(replay, entry, error);
    if (str_equal(type, EVENT_SESSION_END)) end_session(replay, entry);
    return replay_bundles_note(replay->bundles, entry, error);
}

static int open_replay(struct replay *replay, struct error *error) {
    const struct replay_options *options = replay->options;
    CHECK(options->side_count > 0 && options->side_count <= REPLAY_SIDES_MAX);
    map_init(&replay->sessions);
    arena_init(&replay->scratch, POLICY_SCRATCH_BYTES);
    replay->action = action_new(0, 0);
    if (replay->action == NULL || story_new(&replay->story, on_story, replay) != 0) return error_out_of_memory(error);
    if (ledger_reader_open(&replay->reader, options->evidence, STR_NONE, error) != 0) return -1;
    return replay_bundles_new(&replay->bundles, options->evidence, options->sealed, options->kek, error);
}

static void close_replay(struct replay *replay) {
    size_t cursor = 0;
    struct str key;
    void *session;
    while (map_next(&replay->sessions, &cursor, &key, &session)) free(session);
    map_free(&replay->sessions);
    arena_free(&replay->scratch);
    action_free(&replay->action);
    story_free(&replay->story);
    replay_bundles_free(&replay->bundles);
    ledger_reader_free(&replay->reader);
}

int replay_run(const struct replay_options *options, replay_function *on_decision, replay_problem_function *on_problem,
               void *context, struct replay_summary *summary, struct error *error) {
    struct replay replay = {
        .options = options, .on_decision = on_decision, .on_problem = on_problem, .context = context, .summary = summary};
    struct ledger_entry entry;
    *summary = (struct replay_summary){.entries = 0};
    int result = open_replay(&replay, error);
    int got = 0;
    while (result == 0 && (got = ledger_reader_next(replay.reader, &entry, error)) == 1) {
        result = take_entry(&replay, &entry, error);
    }
    close_replay(&replay);
    return result == 0 ? got : -1;
}
