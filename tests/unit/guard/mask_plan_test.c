#include "guard/mask_plan.h"

#include "tests/unit/guard/mask_operators.h"
#include "tests/unit/tap.h"

#define EMAIL CLASS_BIT(CLASS_EMAIL)
#define CARD CLASS_BIT(CLASS_CARD_NUMBER)

static const struct {
    const char *name;
    class_set reveal;
    const char *field;
    enum mask_shape shape;
    const char *value;
    enum mask_result result;
    const char *wanted; /* NULL: only `absent` must not be there */
    const char *absent;
    enum data_class class; /* that is counted */
    uint32_t masked;
    uint32_t revealed;
} rows[] = {
    {"nothing in it", 0, "note", MASK_TEXT, "all is well", MASK_UNCHANGED, "", NULL, CLASS_EMAIL, 0, 0},
    {"empty", 0, "email", MASK_TEXT, "", MASK_UNCHANGED, "", NULL, CLASS_EMAIL, 0, 0},
    {"an email", 0, "email", MASK_TEXT, "ana@example.com", MASK_CHANGED, "[EMAIL]", NULL, CLASS_EMAIL, 1, 0},
    {"an email, revealed", EMAIL, "email", MASK_TEXT, "ana@example.com", MASK_UNCHANGED, "", NULL, CLASS_EMAIL, 0, 1},
    {"two emails in a text", 0, "note", MASK_TEXT, "ask ana@example.com or bob@example.com", MASK_CHANGED,
     "ask [EMAIL] or [EMAIL]", NULL, CLASS_EMAIL, 2, 0},
    {"one class revealed, the other masked", EMAIL, "note", MASK_TEXT, "ana@example.com pays with 4111111111111111",
     MASK_CHANGED, NULL, "4111111111111111", CLASS_EMAIL, 0, 1},
    {"of which the other counts as masked", EMAIL, "note", MASK_TEXT, "ana@example.com pays with 4111111111111111",
     MASK_CHANGED, NULL, "4111111111111111", CLASS_CARD_NUMBER, 1, 0},
    {"both revealed", EMAIL | CARD, "note", MASK_TEXT, "ana@example.com pays with 4111111111111111", MASK_UNCHANGED, "",
     NULL, CLASS_CARD_NUMBER, 0, 1},
    {"by the column's name", 0, "date_of_birth", MASK_TEXT, "1980-02-29", MASK_CHANGED, "[DATE_OF_BIRTH]", NULL,
     CLASS_DATE_OF_BIRTH, 1, 0},
    {"without that name", 0, "created", MASK_TEXT, "1980-02-29", MASK_UNCHANGED, "", NULL, CLASS_DATE_OF_BIRTH, 0, 0},
    {"an SSN whose operator is null", 0, "ssn", MASK_TEXT, "123-45-6789", MASK_DROPPED, "", NULL, CLASS_US_SSN, 1, 0},
    {"an IBAN whose operator is keep", 0, "iban", MASK_TEXT, "DE89370400440532013000", MASK_UNCHANGED, "", NULL,
     CLASS_IBAN, 0, 0},
    {"JSON", 0, "data", MASK_JSON, "{\"a\": [1, \"ana@example.com\"],  \"n\": 2.50}", MASK_CHANGED,
     "{\"a\": [1, \"[EMAIL]\"],  \"n\": 2.50}", NULL, CLASS_EMAIL, 1, 0},
    {"JSON, revealed", EMAIL, "data", MASK_JSON, "{\"a\": \"ana@example.com\"}", MASK_UNCHANGED, "", NULL, CLASS_EMAIL,
     0, 1},
    {"JSON with nothing in it", 0, "data", MASK_JSON, "{\"a\": [true, null]}", MASK_UNCHANGED, "", NULL, CLASS_EMAIL, 0,
     0},
    {"JSON, by key", 0, "data", MASK_JSON, "{\"date_of_birth\": \"1980-02-29\"}", MASK_CHANGED,
     "{\"date_of_birth\": \"[DATE_OF_BIRTH]\"}", NULL, CLASS_DATE_OF_BIRTH, 1, 0},
    {"JSON, by the column's name", 0, "date_of_birth", MASK_JSON, "\"1980-02-29\"", MASK_CHANGED, "\"[DATE_OF_BIRTH]\"",
     NULL, CLASS_DATE_OF_BIRTH, 1, 0},
    {"a JSON array, by the column's name", 0, "date_of_birth", MASK_JSON, "[\"1980-02-29\", 7]", MASK_CHANGED, NULL,
     "1980-02-29", CLASS_DATE_OF_BIRTH, 1, 0},
    {"JSON, by the column's name, revealed", CLASS_BIT(CLASS_DATE_OF_BIRTH), "date_of_birth", MASK_JSON,
     "\"1980-02-29\"",
     MASK_UNCHANGED, "", NULL, CLASS_DATE_OF_BIRTH, 0, 1},
    {"JSON, by what the column's name is evidence of", 0, "tax_id", MASK_JSON, "\"86095742719\"", MASK_CHANGED,
     "\"[DE_TAX_ID]\"", NULL, CLASS_DE_TAX_ID, 1, 0},
    {"JSON, by a name that is evidence of something else too", 0, "address", MASK_JSON, "\"17 Zimtstern Lane\"",
     MASK_CHANGED, "\"[ADDRESS]\"", NULL, CLASS_ADDRESS, 1, 0},
    {"JSON that is none", 0, "data", MASK_JSON, "{\"a\": ", MASK_FAILED, NULL, NULL, CLASS_EMAIL, 0, 0},
    {"JSON that breaks out of its wrapping", 0, "date_of_birth", MASK_JSON, "1},{\"a\":2", MASK_FAILED, NULL, NULL,
     CLASS_EMAIL, 0, 0},
};

static void check_row(struct mask_worker *worker, const struct mask_policy *operators, size_t i) {
    struct arena arena;
    arena_init(&arena, 65536);
    const struct mask_plan *plan = mask_plan_new(&arena, worker, operators, rows[i].reveal);
    struct class_counts masked = {{0}};
    struct class_counts revealed = {{0}};
    struct buffer out;
    buffer_init(&out, 65536);
    buffer_append_cstr(&out, "before:");
    struct mask_field field = plan->field(plan, str_from_cstr(rows[i].field));
    enum mask_result result = plan->value(plan, field, rows[i].shape, str_from_cstr(rows[i].value), &out, &masked,
                                          &revealed);
    is_integer(result, rows[i].result, rows[i].name);
    struct str got = str_slice(buffer_view(&out), 7, SIZE_MAX);
    ok(str_starts_with(buffer_view(&out), STR("before:")), "what was there stays");
    if (rows[i].wanted != NULL) is_str(got, str_from_cstr(rows[i].wanted), "what goes on");
    if (rows[i].absent != NULL) ok(str_find(got, str_from_cstr(rows[i].absent)) == STR_NOT_FOUND, "the value is gone");
    is_integer(masked.count[rows[i].class], rows[i].masked, "masked");
    is_integer(revealed.count[rows[i].class], rows[i].revealed, "revealed");
    buffer_free(&out);
    arena_free(&arena);
}

/* A field that several names speak for: a value is of the class that it can be of. */
static void check_joined_names(struct arena *arena, struct mask_worker *worker, const struct mask_policy *operators) {
    static const char *const values[] = {"1980-02-29", "Wilhelmine Abendroth"};
    static const char *const masked[] = {"[DATE_OF_BIRTH]", "[PERSON_NAME]"};
    const struct mask_plan *plan = mask_plan_new(arena, worker, operators, CLASS_BIT(CLASS_DATE_OF_BIRTH));
    struct class_counts hidden = {{0}}, shown = {{0}};
    struct buffer out;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < 2 * LENGTH_OF(values); i++) {
        if (i == LENGTH_OF(values)) plan = mask_plan_new(arena, worker, operators, 0);
        struct str value = str_from_cstr(values[i % LENGTH_OF(values)]);
        struct mask_field field = {.hint = plan->field(plan, STR("full_name")).hint |
                                           plan->field(plan, STR("date_of_birth")).hint};
        bool is_shown = i == 0;
        buffer_clear(&out);
        enum mask_result result = plan->value(plan, field, MASK_TEXT, value, &out, &hidden, &shown);
        is_integer(result, is_shown ? MASK_UNCHANGED : MASK_CHANGED, "several names");
        is_str(buffer_view(&out), str_from_cstr(is_shown ? "" : masked[i % LENGTH_OF(values)]),
               "  is masked as what it can be");
    }
    buffer_free(&out);
}

static void check_inspect(struct mask_worker *worker) {
    struct error error = {0};
    struct class_counts counts = {{0}};
    struct mask_field none = mask_field_of_name(worker, STR("x"));
    is_integer(mask_inspect(worker, none, MASK_TEXT, STR("ana@example.com"), &counts, &error), 0, "inspect a text");
    is_integer(mask_inspect(worker, none, MASK_JSON, STR("[\"bob@example.com\"]"), &counts, &error), 0, "JSON");
    is_integer(mask_inspect(worker, none, MASK_JSON, STR("{\"bad\": zoe@example.com"), &counts, &error), 0, "no JSON");
    is_integer(counts.count[CLASS_EMAIL], 3, "all are counted");
    struct mask_field birth = mask_field_of_name(worker, STR("date_of_birth"));
    is_integer(mask_inspect(worker, birth, MASK_TEXT, STR("1980-02-29"), &counts, &error), 0, "by name");
    is_integer(counts.count[CLASS_DATE_OF_BIRTH], 1, "is counted");
}

int main(void) {
    struct error error = {0};
    struct detector *detector = detector_new(NULL, &error);
    CHECK(detector != NULL);
    struct mask_worker *worker = mask_worker_new(detector, &error);
    CHECK(worker != NULL);
    struct arena arena;
    arena_init(&arena, 65536);
    const struct mask_policy *operators = test_operators(&arena);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(worker, operators, i);
    check_joined_names(&arena, worker, operators);
    check_inspect(worker);
    ok(mask_plan_new(&arena, worker, operators, CLASS_SET_ALL)->reveals_all,
       "every class revealed: no value is looked at");
    ok(!mask_plan_new(&arena, worker, operators, CLASS_SET_ALL & ~EMAIL)->reveals_all, "but one: they are");
    struct arena tiny;
    arena_init(&tiny, 8);
    ok(mask_plan_new(&tiny, worker, operators, EMAIL) == NULL, "no room, no plan");
    arena_free(&tiny);
    arena_free(&arena);
    mask_worker_free(&worker);
    detector_free(&detector);
    return tap_done();
}
