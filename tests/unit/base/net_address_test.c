/* Addresses are judged by their bytes: "127.evil.example" is no loopback address. */
#include "base/net_address.h"
#include "tests/unit/tap.h"

static void test_kinds_and_local(void) {
    static const struct {
        const char *text;
        int kind; /* -1: it is none */
        bool is_local;
    } rows[] = {
        {"127.0.0.1:5432", NET_ADDRESS_IPV4, true},
        {"127.255.255.254:1", NET_ADDRESS_IPV4, true},
        {"128.0.0.1:1", NET_ADDRESS_IPV4, false},
        {"[::1]:5432", NET_ADDRESS_IPV6, true},
        {"[0:0:0:0:0:0:0:1]:5432", NET_ADDRESS_IPV6, true},
        {"[::ffff:127.0.0.1]:80", NET_ADDRESS_IPV6, true},
        {"[::ffff:10.0.0.1]:80", NET_ADDRESS_IPV6, false},
        {"[::127.0.0.1]:80", NET_ADDRESS_IPV6, false},
        {"[::1.evil.example]:80", NET_ADDRESS_NAME, false},
        {"[::1%lo]:80", NET_ADDRESS_NAME, false},
        {"[127.0.0.1]:80", NET_ADDRESS_NAME, false},
        {"127.evil.example:443", NET_ADDRESS_NAME, false},
        {"127.0.0.1.evil.example:443", NET_ADDRESS_NAME, false},
        {"127.1:443", NET_ADDRESS_NAME, false},
        {"2130706433:443", NET_ADDRESS_NAME, false},
        {"0x7f.0.0.1:443", NET_ADDRESS_NAME, false},
        {"0177.0.0.1:443", NET_ADDRESS_NAME, false},
        {"0.0.0.0:443", NET_ADDRESS_IPV4, false},
        {"localhost:443", NET_ADDRESS_NAME, true},
        {"LocalHost:443", NET_ADDRESS_NAME, true},
        {"localhost.evil.example:443", NET_ADDRESS_NAME, false},
        {"notlocalhost:443", NET_ADDRESS_NAME, false},
        {"unix:/run/sworn.sock", NET_ADDRESS_UNIX, true},
        {"unix:uid=1000", NET_ADDRESS_UNIX, true},
        {"unix.evil.example:80", NET_ADDRESS_NAME, false},
        {"unix:", -1, false},
        {"127.0.0.1", -1, false},
        {"::1:80", -1, false},
        {"127.0.0.1:65536", -1, false},
        {"127.0.0.1:-1", -1, false},
        {":80", -1, false},
        {"[]:80", -1, false},
        {"", -1, false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct net_address address;
        int result = net_address_parse(str_from_cstr(rows[i].text), &address);
        bool is_right = rows[i].kind < 0 ? result != 0
                                         : result == 0 && (int)address.kind == rows[i].kind &&
                                               net_address_is_local(&address) == rows[i].is_local;
        ok(is_right, rows[i].text);
    }
}

static void test_parts(void) {
    struct net_address address;
    ok(net_address_parse(STR("[2001:db8::1]:5432"), &address) == 0 && address.port == 5432 &&
           str_equal(net_address_ip(&address), STR("2001:db8::1")), "brackets go");
    ok(net_address_parse(STR("unix:uid=7"), &address) == 0 && net_address_ip(&address).length == 0, "a socket has none");
    ok(net_address_parse(STR("db.example:1"), &address) == 0 && net_address_ip(&address).length == 0, "nor has a name");
    ok(net_address_parse((struct str){"127.0.0.1\0x:1", 13}, &address) == 0 && address.kind == NET_ADDRESS_NAME,
       "a NUL within");
}

int main(void) {
    test_kinds_and_local();
    test_parts();
    return tap_done();
}
