/* Shared by the ledger's tests: a temporary folder, a keeper run out of this same program, and a verifier's verdict. */
#ifndef SWORN_TESTS_UNIT_LEDGER_FOLDER_H
#define SWORN_TESTS_UNIT_LEDGER_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/keeper.h"
#include "ledger/checkpoint.h"
#include "ledger/file.h"
#include "ledger/reader.h"
#include "ledger/verify.h"
#include "tests/unit/tap.h"

#define TEST_ORIGIN "test.invalid/node"
#define TEST_NODE 1u
#define TEST_SESSION 0xaau
#define TEST_DEADLINE_MS 20000

/* Hashes as events have them: of anything, of a bundle without files, of entities with one principal. */
#define TEST_HASH "\"0000000000000000000000000000000000000000000000000000000000000000\""
#define TEST_NO_BUNDLE "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
#define TEST_ENTITIES "\"569368757a635f15ef8b5a94d4aeda46e8d6eb396bce6754e9aa6665e24d32e5\""
#define TEST_TEXT "{\"ciphertext\":" TEST_HASH ",\"length\":1,\"plaintext\":" TEST_HASH \
                  ",\"reference\":\"0000000000000001-0:0:0\"}"

struct test_run {
    char folder[256];
    char evidence[300];
    char state[300];
    char vkey[256];
    struct rings *rings;
    struct ring *ring;
    struct keeper *keeper;
    uint64_t durable_count;
    uint64_t refused_count;
    uint64_t last_index;
};

static inline int test_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void test_remove(const char *folder) {
    nftw(folder, test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void test_begin(struct test_run *run) {
    memset(run, 0, sizeof(*run));
    snprintf(run->folder, sizeof(run->folder), "ledger-test.XXXXXX");
    CHECK(mkdtemp(run->folder) != NULL);
    snprintf(run->evidence, sizeof(run->evidence), "%s/evidence", run->folder);
    snprintf(run->state, sizeof(run->state), "%s/evidence.state", run->folder);
}

static inline int test_start(struct test_run *run, const char *fault, struct error *error) {
    static const char *const verb[] = {"ledger-test", "keeper", NULL};
    struct keeper_options options = {.evidence_folder = run->evidence, .origin = TEST_ORIGIN,
                                     .checkpoint_interval_ms = 50, .wal_segment_bytes = 1024 * 1024,
                                     .wal_max_bytes = 8 * 1024 * 1024};
    if (fault != NULL) setenv("SWORN_TEST_FAULT", fault, 1);
    int result = rings_new(&run->rings, 2, RING_MIN_BYTES, error);
    if (result == 0) result = keeper_spawn(&run->keeper, &options, run->rings, "/proc/self/exe", verb, error);
    unsetenv("SWORN_TEST_FAULT");
    if (result != 0) {
        rings_free(&run->rings);
        return -1;
    }
    run->ring = rings_get(run->rings, 0);
    run->durable_count = run->refused_count = 0;
    return 0;
}

static inline bool test_is_keeper_gone(struct test_run *run) {
    struct pollfd polled = {.fd = keeper_watch_fd(run->keeper), .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static inline bool test_submit(struct test_run *run, uint64_t session, uint32_t flags, const char *event) {
    uint64_t ticket;
    return ring_submit(run->ring, session, flags, str_from_cstr(event), &ticket) == 0;
}

/* Reaps until nothing is outstanding; false when the keeper went away meanwhile. */
static inline bool test_drain(struct test_run *run) {
    uint64_t deadline = clock_monotonic_ns() + TEST_DEADLINE_MS * NANOSECONDS_PER_MILLISECOND;
    while (ring_outstanding(run->ring) > 0 && clock_monotonic_ns() < deadline) {
        uint64_t ticket;
        uint64_t index;
        enum ring_result result;
        if (!ring_kick(run->ring)) {
            struct pollfd polled[] = {{.fd = ring_event_fd(run->ring), .events = POLLIN},
                                      {.fd = keeper_watch_fd(run->keeper), .events = POLLIN}};
            poll(polled, 2, 1000);
            ring_event_clear(run->ring);
            if (polled[1].revents != 0) return false;
        }
        while (ring_reap(run->ring, &ticket, &result, &index)) {
            if (result == RING_DURABLE) {
                run->durable_count++;
                run->last_index = index;
            } else {
                run->refused_count++;
            }
        }
    }
    return ring_outstanding(run->ring) == 0;
}

static inline int test_stop(struct test_run *run, struct error *error) {
    int result = keeper_stop(&run->keeper, TEST_DEADLINE_MS, error);
    rings_free(&run->rings);
    return result;
}

/* A node's session, what is in force, and a session of ana. */
static inline void test_open_session(struct test_run *run) {
    uint64_t node = TEST_NODE + 0x100 * (uint64_t)getpid();
    test_submit(run, node, RING_SESSION_BEGIN | RING_NODE,
                "{\"binary\":" TEST_HASH ",\"bundle\":" TEST_NO_BUNDLE ",\"config\":" TEST_HASH
                ",\"heartbeat_ms\":60000,\"type\":\"node_start\",\"version\":\"0\"}");
    test_submit(run, node, 0,
                "{\"entities\":" TEST_ENTITIES ",\"number\":1,\"rows\":[{\"principal\":\"ana\",\"type\":\"User\"}],"
                "\"type\":\"entities_activated\"}");
    test_submit(run, TEST_SESSION, RING_SESSION_BEGIN,
                "{\"principal\":\"ana\",\"principal_type\":\"User\",\"type\":\"session_start\"}");
}

/* actions: how many intents the session had. */
static inline void test_close_session(struct test_run *run, unsigned actions) {
    char text[256];
    snprintf(text, sizeof(text),
             "{\"actions\":%u,\"denials\":0,\"entries\":%u,\"reason\":\"client_left\",\"type\":\"session_end\"}", actions,
             2 * actions + 2);
    test_submit(run, TEST_SESSION, RING_SESSION_END, text);
    test_submit(run, TEST_NODE + 0x100 * (uint64_t)getpid(), RING_SESSION_END, "{\"type\":\"node_stop\"}");
}

/* number: from 1. */
static inline bool test_intent(struct test_run *run, unsigned number) {
    char text[2048];
    snprintf(text, sizeof(text),
             "{\"action\":\"00000000000000aa-%u\",\"bundle\":" TEST_NO_BUNDLE ",\"cedar\":\"allow\","
             "\"decided\":\"2026-11-22T02:14:07.123456Z\",\"digest\":" TEST_HASH ",\"entities\":" TEST_ENTITIES
             ",\"policies\":[\"p\"],\"principal\":\"ana\",\"principal_type\":\"User\",\"protocol\":\"postgres\","
             "\"rounds\":1,\"steps\":[],\"text\":" TEST_TEXT ",\"type\":\"intent\","
             "\"upstream\":\"shop\",\"verdict\":\"allow\"}",
             number);
    return test_submit(run, TEST_SESSION, 0, text);
}

static inline bool test_outcome(struct test_run *run, unsigned number) {
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"action\":\"00000000000000aa-%u\",\"bundle\":" TEST_NO_BUNDLE ",\"bytes\":0,\"detector\":" TEST_HASH
             ",\"duration_us\":1,\"rows\":0,\"status\":\"ok\",\"type\":\"outcome\"}",
             number);
    return test_submit(run, TEST_SESSION, 0, text);
}

static inline struct str test_vkey(struct test_run *run) {
    char path[320];
    struct buffer text;
    buffer_init(&text, 1 << 20);
    snprintf(path, sizeof(path), "%s.vkey", run->evidence);
    CHECK(file_read(AT_FDCWD, path, &text, NULL) == 0);
    snprintf(run->vkey, sizeof(run->vkey), "%.*s", STR_ARGS(str_trim(buffer_view(&text))));
    buffer_free(&text);
    return str_from_cstr(run->vkey);
}

static char test_first_finding[512];

static inline void test_on_finding(void *context, const struct ledger_finding *finding) {
    bool *is_verbose = context;
    if (*is_verbose) printf("# %s %s\n", finding->severity == LEDGER_BAD ? "bad" : "warning", finding->text);
    if (finding->severity == LEDGER_BAD && test_first_finding[0] == '\0') {
        snprintf(test_first_finding, sizeof(test_first_finding), "%s", finding->text);
    }
}

/* How many bad findings; -1 when the check could not run. */
static inline int64_t test_verify(struct test_run *run, const char *folder, bool is_verbose,
                                  struct ledger_summary *summary) {
    struct error error = {0};
    test_first_finding[0] = '\0';
    if (ledger_verify(folder, test_vkey(run), STR_NONE, test_on_finding, &is_verbose, summary, &error) != 0) {
        printf("# verify: %s\n", error.text);
        return -1;
    }
    return (int64_t)summary->bad_count;
}

#endif
