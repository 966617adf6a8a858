#include "wire/address.h"

int wire_address_split(struct str address, uint16_t default_port, char host[WIRE_HOST_BYTES_MAX], uint16_t *port,
                       struct error *error) {
    struct str name = address;
    uint64_t number = default_port;
    if (str_starts_with(address, STR("unix:"))) {
        name = str_slice(address, 5, address.length);
    } else {
        size_t colon = address.length;
        bool is_bracketed = str_ends_with(address, STR("]"));
        while (colon > 0 && address.data[colon - 1] != ':') colon--;
        if (colon > 0 && !is_bracketed) {
            name = str_slice(address, 0, colon - 1);
            if (str_parse_u64(str_slice(address, colon, address.length), &number) != 0 || number == 0 ||
                number > UINT16_MAX)
                return error_set(error, ERROR_INVALID, "address %.*s: the port is not a number from 1 to 65535",
                                 STR_ARGS(address));
        }
        if (name.length > 2 && name.data[0] == '[' && name.data[name.length - 1] == ']')
            name = str_slice(name, 1, name.length - 1);
    }
    if (name.length == 0 || name.length >= WIRE_HOST_BYTES_MAX)
        return error_set(error, ERROR_INVALID, "address %.*s: write host:port or unix:/path", STR_ARGS(address));
    memcpy(host, name.data, name.length);
    host[name.length] = '\0';
    *port = (uint16_t)number;
    return 0;
}
