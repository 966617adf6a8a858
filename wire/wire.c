/* What all protocols share: the table of them, and writing only what evidence covers. */
#include "wire/wire.h"

#define PROTOCOL(identifier, resource, alpn) extern const struct wire_protocol wire_##identifier;
#include "wire/protocols.def"
#undef PROTOCOL

static const struct wire_protocol *const protocols[] = {
#define PROTOCOL(identifier, resource, alpn) &wire_##identifier,
#include "wire/protocols.def"
#undef PROTOCOL
};

const struct wire_protocol *wire_protocol_find(struct str name) {
    for (size_t i = 0; i < LENGTH_OF(protocols); i++) {
        if (str_equal(protocols[i]->name, name)) return protocols[i];
    }
    return NULL;
}

int wire_flush_client(struct wire_session *session, struct error *error) {
    if (session->gate->await_outcomes(session, error) != 0) return -1;
    return stream_flush(session->client, FIBER_NO_DEADLINE, error);
}

int wire_flush_upstream(struct wire_session *session, struct error *error) {
    if (session->gate->await_intents(session, error) != 0) return -1;
    return stream_flush(session->upstream, FIBER_NO_DEADLINE, error);
}
