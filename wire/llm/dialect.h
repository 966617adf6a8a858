/* The protocols of model APIs: an API's tables (wire/llm/operation.h) behind the HTTP session (wire/http/dialect.h).
 *
 * A prompt is a step on its model, and one on each tool that the provider itself runs; a tool call in the answer is an
 * action of its own, judged before the client sees it. Operations without shapes go the way of any HTTP API. */
#ifndef SWORN_WIRE_LLM_DIALECT_H
#define SWORN_WIRE_LLM_DIALECT_H

#include "base/json.h"
#include "wire/http/api.h"
#include "wire/llm/operation.h"

struct llm_dialect {
    struct http_dialect http; /* first: the functions below find the rest by it */
    const struct llm_api *api;
    const struct http_dialect *plain; /* of the operations without shapes: as any HTTP API, with this one's errors */
};

#define LLM_WITHHELD_STATUS 422 /* no SDK tries it again */

/* Both dialects of an API. credential: enum http_credential; errors: its write_error; shown: its shown_status. */
#define LLM_DIALECT(identifier, api_table, credential_form, errors, shown)                                        \
    static const struct http_dialect identifier##_plain = {                                                       \
        .credential = credential_form,                                                                            \
        .describe = llm_describe,                                                                                 \
        .mask_request = http_api_mask_request,                                                                    \
        .begin_answer = http_api_begin_answer,                                                                    \
        .finish_answer = http_api_finish_answer,                                                                  \
        .feed_answer = http_api_feed_answer,                                                                      \
        .end_stream = http_api_nothing,                                                                           \
        .break_stream = http_api_break_stream,                                                                    \
        .ping = http_api_nothing,                                                                                 \
        .withheld_status = LLM_WITHHELD_STATUS,                                                                   \
        .shown_status = shown,                                                                                    \
        .write_error = errors,                                                                                    \
        .close = http_api_close,                                                                                  \
    };                                                                                                            \
    static const struct llm_dialect identifier##_llm = {                                                          \
        .http = {.credential = credential_form,                                                                   \
                 .describe = llm_describe,                                                                        \
                 .mask_request = llm_mask_request,                                                                \
                 .begin_answer = llm_begin_answer,                                                                \
                 .finish_answer = llm_finish_answer,                                                              \
                 .feed_answer = llm_feed_answer,                                                                  \
                 .end_stream = llm_end_stream,                                                                    \
                 .break_stream = llm_break_stream,                                                                \
                 .ping = llm_ping,                                                                                \
                 .withheld_status = LLM_WITHHELD_STATUS,                                                          \
                 .shown_status = shown,                                                                           \
                 .write_error = errors,                                                                           \
                 .close = llm_close},                                                                             \
        .api = &(api_table),                                                                                      \
        .plain = &identifier##_plain,                                                                             \
    };                                                                                                            \
    HTTP_PROTOCOL(identifier, #identifier, identifier##_llm.http)

/* The member "message" of an error: with the action that it is about. */
void llm_write_message(struct json_writer *writer, struct str message, struct str action_id);

int llm_describe(struct http_exchange *exchange, struct action *action, struct error *error);
enum mask_result llm_mask_request(struct http_exchange *exchange, struct buffer *out, struct error *error);
enum answer_mode llm_begin_answer(struct http_exchange *exchange);
int llm_finish_answer(struct http_exchange *exchange, struct str body, struct error *error);
int llm_feed_answer(struct http_exchange *exchange, struct str piece, bool is_last, struct error *error);
void llm_end_stream(struct http_exchange *exchange);
void llm_break_stream(struct http_exchange *exchange, struct str message);
void llm_ping(struct http_exchange *exchange);
void llm_close(struct http_exchange *exchange);

#endif
