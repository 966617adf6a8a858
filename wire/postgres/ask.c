/* The ask side: from the client's messages to actions, and what goes upstream.
 *
 * A message that is an action stays in the client's input until forward or refuse takes it; every other message is
 * consumed when it has been handled. A batch that has arrived whole is gathered before anything is flushed. */
#include "wire/postgres/session.h"

#include "base/clock.h"
#include "wire/postgres/prefix.h"

/* A statement that cannot parse: it makes the server end an implicit transaction as failed. */
#define ROLLBACK_NAME "sworn:rollback"
#define ROLLBACK_TEXT "sworn refused an action of this batch, what went before it is rolled back"
#define REFUSED_NAME "sworn:refused" /* of a statement that never exists */

enum handled { HANDLED_ERROR = -1, HANDLED_DONE = 0, HANDLED_ACTION = 1, HANDLED_END = 2 };

static int out_of_order(struct error *error, char type) {
    return error_set(error, ERROR_PROTOCOL, "invalid frontend message type 0x%02x here", (unsigned char)type);
}

static struct expectation *push(struct postgres_state *state, enum expect_kind kind, struct error *error) {
    struct expectation *entry = expect_push(&state->expected, kind);
    if (entry == NULL) error_set(error, ERROR_LIMIT, "more than %u requests are under way in this session", EXPECT_MAX);
    return entry;
}

/* An error has ended this batch: the server throws away everything up to Sync, and answers nothing of it. */
static bool is_batch_skipped(const struct postgres_state *state) {
    const struct expectation *entry;
    for (size_t i = 0; state->is_skipping && (entry = expect_at(&state->expected, i)) != NULL; i++) {
        if (expect_is_sync(entry)) return false; /* of an earlier one */
    }
    return state->is_skipping;
}

/* Nothing up to the number waits for an answer: where COPY data began has none, and may stand there until the next comes. */
static bool is_answered(const struct postgres_state *state, uint64_t number) {
    const struct expect_queue *queue = &state->expected;
    for (uint64_t i = queue->head; i < number; i++) {
        const struct expectation *entry = expect_at(queue, (size_t)(i - queue->head));
        if (entry == NULL || entry->kind != EXPECT_COPY_DATA) return false;
    }
    return true;
}

/* P: sends what there is and waits until the answers up to the number have come, or none will. */
static int wait_for(struct wire_session *session, uint64_t number, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (is_answered(state, number)) return 0;
    buffer_append(stream_output(session->upstream), "H\0\0\0\4", 5);
    if (wire_flush_upstream(session, error) != 0) return -1;
    while (!is_answered(state, number) && !is_batch_skipped(state)) {
        if (condition_wait(&state->progress, FIBER_NO_DEADLINE, error) != 0) return -1;
    }
    return 0;
}

int postgres_await_answers(struct wire_session *session, struct error *error) {
    return wait_for(session, postgres_state(session)->expected.committed, error);
}

static void end_batch(struct postgres_state *state) {
    state->batch++;
    state->batch_executes = 0;
    state->is_batch_open = false;
    state->is_discarding = false;
}

static int check_output(struct wire_session *session, struct error *error) {
    if (!buffer_failed(stream_output(session->upstream)) && !buffer_failed(&postgres_state(session)->prefix)) return 0;
    return error_set(error, ERROR_LIMIT, "a batch of messages is larger than this gateway takes");
}

/* A refusal is an error like any other: the transaction that it came in has failed, so that nothing of it can be committed.
 * Where there may be one, the server is made to fail it, too. */
static int append_rollback(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    bool is_idle = expect_count(&state->expected) == 0 && !state->is_in_block;
    if ((state->batch_executes == 0 && is_idle) || state->is_skipping) return 0;
    struct buffer *out = stream_output(session->upstream);
    size_t offset = message_begin(out, 'P');
    message_append_cstring(out, STR(ROLLBACK_NAME));
    message_append_cstring(out, STR(ROLLBACK_TEXT));
    buffer_append_u16be(out, 0);
    message_end(out, offset);
    struct expectation *entry = push(state, EXPECT_ROLLBACK, error);
    if (entry == NULL) return -1;
    entry->is_own = true;
    return 0;
}

/* ---- Parse, Bind, Describe, Close: gathered in the prefix ---- */

/* Gives the newest uncommitted entry its name; the entry holds the analysis. */
static int send_name(struct postgres_state *state, struct expectation *entry, enum name_kind kind, struct str name,
                     struct error *error) {
    entry->name = names_send(&state->names, kind, name, state->batch, entry->analysis, entry->statement,
                             entry->parameters);
    if (entry->name != NULL) return 0;
    return error_set(error, ERROR_LIMIT, "more than %u prepared statements and portals are under way", NAMES_MAX);
}

/* P */
static int handle_parse(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message message;
    struct message_parse parse;
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    if (message_decode_parse(message.body, &parse) != 0)
        return error_set(error, ERROR_PROTOCOL, "a Parse message cannot be read");
    const struct sql_analysis *analysis = postgres_analyze(session, parse.text, error);
    if (analysis == NULL) return -1;
    /* The wait may have moved the input. */
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    CHECK(message_decode_parse(message.body, &parse) == 0);
    struct expectation *entry = push(state, EXPECT_PARSE, error);
    if (entry == NULL) {
        sql_analysis_release(&analysis);
        return -1;
    }
    entry->analysis = analysis;
    if (entry->analysis->statement_count > 0) entry->statement = &entry->analysis->statements[0];
    if (postgres_keep_types(state, entry, parse.type_oids, error) != 0) return -1;
    if (send_name(state, entry, NAME_STATEMENT, parse.name, error) != 0) return -1;
    return prefix_add(session, &message, error);
}

/* P: what a name of a statement or portal stands for, held; *analysis stays NULL when nobody knows. An answer of an
 * earlier batch is waited for. *is_confirmed: the server has said so, and the SQL session knows it. */
static int resolve(struct wire_session *session, enum name_kind kind, struct str name,
                   const struct sql_analysis **analysis, const struct sql_statement **statement, bool *is_confirmed,
                   struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct name *sent = names_find(&state->names, kind, name);
    *analysis = NULL;
    *statement = NULL;
    *is_confirmed = false;
    if (sent != NULL && sent->in_flight > 0 && sent->batch == state->batch) {
        if (sent->analysis != NULL) *analysis = sql_analysis_hold(sent->analysis);
        *statement = sent->statement;
        return 0;
    }
    if (sent != NULL && sent->in_flight > 0 && wait_for(session, state->expected.committed, error) != 0) return -1;
    if (wait_for(session, state->barrier, error) != 0) return -1;
    struct sql_named found;
    bool is_found = kind == NAME_STATEMENT ? sql_session_find_prepared(state->sql, name_clip(name), &found)
                                           : sql_session_find_portal(state->sql, name_clip(name), &found);
    if (!is_found) return 0;
    *analysis = sql_analysis_hold(found.analysis);
    *statement = found.statement;
    *is_confirmed = true;
    return 0;
}

/* P */
static int handle_bind(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct sql_analysis *analysis;
    const struct sql_statement *statement;
    struct message message;
    struct message_bind bind;
    bool is_confirmed;
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    if (message_decode_bind(message.body, &bind) != 0)
        return error_set(error, ERROR_PROTOCOL, "a Bind message cannot be read");
    if (resolve(session, NAME_STATEMENT, bind.statement, &analysis, &statement, &is_confirmed, error) != 0) return -1;
    /* The wait may have moved the input. */
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    CHECK(message_decode_bind(message.body, &bind) == 0);
    struct expectation *entry = push(state, EXPECT_BIND, error);
    if (entry == NULL) {
        if (analysis != NULL) sql_analysis_release(&analysis);
        return -1;
    }
    entry->analysis = analysis;
    entry->statement = statement;
    if (analysis != NULL && postgres_bind_values(&bind, &entry->analysis, &entry->statement, error) != 0) return -1;
    if (bind.value_count > 0) {
        struct str types = postgres_types_of(state, bind.statement);
        entry->parameters = postgres_inspect_bind(session, &bind, entry->statement, types, error);
        if (entry->parameters == NULL) return -1;
    }
    if (send_name(state, entry, NAME_PORTAL, bind.portal, error) != 0) return -1;
    return prefix_add(session, &message, error);
}

static int handle_target(struct wire_session *session, const struct message *message, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message_target target;
    if (message_decode_target(message->body, &target) != 0)
        return error_set(error, ERROR_PROTOCOL, "a Describe or Close message cannot be read");
    bool is_statement = target.kind == 'S';
    enum expect_kind kind = message->type == 'C' ? EXPECT_CLOSE
                            : is_statement       ? EXPECT_DESCRIBE_STATEMENT
                                                 : EXPECT_DESCRIBE_PORTAL;
    struct expectation *entry = push(state, kind, error);
    if (entry == NULL) return -1;
    if (kind == EXPECT_CLOSE &&
        send_name(state, entry, is_statement ? NAME_STATEMENT : NAME_PORTAL, target.name, error) != 0)
        return -1;
    return prefix_add(session, message, error);
}

/* ---- Query, Execute: actions ---- */

/* P: makes sure that what names mean is known, and that the queue has room. */
static int settle_before_action(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (wait_for(session, state->barrier, error) != 0) return -1;
    if (state->expected.tail - state->expected.head < EXPECT_MAX / 2) return 0;
    return wait_for(session, state->expected.committed, error);
}

/* analysis: the reference passes to the session. */
static enum handled return_action(struct wire_session *session, const struct described *described,
                                  const struct name_parameters *parameters, struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    state->described = *described;
    *out = state->described.action = postgres_describe(session, &state->described, parameters, error);
    if (*out != NULL) return HANDLED_ACTION;
    sql_analysis_release(&state->described.analysis);
    return HANDLED_ERROR;
}

/* P: a Query within an open batch: whether the server will run it or skip it depends on what came before. */
static int settle_open_batch(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    prefix_send(session);
    if (!state->is_batch_open) return 0;
    return wait_for(session, state->expected.committed, error);
}

static enum handled handle_query(struct wire_session *session, struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message message;
    struct str text;
    if (settle_open_batch(session, error) != 0 || settle_before_action(session, error) != 0) return HANDLED_ERROR;
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    if (message_decode_string(message.body, &text) != 0) {
        error_set(error, ERROR_PROTOCOL, "a Query message cannot be read");
        return HANDLED_ERROR;
    }
    if (state->is_batch_open && state->is_skipping) return HANDLED_DONE;
    struct described described = {.is_query = true, .frame_bytes = message.frame_bytes};
    described.analysis = postgres_analyze(session, text, error);
    if (described.analysis == NULL) return HANDLED_ERROR;
    return return_action(session, &described, NULL, out, error);
}

/* P: asks the server for a statement or portal that nobody knows. An error is relayed to the client and skips the rest. The
 * prefix has been sent. */
static int probe(struct wire_session *session, enum name_kind kind, struct str name, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    bool is_portal = kind == NAME_PORTAL;
    message_append_target(stream_output(session->upstream), 'D', is_portal ? 'P' : 'S', name);
    struct expectation *entry = push(state, is_portal ? EXPECT_DESCRIBE_PORTAL : EXPECT_DESCRIBE_STATEMENT, error);
    if (entry == NULL) return -1;
    entry->is_own = true;
    expect_commit(&state->expected);
    state->is_batch_open = true;
    return wait_for(session, state->expected.committed, error);
}

/* The newest pending message is the client's Describe of this portal. */
static bool ends_with_describe(const struct postgres_state *state, struct str portal) {
    const struct expectation *last = expect_last_pending(&state->expected);
    if (last == NULL || last->kind != EXPECT_DESCRIBE_PORTAL) return false;
    size_t frame_bytes = MESSAGE_HEADER_BYTES + 1 + portal.length + 1;
    struct str prefix = buffer_view(&state->prefix);
    if (prefix.length < frame_bytes) return false;
    struct str name = str_slice(prefix, prefix.length - portal.length - 1, prefix.length - 1);
    struct message message;
    return message_next(str_slice(prefix, prefix.length - frame_bytes, prefix.length), &message) == MESSAGE_WHOLE &&
           message.type == 'D' && message.frame_bytes == frame_bytes && str_equal(name, portal);
}

static const struct name_parameters *parameters_of(const struct postgres_state *state, struct str portal,
                                                   const struct sql_statement *statement) {
    const struct name *name = names_find(&state->names, NAME_PORTAL, portal);
    if (name == NULL) return NULL;
    if (name->in_flight > 0 && name->batch == state->batch) return name->parameters;
    return name->confirmed_statement == statement ? name->confirmed_parameters : NULL;
}

/* The text of an action for a portal that came about in a way nobody saw: it is SQL_UNKNOWN. */
static const struct sql_analysis *analyze_unknown(struct error *error) {
    return sql_analyze(postgres_sql_cache(), STR("EXECUTE of a portal that is not known to sworn"), error);
}

/* P: one statement of several, or one within PREPARE or DECLARE: what runs is that statement alone. */
static int narrow(struct wire_session *session, const struct sql_analysis **analysis,
                  const struct sql_statement **statement, struct error *error) {
    bool is_whole = (*analysis)->statement_count == 1 && *statement == &(*analysis)->statements[0];
    if (*statement == NULL || is_whole) return 0;
    const struct sql_analysis *whole = *analysis;
    *analysis = postgres_analyze(session, (*statement)->text, error);
    sql_analysis_release(&whole);
    if (*analysis == NULL) return -1;
    *statement = (*analysis)->statement_count > 0 ? &(*analysis)->statements[0] : NULL;
    return 0;
}

/* P: what a Describe of a statement that is not in the prefix describes. DONE: no such statement, the client knows. */
static enum handled resolve_described(struct wire_session *session, struct prefix_item *item,
                                      struct described *described, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct sql_named found;
    char bytes[NAME_BYTES_MAX];
    if (item->statement.length > 0) memcpy(bytes, item->statement.data, item->statement.length);
    struct str name = str_make(bytes, item->statement.length);
    prefix_send_first(session, item->count - 1); /* what stands before it needs no decision, and may change the name */
    item->count = 1;
    if (wait_for(session, state->expected.committed, error) != 0) return HANDLED_ERROR;
    if (!state->is_skipping && sql_session_find_prepared(state->sql, name, &found)) {
        described->analysis = sql_analysis_hold(found.analysis);
        described->statement = found.statement;
        return HANDLED_ACTION;
    }
    if (!state->is_skipping && probe(session, NAME_STATEMENT, name, error) != 0) return HANDLED_ERROR;
    if (state->is_skipping) {
        prefix_drop(state);
        return HANDLED_DONE;
    }
    described->analysis = analyze_unknown(error);
    return described->analysis != NULL ? HANDLED_ACTION : HANDLED_ERROR;
}

/* P: before the prefix goes on without an Execute: returns the next action in it that needs a decision of its own. DONE:
 * there is none. The message at hand stays and is handled again. */
static enum handled decide_prefix(struct wire_session *session, struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct described described = {0};
    struct prefix_item item;
    if (!prefix_find(state, &item)) return HANDLED_DONE;
    if (settle_before_action(session, error) != 0) return HANDLED_ERROR;
    if (is_batch_skipped(state)) {
        prefix_drop(state);
        return HANDLED_DONE;
    }
    CHECK(prefix_find(state, &item)); /* the wait may have moved the queue */
    struct name_parameters *parameters = NULL;
    if (item.subject == NULL) {
        enum handled resolved = resolve_described(session, &item, &described, error);
        if (resolved != HANDLED_ACTION) return resolved;
    } else {
        described.analysis = item.subject->analysis != NULL ? sql_analysis_hold(item.subject->analysis)
                                                            : analyze_unknown(error);
        if (described.analysis == NULL) return HANDLED_ERROR;
        described.statement = item.subject->statement;
        parameters = item.subject->parameters;
    }
    described.prefix_count = item.count;
    described.is_bind = item.is_bind;
    if (narrow(session, &described.analysis, &described.statement, error) != 0) return HANDLED_ERROR;
    return return_action(session, &described, parameters, out, error);
}

static enum handled handle_execute(struct wire_session *session, struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct described described = {0};
    struct message message;
    struct str portal;
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    if (message_decode_execute(message.body, &portal) != 0 || portal.length > NAME_BYTES_MAX) {
        error_set(error, ERROR_PROTOCOL, "an Execute message cannot be read");
        return HANDLED_ERROR;
    }
    memcpy(described.portal, portal.data, portal.length);
    portal = str_make(described.portal, portal.length);
    if (!prefix_is_covered_by(state, portal)) {
        enum handled decided = decide_prefix(session, out, error);
        if (decided != HANDLED_DONE) return decided;
        if (state->is_skipping) return HANDLED_DONE;
    }
    described.frame_bytes = message.frame_bytes;
    if (settle_before_action(session, error) != 0) return HANDLED_ERROR;
    if (resolve(session, NAME_PORTAL, portal, &described.analysis, &described.statement,
                &described.is_portal_confirmed, error) != 0)
        return HANDLED_ERROR;
    if (described.analysis == NULL) {
        prefix_send(session);
        if (probe(session, NAME_PORTAL, portal, error) != 0) return HANDLED_ERROR;
        if (state->is_skipping) return HANDLED_DONE;
        described.analysis = analyze_unknown(error);
        if (described.analysis == NULL) return HANDLED_ERROR;
    }
    const struct sql_statement *whole = described.statement;
    if (narrow(session, &described.analysis, &described.statement, error) != 0) return HANDLED_ERROR;
    const struct name_parameters *parameters = parameters_of(state, portal, whole);
    described.is_portal_described = ends_with_describe(state, portal);
    return return_action(session, &described, parameters, out, error);
}

/* ---- Sync, Flush, COPY data, FunctionCall ---- */

/* P */
static int handle_sync(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *out;
    if (state->copy_in != COPY_IN_NONE) { /* the server ignores it */
        buffer_append(stream_output(session->upstream), "S\0\0\0\4", 5);
        return 0;
    }
    if (state->is_discarding) {
        if (state->batch_executes > 0 && wait_for(session, state->expected.committed, error) != 0) return -1;
        if (append_rollback(session, error) != 0) return -1;
    }
    if (is_batch_skipped(state)) prefix_drop(state);
    prefix_send(session);
    out = stream_output(session->upstream);
    buffer_append(out, "S\0\0\0\4", 5);
    if (push(state, EXPECT_SYNC, error) == NULL) return -1;
    expect_commit(&state->expected);
    end_batch(state);
    return 0;
}

static int handle_flush(struct wire_session *session) {
    if (postgres_state(session)->is_discarding) return 0;
    prefix_send(session);
    buffer_append(stream_output(session->upstream), "H\0\0\0\4", 5);
    return 0;
}

/* P: data may come before the server has asked for it; whether it will shows in its answer. */
static int settle_copy(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (state->copy_in != COPY_IN_NONE || state->expected.head >= state->expected.committed) return 0;
    if (state->is_batch_open) buffer_append(stream_output(session->upstream), "H\0\0\0\4", 5);
    if (wire_flush_upstream(session, error) != 0) return -1;
    while (state->copy_in == COPY_IN_NONE && state->expected.head < state->expected.committed) {
        if (condition_wait(&state->progress, FIBER_NO_DEADLINE, error) != 0) return -1;
    }
    return 0;
}

/* Counts what the data holds. */
static int inspect_copy(struct postgres_state *state, const struct message *message, struct error *error) {
    if (state->copy_in == COPY_IN_NONE || state->copy_received == NULL) return 0;
    struct class_counts *received = &state->copy_action->outcome.received;
    if (message->type == 'd') return copy_mask_inspect(state->copy_received, message->body, received, error);
    return message->type == 'c' ? copy_mask_inspect_finish(state->copy_received, received, error) : 0;
}

/* P: the server ignores COPY data when it has not asked for any. */
static int handle_copy(struct wire_session *session, char type, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message message;
    bool is_end = type != 'd';
    if (state->is_discarding) return 0;
    if (!state->is_copy_marked) {
        if (expect_last_pending(&state->expected) != NULL) return out_of_order(error, type);
        if (settle_copy(session, error) != 0) return -1;
        if (push(state, EXPECT_COPY_DATA, error) == NULL) return -1;
        expect_commit(&state->expected);
    }
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE);
    if (inspect_copy(state, &message, error) != 0) return -1;
    state->is_copy_marked = !is_end;
    if (state->copy_in != COPY_IN_NONE) state->copy_in = is_end ? COPY_IN_NONE : COPY_IN_STREAMING;
    buffer_append(stream_output(session->upstream), stream_buffered(session->client).data, message.frame_bytes);
    return check_output(session, error);
}

/* P: our own Sync stands in the place of what is refused, and brings the transaction's status. */
static int append_refused_query(struct wire_session *session, struct action *action, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct described *described = &state->described;
    if (append_rollback(session, error) != 0) return -1;
    buffer_append(stream_output(session->upstream), "S\0\0\0\4", 5);
    struct expectation *entry = push(state, EXPECT_REFUSED_QUERY, error);
    if (entry == NULL) return -1;
    entry->is_own = true;
    entry->action = action;
    entry->analysis = described->analysis;
    expect_commit(&state->expected);
    end_batch(state);
    return 0;
}

/* A function by its OID, around the SQL parser: an action that is always refused, so that it is in evidence. */
static enum handled handle_function_call(struct wire_session *session, const struct message *message,
                                         struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct described described = {.is_query = true, .frame_bytes = message->frame_bytes};
    if (settle_open_batch(session, error) != 0 || settle_before_action(session, error) != 0) return HANDLED_ERROR;
    if (state->is_batch_open && state->is_skipping) return HANDLED_DONE;
    described.analysis = sql_analyze(postgres_sql_cache(), STR("function call protocol"), error);
    if (described.analysis == NULL) return HANDLED_ERROR;
    enum handled result = return_action(session, &described, NULL, out, error);
    if (result == HANDLED_ACTION) {
        action_refuse(*out, REFUSAL_UNSUPPORTED,
                      STR("the function call protocol is not possible through sworn: call the function with SELECT"));
    }
    return result;
}

/* ---- the loop ---- */

static enum handled handled(int result) {
    return result == 0 ? HANDLED_DONE : HANDLED_ERROR;
}

/* P: these send the prefix on by themselves. */
static enum handled handle_batch_end(struct wire_session *session, struct message message, struct action **out,
                                     struct error *error) {
    enum handled decided = decide_prefix(session, out, error);
    if (decided != HANDLED_DONE) return decided;
    CHECK(message_next(stream_buffered(session->client), &message) == MESSAGE_WHOLE); /* the wait may have moved it */
    switch (message.type) {
    case 'Q': return handle_query(session, out, error);
    case 'F': return handle_function_call(session, &message, out, error);
    default: break;
    }
    if (message.body.length > 0) return handled(error_set(error, ERROR_PROTOCOL, "invalid message format"));
    return handled(message.type == 'S' ? handle_sync(session, error) : handle_flush(session));
}

static enum handled handle_message(struct wire_session *session, const struct message *message, struct action **out,
                                   struct error *error) {
    struct postgres_state *state = postgres_state(session);
    bool is_copy = message->type == 'd' || message->type == 'c' || message->type == 'f';
    bool is_skipped = (state->is_discarding || is_batch_skipped(state)) && message_is_one_of(message, "QPBDCEF");
    if (state->copy_in != COPY_IN_NONE && !is_copy && !message_is_one_of(message, "HSX"))
        return handled(out_of_order(error, message->type));
    if (!is_copy) state->is_copy_marked = false;
    if (is_skipped) return HANDLED_DONE;
    switch (message->type) {
    case 'Q':
    case 'F':
    case 'S':
    case 'H': return handle_batch_end(session, *message, out, error);
    case 'E': return handle_execute(session, out, error);
    case 'P': return handled(handle_parse(session, error));
    case 'B': return handled(handle_bind(session, error));
    case 'D':
    case 'C': return handled(handle_target(session, message, error));
    case 'd':
    case 'c':
    case 'f': return handled(handle_copy(session, message->type, error));
    case 'X': return HANDLED_END;
    default: return handled(out_of_order(error, message->type));
    }
}

/* P: flushes, then waits for the rest of the message, whose header may be there. 1: the client is gone. */
static int read_more(struct wire_session *session, const struct message *message, struct error *error) {
    bool is_header = message->frame_bytes > MESSAGE_HEADER_BYTES;
    if (is_header && !message_is_one_of(message, "QEPBDCSHdcfFX")) return out_of_order(error, message->type);
    if (is_header && message->frame_bytes > session->target->message_bytes_max)
        return error_set(error, ERROR_LIMIT, "a message of %zu bytes is larger than this gateway takes (%zu)",
                         message->frame_bytes, session->target->message_bytes_max);
    if (buffer_length(stream_output(session->upstream)) > 0 && wire_flush_upstream(session, error) != 0) return -1;
    struct error why = {0};
    if (stream_fill(session->client, message->frame_bytes, FIBER_NO_DEADLINE, &why) == 0) return 0;
    if (why.code == ERROR_CLOSED || why.code == ERROR_SYSTEM) return 1;
    if (error != NULL) *error = why;
    return -1;
}

int postgres_next_action(struct wire_session *session, struct action **action, struct error *error) {
    for (;;) {
        struct message message;
        enum message_framing framing = message_next(stream_buffered(session->client), &message);
        if (framing == MESSAGE_BAD) return error_set(error, ERROR_PROTOCOL, "invalid message length");
        if (framing == MESSAGE_PART || message.frame_bytes > session->target->message_bytes_max) {
            int result = read_more(session, &message, error);
            if (result == 0) continue;
            return result > 0 ? postgres_leave(session, error) : -1;
        }
        enum handled result = handle_message(session, &message, action, error);
        if (result == HANDLED_ACTION) return 1;
        if (result == HANDLED_ERROR) return -1;
        if (result == HANDLED_END) return postgres_leave(session, error);
        stream_consume(session->client, message.frame_bytes);
        if (buffer_length(stream_output(session->upstream)) > POSTGRES_GATHER_BYTES &&
            wire_flush_upstream(session, error) != 0)
            return -1;
    }
}

/* The server keeps the answers of a batch to itself until a Sync or a Flush. */
int postgres_push_answers(struct wire_session *session, struct error *error) {
    if (postgres_state(session)->is_batch_open) buffer_append(stream_output(session->upstream), "H\0\0\0\4", 5);
    return wire_flush_upstream(session, error);
}

/* ---- forward, refuse ---- */

static struct str described_portal(const struct described *described) {
    return str_from_cstr(described->portal);
}

/* Rows can only be masked when the answer says what its columns are. */
static int append_own_describe(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    message_append_target(stream_output(session->upstream), 'D', 'P', described_portal(&state->described));
    struct expectation *entry = push(state, EXPECT_DESCRIBE_PORTAL, error);
    if (entry == NULL) return -1;
    entry->is_own = true;
    return 0;
}

static void take_frame(struct wire_session *session) {
    size_t frame_bytes = postgres_state(session)->described.frame_bytes;
    buffer_append(stream_output(session->upstream), stream_buffered(session->client).data, frame_bytes);
    stream_consume(session->client, frame_bytes);
}

/* Messages of the prefix that were decided by themselves: the last of them carries the action. */
static int forward_prefix(struct wire_session *session, struct action *action, const struct mask_plan *plan,
                          struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct expectation *last = expect_pending(&state->expected, state->described.prefix_count - 1);
    last->action = action;
    last->plan = plan;
    if (last->analysis == NULL) last->analysis = state->described.analysis;
    else sql_analysis_release(&state->described.analysis);
    /* Planning runs functions that say of themselves that they change nothing. */
    bool is_barrier = state->described.is_bind && sql_session_sent(state->sql, last->analysis);
    prefix_send_first(session, state->described.prefix_count);
    if (is_barrier) state->barrier = state->expected.committed;
    state->described = (struct described){0};
    return check_output(session, error);
}

int postgres_forward(struct wire_session *session, struct action *action, const struct mask_plans *plans,
                     struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct described *described = &state->described;
    const struct mask_plan *plan = plans->answer;
    CHECK(described->action == action && action != NULL);
    described->is_taken = true;
    if (described->prefix_count > 0) return forward_prefix(session, action, plan, error);
    prefix_send(session);
    if (!described->is_query && !plan->reveals_all && !described->is_portal_described &&
        append_own_describe(session, error) != 0)
        return -1;
    take_frame(session);
    struct expectation *entry = push(state, described->is_query ? EXPECT_QUERY : EXPECT_EXECUTE, error);
    if (entry == NULL) return -1;
    entry->action = action;
    entry->plan = plan;
    entry->analysis = described->analysis;
    entry->statement = described->statement;
    expect_commit(&state->expected);
    if (sql_session_sent(state->sql, described->analysis)) state->barrier = state->expected.committed;
    if (described->is_query) {
        end_batch(state);
    } else {
        state->is_batch_open = true;
        state->batch_executes++;
    }
    *described = (struct described){0};
    return check_output(session, error);
}

static int refuse_execute(struct wire_session *session, struct action *action, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *out = stream_output(session->upstream);
    prefix_drop_refused(session);
    message_append_target(out, 'C', 'S', STR(REFUSED_NAME));
    buffer_append(out, "H\0\0\0\4", 5);
    struct expectation *entry = push(state, EXPECT_REFUSED_EXECUTE, error);
    if (entry == NULL) return -1;
    entry->is_own = true;
    entry->action = action;
    entry->analysis = state->described.analysis;
    expect_commit(&state->expected);
    state->is_batch_open = true;
    state->is_discarding = true;
    return 0;
}

int postgres_refuse(struct wire_session *session, struct action *action, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    CHECK(state->described.action == action && action != NULL);
    state->described.is_taken = true;
    stream_consume(session->client, state->described.frame_bytes);
    int result = state->described.is_query ? append_refused_query(session, action, error)
                                           : refuse_execute(session, action, error);
    if (result == 0) state->described = (struct described){0};
    return result == 0 ? check_output(session, error) : -1;
}
