/* What a request is for (RFC 9112 section 3.2), pure: only the origin-form is accepted, and only where every reader
 * sees the same path in it.
 *
 *     target = "/" *( path-char ) [ "?" *( path-char / "/" / "?" ) ]
 *
 * path-char is the pchar of RFC 3986 and what browsers and SDKs leave bare though it asks for escapes: [ ] | ^, and in
 * a query { } ` as well. Refused: fragments, "%" without two hex digits, %00, and segments "." and ".." (escaped or
 * not), which a server may resolve after the policy has seen them. */
#ifndef SWORN_WIRE_HTTP1_TARGET_H
#define SWORN_WIRE_HTTP1_TARGET_H

#include "base/arena.h"
#include "base/error.h"

int http_target_check(struct str target, struct error *error) MUST_USE;
/* name [":" port] or "[" IPv6 "]" [":" port], as in the Host field (RFC 9110 section 7.2). */
bool http_host_is_valid(struct str host);

/* query is what stands behind the first "?", STR_NONE when there is none. */
void http_target_split(struct str target, struct str *path, struct str *query);
/* Resolves %XX of a part that http_target_check accepted; borrows s where there is nothing to resolve. */
int http_percent_decode(struct str s, struct arena *arena, struct str *out, struct error *error) MUST_USE;

#endif
