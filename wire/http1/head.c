#include "wire/http1/head.h"

#include "wire/http1/target.h"

static int refuse(struct http_head *head, unsigned status, struct error *error, const char *text) {
    head->fault_status = status;
    return error_set(error, status == 414 ? ERROR_LIMIT : ERROR_PROTOCOL, "%s", text);
}

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/* "HTTP/" DIGIT "." DIGIT */
static bool is_version(struct str s) {
    return s.length == 8 && str_starts_with(s, STR("HTTP/")) && is_digit(s.data[5]) && s.data[6] == '.' &&
           is_digit(s.data[7]);
}

static int check_request_version(struct http_head *head, struct str version, struct error *error) {
    if (!is_version(version))
        return refuse(head, 400, error, "the first line is not that of an HTTP request: METHOD /path HTTP/1.1");
    if (version.data[5] == '2')
        return refuse(head, 505, error, "HTTP/2 is not spoken here: send HTTP/1.1 requests");
    if (!str_equal(version, STR("HTTP/1.1")))
        return refuse(head, 505, error, "this version of HTTP is not spoken here: send HTTP/1.1 requests");
    head->minor_version = 1;
    return 0;
}

static int check_method(struct http_head *head, struct error *error) {
    if (!http_is_token(head->method)) return refuse(head, 400, error, "the request's method is not a word");
    if (head->method.length > HTTP_METHOD_BYTES_MAX) return refuse(head, 501, error, "the request's method is unknown");
    if (str_equal_ignoring_case(head->method, STR("CONNECT")))
        return refuse(head, 501, error, "CONNECT is not offered: this is not a forward proxy");
    return 0;
}

static int decode_request_line(struct http_head *head, struct str line, const struct http_limits *limits,
                               struct error *error) {
    size_t first = str_find_byte(line, ' ');
    struct str rest = first == STR_NOT_FOUND ? STR_NONE : str_slice(line, first + 1, line.length);
    size_t second = str_find_byte(rest, ' ');
    if (second == STR_NOT_FOUND || str_find_byte(str_slice(rest, second + 1, rest.length), ' ') != STR_NOT_FOUND)
        return refuse(head, 400, error, "the first line is not METHOD /path HTTP/1.1 with one space at each place");
    head->method = str_slice(line, 0, first);
    head->target = str_slice(rest, 0, second);
    if (check_request_version(head, str_slice(rest, second + 1, rest.length), error) != 0) return -1;
    if (check_method(head, error) != 0) return -1;
    if (head->target.length > limits->target_bytes_max)
        return refuse(head, 414, error, "the request's target is too long");
    if (http_target_check(head->target, error) == 0) return 0;
    head->fault_status = 400;
    return -1;
}

/* Servers leave out the space before an empty reason, too. */
static int decode_status_line(struct http_head *head, struct str line, struct error *error) {
    struct str version = str_slice(line, 0, 8);
    struct str code = str_slice(line, 9, 12);
    if (!is_version(version) || line.length < 12 || line.data[8] != ' ' || (line.length > 12 && line.data[12] != ' '))
        return refuse(head, 502, error, "the answer does not begin as HTTP/1.1 does: is it an HTTP server?");
    if (!str_equal(version, STR("HTTP/1.1")) && !str_equal(version, STR("HTTP/1.0")))
        return refuse(head, 502, error, "the answer has a version of HTTP other than 1.0 and 1.1");
    head->minor_version = version.data[7] == '1' ? 1 : 0;
    if (!is_digit(code.data[0]) || !is_digit(code.data[1]) || !is_digit(code.data[2]))
        return refuse(head, 502, error, "the answer's status is not three digits");
    head->status = (unsigned)((code.data[0] - '0') * 100 + (code.data[1] - '0') * 10 + (code.data[2] - '0'));
    if (head->status < 100 || head->status > 599)
        return refuse(head, 502, error, "the answer's status is not from 100 to 599");
    head->reason = str_slice(line, 13, line.length);
    return 0;
}

static int check_host(struct http_head *head, struct error *error) {
    size_t count = http_head_count(head, STR("Host"));
    if (count != 1)
        return refuse(head, 400, error, count == 0 ? "the request has no Host" : "the request has several Host fields");
    if (!http_host_is_valid(http_head_find(head, STR("Host"))))
        return refuse(head, 400, error, "the request's Host field is not name or name:port");
    return 0;
}

int http_head_decode_scanned(struct str bytes, enum http_section section, const struct http_limits *limits,
                             struct arena *arena, struct http_head *head, struct error *error) {
    *head = (struct http_head){.is_request = section == HTTP_SECTION_REQUEST};
    struct str copy = arena_copy(arena, bytes);
    if (copy.data == NULL) {
        head->fault_status = head->is_request ? 431 : 502;
        return error_out_of_memory(error);
    }
    size_t end = str_find(copy, STR("\r\n"));
    CHECK(end != STR_NOT_FOUND && str_ends_with(copy, STR("\r\n\r\n")));
    struct str line = str_slice(copy, 0, end);
    int result = head->is_request ? decode_request_line(head, line, limits, error)
                                  : decode_status_line(head, line, error);
    if (result != 0) return -1;
    struct str lines = str_slice(copy, end + 2, copy.length - 2);
    if (http_fields_decode(lines, arena, &head->fields, &head->field_count, error) != 0) {
        head->fault_status = head->is_request ? 400 : 502;
        return -1;
    }
    return head->is_request ? check_host(head, error) : 0;
}

static enum decode_result decode(struct str bytes, enum http_section section, const struct http_limits *limits,
                                 struct arena *arena, struct http_head *head, size_t *consumed, struct error *error) {
    struct http_scan scan;
    *head = (struct http_head){.is_request = section == HTTP_SECTION_REQUEST};
    *consumed = 0;
    http_scan_init(&scan, section, limits);
    enum decode_result result = http_scan_feed(&scan, bytes, consumed, error);
    head->fault_status = scan.fault_status;
    if (result != DECODE_DONE) return result;
    int decoded = http_head_decode_scanned(str_slice(bytes, 0, *consumed), section, limits, arena, head, error);
    return decoded == 0 ? DECODE_DONE : DECODE_BAD;
}

enum decode_result http_head_decode_request(struct str bytes, const struct http_limits *limits, struct arena *arena,
                                            struct http_head *head, size_t *consumed, struct error *error) {
    return decode(bytes, HTTP_SECTION_REQUEST, limits, arena, head, consumed, error);
}

enum decode_result http_head_decode_answer(struct str bytes, const struct http_limits *limits, struct arena *arena,
                                           struct http_head *head, size_t *consumed, struct error *error) {
    return decode(bytes, HTTP_SECTION_ANSWER, limits, arena, head, consumed, error);
}

struct str http_head_find(const struct http_head *head, struct str name) {
    return http_fields_find(head->fields, head->field_count, name);
}

size_t http_head_count(const struct http_head *head, struct str name) {
    return http_fields_count(head->fields, head->field_count, name);
}

struct http_list http_list_of(const struct http_head *head, struct str name) {
    return (struct http_list){.head = head, .name = name};
}

bool http_list_of_next(struct http_list *list, struct str *element) {
    while (!http_list_next(&list->rest, element)) {
        const struct http_field *field;
        do {
            if (list->next_field == list->head->field_count) return false;
            field = &list->head->fields[list->next_field++];
        } while (!str_equal_ignoring_case(field->name, list->name));
        list->rest = field->value;
    }
    return true;
}

bool http_head_lists(const struct http_head *head, struct str name, struct str element) {
    struct http_list list = http_list_of(head, name);
    struct str found;
    while (http_list_of_next(&list, &found)) {
        if (str_equal_ignoring_case(found, element)) return true;
    }
    return false;
}
