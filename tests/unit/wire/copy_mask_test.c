/* COPY masking: the three formats as PostgreSQL 15 sends them, and the same output wherever the stream is cut. */
#include "wire/postgres/copy_mask.h"

#include "tests/unit/tap.h"
#include "tests/unit/wire/canary_plan.h"

#define OUT_BYTES_MAX 65536
#define SIGNATURE "PGCOPY\n\377\r\n\0"

static const struct row_mask_column customers[] = {
    {.name = {"id", 2}, .type_oid = 23},
    {.name = {"secret", 6}, .type_oid = 25},
    {.name = {"note", 4}, .type_oid = 25},
    {.name = {"number", 6}, .type_oid = 1700},
};

#define LITERAL(text) {text, sizeof(text) - 1}

static const struct stream_case {
    const char *name;
    enum copy_mask_format format;
    const char *signs; /* delimiter, quote, escape; NULL: the defaults */
    const char *null_text;
    bool has_header;
    size_t column_count;
    struct str sent;
    struct str wanted;
} stream_cases[] = {
    {"text", COPY_MASK_TEXT, NULL, NULL, false, 4,
     LITERAL("1\tAna\thi CANARY-123\t4111111111111111\n2\t\\N\ttab\\tnl\\nback\\\\ CANARY-123\t1\n"
             "3\t\tsay \"CANARY-123\", ok\t\\N\n"),
     LITERAL("1\t[was canary]\thi [was canary]\t\\N\n2\t\\N\ttab\\tnl\\nback\\\\ [was canary]\t1\n"
             "3\t\tsay \"[was canary]\", ok\t\\N\n")},
    {"text, own signs", COPY_MASK_TEXT, "|\"\"", "nil", false, 4,
     LITERAL("1|Ana|hi CANARY-123|4111111111111111\n2|nil|a\\|b CANARY-123|1\n"),
     LITERAL("1|[was canary]|hi [was canary]|nil\n2|nil|a\\|b [was canary]|1\n")},
    {"text, nothing known", COPY_MASK_TEXT, NULL, NULL, false, 0,
     LITERAL("1\tAna\tCANARY\\055123\tCANARY\\x2d123\t{a,CANARY-123}\n\\.\n"),
     LITERAL("1\tAna\t[was canary]\t[was canary]\t{a,\"[was canary]\"}\n\\.\n")},
    {"text, names from the header", COPY_MASK_TEXT, NULL, NULL, true, 0, LITERAL("id\tsecret\n1\tAna\n"),
     LITERAL("id\tsecret\n1\t[was canary]\n")},
    {"text, a last line without an end", COPY_MASK_TEXT, NULL, NULL, false, 4, LITERAL("1\tAna\tCANARY-123"),
     LITERAL("1\t[was canary]\t[was canary]")},
    {"text, CR LF", COPY_MASK_TEXT, NULL, NULL, false, 0, LITERAL("a\tCANARY-123\r\n"),
     LITERAL("a\t[was canary]\r\n")},
    {"csv", COPY_MASK_CSV, NULL, NULL, true, 4,
     LITERAL("id,secret,note,n\n1,Ana,hi CANARY-123,4111111111111111\n2,,\"tab\tnl\nback\\ CANARY-123\",1\n"
             "3,\"\",\"say \"\"CANARY-123\"\", ok\",\n"),
     LITERAL("id,secret,note,n\n1,\"[was canary]\",\"hi [was canary]\",\n2,,\"tab\tnl\nback\\ [was canary]\",1\n"
             "3,\"\",\"say \"\"[was canary]\"\", ok\",\n")},
    {"csv, own signs", COPY_MASK_CSV, ",'\\", NULL, false, 4,
     LITERAL("'1','Ana','hi CANARY-123','4111111111111111'\n'2',,'tab\tnl\nback\\\\ it\\'s CANARY-123','1'\n"),
     LITERAL("'1','[was canary]','hi [was canary]',\n'2',,'tab\tnl\nback\\\\ it\\'s [was canary]','1'\n")},
    {"csv, quotes in the middle", COPY_MASK_CSV, NULL, NULL, false, 0, LITERAL("a\"\nb,\"c,CANARY\"-123\"\n"),
     LITERAL("a\"\nb,\"c,\"[was canary]\"\n")},
    {"csv, names from the header", COPY_MASK_CSV, NULL, NULL, true, 0, LITERAL("id,\"secret\"\n1,Ana\n"),
     LITERAL("id,\"secret\"\n1,\"[was canary]\"\n")},
    {"binary", COPY_MASK_BINARY, NULL, NULL, false, 4,
     LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0"
             "\0\4\0\0\0\4\0\0\0\1\0\0\0\3Ana\0\0\0\15hi CANARY-123\0\0\0\20\0\4\0\3\0\0\0\0\20\17\4W\4W\4W"
             "\0\4\0\0\0\4\0\0\0\2\377\377\377\377\0\0\0\1a\377\377\377\377\377\377"),
     LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0"
             "\0\4\0\0\0\4\0\0\0\1\0\0\0\14[was canary]\0\0\0\17hi [was canary]\377\377\377\377"
             "\0\4\0\0\0\4\0\0\0\2\377\377\377\377\0\0\0\1a\377\377\377\377\377\377")},
    {"binary, an extension and nothing known", COPY_MASK_BINARY, NULL, NULL, false, 0,
     LITERAL(SIGNATURE "\0\0\0\1\0\0\0\3ext\0\1\0\0\0\12CANARY-123\377\377"),
     LITERAL(SIGNATURE "\0\0\0\1\0\0\0\3ext\0\1\0\0\0\14[was canary]\377\377")},
};

static struct copy_mask_options make_options(const struct stream_case *test) {
    struct copy_mask_options options = copy_mask_options_default(test->format);
    if (test->signs != NULL) {
        options.delimiter = test->signs[0];
        options.quote = test->signs[1];
        options.escape = test->signs[2];
    }
    if (test->null_text != NULL) options.null_text = str_from_cstr(test->null_text);
    options.has_header = test->has_header;
    options.columns = customers;
    options.column_count = test->column_count;
    return options;
}

/* Feeds the stream in pieces that end at `first`, then each `step` bytes; 0, or -1 when it was refused. */
static int run(const struct copy_mask_options *options, struct str sent, size_t first, size_t step,
               struct buffer *out) {
    struct class_counts masked = {0}, revealed = {0};
    struct error error;
    struct copy_mask *mask = copy_mask_new(options, &canary_plan);
    int status = mask != NULL ? 0 : -1;
    for (size_t at = 0, next = first; status == 0 && at < sent.length; at = next, next += step) {
        if (next > sent.length) next = sent.length;
        char *piece = malloc(next - at + 1); /* of its own, so that reading past it is seen */
        memcpy(piece, sent.data + at, next - at);
        status = copy_mask_feed(mask, str_make(piece, next - at), out, &masked, &revealed, &error);
        free(piece);
    }
    if (status == 0) status = copy_mask_finish(mask, out, &masked, &revealed, &error);
    copy_mask_free(&mask);
    return status;
}

static void test_stream(const struct stream_case *test) {
    struct copy_mask_options options = make_options(test);
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    is_integer(run(&options, test->sent, test->sent.length, 1, &out), 0, test->name);
    is_str(buffer_view(&out), test->wanted, test->name);
    bool is_same = true;
    for (size_t cut = 1; cut <= test->sent.length; cut++) {
        for (int way = 0; way < 2; way++) {
            buffer_clear(&out);
            if (run(&options, test->sent, cut, way == 0 ? test->sent.length : cut, &out) != 0) is_same = false;
            if (!str_equal(buffer_view(&out), test->wanted)) is_same = false;
        }
    }
    ok(is_same, "any cut gives the same output");
    ok(!has_canary(buffer_view(&out)), "no canary in the output");
    buffer_free(&out);
}

static const struct refused_case {
    const char *name;
    enum copy_mask_format format;
    struct str sent;
} refused_cases[] = {
    {"text, a row too long", COPY_MASK_TEXT,
     LITERAL("0123456789012345678901234567890123456789012345678901234567890123\n")},
    {"text, a long row without an end", COPY_MASK_TEXT,
     LITERAL("01234567890123456789012345678901234567890123456789012345678901234")},
    {"binary, no signature", COPY_MASK_BINARY, LITERAL("1\tCANARY-123\n")},
    {"binary, critical flags", COPY_MASK_BINARY, LITERAL(SIGNATURE "\0\1\0\0\0\0\0\0")},
    {"binary, length -2", COPY_MASK_BINARY, LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0\0\1\377\377\377\376")},
    {"binary, length of 2 GiB", COPY_MASK_BINARY, LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0\0\1\177\377\377\377")},
    {"binary, too many fields", COPY_MASK_BINARY, LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0\77\377\0\0\0\0")},
    {"binary, fields differ", COPY_MASK_BINARY,
     LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0\0\1\0\0\0\1a\0\2\0\0\0\1a\0\0\0\1b")},
    {"binary, ends within a row", COPY_MASK_BINARY, LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0\0\1\0\0\0\4a")},
    {"binary, rows behind the trailer", COPY_MASK_BINARY,
     LITERAL(SIGNATURE "\0\0\0\0\0\0\0\0\377\377\0\1\0\0\0\1a")},
};

static void test_refused(const struct refused_case *test) {
    struct copy_mask_options options = copy_mask_options_default(test->format);
    struct buffer out;
    bool is_refused = true;
    options.row_bytes_max = 64;
    buffer_init(&out, OUT_BYTES_MAX);
    for (size_t cut = 1; cut <= test->sent.length; cut++) {
        if (run(&options, test->sent, cut, cut, &out) == 0) is_refused = false;
    }
    ok(is_refused, test->name);
    ok(!has_canary(buffer_view(&out)), "no canary in the output");
    buffer_free(&out);
}

static void test_after_failure(void) {
    struct copy_mask_options options = copy_mask_options_default(COPY_MASK_TEXT);
    struct copy_mask *mask = copy_mask_new(&options, &canary_plan);
    struct class_counts counts = {0};
    struct error error;
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    is_integer(copy_mask_inspect(mask, STR("FAIL-ME\nCANARY-123"), &counts, &error), -1, "refused when it comes in");
    is_integer(copy_mask_feed(mask, STR("\nplain\n"), &out, &counts, &counts, &error), -1, "and nothing follows");
    is_integer(copy_mask_finish(mask, &out, &counts, &counts, &error), -1, "not even the end");
    is_integer((int64_t)buffer_length(&out), 0, "nothing was sent");
    buffer_free(&out);
    copy_mask_free(&mask);
    ok(mask == NULL, "freed");
    copy_mask_free(&mask);
}

static void test_inspect(void) {
    struct copy_mask_options options = copy_mask_options_default(COPY_MASK_CSV);
    struct copy_mask *mask = copy_mask_new(&options, &canary_plan);
    struct class_counts found = {0};
    struct error error;
    int status = copy_mask_inspect(mask, STR("a,\"CANARY"), &found, &error);
    status |= copy_mask_inspect(mask, STR("-123\"\nREVEALED,b\nlast,CANARY-1"), &found, &error);
    status |= copy_mask_inspect(mask, STR("23"), &found, &error);
    status |= copy_mask_inspect_finish(mask, &found, &error);
    is_integer(status, 0, "inspected");
    is_integer(found.count[CANARY_CLASS], 2, "masked is counted");
    is_integer(found.count[REVEALED_CLASS], 1, "revealed is counted");
    copy_mask_free(&mask);
}

static void test_revealing(void) {
    struct copy_mask_options options = copy_mask_options_default(COPY_MASK_TEXT);
    struct copy_mask *mask = copy_mask_new(&options, &canary_plan_revealing);
    struct class_counts counts = {0};
    struct error error;
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    is_integer(copy_mask_feed(mask, STR("half a CANA"), &out, &counts, &counts, &error), 0, "revealing all");
    is_str(buffer_view(&out), STR("half a CANA"), "goes on at once");
    copy_mask_free(&mask);
    mask = copy_mask_new(&options, &canary_plan);
    buffer_clear(&out);
    is_integer(copy_mask_feed(mask, STR("a\tFAIL-ME\nb\n"), &out, &counts, &counts, &error), 0, "goes on when it goes out");
    is_str(buffer_view(&out), STR("a\t\\N\nb\n"), "without the value that could not be read");
    buffer_free(&out);
    copy_mask_free(&mask);
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(stream_cases); i++) test_stream(&stream_cases[i]);
    for (size_t i = 0; i < LENGTH_OF(refused_cases); i++) test_refused(&refused_cases[i]);
    test_after_failure();
    test_inspect();
    test_revealing();
    return tap_done();
}
