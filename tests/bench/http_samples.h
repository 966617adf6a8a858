/* Durations of one kind, kept one by one, so that percentiles are exact. */
#ifndef SWORN_TESTS_BENCH_HTTP_SAMPLES_H
#define SWORN_TESTS_BENCH_HTTP_SAMPLES_H

#include <stdlib.h>

#include "base/check.h"

#define SAMPLES_MAX ((size_t)16 << 20)

struct samples {
    uint64_t *values;
    size_t count;
    size_t capacity;
};

static inline void samples_add(struct samples *samples, uint64_t value) {
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity == 0 ? 4096 : samples->capacity * 2;
        CHECK(samples->capacity <= SAMPLES_MAX);
        samples->values = realloc(samples->values, samples->capacity * sizeof(*samples->values));
        CHECK(samples->values != NULL);
    }
    samples->values[samples->count++] = value;
}

static inline int samples_compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static inline void samples_sort(struct samples *samples) {
    if (samples->count > 0) qsort(samples->values, samples->count, sizeof(*samples->values), samples_compare);
}

/* Of sorted samples; 0 where there are none. */
static inline uint64_t samples_percentile(const struct samples *samples, unsigned percent) {
    return samples->count == 0 ? 0 : samples->values[(samples->count - 1) * percent / 100];
}

#endif
