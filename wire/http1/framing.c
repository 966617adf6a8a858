#include "wire/http1/framing.h"

#define CONTENT_LENGTH STR("Content-Length")
#define TRANSFER_ENCODING STR("Transfer-Encoding")

static int refuse(struct http_framing *framing, unsigned status, struct error *error, const char *text) {
    framing->fault_status = status;
    return error_set(error, ERROR_PROTOCOL, "%s", text);
}

static int read_length(const struct http_head *head, struct http_framing *framing, struct error *error) {
    struct str value = http_head_find(head, CONTENT_LENGTH);
    if (str_parse_u64(value, &framing->length) != 0 || framing->length > INT64_MAX)
        return refuse(framing, 400, error, "Content-Length is not one number of bytes");
    framing->kind = HTTP_FRAMING_LENGTH;
    return 0;
}

static int read_transfer_encoding(const struct http_head *head, struct http_framing *framing, struct error *error) {
    if (head->minor_version == 0)
        return refuse(framing, 400, error, "Transfer-Encoding is not part of HTTP/1.0");
    if (!str_equal_ignoring_case(http_head_find(head, TRANSFER_ENCODING), STR("chunked")))
        return refuse(framing, 501, error, "the only Transfer-Encoding that is accepted is chunked");
    framing->kind = HTTP_FRAMING_CHUNKED;
    return 0;
}

/* What the fields say of the length, whoever sent them: HTTP_FRAMING_NONE when they say nothing. */
static int read_fields(const struct http_head *head, struct http_framing *framing, struct error *error) {
    size_t length_count = http_head_count(head, CONTENT_LENGTH);
    size_t encoding_count = http_head_count(head, TRANSFER_ENCODING);
    if (length_count > 0 && encoding_count > 0)
        return refuse(framing, 400, error, "the message has both Content-Length and Transfer-Encoding");
    if (length_count > 1) return refuse(framing, 400, error, "the message has several Content-Length fields");
    if (encoding_count > 1) return refuse(framing, 400, error, "the message has several Transfer-Encoding fields");
    if (encoding_count == 1) return read_transfer_encoding(head, framing, error);
    return length_count == 1 ? read_length(head, framing, error) : 0;
}

static int read_connection(const struct http_head *head, struct http_framing *framing, struct error *error) {
    struct http_list list = http_list_of(head, STR("Connection"));
    struct str option;
    framing->keeps_alive = head->minor_version == 1;
    while (http_list_of_next(&list, &option)) {
        if (!http_is_token(option)) return refuse(framing, 400, error, "the Connection field is not a list of words");
        if (str_equal_ignoring_case(option, STR("close"))) framing->keeps_alive = false;
    }
    return 0;
}

int http_framing_of_request(const struct http_head *head, struct http_framing *framing, struct error *error) {
    CHECK(head->is_request);
    *framing = (struct http_framing){0};
    if (read_fields(head, framing, error) != 0 || read_connection(head, framing, error) != 0) return -1;
    struct http_list list = http_list_of(head, STR("Expect"));
    struct str expectation;
    while (http_list_of_next(&list, &expectation)) {
        if (!str_equal_ignoring_case(expectation, STR("100-continue")))
            return refuse(framing, 417, error, "the only expectation that is understood is 100-continue");
        framing->expects_continue = true;
    }
    bool has_body = framing->kind == HTTP_FRAMING_CHUNKED || framing->length > 0;
    framing->expects_continue = framing->expects_continue && has_body;
    return 0;
}

int http_framing_of_answer(const struct http_head *head, struct str method, struct http_framing *framing,
                           struct error *error) {
    CHECK(!head->is_request);
    *framing = (struct http_framing){0};
    if (read_fields(head, framing, error) != 0 || read_connection(head, framing, error) != 0) {
        framing->fault_status = 502;
        return -1;
    }
    bool is_bodiless_status = head->status < 200 || head->status == 204;
    if (is_bodiless_status || head->status == 304 || str_equal(method, STR("HEAD"))) {
        /* Bytes that such an answer announces may follow all the same. */
        if (is_bodiless_status && (framing->kind == HTTP_FRAMING_CHUNKED || framing->length > 0))
            framing->keeps_alive = false;
        framing->kind = HTTP_FRAMING_NONE;
        framing->length = 0;
    } else if (framing->kind == HTTP_FRAMING_NONE) {
        framing->kind = HTTP_FRAMING_UNTIL_CLOSE;
        framing->keeps_alive = false;
    }
    return 0;
}
