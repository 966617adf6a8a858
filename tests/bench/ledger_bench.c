/* The ledger's cost: entries per second by how many are outstanding, the latency of one alone beside the disk's own
 * fdatasync, and the keeper's CPU time per entry. Usage: ledger_bench [folder on the file system to measure].
 *
 * One producer, one ring, entries of about 600 bytes; the keeper is a process of its own, as in production. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/keeper.h"

#define ROUND_NS (1500u * NANOSECONDS_PER_MILLISECOND)
#define RAW_SYNCS 600
#define SAMPLES_MAX 200000
#define EVENT_BYTES 500
#define RAW_FILE_BYTES (1024 * 1024)

static uint64_t samples[SAMPLES_MAX];
static uint64_t starts[65536];

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(size_t count, unsigned percent) {
    qsort(samples, count, sizeof(samples[0]), compare_u64);
    return count == 0 ? 0 : (double)samples[(count - 1) * percent / 100] / 1000.0;
}

static void die(const char *what, const struct error *error) {
    fprintf(stderr, "ledger_bench: %s: %s\n", what, error != NULL ? error->text : strerror(errno));
    exit(1);
}

static void measure_raw(const char *folder) {
    char path[4096];
    char *block = calloc(1, RAW_FILE_BYTES);
    snprintf(path, sizeof(path), "%s/raw", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || block == NULL || pwrite(fd, block, RAW_FILE_BYTES, 0) != RAW_FILE_BYTES || fsync(fd) != 0) {
        die("raw file", NULL);
    }
    for (size_t i = 0; i < RAW_SYNCS; i++) {
        memset(block, (int)i, 620);
        uint64_t start = clock_monotonic_ns();
        if (pwrite(fd, block, 620, (off_t)(i * 620)) != 620 || fdatasync(fd) != 0) die("raw sync", NULL);
        samples[i] = clock_monotonic_ns() - start;
    }
    printf("raw pwrite + fdatasync of 620 bytes: p50 %.0f us, p99 %.0f us\n\n", percentile_us(RAW_SYNCS, 50),
           percentile_us(RAW_SYNCS, 99));
    close(fd);
    unlink(path);
    free(block);
}

static uint64_t cpu_ns(pid_t pid) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)time.tv_nsec;
}

static struct str make_intent(uint64_t number, char out[1024]) {
    int length = snprintf(out, 1024,
                          "{\"action\":\"00000000000000aa-%llu\",\"classes\":{\"email\":1},\"digest\":"
                          "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"padding\":\"",
                          (unsigned long long)number);
    memset(out + length, 'x', (size_t)(EVENT_BYTES - 40 - length));
    length = EVENT_BYTES - 40;
    length += snprintf(out + length, 1024 - (size_t)length, "\",\"type\":\"intent\",\"verdict\":\"deny\"}");
    return str_make(out, (size_t)length);
}

static void reap_all(struct ring *ring, size_t *count, size_t *sample_count) {
    uint64_t ticket;
    uint64_t index;
    enum ring_result result;
    while (ring_reap(ring, &ticket, &result, &index)) {
        if (result != RING_DURABLE) die("a record was refused", NULL);
        if (*sample_count < SAMPLES_MAX) samples[(*sample_count)++] = clock_monotonic_ns() - starts[ticket % 65536];
        (*count)++;
    }
}

static void wait_for(struct ring *ring) {
    struct pollfd polled = {.fd = ring_event_fd(ring), .events = POLLIN};
    if (poll(&polled, 1, 5000) == 0) die("the keeper does not answer", NULL);
    ring_event_clear(ring);
}

static void must_submit(struct ring *ring, uint32_t flags, uint64_t session, struct str event) {
    uint64_t ticket;
    if (ring_submit(ring, session, flags, event, &ticket) != 0) die("the ring is full", NULL);
    starts[ticket % 65536] = clock_monotonic_ns();
}

static void measure(struct ring *ring, pid_t keeper, unsigned outstanding, uint64_t *next_action) {
    char text[1024];
    size_t count = 0;
    size_t sample_count = 0;
    uint64_t cpu = cpu_ns(keeper);
    uint64_t start = clock_monotonic_ns();
    while (clock_monotonic_ns() - start < ROUND_NS) {
        while (ring_outstanding(ring) < outstanding) must_submit(ring, 0, 0xaa, make_intent((*next_action)++, text));
        if (!ring_kick(ring)) wait_for(ring);
        reap_all(ring, &count, &sample_count);
    }
    while (ring_outstanding(ring) > 0) {
        if (!ring_kick(ring)) wait_for(ring);
        reap_all(ring, &count, &sample_count);
    }
    double seconds = (double)(clock_monotonic_ns() - start) / 1e9;
    double cpu_us = (double)(cpu_ns(keeper) - cpu) / 1e3;
    printf("| %11u | %11.0f | %9.0f | %9.0f | %18.2f |\n", outstanding, (double)count / seconds,
           percentile_us(sample_count, 50), percentile_us(sample_count, 99), cpu_us / (double)count);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const unsigned outstanding[] = {1, 8, 32, 128, 512};
    if (argc > 1 && strcmp(argv[1], "keeper") == 0) return keeper_child_main(argc - 2, argv + 2);
    char folder[4096];
    char evidence[4200];
    snprintf(folder, sizeof(folder), "%s/ledger-bench.XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(folder) == NULL) die(folder, NULL);
    measure_raw(folder);
    snprintf(evidence, sizeof(evidence), "%s/evidence", folder);
    struct keeper_options options = {.evidence_folder = evidence, .origin = "bench.invalid/node"};
    static const char *const verb[] = {"ledger_bench", "keeper", NULL};
    struct rings *rings;
    struct keeper *keeper;
    struct error error = {0};
    uint64_t next_action = 0;
    if (rings_new(&rings, 1, RING_DEFAULT_BYTES, &error) != 0 ||
        keeper_spawn(&keeper, &options, rings, "/proc/self/exe", verb, &error) != 0) {
        die("start", &error);
    }
    struct ring *ring = rings_get(rings, 0);
    must_submit(ring, RING_SESSION_BEGIN | RING_NODE, 1, STR("{\"type\":\"node_start\"}"));
    must_submit(ring, RING_SESSION_BEGIN, 0xaa, STR("{\"type\":\"session_start\"}"));
    printf("| outstanding | entries / s |  p50 (us) |  p99 (us) | keeper CPU us each |\n"
           "| ----------- | ----------- | --------- | --------- | ------------------ |\n");
    for (size_t i = 0; i < LENGTH_OF(outstanding); i++) measure(ring, keeper_pid(keeper), outstanding[i], &next_action);
    must_submit(ring, RING_SESSION_END, 0xaa, STR("{\"type\":\"session_end\"}"));
    must_submit(ring, RING_SESSION_END, 1, STR("{\"type\":\"node_stop\"}"));
    ring_kick(ring);
    if (keeper_stop(&keeper, 30000, &error) != 0) die("stop", &error);
    printf("\n%llu entries; evidence in %s\n", (unsigned long long)next_action + 4, folder);
    rings_free(&rings);
    return 0;
}
