/* Operators by class, masking twice, JSON documents spliced. */
#include "detect/mask.h"
#include "tests/unit/detect/cases.h"
#include "tests/unit/tap.h"

static struct detector *detector;
static struct detect_scratch *scratch;

static const struct {
    enum mask_operator operator;
    enum data_class class;
    const char *value, *masked;
} values[] = {
    {MASK_REDACT, CLASS_EMAIL, "a@b.io", "[EMAIL]"},
    {MASK_PARTIAL, CLASS_EMAIL, "anna@example.com", "a***@***.com"},
    {MASK_PARTIAL, CLASS_CARD_NUMBER, "4111 1111 1111 1111", "**** **** **** 1111"},
    {MASK_PARTIAL, CLASS_US_SSN, "219-09-9999", "***-**-9999"},
    {MASK_PARTIAL, CLASS_IBAN, "DE89370400440532013000", "DE****************3000"},
    {MASK_PARTIAL, CLASS_PHONE, "+1-212-555-0142", "+*-***-***-*142"},
    {MASK_PARTIAL, CLASS_IP_ADDRESS, "203.0.113.7", "203.0.*.*"},
    {MASK_PARTIAL, CLASS_DATE_OF_BIRTH, "1980-02-03", "1980-**-**"},
    {MASK_PARTIAL, CLASS_PERSON_NAME, "Anna \xc3\x89va", "A*** \xc3\x89***"},
    {MASK_PARTIAL, CLASS_CREDENTIAL, "hunter2", "[CREDENTIAL]"},
    {MASK_NULL, CLASS_EMAIL, "a@b.io", ""},
    {MASK_KEEP, CLASS_EMAIL, "a@b.io", "a@b.io"},
    {MASK_HASH, CLASS_EMAIL, "a@b.io", "<EMAIL:"},
};

static void test_values(void) {
    struct buffer out;
    buffer_init(&out, 1024);
    for (size_t i = 0; i < LENGTH_OF(values); i++) {
        struct mask_policy policy = mask_policy_default();
        policy.key = STR("0123456789abcdef0123456789abcdef");
        policy.operators[values[i].class] = values[i].operator;
        buffer_clear(&out);
        mask_value(&policy, values[i].class, str_from_cstr(values[i].value), &out);
        struct str got = buffer_view(&out);
        if (values[i].operator == MASK_HASH) {
            is_integer(got.length, strlen("<EMAIL:0123456789abcdef>"), "hash: length");
            got.length = strlen("<EMAIL:");
        }
        is_str(got, str_from_cstr(values[i].masked), mask_operator_name(values[i].operator));
    }
    buffer_free(&out);
}

static struct str mask_once(const struct mask_policy *policy, struct str text, struct buffer *out) {
    struct detect_spans spans = {0};
    struct error error;
    CHECK(detect_scan(detector, scratch, text, DETECT_HINT_NONE, &spans, &error) == 0);
    buffer_clear(out);
    mask_text(policy, text, &spans, out, NULL);
    detect_spans_free(&spans);
    return buffer_view(out);
}

/* What is masked is not recognised again, and nothing of the value is left but what `partial` leaves. */
static void test_twice(void) {
    struct buffer once, twice;
    buffer_init(&once, 4096);
    buffer_init(&twice, 4096);
    for (int operator = 0; operator < MASK_OPERATOR_MAX; operator++) {
        struct mask_policy policy = {.key = STR("0123456789abcdef0123456789abcdef")};
        memset(policy.operators, operator, sizeof(policy.operators));
        for (size_t i = 0; i < LENGTH_OF(cases); i++) {
            struct case_text text;
            struct str masked = mask_once(&policy, case_read(&cases[i], &text), &once);
            if (!str_equal(mask_once(&policy, masked, &twice), masked)) {
                is_str(buffer_view(&twice), masked, mask_operator_name((enum mask_operator)operator));
            }
        }
        ok(true, mask_operator_name((enum mask_operator)operator));
    }
    buffer_free(&once);
    buffer_free(&twice);
}

static void test_hash_is_keyed(void) {
    struct buffer out[4];
    struct mask_policy policy = mask_policy_default();
    memset(policy.operators, MASK_HASH, sizeof(policy.operators));
    static const char *const keys[] = {"0123456789abcdef", "0123456789abcdeg", "0123456789abcdef", "short"};
    for (int i = 0; i < 4; i++) {
        buffer_init(&out[i], 256);
        policy.key = str_from_cstr(keys[i]);
        mask_value(&policy, CLASS_EMAIL, STR("a@b.io"), &out[i]);
    }
    ok(!str_equal(buffer_view(&out[0]), buffer_view(&out[1])), "another key, another hash");
    is_str(buffer_view(&out[0]), buffer_view(&out[2]), "the same key, the same hash");
    is_str(buffer_view(&out[3]), STR("[EMAIL]"), "no key of length: redacted");
    for (int i = 0; i < 4; i++) buffer_free(&out[i]);
}

static const struct {
    const char *json, *masked; /* masked NULL: refused */
    unsigned count;
} documents[] = {
    {"{\"a\":1}", "{\"a\":1}", 0},
    {" {\"e\" : \"a@b.io\",\n\"n\":1.50e1 } ", " {\"e\" : \"[EMAIL]\",\n\"n\":1.50e1 } ", 1},
    {"{\"note\":\"say \\\"hi\\\" to a\\u0040b.io \\u00e9\"}", "{\"note\":\"say \\\"hi\\\" to [EMAIL] \xc3\xa9\"}", 1},
    {"{\"date_of_birth\":\"1980-02-03\",\"created\":\"1980-02-03\"}",
     "{\"date_of_birth\":\"[DATE_OF_BIRTH]\",\"created\":\"1980-02-03\"}", 1},
    {"{\"phones\":[\"785 8949\",\"785 8950\"],\"x\":\"785 8949\"}",
     "{\"phones\":[\"[PHONE]\",\"[PHONE]\"],\"x\":\"785 8949\"}", 2},
    {"[4111111111111111,0.4830009440873890]", "[4111111111111111,0.4830009440873890]", 0}, /* no name, no card */
    {"{\"card\":[4111111111111111]}", "{\"card\":[\"************1111\"]}", 1},
    {"{\"a@b.io\":{\"full_name\":\"Anna\"}}", "{\"[EMAIL]\":{\"full_name\":\"[PERSON_NAME]\"}}", 2},
    {"\"a@b.io\"", "\"[EMAIL]\"", 1},
    {"{\"u\":\"\\u00e9\\n\\/\"}", "{\"u\":\"\\u00e9\\n\\/\"}", 0},
    {"{\"a\":", NULL, 0},
    {"{\"u\":\"\\ud800\"}", "{\"u\":\"\\ud800\"}", 0},
    {"{\"\\udfff\":\"\\ud800 x\\uDC00\\ud83d\\ude00\"}", "{\"\\udfff\":\"\\ud800 x\\uDC00\\ud83d\\ude00\"}", 0},
    {"[\"\\ud800 a@b.io\"]", "[\"\xef\xbf\xbd [EMAIL]\"]", 1},
    {"[\"\\udc00a\\u0040b.io\"]", "[\"\xef\xbf\xbd[EMAIL]\"]", 1},
    {"[\"a\\ud8\"]", NULL, 0},
    {"{} x", NULL, 0},
};

static void test_documents(void) {
    struct mask_policy policy = mask_policy_default();
    struct buffer out;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < LENGTH_OF(documents); i++) {
        struct class_counts counts = {0};
        struct error error;
        buffer_clear(&out);
        int result = mask_json(detector, scratch, &policy, DETECT_HINT_NONE, str_from_cstr(documents[i].json), &out,
                               &counts, &error);
        is_integer(result, documents[i].masked != NULL ? 0 : -1, "json: result");
        if (documents[i].masked == NULL) continue;
        is_str(buffer_view(&out), str_from_cstr(documents[i].masked), "json");
        unsigned total = 0;
        for (int class = 0; class < CLASS_MAX; class++) total += counts.count[class];
        is_integer(total, documents[i].count, "json: count");
    }
    memset(policy.operators, MASK_NULL, sizeof(policy.operators));
    struct class_counts counts = {0};
    struct error error;
    buffer_clear(&out);
    struct str json = STR("{\"a@b.io\":\"a@b.io\",\"t\":\"x a@b.io\"}");
    CHECK(mask_json(detector, scratch, &policy, DETECT_HINT_NONE, json, &out, &counts, &error) == 0);
    is_str(buffer_view(&out), STR("{\"\":null,\"t\":\"x \"}"), "json: the null operator");
    buffer_free(&out);
}

static void test_policy(void) {
    struct mask_policy policy = mask_policy_default();
    struct mask_policy plan = mask_policy_reveal(&policy, CLASS_BIT(CLASS_EMAIL));
    is_integer(plan.operators[CLASS_EMAIL], MASK_KEEP, "a revealed class is kept");
    is_integer(plan.operators[CLASS_PHONE], MASK_REDACT, "another is not");
    is_integer(mask_operator_from_name(STR("hash")), MASK_HASH, "operator by name");
    is_integer(mask_operator_from_name(STR("other")), MASK_OPERATOR_MAX, "no such operator");
    is_integer(class_from_name(STR("card_number")), CLASS_CARD_NUMBER, "class by name");
    is_integer(class_from_name(STR("card")), CLASS_NONE, "no such class");
}

int main(void) {
    struct error error;
    detector = detector_new(NULL, &error);
    scratch = detect_scratch_new(detector, &error);
    test_values();
    test_twice();
    test_hash_is_keyed();
    test_documents();
    test_policy();
    detect_scratch_free(&scratch);
    detector_free(&detector);
    return tap_done();
}
