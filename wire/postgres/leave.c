/* The client has left: the server finishes what it was sent, and what it really did is recorded.
 *
 * As without sworn between them, a statement that runs is not stopped by a client that hangs up, and may commit. So its
 * answer is read to the end, and thrown away where the client does not take it. After LEAVE_WAIT_NS the server is asked
 * to cancel; after as long again nobody waits any more, and the result is not known. */
#include "wire/postgres/session.h"

#include "base/clock.h"
#include "wire/postgres/prefix.h"

#define LEAVE_WAIT_NS (10 * NANOSECONDS_PER_SECOND)
#define LEAVE_COPY_TEXT "the client has left" /* what the server is told of COPY data that will not come */

int postgres_flush_client(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (!state->is_client_deaf) {
        struct error why = {0};
        if (wire_flush_client(session, &why) == 0) return 0;
        /* Only the client's own stream ends so; evidence that cannot be written has other codes. */
        if (why.code != ERROR_CLOSED && why.code != ERROR_SYSTEM) {
            if (error != NULL) *error = why;
            return -1;
        }
        state->is_client_deaf = true;
    }
    buffer_clear(stream_output(session->client));
    return 0;
}

static void end_copy(struct wire_session *session) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *out = stream_output(session->upstream);
    size_t offset = message_begin(out, 'f');
    message_append_cstring(out, STR(LEAVE_COPY_TEXT));
    message_end(out, offset);
    state->copy_in = COPY_IN_NONE;
}

/* P: 0 when everything is answered, 1 when the time is over. */
static int await_rest(struct wire_session *session, uint64_t deadline_ns, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    while (expect_count(&state->expected) > 0) {
        if (state->copy_in != COPY_IN_NONE) end_copy(session);
        struct error why = {0};
        if (buffer_length(stream_output(session->upstream)) > 0 && wire_flush_upstream(session, error) != 0) return -1;
        if (condition_wait(&state->progress, deadline_ns, &why) == 0) continue;
        if (why.code == ERROR_TIMEOUT) return 1;
        if (error != NULL) *error = why;
        return -1;
    }
    return 0;
}

int postgres_leave(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    state->has_client_left = true;
    prefix_drop(state);
    if (state->is_batch_open) buffer_append(stream_output(session->upstream), "H\0\0\0\4", 5);
    int result = await_rest(session, clock_monotonic_ns() + LEAVE_WAIT_NS, error);
    if (result > 0) {
        session->protocol->cancel_upstream(session);
        result = await_rest(session, clock_monotonic_ns() + LEAVE_WAIT_NS, error);
    }
    if (result < 0) return -1;
    buffer_append(stream_output(session->upstream), "X\0\0\0\4", 5);
    return wire_flush_upstream(session, error);
}
