/* Where the body of a message ends (RFC 9112 section 6), pure. A message that two readers could cut at different places
 * is refused, never repaired:
 *
 *     Content-Length and Transfer-Encoding in one message; several of either, a list included; a length that is not
 *     digits alone or passes INT64_MAX; a transfer coding other than "chunked"; Transfer-Encoding in HTTP/1.0. */
#ifndef SWORN_WIRE_HTTP1_FRAMING_H
#define SWORN_WIRE_HTTP1_FRAMING_H

#include "wire/http1/head.h"

enum http_framing_kind {
    HTTP_FRAMING_NONE,        /* no body */
    HTTP_FRAMING_LENGTH,      /* length bytes */
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_UNTIL_CLOSE, /* an answer that lasts until the connection ends */
};

struct http_framing {
    enum http_framing_kind kind;
    uint64_t length;       /* of HTTP_FRAMING_LENGTH */
    bool keeps_alive;      /* the connection is good for another message after this one, as far as the sender says */
    bool expects_continue; /* the client waits for 100 before it sends the body */
    unsigned fault_status; /* when refused: 400, 417 or 501; of an answer 502 */
};

int http_framing_of_request(const struct http_head *head, struct http_framing *framing, struct error *error) MUST_USE;
/* method: of the request that is answered. */
int http_framing_of_answer(const struct http_head *head, struct str method, struct http_framing *framing,
                           struct error *error) MUST_USE;

#endif
