/* Who may be here: the principals of a config, and how a token proves to be one of them.
 *
 * An identity is an immutable snapshot with a count of holders: a session keeps the snapshot that its principal came
 * from (identity_hold) until it ends (identity_release). Shared by all threads. */
#ifndef SWORN_GUARD_IDENTITY_H
#define SWORN_GUARD_IDENTITY_H

#include "guard/store.h"
#include "model/principal.h"

/* A token is "swt_", 43 characters of base64url (32 random bytes) and 6 of a check on typing errors. */
#define TOKEN_TEXT_BYTES 54 /* 53 characters and a NUL */

struct identity;

/* One principal as configured. Strings are copied by identity_new(). */
struct identity_row {
    struct str name;
    enum principal_kind kind;
    const struct str *groups;
    size_t group_count;
    struct str on_behalf_of; /* agents only; STR_NONE: nobody */
};

/* NULL on error: a name twice or empty, on_behalf_of of other than an agent, or naming no user. The caller
 * is its one holder. */
struct identity *identity_new(const struct identity_row *rows, size_t count, struct error *error) MUST_USE;
struct identity *identity_hold(struct identity *identity);
void identity_release(struct identity **identity); /* the last one frees it */

const struct principal *identity_find(const struct identity *identity, struct str name); /* NULL: no such principal */
size_t identity_count(const struct identity *identity);
const struct principal *identity_at(const struct identity *identity, size_t index); /* in order of the config */

/* Makes a new token's text and the hash to store. The text is shown once and kept nowhere. */
void token_make(char text[TOKEN_TEXT_BYTES], struct sha256 *hash);
/* True when the text has the form of a token and its check is right: then the hash is worth looking up. */
bool token_is_well_formed(struct str text);

/* Does the token prove that the caller is `name`? Blocks (store): run it on a helper thread. ERROR_DENIED with one and
 * the same text for an unknown name and for a token that is wrong, expired, revoked or another's; which of them it was
 * goes to the operational log. ERROR_UNAVAILABLE when the store does not answer. token may be NULL; its strings are
 * the principal's. */
int identity_authenticate(const struct identity *identity, struct store *store, struct str name, struct str token_text,
                          int64_t now_us, const struct principal **principal, struct token_info *token,
                          struct error *error) MUST_USE;
/* The same where the caller brings nothing but a token: whose is it? */
int identity_authenticate_bearer(const struct identity *identity, struct store *store, struct str token_text,
                                 int64_t now_us, const struct principal **principal, struct token_info *token,
                                 struct error *error) MUST_USE;

#endif
