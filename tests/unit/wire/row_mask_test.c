/* DataRow masking: every type as PostgreSQL sends it, in both formats, and rows that are not what they say. */
#include "wire/postgres/row_mask.h"

#include "tests/unit/tap.h"
#include "tests/unit/wire/canary_plan.h"

#define OUT_BYTES_MAX 65536

struct value_case {
    const char *name;
    const char *column;
    uint32_t type_oid;
    const char *sent[2];   /* text, binary */
    const char *wanted[2];
};

static const struct value_case value_cases[] = {
#define VALUE(name, column, oid, text, binary, masked_text, masked_binary) \
    {name, column, oid, {text, binary}, {masked_text, masked_binary}},
#include "tests/unit/wire/postgres_values.def"
#undef VALUE
};

static struct arena arena;
static struct buffer body, out, wanted;
static struct class_counts masked, revealed;

static void reset(void) {
    arena_reset(&arena);
    buffer_clear(&body);
    buffer_clear(&out);
    buffer_clear(&wanted);
    masked = revealed = (struct class_counts){0};
}

static unsigned hex_digit(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* A field from hexadecimal; "-" is NULL. */
static void append_hex_field(struct buffer *row, const char *hex) {
    if (strcmp(hex, "-") == 0) {
        buffer_append_u32be(row, UINT32_MAX);
        return;
    }
    buffer_append_u32be(row, (uint32_t)(strlen(hex) / 2));
    for (; *hex != '\0'; hex += 2) buffer_append_byte(row, (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
}

static void append_text_field(struct buffer *row, struct str text) {
    buffer_append_u32be(row, (uint32_t)text.length);
    buffer_append_str(row, text);
}

static enum mask_result apply_one(uint32_t type_oid, const char *column, uint16_t format) {
    struct row_mask_column columns[3] = {
        {.name = STR("before"), .type_oid = 25},
        {.name = str_from_cstr(column), .type_oid = type_oid, .format = format},
        {.name = STR("after"), .type_oid = 25},
    };
    struct row_mask *mask = row_mask_new(&arena, &canary_plan, columns, 3);
    return row_mask_apply(mask, buffer_view(&body), &out, &masked, &revealed);
}

static void test_value(const struct value_case *test, uint16_t format) {
    char name[96];
    snprintf(name, sizeof(name), "%s, %s", test->name, format == 0 ? "text" : "binary");
    reset();
    for (int row = 0; row < 2; row++) {
        struct buffer *target = row == 0 ? &body : &wanted;
        buffer_append_u16be(target, 3);
        append_text_field(target, STR("plain"));
        append_hex_field(target, row == 0 ? test->sent[format] : test->wanted[format]);
        append_text_field(target, STR("behind"));
    }
    bool changes = strcmp(test->sent[format], test->wanted[format]) != 0;
    enum mask_result result = apply_one(test->type_oid, test->column, format);
    is_integer(result, changes ? MASK_CHANGED : MASK_UNCHANGED, name);
    if (changes) is_str(buffer_view(&out), buffer_view(&wanted), name);
    ok(changes == (masked.count[CANARY_CLASS] > 0), "counted");
    ok(!has_canary(buffer_view(&out)), "no canary in the output");
    if (!changes) ok(buffer_length(&out) == 0, "nothing appended");
}

/* One text column. */
static enum mask_result apply_text(uint32_t type_oid, struct str value) {
    reset();
    buffer_append_u16be(&body, 3);
    append_text_field(&body, STR(""));
    append_text_field(&body, value);
    append_text_field(&body, STR(""));
    return apply_one(type_oid, "c", 0);
}

static const struct text_case {
    const char *name;
    uint32_t type_oid;
    struct str sent;
    enum mask_result wanted;
} text_cases[] = {
    {"plan fails", 25, {"FAIL-ME", 7}, MASK_CHANGED},
    {"plan fails in an array", 1009, {"{a,FAIL-ME}", 11}, MASK_CHANGED},
    {"plan fails in a record", 2249, {"(a,FAIL-ME)", 11}, MASK_CHANGED},
    {"plan says NULL", 25, {"NULL-ME", 7}, MASK_CHANGED},
    {"open array", 1009, {"{a,b", 4}, MASK_CHANGED},
    {"text behind an array", 1009, {"{a}b", 4}, MASK_CHANGED},
    {"seven dimensions", 1009, {"{{{{{{{a}}}}}}}", 15}, MASK_CHANGED},
    {"six dimensions", 1009, {"{{{{{{a}}}}}}", 13}, MASK_UNCHANGED},
    {"open quote", 1009, {"{\"a}", 4}, MASK_CHANGED},
    {"no array of an unknown type", 16400, {"{CANARY-123", 11}, MASK_CHANGED},
    {"deeply nested records", 16400, {"(\"(\"\"(CANARY-123)\"\")\")", 22}, MASK_CHANGED},
    {"open record", 2249, {"(a", 2}, MASK_CHANGED},
    {"bytea, odd hex", 17, {"\\x123", 5}, MASK_CHANGED},
    {"bytea, no hex", 17, {"\\xzz", 4}, MASK_CHANGED},
    {"bytea, escape format", 17, {"CANARY\\055123\\\\", 15}, MASK_CHANGED},
    {"bytea, broken escape", 17, {"a\\05", 4}, MASK_CHANGED},
    {"float with an exponent", 701, {"4.111111111111111e+15", 21}, MASK_UNCHANGED},
    {"hstore as text", 16401, {"\"a\"=>\"CANARY-123\"", 17}, MASK_CHANGED},
    {"nothing in it", 25, {"plain", 5}, MASK_UNCHANGED},
};

static void test_texts(void) {
    for (size_t i = 0; i < LENGTH_OF(text_cases); i++) {
        const struct text_case *test = &text_cases[i];
        is_integer(apply_text(test->type_oid, test->sent), test->wanted, test->name);
        ok(!has_canary(buffer_view(&out)), "no canary in the output");
        ok(test->wanted == MASK_CHANGED || buffer_length(&out) == 0, "nothing appended unless changed");
    }
}

static const struct row_case {
    const char *name;
    struct str body;
    enum mask_result wanted;
} row_cases[] = {
    {"empty body", {"", 0}, MASK_FAILED},
    {"half a count", {"\0", 1}, MASK_FAILED},
    {"too few columns", {"\0\1\0\0\0\1a", 7}, MASK_FAILED},
    {"too many columns", {"\0\3\0\0\0\1a\0\0\0\1a\0\0\0\1a", 17}, MASK_FAILED},
    {"no length", {"\0\2\0\0\0\1a\0\0", 9}, MASK_FAILED},
    {"length -2", {"\0\2\0\0\0\1a\377\377\377\376", 11}, MASK_FAILED},
    {"length past the end", {"\0\2\0\0\0\1a\0\0\0\2b", 12}, MASK_FAILED},
    {"length of 2 GiB", {"\0\2\0\0\0\1a\177\377\377\377b", 12}, MASK_FAILED},
    {"bytes behind the row", {"\0\2\0\0\0\1a\0\0\0\1bc", 13}, MASK_FAILED},
    {"masked, then broken", {"\0\2\0\0\0\12CANARY-123\0\0\0\2b", 21}, MASK_FAILED},
    {"all NULL", {"\0\2\377\377\377\377\377\377\377\377", 10}, MASK_UNCHANGED},
    {"both empty", {"\0\2\0\0\0\0\0\0\0\0", 10}, MASK_UNCHANGED},
};

static void test_rows(void) {
    struct row_mask_column columns[2] = {{.name = STR("a"), .type_oid = 25}, {.name = STR("b"), .type_oid = 25}};
    for (size_t i = 0; i < LENGTH_OF(row_cases); i++) {
        reset();
        buffer_append_cstr(&out, "kept");
        struct row_mask *mask = row_mask_new(&arena, &canary_plan, columns, 2);
        is_integer(row_mask_apply(mask, row_cases[i].body, &out, &masked, &revealed), row_cases[i].wanted,
                   row_cases[i].name);
        is_str(buffer_view(&out), STR("kept"), "out is as it was");
    }
}

/* Broken and cut forms of every binary value must fail or mask, never show the canary, never read outside. */
static void test_cut_values(void) {
    bool is_safe = true;
    for (size_t i = 0; i < LENGTH_OF(value_cases); i++) {
        const char *hex = value_cases[i].sent[1];
        size_t length = strlen(hex) / 2;
        for (size_t cut = 0; cut < length; cut++) {
            char part[1024];
            snprintf(part, sizeof(part), "%.*s", (int)(2 * cut), hex);
            reset();
            buffer_append_u16be(&body, 3);
            append_text_field(&body, STR("CANARY-123"));
            append_hex_field(&body, part);
            append_text_field(&body, STR(""));
            enum mask_result result = apply_one(value_cases[i].type_oid, "c", 1);
            if (result == MASK_DROPPED || result == MASK_UNCHANGED || has_canary(buffer_view(&out))) is_safe = false;
        }
    }
    ok(is_safe, "cut values never leak");
}

static void test_columns(void) {
    struct str others[2] = {STR("x"), STR("secret")};
    struct row_mask_column columns[2] = {
        {.name = STR("id"), .type_oid = 23},
        {.name = STR("flag"), .type_oid = 16, .format = 1},
    };
    reset();
    ok(row_mask_is_noop(row_mask_new(&arena, &canary_plan, columns, 2)), "int4 and bool hold nothing");
    columns[1].origin = STR("secret");
    ok(!row_mask_is_noop(row_mask_new(&arena, &canary_plan, columns, 2)), "a hint of the origin");
    columns[1].origin = STR_NONE;
    columns[0].referenced = others;
    columns[0].referenced_count = 2;
    ok(!row_mask_is_noop(row_mask_new(&arena, &canary_plan, columns, 2)), "a hint of a referenced name");
    ok(row_mask_is_noop(row_mask_new(&arena, &canary_plan_revealing, columns, 2)), "a plan that reveals all");
    columns[1].format = 2;
    ok(row_mask_new(&arena, &canary_plan, columns, 2) == NULL, "an unknown format");
}

/* What an array reveals is counted once, though its elements and the whole are looked at. */
static void test_counts(void) {
    is_integer(apply_text(1009, STR("{a,REVEALED}")), MASK_UNCHANGED, "revealed in an array");
    is_integer(revealed.count[REVEALED_CLASS], 1, "revealed is counted once");
    is_integer(apply_text(1009, STR("{CANARY-123,CANARY-123}")), MASK_CHANGED, "masked twice in an array");
    is_integer(masked.count[CANARY_CLASS], 2, "masked is counted twice");
}

/* In bytes of no known form, the low byte of a length may look like the first byte of the text behind it. */
static void test_length_byte(void) {
    reset();
    struct str value = STR("\1\0\0\0\0\0\0\0\0\0\0\12CANARY-123\377");
    buffer_append_u16be(&body, 3);
    append_text_field(&body, STR(""));
    append_text_field(&body, value);
    append_text_field(&body, STR(""));
    is_integer(apply_one(16400, "c", 1), MASK_CHANGED, "unknown bytes with a text in them");
    ok(!has_canary(buffer_view(&out)), "become NULL");
}

/* A field of a row type is judged by its own name, its neighbours are not; so it is in an array of rows, and below it. */
static void test_fields(void) {
    static const struct {
        const char *sent;
        const char *wanted;
    } rows[] = {
        {"(1,plain,words)", "(1,\"[was canary]\",words)"},
        {"(1,,words)", NULL},
        {"(1,\"(a,b)\",words)", "(1,\"(\"\"[was canary]\"\",\"\"[was canary]\"\")\",words)"},
        {"{\"(1,plain,words)\",\"(2,,x)\"}", "{\"(1,\\\"[was canary]\\\",words)\",\"(2,,x)\"}"},
    };
    struct row_mask_column fields[] = {{.name = STR("a")}, {.name = STR("secret")}, {.name = STR("b")}};
    struct row_mask_column column = {.name = STR("t"), .type_oid = 16400, .fields = fields, .field_count = 3};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        reset();
        buffer_append_u16be(&body, 1);
        append_text_field(&body, str_from_cstr(rows[i].sent));
        struct row_mask *mask = row_mask_new(&arena, &canary_plan, &column, 1);
        enum mask_result result = row_mask_apply(mask, buffer_view(&body), &out, &masked, &revealed);
        is_integer(result, rows[i].wanted != NULL ? MASK_CHANGED : MASK_UNCHANGED, rows[i].sent);
        if (rows[i].wanted == NULL) continue;
        buffer_append_u16be(&wanted, 1);
        append_text_field(&wanted, str_from_cstr(rows[i].wanted));
        is_str(buffer_view(&out), buffer_view(&wanted), rows[i].sent);
    }
}

/* An output cap that is reached is doubt. */
static void test_cap(void) {
    struct buffer small;
    struct row_mask_column column = {.name = STR("a"), .type_oid = 25};
    reset();
    buffer_init(&small, 20);
    buffer_append_u16be(&body, 1);
    append_text_field(&body, STR("CANARY-123 and more than fits"));
    struct row_mask *mask = row_mask_new(&arena, &canary_plan, &column, 1);
    is_integer(row_mask_apply(mask, buffer_view(&body), &small, &masked, &revealed), MASK_FAILED, "out of room");
    buffer_free(&small);
}

int main(void) {
    arena_init(&arena, 1u << 20);
    buffer_init(&body, OUT_BYTES_MAX);
    buffer_init(&out, OUT_BYTES_MAX);
    buffer_init(&wanted, OUT_BYTES_MAX);
    for (size_t i = 0; i < LENGTH_OF(value_cases); i++) {
        test_value(&value_cases[i], 0);
        test_value(&value_cases[i], 1);
    }
    test_texts();
    test_rows();
    test_cut_values();
    test_columns();
    test_counts();
    test_length_byte();
    test_fields();
    test_cap();
    arena_free(&arena);
    buffer_free(&body);
    buffer_free(&out);
    buffer_free(&wanted);
    return tap_done();
}
