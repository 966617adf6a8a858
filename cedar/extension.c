/* The extension types decimal, datetime and duration, and the table of all functions and methods. ip: ip.c.
 *
 *     decimal  = ["-"] digits "." 1*4 digit                         ten-thousandths in 64 bits
 *     datetime = date ["T" hh ":" mm ":" ss ["." mmm] ("Z" / ("+" / "-") hhmm)]
 *     date     = yyyy "-" mm "-" dd
 *     duration = ["-"] [n "d"] [n "h"] [n "m"] [n "s"] [n "ms"]     at least one, in this order */
#include "cedar/value.h"

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MS_PER_DAY (24 * MS_PER_HOUR)
#define DECIMAL_DIGITS 4

const struct cedar_function_row cedar_functions[CEDAR_FUNCTION_COUNT] = {
    [CEDAR_FUNCTION_NONE] = {"", false, false, 0},
    [CEDAR_CONTAINS] = {"contains", true, true, 1},
    [CEDAR_CONTAINS_ALL] = {"containsAll", true, true, 1},
    [CEDAR_CONTAINS_ANY] = {"containsAny", true, true, 1},
    [CEDAR_IS_EMPTY] = {"isEmpty", true, true, 0},
    [CEDAR_GET_TAG] = {"getTag", true, true, 1},
    [CEDAR_HAS_TAG] = {"hasTag", true, true, 1},
    [CEDAR_MAKE_DECIMAL] = {"decimal", false, false, 1},
    [CEDAR_MAKE_DATETIME] = {"datetime", false, false, 1},
    [CEDAR_MAKE_DURATION] = {"duration", false, false, 1},
    [CEDAR_MAKE_IP] = {"ip", false, false, 1},
    [CEDAR_UNKNOWN] = {"unknown", false, false, 1},
    [CEDAR_LESS_THAN] = {"lessThan", true, false, 1},
    [CEDAR_LESS_THAN_OR_EQUAL] = {"lessThanOrEqual", true, false, 1},
    [CEDAR_GREATER_THAN] = {"greaterThan", true, false, 1},
    [CEDAR_GREATER_THAN_OR_EQUAL] = {"greaterThanOrEqual", true, false, 1},
    [CEDAR_IS_IPV4] = {"isIpv4", true, false, 0},
    [CEDAR_IS_IPV6] = {"isIpv6", true, false, 0},
    [CEDAR_IS_LOOPBACK] = {"isLoopback", true, false, 0},
    [CEDAR_IS_MULTICAST] = {"isMulticast", true, false, 0},
    [CEDAR_IS_IN_RANGE] = {"isInRange", true, false, 1},
    [CEDAR_OFFSET] = {"offset", true, false, 1},
    [CEDAR_DURATION_SINCE] = {"durationSince", true, false, 1},
    [CEDAR_TO_DATE] = {"toDate", true, false, 0},
    [CEDAR_TO_TIME] = {"toTime", true, false, 0},
    [CEDAR_TO_MILLISECONDS] = {"toMilliseconds", true, false, 0},
    [CEDAR_TO_SECONDS] = {"toSeconds", true, false, 0},
    [CEDAR_TO_MINUTES] = {"toMinutes", true, false, 0},
    [CEDAR_TO_HOURS] = {"toHours", true, false, 0},
    [CEDAR_TO_DAYS] = {"toDays", true, false, 0},
};

enum cedar_function cedar_function_find(struct str name) {
    for (int i = CEDAR_FUNCTION_NONE + 1; i < CEDAR_FUNCTION_COUNT; i++) {
        if (str_equal_cstr(name, cedar_functions[i].name)) return (enum cedar_function)i;
    }
    return CEDAR_FUNCTION_NONE;
}

enum cedar_kind cedar_function_kind(enum cedar_function constructor) {
    switch (constructor) {
    case CEDAR_MAKE_DECIMAL: return CEDAR_DECIMAL;
    case CEDAR_MAKE_DATETIME: return CEDAR_DATETIME;
    case CEDAR_MAKE_DURATION: return CEDAR_DURATION;
    default: return CEDAR_IP;
    }
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Digits at *text, as a negative number, so that the smallest fits. -1 when there are none or they do not fit. */
static int take_negative(struct str *text, int64_t *number) {
    size_t length = 0;
    *number = 0;
    for (; length < text->length && is_digit(text->data[length]); length++) {
        if (__builtin_mul_overflow(*number, 10, number)) return -1;
        if (__builtin_sub_overflow(*number, text->data[length] - '0', number)) return -1;
    }
    *text = str_slice(*text, length, text->length);
    return length > 0 ? 0 : -1;
}

static bool take_byte(struct str *text, char byte) {
    if (text->length == 0 || text->data[0] != byte) return false;
    *text = str_slice(*text, 1, text->length);
    return true;
}

int cedar_decimal_parse(struct str text, int64_t *number) {
    bool is_negative = take_byte(&text, '-');
    if (take_negative(&text, number) != 0 || !take_byte(&text, '.')) return -1;
    if (text.length == 0 || text.length > DECIMAL_DIGITS) return -1;
    for (size_t i = 0; i < DECIMAL_DIGITS; i++) {
        char digit = i < text.length ? text.data[i] : '0';
        if (!is_digit(digit)) return -1;
        if (__builtin_mul_overflow(*number, 10, number)) return -1;
        if (__builtin_sub_overflow(*number, digit - '0', number)) return -1;
    }
    if (!is_negative && __builtin_sub_overflow(0, *number, number)) return -1;
    return 0;
}

/* Exactly `count` digits, as a number of at most `most`. */
static int take_digits(struct str *text, size_t count, int64_t most, int64_t *number) {
    *number = 0;
    if (text->length < count) return -1;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(text->data[i])) return -1;
        *number = *number * 10 + (text->data[i] - '0');
    }
    *text = str_slice(*text, count, text->length);
    return *number <= most ? 0 : -1;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar, years 0 to 9999. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    int64_t shifted_year = month <= 2 ? year - 1 + 400 : year + 400; /* March first, never negative */
    int64_t shifted_month = month <= 2 ? month + 9 : month - 3;
    int64_t day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    return shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year - 719468 -
           146097;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

static int take_date(struct str *text, int64_t *days) {
    int64_t year, month, day;
    if (take_digits(text, 4, 9999, &year) != 0 || !take_byte(text, '-')) return -1;
    if (take_digits(text, 2, 12, &month) != 0 || month == 0 || !take_byte(text, '-')) return -1;
    if (take_digits(text, 2, days_in_month(year, month), &day) != 0 || day == 0) return -1;
    *days = days_from_date(year, month, day);
    return 0;
}

static int take_zone(struct str *text, int64_t *offset_ms) {
    int64_t hours, minutes;
    *offset_ms = 0;
    if (take_byte(text, 'Z')) return 0;
    bool is_negative = take_byte(text, '-');
    if (!is_negative && !take_byte(text, '+')) return -1;
    if (take_digits(text, 2, 23, &hours) != 0 || take_digits(text, 2, 59, &minutes) != 0) return -1;
    *offset_ms = (hours * MS_PER_HOUR + minutes * MS_PER_MINUTE) * (is_negative ? -1 : 1);
    return 0;
}

int cedar_datetime_parse(struct str text, int64_t *number) {
    int64_t days, hours, minutes, seconds, milliseconds = 0, offset_ms;
    if (take_date(&text, &days) != 0) return -1;
    *number = days * MS_PER_DAY;
    if (text.length == 0) return 0;
    if (!take_byte(&text, 'T') || take_digits(&text, 2, 23, &hours) != 0) return -1;
    if (!take_byte(&text, ':') || take_digits(&text, 2, 59, &minutes) != 0) return -1;
    if (!take_byte(&text, ':') || take_digits(&text, 2, 59, &seconds) != 0) return -1;
    if (take_byte(&text, '.') && take_digits(&text, 3, 999, &milliseconds) != 0) return -1;
    if (take_zone(&text, &offset_ms) != 0 || text.length != 0) return -1;
    *number += hours * MS_PER_HOUR + minutes * MS_PER_MINUTE + seconds * MS_PER_SECOND + milliseconds - offset_ms;
    return 0;
}

int cedar_duration_parse(struct str text, int64_t *number) {
    static const struct {
        struct str suffix;
        int64_t unit_ms;
    } units[] = {{{"d", 1}, MS_PER_DAY}, {{"h", 1}, MS_PER_HOUR}, {{"m", 1}, MS_PER_MINUTE},
                 {{"s", 1}, MS_PER_SECOND}, {{"ms", 2}, 1}};
    bool is_negative = take_byte(&text, '-');
    size_t next_unit = 0;
    *number = 0;
    if (text.length == 0) return -1;
    while (text.length > 0) {
        int64_t part;
        if (take_negative(&text, &part) != 0) return -1;
        size_t letters = 0;
        while (letters < text.length && !is_digit(text.data[letters])) letters++;
        struct str suffix = str_slice(text, 0, letters);
        while (next_unit < LENGTH_OF(units) && !str_equal(units[next_unit].suffix, suffix)) next_unit++;
        if (next_unit == LENGTH_OF(units)) return -1;
        if (__builtin_mul_overflow(part, units[next_unit].unit_ms, &part)) return -1;
        if (__builtin_add_overflow(*number, part, number)) return -1;
        text = str_slice(text, letters, text.length);
        next_unit++;
    }
    if (!is_negative && __builtin_sub_overflow(0, *number, number)) return -1;
    return 0;
}

int cedar_datetime_to_date(int64_t datetime_ms, int64_t *date_ms) {
    return __builtin_sub_overflow(datetime_ms, cedar_datetime_to_time(datetime_ms), date_ms) ? -1 : 0;
}

int64_t cedar_datetime_to_time(int64_t datetime_ms) {
    int64_t rest = datetime_ms % MS_PER_DAY;
    return rest < 0 ? rest + MS_PER_DAY : rest;
}

int64_t cedar_duration_to(enum cedar_function unit, int64_t duration_ms) {
    switch (unit) {
    case CEDAR_TO_SECONDS: return duration_ms / MS_PER_SECOND;
    case CEDAR_TO_MINUTES: return duration_ms / MS_PER_MINUTE;
    case CEDAR_TO_HOURS: return duration_ms / MS_PER_HOUR;
    case CEDAR_TO_DAYS: return duration_ms / MS_PER_DAY;
    default: return duration_ms;
    }
}

int cedar_extension_parse(struct arena *arena, enum cedar_kind kind, struct str text, struct cedar_value *value) {
    struct cedar_ip ip;
    value->kind = kind;
    switch (kind) {
    case CEDAR_DECIMAL: return cedar_decimal_parse(text, &value->number);
    case CEDAR_DATETIME: return cedar_datetime_parse(text, &value->number);
    case CEDAR_DURATION: return cedar_duration_parse(text, &value->number);
    case CEDAR_IP:
        if (cedar_ip_parse(text, &ip) != 0) return -1;
        return cedar_ip_make(arena, ip.bytes, ip.is_v6 ? 16 : 4, ip.prefix_bits, value);
    default: return -1;
    }
}
