#include "base/json_read.h"
#include "tests/unit/tap.h"

struct thing {
    struct str name;
    int64_t number;
    bool is_set;
    struct str raw;
    const struct str *names;
    size_t name_count;
    const struct str *values;
    size_t value_count;
};

static bool read_thing(const char *text, struct arena *arena, struct thing *thing) {
    struct json_reader reader;
    struct str key;
    *thing = (struct thing){.number = 0};
    json_reader_init(&reader, str_from_cstr(text), arena);
    json_read_object(&reader);
    while (json_read_member(&reader, &key)) {
        if (str_equal(key, STR("name"))) thing->name = json_read_string(&reader);
        else if (str_equal(key, STR("number"))) thing->number = json_read_integer(&reader);
        else if (str_equal(key, STR("is_set"))) thing->is_set = json_read_bool(&reader);
        else if (str_equal(key, STR("raw"))) thing->raw = json_read_raw(&reader);
        else if (str_equal(key, STR("names"))) thing->names = json_read_strings(&reader, &thing->name_count);
        else if (str_equal(key, STR("values"))) thing->values = json_read_array(&reader, &thing->value_count);
        else json_skip(&reader);
    }
    return json_reader_is_good(&reader);
}

static void check_values(void) {
    struct arena arena;
    struct thing thing;
    arena_init(&arena, 1 << 20);
    ok(read_thing("{\"skip\":[{\"name\":\"x\"},[1]],\"name\":\"a\\\"\\u00e9\",\"number\":-7,\"is_set\":true,"
                  "\"raw\": {\"a\":[1,{}]} ,\"names\":[],\"values\":[1,\"s\",{\"b\":2},[3,[4]],null]}",
                  &arena, &thing), "an object of every type");
    is_str(thing.name, STR("a\"\xc3\xa9"), "a string, unescaped");
    is_integer(thing.number, -7, "an integer");
    ok(thing.is_set, "a boolean");
    is_str(thing.raw, STR("{\"a\":[1,{}]}"), "raw bytes");
    is_integer(thing.name_count, 0, "an empty array");
    is_integer(thing.value_count, 5, "an array of anything");
    is_str(thing.values[1], STR("\"s\""), "its string");
    is_str(thing.values[2], STR("{\"b\":2}"), "its object");
    is_str(thing.values[3], STR("[3,[4]]"), "its array");
    ok(read_thing("{\"names\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"\\u0039\"]}", &arena, &thing),
       "nine strings");
    is_integer(thing.name_count, 9, "are nine");
    is_str(thing.names[8], STR("9"), "the last, unescaped");
    is_str(thing.names[3], STR("4"), "the fourth");
    arena_free(&arena);
}

static void check_bad(void) {
    static const char *const texts[] = {
        "", "[]", "{", "{\"name\":", "{\"name\":1}", "{\"number\":\"1\"}", "{\"number\":1.5}", "{\"is_set\":0}",
        "{\"names\":[1]}", "{\"names\":[\"a\"", "{\"values\":[}", "{\"raw\":}", "{\"name\":\"a\"]", "{\"raw\":{\"a\":[}}",
        "{\"number\":99999999999999999999}"};
    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        struct arena arena;
        struct thing thing;
        arena_init(&arena, 1 << 20);
        ok(!read_thing(texts[i], &arena, &thing), texts[i]);
        arena_free(&arena);
    }
    struct arena small;
    struct thing thing;
    arena_init(&small, 16);
    ok(!read_thing("{\"names\":[\"1\",\"2\"]}", &small, &thing), "a full arena");
    arena_free(&small);
}

int main(void) {
    check_values();
    check_bad();
    return tap_done();
}
