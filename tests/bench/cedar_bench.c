/* cedar-bench FOLDER SECONDS: what Cedar costs on a set that cedar_sets.py wrote, on one thread. Prints one JSON object:
 * times in nanoseconds, memory in bytes as the allocator counts it, and what was decided, in the words of cedar_wasm.js.
 * With 0 seconds the text is parsed once more only, and each request is decided CALLS_AT_LEAST times: for callgrind. */
#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cedar/cedar.h"
#include "tests/conformance/files.h"

#define SCRATCH_BYTES_MAX ((size_t)64 << 20)
#define REQUESTS_MAX 256u
#define SAMPLES_MAX 20000u
#define PARSES 7u
#define CALLS_AT_LEAST 3u /* for the verdict, with the store, and from JSON */

struct lines {
    struct str text;
    struct str at[REQUESTS_MAX];
    size_t count;
};

struct bench {
    struct str policies;
    struct lines requests_json, slices_json;
    struct cedar_policy_set *set;
    struct cedar_engine *engine;
    struct cedar_entities *entities;
    struct cedar_request requests[REQUESTS_MAX];
    struct arena arena;   /* of the requests */
    struct arena scratch; /* of one decision */
};

/* One decision about request `index`: -1 when it fails. */
typedef int decide_function(struct bench *bench, size_t index, struct cedar_decision *decision);

static _Noreturn void die(const char *what) {
    fprintf(stderr, "cedar-bench: %s\n", what);
    exit(1);
}

static struct str read_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct str text = file_read(path);
    if (text.data == NULL) die(path);
    return text;
}

static void read_lines(struct lines *lines, const char *folder, const char *name) {
    struct str rest = lines->text = read_file(folder, name);
    while (rest.length > 0 && lines->count < REQUESTS_MAX) {
        size_t end = str_find(rest, STR("\n"));
        if (end == STR_NOT_FOUND) end = rest.length;
        lines->at[lines->count++] = str_slice(rest, 0, end);
        rest = str_slice(rest, end + 1, rest.length);
    }
}

/* In use, whether from the heap or mapped. */
static size_t memory_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double median(double *samples, size_t count) {
    qsort(samples, count, sizeof(*samples), compare_doubles);
    return samples[count / 2];
}

static double elapsed_ns(uint64_t start_ns) {
    return (double)(clock_monotonic_ns() - start_ns);
}

/* Text to compiled form. */
static double build(const struct bench *bench, struct cedar_policy_set **set, struct cedar_engine **engine) {
    struct cedar_problem problem;
    uint64_t start_ns = clock_monotonic_ns();
    *set = cedar_policy_set_new();
    if (*set == NULL || cedar_policy_set_add(*set, bench->policies, NULL, &problem) != 0) die(problem.text);
    *engine = cedar_engine_new(*set, &problem);
    if (*engine == NULL) die(problem.text);
    return elapsed_ns(start_ns);
}

/* The first time in this process, what it left in memory, and the median of more times. */
static void measure_build(struct bench *bench, double seconds) {
    double samples[PARSES];
    size_t count = seconds > 0 ? PARSES : 1;
    size_t before = memory_bytes();
    double cold_ns = build(bench, &bench->set, &bench->engine);
    size_t bundle = memory_bytes() - before;
    for (size_t i = 0; i < count; i++) {
        struct cedar_policy_set *set;
        struct cedar_engine *engine;
        samples[i] = build(bench, &set, &engine);
        cedar_engine_free(&engine);
        cedar_policy_set_free(&set);
    }
    printf("\"policies\":%zu,\"cold\":%.0f,\"again\":%.0f,\"bundle\":%zu,\"compiled\":%zu,",
           cedar_policy_set_count(bench->set), cold_ns, median(samples, count), bundle,
           cedar_engine_memory_bytes(bench->engine));
}

static void load_entities(struct bench *bench, const char *folder) {
    struct cedar_problem problem;
    struct str json = read_file(folder, "entities.json");
    size_t before = memory_bytes();
    bench->entities = cedar_entities_new();
    if (bench->entities == NULL || cedar_entities_add_json(bench->entities, json, &problem) != 0) die(problem.text);
    if (cedar_entities_finish(bench->entities, &problem) != 0) die(problem.text);
    printf("\"entities\":%zu,\"store\":%zu,", cedar_entities_count(bench->entities), memory_bytes() - before);
    file_forget(json);
}

static void load_requests(struct bench *bench, const char *folder) {
    struct cedar_problem problem;
    read_lines(&bench->requests_json, folder, "requests.jsonl");
    read_lines(&bench->slices_json, folder, "slices.jsonl");
    if (bench->slices_json.count != bench->requests_json.count) die("requests and slices do not match");
    for (size_t i = 0; i < bench->requests_json.count; i++) {
        if (cedar_request_parse(&bench->arena, bench->requests_json.at[i], &bench->requests[i], &problem) != 0)
            die(problem.text);
    }
}

/* The request as values, the entities in the store: what a gateway does. */
static int decide_stored(struct bench *bench, size_t index, struct cedar_decision *decision) {
    return cedar_engine_authorize(bench->engine, &bench->requests[index], bench->entities, &bench->scratch, decision);
}

/* Request and entities from JSON text for each decision: what a call over a wire does. */
static int decide_json(struct bench *bench, size_t index, struct cedar_decision *decision) {
    struct cedar_problem problem;
    struct cedar_request request;
    struct arena *scratch = &bench->scratch;
    struct cedar_entities *entities = cedar_entities_overlay(scratch, NULL);
    if (entities == NULL || cedar_entities_add_json(entities, bench->slices_json.at[index], &problem) != 0) return -1;
    if (cedar_entities_finish(entities, &problem) != 0) return -1;
    if (cedar_request_parse(scratch, bench->requests_json.at[index], &request, &problem) != 0) return -1;
    return cedar_engine_authorize(bench->engine, &request, entities, scratch, decision);
}

/* The median over passes through all requests of the mean of a pass; one pass at least. */
static void measure(struct bench *bench, const char *name, decide_function *decide, double seconds) {
    static double samples[SAMPLES_MAX];
    size_t passes = 0, count = bench->requests_json.count;
    uint64_t start_ns = clock_monotonic_ns();
    do {
        uint64_t pass_ns = clock_monotonic_ns();
        for (size_t i = 0; i < count; i++) {
            struct cedar_decision decision;
            arena_reset(&bench->scratch);
            if (decide(bench, i, &decision) != 0) die("a decision failed");
        }
        samples[passes++ % SAMPLES_MAX] = elapsed_ns(pass_ns) / (double)count;
    } while (elapsed_ns(start_ns) < seconds * 1e9);
    printf("\"%s\":%.1f,", name, median(samples, passes < SAMPLES_MAX ? passes : SAMPLES_MAX));
}

static void write_verdict(struct bench *bench, size_t index, struct buffer *out) {
    struct cedar_decision decision;
    arena_reset(&bench->scratch);
    if (decide_stored(bench, index, &decision) != 0) die("a decision failed");
    buffer_append_str(out, decision.is_allowed ? STR("allow ") : STR("deny "));
    for (size_t i = 0; i < decision.reason_count; i++) {
        if (i > 0) buffer_append_str(out, STR(","));
        buffer_append_str(out, cedar_policy_id(decision.reasons[i]));
    }
    buffer_append_str(out, STR(" "));
    for (size_t i = 0; i < decision.error_count; i++) {
        if (i > 0) buffer_append_str(out, STR(","));
        buffer_append_str(out, cedar_policy_id(decision.errors[i].policy));
    }
}

/* Ids are policy0, policy1 ...: nothing to escape. */
static void write_verdicts(struct bench *bench) {
    struct buffer text;
    buffer_init(&text, CEDAR_TEXT_BYTES_MAX);
    for (size_t i = 0; i < bench->requests_json.count; i++) {
        buffer_append_str(&text, i > 0 ? STR(",\"") : STR("\""));
        write_verdict(bench, i, &text);
        buffer_append_str(&text, STR("\""));
    }
    printf("\"calls\":%zu,\"verdicts\":[", bench->requests_json.count * CALLS_AT_LEAST);
    fwrite(text.data, 1, buffer_length(&text), stdout);
    printf("]}\n");
    buffer_free(&text);
}

static void run(struct bench *bench, const char *folder, double seconds) {
    arena_init(&bench->arena, SCRATCH_BYTES_MAX);
    arena_init(&bench->scratch, SCRATCH_BYTES_MAX);
    bench->policies = read_file(folder, "policies.cedar");
    printf("{");
    measure_build(bench, seconds);
    load_entities(bench, folder);
    load_requests(bench, folder);
    measure(bench, "stored", decide_stored, seconds);
    measure(bench, "json", decide_json, seconds);
    write_verdicts(bench);
}

int main(int argc, char **argv) {
    static struct bench bench;
    if (argc != 3) {
        fprintf(stderr, "usage: cedar-bench FOLDER SECONDS\n");
        return 2;
    }
    run(&bench, argv[1], strtod(argv[2], NULL));
    cedar_engine_free(&bench.engine);
    cedar_policy_set_free(&bench.set);
    cedar_entities_free(&bench.entities);
    arena_free(&bench.arena);
    arena_free(&bench.scratch);
    file_forget(bench.policies);
    file_forget(bench.requests_json.text);
    file_forget(bench.slices_json.text);
    return 0;
}
