#include "tests/unit/tap.h"

static void test_numbers(void) {
    static const struct { const char *text; bool is_good; int64_t value; } rows[] = {
        {"0", true, 0}, {"-1", true, -1}, {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0}, {"", false, 0}, {"-", false, 0},
        {"+1", false, 0}, {" 1", false, 0}, {"1x", false, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        int64_t value = 0;
        bool is_good = str_parse_i64(str_from_cstr(rows[i].text), &value) == 0;
        ok(is_good == rows[i].is_good && (!is_good || value == rows[i].value), rows[i].text);
    }
    uint64_t large;
    ok(str_parse_u64(STR("18446744073709551615"), &large) == 0 && large == UINT64_MAX, "largest u64");
    ok(str_parse_u64(STR("18446744073709551616"), &large) != 0, "one past the largest u64");
}

static void test_utf8(void) {
    static const struct { const char *bytes; bool is_valid; } rows[] = {
        {"plain ascii text", true}, {"\xc3\xa9", true}, {"\xe2\x82\xac", true}, {"\xf0\x9f\x98\x80", true},
        {"\xc0\x80", false}, {"\xc1\xbf", false}, {"\xe0\x80\x80", false}, {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false}, {"\xf8\x88\x80\x80", false}, {"\x80", false}, {"\xe2\x82", false},
        {"12345678\xff", false}, {"\xf0\x8f\xbf\xbf", false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        ok(utf8_is_valid(str_from_cstr(rows[i].bytes)) == rows[i].is_valid, "utf-8 row");
    }
    for (uint32_t code_point = 0; code_point < 0x110000; code_point += 61) {
        char bytes[4];
        size_t length = utf8_encode(code_point, bytes);
        bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
        size_t offset = 0;
        uint32_t back = 0;
        if (is_surrogate ? length != 0
                         : utf8_decode(str_make(bytes, length), &offset, &back) != 0 || back != code_point) {
            ok(false, "utf-8 round trip");
        }
    }
    is_integer(utf8_count(STR("a\xc3\xa9\xff")), 3, "ill-formed bytes count one each");
}

int main(void) {
    test_numbers();
    test_utf8();
    struct str rest = STR("a,,b");
    struct str part;
    ok(str_split(&rest, ',', &part) && str_equal(part, STR("a")), "first part");
    ok(str_split(&rest, ',', &part) && part.length == 0, "empty part");
    ok(str_split(&rest, ',', &part) && str_equal(part, STR("b")), "last part");
    ok(!str_split(&rest, ',', &part), "no more parts");
    ok(str_compare(STR("ab"), STR("abc")) < 0 && str_compare(STR("b"), STR("abc")) > 0, "order");
    ok(str_equal_ignoring_case(STR("SeLect"), STR("sELECT")), "case folded");
    is_str(str_trim(STR(" \t x y\n")), STR("x y"), "trim");
    ok(str_find(STR("haystack"), STR("st")) == 3 && str_find(STR("x"), STR("xy")) == STR_NOT_FOUND, "find");
    ok(str_starts_with(STR("abc"), STR("ab")) && str_ends_with(STR("abc"), STR("bc")), "both ends");
    ok(str_hash(STR("0123456789")) != str_hash(STR("0123456788")), "hash sees the last byte");
    ok(str_to_cstr(str_make("a\0b", 3)) == NULL, "no C string with a NUL inside");
    return tap_done();
}
