/* The vault of a conversation that outlives its action (a request that continues an earlier answer by its name): sealed in
 * the store under the principal, the upstream and the name, all of which the store sees as one HMAC only. What a
 * conversation was not continued for CONVERSATION_DAYS is swept.
 *
 * These functions block (guard/store.h): call them from a helper thread, which alone touches the vault and its arena
 * meanwhile. */
#ifndef SWORN_GUARD_CONVERSATION_H
#define SWORN_GUARD_CONVERSATION_H

#include "guard/mask_box.h"
#include "guard/store.h"
#include "guard/vault.h"

#define CONVERSATION_DAYS 30

/* Everything is borrowed. */
struct conversation {
    const struct mask_box_key *key;
    struct str principal;
    struct str upstream;
    struct str name; /* e.g. the provider's id of the answer; any bytes */
};

/* Into an empty vault. ERROR_NOT_FOUND: there is none of this name for this principal and upstream, or it has expired;
 * ERROR_INVALID: what is there does not open. The vault is to be thrown away after an error but ERROR_NOT_FOUND. */
int conversation_load(struct store *store, const struct conversation *conversation, int64_t now_us, struct vault *vault,
                      struct error *error) MUST_USE;
/* Replaces what was kept under the name. */
int conversation_keep(struct store *store, const struct conversation *conversation, int64_t now_us,
                      const struct vault *vault, struct error *error) MUST_USE;

#endif
