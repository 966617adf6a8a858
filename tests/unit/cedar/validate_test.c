/* The validator: conditions with the kinds of their findings, strict, as the official implementation gives them; and
 * entities and requests against a schema. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)

static const char schema_text[] =
    "entity A {n: Long, o?: Long, r: {q: Long, p?: Long}, rr?: {q: Long}, s: Set<Long>, a: A, b: B, "
    "e: E, st: String, bo: Bool} tags String; "
    "entity B in [A]; "
    "entity C {n: String}; "
    "entity E enum [\"x\",\"y\"]; "
    "entity D in [B]; "
    "action g; "
    "action g2 in [g]; "
    "action b in [g2]; "
    "action a in [g] appliesTo {principal: [B,A], resource: [C], context: {x: Long, y?: Long, z?: "
    "{k: Long}}}; "
    "namespace N {entity A2; "
    "action a2;} ";

struct condition_row {
    const char *condition;
    const char *findings; /* names of codes, sorted */
};

static const struct condition_row condition_rows[] = {
    {"principal has n", ""},
    {"principal has o", ""},
    {"principal has zz", "warned_impossible"},
    {"context has x", ""},
    {"context has y", ""},
    {"context has zz", "warned_impossible"},
    {"principal.r has q", ""},
    {"principal.r has p", ""},
    {"principal has r.q", ""},
    {"principal has rr.q", ""},
    {"principal has o && principal has o", ""},
    {"context has y && context has y", ""},
    {"principal.hasTag(\"k\")", ""},
    {"resource.hasTag(\"k\")", "warned_impossible"},
    {"principal.hasTag(\"k\") && principal.hasTag(\"k\")", ""},
    {"principal == principal", ""},
    {"principal == resource", "warned_impossible"},
    {"1 == 1", ""},
    {"1 == 2", "warned_impossible"},
    {"\"a\" == \"b\"", "warned_impossible"},
    {"\"a\" == \"a\"", ""},
    {"1 != 2", ""},
    {"1 == -1", "warned_impossible"},
    {"-1 == -1", ""},
    {"true == true", ""},
    {"true == false", "warned_impossible"},
    {"(1==1) == (2==2)", ""},
    {"A::\"x\" == A::\"x\"", ""},
    {"A::\"x\" == A::\"y\"", "warned_impossible"},
    {"A::\"x\" == B::\"x\"", "warned_impossible"},
    {"E::\"x\" == E::\"y\"", "warned_impossible"},
    {"action == Action::\"a\"", ""},
    {"action == Action::\"b\"", "warned_impossible"},
    {"action == Action::\"g\"", "warned_impossible"},
    {"action in Action::\"g\"", ""},
    {"action in Action::\"b\"", "warned_impossible"},
    {"action in [Action::\"b\", Action::\"g\"]", ""},
    {"Action::\"b\" in Action::\"g\"", ""},
    {"Action::\"g\" in Action::\"b\"", "warned_impossible"},
    {"action in [Action::\"b\"]", "warned_impossible"},
    {"action in principal", "warned_impossible"},
    {"principal in action", "warned_impossible"},
    {"principal in Action::\"g\"", "warned_impossible"},
    {"action in A::\"x\"", "warned_impossible"},
    {"principal in A::\"x\"", ""},
    {"principal in B::\"x\"", "warned_impossible"},
    {"principal in C::\"x\"", "warned_impossible"},
    {"principal in [C::\"x\"]", "warned_impossible"},
    {"principal in resource", "warned_impossible"},
    {"resource in principal", "warned_impossible"},
    {"principal in principal", ""},
    {"principal.b in principal", ""},
    {"principal in principal.b", "warned_impossible"},
    {"A::\"x\" in A::\"x\"", ""},
    {"A::\"x\" in A::\"y\"", ""},
    {"B::\"x\" in A::\"y\"", ""},
    {"A::\"x\" in B::\"y\"", "warned_impossible"},
    {"A::\"x\" in [B::\"y\"]", "warned_impossible"},
    {"D::\"x\" in A::\"y\"", ""},
    {"principal in [principal.b]", "warned_impossible"},
    {"principal.b in [principal]", ""},
    {"principal in [A::\"x\",A::\"y\"]", ""},
    {"principal is A", ""},
    {"principal is B", "warned_impossible"},
    {"resource is A", "warned_impossible"},
    {"principal.b is B", ""},
    {"action is Action", ""},
    {"action is A", "warned_impossible"},
    {"context is A", "invalid_type"},
    {"principal is A in A::\"x\"", ""},
    {"principal is N::A2", "warned_impossible"},
    {"principal is Action", "warned_impossible"},
    {"principal.s.isEmpty()", ""},
    {"[1].isEmpty()", ""},
    {"[1].contains(1)", ""},
    {"1 < 2", ""},
    {"principal.st like \"*\"", ""},
    {"\"a\" like \"a\"", ""},
    {"if true then true else false", ""},
    {"if principal.bo then true else true", ""},
    {"if principal.bo then false else false", "warned_impossible"},
    {"if principal.bo then true else false", ""},
    {"if 1==1 then principal.bo else 3", ""},
    {"true && principal.bo", ""},
    {"false || principal.bo", ""},
    {"principal.bo || true", ""},
    {"principal.bo && false", "warned_impossible"},
    {"principal.bo || false", ""},
    {"principal.bo && true", ""},
    {"!(principal.bo)", ""},
    {"!true", "warned_impossible"},
    {"{a:1} == {a:1}", ""},
    {"[1] == [1]", ""},
    {"[1] == [2]", ""},
    {"principal.e == E::\"x\"", ""},
    {"ip(\"1.1.1.1\") == ip(\"1.1.1.2\")", ""},
    {"ip(\"1.1.1.1\").isIpv4()", ""},
    {"decimal(\"1.0\").lessThan(decimal(\"2.0\"))", ""},
    {"[1,2].containsAll([1])", ""},
    {"principal.r == principal.r", ""},
    {"principal.r == {q: 1}", "invalid_mix"},
    {"{a:true} == {a:false}", ""},
    {"[true] == [false]", ""},
    {"[principal] == [principal.a]", ""},
    {"principal == principal.b", "warned_impossible"},
    {"principal.b == B::\"x\"", ""},
    {"context == {x: 1}", "invalid_mix"},
    {"context == context", ""},
    {"action == action", ""},
    {"Action::\"a\" == action", ""},
    {"[action].contains(Action::\"g\")", ""},
    {"action == N::Action::\"a2\"", "warned_impossible"},
    {"action in N::Action::\"a2\"", "warned_impossible"},
    {"action in [N::Action::\"a2\", Action::\"g\"]", "invalid_mix"},
    {"action in [action] || principal.foo == 1", ""},
    {"action in [if principal == resource then action else action, action] || principal.foo == 1", "invalid_attribute"},
    {"action has foo", "warned_impossible"},
    {"action.hasTag(\"x\")", "warned_impossible"},
    {"{a: 1} has a", ""},
    {"{a:1} has b", "warned_impossible"},
    {"{a:1}.a == 1", ""},
    {"principal.a has o", ""},
    {"[1, 2].contains(2)", ""},
    {"A::\"x\" has n", ""},
    {"principal.n == 1", ""},
    {"\"a\" == principal.st", ""},
    {"-(1) == -1", ""},
    {"1+1 == 2", ""},
    {"unknown(\"x\")", ""},
    {"principal has \"o\" && principal[\"o\"] == 1 || true", ""},
    {"(if principal has o then principal.o else 1) == 1", ""},
    {"!(principal has o) || principal.o == 1", "invalid_optional"},
    {"(principal has o || false) && principal.o == 1", ""},
    {"(principal has o && true) && principal.o == 1", ""},
    {"(true && principal has o) && principal.o == 1", ""},
    {"(if principal.bo then principal has o else false) && principal.o == 1", "invalid_optional"},
    {"(if principal has o then true else false) && principal.o == 1", "invalid_optional"},
    {"(if principal.bo then principal has o else principal has o) && principal.o == 1", ""},
    {"(false || principal has o) && principal.o == 1", ""},
    {"(principal has o || principal.bo) && principal.o == 1", "invalid_optional"},
    {"(principal has o || true) && principal.o == 1", "invalid_optional"},
    {"!(!(principal has o)) && principal.o == 1", "invalid_optional"},
    {"context has z.k && context.z.k == 1", ""},
    {"principal.hasTag(\"k\") && principal.getTag(\"k\") == \"x\"", ""},
    {"principal.hasTag(principal.st) && principal.getTag(principal.st) == \"x\"", ""},
    {"principal.hasTag(\"k\") && principal.getTag(\"j\") == \"x\"", "invalid_tag"},
    {"resource.getTag(\"k\") == \"x\"", "invalid_tag"},
    {"resource.hasTag(\"k\") && resource.getTag(\"k\") == \"x\"", "warned_impossible"},
    {"[].contains(1)", "invalid_empty_set"},
    {"[[]] == [[1]]", "invalid_empty_set"},
    {"principal.s == []", "invalid_empty_set"},
    {"[1,\"a\"].contains(1)", "invalid_mix"},
    {"[principal, principal.b].contains(principal)", "invalid_mix"},
    {"if principal.bo then 1 else 2", "invalid_type"},
    {"1", "invalid_type"},
    {"principal", "invalid_type"},
    {"(if principal.bo then principal else resource) == principal", "invalid_mix"},
    {"E::\"z\" == principal.e", "invalid_id"},
    {"Action::\"zz\" == action", "invalid_action warned_impossible"},
    {"Zed::\"a\" == principal", "invalid_entity_type"},
    {"principal is Zed", "invalid_entity_type warned_impossible"},
    {"principal is Zed::Action", "warned_impossible"},
    {"action is Zed::Action", "warned_impossible"},
    {"false && Zed::\"a\" == principal", "invalid_entity_type warned_impossible"},
    {"false && E::\"z\"==E::\"x\"", "invalid_id warned_impossible"},
    {"false && action == Action::\"zz\"", "invalid_action warned_impossible"},
    {"principal.a.a.n == 1", ""},
    {"principal.zz == 1", "invalid_attribute"},
    {"principal.n.zz == 1", "invalid_type"},
    {"1 + \"a\" == 2", "invalid_type"},
    {"1 < \"a\"", "invalid_type"},
    {"datetime(\"2024-01-01\") < datetime(\"2024-01-02\")", ""},
    {"duration(\"1d\") < datetime(\"2024-01-02\")", "invalid_type"},
    {"duration(\"1d\") < 1", "invalid_type"},
    {"1 < duration(\"1d\")", "invalid_type"},
    {"\"a\" < \"b\"", "invalid_type"},
    {"ip(principal.st).isIpv4()", "invalid_call"},
    {"ip(\"x\").isIpv4()", "invalid_literal"},
    {"ip(\"1.1.1.1\").isInRange(\"a\")", "invalid_type"},
    {"decimal(\"1.0\") < decimal(\"2.0\")", "invalid_type"},
    {"principal.s.contains(\"a\")", "invalid_mix"},
    {"principal.s.containsAny([\"a\"])", "invalid_mix"},
    {"principal.s.containsAny(principal.s)", ""},
    {"principal.s.contains(true)", "invalid_mix"},
    {"[true].contains(false)", ""},
    {"principal like \"a\"", "invalid_type"},
    {"principal.st like \"a\"", ""},
    {"ip(\"1.1.1.1\", \"2\")", "invalid_arguments invalid_type"},
    {"ip() == ip(\"1.1.1.1\")", "invalid_arguments"},
    {"\"1.1.1.1\".isIpv4()", "invalid_type"},
    {"datetime(\"2024-01-01\").toDate() == datetime(\"2024-01-01\")", ""},
    {"{a: 1, b: \"x\"} == {b: \"y\", a: 2}", ""},
    {"{a: 1} == {b: 1}", "invalid_mix"},
    {"context.z == {k: 1}", "invalid_optional"},
    {"context has z && context.z == {k: 1}", ""},
    {"context has y && {x:1, y: 1} == context", "invalid_mix"},
    {"principal.a in [principal, resource]", "invalid_mix"},
    {"principal in []", "invalid_empty_set"},
    {"\"а\" == \"a\"", "warned_impossible"},
    {"\"say: \\u{430}bc\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"a\\u{202e}b\" == \"a\"", "warned_bidi warned_impossible"},
    {"principal has \"n\\u{430}\"", "warned_impossible warned_scripts"},
    {"principal.st == \"αβγ\"", ""},
    {"principal.st == \"漢字かな\"", ""},
    {"principal.st like \"*\\u{430}b*\"", "warned_scripts"},
    {"1 == \"a\"", "warned_impossible"},
    {"principal.n == \"a\"", "invalid_mix"},
    {"principal.n == true", "invalid_mix"},
    {"1 != \"a\"", ""},
    {"[principal] == [principal.b]", "invalid_mix"},
    {"principal.n == principal", "invalid_mix"},
    {"principal.r == principal", "invalid_mix"},
    {"{a: principal} == {a: principal.b}", "invalid_mix"},
    {"principal has o && !(principal has o)", "warned_impossible"},
    {"principal has o && (principal has o) == true", ""},
    {"context has y && !(context has y)", "warned_impossible"},
    {"principal.hasTag(\"k\") && !(principal.hasTag(\"k\"))", "warned_impossible"},
    {"true == 1", "warned_impossible"},
    {"(1==1) == 3", "invalid_mix"},
    {"A::\"x\" == 1", "warned_impossible"},
    {"principal == 1", "invalid_mix"},
    {"ip(\"1.1.1.1\") == 1", "invalid_mix"},
    {"principal in [principal.b, principal.b]", "warned_impossible"},
    {"principal.st == 1", "invalid_mix"},
    {"if principal.bo then A::\"x\" == B::\"x\" else true", ""},
    {"Action::\"zz\" in Action::\"g\"", "invalid_action"},
    {"Zed::\"a\" in Zed::\"b\"", "invalid_entity_type"},
    {"principal in Zed::\"b\"", "invalid_entity_type"},
    {"Zed::\"a\" in principal", "invalid_entity_type"},
    {"Zed::\"a\" is Zed", "invalid_entity_type"},
    {"action in Action::\"zz\"", "invalid_action"},
    {"action in [Action::\"zz\"]", "invalid_action"},
    {"principal in [Zed::\"a\"]", "invalid_entity_type"},
    {"Action::\"a\" in A::\"x\"", "warned_impossible"},
    {"A::\"x\" in Action::\"a\"", "warned_impossible"},
    {"A::\"x\" in [Action::\"a\"]", "warned_impossible"},
    {"Action::\"g\" in [Action::\"a\",Action::\"g\"]", ""},
    {"Action::\"g\" in Action::\"g\"", ""},
    {"A::\"x\" in principal", ""},
    {"A::\"x\" in principal.b", "warned_impossible"},
    {"B::\"x\" in resource", "warned_impossible"},
    {"A::\"x\" in [principal]", ""},
    {"A::\"x\" in [principal, A::\"y\"]", ""},
    {"principal.b in B::\"x\"", ""},
    {"principal.b in C::\"x\"", "warned_impossible"},
    {"principal.b in [C::\"x\"]", "warned_impossible"},
    {"(if principal.bo then principal else principal) in C::\"x\"", "warned_impossible"},
    {"principal.a in [B::\"x\"]", "warned_impossible"},
    {"A::\"а\" == A::\"b\"", "warned_impossible"},
    {"A::\"aа\" == A::\"b\"", "warned_impossible warned_scripts"},
    {"{\"aа\": 1} has b", "warned_impossible warned_scripts"},
    {"{\"aа\": 1}[\"aа\"] == 1", "warned_scripts"},
    {"principal.hasTag(\"aа\")", "warned_scripts"},
    {"ip(\"aа\").isIpv4()", "invalid_literal warned_scripts"},
    {"\"a\\u{2067}\" == \"a\"", "warned_bidi warned_impossible"},
    {"\"漢字 a\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"αβγ a\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"ра\" == \"a\"", "warned_impossible"},
    {"\"a１\" == \"x\"", "warned_impossible"},
    {"\"aé\" == \"x\"", "warned_impossible"},
    {"\"a\\u{5d0}\" == \"x\"", "warned_impossible warned_scripts"},
    {"\"한글 漢字\" == \"a\"", "warned_impossible"},
    {"\"カタ漢字\" == \"a\"", "warned_impossible"},
    {"\"ไทย a\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"a😀\" == \"a\"", "warned_impossible"},
    {"\"a\\u{301}\" == \"a\"", "warned_impossible"},
    {"\"\\u{430}\\u{301}\" == \"a\"", "warned_impossible"},
    {"\"ㄅ漢\" == \"x\"", "warned_impossible"},
    {"\"한かな\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"क a\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"a\\u{200f}\" == \"a\"", "warned_impossible"},
    {"\"a\\u{61c}\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"a\\u{ff}\\u{378}\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"\\u{378}\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"、a\" == \"a\"", "warned_impossible warned_scripts"},
    {"\"、한\" == \"a\"", "warned_impossible"},
    {"\"\\u{1e900}\\u{10330}\" == \"a\"", "warned_impossible warned_scripts"},
    {"principal == A::\"😀\"", "warned_identifier"},
    {"principal == A::\"a１\"", "warned_identifier"},
    {"principal == A::\"a b-c/d\"", ""},
    {"principal == A::\"\\u{7f}\"", "warned_identifier"},
    {"principal == A::\"tab\\t\"", "warned_identifier"},
    {"principal == A::\"é漢\"", "warned_scripts"},
    {"principal == A::\"\\u{202e}😀\"", "warned_bidi"},
    {"principal == A::\"\\u{430}a😀\"", "warned_identifier"},
    {"principal == A::\"\\u{323af}\"", ""},
    {"principal == A::\"\\u{323b0}\"", "warned_identifier"},
    {"{\"😀\": 1} has b", "warned_identifier warned_impossible"},
    {"context has \"😀\"", "warned_identifier warned_impossible"},
    {"context[\"😀\"]", "invalid_attribute warned_identifier"},
    {"principal.hasTag(\"😀\")", ""},
    {"principal.st like \"😀*\"", ""},
    {"principal is A in C::\"x\"", "warned_impossible"},
    {"principal is B in A::\"x\"", "warned_impossible"},
    {"\"\\u{202e}\" like \"\\u{202e}\"", "warned_bidi"},
    {"principal has \"a\\u{202e}\"", "warned_bidi warned_impossible"},
    {"principal.getTag(1) == \"x\"", "invalid_tag invalid_type"},
    {"resource.getTag(1) == \"x\"", "invalid_tag invalid_type"},
    {"principal.hasTag(1)", "invalid_type"},
    {"principal.hasTag(\"k\") == true", ""},
    {"principal.n.hasTag(\"k\")", "invalid_type"},
    {"-\"a\" == 1", "invalid_type"},
    {"-principal == 1", "invalid_type"},
    {"!1", "invalid_type"},
    {"if 1 then true else false", "invalid_type"},
    {"if principal.bo then 1 == 1 else \"a\"", "invalid_mix"},
    {"[1, true].contains(1)", "invalid_mix"},
    {"[[1], [\"a\"]] == [[1]]", "invalid_mix"},
    {"principal.s.contains([1])", "invalid_mix"},
    {"principal.contains(1)", "invalid_type"},
    {"[1].containsAll(1)", "invalid_type"},
    {"1.contains(1)", "invalid_type"},
    {"principal.st.isEmpty()", "invalid_type"},
    {"ip(\"1.1.1.1\").lessThan(decimal(\"1.0\"))", "invalid_type"},
    {"\"a\".offset(duration(\"1d\")) == datetime(\"2024-01-01\")", "invalid_type"},
    {"datetime(\"2024-01-01\").offset(\"1d\") == datetime(\"2024-01-01\")", "invalid_type"},
    {"ip(ip(\"1.1.1.1\")) == 1", "invalid_call invalid_mix"},
    {"ip(1) == ip(\"1.1.1.1\")", "invalid_type"},
    {"ip(\"1.1.1\" ) == ip(\"1.1.1.1\",\"2\",\"3\")", "invalid_arguments invalid_literal"},
    {"ip(\"1.1.1.1\").isIpv4(\"a\")", "invalid_arguments"},
    {"ip(\"1.1.1.1\").isInRange()", "invalid_arguments"},
    {"decimal(\"1.0\", \"x\").lessThan(decimal(\"y\"))", "invalid_arguments invalid_literal"},
    {"ip(if true then \"1.1.1.1\" else \"b\").isIpv4()", "invalid_call"},
    {"context.y == 1", "invalid_optional"},
    {"context[\"y\"] == 1", "invalid_optional"},
    {"context has \"y\" && context[\"y\"] == 1", ""},
    {"context.z.k == 1", "invalid_optional"},
    {"context.nope == 1", "invalid_attribute"},
    {"action.foo == 1", "invalid_attribute"},
    {"[].isEmpty()", "invalid_empty_set"},
    {"principal in principal.s", "invalid_type"},
    {"principal in [1]", "invalid_type"},
    {"1 in principal", "invalid_type"},
    {"1 is A", "invalid_type"},
    {"1 like \"a\"", "invalid_type"},
    {"1 has a", "invalid_type"},
    {"true || 1", ""},
    {"false || 1", "invalid_type"},
    {"true && 1", "invalid_type"},
    {"false && 1", "warned_impossible"},
    {"1 || true", "invalid_type"},
    {"1 && false", "invalid_type"},
    {"principal.bo && 1", "invalid_type"},
    {"principal.bo || 1", "invalid_type"},
    {"if true then 1 else 2", "invalid_type"},
    {"if true then true else 1+\"a\"", ""},
    {"if false then 1 + \"a\" else true", ""},
    {"if 1 + \"a\" then true else false", "invalid_type"},
    {"unknown(1)", "invalid_type"},
    {"unknown(\"x\") && 1", "invalid_type"},
    {"unknown(\"x\") == 1", ""},
    {"principal == principal.zz", "invalid_attribute"},
    {"principal.zz == principal.zz2", "invalid_attribute"},
    {"principal.zz && 1", "invalid_attribute invalid_type"},
    {"principal.zz.b.c", "invalid_attribute"},
    {"[principal.zz, 1] == [1]", "invalid_attribute"},
    {"[principal.zz, 1, \"a\"] == [1]", "invalid_attribute"},
    {"{a: principal.zz}.a == 1", "invalid_attribute"},
    {"{a: principal.zz}.b == 1", "invalid_attribute"},
    {"{a: principal.zz} has b", "invalid_attribute"},
    {"principal.zz has a", "invalid_attribute"},
    {"principal.zz like \"a\"", "invalid_attribute"},
    {"principal.zz is A", "invalid_attribute"},
    {"principal.zz in A::\"x\"", "invalid_attribute"},
    {"principal.zz.contains(1)", "invalid_attribute"},
    {"[1].contains(principal.zz)", "invalid_attribute"},
    {"principal.zz < 1", "invalid_attribute"},
    {"principal.zz < \"a\"", "invalid_attribute"},
    {"principal.zz + \"a\" == 1", "invalid_attribute invalid_type"},
    {"if principal.zz then 1 else \"a\"", "invalid_attribute invalid_mix"},
    {"(if principal.bo then principal.zz else 1) == \"a\"", "invalid_attribute"},
    {"!principal.zz", "invalid_attribute"},
    {"-principal.zz == 1", "invalid_attribute"},
    {"principal.hasTag(principal.zz)", "invalid_attribute"},
    {"principal.zz.hasTag(\"a\")", "invalid_attribute"},
    {"principal.o == \"a\"", "invalid_mix invalid_optional"},
    {"principal.o && true", "invalid_optional invalid_type"},
    {"principal.getTag(\"a\") && true", "invalid_tag"},
    {"context.y == \"a\"", "invalid_mix invalid_optional"},
    {"resource.getTag(\"a\") == 1", "invalid_tag"},
    {"principal.getTag(context) == 1", "invalid_tag invalid_type"},
    {"principal.getTag({a:1}) == 1", "invalid_tag invalid_type"},
    {"principal.getTag([1]) == 1", "invalid_tag invalid_type"},
    {"principal.getTag(true) == 1", "invalid_tag invalid_type"},
    {"principal.getTag(principal) == 1", "invalid_tag invalid_type"},
    {"principal.hasTag(principal.r)", "invalid_type"},
    {"principal.getTag(principal.r) == \"x\"", "invalid_tag invalid_type"},
    {"principal.getTag(principal.zz) == \"x\"", "invalid_attribute invalid_tag"},
};

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The codes found, each once, sorted. */
static struct str list_findings(struct arena *arena, const struct cedar_validation *validation) {
    const char *names[64];
    size_t count = 0;
    struct str list = STR("");
    for (size_t i = 0; i < validation->finding_count && count < LENGTH_OF(names); i++) {
        names[count++] = cedar_code_name(validation->findings[i].problem.code);
    }
    qsort(names, count, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(names[i - 1], names[i]) == 0) continue;
        list = arena_format(arena, "%.*s%s%s", STR_ARGS(list), list.length > 0 ? " " : "", names[i]);
    }
    return list;
}

static void check_policy(const struct cedar_schema *schema, struct str policy, const char *wanted, const char *name) {
    struct cedar_problem problem;
    struct cedar_validation validation;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct cedar_policy_set *set = cedar_policy_set_new();
    if (!ok(cedar_policy_set_add(set, policy, NULL, &problem) == 0, name)) printf("# %s\n", problem.text);
    ok(cedar_validate(schema, set, CEDAR_STRICT, &arena, &validation, &problem) == 0, "validated");
    is_str(list_findings(&arena, &validation), str_from_cstr(wanted), name);
    for (size_t i = 0; i < validation.finding_count; i++) {
        const struct cedar_problem *found = &validation.findings[i].problem;
        if (found->span.end > policy.length || found->line != 1 || found->text[0] == '\0') ok(false,
                                                                                              "a place and a text");
    }
    cedar_policy_set_free(&set);
    arena_free(&arena);
}

static void test_conditions(const struct cedar_schema *schema) {
    for (size_t i = 0; i < LENGTH_OF(condition_rows); i++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES_MAX);
        struct str policy = arena_format(&arena,
                                         "permit(principal is A, action == Action::\"a\", resource) when { %s };",
                                         condition_rows[i].condition);
        check_policy(schema, policy, condition_rows[i].findings, condition_rows[i].condition);
        arena_free(&arena);
    }
}

static void test_scopes(const struct cedar_schema *schema) {
    static const struct condition_row rows[] = {
        {"permit(principal, action, resource);", ""},
        {"permit(principal == ?principal, action, resource in ?resource);", ""},
        {"permit(principal is A in ?principal, action == Action::\"a\", resource is C);", ""},
        {"permit(principal is C, action == Action::\"a\", resource);", "invalid_scope warned_impossible"},
        {"permit(principal, action == Action::\"g\", resource);", "invalid_scope warned_impossible"},
        {"permit(principal, action in Action::\"g\", resource);", ""},
        {"permit(principal, action in [], resource);", "invalid_empty_set invalid_scope"},
        {"permit(principal == Zed::\"z\", action, resource);", "invalid_entity_type invalid_scope"},
        {"permit(principal, action == Action::\"zed\", resource);",
         "invalid_action invalid_scope warned_impossible"},
        {"permit(principal in B::\"b\", action, resource);", ""},
        {"permit(principal == E::\"z\", action, resource);", "invalid_id invalid_scope warned_impossible"},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        check_policy(schema, str_from_cstr(rows[i].condition), rows[i].findings, rows[i].condition);
    }
}

/* A link is checked for its values. */
static void test_links(const struct cedar_schema *schema) {
    struct cedar_problem problem;
    struct cedar_validation validation;
    struct cedar_uid principal, wrong;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    cedar_uid_init(&principal, STR("A"), STR("x"));
    cedar_uid_init(&wrong, STR("C"), STR("x"));
    struct cedar_policy_set *set = cedar_policy_set_new();
    ok(cedar_policy_set_add(set, STR("permit(principal == ?principal, action, resource);"), NULL, &problem) == 0,
       "added");
    ok(cedar_policy_set_link(set, STR("policy0"), STR("good"), &principal, NULL, &problem) == 0, "linked");
    ok(cedar_policy_set_link(set, STR("policy0"), STR("bad"), &wrong, NULL, &problem) == 0, "linked");
    ok(cedar_validate(schema, set, CEDAR_STRICT, &arena, &validation, &problem) == 0, "validated");
    is_integer(validation.error_count, 1, "one of the links is wrong");
    is_str(cedar_policy_id(validation.findings[0].policy), STR("bad"), "which one");
    is_integer(validation.findings[0].problem.code, CEDAR_INVALID_SCOPE, "and why");
    cedar_policy_set_free(&set);
    arena_free(&arena);
}

struct json_row {
    const char *json;
    enum cedar_code code;
};

static void test_entities(void) {
    static const char text[] =
        "entity U in [G] {n: Long, d?: decimal, e?: {of: U, when: datetime}} tags ipaddr; entity G;"
        "entity E enum [\"x\"]; action r; action a in [r] appliesTo {principal: U, resource: [G, E]};";
    static const struct json_row rows[] = {
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[]}]", CEDAR_OK},
        {"[{\"attrs\":{\"n\":1,\"d\":\"1.5\"},\"parents\":[],\"uid\":{\"type\":\"U\",\"id\":\"a\"}}]", CEDAR_OK},
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"e\":{\"of\":{\"type\":\"U\",\"id\":\"b\"},"
         "\"when\":{\"fn\":\"datetime\",\"arg\":\"2024-01-01\"}}},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],"
         "\"tags\":{\"t\":\"10.0.0.1\"}}]", CEDAR_OK},
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]", CEDAR_INVALID_MISSING},
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":\"1\"},\"parents\":[]}]", CEDAR_INVALID_TYPE},
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"x\":1},\"parents\":[]}]",
         CEDAR_INVALID_ATTRIBUTE},
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"d\":\"x\"},\"parents\":[]}]",
         CEDAR_BAD_EXTENSION},
        {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"U\",\"id\":\"b\"}]}]",
         CEDAR_INVALID_PARENT},
        {"[{\"uid\":{\"type\":\"G\",\"id\":\"a\"},\"attrs\":{},\"parents\":[],\"tags\":{\"t\":1}}]",
         CEDAR_INVALID_NO_TAGS},
        {"[{\"uid\":{\"type\":\"Z\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]", CEDAR_INVALID_ENTITY_TYPE},
        {"[{\"uid\":{\"type\":\"E\",\"id\":\"y\"},\"attrs\":{},\"parents\":[]}]", CEDAR_INVALID_ID},
        {"[{\"uid\":{\"type\":\"Action\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]", CEDAR_INVALID_DECLARATION},
        {"[{\"uid\":{\"type\":\"Action\",\"id\":\"z\"},\"attrs\":{},\"parents\":[]}]", CEDAR_INVALID_ACTION},
    };
    struct cedar_problem problem;
    struct cedar_schema *schema = cedar_schema_new(str_from_cstr(text), CEDAR_SCHEMA_TEXT, &problem);
    ok(schema != NULL, "the schema");
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct cedar_entities *entities = cedar_entities_new();
        problem.code = CEDAR_OK;
        bool is_valid = cedar_entities_add_json_guided(entities, schema, str_from_cstr(rows[i].json), &problem) == 0 &&
                        cedar_entities_finish_guided(entities, schema, &problem) == 0;
        is_integer(problem.code, rows[i].code, rows[i].json);
        if (is_valid) is_integer(cedar_entities_count(entities), 3, "the entity, and the two actions of the schema");
        cedar_entities_free(&entities);
    }
    cedar_schema_free(&schema);
}

static void test_requests(const struct cedar_schema *schema) {
    static const struct json_row rows[] = {
        {"{\"principal\":\"A::\\\"x\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"C::\\\"c\\\"\","
         "\"context\":{\"x\":1}}", CEDAR_OK},
        {"{\"context\":{\"x\":1,\"y\":2},\"principal\":\"B::\\\"x\\\"\",\"action\":\"Action::\\\"a\\\"\","
         "\"resource\":\"C::\\\"c\\\"\"}", CEDAR_OK},
        {"{\"principal\":\"A::\\\"x\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"C::\\\"c\\\"\","
         "\"context\":{}}", CEDAR_INVALID_MISSING},
        {"{\"principal\":\"A::\\\"x\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"C::\\\"c\\\"\","
         "\"context\":{\"x\":1,\"w\":1}}", CEDAR_INVALID_ATTRIBUTE},
        {"{\"principal\":\"C::\\\"x\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"C::\\\"c\\\"\","
         "\"context\":{\"x\":1}}", CEDAR_INVALID_REQUEST},
        {"{\"principal\":\"Z::\\\"x\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"C::\\\"c\\\"\","
         "\"context\":{\"x\":1}}", CEDAR_INVALID_ENTITY_TYPE},
        {"{\"principal\":\"A::\\\"x\\\"\",\"action\":\"Action::\\\"z\\\"\",\"resource\":\"C::\\\"c\\\"\","
         "\"context\":{\"x\":1}}", CEDAR_INVALID_ACTION},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct cedar_problem problem = {0};
        struct cedar_request request;
        struct arena arena;
        arena_init(&arena, ARENA_BYTES_MAX);
        int status = cedar_request_parse_guided(&arena, schema, str_from_cstr(rows[i].json), &request, &problem);
        is_integer(status == 0 ? CEDAR_OK : problem.code, rows[i].code, rows[i].json);
        arena_free(&arena);
    }
}

int main(void) {
    struct cedar_problem problem = {0};
    struct cedar_schema *schema = cedar_schema_new(str_from_cstr(schema_text), CEDAR_SCHEMA_TEXT, &problem);
    if (!ok(schema != NULL, "the schema")) return tap_done();
    test_conditions(schema);
    test_scopes(schema);
    test_links(schema);
    test_entities();
    test_requests(schema);
    cedar_schema_free(&schema);
    return tap_done();
}
