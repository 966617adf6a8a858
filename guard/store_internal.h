/* What the files of the store share: the connection with its lock, and statements that are prepared once. */
#ifndef SWORN_GUARD_STORE_INTERNAL_H
#define SWORN_GUARD_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "guard/store.h"

enum store_statement {
#define STATEMENT(identifier, sql) STORE_##identifier,
#include "guard/store_statements.def"
#undef STATEMENT
    STORE_STATEMENT_COUNT,
};

/* SELECTs have a connection of their own: in WAL mode a reader waits for no writer, neither for one of another process
 * that holds the file's lock nor for one of ours that waits for it. */
struct store_connection {
    sqlite3 *database;
    pthread_mutex_t lock;
};

struct store {
    uint32_t magic;
    struct store_connection writer;
    struct store_connection reader;
    sqlite3_stmt *statements[STORE_STATEMENT_COUNT]; /* each of the connection that it needs */
};

/* Takes the lock of the statement's connection and gives the statement, prepared and reset; NULL with the lock free on
 * error. End with store_finish(), which also reports a step that failed. */
sqlite3_stmt *store_begin(struct store *store, enum store_statement which, struct error *error) MUST_USE;
/* status: what the last sqlite3_step() said (SQLITE_DONE or SQLITE_ROW is success), or SQLITE_NOMEM. */
int store_finish(struct store *store, sqlite3_stmt *statement, int status, struct error *error) MUST_USE;

/* Parameters count from 1. A failed bind makes the step fail: it needs no check of its own. STR_NONE binds NULL. */
void store_bind_text(sqlite3_stmt *statement, int parameter, struct str text);
void store_bind_hash(sqlite3_stmt *statement, int parameter, const struct sha256 *hash);
void store_bind_integer(sqlite3_stmt *statement, int parameter, int64_t value);

/* Columns count from 0. A text's data is NULL for SQL NULL, and when the arena is full (*is_full is set then). */
struct str store_column_text(sqlite3_stmt *statement, int column, struct arena *arena, bool *is_full);
struct sha256 store_column_hash(sqlite3_stmt *statement, int column);

#endif
