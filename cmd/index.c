/* Filling the index from entries. Each event type has one function; what it does not know it passes by. */
#include "cmd/index.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cmd/index_bond.h"
#include "ledger/reader.h"

#define INDEX_VERSION 3
#define INDEX_BATCH 20000

static const char schema[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value);"
    "CREATE TABLE sessions (session TEXT PRIMARY KEY, principal TEXT, on_behalf_of TEXT, client TEXT, upstream TEXT,"
    " started TEXT, refused TEXT);"
    "CREATE TABLE actions (action TEXT PRIMARY KEY, session TEXT, time TEXT, principal TEXT, on_behalf_of TEXT,"
    " upstream TEXT, verbs TEXT, resources TEXT, statement TEXT, verdict TEXT, policies TEXT, approvers TEXT,"
    " classes TEXT, masked TEXT, revealed TEXT, status TEXT, code TEXT, rows INTEGER, duration_us INTEGER,"
    " held TEXT, text TEXT, within TEXT, model TEXT, tokens_in INTEGER, tokens_out INTEGER, tools TEXT,"
    " masked_request TEXT, revealed_request TEXT, held_by TEXT, denier TEXT, reveals_all INTEGER);"
    "CREATE INDEX actions_by_time ON actions (time);"
    "CREATE TABLE entries (number INTEGER PRIMARY KEY, action TEXT, type TEXT);"
    "CREATE INDEX entries_by_action ON entries (action);";

enum statement_kind {
    INSERT_SESSION,
    INSERT_ACTION,
    UPDATE_OUTCOME,
    UPSERT_HOLD,
    ADD_DENIAL,
    END_HOLD,
    INSERT_ENTRY,
    STATEMENT_COUNT,
};

static const char *const statements_sql[STATEMENT_COUNT] = {
    [INSERT_SESSION] = "INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?,?,?)",
    [INSERT_ACTION] =
        "INSERT INTO actions (action, session, time, principal, on_behalf_of, upstream, verbs, resources, statement,"
        " verdict, policies, approvers, classes, text, within, reveals_all) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (action) DO UPDATE SET time=excluded.time, principal=excluded.principal,"
        " on_behalf_of=excluded.on_behalf_of, upstream=excluded.upstream, verbs=excluded.verbs,"
        " resources=excluded.resources, statement=excluded.statement, verdict=excluded.verdict,"
        " policies=excluded.policies, approvers=excluded.approvers, classes=excluded.classes, text=excluded.text,"
        " within=excluded.within, reveals_all=excluded.reveals_all",
    [UPDATE_OUTCOME] = "UPDATE actions SET status=?2, code=?3, rows=?4, masked=?5, revealed=?6, duration_us=?7,"
                       " masked_request=?8, revealed_request=?9, model=?10, tokens_in=?11, tokens_out=?12, tools=?13"
                       " WHERE action=?1",
    [UPSERT_HOLD] = "INSERT INTO actions (action, session, time, verdict, policies, held_by, verbs, resources, statement,"
                    " held, text, principal, on_behalf_of, upstream)"
                    " SELECT ?1,?2,?3,'hold',?4,?4,?5,?6,?7,'pending',?8,s.principal,s.on_behalf_of,s.upstream"
                    " FROM (SELECT 1) LEFT JOIN sessions s ON s.session=?2 WHERE true"
                    " ON CONFLICT (action) DO UPDATE SET held='pending', held_by=held_by || ', ' || excluded.held_by",
    [ADD_DENIAL] = "UPDATE actions SET denier=?2 WHERE action=?1",
    [END_HOLD] = "UPDATE actions SET held=?2 WHERE action=?1",
    [INSERT_ENTRY] = "INSERT OR REPLACE INTO entries VALUES (?,?,?)",
};

struct audit_index {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct buffer scratch;
    int64_t size;
};

static int database_error(struct audit_index *index, struct error *error) {
    return error_set(error, ERROR_SYSTEM, "the query index: %s (it can be rebuilt: sworn audit reindex)",
                     sqlite3_errmsg(index->database));
}

static int execute(struct audit_index *index, const char *sql, struct error *error) {
    return sqlite3_exec(index->database, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : database_error(index, error);
}

/* ---- Values out of events ---------------------------------------------------------------------------------------- */

static void bind_string(sqlite3_stmt *statement, int column, const json_t *value) {
    if (json_is_string(value)) {
        sqlite3_bind_text(statement, column, json_string_value(value), (int)json_string_length(value), SQLITE_TRANSIENT);
    } else {
        sqlite3_bind_null(statement, column);
    }
}

static void bind_member(sqlite3_stmt *statement, int column, const json_t *event, const char *name) {
    bind_string(statement, column, json_object_get(event, name));
}

static void bind_scratch(struct audit_index *index, sqlite3_stmt *statement, int column) {
    struct str text = buffer_view(&index->scratch);
    if (text.length == 0) sqlite3_bind_null(statement, column);
    else sqlite3_bind_text(statement, column, text.data, (int)text.length, SQLITE_TRANSIENT);
}

static void append_item(struct buffer *list, const char *item) {
    if (item == NULL) return;
    if (buffer_length(list) > 0) buffer_append_cstr(list, ", ");
    buffer_append_cstr(list, item);
}

/* "a, b" of an array of strings. */
static void bind_names(struct audit_index *index, sqlite3_stmt *statement, int column, const json_t *array) {
    size_t i;
    const json_t *item;
    buffer_clear(&index->scratch);
    json_array_foreach(array, i, item) append_item(&index->scratch, json_string_value(item));
    bind_scratch(index, statement, column);
}

/* "email 3, iban 1" of {"email":3,"iban":1}. */
static void bind_counts(struct audit_index *index, sqlite3_stmt *statement, int column, json_t *counts) {
    const char *name;
    json_t *count;
    buffer_clear(&index->scratch);
    json_object_foreach(counts, name, count) {
        append_item(&index->scratch, name);
        buffer_append_format(&index->scratch, " %lld", (long long)json_integer_value(count));
    }
    bind_scratch(index, statement, column);
}

static const char *step_value(const json_t *step, const char *name, bool in_context) {
    const json_t *holder = in_context ? json_object_get(step, "context") : step;
    return json_string_value(json_object_get(holder, name));
}

/* Has a step before this one the same? Whole names: "pay" is not in "pay2". */
static bool is_repeated(const json_t *steps, size_t index, const char *name, bool in_context, const char *value) {
    for (size_t i = 0; i < index; i++) {
        const char *other = step_value(json_array_get(steps, i), name, in_context);
        if (other != NULL && strcmp(other, value) == 0) return true;
    }
    return false;
}

/* The distinct values of one member of each step, in order of appearance. */
static void bind_steps(struct audit_index *index, sqlite3_stmt *statement, int column, const json_t *event,
                       const char *name, bool in_context) {
    size_t i;
    const json_t *step;
    buffer_clear(&index->scratch);
    const json_t *steps = json_object_get(event, "steps");
    json_array_foreach(steps, i, step) {
        const char *value = step_value(step, name, in_context);
        if (value == NULL || is_repeated(steps, i, name, in_context, value)) continue;
        append_item(&index->scratch, value);
    }
    bind_scratch(index, statement, column);
}

static int step_statement(struct audit_index *index, sqlite3_stmt *statement, struct error *error) {
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : database_error(index, error);
}

static void bind_str(sqlite3_stmt *statement, int column, struct str value) {
    sqlite3_bind_text(statement, column, value.data, (int)value.length, SQLITE_TRANSIENT);
}

/* ---- Events ------------------------------------------------------------------------------------------------------- */

static int add_session(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error) {
    static const char *const names[] = {"principal", "on_behalf_of", "client_address", "upstream"};
    sqlite3_stmt *statement = index->statements[INSERT_SESSION];
    char session[SESSION_HEX_BYTES];
    session_format(entry->session, session);
    bind_str(statement, 1, str_make(session, SESSION_HEX_BYTES));
    for (int i = 0; i < (int)LENGTH_OF(names); i++) bind_member(statement, 2 + i, event, names[i]);
    bind_str(statement, 6, entry->time);
    bind_member(statement, 7, event, "refused");
    return step_statement(index, statement, error);
}

static int add_intent(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error) {
    sqlite3_stmt *statement = index->statements[INSERT_ACTION];
    bind_member(statement, 1, event, "action");
    bind_str(statement, 2, str_slice(entry->summary.action, 0, SESSION_HEX_BYTES));
    bind_str(statement, 3, entry->time);
    bind_member(statement, 4, event, "principal");
    bind_member(statement, 5, event, "on_behalf_of");
    bind_member(statement, 6, event, "upstream");
    bind_steps(index, statement, 7, event, "verb", false);
    bind_steps(index, statement, 8, event, "resource", false);
    bind_steps(index, statement, 9, event, "statement", true);
    bind_member(statement, 10, event, "verdict");
    bind_names(index, statement, 11, json_object_get(event, "policies"));
    bind_names(index, statement, 12, json_object_get(event, "approvers"));
    bind_counts(index, statement, 13, json_object_get(event, "classes"));
    char *text = json_dumps(json_object_get(event, "text"), JSON_COMPACT | JSON_SORT_KEYS);
    if (text != NULL) sqlite3_bind_text(statement, 14, text, -1, SQLITE_TRANSIENT);
    free(text);
    bind_member(statement, 15, event, "within");
    const char *first = json_string_value(json_array_get(json_object_get(event, "reveal"), 0));
    sqlite3_bind_int(statement, 16, first != NULL && strcmp(first, "*") == 0);
    return step_statement(index, statement, error);
}

static void bind_integer(sqlite3_stmt *statement, int column, const json_t *value) {
    if (json_is_integer(value)) sqlite3_bind_int64(statement, column, json_integer_value(value));
    else sqlite3_bind_null(statement, column);
}

static int add_outcome(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error) {
    sqlite3_stmt *statement = index->statements[UPDATE_OUTCOME];
    (void)entry;
    bind_member(statement, 1, event, "action");
    bind_member(statement, 2, event, "status");
    bind_member(statement, 3, event, "code");
    sqlite3_bind_int64(statement, 4, json_integer_value(json_object_get(event, "rows")));
    bind_counts(index, statement, 5, json_object_get(event, "masked"));
    bind_counts(index, statement, 6, json_object_get(event, "revealed"));
    sqlite3_bind_int64(statement, 7, json_integer_value(json_object_get(event, "duration_us")));
    const json_t *facts = json_object_get(event, "facts");
    bind_counts(index, statement, 8, json_object_get(event, "masked_request"));
    bind_counts(index, statement, 9, json_object_get(event, "revealed_request"));
    bind_member(statement, 10, facts, "model");
    bind_integer(statement, 11, json_object_get(facts, "tokens_in"));
    bind_integer(statement, 12, json_object_get(facts, "tokens_out"));
    bind_names(index, statement, 13, json_object_get(facts, "tools"));
    return step_statement(index, statement, error);
}

static int add_hold(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error) {
    sqlite3_stmt *statement = index->statements[UPSERT_HOLD];
    bind_member(statement, 1, event, "action");
    bind_str(statement, 2, str_slice(entry->summary.action, 0, SESSION_HEX_BYTES));
    bind_str(statement, 3, entry->time);
    bind_names(index, statement, 4, json_object_get(event, "policies"));
    bind_steps(index, statement, 5, event, "verb", false);
    bind_steps(index, statement, 6, event, "resource", false);
    bind_steps(index, statement, 7, event, "statement", true);
    char *text = json_dumps(json_object_get(event, "text"), JSON_COMPACT | JSON_SORT_KEYS);
    if (text != NULL) sqlite3_bind_text(statement, 8, text, -1, SQLITE_TRANSIENT);
    free(text);
    return step_statement(index, statement, error);
}

/* The vote that ended the hold. */
static int add_vote(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error) {
    sqlite3_stmt *statement = index->statements[ADD_DENIAL];
    const char *decision = json_string_value(json_object_get(event, "decision"));
    (void)entry;
    if (decision == NULL || strcmp(decision, "deny") != 0) return 0;
    bind_member(statement, 1, event, "action");
    bind_member(statement, 2, event, "approver");
    return step_statement(index, statement, error);
}

static int end_hold(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error) {
    sqlite3_stmt *statement = index->statements[END_HOLD];
    (void)entry;
    bind_member(statement, 1, event, "action");
    bind_member(statement, 2, event, "how");
    return step_statement(index, statement, error);
}

static const struct {
    struct str type;
    int (*add)(struct audit_index *index, const struct ledger_entry *entry, json_t *event, struct error *error);
} event_types[] = {
    {{"session_start", 13}, add_session}, {{"intent", 6}, add_intent},      {{"outcome", 7}, add_outcome},
    {{"hold_requested", 14}, add_hold},   {{"hold_ended", 10}, end_hold},
    {{"approval", 8}, add_vote},
};

static int add_entry(struct audit_index *index, const struct ledger_entry *entry, struct error *error) {
    struct str type = entry->summary.type;
    if (entry->summary.action.length > 0) {
        sqlite3_stmt *statement = index->statements[INSERT_ENTRY];
        sqlite3_bind_int64(statement, 1, (int64_t)entry->index);
        bind_str(statement, 2, entry->summary.action);
        bind_str(statement, 3, type);
        if (step_statement(index, statement, error) != 0) return -1;
    }
    for (size_t i = 0; i < LENGTH_OF(event_types); i++) {
        if (!str_equal(event_types[i].type, type)) continue;
        json_t *event = json_loadb(entry->event.data, entry->event.length, 0, NULL);
        if (event == NULL) return error_set(error, ERROR_INVALID, "entry %llu is not JSON: run `sworn audit verify`",
                                            (unsigned long long)entry->index);
        int result = event_types[i].add(index, entry, event, error);
        json_decref(event);
        return result;
    }
    return 0;
}

/* ---- Opening ------------------------------------------------------------------------------------------------------ */

static int64_t read_meta(struct audit_index *index, const char *key) {
    sqlite3_stmt *statement;
    int64_t value = -1;
    if (sqlite3_prepare_v2(index->database, "SELECT value FROM meta WHERE key = ?", -1, &statement, NULL) != SQLITE_OK) {
        return -1; /* no such table: a new file */
    }
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW) value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int write_size(struct audit_index *index, struct error *error) {
    char sql[128];
    snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO meta VALUES ('size', %lld)", (long long)index->size);
    return execute(index, sql, error);
}

static int rebuild_schema(struct audit_index *index, struct error *error) {
    char sql[128];
    if (execute(index, "DROP TABLE IF EXISTS meta; DROP TABLE IF EXISTS sessions; DROP TABLE IF EXISTS actions;"
                       "DROP TABLE IF EXISTS entries;", error) != 0 || execute(index, schema, error) != 0) {
        return -1;
    }
    snprintf(sql, sizeof(sql), "INSERT INTO meta VALUES ('version', %d)", INDEX_VERSION);
    index->size = 0;
    return execute(index, sql, error) == 0 ? write_size(index, error) : -1;
}

static int prepare(struct audit_index *index, struct error *error) {
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v2(index->database, statements_sql[i], -1, &index->statements[i], NULL) != SQLITE_OK) {
            return database_error(index, error);
        }
    }
    return 0;
}

static int catch_up(struct audit_index *index, struct ledger_reader *reader, struct error *error) {
    struct ledger_entry entry;
    int got = 0;
    if (execute(index, "BEGIN", error) != 0) return -1;
    ledger_reader_seek(reader, (uint64_t)index->size);
    while ((got = ledger_reader_next(reader, &entry, error)) == 1) {
        if (add_entry(index, &entry, error) != 0) return -1;
        index->size++;
        if (index->size % INDEX_BATCH != 0) continue;
        if (write_size(index, error) != 0 || execute(index, "COMMIT; BEGIN", error) != 0) return -1;
    }
    if (got < 0 || write_size(index, error) != 0) return -1;
    return execute(index, "COMMIT", error);
}

static int open_database(struct audit_index *index, const char *path, struct error *error) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path != NULL ? path : ":memory:", &index->database, flags, NULL) != SQLITE_OK) {
        return database_error(index, error);
    }
    sqlite3_busy_timeout(index->database, 5000);
    return execute(index, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF", error);
}

int audit_index_open(struct audit_index **out, const char *path, const char *evidence_folder, struct str key,
                     bool is_fresh, struct error *error) {
    struct ledger_reader *reader = NULL;
    struct audit_index *index = *out = calloc(1, sizeof(*index));
    if (index == NULL) return error_out_of_memory(error);
    buffer_init(&index->scratch, (size_t)1 << 20);
    if (ledger_reader_open(&reader, evidence_folder, STR_NONE, error) != 0) return -1;
    is_fresh = is_fresh || (path != NULL && !index_bond_holds(path, evidence_folder, key));
    int result = open_database(index, path, error);
    if (result == 0) {
        index->size = read_meta(index, "size");
        bool fits = read_meta(index, "version") == INDEX_VERSION && index->size <= (int64_t)ledger_reader_size(reader);
        if (is_fresh || !fits || index->size < 0) result = rebuild_schema(index, error);
    }
    if (result == 0) result = prepare(index, error);
    if (result == 0) result = catch_up(index, reader, error);
    if (result == 0 && path != NULL) {
        result = index_bond_write(path, evidence_folder, key, (uint64_t)index->size, error);
    }
    ledger_reader_free(&reader);
    return result;
}

void audit_index_close(struct audit_index **out) {
    struct audit_index *index = *out;
    if (index == NULL) return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(index->statements[i]);
    sqlite3_close(index->database);
    buffer_free(&index->scratch);
    free(index);
    *out = NULL;
}

sqlite3 *audit_index_database(struct audit_index *index) { return index->database; }
int64_t audit_index_size(struct audit_index *index) { return index->size; }
