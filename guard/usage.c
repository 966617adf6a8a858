/* Totals by principal in memory, and the thread that reads them from the state. */
#include "guard/usage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#define USAGE_MAGIC 0x05a6e7c1u
#define HOUR_US (3600 * 1000000ll)
#define DAY_US (24 * HOUR_US)

struct spender {
    struct usage_totals totals;
    bool is_seen; /* by the reading under way */
    size_t name_length;
    char name[];
};

struct usage {
    uint32_t magic;
    struct store *store;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    pthread_t thread;
    bool has_thread;
    bool is_stopping;
    struct map spenders;
    atomic_size_t spender_count; /* read without the lock: most actions are of nobody who spent */
};

/* ---- In memory ------------------------------------------------------------------------------------------------------ */

/* Under the lock. NULL when memory is out. */
static struct spender *spender_of(struct usage *usage, struct str name) {
    struct spender *spender = map_get(&usage->spenders, name);
    if (spender != NULL) return spender;
    spender = calloc(1, sizeof(*spender) + name.length + 1);
    if (spender == NULL) return NULL;
    memcpy(spender->name, name.data, name.length);
    spender->name_length = name.length;
    if (map_set(&usage->spenders, str_make(spender->name, name.length), spender) != 0) {
        free(spender);
        return NULL;
    }
    atomic_fetch_add(&usage->spender_count, 1);
    return spender;
}

static void set_totals(struct usage *usage, struct str principal, const struct usage_totals *totals) {
    pthread_mutex_lock(&usage->lock);
    struct spender *spender = spender_of(usage, principal);
    if (spender != NULL) spender->totals = *totals;
    pthread_mutex_unlock(&usage->lock);
}

struct usage_totals usage_read(struct usage *usage, struct str principal) {
    struct usage_totals totals = {0, 0};
    CHECK_MAGIC(usage, USAGE_MAGIC);
    if (atomic_load_explicit(&usage->spender_count, memory_order_acquire) == 0) return totals;
    pthread_mutex_lock(&usage->lock);
    const struct spender *spender = map_get(&usage->spenders, principal);
    if (spender != NULL) totals = spender->totals;
    pthread_mutex_unlock(&usage->lock);
    return totals;
}

/* ---- In the state ---------------------------------------------------------------------------------------------------- */

static int64_t bounded(int64_t tokens) { return tokens < 0 ? 0 : tokens < USAGE_TOKENS_MAX ? tokens : USAGE_TOKENS_MAX; }

static int read_totals(struct usage *usage, struct str principal, int64_t now_us, int64_t before,
                       struct usage_totals *totals, struct error *error) {
    return store_spending_totals(usage->store, principal, before, now_us - HOUR_US, now_us - DAY_US, &totals->tokens_1h,
                                 &totals->tokens_1d, error);
}

static void renew(struct usage *usage, struct str principal, int64_t now_us) {
    struct usage_totals totals;
    if (read_totals(usage, principal, now_us, INT64_MAX, &totals, NULL) == 0) set_totals(usage, principal, &totals);
}

int usage_reserve(struct usage *usage, struct str principal, int64_t now_us, int64_t tokens, int64_t *reservation,
                  struct usage_totals *totals, struct error *error) {
    CHECK_MAGIC(usage, USAGE_MAGIC);
    int64_t oldest_us = now_us - DAY_US;
    tokens = bounded(tokens);
    if (store_spending_add(usage->store, principal, now_us, tokens, oldest_us, reservation, error) != 0) return -1;
    if (read_totals(usage, principal, now_us, *reservation, totals, error) == 0) return 0;
    return -1; /* what was reserved stays counted */
}

int usage_settle(struct usage *usage, struct str principal, int64_t now_us, int64_t reservation, int64_t tokens,
                 struct error *error) {
    CHECK_MAGIC(usage, USAGE_MAGIC);
    int64_t number;
    if (reservation == 0 && tokens <= 0) return 0;
    tokens = bounded(tokens);
    int result = reservation != 0 ? store_spending_settle(usage->store, reservation, now_us, tokens, error)
                                  : store_spending_add(usage->store, principal, now_us, tokens, now_us - DAY_US, &number,
                                                       error);
    if (result == 0) renew(usage, principal, now_us);
    return result;
}

static int take_row(void *context, struct str principal, int64_t tokens_1h, int64_t tokens_1d) {
    struct usage *usage = context;
    pthread_mutex_lock(&usage->lock);
    struct spender *spender = spender_of(usage, principal);
    if (spender != NULL) {
        spender->totals = (struct usage_totals){tokens_1h, tokens_1d};
        spender->is_seen = true;
    }
    pthread_mutex_unlock(&usage->lock);
    return spender != NULL ? 0 : -1;
}

/* Those of whom there is nothing any more have spent nothing. */
static void forget_unseen(struct usage *usage) {
    size_t cursor = 0;
    struct str name;
    void *value;
    pthread_mutex_lock(&usage->lock);
    while (map_next(&usage->spenders, &cursor, &name, &value)) {
        struct spender *spender = value;
        if (!spender->is_seen) spender->totals = (struct usage_totals){0, 0};
        spender->is_seen = false;
    }
    pthread_mutex_unlock(&usage->lock);
}

static int read_all(struct usage *usage, int64_t now_us, struct error *error) {
    if (store_spending_each(usage->store, now_us - HOUR_US, now_us - DAY_US, take_row, usage, error) != 0) return -1;
    forget_unseen(usage);
    return 0;
}

static void *read_main(void *argument) {
    struct usage *usage = argument;
    struct error error;
    bool has_failed = false;
    pthread_mutex_lock(&usage->lock);
    while (!usage->is_stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += USAGE_READ_MS / 1000;
        pthread_cond_timedwait(&usage->stop, &usage->lock, &until);
        if (usage->is_stopping) break;
        pthread_mutex_unlock(&usage->lock);
        bool fails = read_all(usage, clock_real_us(), &error) != 0;
        if (fails && !has_failed) log_error("what was spent cannot be read: %s", error.text);
        has_failed = fails;
        pthread_mutex_lock(&usage->lock);
    }
    pthread_mutex_unlock(&usage->lock);
    return NULL;
}

/* ---- Life ------------------------------------------------------------------------------------------------------ */

struct usage *usage_new(struct store *store, int64_t now_us, struct error *error) {
    struct usage *usage = calloc(1, sizeof(*usage));
    if (usage == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    pthread_condattr_t attributes;
    usage->magic = USAGE_MAGIC;
    usage->store = store;
    pthread_mutex_init(&usage->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&usage->stop, &attributes);
    pthread_condattr_destroy(&attributes);
    map_init(&usage->spenders);
    int result = read_all(usage, now_us, error);
    usage->has_thread = result == 0 && pthread_create(&usage->thread, NULL, read_main, usage) == 0;
    if (result == 0 && !usage->has_thread) {
        result = error_set(error, ERROR_UNAVAILABLE, "no thread for what is spent can be started");
    }
    if (result != 0) usage_free(&usage);
    return usage;
}

void usage_free(struct usage **out) {
    struct usage *usage = *out;
    *out = NULL;
    if (usage == NULL) return;
    CHECK_MAGIC(usage, USAGE_MAGIC);
    if (usage->has_thread) {
        pthread_mutex_lock(&usage->lock);
        usage->is_stopping = true;
        pthread_cond_signal(&usage->stop);
        pthread_mutex_unlock(&usage->lock);
        pthread_join(usage->thread, NULL);
    }
    size_t cursor = 0;
    struct str name;
    void *spender;
    while (map_next(&usage->spenders, &cursor, &name, &spender)) free(spender);
    map_free(&usage->spenders);
    pthread_cond_destroy(&usage->stop);
    pthread_mutex_destroy(&usage->lock);
    usage->magic = 0;
    free(usage);
}
