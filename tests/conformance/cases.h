/* Test cases in folders: walking them, and reading the files that a case names. */
#ifndef SWORN_TESTS_CONFORMANCE_CASES_H
#define SWORN_TESTS_CONFORMANCE_CASES_H

#include <dirent.h>
#include <sys/stat.h>

#include "tests/conformance/files.h"

#define FOLDER_DEPTH_MAX 16

/* The file named in a case: relative to the closest folder above the case where it exists. */
static inline struct str read_named(const char *case_path, struct str name) {
    char path[4096];
    size_t length = strlen(case_path);
    for (int up = 0; up < FOLDER_DEPTH_MAX && length > 0; up++) {
        while (length > 0 && case_path[length - 1] != '/') length--;
        snprintf(path, sizeof(path), "%.*s%.*s", (int)length, case_path, STR_ARGS(name));
        struct str text = file_read(path);
        if (text.data != NULL) return text;
        if (length > 0) length--;
    }
    return STR_NONE;
}

/* Calls `run` for every file below the folder, in the order of names. 0, or -1 when a folder cannot be read. */
static inline int cases_walk(const char *folder, int depth, void (*run)(const char *path, struct str name, void *state),
                             void *state) {
    struct dirent **names;
    int count = depth < FOLDER_DEPTH_MAX ? scandir(folder, &names, NULL, alphasort) : -1;
    if (count < 0) {
        perror(folder);
        return -1;
    }
    int status = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat entry;
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && stat(path, &entry) == 0) {
            if (S_ISDIR(entry.st_mode)) status |= cases_walk(path, depth + 1, run, state);
            else run(path, str_from_cstr(names[i]->d_name), state);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

#endif
