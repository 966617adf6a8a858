/* The canonical check (RFC 8785 within our limits), the envelope, CRC32C. */
#include "ledger/crc32c.h"
#include "ledger/event.h"
#include "tests/unit/tap.h"

static const struct { const char *event; bool is_good; } rows[] = {
    {"{\"type\":\"x\"}", true},
    {"{\"a\":[],\"b\":{},\"type\":\"x\"}", true},
    {"{\"a\":[1,-2,0,\"s\",true,false,null,{\"k\":[[]]}],\"type\":\"x\"}", true},
    {"{\"a\":\"\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f\",\"type\":\"x\"}", true},
    {"{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f/\",\"type\":\"x\"}", true},
    {"{\"a\":9007199254740992,\"type\":\"x\"}", true},
    {"{\"\":1,\"type\":\"x\"}", true},
    {"{}", false}, {"", false}, {"[]", false}, {"{\"type\":\"\"}", false}, {"{\"type\":1}", false},
    {"{\"type\":\"x\"} ", false}, {" {\"type\":\"x\"}", false}, {"{\"type\": \"x\"}", false},
    {"{\"type\":\"x\",\"a\":1}", false}, {"{\"a\":1,\"a\":2,\"type\":\"x\"}", false}, {"{\"type\":\"x\",}", false},
    {"{,\"type\":\"x\"}", false}, {"{\"a\":[1,],\"type\":\"x\"}", false}, {"{\"a\":[,1],\"type\":\"x\"}", false},
    {"{\"a\":[1 ,2],\"type\":\"x\"}", false}, {"{\"a\":1.5,\"type\":\"x\"}", false}, {"{\"a\":1e3,\"type\":\"x\"}", false},
    {"{\"a\":01,\"type\":\"x\"}", false}, {"{\"a\":-0,\"type\":\"x\"}", false}, {"{\"a\":-,\"type\":\"x\"}", false},
    {"{\"a\":12345678901234567,\"type\":\"x\"}", false}, {"{\"a\":tru,\"type\":\"x\"}", false},
    {"{\"a\":\"\\u0041\",\"type\":\"x\"}", false}, {"{\"a\":\"\\u000a\",\"type\":\"x\"}", false},
    {"{\"a\":\"\\u001F\",\"type\":\"x\"}", false}, {"{\"a\":\"\\/\",\"type\":\"x\"}", false},
    {"{\"a\":\"\n\",\"type\":\"x\"}", false}, {"{\"a\":\"\xff\",\"type\":\"x\"}", false},
    {"{\"a\":\"\xed\xa0\x80\",\"type\":\"x\"}", false}, {"{\"a\":\"x,\"type\":\"x\"}", false},
    {"{\"k\\n\":1,\"type\":\"x\"}", false}, {"{\"\xc3\xa9\":1,\"type\":\"x\"}", false},
    {"{\"type\":\"a\\\\b\"}", false}, {"{\"heartbeat_ms\":-1,\"type\":\"x\"}", false},
    {"{\"a\":{\"type\":\"x\"}}", false}, {"{\"type\":\"x\"", false}, {"{\"a\":[}],\"type\":\"x\"}", false},
    {"{\"action\":\"0123456789012345678901234567890123456789012345678901234567890123456789\",\"type\":\"x\"}", false},
};

static void test_depth(void) {
    struct event_summary summary;
    char text[256];
    for (int depth = EVENT_DEPTH_MAX - 2; depth <= EVENT_DEPTH_MAX; depth++) {
        int length = snprintf(text, sizeof(text), "{\"a\":");
        for (int i = 0; i < depth; i++) text[length++] = '[';
        for (int i = 0; i < depth; i++) text[length++] = ']';
        length += snprintf(text + length, sizeof(text) - (size_t)length, ",\"type\":\"x\"}");
        bool is_good = event_check(str_make(text, (size_t)length), &summary, NULL) == 0;
        ok(is_good == (depth < EVENT_DEPTH_MAX), "nesting has a limit");
    }
}

static void test_envelope(void) {
    char out[EVENT_MAX_BYTES];
    struct ledger_entry entry;
    struct error error = {0};
    struct str event = STR("{\"action\":\"a-1\",\"status\":\"ok\",\"type\":\"outcome\",\"verdict\":\"allow\"}");
    size_t length = entry_wrap(out, event, 0xabcdef, 42, STR("2026-11-22T02:14:07.123456Z"));
    is_str(str_make(out, length),
           STR("{\"event\":{\"action\":\"a-1\",\"status\":\"ok\",\"type\":\"outcome\",\"verdict\":\"allow\"},\"seq\":42,"
               "\"session\":\"0000000000abcdef\",\"time\":\"2026-11-22T02:14:07.123456Z\"}"), "the envelope");
    ok(entry_parse(str_make(out, length), &entry, &error) == 0, "is read back");
    is_str(entry.event, event, "with its event");
    is_str(entry.summary.action, STR("a-1"), "its action");
    is_str(entry.summary.status, STR("ok"), "its status");
    ok(entry.seq == 42 && entry.session == 0xabcdef && entry.time_us == 1795313647123456, "its numbers");
    for (size_t cut = 0; cut < length; cut++) {
        if (entry_parse(str_make(out, cut), &entry, NULL) == 0) ok(false, "a cut entry is no entry");
    }
    length = entry_wrap(out, STR("{\"type\":\"x\"}"), UINT64_MAX, UINT64_MAX, STR("2026-11-22T02:14:07.123456Z"));
    ok(length <= 12 + ENTRY_ENVELOPE_MAX_BYTES, "the envelope's bound holds");
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct event_summary summary;
        struct error error = {0};
        bool is_good = event_check(str_from_cstr(rows[i].event), &summary, &error) == 0;
        ok(is_good == rows[i].is_good, rows[i].event[0] == '\n' ? "newline" : "canonical form");
        if (is_good != rows[i].is_good) printf("# row %zu: %s\n", i, error.text);
    }
    test_depth();
    test_envelope();
    is_integer(crc32c(0, STR("123456789")), 0xe3069283, "CRC32C of 123456789 (RFC 3720)");
    is_integer(crc32c(crc32c(0, STR("1234")), STR("56789")), 0xe3069283, "in parts");
    return tap_done();
}
