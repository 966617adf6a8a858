/* What went wrong, in words for the user.
 *
 * Functions that can fail return 0 or -1 and fill a struct error of the caller. The text says what is wrong, where, and
 * what to do; it never holds a secret or the text of an action. Report an error where it is handled, not also where it
 * is passed on. */
#ifndef SWORN_BASE_ERROR_H
#define SWORN_BASE_ERROR_H

#include "base/check.h"

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,     /* input that does not follow its grammar or its rules */
    ERROR_LIMIT,       /* a named maximum was reached */
    ERROR_SYSTEM,      /* a system call failed: see system_errno */
    ERROR_MEMORY,      /* allocation failed or an arena's cap was hit */
    ERROR_DENIED,      /* identity or policy says no */
    ERROR_NOT_FOUND,
    ERROR_UNAVAILABLE, /* a part that is needed (ledger, upstream, store) does not answer */
    ERROR_TIMEOUT,
    ERROR_CANCELLED,   /* the fiber was cancelled while parked */
    ERROR_CLOSED,      /* the peer closed the connection in an orderly way */
    ERROR_PROTOCOL,    /* the peer broke its protocol */
};

struct error {
    enum error_code code;
    int system_errno;
    char text[480];
};

/* All four return -1, so that `return error_set(...)` reads well. error may be NULL. */
int error_set(struct error *error, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/* As error_set with ERROR_SYSTEM; appends strerror(errno) and keeps errno. */
int error_set_errno(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);
/* Puts "prefix: " before the text that is there. */
int error_prefix(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);
int error_out_of_memory(struct error *error);

#endif
