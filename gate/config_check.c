/* All that can be known to be wrong before a gateway starts: the config, its secrets, its policies. */
#include "gate/config_internal.h"

static size_t say_problems(const char *directory, const struct bundle_problems *problems, struct buffer *out) {
    size_t errors = 0;
    for (size_t i = 0; i < problems->count; i++) {
        const struct bundle_problem *problem = &problems->items[i];
        buffer_append_format(out, "%s/%.*s:", directory, STR_ARGS(problem->file));
        if (problem->line != 0) buffer_append_format(out, "%u:%u:", problem->line, problem->column);
        buffer_append_format(out, " %s: %.*s\n", problem->is_warning ? "warning" : "error", STR_ARGS(problem->text));
        errors += !problem->is_warning;
    }
    return errors;
}

static size_t check_bundle(const struct config *config, const struct identity *identity, struct buffer *out) {
    struct bundle_source source = {
        .directory = config->policy_directory.data,
        .identity = identity,
        .upstreams = config->bundle_upstreams,
        .upstream_count = config->upstream_count,
        .resources = config->resources,
        .resource_count = config->resource_count,
        .verbs = config->verbs,
        .verb_count = config->verb_count,
    };
    struct bundle_problems problems;
    bundle_problems_init(&problems);
    struct error error = {0};
    struct bundle *bundle = bundle_load(&source, &problems, &error);
    bool is_done = bundle != NULL && bundle_validate(bundle, &problems, &error) == 0;
    size_t errors = say_problems(source.directory, &problems, out);
    if (!is_done && errors == 0) {
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
