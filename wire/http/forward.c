/* The request towards the upstream: masked, with the upstream's own credential in the place of the caller's token. */
#include "wire/http/dialect.h"
#include "wire/http1/write.h"

#define PIECE_BYTES ((size_t)128 << 10)
#define LOOK_AROUND_NS NANOSECONDS_PER_SECOND /* while the upstream takes nothing */

/* Fields that are the connection's, the credential's or ours; that would have the upstream take the request for another one
 * than was decided on; or that would bring an answer in parts, where a value that is cut in two is nobody's data. */
bool http_field_is_forwarded(const struct http_head *head, struct str name) {
    static const struct str own[] = {
        {"host", 4},           {"content-length", 14},  {"content-encoding", 16}, {"accept-encoding", 15},
        {"authorization", 13}, {"x-api-key", 9},        {"api-key", 7},           {"forwarded", 9},
        {"x-real-ip", 9},      {"x-forwarded-for", 15}, {"x-forwarded-host", 16}, {"x-forwarded-proto", 17},
        {"sworn-agent", 11},   {"sworn-session", 13},   {"range", 5},            {"if-range", 8},
        {"x-original-url", 14},         {"x-rewrite-url", 13},     {"x-original-method", 17},
        {"x-http-method-override", 22}, {"x-method-override", 17}, {"x-http-method", 13}, {"x-goog-api-key", 14},
    };
    for (size_t i = 0; i < LENGTH_OF(own); i++) {
        if (str_equal_ignoring_case(name, own[i])) return false;
    }
    return !http_field_is_hop_by_hop(head, name);
}

/* A cookie is what the API and this client have between them: its name alone makes no secret of it. */
static struct str telling_name(struct str name) {
    bool is_cookie = str_equal_ignoring_case(name, STR("cookie")) || str_equal_ignoring_case(name, STR("set-cookie"));
    return is_cookie ? STR_NONE : name;
}

int http_write_masked_field(const struct mask_plan *plan, const struct http_field *field, struct buffer *out,
                            struct class_counts *masked, struct class_counts *revealed, struct error *error) {
    struct buffer value;
    buffer_init(&value, 1u << 20);
    struct str text = field->value;
    enum mask_result result = MASK_UNCHANGED;
    if (!plan->reveals_all) {
        result = plan->value(plan, plan->field(plan, telling_name(field->name)), MASK_TEXT, text, &value, masked, revealed);
    }
    int written = -1;
    if (result == MASK_CHANGED) text = buffer_view(&value);
    if (result == MASK_DROPPED) text = STR("");
    if (result != MASK_FAILED && !buffer_failed(&value)) written = http_write_field(out, field->name, text, error);
    else (void)error_set(error, ERROR_LIMIT, "a header field could not be masked");
    buffer_free(&value);
    return written;
}

static int write_credential(const struct http_exchange *exchange, struct buffer *out, struct error *error) {
    const struct wire_upstream *target = exchange->session->target;
    if (target->password == NULL || target->password->length == 0) return 0;
    struct str key = secret_view(target->password);
    if (exchange->dialect->credential == HTTP_CREDENTIAL_API_KEY) {
        return http_write_field(out, STR("x-api-key"), key, error);
    }
    buffer_append_cstr(out, "Authorization: Bearer ");
    buffer_append_str(out, key);
    buffer_append_cstr(out, "\r\n");
    return 0;
}

static struct str host_of(const struct wire_upstream *target) {
    return str_starts_with(target->address, STR("unix:")) ? STR("localhost") : target->address;
}

static int write_head(struct http_exchange *exchange, struct str body, struct buffer *out, struct error *error) {
    const struct http_head *head = &exchange->request;
    struct outcome *outcome = &exchange->action->outcome;
    if (http_write_request_line(out, head->method, head->target, error) != 0 ||
        http_write_field(out, STR("Host"), host_of(exchange->session->target), error) != 0 ||
        write_credential(exchange, out, error) != 0 ||
        http_write_field(out, STR("Accept-Encoding"), STR("identity"), error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (http_field_is_forwarded(head, head->fields[i].name) &&
            http_write_masked_field(exchange->plans->request, &head->fields[i], out, &outcome->request_masked,
                                    &outcome->request_revealed, error) != 0) {
            return -1;
        }
    }
    if (exchange->framing.kind != HTTP_FRAMING_NONE) http_write_content_length(out, body.length);
    http_write_head_end(out);
    return 0;
}

static void set_problem(struct http_exchange *exchange, unsigned status, const char *what, const struct error *why) {
    struct str message = arena_format(&exchange->arena, "%s: %s", what, why->text);
    exchange->problem = (struct http_problem){
        .status = status, .message = message.length > 0 ? message : STR("the request cannot be sent on")};
    exchange->action->outcome.status = OUTCOME_ERROR;
}

/* P. 0 with a connection, or with a problem; -1: cancelled. */
static int open_connection(struct http_exchange *exchange, struct error *error) {
    struct wire_session *session = exchange->session;
    struct error why = {0};
    bool is_reused; /* no request is sent twice, whatever connection it was */
    exchange->upstream = http_pool_acquire(session->http_pool, session->target, session->target->generation, &is_reused,
                                           &why);
    if (exchange->upstream != NULL) {
        session->upstream = exchange->upstream->stream;
        stream_set_caps(session->upstream, STREAM_INPUT_CAP_BYTES, STREAM_OUTPUT_CAP_BYTES);
        return 0;
    }
    if (why.code == ERROR_CANCELLED) {
        *error = why;
        return -1;
    }
    set_problem(exchange, why.code == ERROR_TIMEOUT ? 504 : 502, "the upstream does not answer", &why);
    return 0;
}

/* P. An upstream that does not read must not hold what a client has left. */
static int flush_upstream(struct wire_session *session, struct error *error) {
    for (;;) {
        if (stream_flush(session->upstream, clock_monotonic_ns() + LOOK_AROUND_NS, error) == 0) return 0;
        if (error->code != ERROR_TIMEOUT) return -1;
        if (stream_has_closed(session->client)) return error_set(error, ERROR_CLOSED, "the client left");
    }
}

/* P. Evidence first. A connection that breaks meanwhile is noticed by whoever reads the answer. */
static int write_out(struct http_exchange *exchange, struct str body, struct error *error) {
    struct wire_session *session = exchange->session;
    struct error broken = {0};
    if (session->gate->await_intents(session, error) != 0) return -1;
    int result = 0;
    do {
        struct str piece = str_slice(body, 0, body.length < PIECE_BYTES ? body.length : PIECE_BYTES);
        body = str_slice(body, piece.length, body.length);
        buffer_append_str(stream_output(session->upstream), piece);
        result = flush_upstream(session, &broken);
    } while (result == 0 && body.length > 0);
    bool is_over = broken.code == ERROR_CANCELLED || stream_has_closed(session->client);
    if (result == 0 || !is_over) return 0;
    *error = broken;
    return -1;
}

/* P. The answer may come before the request is out. */
static int send_on(struct http_exchange *exchange, struct str body, struct error *error) {
    struct error why = {0};
    if (open_connection(exchange, error) != 0) return -1;
    if (exchange->problem.status != 0) return 0;
    if (write_head(exchange, body, stream_output(exchange->session->upstream), &why) != 0) {
        set_problem(exchange, 400, "the request cannot be sent on", &why);
        http_leave_upstream(exchange, false);
        return 0;
    }
    exchange->is_writing = true;
    exchange->phase = EXCHANGE_FORWARDED;
    condition_wake_all(&http_state(exchange->session)->progress);
    int result = write_out(exchange, body, error);
    exchange->is_writing = false;
    condition_wake_all(&http_state(exchange->session)->progress);
    return result;
}

int http_send_request(struct http_exchange *exchange, struct error *error) {
    struct http_state *state = http_state(exchange->session);
    struct error why = {0};
    struct buffer masked;
    buffer_init(&masked, exchange->body.cap_bytes * 2);
    struct str body = buffer_view(&exchange->body);
    enum mask_result result = MASK_UNCHANGED;
    if (body.length > 0) result = exchange->dialect->mask_request(exchange, &masked, &why);
    if (result == MASK_CHANGED) body = buffer_view(&masked);
    if (buffer_failed(&masked)) (void)error_set(&why, ERROR_LIMIT, "it is too large once it is masked");
    bool is_unmaskable = result == MASK_FAILED || buffer_failed(&masked);
    if (is_unmaskable) {
        set_problem(exchange, 400, "the request cannot be masked", &why);
        exchange->action->outcome.withheld_as = REFUSAL_UNMASKABLE;
    }
    int sent = is_unmaskable ? 0 : send_on(exchange, body, error);
    buffer_free(&masked);
    exchange->phase = EXCHANGE_FORWARDED;
    condition_wake_all(&state->progress);
    return sent;
}

void http_leave_upstream(struct http_exchange *exchange, bool is_reusable) {
    if (exchange->upstream == NULL) return;
    struct http_state *state = http_state(exchange->session);
    fiber_shield_begin();
    if (exchange->is_writing) {
        is_reusable = false;
        stream_shutdown(exchange->upstream->stream);
    }
    while (exchange->is_writing) {
        if (condition_wait(&state->progress, FIBER_NO_DEADLINE, NULL) != 0) continue;
    }
    fiber_shield_end();
    exchange->session->upstream = NULL;
    http_pool_release(exchange->session->http_pool, &exchange->upstream, is_reusable);
}
