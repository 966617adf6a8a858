/* What a configuration means to the running gateway: the config, who is known, the policies in force and the TLS
 * contexts, loaded together and replaced together.
 *
 * Immutable and counted. A session keeps the snapshot that it logged in with, for where it goes to, and takes the
 * newest one, for who may do what, before each action. snapshot_load() blocks and needs a big stack. */
#ifndef SWORN_GATE_SNAPSHOT_H
#define SWORN_GATE_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "gate/config.h"
#include "guard/bundle.h"
#include "wire/wire.h"

struct snapshot {
    atomic_uint holders;
    struct config *config;
    struct identity *identity;
    struct bundle *bundle;
    struct wire_upstream *upstreams;    /* one for each of config->upstreams */
    struct tls_server **listener_tls;   /* one for each of config->listeners; NULL where it has none */
};

struct snapshot *snapshot_load(const char *config_path, struct error *error) MUST_USE;
struct snapshot *snapshot_hold(struct snapshot *snapshot);
void snapshot_release(struct snapshot **snapshot);

/* Where the newest snapshot stands. */
struct snapshot_slot {
    pthread_mutex_t lock;
    struct snapshot *current;
    atomic_uint_fast64_t generation;
};

void snapshot_slot_init(struct snapshot_slot *slot, struct snapshot *snapshot); /* takes over the hold */
void snapshot_slot_free(struct snapshot_slot *slot);
/* A hold of the caller's own, and the generation it is of. */
struct snapshot *snapshot_slot_take(struct snapshot_slot *slot, uint64_t *generation) MUST_USE;
void snapshot_slot_replace(struct snapshot_slot *slot, struct snapshot *snapshot); /* takes over the hold */
static inline uint64_t snapshot_slot_generation(struct snapshot_slot *slot) {
    return atomic_load_explicit(&slot->generation, memory_order_acquire);
}

#endif
