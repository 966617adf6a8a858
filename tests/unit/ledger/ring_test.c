/* The rings between threads: nothing lost, nothing twice, in order, no sleep missed; and a producer that breaks its ring.
 * Run under TSan it also shows that the hand-over is sound. */
#include <poll.h>
#include <pthread.h>

#include "base/clock.h"
#include "ledger/ring.h"
#include "tests/unit/tap.h"

#define PRODUCERS 3u
#define RECORDS 20000u
#define DEADLINE_NS (60u * NANOSECONDS_PER_SECOND)

struct producer {
    struct ring *ring;
    uint32_t number;
    uint64_t wrong;
    uint64_t reaped;
};

static struct rings *rings;

static void reap(struct producer *producer) {
    uint64_t ticket;
    uint64_t index;
    enum ring_result result;
    while (ring_reap(producer->ring, &ticket, &result, &index)) {
        bool is_refused = ticket % 7 == 0;
        producer->wrong += ticket != producer->reaped || (result == RING_REFUSED) != is_refused ||
                           (!is_refused && index != ticket * 10 + producer->number);
        producer->reaped++;
    }
}

static void *produce(void *context) {
    struct producer *producer = context;
    char event[3000];
    uint64_t sent = 0;
    uint64_t deadline = clock_monotonic_ns() + DEADLINE_NS;
    while (producer->reaped < RECORDS && clock_monotonic_ns() < deadline) {
        for (int i = 0; i < 40 && sent < RECORDS; i++) {
            uint64_t ticket;
            size_t length = 16 + sent * 131 % 2900;
            memset(event, (int)(sent & 0x7f), length);
            memcpy(event, &sent, sizeof(sent));
            if (ring_submit(producer->ring, producer->number, 0, str_make(event, length), &ticket) != 0) break;
            producer->wrong += ticket != sent;
            sent++;
        }
        if (!ring_kick(producer->ring)) {
            struct pollfd polled = {.fd = ring_event_fd(producer->ring), .events = POLLIN};
            if (poll(&polled, 1, 20000) == 0) producer->wrong++; /* a missed signal */
            ring_event_clear(producer->ring);
        }
        reap(producer);
    }
    return NULL;
}

static uint64_t check_record(const struct ring_record *record, uint64_t number, uint64_t expected) {
    uint64_t sent;
    memcpy(&sent, record->event.data, sizeof(sent));
    return record->session != number || sent != expected || record->event.length != 16 + sent * 131 % 2900 ||
           record->event.data[record->event.length - 1] != (char)(sent & 0x7f);
}

static void *consume(void *context) {
    uint64_t *wrong = context;
    uint64_t taken[PRODUCERS] = {0};
    uint64_t total = 0;
    uint64_t deadline = clock_monotonic_ns() + DEADLINE_NS;
    while (total < PRODUCERS * RECORDS && clock_monotonic_ns() < deadline) {
        uint64_t before = total;
        for (uint32_t i = 0; i < PRODUCERS; i++) {
            struct ring *ring = rings_get(rings, i);
            struct ring_record record;
            for (int turn = 0; turn < 50 && ring_take(ring, &record) == 1; turn++) {
                uint64_t number = taken[i]++;
                *wrong += check_record(&record, i, number);
                ring_complete(ring, record.position, number % 7 == 0 ? RING_REFUSED : RING_DURABLE, number * 10 + i);
                total++;
            }
            ring_signal(ring);
        }
        if (total == before) rings_wait(rings, 20000);
    }
    return NULL;
}

static void test_threads(void) {
    struct producer producers[PRODUCERS] = {0};
    pthread_t threads[PRODUCERS + 1];
    uint64_t wrong = 0;
    struct error error = {0};
    CHECK(rings_new(&rings, PRODUCERS, RING_MIN_BYTES, &error) == 0 && rings_watch(rings, -1, &error) == 0);
    CHECK(pthread_create(&threads[PRODUCERS], NULL, consume, &wrong) == 0);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.ring = rings_get(rings, i), .number = i};
        CHECK(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0);
    }
    for (uint32_t i = 0; i <= PRODUCERS; i++) pthread_join(threads[i], NULL);
    is_integer(wrong, 0, "the consumer got what was sent");
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        is_integer(producers[i].reaped, RECORDS, "each producer got all results");
        is_integer(producers[i].wrong, 0, "in order, and its own");
    }
    rings_free(&rings);
}

static void test_limits(void) {
    static char event[EVENT_MAX_BYTES + 1];
    struct error error = {0};
    uint64_t ticket;
    CHECK(rings_new(&rings, 1, RING_MIN_BYTES, &error) == 0);
    struct ring *ring = rings_get(rings, 0);
    ok(ring_submit(ring, 1, 0, str_make(event, sizeof(event)), &ticket) != 0, "too long an event");
    ok(!ring_kick(ring), "nothing to wait for");
    unsigned count = 0;
    while (ring_submit(ring, 1, 0, str_make(event, EVENT_MAX_BYTES), &ticket) == 0) count++;
    ok(count == 4 || count == 3, "a full ring says so");
    is_integer(ring_outstanding(ring), count, "and holds what it took");
    struct ring_record record;
    ok(ring_take(ring, &record) == 1, "a record");
    ring_complete(ring, record.position, RING_DURABLE, 5);
    ok(ring_kick(ring), "kick says that it can be reaped");
    enum ring_result result;
    uint64_t index;
    ok(ring_reap(ring, &ticket, &result, &index) && ticket == 0 && result == RING_DURABLE && index == 5, "reaped");
    ok(!ring_reap(ring, &ticket, &result, &index), "and no more than that");
    rings_free(&rings);
}

/* A second mapping of the same memory, as a hostile gateway has it: whatever it writes, the consumer survives. */
static void test_scribbles(void) {
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 300; round++) {
        struct error error = {0};
        struct ring_record record;
        uint64_t ticket;
        CHECK(rings_new(&rings, 1, RING_MIN_BYTES, &error) == 0);
        struct ring *ring = rings_get(rings, 0);
        for (unsigned i = 0; i < 100; i++) CHECK(ring_submit(ring, 1, 0, STR("{\"type\":\"x\"}"), &ticket) == 0);
        CHECK(ring_take(ring, &record) == 1);
        uint32_t *words = (uint32_t *)(uintptr_t)record.event.data;
        for (unsigned i = 0; i < 40; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            words[seed % 2000] = (uint32_t)(seed >> 32);
        }
        int taken;
        size_t sum = 0;
        while ((taken = ring_take(ring, &record)) == 1) {
            for (size_t i = 0; i < record.event.length; i++) sum += (uint8_t)record.event.data[i];
            ring_complete(ring, record.position, RING_REFUSED, sum);
        }
        if (taken < 0) CHECK(ring_take(ring, &record) < 0);
        rings_free(&rings);
    }
    ok(true, "scribbles stop at their own ring");
}

int main(void) {
    test_threads();
    test_limits();
    test_scribbles();
    return tap_done();
}
