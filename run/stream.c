/* Reading and writing of streams: the loops that park, over one-shot I/O in clear here and under TLS in tls_stream.c.
 *
 * A read or write that comes back short clears the cached readiness, so that the next one parks without asking the
 * kernel again. Buffers are given back whenever they are empty before a park. */
#include "run/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/socket.h"
#include "run/stream_internal.h"

#define READ_BYTES_MAX ((size_t)64 << 10)
#define READ_BYTES_MIN ((size_t)512) /* less room than this at the end of a block is not worth a read of its own */

static int prepare_descriptor(int fd, struct error *error) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return error_set_errno(error, "cannot prepare descriptor %d", fd);
    }
    socket_set_tcp_options(fd);
    return 0;
}

struct stream *stream_from_fd(int fd, struct error *error) {
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) error_out_of_memory(error);
    if (stream == NULL || prepare_descriptor(fd, error) < 0 ||
        worker_watch(worker_self(), fd, &stream->watch, error) < 0) {
        free(stream);
        close(fd);
        return NULL;
    }
    stream->magic = STREAM_MAGIC;
    stream->watch.is_readable = stream->watch.is_writable = true; /* likely, and a wrong guess costs one EAGAIN */
    stream->read_bytes = WORKER_BLOCK_BYTES;
    buffer_init(&stream->input, STREAM_INPUT_CAP_BYTES);
    buffer_init(&stream->output, STREAM_OUTPUT_CAP_BYTES);
    return stream;
}

void stream_close(struct stream **stream) {
    struct stream *closing = *stream;
    if (closing == NULL) return;
    CHECK_MAGIC(closing, STREAM_MAGIC);
    if (closing->tls != NULL) tls_session_say_goodbye(closing);
    int fd = closing->watch.fd;
    worker_unwatch(&closing->watch);
    close(fd);
    tls_session_free(&closing->tls);
    buffer_free(&closing->input);
    buffer_free(&closing->output);
    closing->magic = 0;
    free(closing);
    *stream = NULL;
}

void stream_shutdown(struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    if (stream->tls != NULL) tls_session_say_goodbye(stream);
    shutdown(stream->watch.fd, SHUT_RDWR);
}

void stream_set_caps(struct stream *stream, size_t input_cap_bytes, size_t output_cap_bytes) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    CHECK(input_cap_bytes >= buffer_length(&stream->input) && output_cap_bytes >= buffer_length(&stream->output));
    stream->input.cap_bytes = input_cap_bytes;
    stream->output.cap_bytes = output_cap_bytes;
}

static void lend_block(struct stream *stream, struct buffer *buffer) {
    if (buffer->data != NULL || buffer->cap_bytes < WORKER_BLOCK_BYTES) return;
    buffer->data = worker_take_block(stream->watch.worker);
    if (buffer->data != NULL) buffer->capacity = WORKER_BLOCK_BYTES;
}

static void give_back_if_empty(struct stream *stream, struct buffer *buffer) {
    if (buffer_length(buffer) > 0 || buffer->data == NULL) return;
    worker_give_block(stream->watch.worker, buffer->data, buffer->capacity);
    bool is_failed = buffer->is_failed;
    buffer_init(buffer, buffer->cap_bytes);
    buffer->is_failed = is_failed;
}

enum io_result stream_socket_read(struct stream *stream, char *out, size_t room, size_t *count, struct error *error) {
    if (!stream->watch.is_readable) return IO_WAIT;
    ssize_t got = recv(stream->watch.fd, out, room, 0);
    stream->counters.read_calls++;
    if (got < 0) {
        if (errno == EINTR) return stream_socket_read(stream, out, room, count, error);
        if (errno != EAGAIN) {
            error_set_errno(error, "the connection broke while reading");
            return IO_FAILED;
        }
        stream->watch.is_readable = false;
        return IO_WAIT;
    }
    if (got == 0) return IO_END;
    if ((size_t)got < room) watch_set_drained(&stream->watch);
    stream->counters.bytes_read += (uint64_t)got;
    *count = (size_t)got;
    return IO_DONE;
}

enum io_result stream_socket_write(struct stream *stream, const struct iovec *parts, int part_count, size_t *count,
                                   struct error *error) {
    if (!stream->watch.is_writable) return IO_WAIT;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)part_count};
    size_t total = 0;
    for (int i = 0; i < part_count; i++) total += parts[i].iov_len;
    ssize_t sent = sendmsg(stream->watch.fd, &message, MSG_NOSIGNAL);
    stream->counters.write_calls++;
    if (sent < 0) {
        if (errno == EINTR) return stream_socket_write(stream, parts, part_count, count, error);
        if (errno != EAGAIN) {
            error_set_errno(error, "the connection broke while writing");
            return IO_FAILED;
        }
        stream->watch.is_writable = false;
        return IO_WAIT;
    }
    if ((size_t)sent < total) stream->watch.is_writable = false;
    stream->counters.bytes_written += (uint64_t)sent;
    *count = (size_t)sent;
    return IO_DONE;
}

static size_t choose_room(const struct stream *stream, size_t wanted) {
    const struct buffer *input = &stream->input;
    size_t left_in_memory = input->capacity - buffer_length(input);
    size_t left_in_cap = input->cap_bytes - buffer_length(input);
    size_t room = stream->read_bytes;
    if (left_in_memory < room && left_in_memory >= READ_BYTES_MIN && left_in_memory >= wanted) room = left_in_memory;
    return room < left_in_cap ? room : left_in_cap;
}

/* Reads grow while they come back full and shrink when they come back mostly empty. */
static void adapt_read_bytes(struct stream *stream, size_t count, size_t room) {
    if (count == room && stream->read_bytes < READ_BYTES_MAX) stream->read_bytes *= 2;
    if (count < stream->read_bytes / 4 && stream->read_bytes > WORKER_BLOCK_BYTES) stream->read_bytes /= 2;
}

/* One read into the input. `wanted` more bytes are needed; what comes may be less or more. */
static enum io_result read_some(struct stream *stream, size_t wanted, struct error *error) {
    if (stream->tls == NULL && !stream->watch.is_readable) return IO_WAIT;
    if (stream->read_bytes == WORKER_BLOCK_BYTES) lend_block(stream, &stream->input);
    size_t room = choose_room(stream, wanted);
    char *out = buffer_reserve(&stream->input, room);
    if (out == NULL) {
        error_out_of_memory(error);
        return IO_FAILED;
    }
    size_t count = 0;
    enum io_result result = stream->tls != NULL ? tls_session_read(stream, out, room, &count, error)
                                                : stream_socket_read(stream, out, room, &count, error);
    buffer_commit(&stream->input, count);
    if (result == IO_DONE) adapt_read_bytes(stream, count, room);
    if (result == IO_END) stream->is_at_end = true;
    return result;
}

/* Under TLS a read may have had to answer (a key update), and that answer may not have left yet: then the reader
 * waits for room as well, unless a writer is there, who sends the backlog first of all. */
static int wait_for_input(struct stream *stream, uint64_t deadline_ns, struct error *error) {
    give_back_if_empty(stream, &stream->input);
    struct watch *watch = &stream->watch;
    CHECK(watch->reader == NULL);
    int result = 0;
    while (!watch->is_readable && result == 0) {
        if (stream->tls != NULL && tls_session_send_backlog(stream, error) == IO_FAILED) return -1;
        watch->reader = fiber_self();
        bool is_writer_too = watch->writer == NULL && tls_session_has_backlog(stream);
        if (is_writer_too) watch->writer = watch->reader;
        result = fiber_park(deadline_ns, error);
        if (is_writer_too && watch->writer == watch->reader) watch->writer = NULL;
        watch->reader = NULL;
    }
    return result;
}

int stream_fill(struct stream *stream, size_t at_least, uint64_t deadline_ns, struct error *error) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    if (at_least > stream->input.cap_bytes) {
        return error_set(error, ERROR_LIMIT, "%zu bytes are more than the %zu that may be buffered", at_least,
                         stream->input.cap_bytes);
    }
    while (buffer_length(&stream->input) < at_least) {
        if (stream->is_at_end) return error_set(error, ERROR_CLOSED, "the peer closed the connection");
        enum io_result result = read_some(stream, at_least - buffer_length(&stream->input), error);
        if (result == IO_FAILED) return -1;
        if (result == IO_DONE && worker_charge_io(error) < 0) return -1;
        if (result == IO_WAIT && wait_for_input(stream, deadline_ns, error) < 0) return -1;
    }
    return 0;
}

struct str stream_buffered(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return buffer_length(&stream->input) > 0 ? buffer_view(&stream->input) : STR_NONE;
}

void stream_consume(struct stream *stream, size_t length) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    buffer_consume(&stream->input, length);
}

struct buffer *stream_output(struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    lend_block(stream, &stream->output);
    return &stream->output;
}

/* A reader that stands in for the writer (wait_for_input) makes way. */
static int wait_for_room(struct stream *stream, uint64_t deadline_ns, struct error *error) {
    struct watch *watch = &stream->watch;
    if (watch->writer != NULL && watch->writer == watch->reader) watch->writer = NULL;
    return watch_wait_writable(watch, deadline_ns, error);
}

static enum io_result write_some_tls(struct stream *stream, struct str data, size_t *count, struct error *error) {
    enum io_result result = tls_session_send_backlog(stream, error);
    if (result != IO_DONE) return result;
    struct str held = buffer_length(&stream->output) > 0 ? buffer_view(&stream->output) : data;
    return held.length > 0 ? tls_session_write(stream, held, count, error) : IO_DONE;
}

static enum io_result write_some(struct stream *stream, struct str data, size_t *count, struct error *error) {
    if (stream->tls != NULL) return write_some_tls(stream, data, count, error);
    struct iovec parts[2];
    int part_count = 0;
    struct str held = buffer_length(&stream->output) > 0 ? buffer_view(&stream->output) : STR_NONE;
    if (held.length > 0) parts[part_count++] = (struct iovec){(void *)(uintptr_t)held.data, held.length};
    if (data.length > 0) parts[part_count++] = (struct iovec){(void *)(uintptr_t)data.data, data.length};
    return stream_socket_write(stream, parts, part_count, count, error);
}

static bool has_unsent(const struct stream *stream, struct str data) {
    return buffer_length(&stream->output) > 0 || data.length > 0 || tls_session_has_backlog(stream);
}

int stream_write_direct(struct stream *stream, struct str data, uint64_t deadline_ns, struct error *error) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    if (buffer_failed(&stream->output)) {
        return error_set(error, ERROR_LIMIT, "a message is longer than the %zu bytes that may be buffered",
                         stream->output.cap_bytes);
    }
    while (has_unsent(stream, data)) {
        size_t count = 0;
        enum io_result result = write_some(stream, data, &count, error);
        if (result == IO_FAILED) return -1;
        size_t held = buffer_length(&stream->output);
        size_t from_output = count < held ? count : held;
        buffer_consume(&stream->output, from_output);
        data = str_slice(data, count - from_output, data.length);
        if (result == IO_DONE && worker_charge_io(error) < 0) return -1;
        if (result == IO_WAIT && wait_for_room(stream, deadline_ns, error) < 0) return -1;
    }
    give_back_if_empty(stream, &stream->output);
    return 0;
}

int stream_flush(struct stream *stream, uint64_t deadline_ns, struct error *error) {
    return stream_write_direct(stream, STR_NONE, deadline_ns, error);
}

static void drain_input(struct stream *stream, uint64_t deadline_ns) {
    size_t drained = 0;
    do {
        drained += buffer_length(&stream->input);
        buffer_consume(&stream->input, buffer_length(&stream->input));
    } while (drained < STREAM_LINGER_BYTES && stream_fill(stream, 1, deadline_ns, NULL) == 0);
}

int stream_say_goodbye(struct stream *stream, uint64_t deadline_ns) {
    if (stream->has_said_goodbye) return 0;
    if (stream_flush(stream, deadline_ns, NULL) != 0) return -1;
    if (stream->tls != NULL) {
        tls_session_say_goodbye(stream);
        if (stream_flush(stream, deadline_ns, NULL) != 0) return -1;
    }
    stream->has_said_goodbye = shutdown(stream->watch.fd, SHUT_WR) == 0;
    return stream->has_said_goodbye ? 0 : -1;
}

void stream_finish(struct stream **stream, uint64_t deadline_ns) {
    if (*stream == NULL) return;
    if (stream_say_goodbye(*stream, deadline_ns) == 0) drain_input(*stream, deadline_ns);
    stream_close(stream);
}

bool stream_has_closed(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return stream->watch.has_closed || stream->is_at_end;
}

void stream_set_close_waiter(struct stream *stream, struct fiber *fiber) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    stream->watch.close_waiter = fiber;
    if (fiber != NULL && stream_has_closed(stream)) fiber_wake(fiber);
}

bool stream_was_truncated(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return stream->was_truncated;
}

bool stream_is_tls(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return stream->tls != NULL;
}

int stream_fd(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return stream->watch.fd;
}

const struct stream_counters *stream_counters(const struct stream *stream) {
    CHECK_MAGIC(stream, STREAM_MAGIC);
    return &stream->counters;
}
