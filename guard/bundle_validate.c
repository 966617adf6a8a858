/* The policies of a bundle against sworn's own schema, strictly: what would err when it is asked is said before. */
#include "guard/bundle_internal.h"
#include "guard/policy_schema.h"

#define SCHEMA_BYTES_MAX ((size_t)1 << 20)
#define VALIDATION_ARENA_BYTES (256u << 20)

static struct cedar_schema *make_schema(struct error *error) {
    struct buffer text;
    struct cedar_problem problem = {0};
    buffer_init(&text, SCHEMA_BYTES_MAX);
    policy_schema_write(&text);
    struct cedar_schema *schema = NULL;
    if (!buffer_failed(&text)) schema = cedar_schema_new(buffer_view(&text), CEDAR_SCHEMA_TEXT, &problem);
    if (schema == NULL) (void)error_set(error, ERROR_LIMIT, "the schema cannot be made: %s", problem.text);
    buffer_free(&text);
    return schema;
}

/* Findings are by policy in the set's order, and policies by file: both are walked once. */
static void add_findings(const struct bundle *bundle, const struct cedar_validation *validation,
                         struct bundle_problems *problems) {
    const struct bundle_file *file = bundle->files;
    size_t place = 0;
    size_t end = file->policy_count;
    for (size_t i = 0; i < validation->finding_count; i++) {
        const struct cedar_finding *finding = &validation->findings[i];
        while (cedar_policy_set_at(bundle->policies, place) != finding->policy) place++;
        while (place >= end) end += (++file)->policy_count;
        struct str id = cedar_policy_id(finding->policy);
        struct bundle_problem *problem =
            bundle_add_problem(problems, file->name, finding->problem.line, finding->problem.column, "policy %.*s: %s",
                               STR_ARGS(id), finding->problem.text);
        if (problem != NULL) problem->is_warning = finding->is_warning;
    }
}

int bundle_validate(const struct bundle *bundle, struct bundle_problems *problems, struct error *error) {
    struct cedar_schema *schema = make_schema(error);
    if (schema == NULL) return -1;
    struct arena arena;
    struct cedar_validation validation;
    struct cedar_problem problem = {0};
    arena_init(&arena, VALIDATION_ARENA_BYTES);
    int status = cedar_validate(schema, bundle->policies, CEDAR_STRICT, &arena, &validation, &problem);
    if (status == 0) add_findings(bundle, &validation, problems);
    else (void)error_set(error, ERROR_LIMIT, "the policies cannot be validated: %s", problem.text);
    arena_free(&arena);
    cedar_schema_free(&schema);
    return status;
}
