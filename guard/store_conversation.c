/* Conversations in the store: sealed bytes under an id, until they expire. */
#include "guard/store_internal.h"

static int conversation_sweep(struct store *store, int64_t now_us, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_CONVERSATION_SWEEP, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, now_us);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_conversation_put(struct store *store, const struct sha256 *id, struct str sealed, int64_t now_us,
                           int64_t expires_us, struct error *error) {
    if (conversation_sweep(store, now_us, error) != 0) return -1;
    sqlite3_stmt *statement = store_begin(store, STORE_CONVERSATION_PUT, error);
    if (statement == NULL) return -1;
    store_bind_hash(statement, 1, id);
    store_bind_text(statement, 2, sealed);
    store_bind_integer(statement, 3, now_us);
    store_bind_integer(statement, 4, expires_us);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_conversation_get(struct store *store, const struct sha256 *id, int64_t now_us, struct buffer *sealed,
                           struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_CONVERSATION_GET, error);
    if (statement == NULL) return -1;
    store_bind_hash(statement, 1, id);
    store_bind_integer(statement, 2, now_us);
    int status = sqlite3_step(statement);
    bool is_found = status == SQLITE_ROW;
    if (is_found) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        buffer_append(sealed, text, (size_t)sqlite3_column_bytes(statement, 0));
    }
    if (store_finish(store, statement, buffer_failed(sealed) ? SQLITE_NOMEM : status, error) != 0) return -1;
    return is_found ? 0 : error_set(error, ERROR_NOT_FOUND, "no such conversation, or it has expired");
}
