/* The protocol's table, and the life of a session's state. */
#include "wire/postgres/prefix.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define SQL_CACHE_ENTRIES_MAX 2048u
#define SQL_CACHE_BYTES_MAX (32u * 1024 * 1024)
#define WITHHELD_BYTES_MAX (64u * 1024 * 1024)

extern const struct wire_protocol wire_postgres;

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void free_cache(void *value) {
    struct sql_cache *cache = value;
    sql_cache_free(&cache);
}

static void make_cache_key(void) {
    CHECK(pthread_key_create(&cache_key, free_cache) == 0);
}

struct sql_cache *postgres_sql_cache(void) {
    CHECK(pthread_once(&cache_once, make_cache_key) == 0);
    struct sql_cache *cache = pthread_getspecific(cache_key);
    if (cache != NULL) return cache;
    cache = sql_cache_new(SQL_CACHE_ENTRIES_MAX, SQL_CACHE_BYTES_MAX);
    if (cache != NULL && pthread_setspecific(cache_key, cache) != 0) sql_cache_free(&cache);
    return cache;
}

static struct postgres_state *new_state(void) {
    struct postgres_state *state = calloc(1, sizeof(*state));
    if (state == NULL) return NULL;
    state->magic = POSTGRES_STATE_MAGIC;
    state->status = 'I';
    state->sql = sql_session_new();
    buffer_init(&state->parameters, POSTGRES_PARAMETERS_BYTES_MAX);
    buffer_init(&state->withheld, WITHHELD_BYTES_MAX);
    expect_init(&state->expected);
    names_init(&state->names);
    inquiry_init(&state->inquiry);
    arena_init(&state->result, POSTGRES_RESULT_ARENA_BYTES);
    if (state->sql == NULL) {
        free(state);
        return NULL;
    }
    return state;
}

static int accept_client(struct wire_session *session, struct wire_login *login, struct error *error) {
    session->state = new_state();
    if (session->state == NULL) return error_out_of_memory(error);
    return postgres_accept(session, login, error);
}

static void reject_client(struct wire_session *session, const struct error *why) {
    if (session->state != NULL) postgres_reject(session, why);
}

/* What the server said of itself at login. */
static void learn_parameters(struct postgres_state *state) {
    struct str greeting = buffer_view(&state->link.greeting);
    struct message message;
    struct message_option option;
    for (size_t at = 0; message_next(str_slice(greeting, at, greeting.length), &message) == MESSAGE_WHOLE;
         at += message.frame_bytes) {
        if (message_decode_parameter_status(message.body, &option) == 0)
            sql_session_parameter(state->sql, option.name, option.value);
    }
}

static int open_upstream(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct wire_upstream *target = session->target;
    char application_name[32];
    snprintf(application_name, sizeof(application_name), "sworn:%016" PRIx64, session->id);
    if (target->database.length > 0) state->database = target->database;
    if (state->database.length == 0) state->database = target->user;
    state->target = (struct sql_target){
        .environment = target->environment, .upstream = target->name, .database = state->database,
        .has_one_database = target->database.length > 0, .user = target->user};
    struct upstream_login login = {
        .target = target, .database = state->database, .application_name = str_from_cstr(application_name),
        .parameters = buffer_view(&state->parameters),
        .deadline_ns = clock_monotonic_ns() + target->connect_timeout_ns};
    if (upstream_link_open(&state->link, &login, error) != 0) return -1;
    buffer_free(&state->parameters);
    session->upstream = state->link.stream;
    state->status = state->link.status;
    size_t cap_bytes = target->message_bytes_max;
    buffer_init(&state->prefix, cap_bytes);
    buffer_init(&state->plan_text, cap_bytes);
    state->withheld.cap_bytes = 2 * cap_bytes + POSTGRES_GATHER_BYTES;
    stream_set_caps(session->upstream, cap_bytes + STREAM_INPUT_CAP_BYTES, 2 * cap_bytes + STREAM_OUTPUT_CAP_BYTES);
    stream_set_caps(session->client, cap_bytes + STREAM_INPUT_CAP_BYTES, 2 * cap_bytes + STREAM_OUTPUT_CAP_BYTES);
    learn_parameters(state);
    struct relations *relations = relations_of(target->name, state->database);
    if (relations == NULL) return error_set(error, ERROR_LIMIT, "too many databases to remember what is in them");
    sql_session_attach(state->sql, relations);
    sql_session_doubt(state->sql); /* options, and what the role and the database are set to */
    return 0;
}
/* The action's text points into the analysis, which is kept until close. */
static struct action *keep_orphan(struct postgres_state *state, struct action *action,
                                  const struct sql_analysis *analysis) {
    const struct sql_analysis **orphans = realloc(state->orphans, (state->orphan_count + 1) * sizeof(*orphans));
    if (orphans == NULL) {
        action->text = STR_NONE;
        if (analysis != NULL) sql_analysis_release(&analysis);
        return action;
    }
    state->orphans = orphans;
    if (analysis != NULL) orphans[state->orphan_count++] = analysis;
    return action;
}

/* Of an action whose answer did not come to its end. */
static enum outcome_status unanswered_status(const struct postgres_state *state) {
    if (state->is_upstream_lost || state->is_fatal) return OUTCOME_CONNECTION_LOST;
    return state->has_client_left ? OUTCOME_CLIENT_LEFT : OUTCOME_INTERRUPTED;
}

static struct action *take_unanswered(struct wire_session *session) {
    struct postgres_state *state = session->state;
    if (state == NULL) return NULL;
    while (expect_count(&state->expected) > 0) {
        struct expectation entry = expect_pop(&state->expected);
        if (entry.action == NULL) {
            prefix_release_entry(state, &entry);
            continue;
        }
        if (entry.action->outcome.status == OUTCOME_OK) entry.action->outcome.status = unanswered_status(state);
        if (entry.name != NULL) names_give_up(&state->names, entry.name);
        name_parameters_release(&entry.parameters);
        return keep_orphan(state, entry.action, entry.analysis);
    }
    struct action *action = state->described.is_taken ? state->described.action : NULL;
    if (action != NULL) action->outcome.status = unanswered_status(state);
    state->described.is_taken = false;
    return action;
}

static void cancel_upstream(struct wire_session *session) {
    const struct postgres_state *state = postgres_state(session);
    struct error error;
    char key[UPSTREAM_CANCEL_KEY_BYTES_MAX];
    size_t length = state->link.cancel_key_length;
    if (length == 0) return;
    memcpy(key, state->link.cancel_key, length);
    if (upstream_cancel(session->target, str_make(key, length),
                        clock_monotonic_ns() + session->target->connect_timeout_ns, &error) != 0)
        log_warning("session %016" PRIx64 ": the cancellation did not reach the upstream: %s", session->id, error.text);
}

static void close_session(struct wire_session *session) {
    struct postgres_state *state = session->state;
    struct expectation entry;
    if (state == NULL) return;
    CHECK_MAGIC(state, POSTGRES_STATE_MAGIC);
    while (expect_count(&state->expected) > 0) {
        entry = expect_pop(&state->expected);
        prefix_release_entry(state, &entry);
    }
    while (expect_pop_pending(&state->expected, &entry)) prefix_release_entry(state, &entry);
    if (state->described.analysis != NULL) sql_analysis_release(&state->described.analysis);
    if (state->released != NULL) sql_analysis_release(&state->released);
    for (size_t i = 0; i < state->orphan_count; i++) sql_analysis_release(&state->orphans[i]);
    free(state->orphans);
    expect_free(&state->expected);
    names_free(&state->names);
    sql_session_free(&state->sql);
    copy_mask_free(&state->copy_mask);
    copy_mask_free(&state->copy_received);
    buffer_free(&state->plan_text);
    inquiry_free(&state->inquiry);
    arena_free(&state->result);
    buffer_free(&state->parameters);
    buffer_free(&state->prefix);
    buffer_free(&state->withheld);
    upstream_link_close(&state->link);
    session->upstream = NULL;
    session->state = NULL;
    state->magic = 0;
    free(state);
}

const struct wire_protocol wire_postgres = {
    .name = STR("postgres"),
    .accept = accept_client,
    .reject = reject_client,
    .open_upstream = open_upstream,
    .greet = postgres_greet,
    .next_action = postgres_next_action,
    .forward = postgres_forward,
    .refuse = postgres_refuse,
    .next_answer = postgres_next_answer,
    .release = postgres_release,
    .push_answers = postgres_push_answers,
    .add_settings = postgres_add_settings,
    .take_unanswered = take_unanswered,
    .cancel_upstream = cancel_upstream,
    .close = close_session,
};
