/* A network address as it is written: "192.0.2.1:5432", "[2001:db8::1]:5432", "host.example:5432", "unix:..." . Parsed once,
 * so that what is decided on an address is decided on its bytes and never on how its text begins. Pure. */
#ifndef SWORN_BASE_NET_ADDRESS_H
#define SWORN_BASE_NET_ADDRESS_H

#include "base/str.h"

enum net_address_kind {
    NET_ADDRESS_UNIX,
    NET_ADDRESS_IPV4,
    NET_ADDRESS_IPV6,
    NET_ADDRESS_NAME, /* everything that inet_pton(3) does not read: it may lead anywhere */
};

struct net_address {
    enum net_address_kind kind;
    struct str host; /* without brackets; of a Unix socket what stands behind "unix:"; points into the text */
    uint8_t bytes[16];
    uint16_t port;
};

/* -1: it is none. The colon and port may not be left out but for Unix sockets. */
int net_address_parse(struct str text, struct net_address *out) MUST_USE;
/* Nothing that is sent there leaves this machine: 127.0.0.0/8, ::1, those mapped into IPv6, a Unix socket, "localhost". */
bool net_address_is_local(const struct net_address *address);
/* The address itself as text; STR_NONE where there is none, as of a Unix socket. Points into the text. */
struct str net_address_ip(const struct net_address *address);

#endif
