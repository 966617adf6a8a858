/* From the document to the snapshot: one function a section, in the order of the file's own documentation. */
#include "gate/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/mask.h"

#define CONFIG_MAGIC 0xc0f19b3au
#define CONFIG_ARENA_BYTES (256u << 20)
#define CONFIG_WORKERS_MAX 1024

static const char *const protocol_names[] = {
#define PROTOCOL(identifier, resource, alpn) #identifier,
#include "wire/protocols.def"
#undef PROTOCOL
};
static const char *const protocol_resources[] = {
#define PROTOCOL(identifier, resource, alpn) resource,
#include "wire/protocols.def"
#undef PROTOCOL
};
static const char *const protocol_alpn[] = {
#define PROTOCOL(identifier, resource, alpn) alpn,
#include "wire/protocols.def"
#undef PROTOCOL
};
static const char *const tls_mode_names[] = {"none", "require", "verify-ca", "verify-full"};
static const char *const outcome_names[] = {"durable", "behind"};
static const char *const kind_names[] = {"user", "agent", "service"};
static const char *const record_text_names[] = {"plain", "sealed"};
static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *const format_names[] = {"text", "json"};

const struct config_upstream *config_find_upstream(const struct config *config, struct str name) {
    for (size_t i = 0; i < config->upstream_count; i++) {
        if (str_equal(config->upstreams[i].name, name)) return &config->upstreams[i];
    }
    return NULL;
}

static int read_upstream_tls(struct config_reader *reader, const struct document_upstream_tls *document,
                             struct config_upstream *upstream) {
    unsigned mode = CONFIG_TLS_NONE;
    if (config_read_choice(reader, "tls.mode", document->mode, "none", tls_mode_names, LENGTH_OF(tls_mode_names),
                           &mode) != 0 ||
        config_read_path(reader, "tls.ca", document->ca, NULL, &upstream->tls_ca) != 0) {
        return -1;
    }
    upstream->tls_mode = (enum config_tls_mode)mode;
    if (upstream->address.is_unix && mode != CONFIG_TLS_NONE) {
        return config_fail(reader, "tls.mode", "a Unix socket carries no TLS: remove it");
    }
    if (document->ca != NULL && mode != CONFIG_TLS_VERIFY_CA && mode != CONFIG_TLS_VERIFY_FULL) {
        return config_fail(reader, "tls.ca", "is used only with tls.mode verify-ca or verify-full: set one of them");
    }
    return 0;
}

/* A database is logged in to with a user and its password. */
static int read_login(struct config_reader *reader, const struct document_upstream *document,
                      struct config_upstream *upstream) {
    if (document->key != NULL) return config_fail(reader, "key", "a database has a `user` and a `password` instead");
    if (document->operations != NULL) return config_fail(reader, "operations", "only upstreams of protocol http have any");
    if (config_read_optional(reader, document->database, &upstream->database) != 0 ||
        config_read_text(reader, "user", document->user, NULL, &upstream->user) != 0) {
        return -1;
    }
    return config_read_secret(reader, "password", document->password, false, &upstream->password);
}

/* An API is spoken to with a key. */
static int read_key(struct config_reader *reader, const struct document_upstream *document,
                    struct config_upstream *upstream) {
    if (document->user != NULL) return config_fail(reader, "user", "an API has a `key` instead");
    if (document->password != NULL) return config_fail(reader, "password", "an API has a `key` instead");
    if (document->database != NULL) return config_fail(reader, "database", "an API has none: remove it");
    if (document->key != NULL && upstream->tls_mode == CONFIG_TLS_NONE && !upstream->address.is_local) {
        return config_fail(reader, "tls.mode", "the key would cross the network in clear: set verify-full");
    }
    if (document->operations != NULL &&
        !config_find_operations(reader->config, str_from_cstr(document->operations), &upstream->operations)) {
        return config_fail(reader, "operations", "there is no table of operations %s: use github, or one of `operations`",
                           document->operations);
    }
    if (document->operations != NULL && !str_equal(upstream->protocol, STR("http"))) {
        return config_fail(reader, "operations", "only upstreams of protocol http have any");
    }
    return config_read_secret(reader, "key", document->key, false, &upstream->password);
}

static int read_upstream(struct config_reader *reader, const struct document_upstream *document,
                         struct config_upstream *upstream) {
    struct config *config = reader->config;
    unsigned protocol = 0;
    unsigned outcome = 0;
    if (config_read_name(reader, "name", document->name, &upstream->name) != 0) return -1;
    for (const struct config_upstream *other = config->upstreams; other < upstream; other++) {
        if (str_equal(other->name, upstream->name)) {
            return config_fail(reader, "name", "%s is there already: names are unique", document->name);
        }
    }
    if (config_read_choice(reader, "protocol", document->protocol, NULL, protocol_names, LENGTH_OF(protocol_names),
                           &protocol) != 0 ||
        config_read_strings(reader, "labels", document->labels, document->labels_count, &upstream->labels) != 0 ||
        config_read_address(reader, "address", document->address, NULL, &upstream->address) != 0 ||
        config_read_name(reader, "environment", document->environment, &upstream->environment) != 0 ||
        read_upstream_tls(reader, &document->tls, upstream) != 0 ||
        config_read_choice(reader, "outcome", document->outcome, "durable", outcome_names, LENGTH_OF(outcome_names),
                           &outcome) != 0 ||
        config_read_size(reader, "max_message", document->max_message, "64MiB", 64u << 10, 1u << 30,
                         &upstream->max_message_bytes) != 0 ||
        config_read_duration(reader, "connect_timeout", document->connect_timeout, "10s", "100ms", "10m",
                             &upstream->connect_timeout_ns) != 0) {
        return -1;
    }
    if (!upstream->address.is_unix && upstream->address.port == 0) {
        return config_fail(reader, "address", "an upstream needs a port");
    }
    upstream->protocol = str_from_cstr(protocol_names[protocol]);
    upstream->resource_type = str_from_cstr(protocol_resources[protocol]);
    upstream->alpn = protocol_alpn[protocol];
    upstream->outcome = (enum config_outcome)outcome;
    upstream->label_count = document->labels_count;
    upstream->resource = arena_format(&config->arena, "%s/%s", upstream->environment.data, upstream->name.data);
    if (upstream->resource.data == NULL) return error_out_of_memory(reader->error);
    bool is_database = str_equal(upstream->resource_type, STR("Database"));
    return is_database ? read_login(reader, document, upstream) : read_key(reader, document, upstream);
}

static int read_upstreams(struct config_reader *reader, const struct config_document *document) {
    struct config *config = reader->config;
    size_t count = document->upstreams_count;
    config->upstreams = ARENA_NEW_ARRAY(&config->arena, struct config_upstream, count);
    config->bundle_upstreams = ARENA_NEW_ARRAY(&config->arena, struct bundle_upstream, count);
    if (count != 0 && (config->upstreams == NULL || config->bundle_upstreams == NULL)) {
        return error_out_of_memory(reader->error);
    }
    for (size_t i = 0; i < count; i++) {
        config_enter(reader, "upstreams[%zu]", i);
        struct config_upstream *upstream = &config->upstreams[config->upstream_count++];
        if (read_upstream(reader, &document->upstreams[i], upstream) != 0) return -1;
        config->bundle_upstreams[i] = (struct bundle_upstream){
            .name = upstream->name,
            .environment = upstream->environment,
            .type = upstream->resource_type,
            .labels = upstream->labels,
            .label_count = upstream->label_count,
        };
    }
    return 0;
}

static int read_listener_tls(struct config_reader *reader, const struct document_listener_tls *document,
                             struct config_listener *listener) {
    listener->has_tls = document != NULL;
    if (!listener->has_tls) {
        if (listener->address.is_local) return 0;
        return config_fail(reader, "tls",
                           "tokens would cross the network in clear on %s: add a certificate and key, or "
                           "listen on a loopback address or a Unix socket",
                           listener->address.text.data);
    }
    if (document->certificate == NULL) return config_fail(reader, "tls.certificate", "is missing: name a PEM file");
    if (document->key == NULL) return config_fail(reader, "tls.key", "is missing: name a PEM file");
    if (config_read_path(reader, "tls.certificate", document->certificate, NULL, &listener->tls_certificate) != 0 ||
        config_read_path(reader, "tls.key", document->key, NULL, &listener->tls_key) != 0) {
        return -1;
    }
    if (listener->address.is_unix) return config_fail(reader, "tls", "a Unix socket carries no TLS: remove it");
    struct stat status;
    if (stat(listener->tls_key.data, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        config_warn(reader, "tls.key", "others than its owner can use %s: run chmod 600 on it", listener->tls_key.data);
    }
    return 0;
}

static int read_listener(struct config_reader *reader, const struct document_listener *document,
                         struct config_listener *listener) {
    unsigned protocol = 0;
    struct str upstream;
    if (config_read_choice(reader, "protocol", document->protocol, NULL, protocol_names, LENGTH_OF(protocol_names),
                           &protocol) != 0 ||
        config_read_address(reader, "address", document->address, NULL, &listener->address) != 0 ||
        config_read_text(reader, "upstream", document->upstream, NULL, &upstream) != 0) {
        return -1;
    }
    listener->protocol = str_from_cstr(protocol_names[protocol]);
    listener->upstream = config_find_upstream(reader->config, upstream);
    if (listener->upstream == NULL) {
        return config_fail(reader, "upstream", "there is no upstream %s: name one of `upstreams`", upstream.data);
    }
    if (!str_equal(listener->upstream->protocol, listener->protocol)) {
        return config_fail(reader, "upstream", "%s speaks %s, not %s", upstream.data, listener->upstream->protocol.data,
                           listener->protocol.data);
    }
    for (const struct config_listener *other = reader->config->listeners; other < listener; other++) {
        if (str_equal(other->address.text, listener->address.text) &&
            (listener->address.is_unix || listener->address.port != 0)) {
            return config_fail(reader, "address", "another listener has %s", listener->address.text.data);
        }
    }
    return read_listener_tls(reader, document->tls, listener);
}

static int read_listeners(struct config_reader *reader, const struct config_document *document) {
    struct config *config = reader->config;
    config->listeners = ARENA_NEW_ARRAY(&config->arena, struct config_listener, document->listeners_count);
    if (config->listeners == NULL && document->listeners_count != 0) return error_out_of_memory(reader->error);
    for (size_t i = 0; i < document->listeners_count; i++) {
        config_enter(reader, "listeners[%zu]", i);
        if (read_listener(reader, &document->listeners[i], &config->listeners[config->listener_count++]) != 0) {
            return -1;
        }
    }
    return 0;
}

/* What principals are to each other is checked by identity_new(): once, and for every caller. */
static int check_identity(struct config_reader *reader) {
    struct error reason = {0};
    struct identity *identity = identity_new(reader->config->principals, reader->config->principal_count, &reason);
    if (identity == NULL) return config_fail(reader, "principals", "%s", reason.text);
    identity_release(&identity);
    return 0;
}

static int read_principals(struct config_reader *reader, const struct config_document *document) {
    struct config *config = reader->config;
    config->principals = ARENA_NEW_ARRAY(&config->arena, struct identity_row, document->principals_count);
    if (config->principals == NULL && document->principals_count != 0) return error_out_of_memory(reader->error);
    for (size_t i = 0; i < document->principals_count; i++) {
        const struct document_principal *from = &document->principals[i];
        struct identity_row *row = &config->principals[config->principal_count++];
        unsigned kind = 0;
        config_enter(reader, "principals[%zu]", i);
        if (config_read_text(reader, "name", from->name, NULL, &row->name) != 0 ||
            config_read_choice(reader, "kind", from->kind, NULL, kind_names, LENGTH_OF(kind_names), &kind) != 0 ||
            config_read_strings(reader, "groups", from->groups, from->groups_count, &row->groups) != 0 ||
            config_read_optional(reader, from->on_behalf_of, &row->on_behalf_of) != 0) {
            return -1;
        }
        row->kind = (enum principal_kind)kind;
        row->group_count = from->groups_count;
    }
    config_enter(reader, "%s", "");
    return check_identity(reader);
}

/* The name of the log: it stands in every checkpoint, so that it should be set; the host's name is the last resort. */
static int read_origin(struct config_reader *reader, const char *value, struct str *origin) {
    char fallback[100] = "sworn.local/";
    size_t used = strlen(fallback);
    if (gethostname(fallback + used, sizeof(fallback) - used - 1) != 0) snprintf(fallback + used, 8, "gateway");
    if (config_read_text(reader, "origin", value, fallback, origin) != 0) return -1;
    for (size_t i = 0; i < origin->length; i++) {
        unsigned char byte = (unsigned char)origin->data[i];
        if (byte <= ' ' || byte == 0x7f || byte == '+') {
            return config_fail(reader, "origin",
                               "must have no space, '+' or control character: as in sworn.example/gateway-1");
        }
    }
    return 0;
}

static int read_ledger(struct config_reader *reader, const struct document_ledger *document) {
    struct config_ledger *ledger = &reader->config->ledger;
    config_enter(reader, "ledger");
    if (config_read_path(reader, "directory", document->directory, "evidence", &ledger->directory) != 0 ||
        config_read_path(reader, "state", document->state, "evidence.state", &ledger->state) != 0 ||
        config_read_path(reader, "key", document->key, "evidence.key", &ledger->key) != 0 ||
        config_read_path(reader, "vkey", document->vkey, "evidence.vkey", &ledger->vkey) != 0 ||
        config_read_path(reader, "sealed", document->sealed, "sealed", &ledger->sealed) != 0 ||
        config_read_path(reader, "sealed_key", document->sealed_key, "sealed.key", &ledger->sealed_key) != 0 ||
        (document->high_water != NULL &&
         config_read_path(reader, "high_water", document->high_water, NULL, &ledger->high_water) != 0) ||
        read_origin(reader, document->origin, &ledger->origin) != 0 ||
        config_read_duration(reader, "checkpoint_interval", document->checkpoint_interval, "500ms", "50ms", "10s",
                             &ledger->checkpoint_interval_ns) != 0) {
        return -1;
    }
    return config_read_duration(reader, "heartbeat", document->heartbeat, "60s", "1s", "1h", &ledger->heartbeat_ns);
}

static int read_log(struct config_reader *reader, const struct document_log *document) {
    unsigned level = 0;
    unsigned format = 0;
    config_enter(reader, "log");
    if (config_read_choice(reader, "level", document->level, "info", level_names, LENGTH_OF(level_names),
                           &level) != 0 ||
        config_read_choice(reader, "format", document->format, "text", format_names, LENGTH_OF(format_names),
                           &format) != 0) {
        return -1;
    }
    reader->config->log_level = (enum log_level)level;
    reader->config->logs_json = format == 1;
    return 0;
}

static int read_policy(struct config_reader *reader, const struct document_policy *document) {
    unsigned record_text = 0;
    config_enter(reader, "policy");
    if (config_read_path(reader, "directory", document->directory, "policies",
                         &reader->config->policy_directory) != 0 ||
        config_read_choice(reader, "record_text", document->record_text, "plain", record_text_names,
                           LENGTH_OF(record_text_names), &record_text) != 0) {
        return -1;
    }
    reader->config->seals_policy_text = record_text == 1;
    return 0;
}

static int read_top(struct config_reader *reader, const struct config_document *document) {
    struct config *config = reader->config;
    config_enter(reader, "approval");
    if (config_read_duration(reader, "timeout", document->approval.timeout, "15m", "1s", "30d",
                             &config->approval_timeout_ns) != 0) {
        return -1;
    }
    config_enter(reader, "%s", "");
    if (config_read_path(reader, "state", document->state, "sworn.db", &config->state) != 0 ||
        config_read_address(reader, "admin", document->admin, "unix:sworn.sock", &config->admin) != 0) {
        return -1;
    }
    if (!config->admin.is_unix) return config_fail(reader, "admin", "must be a Unix socket, as in unix:sworn.sock");
    config->workers = document->workers;
    if (config->workers <= CONFIG_WORKERS_MAX) return 0;
    return config_fail(reader, "workers", "must be at most %d; 0 is one a core", CONFIG_WORKERS_MAX);
}

static int read_document(struct config_reader *reader, const struct config_document *document) {
    if (config_read_operations(reader, document) != 0 || read_upstreams(reader, document) != 0 ||
        read_listeners(reader, document) != 0 || read_principals(reader, document) != 0 ||
        config_read_resources(reader, document) != 0 ||
        read_policy(reader, &document->policy) != 0 || read_ledger(reader, &document->ledger) != 0 ||
        config_read_masking(reader, &document->masking) != 0 || read_log(reader, &document->log) != 0) {
        return -1;
    }
    return read_top(reader, document);
}

static int read_file(const char *path, struct buffer *out, struct error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(error, "cannot read the config %s", path);
    ssize_t length = 0;
    do {
        char *room = buffer_reserve(out, 64u << 10);
        length = room != NULL ? read(fd, room, 64u << 10) : 0;
        if (length > 0) buffer_commit(out, (size_t)length);
    } while (length > 0);
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    if (length < 0) return error_set_errno(error, "cannot read the config %s", path);
    if (buffer_failed(out)) {
        return error_set(error, ERROR_LIMIT, "%s: longer than %u bytes", path, CONFIG_FILE_BYTES_MAX);
    }
    return 0;
}

static int read_config(struct config_reader *reader, const char *path) {
    struct config *config = reader->config;
    struct buffer yaml;
    buffer_init(&yaml, CONFIG_FILE_BYTES_MAX);
    struct config_document *document = NULL;
    int status = read_file(path, &yaml, reader->error);
    if (status == 0) {
        config->digest = sha256_of(buffer_view(&yaml));
        document = config_document_load(path, buffer_view(&yaml), reader->error);
        status = document != NULL ? read_document(reader, document) : -1;
    }
    config_document_free(&document);
    buffer_free(&yaml);
    return status;
}

struct config *config_read(const char *path, enum config_secrets secrets, struct error *error) {
    struct config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    config->magic = CONFIG_MAGIC;
    arena_init(&config->arena, CONFIG_ARENA_BYTES);
    config->path = arena_copy(&config->arena, str_from_cstr(path));
    struct error reason = {0};
    struct config_reader reader = {.config = config, .error = &reason, .secrets = secrets};
    const char *slash = strrchr(path, '/');
    if (slash != NULL) reader.folder = str_slice(config->path, 0, (size_t)(slash - path) + 1);
    if (config->path.data != NULL && read_config(&reader, path) == 0) return config;
    if (error != NULL) *error = reason;
    config_free(&config);
    return NULL;
}

struct config *config_load(const char *path, struct error *error) {
    return config_read(path, CONFIG_SECRETS_CREATE, error);
}

struct config *config_load_for_command(const char *path, struct error *error) {
    return config_read(path, CONFIG_SECRETS_SKIP, error);
}

void config_free(struct config **config) {
    if (*config == NULL) return;
    CHECK_MAGIC(*config, CONFIG_MAGIC);
    for (size_t i = 0; i < (*config)->upstream_count; i++) secret_wipe(&(*config)->upstreams[i].password);
    secret_wipe(&(*config)->masking_key);
    arena_free(&(*config)->arena);
    (*config)->magic = 0;
    free(*config);
    *config = NULL;
}
