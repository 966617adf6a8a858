/* The configuration: one YAML file, read whole, checked whole, then immutable.
 *
 * config_load() blocks (it reads files): call it at start and, at a reload, with offload_run(). A snapshot is shared by
 * all threads until config_free(). An unknown key, a wrong type, an unknown name or a value out of range is an error
 * whose text begins with the path of what is wrong ("gateway.yaml:12: upstreams[0].tls.mode: ...") and says what to do.
 *
 * Every struct str of a snapshot has a NUL behind it, so that .data serves as a C string. An absent value is STR_NONE
 * (data == NULL). File paths are absolute or relative to the working directory, as the config file's own path was:
 * a relative path in the file counts from the file's folder. Secrets come from `env:NAME` or `file:path`; they are
 * wiped by config_free() and never printed. */
#ifndef SWORN_GATE_CONFIG_H
#define SWORN_GATE_CONFIG_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/net_address.h"
#include "guard/bundle.h"
#include "guard/identity.h"
#include "model/operation.h"

#define CONFIG_FILE_BYTES_MAX (4u << 20)
#define CONFIG_SECRET_BYTES_MAX 4096
#define CONFIG_WARNINGS_MAX 64

/* "host:port", "[v6]:port" or "unix:path". */
struct config_address {
    bool is_unix;
    bool is_local;   /* what is sent there does not leave this machine */
    struct str text; /* as written, a Unix path resolved: for messages */
    struct str path; /* Unix */
    struct str host; /* TCP; brackets removed */
    uint16_t port;
};

struct config_upstream;
struct mask_policy;

struct config_listener {
    struct str protocol; /* a row of protocols.def: "postgres" */
    struct config_address address;
    const struct config_upstream *upstream;
    bool has_tls;
    struct str tls_certificate; /* PEM files */
    struct str tls_key;
};

enum config_tls_mode { CONFIG_TLS_NONE, CONFIG_TLS_REQUIRE, CONFIG_TLS_VERIFY_CA, CONFIG_TLS_VERIFY_FULL };
enum config_outcome { CONFIG_OUTCOME_DURABLE, CONFIG_OUTCOME_BEHIND };

struct config_upstream {
    struct str name;
    struct str protocol;
    struct config_address address;
    struct str environment;
    struct str resource; /* "<environment>/<name>": the id of its entity, and context.source of reveal */
    struct str resource_type; /* "Database" */
    const char *alpn;
    const struct str *labels;
    size_t label_count;
    struct operation_table operations; /* http; empty: every request is http:unknown */
    struct wire_column *columns;       /* postgres: masking.columns of this upstream */
    size_t column_count;
    struct str database; /* STR_NONE: what the client asks for */
    struct str user;
    struct secret password; /* or key; empty: none */
    enum config_tls_mode tls_mode;
    struct str tls_ca; /* PEM file; STR_NONE: the system's */
    enum config_outcome outcome;
    uint64_t max_message_bytes;
    uint64_t connect_timeout_ns;
};

struct config_ledger {
    struct str directory;
    struct str state;
    struct str key;
    struct str vkey;
    struct str origin;
    uint64_t checkpoint_interval_ns;
    uint64_t heartbeat_ns;
    struct str sealed;
    struct str sealed_key;
    struct str high_water; /* STR_NONE: none */
};

struct config {
    uint32_t magic;
    struct arena arena;
    struct str path;
    struct sha256 digest; /* of the file's bytes */
    struct config_listener *listeners;
    size_t listener_count;
    struct config_upstream *upstreams;
    size_t upstream_count;
    struct identity_row *principals; /* for identity_new() */
    size_t principal_count;
    struct bundle_upstream *bundle_upstreams; /* for bundle_load(), as are resources and verbs */
    struct bundle_resource *resources;
    size_t resource_count;
    struct operation_table *operation_tables; /* its own, beside the built-in ones */
    size_t operation_table_count;
    struct str *verbs; /* of those tables, each once */
    size_t verb_count;
    struct str policy_directory;
    bool seals_policy_text; /* policy.record_text: sealed */
    struct mask_policy *masking; /* detect/mask.h: the operators of the classes; its key is masking_key */
    struct secret masking_key;
    uint64_t approval_timeout_ns;
    struct config_ledger ledger;
    struct str state; /* the SQLite file of guard/store.h */
    struct config_address admin;
    unsigned workers; /* 0: one a core */
    enum log_level log_level;
    bool logs_json;
    struct str warnings[CONFIG_WARNINGS_MAX]; /* not errors, but to be told: a secret's file that others can read */
    size_t warning_count;
};

/* NULL on error. Creates masking.hash_key when the file is missing. */
struct config *config_load(const char *path, struct error *error) MUST_USE;
/* For commands beside the gateway, whose user may be unable to read secrets: leaves them empty, creates nothing. */
struct config *config_load_for_command(const char *path, struct error *error) MUST_USE;
void config_free(struct config **config);

const struct config_upstream *config_find_upstream(const struct config *config, struct str name);

/* "64MiB", "512KiB", "1GiB", "4096" (bytes); "15m", "500ms", "30d", "1h", "10s". For command lines too. */
int config_parse_size(struct str text, uint64_t *bytes) MUST_USE;
int config_parse_duration(struct str text, uint64_t *nanoseconds) MUST_USE;
int config_parse_address(struct arena *arena, struct str text, struct config_address *address, struct error *error)
    MUST_USE;

/* For `sworn policy check` and `sworn check`: loads the config, its identity and its policies, and appends one line a
 * problem ("<file>:<line>:<column>: error: <text>" in a policy, "error: <file>: <path>: <text>" in the config) or
 * "warning: ..." to out. Creates nothing. Needs a big stack (policies). Returns the number of errors. */
size_t config_check(const char *path, struct buffer *out);

#endif
