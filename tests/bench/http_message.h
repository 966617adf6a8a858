/* HTTP/1.1 as both ends of the benchmark need it: one head, one body, on a stream of run/.
 *
 * It reads what correct peers send and takes anything else for an error of the run; it is no parser for hostile input.
 * All functions that take a stream may park. */
#ifndef SWORN_TESTS_BENCH_HTTP_MESSAGE_H
#define SWORN_TESTS_BENCH_HTTP_MESSAGE_H

#include "run/stream.h"

#define HTTP_HEAD_BYTES_MAX ((size_t)64 << 10)
#define HTTP_BODY_BYTES_MAX ((size_t)8 << 20)
#define HTTP_CREDENTIAL_BYTES 256

struct http_head {
    unsigned status; /* 0: a request */
    bool is_chat;    /* POST /v1/chat/completions */
    bool is_chunked;
    bool closes;     /* Connection: close */
    uint64_t length_bytes;
    char credential[HTTP_CREDENTIAL_BYTES]; /* what follows "Authorization: Bearer " */
};

/* ERROR_CLOSED: the peer ended between two messages. */
int http_head_read(struct stream *stream, struct http_head *head, uint64_t deadline_ns, struct error *error) MUST_USE;

struct http_body {
    uint64_t left_bytes; /* of the body, or of the chunk */
    bool is_chunked;
    bool is_complete;
};

void http_body_begin(struct http_body *body, const struct http_head *head);
/* Appends what has come to `out`, at least one byte unless the body became complete. */
int http_body_read(struct stream *stream, struct http_body *body, struct buffer *out, uint64_t deadline_ns,
                   struct error *error) MUST_USE;
int http_body_read_whole(struct stream *stream, const struct http_head *head, struct buffer *out, uint64_t deadline_ns,
                         struct error *error) MUST_USE;

/* A time of the monotonic clock in 16 letters, which no detector takes for a number of a person. */
#define HTTP_STAMP_LETTERS 16
#define HTTP_STAMP_BYTES (HTTP_STAMP_LETTERS + 1)
void http_stamp_write(uint64_t time_ns, char stamp[HTTP_STAMP_BYTES]);
int http_stamp_parse(struct str letters, uint64_t *time_ns) MUST_USE;

#endif
