/* The keeper as a process: a run, a death at each step of the pipeline, a dead gateway, a full disk, a failing fsync. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/ledger/folder.h"

static void test_plain_run(void) {
    struct test_run run;
    struct error error = {0};
    struct ledger_summary summary;
    test_begin(&run);
    ok(test_start(&run, NULL, &error) == 0, "starts");
    if (run.keeper == NULL) printf("# %s\n", error.text);
    test_open_session(&run);
    for (unsigned i = 1; i <= 700; i++) {
        CHECK(test_intent(&run, i) && test_outcome(&run, i));
        if (i % 50 == 49) test_drain(&run);
    }
    test_close_session(&run, 700);
    ok(test_drain(&run), "everything is answered");
    is_integer(run.durable_count, 1405, "everything is durable");
    is_integer(run.last_index, 1404, "leaf indexes count up");
    is_integer(test_stop(&run, &error), 0, "stops well");
    is_integer(test_verify(&run, run.evidence, true, &summary), 0, "the evidence is good");
    is_integer(summary.size, 1405, "all of it");
    is_integer(summary.intents, 700, "intents");
    is_integer(summary.warning_count, 0, "nothing to warn of");
    ok(test_start(&run, NULL, &error) == 0, "starts again");
    is_integer(keeper_start_size(run.keeper), 1405, "where it was");
    struct test_run second = run;
    ok(test_start(&second, NULL, &error) != 0 && strstr(error.text, "in use by another keeper") != NULL,
       "a second keeper on the folder is refused");
    is_integer(test_stop(&run, &error), 0, "stops again");
    test_remove(run.folder);
}

static void test_refusals(void) {
    static const struct { uint64_t session; uint32_t flags; const char *event; const char *name; } rows[] = {
        {TEST_SESSION, 0, "{\"type\":\"x\"", "not JSON"},
        {TEST_SESSION, 0, "[]", "not an object"},
        {TEST_SESSION, 0, "{}", "no type"},
        {TEST_SESSION, 0, "{\"type\":\"x\",\"a\":1}", "keys out of order"},
        {TEST_SESSION, 0, "{\"type\": \"x\"}", "white space"},
        {0xbb, 0, "{\"type\":\"x\"}", "a session that never began"},
        {TEST_SESSION, RING_SESSION_BEGIN, "{\"type\":\"session_start\"}", "a session begins twice"},
        {TEST_SESSION, RING_SESSION_END, "{\"type\":\"x\"}", "flags that do not fit the type"},
    };
    struct test_run run;
    struct error error = {0};
    struct ledger_summary summary;
    test_begin(&run);
    CHECK(test_start(&run, NULL, &error) == 0);
    test_submit(&run, TEST_SESSION, RING_SESSION_BEGIN, "{\"type\":\"session_start\"}");
    test_drain(&run);
    is_integer(run.refused_count, 1, "a session before node_start is refused");
    test_open_session(&run);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        test_submit(&run, rows[i].session, rows[i].flags, rows[i].event);
        test_drain(&run);
        is_integer(run.refused_count, i + 2, rows[i].name);
        CHECK(test_intent(&run, (unsigned)i + 1) && test_outcome(&run, (unsigned)i + 1));
    }
    test_close_session(&run, LENGTH_OF(rows));
    test_drain(&run);
    is_integer(run.durable_count, 5 + 2 * LENGTH_OF(rows), "what is well-formed goes on");
    is_integer(test_stop(&run, &error), 0, "stops");
    is_integer(test_verify(&run, run.evidence, true, &summary), 0, "refused records leave no gap");
    test_remove(run.folder);
}

/* Kills the keeper at a step, under load; then nothing that was acknowledged may be missing. */
static void test_crash_at(const char *step, unsigned after) {
    struct test_run run;
    struct error error = {0};
    struct ledger_summary summary;
    char fault[128];
    snprintf(fault, sizeof(fault), "crash:at=%s,after=%u", step, after);
    test_begin(&run);
    unsigned number = 1;
    if (test_start(&run, fault, &error) == 0) {
        test_open_session(&run);
        uint64_t deadline = clock_monotonic_ns() + TEST_DEADLINE_MS * NANOSECONDS_PER_MILLISECOND;
        while (!test_is_keeper_gone(&run) && clock_monotonic_ns() < deadline) {
            for (unsigned i = 0; i < 20 && test_intent(&run, number); i++, number++) {
                if (number % 3 != 0) test_outcome(&run, number);
            }
            if (!test_drain(&run)) break;
        }
        test_drain(&run);
        ok(test_is_keeper_gone(&run), fault);
        ok(test_stop(&run, &error) != 0 && strstr(error.text, "signal 9") != NULL, "it was killed");
    } else {
        ok(true, fault); /* killed while it wrote the first checkpoint */
    }
    uint64_t acknowledged = run.durable_count;
    uint64_t last_index = run.last_index;
    ok(test_start(&run, NULL, &error) == 0, "recovers");
    if (run.rings == NULL) {
        printf("# %s\n", error.text);
        return;
    }
    ok(keeper_start_size(run.keeper) >= acknowledged, "holds what was acknowledged");
    ok(acknowledged == 0 || keeper_start_size(run.keeper) > last_index, "at its place");
    is_integer(test_stop(&run, &error), 0, "stops");
    is_integer(test_verify(&run, run.evidence, false, &summary), 0, "and the evidence is good");
    if (summary.bad_count > 0) printf("# %s\n", test_first_finding);
    is_integer(summary.open, 0, "no intent is left open");
    test_remove(run.folder);
}

/* The gateway is killed with records in flight: the keeper finishes alone, the next start closes what was open. */
static void test_gateway_death(void) {
    struct test_run run;
    struct error error = {0};
    struct ledger_summary summary;
    test_begin(&run);
    pid_t gateway = fork();
    if (gateway == 0) {
        if (test_start(&run, NULL, &error) != 0) _exit(1);
        test_open_session(&run);
        for (unsigned i = 1; i <= 300; i++) test_intent(&run, i);
        ring_kick(run.ring);
        raise(SIGKILL);
    }
    int status;
    waitpid(gateway, &status, 0);
    ok(WIFSIGNALED(status), "the gateway is killed");
    int result = -1;
    for (int attempt = 0; attempt < 200 && result != 0; attempt++) {
        result = test_start(&run, NULL, &error);
        if (result != 0) usleep(50000);
    }
    is_integer(result, 0, "the keeper lets go of the folder by itself");
    is_integer(keeper_start_size(run.keeper), 303 + 300 + 2, "all intents, their interruptions, two ends");
    is_integer(test_stop(&run, &error), 0, "stops");
    is_integer(test_verify(&run, run.evidence, false, &summary), 0, "the evidence is good");
    is_integer(summary.interrupted, 300, "each open intent is interrupted");
    test_remove(run.folder);
}

static void test_full_disk(const char *kind, int wanted_errno) {
    struct test_run run;
    struct error error = {0};
    struct ledger_summary summary;
    char flag[320];
    char fault[400];
    int system_errno = 0;
    test_begin(&run);
    snprintf(flag, sizeof(flag), "%s/full", run.folder);
    snprintf(fault, sizeof(fault), "%s:while=%s", kind, flag);
    CHECK(test_start(&run, fault, &error) == 0);
    test_open_session(&run);
    test_intent(&run, 1);
    test_drain(&run);
    int fd = open(flag, O_WRONLY | O_CREAT, 0600);
    close(fd);
    unsigned number = 2;
    uint64_t deadline = clock_monotonic_ns() + TEST_DEADLINE_MS * NANOSECONDS_PER_MILLISECOND;
    while (run.refused_count == 0 && clock_monotonic_ns() < deadline) {
        test_intent(&run, number++);
        test_drain(&run);
    }
    ok(run.refused_count > 0, "intents are refused");
    is_integer(ring_state(run.rings, &system_errno), RING_REFUSING, "the state says so");
    is_integer(system_errno, wanted_errno, "and why");
    uint64_t before = run.durable_count;
    test_outcome(&run, 1);
    test_drain(&run);
    is_integer(run.durable_count, before + 1, "an outcome still has room");
    unlink(flag);
    while (ring_state(run.rings, NULL) != RING_ACCEPTING && clock_monotonic_ns() < deadline) usleep(10000);
    before = run.durable_count;
    test_intent(&run, number);
    test_drain(&run);
    is_integer(run.durable_count, before + 1, "accepted again once there is space");
    is_integer(test_stop(&run, &error), 0, "stops");
    ok(test_start(&run, NULL, &error) == 0 && test_stop(&run, &error) == 0, "closes what is open");
    is_integer(test_verify(&run, run.evidence, false, &summary), 0, "the evidence is good");
    test_remove(run.folder);
}

static void test_failing_fsync(void) {
    struct test_run run;
    struct error error = {0};
    struct ledger_summary summary;
    test_begin(&run);
    CHECK(test_start(&run, "fsync:after=60", &error) == 0);
    test_open_session(&run);
    unsigned number = 1;
    while (number < 5000 && test_intent(&run, number) && test_drain(&run)) number++;
    ok(number < 5000, "it ends at the first failure");
    is_integer(ring_state(run.rings, NULL), RING_STOPPED, "and says so in the shared memory");
    uint64_t acknowledged = run.durable_count;
    ok(test_stop(&run, &error) != 0 && strstr(error.text, "status 1") != NULL, "with its status");
    ok(test_start(&run, NULL, &error) == 0, "recovers");
    ok(keeper_start_size(run.keeper) >= acknowledged, "holds what was acknowledged");
    is_integer(test_stop(&run, &error), 0, "stops");
    is_integer(test_verify(&run, run.evidence, false, &summary), 0, "the evidence is good");
    test_remove(run.folder);
}

static void remove_in_state(struct test_run *run, const char *name) {
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", run->state, name);
    test_remove(path);
}

static void test_losses(void) {
    static const struct { const char *lost; const char *words; } rows[] = {
        {"wal", "entries were signed"},
        {"state", "the state folder that belongs to it is not here"},
        {"../evidence/tile", "does not hold what was signed"},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct test_run run;
        struct error error = {0};
        test_begin(&run);
        CHECK(test_start(&run, NULL, &error) == 0);
        test_open_session(&run);
        test_close_session(&run, 0);
        test_drain(&run);
        CHECK(test_stop(&run, &error) == 0);
        remove_in_state(&run, rows[i].lost);
        ok(test_start(&run, NULL, &error) != 0 && strstr(error.text, rows[i].words) != NULL, rows[i].lost);
        if (strstr(error.text, rows[i].words) == NULL) printf("# %s\n", error.text);
        test_remove(run.folder);
    }
}

int main(int argc, char **argv) {
    static const struct { const char *step; unsigned after; } crashes[] = {
        {"after-ring-take", 5}, {"after-wal-write", 5}, {"after-fdatasync", 5}, {"after-result", 5},
        {"tile-temp", 3}, {"tile-rename", 3}, {"state-write", 0}, {"state-write", 3},
        {"checkpoint-rename", 0}, {"checkpoint-rename", 3},
    };
    if (argc > 1 && strcmp(argv[1], "keeper") == 0) return keeper_child_main(argc - 2, argv + 2);
    test_plain_run();
    test_refusals();
    for (size_t i = 0; i < LENGTH_OF(crashes); i++) test_crash_at(crashes[i].step, crashes[i].after);
    test_gateway_death();
    test_full_disk("enospc", ENOSPC);
    test_full_disk("erofs", EROFS);
    test_failing_fsync();
    test_losses();
    return tap_done();
}
