/* A name server that does not answer keeps nobody waiting but those who ask it. getaddrinfo() is the test's own: names of
 * its table answer, "mute..." blocks until it is let go. */
#include "run/resolver.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "run/offload.h"
#include "tests/unit/run/harness.h"

#define MUTE_CALLS 2 /* as many as run_in_fiber() starts helpers for names */

static atomic_int calls;
static atomic_int mute_calls;
static atomic_int result_of_good;
static sem_t let_go;

static int make_address(struct addrinfo **out) {
    struct addrinfo *made = calloc(1, sizeof(*made) + sizeof(struct sockaddr_in));
    CHECK(made != NULL);
    made->ai_family = AF_INET;
    made->ai_addr = (struct sockaddr *)(made + 1);
    made->ai_addrlen = sizeof(struct sockaddr_in);
    *out = made;
    return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
    (void)service;
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) return EAI_NONAME;
    atomic_fetch_add(&calls, 1);
    if (strncmp(host, "mute", 4) == 0) {
        atomic_fetch_add(&mute_calls, 1);
        while (sem_wait(&let_go) != 0) {}
        return EAI_AGAIN;
    }
    if (strcmp(host, "good") == 0) return atomic_load(&result_of_good) != 0 ? EAI_AGAIN : make_address(out);
    return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *addresses) { free(addresses); }

static int look_up(struct resolver *resolver, const char *host, uint64_t milliseconds, struct error *error) {
    struct resolved *resolved;
    int result = resolver_look_up(resolver, host, "5432", deadline_in_ms(milliseconds), &resolved, error);
    if (result != 0) return -1;
    CHECK(resolved_addresses(resolved)->ai_family == AF_INET);
    resolved_release(&resolved);
    return 0;
}

struct asking {
    struct resolver *resolver;
    const char *host;
    uint64_t milliseconds;
    int found;
};

static void ask_in_fiber(void *argument) {
    struct asking *asking = argument;
    struct error error;
    if (look_up(asking->resolver, asking->host, asking->milliseconds, &error) == 0) asking->found++;
}

static void test_answers_are_kept(void *argument) {
    struct resolver_times times = {MILLISECONDS(30000), MILLISECONDS(30000), MILLISECONDS(30000)};
    struct resolver *resolver = resolver_new(&times);
    struct asking asking = {resolver, "good", 10000, 0};
    struct fiber *fibers[8];
    struct error error;
    for (int i = 0; i < 8; i++) fibers[i] = start_fiber(ask_in_fiber, &asking);
    for (int i = 0; i < 8; i++) fiber_join(fibers[i]);
    is_integer(asking.found, 8, "eight fibers get the address of one name");
    is_integer(atomic_load(&calls), 1, "by one question");
    is_integer(look_up(resolver, "good", 10000, &error), 0, "a later one");
    is_integer(atomic_load(&calls), 1, "gets the answer that was kept");
    is_integer(look_up(resolver, "unknown", 10000, &error), -1, "a name that there is not");
    is_integer(error.code, ERROR_UNAVAILABLE, "is said to be unavailable");
    is_integer(look_up(resolver, "unknown", 10000, &error), -1, "also when it is asked for again");
    is_integer(atomic_load(&calls), 2, "which asks nobody");
    resolver_free(&resolver);
    (void)argument;
}

static void test_a_name_that_stops_resolving(void *argument) {
    struct resolver_times times = {0, 0, MILLISECONDS(30000)};
    struct resolver_times forgetful = {0, 0, 0};
    struct error error;
    struct resolver *resolver = resolver_new(&times);
    is_integer(look_up(resolver, "good", 10000, &error), 0, "a name that resolves");
    atomic_store(&result_of_good, -1);
    is_integer(look_up(resolver, "good", 10000, &error), 0, "keeps its addresses when it stops to");
    resolver_free(&resolver);
    atomic_store(&result_of_good, 0);
    resolver = resolver_new(&forgetful);
    CHECK(look_up(resolver, "good", 10000, &error) == 0);
    atomic_store(&result_of_good, -1);
    is_integer(look_up(resolver, "good", 10000, &error), -1, "but not for good");
    atomic_store(&result_of_good, 0);
    resolver_free(&resolver);
    (void)argument;
}

static void set_flag(void *argument) { *(bool *)argument = true; }

static void test_a_mute_name_server(void *argument) {
    struct resolver *resolver = resolver_new(NULL);
    struct error error;
    int before = atomic_load(&calls);
    is_integer(look_up(resolver, "mute-1", 20, &error), -1, "a name server that does not answer");
    is_integer(error.code, ERROR_TIMEOUT, "is waited for until the deadline");
    is_integer(look_up(resolver, "mute-2", 20, &error), -1, "so is it for another name");
    is_integer(atomic_load(&mute_calls), MUTE_CALLS, "now every helper for names waits");
    static const enum offload_purpose others[] = {OFFLOAD_COMPUTE, OFFLOAD_STATE_READ, OFFLOAD_STATE_WRITE};
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        bool has_run = false;
        int result = offload_run(others[i], set_flag, &has_run, &error);
        ok(result == 0 && has_run, "a job of another purpose runs");
    }
    is_integer(look_up(resolver, "late", 20, &error), -1, "another name waits behind them");
    sem_post(&let_go);
    sem_post(&let_go);
    is_integer(look_up(resolver, "good", 10000, &error), 0, "a name resolves when they are through");
    is_integer(look_up(resolver, "mute-1", 10000, &error), -1, "the first has its answer");
    is_integer(look_up(resolver, "mute-2", 10000, &error), -1, "and the second");
    is_integer(atomic_load(&calls) - before, 3, "the question that nobody waited for any longer was not put");
    is_integer(look_up(resolver, "late", 10000, &error), -1, "but is when somebody asks again");
    is_integer(atomic_load(&calls) - before, 4, "by a call");
    resolver_free(&resolver);
    (void)argument;
}

int main(void) {
    CHECK(sem_init(&let_go, 0, 0) == 0);
    run_in_fiber(1, test_answers_are_kept, NULL);
    run_in_fiber(1, test_a_name_that_stops_resolving, NULL);
    run_in_fiber(1, test_a_mute_name_server, NULL);
    return tap_done();
}
