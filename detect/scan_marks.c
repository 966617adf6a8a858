/* What is known by a mark: '@' of an email address, ':' of IPv6 and network cards' addresses, "://" of a URL with a
 * password, "-----BEGIN" of a private key. */
#include "detect/bytes.h"
#include "detect/scan.h"
#include "detect/segment.h"

#define EMAIL_LOCAL_MAX 64
#define EMAIL_DOMAIN_MAX 255
#define AUTHORITY_MAX 512
#define IPV6_GROUPS 8

enum { IN_LOCAL = 1, ENDS_AUTHORITY = 2, ENDS_LOCAL_NAME = 4 };

static const uint8_t byte_flags[256] = {
    [0 ... ' '] = ENDS_AUTHORITY, ['0' ... '9'] = IN_LOCAL, ['A' ... 'Z'] = IN_LOCAL, ['a' ... 'z'] = IN_LOCAL,
    ['.'] = IN_LOCAL, ['_'] = IN_LOCAL, ['%'] = IN_LOCAL, ['+'] = IN_LOCAL, ['-'] = IN_LOCAL, ['\''] = IN_LOCAL,
    ['~'] = IN_LOCAL, ['!'] = IN_LOCAL, ['$'] = IN_LOCAL, ['*'] = IN_LOCAL, ['#'] = IN_LOCAL | ENDS_AUTHORITY,
    ['&'] = IN_LOCAL | ENDS_LOCAL_NAME, ['='] = IN_LOCAL | ENDS_LOCAL_NAME, ['/'] = ENDS_AUTHORITY,
    ['?'] = ENDS_AUTHORITY, ['"'] = ENDS_AUTHORITY, ['<'] = ENDS_AUTHORITY, ['>'] = ENDS_AUTHORITY,
    ['`'] = ENDS_AUTHORITY,
};

static bool is_byte(char c, int flag) { return (byte_flags[(uint8_t)c] & flag) != 0; }

/* Walks back over the local part; Latin letters with accents (U+00C0 to U+027F) belong to it. */
static size_t local_start(const struct scan *scan, size_t at) {
    size_t start = at;
    while (start > scan->from && at - start < EMAIL_LOCAL_MAX) {
        unsigned char c = (unsigned char)scan->text[start - 1];
        unsigned char lead = start >= scan->from + 2 ? (unsigned char)scan->text[start - 2] : 0;
        if (is_byte((char)c, IN_LOCAL)) start--;
        else if (c >= 0x80 && c < 0xc0 && lead >= 0xc3 && lead <= 0xc9) start -= 2;
        else break;
    }
    while (start < at && !byte_is_alnum(scan->text[start]) && scan->text[start] != '_' &&
           (unsigned char)scan->text[start] < 0x80) {
        start++;
    }
    /* "to=anna@example.com": what stands before the sign is a name, not the local part. */
    for (size_t i = start; i < at; i++) {
        if (is_byte(scan->text[i], ENDS_LOCAL_NAME)) start = i + 1;
    }
    return start;
}

#define PACK(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* "logo@2x.png" is no address. */
static bool is_file_ending(struct str ending) {
    static const uint32_t endings[] = {
        PACK(0, 'p', 'n', 'g'),   PACK(0, 'j', 'p', 'g'),   PACK('j', 'p', 'e', 'g'), PACK(0, 'g', 'i', 'f'),
        PACK(0, 's', 'v', 'g'),   PACK('w', 'e', 'b', 'p'), PACK(0, 0, 'j', 's'),     PACK(0, 'c', 's', 's'),
        PACK('j', 's', 'o', 'n'), PACK('h', 't', 'm', 'l'), PACK(0, 'i', 'c', 'o'),   PACK(0, 'p', 'd', 'f'),
        PACK(0, 0, 't', 's'),     PACK(0, 't', 's', 'x'),   PACK(0, 'j', 's', 'x'),   PACK(0, 'm', 'j', 's'),
        PACK(0, 'x', 'm', 'l'),   PACK(0, 'y', 'm', 'l'),   PACK('y', 'a', 'm', 'l'), PACK(0, 't', 'x', 't'),
    };
    if (ending.length > 4) return false;
    uint32_t packed = 0;
    for (size_t i = 0; i < ending.length; i++) packed = packed << 8 | (uint8_t)(ending.data[i] | 0x20);
    for (size_t i = 0; i < LENGTH_OF(endings); i++) {
        if (packed == endings[i]) return true;
    }
    return false;
}

#undef PACK

/* May text[label .. at) be the last label of a host name: letters, or punycode? */
static bool is_top_label(const struct scan *scan, size_t label, size_t at, bool is_letters) {
    struct str last = str_make(scan->text + label, at - label);
    if (is_letters) return last.length >= 2 && last.length <= 24 && !is_file_ending(last);
    return last.length > 4 && str_equal_ignoring_case(str_slice(last, 0, 4), STR("xn--"));
}

/* The end of a host name with at least two labels whose last is letters, or 0. */
static size_t domain_end(const struct scan *scan, size_t start) {
    size_t label = start, end = 0;
    bool is_letters = true;
    for (size_t at = start; at - start <= EMAIL_DOMAIN_MAX; at++) {
        char c = scan_at(scan, at);
        if (byte_is_letter(c)) continue;
        if (byte_is_digit(c) || c == '-' || (unsigned char)c >= 0x80) {
            is_letters = false;
            continue;
        }
        if (at == label || scan->text[label] == '-') break;
        if (label > start && is_top_label(scan, label, at, is_letters)) end = at;
        else end = c == '.' ? end : 0;
        if (c != '.') break;
        label = at + 1;
        is_letters = true;
    }
    return end;
}

/* Is `start` inside the user part of a URL? Then the password rule speaks. */
static bool is_in_user_part(const struct scan *scan, size_t start) {
    for (size_t at = start; at > scan->floor && start - at < DETECT_CONTEXT_BYTES - 2; at--) {
        char c = scan->text[at - 1];
        if (c == '/') return at >= scan->floor + 3 && memcmp(scan->text + at - 3, "://", 3) == 0;
        if ((unsigned char)c <= ' ' || c == '"') return false;
    }
    return false;
}

size_t scan_at_sign(struct scan *scan, size_t at) {
    size_t start = local_start(scan, at);
    if (start == at || scan->text[at - 1] == '.') return at + 1;
    size_t end = domain_end(scan, at + 1);
    if (end == 0) return at + 1;
    bool is_git_remote = str_equal_cstr(str_make(scan->text + start, at - start), "git") && scan_at(scan, end) == ':';
    char before = scan_before(scan, start);
    if (is_git_remote || ((before == ':' || before == '/') && is_in_user_part(scan, start))) return at + 1;
    scan_add(scan, start, end, CLASS_EMAIL, 95, "email");
    return end;
}

static size_t match_url_password(struct scan *scan, size_t at) {
    size_t begin = at + 3, colon = 0, sign = 0;
    for (size_t i = begin; i < scan->end && i - begin < AUTHORITY_MAX; i++) {
        char c = scan->text[i];
        if (is_byte(c, ENDS_AUTHORITY)) break;
        if (c == ':' && colon == 0) colon = i;
        if (c == '@') sign = i;
    }
    if (colon == 0 || sign < colon + 2) return 0;
    char first = scan->text[colon + 1];
    bool is_placeholder = first == '$' || first == '{' || first == '[' || first == '*' || first == '%';
    if (is_placeholder && (first != '%' || !byte_is_hex(scan->text[colon + 2]))) return 0;
    scan_add(scan, colon + 1, sign, CLASS_URL_PASSWORD, 97, "url_password");
    return sign;
}

static size_t match_mac(struct scan *scan, size_t start) {
    const size_t total = 17;
    if (scan->end - start < total) return 0;
    for (size_t i = 0; i < total; i++) {
        char c = scan->text[start + i];
        if (i % 3 == 2 ? c != ':' : !byte_is_hex(c)) return 0;
    }
    char after = scan_at(scan, start + total);
    if (byte_is_word(after) || after == ':') return 0;
    scan_add(scan, start, start + total, CLASS_MAC_ADDRESS, 92, "mac");
    return start + total;
}

/* RFC 4291 section 2.2: groups of hex digits, "::" once at most, dotted IPv4 at the end. */
static size_t match_ipv6(struct scan *scan, size_t start) {
    size_t at = start, longest = 0, digits = 0;
    int groups = 0;
    bool is_compressed = false;
    if (scan_at(scan, at) == ':') {
        is_compressed = true;
        at += 2;
    }
    while (groups < IPV6_GROUPS) {
        size_t end = at;
        while (byte_is_hex(scan_at(scan, end)) && end - at < 5) digits += byte_is_digit(scan->text[end++]);
        if (end == at) break;
        if (end - at > 4) return 0;
        if (end - at > longest) longest = end - at;
        groups++;
        at = end;
        if (scan_at(scan, at) != ':') break;
        if (scan_at(scan, at + 1) == ':') {
            if (is_compressed) return 0;
            is_compressed = true;
            at += 2;
        } else if (byte_is_hex(scan_at(scan, at + 1))) {
            at++;
        } else {
            break;
        }
    }
    if (groups == 0) return 0;
    char after = scan_at(scan, at);
    if (after == '.' && groups >= 2 && byte_is_digit(scan_at(scan, at + 1))) {
        while (byte_is_digit(scan_at(scan, at)) ||
               (scan_at(scan, at) == '.' && byte_is_digit(scan_at(scan, at + 1)))) {
            at++;
        }
        after = scan_at(scan, at);
        groups++;
    }
    if (byte_is_word(after) || (is_compressed ? groups >= IPV6_GROUPS : groups != IPV6_GROUPS)) return 0;
    bool has_word = (scan_context_before(scan, start) & CONTEXT_IP) != 0;
    if (!has_word && (digits == 0 || longest < 3)) return 0;
    scan_add(scan, start, at, CLASS_IP_ADDRESS, 90, "ipv6");
    return at;
}

size_t scan_colon(struct scan *scan, size_t at) {
    if (scan_at(scan, at + 1) == '/' && scan_at(scan, at + 2) == '/') {
        size_t resume = match_url_password(scan, at);
        return resume > 0 ? resume : at + 1;
    }
    char next = scan_at(scan, at + 1);
    if (next != ':' && (!byte_is_hex(next) || !byte_is_hex(scan_before(scan, at)))) return at + 1;
    size_t start = at;
    while (start > scan->from && at - start < 5 && byte_is_hex(scan->text[start - 1])) start--;
    char before = scan_before(scan, start);
    char earlier = start >= scan->floor + 2 ? scan->text[start - 2] : 0;
    bool is_labelled = before == ':' && byte_is_letter(earlier) && !byte_is_hex(earlier); /* "addr:fe80::1" */
    bool is_start = !byte_is_word(before) && (before != ':' || is_labelled) && before != '.';
    if (!is_start || at - start > 4) return at + 1;
    size_t resume = at - start == 2 ? match_mac(scan, start) : 0;
    if (resume == 0) resume = match_ipv6(scan, start);
    return resume > 0 ? resume : at + 1;
}

#define PRIVATE_KEY_MIN 60

void scan_private_keys(struct scan *scan) {
    if (scan->end - scan->from < PRIVATE_KEY_MIN) return;
    struct str visible = str_make(scan->text, scan->end);
    for (size_t at = scan->from;;) {
        size_t found = str_find(str_slice(visible, at, visible.length), STR("-----BEGIN"));
        if (found == STR_NOT_FOUND) return;
        at += found;
        size_t end = segment_private_key_end(visible, at, true);
        if (end > 0) scan_add(scan, at, end, CLASS_PRIVATE_KEY, 99, "private_key");
        at = end > 0 ? end : at + 1;
    }
}
