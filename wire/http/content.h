/* What kind of body a Content-Type announces, as far as it matters for looking into it. Pure. */
#ifndef SWORN_WIRE_HTTP_CONTENT_H
#define SWORN_WIRE_HTTP_CONTENT_H

#include "wire/http1/head.h"

enum content_kind {
    CONTENT_NONE,   /* no Content-Type */
    CONTENT_JSON,   /* application/json and what ends in +json */
    CONTENT_FORM,   /* application/x-www-form-urlencoded */
    CONTENT_EVENTS, /* text/event-stream */
    CONTENT_TEXT,   /* other text, XML, JavaScript, NDJSON */
    CONTENT_OTHER,  /* nothing that can be read */
};

enum content_kind content_kind_of(const struct http_head *head);

#endif
