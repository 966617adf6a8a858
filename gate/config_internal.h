/* What the files of the config share: the document as YAML gives it, and the reader that turns it into a struct config.
 *
 *     file -> config_document (libcyaml and its schema: names and types) -> config_reader (values, names, rules) */
#ifndef SWORN_GATE_CONFIG_INTERNAL_H
#define SWORN_GATE_CONFIG_INTERNAL_H

#include "detect/classes.h"
#include "gate/config.h"

#define CONFIG_PATH_BYTES 256

/* ---- config_schema.c: the document. A member that is absent is NULL or 0. */

struct document_listener_tls {
    char *certificate, *key;
};

struct document_listener {
    char *protocol, *address, *upstream;
    struct document_listener_tls *tls;
};

struct document_upstream_tls {
    char *mode, *ca;
};

struct document_upstream {
    char *name, *protocol, *address, *environment, *database, *user, *password, *key, *operations;
    char *outcome, *max_message, *connect_timeout;
    struct document_upstream_tls tls;
    char **labels;
    unsigned labels_count;
};

struct document_operation_table {
    char *table;
    char **rows;
    unsigned rows_count;
};

struct document_principal {
    char *name, *kind, *on_behalf_of;
    char **groups;
    unsigned groups_count;
};

struct document_resource {
    char *upstream, *name;
    char **labels;
    unsigned labels_count;
};

struct document_resource_list {
    const struct document_resource *items;
    unsigned count;
};

struct document_operators {
    char *names[CLASS_MAX];
};

struct document_policy {
    char *directory, *record_text;
};

struct document_column {
    char *upstream, *table, *column, *class;
};

struct document_masking {
    char *hash_key;
    struct document_operators operators;
    struct document_column *columns;
    unsigned columns_count;
    char **allow;
    unsigned allow_count;
};

struct document_approval {
    char *timeout;
};

struct document_ledger {
    char *directory, *state, *key, *vkey, *origin, *checkpoint_interval, *heartbeat, *sealed, *sealed_key, *high_water;
};

struct document_log {
    char *level, *format;
};

struct config_document {
    struct document_listener *listeners;
    struct document_upstream *upstreams;
    struct document_principal *principals;
    struct document_resource *tables, *models, *tools, *endpoints;
    struct document_operation_table *operations;
    unsigned listeners_count, upstreams_count, principals_count;
    unsigned tables_count, models_count, tools_count, endpoints_count, operations_count;
    struct document_policy policy;
    struct document_masking masking;
    struct document_approval approval;
    struct document_ledger ledger;
    char *state, *admin;
    unsigned workers;
    struct document_log log;
};

/* NULL on error; the error's text begins with "<path>:<line>: ". */
struct config_document *config_document_load(const char *path, struct str yaml, struct error *error) MUST_USE;
void config_document_free(struct config_document **document);

/* ---- config_value.c: one value. All take `key` within reader->section for their errors. */

enum config_secrets {
    CONFIG_SECRETS_SKIP,   /* leave them empty */
    CONFIG_SECRETS_READ,   /* a missing one is an error, but for masking.hash_key */
    CONFIG_SECRETS_CREATE, /* and masking.hash_key is made where it is missing */
};

struct config_reader {
    struct config *config;
    struct error *error;
    struct str folder;               /* of the file, with its slash; empty: the working directory */
    char section[CONFIG_PATH_BYTES]; /* "upstreams[0]"; empty at the top */
    enum config_secrets secrets;
};

void config_enter(struct config_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
/* Sets "<file>: <section>.<key>: <text>" and returns -1. */
int config_fail(struct config_reader *reader, const char *key, const char *format, ...) PRINTF_LIKE(3, 4);
void config_warn(struct config_reader *reader, const char *key, const char *format, ...) PRINTF_LIKE(3, 4);

/* fallback NULL: the value is required (config_read_text) or absent (config_read_optional). */
int config_read_text(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                     struct str *out) MUST_USE;
int config_read_optional(struct config_reader *reader, const char *value, struct str *out) MUST_USE;
/* A name that may stand in a resource id: letters, digits, '_', '-', '.'. */
int config_read_name(struct config_reader *reader, const char *key, const char *value, struct str *out) MUST_USE;
/* A file or folder, resolved. With fallback NULL and value NULL: STR_NONE. */
int config_read_path(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                     struct str *out) MUST_USE;
int config_read_size(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                     uint64_t minimum, uint64_t maximum, uint64_t *out) MUST_USE;
int config_read_duration(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                         const char *minimum, const char *maximum, uint64_t *out) MUST_USE;
int config_read_address(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                        struct config_address *out) MUST_USE;
/* The index of value within choices; fallback is used when it is absent (NULL: required). */
int config_read_choice(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                       const char *const *choices, size_t count, unsigned *out) MUST_USE;
int config_read_strings(struct config_reader *reader, const char *key, char *const *values, unsigned count,
                        const struct str **out) MUST_USE;
/* env:NAME or file:path. is_created_if_missing: makes the file with 32 random bytes in hex, mode 0600. */
int config_read_secret(struct config_reader *reader, const char *key, const char *value, bool is_created_if_missing,
                       struct secret *out) MUST_USE;

/* ---- config_resources.c */

enum config_resource_list { CONFIG_TABLES, CONFIG_MODELS, CONFIG_TOOLS, CONFIG_ENDPOINTS, CONFIG_RESOURCE_LISTS };

/* After the upstreams. */
int config_read_masking(struct config_reader *reader, const struct document_masking *document) MUST_USE;
int config_read_resources(struct config_reader *reader, const struct config_document *document) MUST_USE;
/* Before the upstreams, which name them. */
int config_read_operations(struct config_reader *reader, const struct config_document *document) MUST_USE;
bool config_find_operations(const struct config *config, struct str name, struct operation_table *table);

/* ---- config.c */

struct config *config_read(const char *path, enum config_secrets secrets, struct error *error) MUST_USE;

#endif
