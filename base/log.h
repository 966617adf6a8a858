/* The operational log: one line an event on stderr, for whoever runs sworn. It is not evidence (that is ledger/), and
 * it never holds a secret, a token or the text of an action. Thread-safe. */
#ifndef SWORN_BASE_LOG_H
#define SWORN_BASE_LOG_H

#include <stdbool.h>

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
void log_set_json(bool as_json); /* lines as JSON objects {"time","level","message"} */
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
