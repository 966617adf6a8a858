/* Streams in clear: partial reads and writes, back-pressure, ends, deadlines, caps, connecting. */
#include "run/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "run/listener.h"
#include "tests/unit/run/harness.h"

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

static void say(struct stream *stream, const char *text) {
    buffer_append_cstr(stream_output(stream), text);
    CHECK(stream_flush(stream, deadline_in_ms(10000), NULL) == 0);
}

static void say_in_pieces(void *argument) {
    static const char *const pieces[] = {"a", "bc", "def", "ghij"};
    for (size_t i = 0; i < LENGTH_OF(pieces); i++) {
        say(argument, pieces[i]);
        CHECK(fiber_sleep(MILLISECONDS(2), NULL) == 0);
    }
}

static void test_partial(void *argument) {
    struct pair pair = open_pair();
    struct error error;
    ok(stream_buffered(pair.near).length == 0, "nothing is buffered at first");
    is_integer(stream_fill(pair.near, 0, 0, &error), 0, "filling with nothing does nothing");
    struct fiber *talker = start_fiber(say_in_pieces, pair.far);
    is_integer(stream_fill(pair.near, 5, deadline_in_ms(10000), &error), 0, "a fill waits for enough pieces");
    ok(str_starts_with(stream_buffered(pair.near), STR("abcde")), "and has them in order");
    stream_consume(pair.near, 4);
    is_integer(stream_fill(pair.near, 6, deadline_in_ms(10000), &error), 0, "and the rest");
    is_str(stream_buffered(pair.near), STR("efghij"), "after what was consumed");
    fiber_join(talker);
    is_integer(stream_fill(pair.near, 7, deadline_in_ms(10), &error), -1, "more does not come");
    is_integer(error.code, ERROR_TIMEOUT, "before the deadline");
    is_str(stream_buffered(pair.near), STR("efghij"), "a deadline loses nothing");
    close_pair(&pair);
    (void)argument;
}

static void test_end(void *argument) {
    struct pair pair = open_pair();
    struct error error;
    say(pair.far, "bye");
    stream_close(&pair.far);
    is_integer(stream_fill(pair.near, 3, deadline_in_ms(10000), &error), 0, "bytes before the end are read");
    is_integer(stream_fill(pair.near, 4, deadline_in_ms(10000), &error), -1, "then the end comes");
    is_integer(error.code, ERROR_CLOSED, "as ERROR_CLOSED");
    ok(stream_has_closed(pair.near), "and is remembered");
    is_integer(stream_fill(pair.near, 4, deadline_in_ms(10000), &error), -1, "and said again");
    buffer_append_cstr(stream_output(pair.near), "into the void");
    is_integer(stream_flush(pair.near, deadline_in_ms(10000), &error), -1, "writing to a peer that has gone fails");
    is_integer(error.system_errno, EPIPE, "with EPIPE, and without a signal");
    close_pair(&pair);
    close_pair(&pair);
    (void)argument;
}

/* The kernel reports the bytes and the end in one event: the short read must not hide the end. */
static void test_end_with_bytes(void *argument) {
    struct pair pair = open_pair();
    struct error error;
    is_integer(stream_fill(pair.near, 1, deadline_in_ms(5), &error), -1, "nothing at first");
    say(pair.far, "bye");
    stream_close(&pair.far);
    CHECK(fiber_sleep(MILLISECONDS(5), NULL) == 0);
    ok(stream_has_closed(pair.near), "the end is known before the bytes are read");
    is_integer(stream_fill(pair.near, 4, deadline_in_ms(2000), &error), -1, "too few bytes and the end");
    is_integer(error.code, ERROR_CLOSED, "are ERROR_CLOSED");
    is_str(stream_buffered(pair.near), STR("bye"), "and the bytes are there");
    close_pair(&pair);
    (void)argument;
}

static void test_caps(void *argument) {
    struct pair pair = open_pair();
    struct error error;
    stream_set_caps(pair.near, 10, 10);
    is_integer(stream_fill(pair.near, 11, FIBER_NO_DEADLINE, &error), -1, "more than the input cap cannot be had");
    is_integer(error.code, ERROR_LIMIT, "and it is ERROR_LIMIT at once");
    say(pair.far, "0123456789ABCDEFGHIJ");
    is_integer(stream_fill(pair.near, 10, deadline_in_ms(10000), &error), 0, "the cap itself can");
    is_str(stream_buffered(pair.near), STR("0123456789"), "and not a byte more is taken in");
    stream_consume(pair.near, 10);
    is_integer(stream_fill(pair.near, 10, deadline_in_ms(10000), &error), 0, "the rest comes later");
    buffer_append_cstr(stream_output(pair.near), "0123456789A");
    is_integer(stream_flush(pair.near, FIBER_NO_DEADLINE, &error), -1, "an output past its cap fails");
    is_integer(error.code, ERROR_LIMIT, "as ERROR_LIMIT");
    close_pair(&pair);
    (void)argument;
}

/* Bulk: a pattern that a lost, doubled or swapped byte breaks. */
#define BULK_BYTES ((size_t)(IS_SANITIZED ? 4 : 32) << 20)
#define SLICE_BYTES ((size_t)300000)

static char pattern_at(size_t offset) {
    return (char)(offset * 2654435761u >> 13);
}

struct bulk {
    struct stream *stream;
    size_t done;
    bool is_right;
    uint64_t pause_ns;
};

static void write_bulk(void *argument) {
    struct bulk *bulk = argument;
    char *slice = malloc(SLICE_BYTES);
    CHECK(slice != NULL);
    for (bool is_direct = false; bulk->done < BULK_BYTES; is_direct = !is_direct) {
        size_t length = BULK_BYTES - bulk->done < SLICE_BYTES ? BULK_BYTES - bulk->done : SLICE_BYTES;
        for (size_t i = 0; i < length; i++) slice[i] = pattern_at(bulk->done + i);
        size_t buffered = is_direct ? 100 : length;
        buffer_append(stream_output(bulk->stream), slice, buffered);
        struct str rest = str_make(slice + buffered, length - buffered);
        if (stream_write_direct(bulk->stream, rest, deadline_in_ms(60000), NULL) < 0) break;
        bulk->done += length;
    }
    free(slice);
}

static void read_bulk(void *argument) {
    struct bulk *bulk = argument;
    bulk->is_right = true;
    while (bulk->done < BULK_BYTES && bulk->is_right) {
        if (stream_fill(bulk->stream, 1, deadline_in_ms(60000), NULL) < 0) return;
        struct str got = stream_buffered(bulk->stream);
        for (size_t i = 0; i < got.length; i++) bulk->is_right &= got.data[i] == pattern_at(bulk->done + i);
        bulk->done += got.length;
        stream_consume(bulk->stream, got.length);
        if (bulk->pause_ns > 0 && fiber_sleep(bulk->pause_ns, NULL) < 0) return;
    }
}

static void test_bulk(void *argument) {
    struct pair pair = open_pair();
    struct bulk writers[2] = {{.stream = pair.near}, {.stream = pair.far}};
    struct bulk readers[2] = {{.stream = pair.far}, {.stream = pair.near}};
    struct fiber *fibers[4];
    for (int i = 0; i < 2; i++) {
        fibers[i] = start_fiber(write_bulk, &writers[i]);
        fibers[2 + i] = start_fiber(read_bulk, &readers[i]);
    }
    for (int i = 0; i < 4; i++) fiber_join(fibers[i]);
    for (int i = 0; i < 2; i++) {
        ok(writers[i].done == BULK_BYTES, "all bytes were written");
        ok(readers[i].done == BULK_BYTES && readers[i].is_right, "and read at the other end, both ways at once");
    }
    close_pair(&pair);
    (void)argument;
}

static void test_back_pressure(void *argument) {
    struct pair pair = open_pair();
    struct error error;
    char *slice = calloc(1, SLICE_BYTES * 4);
    CHECK(slice != NULL);
    struct str data = str_make(slice, SLICE_BYTES * 4);
    is_integer(stream_write_direct(pair.near, data, deadline_in_ms(20), &error), -1, "a write that nobody reads");
    is_integer(error.code, ERROR_TIMEOUT, "times out");
    stream_set_caps(pair.near, 1, SLICE_BYTES * 8);
    buffer_append_str(stream_output(pair.near), data);
    is_integer(stream_flush(pair.near, deadline_in_ms(20), &error), -1, "a flush too");
    struct fiber *waiter = fiber_self();
    stream_set_close_waiter(pair.near, waiter);
    stream_shutdown(pair.far);
    is_integer(fiber_park(deadline_in_ms(10000), &error), 0, "whoever waits for the peer's end is woken");
    ok(stream_has_closed(pair.near), "and sees it");
    stream_set_close_waiter(pair.near, NULL);
    free(slice);
    close_pair(&pair);
    (void)argument;
}

static void wait_for_byte(void *argument) {
    struct bulk *bulk = argument;
    struct error error = {0};
    bulk->done = stream_fill(bulk->stream, 1, FIBER_NO_DEADLINE, &error) < 0 ? error.code : 0;
}

static void test_interruptions(void *argument) {
    struct pair pair = open_pair();
    struct bulk waiting = {.stream = pair.near};
    struct fiber *reader = start_fiber(wait_for_byte, &waiting);
    fiber_yield();
    fiber_wake(reader);
    fiber_yield();
    ok(!fiber_has_ended(reader), "a wake for something else does not end a read");
    fiber_cancel(reader);
    fiber_join(reader);
    is_integer(waiting.done, ERROR_CANCELLED, "a cancel does");
    reader = start_fiber(wait_for_byte, &waiting);
    fiber_yield();
    stream_shutdown(pair.near);
    fiber_join(reader);
    is_integer(waiting.done, ERROR_CLOSED, "a shutdown by another fiber too");
    close_pair(&pair);
    (void)argument;
}

static void flood(void *argument) {
    struct stream *stream = argument;
    static char zeros[65536];
    while (stream_write_direct(stream, str_make(zeros, sizeof(zeros)), deadline_in_ms(10000), NULL) == 0) {
    }
}

static void drain(void *argument) {
    struct stream *stream = argument;
    while (stream_fill(stream, 1, deadline_in_ms(10000), NULL) == 0) {
        stream_consume(stream, stream_buffered(stream).length);
    }
}

static void test_fairness(void *argument) {
    struct pair pair = open_pair();
    struct fiber *writer = start_fiber(flood, pair.near), *reader = start_fiber(drain, pair.far);
    uint64_t start_ns = clock_monotonic_ns();
    for (int i = 0; i < 5; i++) CHECK(fiber_sleep(MILLISECONDS(2), NULL) == 0);
    ok(clock_monotonic_ns() - start_ns < MILLISECONDS(5000), "a stream that never pauses does not starve others");
    fiber_cancel(writer);
    fiber_cancel(reader);
    fiber_join(writer);
    fiber_join(reader);
    close_pair(&pair);
    (void)argument;
}

/* The target of the design: 2 reads and 2 writes a round trip through a relay, and none in vain. */
#define ROUND_TRIPS 200

static void echo(void *argument) {
    struct stream *stream = argument;
    while (stream_fill(stream, 1, deadline_in_ms(10000), NULL) == 0) {
        buffer_append_str(stream_output(stream), stream_buffered(stream));
        stream_consume(stream, stream_buffered(stream).length);
        if (stream_flush(stream, deadline_in_ms(10000), NULL) < 0) return;
    }
}

static void test_system_calls(void *argument) {
    struct pair pair = open_pair();
    struct fiber *echoer = start_fiber(echo, pair.far);
    for (int i = 0; i < ROUND_TRIPS; i++) {
        say(pair.near, "ping");
        if (stream_fill(pair.near, 4, deadline_in_ms(10000), NULL) < 0) break;
        stream_consume(pair.near, 4);
    }
    const struct stream_counters *counters = stream_counters(pair.far);
    is_integer(counters->write_calls, ROUND_TRIPS, "one write a round trip");
    ok(counters->read_calls <= ROUND_TRIPS + 2, "and one read, none in vain");
    is_integer(counters->bytes_read, 4 * ROUND_TRIPS, "bytes are counted");
    stream_shutdown(pair.near);
    fiber_join(echoer);
    close_pair(&pair);
    (void)argument;
}

static void be_refused(void *argument) {
    struct stream **stream = argument;
    char *junk = calloc(1, 100000);
    CHECK(junk != NULL);
    struct error error;
    CHECK(stream_write_direct(*stream, str_make(junk, 100000), deadline_in_ms(10000), NULL) == 0);
    is_integer(stream_fill(*stream, 7, deadline_in_ms(10000), &error), 0, "the last words of stream_finish arrive");
    is_str(str_slice(stream_buffered(*stream), 0, 7), STR("refused"), "whole, though the peer had left much unread");
    is_integer(stream_fill(*stream, 8, deadline_in_ms(10000), &error), -1, "and then the end");
    is_integer(error.code, ERROR_CLOSED, "in good order");
    is_integer(stream_write_direct(*stream, str_make(junk, 100000), deadline_in_ms(10000), &error), 0,
               "a peer that still writes is not cut off by a reset");
    free(junk);
    stream_close(stream);
}

static void test_tcp(void *argument) {
    struct error error;
    char peer[LISTENER_PEER_BYTES];
    int fd;
    struct listener *listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, &error);
    CHECK(listener != NULL);
    struct stream *client = stream_connect("localhost", listener_port(listener), deadline_in_ms(10000), &error);
    ok(client != NULL, "a TCP connection to a name is made");
    CHECK(client != NULL && listener_accept(listener, &fd, peer, &error) == 0);
    struct stream *server = stream_from_fd(fd, &error);
    CHECK(server != NULL);
    struct fiber *other = start_fiber(be_refused, &client);
    CHECK(stream_fill(server, 1, deadline_in_ms(10000), NULL) == 0);
    buffer_append_cstr(stream_output(server), "refused");
    stream_finish(&server, deadline_in_ms(10000));
    fiber_join(other);
    ok(server == NULL && client == NULL, "both ends are closed");

    uint16_t port = listener_port(listener);
    listener_close(&listener);
    client = stream_connect("127.0.0.1", port, deadline_in_ms(10000), &error);
    ok(client == NULL && error.code == ERROR_UNAVAILABLE, "a port where nobody listens is ERROR_UNAVAILABLE");
    client = stream_connect("no-such-host.invalid", port, deadline_in_ms(20000), &error);
    ok(client == NULL && error.code == ERROR_UNAVAILABLE, "so is a name that does not exist");
    client = stream_connect("/nonexistent/socket", 0, deadline_in_ms(10000), &error);
    ok(client == NULL && error.code == ERROR_UNAVAILABLE, "so is a path that does not exist");
    (void)argument;
}

int main(void) {
    static const struct {
        void (*function)(void *argument);
    } tests[] = {{test_partial}, {test_end}, {test_end_with_bytes}, {test_caps}, {test_bulk}, {test_back_pressure},
                 {test_interruptions}, {test_fairness}, {test_system_calls}, {test_tcp}};
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(1, tests[i].function, NULL);
    return tap_done();
}
