/* The texts name everything with its schema, operators too: they are read with the client's search_path in force. */
#include "wire/postgres/inquiry.h"

#include "base/log.h"
#include "base/map.h"
#include "wire/postgres/relations_query.h"
#include "wire/postgres/session.h"

#define INQUIRY_NAME "sworn:inquiry" /* of its statement and its portal */
#define INQUIRY_BYTES_MAX (8u * 1024 * 1024)
#define INQUIRY_CLOSES 4u /* of one statement: two before it, two after it */
#define INQUIRY_TEXT_BYTES_MAX (1024u * 1024)
#define INQUIRY_SCHEMAS_MAX 1000u
#define ROW_TEXTS 6

/* Rows of (what, text) and four that are empty. */
#define PLACE_TEXT                                                                                                     \
    "SELECT 'search_path', pg_catalog.current_setting('search_path'), '', '', '', '' "                                 \
    "UNION ALL SELECT 'user', current_user::pg_catalog.text, '', '', '', '' "                                          \
    "UNION ALL SELECT 'session_user', session_user::pg_catalog.text, '', '', '', '' "                                  \
    "UNION ALL SELECT 'isolation', pg_catalog.current_setting('transaction_isolation'), '', '', '', '' "               \
    "UNION ALL SELECT 'temporary', n.nspname::pg_catalog.text, '', '', '', '' FROM pg_catalog.pg_namespace n "         \
    "WHERE n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() "                                               \
    "UNION ALL SELECT 'schema', s::pg_catalog.text, '', '', '', '' "                                                   \
    "FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) s "                                                     \
    "UNION ALL SELECT 'prepared', p.statement, '', '', '', '' FROM pg_catalog.pg_prepared_statements p "               \
    "WHERE p.name OPERATOR(pg_catalog.=) $1::pg_catalog.text AND $1::pg_catalog.text OPERATOR(pg_catalog.<>) '' "      \
    "UNION ALL SELECT 'reset_path', s.reset_val, '', '', '', '' FROM pg_catalog.pg_settings s "                        \
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

static void append_parse(struct buffer *out, struct str text) { /* the server finds the types of its parameters */
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

/* Two values as text. */
static void append_bind(struct buffer *out, struct str first, struct str second) {
    size_t offset = message_begin(out, 'B');
    message_append_cstring(out, STR(INQUIRY_NAME));
    message_append_cstring(out, STR(INQUIRY_NAME));
    buffer_append_u16be(out, 0); /* formats of parameters */
    buffer_append_u16be(out, 2); /* parameters */
    append_value(out, first);
    append_value(out, second);
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

static void append_statement(struct buffer *out, struct str text, struct str first, struct str second) {
    append_closes(out); /* the client may have taken the name */
    append_parse(out, text);
    append_bind(out, first, second);
    append_execute(out);
    append_closes(out);
}

/* One element of an array as text. */
static void append_element(struct buffer *array, struct str text) {
    buffer_append_cstr(array, buffer_length(array) == 0 ? "{\"" : ",\"");
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') buffer_append_byte(array, '\\');
        buffer_append_byte(array, (uint8_t)text.data[i]);
    }
    buffer_append_byte(array, '"');
}

/* -1: too much at once. */
static int append_relations(struct buffer *out, const struct sql_session *sql) {
    struct buffer schemas;
    struct buffer names;
    size_t count;
    const struct sql_relation_name *missing = sql_session_missing(sql, &count);
    buffer_init(&schemas, INQUIRY_TEXT_BYTES_MAX);
    buffer_init(&names, INQUIRY_TEXT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        append_element(&schemas, missing[i].schema);
        append_element(&names, missing[i].name);
    }
    buffer_append_byte(&schemas, '}');
    buffer_append_byte(&names, '}');
    bool is_whole = !buffer_failed(&schemas) && !buffer_failed(&names);
    if (is_whole) append_statement(out, STR(RELATIONS_QUERY), buffer_view(&schemas), buffer_view(&names));
    buffer_free(&schemas);
    buffer_free(&names);
    return is_whole ? 0 : -1;
}

static void append_question(struct buffer *out, struct inquiry *inquiry, const struct sql_session *sql,
                            const struct question *question) {
    size_t missing_count;
    (void)sql_session_missing(sql, &missing_count);
    inquiry->closes_left = INQUIRY_CLOSES;
    append_statement(out, STR(PLACE_TEXT), question->prepared, question->has_reset_path ? STR("t") : STR("f"));
    if (missing_count > 0 && append_relations(out, sql) == 0) inquiry->closes_left += INQUIRY_CLOSES;
    buffer_append(out, inquiry->is_synced ? "S\0\0\0\4" : "H\0\0\0\4", 5);
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

/* Cuts the next row off; false at the end, or with *result -1. */
static bool next_row(struct str *rows, struct str texts[ROW_TEXTS], int *result) {
    struct message message;
    if (*result != 0 || message_next(*rows, &message) != MESSAGE_WHOLE) return false;
    *rows = str_slice(*rows, message.frame_bytes, rows->length);
    *result = decode_row(message.body, texts);
    return *result == 0;
}

static bool is_about_relation(const struct str texts[ROW_TEXTS]) {
    return str_equal_cstr(texts[0], "relation") || str_equal_cstr(texts[0], "same name");
}

static bool is_row_of(const struct str texts[ROW_TEXTS], const struct sql_relation_name *asked) {
    return is_about_relation(texts) && str_equal(texts[1], asked->schema) && str_equal(texts[2], asked->name);
}

/* The relation itself among the rows only lends its flags. */
static void add_link(struct relation *relation, struct relation_link *links, const struct sql_relation_name *asked,
                     const struct str texts[ROW_TEXTS]) {
    struct str flags = texts[5];
    bool is_itself = asked->schema.length > 0 && str_equal(texts[3], asked->schema) && str_equal(texts[4], asked->name);
    relation->runs_code |= str_find_byte(flags, 'c') != STR_NOT_FOUND;
    relation->is_stored |= str_find_byte(flags, 'm') != STR_NOT_FOUND;
    if (is_itself) return;
    bool is_by_rule = str_find_byte(flags, 'x') != STR_NOT_FOUND;
    bool is_within = is_by_rule || str_find_byte(flags, 'w') != STR_NOT_FOUND;
    links[relation->link_count++] = (struct relation_link){texts[3], texts[4], is_within, is_by_rule};
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
    if (str_equal_cstr(what, "isolation")) {
        known->has_old_snapshot = !str_equal_cstr(text, "read committed");
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

static int learn_place(struct postgres_state *state, struct str prepared, struct error *error) {
    struct arena scratch;
    arena_init(&scratch, INQUIRY_SCHEMAS_MAX * sizeof(struct str) + 4096);
    struct str *schemas = ARENA_NEW_ARRAY(&scratch, struct str, INQUIRY_SCHEMAS_MAX);
    struct sql_known known = {.schemas = schemas};
    int result = schemas != NULL ? 0 : -1;
    struct str rows = buffer_view(&state->inquiry.rows);
    struct str texts[ROW_TEXTS];
    while (result == 0 && next_row(&rows, texts, &result)) {
        if (is_about_relation(texts)) continue;
        if (str_equal_cstr(texts[0], "prepared")) result = learn_prepared(state, prepared, texts[1], error);
        else result = take_text(&known, schemas, texts[0], texts[1]);
    }
    if (result == 0 && known.user.length > 0 && known.session_user.length > 0)
        result = sql_session_know(state->sql, &known, error);
    else result = error_set(error, ERROR_UNAVAILABLE, "the server's answer cannot be read");
    arena_free(&scratch);
    return result;
}

/* One relation's rows, which stand together; *rows is what is behind them. */
static int learn_relation(struct postgres_state *state, struct str *rows, struct map *learned, struct arena *names,
                          uint64_t generation, bool is_private) {
    struct arena scratch;
    struct str texts[ROW_TEXTS];
    int result = 0;
    size_t count = 0;
    struct str rest = *rows;
    if (!next_row(&rest, texts, &result)) return -1;
    const struct sql_relation_name asked = {texts[1], texts[2]};
    for (rest = *rows; next_row(&rest, texts, &result) && is_row_of(texts, &asked);) count++;
    arena_init(&scratch, (count + 1) * sizeof(struct relation_link) + 4096);
    struct relation_link *links = ARENA_NEW_ARRAY(&scratch, struct relation_link, count + 1);
    struct relation relation = {.links = links};
    for (size_t i = 0; links != NULL && i < count && next_row(rows, texts, &result); i++)
        add_link(&relation, links, &asked, texts);
    struct str key = arena_format(names, "%.*s\n%.*s", STR_ARGS(asked.schema), STR_ARGS(asked.name));
    if (links == NULL || key.data == NULL || map_set(learned, key, state) != 0) result = -1;
    if (result == 0) sql_session_learn_relation(state->sql, is_private, generation, &asked, &relation);
    arena_free(&scratch);
    return result;
}

/* Those of the missing that no row is about are not there. */
static void learn_absent(struct postgres_state *state, const struct map *learned, struct arena *names,
                         uint64_t generation, bool is_private) {
    size_t count;
    const struct sql_relation_name *missing = sql_session_missing(state->sql, &count);
    for (size_t i = 0; i < count; i++) {
        struct str key = arena_format(names, "%.*s\n%.*s", STR_ARGS(missing[i].schema), STR_ARGS(missing[i].name));
        if (key.data == NULL || map_get(learned, key) != NULL) continue;
        sql_session_learn_relation(state->sql, is_private, generation, &missing[i], NULL);
    }
}

static void learn_relations(struct postgres_state *state, uint64_t generation) {
    bool is_alone = state->inquiry.is_synced && state->status == 'I'; /* a transaction of its own */
    bool is_private = !is_alone && sql_session_is_private(state->sql);
    struct str rows = buffer_view(&state->inquiry.rows);
    struct arena names;
    struct map learned;
    int result = 0;
    arena_init(&names, INQUIRY_BYTES_MAX);
    map_init(&learned);
    while (result == 0 && rows.length > 0) {
        struct str texts[ROW_TEXTS];
        struct str rest = rows;
        if (!next_row(&rest, texts, &result)) break;
        if (is_about_relation(texts)) result = learn_relation(state, &rows, &learned, &names, generation, is_private);
        else rows = rest;
    }
    if (result == 0) learn_absent(state, &learned, &names, generation, is_private);
    map_free(&learned);
    arena_free(&names);
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
    uint64_t generation = sql_session_generation(state->sql);
    struct question question = {sql_session_asks_prepared(state->sql), sql_session_lacks_reset(state->sql)};
    append_question(stream_output(session->upstream), inquiry, state->sql, &question);
    if (wire_flush_upstream(session, error) != 0) return INQUIRY_BROKEN;
    while (inquiry->is_open) {
        if (condition_wait(&state->progress, FIBER_NO_DEADLINE, error) != 0) return INQUIRY_BROKEN;
    }
    bool is_told = !inquiry->has_failed && learn_place(state, question.prepared, &why) == 0;
    if (is_told) learn_relations(state, generation);
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
