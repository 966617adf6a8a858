/* Entities and requests from JSON: what is accepted and what is refused. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define A "{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}"
#define WITH(attribute) "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"x\":" attribute "},\"parents\":[]}]"
#define UID(uid) "[{\"uid\":" uid ",\"attrs\":{},\"parents\":[]}]"

struct row {
    const char *json;
    enum cedar_code code;
    const char *written; /* attribute x of U::"a", as Cedar */
};

static const struct row rows[] = {
    {"[]", CEDAR_OK, NULL}, {"[" A "]", CEDAR_OK, NULL}, {"[" A "," A "]", CEDAR_OK, NULL},
    {"{}", CEDAR_BAD_JSON, NULL}, {"[", CEDAR_BAD_JSON, NULL},
    {"[" A "]x", CEDAR_BAD_JSON, NULL}, {"[1]", CEDAR_BAD_JSON, NULL},
    {"[" A ",{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"x\":1},\"parents\":[]}]", CEDAR_DUPLICATE, NULL},
    {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{}}]", CEDAR_BAD_JSON, NULL},
    {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"parents\":[]}]", CEDAR_BAD_JSON, NULL},
    {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[],\"more\":[null,{\"a\":1.5}]}]", CEDAR_OK,
     NULL},
    {"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"U\",\"id\":\"a\"}]}]", CEDAR_CYCLE,
     NULL},
    {"[{\"uid\":{\"type\":\"Action\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"U\",\"id\":\"a\"}]}]",
     CEDAR_INVALID_PARENT, NULL},
    {"[{\"uid\":{\"type\":\"Action\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"N::Action\",\"id\":\"a\"}]}]",
     CEDAR_OK, NULL},
    {UID("{\"__entity\":{\"type\":\"A::B\",\"id\":\"\"}}"), CEDAR_OK, NULL},
    {UID("\"U::\\\"a\\\"\""), CEDAR_BAD_JSON, NULL},
    {UID("{\"type\":\"U V\",\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {UID("{\"type\":\"A :: B\",\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {UID("{\"type\":\"if\",\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {UID("{\"type\":\"\",\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {UID("{\"type\":\"A::\",\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {UID("{\"type\":\"__cedar::A\",\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {UID("{\"id\":\"a\"}"), CEDAR_BAD_JSON, NULL},
    {WITH("1"), CEDAR_OK, "1"}, {WITH("-9223372036854775808"), CEDAR_OK, "-9223372036854775808"},
    {WITH("9223372036854775808"), CEDAR_INTEGER_RANGE, NULL},
    {WITH("1.5"), CEDAR_INTEGER_RANGE, NULL}, {WITH("null"), CEDAR_BAD_JSON, NULL}, {WITH("true"), CEDAR_OK, "true"},
    {WITH("\"q\\u0000\\\"\\u00e9\""), CEDAR_OK, "\"q\\0\\\"\xc3\xa9\""}, {WITH("[2,1,2]"), CEDAR_OK, "[1, 2]"},
    {WITH("{\"b\":1,\"a\":[]}"), CEDAR_OK, "{\"a\": [], \"b\": 1}"}, {WITH("{\"a\":1,\"a\":1}"), CEDAR_DUPLICATE, NULL},
    {WITH("{\"__entity\":{\"type\":\"U\",\"id\":\"b\"}}"), CEDAR_OK, "U::\"b\""},
    {WITH("{\"__expr\":\"1\"}"), CEDAR_BAD_JSON, NULL},
    /* With something beside it, an escape is a record to some: that is refused, and so is every key that stands twice,
     * below what has no meaning too. */
    {WITH("{\"__entity\":{\"type\":\"U\",\"id\":\"b\"},\"x\":1}"), CEDAR_BAD_JSON, NULL},
    {WITH("{\"x\":1,\"__entity\":{\"type\":\"U\",\"id\":\"b\"}}"), CEDAR_BAD_JSON, NULL},
    {WITH("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"},\"x\":1}"), CEDAR_BAD_JSON, NULL},
    {WITH("{\"__entity\":{\"__entity\":{\"type\":\"U\",\"id\":\"b\"}}}"), CEDAR_BAD_JSON, NULL},
    {WITH("{\"__entity\":{\"type\":\"U\",\"id\":\"b\",\"id\":\"b\"}}"), CEDAR_DUPLICATE, NULL},
    {WITH("{\"__entity\":{\"type\":\"U\",\"id\":\"b\",\"x\":1}}"), CEDAR_OK, "U::\"b\""},
    {WITH("{\"__entity\":{\"type\":\"U\",\"id\":\"b\",\"x\":1,\"x\":1}}"), CEDAR_DUPLICATE, NULL},
    {WITH("{\"__extn\":{\"fn\":\"ip\",\"fn\":\"ip\",\"arg\":\"::1\"}}"), CEDAR_DUPLICATE, NULL},
    {WITH("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\",\"args\":[]}}"), CEDAR_DUPLICATE, NULL},
    {UID("{\"type\":\"U\",\"id\":\"a\",\"type\":\"U\"}"), CEDAR_DUPLICATE, NULL},
    {UID("{\"type\":\"U\",\"id\":\"a\",\"x\":[{\"y\":1,\"y\":1}]}"), CEDAR_DUPLICATE, NULL},
    {WITH("{\"type\":\"U\",\"id\":\"b\"}"), CEDAR_OK, "{\"id\": \"b\", \"type\": \"U\"}"},
    {WITH("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.0/8\"}}"), CEDAR_OK, "ip(\"10.0.0.0/8\")"},
    {WITH("{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"-0.5\"}}"), CEDAR_OK, "decimal(\"-0.5000\")"},
    {WITH("{\"__extn\":{\"fn\":\"duration\",\"args\":[\"1s\"]}}"), CEDAR_OK, "duration(\"1000ms\")"},
    {WITH("{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.2.3\"}}"), CEDAR_BAD_EXTENSION, NULL},
    {WITH("{\"__extn\":{\"fn\":\"no\",\"arg\":\"1\"}}"), CEDAR_BAD_EXTENSION, NULL},
    {WITH("{\"__extn\":{\"fn\":\"contains\",\"arg\":[1]}}"), CEDAR_BAD_EXTENSION, NULL},
    {WITH("{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-01\"}},"
          "{\"__extn\":{\"fn\":\"duration\",\"arg\":\"5ms\"}}]}}"), CEDAR_OK,
     "datetime(\"1970-01-01\").offset(duration(\"5ms\"))"},
};

static void run(const struct row *row) {
    struct cedar_problem problem = {0};
    struct cedar_entities *entities = cedar_entities_new();
    struct cedar_uid uid;
    struct str json = str_from_cstr(row->json);
    bool is_read = cedar_entities_add_json(entities, json, &problem) == 0 &&
        cedar_entities_finish(entities, &problem) == 0;
    is_integer(is_read ? CEDAR_OK : problem.code, row->code, row->json);
    if (row->written != NULL) {
        struct buffer text;
        buffer_init(&text, 4096);
        cedar_uid_init(&uid, STR("U"), STR("a"));
        const struct cedar_value *value = cedar_record_get(cedar_entity_attributes(cedar_entities_find(entities, &uid)),
                                                           STR("x"));
        cedar_value_write(value, &text);
        is_str(buffer_view(&text), str_from_cstr(row->written), "its value");
        buffer_free(&text);
    }
    cedar_entities_free(&entities);
}

static void test_chain(void) {
    struct cedar_entities *entities = cedar_entities_new();
    struct arena arena;
    struct cedar_problem problem;
    arena_init(&arena, 64u << 20);
    const struct cedar_uid *child = cedar_uid_make(&arena, STR("G"), STR("0"));
    for (unsigned i = 1; i <= 2000; i++) {
        const struct cedar_uid *parent = cedar_uid_make(&arena, STR("G"), arena_format(&arena, "%u", i));
        cedar_entity_add_parent(entities, cedar_entities_add(entities, child), parent);
        child = parent;
    }
    ok(cedar_entities_finish(entities, &problem) == 0, "a chain of 2,000 entities");
    struct cedar_uid first;
    cedar_uid_init(&first, STR("G"), STR("0"));
    is_integer(cedar_entity_ancestor_count(cedar_entities_find(entities, &first)), 2000,
               "all are ancestors of the first");
    arena_free(&arena);
    cedar_entities_free(&entities);
}

static void test_requests(void) {
    static const struct {
        const char *json;
        bool is_valid;
    } requests[] = {
        {"{\"principal\":\"U::\\\"a\\\"\",\"action\":{\"type\":\"Action\",\"id\":\"x\"},"
         "\"resource\":{\"__entity\":{\"type\":\"R\",\"id\":\"r\"}},\"context\":{}}", true},
        {"{\"principal\":\"U::\\\"a\\\"\",\"action\":\"Action::\\\"x\\\"\",\"resource\":\"R::\\\"r\\\"\"}", true},
        {"{\"principal\":\"U::\\\"a\\\"\",\"action\":\"Action::\\\"x\\\"\"}", false},
        {"{\"principal\":\"U\",\"action\":\"Action::\\\"x\\\"\",\"resource\":\"R::\\\"r\\\"\"}", false},
        {"{\"principal\":\"U::\\\"a\\\" x\",\"action\":\"Action::\\\"x\\\"\",\"resource\":\"R::\\\"r\\\"\"}", false},
        {"{\"principal\":\"U::\\\"a\\\"\",\"action\":\"Action::\\\"x\\\"\",\"resource\":\"R::\\\"r\\\"\","
         "\"context\":[1]}", false},
        {"{\"principal\":\"U::\\\"a\\\"\",\"action\":\"Action::\\\"x\\\"\",\"resource\":\"R::\\\"r\\\"\","
         "\"context\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}}", false},
    };
    for (size_t i = 0; i < LENGTH_OF(requests); i++) {
        struct arena arena;
        struct cedar_request request;
        struct cedar_problem problem;
        arena_init(&arena, 1u << 20);
        ok((cedar_request_parse(&arena, str_from_cstr(requests[i].json), &request,
                                &problem) == 0) == requests[i].is_valid, requests[i].json);
        arena_free(&arena);
    }
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) run(&rows[i]);
    test_chain();
    test_requests();
    return tap_done();
}
