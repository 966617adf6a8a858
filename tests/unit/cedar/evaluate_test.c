/* Expressions: each row is the body of `permit(principal, action, resource) when { ... };` and what becomes of it. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define ALLOW 't'
#define DENY 'f'

struct row {
    const char *body;
    char wanted; /* 't' satisfied, 'f' not, 'e' fails */
};

static const struct row rows[] = {
    /* logic */
    {"true", 't'}, {"false", 'f'}, {"!false", 't'}, {"!!!!true", 't'}, {"1", 'e'}, {"\"a\"", 'e'},
    {"false && 1", 'f'}, {"true && 1", 'e'}, {"1 && true", 'e'}, {"true || 1", 't'}, {"false || 1", 'e'},
    {"true && true && false && 1", 'f'}, {"false || true || 1", 't'}, {"!1", 'e'},
    {"if true then true else 1", 't'}, {"if 1 then true else true", 'e'}, {"if false then 1 else true", 't'},
    /* numbers */
    {"1 + 2 * 3 - 4 == 3", 't'}, {"-5 < -4", 't'}, {"-(-5) == 5", 't'}, {"--5 == 5", 't'},
    {"9223372036854775807 + 1 == 0", 'e'}, {"-9223372036854775808 - 1 == 0", 'e'}, {"-9223372036854775808 < 0", 't'},
    {"--9223372036854775808 == 0", 'e'}, {"9223372036854775807 * 2 == 0", 'e'}, {"1 + \"a\" == 1", 'e'},
    {"-true == 1", 'e'}, {"9223372036854775807 - 1 + 1 == 9223372036854775807", 't'}, {"007 == 7", 't'},
    {"1 < 2", 't'}, {"2 <= 2", 't'}, {"3 > 2", 't'}, {"2 >= 3", 'f'}, {"1 < \"a\"", 'e'}, {"\"a\" < \"b\"", 'e'},
    {"true < false", 'e'}, {"[1] < [2]", 'e'},
    /* equality */
    {"1 == 1", 't'}, {"1 == \"1\"", 'f'}, {"1 != \"1\"", 't'}, {"[1, 2] == [2, 1, 1]", 't'}, {"[] == {}", 'f'},
    {"{a: 1, b: 2} == {b: 2, a: 1}", 't'}, {"{a: 1} == {a: 1, b: 2}", 'f'}, {"[[1], [2]] == [[2], [1]]", 't'},
    {"User::\"alice\" == User::\"alice\"", 't'}, {"User::\"alice\" == Admin::\"alice\"", 'f'},
    {"principal == User::\"alice\"", 't'},
    {"\"\\u{41}\\x42\" == \"AB\"", 't'}, {"\"\\0\" == \"\"", 'f'}, {"ip(\"1.2.3.4\") == decimal(\"1.2\")", 'f'},
    /* attributes */
    {"context.n == 7", 't'}, {"context[\"n\"] == 7", 't'}, {"context.none == 7", 'e'}, {"context has n", 't'},
    {"context has none", 'f'}, {"context has \"odd name\"", 't'}, {"context[\"odd name\"]", 't'},
    {"context has r.a.b", 't'},
    {"context has r.a.x", 'f'}, {"context has r.x.y", 'f'}, {"context has n.x", 'e'}, {"context.r.a.b == 1", 't'},
    {"1 has a", 'e'}, {"1.a == 1", 'e'}, {"principal.age == 40", 't'}, {"principal has age", 't'},
    {"principal has none", 'f'},
    {"principal.none == 1", 'e'}, {"User::\"ghost\" has age", 'f'}, {"User::\"ghost\".age == 1", 'e'},
    {"principal has friend.age", 't'}, {"principal.friend.age == 30", 't'}, {"resource has owner.friend.age", 't'},
    {"{a: {b: 1}}.a.b == 1", 't'}, {"{\"x y\": 1}[\"x y\"] == 1", 't'}, {"!principal has none", 'e'},
    {"!(principal has none)", 't'},
    /* entities */
    {"principal in User::\"alice\"", 't'}, {"principal in Group::\"staff\"", 't'}, {"principal in Group::\"all\"", 't'},
    {"principal in Group::\"other\"", 'f'}, {"principal in [Group::\"other\", Group::\"all\"]", 't'},
    {"principal in []", 'f'},
    {"principal in [Group::\"all\", 1]", 'e'}, {"principal in 1", 'e'}, {"1 in principal", 'e'},
    {"User::\"ghost\" in User::\"ghost\"", 't'}, {"User::\"ghost\" in Group::\"all\"", 'f'},
    {"Group::\"all\" in principal", 'f'},
    {"principal is User", 't'}, {"principal is Admin", 'f'}, {"1 is User", 'e'},
    {"principal is User in Group::\"all\"", 't'},
    {"principal is Admin in 1", 'f'}, {"principal is User in 1", 'e'}, {"N::S::T::\"x\" is N::S::T", 't'},
    {"N::S::T::\"x\" is T", 'f'},
    /* tags */
    {"principal.hasTag(\"team\")", 't'}, {"principal.hasTag(\"none\")", 'f'},
    {"principal.getTag(\"team\") == \"red\"", 't'},
    {"principal.getTag(\"none\") == 1", 'e'}, {"User::\"ghost\".hasTag(\"team\")", 'f'},
    {"User::\"ghost\".getTag(\"team\") == 1", 'e'},
    {"principal.hasTag(1)", 'e'}, {"context.hasTag(\"a\")", 'e'},
    /* sets */
    {"[1, 2].contains(1)", 't'}, {"[1, 2].contains(3)", 'f'}, {"[1, 2].contains(\"1\")", 'f'}, {"1.contains(1)", 'e'},
    {"[1, 2, 3].containsAll([1, 3])", 't'}, {"[1].containsAll([])", 't'}, {"[1].containsAll([1, 2])", 'f'},
    {"[1].containsAll(1)", 'e'},
    {"[1, 2].containsAny([2, 9])", 't'}, {"[1, 2].containsAny([])", 'f'}, {"[].containsAny([1])", 'f'},
    {"[1].containsAny(1)", 'e'},
    {"[].isEmpty()", 't'}, {"[[]].isEmpty()", 'f'}, {"1.isEmpty()", 'e'}, {"[1, 1 + true].isEmpty()", 'e'},
    {"[{a: [1]}].contains({a: [1, 1]})", 't'},
    /* like */
    {"\"abc\" like \"abc\"", 't'}, {"\"abc\" like \"a*\"", 't'}, {"\"abc\" like \"*c\"", 't'},
    {"\"abc\" like \"a*c\"", 't'},
    {"\"abc\" like \"*b*\"", 't'}, {"\"abc\" like \"*\"", 't'}, {"\"\" like \"*\"", 't'}, {"\"\" like \"\"", 't'},
    {"\"a\" like \"\"", 'f'},
    {"\"a\" like \"a*a\"", 'f'}, {"\"aa\" like \"a*a\"", 't'}, {"\"a*c\" like \"a\\*c\"", 't'},
    {"\"abc\" like \"a\\*c\"", 'f'},
    {"\"mississippi\" like \"m*iss*ip*i\"", 't'}, {"\"\xc3\xa9t\xc3\xa9\" like \"\xc3\xa9*\xc3\xa9\"", 't'},
    {"1 like \"*\"", 'e'},
    {"\"aab\" like \"*ab\"", 't'}, {"\"ab\" like \"*b*b\"", 'f'}, {"\"a\\0b\" like \"a*b\"", 't'},
    /* decimal */
    {"decimal(\"1.5\") == decimal(\"1.50\")", 't'}, {"decimal(\"1.5\").lessThan(decimal(\"1.51\"))", 't'},
    {"decimal(\"-0.5\").lessThan(decimal(\"0.0\"))", 't'}, {"decimal(\"1.0\").lessThanOrEqual(decimal(\"1.0\"))", 't'},
    {"decimal(\"1.0\").greaterThan(decimal(\"1.0\"))", 'f'},
    {"decimal(\"1.0\").greaterThanOrEqual(decimal(\"1.0\"))", 't'},
    {"decimal(\"-0.0\") == decimal(\"0.0\")", 't'}, {"decimal(\"1.0\") < decimal(\"2.0\")", 'e'},
    {"decimal(\"1\") == 1", 'e'},
    {"decimal(1) == 1", 'e'}, {"decimal(\"1.0\").lessThan(1)", 'e'}, {"decimal(\"1.0\", \"2.0\") == 1", 'e'},
    {"decimal() == 1", 'e'},
    /* ip */
    {"ip(\"10.0.0.1\").isIpv4()", 't'}, {"ip(\"::1\").isIpv6()", 't'}, {"ip(\"127.0.0.1\").isLoopback()", 't'},
    {"ip(\"127.0.0.0/7\").isLoopback()", 'f'}, {"ip(\"127.0.0.0/8\").isLoopback()", 't'},
    {"ip(\"::1\").isLoopback()", 't'},
    {"ip(\"::1/127\").isLoopback()", 'f'}, {"ip(\"224.0.0.1\").isMulticast()", 't'},
    {"ip(\"224.0.0.0/3\").isMulticast()", 'f'},
    {"ip(\"ff00::/8\").isMulticast()", 't'}, {"ip(\"10.1.2.3\").isInRange(ip(\"10.0.0.0/8\"))", 't'},
    {"ip(\"10.0.0.0/8\").isInRange(ip(\"10.1.2.3\"))", 'f'}, {"ip(\"10.1.0.0/16\").isInRange(ip(\"10.9.9.9/8\"))", 't'},
    {"ip(\"::1\").isInRange(ip(\"0.0.0.0/0\"))", 'f'}, {"ip(\"10.0.0.1/24\") == ip(\"10.0.0.0/24\")", 'f'},
    {"ip(\"10.0.0.1\") == ip(\"10.0.0.1/32\")", 't'}, {"ip(\"11.0.0.0/7\").isInRange(ip(\"10.0.0.0/7\"))", 't'},
    {"ip(\"::ffff:7f00:1\").isLoopback()", 'f'}, {"ip(\"fe80::1\") == ip(\"FE80:0:0:0:0:0:0:1\")", 't'},
    {"ip(\"10.0.0.1\").isIpv4(1)", 'e'}, {"1.isIpv4()", 'e'}, {"ip(\"0.0.0.0/0\").isInRange(ip(\"0.0.0.0/0\"))", 't'},
    /* datetime and duration */
    {"datetime(\"1970-01-01\").toTime() == duration(\"0ms\")", 't'},
    {"datetime(\"2024-02-29T12:30:45.678Z\") > datetime(\"2024-02-29\")", 't'},
    {"datetime(\"2024-01-01T00:00:00+0100\") == datetime(\"2023-12-31T23:00:00Z\")", 't'},
    {"datetime(\"2024-01-01T10:00:00-0530\") == datetime(\"2024-01-01T15:30:00Z\")", 't'},
    {"datetime(\"1970-01-02\").durationSince(datetime(\"1970-01-01\")) == duration(\"1d\")", 't'},
    {"datetime(\"1970-01-01\").offset(duration(\"-1ms\")).toDate() == datetime(\"1969-12-31\")", 't'},
    {"datetime(\"1970-01-01\").offset(duration(\"-1ms\")).toTime() == duration(\"23h59m59s999ms\")", 't'},
    {"datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\")).toDate() == datetime(\"1970-01-01\")", 'e'},
    {"datetime(\"1970-01-02\").offset(duration(\"9223372036854775807ms\")) == 1", 'e'},
    {"datetime(\"0000-01-01\").durationSince(datetime(\"9999-12-31\")) < duration(\"0s\")", 't'},
    {"duration(\"1d2h3m4s5ms\").toMilliseconds() == 93784005", 't'}, {"duration(\"90s\").toMinutes() == 1", 't'},
    {"duration(\"-90s\").toMinutes() == -1", 't'}, {"duration(\"25h\").toDays() == 1", 't'},
    {"duration(\"3600s\").toHours() == 1", 't'},
    {"duration(\"1500ms\").toSeconds() == 1", 't'}, {"duration(\"1h\") < duration(\"61m\")", 't'},
    {"duration(\"1h\") < datetime(\"2024-01-01\")", 'e'}, {"duration(\"1h\") < 1", 'e'},
    {"duration(\"60m\") == duration(\"1h\")", 't'},
    {"duration(\"1h\").toDate() == 1", 'e'}, {"unknown(\"x\")", 'e'},
};

static const char entities_json[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"alice\"},\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}],"
    "\"tags\":{\"team\":\"red\"},"
    "\"attrs\":{\"age\":40,\"friend\":{\"__entity\":{\"type\":\"User\",\"id\":\"bob\"}}}},"
    "{\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"parents\":[],\"attrs\":{\"age\":30}},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"staff\"},\"parents\":[{\"type\":\"Group\",\"id\":\"all\"}],\"attrs\":{}},"
    "{\"uid\":{\"type\":\"File\",\"id\":\"f\"},\"parents\":[],\"attrs\":{\"owner\":{\"__entity\":{\"type\":\"User\","
    "\"id\":\"alice\"}}}}]";
static const char request_json[] =
    "{\"principal\":\"User::\\\"alice\\\"\",\"action\":\"Action::\\\"read\\\"\",\"resource\":{\"type\":\"File\","
    "\"id\":\"f\"},"
    "\"context\":{\"n\":7,\"odd name\":true,\"r\":{\"a\":{\"b\":1}}}}";

struct world {
    struct cedar_entities *entities;
    struct cedar_request request;
    struct arena arena;
};

static char run(const struct world *world, const char *body) {
    char text[1024];
    struct cedar_problem problem;
    struct cedar_decision decision;
    struct arena scratch;
    char result = 'x';
    snprintf(text, sizeof(text), "permit(principal, action, resource) when { %s };", body);
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct cedar_engine *engine = NULL;
    arena_init(&scratch, 1u << 20);
    if (cedar_policy_set_add(set, str_from_cstr(text), NULL, &problem) != 0) {
        printf("# %u:%u %s\n", problem.line, problem.column, problem.text);
    } else {
        engine = cedar_engine_new(set, &problem);
    }
    if (engine != NULL && cedar_engine_authorize(engine, &world->request, world->entities, &scratch, &decision) == 0) {
        result = decision.error_count > 0 ? 'e' : decision.is_allowed ? ALLOW : DENY;
    }
    arena_free(&scratch);
    cedar_engine_free(&engine);
    cedar_policy_set_free(&set);
    return result;
}

int main(void) {
    struct world world = {.entities = cedar_entities_new()};
    struct cedar_problem problem;
    arena_init(&world.arena, 1u << 20);
    ok(cedar_entities_add_json(world.entities, str_from_cstr(entities_json), &problem) == 0, "entities are read");
    ok(cedar_entities_finish(world.entities, &problem) == 0, "ancestors are computed");
    ok(cedar_request_parse(&world.arena, str_from_cstr(request_json), &world.request, &problem) == 0,
       "the request is read");
    for (size_t i = 0; i < LENGTH_OF(rows); i++) is_integer(run(&world, rows[i].body), rows[i].wanted, rows[i].body);
    arena_free(&world.arena);
    cedar_entities_free(&world.entities);
    return tap_done();
}
