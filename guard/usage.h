/* Usage: how many tokens each principal spent, for budgets (`context.tokens_1h`, `context.tokens_1d`).
 *
 * Counted in slots of USAGE_SLOT_US. A total takes every slot that overlaps its hour or day whole, so it may reach up to one
 * slot further back: it never says too little. What is spent is known when an answer ends: actions that are under way do
 * not count yet.
 *
 * In memory behind a lock, and in the store, so that a restart resets no budget: a thread of its own writes what changed,
 * every USAGE_WRITE_MS and at the end. A crash loses at most what was not written. All functions are thread-safe; only
 * usage_new() and usage_free() block. */
#ifndef SWORN_GUARD_USAGE_H
#define SWORN_GUARD_USAGE_H

#include "guard/store.h"

#define USAGE_SLOT_US (5 * 60 * 1000000ll)
#define USAGE_WRITE_MS 1000
#define USAGE_TOKENS_MAX (1ll << 43) /* in one slot; a day of them is a number that evidence can hold */

struct usage;

struct usage_totals {
    int64_t tokens_1h;
    int64_t tokens_1d;
};

/* Reads what the store has, and starts the thread. The store is borrowed. */
struct usage *usage_new(struct store *store, int64_t now_us, struct error *error) MUST_USE;
/* Writes what is left. */
void usage_free(struct usage **usage);

void usage_add(struct usage *usage, struct str principal, int64_t now_us, int64_t tokens);
struct usage_totals usage_read(struct usage *usage, struct str principal, int64_t now_us);

#endif
