/* Reads heads and bodies from a stream. Everything here that takes a deadline may park; nothing points into the stream
 * across it. When a function returns -1, fault_status (of the head or the body) is the status that tells a client why.
 * After ERROR_TIMEOUT and ERROR_CANCELLED nothing is lost and the call may be made again. */
#ifndef SWORN_WIRE_HTTP1_BODY_H
#define SWORN_WIRE_HTTP1_BODY_H

#include "run/stream.h"
#include "wire/http1/chunked.h"
#include "wire/http1/framing.h"

#define HTTP_INTERIM_ANSWERS_MAX 16
#define HTTP_BODY_PIECE_BYTES_MAX ((size_t)65536)

/* 1: a head. 0: the peer closed before its first byte (of an answer: nothing tells whether the request was taken up).
 * -1. The deadline is for the whole head, however slowly it drips in: to wait longer for its beginning, stream_fill one
 * byte first. The stream's input cap must not be below limits->head_bytes_max. */
int http_head_read_request(struct stream *stream, const struct http_limits *limits, uint64_t deadline_ns,
                           struct arena *arena, struct http_head *head, struct error *error) MUST_USE;
/* The final answer: at most HTTP_INTERIM_ANSWERS_MAX answers 1xx before it are passed over; 101 is refused. */
int http_head_read_answer(struct stream *stream, const struct http_limits *limits, uint64_t deadline_ns,
                          struct arena *arena, struct http_head *head, struct error *error) MUST_USE;

/* A body that is being read. Its owner embeds it. */
struct http_body {
    struct stream *stream;
    struct http_framing framing;
    uint64_t bytes_max;
    uint64_t bytes_read; /* of content */
    struct http_chunked chunked; /* when it is; trailers and trailer_count are there after the end */
    bool is_at_end;
    unsigned fault_status; /* 400, 408 or 413 */
};

/* -1 at once (413) when the length that was announced passes bytes_max: then there is no use in a 100. stream, limits
 * and arena (for trailers) outlive the body. */
int http_body_open(struct http_body *body, struct stream *stream, const struct http_framing *framing,
                   uint64_t bytes_max, const struct http_limits *limits, struct arena *arena,
                   struct error *error) MUST_USE;
void http_body_close(struct http_body *body); /* frees, reads nothing; accepts a zeroed one */
/* Appends the next piece, up to HTTP_BODY_PIECE_BYTES_MAX, as soon as there is one. 1: a piece, 0: the end, nothing
 * appended (also when asked again), -1: refused, cut short (ERROR_PROTOCOL), or out of room in `out` (413). */
int http_body_read(struct http_body *body, uint64_t deadline_ns, struct buffer *out, struct error *error) MUST_USE;

#endif
