/* All that can be known to be wrong before a gateway starts: the config, its secrets, its policies. */
#include "gate/config_internal.h"

static size_t check_bundle(const struct config *config, const struct identity *identity, struct buffer *out) {
    struct bundle_source source = {
        .directory = config->policy_directory.data,
        .identity = identity,
        .upstreams = config->bundle_upstreams,
        .upstream_count = config->upstream_count,
        .tables = config->tables,
        .table_count = config->table_count,
    };
    struct bundle_problems problems;
    bundle_problems_init(&problems);
    struct error error = {0};
    struct bundle *bundle = bundle_load(&source, &problems, &error);
    size_t errors = problems.count;
    for (size_t i = 0; i < problems.count; i++) {
        const struct bundle_problem *problem = &problems.items[i];
        buffer_append_format(out, "%s/%.*s:", source.directory, STR_ARGS(problem->file));
        if (problem->line != 0) buffer_append_format(out, "%u:%u:", problem->line, problem->column);
        buffer_append_format(out, " error: %.*s\n", STR_ARGS(problem->text));
    }
    if (bundle == NULL && errors == 0) {
        buffer_append_format(out, "error: %s\n", error.text);
        errors = 1;
    }
    bundle_release(&bundle);
    bundle_problems_free(&problems);
    return errors;
}

size_t config_check(const char *path, struct buffer *out) {
    struct error error = {0};
    struct config *config = config_read(path, CONFIG_SECRETS_READ, &error);
    if (config == NULL) {
        buffer_append_format(out, "error: %s\n", error.text);
        return 1;
    }
    for (size_t i = 0; i < config->warning_count; i++) {
        buffer_append_format(out, "warning: %.*s\n", STR_ARGS(config->warnings[i]));
    }
    struct identity *identity = identity_new(config->principals, config->principal_count, &error);
    size_t errors = 1;
    if (identity != NULL) errors = check_bundle(config, identity, out);
    else buffer_append_format(out, "error: %s\n", error.text);
    identity_release(&identity);
    config_free(&config);
    return errors;
}
