/* Login as a client: [SSLRequest, TLS,] StartupMessage, authentication, parameters and keys up to ReadyForQuery. */
#include "wire/postgres/upstream.h"

#include <stdatomic.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/offload.h"
#include "wire/postgres/sql.h"
#include "wire/address.h"
#include "wire/postgres/message.h"
#include "wire/postgres/scram.h"

enum authentication {
    AUTHENTICATION_OK = 0,
    AUTHENTICATION_CLEARTEXT = 3,
    AUTHENTICATION_MD5 = 5,
    AUTHENTICATION_SASL = 10,
    AUTHENTICATION_SASL_CONTINUE = 11,
    AUTHENTICATION_SASL_FINAL = 12,
};

#define POSTGRES_PORT 5432

struct login_state {
    struct upstream_link *link;
    const struct upstream_login *login;
    struct scram_client scram;
    bool is_scram_started;
    bool is_scram_verified;
    bool is_authenticated;
    bool is_ready;
    struct error *error;
};

void upstream_link_close(struct upstream_link *link) {
    stream_close(&link->stream);
    buffer_free(&link->greeting);
    *link = (struct upstream_link){0};
}

/* P: SSLRequest, one byte of answer, handshake. A server that offers no TLS is refused, never spoken to in clear. */
static int start_tls(struct stream *stream, const struct wire_upstream *target, const char *host, uint64_t deadline_ns,
                     struct error *error) {
    buffer_append_u32be(stream_output(stream), 8);
    buffer_append_u32be(stream_output(stream), MESSAGE_CODE_SSL);
    if (stream_flush(stream, deadline_ns, error) != 0 || stream_fill(stream, 1, deadline_ns, error) != 0) return -1;
    char answer = stream_buffered(stream).data[0];
    stream_consume(stream, 1);
    if (answer != 'S')
        return error_set(error, ERROR_UNAVAILABLE, "upstream %.*s does not offer TLS: enable ssl there or set tls: off",
                         STR_ARGS(target->name));
    return stream_start_tls_client(stream, target->tls, host, deadline_ns, error);
}

static struct stream *open_stream(const struct wire_upstream *target, uint64_t deadline_ns, struct error *error) {
    char host[WIRE_HOST_BYTES_MAX];
    uint16_t port = POSTGRES_PORT;
    if (wire_address_split(target->address, POSTGRES_PORT, host, &port, error) != 0) return NULL;
    struct stream *stream = stream_connect(host, port, deadline_ns, error);
    if (stream == NULL) return NULL;
    if (target->tls != NULL && start_tls(stream, target, host, deadline_ns, error) != 0) stream_close(&stream);
    return stream;
}

static void append_pair(struct buffer *out, struct str name, struct str value) {
    if (value.length == 0) return;
    message_append_cstring(out, name);
    message_append_cstring(out, value);
}

static void append_startup(struct buffer *out, const struct upstream_login *login) {
    size_t offset = buffer_length(out);
    buffer_append_u32be(out, 0);
    buffer_append_u32be(out, MESSAGE_VERSION_3_0);
    append_pair(out, STR("user"), login->target->user);
    append_pair(out, STR("database"), login->database);
    append_pair(out, STR("application_name"), login->application_name);
    buffer_append_str(out, login->parameters);
    buffer_append_byte(out, 0);
    buffer_patch_u32be(out, offset, (uint32_t)(buffer_length(out) - offset));
}

static struct str password_of(const struct login_state *state) {
    const struct secret *password = state->login->target->password;
    return password != NULL ? secret_view(password) : STR_NONE;
}

static int need_password(const struct login_state *state) {
    if (password_of(state).length > 0) return 0;
    return error_set(state->error, ERROR_DENIED, "upstream %.*s asks for a password: set one in the config",
                     STR_ARGS(state->login->target->name));
}

static int answer_cleartext(struct login_state *state) {
    if (need_password(state) != 0) return -1;
    struct buffer *out = stream_output(state->link->stream);
    size_t offset = message_begin(out, 'p');
    message_append_cstring(out, password_of(state));
    message_end(out, offset);
    return 0;
}

static int answer_md5(struct login_state *state, struct str salt) {
    char text[MD5_PASSWORD_BYTES];
    if (need_password(state) != 0) return -1;
    if (salt.length != 4) return error_set(state->error, ERROR_PROTOCOL, "the upstream's MD5 salt is not 4 bytes long");
    if (md5_password(state->login->target->user, password_of(state), salt, text, state->error) != 0) return -1;
    message_append(stream_output(state->link->stream), 'p', str_make(text, sizeof(text)));
    return 0;
}

static int start_scram(struct login_state *state, struct str mechanisms) {
    bool is_offered = false;
    struct str name;
    while (mechanisms.length > 0 && str_split(&mechanisms, '\0', &name)) {
        if (str_equal(name, STR(SCRAM_MECHANISM))) is_offered = true;
    }
    if (!is_offered)
        return error_set(state->error, ERROR_UNAVAILABLE, "upstream %.*s offers no SASL mechanism that we speak ("
                         SCRAM_MECHANISM ")", STR_ARGS(state->login->target->name));
    if (need_password(state) != 0) return -1;
    scram_client_init(&state->scram);
    state->is_scram_started = true;
    struct buffer *out = stream_output(state->link->stream);
    size_t offset = message_begin(out, 'p');
    message_append_cstring(out, STR(SCRAM_MECHANISM));
    size_t length_offset = buffer_length(out);
    buffer_append_u32be(out, 0);
    scram_client_start(&state->scram, STR_NONE, out);
    buffer_patch_u32be(out, length_offset, (uint32_t)(buffer_length(out) - length_offset - 4));
    message_end(out, offset);
    return 0;
}

struct scram_job {
    struct login_state *state;
    struct str challenge;
    struct buffer answer;
    struct error error;
    int result;
};

static void run_scram_job(void *argument) {
    struct scram_job *job = argument;
    job->result = scram_client_finish(&job->state->scram, STR_NONE, password_of(job->state), job->challenge,
                                      &job->answer, &job->error);
}

/* P: on a helper thread, for it takes milliseconds. The challenge must not lie in the stream. */
static int continue_scram(struct login_state *state, struct str challenge) {
    if (!state->is_scram_started || challenge.length > SCRAM_MESSAGE_BYTES_MAX)
        return error_set(state->error, ERROR_PROTOCOL, "the upstream sent a SCRAM challenge out of turn");
    struct scram_job job = {.state = state};
    struct buffer copy;
    buffer_init(&copy, SCRAM_MESSAGE_BYTES_MAX);
    buffer_append_str(&copy, challenge);
    buffer_init(&job.answer, 2 * SCRAM_MESSAGE_BYTES_MAX);
    job.challenge = buffer_view(&copy);
    int result = offload_run(OFFLOAD_COMPUTE, run_scram_job, &job, state->error);
    if (result == 0 && job.result != 0) {
        if (state->error != NULL) *state->error = job.error;
        result = -1;
    }
    if (result == 0) message_append(stream_output(state->link->stream), 'p', buffer_view(&job.answer));
    buffer_free(&copy);
    buffer_free(&job.answer);
    return result;
}

static int finish_scram(struct login_state *state, struct str data) {
    if (scram_client_verify(&state->scram, data, state->error) != 0) return -1;
    state->is_scram_verified = true;
    return 0;
}

static int take_authentication(struct login_state *state, struct str body) {
    uint32_t code;
    struct str data;
    if (state->is_authenticated || message_decode_authentication(body, &code, &data) != 0)
        return error_set(state->error, ERROR_PROTOCOL, "the upstream's authentication request cannot be read");
    switch (code) {
    case AUTHENTICATION_OK:
        if (state->is_scram_started && !state->is_scram_verified)
            return error_set(state->error, ERROR_DENIED, "the upstream left SCRAM without showing that it knows the "
                                                         "password");
        state->is_authenticated = true;
        return 0;
    case AUTHENTICATION_CLEARTEXT: return answer_cleartext(state);
    case AUTHENTICATION_MD5: return answer_md5(state, data);
    case AUTHENTICATION_SASL: return start_scram(state, data);
    case AUTHENTICATION_SASL_CONTINUE: return continue_scram(state, data);
    case AUTHENTICATION_SASL_FINAL: return finish_scram(state, data);
    default:
        return error_set(state->error, ERROR_UNAVAILABLE, "upstream %.*s asks for authentication method %u: use trust, "
                         "password, md5 or scram-sha-256", STR_ARGS(state->login->target->name), code);
    }
}

/* The server's words may name our own role, so they go to the operator and the client is told the code. */
static int take_error(struct login_state *state, struct str body) {
    struct str name = state->login->target->name;
    struct str code = str_slice(message_error_field(body, 'C'), 0, 5);
    bool is_denied = str_starts_with(code, STR("28")) || str_starts_with(code, STR("3D"));
    log_warning("upstream %.*s refused a login: %.*s", STR_ARGS(name), STR_ARGS(message_error_field(body, 'M')));
    if (str_equal(code, STR("3D000"))) /* the database is the client's own choice */
        return error_set(state->error, ERROR_DENIED, "database \"%.*s\" does not exist", STR_ARGS(state->login->database));
    return error_set(state->error, is_denied ? ERROR_DENIED : ERROR_UNAVAILABLE,
                     "upstream %.*s refused the login of sworn (SQLSTATE %.*s): see the gateway's log", STR_ARGS(name),
                     STR_ARGS(code));
}

static int take_key(struct login_state *state, struct str body) {
    if (body.length < 8 || body.length > UPSTREAM_CANCEL_KEY_BYTES_MAX)
        return error_set(state->error, ERROR_PROTOCOL, "the upstream's BackendKeyData has a bad length");
    memcpy(state->link->cancel_key, body.data, body.length);
    state->link->cancel_key_length = body.length;
    return 0;
}

/* Once a process: each login would say the same. */
static void warn_if_newer(const struct wire_upstream *target, struct str version) {
    static atomic_flag is_said = ATOMIC_FLAG_INIT;
    if (!sql_is_newer_than_parser(version) || atomic_flag_test_and_set(&is_said)) return;
    log_warning("upstream %.*s is PostgreSQL %.*s, and SQL is read by the parser of PostgreSQL %s: newer syntax is "
                "sql:unknown (doc/postgres-compatibility.md)",
                STR_ARGS(target->name), STR_ARGS(version), sql_parser_version());
}

static int take_message(struct login_state *state, const struct message *message) {
    switch (message->type) {
    case 'R': return take_authentication(state, message->body);
    case 'E': return take_error(state, message->body);
    case 'v': return 0; /* older minor versions are what we asked for */
    case 'N': return 0; /* not for the client: it may name our own role */
    case 'S':
    case 'K':
    case 'Z':
        if (state->is_authenticated) break;
        // fall through
    default: return error_set(state->error, ERROR_PROTOCOL, "the upstream sent message type 0x%02x during login",
                              (unsigned char)message->type);
    }
    if (message->type == 'K') return take_key(state, message->body);
    if (message->type == 'S') {
        struct message_option option;
        message_append(&state->link->greeting, 'S', message->body);
        bool is_kept = !buffer_failed(&state->link->greeting);
        if (is_kept && message_decode_parameter_status(message->body, &option) == 0) {
            if (str_equal_cstr(option.name, "server_version")) warn_if_newer(state->login->target, option.value);
            return 0;
        }
        return error_set(state->error, ERROR_PROTOCOL, "the upstream's ParameterStatus cannot be used");
    }
    state->is_ready = true;
    if (message_decode_ready(message->body, &state->link->status) == 0) return 0;
    return error_set(state->error, ERROR_PROTOCOL, "the upstream's ReadyForQuery cannot be read");
}

/* P */
static int run_login(struct login_state *state) {
    struct stream *stream = state->link->stream;
    uint64_t deadline_ns = state->login->deadline_ns;
    append_startup(stream_output(stream), state->login);
    for (size_t count = 0; !state->is_ready; count++) {
        struct message message;
        if (stream_flush(stream, deadline_ns, state->error) != 0) return -1;
        enum message_framing framing = message_next(stream_buffered(stream), &message);
        if (framing == MESSAGE_BAD || message.frame_bytes > UPSTREAM_LOGIN_BYTES_MAX ||
            count > UPSTREAM_LOGIN_MESSAGES_MAX)
            return error_set(state->error, ERROR_PROTOCOL, "upstream %.*s does not speak the PostgreSQL protocol",
                             STR_ARGS(state->login->target->name));
        if (framing == MESSAGE_PART) {
            if (stream_fill(stream, message.frame_bytes, deadline_ns, state->error) != 0) return -1;
            continue;
        }
        if (take_message(state, &message) != 0) return -1;
        stream_consume(stream, message.frame_bytes);
    }
    return 0;
}

int upstream_link_open(struct upstream_link *link, const struct upstream_login *login, struct error *error) {
    *link = (struct upstream_link){0};
    buffer_init(&link->greeting, UPSTREAM_LOGIN_BYTES_MAX);
    link->stream = open_stream(login->target, login->deadline_ns, error);
    if (link->stream == NULL) return -1;
    struct login_state state = {.link = link, .login = login, .error = error};
    if (run_login(&state) == 0) return 0;
    upstream_link_close(link);
    return -1;
}

int upstream_cancel(const struct wire_upstream *target, struct str cancel_key, uint64_t deadline_ns,
                    struct error *error) {
    struct stream *stream = open_stream(target, deadline_ns, error);
    if (stream == NULL) return -1;
    struct buffer *out = stream_output(stream);
    buffer_append_u32be(out, (uint32_t)(8 + cancel_key.length));
    buffer_append_u32be(out, MESSAGE_CODE_CANCEL);
    buffer_append_str(out, cancel_key);
    int result = stream_flush(stream, deadline_ns, error);
    struct error ignored;
    if (result == 0) (void)!stream_fill(stream, 1, deadline_ns, &ignored); /* the server closes when it is done */
    stream_close(&stream);
    return result;
}
