/* Which operation a request is, what its query says, and what kind of body it has. */
#include "tests/unit/tap.h"
#include "wire/http/content.h"
#include "wire/http/route.h"

#define S(literal) {literal, sizeof(literal) - 1}

static const struct operation rows[] = {
    {S("GET"), S("/repos/{owner}/{repo}/pulls"), S("t:list")},
    {S("GET"), S("/repos/{owner}/{repo}/pulls/{number}"), S("t:get")},
    {S("PUT"), S("/repos/{owner}/{repo}/pulls/{number}/merge"), S("t:merge")},
    {S("GET"), S("/repos/{owner}/special/pulls"), S("t:never")}, /* the first row that matches wins */
    {S("GET"), S("/"), S("t:root")},
};
static const struct operation_table table = {S("t"), rows, sizeof(rows) / sizeof(rows[0])};

static void test_routes(struct arena *arena) {
    static const struct {
        const char *method, *path, *verb, *last;
    } cases[] = {
        {"GET", "/repos/a/b/pulls", "t:list", "b"},
        {"GET", "/repos/a/b/pulls/7", "t:get", "7"},
        {"PUT", "/repos/a/b/pulls/7/merge", "t:merge", "7"},
        {"GET", "/repos/a/b/pulls/7/merge", NULL, NULL},
        {"PUT", "/repos/a/b/pulls/7", NULL, NULL},
        {"get", "/repos/a/b/pulls", NULL, NULL},
        {"GET", "/repos/a/b/pulls/", NULL, NULL},
        {"GET", "/repos/a/b/pulls/7/", NULL, NULL},
        {"GET", "//repos/a/b/pulls", NULL, NULL},
        {"GET", "/repos//b/pulls", NULL, NULL},
        {"GET", "/repos/a/b/Pulls", NULL, NULL},
        {"GET", "/repos/a/b/pull%73", "t:list", "b"},
        {"GET", "/repos/a/b%2Fc/pulls", "t:list", "b/c"}, /* one segment to who decodes after splitting */
        {"GET", "/repos/a/%62/pulls", "t:list", "b"},
        {"GET", "/repos/a/special/pulls", "t:list", "special"},
        {"GET", "/", "t:root", NULL},
        {"GET", "/x", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route route;
        route_find(&table, str_from_cstr(cases[i].method), str_from_cstr(cases[i].path), arena, &route);
        if (!ok((route.operation != NULL) == (cases[i].verb != NULL), cases[i].path) || route.operation == NULL) continue;
        is_str(route.operation->verb, str_from_cstr(cases[i].verb), "its verb");
        if (cases[i].last == NULL) continue;
        ok(route.parameter_count > 0, "it has parameters");
        is_str(route.parameters[route.parameter_count - 1].value, str_from_cstr(cases[i].last), "the last of them");
    }
    struct route route;
    route_find(NULL, STR("GET"), STR("/"), arena, &route);
    ok(route.operation == NULL, "without a table nothing is named");
}

static void test_queries(struct arena *arena) {
    static const struct {
        const char *query;
        int count; /* -1: refused */
        const char *name, *value; /* of the last */
    } cases[] = {
        {"", 0, NULL, NULL},
        {"a=1&b=2", 2, "b", "2"},
        {"a", 1, "a", ""},
        {"a=", 1, "a", ""},
        {"=1", 1, "", "1"},
        {"a=1=2", 1, "a", "1=2"},
        {"&&a=1&&", 1, "a", "1"},
        {"a+b=c+d%2B", 1, "a b", "c d+"},
        {"%61=%26", 1, "a", "&"},
        {"a=%", -1, NULL, NULL},
        {"a=%4", -1, NULL, NULL},
        {"a=%zz", -1, NULL, NULL},
    };
    struct route_parameter *parameters;
    size_t count;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int result = route_query(str_from_cstr(cases[i].query), arena, &parameters, &count, NULL);
        if (!ok(result == (cases[i].count < 0 ? -1 : 0), cases[i].query) || result != 0) continue;
        is_integer(count, cases[i].count, "how many");
        if (count == 0) continue;
        is_str(parameters[count - 1].name, str_from_cstr(cases[i].name), "the name of the last");
        is_str(parameters[count - 1].value, str_from_cstr(cases[i].value), "its value");
    }
    char many[ROUTE_QUERY_MAX * 2 + 2];
    for (size_t i = 0; i < sizeof(many); i += 2) many[i] = 'a', many[i + 1] = '&';
    ok(route_query(str_make(many, ROUTE_QUERY_MAX * 2), arena, &parameters, &count, NULL) == 0, "as many as may be");
    ok(route_query(str_make(many, sizeof(many)), arena, &parameters, &count, NULL) != 0, "one more");
}

static void test_kinds(void) {
    static const struct {
        const char *type, *body;
        enum content_kind announced, request;
    } cases[] = {
        {NULL, "x", CONTENT_NONE, CONTENT_NONE},
        {"application/json", "x", CONTENT_JSON, CONTENT_JSON},
        {"Application/JSON ; charset=\"UTF-8\"", "", CONTENT_JSON, CONTENT_JSON},
        {"application/vnd.github+json", "", CONTENT_JSON, CONTENT_JSON},
        {"application/json; charset=utf-16", "", CONTENT_OTHER, CONTENT_OTHER},
        {"application/x-ndjson", "{", CONTENT_LINES, CONTENT_LINES},
        {"application/x-www-form-urlencoded", "a=1", CONTENT_FORM, CONTENT_FORM},
        {"text/event-stream", "", CONTENT_EVENTS, CONTENT_EVENTS},
        {"text/plain", "x", CONTENT_TEXT, CONTENT_TEXT},
        {"image/svg+xml", "<", CONTENT_TEXT, CONTENT_TEXT},
        {"image/png", "x", CONTENT_OTHER, CONTENT_OTHER},
        {"nonsense", "x", CONTENT_OTHER, CONTENT_OTHER},
        {"text/plain; charset=utf-7", "", CONTENT_OTHER, CONTENT_OTHER},
        {"text/plain", "{", CONTENT_TEXT, CONTENT_JSON},
        {"text/plain", " \r\n\t{", CONTENT_TEXT, CONTENT_JSON},
        {"text/plain", "\xef\xbb\xbf {", CONTENT_TEXT, CONTENT_JSON},
        {"text/plain", "[1] a list", CONTENT_TEXT, CONTENT_TEXT},
        {"image/png", "[", CONTENT_OTHER, CONTENT_JSON},
        {"application/x-www-form-urlencoded", "{\"a\":1}", CONTENT_FORM, CONTENT_JSON},
        {NULL, "[", CONTENT_NONE, CONTENT_JSON},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *type = cases[i].type;
        struct http_field field = {STR("content-TYPE"), type != NULL ? str_from_cstr(type) : STR_NONE};
        struct http_head head = {.fields = &field, .field_count = type != NULL};
        is_integer(content_kind_of(&head), cases[i].announced, type != NULL ? type : "no type");
        is_integer(content_kind_of_request(&head, str_from_cstr(cases[i].body)), cases[i].request, cases[i].body);
    }
    struct http_field twice[] = {{STR("Content-Type"), STR("text/plain")}, {STR("Content-Type"), STR("text/html")}};
    struct http_head head = {.fields = twice, .field_count = 2};
    is_integer(content_kind_of(&head), CONTENT_OTHER, "two types");
}

int main(void) {
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20);
    test_routes(&arena);
    test_queries(&arena);
    test_kinds();
    arena_free(&arena);
    return tap_done();
}
