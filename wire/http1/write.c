#include "wire/http1/write.h"

#define STATUS_MIN 100
#define STATUS_MAX 599

static const char *const reasons[STATUS_MAX + 1] = {
#define REASON(status, phrase) [status] = phrase,
#include "wire/http1/reasons.def"
#undef REASON
};

static const struct str hop_by_hop_names[] = {
    {"Connection", 10}, {"Keep-Alive", 10}, {"TE", 2}, {"Trailer", 7}, {"Transfer-Encoding", 17}, {"Upgrade", 7},
    {"Expect", 6},
};

const char *http_reason_phrase(unsigned status) {
    return status <= STATUS_MAX && reasons[status] != NULL ? reasons[status] : "";
}

static bool is_visible(struct str s) {
    for (size_t i = 0; i < s.length; i++) {
        if ((unsigned char)s.data[i] <= ' ' || (unsigned char)s.data[i] >= 0x7f) return false;
    }
    return s.length > 0;
}

int http_write_request_line(struct buffer *out, struct str method, struct str target, struct error *error) {
    if (!http_is_token(method) || !is_visible(target))
        return error_set(error, ERROR_INVALID, "a request's method or target cannot be written in one line of HTTP");
    buffer_append_str(out, method);
    buffer_append_byte(out, ' ');
    buffer_append_str(out, target);
    buffer_append_cstr(out, " HTTP/1.1\r\n");
    return 0;
}

int http_write_status_line(struct buffer *out, unsigned status, struct str reason, struct error *error) {
    if (status < STATUS_MIN || status > STATUS_MAX || !http_is_field_value(reason))
        return error_set(error, ERROR_INVALID, "an answer's status or reason cannot be written in one line of HTTP");
    if (reason.length == 0) reason = str_from_cstr(http_reason_phrase(status));
    buffer_append_cstr(out, "HTTP/1.1 ");
    buffer_append_u64_decimal(out, status);
    buffer_append_byte(out, ' ');
    buffer_append_str(out, reason);
    buffer_append_cstr(out, "\r\n");
    return 0;
}

int http_write_field(struct buffer *out, struct str name, struct str value, struct error *error) {
    if (!http_is_token(name) || !http_is_field_value(value))
        return error_set(error, ERROR_INVALID, "a header field's name or value cannot be written in one line of HTTP");
    buffer_append_str(out, name);
    buffer_append_cstr(out, ": ");
    buffer_append_str(out, value);
    buffer_append_cstr(out, "\r\n");
    return 0;
}

void http_write_content_length(struct buffer *out, uint64_t length) {
    buffer_append_cstr(out, "Content-Length: ");
    buffer_append_u64_decimal(out, length);
    buffer_append_cstr(out, "\r\n");
}

void http_write_transfer_encoding_chunked(struct buffer *out) {
    buffer_append_cstr(out, "Transfer-Encoding: chunked\r\n");
}

void http_write_head_end(struct buffer *out) { buffer_append_cstr(out, "\r\n"); }

static int write_fields(struct buffer *out, const struct http_field *fields, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        if (http_write_field(out, fields[i].name, fields[i].value, error) != 0) return -1;
    }
    http_write_head_end(out);
    return 0;
}

int http_write_head(struct buffer *out, const struct http_head *head, struct error *error) {
    size_t length = buffer_length(out);
    int result = head->is_request ? http_write_request_line(out, head->method, head->target, error)
                                  : http_write_status_line(out, head->status, head->reason, error);
    if (result == 0) result = write_fields(out, head->fields, head->field_count, error);
    if (result != 0) buffer_truncate(out, length);
    return result;
}

void http_write_chunk(struct buffer *out, struct str data) {
    if (data.length == 0) return;
    buffer_append_format(out, "%zx\r\n", data.length);
    buffer_append_str(out, data);
    buffer_append_cstr(out, "\r\n");
}

int http_write_last_chunk(struct buffer *out, const struct http_field *trailers, size_t count, struct error *error) {
    size_t length = buffer_length(out);
    buffer_append_cstr(out, "0\r\n");
    int result = write_fields(out, trailers, count, error);
    if (result != 0) buffer_truncate(out, length);
    return result;
}

bool http_field_is_hop_by_hop(const struct http_head *head, struct str name) {
    for (size_t i = 0; i < LENGTH_OF(hop_by_hop_names); i++) {
        if (str_equal_ignoring_case(name, hop_by_hop_names[i])) return true;
    }
    if (str_equal_ignoring_case(str_slice(name, 0, 6), STR("Proxy-"))) return true;
    return http_head_lists(head, STR("Connection"), name);
}
