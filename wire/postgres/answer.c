/* The answer side: what the server sends, matched with what is expected of it, masked, counted and relayed.
 *
 * The first entry of the queue says which messages may come (table `allowed`); anything else ends the session. After an
 * error in an extended batch the server discards up to Sync, and the entries up to there will never be answered. */
#include "wire/postgres/prefix.h"

#include "base/clock.h"
#include "wire/postgres/plan_mask.h"

#define PASS_BYTES_MIN (64u * 1024) /* bigger messages that nobody looks at are passed on in pieces */
#define SKIPPED_CODE "skip"

enum answered { ANSWERED_ERROR = -1, ANSWERED_MORE = 0, ANSWERED_ACTION = 1 };

/* Beside N, A, S and E, which may come at any time. */
static const char *const allowed[] = {
    [EXPECT_PARSE] = "1",
    [EXPECT_BIND] = "2",
    [EXPECT_CLOSE] = "3",
    [EXPECT_DESCRIBE_STATEMENT] = "tTn",
    [EXPECT_DESCRIBE_PORTAL] = "Tn",
    [EXPECT_EXECUTE] = "DCIsGHdc", /* see in_phase */
    [EXPECT_QUERY] = "TDCIGHdcZ",
    [EXPECT_SYNC] = "Z",
    [EXPECT_COPY_DATA] = "",
    [EXPECT_ROLLBACK] = "",
    [EXPECT_REFUSED_EXECUTE] = "3",
    [EXPECT_REFUSED_QUERY] = "Z",
};

/* Of these, what may come now (PostgreSQL 15 documentation, 55.2.2, 55.2.3 and 55.2.6). */
static const char *const in_phase[2][PHASES] = {
    {[PHASE_START] = "DCIsGH", [PHASE_ROWS] = "DCs", [PHASE_COPY_OUT] = "dc", [PHASE_COPIED] = "C", [PHASE_COPY_IN] = "C",
     [PHASE_OVER] = ""},
    {[PHASE_START] = "TCIGHZ", [PHASE_ROWS] = "DC", [PHASE_COPY_OUT] = "dc", [PHASE_COPIED] = "C", [PHASE_COPY_IN] = "C",
     [PHASE_OVER] = "Z"},
};

static int unexpected(struct error *error, char type) {
    return error_set(error, ERROR_UNAVAILABLE, "the upstream sent message type 0x%02x where it may not be",
                     (unsigned char)type);
}

static enum answered as_answered(int result) {
    return result == 0 ? ANSWERED_MORE : ANSWERED_ERROR;
}

static void relay(struct wire_session *session, const struct message *message, struct action *action) {
    buffer_append(stream_output(session->client), message->body.data - MESSAGE_HEADER_BYTES, message->frame_bytes);
    if (action != NULL) action->outcome.bytes += message->frame_bytes;
}

static void forget_result(struct postgres_state *state) {
    state->row_mask = NULL;
    copy_mask_free(&state->copy_mask);
    copy_mask_free(&state->copy_received);
    state->copy_action = NULL;
    state->is_plan = false;
    buffer_free(&state->plan_text);
    if (state->result.used_bytes > 4096) arena_free(&state->result);
    else arena_reset(&state->result);
}

/* ---- the queue ---- */

static struct expectation pop(struct postgres_state *state) {
    struct expectation entry = expect_pop(&state->expected);
    condition_wake_all(&state->progress);
    return entry;
}

static bool may_come(const struct postgres_state *state, const struct expectation *head, const struct message *message) {
    bool is_query = head->kind == EXPECT_QUERY;
    if (!message_is_one_of(message, allowed[head->kind])) return false;
    return (!is_query && head->kind != EXPECT_EXECUTE) || message_is_one_of(message, in_phase[is_query][state->phase]);
}

static void enter_phase(struct postgres_state *state, char type) {
    switch (type) {
    case 'T':
    case 'D': state->phase = PHASE_ROWS; break;
    case 'H': state->phase = PHASE_COPY_OUT; break;
    case 'd': break;
    case 'c': state->phase = PHASE_COPIED; break;
    case 'G': state->phase = PHASE_COPY_IN; break;
    case 'E':
    case 'I': state->phase = PHASE_OVER; break;
    default: state->phase = PHASE_START; break;
    }
}

/* Takes the first entry off, whose action is complete but for what is withheld. */
static enum answered complete(struct postgres_state *state, struct action **out) {
    struct expectation entry = pop(state);
    forget_result(state);
    state->statement_index = 0;
    state->phase = PHASE_START;
    if (state->released != NULL) sql_analysis_release(&state->released);
    state->released = entry.analysis;
    entry.analysis = NULL;
    prefix_release_entry(state, &entry);
    *out = entry.action;
    return entry.action != NULL ? ANSWERED_ACTION : ANSWERED_MORE;
}

static void set_code(struct action *action, enum outcome_status status, struct str code) {
    size_t length = code.length < sizeof(action->outcome.code) ? code.length : sizeof(action->outcome.code) - 1;
    action->outcome.status = status;
    if (length > 0) memcpy(action->outcome.code, code.data, length);
    action->outcome.code[length] = '\0';
}

/* Takes entries off that will never be answered, up to the Sync; each action among them is returned. */
static enum answered skip_entries(struct postgres_state *state, struct action **out) {
    for (;;) {
        const struct expectation *head = expect_at(&state->expected, 0);
        if (head == NULL || expect_is_sync(head)) return ANSWERED_MORE;
        if (head->action != NULL) {
            set_code(head->action, OUTCOME_ERROR, STR(SKIPPED_CODE));
            return complete(state, out);
        }
        struct expectation entry = pop(state);
        prefix_release_entry(state, &entry);
    }
}

static void pop_copy_marks(struct postgres_state *state) {
    const struct expectation *head;
    while ((head = expect_at(&state->expected, 0)) != NULL && head->kind == EXPECT_COPY_DATA) (void)pop(state);
}

/* ---- statements and portals ---- */

static int confirm_name(struct postgres_state *state, struct expectation *entry, struct error *error) {
    struct str name = name_text(entry->name);
    bool is_statement = name_kind_of(entry->name) == NAME_STATEMENT;
    int result = is_statement ? sql_session_set_prepared(state->sql, name, entry->analysis, entry->statement, error)
                              : sql_session_set_portal(state->sql, name, entry->analysis, entry->statement, error);
    if (is_statement && entry->parameters != NULL) sql_session_set_types(state->sql, name, entry->parameters->types);
    names_confirm(&state->names, entry->name, entry->statement, is_statement ? NULL : entry->parameters);
    entry->name = NULL;
    return result;
}

/* The last frame of an action waits for its outcome. */
static void withhold(struct postgres_state *state, const struct message *message, struct action *action) {
    buffer_append(&state->withheld, message->body.data - MESSAGE_HEADER_BYTES, message->frame_bytes);
    action->outcome.bytes += message->frame_bytes;
}

static enum answered take_confirmation(struct wire_session *session, const struct message *message, struct action **out,
                                       struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct expectation *head = expect_at(&state->expected, 0);
    if (message->body.length > 0) return as_answered(unexpected(error, message->type));
    if (confirm_name(state, head, error) != 0) return ANSWERED_ERROR;
    if (head->action != NULL) {
        withhold(state, message, head->action);
        return complete(state, out);
    }
    struct expectation entry = pop(state);
    prefix_release_entry(state, &entry);
    relay(session, message, NULL);
    return ANSWERED_MORE;
}

/* The statement that is being answered; NULL when there is none. */
static const struct sql_statement *current_statement(const struct postgres_state *state,
                                                     const struct expectation *head) {
    size_t index = head->kind == EXPECT_QUERY ? state->statement_index : 0;
    if (head->analysis == NULL || index >= head->analysis->statement_count) return NULL;
    return &head->analysis->statements[index];
}

static void track_block(struct postgres_state *state, const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->effect_count; i++) {
        enum sql_effect_kind kind = statement->effects[i].kind;
        if (kind == SQL_EFFECT_BEGIN) state->is_in_block = true;
        if (kind == SQL_EFFECT_COMMIT || kind == SQL_EFFECT_ROLLBACK) state->is_in_block = false;
    }
}

static int apply_statement(struct postgres_state *state, const struct expectation *head, bool succeeded,
                           struct error *error) {
    const struct sql_statement *statement = current_statement(state, head);
    if (statement == NULL || !head->analysis->changes_session) return 0;
    if (head->kind == EXPECT_EXECUTE && succeeded) track_block(state, statement);
    return sql_session_apply(state->sql, head->analysis, (size_t)(statement - head->analysis->statements), succeeded,
                             error);
}

/* ---- texts beside results ---- */

static int take_parameter(struct wire_session *session, const struct message *message, struct error *error) {
    struct message_option option;
    if (message_decode_parameter_status(message->body, &option) != 0) return unexpected(error, message->type);
    sql_session_parameter(postgres_state(session)->sql, option.name, option.value);
    relay(session, message, NULL);
    return 0;
}

/* The plan of what an error before an Execute belongs to: its Parse and Bind run for it. */
static const struct expectation *owner_of(const struct postgres_state *state) {
    for (size_t i = 0; i < 8; i++) {
        const struct expectation *entry = expect_at(&state->expected, i);
        if (entry == NULL || expect_is_sync(entry)) return NULL;
        if (entry->plan != NULL) return entry;
    }
    return NULL;
}

/* Of a Parse, Bind or Describe that was decided by itself. */
static enum answered take_error_of_prefix(struct wire_session *session, const struct expectation *head,
                                          const struct message *message, struct action **out) {
    struct postgres_state *state = postgres_state(session);
    state->is_skipping = true;
    set_code(head->action, OUTCOME_ERROR, message_error_field(message->body, 'C'));
    postgres_append_text(session, message, head, &state->withheld);
    return complete(state, out);
}

static enum answered take_error(struct wire_session *session, const struct message *message, struct action **out,
                                struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct expectation *head = expect_at(&state->expected, 0);
    if (message_decode_error(message->body) != 0) return unexpected(error, message->type);
    state->is_fatal = !str_equal(message_error_field(message->body, 'V'), STR("ERROR"));
    if (head == NULL || head->kind == EXPECT_SYNC || state->is_fatal) {
        if (head != NULL && head->action != NULL)
            set_code(head->action, OUTCOME_ERROR, message_error_field(message->body, 'C'));
        postgres_append_text(session, message, head, stream_output(session->client));
        return ANSWERED_MORE;
    }
    state->copy_in = COPY_IN_NONE;
    switch (head->kind) {
    case EXPECT_REFUSED_QUERY: return ANSWERED_MORE; /* the refusal is what the client is told */
    case EXPECT_ROLLBACK: break;
    case EXPECT_QUERY:
        if (state->phase == PHASE_OVER) return as_answered(unexpected(error, message->type));
        enter_phase(state, message->type);
        set_code(head->action, OUTCOME_ERROR, message_error_field(message->body, 'C'));
        postgres_append_text(session, message, head, stream_output(session->client));
        return apply_statement(state, head, false, error) == 0 ? ANSWERED_MORE : ANSWERED_ERROR;
    case EXPECT_EXECUTE:
        state->is_skipping = true;
        set_code(head->action, OUTCOME_ERROR, message_error_field(message->body, 'C'));
        postgres_append_text(session, message, head, &state->withheld);
        if (apply_statement(state, head, false, error) != 0) return ANSWERED_ERROR;
        return complete(state, out);
    default:
        if (head->action != NULL) return take_error_of_prefix(session, head, message, out);
        postgres_append_text(session, message, owner_of(state), stream_output(session->client));
        break;
    }
    state->is_skipping = true;
    return ANSWERED_MORE;
}

/* ---- rows ---- */

/* The answer stops here: the client is told at once, and nothing more until its batch ends; the server is asked to stop
 * (take_next). */
static void cut(struct wire_session *session, struct action *action) {
    struct postgres_state *state = postgres_state(session);
    action->outcome.withheld_as = REFUSAL_ROWS_MAX;
    postgres_append_rows_max(stream_output(session->client), action);
    state->is_cut = state->is_cut_new = true;
}

static bool is_full(const struct action *action, uint64_t rows) {
    return action->verdict.rows_max > 0 && rows >= action->verdict.rows_max;
}

/* Appends the contiguous whole DataRows at the front of the input as they are; returns how many bytes. */
static size_t relay_slice(struct wire_session *session, struct action *action) {
    struct str input = stream_buffered(session->upstream);
    struct message message;
    size_t length = 0;
    while (length < POSTGRES_GATHER_BYTES && !is_full(action, action->outcome.rows) &&
           message_next(str_slice(input, length, input.length), &message) == MESSAGE_WHOLE && message.type == 'D') {
        length += message.frame_bytes;
        action->outcome.rows++;
    }
    buffer_append(stream_output(session->client), input.data, length);
    action->outcome.bytes += length;
    return length;
}

static int relay_masked_row(struct wire_session *session, const struct message *message, struct action *action,
                            struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *out = stream_output(session->client);
    size_t length = buffer_length(out);
    size_t offset = message_begin(out, 'D');
    switch (row_mask_apply(state->row_mask, message->body, out, &action->outcome.masked, &action->outcome.revealed)) {
    case MASK_CHANGED: message_end(out, offset); break;
    case MASK_UNCHANGED:
        buffer_append_str(out, message->body);
        message_end(out, offset);
        break;
    case MASK_DROPPED:
    case MASK_FAILED:
        buffer_truncate(out, length);
        return error_set(error, ERROR_UNAVAILABLE, "a row of the result could not be masked");
    }
    action->outcome.rows++;
    if (!buffer_failed(out)) action->outcome.bytes += buffer_length(out) - length;
    return 0;
}

/* *frame_bytes becomes what was used of the input. */
static int take_row(struct wire_session *session, const struct expectation *head, const struct message *message,
                    size_t *frame_bytes, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (state->is_cut) return 0;
    if (is_full(head->action, head->action->outcome.rows)) {
        cut(session, head->action);
        return 0;
    }
    if (head->plan->reveals_all || (state->row_mask != NULL && row_mask_is_noop(state->row_mask))) {
        *frame_bytes = relay_slice(session, head->action);
        return 0;
    }
    if (state->row_mask == NULL)
        return error_set(error, ERROR_UNAVAILABLE, "the upstream sent a row without saying what its columns are");
    if (state->is_plan) return plan_mask_add(&state->plan_text, message->body, error);
    return relay_masked_row(session, message, head->action, error);
}

/* All rows of a plan are there, or as many as were fetched. */
static int finish_plan(struct wire_session *session, const struct expectation *head, char type, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *out = stream_output(session->client);
    struct outcome *outcome = &head->action->outcome;
    if (buffer_length(&state->plan_text) == 0) return 0;
    if (type == 's') state->is_plan_cut = true;
    if (!state->is_plan_cut) return plan_mask_finish(&state->plan_text, head->plan, out, outcome, error);
    plan_mask_withhold(&state->plan_text, out, outcome);
    return 0;
}

/* ---- COPY ---- */

/* The server reads COPY data now and ignores the Syncs that it finds before them. Anything else that is under way would
 * be lost there, so nothing of the kind may be. The marks are of data for an earlier COPY of the same text. */
static int begin_copy_in(struct postgres_state *state, struct error *error) {
    struct expectation *entry;
    state->copy_in = COPY_IN_AWAITED;
    condition_wake_all(&state->progress);
    for (size_t i = 1; (entry = expect_at(&state->expected, i)) != NULL; i++) {
        if (entry->kind != EXPECT_SYNC && entry->kind != EXPECT_COPY_DATA)
            return error_set(error, ERROR_PROTOCOL, "a request was sent into COPY FROM STDIN");
        entry->kind = EXPECT_COPY_DATA;
    }
    return 0;
}

/* The server sends a row a message; the names of the columns, or the end of binary data, are one more. */
static bool is_copy_full(struct postgres_state *state, const struct expectation *head) {
    const struct sql_statement *statement = current_statement(state, head);
    const struct sql_copy *copy = statement != NULL ? statement->copy : NULL;
    uint64_t others = copy != NULL && (copy->has_header || copy->format == SQL_COPY_BINARY) ? 1 : 0;
    uint64_t before = state->copied++;
    return before >= others && is_full(head->action, before - others);
}

static int take_copy_data(struct wire_session *session, const struct expectation *head, const struct message *message,
                          struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct outcome *outcome = &head->action->outcome;
    if (state->is_cut) return 0;
    if (message->type == 'd' && is_copy_full(state, head)) {
        cut(session, head->action);
        return 0;
    }
    if (state->copy_mask == NULL) {
        if (!head->plan->reveals_all) return unexpected(error, message->type);
        relay(session, message, head->action);
        return 0;
    }
    struct buffer *out = stream_output(session->client);
    size_t length = buffer_length(out);
    size_t offset = message_begin(out, 'd');
    int result = message->type == 'd' ? copy_mask_feed(state->copy_mask, message->body, out, &outcome->masked,
                                                       &outcome->revealed, error)
                                      : copy_mask_finish(state->copy_mask, out, &outcome->masked, &outcome->revealed,
                                                         error);
    if (result != 0) return -1;
    if (buffer_length(out) == offset + MESSAGE_HEADER_BYTES) buffer_truncate(out, length);
    else message_end(out, offset);
    if (message->type == 'c') {
        copy_mask_free(&state->copy_mask);
        relay(session, message, NULL);
    }
    if (!buffer_failed(out)) outcome->bytes += buffer_length(out) - length;
    return 0;
}

/* P: prepares for the data; the message is gone after that. */
static int take_copy_start(struct wire_session *session, const struct message *message, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct expectation *head = expect_at(&state->expected, 0);
    bool is_in = message->type == 'G';
    uint8_t format;
    size_t column_count;
    if (message_decode_copy_response(message->body, &format, &column_count) != 0)
        return unexpected(error, message->type);
    relay(session, message, head->action);
    struct action *action = head->action;
    state->copied = 0;
    if (!head->plan->reveals_all) {
        struct copy_mask *mask =
            postgres_prepare_copy(session, head->plan, current_statement(state, head), format, error);
        if (mask == NULL) return -1;
        if (is_in) state->copy_received = mask;
        else state->copy_mask = mask;
    }
    state->copy_action = is_in ? action : NULL;
    return is_in ? begin_copy_in(state, error) : 0;
}

/* ---- ends ---- */

/* "INSERT 0 5", "SELECT 3", "BEGIN": the number at the end, or 0. */
static uint64_t rows_of_tag(struct str tag) {
    size_t at = tag.length;
    uint64_t rows;
    while (at > 0 && tag.data[at - 1] >= '0' && tag.data[at - 1] <= '9') at--;
    return at > 0 && at < tag.length && str_parse_u64(str_slice(tag, at, tag.length), &rows) == 0 ? rows : 0;
}

static int take_tag(struct action *action, const struct message *message, struct error *error) {
    struct str tag = STR_NONE;
    if (message->type == 'C' && message_decode_string(message->body, &tag) != 0) return unexpected(error, 'C');
    if (message->type != 'C') return 0;
    snprintf(action->outcome.tag, sizeof(action->outcome.tag), "%.*s", STR_ARGS(tag));
    if (action->outcome.rows == 0) action->outcome.rows = rows_of_tag(tag);
    return 0;
}

/* CommandComplete, EmptyQueryResponse, PortalSuspended. */
static enum answered take_completion(struct wire_session *session, const struct expectation *head,
                                     const struct message *message, struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (finish_plan(session, head, message->type, error) != 0) return ANSWERED_ERROR;
    if (take_tag(head->action, message, error) != 0) return ANSWERED_ERROR;
    state->copy_in = COPY_IN_NONE;
    if (message->type == 'C' && apply_statement(state, head, true, error) != 0) return ANSWERED_ERROR;
    if (head->kind == EXPECT_QUERY) {
        state->statement_index++;
        forget_result(state);
        relay(session, message, head->action);
        return ANSWERED_MORE;
    }
    withhold(state, message, head->action);
    return complete(state, out);
}

static enum answered take_ready(struct wire_session *session, const struct expectation *head,
                                const struct message *message, struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (message_decode_ready(message->body, &state->status) != 0) return unexpected(error, 'Z');
    state->is_skipping = false;
    state->is_cut = state->is_cut_new = false;
    state->is_in_block = state->status != 'I';
    state->copy_in = COPY_IN_NONE;
    sql_session_settle(state->sql, state->status, expect_count(&state->expected) == 1);
    if (state->status == 'I') state->is_plan_cut = false;
    if (state->status == 'I') names_forget_portals(&state->names);
    if (head->kind == EXPECT_REFUSED_QUERY) {
        postgres_append_refusal(stream_output(session->client), head->action);
        if (head->action != NULL) set_code(head->action, OUTCOME_ERROR, STR("42501"));
    }
    if (head->action != NULL) withhold(state, message, head->action);
    else relay(session, message, NULL);
    return complete(state, out);
}

static enum answered take_refused_execute(struct wire_session *session, const struct expectation *head,
                                          struct action **out) {
    postgres_append_refusal(stream_output(session->client), head->action);
    set_code(head->action, OUTCOME_ERROR, STR("42501"));
    return complete(postgres_state(session), out);
}

/* P: what the columns of a result are. */
static enum answered take_columns(struct wire_session *session, const struct message *message, struct action **out,
                                  struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct expectation *head = expect_at(&state->expected, 0);
    const struct expectation *rows = head->kind == EXPECT_DESCRIBE_PORTAL ? expect_at(&state->expected, 1) : head;
    bool has_rows = rows != NULL && (rows->kind == EXPECT_QUERY || rows->kind == EXPECT_EXECUTE);
    forget_result(state);
    if (message->type == 'T' && has_rows && !rows->plan->reveals_all &&
        postgres_prepare_rows(session, rows->plan, current_statement(state, rows), error) != 0)
        return ANSWERED_ERROR;
    struct message again;
    CHECK(message_next(stream_buffered(session->upstream), &again) == MESSAGE_WHOLE);
    head = expect_at(&state->expected, 0); /* the queue may have grown meanwhile */
    bool is_last = head->kind != EXPECT_QUERY && again.type != 't';
    if (is_last && head->action != NULL) {
        withhold(state, &again, head->action);
        return complete(state, out);
    }
    if (!head->is_own) relay(session, &again, head->action);
    if (!is_last) return ANSWERED_MORE;
    struct expectation entry = pop(state);
    prefix_release_entry(state, &entry);
    return ANSWERED_MORE;
}

/* ---- the loop ---- */

static enum answered take_expected(struct wire_session *session, const struct message *message, size_t *used_bytes,
                                   struct action **out, struct error *error) {
    const struct expectation *head = expect_at(&postgres_state(session)->expected, 0);
    if (head == NULL || !may_come(postgres_state(session), head, message))
        return as_answered(unexpected(error, message->type));
    if (head->kind == EXPECT_EXECUTE || head->kind == EXPECT_QUERY) enter_phase(postgres_state(session), message->type);
    if (head->kind == EXPECT_REFUSED_EXECUTE) return take_refused_execute(session, head, out);
    switch (message->type) {
    case '1':
    case '2':
    case '3': return take_confirmation(session, message, out, error);
    case 't':
    case 'T':
    case 'n': return take_columns(session, message, out, error);
    case 'D': return as_answered(take_row(session, head, message, used_bytes, error));
    case 'G':
    case 'H': return as_answered(take_copy_start(session, message, error));
    case 'd':
    case 'c': return as_answered(take_copy_data(session, head, message, error));
    case 'Z': return take_ready(session, head, message, out, error);
    default: return take_completion(session, head, message, out, error);
    }
}

/* Sworn's own question within a batch has failed the batch: the client is told why. */
static int take_inquiry(struct wire_session *session, const struct message *message, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (inquiry_take(session, message, error) != 0) return -1;
    if (message->type != 'E' || state->inquiry.is_synced) return 0;
    state->is_skipping = true;
    postgres_append_text(session, message, NULL, stream_output(session->client));
    return 0;
}

static enum answered take_any(struct wire_session *session, const struct message *message, size_t *used_bytes,
                              struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (inquiry_wants(&state->inquiry, message)) return as_answered(take_inquiry(session, message, error));
    switch (message->type) {
    case 'S': return as_answered(take_parameter(session, message, error));
    case 'N': postgres_append_text(session, message, owner_of(state), stream_output(session->client)); return ANSWERED_MORE;
    case 'A': postgres_append_text(session, message, NULL, stream_output(session->client)); return ANSWERED_MORE;
    case 'E': return take_error(session, message, out, error);
    default: return take_expected(session, message, used_bytes, out, error);
    }
}

/* Once the answer was cut, what still comes counts, and is not told. */
static enum answered take_message(struct wire_session *session, const struct message *message, size_t *used_bytes,
                                  struct action **out, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct buffer *told = stream_output(session->client);
    size_t length = buffer_length(told);
    bool is_silent = state->is_cut && !message_is_one_of(message, "ZSAN");
    enum answered result = take_any(session, message, used_bytes, out, error);
    if (is_silent && !buffer_failed(told)) {
        buffer_truncate(told, length);
        buffer_clear(&state->withheld);
        if (result == ANSWERED_ACTION) (*out)->outcome.withheld_as = REFUSAL_ROWS_MAX;
    }
    return result;
}

/* A big row or piece of COPY data that nobody looks at, and that nobody counts. */
static bool may_pass(const struct postgres_state *state, const struct message *message) {
    const struct expectation *head = expect_at(&state->expected, 0);
    if (state->is_cut || (head != NULL && head->action != NULL && head->action->verdict.rows_max > 0)) return false;
    return message->frame_bytes >= PASS_BYTES_MIN && (message->type == 'D' || message->type == 'd') && head != NULL &&
           may_come(state, head, message) && head->plan != NULL && head->plan->reveals_all;
}

static void pass_bytes(struct wire_session *session) {
    struct postgres_state *state = postgres_state(session);
    struct str input = str_slice(stream_buffered(session->upstream), 0, state->passing_bytes);
    buffer_append_str(stream_output(session->client), input);
    state->passing_bytes -= input.length;
    stream_consume(session->upstream, input.length);
}

/* P: flushes, then waits for the rest of the message. 1: the upstream has ended the connection. */
static int read_more(struct wire_session *session, const struct message *message, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    if (message->frame_bytes > session->target->message_bytes_max)
        return error_set(error, ERROR_LIMIT, "the upstream sent a message of %zu bytes, larger than this gateway takes "
                         "(%zu)", message->frame_bytes, session->target->message_bytes_max);
    if (buffer_length(stream_output(session->client)) > 0 && postgres_flush_client(session, error) != 0) return -1;
    if (may_pass(state, message)) {
        struct action *action = expect_at(&state->expected, 0)->action;
        state->passing_bytes = message->frame_bytes;
        action->outcome.bytes += message->frame_bytes;
        if (message->type == 'D') action->outcome.rows++;
        enter_phase(state, message->type);
        return 0;
    }
    struct error why = {0};
    if (stream_fill(session->upstream, message->frame_bytes, FIBER_NO_DEADLINE, &why) == 0) return 0;
    if (why.code == ERROR_CLOSED && (state->is_fatal || expect_count(&state->expected) == 0)) return 1;
    state->is_upstream_lost = why.code == ERROR_CLOSED || why.code == ERROR_SYSTEM;
    if (state->is_upstream_lost)
        return error_set(error, ERROR_UNAVAILABLE, "the upstream closed the connection");
    if (error != NULL) *error = why;
    return -1;
}

static int check_client_output(struct wire_session *session, struct error *error) {
    struct buffer *out = stream_output(session->client);
    if (buffer_failed(out) || buffer_failed(&postgres_state(session)->withheld))
        return error_set(error, ERROR_LIMIT, "an answer is larger than this gateway takes");
    return buffer_length(out) > POSTGRES_GATHER_BYTES ? postgres_flush_client(session, error) : 0;
}

/* P: one step of the loop below. */
static enum answered take_next(struct wire_session *session, struct action **action, bool *is_over,
                               struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message message;
    if (check_client_output(session, error) != 0) return ANSWERED_ERROR;
    if (state->is_cut_new) {
        state->is_cut_new = false;
        if (postgres_flush_client(session, error) != 0) return ANSWERED_ERROR;
        session->protocol->cancel_upstream(session);
    }
    if (state->passing_bytes > 0) {
        if (stream_buffered(session->upstream).length == 0 &&
            stream_fill(session->upstream, 1, FIBER_NO_DEADLINE, error) != 0)
            return ANSWERED_ERROR;
        pass_bytes(session);
        return ANSWERED_MORE;
    }
    if (state->is_skipping && skip_entries(state, action) == ANSWERED_ACTION) return ANSWERED_ACTION;
    pop_copy_marks(state);
    switch (message_next(stream_buffered(session->upstream), &message)) {
    case MESSAGE_BAD: return as_answered(error_set(error, ERROR_UNAVAILABLE, "the upstream sent an invalid length"));
    case MESSAGE_PART: {
        int result = read_more(session, &message, error);
        *is_over = result > 0;
        return result < 0 ? ANSWERED_ERROR : ANSWERED_MORE;
    }
    case MESSAGE_WHOLE: break;
    }
    size_t used_bytes = message.frame_bytes;
    enum answered result = take_message(session, &message, &used_bytes, action, error);
    if (result != ANSWERED_ERROR) stream_consume(session->upstream, used_bytes);
    return result;
}

int postgres_next_answer(struct wire_session *session, struct action **action, struct error *error) {
    bool is_over = false;
    while (!is_over) {
        enum answered result = take_next(session, action, &is_over, error);
        if (result != ANSWERED_MORE) return result;
    }
    return 0;
}

int postgres_release(struct wire_session *session, struct action *action, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    (void)action;
    buffer_append_str(stream_output(session->client), buffer_view(&state->withheld));
    if (state->withheld.capacity > 1024) buffer_free(&state->withheld);
    else buffer_clear(&state->withheld);
    if (state->released != NULL) sql_analysis_release(&state->released);
    if (!buffer_failed(stream_output(session->client))) return 0;
    return error_set(error, ERROR_LIMIT, "an answer is larger than this gateway takes");
}
