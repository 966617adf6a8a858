/* The texts name everything with its schema, operators too: they are read with the client's search_path in force. */
#include "wire/postgres/inquiry.h"

#include "base/log.h"
#include "wire/postgres/session.h"

#define INQUIRY_NAME "sworn:inquiry" /* of its statement and its portal */
#define INQUIRY_BYTES_MAX (8u * 1024 * 1024)
#define INQUIRY_CLOSES 4u /* one statement: two before it, two after it */
#define INQUIRY_SCHEMAS_MAX 1000u
#define ROW_TEXTS 2

/* Rows of (what, text). */
#define PLACE_TEXT                                                                                                     \
    "SELECT 'search_path', pg_catalog.current_setting('search_path') "                                                 \
    "UNION ALL SELECT 'user', current_user::pg_catalog.text "                                                          \
    "UNION ALL SELECT 'session_user', session_user::pg_catalog.text "                                                  \
    "UNION ALL SELECT 'temporary', n.nspname::pg_catalog.text FROM pg_catalog.pg_namespace n "                         \
    "WHERE n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() "                                               \
    "UNION ALL SELECT 'schema', s::pg_catalog.text FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) s "       \
    "UNION ALL SELECT 'prepared', p.statement FROM pg_catalog.pg_prepared_statements p "                               \
    "WHERE p.name OPERATOR(pg_catalog.=) $1::pg_catalog.text AND $1::pg_catalog.text OPERATOR(pg_catalog.<>) '' "     \
    "UNION ALL SELECT 'reset_path', s.reset_val FROM pg_catalog.pg_settings s "                                        \
    "WHERE $2::pg_catalog.bool AND s.name OPERATOR(pg_catalog.=) 'search_path'"

void inquiry_init(struct inquiry *inquiry) {
    *inquiry = (struct inquiry){0};
    buffer_init(&inquiry->rows, INQUIRY_BYTES_MAX);
}

void inquiry_free(struct inquiry *inquiry) {
    buffer_free(&inquiry->rows);
}

/* ---- asking ---- */

struct question {
    struct str prepared; /* a statement of this name, too; empty: none */
    bool has_reset_path; /* what search_path is reset to, too */
};

static void append_parse(struct buffer *out, struct str text) {
    size_t offset = message_begin(out, 'P');
    message_append_cstring(out, STR(INQUIRY_NAME));
    message_append_cstring(out, text);
    buffer_append_u16be(out, 0);
    message_end(out, offset);
}

static void append_value(struct buffer *out, struct str value) {
    buffer_append_u32be(out, (uint32_t)value.length);
    buffer_append_str(out, value);
}

static void append_bind(struct buffer *out, const struct question *question) {
    size_t offset = message_begin(out, 'B');
    message_append_cstring(out, STR(INQUIRY_NAME));
    message_append_cstring(out, STR(INQUIRY_NAME));
    buffer_append_u16be(out, 0); /* formats of parameters */
    buffer_append_u16be(out, 2); /* parameters */
    append_value(out, question->prepared);
    append_value(out, question->has_reset_path ? STR("t") : STR("f"));
    buffer_append_u16be(out, 0); /* formats of results: text */
    message_end(out, offset);
}

static void append_execute(struct buffer *out) {
    size_t offset = message_begin(out, 'E');
    message_append_cstring(out, STR(INQUIRY_NAME));
    buffer_append_u32be(out, 0); /* all rows */
    message_end(out, offset);
}

static void append_closes(struct buffer *out) {
    message_append_target(out, 'C', 'P', STR(INQUIRY_NAME));
    message_append_target(out, 'C', 'S', STR(INQUIRY_NAME));
}

static void append_question(struct buffer *out, const struct question *question, bool is_synced) {
    append_closes(out); /* the client may have taken the name */
    append_parse(out, STR(PLACE_TEXT));
    append_bind(out, question);
    append_execute(out);
    append_closes(out);
    buffer_append(out, is_synced ? "S\0\0\0\4" : "H\0\0\0\4", 5);
}

/* The server skips everything up to Sync, or refuses everything but the end of the transaction. */
static bool is_dead(const struct postgres_state *state) {
    return (state->is_batch_open && state->is_skipping) || sql_session_has_failed(state->sql);
}

/* ---- the answer ---- */

static int decode_row(struct str body, struct str texts[ROW_TEXTS]) {
    if (body.length < 2 || body.data[0] != 0 || body.data[1] != ROW_TEXTS) return -1;
    struct str rest = str_slice(body, 2, body.length);
    for (size_t i = 0; i < ROW_TEXTS; i++) {
        bool is_null;
        texts[i] = message_bind_next(&rest, &is_null);
    }
    return rest.length == 0 ? 0 : -1;
}

static int take_text(struct sql_known *known, struct str *schemas, struct str what, struct str text) {
    const struct {
        struct str name;
        struct str *place;
    } fields[] = {
        {STR("search_path"), &known->search_path},
        {STR("user"), &known->user},
        {STR("session_user"), &known->session_user},
        {STR("temporary"), &known->temporary},
        {STR("reset_path"), &known->reset_path},
    };
    for (size_t i = 0; i < LENGTH_OF(fields); i++) {
        if (!str_equal(what, fields[i].name)) continue;
        *fields[i].place = text;
        return 0;
    }
    if (!str_equal_cstr(what, "schema") || known->schema_count == INQUIRY_SCHEMAS_MAX) return -1;
    schemas[known->schema_count++] = text;
    return 0;
}

/* The text that made a statement is what a Parse had, or a text with PREPARE name AS ... in it. */
static const struct sql_statement *find_prepared(const struct sql_analysis *analysis, struct str name) {
    const struct sql_statement *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < analysis->statement_count; i++) {
        const struct sql_statement *statement = &analysis->statements[i];
        for (size_t j = 0; j < statement->effect_count; j++) {
            const struct sql_effect *effect = &statement->effects[j];
            if (effect->kind != SQL_EFFECT_PREPARE || !str_equal(effect->name, name)) continue;
            found = effect->inner;
            count++;
        }
    }
    if (count == 0 && analysis->statement_count == 1) return &analysis->statements[0];
    return count == 1 ? found : NULL;
}

static int learn_prepared(struct postgres_state *state, struct str name, struct str text, struct error *error) {
    const struct sql_analysis *analysis = sql_analyze(postgres_sql_cache(), text, error);
    if (analysis == NULL) return -1;
    const struct sql_statement *statement = find_prepared(analysis, name);
    int result = statement != NULL ? sql_session_set_prepared(state->sql, name, analysis, statement, error) : 0;
    sql_analysis_release(&analysis);
    return result;
}

static int learn(struct postgres_state *state, struct str prepared, struct error *error) {
    struct arena scratch;
    arena_init(&scratch, INQUIRY_SCHEMAS_MAX * sizeof(struct str) + 4096);
    struct str *schemas = ARENA_NEW_ARRAY(&scratch, struct str, INQUIRY_SCHEMAS_MAX);
    struct sql_known known = {.schemas = schemas};
    int result = schemas != NULL ? 0 : -1;
    struct str rows = buffer_view(&state->inquiry.rows);
    struct message message;
    while (result == 0 && message_next(rows, &message) == MESSAGE_WHOLE) {
        struct str texts[ROW_TEXTS];
        result = decode_row(message.body, texts);
        bool is_prepared = result == 0 && str_equal_cstr(texts[0], "prepared");
        if (is_prepared) result = learn_prepared(state, prepared, texts[1], error);
        else if (result == 0) result = take_text(&known, schemas, texts[0], texts[1]);
        rows = str_slice(rows, message.frame_bytes, rows.length);
    }
    if (result == 0 && known.user.length > 0 && known.session_user.length > 0)
        result = sql_session_know(state->sql, &known, error);
    else result = error_set(error, ERROR_UNAVAILABLE, "the server's answer cannot be read");
    arena_free(&scratch);
    return result;
}

enum inquiry_end inquiry_run(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct inquiry *inquiry = &state->inquiry;
    struct error why = {0};
    if (postgres_await_answers(session, error) != 0) return INQUIRY_BROKEN;
    if (is_dead(state)) return INQUIRY_DEAD;
    buffer_clear(&inquiry->rows);
    inquiry->is_open = true;
    inquiry->is_synced = !state->is_batch_open;
    inquiry->has_failed = false;
    inquiry->closes_left = INQUIRY_CLOSES;
    struct question question = {sql_session_asks_prepared(state->sql), sql_session_lacks_reset(state->sql)};
    append_question(stream_output(session->upstream), &question, inquiry->is_synced);
    if (wire_flush_upstream(session, error) != 0) return INQUIRY_BROKEN;
    while (inquiry->is_open) {
        if (condition_wait(&state->progress, FIBER_NO_DEADLINE, error) != 0) return INQUIRY_BROKEN;
    }
    bool is_told = !inquiry->has_failed && learn(state, question.prepared, &why) == 0;
    if (inquiry->rows.capacity > 64 * 1024) buffer_free(&inquiry->rows);
    if (is_told) return INQUIRY_ANSWERED;
    log_warning("session %016llx: the server would not say where the session stands%s%s",
                (unsigned long long)session->id, why.text[0] != '\0' ? ": " : "", why.text);
    return is_dead(state) ? INQUIRY_DEAD : INQUIRY_FAILED;
}

static void end(struct postgres_state *state) {
    state->inquiry.is_open = false;
    condition_wake_all(&state->progress);
}

int inquiry_take(struct wire_session *session, const struct message *message, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct inquiry *inquiry = &state->inquiry;
    switch (message->type) {
    case '1':
    case '2':
    case 'C':
    case 'N': return 0; /* by client_min_messages the client would hear of statements that are not its own */
    case 'D':
        message_append(&inquiry->rows, 'D', message->body);
        inquiry->has_failed |= buffer_failed(&inquiry->rows);
        return 0;
    case '3':
        if (inquiry->closes_left == 0) break;
        if (--inquiry->closes_left == 0 && !inquiry->is_synced) end(state);
        return 0;
    case 'E':
        inquiry->has_failed = true;
        if (!inquiry->is_synced) end(state);
        return 0;
    case 'Z':
        if (!inquiry->is_synced || message_decode_ready(message->body, &state->status) != 0) break;
        sql_session_settle(state->sql, state->status, true);
        end(state);
        return 0;
    default: break;
    }
    return error_set(error, ERROR_UNAVAILABLE, "the upstream sent message type 0x%02x in answer to sworn's own question",
                     (unsigned char)message->type);
}
