/* cedar-differential FILE: cases of cases.js. Every decision, with its reasons and errors, must be the oracle's; each
 * policy's JSON form and the formatted text too. Then the set goes through its own JSON form, and the same requests must
 * be decided alike. Ends with the line "N passed, M failed"; a failure names the seed of its case. */
#include "cedar/est_tree.h"
#include "cedar/format.h"
#include "tests/conformance/files.h"
#include "tests/conformance/json_member.h"
#include "tests/conformance/json_same.h"

#define FAILURES_SHOWN 20
#define CASE_BYTES_MAX (256u << 20)

struct totals {
    size_t passed;
    size_t failed;
};

/* One case, by which both the set as given and the set from its own JSON form are measured. */
struct differential {
    struct str line;
    struct str seed;
    struct cedar_entities *entities;
    struct totals *totals;
};

static void count(const struct differential *test, bool passed, const char *what, struct str detail) {
    if (passed) {
        test->totals->passed++;
    } else if (test->totals->failed++ < FAILURES_SHOWN) {
        printf("seed %.*s: %s: %.*s\n", STR_ARGS(test->seed), what, STR_ARGS(detail));
    }
}

static size_t count_items(struct str list) {
    struct json_scanner scanner;
    struct str item;
    size_t items = 0;
    json_scanner_init(&scanner, list);
    while (json_item(list, &scanner, &item)) items++;
    return items;
}

/* Ids are written by the script as they are, but for the escapes of JSON. */
static bool has_id(struct str list, struct str id) {
    struct json_scanner scanner;
    struct str item;
    json_scanner_init(&scanner, list);
    while (json_item(list, &scanner, &item)) {
        if (str_equal(json_plain(item), id)) return true;
    }
    return false;
}

static bool is_as_wanted(struct str request, const struct cedar_decision *decision) {
    struct str reasons = json_member(request, STR("reasons")), errors = json_member(request, STR("errors"));
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

static void run_request(const struct differential *test, const struct cedar_engine *engine, struct str request,
                        const char *what) {
    struct arena scratch;
    struct cedar_request parsed;
    struct cedar_problem problem = {.text = ""};
    struct cedar_decision decision = {0};
    arena_init(&scratch, CASE_BYTES_MAX);
    bool is_ready = cedar_request_parse(&scratch, request, &parsed, &problem) == 0;
    if (json_member(request, STR("refused")).data != NULL) {
        count(test, !is_ready, "a request that the oracle refuses", request);
    } else {
        bool passed = is_ready &&
                      cedar_engine_authorize(engine, &parsed, test->entities, &scratch, &decision) == 0 &&
                      is_as_wanted(request, &decision);
        count(test, passed, what, is_ready ? request : str_from_cstr(problem.text));
    }
    arena_free(&scratch);
}

static void run_requests(const struct differential *test, const struct cedar_policy_set *set, const char *what) {
    struct cedar_problem problem = {.text = ""};
    struct cedar_engine *engine = cedar_engine_new(set, &problem);
    struct str requests = json_member(test->line, STR("requests")), request;
    struct json_scanner scanner;
    json_scanner_init(&scanner, requests);
    if (engine == NULL) count(test, false, "compiling", str_from_cstr(problem.text));
    while (engine != NULL && json_item(requests, &scanner, &request)) run_request(test, engine, request, what);
    cedar_engine_free(&engine);
}

/* Each policy's JSON form against the oracle's. */
static void run_forms(const struct differential *test, const struct cedar_policy_set *set) {
    struct arena arena;
    struct cedar_problem problem;
    arena_init(&arena, CASE_BYTES_MAX);
    size_t start = str_find(test->line, STR(",\"forms\":")), end = str_find(test->line, STR(",\"text\":"));
    struct str forms = str_slice(test->line, start + 9, end);
    const struct est_node *root = est_tree_read(&arena, forms, &problem);
    for (const struct est_node *form = root != NULL ? root->first : NULL; form != NULL; form = form->next) {
        const struct cedar_policy *policy = cedar_policy_set_find(set, form->key);
        struct str wanted = str_slice(forms, form->span.start, form->span.end);
        struct buffer got;
        buffer_init(&got, CASE_BYTES_MAX);
        bool passed = policy != NULL && cedar_policy_write_json(policy, &got) == 0 &&
                      json_is_same(buffer_view(&got), wanted);
        count(test, passed, "JSON form", wanted);
        buffer_free(&got);
    }
    count(test, root != NULL, "the forms", STR("cannot be read"));
    arena_free(&arena);
}

static void run_format(const struct differential *test) {
    struct buffer text, wanted, got;
    struct cedar_problem problem = {.text = ""};
    struct str formatted = json_member(test->line, STR("formatted"));
    if (formatted.data == NULL) return;
    buffer_init(&text, CASE_BYTES_MAX);
    buffer_init(&wanted, CASE_BYTES_MAX);
    buffer_init(&got, CASE_BYTES_MAX);
    bool passed = json_unescape(json_plain(json_member(test->line, STR("text"))), &text) == 0 &&
                  json_unescape(json_plain(formatted), &wanted) == 0 &&
                  cedar_format(buffer_view(&text), &got, &problem) == 0 &&
                  str_equal(buffer_view(&got), buffer_view(&wanted));
    count(test, passed, "formatted text", str_from_cstr(problem.text));
    buffer_free(&text);
    buffer_free(&wanted);
    buffer_free(&got);
}

static void run_own_form(const struct differential *test, const struct cedar_policy_set *set) {
    struct cedar_policy_set *again = cedar_policy_set_new();
    struct cedar_problem problem = {.text = "it cannot be written"};
    struct buffer json;
    buffer_init(&json, CASE_BYTES_MAX);
    if (cedar_policy_set_write_json(set, &json) != 0 ||
        cedar_policy_set_load_json(again, buffer_view(&json), &problem) != 0) {
        count(test, false, "reading its own JSON form", str_from_cstr(problem.text));
    } else {
        run_requests(test, again, "decision by the set from its JSON form");
    }
    buffer_free(&json);
    cedar_policy_set_free(&again);
}

static void run_case(struct str line, struct totals *totals) {
    struct differential test = {.line = line, .seed = json_member(line, STR("seed")), .totals = totals};
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_problem problem = {.text = ""};
    test.entities = cedar_entities_new();
    bool is_read = cedar_policy_set_load_json(set, json_member(line, STR("policies")), &problem) == 0;
    if (json_member(line, STR("refused")).data != NULL) {
        count(&test, !is_read, "a set that the oracle refuses", json_member(line, STR("refused")));
    } else if (!is_read || cedar_entities_add_json(test.entities, json_member(line, STR("entities")), &problem) != 0 ||
               cedar_entities_finish(test.entities, &problem) != 0) {
        count(&test, false, "preparing", str_from_cstr(problem.text));
    } else {
        run_requests(&test, set, "decision");
        run_forms(&test, set);
        run_format(&test);
        run_own_form(&test, set);
    }
    cedar_entities_free(&test.entities);
    cedar_policy_set_free(&set);
}

int main(int argc, char **argv) {
    struct totals totals = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: cedar-differential FILE\n");
        return 2;
    }
    struct str all = file_read(argv[1]), rest = all, line;
    while (str_split(&rest, '\n', &line)) {
        if (line.length > 0) run_case(line, &totals);
    }
    file_forget(all);
    printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
    return totals.failed > 0 || totals.passed == 0;
}
