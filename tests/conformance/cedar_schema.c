/* cedar-schema DIR CASES: for each `NAME.cedarschema.json` below DIR, the text form is
 * CASES/corpus-tests/NAME.cedarschema. The text must translate to that JSON, the JSON to itself, and the JSON to
 * text and back to a JSON of the same meaning. Ends with "N passed, M failed", where each of the three counts one. */
#include "cedar/cedar.h"
#include "tests/conformance/cases.h"
#include "tests/conformance/json_canonical.h"

#define OUT_BYTES_MAX ((size_t)64 << 20)
#define FAILURES_SHOWN 20

struct totals {
    const char *cases;
    size_t passed, failed;
};

/* Translates, and compares with what is wanted (canonical). */
static void expect(struct totals *totals, const char *path, const char *what, struct str text,
                   enum cedar_schema_format from, struct str wanted) {
    struct buffer json, canonical;
    struct cedar_problem problem = {.text = "another meaning"};
    buffer_init(&json, OUT_BYTES_MAX);
    buffer_init(&canonical, OUT_BYTES_MAX);
    bool has_passed = cedar_schema_translate(text, from, CEDAR_SCHEMA_JSON, &json, &problem) == 0;
    if (has_passed) json_canonical(buffer_view(&json), &canonical);
    has_passed = has_passed && str_equal(buffer_view(&canonical), wanted);
    if (has_passed) totals->passed++;
    else if (totals->failed++ < FAILURES_SHOWN) {
        printf("%s: %s: %s\n  got    %.*s\n  wanted %.*s\n", path, what, problem.text,
               STR_ARGS(buffer_view(&canonical)),
               STR_ARGS(wanted));
    }
    buffer_free(&json);
    buffer_free(&canonical);
}

static void run_schema(const char *path, struct str name, void *state) {
    struct totals *totals = state;
    struct buffer wanted, written;
    struct cedar_problem problem;
    char text_path[4096];
    if (!str_ends_with(name, STR(".cedarschema.json"))) return;
    snprintf(text_path, sizeof(text_path), "%s/corpus-tests/%.*s", totals->cases, (int)(name.length - strlen(".json")),
             name.data);
    struct str json = file_read(path), text = file_read(text_path);
    buffer_init(&wanted, OUT_BYTES_MAX);
    buffer_init(&written, OUT_BYTES_MAX);
    if (json.data == NULL || text.data == NULL) {
        printf("%s: cannot be read\n", text_path);
        totals->failed++;
    } else {
        json_canonical(json, &wanted);
        expect(totals, path, "text to JSON", text, CEDAR_SCHEMA_TEXT, buffer_view(&wanted));
        expect(totals, path, "JSON to JSON", json, CEDAR_SCHEMA_JSON, buffer_view(&wanted));
        int status = cedar_schema_translate(json, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_TEXT, &written, &problem);
        expect(totals, path, "JSON to text and back", status == 0 ? buffer_view(&written) : STR("?"), CEDAR_SCHEMA_TEXT,
               buffer_view(&wanted));
    }
    buffer_free(&wanted);
    buffer_free(&written);
    file_forget(json);
    file_forget(text);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: cedar-schema DIR CASES\n");
        return 2;
    }
    struct totals totals = {.cases = argv[2]};
    int status = cases_walk(argv[1], 0, run_schema, &totals);
    printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
    return status != 0 || totals.failed > 0 || totals.passed == 0;
}
