/* Addresses of upstreams as the configuration writes them: "host", "host:port", "[::1]:port" or "unix:/path". Pure. */
#ifndef SWORN_WIRE_ADDRESS_H
#define SWORN_WIRE_ADDRESS_H

#include "base/error.h"
#include "base/str.h"

#define WIRE_HOST_BYTES_MAX 256u

/* host: a name, an address without brackets or an absolute path, as stream_connect takes it. */
int wire_address_split(struct str address, uint16_t default_port, char host[WIRE_HOST_BYTES_MAX], uint16_t *port,
                       struct error *error) MUST_USE;

#endif
