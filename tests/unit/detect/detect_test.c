/* Every class: what is found and what is left alone; field names; limits. */
#include "detect/detect.h"

#include "detect/jsonl.h"
#include "tests/unit/detect/cases.h"
#include "tests/unit/tap.h"

static struct detector *detector;
static struct detect_scratch *scratch;

static void test_cases(void) {
    struct detect_spans spans = {0};
    struct error error;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct case_text expected;
        struct str text = case_read(&cases[i], &expected);
        bool is_right = detect_scan(detector, scratch, text, DETECT_HINT_NONE, &spans, &error) == 0 &&
                        spans.count == expected.span_count;
        for (size_t j = 0; is_right && j < spans.count; j++) {
            const struct detect_span *span = &spans.items[j];
            is_right = span->start == expected.starts[j] && span->end == expected.ends[j] &&
                       span->class == cases[i].class;
        }
        if (ok(is_right, cases[i].class == CLASS_NONE ? "left alone" : class_name(cases[i].class))) continue;
        printf("# in [%.*s]\n", STR_ARGS(text));
        for (size_t j = 0; j < spans.count; j++) {
            printf("# got %zu..%zu %s %s\n", spans.items[j].start, spans.items[j].end,
                   class_name(spans.items[j].class), spans.items[j].rule);
        }
    }
    detect_spans_free(&spans);
}

static const struct {
    const char *name;
    enum data_class class;
} names[] = {
    {"email", CLASS_EMAIL},           {"customerEmail", CLASS_EMAIL},      {"E-Mail", CLASS_EMAIL},
    {"email_address", CLASS_EMAIL},   {"home_phone2", CLASS_PHONE},        {"PhoneNumber", CLASS_PHONE},
    {"dateOfBirth", CLASS_DATE_OF_BIRTH}, {"DOB", CLASS_DATE_OF_BIRTH},    {"full_name", CLASS_PERSON_NAME},
    {"lastName", CLASS_PERSON_NAME},  {"billing_address", CLASS_ADDRESS},  {"ip_address", CLASS_IP_ADDRESS},
    {"SSN", CLASS_US_SSN},            {"card", CLASS_CARD_NUMBER},         {"client_secret", CLASS_CREDENTIAL},
    {"product_name", CLASS_NONE},     {"status", CLASS_NONE},              {"", CLASS_NONE},
    {"gift_card", CLASS_NONE},        {"emailed_at", CLASS_NONE},          {"id", CLASS_NONE},
};

static void test_names(void) {
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        is_integer(detect_hint_from_name(detector, str_from_cstr(names[i].name)).class, names[i].class, names[i].name);
    }
}

static const struct {
    const char *name, *value;
    enum data_class class; /* of the whole value; CLASS_NONE: nothing */
} fields[] = {
    {"date_of_birth", "1980-02-03", CLASS_DATE_OF_BIRTH}, {"date_of_birth", "unknown", CLASS_NONE},
    {"full_name", "Anna Berg", CLASS_PERSON_NAME},        {"full_name", "42", CLASS_NONE},
    {"street_address", "1 High St", CLASS_ADDRESS},       {"phone", "785 8949", CLASS_PHONE},
    {"phone", "n/a", CLASS_NONE},                         {"ssn", "219099999", CLASS_US_SSN},
    {"password", "hunter2", CLASS_CREDENTIAL},            {"password", "null", CLASS_NONE},
    {"email", "[EMAIL]", CLASS_NONE},                     {"full_name", "[PERSON_NAME]", CLASS_NONE},
    {"imei", "490154203237518", CLASS_NONE},              {"order_id", "4111111111111111", CLASS_NONE},
    {"note", "4111111111111111", CLASS_CARD_NUMBER},      {"created_at", "1700000123", CLASS_NONE},
    {"item", "paid by 4111111111111111", CLASS_CARD_NUMBER}, {"item", "4111 1111 1111 1111", CLASS_CARD_NUMBER},
    {"reference", "order 4111111111111111", CLASS_NONE},
};

static void test_fields(void) {
    struct detect_spans spans = {0};
    struct error error;
    for (size_t i = 0; i < LENGTH_OF(fields); i++) {
        struct detect_hint hint = detect_hint_from_name(detector, str_from_cstr(fields[i].name));
        struct str value = str_from_cstr(fields[i].value);
        bool is_right = detect_scan(detector, scratch, value, hint, &spans, &error) == 0;
        if (fields[i].class == CLASS_NONE) is_right = is_right && spans.count == 0;
        else is_right = is_right && spans.count == 1 && spans.items[0].class == fields[i].class &&
                        spans.items[0].end == value.length;
        ok(is_right, fields[i].name);
    }
    detect_spans_free(&spans);
}

static void test_class_selection(void) {
    struct error error;
    struct detector_options options = {.classes = CLASS_BIT(CLASS_EMAIL)};
    struct detector *only = detector_new(&options, &error);
    struct detect_scratch *own = detect_scratch_new(only, &error);
    struct detect_spans spans = {0};
    ok(detect_scan(only, own, STR("a@b.io 4111111111111111"), DETECT_HINT_NONE, &spans, &error) == 0 &&
           spans.count == 1 && spans.items[0].class == CLASS_EMAIL,
       "a detector looks only for the classes it was made for");
    detect_spans_free(&spans);
    detect_scratch_free(&own);
    detector_free(&only);
}

static void check_jsonl(const char *in, const char *wanted, int wanted_result, const char *wanted_error) {
    struct error error = {0};
    char *bytes = NULL;
    size_t length = 0;
    char input[512];
    snprintf(input, sizeof(input), "%s", in);
    FILE *source = fmemopen(input, strlen(input), "r");
    FILE *sink = open_memstream(&bytes, &length);
    is_integer(detect_jsonl(detector, source, sink, &error), wanted_result, "jsonl: result");
    fclose(source);
    fclose(sink);
    is_str(str_make(bytes, length), str_from_cstr(wanted), "jsonl: output");
    size_t found = wanted_error != NULL ? str_find(str_from_cstr(error.text), str_from_cstr(wanted_error)) : 0;
    ok(found != STR_NOT_FOUND, "jsonl: the error names the line");
    free(bytes);
}

static void test_jsonl(void) {
    check_jsonl("{\"id\": \"x\\u0041\", \"text\": \"\\u00e9\\ud83d\\ude00 a@b.io\"}\n\n"
                "{\"text\":\"\",\"extra\":{\"id\":[1]},\"id\":7}\n",
                "{\"id\":\"x\\u0041\",\"spans\":[[3,9,\"email\",95]]}\n{\"id\":7,\"spans\":[]}\n", 0, NULL);
    check_jsonl("{\"id\":1,\"text\":\"a\"}\n{\"id\":2}\n", "{\"id\":1,\"spans\":[]}\n", -1, "line 2");
    check_jsonl("{\"id\":true,\"text\":\"a\"}\n", "", -1, "line 1");
}

int main(void) {
    struct error error;
    detector = detector_new(NULL, &error);
    scratch = detect_scratch_new(detector, &error);
    test_cases();
    test_names();
    test_fields();
    test_class_selection();
    test_jsonl();
    detect_scratch_free(&scratch);
    detector_free(&detector);
    return tap_done();
}
