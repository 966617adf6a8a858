/* What was spent, in the store: a row a principal and slot of time. */
#include "base/json.h"
#include "guard/store_internal.h"

/* One statement, and so one transaction, whatever its number of rows. */
static int put_rows(struct store *store, struct str rows, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_USAGE_PUT, error);
    if (statement == NULL) return -1;
    store_bind_text(statement, 1, rows);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

static int sweep(struct store *store, int64_t oldest_us, struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_USAGE_SWEEP, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, oldest_us);
    return store_finish(store, statement, sqlite3_step(statement), error);
}

int store_usage_put(struct store *store, const struct store_usage *rows, size_t count, int64_t oldest_us,
                    struct error *error) {
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, STORE_USAGE_BYTES_MAX);
    json_writer_init(&writer, &text);
    json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        json_begin_array(&writer);
        json_write_string(&writer, rows[i].principal);
        json_write_integer(&writer, rows[i].start_us);
        json_write_integer(&writer, rows[i].tokens);
        json_end_array(&writer);
    }
    json_end_array(&writer);
    int result = buffer_failed(&text) ? error_out_of_memory(error) : put_rows(store, buffer_view(&text), error);
    buffer_free(&text);
    return result == 0 ? sweep(store, oldest_us, error) : -1;
}

int store_usage_each(struct store *store, int64_t from_us, store_usage_function *function, void *context,
                     struct error *error) {
    sqlite3_stmt *statement = store_begin(store, STORE_USAGE_LIST, error);
    if (statement == NULL) return -1;
    store_bind_integer(statement, 1, from_us);
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
