/* Policy texts: what is refused, with which code and where; what is accepted; the limits. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define HEAD "permit(principal,action,resource)"

struct row {
    const char *text;
    enum cedar_code code; /* CEDAR_OK: accepted */
    uint32_t line, column;
};

static const struct row rows[] = {
    {"", CEDAR_OK, 0, 0}, {" // only a comment", CEDAR_OK, 0, 0}, {HEAD ";", CEDAR_OK, 0, 0},
    {"permit(principal,action,resource,);", CEDAR_OK, 0, 0}, {"// c\r" HEAD ";//end", CEDAR_OK, 0, 0},
    {"@a @b(\"c\") @if(\"x\") @__cedar " HEAD ";", CEDAR_OK, 0, 0}, {"@a @a " HEAD ";", CEDAR_DUPLICATE, 1, 5},
    {"@a() " HEAD ";", CEDAR_SYNTAX, 1, 4}, {"@a(\"\\q\") " HEAD ";", CEDAR_BAD_STRING, 1, 5},
    {HEAD "\xc2\xa0when\xe2\x80\x83{true};", CEDAR_OK, 0, 0}, {"\xef\xbb\xbf" HEAD ";", CEDAR_BAD_TOKEN, 1, 1},
    {HEAD, CEDAR_SYNTAX, 1, 34}, {HEAD ";;", CEDAR_SYNTAX, 1, 35},
    {"allow(principal,action,resource);", CEDAR_SYNTAX, 1, 1},
    {"permit(action,principal,resource);", CEDAR_BAD_SCOPE, 1, 8}, {"permit(principal,action);", CEDAR_SYNTAX, 1, 24},
    {"permit(principal,action,resource,context);", CEDAR_SYNTAX, 1, 34},
    {"permit(principal : A,action,resource);", CEDAR_SYNTAX, 1, 18},
    {"permit(principal==((User::\"a\")),action in ([(Action::\"a\"),]),resource);", CEDAR_OK, 0, 0},
    {"permit(principal,action==Actio::\"a\",resource);", CEDAR_BAD_SCOPE, 1, 26},
    {"permit(principal,action is Action,resource);", CEDAR_BAD_SCOPE, 1, 28},
    {"permit(principal,action==A::Action::\"a\",resource);", CEDAR_OK, 0, 0},
    {"permit(principal,action in [],resource);", CEDAR_OK, 0, 0},
    {"permit(principal==?principal,action,resource in ?resource);", CEDAR_OK, 0, 0},
    {"permit(principal is A in ?principal,action,resource);", CEDAR_OK, 0, 0},
    {"permit(principal==?resource,action,resource);", CEDAR_BAD_SLOT, 1, 19},
    {"permit(principal,action==?action,resource);", CEDAR_BAD_SLOT, 1, 26},
    {HEAD " when {?principal == principal};", CEDAR_BAD_SLOT, 1, 41},
    {"permit(principal==?x,action,resource);", CEDAR_BAD_SLOT, 1, 19},
    {"permit(principal is (A),action,resource);", CEDAR_SYNTAX, 1, 21},
    {"permit(principal is A::\"b\",action,resource);", CEDAR_BAD_SCOPE, 1, 21},
    {HEAD " when {};", CEDAR_BAD_CONDITION, 1, 41}, {HEAD " where {true};", CEDAR_BAD_CONDITION, 1, 35},
    {HEAD " when {true} unless {false} when {true};", CEDAR_OK, 0, 0},
    {HEAD "\n when {\n  principal.if };", CEDAR_RESERVED, 3, 13},
    {HEAD " when {context[\"if\"]};", CEDAR_OK, 0, 0}, {HEAD " when {context has if};", CEDAR_RESERVED, 1, 53},
    {HEAD " when {{if:1}==1};", CEDAR_RESERVED, 1, 42}, {HEAD " when {{a:1,\"a\":2}==1};", CEDAR_DUPLICATE, 1, 41},
    {HEAD " when {!!!!true};", CEDAR_OK, 0, 0}, {HEAD " when {!!!!!true};", CEDAR_BAD_OPERATOR, 1, 45},
    {HEAD " when {!-1};", CEDAR_SYNTAX, 1, 42},
    {HEAD " when {-----1==1};", CEDAR_BAD_OPERATOR, 1, 45}, {HEAD " when {1<2<3};", CEDAR_BAD_OPERATOR, 1, 44},
    {HEAD " when {1=2};", CEDAR_BAD_OPERATOR, 1, 42},
    {HEAD " when {1/2==1};", CEDAR_BAD_OPERATOR, 1, 42}, {HEAD " when {1%2==1};", CEDAR_BAD_OPERATOR, 1, 42},
    {HEAD " when {-9223372036854775808==1};", CEDAR_OK, 0, 0},
    {HEAD " when {9223372036854775808==1};", CEDAR_INTEGER_RANGE, 1, 41},
    {HEAD " when {-(9223372036854775808)==1};", CEDAR_INTEGER_RANGE, 1, 43},
    {HEAD " when {-9223372036854775808.a};", CEDAR_INTEGER_RANGE, 1, 42},
    {HEAD " when {foo};", CEDAR_BAD_NAME, 1, 41}, {HEAD " when {foo(1)};", CEDAR_BAD_NAME, 1, 41},
    {HEAD " when {principal.foo(1)};", CEDAR_BAD_NAME, 1, 51},
    {HEAD " when {contains([],1)};", CEDAR_BAD_NAME, 1, 41},
    {HEAD " when {principal.ip(\"\")};", CEDAR_BAD_NAME, 1, 51},
    {HEAD " when {(principal)(1)};", CEDAR_BAD_NAME, 1, 52},
    {HEAD " when {[].contains()};", CEDAR_BAD_ARGUMENTS, 1, 44}, {HEAD " when {ip()==1};", CEDAR_OK, 0, 0},
    {HEAD " when {[1,2,]==[]};", CEDAR_OK, 0, 0},
    {HEAD " when {[,]==1};", CEDAR_SYNTAX, 1, 42}, {HEAD " when {\"a\\*\"==1};", CEDAR_BAD_STRING, 1, 43},
    {HEAD " when {\"a\" like \"\\*\"};", CEDAR_OK, 0, 0},
    {HEAD " when {\"\\u{1_0}\"==1};", CEDAR_OK, 0, 0}, {HEAD " when {\"\\u{D800}\"==1};", CEDAR_BAD_STRING, 1, 42},
    {HEAD " when {\"\\x80\"==1};", CEDAR_BAD_STRING, 1, 42},
    {HEAD " when {\"\\u{0000041}\"==1};", CEDAR_BAD_STRING, 1, 42},
    {HEAD " when {\"a\rb\"==1};", CEDAR_BAD_STRING, 1, 43}, {HEAD " when {\"a\nb\"==1};", CEDAR_OK, 0, 0},
    {HEAD " when {\"abc};", CEDAR_BAD_STRING, 1, 41}, {HEAD " when {User :: \"a\" == 1};", CEDAR_OK, 0, 0},
    {HEAD " when {User::if::\"a\" == 1};", CEDAR_RESERVED, 1, 47},
    {HEAD " when {__cedar::\"a\"==1};", CEDAR_RESERVED, 1, 41},
    {HEAD " when {true && if true then true else false};", CEDAR_RESERVED, 1, 49},
    {HEAD " when {principal is A in A::\"b\" in c};", CEDAR_BAD_OPERATOR, 1, 66},
    {HEAD " when {context has \"a\".b};", CEDAR_SYNTAX, 1, 56},
    {HEAD " when {\"\xc3\xa9\xc3\xa9\" == foo};", CEDAR_BAD_NAME, 1, 49},
};

static enum cedar_code parse(struct str text, struct cedar_problem *problem) {
    struct cedar_policy_set *set = cedar_policy_set_new();
    *problem = (struct cedar_problem){0};
    int status = cedar_policy_set_add(set, text, NULL, problem);
    cedar_policy_set_free(&set);
    return status == 0 ? CEDAR_OK : problem->code;
}

/* HEAD when { opening * count, middle, closing * count }; */
static enum cedar_code parse_nested(const char *opening, const char *middle, const char *closing, size_t count) {
    struct buffer text;
    struct cedar_problem problem;
    buffer_init(&text, 64u << 20);
    buffer_append_cstr(&text, HEAD " when {");
    for (size_t i = 0; i < count; i++) buffer_append_cstr(&text, opening);
    buffer_append_cstr(&text, middle);
    for (size_t i = 0; i < count; i++) buffer_append_cstr(&text, closing);
    buffer_append_cstr(&text, "};");
    enum cedar_code code = parse(buffer_view(&text), &problem);
    buffer_free(&text);
    return code;
}

static void test_limits(void) {
    is_integer(parse_nested("(", "true", ")", 100), CEDAR_OK, "100 parentheses");
    is_integer(parse_nested("(", "true", ")", 500000), CEDAR_LIMIT, "500,000 parentheses");
    is_integer(parse_nested("[", "", "]", 100), CEDAR_OK, "100 sets in each other");
    is_integer(parse_nested("[", "", "]", 200), CEDAR_LIMIT, "200 sets in each other");
    is_integer(parse_nested("{a:", "1", "}", 200000), CEDAR_LIMIT, "200,000 records in each other");
    is_integer(parse_nested("if true then ", "true", " else true", 60000), CEDAR_LIMIT, "60,000 ifs in each other");
    is_integer(parse_nested("", "context", ".a", 120), CEDAR_OK, "120 attributes of each other");
    is_integer(parse_nested("", "context", ".a", 100000), CEDAR_LIMIT, "100,000 attributes of each other");
    is_integer(parse_nested("!(", "true", ")", 100000), CEDAR_LIMIT, "100,000 negations");
    is_integer(parse_nested("true && ", "true", "", 10000), CEDAR_OK, "10,000 terms are one level");
    is_integer(parse_nested("true && ", "true", "", 70000), CEDAR_LIMIT, "70,000 terms");
    is_integer(parse_nested("1,", "1", "", 10), CEDAR_SYNTAX, "a list without brackets");
    is_integer(parse_nested("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" == \"\" || ", "true", "", 30000),
               CEDAR_LIMIT, "a policy of more than 1 MiB");
}

int main(void) {
    struct cedar_problem problem;
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        enum cedar_code code = parse(str_from_cstr(rows[i].text), &problem);
        if (!is_integer(code, rows[i].code, rows[i].text)) printf("# %s: %s\n", cedar_code_name(code), problem.text);
        if (rows[i].code == CEDAR_OK) continue;
        is_integer(problem.line * 1000 + problem.column, rows[i].line * 1000 + rows[i].column, "its place");
        ok(problem.text[0] != '\0', "says what to do");
    }
    is_integer(parse(str_make("\"\xff\"", 3), &problem), CEDAR_BAD_TOKEN, "not UTF-8");
    is_integer(parse(str_make(HEAD ";\0", sizeof(HEAD ";\0") - 1), &problem), CEDAR_BAD_TOKEN, "a NUL byte");
    test_limits();
    return tap_done();
}
