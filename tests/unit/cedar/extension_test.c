/* The texts of extension values: what is accepted and what it means. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define MS_PER_DAY INT64_C(86400000)

struct row {
    enum cedar_kind kind;
    const char *text;
    bool is_valid;
    int64_t number;
};

static const struct row rows[] = {
    {CEDAR_DECIMAL, "0.0", true, 0}, {CEDAR_DECIMAL, "-0.0", true, 0}, {CEDAR_DECIMAL, "1.2", true, 12000},
    {CEDAR_DECIMAL, "-1.2345", true, -12345}, {CEDAR_DECIMAL, "00012.3000", true, 123000},
    {CEDAR_DECIMAL, "922337203685477.5807", true, INT64_MAX}, {CEDAR_DECIMAL, "-922337203685477.5808", true, INT64_MIN},
    {CEDAR_DECIMAL, "922337203685477.5808", false, 0}, {CEDAR_DECIMAL, "-922337203685477.5809", false, 0},
    {CEDAR_DECIMAL, "1", false, 0}, {CEDAR_DECIMAL, "1.", false, 0}, {CEDAR_DECIMAL, ".1", false, 0},
    {CEDAR_DECIMAL, "1.23456", false, 0}, {CEDAR_DECIMAL, "+1.0", false, 0}, {CEDAR_DECIMAL, "1.0 ", false, 0},
    {CEDAR_DECIMAL, "1.-1", false, 0}, {CEDAR_DECIMAL, "", false, 0}, {CEDAR_DECIMAL, "1e1.0", false, 0},
    {CEDAR_DECIMAL, "--1.0", false, 0}, {CEDAR_DECIMAL, "99999999999999999999.0", false, 0},
    {CEDAR_DURATION, "0ms", true, 0}, {CEDAR_DURATION, "1d2h3m4s5ms", true, 93784005},
    {CEDAR_DURATION, "-1s", true, -1000},
    {CEDAR_DURATION, "1h5ms", true, 3600005}, {CEDAR_DURATION, "9223372036854775807ms", true, INT64_MAX},
    {CEDAR_DURATION, "-9223372036854775808ms", true, INT64_MIN}, {CEDAR_DURATION, "9223372036854775808ms", false, 0},
    {CEDAR_DURATION, "106751991168d", false, 0}, {CEDAR_DURATION, "", false, 0}, {CEDAR_DURATION, "-", false, 0},
    {CEDAR_DURATION, "1", false, 0}, {CEDAR_DURATION, "d", false, 0}, {CEDAR_DURATION, "1s1m", false, 0},
    {CEDAR_DURATION, "1d1d", false, 0}, {CEDAR_DURATION, "1d-1h", false, 0}, {CEDAR_DURATION, "1.5h", false, 0},
    {CEDAR_DURATION, "1ms1s", false, 0}, {CEDAR_DURATION, "1 d", false, 0}, {CEDAR_DURATION, "+1d", false, 0},
    {CEDAR_DURATION, "1D", false, 0}, {CEDAR_DURATION, "1dd", false, 0},
    {CEDAR_DATETIME, "1970-01-01", true, 0}, {CEDAR_DATETIME, "1970-01-02T00:00:00Z", true, MS_PER_DAY},
    {CEDAR_DATETIME, "1969-12-31T23:59:59.999Z", true, -1}, {CEDAR_DATETIME, "2000-02-29", true, 11016 * MS_PER_DAY},
    {CEDAR_DATETIME, "1970-01-01T01:00:00+0100", true, 0},
    {CEDAR_DATETIME, "1970-01-01T00:00:00.001-0001", true, 60001},
    {CEDAR_DATETIME, "0000-01-01", true, INT64_C(-62167219200000)},
    {CEDAR_DATETIME, "9999-12-31T23:59:59.999Z", true, INT64_C(253402300799999)},
    {CEDAR_DATETIME, "0000-01-01T00:00:00+2359", true, INT64_C(-62167305540000)},
    {CEDAR_DATETIME, "1900-02-29", false, 0}, {CEDAR_DATETIME, "2023-02-29", false, 0},
    {CEDAR_DATETIME, "2024-13-01", false, 0},
    {CEDAR_DATETIME, "2024-00-01", false, 0}, {CEDAR_DATETIME, "2024-01-00", false, 0},
    {CEDAR_DATETIME, "2024-04-31", false, 0},
    {CEDAR_DATETIME, "2024-1-01", false, 0}, {CEDAR_DATETIME, "2024-01-01T", false, 0},
    {CEDAR_DATETIME, "2024-01-01T24:00:00Z", false, 0},
    {CEDAR_DATETIME, "2024-01-01T00:60:00Z", false, 0}, {CEDAR_DATETIME, "2024-01-01T00:00:60Z", false, 0},
    {CEDAR_DATETIME, "2024-01-01T00:00:00", false, 0}, {CEDAR_DATETIME, "2024-01-01T00:00:00.1Z", false, 0},
    {CEDAR_DATETIME, "2024-01-01T00:00:00z", false, 0}, {CEDAR_DATETIME, "2024-01-01 00:00:00Z", false, 0},
    {CEDAR_DATETIME, "2024-01-01T00:00:00+2400", false, 0}, {CEDAR_DATETIME, "2024-01-01T00:00:00+0060", false, 0},
    {CEDAR_DATETIME, "2024-01-01T00:00:00+01:00", false, 0}, {CEDAR_DATETIME, "2024-01-01Z", false, 0},
    {CEDAR_DATETIME, "-2024-01-01", false, 0}, {CEDAR_DATETIME, "", false, 0},
    {CEDAR_IP, "0.0.0.0", true, 0}, {CEDAR_IP, "255.255.255.255/32", true, 0}, {CEDAR_IP, "10.0.0.0/0", true, 0},
    {CEDAR_IP, "::", true, 0}, {CEDAR_IP, "::1", true, 0}, {CEDAR_IP, "1::", true, 0},
    {CEDAR_IP, "1:2:3:4:5:6:7:8", true, 0},
    {CEDAR_IP, "1:2:3:4:5:6:7::", true, 0}, {CEDAR_IP, "::2:3:4:5:6:7:8", true, 0}, {CEDAR_IP, "::/128", true, 0},
    {CEDAR_IP, "AbCd::eF01/64", true, 0},
    {CEDAR_IP, "", false, 0}, {CEDAR_IP, "1.2.3", false, 0}, {CEDAR_IP, "1.2.3.4.5", false, 0},
    {CEDAR_IP, "256.0.0.1", false, 0},
    {CEDAR_IP, "01.2.3.4", false, 0}, {CEDAR_IP, "1.2.3.4/33", false, 0}, {CEDAR_IP, "1.2.3.4/", false, 0},
    {CEDAR_IP, "1.2.3.4/01", false, 0},
    {CEDAR_IP, "1.2.3.4/00", false, 0}, {CEDAR_IP, "1.2.3.4/-1", false, 0}, {CEDAR_IP, "::/129", false, 0},
    {CEDAR_IP, "::1::", false, 0},
    {CEDAR_IP, ":::", false, 0}, {CEDAR_IP, "1:2:3:4:5:6:7", false, 0}, {CEDAR_IP, "1:2:3:4:5:6:7:8:9", false, 0},
    {CEDAR_IP, "1:2:3:4:5:6:7:8::", false, 0}, {CEDAR_IP, "1:2:3:4::5:6:7:8", false, 0},
    {CEDAR_IP, "12345::", false, 0}, {CEDAR_IP, "g::", false, 0},
    {CEDAR_IP, "::ffff:1.2.3.4", false, 0}, {CEDAR_IP, "::1%eth0", false, 0}, {CEDAR_IP, " 1.2.3.4", false, 0},
    {CEDAR_IP, "1.2.3.4 ", false, 0},
    {CEDAR_IP, ":1:2", false, 0}, {CEDAR_IP, "1:2:", false, 0}, {CEDAR_IP, "/32", false, 0},
    {CEDAR_IP, "1.2.3.4/32/1", false, 0},
};

int main(void) {
    struct arena arena;
    arena_init(&arena, 1u << 16);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct cedar_value value;
        bool is_valid = cedar_extension_parse(&arena, rows[i].kind, str_from_cstr(rows[i].text), &value) == 0;
        ok(is_valid == rows[i].is_valid, rows[i].text);
        if (is_valid && rows[i].kind != CEDAR_IP) is_integer(value.number, rows[i].number, rows[i].text);
    }
    arena_free(&arena);
    return tap_done();
}
