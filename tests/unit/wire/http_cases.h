/* The corpora tests/unit/wire/data/http_*.txt: name | verdict | bytes with escapes, one case a line. */
#ifndef SWORN_TESTS_UNIT_WIRE_HTTP_CASES_H
#define SWORN_TESTS_UNIT_WIRE_HTTP_CASES_H

#include <stdlib.h>

#include "base/buffer.h"
#include "tests/unit/tap.h"
#include "wire/http1/head.h"

#define CASES_MAX 400
#define CASES_FILE_BYTES_MAX ((size_t)1 << 20)

struct http_case {
    struct str name;
    struct str verdict;
    struct str bytes;
    bool is_request;
};

struct http_cases {
    struct http_case rows[CASES_MAX];
    size_t count;
    struct arena arena;
};

static inline int cases_hex(char byte) { return byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10; }

static inline struct str cases_unescape(struct arena *arena, struct str text) {
    static const char names[] = "rnt0\\", values[] = "\r\n\t\0\\";
    char *out = arena_alloc(arena, text.length + 1);
    size_t length = 0;
    CHECK(out != NULL);
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '\\') {
            out[length++] = text.data[i];
        } else if (text.data[i + 1] == 'x') {
            out[length++] = (char)(cases_hex(text.data[i + 2]) * 16 + cases_hex(text.data[i + 3]));
            i += 3;
        } else {
            const char *name = strchr(names, text.data[++i]);
            CHECK(name != NULL);
            out[length++] = values[name - names];
        }
    }
    return str_make(out, length);
}

static inline struct str cases_cut(struct str *rest) {
    size_t at = str_find(*rest, STR(" | "));
    CHECK(at != STR_NOT_FOUND);
    struct str part = str_slice(*rest, 0, at);
    *rest = str_slice(*rest, at + 3, rest->length);
    return part;
}

static inline void cases_load(struct http_cases *cases, const char *folder, const char *file, bool is_request) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *stream = fopen(path, "r");
    CHECK(stream != NULL);
    char *text = arena_alloc(&cases->arena, CASES_FILE_BYTES_MAX);
    CHECK(text != NULL);
    struct str rest = str_make(text, fread(text, 1, CASES_FILE_BYTES_MAX, stream)), line;
    fclose(stream);
    while (str_split(&rest, '\n', &line)) {
        if (line.length == 0 || line.data[0] == '#') continue;
        CHECK(cases->count < CASES_MAX);
        struct http_case *row = &cases->rows[cases->count++];
        row->name = arena_copy(&cases->arena, cases_cut(&line));
        row->verdict = cases_cut(&line);
        row->bytes = cases_unescape(&cases->arena, line);
        row->is_request = is_request;
    }
}

static inline struct http_cases *cases_open(const char *folder) {
    struct http_cases *cases = calloc(1, sizeof(*cases));
    CHECK(cases != NULL);
    arena_init(&cases->arena, (size_t)8 << 20);
    cases_load(cases, folder, "http_requests.txt", true);
    cases_load(cases, folder, "http_answers.txt", false);
    return cases;
}

static inline void cases_close(struct http_cases *cases) {
    arena_free(&cases->arena);
    free(cases);
}

/* What an answer of the corpus answers. */
static inline struct str cases_method(const struct http_case *row) {
    return str_starts_with(row->name, STR("HEAD")) ? STR("HEAD") : STR("GET");
}

#endif
