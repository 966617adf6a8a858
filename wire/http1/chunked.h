/* Decodes the chunked transfer coding (RFC 9112 section 7.1), pure and incremental: bytes may come in any pieces.
 *
 *     chunked = *( size [ ";" extension ] CRLF data CRLF ) 1*"0" [ ";" extension ] CRLF *field-line CRLF
 *     size    = 1*16 HEXDIG
 *
 * Extensions are dropped; how many bytes they may have is bounded per chunk and in proportion to the data. White space
 * around the size is refused, as is a size past INT64_MAX. Trailers are collected within the limits of a head; those
 * that would change how the message is framed or routed are refused (RFC 9110 section 6.5.1). */
#ifndef SWORN_WIRE_HTTP1_CHUNKED_H
#define SWORN_WIRE_HTTP1_CHUNKED_H

#include "base/buffer.h"
#include "wire/http1/field.h"
#include "wire/http1/scan.h"

#define HTTP_CHUNK_SIZE_DIGITS_MAX 16
#define HTTP_CHUNK_EXTENSION_BYTES_MAX 1024
/* Over the whole body, on top of as many bytes as there was data. */
#define HTTP_CHUNK_EXTENSIONS_BYTES_MAX ((size_t)16384)

enum http_chunked_state {
    HTTP_CHUNKED_SIZE,
    HTTP_CHUNKED_EXTENSION,
    HTTP_CHUNKED_SIZE_LF,
    HTTP_CHUNKED_DATA,
    HTTP_CHUNKED_DATA_CR,
    HTTP_CHUNKED_DATA_LF,
    HTTP_CHUNKED_TRAILERS,
    HTTP_CHUNKED_DONE,
};

struct http_chunked {
    enum http_chunked_state state;
    unsigned size_digits;
    uint64_t left; /* of the chunk's size, or of its data */
    uint64_t data_bytes; /* of the whole body so far */
    uint64_t extensions_bytes;
    size_t extension_bytes; /* of this chunk */
    struct http_scan scan; /* of the trailers */
    struct buffer trailer_lines;
    struct arena *arena;
    struct http_field *trailers; /* once DECODE_DONE; in the arena */
    size_t trailer_count;
};

/* limits and arena outlive the decoder. */
void http_chunked_init(struct http_chunked *chunked, const struct http_limits *limits, struct arena *arena);
void http_chunked_free(struct http_chunked *chunked);
/* Takes *consumed bytes, and stops behind the first piece of data, which borrows from bytes. DECODE_MORE with data:
 * call again with the bytes behind; without: everything was consumed. No more calls after DECODE_DONE or DECODE_BAD. */
enum decode_result http_chunked_decode(struct http_chunked *chunked, struct str bytes, size_t *consumed,
                                       struct str *data, struct error *error) MUST_USE;

#endif
