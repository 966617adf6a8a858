/* Usage: how many tokens each principal spent, for budgets (`context.tokens_1h`, `context.tokens_1d`).
 *
 * A prompt reserves an estimate before it is decided, and settles it with what was spent when its answer ends; each is one
 * transaction of the state, which all gateways share. A prompt is decided by what was reserved before its own reservation,
 * so that those side by side are decided as if one came after the other. What is never settled (a crash) stays counted.
 *
 * Other actions spend nothing and are decided by totals in memory, which are at most USAGE_READ_MS old where another gateway
 * spent. All functions are thread-safe; all but usage_read() block (guard/store.h). */
#ifndef SWORN_GUARD_USAGE_H
#define SWORN_GUARD_USAGE_H

#include "guard/store.h"

#define USAGE_READ_MS 2000
#define USAGE_TOKENS_MAX (1ll << 43) /* of one action; a day of them is a number that evidence can hold */

struct usage;

struct usage_totals {
    int64_t tokens_1h;
    int64_t tokens_1d;
};

/* Reads what the store has, and starts the thread that reads it again. The store is borrowed. */
struct usage *usage_new(struct store *store, int64_t now_us, struct error *error) MUST_USE;
void usage_free(struct usage **usage);

/* *totals: what was spent and reserved before. *reservation is a number of the state. */
int usage_reserve(struct usage *usage, struct str principal, int64_t now_us, int64_t tokens, int64_t *reservation,
                  struct usage_totals *totals, struct error *error) MUST_USE;
/* As spent now. reservation 0: nothing was reserved. */
int usage_settle(struct usage *usage, struct str principal, int64_t now_us, int64_t reservation, int64_t tokens,
                 struct error *error) MUST_USE;
struct usage_totals usage_read(struct usage *usage, struct str principal);

#endif
