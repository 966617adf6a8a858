/* Tokens in the store: who may log in with what, by hash. */
#include "guard/store_internal.h"

#define MICROSECONDS_PER_DAY (86400ll * 1000000)

static int token_check_room(struct store *store, struct str principal, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_TOKEN_COUNT, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, principal);
    int status = sqlite3_step(statement);
    int64_t count = status == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (store_finish(store, statement, status, error) != 0) return -1;
    if (count < STORE_TOKENS_PER_PRINCIPAL_MAX) return 0;
    return error_set(error, ERROR_LIMIT, "%.*s has %lld tokens in force: revoke some first", STR_ARGS(principal),
                     (long long)count);
}

int store_token_create(struct store *store, struct str principal, const struct sha256 *hash, int64_t now_us,
                       int64_t expires_us, int64_t *id, struct error *error) {
    if (token_check_room(store, principal, error) != 0) return -1;
    sqlite3_stmt *statement = store_begin(store, STORE_TOKEN_INSERT, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, principal);
    store_bind_hash(statement, 2, hash);
    store_bind_integer(statement, 3, now_us);
    store_bind_integer(statement, 4, expires_us);
    int status = sqlite3_step(statement);
    *id = sqlite3_last_insert_rowid(store->writer.database);
    return store_finish(store, statement, status, error);
}

static struct token_info token_from_row(sqlite3_stmt *statement, struct arena *arena, bool *is_full) {
    return (struct token_info){
        .id = sqlite3_column_int64(statement, 0),
        .principal = store_column_text(statement, 1, arena, is_full),
        .hash = store_column_hash(statement, 2),
        .created_us = sqlite3_column_int64(statement, 3),
        .expires_us = sqlite3_column_int64(statement, 4),
        .revoked_us = sqlite3_column_int64(statement, 5),
        .used_day = sqlite3_column_int64(statement, 6),
    };
}

int store_token_find(struct store *store, struct arena *arena, const struct sha256 *hash, struct token_info *token,
                     struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_TOKEN_FIND, error);
    if (statement == NULL) return -1;
    store_bind_hash(statement, 1, hash);
    int status = sqlite3_step(statement);
    bool is_full = false;
    bool is_found = status == SQLITE_ROW;
    if (is_found) *token = token_from_row(statement, arena, &is_full);
    if (store_finish(store, statement, is_full ? SQLITE_NOMEM : status, error) != 0) return -1;
    return is_found ? 0 : error_set(error, ERROR_NOT_FOUND, "no such token");
}

/* Doubles in place: an arena gives nothing back, so what is outgrown stays until the arena goes. */
static struct token_info *token_grow(struct arena *arena, struct token_info *tokens, size_t count) {
    if (count != 0 && (count < 16 || (count & (count - 1)) != 0)) return tokens;
    struct token_info *larger = ARENA_NEW_ARRAY(arena, struct token_info, count == 0 ? 16 : count * 2);
    if (larger != NULL && count != 0) memcpy(larger, tokens, count * sizeof(*tokens));
    return larger;
}

int store_token_list(struct store *store, struct arena *arena, struct str principal, struct token_info **tokens,
                     size_t *count, struct error *error) {
    *tokens = NULL;
    *count = 0;
    sqlite3_stmt *statement = store_begin(store, STORE_TOKEN_LIST, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, principal);
    store_bind_integer(statement, 2, STORE_ROWS_MAX);
    bool is_full = false;
    int status = sqlite3_step(statement);
    for (; status == SQLITE_ROW && !is_full; status = sqlite3_step(statement)) {
        *tokens = token_grow(arena, *tokens, *count);
        if (*tokens == NULL) is_full = true;
        else (*tokens)[(*count)++] = token_from_row(statement, arena, &is_full);
    }
    return store_finish(store, statement, is_full ? SQLITE_NOMEM : status, error);
}

int store_token_revoke(struct store *store, int64_t id, int64_t now_us, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_TOKEN_REVOKE, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, id);
    store_bind_integer(statement, 2, now_us);
    int status = sqlite3_step(statement);
    int changed = sqlite3_changes(store->writer.database);
    if (store_finish(store, statement, status, error) != 0) return -1;
    if (changed == 1) return 0;
    return error_set(error, ERROR_NOT_FOUND, "there is no token %lld: see `sworn token list`", (long long)id);
}

int store_token_touch(struct store *store, int64_t id, int64_t now_us, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_TOKEN_TOUCH, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, id);
    store_bind_integer(statement, 2, now_us / MICROSECONDS_PER_DAY);
    return store_finish(store, statement, sqlite3_step(statement), error);
}
