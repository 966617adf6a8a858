/* One worker's memory for scanning, reused from value to value.
 *
 * Columns repeat themselves (a status, a country, a zero): short values in which nothing was found are remembered, each
 * with the hint of its column, in a table where a later one takes the place of an earlier one. */
#include "guard/mask_worker.h"

#include <stdlib.h>

#include "detect/context.h"
#include "detect/mask.h"
#include "guard/known.h"

#define MASK_WORKER_MAGIC 0x3a5c0ed1u
#define MASK_VALUE_BYTES_MAX (2ull << 30) /* of one JSON value, masked */

#define CLEAN_COUNT 1024u /* a power of two */
#define CLEAN_VALUE_BYTES_MAX 100u

struct clean_value {
    uint32_t context;
    uint8_t class;
    uint8_t length; /* 0: none */
    char bytes[CLEAN_VALUE_BYTES_MAX];
};

struct mask_worker {
    uint32_t magic;
    const struct detector *detector;
    struct detect_scratch *scratch;
    struct detect_spans spans;
    struct buffer result;
    struct known *known; /* NULL: not needed yet */
    struct clean_value clean[CLEAN_COUNT];
};

struct mask_worker *mask_worker_new(const struct detector *detector, struct error *error) {
    struct mask_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    worker->magic = MASK_WORKER_MAGIC;
    worker->detector = detector;
    detect_spans_init(&worker->spans);
    buffer_init(&worker->result, MASK_VALUE_BYTES_MAX);
    worker->scratch = detect_scratch_new(detector, error);
    if (worker->scratch == NULL) mask_worker_free(&worker);
    return worker;
}

void mask_worker_free(struct mask_worker **worker) {
    if (*worker == NULL) return;
    CHECK_MAGIC(*worker, MASK_WORKER_MAGIC);
    detect_scratch_free(&(*worker)->scratch);
    detect_spans_free(&(*worker)->spans);
    buffer_free(&(*worker)->result);
    known_free(&(*worker)->known);
    explicit_bzero((*worker)->clean, sizeof((*worker)->clean));
    (*worker)->magic = 0;
    free(*worker);
    *worker = NULL;
}

const struct mask_policy *mask_worker_policy(struct arena *arena, const struct mask_policy *operators,
                                             class_set reveal) {
    if (reveal == 0) return operators;
    struct mask_policy *policy = ARENA_NEW(arena, struct mask_policy);
    if (policy != NULL) *policy = mask_policy_reveal(operators, reveal);
    return policy;
}

struct known *mask_worker_known(struct mask_worker *worker) {
    if (worker->known == NULL) worker->known = known_new();
    return worker->known;
}

struct detect_hint mask_worker_hint(const struct mask_worker *worker, struct str name) {
    return detect_hint_from_name(worker->detector, name);
}

static bool is_clean_value(const struct clean_value *clean, struct detect_hint hint, struct str value) {
    return clean->length == value.length && clean->context == hint.context && clean->class == hint.class &&
           memcmp(clean->bytes, value.data, value.length) == 0;
}

static int worker_scan(struct mask_worker *worker, struct detect_hint hint, struct str value, struct error *error) {
    CHECK_MAGIC(worker, MASK_WORKER_MAGIC);
    bool is_short = value.length > 0 && value.length <= CLEAN_VALUE_BYTES_MAX;
    struct clean_value *clean = is_short ? &worker->clean[str_hash(value) % CLEAN_COUNT] : NULL;
    if (is_short && is_clean_value(clean, hint, value)) {
        detect_spans_clear(&worker->spans);
        return 0;
    }
    if (detect_scan(worker->detector, worker->scratch, value, hint, &worker->spans, error) != 0) return -1;
    if (is_short && worker->spans.count == 0) {
        clean->context = hint.context;
        clean->class = hint.class;
        clean->length = (uint8_t)value.length;
        memcpy(clean->bytes, value.data, value.length);
    }
    return 0;
}

static bool job_reveals(const struct mask_job *job, const struct detect_span *span) {
    return class_set_has(job->reveal, span->class);
}

int mask_worker_text(struct mask_worker *worker, const struct mask_job *job, struct detect_hint hint, struct str value,
                     struct buffer *out, enum masked_as *masked, struct error *error) {
    *masked = MASKED_NOT;
    if (worker_scan(worker, hint, value, error) != 0) return -1;
    bool is_clear = true;
    for (size_t i = 0; i < worker->spans.count; i++) {
        const struct detect_span *span = &worker->spans.items[i];
        if (!job_reveals(job, span)) is_clear = false;
        else if (job->revealed->count[span->class] != UINT32_MAX) job->revealed->count[span->class]++;
    }
    if (is_clear) return 0;
    if (mask_is_null(job->policy, value, &worker->spans)) {
        struct class_counts whole = {{0}};
        detect_spans_count(&worker->spans, &whole);
        class_counts_add(job->masked, &whole);
        *masked = MASKED_NULL;
        return 0;
    }
    size_t before = buffer_length(out);
    if (mask_text(job->policy, value, &worker->spans, out, job->masked)) {
        *masked = MASKED_CHANGED;
    } else {
        buffer_truncate(out, before); /* an operator that keeps */
    }
    return buffer_failed(out) ? error_set(error, ERROR_LIMIT, "a masked value is too large") : 0;
}

/* What speaks against a value may speak of another of its names. */
static struct detect_hint document_hint(struct detect_hint hint) {
    return (struct detect_hint){hint.class, hint.context & ~(uint32_t)CONTEXT_OTHER};
}

static int worker_mask_json(struct mask_worker *worker, const struct mask_job *job, struct detect_hint hint,
                            struct str value, struct buffer *out, enum masked_as *masked, struct error *error) {
    struct class_counts changed = {{0}};
    buffer_clear(&worker->result);
    if (mask_json(worker->detector, worker->scratch, job->policy, hint, value, &worker->result, &changed, error) != 0) {
        return -1;
    }
    if (class_counts_set(&changed) != 0) {
        buffer_append_str(out, buffer_view(&worker->result));
        *masked = MASKED_CHANGED;
    }
    class_counts_add(job->masked, &changed);
    if (!buffer_failed(&worker->result) && !buffer_failed(out)) return 0;
    return error_set(error, ERROR_LIMIT, "a masked value is too large");
}

/* Most documents hold nothing: only what holds something to be masked is written anew. */
int mask_worker_json(struct mask_worker *worker, const struct mask_job *job, struct detect_hint hint, struct str value,
                     struct buffer *out, enum masked_as *masked, struct error *error) {
    CHECK_MAGIC(worker, MASK_WORKER_MAGIC);
    *masked = MASKED_NOT;
    struct class_counts found = {{0}};
    hint = document_hint(hint);
    if (detect_json(worker->detector, worker->scratch, hint, value, &found, error) != 0) return -1;
    if ((class_counts_set(&found) & ~job->reveal) != 0 &&
        worker_mask_json(worker, job, hint, value, out, masked, error) != 0) {
        return -1;
    }
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        if (!class_set_has(job->reveal, (enum data_class)class)) found.count[class] = 0;
    }
    class_counts_add(job->revealed, &found);
    return 0;
}

static enum masked_as masked_from_rewritten(enum mask_rewritten result) {
    return result == MASK_REWRITTEN_TEXT ? MASKED_CHANGED : result == MASK_REWRITTEN_NULL ? MASKED_NULL : MASKED_NOT;
}

int mask_worker_rewrite_text(struct mask_worker *worker, const struct mask_rewriter *rewriter, struct detect_hint hint,
                             struct str value, struct buffer *out, enum masked_as *masked, struct error *error) {
    if (worker_scan(worker, hint, value, error) != 0) return -1;
    enum mask_rewritten result = rewriter->rewrite(rewriter->self, STR_NONE, value, &worker->spans, out, error);
    *masked = masked_from_rewritten(result);
    if (result == MASK_REWRITTEN_FAILED) return -1;
    return buffer_failed(out) ? error_set(error, ERROR_LIMIT, "a masked value is too large") : 0;
}

int mask_worker_rewrite_json(struct mask_worker *worker, const struct mask_rewriter *rewriter, struct detect_hint hint,
                             struct str value, struct buffer *out, enum masked_as *masked, struct error *error) {
    CHECK_MAGIC(worker, MASK_WORKER_MAGIC);
    *masked = MASKED_NOT;
    bool is_changed;
    buffer_clear(&worker->result);
    if (mask_json_with(worker->detector, worker->scratch, rewriter, document_hint(hint), value, &worker->result,
                       &is_changed, error) != 0) {
        return -1;
    }
    if (!is_changed) return 0;
    buffer_append_str(out, buffer_view(&worker->result));
    *masked = MASKED_CHANGED;
    return buffer_failed(out) ? error_set(error, ERROR_LIMIT, "a masked value is too large") : 0;
}

const struct detect_spans *mask_worker_segment(struct mask_worker *worker, struct str text, size_t from, size_t end,
                                               uint32_t context) {
    CHECK_MAGIC(worker, MASK_WORKER_MAGIC);
    bool is_scanned = detect_scan_segment(worker->detector, worker->scratch, text, from, end, context, &worker->spans,
                                          NULL) == 0;
    return is_scanned ? &worker->spans : NULL;
}

int mask_worker_count_text(struct mask_worker *worker, struct detect_hint hint, struct str value,
                           struct class_counts *counts, struct error *error) {
    if (worker_scan(worker, hint, value, error) != 0) return -1;
    detect_spans_count(&worker->spans, counts);
    return 0;
}

int mask_worker_count_json(struct mask_worker *worker, struct detect_hint hint, struct str value,
                           struct class_counts *counts, struct error *error) {
    CHECK_MAGIC(worker, MASK_WORKER_MAGIC);
    return detect_json(worker->detector, worker->scratch, document_hint(hint), value, counts, error);
}
