/* Heads and bodies of HTTP/1.1: see http_message.h. */
#include "tests/bench/http_message.h"

#define LINE_BYTES_MAX 1024

static int bad(struct error *error, const char *what) {
    return error_set(error, ERROR_PROTOCOL, "%s", what);
}

static int read_first_line(struct str line, struct http_head *head, struct error *error) {
    uint64_t status;
    head->is_chat = str_starts_with(line, STR("POST /v1/chat/completions "));
    if (!str_starts_with(line, STR("HTTP/1."))) return 0;
    if (str_parse_u64(str_slice(line, 9, 12), &status) != 0) return bad(error, "no status in the answer's first line");
    head->status = (unsigned)status;
    return 0;
}

static int read_field(struct str line, struct http_head *head, struct error *error) {
    struct str value = line, name;
    if (!str_split(&value, ':', &name)) return bad(error, "a header field without a colon");
    value = str_trim(value);
    if (str_equal_ignoring_case(name, STR("content-length"))) {
        if (str_parse_u64(value, &head->length_bytes) != 0) return bad(error, "no number in Content-Length");
    } else if (str_equal_ignoring_case(name, STR("transfer-encoding"))) {
        head->is_chunked = str_equal_ignoring_case(value, STR("chunked"));
    } else if (str_equal_ignoring_case(name, STR("connection"))) {
        head->closes = str_equal_ignoring_case(value, STR("close"));
    } else if (str_equal_ignoring_case(name, STR("authorization")) && str_starts_with(value, STR("Bearer "))) {
        snprintf(head->credential, sizeof(head->credential), "%.*s", STR_ARGS(str_slice(value, 7, value.length)));
    }
    return 0;
}

static int parse_head(struct str text, struct http_head *head, struct error *error) {
    struct str line;
    bool is_first = true;
    *head = (struct http_head){0};
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.length == 0) break;
        int status = is_first ? read_first_line(line, head, error) : read_field(line, head, error);
        if (status != 0) return -1;
        is_first = false;
    }
    return 0;
}

int http_head_read(struct stream *stream, struct http_head *head, uint64_t deadline_ns, struct error *error) {
    while (true) {
        struct str got = stream_buffered(stream);
        size_t end = str_find(got, STR("\r\n\r\n"));
        if (end != STR_NOT_FOUND) {
            int status = parse_head(str_slice(got, 0, end), head, error);
            stream_consume(stream, end + 4);
            return status;
        }
        if (got.length > HTTP_HEAD_BYTES_MAX) return bad(error, "a head that does not end");
        if (stream_fill(stream, got.length + 1, deadline_ns, error) != 0) {
            if (got.length > 0) return error_prefix(error, "within a head");
            return -1;
        }
    }
}

void http_body_begin(struct http_body *body, const struct http_head *head) {
    *body = (struct http_body){.is_chunked = head->is_chunked};
    if (!head->is_chunked) body->left_bytes = head->length_bytes;
    body->is_complete = !head->is_chunked && head->length_bytes == 0;
}

/* One line, without its end; *line is valid until the next read. */
static int read_line(struct stream *stream, char line[LINE_BYTES_MAX], uint64_t deadline_ns, struct error *error) {
    while (true) {
        struct str got = stream_buffered(stream);
        size_t end = str_find(got, STR("\r\n"));
        if (end != STR_NOT_FOUND && end < LINE_BYTES_MAX) {
            memcpy(line, got.data, end);
            line[end] = '\0';
            stream_consume(stream, end + 2);
            return 0;
        }
        if (got.length > LINE_BYTES_MAX) return bad(error, "a line of a chunked body that does not end");
        if (stream_fill(stream, got.length + 1, deadline_ns, error) != 0) return -1;
    }
}

static int read_chunk_size(struct stream *stream, struct http_body *body, uint64_t deadline_ns, struct error *error) {
    char line[LINE_BYTES_MAX], *end;
    if (read_line(stream, line, deadline_ns, error) != 0) return -1;
    body->left_bytes = strtoul(line, &end, 16);
    if (end == line || body->left_bytes > HTTP_BODY_BYTES_MAX) return bad(error, "a chunk without a size");
    if (body->left_bytes > 0) return 0;
    do {
        if (read_line(stream, line, deadline_ns, error) != 0) return -1; /* trailers */
    } while (line[0] != '\0');
    body->is_complete = true;
    return 0;
}

static int read_part(struct stream *stream, struct http_body *body, struct buffer *out, uint64_t deadline_ns,
                     struct error *error) {
    if (body->is_chunked && body->left_bytes == 0) {
        if (read_chunk_size(stream, body, deadline_ns, error) != 0) return -1;
        if (body->is_complete) return 0;
    }
    if (stream_fill(stream, 1, deadline_ns, error) != 0) return -1;
    struct str got = str_slice(stream_buffered(stream), 0, body->left_bytes);
    buffer_append_str(out, got);
    body->left_bytes -= got.length;
    stream_consume(stream, got.length);
    if (buffer_failed(out)) return error_set(error, ERROR_LIMIT, "a body that is too long");
    if (body->left_bytes > 0) return 0;
    if (!body->is_chunked) {
        body->is_complete = true;
        return 0;
    }
    char line[LINE_BYTES_MAX];
    if (read_line(stream, line, deadline_ns, error) != 0) return -1;
    return line[0] == '\0' ? 0 : bad(error, "a chunk that is longer than its size");
}

int http_body_read(struct stream *stream, struct http_body *body, struct buffer *out, uint64_t deadline_ns,
                   struct error *error) {
    if (body->is_complete) return 0;
    if (read_part(stream, body, out, deadline_ns, error) == 0) return 0;
    return error_prefix(error, "within a body");
}

int http_body_read_whole(struct stream *stream, const struct http_head *head, struct buffer *out, uint64_t deadline_ns,
                         struct error *error) {
    struct http_body body;
    http_body_begin(&body, head);
    while (!body.is_complete) {
        if (http_body_read(stream, &body, out, deadline_ns, error) != 0) return -1;
    }
    return 0;
}

void http_stamp_write(uint64_t time_ns, char stamp[HTTP_STAMP_BYTES]) {
    for (size_t i = HTTP_STAMP_LETTERS; i > 0; i--, time_ns >>= 4) stamp[i - 1] = (char)('a' + (time_ns & 15));
    stamp[HTTP_STAMP_LETTERS] = '\0';
}

int http_stamp_parse(struct str letters, uint64_t *time_ns) {
    if (letters.length != HTTP_STAMP_LETTERS) return -1;
    *time_ns = 0;
    for (size_t i = 0; i < HTTP_STAMP_LETTERS; i++) {
        char letter = letters.data[i];
        if (letter < 'a' || letter > 'p') return -1;
        *time_ns = *time_ns << 4 | (uint64_t)(letter - 'a');
    }
    return 0;
}
