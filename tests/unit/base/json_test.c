#include "base/json.h"
#include "tests/unit/tap.h"

static struct buffer out;

static void test_writer(void) {
    struct json_writer writer;
    buffer_clear(&out);
    json_writer_init(&writer, &out);
    json_begin_object(&writer);
    json_member_bool(&writer, STR("a"), true);
    json_key(&writer, STR("b"));
    json_begin_array(&writer);
    json_write_integer(&writer, -1);
    json_write_string(&writer, STR("\"\\\b\t\n\x0b\x1f/\x7f\xc3\xa9\xff"));
    json_write_null(&writer);
    json_begin_object(&writer);
    json_end_object(&writer);
    json_write_raw(&writer, STR("[]"));
    json_end_array(&writer);
    json_member_integer(&writer, STR("c"), 9007199254740992);
    json_end_object(&writer);
    is_str(buffer_view(&out),
           STR("{\"a\":true,\"b\":[-1,\"\\\"\\\\\\b\\t\\n\\u000b\\u001f/\x7f\xc3\xa9\xef\xbf\xbd\",null,{},[]],"
               "\"c\":9007199254740992}"),
           "canonical form");
}

static bool is_json(struct str text) {
    struct json_scanner scanner;
    struct str raw;
    json_scanner_init(&scanner, text);
    for (;;) {
        enum json_token event = json_next(&scanner, &raw);
        if (event == JSON_TOKEN_END) return true;
        if (event == JSON_TOKEN_BAD) return false;
    }
}

static void test_scanner(void) {
    static const struct { const char *text; bool is_good; } rows[] = {
        {"{}", true}, {" [ ] ", true}, {"[1,2]", true}, {"{\"a\":{\"b\":[]}}", true}, {"\"x\"", true}, {"-0.5e+3", true},
        {"null", true}, {"\"\\u00e9\\/\"", true}, {"[[],{}]", true},
        {"", false}, {"{", false}, {"[1,]", false}, {"{\"a\":1,}", false}, {"{,}", false}, {"[,1]", false},
        {"{\"a\"}", false}, {"{a:1}", false}, {"01", false}, {"1.", false}, {".5", false}, {"+1", false}, {"1e", false},
        {"[1 2]", false}, {"{} {}", false}, {"\"\n\"", false}, {"\"\\x\"", false}, {"\"\\u12\"", false}, {"nul", false},
        {"\"\xff\"", false}, {"[}", false}, {"{]", false}, {"tru e", false}, {"\"open", false}, {"'x'", false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        ok(is_json(str_from_cstr(rows[i].text)) == rows[i].is_good, rows[i].text);
    }
    char deep[2 * JSON_DEPTH_MAX + 2];
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    ok(is_json(str_make(deep + 1, 2 * JSON_DEPTH_MAX)), "the deepest that is allowed");
    ok(!is_json(str_make(deep, sizeof(deep))), "one deeper");
}

/* Strings are looked at eight bytes at a time: each byte, at each place of a word. */
static void test_each_byte(void) {
    bool is_right = true;
    for (size_t at = 0; at < 20; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[32] = "\"aaaaaaaaaaaaaaaaaaaaaaaa\"";
            text[1 + at] = (char)byte;
            bool is_good = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            is_right = is_right && is_json(str_make(text, 26)) == is_good;
            buffer_clear(&out);
            json_append_quoted(&out, str_make(text + 1, 24));
            is_right = is_right && str_equal(buffer_view(&out), str_make(text, 26)) == is_good;
            is_right = is_right && is_json(buffer_view(&out));
        }
    }
    ok(is_right, "each byte at each place");
}

static void test_unescape(void) {
    static const struct { const char *raw; const char *decoded; } rows[] = {
        {"a\\n\\\"\\\\\\/", "a\n\"\\/"}, {"\\u0041\\u00e9\\ud83d\\ude00", "A\xc3\xa9\xf0\x9f\x98\x80"},
        {"\\ud83d", NULL}, {"\\ude00", NULL}, {"\\ud83dx", NULL}, {"\\ud83d\\u0041", NULL}, {"\\", NULL}, {"\\u00", NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        buffer_clear(&out);
        bool is_good = json_unescape(str_from_cstr(rows[i].raw), &out) == 0;
        ok(is_good == (rows[i].decoded != NULL), rows[i].raw);
        if (is_good) is_str(buffer_view(&out), str_from_cstr(rows[i].decoded), "decoded");
    }
    static const struct { const char *raw; const char *decoded; } lossy[] = {
        {"\\ud83d", "\xef\xbf\xbd"}, {"\\ude00a", "\xef\xbf\xbd" "a"}, {"\\ud83d\\u0041", "\xef\xbf\xbd" "A"},
        {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"}, {"\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\u00e9", "\xc3\xa9"}, {"\\ud83", NULL}, {"\\x", NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(lossy); i++) {
        buffer_clear(&out);
        bool is_good = json_unescape_lossy(str_from_cstr(lossy[i].raw), &out) == 0;
        ok(is_good == (lossy[i].decoded != NULL), lossy[i].raw);
        if (is_good) is_str(buffer_view(&out), str_from_cstr(lossy[i].decoded), "decoded with replacement");
    }
}

int main(void) {
    buffer_init(&out, 65536);
    test_writer();
    test_scanner();
    test_each_byte();
    test_unescape();
    buffer_free(&out);
    return tap_done();
}
