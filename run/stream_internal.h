/* What stream.c and tls_stream.c know of each other. Internal to run/. */
#ifndef SWORN_RUN_STREAM_INTERNAL_H
#define SWORN_RUN_STREAM_INTERNAL_H

#include <sys/uio.h>

#include "run/internal.h"
#include "run/stream.h"

#define STREAM_MAGIC 0x57e4aa01u

enum io_result {
    IO_DONE,   /* *count bytes, at least one */
    IO_WAIT,   /* not now: wait for readiness */
    IO_END,    /* the peer has ended (reading only) */
    IO_FAILED, /* error is set */
};

struct tls_session;

struct stream {
    uint32_t magic;
    bool has_said_goodbye;
    bool is_at_end;
    bool was_truncated;
    struct watch watch;
    struct buffer input;
    struct buffer output;
    size_t read_bytes; /* how much to ask for: doubles while reads come back full */
    struct tls_session *tls;
    struct stream_counters counters;
};

/* One system call each, none when the cached flag says that it would be in vain. */
enum io_result stream_socket_read(struct stream *stream, char *out, size_t room, size_t *count, struct error *error);
enum io_result stream_socket_write(struct stream *stream, const struct iovec *parts, int part_count, size_t *count,
                                   struct error *error);

/* tls_stream.c */
enum io_result tls_session_read(struct stream *stream, char *out, size_t room, size_t *count, struct error *error);
/* Encrypts at most one record's worth of data. The backlog must be empty; what the socket does not take goes there. */
enum io_result tls_session_write(struct stream *stream, struct str data, size_t *count, struct error *error);
/* Ciphertext that the socket did not take yet. IO_DONE when none is left. */
enum io_result tls_session_send_backlog(struct stream *stream, struct error *error);
bool tls_session_has_backlog(const struct stream *stream);
void tls_session_say_goodbye(struct stream *stream); /* close_notify, as far as the socket takes it */
void tls_session_free(struct tls_session **session);

#endif
