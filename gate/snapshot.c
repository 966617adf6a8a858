/* Loading and sharing snapshots. */
#include "gate/snapshot.h"

#include <stdlib.h>

#include "base/log.h"

#define POLICY_WARNINGS_MAX 20 /* of one load */

static int make_upstream(const struct config_upstream *from, uint64_t generation, struct wire_upstream *to,
                         struct error *error) {
    const char *const alpn[] = {from->alpn, NULL};
    *to = (struct wire_upstream){
        .name = from->name,
        .environment = from->environment,
        .resource_type = from->resource_type,
        .address = from->address.text,
        .user = from->user,
        .database = from->database,
        .password = &from->password,
        .message_bytes_max = from->max_message_bytes,
        .connect_timeout_ns = from->connect_timeout_ns,
        .generation = generation,
        .operations = &from->operations,
        .columns = from->columns,
        .column_count = from->column_count,
    };
    if (from->tls_mode == CONFIG_TLS_NONE) return 0;
    struct tls_client_options options = {
        .verify = from->tls_mode == CONFIG_TLS_VERIFY_FULL ? TLS_VERIFY_FULL
                  : from->tls_mode == CONFIG_TLS_VERIFY_CA ? TLS_VERIFY_CA
                                                           : TLS_VERIFY_NONE,
        .ca_path = from->tls_ca.data,
        .alpn = alpn,
    };
    to->tls = tls_client_new(&options, error);
    return to->tls != NULL ? 0 : error_prefix(error, "upstream %.*s", STR_ARGS(from->name));
}

static int make_listener_tls(const struct config_listener *listener, struct tls_server **tls, struct error *error) {
    const char *const alpn[] = {listener->upstream->alpn, NULL};
    if (!listener->has_tls) return 0;
    struct tls_server_options options = {listener->tls_certificate.data, listener->tls_key.data, alpn};
    *tls = tls_server_new(&options, error);
    return *tls != NULL ? 0 : error_prefix(error, "listener %.*s", STR_ARGS(listener->address.text));
}

static int make_contexts(struct snapshot *snapshot, struct error *error) {
    static atomic_uint_fast64_t loaded;
    const struct config *config = snapshot->config;
    uint64_t generation = atomic_fetch_add(&loaded, 1) + 1;
    snapshot->upstreams = calloc(config->upstream_count + 1, sizeof(struct wire_upstream));
    snapshot->listener_tls = calloc(config->listener_count + 1, sizeof(struct tls_server *));
    if (snapshot->upstreams == NULL || snapshot->listener_tls == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < config->upstream_count; i++) {
        if (make_upstream(&config->upstreams[i], generation, &snapshot->upstreams[i], error) != 0) return -1;
    }
    for (size_t i = 0; i < config->listener_count; i++) {
        if (make_listener_tls(&config->listeners[i], &snapshot->listener_tls[i], error) != 0) return -1;
    }
    return 0;
}

/* What sworn's schema finds in the policies is a warning here: a gateway that ran with them runs on. `sworn check` calls
 * it an error. */
static void warn_of_policies(const struct snapshot *snapshot) {
    struct bundle_problems problems;
    struct error error = {0};
    bundle_problems_init(&problems);
    if (bundle_validate(snapshot->bundle, &problems, &error) != 0) log_warning("%s", error.text);
    for (size_t i = 0; i < problems.count && i < POLICY_WARNINGS_MAX; i++) {
        const struct bundle_problem *problem = &problems.items[i];
        log_warning("%s/%.*s:%u:%u: %.*s", snapshot->config->policy_directory.data, STR_ARGS(problem->file),
                    problem->line, problem->column, STR_ARGS(problem->text));
    }
    if (problems.count > POLICY_WARNINGS_MAX) {
        log_warning("%zu more problems of policies: see `sworn policy check`", problems.count - POLICY_WARNINGS_MAX);
    }
    bundle_problems_free(&problems);
}

struct snapshot *snapshot_load(const char *config_path, struct error *error) {
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    atomic_init(&snapshot->holders, 1);
    struct config *config = snapshot->config = config_load(config_path, error);
    if (config != NULL) snapshot->identity = identity_new(config->principals, config->principal_count, error);
    if (snapshot->identity != NULL) {
        struct bundle_source source = {
            .directory = config->policy_directory.data,
            .identity = snapshot->identity,
            .upstreams = config->bundle_upstreams,
            .upstream_count = config->upstream_count,
            .resources = config->resources,
            .resource_count = config->resource_count,
            .verbs = config->verbs,
            .verb_count = config->verb_count,
        };
        snapshot->bundle = bundle_load(&source, NULL, error);
    }
    if (snapshot->bundle == NULL || make_contexts(snapshot, error) != 0) snapshot_release(&snapshot);
    else warn_of_policies(snapshot);
    return snapshot;
}

struct snapshot *snapshot_hold(struct snapshot *snapshot) {
    atomic_fetch_add_explicit(&snapshot->holders, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_release(struct snapshot **out) {
    struct snapshot *snapshot = *out;
    *out = NULL;
    if (snapshot == NULL || atomic_fetch_sub_explicit(&snapshot->holders, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; snapshot->upstreams != NULL && i < snapshot->config->upstream_count; i++) {
        tls_client_free(&snapshot->upstreams[i].tls);
    }
    for (size_t i = 0; snapshot->listener_tls != NULL && i < snapshot->config->listener_count; i++) {
        tls_server_free(&snapshot->listener_tls[i]);
    }
    free(snapshot->upstreams);
    free(snapshot->listener_tls);
    if (snapshot->bundle != NULL) bundle_release(&snapshot->bundle);
    if (snapshot->identity != NULL) identity_release(&snapshot->identity);
    config_free(&snapshot->config);
    free(snapshot);
}

void snapshot_slot_init(struct snapshot_slot *slot, struct snapshot *snapshot) {
    pthread_mutex_init(&slot->lock, NULL);
    slot->current = snapshot;
    atomic_init(&slot->generation, 1);
}

void snapshot_slot_free(struct snapshot_slot *slot) {
    snapshot_release(&slot->current);
    pthread_mutex_destroy(&slot->lock);
}

struct snapshot *snapshot_slot_take(struct snapshot_slot *slot, uint64_t *generation) {
    pthread_mutex_lock(&slot->lock);
    struct snapshot *taken = snapshot_hold(slot->current);
    *generation = snapshot_slot_generation(slot);
    pthread_mutex_unlock(&slot->lock);
    return taken;
}

void snapshot_slot_replace(struct snapshot_slot *slot, struct snapshot *snapshot) {
    pthread_mutex_lock(&slot->lock);
    struct snapshot *old = slot->current;
    slot->current = snapshot;
    atomic_fetch_add_explicit(&slot->generation, 1, memory_order_release);
    pthread_mutex_unlock(&slot->lock);
    snapshot_release(&old);
}
