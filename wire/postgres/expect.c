/* Numbers count up for ever; the ring's place of a number is the number modulo its capacity. */
#include "wire/postgres/expect.h"

#include <stdlib.h>

#define EXPECT_FIRST 8u

void expect_init(struct expect_queue *queue) {
    *queue = (struct expect_queue){0};
}

void expect_free(struct expect_queue *queue) {
    free(queue->entries);
    queue->entries = NULL;
    queue->capacity = 0;
}

static struct expectation *entry_of(const struct expect_queue *queue, uint64_t number) {
    return &queue->entries[number & (queue->capacity - 1)];
}

static bool grow(struct expect_queue *queue) {
    size_t capacity = queue->capacity > 0 ? queue->capacity * 2 : EXPECT_FIRST;
    if (capacity > EXPECT_MAX) return false;
    struct expectation *entries = calloc(capacity, sizeof(*entries));
    if (entries == NULL) return false;
    for (uint64_t number = queue->head; number < queue->tail; number++)
        entries[number & (capacity - 1)] = *entry_of(queue, number);
    free(queue->entries);
    queue->entries = entries;
    queue->capacity = capacity;
    return true;
}

struct expectation *expect_push(struct expect_queue *queue, enum expect_kind kind) {
    if (queue->tail - queue->head == queue->capacity && !grow(queue)) return NULL;
    struct expectation *entry = entry_of(queue, queue->tail++);
    *entry = (struct expectation){.kind = kind};
    return entry;
}

void expect_commit(struct expect_queue *queue) {
    queue->committed = queue->tail;
}

void expect_commit_first(struct expect_queue *queue, size_t count) {
    CHECK(count <= expect_pending_count(queue));
    queue->committed += count;
}

struct expectation *expect_pending(const struct expect_queue *queue, size_t index) {
    return index < expect_pending_count(queue) ? entry_of(queue, queue->committed + index) : NULL;
}

struct expectation *expect_at(const struct expect_queue *queue, size_t index) {
    return index < expect_count(queue) ? entry_of(queue, queue->head + index) : NULL;
}

struct expectation *expect_last_pending(const struct expect_queue *queue) {
    return queue->tail > queue->committed ? entry_of(queue, queue->tail - 1) : NULL;
}

struct expectation expect_pop(struct expect_queue *queue) {
    CHECK(queue->head < queue->committed);
    return *entry_of(queue, queue->head++);
}

bool expect_pop_pending(struct expect_queue *queue, struct expectation *out) {
    if (queue->tail == queue->committed) return false;
    *out = *entry_of(queue, --queue->tail);
    return true;
}
