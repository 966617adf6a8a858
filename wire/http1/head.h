/* Heads of HTTP/1.1 messages (RFC 9112 sections 2 to 5, RFC 9110 section 5): decoded strictly, whole or not at all.
 * Pure: no I/O, nothing parks (wire/http1/body.h reads heads from a stream).
 *
 *     request = method SP target SP "HTTP/1.1" CRLF *field-line CRLF
 *     answer  = "HTTP/1." ("0" / "1") SP 3DIGIT [ SP [ reason ] ] CRLF *field-line CRLF
 *
 * All of a head lives in the arena that was given; nothing points into the bytes it was decoded from. When a decoder
 * says DECODE_BAD, head->fault_status is the status that tells a client why: 400, 414, 431, 501 or 505; of an answer
 * 502. */
#ifndef SWORN_WIRE_HTTP1_HEAD_H
#define SWORN_WIRE_HTTP1_HEAD_H

#include "wire/http1/field.h"
#include "wire/http1/scan.h"

struct http_head {
    bool is_request;
    struct str method; /* of a request */
    struct str target; /* of a request: a path with its query (wire/http1/target.h) */
    unsigned status;   /* of an answer, 100 to 599 */
    struct str reason; /* of an answer, may be empty */
    unsigned minor_version; /* 1, or 0 for an answer in HTTP/1.0 */
    struct http_field *fields; /* in their order */
    size_t field_count;
    unsigned fault_status;
};

/* *consumed: the length of the head, once it is DECODE_DONE. */
enum decode_result http_head_decode_request(struct str bytes, const struct http_limits *limits, struct arena *arena,
                                            struct http_head *head, size_t *consumed, struct error *error) MUST_USE;
enum decode_result http_head_decode_answer(struct str bytes, const struct http_limits *limits, struct arena *arena,
                                           struct http_head *head, size_t *consumed, struct error *error) MUST_USE;
/* The same for bytes that a scan of the section has found to be exactly a head. -1: head->fault_status. */
int http_head_decode_scanned(struct str bytes, enum http_section section, const struct http_limits *limits,
                             struct arena *arena, struct http_head *head, struct error *error) MUST_USE;

/* The value of the first field of that name, ignoring case; STR_NONE (data == NULL) when there is none. */
struct str http_head_find(const struct http_head *head, struct str name);
size_t http_head_count(const struct http_head *head, struct str name);

/* Walks the elements of a list over all fields of a name (RFC 9110 section 5.6.1):
 *     struct http_list list = http_list_of(head, STR("Connection")); struct str element;
 *     while (http_list_of_next(&list, &element)) ... */
struct http_list {
    const struct http_head *head;
    struct str name;
    size_t next_field;
    struct str rest;
};
struct http_list http_list_of(const struct http_head *head, struct str name);
bool http_list_of_next(struct http_list *list, struct str *element);
/* The list holds that element, ignoring case. */
bool http_head_lists(const struct http_head *head, struct str name, struct str element);

#endif
