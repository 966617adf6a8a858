/* Evidence about the gateway itself. A bundle is recorded, durable, before it decides anything. */
#include "gate/node.h"

#include "base/clock.h"
#include "base/log.h"
#include "guard/bundle_rows.h"

#define NODE_TEXT_PLAIN_MAX 48000u /* a policy file up to this size stands in its entry, larger ones are sealed */
static_assert(BUNDLE_ROW_BYTES_MAX + 1000 < NODE_TEXT_PLAIN_MAX, "a row fits into an entry");
#define NODE_SESSIONS_CHECK_NS (20 * NANOSECONDS_PER_MILLISECOND)
#define NODE_VERSION STR("0.1.0")

struct node {
    struct gate_worker *worker;
    struct record_session record;
    struct buffer event;
    uint64_t beats;
};

static void write_hash(struct json_writer *writer, struct str name, const struct sha256 *hash) {
    struct buffer hex;
    buffer_init(&hex, 2 * SHA256_BYTES);
    hex_append(&hex, str_make(hash->bytes, SHA256_BYTES));
    json_member_string(writer, name, buffer_view(&hex));
    buffer_free(&hex);
}

static struct str write_start(struct node *node, const struct snapshot *snapshot) {
    struct json_writer writer;
    buffer_clear(&node->event);
    json_writer_init(&writer, &node->event);
    json_begin_object(&writer);
    write_hash(&writer, STR("binary"), &node->worker->gateway->binary);
    write_hash(&writer, STR("bundle"), bundle_hash(snapshot->bundle));
    write_hash(&writer, STR("config"), &snapshot->config->digest);
    json_member_integer(&writer, STR("heartbeat_ms"),
                        (int64_t)(snapshot->config->ledger.heartbeat_ns / NANOSECONDS_PER_MILLISECOND));
    json_member_string(&writer, STR("type"), EVENT_NODE_START);
    json_member_string(&writer, STR("version"), NODE_VERSION);
    json_end_object(&writer);
    return buffer_view(&node->event);
}

/* One entry a file, so that none is too long. False when a text cannot be sealed. */
static bool record_bundle_file(struct node *node, const struct snapshot *snapshot, size_t index) {
    const struct bundle_file *file = bundle_file_at(snapshot->bundle, index);
    bool is_sealed = snapshot->config->seals_policy_text || file->text.length > NODE_TEXT_PLAIN_MAX;
    struct seal_commitment commitment;
    struct error error;
    if (is_sealed && seal_put(node->worker->sealer, node->record.seal, file->text, &commitment, &error) != 0) {
        log_error("a policy's text cannot be sealed: %s", error.text);
        return false;
    }
    struct json_writer writer;
    buffer_clear(&node->event);
    json_writer_init(&writer, &node->event);
    json_begin_object(&writer);
    write_hash(&writer, STR("bundle"), bundle_hash(snapshot->bundle));
    json_member_string(&writer, STR("file"), file->name);
    json_member_integer(&writer, STR("files"), (int64_t)bundle_file_count(snapshot->bundle));
    json_member_integer(&writer, STR("number"), (int64_t)index + 1);
    write_hash(&writer, STR("sha256"), &file->hash);
    json_key(&writer, STR("text"));
    if (is_sealed) seal_commitment_write(&writer, &commitment);
    else json_write_string(&writer, file->text);
    json_member_string(&writer, STR("type"), EVENT_BUNDLE_ACTIVATED);
    json_end_object(&writer);
    record_event(&node->record, 0, buffer_view(&node->event));
    return !buffer_failed(&node->event);
}

/* As many rows as fit into one entry; *rows moves on behind them. */
static void record_entity_rows(struct node *node, const struct snapshot *snapshot, struct str *rows, int64_t number) {
    struct json_writer writer;
    buffer_clear(&node->event);
    json_writer_init(&writer, &node->event);
    json_begin_object(&writer);
    write_hash(&writer, STR("entities"), bundle_entities_hash(snapshot->bundle));
    json_member_integer(&writer, STR("number"), number);
    json_key(&writer, STR("rows"));
    json_begin_array(&writer);
    do {
        size_t end = str_find_byte(*rows, '\n');
        if (end == STR_NOT_FOUND) break;
        if (buffer_length(&node->event) + end > NODE_TEXT_PLAIN_MAX) break;
        json_write_raw(&writer, str_slice(*rows, 0, end));
        *rows = str_slice(*rows, end + 1, rows->length);
    } while (rows->length > 0);
    json_end_array(&writer);
    if (rows->length > 0) json_member_bool(&writer, STR("to_be_continued"), true);
    json_member_string(&writer, STR("type"), EVENT_ENTITIES_ACTIVATED);
    json_end_object(&writer);
    record_event(&node->record, 0, buffer_view(&node->event));
}

static void record_entities(struct node *node, const struct snapshot *snapshot) {
    struct str rows = bundle_entities(snapshot->bundle);
    int64_t number = 0;
    do {
        record_entity_rows(node, snapshot, &rows, ++number);
    } while (rows.length > 0);
}

static int record_bundle(struct node *node, const struct snapshot *snapshot, struct error *error) {
    record_entities(node, snapshot);
    for (size_t i = 0; i < bundle_file_count(snapshot->bundle); i++) {
        if (!record_bundle_file(node, snapshot, i)) {
            return error_set(error, ERROR_UNAVAILABLE, "the bundle could not be recorded");
        }
    }
    return record_await(&node->record, node->record.recorded, error);
}

static void record_heartbeat(struct node *node) {
    struct gateway *gateway = node->worker->gateway;
    struct json_writer writer;
    uint64_t generation;
    struct snapshot *snapshot = snapshot_slot_take(&gateway->snapshot, &generation);
    buffer_clear(&node->event);
    json_writer_init(&writer, &node->event);
    json_begin_object(&writer);
    write_hash(&writer, STR("binary"), &gateway->binary);
    write_hash(&writer, STR("bundle"), bundle_hash(snapshot->bundle));
    write_hash(&writer, STR("config"), &snapshot->config->digest);
    json_member_integer(&writer, STR("in_flight"), (int64_t)atomic_load(&gateway->in_flight));
    json_member_integer(&writer, STR("number"), (int64_t)++node->beats);
    json_key(&writer, STR("refused"));
    gateway_write_refused(gateway, &writer);
    json_member_integer(&writer, STR("sessions"), atomic_load(&gateway->session_count));
    json_member_string(&writer, STR("type"), EVENT_HEARTBEAT);
    json_end_object(&writer);
    record_event(&node->record, 0, buffer_view(&node->event));
    snapshot_release(&snapshot);
}

/* Who had it loaded, and what it promises: the keeper takes heartbeat_ms from here. */
static int record_reload(struct node *node, const struct snapshot *next, struct error *error) {
    struct json_writer writer;
    if (record_bundle(node, next, error) != 0) return -1;
    buffer_clear(&node->event);
    json_writer_init(&writer, &node->event);
    json_begin_object(&writer);
    write_hash(&writer, STR("bundle"), bundle_hash(next->bundle));
    json_member_integer(&writer, STR("by_uid"), (int64_t)atomic_load(&node->worker->gateway->reload_uid));
    write_hash(&writer, STR("config"), &next->config->digest);
    json_member_integer(&writer, STR("heartbeat_ms"),
                        (int64_t)(next->config->ledger.heartbeat_ns / NANOSECONDS_PER_MILLISECOND));
    json_member_string(&writer, STR("type"), EVENT_NODE_RELOAD);
    json_end_object(&writer);
    record_event(&node->record, 0, buffer_view(&node->event));
    return record_await(&node->record, node->record.recorded, error);
}

static void activate_next(struct node *node) {
    struct gateway *gateway = node->worker->gateway;
    struct snapshot *next = atomic_exchange(&gateway->next_snapshot, NULL);
    if (next == NULL) return;
    struct error error;
    if (record_reload(node, next, &error) != 0) {
        log_error("the reload is refused, what was in force stays: %s", error.text);
        snapshot_release(&next);
        return;
    }
    snapshot_slot_replace(&gateway->snapshot, next);
    log_info("reloaded: %zu policies are in force", bundle_policy_count(next->bundle));
}

static void beat_until_cancelled(struct node *node) {
    struct gateway *gateway = node->worker->gateway;
    uint64_t generation;
    uint64_t beaten_ns = clock_monotonic_ns();
    for (;;) {
        struct snapshot *snapshot = snapshot_slot_take(&gateway->snapshot, &generation);
        uint64_t deadline_ns = beaten_ns + snapshot->config->ledger.heartbeat_ns;
        snapshot_release(&snapshot);
        struct error error = {0};
        if (fiber_park(deadline_ns, &error) == 0) {
            activate_next(node);
            continue; /* with the interval that is now promised */
        }
        if (error.code != ERROR_TIMEOUT) return;
        record_heartbeat(node);
        beaten_ns = clock_monotonic_ns();
    }
}

static int start(struct node *node, struct error *error) {
    struct gateway *gateway = node->worker->gateway;
    uint64_t generation;
    struct snapshot *snapshot = snapshot_slot_take(&gateway->snapshot, &generation);
    record_node_begin(&node->record, node->worker->recorder, gateway->run_id, write_start(node, snapshot));
    int result = seal_session_begin(node->worker->sealer, gateway->run_id, &node->record.seal, error);
    if (result == 0) result = record_bundle(node, snapshot, error);
    snapshot_release(&snapshot);
    return result;
}

void node_main(void *argument) {
    struct node node = {.worker = argument};
    struct gateway *gateway = node.worker->gateway;
    struct error error;
    buffer_init(&node.event, EVENT_MAX_BYTES);
    gateway->node_fiber = fiber_self();
    if (start(&node, &error) != 0) {
        gateway_fail(gateway, &error);
    } else {
        gateway_begin_serving(gateway);
        beat_until_cancelled(&node);
    }
    fiber_shield_begin();
    while (atomic_load(&gateway->session_count) > 0) {
        if (fiber_sleep(NODE_SESSIONS_CHECK_NS, &error) != 0) break;
    }
    record_node_end(&node.record);
    seal_session_free(&node.record.seal);
    fiber_shield_end();
    buffer_free(&node.event);
    gateway->node_fiber = NULL;
}

static void wake_node(void *argument) {
    struct gateway *gateway = argument;
    if (gateway->node_fiber != NULL) fiber_wake(gateway->node_fiber);
}

void node_activate(struct gateway *gateway, struct snapshot *snapshot) {
    struct snapshot *unused = atomic_exchange(&gateway->next_snapshot, snapshot);
    snapshot_release(&unused);
    if (worker_post(gateway->workers[0].worker, wake_node, gateway) != 0) log_error("reload: out of memory");
}
