/* cedar-validate DIR [CASES]: compares the validator with recorded verdicts. Below DIR, each `NAME.validation.json`
 * holds what the official implementation says of the case `NAME.json`, which lies beside it or in
 * CASES/corpus-tests: for each policy a verdict and the errors, strict and permissive, for each entity and request a
 * verdict. Verdicts must be the same, and so must the kinds of errors. Ends with "N passed, M failed": policies
 * twice, entities and requests each. */
#include "cedar/cedar.h"
#include "tests/conformance/cases.h"
#include "tests/conformance/messages.h"

#define ARENA_BYTES_MAX ((size_t)512 << 20)
#define FAILURES_SHOWN 40

struct totals {
    const char *cases;
    size_t passed, failed;
};

struct verdict_case {
    const char *name;
    struct totals *totals;
    struct str verdicts; /* the recorded ones */
    struct str root;     /* the case */
    struct cedar_schema *schema;
    struct cedar_policy_set *set;
};

static void report(struct verdict_case *test, bool has_passed, const char *what, struct str detail, const char *got) {
    if (has_passed) test->totals->passed++;
    else if (test->totals->failed++ < FAILURES_SHOWN) {
        printf("%s: %s: %.*s\n    got: %s\n", test->name, what, STR_ARGS(detail), got);
    }
}

static void compare_policy(struct verdict_case *test, const struct cedar_policy *policy, struct str recorded,
                           enum cedar_validation_mode mode, const struct cedar_validation *validation) {
    struct buffer got;
    uint64_t bits = 0;
    buffer_init(&got, 1u << 16);
    for (size_t i = 0; i < validation->finding_count; i++) {
        const struct cedar_finding *finding = &validation->findings[i];
        if (finding->policy == policy && !finding->is_warning) bits |= messages_bit(finding->problem.code);
    }
    messages_describe(bits, &got);
    buffer_append_byte(&got, '\0');
    struct str verdict = json_member(recorded, mode == CEDAR_STRICT ? STR("strict") : STR("permissive"));
    struct str errors = json_member(recorded, mode == CEDAR_STRICT ? STR("strictErrors") : STR("permissiveErrors"));
    bool has_passed = (bits == 0) == str_equal(verdict, STR("true")) && bits == messages_codes(errors);
    char what[200];
    snprintf(what, sizeof(what), "%.*s, %s", STR_ARGS(cedar_policy_id(policy)),
             mode == CEDAR_STRICT ? "strict" : "permissive");
    report(test, has_passed, what, recorded, buffer_view(&got).data);
    buffer_free(&got);
}

static void run_policies(struct verdict_case *test, enum cedar_validation_mode mode) {
    struct str recorded = json_member(json_member(test->verdicts, STR("policyValidation")), STR("perPolicy"));
    struct cedar_problem problem = {0};
    struct cedar_validation validation;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    int status = cedar_validate(test->schema, test->set, mode, &arena, &validation, &problem);
    for (size_t i = 0; status == 0 && i < cedar_policy_set_count(test->set); i++) {
        const struct cedar_policy *policy = cedar_policy_set_at(test->set, i);
        compare_policy(test, policy, json_member(recorded, cedar_policy_id(policy)), mode, &validation);
    }
    if (status != 0) report(test, false, "validating", STR(""), problem.text);
    arena_free(&arena);
}

/* Entities are compared as one: the recorded ones are keyed by their uid, and hold an error each where there is one. */
static void run_entities(struct verdict_case *test) {
    struct str recorded = json_member(json_member(test->verdicts, STR("entityValidation")), STR("perEntity"));
    struct str json = read_named(test->name, json_plain(json_member(test->root, STR("entities"))));
    struct cedar_entities *entities = cedar_entities_new();
    struct cedar_problem problem = {0};
    if (json.data == NULL || recorded.data == NULL || entities == NULL) {
        cedar_entities_free(&entities);
        return;
    }
    bool is_wanted = str_find(recorded, STR("rror")) == STR_NOT_FOUND;
    bool is_valid = cedar_entities_add_json_guided(entities, test->schema, json, &problem) == 0 &&
                    cedar_entities_finish_guided(entities, test->schema, &problem) == 0;
    report(test, is_valid == is_wanted, "entities", recorded, is_valid ? "valid" : problem.text);
    cedar_entities_free(&entities);
    file_forget(json);
}

static void run_requests(struct verdict_case *test) {
    struct str requests = json_member(test->root, STR("requests"));
    struct str recorded = json_member(test->verdicts, STR("requestValidation"));
    struct json_scanner request_scanner, verdict_scanner;
    struct str request, verdict;
    json_scanner_init(&request_scanner, requests);
    json_scanner_init(&verdict_scanner, recorded);
    while (json_item(requests, &request_scanner, &request) && json_item(recorded, &verdict_scanner, &verdict)) {
        struct arena arena;
        struct cedar_request parsed;
        struct cedar_problem problem = {0};
        arena_init(&arena, ARENA_BYTES_MAX);
        bool is_valid = cedar_request_parse_guided(&arena, test->schema, request, &parsed, &problem) == 0;
        bool is_wanted = str_equal(json_member(verdict, STR("strict")), STR("true"));
        report(test, is_valid == is_wanted, "request", verdict, is_valid ? "valid" : problem.text);
        arena_free(&arena);
    }
}

static bool prepare(struct verdict_case *test) {
    struct cedar_problem problem = {.text = "a file it names cannot be read"};
    struct str policies = read_named(test->name, json_plain(json_member(test->root, STR("policies"))));
    struct str schema = read_named(test->name, json_plain(json_member(test->root, STR("schema"))));
    test->set = cedar_policy_set_new();
    bool is_ready = policies.data != NULL && schema.data != NULL && test->set != NULL &&
                    cedar_policy_set_add(test->set, policies, NULL, &problem) == 0;
    if (is_ready) test->schema = cedar_schema_new(schema, CEDAR_SCHEMA_TEXT, &problem);
    if (test->schema == NULL) report(test, false, "preparing", STR(""), problem.text);
    file_forget(policies);
    file_forget(schema);
    return test->schema != NULL;
}

/* NAME.json beside the verdicts, or among the cases. */
static struct str read_case(const char *path, const char *cases, char *case_path, size_t capacity) {
    const char *name = strrchr(path, '/') + 1;
    int length = (int)(strlen(name) - strlen(".validation.json"));
    snprintf(case_path, capacity, "%.*s%.*s.json", (int)(name - path), path, length, name);
    struct str text = file_read(case_path);
    if (text.data != NULL || cases == NULL) return text;
    snprintf(case_path, capacity, "%s/corpus-tests/%.*s.json", cases, length, name);
    return file_read(case_path);
}

static void run_verdicts(const char *path, struct str name, void *state) {
    struct totals *totals = state;
    char case_path[4096];
    if (!str_ends_with(name, STR(".validation.json"))) return;
    struct str verdicts = file_read(path), root = read_case(path, totals->cases, case_path, sizeof(case_path));
    struct verdict_case test = {.name = case_path, .totals = totals, .verdicts = verdicts, .root = root};
    if (verdicts.data != NULL && root.data != NULL && prepare(&test)) {
        run_policies(&test, CEDAR_STRICT);
        run_policies(&test, CEDAR_PERMISSIVE);
        run_entities(&test);
        run_requests(&test);
    } else if (root.data == NULL) {
        report(&test, false, "reading", STR(""), "the case cannot be read");
    }
    cedar_schema_free(&test.schema);
    cedar_policy_set_free(&test.set);
    file_forget(verdicts);
    file_forget(root);
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: cedar-validate DIR [CASES]\n");
        return 2;
    }
    struct totals totals = {.cases = argc == 3 ? argv[2] : NULL};
    int status = cases_walk(argv[1], 0, run_verdicts, &totals);
    printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
    return status != 0 || totals.failed > 0 || totals.passed == 0;
}
