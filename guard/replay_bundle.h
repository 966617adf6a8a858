/* Bundles out of the log: what was in force, rebuilt from bundle_activated and entities_activated entries, or a folder of
 * policies with the log's entities.
 *
 * Only where a text stands is remembered as the log passes; it is read again when an action needs it. A world (policies
 * and entities ready to decide) is kept for the next action, up to REPLAY_WORLDS_MAX; then all are dropped. What cannot
 * be rebuilt is a world with a problem, so that it is tried once. Blocking, and bundles need a big stack. */
#ifndef SWORN_GUARD_REPLAY_BUNDLE_H
#define SWORN_GUARD_REPLAY_BUNDLE_H

#include "guard/policy.h"
#include "ledger/event.h"

#define REPLAY_WORLDS_MAX 64
#define REPLAY_SESSIONS_A_WORLD_MAX 4096 /* principals and addresses whose policy sessions are kept */
#define REPLAY_PIECES_MAX (1u << 20)     /* entries of all bundles and entities of a log */

struct replay_bundles;

/* sealed, kek: to open texts that were sealed; NULL and STR_NONE without. Borrowed. */
int replay_bundles_new(struct replay_bundles **bundles, const char *evidence, const char *sealed, struct str kek,
                       struct error *error) MUST_USE;
void replay_bundles_free(struct replay_bundles **bundles);

/* Every bundle_activated and entities_activated entry, in order; others are ignored. */
int replay_bundles_note(struct replay_bundles *bundles, const struct ledger_entry *entry, struct error *error) MUST_USE;

/* The session in which `principal` decides from `address` (STR_NONE: a Unix socket). directory == NULL: the policies of
 * `bundle` as recorded, else those of the folder. Valid until the next call. NULL: it cannot be had, and why. */
struct policy_session *replay_bundles_session(struct replay_bundles *bundles, const char *directory,
                                              const struct sha256 *bundle, const struct sha256 *entities,
                                              struct str principal, struct str address, struct error *error) MUST_USE;

#endif
