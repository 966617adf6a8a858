/* Writes HTTP/1.1 messages (RFC 9112), pure: everything is appended to a buffer, whose sticky failure its owner asks
 * about once.
 *
 * A name or value that could break out of its line is refused, so that nobody's text becomes a field of its own: the
 * functions that can refuse append nothing then and return -1 (ERROR_INVALID). */
#ifndef SWORN_WIRE_HTTP1_WRITE_H
#define SWORN_WIRE_HTTP1_WRITE_H

#include "base/buffer.h"
#include "wire/http1/head.h"

int http_write_request_line(struct buffer *out, struct str method, struct str target, struct error *error) MUST_USE;
/* An empty reason stands for that of the standard. */
int http_write_status_line(struct buffer *out, unsigned status, struct str reason, struct error *error) MUST_USE;
int http_write_field(struct buffer *out, struct str name, struct str value, struct error *error) MUST_USE;
void http_write_content_length(struct buffer *out, uint64_t length);
void http_write_transfer_encoding_chunked(struct buffer *out);
void http_write_head_end(struct buffer *out);
/* A whole head. */
int http_write_head(struct buffer *out, const struct http_head *head, struct error *error) MUST_USE;

/* One chunk; nothing when data is empty, as that would end the body. */
void http_write_chunk(struct buffer *out, struct str data);
/* Ends a chunked body. */
int http_write_last_chunk(struct buffer *out, const struct http_field *trailers, size_t count,
                          struct error *error) MUST_USE;

/* True for fields that end at this hop (RFC 9110 section 7.6.1) and are not forwarded, in either direction: Connection
 * and what it names, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, Proxy-*, and Expect, which we answer. */
bool http_field_is_hop_by_hop(const struct http_head *head, struct str name);

const char *http_reason_phrase(unsigned status); /* of RFC 9110 section 15 and the IANA registry; "" when unknown */

#endif
