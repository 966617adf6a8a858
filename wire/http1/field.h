/* Field lines of HTTP/1.1 messages (RFC 9110 section 5, RFC 9112 section 5), pure: characters, decoding, lists.
 *
 *     field-line  = field-name ":" OWS field-value OWS CRLF      field-name = token
 *     field-value = *( VCHAR / obs-text / SP / HTAB )            list = [ element ] *( OWS "," OWS [ element ] )
 *
 * White space before ":", folded lines and control bytes are refused. */
#ifndef SWORN_WIRE_HTTP1_FIELD_H
#define SWORN_WIRE_HTTP1_FIELD_H

#include "base/arena.h"
#include "base/error.h"

struct http_field {
    struct str name; /* as it was sent; names are equal ignoring case */
    struct str value; /* without white space at its ends */
};

bool http_is_token(struct str s); /* at least one tchar, nothing else */
bool http_is_field_value(struct str s); /* no control bytes but HTAB; may be empty */

/* Field lines, each with its CRLF, nothing behind the last. The fields point into `lines`; the array is the arena's. */
int http_fields_decode(struct str lines, struct arena *arena, struct http_field **fields, size_t *count,
                       struct error *error) MUST_USE;

/* The value of the first field of that name, ignoring case; STR_NONE when absent (a field may be there and empty). */
struct str http_fields_find(const struct http_field *fields, size_t count, struct str name);
size_t http_fields_count(const struct http_field *fields, size_t count, struct str name);

/* Cuts the next element off a comma-separated list without quoted strings; empty ones are passed over. False at the
 * end. */
bool http_list_next(struct str *rest, struct str *element);

#endif
