/* check_failed(): the one way out for our own bugs. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "sworn: internal error at %s:%d: %s does not hold\n", file, line, condition);
    abort();
}
