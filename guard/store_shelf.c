/* Shelves in the store: sealed rows of a scope, in the order in which they were put there, until they expire. */
#include "guard/store_internal.h"

static int shelf_sweep(struct store *store, int64_t now_us, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SHELF_SWEEP, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, now_us);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_shelf_put(struct store *store, const struct sha256 *scope, struct str sealed, int64_t now_us,
                    int64_t expires_us, struct error *error) {
    if (shelf_sweep(store, now_us, error) != 0) return -1;
    sqlite3_stmt *statement = store_begin(store, STORE_SHELF_PUT, error);
    if (statement == NULL) return -1;
    store_bind_hash(statement, 1, scope);
    store_bind_text(statement, 2, sealed);
    store_bind_integer(statement, 3, expires_us);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_shelf_each(struct store *store, const struct sha256 *scope, int64_t after, int64_t now_us,
                     store_shelf_function *function, void *context, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SHELF_LIST, error);
    if (statement == NULL) return -1;
    store_bind_hash(statement, 1, scope);
    store_bind_integer(statement, 2, after);
    store_bind_integer(statement, 3, now_us);
    int status;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        const void *text = sqlite3_column_text(statement, 1);
        struct str sealed = str_make(text, (size_t)sqlite3_column_bytes(statement, 1));
        if (function(context, sqlite3_column_int64(statement, 0), sealed, sqlite3_column_int64(statement, 2)) != 0) break;
    }
    return store_finish(store, statement, status, error);
}
