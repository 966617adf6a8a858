/* What kind of body a message has, as far as it matters for looking into it. Pure. */
#ifndef SWORN_WIRE_HTTP_CONTENT_H
#define SWORN_WIRE_HTTP_CONTENT_H

#include "wire/http1/head.h"

enum content_kind {
    CONTENT_NONE,   /* no Content-Type */
    CONTENT_JSON,   /* application/json and what ends in +json */
    CONTENT_FORM,   /* application/x-www-form-urlencoded */
    CONTENT_EVENTS, /* text/event-stream */
    CONTENT_LINES,  /* NDJSON and JSONL: a JSON text a line */
    CONTENT_TEXT,   /* other text, XML, JavaScript */
    CONTENT_OTHER,  /* nothing that can be read */
};

/* As Content-Type announces it. */
enum content_kind content_kind_of(const struct http_head *head);
/* That of a request whose receiver may not care for the Content-Type: what begins as a JSON object, and what begins as an
 * array without being announced as text, is JSON. */
enum content_kind content_kind_of_request(const struct http_head *head, struct str body);

#endif
