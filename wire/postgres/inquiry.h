/* A question of sworn's own to the server, on the client's connection and on sworn's turn: where the session stands.
 *
 * It is asked when nothing else is under way, so that the answer is true for what comes next, and by statements of names
 * of our own, so that the client's unnamed statement and portal stay. Between batches it is a batch of its own; within
 * one it ends with Flush. The answer fiber hands its messages over (inquiry_wants); nothing of it reaches the client but
 * an error that fails the client's batch. Where the server does nothing before a transaction or a batch has ended, it
 * cannot be asked. */
#ifndef SWORN_WIRE_POSTGRES_INQUIRY_H
#define SWORN_WIRE_POSTGRES_INQUIRY_H

#include "base/buffer.h"
#include "wire/postgres/message.h"
#include "wire/wire.h"

struct inquiry {
    bool is_open;
    bool is_synced;      /* it ends with ReadyForQuery, else with the last CloseComplete */
    bool has_failed;
    unsigned closes_left;
    struct buffer rows;  /* DataRow frames */
};

enum inquiry_end {
    INQUIRY_BROKEN = -1, /* the session cannot go on */
    INQUIRY_ANSWERED,    /* what the SQL session lacked, it has */
    INQUIRY_FAILED,      /* the server would not say */
    INQUIRY_DEAD,        /* the server does nothing for now, and cannot be asked */
};

void inquiry_init(struct inquiry *inquiry);
void inquiry_free(struct inquiry *inquiry);
/* P: asks for what the SQL session lacks. On the ask fiber. */
enum inquiry_end inquiry_run(struct wire_session *session, struct error *error) MUST_USE;
/* On the answer fiber. */
static inline bool inquiry_wants(const struct inquiry *inquiry, const struct message *message) {
    return inquiry->is_open && !message_is_one_of(message, "AS") &&
           (message->type != 'E' || str_equal(message_error_field(message->body, 'V'), STR("ERROR")));
}
int inquiry_take(struct wire_session *session, const struct message *message, struct error *error) MUST_USE;

#endif
