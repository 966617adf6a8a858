/* The faults of SWORN_TEST_FAULT. */
#include "keeper/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

#define FAULT_TEXT_MAX_BYTES 1024

enum fault_kind { FAULT_NONE, FAULT_CRASH, FAULT_FSYNC, FAULT_SPACE };

static enum fault_kind kind;
static char subject[FAULT_TEXT_MAX_BYTES]; /* the step, or the path */
static int space_errno;
static _Atomic int64_t spared; /* how many times it still goes well */

static int set_after(struct str text) {
    uint64_t count;
    if (str_parse_u64(text, &count) != 0 || count > INT32_MAX) return -1;
    atomic_store(&spared, (int64_t)count);
    return 0;
}

static int set_subject(struct str text) {
    if (text.length == 0 || text.length >= sizeof(subject)) return -1;
    memcpy(subject, text.data, text.length);
    subject[text.length] = '\0';
    return 0;
}

static int parse_crash(struct str text) {
    struct str step;
    if (!str_split(&text, ',', &step) || set_subject(step) != 0) return -1;
    if (text.data == NULL) return 0;
    return str_starts_with(text, STR("after=")) ? set_after(str_slice(text, 6, text.length)) : -1;
}

int fault_init(const char *specification, struct error *error) {
    static const struct { struct str prefix; enum fault_kind kind; int code; } rows[] = {
        {STR("crash:at="), FAULT_CRASH, 0},
        {STR("fsync:after="), FAULT_FSYNC, EIO},
        {STR("enospc:while="), FAULT_SPACE, ENOSPC},
        {STR("erofs:while="), FAULT_SPACE, EROFS},
    };
    struct str text = str_from_cstr(specification);
    kind = FAULT_NONE;
    if (text.length == 0) return 0;
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        if (!str_starts_with(text, rows[i].prefix)) continue;
        struct str rest = str_slice(text, rows[i].prefix.length, text.length);
        int result = rows[i].kind == FAULT_CRASH   ? parse_crash(rest)
                     : rows[i].kind == FAULT_FSYNC ? set_after(rest)
                                                   : set_subject(rest);
        if (result != 0) break;
        kind = rows[i].kind;
        space_errno = rows[i].code;
        return 0;
    }
    return error_set(error, ERROR_INVALID, "SWORN_TEST_FAULT=%s is not understood (it is for tests only)",
                     specification);
}

void fault_step(const char *step) {
    if (kind != FAULT_CRASH || !str_equal_cstr(str_from_cstr(subject), step)) return;
    if (atomic_fetch_sub(&spared, 1) <= 0) raise(SIGKILL);
}

static bool is_sync_failing(void) {
    if (kind != FAULT_FSYNC || atomic_fetch_sub(&spared, 1) > 0) return false;
    errno = EIO;
    return true;
}

int fault_fsync(int fd) {
    return is_sync_failing() ? -1 : fsync(fd);
}

int fault_fdatasync(int fd) {
    return is_sync_failing() ? -1 : fdatasync(fd);
}

int fault_new_space(void) {
    if (kind != FAULT_SPACE || access(subject, F_OK) != 0) return 0;
    errno = space_errno;
    return -1;
}
