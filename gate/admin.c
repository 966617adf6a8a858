/* Serving the administration socket. */
#include "gate/admin.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gate/admin_view.h"
#include "gate/token_use.h"
#include "run/offload.h"
#include "run/stream.h"

#define ADMIN_ANSWER_MAX_BYTES ((size_t)16 << 20)
#define ADMIN_ARENA_BYTES ((size_t)16 << 20)

struct admin_connection {
    struct gate_worker *worker;
    struct stream *stream;
    struct arena arena;
    struct snapshot *snapshot;
    struct buffer answer;
};

static struct str member(const json_t *request, const char *name) {
    const json_t *value = json_object_get(request, name);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NONE;
}

/* ---- Who asks --------------------------------------------------------------------------------------------------- */

struct token_check {
    struct admin_connection *connection;
    struct str token;
    const struct principal *principal;
    struct token_info info;
    int result;
    struct error *error;
};

/* On a helper thread. The token alone says whose it is. */
static void check_token(void *argument) {
    struct token_check *check = argument;
    struct admin_connection *connection = check->connection;
    struct store *store = connection->worker->gateway->store;
    struct sha256 hash = sha256_of(check->token);
    struct token_info token;
    struct str name = STR_NONE;
    if (token_is_well_formed(check->token) &&
        store_token_find(store, &connection->arena, &hash, &token, check->error) == 0) {
        name = token.principal;
    }
    check->result = identity_authenticate(connection->snapshot->identity, store, name, check->token, clock_real_us(),
                                          &check->principal, &check->info, check->error);
}

struct proven {
    const struct principal *principal;
    struct str token_id; /* in the connection's arena */
};

static int identify(struct admin_connection *connection, const json_t *request, struct proven *proven,
                    struct error *error) {
    struct token_check check = {.connection = connection, .token = member(request, "token"), .error = error};
    if (check.token.length == 0) {
        return error_set(error, ERROR_DENIED, "who are you? Put your token into SWORN_TOKEN or use --token-file");
    }
    if (offload_run(OFFLOAD_STATE_READ, check_token, &check, error) != 0) return -1;
    if (check.result != 0) return -1;
    token_use_note(connection->worker->gateway->store, &check.info, clock_real_us());
    *proven = (struct proven){check.principal, arena_format(&connection->arena, "%" PRId64, check.info.id)};
    return proven->token_id.data != NULL ? 0 : error_out_of_memory(error);
}

/* Who looks need not say who they are, and sees the less for it. */
static int begin_reading(struct admin_connection *connection, const json_t *request, struct admin_reader *reader,
                         struct error *error) {
    struct proven proven = {0};
    if (member(request, "token").length > 0 && identify(connection, request, &proven, error) != 0) return -1;
    *reader = (struct admin_reader){connection->worker, connection->snapshot, proven.principal, &connection->arena};
    return 0;
}

/* ---- Verbs ------------------------------------------------------------------------------------------------------ */

static void write_time(struct json_writer *writer, struct str name, int64_t real_us) {
    char text[CLOCK_RFC3339_BYTES];
    json_member_string(writer, name, clock_format_rfc3339(real_us, text));
}

static int write_listing(const struct admin_reader *reader, const struct approval_listing *listing,
                         struct json_writer *writer, struct error *error) {
    const struct mask_plan *plan = admin_reader_plan(reader, listing->upstream_id, error);
    if (plan == NULL) return -1;
    json_begin_object(writer);
    json_member_string(writer, STR("action"), listing->action_id);
    json_member_string(writer, STR("approved_by"), listing->approvers);
    write_time(writer, STR("expires"), listing->expires_us);
    json_member_string(writer, STR("id"), listing->id);
    json_member_string(writer, STR("may_approve"), listing->candidates);
    json_member_string(writer, STR("needs"), listing->remedies);
    if (listing->on_behalf_of.length > 0) json_member_string(writer, STR("on_behalf_of"), listing->on_behalf_of);
    json_member_string(writer, STR("policies"), listing->policies);
    json_member_string(writer, STR("principal"), listing->principal);
    write_time(writer, STR("since"), listing->created_us);
    json_member_string(writer, STR("text"), admin_reader_text(reader, plan, STR_NONE, listing->text));
    json_member_string(writer, STR("upstream"), listing->upstream_id);
    json_end_object(writer);
    return 0;
}

static int answer_pending(struct admin_connection *connection, const json_t *request, struct json_writer *writer,
                          struct error *error) {
    struct approval_listing *listings;
    struct admin_reader reader;
    size_t count;
    int result = 0;
    if (begin_reading(connection, request, &reader, error) != 0 ||
        approvals_list(connection->worker->gateway->approvals, connection->snapshot->identity, &connection->arena,
                       &listings, &count, error) != 0) {
        return -1;
    }
    json_key(writer, STR("pending"));
    json_begin_array(writer);
    for (size_t i = 0; i < count && result == 0; i++) result = write_listing(&reader, &listings[i], writer, error);
    json_end_array(writer);
    return result;
}

static int answer_view(struct admin_connection *connection, const json_t *request, struct json_writer *writer,
                       struct error *error) {
    struct admin_reader reader;
    struct approval_view view;
    struct approvals *approvals = connection->worker->gateway->approvals;
    if (begin_reading(connection, request, &reader, error) != 0 ||
        approvals_view(approvals, member(request, "id"), &connection->arena, &view, error) != 0) {
        return -1;
    }
    json_key(writer, STR("shown"));
    json_begin_object(writer);
    int result = admin_write_view(&reader, &view, writer, error);
    json_end_object(writer);
    return result;
}

static int vote(struct admin_connection *connection, const json_t *request, bool is_approval, struct json_writer *writer,
                struct error *error) {
    struct proven proven;
    struct approval_tally tally;
    struct approval_vote cast = {
        .hold_id = member(request, "id"),
        .is_approval = is_approval,
        .view = member(request, "view"),
        .reason = member(request, "reason"),
    };
    if (cast.hold_id.length == 0) return error_set(error, ERROR_INVALID, "which action? `sworn pending` lists the ids");
    if (identify(connection, request, &proven, error) != 0) return -1;
    cast.voter = proven.principal;
    cast.token_id = proven.token_id;
    if (approvals_vote(connection->worker->gateway->approvals, &cast, &tally, error) != 0) return -1;
    json_key(writer, STR("vote"));
    json_begin_object(writer);
    json_member_bool(writer, STR("ended"), tally.is_ended);
    if (!tally.is_ended) {
        json_member_integer(writer, STR("given"), tally.given);
        json_member_integer(writer, STR("needed"), tally.needed);
    }
    json_end_object(writer);
    return 0;
}

static int answer_approve(struct admin_connection *connection, const json_t *request, struct json_writer *writer,
                          struct error *error) {
    return vote(connection, request, true, writer, error);
}

static int answer_deny(struct admin_connection *connection, const json_t *request, struct json_writer *writer,
                       struct error *error) {
    return vote(connection, request, false, writer, error);
}

static int answer_status(struct admin_connection *connection, const json_t *request, struct json_writer *writer,
                         struct error *error) {
    const struct gateway *gateway = connection->worker->gateway;
    struct error why = {0};
    (void)request;
    (void)error;
    bool accepts = gateway_is_accepting(gateway, &why);
    json_key(writer, STR("status"));
    json_begin_object(writer);
    json_member_integer(writer, STR("in_flight"), atomic_load(&gateway->in_flight));
    json_member_string(writer, STR("ledger"), accepts ? STR("accepting") : str_from_cstr(why.text));
    json_member_integer(writer, STR("policies"), (int64_t)bundle_policy_count(connection->snapshot->bundle));
    json_key(writer, STR("refused"));
    gateway_write_refused(gateway, writer);
    json_member_integer(writer, STR("sessions"), atomic_load(&gateway->session_count));
    json_end_object(writer);
    return 0;
}

static const struct {
    struct str verb;
    int (*answer)(struct admin_connection *connection, const json_t *request, struct json_writer *writer,
                  struct error *error);
} verbs[] = {
    {{"pending", 7}, answer_pending},
    {{"view", 4}, answer_view},
    {{"approve", 7}, answer_approve},
    {{"deny", 4}, answer_deny},
    {{"status", 6}, answer_status},
};

/* ---- One request ------------------------------------------------------------------------------------------------ */

static struct str code_name(enum error_code code) {
    switch (code) {
    case ERROR_DENIED: return STR("denied");
    case ERROR_NOT_FOUND: return STR("not_found");
    case ERROR_INVALID: return STR("invalid");
    case ERROR_LIMIT: return STR("limit");
    default: return STR("unavailable");
    }
}

static void write_failure(struct buffer *answer, const struct error *error) {
    struct json_writer writer;
    buffer_clear(answer);
    json_writer_init(&writer, answer);
    json_begin_object(&writer);
    json_member_string(&writer, STR("code"), code_name(error->code));
    json_member_string(&writer, STR("error"), str_from_cstr(error->text));
    json_member_bool(&writer, STR("ok"), false);
    json_end_object(&writer);
}

static int dispatch(struct admin_connection *connection, const json_t *request, struct error *error) {
    struct str verb = member(request, "verb");
    for (size_t i = 0; i < LENGTH_OF(verbs); i++) {
        if (!str_equal(verbs[i].verb, verb)) continue;
        struct json_writer writer;
        json_writer_init(&writer, &connection->answer);
        json_begin_object(&writer);
        json_member_bool(&writer, STR("ok"), true);
        if (verbs[i].answer(connection, request, &writer, error) != 0) return -1;
        json_end_object(&writer);
        return buffer_failed(&connection->answer) ? error_set(error, ERROR_LIMIT, "the answer is too long") : 0;
    }
    return error_set(error, ERROR_INVALID, "unknown verb");
}

static void answer_line(struct admin_connection *connection, struct str line) {
    struct error error = {0};
    json_error_t json_error;
    json_t *request = json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES, &json_error);
    uint64_t generation;
    connection->snapshot = snapshot_slot_take(&connection->worker->gateway->snapshot, &generation);
    buffer_clear(&connection->answer);
    int result = json_is_object(request) ? dispatch(connection, request, &error)
                                         : error_set(&error, ERROR_INVALID, "a request is one JSON object on a line");
    if (result != 0) write_failure(&connection->answer, &error);
    snapshot_release(&connection->snapshot);
    json_decref(request);
}

/* The next line, copied, without its end. -1 when the peer is done or sends too much. */
static int read_line(struct admin_connection *connection, struct str *line, struct error *error) {
    size_t wanted = 1;
    for (;;) {
        if (stream_fill(connection->stream, wanted, clock_monotonic_ns() + ADMIN_TIMEOUT_NS, error) != 0) return -1;
        struct str buffered = stream_buffered(connection->stream);
        size_t end = str_find_byte(buffered, '\n');
        if (end == STR_NOT_FOUND) {
            wanted = buffered.length + 1;
            continue;
        }
        *line = arena_copy(&connection->arena, str_slice(buffered, 0, end));
        stream_consume(connection->stream, end + 1);
        return line->data != NULL ? 0 : error_out_of_memory(error);
    }
}

static void connection_main(void *argument) {
    struct admin_connection *connection = argument;
    struct error error;
    struct str line;
    stream_set_caps(connection->stream, ADMIN_LINE_MAX_BYTES, ADMIN_ANSWER_MAX_BYTES);
    while (read_line(connection, &line, &error) == 0) {
        answer_line(connection, line);
        buffer_append_str(stream_output(connection->stream), buffer_view(&connection->answer));
        buffer_append_byte(stream_output(connection->stream), '\n');
        arena_reset(&connection->arena);
        if (stream_flush(connection->stream, clock_monotonic_ns() + ADMIN_TIMEOUT_NS, &error) != 0) break;
    }
    stream_close(&connection->stream);
    buffer_free(&connection->answer);
    arena_free(&connection->arena);
    free(connection);
}

static void serve(struct gate_worker *worker, int fd) {
    struct error error;
    struct admin_connection *connection = calloc(1, sizeof(*connection));
    struct stream *stream = stream_from_fd(fd, &error);
    if (connection == NULL || stream == NULL) {
        free(connection);
        stream_close(&stream);
        return;
    }
    connection->worker = worker;
    connection->stream = stream;
    arena_init(&connection->arena, ADMIN_ARENA_BYTES);
    buffer_init(&connection->answer, ADMIN_ANSWER_MAX_BYTES);
    struct fiber *fiber = fiber_start(worker->worker, connection_main, connection, "admin connection");
    if (fiber == NULL) {
        stream_close(&connection->stream);
        free(connection);
        return;
    }
    fiber_detach(fiber);
}

void admin_main(void *argument) {
    struct gate_worker *worker = argument;
    struct error error;
    char peer[LISTENER_PEER_BYTES];
    int fd;
    while (listener_accept(worker->gateway->admin, &fd, peer, &error) == 0) serve(worker, fd);
    listener_close(&worker->gateway->admin);
}
