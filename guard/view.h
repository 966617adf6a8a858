/* The view of a held action: all that an approver has to see, as one canonical JSON object (RFC 8785). It is made once, when
 * the hold begins, sealed with the evidence, and shown to whoever asks (masked); its SHA-256 is what an approval signs. It
 * holds a nonce, so that the hash tells nobody what the view says. Pure functions. */
#ifndef SWORN_GUARD_VIEW_H
#define SWORN_GUARD_VIEW_H

#include "base/json.h"
#include "guard/bundle.h"
#include "model/action.h"
#include "model/principal.h"

#define VIEW_BYTES_MAX ((size_t)4 << 20) /* what is longer nobody can read: it cannot be approved */
#define VIEW_PREFIX_DIGITS_MIN 8u        /* of the hash in hex, which an approval has to name */
#define VIEW_ID_DIGITS 16u               /* of the hash, which people are shown */

struct view_facts {
    const struct action *action; /* its verdict is HOLD */
    const struct principal *principal;
    const struct bundle *bundle; /* for the reasons that its policies give */
    struct str hold_id;
    struct str upstream_id; /* "<environment>/<name>" */
    struct str client_address;
    int64_t expires_us;
};

/* Appends the view. -1: it is longer than VIEW_BYTES_MAX. */
int view_write(const struct view_facts *facts, struct buffer *out) MUST_USE;
/* The details alone, as an array: what is sealed with an intent. */
void view_write_details(const struct action *action, struct json_writer *writer);
/* prefix: at least VIEW_PREFIX_DIGITS_MIN digits in lower case. */
bool view_has_prefix(const struct sha256 *digest, struct str prefix);

#endif
