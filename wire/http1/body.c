#include "wire/http1/body.h"

static unsigned status_of_io(const struct error *error) { return error->code == ERROR_TIMEOUT ? 408 : 400; }

/* Parks until the scan has found the end. 1, 0 when nothing came before the end of the stream, -1. */
static int wait_for_head(struct stream *stream, struct http_scan *scan, uint64_t deadline_ns, struct error *error) {
    for (;;) {
        struct error reason = {0};
        if (stream_fill(stream, scan->total_bytes + 1, deadline_ns, &reason) != 0) {
            if (reason.code == ERROR_CLOSED && scan->total_bytes == 0) return 0;
            scan->fault_status = reason.code == ERROR_LIMIT ? 431 : status_of_io(&reason);
            if (reason.code == ERROR_CLOSED)
                return error_set(error, ERROR_PROTOCOL, "the connection ended in the middle of a head");
            if (error != NULL) *error = reason;
            return -1;
        }
        struct str buffered = stream_buffered(stream);
        size_t used = 0;
        struct str rest = str_slice(buffered, scan->total_bytes, buffered.length);
        enum decode_result result = http_scan_feed(scan, rest, &used, error);
        if (result != DECODE_MORE) return result == DECODE_DONE ? 1 : -1;
    }
}

static int read_head(struct stream *stream, enum http_section section, const struct http_limits *limits,
                     uint64_t deadline_ns, struct arena *arena, struct http_head *head, struct error *error) {
    struct http_scan scan;
    *head = (struct http_head){.is_request = section == HTTP_SECTION_REQUEST};
    http_scan_init(&scan, section, limits);
    int found = wait_for_head(stream, &scan, deadline_ns, error);
    head->fault_status = scan.fault_status;
    if (found != 1) return found;
    struct str bytes = str_slice(stream_buffered(stream), 0, scan.total_bytes);
    if (http_head_decode_scanned(bytes, section, limits, arena, head, error) != 0) return -1;
    stream_consume(stream, scan.total_bytes);
    return 1;
}

int http_head_read_request(struct stream *stream, const struct http_limits *limits, uint64_t deadline_ns,
                           struct arena *arena, struct http_head *head, struct error *error) {
    return read_head(stream, HTTP_SECTION_REQUEST, limits, deadline_ns, arena, head, error);
}

int http_head_read_answer(struct stream *stream, const struct http_limits *limits, uint64_t deadline_ns,
                          struct arena *arena, struct http_head *head, struct error *error) {
    for (int i = 0; i <= HTTP_INTERIM_ANSWERS_MAX; i++) {
        int result = read_head(stream, HTTP_SECTION_ANSWER, limits, deadline_ns, arena, head, error);
        if (result == 0 && i > 0)
            result = error_set(error, ERROR_PROTOCOL, "the connection ended after an interim answer");
        if (result < 0) head->fault_status = error != NULL && error->code == ERROR_TIMEOUT ? 504 : 502;
        if (result != 1 || head->status >= 200) return result;
        if (head->status == 101) {
            head->fault_status = 502;
            return error_set(error, ERROR_PROTOCOL, "the server switches protocols, which was not asked for");
        }
    }
    head->fault_status = 502;
    return error_set(error, ERROR_LIMIT, "more than %d interim answers came", HTTP_INTERIM_ANSWERS_MAX);
}

static int refuse(struct http_body *body, unsigned status) {
    body->fault_status = status;
    return -1;
}

static int refuse_size(struct http_body *body, struct error *error) {
    error_set(error, ERROR_LIMIT, "the body has more than the %llu bytes that are accepted",
              (unsigned long long)body->bytes_max);
    return refuse(body, 413);
}

int http_body_open(struct http_body *body, struct stream *stream, const struct http_framing *framing,
                   uint64_t bytes_max, const struct http_limits *limits, struct arena *arena, struct error *error) {
    *body = (struct http_body){.stream = stream, .framing = *framing, .bytes_max = bytes_max};
    http_chunked_init(&body->chunked, limits, arena);
    body->is_at_end = framing->kind == HTTP_FRAMING_NONE ||
                      (framing->kind == HTTP_FRAMING_LENGTH && framing->length == 0);
    if (framing->kind == HTTP_FRAMING_LENGTH && framing->length > bytes_max) return refuse_size(body, error);
    return 0;
}

void http_body_close(struct http_body *body) {
    http_chunked_free(&body->chunked);
    *body = (struct http_body){0};
}

/* Takes content into `out`; the stream's bytes are consumed by the caller. */
static int take(struct http_body *body, struct str data, struct buffer *out, struct error *error) {
    if (data.length > body->bytes_max - body->bytes_read) return refuse_size(body, error);
    buffer_append_str(out, data);
    if (buffer_failed(out)) {
        error_set(error, ERROR_LIMIT, "the body does not fit into the %zu bytes of its buffer", out->cap_bytes);
        return refuse(body, 413);
    }
    body->bytes_read += data.length;
    return 0;
}

/* One look at what is buffered: 0, or -1. Takes nothing past the end of the body. */
static int take_chunks(struct http_body *body, struct str bytes, struct buffer *out, struct error *error) {
    enum decode_result result = DECODE_MORE;
    size_t total = 0;
    while (result == DECODE_MORE && total < bytes.length) {
        struct str data;
        size_t consumed;
        result = http_chunked_decode(&body->chunked, str_slice(bytes, total, bytes.length), &consumed, &data, error);
        total += consumed;
        if (result == DECODE_BAD) return refuse(body, 400);
        if (data.length > 0 && take(body, data, out, error) != 0) return -1;
    }
    stream_consume(body->stream, total);
    body->is_at_end = result == DECODE_DONE;
    return 0;
}

static int take_plain(struct http_body *body, struct str bytes, struct buffer *out, struct error *error) {
    bool has_length = body->framing.kind == HTTP_FRAMING_LENGTH;
    if (has_length) bytes = str_slice(bytes, 0, (size_t)(body->framing.length - body->bytes_read));
    if (take(body, bytes, out, error) != 0) return -1;
    stream_consume(body->stream, bytes.length);
    body->is_at_end = has_length && body->bytes_read == body->framing.length;
    return 0;
}

/* The stream ended, or failed. */
static int end_or_fail(struct http_body *body, const struct error *reason, struct error *error) {
    bool is_whole = body->framing.kind == HTTP_FRAMING_UNTIL_CLOSE && !stream_was_truncated(body->stream);
    if (reason->code == ERROR_CLOSED && is_whole) {
        body->is_at_end = true;
        return 0;
    }
    if (reason->code == ERROR_CLOSED)
        error_set(error, ERROR_PROTOCOL, "the connection ended before the body did");
    else if (error != NULL)
        *error = *reason;
    return refuse(body, status_of_io(reason));
}

int http_body_read(struct http_body *body, uint64_t deadline_ns, struct buffer *out, struct error *error) {
    uint64_t before = body->bytes_read;
    while (!body->is_at_end && body->bytes_read == before) {
        struct error reason = {0};
        if (stream_fill(body->stream, 1, deadline_ns, &reason) != 0) return end_or_fail(body, &reason, error);
        struct str bytes = str_slice(stream_buffered(body->stream), 0, HTTP_BODY_PIECE_BYTES_MAX);
        int result = body->framing.kind == HTTP_FRAMING_CHUNKED ? take_chunks(body, bytes, out, error)
                                                                : take_plain(body, bytes, out, error);
        if (result != 0) return -1;
    }
    return body->bytes_read > before ? 1 : 0;
}
