/* cedar-parse FILE: one JSON object a line, {text, ok}: does the text parse as policies and templates? Ends with the
 * line
 * "N passed, M failed". */
#include "cedar/cedar.h"
#include "tests/conformance/files.h"

#include <jansson.h>

#define FAILURES_SHOWN 40

static bool run_line(struct str line, size_t number, size_t failed) {
    json_error_t error;
    json_t *root = json_loadb(line.data, line.length, JSON_ALLOW_NUL, &error);
    const json_t *text = json_object_get(root, "text");
    bool is_wanted = json_is_true(json_object_get(root, "ok"));
    struct cedar_problem problem = {0};
    struct cedar_policy_set *set = cedar_policy_set_new();
    bool passed = false;
    if (text != NULL && set != NULL) {
        struct str policies = str_make(json_string_value(text), json_string_length(text));
        bool is_accepted = cedar_policy_set_add(set, policies, NULL, &problem) == 0;
        passed = is_accepted == is_wanted;
        if (!passed && failed < FAILURES_SHOWN) {
            printf("line %zu: %s, wanted %s: %u:%u %s\n%.*s\n", number, is_accepted ? "accepted" : "refused",
                   is_wanted ? "accepted" : "refused", problem.line, problem.column, problem.text, STR_ARGS(policies));
        }
    }
    cedar_policy_set_free(&set);
    json_decref(root);
    return passed;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: cedar-parse FILE\n");
        return 2;
    }
    struct str text = file_read(argv[1]), rest = text, line;
    size_t passed = 0, failed = 0, number = 0;
    while (str_split(&rest, '\n', &line)) {
        number++;
        if (line.length == 0) continue;
        if (run_line(line, number, failed)) passed++;
        else failed++;
    }
    file_forget(text);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
