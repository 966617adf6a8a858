/* cedar-corpus DIR: runs every Cedar test case below a folder laid out like the official corpus (cases name their
 * policies and entities relative to the folder above `corpus-tests` or `tests`) and compares decision, reasons and
 * errors, and `shouldValidate`; entities and requests are read as the case's schema says, and checked against it. Ends
 * with the line "N passed, M failed", where each request and each validation counts one; exit status 0 if none
 * failed. */
#include "cedar/cedar.h"
#include "tests/conformance/cases.h"
#include "tests/conformance/json_member.h"

#define SCRATCH_BYTES_MAX (64u << 20)
#define FAILURES_SHOWN 40

struct totals {
    size_t passed;
    size_t failed;
};

/* One case: its parts are ready, its requests run one after the other. */
struct corpus_case {
    const char *path;
    struct cedar_schema *schema; /* NULL: the case names none */
    struct cedar_policy_set *set;
    struct cedar_engine *engine;
    struct cedar_entities *entities;
    struct totals *totals;
};

static void report(struct corpus_case *test, const char *what, const char *detail) {
    if (test->totals->failed++ < FAILURES_SHOWN) printf("%s: %s: %s\n", test->path, what, detail);
}

static size_t count_items(struct str list) {
    struct json_scanner scanner;
    struct str item;
    size_t count = 0;
    json_scanner_init(&scanner, list);
    while (json_item(list, &scanner, &item)) count++;
    return count;
}

static bool has_id(struct str list, struct str id) {
    struct json_scanner scanner;
    struct str item;
    json_scanner_init(&scanner, list);
    while (json_item(list, &scanner, &item)) {
        if (str_equal(json_plain(item), id)) return true;
    }
    return false;
}

static bool matches(struct str request, const struct cedar_decision *decision) {
    struct str reasons = json_member(request, STR("reason")), errors = json_member(request, STR("errors"));
    struct str wanted = json_plain(json_member(request, STR("decision")));
    if (!str_equal(wanted, decision->is_allowed ? STR("allow") : STR("deny"))) return false;
    if (count_items(reasons) != decision->reason_count || count_items(errors) != decision->error_count) return false;
    for (size_t i = 0; i < decision->reason_count; i++) {
        if (!has_id(reasons, cedar_policy_id(decision->reasons[i]))) return false;
    }
    for (size_t i = 0; i < decision->error_count; i++) {
        if (!has_id(errors, cedar_policy_id(decision->errors[i].policy))) return false;
    }
    return true;
}

static void describe(struct corpus_case *test, struct str request, const struct cedar_decision *decision) {
    struct buffer text;
    buffer_init(&text, 1u << 16);
    struct str description = json_plain(json_member(request, STR("description")));
    buffer_append_format(&text, "[%.*s] got %s, %zu reasons, %zu errors", STR_ARGS(description),
                         decision->is_allowed ? "allow" : "deny", decision->reason_count, decision->error_count);
    for (size_t i = 0; i < decision->error_count; i++) {
        buffer_append_cstr(&text, "; ");
        cedar_failure_write(&decision->errors[i], &text);
    }
    buffer_append_byte(&text, '\0');
    report(test, "decision", buffer_view(&text).data);
    buffer_free(&text);
}

static void run_request(struct corpus_case *test, struct str request) {
    struct arena scratch;
    struct cedar_request parsed;
    struct cedar_problem problem;
    struct cedar_decision decision;
    arena_init(&scratch, SCRATCH_BYTES_MAX);
    if (cedar_request_parse_guided(&scratch, test->schema, request, &parsed, &problem) != 0) {
        report(test, "request", problem.text);
    } else if (cedar_engine_authorize(test->engine, &parsed, test->entities, &scratch, &decision) != 0) {
        report(test, "authorize", "out of scratch memory");
    } else if (!matches(request, &decision)) {
        describe(test, request, &decision);
    } else {
        test->totals->passed++;
    }
    arena_free(&scratch);
}

static void run_validation(struct corpus_case *test, struct str wanted) {
    struct cedar_problem problem = {.text = "a verdict that differs"};
    struct cedar_validation validation;
    struct arena arena;
    if (test->schema == NULL || wanted.data == NULL) return;
    arena_init(&arena, SCRATCH_BYTES_MAX);
    int status = cedar_validate(test->schema, test->set, CEDAR_STRICT, &arena, &validation, &problem);
    bool is_valid = status == 0 && validation.error_count == 0;
    if (status == 0 && !is_valid) problem = validation.findings[0].problem;
    if (status == 0 && is_valid == str_equal(wanted, STR("true"))) test->totals->passed++;
    else report(test, "shouldValidate", problem.text);
    arena_free(&arena);
}

static bool prepare(struct corpus_case *test, struct str root) {
    struct cedar_problem problem = {.text = "a file it names cannot be read"};
    struct str policies = read_named(test->path, json_plain(json_member(root, STR("policies"))));
    struct str entities = read_named(test->path, json_plain(json_member(root, STR("entities"))));
    struct str schema = read_named(test->path, json_plain(json_member(root, STR("schema"))));
    if (schema.data != NULL) test->schema = cedar_schema_new(schema, CEDAR_SCHEMA_TEXT, &problem);
    test->set = cedar_policy_set_new();
    test->entities = cedar_entities_new();
    bool is_ready = policies.data != NULL && entities.data != NULL &&
                    (schema.data == NULL || test->schema != NULL) && test->set != NULL && test->entities != NULL &&
                    cedar_policy_set_add(test->set, policies, NULL, &problem) == 0 &&
                    cedar_entities_add_json_guided(test->entities, test->schema, entities, &problem) == 0 &&
                    cedar_entities_finish_guided(test->entities, test->schema, &problem) == 0;
    if (is_ready) test->engine = cedar_engine_new(test->set, &problem);
    if (test->engine == NULL) report(test, "preparing", problem.text);
    file_forget(policies);
    file_forget(entities);
    file_forget(schema);
    return test->engine != NULL;
}

/* Entities lie in folders of sample data beside the cases. */
static bool is_case_name(struct str name) {
    return str_ends_with(name, STR(".json")) && !str_ends_with(name, STR("entities.json")) &&
           !str_ends_with(name, STR("cedarschema.json"));
}

static void run_case(const char *path, struct str name, void *state) {
    struct totals *totals = state;
    if (!is_case_name(name)) return;
    struct str text = file_read(path);
    struct str requests = json_member(text, STR("requests"));
    struct corpus_case test = {.path = path, .totals = totals};
    if (text.data == NULL || requests.data == NULL) {
        report(&test, "reading", "this is no test case: it has no requests");
    } else if (prepare(&test, text)) {
        struct json_scanner scanner;
        struct str request;
        json_scanner_init(&scanner, requests);
        run_validation(&test, json_member(text, STR("shouldValidate")));
        while (json_item(requests, &scanner, &request)) run_request(&test, request);
    }
    cedar_engine_free(&test.engine);
    cedar_entities_free(&test.entities);
    cedar_policy_set_free(&test.set);
    cedar_schema_free(&test.schema);
    file_forget(text);
}

int main(int argc, char **argv) {
    struct totals totals = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: cedar-corpus DIR\n");
        return 2;
    }
    int status = cases_walk(argv[1], 0, run_case, &totals);
    printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
    return status != 0 || totals.failed > 0 || totals.passed == 0;
}
