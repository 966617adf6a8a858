/* Parameters as tags: what becomes of each form of JSON, and what is refused. */
#include "model/tags.h"

#include "tests/unit/tap.h"

#define ARENA_BYTES (64u << 20)
#define REFUSED NULL
#define DEEP_16 "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"

static const struct {
    const char *name;
    const char *json;
    const char *tags; /* "name=text;", of a whole number "name=text#integer;" */
} rows[] = {
    {"members", "{\"path\":\"/etc/passwd\",\"force\":true,\"n\":null}", "path=/etc/passwd;force=true;n=null;"},
    {"nested members", "{\"options\":{\"force\":false,\"to\":{\"host\":\"x\"}}}", "options.force=false;options.to.host=x;"},
    {"elements", "{\"items\":[{\"sku\":\"a\"},{\"sku\":\"b\"},7]}", "items.0.sku=a;items.1.sku=b;items.2=7#7;"},
    {"elements of elements", "{\"m\":[[1,2],[3]]}", "m.0.0=1#1;m.0.1=2#2;m.1.0=3#3;"},
    {"a member behind a container", "{\"a\":{\"b\":[1]},\"c\":2}", "a.b.0=1#1;c=2#2;"},
    {"whole numbers", "{\"a\":0,\"b\":-12,\"c\":9223372036854775807}",
     "a=0#0;b=-12#-12;c=9223372036854775807#9223372036854775807;"},
    {"a whole number as text", "{\"amount\":\"501\"}", "amount=501#501;"},
    {"numbers that are not whole", "{\"a\":1.5,\"b\":1e3,\"c\":9223372036854775808}", "a=1.5;b=1e3;c=9223372036854775808;"},
    {"escapes", "{\"p\\u0061th\":\"\\u002fetc\\/x\"}", "path=/etc/x;"},
    {"text beyond ASCII", "{\"a\":\"\\u00e9\\ud83d\\ude00\"}", "a=\xc3\xa9\xf0\x9f\x98\x80;"},
    {"white space", " { \"a\" : [ 1 , 2 ] } ", "a.0=1#1;a.1=2#2;"},
    {"empty containers", "{\"a\":{},\"b\":[]}", ""},
    {"an empty document", "{}", ""},
    {"a scalar", "\"x\"", "value=x;"},
    {"an array", "[1,\"b\"]", "0=1#1;1=b;"},
    {"the same twice", "{\"a\":1,\"a\":1}", "a=1#1;"},
    {"two of one name", "{\"a\":1,\"a\":2}", REFUSED},
    {"two of one name by an escape", "{\"a\":1,\"\\u0061\":2}", REFUSED},
    {"two of one path", "{\"a\":{\"b\":1},\"a.b\":2}", REFUSED},
    {"two of one path in an array", "{\"a\":[1],\"a.0\":2}", REFUSED},
    {"as deep as can be", DEEP_16, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0=1#1;"},
    {"too deep", "[" DEEP_16 "]", REFUSED},
    {"no JSON", "{\"a\":}", REFUSED},
    {"half of it", "{\"a\":1", REFUSED},
    {"two documents", "{} {}", REFUSED},
    {"nothing", "", REFUSED},
};

static void render(const struct attribute_tags *tags, struct buffer *out) {
    for (size_t i = 0; i < tags->count; i++) {
        const struct attribute_tag *tag = &tags->items[i];
        buffer_append_format(out, "%.*s=%.*s", STR_ARGS(tag->name), STR_ARGS(tag->text));
        if (tag->is_integer) buffer_append_format(out, "#%lld", (long long)tag->integer);
        buffer_append_byte(out, ';');
    }
}

static void check_row(size_t i) {
    struct arena arena;
    struct buffer text;
    struct attribute_tags tags = {0};
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&text, 10000);
    int got = attribute_tags_from_json(&tags, &arena, str_from_cstr(rows[i].json));
    is_integer(got, rows[i].tags == REFUSED ? -1 : 0, rows[i].name);
    render(&tags, &text);
    if (rows[i].tags != REFUSED) is_str(buffer_view(&text), str_from_cstr(rows[i].tags), rows[i].name);
    buffer_free(&text);
    arena_free(&arena);
}

static int flatten_many(size_t count, size_t *tag_count) {
    struct arena arena;
    struct buffer json;
    struct attribute_tags tags = {0};
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&json, 1u << 20);
    buffer_append_byte(&json, '[');
    for (size_t i = 0; i < count; i++) buffer_append_cstr(&json, i == 0 ? "1" : ",1");
    buffer_append_byte(&json, ']');
    int result = attribute_tags_from_json(&tags, &arena, buffer_view(&json));
    *tag_count = tags.count;
    buffer_free(&json);
    arena_free(&arena);
    return result;
}

static void check_limits(void) {
    size_t count;
    is_integer(flatten_many(ATTRIBUTE_TAGS_MAX, &count), 0, "as many as can be");
    is_integer(count, ATTRIBUTE_TAGS_MAX, "all of them");
    is_integer(flatten_many(ATTRIBUTE_TAGS_MAX + 1, &count), -1, "one too many");
    struct arena small;
    struct attribute_tags tags = {0};
    arena_init(&small, 512);
    is_integer(attribute_tags_from_json(&tags, &small, STR("{\"a\":1,\"b\":2,\"c\":3}")), -1, "the arena is full");
    arena_free(&small);
}

static void check_digest(void) {
    const struct attribute_tag ab = {.name = {"a", 1}, .text = {"b", 1}};
    const struct attribute_tag split = {.name = {"ab", 2}, .text = {"", 0}};
    struct sha256 wanted = sha256_of(STR("a\0b\0"));
    struct sha256 got = attribute_tags_digest(&ab, 1);
    ok(sha256_equal(&got, &wanted), "name NUL text NUL");
    got = attribute_tags_digest(&split, 1);
    ok(!sha256_equal(&got, &wanted), "what is name and what is text matters");
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(i);
    check_limits();
    check_digest();
    return tap_done();
}
