/* The table of names, who waits for which, and the call to getaddrinfo() on a helper thread.
 *
 * The lock covers the table and every name in it. A question belongs to its fiber's worker and is freed there. */
#include "run/resolver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "run/internal.h"

struct resolved {
    atomic_uint references;
    struct addrinfo *addresses;
};

/* One fiber that waits. */
struct question {
    struct question *next;
    struct worker *worker;
    struct worker_item item;
    struct fiber *waiter;  /* NULL: it gave up */
    _Atomic bool has_left; /* the same, for the helper thread */
    bool is_done;
    int failure; /* of getaddrinfo */
    struct resolved *answer;
};

struct name {
    struct resolver *resolver;
    struct offload_job job;
    struct question *questions;
    bool is_asking;
    bool was_asked;                  /* what the helper thread brought; false: nobody waited for it any longer */
    int asked_failure;
    struct addrinfo *asked_addresses;
    int failure;                     /* what is known */
    struct resolved *answer;
    uint64_t answered_ns;            /* when the answer came */
    uint64_t good_until_ns;
    const char *service;
    size_t key_length;
    char key[]; /* host NUL service NUL */
};

struct resolver {
    struct resolver_times times;
    pthread_mutex_t lock;
    struct map names;
};

static const struct resolver_times usual_times = {
    .keep_ns = 30 * NANOSECONDS_PER_SECOND,
    .keep_no_ns = 5 * NANOSECONDS_PER_SECOND,
    .stale_ns = 600 * NANOSECONDS_PER_SECOND,
};

/* ---- Answers --------------------------------------------------------------------------------------------------- */

static struct resolved *resolved_new(struct addrinfo *addresses) {
    struct resolved *resolved = calloc(1, sizeof(*resolved));
    if (resolved == NULL) {
        freeaddrinfo(addresses);
        return NULL;
    }
    atomic_init(&resolved->references, 1);
    resolved->addresses = addresses;
    return resolved;
}

static struct resolved *resolved_hold(struct resolved *resolved) {
    if (resolved != NULL) atomic_fetch_add(&resolved->references, 1);
    return resolved;
}

void resolved_release(struct resolved **resolved) {
    if (*resolved != NULL && atomic_fetch_sub(&(*resolved)->references, 1) == 1) {
        freeaddrinfo((*resolved)->addresses);
        free(*resolved);
    }
    *resolved = NULL;
}

const struct addrinfo *resolved_addresses(const struct resolved *resolved) { return resolved->addresses; }

static int get_addresses(const char *host, const char *service, int flags, struct addrinfo **addresses) {
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    return getaddrinfo(host, service, &hints, addresses);
}

/* ---- Names ----------------------------------------------------------------------------------------------------- */

static void name_free(struct name *name) {
    resolved_release(&name->answer);
    free(name);
}

static struct name *name_new(struct resolver *resolver, const char *host, const char *service) {
    size_t host_length = strlen(host);
    size_t key_length = host_length + 1 + strlen(service);
    struct name *name = calloc(1, sizeof(*name) + key_length + 1);
    if (name == NULL) return NULL;
    memcpy(name->key, host, host_length);
    memcpy(name->key + host_length + 1, service, key_length - host_length);
    name->resolver = resolver;
    name->service = name->key + host_length + 1;
    name->key_length = key_length;
    if (map_set(&resolver->names, str_make(name->key, key_length), name) == 0) return name;
    free(name);
    return NULL;
}

/* Under the lock. NULL: as many names as there may be are being asked for. */
static struct name *find_name(struct resolver *resolver, const char *host, const char *service) {
    char key[NI_MAXHOST + NI_MAXSERV];
    int length = snprintf(key, sizeof(key), "%s%c%s", host, '\0', service);
    if (length < 0 || (size_t)length >= sizeof(key)) return NULL;
    struct name *name = map_get(&resolver->names, str_make(key, (size_t)length));
    if (name != NULL) return name;
    size_t cursor = 0;
    struct str other_key;
    void *value;
    while (resolver->names.count >= RESOLVER_NAMES_MAX && map_next(&resolver->names, &cursor, &other_key, &value)) {
        struct name *other = value;
        if (other->is_asking) continue;
        map_remove(&resolver->names, other_key);
        name_free(other);
        cursor = 0;
    }
    return resolver->names.count < RESOLVER_NAMES_MAX ? name_new(resolver, host, service) : NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------------------------- */

/* On the question's worker. */
static void question_done(void *argument) {
    struct question *question = argument;
    runtime_release(worker_runtime(question->worker));
    if (question->waiter == NULL) {
        resolved_release(&question->answer);
        free(question);
        return;
    }
    question->is_done = true;
    fiber_wake(question->waiter);
}

static bool is_wanted(struct name *name) {
    bool is_wanted = false;
    pthread_mutex_lock(&name->resolver->lock);
    for (const struct question *at = name->questions; at != NULL && !is_wanted; at = at->next) is_wanted = !at->has_left;
    pthread_mutex_unlock(&name->resolver->lock);
    return is_wanted;
}

/* On a helper thread: alone with the fields that it sets. */
static void ask(void *argument) {
    struct name *name = argument;
    name->asked_addresses = NULL;
    name->was_asked = is_wanted(name);
    if (!name->was_asked) return;
    name->asked_failure = get_addresses(name->key, name->service, AI_ADDRCONFIG, &name->asked_addresses);
}

/* Under the lock. */
static void learn(struct name *name, uint64_t now_ns) {
    const struct resolver_times *times = &name->resolver->times;
    name->failure = name->asked_failure;
    struct resolved *answer = name->failure == 0 ? resolved_new(name->asked_addresses) : NULL;
    if (name->failure == 0 && answer == NULL) name->failure = EAI_MEMORY;
    if (answer != NULL) {
        resolved_release(&name->answer);
        name->answer = answer;
        name->answered_ns = now_ns;
    } else if (name->answer != NULL && now_ns - name->answered_ns < times->stale_ns) {
        log_warning("%s cannot be looked up (%s): its last addresses are used", name->key, gai_strerror(name->failure));
        name->failure = 0;
    } else {
        resolved_release(&name->answer);
    }
    name->good_until_ns = now_ns + (answer != NULL ? times->keep_ns : times->keep_no_ns);
}

/* On the worker that asked. */
static void answer_all(void *argument) {
    struct name *name = argument;
    struct resolver *resolver = name->resolver;
    pthread_mutex_lock(&resolver->lock);
    if (name->was_asked) learn(name, clock_monotonic_ns());
    struct question *question = name->questions;
    name->questions = NULL;
    name->is_asking = false;
    for (struct question *at = question; at != NULL; at = at->next) {
        at->failure = name->failure;
        at->answer = resolved_hold(name->answer);
    }
    pthread_mutex_unlock(&resolver->lock);
    while (question != NULL) {
        struct question *next = question->next;
        worker_post_item(question->worker, &question->item);
        question = next;
    }
}

/* Under the lock. */
static int begin_asking(struct name *name, struct question *question, struct error *error) {
    if (!name->is_asking) {
        name->job = (struct offload_job){.run = ask, .done = answer_all, .argument = name};
        if (offload_submit(OFFLOAD_NAMES, &name->job, error) != 0) return -1;
        name->is_asking = true;
    }
    question->next = name->questions;
    name->questions = question;
    runtime_hold(worker_runtime(question->worker));
    return 0;
}

static struct question *question_new(void) {
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL) return NULL;
    question->worker = worker_self();
    question->waiter = fiber_self();
    question->item = (struct worker_item){.function = question_done, .argument = question};
    return question;
}

static int await_answer(struct question *question, const char *host, uint64_t deadline_ns, struct resolved **out,
                        struct error *error) {
    while (!question->is_done) {
        if (fiber_park(deadline_ns, error) == 0) continue;
        question->waiter = NULL;
        question->has_left = true;
        return error_prefix(error, "looking up %s", host);
    }
    int failure = question->failure;
    *out = question->answer;
    free(question);
    if (*out != NULL) return 0;
    return error_set(error, ERROR_UNAVAILABLE, "cannot look up %s: %s", host, gai_strerror(failure));
}

int resolver_look_up(struct resolver *resolver, const char *host, const char *service, uint64_t deadline_ns,
                     struct resolved **out, struct error *error) {
    struct addrinfo *numeric;
    *out = NULL;
    if (get_addresses(host, service, AI_NUMERICHOST, &numeric) == 0) {
        *out = resolved_new(numeric);
        return *out != NULL ? 0 : error_out_of_memory(error);
    }
    struct question *question = question_new();
    if (question == NULL) return error_out_of_memory(error);
    pthread_mutex_lock(&resolver->lock);
    struct name *name = find_name(resolver, host, service);
    bool is_known = name != NULL && name->good_until_ns > clock_monotonic_ns();
    int failure = is_known ? name->failure : 0;
    int begun = 0;
    if (is_known) *out = resolved_hold(name->answer);
    else begun = name != NULL ? begin_asking(name, question, error) : error_set(error, ERROR_LIMIT, "too many names");
    pthread_mutex_unlock(&resolver->lock);
    if (!is_known && begun == 0) return await_answer(question, host, deadline_ns, out, error);
    free(question);
    if (begun != 0) return -1;
    if (*out != NULL) return 0;
    return error_set(error, ERROR_UNAVAILABLE, "cannot look up %s: %s", host, gai_strerror(failure));
}

/* ---- Life ------------------------------------------------------------------------------------------------------ */

struct resolver *resolver_new(const struct resolver_times *times) {
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL) return NULL;
    resolver->times = times != NULL ? *times : usual_times;
    pthread_mutex_init(&resolver->lock, NULL);
    map_init(&resolver->names);
    return resolver;
}

void resolver_free(struct resolver **resolver) {
    if (*resolver == NULL) return;
    size_t cursor = 0;
    struct str key;
    void *name;
    while (map_next(&(*resolver)->names, &cursor, &key, &name)) name_free(name);
    map_free(&(*resolver)->names);
    pthread_mutex_destroy(&(*resolver)->lock);
    free(*resolver);
    *resolver = NULL;
}
