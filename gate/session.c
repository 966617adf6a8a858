/* Login, the exchange, and an end that is always recorded. */
#include "gate/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gate/exchange.h"
#include "gate/token_use.h"
#include "run/offload.h"

#define SESSION_MAGIC 0x5e5510a1u
#define SESSION_TOKEN_ARENA_BYTES 4096u
#define SESSION_FAREWELL_NS (2 * NANOSECONDS_PER_SECOND)

struct str session_client_ip(const struct session *session) {
    struct net_address address;
    return net_address_parse(session->wire.client_address, &address) == 0 ? net_address_ip(&address) : STR_NONE;
}

/* ---- Login ----------------------------------------------------------------------------------------------------- */

struct authentication {
    struct session *session;
    const struct wire_login *login;
    struct token_info token;
    int result;
    struct error *error;
};

/* On a helper thread: the store blocks. */
static void authenticate(void *argument) {
    struct authentication *authentication = argument;
    struct session *session = authentication->session;
    const struct identity *identity = session->login_snapshot->identity;
    struct store *store = session->worker->gateway->store;
    struct str token = secret_view(&authentication->login->token);
    authentication->result =
        authentication->login->is_bearer
            ? identity_authenticate_bearer(identity, store, token, clock_real_us(), &session->principal,
                                           &authentication->token, authentication->error)
            : identity_authenticate(identity, store, authentication->login->user, token, clock_real_us(),
                                    &session->principal, &authentication->token, authentication->error);
}

static int check_login(struct session *session, const struct wire_login *login, struct token_info *token,
                       struct error *error) {
    struct authentication authentication = {.session = session, .login = login, .error = error};
    if (!recorder_is_accepting(session->worker->recorder, error)) return -1;
    if (offload_run(OFFLOAD_STATE_READ, authenticate, &authentication, error) != 0) return -1;
    *token = authentication.token;
    if (authentication.result == 0) token_use_note(session->worker->gateway->store, token, clock_real_us());
    return authentication.result;
}

struct token_check {
    struct session *session;
    int result;
    struct error *error;
};

/* On a helper thread. */
static void check_token(void *argument) {
    struct token_check *check = argument;
    struct session *session = check->session;
    struct token_info token = {0};
    struct arena arena;
    arena_init(&arena, SESSION_TOKEN_ARENA_BYTES);
    check->result = store_token_find(session->worker->gateway->store, &arena, &session->token_hash, &token, check->error);
    if (check->result == 0 && token.revoked_us != 0) {
        check->result = error_set(check->error, ERROR_DENIED, "the token of this session has been revoked: log in again "
                                                              "with a new one");
    }
    arena_free(&arena);
}

int session_check_token(struct session *session, struct error *error) {
    int64_t now_us = clock_real_us();
    if (now_us - session->token_checked_us < SESSION_TOKEN_CHECK_US && now_us >= session->token_checked_us) return 0;
    struct token_check check = {.session = session, .error = error};
    if (offload_run(OFFLOAD_STATE_READ, check_token, &check, error) != 0 || check.result != 0) return -1;
    session->token_checked_us = now_us;
    return 0;
}

/* The session_start entry, of a login that was accepted or refused. */
static int begin_record(struct session *session, const struct wire_login *login, const struct token_info *token,
                        struct str refusal, struct error *error) {
    struct str token_id = token->id > 0 ? arena_format(&session->wire.arena, "%" PRId64, token->id) : STR_NONE;
    /* Who has not logged in may type anything there. */
    bool tells_database = refusal.length == 0 && !record_is_telling(session->worker->masks, login->database);
    struct record_session_facts facts = {
        .protocol = session->wire.protocol->name,
        .upstream = session->upstream->name,
        .environment = session->upstream->environment,
        .database = tells_database ? login->database : STR_NONE,
        .client_address = session->wire.client_address,
        .token_id = token_id,
        .claimed_name = login->user,
        .is_name_known = identity_find(session->login_snapshot->identity, login->user) != NULL,
        .principal = refusal.length > 0 ? NULL : session->principal,
        .refusal = refusal,
    };
    return record_begin(&session->record, session->worker->recorder, session->wire.id, &facts, error);
}

static int open_policy(struct session *session, const struct token_info *token, struct error *error) {
    session->principal_name = arena_copy(&session->wire.arena, session->principal->name);
    session->token_hash = token->hash;
    session->token_expires_us = token->expires_us;
    session->token_checked_us = clock_real_us();
    session->policy = policy_session_new(session->login_snapshot->bundle, session->principal,
                                         session_client_ip(session), error);
    bool is_open = session->policy != NULL && session->principal_name.data != NULL;
    if (!is_open || !session->wire.protocol->masks_requests) return is_open ? 0 : -1;
    session->shelf = shelf_take(session->worker->gateway->shelves, session->principal_name, session->upstream->name);
    return session->shelf != NULL ? 0 : error_out_of_memory(error);
}

/* From the claimed login to a client that may speak. */
static int log_in(struct session *session, const struct wire_login *login, struct error *error) {
    const struct wire_protocol *protocol = session->wire.protocol;
    struct token_info token = {0};
    struct error begin_error;
    int checked = check_login(session, login, &token, error);
    if (begin_record(session, login, &token, checked != 0 ? str_from_cstr(error->text) : STR_NONE, &begin_error) != 0) {
        *error = begin_error;
        return -1;
    }
    if (checked != 0) return -1;
    if (record_await(&session->record, session->record.recorded, error) != 0) return -1;
    if (open_policy(session, &token, error) != 0) return -1;
    if (protocol->open_upstream(&session->wire, error) != 0) return -1;
    return protocol->greet(&session->wire, error);
}

/* ---- The session's fiber --------------------------------------------------------------------------------------- */

/* Why the session ended, as its last entry says it: a word of ours, never text of a peer. */
static struct str end_reason(int result, const struct error *error) {
    if (result == 0) return STR("client_left");
    switch (error->code) {
    case ERROR_CLOSED: return STR("connection_closed");
    case ERROR_CANCELLED: return STR("shutdown");
    case ERROR_DENIED: return STR("denied");
    case ERROR_UNAVAILABLE: return STR("unavailable");
    case ERROR_LIMIT: return STR("limit");
    case ERROR_TIMEOUT: return STR("timeout");
    case ERROR_PROTOCOL: return STR("protocol_error");
    default: return STR("error");
    }
}

static void unlink_session(struct session *session) {
    struct gate_worker *worker = session->worker;
    if (session->previous != NULL) session->previous->next = session->next;
    else worker->sessions = session->next;
    if (session->next != NULL) session->next->previous = session->previous;
    atomic_fetch_sub(&worker->gateway->session_count, 1);
}

static void free_session(struct session *session) {
    gateway_forget_cancel_key(session->worker->gateway, session);
    while (session->cancel_count > 0) {
        if (condition_wait(&session->cancels_done, FIBER_NO_DEADLINE, NULL) != 0) continue;
    }
    unlink_session(session);
    session->wire.protocol->close(&session->wire);
    policy_session_free(&session->policy);
    shelf_release(&session->shelf);
    stream_close(&session->wire.upstream);
    stream_close(&session->wire.client);
    snapshot_release(&session->snapshot);
    snapshot_release(&session->login_snapshot);
    arena_free(&session->wire.arena);
    free(session);
}

/* P. What is buffered for the client leaves with its evidence or not at all, also when a farewell flushes it. */
static void withhold_unproven(struct session *session) {
    struct error why;
    if (session->wire.client == NULL || session->answer_mark == 0) return;
    if (record_await(&session->record, session->answer_mark, &why) != 0) buffer_clear(stream_output(session->wire.client));
}

static void tell_end(struct session *session, struct error *error) {
    if (session->is_told || error->code == ERROR_CLOSED) return;
    session->is_told = true;
    withhold_unproven(session);
    if (error->code == ERROR_CANCELLED) error_set(error, ERROR_CANCELLED, "the gateway is shutting down");
    log_info("session %016" PRIx64 " of %.*s ended: %s", session->wire.id, STR_ARGS(session->principal_name), error->text);
    session->wire.protocol->reject(&session->wire, error);
}

void session_take_leave(struct session *session, struct error *error) {
    tell_end(session, error);
    if (stream_say_goodbye(session->wire.client, clock_monotonic_ns() + SESSION_FAREWELL_NS) == 0) return;
    log_debug("session %016" PRIx64 ": the client left before it was told", session->wire.id);
}

static void tell_and_end(struct session *session, int result, struct error *error) {
    withhold_unproven(session);
    if (result != 0) tell_end(session, error);
    record_end(&session->record, end_reason(result, error));
    if (session->wire.client != NULL) {
        stream_finish(&session->wire.client, clock_monotonic_ns() + SESSION_FAREWELL_NS);
    }
}

static void hand_over(struct session *session);

static void session_main(void *argument) {
    struct session *session = argument;
    struct wire_login login = {0};
    struct error error = {0};
    session->ask = fiber_self();
    int result = session->wire.protocol->accept(&session->wire, &login, &error);
    bool is_over = result != 0 || login.is_cancel;
    if (!is_over) {
        result = log_in(session, &login, &error);
        secret_wipe(&login.token);
        if (result == 0) result = gateway_remember_cancel_key(session->worker->gateway, session, &error);
        if (result == 0) result = exchange_run(session, &error);
    }
    secret_wipe(&login.token);
    fiber_shield_begin();
    if (session->wire.has_successor && result == 0) hand_over(session);
    if (!login.is_cancel) tell_and_end(session, result, &error);
    free_session(session);
    fiber_shield_end();
}

static bool is_private_address(struct str address) {
    struct net_address parsed;
    return net_address_parse(address, &parsed) == 0 && net_address_is_local(&parsed);
}

static struct session *new_session(struct gate_worker *worker, size_t listener_index, struct str peer) {
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL) return NULL;
    session->worker = worker;
    session->login_snapshot = snapshot_slot_take(&worker->gateway->snapshot, &session->generation);
    session->snapshot = snapshot_hold(session->login_snapshot);
    session->listener = &session->login_snapshot->config->listeners[listener_index];
    session->upstream = session->listener->upstream;
    struct wire_session *wire = &session->wire;
    wire->magic = SESSION_MAGIC;
    random_bytes(&wire->id, sizeof(wire->id));
    arena_init(&wire->arena, SESSION_ARENA_BYTES);
    wire->client_address = arena_copy(&wire->arena, peer);
    wire->tls = session->login_snapshot->listener_tls[listener_index];
    wire->allows_plaintext_token = is_private_address(wire->client_address);
    wire->target = &session->login_snapshot->upstreams[session->upstream - session->login_snapshot->config->upstreams];
    wire->protocol = wire_protocol_find(session->listener->protocol);
    wire->gate = &exchange_gate;
    wire->http_pool = worker->http_pool;
    session->next = worker->sessions;
    if (session->next != NULL) session->next->previous = session;
    worker->sessions = session;
    atomic_fetch_add(&worker->gateway->session_count, 1);
    return session;
}

static bool run(struct session *session) {
    struct fiber *fiber = fiber_start(session->worker->worker, session_main, session, "session");
    fiber_detach(fiber);
    return fiber != NULL;
}

/* The connection goes on, as somebody else's: under the configuration of now. */
static void hand_over(struct session *session) {
    size_t listener_index = (size_t)(session->listener - session->login_snapshot->config->listeners);
    struct session *next = new_session(session->worker, listener_index, session->wire.client_address);
    if (next == NULL) return;
    next->wire.client = session->wire.client;
    next->wire.state = session->wire.state;
    session->wire.client = NULL;
    session->wire.state = NULL;
    if (!run(next)) free_session(next);
}

void session_start(struct gate_worker *worker, size_t listener_index, int fd, const char *peer) {
    struct session *session = new_session(worker, listener_index, str_from_cstr(peer));
    struct error error;
    if (session == NULL) {
        close(fd);
        log_error("a connection was dropped: out of memory");
        return;
    }
    session->wire.client = stream_from_fd(fd, &error);
    if (session->wire.client != NULL && run(session)) return;
    log_error("a connection was dropped: out of memory");
    free_session(session);
}

static void cancel_main(void *argument) {
    struct session *session = argument;
    session->wire.protocol->cancel_upstream(&session->wire);
    session->cancel_count--;
    condition_wake_all(&session->cancels_done);
}

void session_cancel(struct session *session) {
    if (session->hold != NULL) {
        approval_cancel(session->hold);
        return;
    }
    struct fiber *fiber = fiber_start(session->worker->worker, cancel_main, session, "cancel");
    if (fiber == NULL) return; /* as a lost cancel request: the client may ask again */
    session->cancel_count++;
    fiber_detach(fiber);
}

void session_drain(struct session *session) {
    session->is_draining = true;
    if (session->hold != NULL) approval_interrupt(session->hold);
    else if (session->in_flight == 0 && session->ask != NULL) fiber_cancel(session->ask);
}
