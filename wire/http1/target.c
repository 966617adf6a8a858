#include "wire/http1/target.h"

static int hex_digit(char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    return -1;
}

static bool is_alphanumeric(char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_one_of(char byte, const char *set) { return byte != '\0' && strchr(set, byte) != NULL; }

static bool is_path_char(char byte) { return is_alphanumeric(byte) || is_one_of(byte, "-._~!$&'()*+,;=:@/[]|^"); }
static bool is_query_char(char byte) { return is_path_char(byte) || is_one_of(byte, "?{}`"); }

static int check_escape(struct str s, size_t offset, struct error *error) {
    bool has_digits = offset + 2 < s.length && hex_digit(s.data[offset + 1]) >= 0 && hex_digit(s.data[offset + 2]) >= 0;
    if (!has_digits)
        return error_set(error, ERROR_PROTOCOL, "the request's target has a %% without two hex digits behind it");
    if (s.data[offset + 1] == '0' && s.data[offset + 2] == '0')
        return error_set(error, ERROR_PROTOCOL, "the request's target has an escaped NUL");
    return 0;
}

static int check_part(struct str part, bool (*is_allowed)(char byte), struct error *error) {
    for (size_t i = 0; i < part.length; i++) {
        if (part.data[i] == '%') {
            if (check_escape(part, i, error) != 0) return -1;
            i += 2;
        } else if (!is_allowed(part.data[i])) {
            return error_set(error, ERROR_PROTOCOL, "the request's target holds the byte 0x%02x, which has to be "
                             "percent-encoded there (and a #fragment is not sent at all)", (unsigned char)part.data[i]);
        }
    }
    return 0;
}

/* "." or "..", each dot also as %2e. */
static bool is_dot_segment(struct str segment) {
    size_t dots = 0;
    while (segment.length > 0 && dots < 3) {
        bool is_escaped = segment.length >= 3 && segment.data[0] == '%' && segment.data[1] == '2' &&
                          (segment.data[2] == 'e' || segment.data[2] == 'E');
        if (segment.data[0] != '.' && !is_escaped) return false;
        segment = str_slice(segment, is_escaped ? 3 : 1, segment.length);
        dots++;
    }
    return dots == 1 || dots == 2;
}

static int check_segments(struct str path, struct error *error) {
    struct str segment;
    while (str_split(&path, '/', &segment)) {
        if (is_dot_segment(segment))
            return error_set(error, ERROR_PROTOCOL, "the request's path has a segment . or ..: resolve it");
    }
    return 0;
}

int http_target_check(struct str target, struct error *error) {
    if (str_equal(target, STR("*"))) return error_set(error, ERROR_PROTOCOL, "the target * is not known: send a path");
    if (target.length == 0 || target.data[0] != '/')
        return error_set(error, ERROR_PROTOCOL, "the request's target is not a path: send /path alone, without scheme "
                                                "and host (this is not a forward proxy)");
    struct str path, query;
    http_target_split(target, &path, &query);
    if (check_part(path, is_path_char, error) != 0 || check_part(query, is_query_char, error) != 0) return -1;
    return check_segments(path, error);
}

static bool is_port(struct str s) {
    uint64_t port;
    return str_parse_u64(s, &port) == 0 && s.length <= 5 && port <= UINT16_MAX;
}

static bool is_host_name(struct str name) {
    for (size_t i = 0; i < name.length; i++) {
        if (!is_alphanumeric(name.data[i]) && !is_one_of(name.data[i], "-._")) return false;
    }
    return name.length > 0;
}

static bool is_ipv6_literal(struct str literal) {
    for (size_t i = 0; i < literal.length; i++) {
        if (hex_digit(literal.data[i]) < 0 && !is_one_of(literal.data[i], ":.")) return false;
    }
    return literal.length >= 2;
}

bool http_host_is_valid(struct str host) {
    if (host.length > 0 && host.data[0] == '[') {
        size_t end = str_find_byte(host, ']');
        if (end == STR_NOT_FOUND || !is_ipv6_literal(str_slice(host, 1, end))) return false;
        struct str rest = str_slice(host, end + 1, host.length);
        return rest.length == 0 || (rest.data[0] == ':' && is_port(str_slice(rest, 1, rest.length)));
    }
    size_t colon = str_find_byte(host, ':');
    if (colon == STR_NOT_FOUND) return is_host_name(host);
    return is_host_name(str_slice(host, 0, colon)) && is_port(str_slice(host, colon + 1, host.length));
}

void http_target_split(struct str target, struct str *path, struct str *query) {
    size_t mark = str_find_byte(target, '?');
    *path = str_slice(target, 0, mark);
    *query = mark == STR_NOT_FOUND ? STR_NONE : str_slice(target, mark + 1, target.length);
}

int http_percent_decode(struct str s, struct arena *arena, struct str *out, struct error *error) {
    *out = s;
    if (str_find_byte(s, '%') == STR_NOT_FOUND) return 0;
    char *decoded = arena_alloc(arena, s.length);
    if (decoded == NULL) return error_out_of_memory(error);
    size_t length = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] != '%') {
            decoded[length++] = s.data[i];
            continue;
        }
        if (check_escape(s, i, error) != 0) return -1;
        decoded[length++] = (char)(hex_digit(s.data[i + 1]) * 16 + hex_digit(s.data[i + 2]));
        i += 2;
    }
    *out = str_make(decoded, length);
    return 0;
}
