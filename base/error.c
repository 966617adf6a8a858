/* Filling a struct error. Truncation is harmless: the text is for people. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, enum error_code code, const char *format, ...) {
    if (error == NULL) return -1;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    error->system_errno = 0;
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return -1;
}

int error_set_errno(struct error *error, const char *format, ...) {
    int saved_errno = errno;
    if (error == NULL) return -1;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof(error->text)) {
        snprintf(error->text + length, sizeof(error->text) - (size_t)length, ": %s", strerror(saved_errno));
    }
    error->code = ERROR_SYSTEM;
    error->system_errno = saved_errno;
    errno = saved_errno;
    return -1;
}

int error_prefix(struct error *error, const char *format, ...) {
    if (error == NULL) return -1;
    char prefixed[sizeof(error->text)];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(prefixed, sizeof(prefixed), format, arguments);
    va_end(arguments);
    if (length < 0) return -1;
    size_t used = (size_t)length < sizeof(prefixed) ? (size_t)length : sizeof(prefixed) - 1;
    snprintf(prefixed + used, sizeof(prefixed) - used, ": %s", error->text);
    memcpy(error->text, prefixed, sizeof(prefixed));
    return -1;
}

int error_out_of_memory(struct error *error) {
    return error_set(error, ERROR_MEMORY, "out of memory");
}
