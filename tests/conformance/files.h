/* Reading whole files, for the conformance programs. */
#ifndef SWORN_TESTS_CONFORMANCE_FILES_H
#define SWORN_TESTS_CONFORMANCE_FILES_H

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* Heap; data == NULL when the file cannot be read. */
static inline struct str file_read(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return STR_NONE;
    size_t length = 0, capacity = 1u << 16;
    char *data = malloc(capacity + 1);
    while (data != NULL) {
        length += fread(data + length, 1, capacity - length, file);
        if (length < capacity) break;
        char *larger = realloc(data, capacity * 2 + 1);
        if (larger == NULL) free(data);
        data = larger;
        capacity *= 2;
    }
    fclose(file);
    if (data == NULL) return STR_NONE;
    data[length] = '\0';
    return str_make(data, length);
}

static inline void file_forget(struct str text) {
    union { const char *borrowed; char *owned; } data = {.borrowed = text.data};
    free(data.owned);
}

#endif
