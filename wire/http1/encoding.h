/* Decodes content codings (RFC 9110 section 8.4.1, RFC 7932, RFC 8878) piece by piece, within limits: a few bytes must
 * not become gigabytes. Pure but for the heap; nothing parks.
 *
 * deflate is the zlib format, as the standard says; gzip members and zstd frames may follow one another. Whatever else
 * follows the end, and an end that does not come, is an error. The window of zstd is at most 8 MiB (RFC 9659). */
#ifndef SWORN_WIRE_HTTP1_ENCODING_H
#define SWORN_WIRE_HTTP1_ENCODING_H

#include "base/buffer.h"
#include "wire/http1/head.h"

enum http_encoding {
    HTTP_ENCODING_IDENTITY,
    HTTP_ENCODING_GZIP,
    HTTP_ENCODING_DEFLATE,
    HTTP_ENCODING_BR,
    HTTP_ENCODING_ZSTD,
};

/* The value of a Content-Encoding field; empty means identity. -1 (ERROR_INVALID): unknown, or several at once. */
int http_encoding_from_name(struct str name, enum http_encoding *encoding, struct error *error) MUST_USE;
/* That of a message. */
int http_encoding_of(const struct http_head *head, enum http_encoding *encoding, struct error *error) MUST_USE;
struct str http_encoding_name(enum http_encoding encoding);

struct http_decoder_limits {
    uint64_t output_bytes_max;
    /* Output past HTTP_DECODER_FREE_BYTES may be at most this many times the input; real text stays below 50. */
    uint64_t ratio_max;
};
#define HTTP_DECODER_RATIO_MAX 200
#define HTTP_DECODER_FREE_BYTES ((uint64_t)1 << 20)
#define HTTP_DECODER_PIECE_BYTES_MAX ((size_t)65536)

struct http_decoder;

struct http_decoder *http_decoder_new(enum http_encoding encoding, struct http_decoder_limits limits,
                                      struct error *error) MUST_USE;
void http_decoder_free(struct http_decoder **decoder);
/* Takes bytes off the front of *input and appends up to HTTP_DECODER_PIECE_BYTES_MAX to out. 1: call again, there is
 * more to decode; 0: all of the input was taken and all that it decodes to was given; -1: ERROR_PROTOCOL (does not
 * decode), ERROR_LIMIT (a limit, or out is full), ERROR_MEMORY. After -1 it is only good for freeing. */
int http_decoder_decode(struct http_decoder *decoder, struct str *input, struct buffer *out,
                        struct error *error) MUST_USE;
/* After the last byte: -1 when the coding has not come to its end. No bytes at all are an empty body. */
int http_decoder_finish(const struct http_decoder *decoder, struct error *error) MUST_USE;

#endif
