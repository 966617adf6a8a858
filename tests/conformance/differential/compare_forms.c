/* cedar-differential-forms FILE: cases of forms.js. Accepted or refused must be as with the oracle: schemas in both
 * forms, entities and requests (against a schema or none), policies in JSON form. Of what both accept, the oracle's
 * JSON form and text must have the meaning of ours. Policies against schemas must have the oracle's kinds of errors
 * and warnings. Ends with the line "N passed, M failed"; a failure names the seed of its case.
 *
 * Where sworn differs on purpose, the difference has a name, a test of its own and a row in
 * doc/cedar-conformance.md; how often it was met is printed. */
#include "cedar/est.h"
#include "tests/conformance/files.h"
#include "tests/conformance/json_canonical.h"
#include "tests/conformance/json_same.h"
#include "tests/conformance/messages.h"

#define FAILURES_SHOWN 20
#define CASE_BYTES_MAX (256u << 20)

struct totals {
    size_t passed;
    size_t failed;
};

struct differential {
    struct str line;
    struct str seed;
    struct cedar_schema *schema;
    struct totals *totals;
};

static void count(const struct differential *test, bool passed, const char *what, struct str input, struct str detail) {
    if (passed) {
        test->totals->passed++;
    } else if (test->totals->failed++ < FAILURES_SHOWN) {
        printf("seed %.*s: %s: %.*s\n    %.*s\n", STR_ARGS(test->seed), what, STR_ARGS(input), STR_ARGS(detail));
    }
}

/* Compares two forms of one thing; what is shown begins where they part. */
static void count_same(const struct differential *test, const char *what, struct str own, struct str wanted) {
    size_t at = 0;
    while (at < own.length && at < wanted.length && own.data[at] == wanted.data[at]) at++;
    bool is_same = str_equal(own, wanted);
    at = at > 80 ? at - 80 : 0;
    count(test, is_same, what, str_slice(own, at, own.length), str_slice(wanted, at, wanted.length));
}

/* ---- Differences that stay ----------------------------------------------------------------------------------- */

/* Where one side accepts and the other refuses: the input, our problem, or the oracle's message. */
struct dispute {
    struct str input;
    const struct cedar_problem *problem; /* NULL: the oracle refuses */
    struct str why;
    bool is_unwritten; /* the oracle accepts the policy, but not the text that it makes of it */
};

static bool is_kind(const struct est_node *node, enum json_token kind) {
    return node != NULL && node->kind == kind;
}

/* {type, id}, both strings, or an extension's {fn, arg} or {fn, args}. */
static bool is_well_formed(const struct est_node *node, bool is_entity) {
    if (node->kind != JSON_TOKEN_BEGIN_OBJECT) return false;
    if (is_entity) {
        return is_kind(est_tree_find(node, "type"), JSON_TOKEN_STRING) &&
               is_kind(est_tree_find(node, "id"), JSON_TOKEN_STRING);
    }
    const struct est_node *all = est_tree_find(node, "args");
    bool has_one = est_tree_find(node, "arg") != NULL, has_all = is_kind(all, JSON_TOKEN_BEGIN_ARRAY);
    return is_kind(est_tree_find(node, "fn"), JSON_TOKEN_STRING) && has_one != has_all && (has_all || all == NULL);
}

/* An `__entity` or `__extn` that is ill-formed, or not the only member of its object; or `__expr`. */
static bool is_bad_escape_node(const struct est_node *node) {
    bool is_entity = str_equal(node->key, STR("__entity")), is_extension = str_equal(node->key, STR("__extn"));
    if (str_equal(node->key, STR("__expr"))) return true;
    return (is_entity || is_extension) && (!is_well_formed(node, is_entity) || node->parent->count > 1);
}

/* Members of an `__entity` or `__extn` that have no meaning. */
static bool is_idle_node(const struct est_node *node) {
    if (node->parent == NULL || node->parent->kind != JSON_TOKEN_BEGIN_OBJECT) return false;
    if (str_equal(node->parent->key, STR("__entity"))) {
        return !str_equal(node->key, STR("type")) && !str_equal(node->key, STR("id"));
    }
    return str_equal(node->parent->key, STR("__extn")) && !str_equal(node->key, STR("fn")) &&
           !str_equal(node->key, STR("arg")) && !str_equal(node->key, STR("args"));
}

/* Members of a `has` that have no meaning. */
static bool is_idle_has_node(const struct est_node *node) {
    return node->parent != NULL && str_equal(node->parent->key, STR("has")) && !str_equal(node->key, STR("left")) &&
           !str_equal(node->key, STR("attr"));
}

static int depth_of(const struct est_node *node) {
    int depth = 0;
    for (const struct est_node *above = node; above != NULL; above = above->parent) depth++;
    return depth;
}

static bool is_past_depth(const struct est_node *node) {
    return depth_of(node) > JSON_DEPTH_MAX;
}

/* Too deep for a line of the cases, where the oracle's form stands one level deeper. */
static bool is_past_line_depth(const struct est_node *node) {
    return depth_of(node) >= JSON_DEPTH_MAX;
}

/* Recursion: CEDAR_EST_DEPTH_MAX. */
static bool has_node(const struct est_node *node, bool (*is_wanted)(const struct est_node *node)) {
    if (is_wanted(node)) return true;
    for (const struct est_node *child = node->first; child != NULL; child = child->next) {
        if (has_node(child, is_wanted)) return true;
    }
    return false;
}

static bool input_has(struct str input, bool (*is_wanted)(const struct est_node *node)) {
    struct arena arena;
    struct cedar_problem ignored;
    arena_init(&arena, CASE_BYTES_MAX);
    const struct est_node *root = est_tree_read(&arena, input, &ignored);
    bool is_found = root != NULL && has_node(root, is_wanted);
    arena_free(&arena);
    return is_found;
}

/* The oracle takes such an object for a record with that key. */
static bool is_bad_escape(const struct dispute *dispute) {
    return dispute->problem != NULL && input_has(dispute->input, is_bad_escape_node);
}

/* The oracle ignores such members, of `has` alone. */
static bool is_idle_has(const struct dispute *dispute) {
    return dispute->problem != NULL && dispute->problem->code == CEDAR_BAD_JSON &&
           input_has(dispute->input, is_idle_has_node);
}

/* The oracle refuses a member without a meaning whose value is no Cedar value; sworn does not look at it. */
static bool is_idle_member(const struct dispute *dispute) {
    return dispute->problem == NULL && str_find(dispute->why, STR("RawCedarValueJson")) != STR_NOT_FOUND &&
           input_has(dispute->input, is_idle_node);
}

/* Sworn reads 64 levels of JSON in schemas, entities and requests, the oracle 128. */
static bool is_too_deep(const struct dispute *dispute) {
    return dispute->problem != NULL && dispute->problem->code == CEDAR_BAD_JSON &&
           input_has(dispute->input, is_past_depth);
}

/* A policy that the oracle accepts because it has not looked at all of it yet: what it writes as text it
 * does not read again. */
static bool is_unwritten(const struct dispute *dispute) {
    return dispute->problem != NULL && dispute->is_unwritten;
}

/* The oracle reads an array where an object of named members belongs, its items in the order of the members; sworn
 * refuses it, at the array. */
static bool is_array_for_object(const struct dispute *dispute) {
    return dispute->problem != NULL && dispute->problem->code == CEDAR_BAD_JSON &&
           dispute->problem->span.start < dispute->input.length &&
           dispute->input.data[dispute->problem->span.start] == '[';
}

/* The oracle wants all groups of an action, up to the top, in an entity that is given for it; to sworn the direct
 * ones are enough, as everywhere else, since what comes of them is the same. */
static bool is_action_with_direct_groups(const struct dispute *dispute) {
    return dispute->problem == NULL &&
           str_find(dispute->why, STR("does not match its schema declaration")) != STR_NOT_FOUND;
}

static struct {
    const char *name;
    bool (*is_met)(const struct dispute *dispute);
    size_t met;
} allowances[] = {
    {"an array for an object", is_array_for_object, 0},
    {"an `__entity` or `__extn` that is ill-formed or not alone", is_bad_escape, 0},
    {"a member of `__entity` or `__extn` without a meaning", is_idle_member, 0},
    {"a member of `has` without a meaning", is_idle_has, 0},
    {"JSON deeper than 64 levels", is_too_deep, 0},
    {"a policy that the oracle accepts, but not as text", is_unwritten, 0},
    {"an action entity that names its direct groups", is_action_with_direct_groups, 0},
};

static bool is_allowed(const struct dispute *dispute) {
    for (size_t i = 0; i < LENGTH_OF(allowances); i++) {
        if (!allowances[i].is_met(dispute)) continue;
        allowances[i].met++;
        return true;
    }
    return false;
}

/* A scope that no action applies to: an error, as in Cedar's own data for 4.5; the oracle warns. */
static size_t scope_warnings;

static bool has_member(struct str object, struct str key) {
    return json_member(object, key).data != NULL;
}

/* ---- Accepted or refused ------------------------------------------------------------------------------------- */

/* The text of a string member; the caller frees it. Empty when it is absent. */
static struct buffer read_text(struct str object, struct str key) {
    struct buffer text;
    buffer_init(&text, CASE_BYTES_MAX);
    struct str value = json_member(object, key);
    if (value.data != NULL && json_unescape(json_plain(value), &text) != 0) abort();
    return text;
}

/* True when both accept. */
static bool compare_verdict(const struct differential *test, struct str one, const char *what, bool is_accepted,
                            struct str input, const struct cedar_problem *problem) {
    struct str wanted = json_member(one, STR("accepted"));
    if (str_equal(wanted, STR("\"broken\""))) return false;
    bool is_wanted = str_equal(wanted, STR("true"));
    struct dispute dispute = {input, is_wanted ? problem : NULL, json_member(one, STR("why")),
                              has_member(one, STR("unwritten"))};
    bool passed = is_accepted == is_wanted || is_allowed(&dispute);
    count(test, passed, what, input, is_wanted ? str_from_cstr(problem->text) : dispute.why);
    return is_accepted && is_wanted;
}

/* ---- Schemas ------------------------------------------------------------------------------------------------- */

static bool to_canonical(struct str input, enum cedar_schema_format form, struct buffer *canonical) {
    struct buffer json;
    struct cedar_problem problem;
    buffer_init(&json, CASE_BYTES_MAX);
    bool is_done = cedar_schema_translate(input, form, CEDAR_SCHEMA_JSON, &json, &problem) == 0;
    if (is_done) json_canonical(buffer_view(&json), canonical);
    buffer_free(&json);
    return is_done;
}

/* In text an action's group may stand without its type, and the oracle writes the type. */
static void forget_group_types(struct buffer *canonical) {
    struct buffer all;
    struct str rest = buffer_view(canonical);
    buffer_init(&all, CASE_BYTES_MAX);
    for (size_t at; (at = str_find(rest, STR("\",\"type\":\"Action\"}"))) != STR_NOT_FOUND;) {
        buffer_append_str(&all, str_slice(rest, 0, at + 1));
        rest = str_slice(rest, at + strlen("\",\"type\":\"Action\""), rest.length);
    }
    buffer_append_str(&all, rest);
    buffer_clear(canonical);
    buffer_append_str(canonical, buffer_view(&all));
    buffer_free(&all);
}

/* The oracle's JSON form. What it gives for JSON is much as it was: both are brought to one form first. */
static void compare_schema_json(const struct differential *test, struct str input, enum cedar_schema_format form) {
    struct buffer own, wanted;
    struct str json = json_member(test->line, STR("json"));
    buffer_init(&own, CASE_BYTES_MAX);
    buffer_init(&wanted, CASE_BYTES_MAX);
    if (!to_canonical(input, form, &own)) buffer_clear(&own);
    if (form == CEDAR_SCHEMA_TEXT) json_canonical(json, &wanted);
    else if (!to_canonical(json, CEDAR_SCHEMA_JSON, &wanted)) buffer_clear(&wanted);
    count_same(test, "a schema's JSON form", buffer_view(&own), buffer_view(&wanted));
    buffer_free(&own);
    buffer_free(&wanted);
}

/* The oracle's text must say what ours says. */
static void compare_schema_text(const struct differential *test, struct str input, enum cedar_schema_format form) {
    struct buffer text = read_text(test->line, STR("text")), written, own, wanted;
    struct cedar_problem problem = {.text = ""};
    buffer_init(&written, CASE_BYTES_MAX);
    buffer_init(&own, CASE_BYTES_MAX);
    buffer_init(&wanted, CASE_BYTES_MAX);
    if (cedar_schema_translate(input, form, CEDAR_SCHEMA_TEXT, &written, &problem) != 0) {
        count(test, problem.code == CEDAR_UNSUPPORTED, "a schema that we cannot write", input,
              str_from_cstr(problem.text));
    } else {
        if (!to_canonical(buffer_view(&written), CEDAR_SCHEMA_TEXT, &own)) buffer_clear(&own);
        if (!to_canonical(buffer_view(&text), CEDAR_SCHEMA_TEXT, &wanted)) buffer_clear(&wanted);
        forget_group_types(&own);
        forget_group_types(&wanted);
        count_same(test, "a schema's text", buffer_view(&own), buffer_view(&wanted));
    }
    buffer_free(&written);
    buffer_free(&own);
    buffer_free(&wanted);
    buffer_free(&text);
}

static void run_schema(struct differential *test) {
    struct buffer input = read_text(test->line, STR("input"));
    struct cedar_problem problem = {.text = ""};
    bool is_text = str_equal(json_member(test->line, STR("form")), STR("\"text\""));
    enum cedar_schema_format form = is_text ? CEDAR_SCHEMA_TEXT : CEDAR_SCHEMA_JSON;
    test->schema = cedar_schema_new(buffer_view(&input), form, &problem);
    if (compare_verdict(test, test->line, is_text ? "a schema" : "a schema in JSON form", test->schema != NULL,
                        buffer_view(&input), &problem)) {
        bool is_readable = !input_has(buffer_view(&input), is_past_line_depth);
        if (is_readable && has_member(test->line, STR("json"))) compare_schema_json(test, buffer_view(&input), form);
        if (has_member(test->line, STR("text"))) compare_schema_text(test, buffer_view(&input), form);
    }
    buffer_free(&input);
}

/* ---- Validation ---------------------------------------------------------------------------------------------- */

/* Those about look-alike letters are left out: they depend on the version of Unicode. */
#define WARNINGS messages_bit(CEDAR_WARNED_IMPOSSIBLE)

static uint64_t own_codes(const struct cedar_validation *validation, const struct cedar_policy *policy,
                          bool are_warnings) {
    uint64_t bits = 0;
    for (size_t i = 0; i < validation->finding_count; i++) {
        const struct cedar_finding *finding = &validation->findings[i];
        if (finding->policy == policy && finding->is_warning == are_warnings) {
            bits |= messages_bit(finding->problem.code);
        }
    }
    return bits;
}

static void compare_policy(const struct differential *test, const struct cedar_policy *policy, struct str wanted,
                           const struct cedar_validation *validation) {
    struct buffer text;
    uint64_t scope = messages_bit(CEDAR_INVALID_SCOPE);
    uint64_t errors = own_codes(validation, policy, false), warnings = own_codes(validation, policy, true) & WARNINGS;
    uint64_t wanted_errors = messages_codes(json_member(wanted, STR("errors")));
    uint64_t wanted_warnings = messages_codes(json_member(wanted, STR("warnings"))) & (WARNINGS | scope);
    if (wanted_warnings & scope) {
        scope_warnings++;
        wanted_errors |= scope;
        wanted_warnings &= ~scope;
    }
    buffer_init(&text, CASE_BYTES_MAX);
    buffer_append_format(&text, "%.*s: ", STR_ARGS(cedar_policy_id(policy)));
    messages_describe(errors, &text);
    messages_describe(warnings, &text);
    buffer_append_format(&text, "but wanted: %.*s", STR_ARGS(wanted));
    count(test, errors == wanted_errors && warnings == wanted_warnings, "validation", cedar_policy_text(policy),
          buffer_view(&text));
    buffer_free(&text);
}

static void validate(const struct differential *test, const struct cedar_policy_set *set, struct str findings) {
    struct arena arena;
    struct cedar_validation validation;
    struct cedar_problem problem = {.text = ""};
    arena_init(&arena, CASE_BYTES_MAX);
    if (cedar_validate(test->schema, set, CEDAR_STRICT, &arena, &validation, &problem) != 0) {
        count(test, false, "validating", test->line, str_from_cstr(problem.text));
    } else {
        for (size_t i = 0; i < cedar_policy_set_count(set); i++) {
            const struct cedar_policy *policy = cedar_policy_set_at(set, i);
            compare_policy(test, policy, json_member(findings, cedar_policy_id(policy)), &validation);
        }
    }
    arena_free(&arena);
}

static void run_validation(struct differential *test) {
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_problem problem = {.text = ""};
    struct str policies = json_member(test->line, STR("policies"));
    bool is_read = cedar_policy_set_load_json(set, policies, &problem) == 0;
    if (has_member(test->line, STR("refused"))) {
        count(test, !is_read, "a set that the oracle refuses", policies, json_member(test->line, STR("refused")));
    } else if (!is_read) {
        count(test, false, "policies", policies, str_from_cstr(problem.text));
    } else {
        validate(test, set, json_member(test->line, STR("findings")));
    }
    cedar_policy_set_free(&set);
}

/* ---- Entities and requests ----------------------------------------------------------------------------------- */

static bool read_entities(const struct differential *test, struct str input, struct cedar_problem *problem) {
    struct cedar_entities *entities = cedar_entities_new();
    bool is_read = cedar_entities_add_json_guided(entities, test->schema, input, problem) == 0 &&
                   cedar_entities_finish_guided(entities, test->schema, problem) == 0;
    cedar_entities_free(&entities);
    return is_read;
}

static bool read_request(const struct differential *test, struct str input, struct cedar_problem *problem) {
    struct arena arena;
    struct cedar_request request;
    arena_init(&arena, CASE_BYTES_MAX);
    bool is_read = cedar_request_parse_guided(&arena, test->schema, input, &request, problem) == 0;
    arena_free(&arena);
    return is_read;
}

static void run_each(const struct differential *test, const char *what,
                     bool (*read)(const struct differential *test, struct str input, struct cedar_problem *problem)) {
    struct str cases = json_member(test->line, STR("cases")), one;
    struct json_scanner scanner;
    json_scanner_init(&scanner, cases);
    while (json_item(cases, &scanner, &one)) {
        struct cedar_problem problem = {.text = ""};
        struct buffer input = read_text(one, STR("input"));
        bool is_accepted = read(test, buffer_view(&input), &problem);
        compare_verdict(test, one, what, is_accepted, buffer_view(&input), &problem);
        buffer_free(&input);
    }
}

static void run_entities(struct differential *test) {
    run_each(test, "entities", read_entities);
}

static void run_requests(struct differential *test) {
    run_each(test, "a request", read_request);
}

/* ---- Policies in JSON form ----------------------------------------------------------------------------------- */

/* The oracle's text of the policy must have the JSON form of ours. */
static void compare_text(const struct differential *test, const struct cedar_policy *policy) {
    struct buffer text = read_text(test->line, STR("text")), own, wanted;
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_problem problem = {.text = "another policy"};
    buffer_init(&own, CASE_BYTES_MAX);
    buffer_init(&wanted, CASE_BYTES_MAX);
    bool passed = cedar_policy_set_add(set, buffer_view(&text), NULL, &problem) == 0 &&
                  cedar_policy_set_count(set) == 1 && cedar_policy_write_json(policy, &own) == 0 &&
                  cedar_policy_write_json(cedar_policy_set_at(set, 0), &wanted) == 0 &&
                  json_is_same(buffer_view(&own), buffer_view(&wanted));
    count(test, passed, problem.text, buffer_view(&own), buffer_view(&text));
    cedar_policy_set_free(&set);
    buffer_free(&own);
    buffer_free(&wanted);
    buffer_free(&text);
}

static void run_policy(struct differential *test) {
    struct buffer input = read_text(test->line, STR("input"));
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_problem problem = {.text = "it is a template where a policy belongs, or the other way round"};
    bool is_template = str_equal(json_member(test->line, STR("set")), STR("\"templates\""));
    bool is_read = cedar_policy_set_add_json(set, buffer_view(&input), STR("p"), &problem) == 0;
    const struct cedar_policy *policy = is_read ? cedar_policy_set_at(set, 0) : NULL;
    bool is_accepted = is_read && cedar_policy_is_template(policy) == is_template;
    if (compare_verdict(test, test->line, "a policy in JSON form", is_accepted, buffer_view(&input), &problem) &&
        has_member(test->line, STR("text"))) {
        compare_text(test, policy);
    }
    cedar_policy_set_free(&set);
    buffer_free(&input);
}

static void run_case(struct str line, struct totals *totals) {
    static const struct {
        const char *kind;
        void (*run)(struct differential *test);
    } rows[] = {{"schema", run_schema},
                {"validation", run_validation},
                {"entities", run_entities},
                {"requests", run_requests},
                {"policy", run_policy}};
    struct differential test = {.line = line, .seed = json_member(line, STR("seed")), .totals = totals};
    struct buffer schema = read_text(line, STR("schema"));
    struct cedar_problem problem = {.text = ""};
    bool is_ready = true;
    if (buffer_view(&schema).length > 0) {
        test.schema = cedar_schema_new(buffer_view(&schema), CEDAR_SCHEMA_TEXT, &problem);
        is_ready = test.schema != NULL;
        count(&test, is_ready, "a schema", buffer_view(&schema), str_from_cstr(problem.text));
    }
    for (size_t i = 0; i < LENGTH_OF(rows) && (!has_member(line, STR("schema")) || test.schema != NULL); i++) {
        if (str_equal_cstr(json_plain(json_member(line, STR("kind"))), rows[i].kind)) rows[i].run(&test);
    }
    cedar_schema_free(&test.schema);
    buffer_free(&schema);
}

int main(int argc, char **argv) {
    struct totals totals = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: cedar-differential-forms FILE\n");
        return 2;
    }
    struct str all = file_read(argv[1]), rest = all, line;
    while (str_split(&rest, '\n', &line)) {
        if (line.length > 0) run_case(line, &totals);
    }
    file_forget(all);
    for (size_t i = 0; i < LENGTH_OF(allowances); i++) {
        if (allowances[i].met > 0) printf("%zu differ as documented: %s\n", allowances[i].met, allowances[i].name);
    }
    if (scope_warnings > 0) printf("%zu differ as documented: a scope without an action\n", scope_warnings);
    printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
    return totals.failed > 0 || totals.passed == 0;
}
