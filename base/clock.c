/* Clocks and RFC 3339 text. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define MICROSECONDS_PER_SECOND 1000000

uint64_t clock_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

int64_t clock_real_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MICROSECONDS_PER_SECOND + now.tv_nsec / 1000;
}

static void put_digits(char *out, int count, int value) {
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

struct str clock_format_rfc3339(int64_t real_us, char out[CLOCK_RFC3339_BYTES]) {
    time_t seconds = real_us / MICROSECONDS_PER_SECOND;
    int64_t micros = real_us % MICROSECONDS_PER_SECOND;
    if (micros < 0) {
        micros += MICROSECONDS_PER_SECOND;
        seconds--;
    }
    struct tm utc;
    gmtime_r(&seconds, &utc);
    memcpy(out, "0000-00-00T00:00:00.000000Z", CLOCK_RFC3339_BYTES);
    put_digits(out, 4, utc.tm_year + 1900);
    put_digits(out + 5, 2, utc.tm_mon + 1);
    put_digits(out + 8, 2, utc.tm_mday);
    put_digits(out + 11, 2, utc.tm_hour);
    put_digits(out + 14, 2, utc.tm_min);
    put_digits(out + 17, 2, utc.tm_sec);
    put_digits(out + 20, 6, (int)micros);
    return str_make(out, CLOCK_RFC3339_BYTES - 1);
}

/* Takes `count` digits off the front of *rest. */
static bool take_digits(struct str *rest, size_t count, int *value) {
    uint64_t parsed;
    if (rest->length < count || str_parse_u64(str_slice(*rest, 0, count), &parsed) != 0) return false;
    *rest = str_slice(*rest, count, rest->length);
    *value = (int)parsed;
    return true;
}

static bool take_byte(struct str *rest, char byte) {
    if (rest->length == 0 || rest->data[0] != byte) return false;
    *rest = str_slice(*rest, 1, rest->length);
    return true;
}

static bool take_fraction(struct str *rest, int64_t *micros) {
    *micros = 0;
    if (!take_byte(rest, '.')) return true;
    int64_t unit = MICROSECONDS_PER_SECOND / 10;
    size_t digits = 0;
    while (rest->length > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
        *micros += (rest->data[0] - '0') * unit;
        unit /= 10;
        digits++;
        *rest = str_slice(*rest, 1, rest->length);
    }
    return digits > 0;
}

static bool take_offset(struct str *rest, int64_t *offset_seconds) {
    *offset_seconds = 0;
    if (take_byte(rest, 'Z')) return true;
    int sign = take_byte(rest, '+') ? 1 : take_byte(rest, '-') ? -1 : 0;
    int hours;
    int minutes;
    if (sign == 0 || !take_digits(rest, 2, &hours) || !take_byte(rest, ':') || !take_digits(rest, 2, &minutes)) {
        return false;
    }
    if (hours > 23 || minutes > 59) return false;
    *offset_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

int clock_parse_rfc3339(struct str text, int64_t *real_us) {
    struct tm utc = {0};
    int64_t micros = 0;
    int64_t offset_seconds = 0;
    struct str rest = text;
    if (!take_digits(&rest, 4, &utc.tm_year) || !take_byte(&rest, '-') || !take_digits(&rest, 2, &utc.tm_mon) ||
        !take_byte(&rest, '-') || !take_digits(&rest, 2, &utc.tm_mday)) {
        return -1;
    }
    if (rest.length > 0) {
        if (!take_byte(&rest, 'T') && !take_byte(&rest, ' ')) return -1;
        if (!take_digits(&rest, 2, &utc.tm_hour) || !take_byte(&rest, ':') || !take_digits(&rest, 2, &utc.tm_min) ||
            !take_byte(&rest, ':') || !take_digits(&rest, 2, &utc.tm_sec) || !take_fraction(&rest, &micros) ||
            !take_offset(&rest, &offset_seconds)) {
            return -1;
        }
    }
    struct tm asked = utc;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    time_t seconds = timegm(&utc);
    bool is_normal = utc.tm_mon + 1 == asked.tm_mon && utc.tm_mday == asked.tm_mday && utc.tm_hour == asked.tm_hour &&
                     utc.tm_min == asked.tm_min && utc.tm_sec == asked.tm_sec;
    if (rest.length > 0 || !is_normal) return -1;
    *real_us = ((int64_t)seconds - offset_seconds) * MICROSECONDS_PER_SECOND + micros;
    return 0;
}
