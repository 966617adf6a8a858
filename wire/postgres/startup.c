/* The client's side of a login: from the first byte to the claimed user and token, and what it is told at the end.
 *
 *     [SSLRequest | GSSENCRequest]*  StartupMessage  PasswordMessage        or        CancelRequest
 *
 * TLS may also begin with the first byte (then ALPN "postgresql" is required, as libpq's sslnegotiation=direct does).
 * Bytes that a client sent in clear behind its SSLRequest are refused by stream_start_tls_server. */
#include "base/clock.h"
#include "wire/postgres/session.h"

#define STARTUP_PACKETS_MAX 4
#define FIRST_BYTE_OF_TLS 0x16

enum startup_fate { FATE_PASS, FATE_OWN, FATE_LOGIN };

/* Startup parameters that a client may set. Everything else is refused by name, because a parameter of the server can
 * change whose rights count (role, session_authorization), what names mean, or what is logged. The same list holds for
 * `-c name=value` in options. search_path is known to wire/postgres/sql.h. */
static const struct {
    struct str name;
    enum startup_fate fate;
} startup_parameters[] = {
    {STR("user"), FATE_LOGIN},
    {STR("database"), FATE_LOGIN},
    {STR("replication"), FATE_LOGIN},
    {STR("options"), FATE_LOGIN},
    {STR("application_name"), FATE_OWN}, /* ours says which session it is */
    {STR("client_encoding"), FATE_PASS},
    {STR("DateStyle"), FATE_PASS},
    {STR("TimeZone"), FATE_PASS},
    {STR("IntervalStyle"), FATE_PASS},
    {STR("extra_float_digits"), FATE_PASS},
    {STR("bytea_output"), FATE_PASS},
    {STR("xmloption"), FATE_PASS},
    {STR("xmlbinary"), FATE_PASS},
    {STR("search_path"), FATE_PASS},
    {STR("geqo"), FATE_PASS},
    {STR("jit"), FATE_PASS},
    {STR("lc_messages"), FATE_PASS},
    {STR("lc_monetary"), FATE_PASS},
    {STR("lc_numeric"), FATE_PASS},
    {STR("lc_time"), FATE_PASS},
    {STR("default_transaction_isolation"), FATE_PASS},
    {STR("default_transaction_read_only"), FATE_PASS},
    {STR("default_transaction_deferrable"), FATE_PASS},
    {STR("statement_timeout"), FATE_PASS},
    {STR("lock_timeout"), FATE_PASS},
    {STR("idle_in_transaction_session_timeout"), FATE_PASS},
    {STR("idle_session_timeout"), FATE_PASS},
    {STR("client_min_messages"), FATE_PASS},
};

static uint64_t login_deadline(void) {
    return clock_monotonic_ns() + POSTGRES_LOGIN_TIMEOUT_NS;
}

/* P: waits for the whole first packet. The body borrows from the stream until stream_consume of frame_bytes. */
static int read_packet(struct wire_session *session, struct message *packet, uint64_t deadline_ns,
                       struct error *error) {
    for (;;) {
        switch (message_next_startup(stream_buffered(session->client), packet)) {
        case MESSAGE_WHOLE: return 0;
        case MESSAGE_BAD: return error_set(error, ERROR_PROTOCOL, "invalid length of startup packet");
        case MESSAGE_PART: break;
        }
        if (stream_fill(session->client, packet->frame_bytes, deadline_ns, error) != 0) return -1;
    }
}

static int start_direct_tls(struct wire_session *session, uint64_t deadline_ns, struct error *error) {
    if (session->tls == NULL) return error_set(error, ERROR_PROTOCOL, "this listener offers no TLS");
    if (stream_start_tls_server(session->client, session->tls, TLS_START_DIRECT, deadline_ns, error) != 0) return -1;
    if (str_equal(stream_tls_alpn(session->client), STR("postgresql"))) return 0;
    return error_set(error, ERROR_PROTOCOL, "direct TLS without ALPN protocol \"postgresql\"");
}

/* P: 'S' and a handshake, or 'N'. */
static int answer_encryption(struct wire_session *session, bool is_tls_wanted, uint64_t deadline_ns,
                             struct error *error) {
    if (stream_is_tls(session->client))
        return error_set(error, ERROR_PROTOCOL, "encryption was asked for within TLS");
    bool is_granted = is_tls_wanted && session->tls != NULL;
    buffer_append_byte(stream_output(session->client), is_granted ? 'S' : 'N');
    if (wire_flush_client(session, error) != 0) return -1;
    if (!is_granted) return 0;
    return stream_start_tls_server(session->client, session->tls, TLS_START_UPGRADE, deadline_ns, error);
}

static enum startup_fate *find_fate(struct str name, enum startup_fate *fate) {
    for (size_t i = 0; i < LENGTH_OF(startup_parameters); i++) {
        if (!str_equal_ignoring_case(startup_parameters[i].name, name)) continue;
        *fate = startup_parameters[i].fate;
        return fate;
    }
    return NULL;
}

static int pass_parameter(struct wire_session *session, struct str name, struct str value, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    enum startup_fate fate;
    if (find_fate(name, &fate) == NULL || fate == FATE_LOGIN)
        return error_set(error, ERROR_DENIED, "startup parameter \"%.*s\" may not be set through sworn",
                         STR_ARGS(str_slice(name, 0, 64)));
    if (fate == FATE_OWN) return 0;
    message_append_cstring(&state->parameters, name);
    message_append_cstring(&state->parameters, value);
    sql_session_parameter(state->sql, name, value);
    if (buffer_failed(&state->parameters)) return error_set(error, ERROR_LIMIT, "too many startup parameters");
    return 0;
}

/* One word of options: white space ends it, a backslash takes the next byte as it is. False at the end. */
static bool next_word(struct str *rest, struct buffer *word) {
    size_t at = 0;
    buffer_clear(word);
    while (at < rest->length && (rest->data[at] == ' ' || (rest->data[at] >= '\t' && rest->data[at] <= '\r'))) at++;
    if (at == rest->length) return false;
    for (; at < rest->length && !(rest->data[at] == ' ' || (rest->data[at] >= '\t' && rest->data[at] <= '\r')); at++) {
        if (rest->data[at] == '\\' && at + 1 < rest->length) at++;
        buffer_append_byte(word, (uint8_t)rest->data[at]);
    }
    *rest = str_slice(*rest, at, rest->length);
    return true;
}

/* options: { "-c" name "=" value | "-c" "name=value" | "--name=value" } */
static int pass_options(struct wire_session *session, struct str options, struct buffer *word, struct error *error) {
    bool is_after_c = false;
    while (next_word(&options, word)) {
        struct str text = buffer_view(word);
        if (!is_after_c && str_equal(text, STR("-c"))) {
            is_after_c = true;
            continue;
        }
        if (!is_after_c && (str_starts_with(text, STR("-c")) || str_starts_with(text, STR("--"))))
            text = str_slice(text, 2, text.length);
        else if (!is_after_c)
            return error_set(error, ERROR_DENIED, "options may only hold -c name=value");
        is_after_c = false;
        struct str rest = text;
        struct str name;
        if (!str_split(&rest, '=', &name) || rest.data == NULL)
            return error_set(error, ERROR_DENIED, "options may only hold -c name=value");
        char dashes[NAME_BYTES_MAX + 1];
        size_t length = name.length < sizeof(dashes) ? name.length : 0;
        for (size_t i = 0; i < length; i++) dashes[i] = name.data[i] == '-' ? '_' : name.data[i];
        if (pass_parameter(session, str_make(dashes, length), rest, error) != 0) return -1;
    }
    return is_after_c ? error_set(error, ERROR_DENIED, "options end with -c") : 0;
}

static bool is_replication(struct str value) {
    return !(str_equal_ignoring_case(value, STR("false")) || str_equal_ignoring_case(value, STR("off")) ||
             str_equal_ignoring_case(value, STR("no")) || str_equal(value, STR("0")));
}

static int take_option(struct wire_session *session, struct wire_login *login, const struct message_option *option,
                       struct error *error) {
    if (str_equal(option->name, STR("user")) || str_equal(option->name, STR("database"))) {
        struct str copy = arena_copy(&session->arena, option->value);
        if (copy.data == NULL) return error_out_of_memory(error);
        if (str_equal(option->name, STR("user"))) login->user = copy;
        else login->database = postgres_state(session)->database = copy;
        return 0;
    }
    if (str_equal(option->name, STR("replication"))) {
        if (!is_replication(option->value)) return 0;
        return error_set(error, ERROR_DENIED, "replication connections are not possible through sworn");
    }
    if (str_equal(option->name, STR("options"))) {
        struct buffer word;
        buffer_init(&word, MESSAGE_STARTUP_BYTES_MAX);
        int result = pass_options(session, option->value, &word, error);
        buffer_free(&word);
        return result;
    }
    return pass_parameter(session, option->name, option->value, error);
}

/* NegotiateProtocolVersion: the newest version that we speak, and the protocol options that we do not know. */
static void append_negotiation(struct buffer *out, const struct message_startup *startup) {
    size_t offset = message_begin(out, 'v');
    uint32_t count = 0;
    buffer_append_u32be(out, MESSAGE_VERSION_3_0);
    size_t count_offset = buffer_length(out);
    buffer_append_u32be(out, 0);
    for (size_t i = 0; i < startup->option_count; i++) {
        if (!str_starts_with(startup->options[i].name, STR("_pq_."))) continue;
        message_append_cstring(out, startup->options[i].name);
        count++;
    }
    buffer_patch_u32be(out, count_offset, count);
    message_end(out, offset);
    if (count == 0 && startup->code == MESSAGE_VERSION_3_0) buffer_truncate(out, offset);
}

static int take_startup(struct wire_session *session, struct wire_login *login, const struct message_startup *startup,
                        struct error *error) {
    if (startup->code >> 16 != 3)
        return error_set(error, ERROR_PROTOCOL, "unsupported frontend protocol %u.%u: sworn speaks 3.0",
                         startup->code >> 16, startup->code & 0xffff);
    for (size_t i = 0; i < startup->option_count; i++) {
        if (str_starts_with(startup->options[i].name, STR("_pq_."))) continue;
        if (take_option(session, login, &startup->options[i], error) != 0) return -1;
    }
    if (login->user.length == 0) return error_set(error, ERROR_DENIED, "no user name in the startup packet");
    postgres_state(session)->principal = login->user;
    if (!stream_is_tls(session->client) && !session->allows_plaintext_token)
        return error_set(error, ERROR_DENIED, "this listener takes tokens over TLS only: connect with sslmode=require");
    append_negotiation(stream_output(session->client), startup);
    return 0;
}

/* P: AuthenticationCleartextPassword, and the answer. */
static int ask_token(struct wire_session *session, struct wire_login *login, uint64_t deadline_ns,
                     struct error *error) {
    struct message message;
    struct str token;
    message_append(stream_output(session->client), 'R', str_make("\0\0\0\3", 4));
    if (wire_flush_client(session, error) != 0) return -1;
    for (;;) {
        enum message_framing framing = message_next(stream_buffered(session->client), &message);
        bool is_header = framing != MESSAGE_PART || message.frame_bytes > MESSAGE_HEADER_BYTES;
        if (framing == MESSAGE_BAD || (is_header && message.type != 'p') ||
            message.frame_bytes > MESSAGE_STARTUP_BYTES_MAX)
            return error_set(error, ERROR_PROTOCOL, "expected a password");
        if (framing == MESSAGE_WHOLE) break;
        if (stream_fill(session->client, message.frame_bytes, deadline_ns, error) != 0) return -1;
    }
    if (message_decode_string(message.body, &token) != 0)
        return error_set(error, ERROR_PROTOCOL, "the password message cannot be read");
    if (secret_set(&login->token, token) != 0) return error_out_of_memory(error);
    stream_consume(session->client, message.frame_bytes);
    return 0;
}

/* 1: the connection may go on with the token; 0: read another packet. */
static int take_packet(struct wire_session *session, struct wire_login *login, struct str body, size_t frame_bytes,
                       uint64_t deadline_ns, struct error *error) {
    struct message_startup *startup = ARENA_NEW(&session->arena, struct message_startup);
    if (startup == NULL) return error_out_of_memory(error);
    if (message_decode_startup(body, startup) != 0)
        return error_set(error, ERROR_PROTOCOL, "invalid startup packet layout");
    if (startup->code == MESSAGE_CODE_SSL || startup->code == MESSAGE_CODE_GSSENC) {
        stream_consume(session->client, frame_bytes);
        return answer_encryption(session, startup->code == MESSAGE_CODE_SSL, deadline_ns, error);
    }
    if (startup->code == MESSAGE_CODE_CANCEL) {
        struct str key = arena_copy(&session->arena, startup->cancel_key);
        if (key.data == NULL) return error_out_of_memory(error);
        stream_consume(session->client, frame_bytes);
        session->gate->cancel(session, key);
        login->is_cancel = true;
        return 1;
    }
    int result = take_startup(session, login, startup, error);
    stream_consume(session->client, frame_bytes);
    return result == 0 ? 1 : -1;
}

int postgres_accept(struct wire_session *session, struct wire_login *login, struct error *error) {
    uint64_t deadline_ns = login_deadline();
    if (stream_fill(session->client, 1, deadline_ns, error) != 0) return -1;
    if (stream_buffered(session->client).data[0] == FIRST_BYTE_OF_TLS &&
        start_direct_tls(session, deadline_ns, error) != 0)
        return -1;
    for (int i = 0; i < STARTUP_PACKETS_MAX; i++) {
        struct message packet;
        if (read_packet(session, &packet, deadline_ns, error) != 0) return -1;
        int result = take_packet(session, login, packet.body, packet.frame_bytes, deadline_ns, error);
        if (result < 0) return -1;
        if (result == 0) continue;
        return login->is_cancel ? 0 : ask_token(session, login, deadline_ns, error);
    }
    return error_set(error, ERROR_PROTOCOL, "too many packets before the startup packet");
}

void postgres_reject(struct wire_session *session, const struct error *why) {
    struct error error;
    if (why->code == ERROR_CLOSED || why->code == ERROR_SYSTEM) return;
    if (postgres_state(session)->passing_bytes > 0) return; /* in the middle of a message */
    postgres_append_failure(stream_output(session->client), why, !postgres_state(session)->is_greeted);
    if (stream_flush(session->client, login_deadline(), &error) != 0) return;
}

int postgres_greet(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *out = stream_output(session->client);
    char *key = arena_alloc(&session->arena, POSTGRES_CANCEL_KEY_BYTES);
    if (key == NULL) return error_out_of_memory(error);
    random_bytes(key, POSTGRES_CANCEL_KEY_BYTES);
    key[0] &= 0x7f; /* a process id is not negative */
    session->cancel_key = str_make(key, POSTGRES_CANCEL_KEY_BYTES);
    message_append(out, 'R', str_make("\0\0\0\0", 4));
    buffer_append_str(out, buffer_view(&state->link.greeting));
    message_append(out, 'K', session->cancel_key);
    message_append_ready(out, state->status);
    buffer_free(&state->link.greeting);
    state->is_greeted = true;
    return wire_flush_client(session, error);
}
