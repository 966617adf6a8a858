#include "base/digest.h"
#include "tests/unit/tap.h"

static struct buffer scratch;

static struct str as_hex(struct sha256 digest) {
    buffer_clear(&scratch);
    hex_append(&scratch, str_make(digest.bytes, SHA256_BYTES));
    return buffer_view(&scratch);
}

static void test_base64(void) {
    static const struct { const char *plain; const char *encoded; } rows[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        buffer_clear(&scratch);
        base64_append(&scratch, str_from_cstr(rows[i].plain));
        is_str(buffer_view(&scratch), str_from_cstr(rows[i].encoded), "base64 encode (RFC 4648 section 10)");
        buffer_clear(&scratch);
        ok(base64_decode(str_from_cstr(rows[i].encoded), &scratch) == 0, "base64 decode");
        is_str(buffer_view(&scratch), str_from_cstr(rows[i].plain), "base64 round trip");
    }
    static const char *const bad[] = {"Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm-_"};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        buffer_clear(&scratch);
        ok(base64_decode(str_from_cstr(bad[i]), &scratch) != 0, bad[i]);
    }
}

int main(void) {
    buffer_init(&scratch, 4096);
    is_str(as_hex(sha256_of(STR("abc"))), STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
           "SHA-256 of abc (FIPS 180-2)");
    struct str parts[] = {STR("a"), STR(""), STR("bc")};
    is_str(as_hex(sha256_of_parts(parts, 3)), STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
           "in parts");
    is_str(as_hex(hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"))),
           STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), "HMAC (RFC 4231 case 2)");
    test_base64();
    buffer_clear(&scratch);
    ok(hex_decode(STR("00fF"), &scratch) == 0 && str_equal(buffer_view(&scratch), STR("\0\xff")), "hex");
    ok(hex_decode(STR("0g"), &scratch) != 0 && hex_decode(STR("0"), &scratch) != 0, "bad hex");
    struct secret secret = {0};
    ok(secret_set(&secret, STR("s3cret")) == 0 && str_equal(secret_view(&secret), STR("s3cret")), "secret");
    secret_wipe(&secret);
    ok(secret.data == NULL, "wiped");
    buffer_free(&scratch);
    return tap_done();
}
