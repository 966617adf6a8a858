/* What the protocols over HTTP differ in: how a request is described and masked, how an answer is, what an error looks
 * like. Functions marked P may park. */
#ifndef SWORN_WIRE_HTTP_DIALECT_H
#define SWORN_WIRE_HTTP_DIALECT_H

#include "wire/http/exchange.h"

enum http_credential { HTTP_CREDENTIAL_BEARER, HTTP_CREDENTIAL_API_KEY }; /* Authorization, x-api-key */

struct http_dialect {
    enum http_credential credential; /* how the upstream wants its key */
    /* Fills in the action's steps and what was found in the request. What policy cannot let through: http_refuse_request.
     * -1: the session cannot go on. */
    int (*describe)(struct http_exchange *exchange, struct action *action, struct error *error);
    /* The body for the upstream: MASK_UNCHANGED: as it is; MASK_CHANGED: out has it; MASK_FAILED: it cannot be sent, and
     * the error says why. Counts into the action's outcome. */
    enum mask_result (*mask_request)(struct http_exchange *exchange, struct buffer *out, struct error *error);
    /* Looks at the answer's head, before its body. */
    enum answer_mode (*begin_answer)(struct http_exchange *exchange);
    /* P. A whole answer's body, masked, appended to exchange->out. -1: it cannot be let through. */
    int (*finish_answer)(struct http_exchange *exchange, struct str body, struct error *error);
    /* P. The next piece of a streamed one, appended to exchange->out but for its last frame. */
    int (*feed_answer)(struct http_exchange *exchange, struct str piece, bool is_last, struct error *error);
    /* The last frame, appended to exchange->out. */
    void (*end_stream)(struct http_exchange *exchange);
    /* What a stream that cannot go on is ended with, appended to exchange->out. */
    void (*break_stream)(struct http_exchange *exchange, struct str message);
    /* Keeps a client from timing out, appended to exchange->out. */
    void (*ping)(struct http_exchange *exchange);
    unsigned withheld_status; /* of an answer that cannot be let through; 0: 502 */
    /* May be NULL. The status that this client is to see, where it would take the true one for something else. */
    unsigned (*shown_status)(const struct http_head *request, unsigned status);
    /* An error in the protocol's own form. action_id: empty for none. Returns the content type. */
    struct str (*write_error)(unsigned status, struct str message, struct str action_id, struct buffer *out);
    /* Lets go of dialect_state. */
    void (*close)(struct http_exchange *exchange);
};

/* The vtable of wire.h over a dialect. */
#define HTTP_PROTOCOL(identifier, text, dialect)                                                              \
    static int accept_##identifier(struct wire_session *session, struct wire_login *login, struct error *error) { \
        return http_accept(session, &(dialect), login, error);                                     \
    }                                                                                                         \
    const struct wire_protocol wire_##identifier = {                                                          \
        .name = {text, sizeof(text) - 1},                                                                     \
        .masks_requests = true,                                                                               \
        .accept = accept_##identifier,                                                                        \
        .reject = http_reject,                                                                                \
        .open_upstream = http_open_upstream,                                                                  \
        .greet = http_greet,                                                                                  \
        .next_action = http_next_action,                                                                      \
        .forward = http_forward,                                                                              \
        .refuse = http_refuse,                                                                                \
        .next_answer = http_next_answer,                                                                      \
        .release = http_release,                                                                              \
        .push_answers = http_push_answers,                                                                    \
        .add_settings = http_add_settings,                                                                    \
        .take_unanswered = http_take_unanswered,                                                              \
        .cancel_upstream = http_cancel_upstream,                                                              \
        .close = http_close,                                                                                  \
    }

int http_accept(struct wire_session *session, const struct http_dialect *dialect, struct wire_login *login,
                struct error *error) MUST_USE;
int http_open_upstream(struct wire_session *session, struct error *error) MUST_USE;
int http_greet(struct wire_session *session, struct error *error) MUST_USE;
int http_next_action(struct wire_session *session, struct action **action, struct error *error) MUST_USE;
int http_forward(struct wire_session *session, struct action *action, const struct mask_plans *plans,
                 struct error *error) MUST_USE;
int http_refuse(struct wire_session *session, struct action *action, struct error *error) MUST_USE;
int http_next_answer(struct wire_session *session, struct action **action, struct error *error) MUST_USE;
int http_release(struct wire_session *session, struct action *action, struct error *error) MUST_USE;
int http_push_answers(struct wire_session *session, struct error *error) MUST_USE;
void http_add_settings(struct wire_session *session, struct action *action);
struct action *http_take_unanswered(struct wire_session *session);
void http_cancel_upstream(struct wire_session *session);
void http_close(struct wire_session *session);

#endif
