/* Binary forms of scalars as text, for inspection only: what PostgreSQL prints, near enough for a detector.
 *
 *     numeric = u16 digit-count, i16 weight, u16 sign, u16 scale, digit-count * u16 (base 10000, weight: of the first)
 *     inet    = u8 family (2: IPv4, 3: IPv6), u8 prefix-bits, u8 is-cidr, u8 length, bytes
 *     date    = i32 days since 2000-01-01; timestamp = i64 microseconds since then
 */
#include "wire/postgres/pg_type.h"

#include <arpa/inet.h>
#include <float.h>
#include <time.h>

#define NUMERIC_HEADER_BYTES 8u
#define NUMERIC_GROUPS_MAX 40000u /* more than numeric's 131,072 digits before the point and 16,383 after it */
#define SIGN_NEGATIVE 0x4000u
#define SIGN_SPECIAL 0xC000u /* NaN and the infinities: both high bits */
#define EPOCH_SECONDS 946684800 /* 2000-01-01 */
#define MICROSECONDS_PER_SECOND 1000000
#define SECONDS_PER_DAY 86400
#define FLOAT_WHOLE_END 9e18 /* within an int64 */

static int render_integer(struct str value, struct buffer *text) {
    int64_t number;
    if (value.length == 2) {
        number = (int16_t)pg_type_read_u16(value, 0);
    } else if (value.length == 4) {
        number = (int32_t)pg_type_read_u32(value, 0);
    } else if (value.length == 8) {
        number = (int64_t)pg_type_read_u64(value, 0);
    } else {
        return -1;
    }
    buffer_append_i64_decimal(text, number);
    return 0;
}

/* One base-10000 digit; groups outside of what was sent are zero. */
static uint16_t numeric_group(struct str value, int group) {
    size_t count = pg_type_read_u16(value, 0);
    if (group < 0 || (size_t)group >= count) return 0;
    return pg_type_read_u16(value, NUMERIC_HEADER_BYTES + 2 * (size_t)group);
}

static void append_group(struct buffer *text, uint16_t group, int digits) {
    char four[4] = {(char)('0' + group / 1000), (char)('0' + group / 100 % 10), (char)('0' + group / 10 % 10),
                    (char)('0' + group % 10)};
    buffer_append(text, four, (size_t)digits);
}

static int render_numeric(struct str value, struct buffer *text) {
    if (value.length < NUMERIC_HEADER_BYTES) return -1;
    size_t count = pg_type_read_u16(value, 0);
    int weight = (int16_t)pg_type_read_u16(value, 2);
    unsigned sign = pg_type_read_u16(value, 4);
    int scale = pg_type_read_u16(value, 6);
    if (count > NUMERIC_GROUPS_MAX || value.length != NUMERIC_HEADER_BYTES + 2 * count) return -1;
    if ((sign & SIGN_SPECIAL) == SIGN_SPECIAL) {
        buffer_append_cstr(text, "NaN");
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (numeric_group(value, (int)i) > 9999) return -1;
    }
    if (sign == SIGN_NEGATIVE) buffer_append_byte(text, '-');
    buffer_append_u64_decimal(text, weight >= 0 ? numeric_group(value, 0) : 0);
    for (int i = 1; i <= weight; i++) append_group(text, numeric_group(value, i), 4);
    if (scale > 0) buffer_append_byte(text, '.');
    for (int group = weight + 1, left = scale; left > 0; group++, left -= 4) {
        append_group(text, numeric_group(value, group), left < 4 ? left : 4);
    }
    return 0;
}

/* The fewest digits that mean this number and no other, as the server writes it. */
static void append_shortest(double number, bool is_small, struct buffer *text) {
    char digits[40];
    int precision = is_small ? FLT_DIG : DBL_DIG;
    int most = is_small ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    for (; precision <= most; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, number);
        double read = is_small ? (double)strtof(digits, NULL) : strtod(digits, NULL);
        if (read == number) break;
    }
    buffer_append_cstr(text, digits);
}

static int render_float(struct str value, struct buffer *text) {
    double number;
    if (value.length == 4) {
        uint32_t bits = pg_type_read_u32(value, 0);
        float small;
        memcpy(&small, &bits, sizeof(small));
        number = (double)small;
    } else if (value.length == 8) {
        uint64_t bits = pg_type_read_u64(value, 0);
        memcpy(&number, &bits, sizeof(number));
    } else {
        return -1;
    }
    bool is_whole = number > -FLOAT_WHOLE_END && number < FLOAT_WHOLE_END && number == (double)(int64_t)number;
    if (is_whole) buffer_append_format(text, "%.0f", number);
    else append_shortest(number, value.length == 4, text);
    return 0;
}

static int render_time(int64_t seconds, const char *format, struct buffer *text) {
    time_t when = (time_t)(seconds + EPOCH_SECONDS);
    struct tm utc;
    char formatted[64];
    if (gmtime_r(&when, &utc) == NULL) return -1;
    buffer_append(text, formatted, strftime(formatted, sizeof(formatted), format, &utc));
    return 0;
}

static int render_date(struct str value, struct buffer *text) {
    if (value.length != 4) return -1;
    return render_time((int64_t)(int32_t)pg_type_read_u32(value, 0) * SECONDS_PER_DAY, "%Y-%m-%d", text);
}

static int render_timestamp(struct str value, struct buffer *text) {
    if (value.length != 8) return -1;
    int64_t microseconds = (int64_t)pg_type_read_u64(value, 0);
    int64_t seconds = microseconds / MICROSECONDS_PER_SECOND - (microseconds % MICROSECONDS_PER_SECOND < 0);
    return render_time(seconds, "%Y-%m-%d %H:%M:%S", text);
}

static int render_address(struct str value, struct buffer *text) {
    char formatted[INET6_ADDRSTRLEN];
    if (value.length < 4) return -1;
    unsigned family = (uint8_t)value.data[0];
    unsigned bits = (uint8_t)value.data[1];
    size_t length = (uint8_t)value.data[3];
    size_t wanted = family == 2 ? 4 : 16;
    if ((family != 2 && family != 3) || length != wanted || value.length != 4 + wanted || bits > wanted * 8) return -1;
    if (inet_ntop(family == 2 ? AF_INET : AF_INET6, value.data + 4, formatted, sizeof(formatted)) == NULL) return -1;
    buffer_append_cstr(text, formatted);
    if (bits < wanted * 8) buffer_append_format(text, "/%u", bits);
    return 0;
}

static void append_hex(struct buffer *text, struct str bytes, size_t offset, size_t count) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = offset; i < offset + count; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];
        char pair[2] = {digits[byte >> 4], digits[byte & 15]};
        buffer_append(text, pair, 2);
    }
}

static int render_hardware(struct str value, struct buffer *text) {
    if (value.length != 6 && value.length != 8) return -1;
    for (size_t i = 0; i < value.length; i++) {
        if (i > 0) buffer_append_byte(text, ':');
        append_hex(text, value, i, 1);
    }
    return 0;
}

static int render_uuid(struct str value, struct buffer *text) {
    if (value.length != 16) return -1;
    for (size_t i = 0; i < 16; i += 2) {
        if (i >= 4 && i <= 10) buffer_append_byte(text, '-');
        append_hex(text, value, i, 2);
    }
    return 0;
}

/* There is no need for its words: only the column's name can speak for it. */
static int render_opaque(struct str value, struct buffer *text) {
    buffer_append_cstr(text, "\\x");
    append_hex(text, value, 0, value.length);
    return 0;
}

int pg_type_render(const struct pg_type *type, struct str value, struct buffer *text) {
    switch (type->kind) {
    case PG_TYPE_INTEGER: return render_integer(value, text);
    case PG_TYPE_NUMERIC: return render_numeric(value, text);
    case PG_TYPE_FLOAT: return render_float(value, text);
    case PG_TYPE_DATE: return render_date(value, text);
    case PG_TYPE_TIMESTAMP: return render_timestamp(value, text);
    case PG_TYPE_ADDRESS: return render_address(value, text);
    case PG_TYPE_HARDWARE: return render_hardware(value, text);
    case PG_TYPE_UUID: return render_uuid(value, text);
    case PG_TYPE_OPAQUE: return render_opaque(value, text);
    default: return -1;
    }
}
