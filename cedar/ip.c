/* The extension type ipaddr.
 *
 *     ip     = (ipv4 ["/" prefix]) / (ipv6 ["/" prefix])
 *     ipv4   = octet 3("." octet)              no leading zeros
 *     ipv6   = eight groups of 1 to 4 hex digits, one run of zero groups as "::"; no embedded IPv4
 *     prefix = 0 to 32, or 0 to 128            no leading zeros
 *
 * An address with bits behind its prefix is kept as it is: equality compares all of it, ranges only the prefix. */
#include "cedar/value.h"

#define V4_BITS 32u
#define V6_BITS 128u
#define V6_GROUPS 8u

/* A decimal number of at most `most` without leading zeros. */
static int take_number(struct str *text, unsigned most, unsigned *number) {
    size_t length = 0;
    *number = 0;
    while (length < text->length && text->data[length] >= '0' && text->data[length] <= '9') {
        *number = *number * 10 + (unsigned)(text->data[length++] - '0');
        if (*number > most) return -1;
    }
    if (length == 0 || (length > 1 && text->data[0] == '0')) return -1;
    *text = str_slice(*text, length, text->length);
    return 0;
}

static int parse_v4(struct str text, struct cedar_ip *ip) {
    for (size_t i = 0; i < 4; i++) {
        unsigned octet;
        if (i > 0) {
            if (text.length == 0 || text.data[0] != '.') return -1;
            text = str_slice(text, 1, text.length);
        }
        if (take_number(&text, 255, &octet) != 0) return -1;
        ip->bytes[i] = (uint8_t)octet;
    }
    return text.length == 0 ? 0 : -1;
}

static int hex_digit(char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

/* Groups up to the end or to "::". Returns how many, or -1. */
static int take_groups(struct str *text, uint16_t groups[V6_GROUPS]) {
    unsigned count = 0;
    while (text->length > 0 && !str_starts_with(*text, STR("::"))) {
        if (count == V6_GROUPS) return -1;
        if (count > 0) {
            if (text->data[0] != ':') return -1;
            *text = str_slice(*text, 1, text->length);
        }
        size_t length = 0;
        unsigned group = 0;
        while (length < text->length && length < 4 && hex_digit(text->data[length]) >= 0) {
            group = group << 4 | (unsigned)hex_digit(text->data[length++]);
        }
        if (length == 0) return -1;
        groups[count++] = (uint16_t)group;
        *text = str_slice(*text, length, text->length);
    }
    return (int)count;
}

static int parse_v6(struct str text, struct cedar_ip *ip) {
    uint16_t head[V6_GROUPS] = {0}, tail[V6_GROUPS] = {0};
    int head_count = take_groups(&text, head), tail_count = 0;
    if (head_count < 0) return -1;
    if (text.length == 0) {
        if (head_count != (int)V6_GROUPS) return -1;
    } else {
        text = str_slice(text, 2, text.length);
        tail_count = take_groups(&text, tail);
        if (tail_count < 0 || text.length > 0 || head_count + tail_count >= (int)V6_GROUPS) return -1;
    }
    for (int i = 0; i < tail_count; i++) head[(int)V6_GROUPS - tail_count + i] = tail[i];
    for (size_t i = 0; i < V6_GROUPS; i++) {
        ip->bytes[2 * i] = (uint8_t)(head[i] >> 8);
        ip->bytes[2 * i + 1] = (uint8_t)head[i];
    }
    return 0;
}

int cedar_ip_parse(struct str text, struct cedar_ip *ip) {
    *ip = (struct cedar_ip){0};
    size_t slash = str_find_byte(text, '/');
    struct str address = slash != STR_NOT_FOUND ? str_slice(text, 0, slash) : text;
    ip->is_v6 = str_find_byte(address, ':') != STR_NOT_FOUND;
    unsigned bits = ip->is_v6 ? V6_BITS : V4_BITS;
    if (slash != STR_NOT_FOUND) {
        struct str prefix = str_slice(text, slash + 1, text.length);
        if (take_number(&prefix, bits, &bits) != 0 || prefix.length != 0) return -1;
    }
    ip->prefix_bits = (uint8_t)bits;
    return ip->is_v6 ? parse_v6(address, ip) : parse_v4(address, ip);
}

int cedar_ip_make(struct arena *arena, const uint8_t *bytes, size_t length, unsigned prefix_bits,
                  struct cedar_value *value) {
    if ((length != 4 && length != 16) || prefix_bits > length * 8) return -1;
    struct cedar_ip *ip = ARENA_NEW(arena, struct cedar_ip);
    if (ip == NULL) return -1;
    memcpy(ip->bytes, bytes, length);
    ip->prefix_bits = (uint8_t)prefix_bits;
    ip->is_v6 = length == 16;
    *value = (struct cedar_value){.kind = CEDAR_IP, .ip = ip};
    return 0;
}

static bool is_loopback(const struct cedar_ip *ip) {
    static const uint8_t loopback_v6[16] = {[15] = 1};
    if (ip->is_v6) return ip->prefix_bits == V6_BITS && memcmp(ip->bytes, loopback_v6, 16) == 0;
    return ip->prefix_bits >= 8 && ip->bytes[0] == 127;
}

static bool is_multicast(const struct cedar_ip *ip) {
    if (ip->is_v6) return ip->prefix_bits >= 8 && ip->bytes[0] == 0xff;
    return ip->prefix_bits >= 4 && (ip->bytes[0] & 0xf0) == 0xe0;
}

bool cedar_ip_test(enum cedar_function test, const struct cedar_ip *ip) {
    switch (test) {
    case CEDAR_IS_IPV4: return !ip->is_v6;
    case CEDAR_IS_IPV6: return ip->is_v6;
    case CEDAR_IS_LOOPBACK: return is_loopback(ip);
    default: return is_multicast(ip);
    }
}

bool cedar_ip_is_in(const struct cedar_ip *ip, const struct cedar_ip *range) {
    if (ip->is_v6 != range->is_v6 || ip->prefix_bits < range->prefix_bits) return false;
    size_t whole = range->prefix_bits / 8u;
    unsigned rest = range->prefix_bits % 8u;
    if (memcmp(ip->bytes, range->bytes, whole) != 0) return false;
    return rest == 0 || (uint8_t)((ip->bytes[whole] ^ range->bytes[whole]) >> (8 - rest)) == 0;
}

void cedar_ip_write(const struct cedar_ip *ip, struct buffer *out) {
    if (ip->is_v6) {
        for (size_t i = 0; i < V6_GROUPS; i++) {
            buffer_append_format(out, "%s%x", i > 0 ? ":" : "", ip->bytes[2 * i] << 8 | ip->bytes[2 * i + 1]);
        }
    } else {
        buffer_append_format(out, "%u.%u.%u.%u", ip->bytes[0], ip->bytes[1], ip->bytes[2], ip->bytes[3]);
    }
    if (ip->prefix_bits != (ip->is_v6 ? V6_BITS : V4_BITS)) buffer_append_format(out, "/%u", ip->prefix_bits);
}
