#include "wire/http1/scan.h"

#define VERSION_BYTES 8 /* "HTTP/1.1" */

void http_scan_init(struct http_scan *scan, enum http_section section, const struct http_limits *limits) {
    *scan = (struct http_scan){.limits = limits, .section = section};
}

/* A client is told what is wrong with its request; an answer can only be a bad one. */
static void set_fault(struct http_scan *scan, unsigned status) {
    scan->fault_status = scan->section == HTTP_SECTION_ANSWER ? 502 : status;
}

static enum decode_result refuse(struct http_scan *scan, struct error *error, const char *text) {
    set_fault(scan, 400);
    error_set(error, ERROR_PROTOCOL, "%s", text);
    return DECODE_BAD;
}

static enum decode_result refuse_size(struct http_scan *scan, struct error *error, unsigned status, const char *what,
                                      size_t maximum) {
    set_fault(scan, status);
    error_set(error, ERROR_LIMIT, "%s: at most %zu are accepted", what, maximum);
    return DECODE_BAD;
}

static bool is_first_line(const struct http_scan *scan) {
    return scan->line_count == 0 && scan->section != HTTP_SECTION_TRAILERS;
}

/* The byte behind a CR. */
static enum decode_result end_line(struct http_scan *scan, unsigned char byte, struct error *error) {
    if (byte != '\n') return refuse(scan, error, "a CR stands without LF");
    if (scan->line_bytes == 0 && is_first_line(scan)) return refuse(scan, error, "an empty line comes before the head");
    if (scan->line_bytes == 0) return DECODE_DONE;
    size_t field_count = scan->line_count + (scan->section == HTTP_SECTION_TRAILERS ? 1 : 0);
    if (field_count > scan->limits->field_count_max)
        return refuse_size(scan, error, 431, "there are too many header fields", scan->limits->field_count_max);
    scan->line_count++;
    scan->line_bytes = 0;
    scan->has_cr = false;
    return DECODE_MORE;
}

static bool is_request_line(const struct http_scan *scan) {
    return scan->section == HTTP_SECTION_REQUEST && scan->line_count == 0;
}

static size_t line_bytes_max(const struct http_scan *scan) {
    if (!is_request_line(scan)) return scan->limits->field_bytes_max;
    return HTTP_METHOD_BYTES_MAX + 1 + scan->limits->target_bytes_max + 1 + VERSION_BYTES;
}

static enum decode_result lengthen_line(struct http_scan *scan, struct error *error) {
    if (scan->line_bytes < line_bytes_max(scan)) {
        scan->line_bytes++;
        return DECODE_MORE;
    }
    if (is_request_line(scan))
        return refuse_size(scan, error, 414, "the request line has too many bytes", scan->limits->target_bytes_max);
    return refuse_size(scan, error, 431, "a header field has too many bytes", scan->limits->field_bytes_max);
}

static enum decode_result look_at(struct http_scan *scan, unsigned char byte, struct error *error) {
    if (scan->has_cr) return end_line(scan, byte, error);
    if (byte == '\r') {
        scan->has_cr = true;
        return DECODE_MORE;
    }
    if (byte == '\n') return refuse(scan, error, "an LF stands without CR: lines end in CR LF");
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
        bool is_tls = scan->total_bytes == 1 && byte == 0x16;
        return refuse(scan, error, is_tls ? "this is a TLS handshake, but TLS is not spoken here: use http://"
                                          : "the head holds a control character");
    }
    if ((byte == ' ' || byte == '\t') && scan->line_bytes == 0)
        return refuse(scan, error, is_first_line(scan) ? "white space stands before the head"
                                                       : "a header field is folded over several lines: write one");
    return lengthen_line(scan, error);
}

/* How many bytes at the front go on with the line and nothing else: most of a head need no closer look. */
static size_t count_plain(const struct http_scan *scan, struct str bytes) {
    if (scan->has_cr || scan->line_bytes == 0) return 0;
    bytes = str_slice(bytes, 0, line_bytes_max(scan) - scan->line_bytes);
    bytes = str_slice(bytes, 0, scan->limits->head_bytes_max - scan->total_bytes);
    size_t count = 0;
    while (count < bytes.length && (unsigned char)bytes.data[count] >= 0x20 && bytes.data[count] != 0x7f) count++;
    return count;
}

enum decode_result http_scan_feed(struct http_scan *scan, struct str bytes, size_t *used, struct error *error) {
    *used = 0;
    while (*used < bytes.length) {
        struct str rest = str_slice(bytes, *used, bytes.length);
        size_t plain_count = count_plain(scan, rest);
        scan->line_bytes += plain_count;
        scan->total_bytes += plain_count;
        *used += plain_count;
        if (plain_count > 0) continue;
        if (scan->total_bytes == scan->limits->head_bytes_max)
            return refuse_size(scan, error, 431, "all header fields together have too many bytes",
                               scan->limits->head_bytes_max);
        scan->total_bytes++;
        *used += 1;
        enum decode_result result = look_at(scan, (unsigned char)rest.data[0], error);
        if (result != DECODE_MORE) return result;
    }
    return DECODE_MORE;
}
