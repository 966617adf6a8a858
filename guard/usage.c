/* A ring of slots a principal, and the thread that writes those that changed. */
#include "guard/usage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#define USAGE_MAGIC 0x05a6e7c1u
#define HOUR_SLOTS (3600 * 1000000ll / USAGE_SLOT_US + 1)
#define DAY_SLOTS (24 * 3600 * 1000000ll / USAGE_SLOT_US + 1)
#define NO_SLOT INT64_MAX

struct spender {
    int64_t newest;                   /* the last slot that the ring has; those of a day before it are in it, too */
    int64_t unwritten;                /* the first slot that changed since it was written; NO_SLOT: none */
    int64_t tokens[DAY_SLOTS];        /* by slot % DAY_SLOTS */
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
    atomic_size_t spender_count; /* read without the lock: most actions spend nothing */
};

static struct str name_of(const struct spender *spender) { return str_make(spender->name, spender->name_length); }

/* ---- The ring -------------------------------------------------------------------------------------------------- */

static struct spender *new_spender(struct usage *usage, struct str name, int64_t slot) {
    struct spender *spender = calloc(1, sizeof(*spender) + name.length + 1);
    if (spender == NULL) return NULL;
    memcpy(spender->name, name.data, name.length);
    spender->name_length = name.length;
    spender->newest = slot;
    spender->unwritten = NO_SLOT;
    if (map_set(&usage->spenders, name_of(spender), spender) != 0) {
        free(spender);
        return NULL;
    }
    atomic_fetch_add(&usage->spender_count, 1);
    return spender;
}

/* Forgets the slots between the newest and this one. */
static void advance(struct spender *spender, int64_t slot) {
    for (int64_t passed = 0; spender->newest < slot && passed < DAY_SLOTS; passed++) {
        spender->newest++;
        spender->tokens[spender->newest % DAY_SLOTS] = 0;
    }
    if (spender->newest < slot) spender->newest = slot;
}

/* A clock that was set back counts in the newest slot: nothing that was spent is forgotten early. */
static int64_t spend(struct spender *spender, int64_t slot, int64_t tokens) {
    advance(spender, slot);
    int64_t *counted = &spender->tokens[spender->newest % DAY_SLOTS];
    *counted = *counted + tokens < USAGE_TOKENS_MAX ? *counted + tokens : USAGE_TOKENS_MAX;
    return spender->newest;
}

static int64_t total(const struct spender *spender, int64_t slot, int64_t slots) {
    int64_t sum = 0;
    int64_t from = slot - slots + 1;
    int64_t oldest = spender->newest - DAY_SLOTS + 1;
    for (int64_t i = from > oldest ? from : oldest; i <= spender->newest; i++) sum += spender->tokens[i % DAY_SLOTS];
    return sum;
}

void usage_add(struct usage *usage, struct str principal, int64_t now_us, int64_t tokens) {
    CHECK_MAGIC(usage, USAGE_MAGIC);
    if (tokens <= 0 || now_us < DAY_SLOTS * USAGE_SLOT_US) return;
    if (tokens > USAGE_TOKENS_MAX) tokens = USAGE_TOKENS_MAX;
    int64_t slot = now_us / USAGE_SLOT_US;
    pthread_mutex_lock(&usage->lock);
    struct spender *spender = map_get(&usage->spenders, principal);
    if (spender == NULL) spender = new_spender(usage, principal, slot);
    if (spender != NULL) {
        int64_t changed = spend(spender, slot, tokens);
        if (changed < spender->unwritten) spender->unwritten = changed;
    }
    pthread_mutex_unlock(&usage->lock);
    if (spender == NULL) log_error("%lld tokens are in no budget: out of memory", (long long)tokens);
}

struct usage_totals usage_read(struct usage *usage, struct str principal, int64_t now_us) {
    struct usage_totals totals = {0, 0};
    CHECK_MAGIC(usage, USAGE_MAGIC);
    if (atomic_load_explicit(&usage->spender_count, memory_order_acquire) == 0) return totals;
    int64_t slot = now_us / USAGE_SLOT_US;
    pthread_mutex_lock(&usage->lock);
    const struct spender *spender = map_get(&usage->spenders, principal);
    if (spender != NULL) totals = (struct usage_totals){total(spender, slot, HOUR_SLOTS), total(spender, slot, DAY_SLOTS)};
    pthread_mutex_unlock(&usage->lock);
    return totals;
}

/* ---- The store ------------------------------------------------------------------------------------------------- */

static int load_row(void *context, struct str principal, int64_t start_us, int64_t tokens) {
    struct usage *usage = context;
    int64_t slot = start_us / USAGE_SLOT_US;
    struct spender *spender = map_get(&usage->spenders, principal);
    if (spender == NULL) spender = new_spender(usage, principal, slot);
    if (spender == NULL) return -1;
    (void)spend(spender, slot, tokens);
    return 0;
}

struct changes {
    struct store_usage *rows;
    struct spender **spenders; /* whose they are */
    size_t count;
};

static size_t count_changes(struct usage *usage) {
    size_t count = 0;
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(&usage->spenders, &cursor, &name, &value)) {
        const struct spender *spender = value;
        if (spender->unwritten != NO_SLOT) count += (size_t)(spender->newest - spender->unwritten + 1);
    }
    return count;
}

static void take_from(struct spender *spender, struct changes *changes) {
    int64_t oldest = spender->newest - DAY_SLOTS + 1;
    int64_t slot = spender->unwritten;
    spender->unwritten = NO_SLOT;
    if (slot == NO_SLOT) return;
    for (slot = slot > oldest ? slot : oldest; slot <= spender->newest; slot++) {
        int64_t tokens = spender->tokens[slot % DAY_SLOTS];
        if (tokens == 0) continue;
        changes->spenders[changes->count] = spender;
        changes->rows[changes->count++] = (struct store_usage){name_of(spender), slot * USAGE_SLOT_US, tokens};
    }
}

/* Under the lock. Spenders stay where they are until usage_free(), so rows may borrow their names. */
static int take_changes(struct usage *usage, struct changes *changes) {
    size_t count = count_changes(usage);
    *changes = (struct changes){.count = 0};
    if (count == 0) return 0;
    changes->rows = calloc(count, sizeof(*changes->rows));
    changes->spenders = calloc(count, sizeof(*changes->spenders));
    if (changes->rows == NULL || changes->spenders == NULL) return -1;
    size_t cursor = 0;
    struct str name;
    void *value;
    while (map_next(&usage->spenders, &cursor, &name, &value)) take_from(value, changes);
    return 0;
}

static void put_back(struct usage *usage, const struct changes *changes) {
    pthread_mutex_lock(&usage->lock);
    for (size_t i = 0; i < changes->count; i++) {
        struct spender *spender = changes->spenders[i];
        int64_t slot = changes->rows[i].start_us / USAGE_SLOT_US;
        if (slot < spender->unwritten) spender->unwritten = slot;
    }
    pthread_mutex_unlock(&usage->lock);
}

static int write_changes(struct usage *usage, struct error *error) {
    struct changes changes;
    pthread_mutex_lock(&usage->lock);
    int result = take_changes(usage, &changes);
    pthread_mutex_unlock(&usage->lock);
    if (result != 0) result = error_out_of_memory(error);
    else if (changes.count > 0) {
        int64_t oldest_us = clock_real_us() - DAY_SLOTS * USAGE_SLOT_US;
        result = store_usage_put(usage->store, changes.rows, changes.count, oldest_us, error);
        if (result != 0) put_back(usage, &changes);
    }
    free(changes.rows);
    free(changes.spenders);
    return result;
}

/* Said once, until it works again. */
static bool write_and_tell(struct usage *usage, bool has_failed) {
    struct error error;
    if (write_changes(usage, &error) == 0) return false;
    if (!has_failed) log_error("what was spent cannot be written: %s", error.text);
    return true;
}

static void *write_main(void *argument) {
    struct usage *usage = argument;
    bool has_failed = false;
    pthread_mutex_lock(&usage->lock);
    while (!usage->is_stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += USAGE_WRITE_MS / 1000;
        pthread_cond_timedwait(&usage->stop, &usage->lock, &until);
        pthread_mutex_unlock(&usage->lock);
        has_failed = write_and_tell(usage, has_failed);
        pthread_mutex_lock(&usage->lock);
    }
    pthread_mutex_unlock(&usage->lock);
    (void)write_and_tell(usage, false);
    return NULL;
}

/* ---- Life ------------------------------------------------------------------------------------------------------ */

static int start(struct usage *usage, int64_t now_us, struct error *error) {
    if (store_usage_each(usage->store, now_us - DAY_SLOTS * USAGE_SLOT_US, load_row, usage, error) != 0) return -1;
    usage->has_thread = pthread_create(&usage->thread, NULL, write_main, usage) == 0;
    return usage->has_thread ? 0 : error_set(error, ERROR_UNAVAILABLE, "no thread for what is spent can be started");
}

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
    if (start(usage, now_us, error) != 0) usage_free(&usage);
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
