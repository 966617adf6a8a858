/* Time. Monotonic for deadlines and durations, real for evidence. */
#ifndef SWORN_BASE_CLOCK_H
#define SWORN_BASE_CLOCK_H

#include "base/str.h"

#define NANOSECONDS_PER_SECOND 1000000000ull
#define NANOSECONDS_PER_MILLISECOND 1000000ull

uint64_t clock_monotonic_ns(void);
/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t clock_real_us(void);

#define CLOCK_RFC3339_BYTES 28 /* "2026-11-22T02:14:07.123456Z" and a NUL */

/* UTC with six digits of a second (RFC 3339). Years 0000 to 9999. */
struct str clock_format_rfc3339(int64_t real_us, char out[CLOCK_RFC3339_BYTES]);
/* Accepts what the function above writes, fewer fraction digits, a numeric offset, or a date alone. */
int clock_parse_rfc3339(struct str text, int64_t *real_us) MUST_USE;

#endif
