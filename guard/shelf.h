/* struct shelf: the placeholders that one principal's requests to one upstream were given, by every gateway that shares
 * the state. A history may be shortened or compacted while a model still names a value by its placeholder, in a summary
 * or in thinking that only the provider can read: then the value stands in no request any more, and is put back from
 * here.
 *
 * The values lie in the state, sealed, for SHELF_DAYS after they were last sent; a gateway that has the same seal key
 * opens them. In memory are the SHELF_VALUES_MAX newest of each shelf in use. A name that is not here is not put back:
 * nothing is ever guessed.
 *
 *     shelf_take() ... shelf_release()      a session's use of it; neither blocks
 *     shelf_refresh(), shelf_keep()         block (guard/store.h): on a helper thread
 *
 * All functions are thread-safe. */
#ifndef SWORN_GUARD_SHELF_H
#define SWORN_GUARD_SHELF_H

#include "guard/store.h"
#include "guard/vault.h"

#define SHELF_DAYS 30
#define SHELF_RENEW_DAYS 15 /* sent again when so few are left: its time begins anew */
#define SHELF_VALUES_MAX 65536u
#define SHELF_BYTES_MAX (32u << 20)
#define SHELVES_IDLE_MAX 64 /* that nobody uses, but that are still in memory */

struct shelves;
struct shelf;

/* Of a gateway. store and key are borrowed. NULL when memory is out. */
struct shelves *shelves_new(struct store *store, const struct mask_box_key *key) MUST_USE;
void shelves_free(struct shelves **shelves);

/* NULL when memory is out. */
struct shelf *shelf_take(struct shelves *shelves, struct str principal, struct str upstream) MUST_USE;
void shelf_release(struct shelf **shelf);

/* Reads what was put there meanwhile. */
int shelf_refresh(struct shelf *shelf, int64_t now_us, struct error *error) MUST_USE;
/* Puts there what the vault holds, in the state and in memory; after an error in memory only. */
int shelf_keep(struct shelf *shelf, const struct vault *vault, int64_t now_us, struct error *error) MUST_USE;

/* Of which it holds values. */
class_set shelf_classes(struct shelf *shelf);
/* The value of a name, copied into the arena; STR_NONE when it is not there. */
struct str shelf_value(struct shelf *shelf, struct arena *arena, const struct vault_name *name);

#endif
