/* sworn policy test: tests that stand beside policies.
 *
 * A test file (YAML or JSON) is a list of tests, or {entities, tests}: the entities are those of every test without its
 * own. A test: {name, request: {principal, action, resource, context}, entities, decision: allow | deny,
 * reasons: [id...], errors: N}; entities are a list, or the name of a file beside the test file. `reason` and
 * `num_errors` mean the same as `reasons` and `errors`, which may be left out: then they are not looked at. */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "cedar/est_tree.h"
#include "cedar/explain.h"
#include "cmd/policy.h"

#define WORK_BYTES_MAX ((size_t)1 << 30)
#define PATH_BYTES_MAX 4096

struct coverage {
    size_t evaluated;
    size_t satisfied;
};

struct suite {
    struct cedar_policy_set *set;
    struct cedar_engine *engine;
    struct coverage *coverage; /* by the policy's place in the set */
    const char *path;          /* the test file */
    struct str text;           /* as JSON */
    const struct est_node *shared_entities;
    struct arena arena;  /* the tree of the file */
    struct arena scratch; /* one test */
    size_t count;
    size_t failed;
    bool is_json;
};

static struct str slice_of(const struct suite *suite, const struct est_node *node) {
    return str_slice(suite->text, node->span.start, node->span.end);
}

static const struct est_node *either(const struct est_node *test, const char *name, const char *other) {
    const struct est_node *node = est_tree_find(test, name);
    return node != NULL ? node : est_tree_find(test, other);
}

/* The entities of a file that is named beside the test file. */
static int add_file(const struct suite *suite, struct str name, struct cedar_entities *entities,
                    struct cedar_problem *problem) {
    char path[PATH_BYTES_MAX];
    struct buffer text;
    const char *slash = strrchr(suite->path, '/');
    int folder = slash != NULL ? (int)(slash - suite->path) + 1 : 0;
    snprintf(path, sizeof(path), "%.*s%.*s", folder, suite->path, STR_ARGS(name));
    buffer_init(&text, POLICY_BYTES_MAX);
    snprintf(problem->text, sizeof(problem->text), "the entities cannot be read");
    int status = policy_read(path, &text);
    if (status == 0) status = cedar_entities_add_json(entities, buffer_view(&text), problem);
    buffer_free(&text);
    return status;
}

static struct cedar_entities *entities_of(const struct suite *suite, const struct est_node *test,
                                          struct cedar_problem *problem) {
    const struct est_node *node = est_tree_find(test, "entities");
    struct cedar_entities *entities = cedar_entities_new();
    int status = entities != NULL ? 0 : -1;
    if (node == NULL) node = suite->shared_entities;
    if (status == 0 && node != NULL) {
        status = node->kind == JSON_TOKEN_STRING ? add_file(suite, node->text, entities, problem)
                                                 : cedar_entities_add_json(entities, slice_of(suite, node), problem);
    }
    if (status != 0 || cedar_entities_finish(entities, problem) != 0) cedar_entities_free(&entities);
    return entities;
}

static size_t place_of(const struct suite *suite, const struct cedar_policy *policy) {
    size_t place = 0;
    while (cedar_policy_set_at(suite->set, place) != policy) place++;
    return place;
}

static int cover(struct suite *suite, const struct cedar_request *request, const struct cedar_entities *entities) {
    struct cedar_explanation explanation;
    if (cedar_explain(suite->set, request, entities, &suite->scratch, &explanation) != 0) return -1;
    for (size_t i = 0; i < explanation.count; i++) {
        struct coverage *coverage = &suite->coverage[place_of(suite, explanation.policies[i].policy)];
        coverage->evaluated += explanation.policies[i].outcome != CEDAR_OUT_OF_SCOPE;
        coverage->satisfied += explanation.policies[i].outcome == CEDAR_SATISFIED;
    }
    return 0;
}

static bool names(const struct est_node *list, struct str id) {
    for (const struct est_node *item = list->first; item != NULL; item = item->next) {
        if (str_equal(item->text, id)) return true;
    }
    return false;
}

/* Appends a line for each thing that is not as the test wants it. */
static void compare(const struct est_node *test, const struct cedar_decision *decision, struct buffer *out) {
    const struct est_node *wanted = est_tree_find(test, "decision"), *reasons = either(test, "reasons", "reason");
    const struct est_node *errors = either(test, "errors", "num_errors");
    const char *got = decision->is_allowed ? "allow" : "deny";
    uint64_t error_count = 0;
    if (wanted == NULL || !str_equal_ignoring_case(wanted->text, str_from_cstr(got))) {
        buffer_append_format(out, "# decision: got %s, wanted %.*s\n", got,
                             STR_ARGS(wanted != NULL ? wanted->text : STR("none: add `decision`")));
    }
    for (size_t i = 0; reasons != NULL && i < decision->reason_count; i++) {
        struct str id = cedar_policy_id(decision->reasons[i]);
        if (!names(reasons, id)) buffer_append_format(out, "# reasons: %.*s is not wanted\n", STR_ARGS(id));
    }
    for (const struct est_node *item = reasons != NULL ? reasons->first : NULL; item != NULL; item = item->next) {
        bool is_found = false;
        for (size_t i = 0; i < decision->reason_count; i++) {
            is_found = is_found || str_equal(cedar_policy_id(decision->reasons[i]), item->text);
        }
        if (!is_found) buffer_append_format(out, "# reasons: %.*s is missing\n", STR_ARGS(item->text));
    }
    if (errors == NULL) return;
    if (errors->kind == JSON_TOKEN_BEGIN_ARRAY) error_count = errors->count;
    else if (str_parse_u64(errors->text, &error_count) != 0) buffer_append_cstr(out, "# errors: this is not a number\n");
    if (error_count != decision->error_count) {
        buffer_append_format(out, "# errors: got %zu, wanted %" PRIu64 "\n", decision->error_count, error_count);
    }
}

static void decide(struct suite *suite, const struct est_node *test, struct buffer *out) {
    const struct est_node *request_node = est_tree_find(test, "request");
    struct cedar_problem problem = {.text = "this test has no request: add `request`"};
    struct cedar_request request;
    struct cedar_decision decision;
    struct cedar_entities *entities = NULL;
    if (request_node == NULL ||
        cedar_request_parse(&suite->scratch, slice_of(suite, request_node), &request, &problem) != 0 ||
        (entities = entities_of(suite, test, &problem)) == NULL) {
        buffer_append_format(out, "# %s\n", problem.text);
    } else if (cedar_engine_authorize(suite->engine, &request, entities, &suite->scratch, &decision) != 0 ||
               cover(suite, &request, entities) != 0) {
        buffer_append_cstr(out, "# the decision needs too much memory\n");
    } else {
        compare(test, &decision, out);
    }
    cedar_entities_free(&entities);
}

static void print_tap(const struct suite *suite, bool passed, struct str name, const struct buffer *findings) {
    printf("%sok %zu - ", passed ? "" : "not ", suite->count);
    for (size_t i = 0; i < name.length; i++) {
        bool is_plain = (uint8_t)name.data[i] >= 0x20 && name.data[i] != '#';
        putchar(is_plain ? name.data[i] : ' ');
    }
    putchar('\n');
    policy_print(findings);
}

/* A finding is a line behind "# ". */
static void print_json(const struct suite *suite, bool passed, struct str name, const struct buffer *findings) {
    struct str rest = buffer_view(findings), line;
    struct buffer out;
    buffer_init(&out, 64u << 20);
    buffer_append_cstr(&out, "{\"file\":");
    json_append_quoted(&out, str_from_cstr(suite->path));
    buffer_append_cstr(&out, ",\"findings\":[");
    for (size_t i = 0; rest.length > 0 && str_split(&rest, '\n', &line); i++) {
        if (i > 0) buffer_append_byte(&out, ',');
        json_append_quoted(&out, str_slice(line, 2, line.length));
    }
    buffer_append_cstr(&out, "],\"name\":");
    json_append_quoted(&out, name);
    buffer_append_format(&out, ",\"passed\":%s}\n", passed ? "true" : "false");
    policy_print(&out);
    buffer_free(&out);
}

static void run_test(struct suite *suite, const struct est_node *test) {
    const struct est_node *name = est_tree_find(test, "name");
    struct buffer findings;
    buffer_init(&findings, 16u << 20);
    arena_init(&suite->scratch, WORK_BYTES_MAX);
    decide(suite, test, &findings);
    bool passed = buffer_length(&findings) == 0;
    suite->count++;
    suite->failed += !passed;
    struct str shown = name != NULL && name->kind == JSON_TOKEN_STRING ? name->text : str_from_cstr(suite->path);
    if (suite->is_json) print_json(suite, passed, shown, &findings);
    else print_tap(suite, passed, shown, &findings);
    buffer_free(&findings);
    arena_free(&suite->scratch);
}

static int run_tree(struct suite *suite, const struct est_node *root) {
    const struct est_node *tests = root->kind == JSON_TOKEN_BEGIN_OBJECT ? est_tree_find(root, "tests") : root;
    suite->shared_entities = root->kind == JSON_TOKEN_BEGIN_OBJECT ? est_tree_find(root, "entities") : NULL;
    if (tests == NULL || tests->kind != JSON_TOKEN_BEGIN_ARRAY) {
        return command_fail(-1, "%s: this is neither a list of tests nor {entities, tests}", suite->path);
    }
    for (const struct est_node *test = tests->first; test != NULL; test = test->next) run_test(suite, test);
    return 0;
}

/* As JSON: what is JSON already, as it stands. */
static int read_as_json(const char *path, struct buffer *json) {
    struct buffer text;
    struct error error;
    buffer_init(&text, POLICY_BYTES_MAX);
    int status = policy_read(path, &text);
    if (status == 0 && (str_ends_with(str_from_cstr(path), STR(".json")) || policy_is_json(buffer_view(&text)))) {
        buffer_append_str(json, buffer_view(&text));
    } else if (status == 0 && policy_yaml_to_json(buffer_view(&text), json, &error) != 0) {
        status = command_fail(-1, "%s: %s", path, error.text);
    }
    buffer_free(&text);
    return status;
}

static int run_file(struct suite *suite, const char *path) {
    struct buffer json;
    struct cedar_problem problem;
    buffer_init(&json, POLICY_BYTES_MAX);
    arena_init(&suite->arena, WORK_BYTES_MAX);
    suite->path = path;
    int status = read_as_json(path, &json);
    suite->text = buffer_view(&json);
    const struct est_node *root = status == 0 ? est_tree_read(&suite->arena, suite->text, &problem) : NULL;
    if (status == 0 && root == NULL) policy_say_problem(path, suite->text, &problem, suite->is_json);
    status = root != NULL ? run_tree(suite, root) : -1;
    arena_free(&suite->arena);
    buffer_free(&json);
    return status;
}

static bool is_test_name(struct str name) {
    return str_ends_with(name, STR(".test.yaml")) || str_ends_with(name, STR(".test.yml")) ||
           str_ends_with(name, STR(".test.json"));
}

static int is_test_file(const struct dirent *entry) {
    return is_test_name(str_from_cstr(entry->d_name));
}

/* The *.test.yaml (.yml, .json) beside the policies: of a folder all, of x.cedar those whose name begins with `x.`. */
static int run_beside(struct suite *suite, const char *policies) {
    struct stat entry;
    struct dirent **names;
    bool is_folder = stat(policies, &entry) == 0 && S_ISDIR(entry.st_mode);
    struct str path = str_from_cstr(policies), stem = STR(""), folder = path;
    if (!is_folder) {
        const char *slash = strrchr(policies, '/');
        folder = slash != NULL ? str_make(policies, (size_t)(slash - policies)) : STR(".");
        stem = slash != NULL ? str_from_cstr(slash + 1) : path;
        if (str_ends_with(stem, STR("cedar"))) stem.length -= 5;
    }
    char folder_path[PATH_BYTES_MAX];
    snprintf(folder_path, sizeof(folder_path), "%.*s", STR_ARGS(folder));
    int count = scandir(folder_path, &names, is_test_file, alphasort), status = 0;
    for (int i = 0; i < count; i++) {
        char test_path[PATH_BYTES_MAX * 2];
        snprintf(test_path, sizeof(test_path), "%s/%s", folder_path, names[i]->d_name);
        if (str_starts_with(str_from_cstr(names[i]->d_name), stem) && run_file(suite, test_path) != 0) status = -1;
        free(names[i]);
    }
    if (count >= 0) free(names);
    return status;
}

static void print_coverage(const struct suite *suite) {
    for (size_t i = 0; i < cedar_policy_set_count(suite->set); i++) {
        const struct cedar_policy *policy = cedar_policy_set_at(suite->set, i);
        const struct coverage *coverage = &suite->coverage[i];
        struct str id = cedar_policy_id(policy);
        if (cedar_policy_is_template(policy)) continue;
        if (coverage->evaluated == 0) printf("# coverage: %.*s: never reached\n", STR_ARGS(id));
        else printf("# coverage: %.*s: satisfied %zu, evaluated %zu\n", STR_ARGS(id), coverage->satisfied,
                    coverage->evaluated);
    }
}

static void print_summary(const struct suite *suite) {
    const char *comma = "";
    struct buffer out;
    buffer_init(&out, 64u << 20);
    buffer_append_cstr(&out, "{\"coverage\":[");
    for (size_t i = 0; i < cedar_policy_set_count(suite->set); i++) {
        const struct cedar_policy *policy = cedar_policy_set_at(suite->set, i);
        const struct coverage *coverage = &suite->coverage[i];
        if (cedar_policy_is_template(policy)) continue;
        buffer_append_format(&out, "%s{\"evaluated\":%zu,\"policy\":", comma, coverage->evaluated);
        json_append_quoted(&out, cedar_policy_id(policy));
        buffer_append_format(&out, ",\"satisfied\":%zu}", coverage->satisfied);
        comma = ",";
    }
    buffer_append_format(&out, "],\"failed\":%zu,\"tests\":%zu}\n", suite->failed, suite->count);
    policy_print(&out);
    buffer_free(&out);
}

static int run_suite(struct suite *suite, char **argv, int count) {
    struct cedar_problem problem;
    int status = 0;
    suite->engine = cedar_engine_new(suite->set, &problem);
    suite->coverage = calloc(cedar_policy_set_count(suite->set) + 1, sizeof(*suite->coverage));
    if (suite->engine == NULL || suite->coverage == NULL) return command_fail(COMMAND_NO, "out of memory");
    if (!suite->is_json) puts("TAP version 13");
    if (count == 1) status = run_beside(suite, argv[0]);
    for (int i = 1; i < count; i++) {
        if (run_file(suite, argv[i]) != 0) status = -1;
    }
    if (suite->is_json) {
        print_summary(suite);
    } else {
        printf("1..%zu\n", suite->count);
        print_coverage(suite);
    }
    if (status == 0 && suite->count == 0) {
        return command_fail(COMMAND_NO, "no tests: write NAME.test.yaml beside NAME.cedar");
    }
    return status != 0 ? COMMAND_USAGE : suite->failed > 0 ? COMMAND_NO : COMMAND_OK;
}

int policy_test(int argc, char **argv) {
    struct suite suite = {.is_json = false};
    const struct command_option options[] = {
        {"--json", NULL, "print one JSON object a test, the summary last", NULL, &suite.is_json}};
    const struct command_usage usage = {
        "policy test", "POLICIES [TESTS...]",
        "Runs tests of the policies in a file or folder: the test files given, or the *.test.yaml, .test.yml and\n"
        ".test.json beside the policies. Prints TAP, and for each policy how often it was satisfied and evaluated.",
        options, LENGTH_OF(options), 1, 1000};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    suite.set = cedar_policy_set_new();
    status = policy_load(suite.set, argv[0], suite.is_json) == 0 ? run_suite(&suite, argv, count) : COMMAND_USAGE;
    free(suite.coverage);
    cedar_engine_free(&suite.engine);
    cedar_policy_set_free(&suite.set);
    return status;
}
