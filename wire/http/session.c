/* The connection: login by the token of its first request, then one exchange after the other. */
#include <stdlib.h>

#include "run/fiber.h"
#include "wire/http/dialect.h"

struct http_state *http_state(const struct wire_session *session) {
    struct http_state *state = session->state;
    CHECK_MAGIC(state, HTTP_STATE_MAGIC);
    return state;
}

/* ---- Exchanges ------------------------------------------------------------------------------------------------- */

struct http_exchange *http_exchange_new(struct wire_session *session, struct error *error) {
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    size_t body_bytes_max = session->target->message_bytes_max;
    if (body_bytes_max > HTTP_BODY_BYTES_MAX) body_bytes_max = HTTP_BODY_BYTES_MAX;
    exchange->session = session;
    exchange->dialect = http_state(session)->dialect;
    arena_init(&exchange->arena, HTTP_EXCHANGE_ARENA_BYTES);
    buffer_init(&exchange->body, body_bytes_max);
    buffer_init(&exchange->text, body_bytes_max + (1u << 20));
    buffer_init(&exchange->answer_body, session->target->message_bytes_max);
    buffer_init(&exchange->out, session->target->message_bytes_max + (1u << 20));
    return exchange;
}

void http_exchange_free(struct http_exchange **out) {
    struct http_exchange *exchange = *out;
    *out = NULL;
    if (exchange == NULL) return;
    CHECK(exchange->action == NULL && exchange->upstream == NULL && exchange->dialect_state == NULL);
    http_decoder_free(&exchange->decoder);
    http_body_close(&exchange->answer_reader);
    buffer_free(&exchange->body);
    buffer_free(&exchange->text);
    buffer_free(&exchange->answer_body);
    buffer_free(&exchange->out);
    arena_free(&exchange->arena);
    free(exchange);
}

/* ---- Login ----------------------------------------------------------------------------------------------------- */

static int settle_tls(struct wire_session *session, struct http_state *state, struct error *error) {
    if (state->has_tls_settled) return 0;
    uint64_t deadline_ns = clock_monotonic_ns() + HTTP_HEAD_TIMEOUT_NS;
    if (session->tls != NULL &&
        stream_start_tls_server(session->client, session->tls, TLS_START_DIRECT, deadline_ns, error) != 0) {
        return -1;
    }
    state->has_tls_settled = true;
    return 0;
}

static int make_state(struct wire_session *session, const struct http_dialect *dialect, struct error *error) {
    struct http_state *state = calloc(1, sizeof(*state));
    if (state == NULL) return error_out_of_memory(error);
    *state = (struct http_state){.magic = HTTP_STATE_MAGIC, .dialect = dialect};
    session->state = state;
    stream_set_caps(session->client, STREAM_INPUT_CAP_BYTES, session->target->message_bytes_max + (2u << 20));
    return 0;
}

int http_accept(struct wire_session *session, const struct http_dialect *dialect, struct wire_login *login,
                struct error *error) {
    if (session->state == NULL && make_state(session, dialect, error) != 0) return -1;
    struct http_state *state = http_state(session);
    if (settle_tls(session, state, error) != 0) return -1;
    if (state->pending == NULL) {
        int got = http_read_head(session, error);
        if (got == 0) return error_set(error, ERROR_CLOSED, "the client left before its first request");
        if (got < 0) return -1;
    }
    state->pending->session = session;
    struct str credential = http_request_credential(&state->pending->request);
    state->fault_status = 401;
    if (credential.length == 0) {
        return error_set(error, ERROR_DENIED, "no token: send a sworn token where the API key goes, as `Authorization: "
                                              "Bearer` or `x-api-key` (make one with `sworn token create`)");
    }
    if (!stream_is_tls(session->client) && !session->allows_plaintext_token) {
        return error_set(error, ERROR_DENIED, "a token must not cross the network in clear: connect by https");
    }
    login->is_bearer = true;
    secret_wipe(&state->token);
    if (secret_set(&state->token, credential) != 0 || secret_set(&login->token, credential) != 0) {
        return error_out_of_memory(error);
    }
    return 0;
}

/* An upstream connection belongs to an exchange. */
int http_open_upstream(struct wire_session *session, struct error *error) {
    (void)session;
    (void)error;
    return 0;
}

int http_greet(struct wire_session *session, struct error *error) {
    (void)error;
    http_state(session)->fault_status = 0;
    return 0;
}

/* ---- Ask ------------------------------------------------------------------------------------------------------- */

/* P. 1: idle; 0: the client is gone, and what it asked for is of no more use. */
static int await_idle(struct wire_session *session, struct http_state *state, struct error *error) {
    int result = 1;
    state->close_waiter = fiber_self();
    stream_set_close_waiter(session->client, state->close_waiter);
    while (result == 1 && state->exchange != NULL) {
        if (stream_has_closed(session->client)) result = 0;
        else if (fiber_park(FIBER_NO_DEADLINE, error) != 0) result = -1;
    }
    state->close_waiter = NULL;
    stream_set_close_waiter(session->client, NULL);
    return result;
}

static bool is_same_token(const struct http_state *state, const struct http_exchange *exchange) {
    struct str credential = http_request_credential(&exchange->request);
    struct str token = secret_view(&state->token);
    return credential.length == token.length && bytes_equal_constant_time(credential, token);
}

int http_next_action(struct wire_session *session, struct action **action, struct error *error) {
    struct http_state *state = http_state(session);
    int idle = await_idle(session, state, error);
    if (idle != 1 || state->is_closing) return idle < 0 ? -1 : 0;
    if (state->pending == NULL) {
        int got = http_read_head(session, error);
        if (got != 1) return got;
    }
    if (!is_same_token(state, state->pending)) {
        session->has_successor = true;
        return 0;
    }
    state->exchange = state->pending;
    state->pending = NULL;
    return http_describe(state->exchange, action, error) == 0 ? 1 : -1;
}

int http_forward(struct wire_session *session, struct action *action, const struct mask_plans *plans,
                 struct error *error) {
    struct http_state *state = http_state(session);
    struct http_exchange *exchange = state->exchange;
    CHECK(exchange != NULL && exchange->phase == EXCHANGE_DESCRIBED);
    exchange->action = action;
    exchange->plans = plans;
    action->text = STR_NONE; /* it is sealed: its bytes go before the answer comes */
    buffer_free(&exchange->text);
    return http_send_request(exchange, error);
}

int http_refuse(struct wire_session *session, struct action *action, struct error *error) {
    (void)error;
    struct http_state *state = http_state(session);
    struct http_exchange *exchange = state->exchange;
    CHECK(exchange != NULL && exchange->phase == EXCHANGE_DESCRIBED);
    exchange->action = action;
    const struct verdict *verdict = &action->verdict;
    if (exchange->problem.status == 0 || verdict->is_unavailable) {
        exchange->problem = (struct http_problem){
            .status = verdict->is_unavailable ? 503 : 403, .message = verdict->message};
    }
    exchange->phase = EXCHANGE_REFUSED;
    condition_wake_all(&state->progress);
    return 0;
}

/* Answers are sent before the next request is read. */
int http_push_answers(struct wire_session *session, struct error *error) {
    (void)session;
    (void)error;
    return 0;
}

/* Of a request, not of what its answer asks for: the fields that go along. */
void http_add_settings(struct wire_session *session, struct action *action) {
    const struct http_exchange *exchange = http_state(session)->exchange;
    if (exchange == NULL || exchange->phase != EXCHANGE_DESCRIBED) return;
    for (size_t i = 0; i < exchange->request.field_count; i++) {
        const struct http_field *field = &exchange->request.fields[i];
        if (!http_field_is_forwarded(&exchange->request, field->name)) continue;
        struct action_detail detail = {.kind = ACTION_DETAIL_FIELD, .name = field->name, .field = field->name,
                                       .value = field->value};
        action_add_detail(action, &detail);
    }
}

/* ---- Answer ---------------------------------------------------------------------------------------------------- */

/* P. The end of the answer before leaves, then the connection is free for the next request. */
static int complete_exchange(struct wire_session *session, struct http_state *state, struct error *error) {
    struct http_exchange *exchange = state->exchange;
    if (wire_flush_client(session, error) != 0) return -1;
    if (exchange->is_body_left || !exchange->framing.keeps_alive || exchange->is_broken) state->is_closing = true;
    bool is_broken = exchange->is_broken;
    http_exchange_free(&state->exchange);
    if (state->close_waiter != NULL) fiber_wake(state->close_waiter);
    return is_broken ? error_set(error, ERROR_CLOSED, "the answer was cut short") : 0;
}

/* P. Until the ask fiber is done with an exchange. */
static int await_exchange(struct http_state *state, struct error *error) {
    uint64_t deadline_ns = clock_monotonic_ns() + HTTP_REST_NS;
    while (state->exchange == NULL || state->exchange->phase == EXCHANGE_DESCRIBED) {
        if (condition_wait(&state->progress, deadline_ns, error) == 0) continue;
        if (error->code != ERROR_TIMEOUT) return -1;
        fiber_trim_stack();
        deadline_ns = FIBER_NO_DEADLINE;
    }
    return 0;
}

int http_next_answer(struct wire_session *session, struct action **action, struct error *error) {
    struct http_state *state = http_state(session);
    if (state->exchange != NULL && state->exchange->phase == EXCHANGE_RELEASED &&
        complete_exchange(session, state, error) != 0) {
        return -1;
    }
    if (await_exchange(state, error) != 0) return -1;
    struct http_exchange *exchange = state->exchange;
    if (exchange->problem.status == 0 && http_relay(exchange, error) != 0) return -1;
    if (exchange->problem.status != 0 && http_write_problem(exchange, error) != 0) return -1;
    exchange->phase = EXCHANGE_ANSWERED;
    *action = exchange->action;
    return 1;
}

static struct action *leave_action(struct http_exchange *exchange) {
    struct action *action = exchange->action;
    if (exchange->dialect_state != NULL) exchange->dialect->close(exchange);
    exchange->action = NULL;
    exchange->plans = NULL;
    return action;
}

int http_release(struct wire_session *session, struct action *action, struct error *error) {
    struct http_exchange *exchange = http_state(session)->exchange;
    CHECK(exchange != NULL && exchange->action == action && exchange->phase == EXCHANGE_ANSWERED);
    int result = http_finish(exchange, error);
    exchange->phase = EXCHANGE_RELEASED;
    leave_action(exchange);
    return result;
}

/* ---- The end --------------------------------------------------------------------------------------------------- */

struct action *http_take_unanswered(struct wire_session *session) {
    struct http_exchange *exchange = http_state(session)->exchange;
    if (exchange == NULL || exchange->action == NULL) return NULL;
    struct outcome *outcome = &exchange->action->outcome;
    outcome->status = stream_has_closed(session->client) ? OUTCOME_CANCELLED : OUTCOME_INTERRUPTED;
    http_leave_upstream(exchange, false);
    return leave_action(exchange);
}

/* A client cancels by leaving. */
void http_cancel_upstream(struct wire_session *session) { (void)session; }

void http_close(struct wire_session *session) {
    if (session->state == NULL) return;
    struct http_state *state = http_state(session);
    if (state->exchange != NULL) {
        http_leave_upstream(state->exchange, false);
        leave_action(state->exchange);
    }
    http_exchange_free(&state->exchange);
    http_exchange_free(&state->pending);
    secret_wipe(&state->token);
    state->magic = 0;
    free(state);
    session->state = NULL;
}
