/* Media types by name (RFC 9110 section 8.3.1); parameters do not matter but for a charset that is not UTF-8's. */
#include "wire/http/content.h"

static bool ends_with_ignoring_case(struct str s, struct str end) {
    return s.length >= end.length && str_equal_ignoring_case(str_slice(s, s.length - end.length, s.length), end);
}

static bool starts_with_ignoring_case(struct str s, struct str start) {
    return s.length >= start.length && str_equal_ignoring_case(str_slice(s, 0, start.length), start);
}

/* UTF-16 hides every value from who reads bytes. */
static bool has_readable_charset(struct str parameters) {
    struct str parameter;
    while (str_split(&parameters, ';', &parameter)) {
        parameter = str_trim(parameter);
        if (!starts_with_ignoring_case(parameter, STR("charset="))) continue;
        struct str charset = str_slice(parameter, 8, parameter.length);
        if (str_starts_with(charset, STR("\""))) charset = str_slice(charset, 1, charset.length - (charset.length > 1));
        static const struct str readable[] = {{"utf-8", 5}, {"utf8", 4}, {"us-ascii", 8}, {"iso-8859-1", 10}};
        bool is_known = false;
        for (size_t i = 0; i < LENGTH_OF(readable); i++) is_known |= str_equal_ignoring_case(charset, readable[i]);
        if (!is_known) return false;
    }
    return true;
}

enum content_kind content_kind_of(const struct http_head *head) {
    static const struct {
        struct str type;
        enum content_kind kind;
    } types[] = {
        {{"application/json", 16}, CONTENT_JSON},
        {{"application/x-www-form-urlencoded", 33}, CONTENT_FORM},
        {{"text/event-stream", 17}, CONTENT_EVENTS},
        {{"application/xml", 15}, CONTENT_TEXT},
        {{"application/javascript", 22}, CONTENT_TEXT},
        {{"application/x-ndjson", 20}, CONTENT_LINES},
        {{"application/ndjson", 18}, CONTENT_LINES},
        {{"application/jsonl", 17}, CONTENT_LINES},
        {{"application/x-jsonlines", 23}, CONTENT_LINES},
    };
    struct str value = http_head_find(head, STR("content-type"));
    if (value.length == 0) return CONTENT_NONE;
    if (http_head_count(head, STR("content-type")) > 1) return CONTENT_OTHER;
    struct str rest = value;
    struct str type;
    str_split(&rest, ';', &type);
    type = str_trim(type);
    if (!has_readable_charset(rest)) return CONTENT_OTHER;
    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        if (str_equal_ignoring_case(type, types[i].type)) return types[i].kind;
    }
    if (ends_with_ignoring_case(type, STR("+json"))) return CONTENT_JSON;
    if (ends_with_ignoring_case(type, STR("+xml"))) return CONTENT_TEXT;
    return starts_with_ignoring_case(type, STR("text/")) ? CONTENT_TEXT : CONTENT_OTHER;
}

enum content_kind content_kind_of_request(const struct http_head *head, struct str body) {
    enum content_kind kind = content_kind_of(head);
    if (kind == CONTENT_LINES) return kind;
    if (str_starts_with(body, STR("\xef\xbb\xbf"))) body = str_slice(body, 3, body.length);
    body = str_trim(body);
    if (str_starts_with(body, STR("{"))) return CONTENT_JSON;
    return str_starts_with(body, STR("[")) && kind != CONTENT_TEXT ? CONTENT_JSON : kind;
}
