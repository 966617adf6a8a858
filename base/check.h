/* Attributes and assertions.
 *
 * CHECK() is always on and is for our own bugs only: input of a peer never reaches one. */
#ifndef SWORN_BASE_CHECK_H
#define SWORN_BASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Prints file, line and condition to stderr and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

/* A heap object carries a magic number as its first member, which is checked where the object crosses a module's
 * border: a stale or foreign pointer stops the process instead of being followed. */
#define CHECK_MAGIC(object, value) CHECK((object) != NULL && (object)->magic == (value))

#endif
