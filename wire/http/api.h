/* What any HTTP API has in common: the dialect of the protocol `http`, and what other dialects use for the operations whose
 * bodies they do not know. */
#ifndef SWORN_WIRE_HTTP_API_H
#define SWORN_WIRE_HTTP_API_H

#include "wire/http/dialect.h"

/* A value may be split over events, and only who knows the API knows which of them belong together. */
#define HTTP_EVENTS_WITHHELD                                                                            \
    "it is a stream of events of which only the API knows what belongs together, so it cannot be masked: policy has to " \
    "reveal every class to let it pass"

/* A resource of the upstream, by its name within it, with the chain of its parents: "<environment>/<upstream>/<name>"; an
 * empty name is the upstream itself. NULL when the arena is full. */
const struct resource *http_resource(const struct wire_upstream *target, struct arena *arena, struct str type,
                                     struct str name) MUST_USE;

/* One step: the operation of the tables that the request is (or OPERATION_UNKNOWN_VERB), on its endpoint. */
int http_api_describe(struct http_exchange *exchange, const struct operation_table *operations, struct action *action,
                      struct error *error) MUST_USE;
/* Members of a dialect (wire/http/dialect.h). */
enum mask_result http_api_mask_request(struct http_exchange *exchange, struct buffer *out, struct error *error);
enum answer_mode http_api_begin_answer(struct http_exchange *exchange);
int http_api_finish_answer(struct http_exchange *exchange, struct str body, struct error *error);
int http_api_feed_answer(struct http_exchange *exchange, struct str piece, bool is_last, struct error *error);
void http_api_nothing(struct http_exchange *exchange);
void http_api_break_stream(struct http_exchange *exchange, struct str message);
void http_api_close(struct http_exchange *exchange);

#endif
