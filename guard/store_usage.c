/* What was spent, in the store: a row an action, an estimate until it is settled. Rows are numbered in the order in which
 * they were added, by whatever gateway. */
#include "guard/store_internal.h"

static int sweep(struct store *store, int64_t oldest_us, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SPENDING_SWEEP, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, oldest_us);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_spending_add(struct store *store, struct str principal, int64_t time_us, int64_t tokens, int64_t oldest_us,
                       int64_t *number, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SPENDING_ADD, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, principal);
    store_bind_integer(statement, 2, time_us);
    store_bind_integer(statement, 3, tokens);
    int status = sqlite3_step(statement);
    *number = status == SQLITE_DONE ? sqlite3_last_insert_rowid(sqlite3_db_handle(statement)) : 0;
    if (store_finish(store, statement, status, error) != 0) return -1;
    return *number % STORE_SPENDING_SWEEP_EACH == 0 ? sweep(store, oldest_us, error) : 0;
}

int store_spending_settle(struct store *store, int64_t number, int64_t time_us, int64_t tokens, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SPENDING_SETTLE, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, number);
    store_bind_integer(statement, 2, time_us);
    store_bind_integer(statement, 3, tokens);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_spending_totals(struct store *store, struct str principal, int64_t before, int64_t hour_us, int64_t day_us,
                          int64_t *tokens_1h, int64_t *tokens_1d, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SPENDING_TOTALS, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, principal);
    store_bind_integer(statement, 2, before);
    store_bind_integer(statement, 3, hour_us);
    store_bind_integer(statement, 4, day_us);
    int status = sqlite3_step(statement);
    if (status == SQLITE_ROW) {
        *tokens_1h = sqlite3_column_int64(statement, 0);
        *tokens_1d = sqlite3_column_int64(statement, 1);
    }
    return store_finish(store, statement, status, error);
}

int store_spending_each(struct store *store, int64_t hour_us, int64_t day_us, store_spending_function *function,
                        void *context, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_SPENDING_EACH, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, hour_us);
    store_bind_integer(statement, 2, day_us);
    int status;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
        const void *name = sqlite3_column_text(statement, 0);
        struct str principal = str_make(name, (size_t)sqlite3_column_bytes(statement, 0));
        if (function(context, principal, sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2)) != 0) {
            status = SQLITE_NOMEM;
            break;
        }
    }
    return store_finish(store, statement, status, error);
}
