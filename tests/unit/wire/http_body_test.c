/* Heads and bodies read from sockets: the corpus split at every byte, deadlines, ends that come too early, limits. */
#include "wire/http1/body.h"

#include "tests/unit/run/harness.h"
#include "tests/unit/wire/http_cases.h"
#include "wire/http1/write.h"

#define ARENA_BYTES ((size_t)1 << 20)

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
static const char *folder;

struct pair {
    struct stream *near;
    struct stream *far;
};

static struct pair open_pair(void) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    struct pair pair = {stream_from_fd(ends[0], NULL), stream_from_fd(ends[1], NULL)};
    CHECK(pair.near != NULL && pair.far != NULL);
    return pair;
}

static void close_pair(struct pair *pair) {
    stream_close(&pair->near);
    stream_close(&pair->far);
}

static void say(struct stream *stream, struct str bytes) {
    CHECK(stream_write_direct(stream, bytes, deadline_in_ms(10000), NULL) == 0);
}

/* Says the bytes in two pieces, the second when the reader waits for it, and then ends. */
struct talker {
    struct stream *stream;
    struct str bytes;
    size_t split;
};

static void talk(void *argument) {
    struct talker *talker = argument;
    say(talker->stream, str_slice(talker->bytes, 0, talker->split));
    fiber_yield();
    say(talker->stream, str_slice(talker->bytes, talker->split, talker->bytes.length));
    CHECK(shutdown(stream_fd(talker->stream), SHUT_WR) == 0);
}

static size_t read_rest(struct stream *stream) {
    while (stream_fill(stream, stream_buffered(stream).length + 1, deadline_in_ms(5000), NULL) == 0) {
    }
    return stream_buffered(stream).length;
}

static void judge_body(struct stream *stream, const struct http_framing *framing, struct arena *arena,
                       struct buffer *verdict) {
    static const char *const kinds[] = {"none", "length", "chunked", "close"};
    struct http_body body;
    struct buffer content;
    struct error error = {0};
    int result = 1;
    buffer_init(&content, ARENA_BYTES);
    buffer_append_cstr(verdict, kinds[framing->kind]);
    CHECK(http_body_open(&body, stream, framing, ARENA_BYTES, &limits, arena, &error) == 0);
    while (result == 1) result = http_body_read(&body, deadline_in_ms(5000), &content, &error);
    CHECK(result == 0 || (error.text[0] != '\0' && body.fault_status == 400));
    bool is_cut_short = result < 0 && str_find(str_from_cstr(error.text), STR("ended before")) != STR_NOT_FOUND;
    if (result < 0) buffer_append_cstr(verdict, is_cut_short ? " more" : " bad");
    else {
        CHECK(http_body_read(&body, deadline_in_ms(5000), &content, &error) == 0);
        if (framing->kind != HTTP_FRAMING_NONE)
            buffer_append_format(verdict, " \"%.*s\"", STR_ARGS(buffer_view(&content)));
        buffer_append_format(verdict, " +%zu", read_rest(stream));
    }
    http_body_close(&body);
    buffer_free(&content);
}

static void judge(const struct http_case *row, struct stream *stream, struct buffer *verdict) {
    struct arena arena;
    struct http_head head;
    struct http_framing framing;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    buffer_clear(verdict);
    uint64_t deadline_ns = deadline_in_ms(5000);
    int result = row->is_request ? http_head_read_request(stream, &limits, deadline_ns, &arena, &head, &error)
                                 : http_head_read_answer(stream, &limits, deadline_ns, &arena, &head, &error);
    CHECK(result != 0);
    int framed = 0;
    if (result == 1)
        framed = row->is_request ? http_framing_of_request(&head, &framing, &error)
                                 : http_framing_of_answer(&head, cases_method(row), &framing, &error);
    CHECK((result == 1 && framed == 0) || error.text[0] != '\0');
    if (result < 0 && str_find(str_from_cstr(error.text), STR("the connection ended")) != STR_NOT_FOUND)
        buffer_append_cstr(verdict, "more");
    else if (result < 0) buffer_append_format(verdict, "%u", head.fault_status);
    else if (framed != 0) buffer_append_format(verdict, "%u", framing.fault_status);
    else judge_body(stream, &framing, &arena, verdict);
    arena_free(&arena);
}

/* Says of each case how many of its splits came out otherwise. An interim answer is none to wait for here. */
static void test_corpus(void *argument) {
    struct http_cases *cases = cases_open(folder);
    struct buffer verdict;
    buffer_init(&verdict, ARENA_BYTES);
    for (size_t i = 0; i < cases->count; i++) {
        const struct http_case *row = &cases->rows[i];
        size_t wrong_count = 0;
        struct str wanted = str_starts_with(row->name, STR("100 ")) ? STR("more") : row->verdict;
        for (size_t split = 1; split < row->bytes.length; split++) {
            struct pair pair = open_pair();
            struct talker talker = {.stream = pair.far, .bytes = row->bytes, .split = split};
            struct fiber *fiber = start_fiber(talk, &talker);
            judge(row, pair.near, &verdict);
            fiber_join(fiber);
            close_pair(&pair);
            if (str_equal(buffer_view(&verdict), wanted)) continue;
            if (wrong_count++ == 0) printf("# split at %zu: [%.*s]\n", split, STR_ARGS(buffer_view(&verdict)));
        }
        is_integer(wrong_count, 0, row->name.data);
    }
    buffer_free(&verdict);
    cases_close(cases);
    (void)argument;
}

/* One byte every few milliseconds: never idle, and never done in time. */
static void drip(void *argument) {
    struct stream *stream = argument;
    say(stream, STR("GET / HTTP/1.1\r\nHost: a\r\nX: "));
    while (fiber_sleep(MILLISECONDS(5), NULL) == 0 && !stream_has_closed(stream)) {
        buffer_append_byte(stream_output(stream), 'x');
        if (stream_flush(stream, deadline_in_ms(1000), NULL) != 0) return;
    }
}

static void test_slow_head(void *argument) {
    struct pair pair = open_pair();
    struct arena arena;
    struct http_head head;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    struct fiber *fiber = start_fiber(drip, pair.far);
    uint64_t start_ns = clock_monotonic_ns();
    int result = http_head_read_request(pair.near, &limits, deadline_in_ms(100), &arena, &head, &error);
    is_integer(result, -1, "a head that drips in is given up");
    is_integer(error.code, ERROR_TIMEOUT, "at its deadline");
    is_integer(head.fault_status, 408, "with 408");
    ok(clock_monotonic_ns() - start_ns < MILLISECONDS(5000), "in time");
    stream_close(&pair.near);
    fiber_join(fiber);
    close_pair(&pair);
    arena_free(&arena);
    (void)argument;
}

struct answer_case {
    const char *name;
    const char *bytes;
    int result;
    unsigned status;
};

static void test_answers(void *argument) {
#define EARLY "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define EARLY_4 EARLY EARLY EARLY EARLY
    static const struct answer_case rows[] = {
        {"interim answers are passed over", "HTTP/1.1 100 Continue\r\n\r\n" EARLY "HTTP/1.1 200 OK\r\n\r\n", 1, 200},
        {"sixteen of them", EARLY_4 EARLY_4 EARLY_4 EARLY_4 "HTTP/1.1 201 Created\r\n\r\n", 1, 201},
        {"not seventeen", EARLY_4 EARLY_4 EARLY_4 EARLY_4 EARLY "HTTP/1.1 200 OK\r\n\r\n", -1, 502},
        {"no switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", -1, 502},
        {"nothing at all", "", 0, 0},
        {"nothing behind an interim answer", EARLY, -1, 502},
        {"half an answer", "HTTP/1.1 200 OK\r\nContent-", -1, 502},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct pair pair = open_pair();
        struct arena arena;
        struct http_head head;
        struct error error = {0};
        arena_init(&arena, ARENA_BYTES);
        say(pair.far, str_from_cstr(rows[i].bytes));
        stream_close(&pair.far);
        int result = http_head_read_answer(pair.near, &limits, deadline_in_ms(5000), &arena, &head, &error);
        is_integer(result, rows[i].result, rows[i].name);
        is_integer(result < 0 ? head.fault_status : head.status, rows[i].status, "and its status");
        close_pair(&pair);
        arena_free(&arena);
    }
    (void)argument;
}

static void test_body_deadline(void *argument) {
    struct pair pair = open_pair();
    struct http_framing framing = {.kind = HTTP_FRAMING_CHUNKED};
    struct http_body body;
    struct buffer content;
    struct arena arena;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&content, ARENA_BYTES);
    CHECK(http_body_open(&body, pair.near, &framing, 1000, &limits, &arena, &error) == 0);
    say(pair.far, STR("5\r\nhel"));
    is_integer(http_body_read(&body, deadline_in_ms(5000), &content, &error), 1, "a part of a chunk is a piece");
    is_str(buffer_view(&content), STR("hel"), "as soon as it is there");
    is_integer(http_body_read(&body, deadline_in_ms(20), &content, &error), -1, "no more in time");
    is_integer(error.code, ERROR_TIMEOUT, "is a time-out");
    is_integer(body.fault_status, 408, "and 408");
    say(pair.far, STR("lo\r\n0\r\nX-Sum: 7\r\n\r\nnext"));
    is_integer(http_body_read(&body, deadline_in_ms(5000), &content, &error), 1, "after it, reading goes on");
    is_str(buffer_view(&content), STR("hello"), "where it was");
    is_integer(http_body_read(&body, deadline_in_ms(5000), &content, &error), 0, "to the end");
    is_str(http_fields_find(body.chunked.trailers, body.chunked.trailer_count, STR("x-sum")), STR("7"), "and trailers");
    is_str(stream_buffered(pair.near), STR("next"), "and not past it");
    http_body_close(&body);
    buffer_free(&content);
    arena_free(&arena);
    close_pair(&pair);
    (void)argument;
}

struct size_case {
    const char *name;
    enum http_framing_kind kind;
    uint64_t length;
    const char *bytes;
    size_t bytes_max;
    size_t out_max;
    bool is_opened;
    bool is_read;
};

static void test_body_limits(void *argument) {
    static const struct size_case rows[] = {
        {"a length at the limit", HTTP_FRAMING_LENGTH, 5, "hello", 5, 100, true, true},
        {"a length past it is not even begun", HTTP_FRAMING_LENGTH, 6, "", 5, 100, false, false},
        {"chunks at the limit", HTTP_FRAMING_CHUNKED, 0, "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 5, 100, true, true},
        {"chunks past it", HTTP_FRAMING_CHUNKED, 0, "3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n", 5, 100, true, false},
        {"a chunk past it", HTTP_FRAMING_CHUNKED, 0, "7fffffffffffffff\r\nhello!", 5, 100, true, false},
        {"until the end past it", HTTP_FRAMING_UNTIL_CLOSE, 0, "hello!", 5, 100, true, false},
        {"no room to put it", HTTP_FRAMING_LENGTH, 5, "hello", 5, 4, true, false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct pair pair = open_pair();
        struct http_framing framing = {.kind = rows[i].kind, .length = rows[i].length};
        struct http_body body;
        struct buffer content;
        struct arena arena;
        struct error error = {0};
        arena_init(&arena, ARENA_BYTES);
        buffer_init(&content, rows[i].out_max);
        say(pair.far, str_from_cstr(rows[i].bytes));
        stream_close(&pair.far);
        int opened = http_body_open(&body, pair.near, &framing, rows[i].bytes_max, &limits, &arena, &error);
        is_integer(opened, rows[i].is_opened ? 0 : -1, rows[i].name);
        int result = opened == 0 ? 1 : -1;
        while (result == 1) result = http_body_read(&body, deadline_in_ms(5000), &content, &error);
        is_integer(result, rows[i].is_read ? 0 : -1, "and its end");
        is_integer(body.fault_status, rows[i].is_read ? 0 : 413, "and its status");
        http_body_close(&body);
        buffer_free(&content);
        arena_free(&arena);
        close_pair(&pair);
    }
    (void)argument;
}

/* Megabytes through a buffer of one piece, back-pressure on both sides. */
#define BULK_BYTES ((size_t)8 << 20)
#define BULK_CHUNK_BYTES ((size_t)30011)

static void say_chunks(void *argument) {
    struct stream *stream = argument;
    static char data[BULK_CHUNK_BYTES];
    size_t said = 0;
    while (said < BULK_BYTES) {
        size_t length = BULK_BYTES - said < BULK_CHUNK_BYTES ? BULK_BYTES - said : BULK_CHUNK_BYTES;
        for (size_t i = 0; i < length; i++) data[i] = (char)((said + i) * 2654435761u >> 13);
        http_write_chunk(stream_output(stream), str_make(data, length));
        CHECK(stream_flush(stream, deadline_in_ms(60000), NULL) == 0);
        said += length;
    }
    CHECK(http_write_last_chunk(stream_output(stream), NULL, 0, NULL) == 0);
    CHECK(stream_flush(stream, deadline_in_ms(60000), NULL) == 0);
}

static void test_bulk(void *argument) {
    struct pair pair = open_pair();
    struct http_framing framing = {.kind = HTTP_FRAMING_CHUNKED};
    struct http_body body;
    struct buffer piece;
    struct arena arena;
    struct error error = {0};
    uint64_t offset = 0;
    size_t wrong = 0, result;
    arena_init(&arena, ARENA_BYTES);
    buffer_init(&piece, HTTP_BODY_PIECE_BYTES_MAX);
    struct fiber *fiber = start_fiber(say_chunks, pair.far);
    CHECK(http_body_open(&body, pair.near, &framing, UINT64_MAX, &limits, &arena, &error) == 0);
    while ((result = (size_t)http_body_read(&body, deadline_in_ms(60000), &piece, &error)) == 1) {
        struct str view = buffer_view(&piece);
        for (size_t i = 0; i < view.length; i++) {
            if (view.data[i] != (char)((offset + i) * 2654435761u >> 13)) wrong++;
        }
        offset += view.length;
        buffer_clear(&piece);
    }
    is_integer(result, 0, "a long body comes to its end");
    is_integer(offset, BULK_BYTES, "whole");
    is_integer(wrong, 0, "and right");
    fiber_join(fiber);
    http_body_close(&body);
    buffer_free(&piece);
    arena_free(&arena);
    close_pair(&pair);
    (void)argument;
}

int main(int argc, char **argv) {
    static void (*const tests[])(void *argument) = {test_corpus,        test_slow_head,   test_answers,
                                                    test_body_deadline, test_body_limits, test_bulk};
    CHECK(argc == 2);
    folder = argv[1];
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(1, tests[i], NULL);
    return tap_done();
}
