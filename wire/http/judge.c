/* An action within an answer, such as a tool call. People may take hours over it: the client of a stream is kept from
 * giving up meanwhile. */
#include "wire/http/dialect.h"

static void ping_main(void *argument) {
    struct http_exchange *exchange = argument;
    struct error error;
    while (fiber_sleep(HTTP_PING_NS, &error) == 0) {
        exchange->dialect->ping(exchange);
        if (http_emit(exchange, &error) != 0) break;
    }
}

int http_judge(struct http_exchange *exchange, struct action *action, struct error *error) {
    struct wire_session *session = exchange->session;
    struct http_state *state = http_state(session);
    struct fiber *pinger = NULL;
    if (exchange->mode == ANSWER_STREAMED) {
        if (http_emit(exchange, error) != 0) return -1;
        pinger = fiber_start(worker_self(), ping_main, exchange, "ping");
    }
    int result = session->gate->judge(session, action, error);
    if (pinger != NULL) fiber_cancel(pinger);
    fiber_join(pinger);
    /* The hold has waited for the client's end in the place of the ask fiber. */
    if (state->close_waiter != NULL) stream_set_close_waiter(session->client, state->close_waiter);
    if (result == 0 && stream_has_closed(session->client) && state->close_waiter != NULL) fiber_wake(state->close_waiter);
    return result;
}
