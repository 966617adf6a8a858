/* Server-sent events (WHATWG HTML Living Standard, 9.2.5 and 9.2.6), incrementally.
 *
 *     stream  = [ BOM ] *event
 *     event   = *( comment / field ) end-of-line
 *     comment = ':' *any-char end-of-line
 *     field   = name [ ':' [ ' ' ] *any-char ] end-of-line
 *     end-of-line = CR LF / CR / LF
 *
 * Pure: feed bytes, take events until there are none. What an event says is the parser's and valid until the next call.
 * An event that is not complete at the end of the stream is discarded, as the standard has it. */
#ifndef SWORN_WIRE_LLM_SSE_H
#define SWORN_WIRE_LLM_SSE_H

#include "base/buffer.h"
#include "base/error.h"

struct sse_event {
    struct str type; /* empty: "message" */
    struct str data; /* lines joined by LF */
    struct str id;
    bool is_comment; /* nothing but a comment: a sign of life */
};

struct sse_parser {
    struct buffer pending;
    size_t scanned;       /* bytes of pending without an end of line */
    bool was_cr;          /* an LF that follows belongs to it */
    bool is_begun;        /* past the BOM */
    bool is_taken;        /* the event was given out: forget it */
    bool has_data;
    struct buffer type;
    struct buffer data;
    struct buffer id;
    size_t event_bytes_max;
};

void sse_init(struct sse_parser *parser, size_t event_bytes_max);
void sse_free(struct sse_parser *parser);
int sse_feed(struct sse_parser *parser, struct str bytes, struct error *error) MUST_USE;
/* 1 with an event, 0 when more bytes are needed, -1 past the limit. */
int sse_next(struct sse_parser *parser, struct sse_event *event, struct error *error) MUST_USE;

/* Appends an event; type may be empty. */
void sse_append(struct buffer *out, struct str type, struct str data);

#endif
