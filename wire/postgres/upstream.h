/* A logged-in connection to a PostgreSQL server, and the cancellation of what it does.
 *
 * struct upstream_link lies in its owner; upstream_link_close frees what it holds and accepts a zeroed one. All
 * functions but the last park. Credentials are sworn's own: the client never sees them. */
#ifndef SWORN_WIRE_POSTGRES_UPSTREAM_H
#define SWORN_WIRE_POSTGRES_UPSTREAM_H

#include "base/buffer.h"
#include "base/error.h"
#include "wire/wire.h"

#define UPSTREAM_CANCEL_KEY_BYTES_MAX 260u
#define UPSTREAM_LOGIN_MESSAGES_MAX 1000u
#define UPSTREAM_LOGIN_BYTES_MAX (64u * 1024)

struct upstream_link {
    struct stream *stream;
    char cancel_key[UPSTREAM_CANCEL_KEY_BYTES_MAX]; /* process id and secret */
    size_t cancel_key_length;
    struct buffer greeting; /* ParameterStatus and NoticeResponse frames of the login, as they came */
    char status;            /* of the first ReadyForQuery */
};

struct upstream_login {
    const struct wire_upstream *target;
    struct str database;
    struct str application_name;
    struct str parameters; /* more startup parameters: name NUL value NUL ... */
    uint64_t deadline_ns;
};

/* On failure the link is closed. ERROR_DENIED: the server refused us; ERROR_UNAVAILABLE: it does not answer. */
int upstream_link_open(struct upstream_link *link, const struct upstream_login *login, struct error *error) MUST_USE;
/* Sends a CancelRequest with the key on a connection of its own and waits until the server has closed it. */
int upstream_cancel(const struct wire_upstream *target, struct str cancel_key, uint64_t deadline_ns,
                    struct error *error) MUST_USE;
void upstream_link_close(struct upstream_link *link);

#endif
