/* What reaches a terminal: every kind of character that could drive it, reorder it or hide in it is shown instead. */
#include "base/print_safe.h"
#include "tests/unit/tap.h"

static const struct {
    struct str text;
    struct str safe;
    const char *name;
} rows[] = {
    {STR("plain, with\n\ta tab"), STR("plain, with\n\ta tab"), "text, line feed and tab pass"},
    {STR("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xe6\x97\xa5"),
     STR("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xe6\x97\xa5"),
     "letters of any script pass"},
    {STR("\x1b[2J"), STR("\\u001b[2J"), "ESC"},
    {STR("\x1b]0;owned\x07"), STR("\\u001b]0;owned\\u0007"), "OSC and BEL"},
    {STR("a\rb\x08"), STR("a\\u000db\\u0008"), "carriage return and backspace"},
    {STR("\0\x7f"), STR("\\u0000\\u007f"), "NUL and DEL"},
    {STR("\xc2\x9b" "31m"), STR("\\u009b31m"), "C1: CSI in one character"},
    {STR("\xc2\x85\xc2\x90"), STR("\\u0085\\u0090"), "C1: NEL and DCS"},
    {STR("\x9b" "31m"), STR("\\x9b31m"), "CSI as a bare byte, which is not UTF-8"},
    {STR("ev\xe2\x80\xaegnp"), STR("ev\\u202egnp"), "right-to-left override"},
    {STR("\xe2\x81\xa6x\xe2\x81\xa9\xd8\x9c"), STR("\\u2066x\\u2069\\u061c"), "isolates and the Arabic mark"},
    {STR("pay\xe2\x80\x8bload"), STR("pay\\u200bload"), "zero-width space"},
    {STR("\xef\xbb\xbfx\xc2\xad\xe2\x81\xa0"), STR("\\ufeffx\\u00ad\\u2060"), "byte order mark, soft hyphen, word joiner"},
    {STR("\xe2\x80\xa8\xe2\x80\xa9"), STR("\\u2028\\u2029"), "separators that end a line elsewhere"},
    {STR("\xf3\xa0\x81\x81"), STR("\\udb40\\udc41"), "a tag character, as a pair"},
    {STR("\xe3\x85\xa4"), STR("\\u3164"), "a filler that looks like nothing"},
    {STR("\xff\xc0\xaf\xed\xa0\x80"), STR("\\xff\\xc0\\xaf\\xed\\xa0\\x80"), "bytes, overlong and surrogate"},
    {STR("x\xe2\x80"), STR("x\\xe2\\x80"), "the end in the midst of a character"},
};

/* Cut anywhere, the parts give what the whole gives. */
static void check_parts(struct str text, struct str safe, const char *name) {
    bool is_same = true;
    for (size_t cut = 0; cut <= text.length; cut++) {
        struct buffer out;
        buffer_init(&out, 4096);
        size_t taken = print_safe_append_part(&out, str_slice(text, 0, cut));
        is_same = is_same && cut - taken < PRINT_SAFE_CHARACTER_BYTES;
        print_safe_append(&out, str_slice(text, taken, text.length));
        is_same = is_same && str_equal(buffer_view(&out), safe);
        buffer_free(&out);
    }
    ok(is_same, name);
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer out;
        buffer_init(&out, 4096);
        print_safe_append(&out, rows[i].text);
        is_str(buffer_view(&out), rows[i].safe, rows[i].name);
        buffer_clear(&out);
        print_safe_append(&out, rows[i].safe);
        is_str(buffer_view(&out), rows[i].safe, "what is safe stays as it is");
        buffer_free(&out);
        check_parts(rows[i].text, rows[i].safe, "in two parts as in one");
    }
    return tap_done();
}
