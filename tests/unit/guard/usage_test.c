/* Budgets: what is reserved and settled counts once, for every gateway of the state, also over a crash and side by side. */
#include "guard/usage.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/fact.h"
#include "tests/unit/tap.h"

#define MINUTE_US 60000000ll
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
#define THREADS 8
#define PROMPTS 25 /* of each thread */

static char folder[] = "/tmp/sworn-usage-XXXXXX";
static char path[64];
static int64_t start_us;

static const struct {
    const char *name;
    struct {
        int64_t after_us;
        int64_t tokens;
    } spent[3];
    int64_t asked_us;
    int64_t tokens_1h;
    int64_t tokens_1d;
} rows[] = {
    {"nothing", {{0, 0}}, 0, 0, 0},
    {"at once", {{0, 10}}, 0, 10, 10},
    {"within the hour", {{0, 10}, {30 * MINUTE_US, 5}}, 40 * MINUTE_US, 15, 15},
    {"beyond the hour", {{4 * MINUTE_US, 10}}, 65 * MINUTE_US, 0, 10},
    {"within the day", {{0, 10}, {23 * HOUR_US, 5}}, 23 * HOUR_US + 59 * MINUTE_US, 5, 15},
    {"beyond the day", {{0, 10}, {23 * HOUR_US, 5}}, 24 * HOUR_US + 5 * MINUTE_US, 0, 5},
    {"a clock set back forgets nothing", {{2 * HOUR_US, 10}, {0, 5}}, 0, 15, 15},
    {"what is no amount", {{0, -5}, {0, 3}}, 0, 3, 3},
    {"too much", {{0, INT64_MAX}}, 0, USAGE_TOKENS_MAX, USAGE_TOKENS_MAX},
};

static struct usage *open_usage(struct store **store, int64_t now_us) {
    struct error error = {0};
    *store = store_open(path, &error);
    CHECK(*store != NULL);
    struct usage *usage = usage_new(*store, now_us, &error);
    CHECK(usage != NULL);
    return usage;
}

static void close_usage(struct usage **usage, struct store **store) {
    usage_free(usage);
    store_close(store);
}

/* What a prompt would be decided by. */
static struct usage_totals totals_at(struct usage *usage, const char *name, int64_t now_us) {
    struct usage_totals totals = {-1, -1};
    struct error error;
    int64_t reservation;
    CHECK(usage_reserve(usage, str_from_cstr(name), now_us, 0, &reservation, &totals, &error) == 0);
    CHECK(usage_settle(usage, str_from_cstr(name), now_us, reservation, 0, &error) == 0);
    return totals;
}

static void test_rows(struct usage *usage) {
    struct error error;
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char name[16];
        snprintf(name, sizeof(name), "agent-%zu", i);
        for (size_t j = 0; j < LENGTH_OF(rows[i].spent); j++) {
            int64_t at_us = start_us + rows[i].spent[j].after_us;
            CHECK(usage_settle(usage, str_from_cstr(name), at_us, 0, rows[i].spent[j].tokens, &error) == 0);
        }
        struct usage_totals totals = totals_at(usage, name, start_us + rows[i].asked_us);
        is_integer(totals.tokens_1h, rows[i].tokens_1h, rows[i].name);
        is_integer(totals.tokens_1d, rows[i].tokens_1d, rows[i].name);
    }
}

/* Reserved by one gateway, seen by the other at its next prompt; settled, it is what was spent; a crash leaves the
 * estimate. */
static void test_two_gateways(void) {
    struct store *stores[2];
    struct usage *usages[2];
    struct error error;
    struct usage_totals totals;
    int64_t first, second;
    for (size_t i = 0; i < 2; i++) usages[i] = open_usage(&stores[i], start_us);
    CHECK(usage_reserve(usages[0], STR("ana"), start_us, 100, &first, &totals, &error) == 0);
    is_integer(totals.tokens_1h, 0, "its own reservation is not what it is decided by");
    CHECK(usage_reserve(usages[1], STR("ana"), start_us, 50, &second, &totals, &error) == 0);
    is_integer(totals.tokens_1h, 100, "the other's is");
    CHECK(usage_settle(usages[0], STR("ana"), start_us, first, 7, &error) == 0);
    is_integer(totals_at(usages[1], "ana", start_us).tokens_1h, 57, "settled");
    for (size_t i = 0; i < 2; i++) close_usage(&usages[i], &stores[i]);
    usages[0] = open_usage(&stores[0], start_us);
    is_integer(usage_read(usages[0], STR("ana")).tokens_1d, 57, "what was not settled stays");
    is_integer(usage_read(usages[0], STR("bob")).tokens_1d, 0, "of nobody else");
    close_usage(&usages[0], &stores[0]);
}

struct agent {
    struct usage *usage;
    int64_t allowed;
};

/* 10 tokens a prompt, while less than 1000 are spent: a budget that is exact lets 100 of them through. */
static void *spend(void *argument) {
    struct agent *agent = argument;
    for (int i = 0; i < PROMPTS; i++) {
        struct error error;
        struct usage_totals totals;
        int64_t reservation;
        CHECK(usage_reserve(agent->usage, STR("crowd"), start_us, 10, &reservation, &totals, &error) == 0);
        bool is_allowed = totals.tokens_1h < 1000;
        CHECK(usage_settle(agent->usage, STR("crowd"), start_us, reservation, is_allowed ? 10 : 0, &error) == 0);
        agent->allowed += is_allowed;
    }
    return NULL;
}

static void test_side_by_side(void) {
    struct store *stores[2];
    struct usage *usages[2];
    struct agent agents[THREADS];
    pthread_t threads[THREADS];
    int64_t allowed = 0;
    for (size_t i = 0; i < 2; i++) usages[i] = open_usage(&stores[i], start_us);
    for (size_t i = 0; i < THREADS; i++) {
        agents[i] = (struct agent){usages[i % 2], 0};
        CHECK(pthread_create(&threads[i], NULL, spend, &agents[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        allowed += agents[i].allowed;
    }
    ok(allowed <= 100 && allowed >= 100 - THREADS, "never more than the budget, and never much less");
    is_integer(totals_at(usages[0], "crowd", start_us).tokens_1h, 10 * allowed, "each is counted once");
    for (size_t i = 0; i < 2; i++) close_usage(&usages[i], &stores[i]);
}

static void test_facts(void) {
    struct fact facts[FACT_COUNT] = {0};
    is_integer(facts_spent(facts), 0, "no facts, nothing spent");
    facts[FACT_TOKENS_IN] = (struct fact){.is_set = true, .integer = 100};
    facts[FACT_TOKENS_OUT] = (struct fact){.is_set = true, .integer = 20};
    facts[FACT_TOKENS_CACHED] = (struct fact){.is_set = true, .integer = 7};
    is_integer(facts_spent(facts), 120, "tokens in and out are spent");
    facts[FACT_TOKENS_OUT].integer = -20;
    is_integer(facts_spent(facts), 100, "a negative number is none");
    facts[FACT_TOKENS_OUT].integer = INT64_MAX;
    is_integer(facts_spent(facts), INT64_MAX, "an impossible number is as much as can be");
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/sworn.db", folder);
    start_us = clock_real_us();
    struct store *store;
    struct usage *usage = open_usage(&store, start_us);
    test_rows(usage);
    close_usage(&usage, &store);
    test_two_gateways();
    test_side_by_side();
    test_facts();
    char command[96];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    CHECK(system(command) == 0);
    return tap_done();
}
