#include "guard/usage.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/fact.h"
#include "tests/unit/tap.h"

#define MINUTE_US 60000000ll
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

static char folder[] = "/tmp/sworn-usage-XXXXXX";
static char path[64];
static int64_t start_us; /* of a slot */

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
    {"an hour ago counts as long as its slot overlaps", {{4 * MINUTE_US, 10}}, 64 * MINUTE_US, 10, 10},
    {"beyond the hour", {{4 * MINUTE_US, 10}}, 65 * MINUTE_US, 0, 10},
    {"within the day", {{0, 10}, {23 * HOUR_US, 5}}, 23 * HOUR_US + 59 * MINUTE_US, 5, 15},
    {"beyond the day", {{0, 10}, {23 * HOUR_US, 5}}, 24 * HOUR_US + 5 * MINUTE_US, 0, 5},
    {"days later", {{0, 10}}, 3 * DAY_US, 0, 0},
    {"spent again days later", {{0, 10}, {3 * DAY_US, 7}}, 3 * DAY_US, 7, 7},
    {"a clock set back forgets nothing", {{2 * HOUR_US, 10}, {0, 5}}, 0, 15, 15},
    {"what is no amount", {{0, -5}, {0, 3}}, 0, 3, 3},
    {"too much stays there", {{0, INT64_MAX}, {0, INT64_MAX}}, 0, USAGE_TOKENS_MAX, USAGE_TOKENS_MAX},
};

static void check_row(struct usage *usage, size_t i, const char *when) {
    char name[16];
    snprintf(name, sizeof(name), "agent-%zu", i);
    struct usage_totals totals = usage_read(usage, str_from_cstr(name), start_us + rows[i].asked_us);
    printf("# %s, %s\n", rows[i].name, when);
    is_integer(totals.tokens_1h, rows[i].tokens_1h, "in an hour");
    is_integer(totals.tokens_1d, rows[i].tokens_1d, "in a day");
}

static void spend_row(struct usage *usage, size_t i) {
    char name[16];
    snprintf(name, sizeof(name), "agent-%zu", i);
    for (size_t j = 0; j < LENGTH_OF(rows[i].spent); j++) {
        usage_add(usage, str_from_cstr(name), start_us + rows[i].spent[j].after_us, rows[i].spent[j].tokens);
    }
}

static struct usage *open_usage(struct store **store, int64_t now_us) {
    struct error error = {0};
    *store = store_open(path, &error);
    CHECK(*store != NULL);
    struct usage *usage = usage_new(*store, now_us, &error);
    CHECK(usage != NULL);
    return usage;
}

/* What a crash would leave: written by the thread, without an orderly end. */
static void check_written_meanwhile(void) {
    struct store *store, *other;
    struct usage *usage = open_usage(&store, start_us);
    usage_add(usage, STR("crashing"), start_us, 42);
    struct usage_totals totals = {0, 0};
    for (int i = 0; i < 100 && totals.tokens_1d == 0; i++) {
        usleep(100000);
        struct usage *reader = open_usage(&other, start_us);
        totals = usage_read(reader, STR("crashing"), start_us);
        usage_free(&reader);
        store_close(&other);
    }
    is_integer(totals.tokens_1d, 42, "written while the gateway runs");
    usage_free(&usage);
    store_close(&store);
}

static void check_facts(void) {
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
    start_us = clock_real_us() / USAGE_SLOT_US * USAGE_SLOT_US;
    struct store *store;
    struct usage *usage = open_usage(&store, start_us);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) spend_row(usage, i);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(usage, i, "at first");
    usage_free(&usage);
    store_close(&store);
    usage = open_usage(&store, start_us);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(usage, i, "after a restart");
    usage_free(&usage);
    store_close(&store);
    usage = open_usage(&store, start_us + 4 * DAY_US);
    is_integer(usage_read(usage, STR("agent-1"), start_us).tokens_1d, 0, "what is a day old is not read");
    usage_free(&usage);
    store_close(&store);
    check_written_meanwhile();
    check_facts();
    char command[96];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    CHECK(system(command) == 0);
    return tap_done();
}
