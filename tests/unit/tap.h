/* TAP output for unit tests (testanything.org, version 13): ok() and friends number their lines; main() ends with
 * `return tap_done();`. A failed line names file, line and what was compared. */
#ifndef SWORN_TESTS_UNIT_TAP_H
#define SWORN_TESTS_UNIT_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

static int tap_count;
static int tap_failed;

static inline bool tap_result(bool passed, const char *name, const char *file, int line) {
    tap_count++;
    if (!passed) tap_failed++;
    printf("%sok %d - ", passed ? "" : "not ", tap_count);
    for (; *name != 0; name++) putchar(*name < 32 || *name == 35 ? 32 : *name);
    putchar(10);
    if (!passed) printf("# at %s:%d\n", file, line);
    return passed;
}

static inline bool tap_is_integer(int64_t got, int64_t wanted, const char *name, const char *file, int line) {
    bool passed = tap_result(got == wanted, name, file, line);
    if (!passed) printf("# got %" PRId64 ", wanted %" PRId64 "\n", got, wanted);
    return passed;
}

static inline bool tap_is_str(struct str got, struct str wanted, const char *name, const char *file, int line) {
    bool passed = tap_result(str_equal(got, wanted), name, file, line);
    if (!passed) printf("# got    [%.*s]\n# wanted [%.*s]\n", STR_ARGS(got), STR_ARGS(wanted));
    return passed;
}

#define ok(condition, name) tap_result((condition), (name), __FILE__, __LINE__)
#define is_integer(got, wanted, name) tap_is_integer((int64_t)(got), (int64_t)(wanted), (name), __FILE__, __LINE__)
#define is_str(got, wanted, name) tap_is_str((got), (wanted), (name), __FILE__, __LINE__)

static inline void tap_skip(const char *name, const char *reason) {
    printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason);
}

static inline int tap_done(void) {
    printf("1..%d\n", tap_count);
    return tap_failed == 0 ? 0 : 1;
}

#endif
