/* Server-sent events: the standard's examples and its corners, cut at every byte. */
#include "wire/llm/sse.h"

#include <stdlib.h>

#include "tests/unit/tap.h"

/* Wanted: "type|data|id;" an event, "#;" a comment. */
static const struct row {
    const char *label;
    struct str stream;
    const char *wanted;
} rows[] = {
    {"two lines of data", STR("data: YHOO\ndata: +2\ndata: 10\n\n"), "|YHOO\n+2\n10|;"},
    {"comment, id, type", STR(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"),
     "#;|first event|1;|second event|;"},
    {"empty data", STR("data\n\ndata\ndata\n\ndata:"), "||;|\n|;"},
    {"one space only", STR("data:test\n\ndata:  test\n\n"), "|test|;| test|;"},
    {"type", STR("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n"), "add|73857293|;remove|2153|;"},
    {"no data, no event", STR("event: ping\n\ndata: x\n\n"), "|x|;"},
    {"CR and CR LF", STR("data: a\r\ndata: b\r\r\ndata: c\r\n\r\n"), "|a\nb|;|c|;"},
    {"a BOM", STR("\xef\xbb\xbf" "data: a\n\n"), "|a|;"},
    {"a BOM in the midst is none", STR("data: a\n\n\xef\xbb\xbf" "data: b\n\n"), "|a|;"},
    {"unknown fields, retry", STR("retry: 10\nfoo: bar\ndata: a\nretry\n\n"), "|a|;"},
    {"not complete", STR("data: a\n\ndata: b\n"), "|a|;"},
    {"a comment within an event", STR("data: a\n: x\ndata: b\n\n"), "|a\nb|;"},
    {"the last type counts", STR("event: a\nevent: b\ndata: x\n\n"), "b|x|;"},
};

static int collect(struct sse_parser *parser, struct buffer *out) {
    struct sse_event event;
    struct error error = {0};
    int more;
    while ((more = sse_next(parser, &event, &error)) == 1) {
        if (event.is_comment) {
            buffer_append_cstr(out, "#;");
            continue;
        }
        buffer_append_format(out, "%.*s|%.*s|%.*s;", STR_ARGS(event.type), STR_ARGS(event.data), STR_ARGS(event.id));
    }
    return more;
}

/* Feeds up to `first`, then `step` bytes at a time. */
static int run(struct str stream, size_t first, size_t step, struct buffer *out) {
    struct sse_parser parser;
    struct error error = {0};
    int result = 0;
    sse_init(&parser, 64);
    for (size_t at = 0, next = first; result == 0 && at < stream.length; at = next, next += step) {
        if (next > stream.length) next = stream.length;
        char *piece = malloc(next - at + 1);
        memcpy(piece, stream.data + at, next - at);
        result = sse_feed(&parser, str_make(piece, next - at), &error);
        free(piece);
        if (result == 0) result = collect(&parser, out);
    }
    sse_free(&parser);
    return result;
}

static void test_row(const struct row *row) {
    struct buffer out;
    buffer_init(&out, 4096);
    bool is_same = true;
    for (size_t cut = 1; cut <= row->stream.length; cut++) {
        for (size_t step = 1; step <= row->stream.length; step += row->stream.length - 1) {
            buffer_clear(&out);
            is_same = is_same && run(row->stream, cut, step, &out) == 0;
            is_same = is_same && str_equal_cstr(buffer_view(&out), row->wanted);
        }
    }
    ok(is_same, "at any cut");
    is_str(buffer_view(&out), str_from_cstr(row->wanted), row->label);
    buffer_free(&out);
}

static void test_limits(void) {
    struct buffer out;
    char line[200];
    buffer_init(&out, 4096);
    memset(line, 'a', sizeof(line));
    is_integer(run(str_make(line, sizeof(line)), 10, 10, &out), -1, "a line without an end");
    memcpy(line, "data:", 5);
    for (size_t i = 40; i < sizeof(line); i += 40) memcpy(line + i, "\ndata:", 6);
    is_integer(run(str_make(line, sizeof(line)), 10, 10, &out), -1, "data without an end");
    buffer_free(&out);
}

static void test_writing(void) {
    struct buffer out;
    buffer_init(&out, 4096);
    sse_append(&out, STR("x"), STR("a\nb"));
    sse_append(&out, STR_NONE, STR(""));
    is_str(buffer_view(&out), STR("event: x\ndata: a\ndata: b\n\ndata: \n\n"), "as it is written");
    buffer_free(&out);
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) test_row(&rows[i]);
    test_limits();
    test_writing();
    return tap_done();
}
