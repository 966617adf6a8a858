/* The shape of the YAML file as a libcyaml schema, and libcyaml's findings in words that tell where and what to do.
 *
 * Everything is optional here: what is required is said by config.c, with a better text than libcyaml's. */
#include <cyaml/cyaml.h>
#include <stdlib.h>

#include "gate/config_internal.h"

#define ABSENT (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(structure, member) TEXT_AS(#member, structure, member)
#define TEXT_AS(key, structure, member) CYAML_FIELD_STRING_PTR(key, ABSENT, structure, member, 0, CYAML_UNLIMITED)
#define MAPPING(structure, member, fields) CYAML_FIELD_MAPPING(#member, CYAML_FLAG_OPTIONAL, structure, member, fields)
#define LIST(structure, member, entry) \
    CYAML_FIELD_SEQUENCE(#member, ABSENT, structure, member, entry, 0, CYAML_UNLIMITED)

static const cyaml_schema_value_t text_entry = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t listener_tls_fields[] = {
    TEXT(struct document_listener_tls, certificate),
    TEXT(struct document_listener_tls, key),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t listener_fields[] = {
    TEXT(struct document_listener, protocol),
    TEXT(struct document_listener, address),
    TEXT(struct document_listener, upstream),
    CYAML_FIELD_MAPPING_PTR("tls", ABSENT, struct document_listener, tls, listener_tls_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t listener_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct document_listener, listener_fields)};

static const cyaml_schema_field_t upstream_tls_fields[] = {
    TEXT(struct document_upstream_tls, mode),
    TEXT(struct document_upstream_tls, ca),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t upstream_fields[] = {
    TEXT(struct document_upstream, name),
    TEXT(struct document_upstream, protocol),
    TEXT(struct document_upstream, address),
    TEXT(struct document_upstream, environment),
    TEXT(struct document_upstream, database),
    TEXT(struct document_upstream, user),
    TEXT(struct document_upstream, password),
    TEXT(struct document_upstream, key),
    TEXT(struct document_upstream, operations),
    TEXT(struct document_upstream, outcome),
    TEXT(struct document_upstream, max_message),
    TEXT(struct document_upstream, connect_timeout),
    MAPPING(struct document_upstream, tls, upstream_tls_fields),
    LIST(struct document_upstream, labels, &text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t upstream_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct document_upstream, upstream_fields)};

static const cyaml_schema_field_t principal_fields[] = {
    TEXT(struct document_principal, name),
    TEXT(struct document_principal, kind),
    TEXT(struct document_principal, on_behalf_of),
    LIST(struct document_principal, groups, &text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t principal_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct document_principal, principal_fields)};

/* Lists that differ in one key: tables, models, tools, endpoints. */
#define RESOURCE(kind) \
    static const cyaml_schema_field_t kind##_fields[] = { \
        TEXT(struct document_resource, upstream), \
        TEXT_AS(#kind, struct document_resource, name), \
        LIST(struct document_resource, labels, &text_entry), \
        CYAML_FIELD_END, \
    }; \
    static const cyaml_schema_value_t kind##_entry = { \
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct document_resource, kind##_fields)}
RESOURCE(table);
RESOURCE(model);
RESOURCE(tool);
RESOURCE(endpoint);

static const cyaml_schema_field_t operation_table_fields[] = {
    TEXT(struct document_operation_table, table),
    LIST(struct document_operation_table, rows, &text_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t operation_table_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct document_operation_table, operation_table_fields)};

static const cyaml_schema_field_t policy_fields[] = {
    TEXT(struct document_policy, directory),
    TEXT(struct document_policy, record_text),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t operator_fields[] = {
#define CLASS(identifier, name, label, operator, text) \
    TEXT_AS(name, struct document_operators, names[CLASS_##identifier]),
#include "detect/classes.def"
#undef CLASS
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t column_fields[] = {
    TEXT(struct document_column, upstream),
    TEXT(struct document_column, table),
    TEXT(struct document_column, column),
    TEXT(struct document_column, class),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t column_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct document_column, column_fields)};

static const cyaml_schema_field_t masking_fields[] = {
    LIST(struct document_masking, columns, &column_entry),
    LIST(struct document_masking, allow, &text_entry),
    TEXT(struct document_masking, hash_key),
    MAPPING(struct document_masking, operators, operator_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t approval_fields[] = {
    TEXT(struct document_approval, timeout),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t ledger_fields[] = {
    TEXT(struct document_ledger, directory),
    TEXT(struct document_ledger, state),
    TEXT(struct document_ledger, key),
    TEXT(struct document_ledger, vkey),
    TEXT(struct document_ledger, origin),
    TEXT(struct document_ledger, checkpoint_interval),
    TEXT(struct document_ledger, heartbeat),
    TEXT(struct document_ledger, sealed),
    TEXT(struct document_ledger, sealed_key),
    TEXT(struct document_ledger, high_water),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t log_fields[] = {
    TEXT(struct document_log, level),
    TEXT(struct document_log, format),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t document_fields[] = {
    LIST(struct config_document, listeners, &listener_entry),
    LIST(struct config_document, upstreams, &upstream_entry),
    LIST(struct config_document, principals, &principal_entry),
    LIST(struct config_document, tables, &table_entry),
    LIST(struct config_document, models, &model_entry),
    LIST(struct config_document, tools, &tool_entry),
    LIST(struct config_document, endpoints, &endpoint_entry),
    LIST(struct config_document, operations, &operation_table_entry),
    MAPPING(struct config_document, policy, policy_fields),
    MAPPING(struct config_document, masking, masking_fields),
    MAPPING(struct config_document, approval, approval_fields),
    MAPPING(struct config_document, ledger, ledger_fields),
    TEXT(struct config_document, state),
    TEXT(struct config_document, admin),
    CYAML_FIELD_UINT("workers", CYAML_FLAG_OPTIONAL, struct config_document, workers),
    MAPPING(struct config_document, log, log_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t document_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_document, document_fields)};

/* What libcyaml logs of one error: a message, then a backtrace from the inside out, a line each:
 *
 *     Load: Unexpected key: foo
 *     Load: Backtrace:
 *       in mapping (line: 2, column: 11)
 *       in sequence entry '1' (line: 2, column: 5)
 *       in mapping field 'upstreams' (line: 2, column: 3) */
struct findings {
    char message[200];
    char path[CONFIG_PATH_BYTES]; /* "upstreams[0]" */
    unsigned line;
};

static void findings_put_before(struct findings *findings, const char *step) {
    char joined[CONFIG_PATH_BYTES];
    const char *separator = findings->path[0] == '\0' || findings->path[0] == '[' ? "" : ".";
    snprintf(joined, sizeof(joined), "%s%s%s", step, separator, findings->path);
    memcpy(findings->path, joined, sizeof(joined));
}

static void findings_add_step(struct findings *findings, const char *text) {
    char name[100] = "";
    unsigned entry = 0;
    if (sscanf(text, " in mapping field '%99[^']", name) == 1) {
        findings_put_before(findings, name);
    } else if (sscanf(text, " in sequence entry '%u", &entry) == 1 && entry > 0) {
        snprintf(name, sizeof(name), "[%u]", entry - 1);
        findings_put_before(findings, name);
    }
    const char *line = strstr(text, "(line: ");
    if (findings->line == 0 && line != NULL) (void)!sscanf(line, "(line: %u", &findings->line);
}

static void findings_log(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    (void)level;
    struct findings *findings = context;
    char text[300];
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    if (strncmp(text, "  in ", 5) == 0) {
        findings_add_step(findings, text);
    } else if (findings->message[0] == '\0' && strstr(text, "Backtrace") == NULL) {
        const char *message = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(findings->message, sizeof(findings->message), "%s", message);
    }
}

/* libcyaml names the place before an unknown key: looks for the line that has it. */
static unsigned findings_line_of_key(struct str yaml, unsigned from_line, const char *key) {
    struct str line;
    for (unsigned number = 1; str_split(&yaml, '\n', &line); number++) {
        size_t at = number < from_line ? STR_NOT_FOUND : str_find(line, str_from_cstr(key));
        if (at == STR_NOT_FOUND) continue;
        struct str behind = str_trim(str_slice(line, at + strlen(key), line.length));
        if (behind.length > 0 && behind.data[0] == ':') return number;
    }
    return from_line;
}

static const char *yaml_kind(const char *name) {
    static const char *const kinds[][2] = {
        {"SCALAR", "a single value"}, {"STRING", "a text"},           {"UINT", "a whole number"},
        {"SEQUENCE", "a list"},       {"SEQUENCE_START", "a list"},   {"MAPPING", "a mapping"},
        {"MAPPING_START", "a mapping"},
    };
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        if (strcmp(kinds[i][0], name) == 0) return kinds[i][1];
    }
    return "something else";
}

static int findings_report(struct findings *findings, const char *file, struct str yaml, cyaml_err_t status,
                           struct error *error) {
    char first[100] = "";
    char second[100] = "";
    const char *separator = findings->path[0] == '\0' ? "" : ": ";
    if (sscanf(findings->message, "Unexpected key: %99s", first) == 1) {
        findings->line = findings_line_of_key(yaml, findings->line, first);
        return error_set(error, ERROR_INVALID, "%s:%u: %s%s%s: there is no such key: correct or remove it", file,
                         findings->line, findings->path, findings->path[0] == '\0' ? "" : ".", first);
    }
    if (sscanf(findings->message, "Expecting %99[A-Z_], got event: %99[A-Z_]", first, second) == 2) {
        return error_set(error, ERROR_INVALID, "%s:%u: %s%smust be %s, and is %s", file, findings->line, findings->path,
                         separator, yaml_kind(first), yaml_kind(second));
    }
    if (strncmp(findings->message, "Invalid ", 8) == 0) {
        return error_set(error, ERROR_INVALID, "%s:%u: %s%smust be a whole number, 0 or more", file, findings->line,
                         findings->path, separator);
    }
    if (strncmp(findings->message, "Mapping field already seen", 26) == 0) {
        return error_set(error, ERROR_INVALID, "%s:%u: %s%sstands here twice: keep one", file, findings->line,
                         findings->path, separator);
    }
    return error_set(error, ERROR_INVALID, "%s:%u: %s%s%s", file, findings->line, findings->path, separator,
                     findings->message[0] != '\0' ? findings->message : cyaml_strerror(status));
}

static const cyaml_config_t cyaml_settings = {
    .log_fn = findings_log, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_WARNING, .flags = CYAML_CFG_NO_ALIAS};

struct config_document *config_document_load(const char *path, struct str yaml, struct error *error) {
    struct findings findings = {.message = ""};
    cyaml_config_t settings = cyaml_settings;
    settings.log_ctx = &findings;
    struct config_document *document = NULL;
    cyaml_err_t status = cyaml_load_data((const uint8_t *)yaml.data, yaml.length, &settings, &document_schema,
                                         (cyaml_data_t **)&document, NULL);
    if (status == CYAML_OK && document != NULL && findings.message[0] == '\0') return document;
    if (status == CYAML_OK && document == NULL) {
        (void)error_set(error, ERROR_INVALID, "%s: the file is empty: begin with `listeners:`", path);
    } else if (status == CYAML_OK) {
        (void)error_set(error, ERROR_INVALID, "%s: holds more than one YAML document: keep one", path);
    } else {
        (void)findings_report(&findings, path, yaml, status, error);
    }
    config_document_free(&document);
    return NULL;
}

void config_document_free(struct config_document **document) {
    cyaml_config_t settings = cyaml_settings;
    settings.log_fn = NULL;
    if (*document != NULL) cyaml_free(&settings, &document_schema, *document, 0);
    *document = NULL;
}
