/* The rings in shared memory.
 *
 * Memory: one header, one control block a ring, then the rings. A record is a header and the event, rounded up to
 * RECORD_ALIGN_BYTES, and never wraps: where it does not fit before the end, a marker sends both sides to the start.
 * Positions only grow; their place is position modulo ring_bytes. head is the only word by which records are
 * published, the record's own result the only one by which they come back. */
#include "ledger/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define RINGS_MAGIC 0x73776f726e726e67u
#define RECORD_ALIGN_BYTES 32u
#define RECORD_WRAP UINT32_MAX
#define LINE_BYTES 64
#define PAGE_BYTES 4096u

struct record_header {
    uint32_t length;
    uint32_t flags;
    uint64_t session;
    uint64_t leaf_index;
    _Atomic uint32_t result;
    uint32_t unused;
};
static_assert(sizeof(struct record_header) == RECORD_ALIGN_BYTES, "a marker fits wherever a record ends");

struct ring_control {
    _Alignas(LINE_BYTES) _Atomic uint64_t head;
    _Alignas(LINE_BYTES) _Atomic uint32_t wants_signal;
};

struct rings_shared {
    uint64_t magic;
    uint32_t ring_count;
    uint32_t ring_bytes;
    _Alignas(LINE_BYTES) _Atomic uint64_t state; /* enum ring_state << 32 | errno; the keeper writes it */
    _Alignas(LINE_BYTES) _Atomic uint32_t keeper_sleeps;
    _Alignas(LINE_BYTES) struct ring_control controls[RINGS_MAX];
};

#define DATA_OFFSET ((sizeof(struct rings_shared) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES)

struct ring {
    struct rings *rings;
    struct ring_control *control;
    char *data;
    uint32_t bytes;
    int event_fd;
    /* the producer's */
    _Alignas(LINE_BYTES) uint64_t head;
    uint64_t reaped;
    uint64_t submitted_count;
    uint64_t reaped_count;
    /* the consumer's */
    _Alignas(LINE_BYTES) uint64_t taken;
    bool is_broken;
};

struct rings {
    struct rings_shared *shared;
    size_t mapped_bytes;
    int memory_fd;
    int wake_fd;
    int epoll_fd; /* the consumer's: wake_fd by its edges, so that it is never read, and what rings_watch added */
    uint32_t count;
    struct ring ring[RINGS_MAX];
};

static int map_memory(struct rings *rings, struct error *error) {
    rings->shared = mmap(NULL, rings->mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, rings->memory_fd, 0);
    if (rings->shared == MAP_FAILED) {
        rings->shared = NULL;
        return error_set_errno(error, "shared memory for the evidence rings cannot be mapped");
    }
    return 0;
}

static void set_up_ring(struct rings *rings, uint32_t number, uint32_t ring_bytes, int event_fd) {
    struct ring *ring = &rings->ring[number];
    ring->rings = rings;
    ring->control = &rings->shared->controls[number];
    ring->data = (char *)rings->shared + DATA_OFFSET + (size_t)number * ring_bytes;
    ring->bytes = ring_bytes;
    ring->event_fd = event_fd;
}

static struct rings *rings_allocate(void) {
    struct rings *rings = aligned_alloc(LINE_BYTES, sizeof(*rings));
    if (rings == NULL) return NULL;
    memset(rings, 0, sizeof(*rings));
    rings->memory_fd = rings->wake_fd = rings->epoll_fd = -1;
    for (uint32_t i = 0; i < RINGS_MAX; i++) rings->ring[i].event_fd = -1;
    return rings;
}

static int make_memory(struct rings *rings, uint32_t ring_bytes, struct error *error) {
    rings->mapped_bytes = DATA_OFFSET + (size_t)rings->count * ring_bytes;
    rings->memory_fd = memfd_create("sworn-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    rings->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rings->memory_fd < 0 || rings->wake_fd < 0 || ftruncate(rings->memory_fd, (off_t)rings->mapped_bytes) != 0 ||
        fcntl(rings->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return error_set_errno(error, "shared memory for the evidence rings cannot be made");
    }
    return map_memory(rings, error);
}

int rings_new(struct rings **out, uint32_t ring_count, uint32_t ring_bytes, struct error *error) {
    bool is_power_of_two = (ring_bytes & (ring_bytes - 1)) == 0;
    CHECK(ring_count >= 1 && ring_count <= RINGS_MAX);
    CHECK(ring_bytes >= RING_MIN_BYTES && ring_bytes <= RING_MAX_BYTES && is_power_of_two);
    struct rings *rings = *out = rings_allocate();
    if (rings == NULL) return error_out_of_memory(error);
    rings->count = ring_count;
    if (make_memory(rings, ring_bytes, error) != 0) {
        rings_free(out);
        return -1;
    }
    rings->shared->magic = RINGS_MAGIC;
    rings->shared->ring_count = ring_count;
    rings->shared->ring_bytes = ring_bytes;
    for (uint32_t i = 0; i < ring_count; i++) {
        int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (event_fd < 0) {
            error_set_errno(error, "an event descriptor for the evidence rings cannot be made");
            rings_free(out);
            return -1;
        }
        set_up_ring(rings, i, ring_bytes, event_fd);
    }
    return 0;
}

int rings_attach(struct rings **out, const struct rings_descriptors *descriptors, struct error *error) {
    struct rings *rings = *out = rings_allocate();
    if (rings == NULL) return error_out_of_memory(error);
    off_t bytes = lseek(descriptors->memory_fd, 0, SEEK_END);
    int seals = fcntl(descriptors->memory_fd, F_GET_SEALS);
    rings->memory_fd = descriptors->memory_fd;
    rings->wake_fd = descriptors->wake_fd;
    rings->count = descriptors->ring_count;
    rings->mapped_bytes = bytes > 0 ? (size_t)bytes : 0;
    size_t data_bytes = rings->mapped_bytes - DATA_OFFSET;
    bool is_sound = rings->count >= 1 && rings->count <= RINGS_MAX && rings->mapped_bytes > DATA_OFFSET &&
                    data_bytes % rings->count == 0 && (seals & F_SEAL_SHRINK) != 0;
    size_t ring_bytes = is_sound ? data_bytes / rings->count : 0;
    if (!is_sound || ring_bytes < RING_MIN_BYTES || ring_bytes > RING_MAX_BYTES || (ring_bytes & (ring_bytes - 1)) != 0) {
        rings_free(out);
        return error_set(error, ERROR_INVALID, "the shared memory handed over is not that of evidence rings");
    }
    if (map_memory(rings, error) != 0) {
        rings_free(out);
        return -1;
    }
    for (uint32_t i = 0; i < rings->count; i++) set_up_ring(rings, i, (uint32_t)ring_bytes, descriptors->event_fds[i]);
    return 0;
}

static void close_if_open(int fd) {
    if (fd >= 0) close(fd);
}

void rings_free(struct rings **rings) {
    if (*rings == NULL) return;
    if ((*rings)->shared != NULL) munmap((*rings)->shared, (*rings)->mapped_bytes);
    for (uint32_t i = 0; i < (*rings)->count && i < RINGS_MAX; i++) close_if_open((*rings)->ring[i].event_fd);
    close_if_open((*rings)->memory_fd);
    close_if_open((*rings)->wake_fd);
    close_if_open((*rings)->epoll_fd);
    free(*rings);
    *rings = NULL;
}

void rings_describe(const struct rings *rings, struct rings_descriptors *out) {
    *out = (struct rings_descriptors){rings->memory_fd, rings->wake_fd, rings->count, {0}};
    for (uint32_t i = 0; i < rings->count; i++) out->event_fds[i] = rings->ring[i].event_fd;
}

struct ring *rings_get(struct rings *rings, uint32_t number) {
    CHECK(number < rings->count);
    return &rings->ring[number];
}

uint32_t rings_count(const struct rings *rings) {
    return rings->count;
}

enum ring_state ring_state(const struct rings *rings, int *system_errno) {
    uint64_t state = atomic_load_explicit(&rings->shared->state, memory_order_acquire);
    if (system_errno != NULL) *system_errno = (int)(uint32_t)state;
    return (enum ring_state)(state >> 32);
}

void rings_set_state(struct rings *rings, enum ring_state state, int system_errno) {
    atomic_store_explicit(&rings->shared->state, (uint64_t)state << 32 | (uint32_t)system_errno, memory_order_release);
}

static struct record_header *record_at(const struct ring *ring, uint64_t position) {
    return (struct record_header *)(void *)(ring->data + (position & (ring->bytes - 1)));
}

static uint64_t record_bytes(uint32_t event_length) {
    return (sizeof(struct record_header) + (uint64_t)event_length + RECORD_ALIGN_BYTES - 1) & ~(uint64_t)31;
}

static uint64_t bytes_to_end(const struct ring *ring, uint64_t position) {
    return ring->bytes - (position & (ring->bytes - 1));
}

/* Producer --------------------------------------------------------------------------------------------------------- */

int ring_submit(struct ring *ring, uint64_t session, uint32_t flags, struct str event, uint64_t *ticket) {
    if (event.length > EVENT_MAX_BYTES) return -1;
    uint64_t needed = record_bytes((uint32_t)event.length);
    uint64_t to_end = bytes_to_end(ring, ring->head);
    uint64_t skipped = needed > to_end ? to_end : 0;
    if (ring->head - ring->reaped + skipped + needed > ring->bytes) return -1;
    if (skipped > 0) {
        record_at(ring, ring->head)->length = RECORD_WRAP;
        ring->head += skipped;
    }
    struct record_header *record = record_at(ring, ring->head);
    record->length = (uint32_t)event.length;
    record->flags = flags;
    record->session = session;
    atomic_store_explicit(&record->result, RING_PENDING, memory_order_relaxed);
    memcpy(record + 1, event.data, event.length);
    ring->head += needed;
    *ticket = ring->submitted_count++;
    atomic_store_explicit(&ring->control->head, ring->head, memory_order_release);
    return 0;
}

/* Moves over a marker at the next record to reap. */
static struct record_header *next_to_reap(struct ring *ring) {
    if (ring->reaped_count == ring->submitted_count) return NULL;
    if (record_at(ring, ring->reaped)->length == RECORD_WRAP) ring->reaped += bytes_to_end(ring, ring->reaped);
    return record_at(ring, ring->reaped);
}

static void wake(int event_fd) {
    uint64_t one = 1;
    ssize_t ignored = write(event_fd, &one, sizeof(one));
    (void)ignored; /* a full counter has woken its reader already */
}

bool ring_kick(struct ring *ring) {
    struct record_header *next = next_to_reap(ring);
    if (next == NULL) return false;
    struct rings_shared *shared = ring->rings->shared;
    /* Sequentially consistent with rings_wait: either the keeper sees this head before it sleeps, or we see it sleep. */
    atomic_store(&ring->control->head, ring->head);
    if (atomic_load(&shared->keeper_sleeps) != 0 && atomic_exchange(&shared->keeper_sleeps, 0) != 0) {
        wake(ring->rings->wake_fd);
    }
    /* Both sides exchange this word, so that one of them sees what the other did. */
    atomic_exchange(&ring->control->wants_signal, 1);
    return atomic_load_explicit(&next->result, memory_order_acquire) != RING_PENDING;
}

bool ring_reap(struct ring *ring, uint64_t *ticket, enum ring_result *result, uint64_t *leaf_index) {
    struct record_header *record = next_to_reap(ring);
    if (record == NULL) return false;
    uint32_t found = atomic_load_explicit(&record->result, memory_order_acquire);
    if (found == RING_PENDING) return false;
    *ticket = ring->reaped_count++;
    *result = found == RING_DURABLE ? RING_DURABLE : RING_REFUSED;
    *leaf_index = record->leaf_index;
    ring->reaped += record_bytes(record->length);
    return true;
}

uint64_t ring_outstanding(const struct ring *ring) {
    return ring->submitted_count - ring->reaped_count;
}

int ring_event_fd(const struct ring *ring) {
    return ring->event_fd;
}

void ring_event_clear(struct ring *ring) {
    uint64_t count;
    ssize_t ignored = read(ring->event_fd, &count, sizeof(count));
    (void)ignored;
}

/* Consumer --------------------------------------------------------------------------------------------------------- */

static int break_ring(struct ring *ring) {
    ring->is_broken = true;
    return -1;
}

int ring_take(struct ring *ring, struct ring_record *record) {
    uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);
    uint64_t held = head - ring->taken;
    if (ring->is_broken || held > ring->bytes || held % RECORD_ALIGN_BYTES != 0) return break_ring(ring);
    if (held == 0) return 0;
    /* Each word is read once: what was checked is what is used. */
    uint32_t length = *(volatile uint32_t *)&record_at(ring, ring->taken)->length;
    if (length == RECORD_WRAP) {
        uint64_t to_end = bytes_to_end(ring, ring->taken);
        if (to_end >= held) return break_ring(ring);
        ring->taken += to_end;
        held -= to_end;
        length = *(volatile uint32_t *)&record_at(ring, ring->taken)->length;
    }
    if (length > EVENT_MAX_BYTES || record_bytes(length) > held ||
        record_bytes(length) > bytes_to_end(ring, ring->taken)) {
        return break_ring(ring);
    }
    const struct record_header *header = record_at(ring, ring->taken);
    record->position = ring->taken;
    record->session = header->session;
    record->flags = header->flags;
    record->event = str_make(header + 1, length);
    ring->taken += record_bytes(length);
    return 1;
}

void ring_complete(struct ring *ring, uint64_t position, enum ring_result result, uint64_t leaf_index) {
    struct record_header *record = record_at(ring, position);
    record->leaf_index = leaf_index;
    atomic_store_explicit(&record->result, (uint32_t)result, memory_order_release);
}

void ring_signal(struct ring *ring) {
    if (atomic_exchange(&ring->control->wants_signal, 0) != 0) wake(ring->event_fd);
}

static bool has_records(struct rings *rings) {
    for (uint32_t i = 0; i < rings->count; i++) {
        struct ring *ring = &rings->ring[i];
        if (!ring->is_broken && atomic_load(&ring->control->head) != ring->taken) return true;
    }
    return false;
}

static int watch(const struct rings *rings, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(rings->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int rings_watch(struct rings *rings, int fd, struct error *error) {
    rings->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (rings->epoll_fd < 0 || watch(rings, rings->wake_fd, EPOLLIN | EPOLLET) != 0 ||
        (fd >= 0 && watch(rings, fd, EPOLLIN) != 0)) {
        return error_set_errno(error, "the evidence rings cannot be watched");
    }
    return 0;
}

bool rings_wait(struct rings *rings, int timeout_ms) {
    struct epoll_event events[2];
    bool is_readable = false;
    atomic_store(&rings->shared->keeper_sleeps, 1);
    if (has_records(rings)) timeout_ms = 0;
    int count = epoll_wait(rings->epoll_fd, events, LENGTH_OF(events), timeout_ms);
    atomic_store(&rings->shared->keeper_sleeps, 0);
    for (int i = 0; i < count; i++) is_readable |= events[i].data.fd != rings->wake_fd;
    return is_readable;
}
