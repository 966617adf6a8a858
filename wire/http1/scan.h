/* Finds the end of a head or of a trailer section while its bytes arrive, each byte looked at once: an attacker who
 * sends one byte a packet costs one step a packet.
 *
 * What can be refused before the end is there is refused at once: LF without CR and CR without LF (so no message waits
 * for an end that its sender believes to have sent), control bytes, folded lines, and all limits. */
#ifndef SWORN_WIRE_HTTP1_SCAN_H
#define SWORN_WIRE_HTTP1_SCAN_H

#include "base/decode.h"
#include "base/error.h"
#include "base/str.h"

struct http_limits {
    size_t target_bytes_max; /* of a request's target */
    size_t field_bytes_max;  /* of one field line, and of a status line */
    size_t field_count_max;
    size_t head_bytes_max;   /* all of a head; once more for trailers */
};

#define HTTP_LIMITS_DEFAULT ((struct http_limits){ \
    .target_bytes_max = 8192, .field_bytes_max = 16384, .field_count_max = 128, .head_bytes_max = 65536})
#define HTTP_METHOD_BYTES_MAX 32

enum http_section { HTTP_SECTION_REQUEST, HTTP_SECTION_ANSWER, HTTP_SECTION_TRAILERS };

struct http_scan {
    const struct http_limits *limits;
    enum http_section section;
    size_t total_bytes; /* looked at so far; when done, the length of the section with its empty line */
    size_t line_bytes;
    size_t line_count;
    bool has_cr;
    unsigned fault_status; /* when refused: 400, 414 or 431; of an answer 502 */
};

void http_scan_init(struct http_scan *scan, enum http_section section, const struct http_limits *limits);
/* The bytes that follow those of the last call. *used counts those that belong to the section. */
enum decode_result http_scan_feed(struct http_scan *scan, struct str bytes, size_t *used,
                                  struct error *error) MUST_USE;

#endif
