/* Values that one text of a request shows and another holds: what the upstream gets of both. And folding, by itself. */
#include "guard/fold.h"
#include "tests/unit/guard/lane_world.h"
#include "tests/unit/tap.h"

#define TEXTS_MAX 6
#define IBAN "DE89 3704 0044 0532 0130 00"

static struct lane_world world;

/* Texts that begin with "{" or "[" are documents, those with "!" names. "#1": the name of the first value. */
static const struct {
    const char *name;
    const char *texts[TEXTS_MAX];
    const char *wanted[TEXTS_MAX];
} rows[] = {
    {"nothing more", {"I am ana@example.org", "and well"}, {"I am <EMAIL_#1>", "and well"}},
    {"percent-encoded", {"I am ana@example.org", "q=ana%40example.org&x"}, {"I am <EMAIL_#1>", "q=<EMAIL_#2>&x"}},
    {"twice", {"I am ana@example.org", "q=ana%2540example%2Eorg."}, {"I am <EMAIL_#1>", "q=<EMAIL_#2>."}},
    {"HTML", {"ana&#64;example&period;org", "I am ana@example.org"}, {"<EMAIL_#2>", "I am <EMAIL_#1>"}},
    {"entities of entities", {"ana&amp;#x40;example.org", "I am ana@example.org"}, {"<EMAIL_#2>", "I am <EMAIL_#1>"}},
    {"spaced", {"I am ana@example.org", "a n a @ example . org"}, {"I am <EMAIL_#1>", "<EMAIL_#2>"}},
    {"an equal form", {"I am ana@example.org", "\xef\xbd\x81na\xef\xbc\xa0" "example.org, an\xf0\x9d\x90\x9a@example.org"},
     {"I am <EMAIL_#1>", "<EMAIL_#2>, <EMAIL_#3>"}},
    {"no width", {"I am ana@example.org", "ana\xe2\x80\x8b@exam\xc2\xadple.org"}, {"I am <EMAIL_#1>", "<EMAIL_#2>"}},
    {"in a document", {"I am ana@example.org", "{\"a\": \"ana\\u0040example.org\", \"b\": \"ana%40example.org\"}"},
     {"I am <EMAIL_#1>", "{\"a\": \"<EMAIL_#1>\", \"b\": \"<EMAIL_#2>\"}"}},
    {"in a key", {"I am ana@example.org", "{\"ana%40example.org\": 1}"}, {"I am <EMAIL_#1>", "{\"<EMAIL_#2>\": 1}"}},
    {"in two parts", {"I am ana@example.org", "ana@exam", "ple.org it is"}, {"I am <EMAIL_#1>", "<EMAIL_#1>", " it is"}},
    {"in three", {"ana@example.org", "write to ana@", "example", ".org!"},
     {"<EMAIL_#1>", "write to <EMAIL_#1>", "\xe2\x81\xa0", "!"}},
    {"with names between", {"ana@example.org", "!text", "ana@exam", "!text", "ple.org"},
     {"<EMAIL_#1>", "!text", "<EMAIL_#1>", "!text", "\xe2\x81\xa0"}},
    {"in parts, encoded", {"ana@example.org", "ana%40exam", " ple.org"}, {"<EMAIL_#1>", "<EMAIL_#1>", " "}},
    {"no parts of documents", {"ana@example.org", "[\"ana@exam\", \"ple.org\"]"},
     {"<EMAIL_#1>", "[\"ana@exam\", \"ple.org\"]"}},
    {"a name, by the word before it", {"{\"full_name\": \"Maria Keller\"}", "ask MARIA  KELLER, or Maria Kellers"},
     {"{\"full_name\": \"<PERSON_NAME_#1>\"}", "ask <PERSON_NAME_#2>, or Maria Kellers"}},
    {"a number that stood in a document", {"{\"passport_number\": \"C01X00T47\"}", "passed c01x00t47."},
     {"{\"passport_number\": \"<PASSPORT_#1>\"}", "passed <PASSPORT_#2>."}},
    {"as a number", {"{\"tax_id\": \"86095742719\"}", "{\"n\": 86095742719, \"m\": 860957427190}"},
     {"{\"tax_id\": \"<DE_TAX_ID_#1>\"}", "{\"n\": \"<DE_TAX_ID_#1>\", \"m\": 860957427190}"}},
    {"a short one is no search", {"{\"first_name\": \"May\"}", "in May"},
     {"{\"first_name\": \"<PERSON_NAME_#1>\"}", "in May"}},
    {"within a word", {"I am ana@example.org", "xana%40example.org ana%40example.organic"},
     {"I am <EMAIL_#1>", "xana%40example.org ana%40example.organic"}},
};

static enum mask_shape shape_of(const char *text) {
    return *text == '{' || *text == '[' ? MASK_JSON : *text == '!' ? MASK_NAME : MASK_TEXT;
}

static void walk(const char *const texts[TEXTS_MAX], struct buffer outs[TEXTS_MAX]) {
    const struct mask_plan *plan = world.plans->request;
    int again;
    plan->begin(plan);
    do {
        for (size_t i = 0; i < TEXTS_MAX && texts[i] != NULL; i++) {
            buffer_clear(&outs[i]);
            CHECK(lane_world_ask(&world, shape_of(texts[i]), str_from_cstr(texts[i]), &outs[i]) != MASK_FAILED);
        }
        again = plan->settle(plan);
    } while (again > 0);
    CHECK(again == 0);
}

static void test_rows(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer outs[TEXTS_MAX], wanted;
        buffer_init(&wanted, 1 << 20);
        for (size_t j = 0; j < TEXTS_MAX; j++) buffer_init(&outs[j], 1 << 20);
        lane_world_plan(&world, CLASS_SET_ALL, 0);
        walk(rows[i].texts, outs);
        for (size_t j = 0; j < TEXTS_MAX && rows[i].wanted[j] != NULL; j++) {
            buffer_clear(&wanted);
            lane_world_expand(&world, rows[i].wanted[j], &wanted);
            is_str(buffer_view(&outs[j]).data != NULL ? buffer_view(&outs[j]) : STR(""),
                   buffer_view(&wanted).data != NULL ? buffer_view(&wanted) : STR(""), rows[i].name);
        }
        for (size_t j = 0; j < TEXTS_MAX; j++) buffer_free(&outs[j]);
        buffer_free(&wanted);
    }
}

/* What comes back is what was written, encoded or not. */
static void test_the_way_back(void) {
    static const char *const texts[TEXTS_MAX] = {"I am ana@example.org", "q=ana%40example.org, or ana&#64;example.org"};
    struct buffer outs[TEXTS_MAX], back;
    buffer_init(&back, 1 << 20);
    for (size_t j = 0; j < TEXTS_MAX; j++) buffer_init(&outs[j], 1 << 20);
    lane_world_plan(&world, CLASS_SET_ALL, 0);
    walk(texts, outs);
    const struct mask_plan *plan = world.plans->answer;
    CHECK(plan->value(plan, (struct mask_field){0}, MASK_TEXT, buffer_view(&outs[1]), &back, &world.masked,
                      &world.revealed) == MASK_CHANGED);
    is_str(buffer_view(&back), str_from_cstr(texts[1]), "each spelling comes back as it was");
    for (size_t j = 0; j < TEXTS_MAX; j++) buffer_free(&outs[j]);
    buffer_free(&back);
}

static const struct {
    const char *text;
    const char *folded;
} folds[] = {
    {"Ana@Example.ORG", "ana@example.org"},
    {"4111-1111 1111.1111", "4111111111111111"},
    {"+49 (30) 90 18-20", "+4930901820"},
    {"a-b.c/d", "a-b.c/d"},
    {"1-a", "1-a"},
    {"%c3%a9%C3%89 \xc3\xa9 e\xcc\x81", "eeee"},
    {"\xef\xac\x83 \xc3\x9f", "ffiss"},
    {"\\u0041\\x42\\n\\_\\\\u0043", "ab_c"},
    {"\\ud835\\udc00", "a"},
    {"%zz &nothing; &#; 100%", "%zz&nothing;&#;100%"},
    {"\xd0\x9f\xd1\x80", "\xd0\xbf\xd1\x80"},
    {"\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd"},
    {"\xf0\x9f\xa6\x8a", "\xf0\x9f\xa6\x8a"},
    {"", ""},
};

static void test_folds(void) {
    for (size_t i = 0; i < LENGTH_OF(folds); i++) {
        struct buffer out, places;
        struct str text = str_from_cstr(folds[i].text);
        buffer_init(&out, 1 << 20);
        buffer_init(&places, 1 << 20);
        buffer_append_str(&out, STR("")); /* never nothing */
        fold_append(text, &out, &places);
        is_str(buffer_length(&out) > 0 ? buffer_view(&out) : STR(""), str_from_cstr(folds[i].folded), folds[i].text);
        bool is_good = buffer_length(&places) == buffer_length(&out) * sizeof(struct fold_place);
        const struct fold_place *place = (const void *)buffer_view(&places).data;
        for (size_t j = 0; j < buffer_length(&out) && is_good; j++) {
            is_good = place[j].start < place[j].end && place[j].end <= text.length &&
                      (j == 0 || place[j - 1].start <= place[j].start);
        }
        ok(is_good, "each byte has its place");
        buffer_free(&out);
        buffer_free(&places);
    }
}

int main(void) {
    lane_world_begin(&world);
    test_rows();
    test_the_way_back();
    test_folds();
    lane_world_end(&world);
    return tap_done();
}
