/* inet_pton() and nothing that guesses: "127.1" and "0x7f.0.0.1" are names here, whatever a resolver makes of them. */
#include "base/net_address.h"

#include <arpa/inet.h>
#include <string.h>

#define UNIX_PREFIX STR("unix:")
#define NUMERIC_BYTES_MAX 64

static enum net_address_kind read_host(struct str host, bool has_brackets, uint8_t bytes[16]) {
    char text[NUMERIC_BYTES_MAX];
    if (host.length >= sizeof(text) || memchr(host.data, '\0', host.length) != NULL) return NET_ADDRESS_NAME;
    memcpy(text, host.data, host.length);
    text[host.length] = '\0';
    if (!has_brackets && inet_pton(AF_INET, text, bytes) == 1) return NET_ADDRESS_IPV4;
    return has_brackets && inet_pton(AF_INET6, text, bytes) == 1 ? NET_ADDRESS_IPV6 : NET_ADDRESS_NAME;
}

int net_address_parse(struct str text, struct net_address *out) {
    uint64_t port;
    *out = (struct net_address){.kind = NET_ADDRESS_NAME};
    if (str_starts_with(text, UNIX_PREFIX)) {
        out->kind = NET_ADDRESS_UNIX;
        out->host = str_slice(text, UNIX_PREFIX.length, text.length);
        return out->host.length > 0 ? 0 : -1;
    }
    size_t colon = text.length;
    while (colon > 0 && text.data[colon - 1] != ':') colon--;
    struct str host = str_slice(text, 0, colon > 0 ? colon - 1 : 0);
    bool has_brackets = host.length > 2 && host.data[0] == '[' && host.data[host.length - 1] == ']';
    if (has_brackets) host = str_slice(host, 1, host.length - 1);
    else if (memchr(host.data, '[', host.length) != NULL || str_find_byte(host, ':') != STR_NOT_FOUND) return -1;
    if (host.length == 0 || str_parse_u64(str_slice(text, colon, text.length), &port) != 0 || port > UINT16_MAX) return -1;
    out->kind = read_host(host, has_brackets, out->bytes);
    out->host = host;
    out->port = (uint16_t)port;
    return 0;
}

bool net_address_is_local(const struct net_address *address) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t loopback[16] = {[15] = 1};
    switch (address->kind) {
    case NET_ADDRESS_UNIX: return true;
    case NET_ADDRESS_IPV4: return address->bytes[0] == 127;
    case NET_ADDRESS_IPV6:
        return memcmp(address->bytes, loopback, sizeof(loopback)) == 0 ||
               (memcmp(address->bytes, mapped, sizeof(mapped)) == 0 && address->bytes[12] == 127);
    default: return str_equal_ignoring_case(address->host, STR("localhost"));
    }
}

struct str net_address_ip(const struct net_address *address) {
    bool is_numeric = address->kind == NET_ADDRESS_IPV4 || address->kind == NET_ADDRESS_IPV6;
    return is_numeric ? address->host : STR_NONE;
}
