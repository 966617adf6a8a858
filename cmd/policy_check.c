/* sworn policy check: policies of a file, a folder or stdin against a schema, or those of the configuration as the
 * gateway would load them. */
#include "cmd/policy.h"
#include "guard/bundle.h"
#include "guard/policy_schema.h"

struct check {
    struct cedar_policy_set *set;
    struct cedar_schema *schema;
    struct bundle_problems problems;
    size_t error_count;
    bool is_json;
};

/* Problems with policies of JSON have no file of their own: `path` is the one that was read. */
static void say_problems(struct check *check, const char *path) {
    for (size_t i = 0; i < check->problems.count; i++) {
        const struct bundle_problem *problem = &check->problems.items[i];
        const struct policy_saying saying = {.path = problem->file.length > 0 ? problem->file.data : path,
                                             .text = problem->source,
                                             .code = problem->code,
                                             .span = problem->span,
                                             .line = problem->line,
                                             .column = problem->column,
                                             .message = problem->text,
                                             .severity = problem->is_warning ? "warning" : "error"};
        policy_say(&saying, check->is_json);
        check->error_count += !problem->is_warning;
    }
}

static void say_summary(const struct check *check, const char *path) {
    size_t policies = cedar_policy_set_count(check->set);
    size_t warnings = check->problems.count - check->error_count;
    if (check->is_json) {
        printf("{\"errors\":%zu,\"policies\":%zu,\"warnings\":%zu}\n", check->error_count, policies, warnings);
    } else if (check->error_count == 0) {
        printf("%s: %zu policies, templates and links: good\n", strcmp(path, "-") == 0 ? "stdin" : path, policies);
    }
}

static int check_policies(struct check *check, const char *path) {
    struct error error;
    for (size_t i = 0; i < cedar_policy_set_count(check->set); i++) {
        bundle_lint_policy(cedar_policy_set_at(check->set, i), &check->problems);
    }
    if (bundle_validate_policies(check->set, check->schema, &check->problems, &error) != 0) {
        return command_fail_error(COMMAND_NO, &error);
    }
    say_problems(check, path);
    say_summary(check, path);
    return check->error_count == 0 ? COMMAND_OK : COMMAND_NO;
}

static int check_path(const char *path, const char *schema, bool is_json) {
    struct check check = {.set = cedar_policy_set_new(), .is_json = is_json};
    struct error error;
    int status = COMMAND_NO;
    bundle_problems_init(&check.problems);
    check.schema = schema != NULL ? policy_load_schema(schema, is_json) : policy_schema_new(NULL, 0, &error);
    if (check.schema == NULL && schema == NULL) status = command_fail_error(COMMAND_NO, &error);
    else if (check.set == NULL) status = command_fail(COMMAND_NO, "out of memory");
    else if (check.schema != NULL && policy_load(check.set, path, is_json) == 0) status = check_policies(&check, path);
    bundle_problems_free(&check.problems);
    cedar_schema_free(&check.schema);
    cedar_policy_set_free(&check.set);
    return status;
}

int policy_check(int argc, char **argv) {
    const char *config = NULL, *schema = NULL;
    bool is_json = false;
    const struct command_option options[] = {
        {"--schema", "FILE", "validate against this schema, text or JSON (default: sworn's own)", &schema, NULL},
        COMMAND_OPTION_CONFIG(&config),
        {"--json", NULL, "print one JSON object a line, the summary last", NULL, &is_json}};
    const struct command_usage usage = {
        "policy check", "[POLICIES]",
        "Parses policies, validates them strictly against `sworn policy schema` or another schema, and checks that each\n"
        "@remedy stands in its own `unless`. POLICIES is a file, a folder, or - for stdin. Without it, all of the\n"
        "configuration is checked, as `sworn check` does. Exit status 0: good, 1: not good, 2: the configuration is not.",
        options, LENGTH_OF(options), 0, 1};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (count == 1 && config != NULL) {
        return command_fail(COMMAND_USAGE, "policy check: give POLICIES or --config, not both");
    }
    if (count == 1) return check_path(argv[0], schema, is_json);
    if (schema != NULL || is_json) {
        return command_fail(COMMAND_USAGE, "policy check: --schema and --json go with POLICIES, as in `policy check .`");
    }
    return command_check_config(config);
}
