/* struct stream: buffered bytes both ways over a non-blocking socket, in clear or under TLS (run/tls.h).
 *
 * A stream belongs to the worker it was made on. At most one fiber reads and at most one fiber writes at a time;
 * they may be two. It frees its buffers whenever they are empty, so an idle stream holds next to no memory: nothing
 * may point into stream_buffered() or stream_output() across a call that parks.
 *
 * May park: stream_connect, stream_fill, stream_flush, stream_write_direct, stream_finish,
 * stream_say_goodbye (and stream_start_tls_*).
 * Errors of reads and writes: ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_CLOSED (the peer ended), ERROR_LIMIT (a cap),
 * ERROR_SYSTEM (the connection broke), ERROR_PROTOCOL (TLS), ERROR_MEMORY. After ERROR_TIMEOUT and ERROR_CANCELLED
 * the stream is as it was (a flush may have written a part and continues where it was); after others it is only good
 * for stream_close. SIGPIPE is never raised. */
#ifndef SWORN_RUN_STREAM_H
#define SWORN_RUN_STREAM_H

#include "base/buffer.h"
#include "run/worker.h"

#define STREAM_INPUT_CAP_BYTES ((size_t)1 << 20)  /* until stream_set_caps */
#define STREAM_OUTPUT_CAP_BYTES ((size_t)1 << 20)

struct stream;

/* Takes fd over, also when it fails (NULL): makes it non-blocking, close-on-exec and, for TCP, without delay. For a
 * connected socket, or one end of a pair. On a worker's thread. */
struct stream *stream_from_fd(int fd, struct error *error) MUST_USE;
/* host: a name, an address, or an absolute path of a Unix socket (then port is not used). Tries the addresses of a
 * name in turn. Names are looked up on a helper thread. ERROR_UNAVAILABLE when nothing answers. */
struct stream *stream_connect(const char *host, uint16_t port, uint64_t deadline_ns, struct error *error) MUST_USE;
/* Closes and frees at once (what is not flushed is lost); sets NULL; accepts NULL. No fiber may be waiting in it. */
void stream_close(struct stream **stream);
/* As stream_close, but flushes, says goodbye and reads away what the peer still sends (so that a last message is not
 * destroyed by a reset), until the peer has closed too, the deadline, or STREAM_LINGER_BYTES. No reader may be waiting.
 * A cancelled fiber shields itself around it, or it does not wait. */
#define STREAM_LINGER_BYTES ((size_t)4 << 20)
void stream_finish(struct stream **stream, uint64_t deadline_ns);
/* Parks. Its first half, for who cannot close yet: flushes and says that nothing more comes. -1: that was not sent. */
int stream_say_goodbye(struct stream *stream, uint64_t deadline_ns) MUST_USE;
/* Ends the connection both ways but keeps the object: fibers that wait in it get ERROR_CLOSED or ERROR_SYSTEM. For the
 * fiber that ends a session which another one still works in. */
void stream_shutdown(struct stream *stream);

/* Caps of what may be buffered. Reading past the input cap, or appending past the output cap, is ERROR_LIMIT. */
void stream_set_caps(struct stream *stream, size_t input_cap_bytes, size_t output_cap_bytes);

/* Parks until at least at_least bytes are buffered (0 and no I/O when they are). */
int stream_fill(struct stream *stream, size_t at_least, uint64_t deadline_ns, struct error *error) MUST_USE;
/* What is buffered; valid until the next call on the stream's reading side. */
struct str stream_buffered(const struct stream *stream);
void stream_consume(struct stream *stream, size_t length);

/* Append here, then flush. Ask for it anew after each flush. */
struct buffer *stream_output(struct stream *stream);
/* Parks until everything in the output is with the kernel. */
int stream_flush(struct stream *stream, uint64_t deadline_ns, struct error *error) MUST_USE;
/* Writes what is in the output and then data, without copying it; data must stay until the call returns. On an error
 * (ERROR_TIMEOUT and ERROR_CANCELLED too) an unknown part of data was sent: the stream is only good for closing. */
int stream_write_direct(struct stream *stream, struct str data, uint64_t deadline_ns, struct error *error) MUST_USE;

/* The peer has ended its side or the connection broke; bytes may still be left to read. Costs nothing to ask, but is
 * only as fresh as the worker's last look at the kernel. */
bool stream_has_closed(const struct stream *stream);
/* The fiber is woken when stream_has_closed() becomes true; NULL takes it back (do so before that fiber ends). */
void stream_set_close_waiter(struct stream *stream, struct fiber *fiber);
/* Under TLS: the end came without a close_notify, so a body that lasts until the end may have been cut short. */
bool stream_was_truncated(const struct stream *stream);

bool stream_is_tls(const struct stream *stream);
int stream_fd(const struct stream *stream); /* for socket options and names; never for reading or writing */

struct stream_counters {
    uint64_t read_calls, write_calls, bytes_read, bytes_written; /* system calls; bytes on the wire */
};
const struct stream_counters *stream_counters(const struct stream *stream);

#endif
