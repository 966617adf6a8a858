/* How fast the detector is: megabytes a second on generated rows, chat and logs with everything on, nanoseconds a short
 * field, milliseconds for hostile texts and to make a detector. One core; the best of several rounds, since noise only
 * slows. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "detect/mask.h"

#define TEXT_BYTES (8u << 20)
#define HOSTILE_BYTES (1u << 20)
#define ROUNDS 5
#define FIELD_LOOPS 200000

static const char *const first_names[] = {"anna", "ben", "carla", "dmitri", "eva", "farid", "greta", "hugo"};
static const char *const last_names[] = {"berg", "castillo", "dupont", "eriksen", "fischer", "garcia", "huber"};
static const char *const words[] = {"the", "order", "was", "shipped", "yesterday", "please", "check", "customer",
                                    "report", "and", "delivery", "status", "again", "before", "we", "close"};

static uint64_t state = 42;

/* Time on the processor: what other programs do beside does not count. */
static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static unsigned random_below(unsigned limit) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(state >> 33) % limit;
}

static void add_row(struct buffer *out, unsigned i) {
    const char *first = first_names[random_below(8)], *last = last_names[random_below(7)];
    buffer_append_format(out, "%u|%s %s|%s.%s%u@example.com|2024-%02u-%02u 12:%02u:%02u|%u.%02u|pending|%u|DE\n",
                         100000 + i, first, last, first, last, i % 1000, 1 + random_below(12), 1 + random_below(28),
                         random_below(60), random_below(60), random_below(900), random_below(100),
                         1700000000 + i * 7);
}

static void add_json(struct buffer *out, unsigned i) {
    buffer_append_format(out, "{\"id\":%u,"
                              "\"created_at\":\"2024-03-%02uT10:%02u:00Z\",\"status\":\"active\",\"total\":%u.50,"
                              "\"note\":\"%s %s %s\",\"phone\":\"+49 30 %07u\"}\n",
                         i, 1 + i % 28, i % 60, random_below(5000), words[random_below(16)], words[random_below(16)],
                         words[random_below(16)], random_below(9999999));
}

static void add_chat(struct buffer *out, unsigned i) {
    for (unsigned n = 0; n < 18; n++) buffer_append_format(out, "%s ", words[random_below(16)]);
    if (i % 9 == 0) buffer_append_format(out, "write to %s%u@example.org ", first_names[random_below(8)], i);
    buffer_append_cstr(out, "thanks.\n");
}

static void add_log(struct buffer *out, unsigned i) {
    buffer_append_format(out, "2024-05-%02uT08:%02u:%02u.%03uZ INFO http request id=%08x-%04x method=GET "
                              "path=/api/v1/items/%u status=200 duration_ms=%u client=10.%u.%u.%u\n",
                         1 + i % 28, i % 60, random_below(60), random_below(1000), random_below(1u << 30),
                         random_below(65536), i, random_below(400), random_below(250), random_below(250),
                         random_below(250));
}

static const struct {
    const char *name;
    void (*add)(struct buffer *, unsigned);
} texts[] = {{"rows", add_row}, {"json", add_json}, {"chat", add_chat}, {"log", add_log}};

static const char *const fields[] = {"42", "2024-03-01 10:00:00", "pending", "Anna Berg", "1700000123", "19.99",
                                     "550e8400-e29b-41d4-a716-446655440000", "anna.berg@example.com",
                                     "the order was shipped yesterday", "4111 1111 1111 1111"};

static void bench_text(const struct detector *detector, struct detect_scratch *scratch, size_t which) {
    struct buffer text;
    struct detect_spans spans = {0};
    struct error error;
    buffer_init(&text, TEXT_BYTES + 4096);
    for (unsigned i = 0; buffer_length(&text) < TEXT_BYTES; i++) texts[which].add(&text, i);
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cpu_ns();
        CHECK(detect_scan(detector, scratch, buffer_view(&text), DETECT_HINT_NONE, &spans, &error) == 0);
        uint64_t took = cpu_ns() - start;
        if (took < best) best = took;
    }
    printf("%-6s %7.0f MB/s, %zu spans\n", texts[which].name,
           (double)buffer_length(&text) * 1000 / (double)best, spans.count);
    detect_spans_free(&spans);
    buffer_free(&text);
}

/* What an attacker may send: 1 MiB of one unit. */
static const char *const hostile[] = {"1a", "1 ", "A", "@a", "eyJ-", "-AzFu", "password=", "-----BEGIN "};

static void bench_hostile(const struct detector *detector, struct detect_scratch *scratch, const char *unit) {
    struct buffer text;
    struct detect_spans spans = {0};
    struct error error;
    buffer_init(&text, 2 * HOSTILE_BYTES);
    while (buffer_length(&text) < HOSTILE_BYTES) buffer_append_cstr(&text, unit);
    uint64_t start = cpu_ns();
    CHECK(detect_scan(detector, scratch, buffer_view(&text), DETECT_HINT_NONE, &spans, &error) == 0);
    printf("%7.0f ms  1 MiB of \"%s\"\n", (double)(cpu_ns() - start) / 1e6, unit);
    detect_spans_free(&spans);
    buffer_free(&text);
}

static void bench_field(const struct detector *detector, struct detect_scratch *scratch, struct str field) {
    struct detect_spans spans = {0};
    struct error error;
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cpu_ns();
        for (int i = 0; i < FIELD_LOOPS; i++) {
            CHECK(detect_scan(detector, scratch, field, DETECT_HINT_NONE, &spans, &error) == 0);
        }
        uint64_t took = cpu_ns() - start;
        if (took < best) best = took;
    }
    printf("%7.0f ns  %.*s\n", (double)best / FIELD_LOOPS, STR_ARGS(field));
    detect_spans_free(&spans);
}

int main(void) {
    struct error error;
    uint64_t start = cpu_ns();
    struct detector *detector = detector_new(NULL, &error);
    CHECK(detector != NULL);
    printf("detector_new: %.1f ms\n", (double)(cpu_ns() - start) / 1e6);
    struct detect_scratch *scratch = detect_scratch_new(detector, &error);
    for (size_t i = 0; i < LENGTH_OF(texts); i++) bench_text(detector, scratch, i);
    for (size_t i = 0; i < LENGTH_OF(fields); i++) bench_field(detector, scratch, str_from_cstr(fields[i]));
    for (size_t i = 0; i < LENGTH_OF(hostile); i++) bench_hostile(detector, scratch, hostile[i]);
    detect_scratch_free(&scratch);
    detector_free(&detector);
    return 0;
}
