/* cedar-format FILE CORPUS: one JSON object a line, {h, text}: CORPUS/corpus-tests/h.cedar is formatted, and must come
 * out as the text; and the text must stay as it is when it is formatted again.
 * cedar-format DIR: formatter snapshots. Below DIR, for each file <x>@<name>.snap the text <name> is looked for in the
 * folders above. Both end with the line "N passed, M failed". */
#include "cedar/format.h"
#include "tests/conformance/files.h"
#include "tests/conformance/json_member.h"

#include <dirent.h>
#include <sys/stat.h>

#define FAILURES_SHOWN 20

struct totals {
    size_t passed;
    size_t failed;
};

static bool is_formatted(struct str text, struct str wanted, struct buffer *got, struct cedar_problem *problem) {
    buffer_clear(got);
    return cedar_format(text, got, problem) == 0 && str_equal(str_trim(buffer_view(got)), str_trim(wanted));
}

static void check(const char *name, struct str text, struct str wanted, struct totals *totals) {
    struct buffer got;
    struct cedar_problem problem = {.text = ""};
    buffer_init(&got, 64u << 20);
    bool passed = text.data != NULL && is_formatted(text, wanted, &got, &problem);
    if (passed) passed = is_formatted(wanted, wanted, &got, &problem);
    if (passed) {
        totals->passed++;
    } else if (totals->failed++ < FAILURES_SHOWN) {
        printf("%s: %s\n-- wanted\n%.*s\n-- got\n%.*s\n", name, text.data != NULL ? problem.text : "no such file",
               STR_ARGS(wanted), STR_ARGS(buffer_view(&got)));
    }
    buffer_free(&got);
}

static void check_lines(const char *path, const char *corpus, struct totals *totals) {
    struct str all = file_read(path), rest = all, line;
    while (str_split(&rest, '\n', &line)) {
        char name[4096];
        struct buffer wanted;
        if (line.length == 0) continue;
        struct str hash = json_plain(json_member(line, STR("h")));
        snprintf(name, sizeof(name), "%s/corpus-tests/%.*s.cedar", corpus, STR_ARGS(hash));
        struct str text = file_read(name);
        buffer_init(&wanted, 64u << 20);
        if (json_unescape(json_plain(json_member(line, STR("text"))), &wanted) != 0) buffer_clear(&wanted);
        check(name, text, buffer_view(&wanted), totals);
        buffer_free(&wanted);
        file_forget(text);
    }
    file_forget(all);
}

/* What a snapshot holds lies behind its second line "---"; where its text lies stands before, as input_file. */
static void check_snapshot(const char *root, const char *path, struct totals *totals) {
    struct str all = file_read(path);
    size_t head_end = str_find(all, STR("\n---\n")), named = str_find(all, STR("input_file: "));
    if (head_end == STR_NOT_FOUND || named == STR_NOT_FOUND || named > head_end) {
        printf("%s: no snapshot\n", path);
        totals->failed++;
    } else {
        char name[4096];
        struct str rest = str_slice(all, named + sizeof("input_file: ") - 1, head_end), file;
        str_split(&rest, '\n', &file);
        snprintf(name, sizeof(name), "%s/%.*s", root, STR_ARGS(file));
        struct str text = file_read(name);
        check(path, text, str_slice(all, head_end + 5, all.length), totals);
        file_forget(text);
    }
    file_forget(all);
}

static void check_folder(const char *root, const char *folder, struct totals *totals, int depth) {
    struct dirent **names;
    int count = depth > 0 ? scandir(folder, &names, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat entry;
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && stat(path, &entry) == 0) {
            if (S_ISDIR(entry.st_mode)) check_folder(root, path, totals, depth - 1);
            else if (strstr(path, "__format_files@") != NULL) check_snapshot(root, path, totals);
        }
        free(names[i]);
    }
    if (count > 0) free(names);
}

int main(int argc, char **argv) {
    struct totals totals = {0};
    char folder[4096];
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: cedar-format FILE CORPUS | DIR\n");
        return 2;
    }
    if (argc == 3) {
        check_lines(argv[1], argv[2], &totals);
    } else {
        snprintf(folder, sizeof(folder), "%s/rust-data", argv[1]);
        check_folder(folder, folder, &totals, 8);
    }
    printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
    return totals.failed > 0 || totals.passed == 0;
}
