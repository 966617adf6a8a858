/* cedar-est FILE CORPUS: one JSON object a line, {h, json}: the policy CORPUS/corpus-tests/h.cedar must have this JSON
 * form; and the policy that is read from this JSON must have it again. Ends with the line "N passed, M failed". */
#include "cedar/est.h"
#include "tests/conformance/files.h"
#include "tests/conformance/json_member.h"
#include "tests/conformance/json_same.h"

#define FAILURES_SHOWN 20
#define TREE_BYTES_MAX (256u << 20)

static bool has_form(const struct cedar_policy_set *set, struct str wanted, struct buffer *got) {
    buffer_clear(got);
    return cedar_policy_set_count(set) == 1 && cedar_policy_write_json(cedar_policy_set_at(set, 0), got) == 0 &&
           json_is_same(buffer_view(got), wanted);
}

static bool run_case(struct str text, struct str wanted, struct buffer *got, struct cedar_problem *problem) {
    struct cedar_policy_set *from_text = cedar_policy_set_new(), *from_json = cedar_policy_set_new();
    bool passed = cedar_policy_set_add(from_text, text, NULL, problem) == 0 && has_form(from_text, wanted, got);
    /* What was just written holds its numbers in full, and says the same. */
    struct buffer copy;
    buffer_init(&copy, TREE_BYTES_MAX);
    buffer_append_str(&copy, buffer_view(got));
    passed = passed && cedar_policy_set_add_json(from_json, buffer_view(&copy), STR("p"), problem) == 0 &&
             has_form(from_json, wanted, got) && str_equal(buffer_view(got), buffer_view(&copy));
    buffer_free(&copy);
    cedar_policy_set_free(&from_text);
    cedar_policy_set_free(&from_json);
    return passed;
}

static bool run_line(struct str line, const char *corpus, size_t failed) {
    char name[4096];
    struct cedar_problem problem = {.text = ""};
    struct buffer got;
    struct str hash = json_plain(json_member(line, STR("h")));
    size_t start = str_find(line, STR("\"json\":"));
    struct str wanted = str_slice(line, start + 7, line.length - 1);
    snprintf(name, sizeof(name), "%s/corpus-tests/%.*s.cedar", corpus, STR_ARGS(hash));
    struct str text = file_read(name);
    buffer_init(&got, TREE_BYTES_MAX);
    bool passed = text.data != NULL && start != STR_NOT_FOUND && run_case(text, wanted, &got, &problem);
    if (!passed && failed < FAILURES_SHOWN) {
        printf("%s: %s\nwanted %.*s\ngot    %.*s\n", name, problem.text, STR_ARGS(wanted),
               STR_ARGS(buffer_view(&got)));
    }
    buffer_free(&got);
    file_forget(text);
    return passed;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: cedar-est FILE CORPUS\n");
        return 2;
    }
    struct str all = file_read(argv[1]), rest = all, line;
    size_t passed = 0, failed = 0;
    while (str_split(&rest, '\n', &line)) {
        if (line.length == 0) continue;
        if (run_line(line, argv[2], failed)) passed++;
        else failed++;
    }
    file_forget(all);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
