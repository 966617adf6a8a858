/* Holds in the store: actions that wait for approval, and the votes on them. A hold leaves "pending" once and for all;
 * that is what makes an approval single use. */
#include "base/json.h"
#include "guard/store_internal.h"

#define HOLD_LIST_BYTES_MAX (256u << 10) /* policies or remedies of one hold, as JSON */

static const struct str hold_state_names[HOLD_STATE_COUNT] = {
    [HOLD_PENDING] = {"pending", 7},     [HOLD_APPROVED] = {"approved", 8},   [HOLD_DENIED] = {"denied", 6},
    [HOLD_EXPIRED] = {"expired", 7},     [HOLD_CANCELLED] = {"cancelled", 9}, [HOLD_INTERRUPTED] = {"interrupted", 11},
};

struct str hold_state_name(enum hold_state state) { return hold_state_names[state]; }

static enum hold_state hold_state_from_name(struct str name) {
    for (enum hold_state state = 0; state < HOLD_STATE_COUNT; state++) {
        if (str_equal(hold_state_names[state], name)) return state;
    }
    return HOLD_INTERRUPTED; /* an unknown state approves nothing */
}

static void hold_write_list(struct buffer *out, const struct str *items, size_t count) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) json_write_string(&writer, items[i]);
    json_end_array(&writer);
}

/* A JSON array of strings, as hold_write_list() wrote it. */
static const struct str *hold_read_list(sqlite3_stmt *statement, int column, struct arena *arena, size_t *count,
                                        bool *is_full) {
    *count = 0;
    struct str text = str_make(sqlite3_column_text(statement, column), (size_t)sqlite3_column_bytes(statement, column));
    struct str *items = ARENA_NEW_ARRAY(arena, struct str, text.length / 2 + 1);
    struct json_scanner scanner;
    json_scanner_init(&scanner, text);
    struct buffer plain;
    buffer_init(&plain, HOLD_LIST_BYTES_MAX);
    struct str raw;
    for (enum json_token event = json_next(&scanner, &raw);
         items != NULL && event != JSON_TOKEN_END && event != JSON_TOKEN_BAD; event = json_next(&scanner, &raw)) {
        if (event != JSON_TOKEN_STRING) continue;
        buffer_clear(&plain);
        if (json_unescape(raw, &plain) != 0 || buffer_failed(&plain)) break;
        items[*count] = arena_copy(arena, buffer_view(&plain));
        if (items[(*count)++].data == NULL) *is_full = true;
    }
    buffer_free(&plain);
    if (items == NULL) *is_full = true;
    return items;
}

static struct store_hold hold_from_row(sqlite3_stmt *statement, struct arena *arena, bool *is_full) {
    struct store_hold hold = {
        .id = store_column_text(statement, 0, arena, is_full),
        .action_id = store_column_text(statement, 1, arena, is_full),
        .session = store_column_text(statement, 2, arena, is_full),
        .principal = store_column_text(statement, 3, arena, is_full),
        .on_behalf_of = store_column_text(statement, 4, arena, is_full),
        .upstream = store_column_text(statement, 5, arena, is_full),
        .digest = store_column_hash(statement, 6),
        .is_sealed = sqlite3_column_int(statement, 7) != 0,
        .text = store_column_text(statement, 8, arena, is_full),
        .created_us = sqlite3_column_int64(statement, 11),
        .expires_us = sqlite3_column_int64(statement, 12),
        .state = hold_state_from_name(store_column_text(statement, 13, arena, is_full)),
        .closed_us = sqlite3_column_int64(statement, 14),
    };
    hold.policies = hold_read_list(statement, 9, arena, &hold.policy_count, is_full);
    hold.remedies = hold_read_list(statement, 10, arena, &hold.remedy_count, is_full);
    return hold;
}

static int hold_insert(struct store *store, const struct store_hold *hold, struct str policies, struct str remedies,
                       struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_HOLD_INSERT, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, hold->id);
    store_bind_text(statement, 2, hold->action_id);
    store_bind_text(statement, 3, hold->session);
    store_bind_text(statement, 4, hold->principal);
    store_bind_text(statement, 5, hold->on_behalf_of);
    store_bind_text(statement, 6, hold->upstream);
    store_bind_hash(statement, 7, &hold->digest);
    store_bind_integer(statement, 8, hold->is_sealed);
    store_bind_text(statement, 9, hold->text);
    store_bind_text(statement, 10, policies);
    store_bind_text(statement, 11, remedies);
    store_bind_integer(statement, 12, hold->created_us);
    store_bind_integer(statement, 13, hold->expires_us);
    store_bind_text(statement, 14, hold_state_names[HOLD_PENDING]);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_hold_create(struct store *store, const struct store_hold *hold, struct error *error) {
    struct buffer policies;
    struct buffer remedies;
    buffer_init(&policies, HOLD_LIST_BYTES_MAX);
    buffer_init(&remedies, HOLD_LIST_BYTES_MAX);
    hold_write_list(&policies, hold->policies, hold->policy_count);
    hold_write_list(&remedies, hold->remedies, hold->remedy_count);
    int status;
    if (buffer_failed(&policies) || buffer_failed(&remedies)) {
        status = error_set(error, ERROR_LIMIT, "too many policies hold this action at once");
    } else {
        status = hold_insert(store, hold, buffer_view(&policies), buffer_view(&remedies), error);
    }
    buffer_free(&policies);
    buffer_free(&remedies);
    return status;
}

int store_hold_find(struct store *store, struct arena *arena, struct str id, struct store_hold *hold,
                    struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_HOLD_FIND, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, id);
    int status = sqlite3_step(statement);
    bool is_full = false;
    bool is_found = status == SQLITE_ROW;
    if (is_found) *hold = hold_from_row(statement, arena, &is_full);
    if (store_finish(store, statement, is_full ? SQLITE_NOMEM : status, error) != 0) return -1;
    return is_found ? 0 : error_set(error, ERROR_NOT_FOUND, "no action %.*s is held: see `sworn pending`",
                                    STR_ARGS(id));
}

static struct store_hold *hold_grow(struct arena *arena, struct store_hold *holds, size_t count) {
    if (count != 0 && (count < 16 || (count & (count - 1)) != 0)) return holds;
    struct store_hold *larger = ARENA_NEW_ARRAY(arena, struct store_hold, count == 0 ? 16 : count * 2);
    if (larger != NULL && count != 0) memcpy(larger, holds, count * sizeof(*holds));
    return larger;
}

int store_hold_list(struct store *store, struct arena *arena, enum hold_state state, struct store_hold **holds,
                    size_t *count, struct error *error) {
    *holds = NULL;
    *count = 0;
    sqlite3_stmt *statement = store_begin(store, STORE_HOLD_LIST, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, hold_state_names[state]);
    store_bind_integer(statement, 2, STORE_ROWS_MAX);
    bool is_full = false;
    int status = sqlite3_step(statement);
    for (; status == SQLITE_ROW && !is_full; status = sqlite3_step(statement)) {
        *holds = hold_grow(arena, *holds, *count);
        if (*holds == NULL) is_full = true;
        else (*holds)[(*count)++] = hold_from_row(statement, arena, &is_full);
    }
    return store_finish(store, statement, is_full ? SQLITE_NOMEM : status, error);
}

/* Why did nothing change: is the hold closed, or is there none? */
static int hold_explain_no_change(struct store *store, struct str id, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_HOLD_STATE, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, id);
    int status = sqlite3_step(statement);
    struct str state = STR_NONE;
    if (status == SQLITE_ROW) {
        state = hold_state_names[hold_state_from_name(str_from_cstr((const char *)sqlite3_column_text(statement, 0)))];
    }
    if (store_finish(store, statement, status, error) != 0) return -1;
    if (state.data == NULL) {
        return error_set(error, ERROR_NOT_FOUND, "no action %.*s is held: see `sworn pending`", STR_ARGS(id));
    }
    return error_set(error, ERROR_INVALID, "%.*s waits no more: it is %.*s", STR_ARGS(id), STR_ARGS(state));
}

int store_hold_close(struct store *store, struct str id, enum hold_state state, int64_t now_us, struct error *error) {
    CHECK(state != HOLD_PENDING);
    sqlite3_stmt *statement = store_begin(store, STORE_HOLD_CLOSE, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, id);
    store_bind_text(statement, 2, hold_state_names[state]);
    store_bind_integer(statement, 3, now_us);
    int status = sqlite3_step(statement);
    int changed = sqlite3_changes(store->writer.database);
    if (store_finish(store, statement, status, error) != 0) return -1;
    return changed == 1 ? 0 : hold_explain_no_change(store, id, error);
}

int store_hold_interrupt(struct store *store, struct arena *arena, int64_t now_us, struct store_hold **holds,
                         size_t *count, struct error *error) {
    if (store_hold_list(store, arena, HOLD_PENDING, holds, count, error) != 0) return -1;
    for (size_t i = 0; i < *count; i++) {
        if (store_hold_close(store, (*holds)[i].id, HOLD_INTERRUPTED, now_us, error) != 0) return -1;
        (*holds)[i].state = HOLD_INTERRUPTED;
        (*holds)[i].closed_us = now_us;
    }
    return 0;
}

int store_vote_add(struct store *store, struct str hold_id, const struct store_vote *vote, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_VOTE_INSERT, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, hold_id);
    store_bind_text(statement, 2, vote->approver);
    store_bind_integer(statement, 3, vote->is_approval);
    store_bind_text(statement, 4, vote->reason);
    store_bind_integer(statement, 5, vote->time_us);
    int status = sqlite3_step(statement);
    int changed = sqlite3_changes(store->writer.database);
    if (store_finish(store, statement, status, error) != 0) {
        if (status != SQLITE_CONSTRAINT_PRIMARYKEY) return -1;
        return error_set(error, ERROR_INVALID, "%.*s has voted on %.*s already", STR_ARGS(vote->approver),
                         STR_ARGS(hold_id));
    }
    return changed == 1 ? 0 : hold_explain_no_change(store, hold_id, error);
}

int store_vote_list(struct store *store, struct arena *arena, struct str hold_id, struct store_vote **votes,
                    size_t *count, struct error *error) {
    *count = 0;
    *votes = ARENA_NEW_ARRAY(arena, struct store_vote, STORE_VOTES_MAX);
    if (*votes == NULL) return error_out_of_memory(error);
    sqlite3_stmt *statement = store_begin(store, STORE_VOTE_LIST, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, hold_id);
    bool is_full = false;
    int status = sqlite3_step(statement);
    for (; status == SQLITE_ROW && *count < STORE_VOTES_MAX; status = sqlite3_step(statement)) {
        (*votes)[(*count)++] = (struct store_vote){
            .approver = store_column_text(statement, 0, arena, &is_full),
            .is_approval = sqlite3_column_int(statement, 1) != 0,
            .reason = store_column_text(statement, 2, arena, &is_full),
            .time_us = sqlite3_column_int64(statement, 3),
        };
    }
    return store_finish(store, statement, is_full ? SQLITE_NOMEM : status, error);
}
