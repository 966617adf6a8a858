#include "base/clock.h"
#include "tests/unit/tap.h"

int main(void) {
    static const struct { const char *text; const char *canonical; } rows[] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
        {"2026-11-22T02:14:07.123456Z", "2026-11-22T02:14:07.123456Z"},
        {"2026-11-22T02:14:07.5+02:00", "2026-11-22T00:14:07.500000Z"},
        {"2024-02-29", "2024-02-29T00:00:00.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"2023-02-29", NULL}, {"2026-13-01", NULL}, {"2026-11-22T25:00:00Z", NULL}, {"2026-11-22T02:14", NULL},
        {"2026-11-22T02:14:07", NULL}, {"2026-11-22T02:14:07.Z", NULL}, {"2026-11-22T02:14:07Zx", NULL}, {"", NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        int64_t real_us;
        char text[CLOCK_RFC3339_BYTES];
        bool is_parsed = clock_parse_rfc3339(str_from_cstr(rows[i].text), &real_us) == 0;
        if (rows[i].canonical == NULL) {
            ok(!is_parsed, rows[i].text);
        } else if (ok(is_parsed, rows[i].text)) {
            is_str(clock_format_rfc3339(real_us, text), str_from_cstr(rows[i].canonical), "back to text");
        }
    }
    uint64_t before = clock_monotonic_ns();
    ok(clock_monotonic_ns() >= before, "monotonic");
    return tap_done();
}
