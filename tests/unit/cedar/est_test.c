/* The JSON form: what text it becomes, what is refused and where, whole sets, limits. */
#include "cedar/est.h"
#include "tests/unit/tap.h"

#define POLICY(body)                                                                                                   \
    "{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},"  \
    "\"conditions\":[{\"kind\":\"when\",\"body\":" body "}]}"
#define VALUE(value) "{\"Value\":" value "}"
#define PAIR(op, left, right) "{\"" op "\":{\"left\":" left ",\"right\":" right "}}"
#define ARG(op, arg) "{\"" op "\":{\"arg\":" arg "}}"
#define HEAD "permit(principal, action, resource)\nwhen { "

struct text_row {
    const char *json;
    const char *text; /* the condition; NULL: refused */
};

static const struct text_row rows[] = {
    {POLICY(VALUE("true")), "true"},
    {POLICY(PAIR("&&", PAIR("&&", VALUE("1"), VALUE("2")), VALUE("3"))), "1 && 2 && 3"},
    {POLICY(PAIR("&&", VALUE("1"), PAIR("&&", VALUE("2"), VALUE("3")))), "1 && (2 && 3)"},
    {POLICY(PAIR("-", PAIR("+", VALUE("1"), VALUE("-2")), PAIR("-", VALUE("3"), VALUE("4")))), "1 + -2 - (3 - 4)"},
    {POLICY(PAIR("*", PAIR("+", VALUE("1"), VALUE("2")), VALUE("3"))), "(1 + 2) * 3"},
    {POLICY(PAIR("==", PAIR("==", VALUE("1"), VALUE("2")), VALUE("true"))), "(1 == 2) == true"},
    {POLICY(ARG("neg", VALUE("1"))), "-(1)"},
    {POLICY(ARG("neg", VALUE("-1"))), "-(-1)"},
    {POLICY(ARG("!", ARG("!", VALUE("true")))), "!(!true)"},
    {POLICY(ARG("isEmpty", "{\"Set\":[]}")), "[].isEmpty()"},
    {POLICY("{\".\":{\"left\":" VALUE("-5") ",\"attr\":\"a\"}}"), "(-5).a"},
    {POLICY("{\".\":{\"left\":{\"Var\":\"context\"},\"attr\":\"if\"}}"), "context[\"if\"]"},
    {POLICY("{\".\":{\"left\":{\"Var\":\"context\"},\"attr\":\"a; permit\"}}"), "context[\"a; permit\"]"},
    {POLICY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":[\"a\",\"b\"]}}"), "context has a.b"},
    {POLICY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":[\"a\",\"b c\"]}}"), NULL},
    {POLICY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":\"b c\"}}"), "context has \"b c\""},
    {POLICY("{\"like\":{\"left\":" VALUE("\"x\"") ",\"pattern\":[{\"Literal\":\"a*\\u0000\"},\"Wildcard\"]}}"),
     "\"x\" like \"a\\*\\0*\""},
    {POLICY("{\"like\":{\"left\":" VALUE("\"x\"") ",\"pattern\":[{\"Literal\":\"a\",\"x\":1}]}}"), NULL},
    {POLICY("{\"Unknown\":{\"name\":\"x\"}}"), NULL}, {POLICY("{\"unknown\":[" VALUE("\"x\"") "]}"), "unknown(\"x\")"},
    {POLICY(VALUE("{\"__entity\":{\"type\":\"A\",\"id\":\"b\",\"id\":\"b\"}}")), NULL},
    {POLICY("{\"Value\":true,\"Value\":true}"), NULL},
    {POLICY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A::B\"}}"), "principal is A::B"},
    {POLICY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A\",\"in\":null}}"), "principal is A"},
    {POLICY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A) || (true\"}}"), NULL},
    {POLICY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A::if\"}}"), NULL},
    {POLICY("{\"Record\":{\"a\\u0000\":" VALUE("1") ",\"b\":" VALUE("{\"c\":[2]}") "}}"),
     "{\"a\\0\": 1, \"b\": {\"c\": [2]}}"},
    {POLICY(VALUE("{\"__entity\":{\"type\":\"A\",\"id\":\"\\\"b\"}}")), "A::\"\\\"b\""},
    {POLICY(VALUE("{\"__entity\":{\"type\":\"A \",\"id\":\"b\"}}")), NULL},
    {POLICY(VALUE("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}")), "ip(\"::1\")"},
    {POLICY(VALUE("{\"__extn\":{\"fn\":\"isIpv4\",\"arg\":\"::1\"}}")), "(\"::1\").isIpv4()"},
    {POLICY(VALUE("{\"__extn\":{\"fn\":\"isIpv4\",\"args\":[]}}")), NULL},
    {POLICY(VALUE("{\"__extn\":{\"fn\":\"contains\",\"args\":[1,2]}}")), NULL},
    {POLICY("{\"lessThan\":[{\"decimal\":[" VALUE("\"1.0\"") "]}," VALUE("2") "]}"), "decimal(\"1.0\").lessThan(2)"},
    {POLICY("{\"lessThan\":[]}"), NULL},
    {POLICY("{\"if-then-else\":{\"if\":" VALUE("true") ",\"then\":" VALUE("1") ",\"else\":" VALUE("2") "}}"),
     "if true then 1 else 2"},
    {POLICY(PAIR("+", "{\"if-then-else\":{\"if\":" VALUE("true") ",\"then\":" VALUE("1") ",\"else\":" VALUE("2") "}}",
                 VALUE("1"))), "(if true then 1 else 2) + 1"},
    {POLICY(VALUE("1.5")), NULL}, {POLICY(VALUE("9223372036854775808")), NULL}, {POLICY(VALUE("null")), NULL},
    {POLICY("{\"Var\":\"subject\"}"), NULL}, {POLICY("{\"Slot\":\"?principal\"}"), NULL},
    {POLICY("{\"drop\":[]}"), NULL}, {POLICY("{}"), NULL}, {POLICY("[]"), NULL}, {POLICY("{\"==\":{\"left\":1}}"), NULL},
    {"", NULL}, {"[]", NULL}, {"{}", NULL}, {"{\"effect\":\"allow\"}", NULL}, {"\"permit\"", NULL},
};

static void test_texts(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer text, wanted;
        struct cedar_problem problem = {0};
        buffer_init(&text, 1u << 20);
        buffer_init(&wanted, 1u << 20);
        struct str json = str_from_cstr(rows[i].json);
        bool is_read = cedar_est_to_text(json, &text, &problem) == 0;
        if (rows[i].text == NULL) {
            ok(!is_read && problem.code != CEDAR_OK && problem.line > 0 && problem.span.end <= json.length,
               rows[i].json);
        } else {
            buffer_append_format(&wanted, HEAD "%s };", rows[i].text);
            is_str(buffer_view(&text), buffer_view(&wanted), rows[i].text);
        }
        buffer_free(&text);
        buffer_free(&wanted);
    }
}

static const char set_json[] =
    "{\"templates\":{\"t\":{\"effect\":\"forbid\",\"principal\":{\"op\":\"==\",\"slot\":\"?principal\"},"
    "\"action\":{\"op\":\"in\",\"entities\":[]},\"resource\":{\"op\":\"is\",\"entity_type\":\"R\",\"in\":"
    "{\"slot\":\"?resource\"}},\"conditions\":[]}},\"staticPolicies\":{\"p\":{\"effect\":\"permit\",\"principal\":"
    "{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":[],\"annotations\":"
    "{\"a\":null,\"b\":\"c\"}}},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":"
    "{\"?principal\":{\"type\":\"U\",\"id\":\"u\"},\"?resource\":{\"type\":\"R\",\"id\":\"r\"}}}]}";

/* What is read is written as it was. */
static void test_set(void) {
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_problem problem;
    struct buffer json;
    buffer_init(&json, 1u << 20);
    is_integer(cedar_policy_set_load_json(set, str_from_cstr(set_json), &problem), 0, "a set is read");
    is_integer(cedar_policy_set_count(set), 3, "with its policy, template and link");
    is_integer(cedar_policy_set_write_json(set, &json), 0, "and written");
    is_str(buffer_view(&json), str_from_cstr(set_json), "as it was");
    buffer_free(&json);
    cedar_policy_set_free(&set);
}

static const char *const bad_sets[] = {
    "[]", "{\"policies\":{}}", "{\"staticPolicies\":[]}", "{\"staticPolicies\":{\"a\":\"permit\"}}",
    "{\"staticPolicies\":{\"a\":\"permit(principal,action,resource);\",\"a\":\"permit(principal,action,resource);\"}}",
    "{\"staticPolicies\":{\"a\":\"permit(principal==?principal,action,resource);\"}}",
    "{\"templates\":{\"a\":\"permit(principal,action,resource);\"}}",
    "{\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{}}]}",
    "{\"templates\":{\"t\":\"permit(principal==?principal,action,resource);\"},\"templateLinks\":"
    "[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{}}]}",
    "{\"templates\":{\"t\":\"permit(principal==?principal,action,resource);\"},\"templateLinks\":"
    "[{\"templateId\":\"t\",\"newId\":\"l\",\"values\":{\"?principal\":{\"type\":\"U\"}}}]}",
};

static void test_bad_sets(void) {
    for (size_t i = 0; i < LENGTH_OF(bad_sets); i++) {
        struct cedar_policy_set *set = cedar_policy_set_new();
        struct cedar_problem problem = {0};
        int status = cedar_policy_set_load_json(set, str_from_cstr(bad_sets[i]), &problem);
        ok(status != 0 && problem.line > 0 && cedar_policy_set_count(set) == 0, bad_sets[i]);
        cedar_policy_set_free(&set);
    }
}

static int read_chain(size_t count, bool is_left, struct cedar_problem *problem) {
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct buffer json;
    buffer_init(&json, 1u << 24);
    buffer_append_cstr(&json, "{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},"
                              "\"resource\":{\"op\":\"All\"},\"conditions\":[{\"kind\":\"when\",\"body\":");
    for (size_t i = 0; i < count; i++) {
        buffer_append_cstr(&json, is_left ? "{\"&&\":{\"left\":" : "{\"&&\":{\"left\":{\"Value\":true},\"right\":");
    }
    buffer_append_cstr(&json, "{\"Value\":true}");
    for (size_t i = 0; i < count; i++) buffer_append_cstr(&json, is_left ? ",\"right\":{\"Value\":true}}}" : "}}");
    buffer_append_cstr(&json, "}]}");
    int status = cedar_policy_set_add_json(set, buffer_view(&json), STR("p"), problem);
    buffer_free(&json);
    cedar_policy_set_free(&set);
    return status;
}

static void test_limits(void) {
    struct cedar_problem problem;
    is_integer(read_chain(2000, true, &problem), 0, "a chain of 2,000 operators");
    is_integer(read_chain(2100, true, &problem), -1, "a chain that nests deeper than 4,096");
    is_integer(problem.code, CEDAR_BAD_JSON, "is refused as JSON");
    is_integer(read_chain(100, false, &problem), 0, "100 levels to the right");
    is_integer(read_chain(500, false, &problem), -1, "500 levels to the right are too deep");
    is_integer(problem.code, CEDAR_LIMIT, "which is a limit");
}

int main(void) {
    test_texts();
    test_set();
    test_bad_sets();
    test_limits();
    return tap_done();
}
