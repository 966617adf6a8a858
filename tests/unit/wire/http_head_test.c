/* The pure half of the HTTP/1.1 codec: heads, framing, chunks, targets, writing. Everything that is decoded is decoded
 * once whole and once byte by byte. */
#include "tests/unit/wire/http_cases.h"
#include "wire/http1/chunked.h"
#include "wire/http1/framing.h"
#include "wire/http1/target.h"
#include "wire/http1/write.h"

#define ARENA_BYTES ((size_t)1 << 20)

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

static enum decode_result decode_head(bool is_request, struct str bytes, struct arena *arena, struct http_head *head,
                                      size_t *consumed, struct error *error) {
    return is_request ? http_head_decode_request(bytes, &limits, arena, head, consumed, error)
                      : http_head_decode_answer(bytes, &limits, arena, head, consumed, error);
}

/* The verdict on a chunked body; pieces of step bytes. */
static void judge_chunks(struct str body, size_t step, struct arena *arena, struct buffer *verdict) {
    struct http_chunked chunked;
    struct error error = {0};
    struct buffer content;
    enum decode_result result = DECODE_MORE;
    buffer_init(&content, ARENA_BYTES);
    http_chunked_init(&chunked, &limits, arena);
    size_t taken = 0, end = 0;
    while (result == DECODE_MORE && taken < body.length) {
        struct str data;
        size_t consumed;
        if (taken == end) end = end + step < body.length ? end + step : body.length;
        result = http_chunked_decode(&chunked, str_slice(body, taken, end), &consumed, &data, &error);
        buffer_append_str(&content, data);
        taken += consumed;
    }
    if (result == DECODE_DONE)
        buffer_append_format(verdict, "chunked \"%.*s\" +%zu", STR_ARGS(buffer_view(&content)), body.length - taken);
    else
        buffer_append_cstr(verdict, result == DECODE_BAD ? "chunked bad" : "chunked more");
    CHECK(result != DECODE_BAD || error.text[0] != '\0');
    http_chunked_free(&chunked);
    buffer_free(&content);
}

static void judge_body(const struct http_framing *framing, struct str body, size_t step, struct arena *arena,
                       struct buffer *verdict) {
    switch (framing->kind) {
    case HTTP_FRAMING_NONE: buffer_append_format(verdict, "none +%zu", body.length); break;
    case HTTP_FRAMING_UNTIL_CLOSE: buffer_append_format(verdict, "close \"%.*s\" +0", STR_ARGS(body)); break;
    case HTTP_FRAMING_CHUNKED: judge_chunks(body, step, arena, verdict); break;
    case HTTP_FRAMING_LENGTH:
        if (body.length < framing->length) buffer_append_cstr(verdict, "length more");
        else
            buffer_append_format(verdict, "length \"%.*s\" +%zu", STR_ARGS(str_slice(body, 0, (size_t)framing->length)),
                                 body.length - (size_t)framing->length);
        break;
    }
}

static void judge(const struct http_case *row, size_t step, struct buffer *verdict) {
    struct arena arena;
    struct http_head head;
    struct http_framing framing;
    struct error error = {0};
    size_t consumed = 0;
    arena_init(&arena, ARENA_BYTES);
    buffer_clear(verdict);
    enum decode_result result = DECODE_MORE;
    for (size_t end = step; result == DECODE_MORE; end += step) {
        result = decode_head(row->is_request, str_slice(row->bytes, 0, end), &arena, &head, &consumed, &error);
        if (end >= row->bytes.length) break;
    }
    CHECK(result != DECODE_BAD || error.text[0] != '\0');
    int framed = 0;
    if (result == DECODE_DONE)
        framed = row->is_request ? http_framing_of_request(&head, &framing, &error)
                                 : http_framing_of_answer(&head, cases_method(row), &framing, &error);
    if (result == DECODE_MORE) buffer_append_cstr(verdict, "more");
    else if (result == DECODE_BAD) buffer_append_format(verdict, "%u", head.fault_status);
    else if (framed != 0) buffer_append_format(verdict, "%u", framing.fault_status);
    else judge_body(&framing, str_slice(row->bytes, consumed, row->bytes.length), step, &arena, verdict);
    arena_free(&arena);
}

static void test_corpus(const char *folder) {
    struct http_cases *cases = cases_open(folder);
    struct buffer verdict;
    buffer_init(&verdict, ARENA_BYTES);
    for (size_t i = 0; i < cases->count; i++) {
        const struct http_case *row = &cases->rows[i];
        judge(row, row->bytes.length, &verdict);
        is_str(buffer_view(&verdict), row->verdict, row->name.data);
        judge(row, 1, &verdict);
        is_str(buffer_view(&verdict), row->verdict, "the same, byte by byte");
    }
    ok(cases->count >= 200, "the corpus is there");
    buffer_free(&verdict);
    cases_close(cases);
}

static void append_many(struct buffer *out, const char *text, size_t count) {
    for (size_t i = 0; i < count; i++) buffer_append_cstr(out, text);
}

struct limit_case {
    const char *name;
    const char *before;
    const char *repeated;
    size_t count;
    const char *after;
    unsigned status; /* 0: accepted */
};

static void test_limits(void) {
    static const struct http_limits small = {
        .target_bytes_max = 100, .field_bytes_max = 200, .field_count_max = 10, .head_bytes_max = 1000};
    static const struct limit_case rows[] = {
        {"target at its limit", "GET /", "a", 99, " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"target past its limit", "GET /", "a", 100, " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        {"request line without end", "GET /", "a", 200, "", 414},
        {"field at its limit", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "y", 197, "\r\n\r\n", 0},
        {"field past its limit", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "y", 198, "\r\n\r\n", 431},
        {"field without end", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "y", 198, "", 431},
        {"field name without end", "GET / HTTP/1.1\r\nHost: a\r\n", "y", 201, "", 431},
        {"as many fields as there may be", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 9, "\r\n", 0},
        {"one field more", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 10, "\r\n", 431},
        {"one field more, without end", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 10, "", 431},
        {"head past its limit", "GET / HTTP/1.1\r\nHost: a\r\n",
         "X: 0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789\r\n", 9, "\r\n", 431},
    };
    struct buffer bytes;
    buffer_init(&bytes, ARENA_BYTES);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct arena arena;
        struct http_head head;
        struct error error = {0};
        size_t consumed;
        arena_init(&arena, ARENA_BYTES);
        buffer_clear(&bytes);
        buffer_append_cstr(&bytes, rows[i].before);
        append_many(&bytes, rows[i].repeated, rows[i].count);
        buffer_append_cstr(&bytes, rows[i].after);
        enum decode_result result =
            http_head_decode_request(buffer_view(&bytes), &small, &arena, &head, &consumed, &error);
        is_integer(result, rows[i].status == 0 ? DECODE_DONE : DECODE_BAD, rows[i].name);
        is_integer(head.fault_status, rows[i].status, "and its status");
        if (rows[i].status != 0) is_integer(error.code, ERROR_LIMIT, "it is a limit");
        arena_free(&arena);
    }
    buffer_free(&bytes);
}

/* A million bytes of one head, one a call: what was looked at is not looked at again. */
static void test_scan_is_linear(void) {
    struct http_limits wide = {.target_bytes_max = 100, .field_bytes_max = 2000000, .field_count_max = 10,
                               .head_bytes_max = 2000000};
    struct http_scan scan;
    size_t used, fed = 0;
    http_scan_init(&scan, HTTP_SECTION_REQUEST, &wide);
    CHECK(http_scan_feed(&scan, STR("GET / HTTP/1.1\r\nX: "), &used, NULL) == DECODE_MORE);
    while (fed < 1000000 && http_scan_feed(&scan, STR("a"), &used, NULL) == DECODE_MORE && used == 1) fed++;
    is_integer(fed, 1000000, "a scan takes a million pieces");
    is_integer(http_scan_feed(&scan, STR("\r\n\r\nrest"), &used, NULL), DECODE_DONE, "and finds the end");
    is_integer(used, 4, "and nothing behind it");
}

static void test_fields(void) {
    struct arena arena;
    struct http_head head;
    size_t consumed;
    struct str element;
    arena_init(&arena, ARENA_BYTES);
    char bytes[] = "GET /a?b=c&d HTTP/1.1\r\nHost: x\r\nConnection: close, TE\r\nX-A:  1 2 \r\n"
                   "connection: ,,X-Named ,\r\nX-Named: n\r\nTE: trailers\r\nX-Empty:\r\n\r\n";
    CHECK(http_head_decode_request(str_from_cstr(bytes), &limits, &arena, &head, &consumed, NULL) == DECODE_DONE);
    memset(bytes, '#', sizeof(bytes));
    is_str(head.method, STR("GET"), "nothing points into the bytes: the method");
    is_str(head.target, STR("/a?b=c&d"), "the target");
    is_str(http_head_find(&head, STR("x-a")), STR("1 2"), "a value without its white space");
    ok(http_head_find(&head, STR("X-B")).data == NULL, "an absent field is not an empty one");
    ok(http_head_find(&head, STR("X-Empty")).data != NULL, "and the other way round");
    is_integer(http_head_count(&head, STR("CONNECTION")), 2, "fields of one name are counted");
    struct http_list list = http_list_of(&head, STR("Connection"));
    static const char *const wanted[] = {"close", "TE", "X-Named"};
    for (size_t i = 0; i < LENGTH_OF(wanted); i++) {
        ok(http_list_of_next(&list, &element), "a list goes on over fields");
        is_str(element, str_from_cstr(wanted[i]), "in order");
    }
    ok(!http_list_of_next(&list, &element), "and ends");
    ok(http_head_lists(&head, STR("connection"), STR("te")), "an element is found");
    ok(!http_head_lists(&head, STR("connection"), STR("t")), "a part of one is not");
    static const struct {
        const char *name;
        bool is_dropped;
    } rows[] = {{"Connection", true}, {"x-named", true}, {"te", true}, {"Trailer", true}, {"Keep-Alive", true},
                {"Proxy-Authorization", true}, {"proxy-foo", true}, {"Upgrade", true}, {"Expect", true},
                {"Transfer-Encoding", true}, {"Host", false}, {"X-A", false}, {"Content-Length", false},
                {"Proxy", false}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        is_integer(http_field_is_hop_by_hop(&head, str_from_cstr(rows[i].name)), rows[i].is_dropped, rows[i].name);
    arena_free(&arena);
}

static void test_target(void) {
    struct arena arena;
    struct str path, query, decoded;
    arena_init(&arena, ARENA_BYTES);
    http_target_split(STR("/a%2Fb?c=%20d?e"), &path, &query);
    is_str(path, STR("/a%2Fb"), "a path ends at the first question mark");
    is_str(query, STR("c=%20d?e"), "and the query follows");
    CHECK(http_percent_decode(path, &arena, &decoded, NULL) == 0);
    is_str(decoded, STR("/a/b"), "escapes are resolved");
    CHECK(http_percent_decode(STR("plain"), &arena, &decoded, NULL) == 0);
    is_str(decoded, STR("plain"), "and text without any is as it was");
    http_target_split(STR("/a"), &path, &query);
    ok(query.data == NULL, "no query is not an empty one");
    http_target_split(STR("/a?"), &path, &query);
    ok(query.data != NULL && query.length == 0, "and the other way round");
    arena_free(&arena);
}

static void test_keep_alive(void) {
    static const struct {
        const char *bytes;
        bool keeps_alive;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nConnection: x,close\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false},
        {"HTTP/1.1 204 No Content\r\n\r\n", true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct arena arena;
        struct http_head head;
        struct http_framing framing;
        size_t consumed;
        arena_init(&arena, ARENA_BYTES);
        struct str bytes = str_from_cstr(rows[i].bytes);
        CHECK(http_head_decode_answer(bytes, &limits, &arena, &head, &consumed, NULL) == DECODE_DONE);
        CHECK(http_framing_of_answer(&head, STR("GET"), &framing, NULL) == 0);
        is_integer(framing.keeps_alive, rows[i].keeps_alive, rows[i].bytes);
        arena_free(&arena);
    }
}

static void test_extensions_are_bounded(void) {
    static const struct {
        const char *name;
        size_t extension_bytes, data_bytes, chunk_count;
        bool is_accepted;
    } rows[] = {
        {"a long extension", 1000, 1, 1, true},
        {"one too long", 1025, 1, 1, false},
        {"long extensions of tiny chunks", 1000, 1, 100, false},
        {"signatures of big chunks", 80, 4096, 1000, true},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer bytes, verdict;
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        buffer_init(&bytes, (size_t)8 << 20);
        buffer_init(&verdict, (size_t)8 << 20);
        for (size_t chunk = 0; chunk < rows[i].chunk_count; chunk++) {
            buffer_append_format(&bytes, "%zx;", rows[i].data_bytes);
            append_many(&bytes, "e", rows[i].extension_bytes);
            buffer_append_cstr(&bytes, "\r\n");
            append_many(&bytes, "d", rows[i].data_bytes);
            buffer_append_cstr(&bytes, "\r\n");
        }
        judge_chunks(buffer_view(&bytes), 1000, &arena, &verdict);
        is_str(buffer_view(&verdict), rows[i].is_accepted ? STR("chunked more") : STR("chunked bad"), rows[i].name);
        buffer_free(&bytes);
        buffer_free(&verdict);
        arena_free(&arena);
    }
}

static void test_writing(void) {
    struct buffer out;
    struct arena arena;
    struct http_head head;
    size_t consumed;
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&out, ARENA_BYTES);
    struct str bytes = STR("POST /x HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\nY:\r\n\r\n");
    CHECK(http_head_decode_request(bytes, &limits, &arena, &head, &consumed, NULL) == DECODE_DONE);
    is_integer(http_write_head(&out, &head, NULL), 0, "a head is written");
    is_str(buffer_view(&out), STR("POST /x HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\nY: \r\n\r\n"), "as it was read");
    buffer_clear(&out);
    CHECK(http_write_status_line(&out, 429, STR_NONE, NULL) == 0);
    http_write_content_length(&out, 18446744073709551615u);
    http_write_transfer_encoding_chunked(&out);
    http_write_head_end(&out);
    is_str(buffer_view(&out), STR("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 18446744073709551615\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"), "a status line gets its reason");
    buffer_clear(&out);
    http_write_chunk(&out, STR("0123456789abcdefX"));
    http_write_chunk(&out, STR_NONE);
    struct http_field trailers[] = {{STR("X-Sum"), STR("1")}};
    CHECK(http_write_last_chunk(&out, trailers, 1, NULL) == 0);
    is_str(buffer_view(&out), STR("11\r\n0123456789abcdefX\r\n0\r\nX-Sum: 1\r\n\r\n"), "chunks; an empty one is none");
    buffer_clear(&out);
    static const struct http_field bad[] = {
        {{"X\r\nY", 4}, {"1", 1}}, {{"X", 1}, {"1\r\nY: 2", 7}}, {{"X", 1}, {"1\n", 2}}, {{"X", 1}, {"\0", 1}},
        {{"", 0}, {"1", 1}},       {{"X:", 2}, {"1", 1}},        {{"X", 1}, {"\r", 1}},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        is_integer(http_write_field(&out, bad[i].name, bad[i].value, NULL), -1, "a field that breaks out is refused");
        is_integer(http_write_last_chunk(&out, &bad[i], 1, NULL), -1, "as a trailer, too");
    }
    is_integer(http_write_request_line(&out, STR("GET"), STR("/ HTTP/1.1\r\nX: y"), NULL), -1, "so is a target");
    is_integer(http_write_request_line(&out, STR("GET"), STR("/\xc3\xa9"), NULL), -1, "so are bytes past ASCII");
    is_integer(http_write_request_line(&out, STR("GE T"), STR("/"), NULL), -1, "a method");
    is_integer(http_write_status_line(&out, 200, STR("OK\r\nX: y"), NULL), -1, "a reason");
    is_integer(http_write_status_line(&out, 99, STR_NONE, NULL), -1, "a status");
    is_integer(buffer_length(&out), 0, "and nothing of them is written");
    buffer_free(&out);
    arena_free(&arena);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    test_corpus(argv[1]);
    test_limits();
    test_scan_is_linear();
    test_fields();
    test_target();
    test_keep_alive();
    test_extensions_are_bounded();
    test_writing();
    return tap_done();
}
