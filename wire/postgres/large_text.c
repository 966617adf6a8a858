/* Long statements are read on helper threads, so that nobody else of the worker waits for the parser, and not many at once
 * for one principal, so that others find a helper free. What the parser took goes back to the system. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "run/offload.h"
#include "wire/postgres/session.h"

#define LARGE_PER_PRINCIPAL_MAX 2  /* that are read at once */
#define LARGE_PRINCIPALS_MAX 1024
#define LARGE_WAIT_NS (60 * NANOSECONDS_PER_SECOND)
#define LARGE_RETRY_NS (20 * NANOSECONDS_PER_MILLISECOND)

/* Who has long statements read just now: few at any time, whatever the number of principals. */
static struct {
    pthread_mutex_t lock;
    struct {
        char name[64]; /* a longer one counts by its beginning */
        unsigned count;
    } slots[LARGE_PRINCIPALS_MAX];
} large = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool try_begin(const char *name) {
    bool is_free = false;
    size_t unused = LARGE_PRINCIPALS_MAX;
    pthread_mutex_lock(&large.lock);
    size_t at = LARGE_PRINCIPALS_MAX;
    for (size_t i = 0; i < LARGE_PRINCIPALS_MAX; i++) {
        if (large.slots[i].count == 0 && unused == LARGE_PRINCIPALS_MAX) unused = i;
        if (large.slots[i].count > 0 && strcmp(large.slots[i].name, name) == 0) at = i;
    }
    if (at == LARGE_PRINCIPALS_MAX) at = unused;
    if (at < LARGE_PRINCIPALS_MAX && large.slots[at].count < LARGE_PER_PRINCIPAL_MAX) {
        snprintf(large.slots[at].name, sizeof(large.slots[at].name), "%s", name);
        large.slots[at].count++;
        is_free = true;
    }
    pthread_mutex_unlock(&large.lock);
    return is_free;
}

static void end(const char *name) {
    pthread_mutex_lock(&large.lock);
    for (size_t i = 0; i < LARGE_PRINCIPALS_MAX; i++) {
        bool is_it = large.slots[i].count > 0 && strcmp(large.slots[i].name, name) == 0;
        if (is_it) large.slots[i].count--;
        if (is_it) break;
    }
    pthread_mutex_unlock(&large.lock);
}

struct reading {
    struct str text;
    const struct sql_analysis *analysis;
    struct error error;
};

/* On a helper thread. */
static void read_text(void *argument) {
    struct reading *reading = argument;
    reading->analysis = sql_analyze(NULL, reading->text, &reading->error);
    malloc_trim(0);
}

/* P: waits for its turn. -1: the session ends, or nothing became free. */
static int await_turn(const char *name, struct error *error) {
    uint64_t deadline_ns = clock_monotonic_ns() + LARGE_WAIT_NS;
    while (!try_begin(name)) {
        if (clock_monotonic_ns() > deadline_ns)
            return error_set(error, ERROR_LIMIT, "too many long statements of this principal are being read: try again");
        if (fiber_sleep(LARGE_RETRY_NS, error) != 0) return -1;
    }
    return 0;
}

static const struct sql_analysis *read_apart(struct wire_session *session, struct str text, struct error *error) {
    char name[64];
    struct reading reading = {.text = {malloc(text.length + 1), text.length}};
    if (reading.text.data == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    memcpy((char *)(uintptr_t)reading.text.data, text.data, text.length); /* just made, ours; the input may move */
    snprintf(name, sizeof(name), "%.*s", STR_ARGS(postgres_state(session)->principal));
    if (await_turn(name, error) == 0) {
        if (offload_run(OFFLOAD_PARSE, read_text, &reading, error) == 0 && reading.analysis == NULL && error != NULL)
            *error = reading.error;
        end(name);
    }
    free((char *)(uintptr_t)reading.text.data);
    return reading.analysis;
}

const struct sql_analysis *postgres_analyze(struct wire_session *session, struct str text, struct error *error) {
    if (text.length <= SQL_CACHE_TEXT_BYTES_MAX) return sql_analyze(postgres_sql_cache(), text, error);
    return read_apart(session, text, error);
}
