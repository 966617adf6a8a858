/* The policies of a bundle against sworn's own schema, strictly: what would err when it is asked is said before. */
#include "guard/bundle_internal.h"
#include "guard/policy_schema.h"

#define VALIDATION_ARENA_BYTES (256u << 20)

static void add_finding(const struct cedar_finding *finding, struct bundle_problems *problems) {
    const struct cedar_problem *problem = &finding->problem;
    const struct bundle_problem place = {.file = cedar_policy_file(finding->policy),
                                         .source = cedar_policy_source(finding->policy),
                                         .code = cedar_code_name(problem->code),
                                         .span = problem->span,
                                         .line = problem->line,
                                         .column = problem->column,
                                         .is_warning = finding->is_warning};
    struct str id = cedar_policy_id(finding->policy);
    bundle_add_problem(problems, &place, "policy %.*s: %s", STR_ARGS(id), problem->text);
}

static void warn_of_unlinked(const struct cedar_policy *policy, struct bundle_problems *problems) {
    if (!cedar_policy_is_template(policy) || cedar_policy_link_count(policy) > 0) return;
    struct bundle_problem place = {.file = cedar_policy_file(policy),
                                   .source = cedar_policy_source(policy),
                                   .code = "unlinked_template",
                                   .is_warning = true};
    struct str id = cedar_policy_id(policy);
    cedar_policy_position(policy, &place.span, &place.line, &place.column);
    bundle_add_problem(problems, &place,
                       "policy %.*s: this template has no link and decides nothing: link it in a *.links.json file",
                       STR_ARGS(id));
}

int bundle_validate_policies(const struct cedar_policy_set *policies, const struct cedar_schema *schema,
                             struct bundle_problems *problems, struct error *error) {
    struct arena arena;
    struct cedar_validation validation;
    struct cedar_problem problem = {0};
    arena_init(&arena, VALIDATION_ARENA_BYTES);
    int status = cedar_validate(schema, policies, CEDAR_STRICT, &arena, &validation, &problem);
    if (status != 0) error_set(error, ERROR_LIMIT, "the policies cannot be validated: %s", problem.text);
    for (size_t i = 0; status == 0 && i < validation.finding_count; i++) add_finding(&validation.findings[i], problems);
    for (size_t i = 0; status == 0 && i < cedar_policy_set_count(policies); i++) {
        warn_of_unlinked(cedar_policy_set_at(policies, i), problems);
    }
    arena_free(&arena);
    return status;
}

int bundle_validate(const struct bundle *bundle, struct bundle_problems *problems, struct error *error) {
    struct cedar_schema *schema = policy_schema_new(bundle->verbs, bundle->verb_count, error);
    if (schema == NULL) return -1;
    int status = bundle_validate_policies(bundle->policies, schema, problems, error);
    cedar_schema_free(&schema);
    return status;
}
