/* A gateway without policy and evidence, to try wire/postgres with real clients and a real server:
 *
 *     postgres_relay PORT UPSTREAM-ADDRESS USER [mask] [deny=TEXT] [password=TEXT] [cap=BYTES]
 *
 * Every token is accepted. Every action is allowed, but those whose text holds the text of deny=. With mask, every
 * value that holds "@" is masked, and every value of a column named "secret". One line an action goes to stdout. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/listener.h"
#include "run/sync.h"
#include "wire/postgres/catalog.h"
#include "wire/wire.h"

#define SESSIONS_MAX 20000

static struct relay_options {
    struct wire_upstream target;
    struct secret password;
    struct str denied;
    bool masks;
    bool is_quiet;
} options;

struct relay_session {
    struct wire_session wire;
    struct fiber *ask;
    struct fiber *answer;
    bool is_done;
    struct condition ended;
    struct error error;
};

static struct relay_session *sessions[SESSIONS_MAX];
static uint64_t next_session_id = 1;

/* ---- a plan that masks what looks like an address ---- */

static struct mask_field plan_field(const struct mask_plan *plan, struct str name) {
    (void)plan;
    return (struct mask_field){str_equal(name, STR("secret"))};
}

static enum mask_result plan_value(const struct mask_plan *plan, struct mask_field field, enum mask_shape shape,
                                   struct str value, struct buffer *out, struct class_counts *masked,
                                   struct class_counts *revealed) {
    (void)plan;
    (void)shape;
    (void)revealed;
    if (field.hint == 0 && str_find_byte(value, '@') == STR_NOT_FOUND) return MASK_UNCHANGED;
    buffer_append_cstr(out, "<masked>");
    masked->count[0]++;
    return MASK_CHANGED;
}

static const struct mask_plan masking_plan = {.field = plan_field, .value = plan_value};
static const struct mask_plan revealing_plan = {.reveals_all = true};

static const struct mask_plans masking_plans = {.answer = &masking_plan};
static const struct mask_plans revealing_plans = {.answer = &revealing_plan};

static const struct mask_plans *plans(void) { return options.masks ? &masking_plans : &revealing_plans; }

/* ---- a gate that lets everything through ---- */

static int await_nothing(struct wire_session *session, struct error *error) {
    (void)session;
    (void)error;
    return 0;
}

static int inspect_nothing(struct wire_session *session, struct str name, enum mask_shape shape, struct str value,
                           struct class_counts *found, struct error *error) {
    (void)session;
    (void)name;
    (void)shape;
    (void)error;
    if (str_find_byte(value, '@') != STR_NOT_FOUND) found->count[0]++;
    return 0;
}

static void run_cancel(void *argument) {
    struct relay_session *session = argument;
    if (session->wire.upstream != NULL) session->wire.protocol->cancel_upstream(&session->wire);
}

static void cancel(struct wire_session *session, struct str key) {
    (void)session;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i] == NULL || sessions[i]->wire.cancel_key.length == 0) continue;
        if (str_equal(sessions[i]->wire.cancel_key, key)) return run_cancel(sessions[i]);
    }
}

static const struct wire_gate gate = {
    .await_intents = await_nothing, .await_outcomes = await_nothing, .inspect = inspect_nothing, .cancel = cancel};

/* ---- the two fibers ---- */

static void end(struct relay_session *session, int result, const struct error *error) {
    if (!session->is_done) {
        session->is_done = true;
        session->error = result < 0 ? *error : (struct error){0};
    }
    condition_wake_all(&session->ended);
}

static void print_action(const char *what, const struct action *action) {
    if (options.is_quiet) return;
    const struct outcome *outcome = &action->outcome;
    printf("%s %s steps=%zu status=%d code=%s tag=%s rows=%" PRIu64 " bytes=%" PRIu64 " masked=%u classes=%u %.*s",
           what,
           action->id, action->step_count, (int)outcome->status, outcome->code, outcome->tag, outcome->rows,
           outcome->bytes, outcome->masked.count[0], action->request_classes.count[0],
           STR_ARGS(str_slice(action->text, 0, 200)));
    for (size_t i = 0; i < action->step_count; i++)
        printf(" [%.*s %.*s]", STR_ARGS(action->steps[i].verb), STR_ARGS(action->steps[i].resource->id));
    printf("\n");
    fflush(stdout);
}

static void run_ask(void *argument) {
    struct relay_session *session = argument;
    struct wire_session *wire = &session->wire;
    struct error error = {0};
    int result = 0;
    struct action *action;
    while (result == 0 && (result = wire->protocol->next_action(wire, &action, &error)) == 1) {
        bool is_denied = options.denied.length > 0 && str_find(action->text, options.denied) != STR_NOT_FOUND;
        action->verdict.kind = is_denied ? VERDICT_DENY : VERDICT_ALLOW;
        print_action(is_denied ? "deny" : "allow", action);
        static const struct str policy = STR("relay-deny");
        action->verdict.policies = &policy;
        action->verdict.policy_count = 1;
        result = is_denied ? wire->protocol->refuse(wire, action, &error)
                           : wire->protocol->forward(wire, action, plans(), &error);
        if (result != 0) action_free(&action);
    }
    end(session, result, &error);
}

static void run_answer(void *argument) {
    struct relay_session *session = argument;
    struct wire_session *wire = &session->wire;
    struct error error = {0};
    struct action *action;
    int result = 0;
    while (result == 0 && (result = wire->protocol->next_answer(wire, &action, &error)) == 1) {
        print_action("done", action);
        result = wire->protocol->release(wire, action, &error);
        action_free(&action);
    }
    end(session, result, &error);
}

static void run_fibers(struct relay_session *session) {
    struct wire_session *wire = &session->wire;
    struct action *action;
    struct error error;
    session->ask = fiber_start(worker_self(), run_ask, session, "ask");
    session->answer = fiber_start(worker_self(), run_answer, session, "answer");
    while (!session->is_done) {
        if (condition_wait(&session->ended, FIBER_NO_DEADLINE, &error) != 0) break;
    }
    if (session->error.code == ERROR_NONE && !fiber_has_ended(session->answer)) {
        /* the client is done: let the server close */
        uint64_t deadline_ns = clock_monotonic_ns() + 2 * NANOSECONDS_PER_SECOND;
        while (!fiber_has_ended(session->answer) && condition_wait(&session->ended, deadline_ns, &error) == 0) continue;
    }
    fiber_cancel(session->ask);
    fiber_cancel(session->answer);
    fiber_join(session->ask);
    fiber_join(session->answer);
    while ((action = wire->protocol->take_unanswered(wire)) != NULL) {
        print_action("unanswered", action);
        action_free(&action);
    }
}

static void run_session(void *argument) {
    struct relay_session *session = argument;
    struct wire_session *wire = &session->wire;
    struct wire_login login = {0};
    struct error error = {0};
    size_t slot = wire->id % SESSIONS_MAX;
    sessions[slot] = session;
    if (wire->protocol->accept(wire, &login, &error) != 0) {
        wire->protocol->reject(wire, &error);
    } else if (!login.is_cancel) {
        if (wire->protocol->open_upstream(wire, &error) != 0 || wire->protocol->greet(wire, &error) != 0) {
            wire->protocol->reject(wire, &error);
        } else {
            run_fibers(session);
            if (session->error.code != ERROR_NONE) wire->protocol->reject(wire, &session->error);
            if (session->error.code != ERROR_NONE && !options.is_quiet) printf("ended: %s\n", session->error.text);
        }
    }
    sessions[slot] = NULL;
    secret_wipe(&login.token);
    wire->protocol->close(wire);
    stream_finish(&wire->client, clock_monotonic_ns() + NANOSECONDS_PER_SECOND);
    arena_free(&wire->arena);
    free(session);
}

static void run_listener(void *argument) {
    struct listener *listener = argument;
    char peer[LISTENER_PEER_BYTES];
    struct error error;
    int fd;
    while (listener_accept(listener, &fd, peer, &error) == 0) {
        struct relay_session *session = calloc(1, sizeof(*session));
        CHECK(session != NULL);
        struct wire_session *wire = &session->wire;
        wire->id = next_session_id++;
        arena_init(&wire->arena, 1u << 20);
        wire->client = stream_from_fd(fd, &error);
        wire->allows_plaintext_token = true;
        wire->target = &options.target;
        wire->protocol = wire_protocol_find(STR("postgres"));
        wire->gate = &gate;
        wire->ambient_plan = plans()->answer;
        CHECK(wire->client != NULL);
        fiber_detach(fiber_start(worker_self(), run_session, session, "session"));
    }
    listener_close(&listener);
}

static void start_listener(void *argument) {
    fiber_detach(fiber_start(worker_self(), run_listener, argument, "listener"));
}

static void read_option(struct str text) {
    if (str_equal(text, STR("mask"))) options.masks = true;
    if (str_equal(text, STR("quiet"))) options.is_quiet = true;
    if (str_starts_with(text, STR("deny="))) options.denied = str_slice(text, 5, text.length);
    if (str_starts_with(text, STR("cap="))) {
        uint64_t bytes;
        if (str_parse_u64(str_slice(text, 4, text.length), &bytes) == 0) options.target.message_bytes_max = bytes;
    }
    if (str_starts_with(text, STR("password="))) {
        CHECK(secret_set(&options.password, str_slice(text, 9, text.length)) == 0);
        options.target.password = &options.password;
    }
}

int main(int argc, char **argv) {
    struct error error;
    uint64_t port;
    if (argc < 4 || str_parse_u64(str_from_cstr(argv[1]), &port) != 0) {
        fprintf(stderr, "usage: postgres_relay PORT ADDRESS USER [mask] [quiet] [deny=TEXT] [password=TEXT]\n");
        return 2;
    }
    options.target = (struct wire_upstream){
        .name = STR("test"), .environment = STR("test"), .address = str_from_cstr(argv[2]),
        .user = str_from_cstr(argv[3]), .message_bytes_max = 64u << 20,
        .connect_timeout_ns = 5 * NANOSECONDS_PER_SECOND};
    for (int i = 4; i < argc; i++) read_option(str_from_cstr(argv[i]));
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    struct listener *listener = listener_open("127.0.0.1", (uint16_t)port, LISTENER_BACKLOG, &error);
    struct runtime *runtime;
    if (listener == NULL || runtime_start(&runtime, 1, 1, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    CHECK(worker_post(runtime_worker(runtime, 0), start_listener, listener) == 0);
    int signal_number;
    sigwait(&signals, &signal_number);
    runtime_free(&runtime);
    catalog_forget_all();
    secret_wipe(&options.password);
    return 0;
}
