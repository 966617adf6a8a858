/* Sworn's schema: Cedar takes it, each attribute of the table stands in it, and a typo in a policy is found. */
#include "cedar/cedar.h"
#include "guard/policy_schema.h"
#include "model/attribute.h"
#include "tests/unit/tap.h"

#define BYTES_MAX ((size_t)16 << 20)

struct policy_row {
    const char *policy;
    enum cedar_code code; /* of the first finding */
};

static const struct policy_row rows[] = {
    {"permit(principal, action == Sworn::Action::\"sql:read\", resource);", CEDAR_OK},
    {"permit(principal in Sworn::Group::\"sre\", action in Sworn::Action::\"sql\", resource in"
     " Sworn::Environment::\"prod\") unless { context.applied.contains(\"approve:sre:2\") };", CEDAR_OK},
    {"permit(principal is Sworn::Agent, action == Sworn::Action::\"reveal\", resource == Sworn::DataClass::\"email\")"
     " when { context.sink == \"principal\" && principal has onBehalfOf && principal.onBehalfOf in"
     " Sworn::Group::\"support\" };", CEDAR_OK},
    {"forbid(principal, action in Sworn::Action::\"sql\", resource) when { context.classes.contains(\"credential\") };",
     CEDAR_OK},
    {"forbid(principal, action in Sworn::Action::\"sql\", resource) when { context.clases.contains(\"credential\") };",
     CEDAR_INVALID_ATTRIBUTE},
    {"forbid(principal, action in Sworn::Action::\"sql\", resource) when { context.statement == \"drop\" };",
     CEDAR_INVALID_OPTIONAL},
    {"forbid(principal, action == Sworn::Action::\"sql:raed\", resource);", CEDAR_INVALID_ACTION},
    {"forbid(principal is Sworn::Usr, action, resource);", CEDAR_INVALID_ENTITY_TYPE},
    {"forbid(principal, action == Sworn::Action::\"reveal\", resource is Sworn::Table);", CEDAR_INVALID_SCOPE},
    {"permit(principal, action in [Sworn::Action::\"llm:prompt\", Sworn::Action::\"llm:embed\"],"
     " resource in Sworn::Provider::\"prod/openai\") when { !context.has_image && context.provider_tools.isEmpty() &&"
     " context.tokens_1d < 1000 && resource.labels.contains(\"eu\") };", CEDAR_OK},
    {"permit(principal, action == Sworn::Action::\"llm:prompt\", resource is Sworn::Model)"
     " when { context.max_tokens < 100 };", CEDAR_INVALID_OPTIONAL},
    {"permit(principal, action == Sworn::Action::\"llm:prompt\", resource) when { context.input.hasTag(\"a\") };",
     CEDAR_INVALID_ATTRIBUTE},
    {"forbid(principal, action == Sworn::Action::\"llm:tool_use\", resource == Sworn::Tool::\"prod/openai/mail\")"
     " when { context.input.hasTag(\"to\") && context.input.getTag(\"to\") like \"*@example.org\" };", CEDAR_OK},
    {"forbid(principal, action == Sworn::Action::\"llm:tool_use\", resource)"
     " when { context.input.getTag(\"to\") like \"*@example.org\" };", CEDAR_INVALID_TAG},
    {"forbid(principal, action == Sworn::Action::\"llm:tool_use\", resource) when {"
     " context.input_numbers.hasTag(\"amount\") && context.input_numbers.getTag(\"amount\") > 500 };", CEDAR_OK},
    {"permit(principal, action == Sworn::Action::\"github:merge_pull_request\", resource in Sworn::Api::\"prod/github\")"
     " when { context.method == \"PUT\" && context.input.hasTag(\"repo\") };", CEDAR_OK},
    {"permit(principal, action in Sworn::Action::\"http\", resource is Sworn::Endpoint);", CEDAR_OK},
    {"permit(principal, action == Sworn::Action::\"openai:create_batch\", resource is Sworn::Endpoint);", CEDAR_OK},
    {"permit(principal, action == Sworn::Action::\"anthropic:upload_file\", resource is Sworn::Table);",
     CEDAR_INVALID_SCOPE},
    {"permit(principal, action == Sworn::Action::\"openai:raed_file\", resource);", CEDAR_INVALID_ACTION},
};

static void test_policies(const struct cedar_schema *schema) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct cedar_problem problem = {0};
        struct cedar_validation validation = {0};
        struct arena arena;
        arena_init(&arena, BYTES_MAX);
        struct cedar_policy_set *set = cedar_policy_set_new();
        bool is_done = cedar_policy_set_add(set, str_from_cstr(rows[i].policy), NULL, &problem) == 0 &&
                       cedar_validate(schema, set, CEDAR_STRICT, &arena, &validation, &problem) == 0;
        ok(is_done, "validated");
        is_integer(validation.finding_count > 0 ? validation.findings[0].problem.code : CEDAR_OK, rows[i].code,
                   rows[i].policy);
        cedar_policy_set_free(&set);
        arena_free(&arena);
    }
}

int main(void) {
    struct cedar_problem problem = {0};
    struct buffer text;
    buffer_init(&text, BYTES_MAX);
    policy_schema_write(&text, NULL, 0);
    struct cedar_schema *schema = cedar_schema_new(buffer_view(&text), CEDAR_SCHEMA_TEXT, &problem);
    if (!ok(schema != NULL, "Cedar takes it")) printf("# %u:%u %s\n", problem.line, problem.column, problem.text);
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++) {
        struct str name = str_from_cstr(attribute_descriptions[i].name);
        ok(str_find(buffer_view(&text), name) != STR_NOT_FOUND, attribute_descriptions[i].name);
    }
    if (schema != NULL) test_policies(schema);
    cedar_schema_free(&schema);
    buffer_free(&text);
    return tap_done();
}
