/* Validation: every policy in every request environment of the schema. */
#include "cedar/validate.h"

#include <stdarg.h>

#include "cedar/problem.h"

#define SCRATCH_BYTES_MAX ((size_t)256 << 20)

static bool is_warning(enum cedar_code code) {
    return code >= CEDAR_WARNED_IMPOSSIBLE && code <= CEDAR_WARNED_IDENTIFIER;
}

static bool is_there(const struct cedar_report *report, enum cedar_code code, struct cedar_span span) {
    for (size_t i = report->first; i < report->count; i++) {
        const struct cedar_problem *problem = &report->findings[i].problem;
        if (problem->code == code && problem->span.start == span.start && problem->span.end == span.end) return true;
    }
    return false;
}

static struct cedar_finding *grow(struct cedar_report *report) {
    if (report->count == report->capacity) {
        size_t capacity = report->capacity > 0 ? report->capacity * 2 : 8;
        struct cedar_finding *findings = ARENA_NEW_ARRAY(report->arena, struct cedar_finding, capacity);
        if (findings == NULL) {
            report->has_failed = true;
            return NULL;
        }
        if (report->count > 0) memcpy(findings, report->findings, report->count * sizeof(*findings));
        report->findings = findings;
        report->capacity = capacity;
    }
    return &report->findings[report->count++];
}

void cedar_report_add(struct cedar_report *report, enum cedar_code code, struct cedar_span span, const char *format,
                      ...) {
    report->step_count += report->count - report->first;
    if (is_there(report, code, span)) return;
    if (!is_warning(code)) report->error_count++;
    if (report->count >= CEDAR_FINDINGS_MAX) {
        report->is_cut = true;
        return;
    }
    struct cedar_finding *finding = grow(report);
    if (finding == NULL) return;
    char text[sizeof(finding->problem.text)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    *finding = (struct cedar_finding){.policy = report->policy, .is_warning = is_warning(code)};
    cedar_problem_set_at(&finding->problem, code, report->policy->statement->source->text, span, "%s", text);
}

bool cedar_report_step(struct cedar_report *report) {
    if (report->has_failed) return false;
    if (++report->step_count <= CEDAR_VALIDATION_STEPS_MAX) return true;
    report->has_failed = true;
    cedar_problem_set(report->problem, CEDAR_LIMIT, "the policies are too many, or too complex, for this many request "
                                                    "environments: validate fewer at once");
    return false;
}

/* Checks the policy for one environment: is it always false there, errors aside? */
static bool is_never_satisfied(struct cedar_checker *checker, const struct cedar_expression *condition) {
    struct cedar_outcome outcome = cedar_check_as(checker, condition, NULL, &cedar_type_bool, NULL);
    return outcome.type != NULL && outcome.type->kind == CEDAR_TYPE_FALSE;
}

/* All environments of one action. */
static bool check_action(struct cedar_checker *checker, const struct cedar_expression *condition,
                         uint32_t *environment_count) {
    const struct cedar_list *principals = &checker->action->principal_types;
    const struct cedar_list *resources = &checker->action->resource_types;
    bool is_impossible = true;
    for (uint32_t i = 0; i < principals->count; i++) {
        for (uint32_t j = 0; j < resources->count && !checker->report->has_failed; j++) {
            if (++*environment_count > CEDAR_ENVIRONMENTS_MAX) {
                checker->report->has_failed = true;
                cedar_problem_set(checker->report->problem, CEDAR_LIMIT, "the schema has more than 100,000 request "
                                                                         "environments: split it");
                return false;
            }
            checker->principal = ((const struct cedar_entity_type *)principals->items[i])->self;
            checker->resource = ((const struct cedar_entity_type *)resources->items[j])->self;
            if (!is_never_satisfied(checker, condition)) is_impossible = false;
            arena_reset(checker->scratch);
        }
    }
    return is_impossible;
}

static void check_environments(struct cedar_report *report, const struct cedar_policy *policy) {
    struct arena scratch, tree;
    uint32_t environment_count = 0;
    bool is_impossible = true;
    arena_init(&tree, SCRATCH_BYTES_MAX);
    arena_init(&scratch, SCRATCH_BYTES_MAX);
    const struct cedar_expression *condition = cedar_condition_make(&tree, policy->statement);
    if (condition == NULL) report->has_failed = true;
    for (uint32_t i = 0; i < report->schema->all_actions.count && !report->has_failed; i++) {
        struct cedar_checker checker = {.report = report, .scratch = &scratch,
                                        .action = report->schema->all_actions.items[i]};
        if (!check_action(&checker, condition, &environment_count)) is_impossible = false;
    }
    if (is_impossible && !report->has_failed) {
        cedar_report_add(report, CEDAR_WARNED_IMPOSSIBLE, policy->statement->span,
                         "this policy is never satisfied, whatever is asked: correct it, or remove it");
    }
    arena_free(&scratch);
    arena_free(&tree);
}

static void check_policy(struct cedar_report *report, const struct cedar_policy *policy) {
    report->policy = policy;
    report->first = report->count;
    cedar_check_names(report, policy);
    cedar_check_scope(report, policy);
    if (policy->link_of != NULL) return;
    cedar_check_scripts(report, policy);
    check_environments(report, policy);
}

int cedar_validate(const struct cedar_schema *schema, const struct cedar_policy_set *set,
                   enum cedar_validation_mode mode, struct arena *arena, struct cedar_validation *validation,
                   struct cedar_problem *problem) {
    struct cedar_problem failure = {0};
    struct cedar_report report = {.schema = schema, .mode = mode, .arena = arena, .problem = &failure};
    for (size_t i = 0; i < set->count && !report.has_failed; i++) check_policy(&report, set->policies[i]);
    *validation = (struct cedar_validation){.findings = report.findings, .finding_count = report.count,
                                            .error_count = report.error_count, .is_cut = report.is_cut};
    if (!report.has_failed) return 0;
    if (failure.code == CEDAR_OK) return cedar_problem_set_memory(problem);
    if (problem != NULL) *problem = failure;
    return -1;
}
