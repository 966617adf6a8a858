/* Answers of our own, in the form that the client's SDK knows from its provider. */
#include <stdio.h>

#include "wire/http/dialect.h"
#include "wire/http1/write.h"

#define PROBLEM_BYTES_MAX (64u << 10)
#define REJECT_TIMEOUT_NS (5 * NANOSECONDS_PER_SECOND)

static unsigned shown_status(const struct http_dialect *dialect, unsigned status, const struct http_exchange *exchange) {
    if (exchange == NULL || dialect->shown_status == NULL) return status;
    return dialect->shown_status(&exchange->request, status);
}

/* What will be answered the same the next time is not to be tried again. */
static int append_problem(const struct http_dialect *dialect, struct http_problem problem, struct http_exchange *exchange,
                          struct buffer *out, struct error *error) {
    struct buffer body;
    buffer_init(&body, PROBLEM_BYTES_MAX);
    struct str action_id = exchange != NULL ? str_from_cstr(exchange->action->id) : STR_NONE;
    struct str type = dialect->write_error(problem.status, problem.message, action_id, &body);
    int result = http_write_status_line(out, shown_status(dialect, problem.status, exchange), STR_NONE, error);
    if (result == 0) result = http_write_field(out, STR("Content-Type"), type, error);
    if (problem.status < 500 || problem.is_final) buffer_append_cstr(out, "x-should-retry: false\r\n");
    if (exchange != NULL) http_write_own_fields(exchange, out);
    else buffer_append_cstr(out, "Connection: close\r\n");
    http_write_content_length(out, buffer_length(&body));
    http_write_head_end(out);
    bool is_head = exchange != NULL && str_equal(exchange->request.method, STR("HEAD"));
    if (!is_head) buffer_append_str(out, buffer_view(&body));
    if (exchange != NULL) exchange->action->outcome.bytes = buffer_length(&body);
    buffer_free(&body);
    return result;
}

/* Buffered: it leaves once the denial, or the outcome, is durable. */
int http_write_problem(struct http_exchange *exchange, struct error *error) {
    struct outcome *outcome = &exchange->action->outcome;
    unsigned status = shown_status(exchange->dialect, exchange->problem.status, exchange);
    snprintf(outcome->code, sizeof(outcome->code), "%u", status);
    return append_problem(exchange->dialect, exchange->problem, exchange,
                          stream_output(exchange->session->client), error);
}

static unsigned status_of(const struct error *why) {
    switch (why->code) {
    case ERROR_DENIED: return 403;
    case ERROR_INVALID:
    case ERROR_PROTOCOL: return 400;
    case ERROR_LIMIT: return 413;
    case ERROR_TIMEOUT: return 408;
    default: return 503;
    }
}

void http_reject(struct wire_session *session, const struct error *why) {
    if (session->state == NULL || session->client == NULL) return;
    struct http_state *state = http_state(session);
    if (state->exchange != NULL && state->exchange->is_begun) return; /* it would stand in the midst of an answer */
    if (session->tls != NULL && !stream_is_tls(session->client)) return;
    bool has_own = state->fault_status != 0 && why->code != ERROR_UNAVAILABLE && why->code != ERROR_CANCELLED;
    struct http_problem problem = {
        .status = has_own ? state->fault_status : status_of(why), .message = str_from_cstr(why->text)};
    struct buffer *out = stream_output(session->client);
    buffer_clear(out);
    struct error error;
    if (append_problem(state->dialect, problem, NULL, out, &error) != 0) return;
    if (stream_flush(session->client, clock_monotonic_ns() + REJECT_TIMEOUT_NS, &error) != 0) return;
}
