/* The connection to the SQLite file: opening, schema, prepared statements, binding and reading of values. The tables
 * are used in store_token.c, store_hold.c, store_conversation.c, store_shelf.c and store_usage.c.
 *
 * synchronous = FULL: a token that was revoked and a hold that was closed stay so over a power failure. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/store_internal.h"

#define STORE_MAGIC 0x5570a3e1u
#define STORE_SCHEMA_VERSION 5
#define STORE_APPLICATION_ID 0x73776f72 /* "swor": marks the file as ours */

static const char *const store_sql[STORE_STATEMENT_COUNT] = {
#define STATEMENT(identifier, sql) [STORE_##identifier] = sql,
#include "guard/store_statements.def"
#undef STATEMENT
};

static const char store_schema[] =
    "CREATE TABLE schema_version (version INTEGER NOT NULL);"
    "INSERT INTO schema_version VALUES (1);"
    "CREATE TABLE token ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " principal TEXT NOT NULL,"
    " hash BLOB NOT NULL UNIQUE,"
    " created_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL DEFAULT 0,"
    " revoked_us INTEGER NOT NULL DEFAULT 0,"
    " used_day INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX token_principal ON token (principal);"
    "CREATE TABLE hold ("
    " id TEXT PRIMARY KEY,"
    " action_id TEXT NOT NULL,"
    " session TEXT NOT NULL,"
    " principal TEXT NOT NULL,"
    " on_behalf_of TEXT,"
    " upstream TEXT NOT NULL,"
    " digest BLOB NOT NULL,"
    " is_sealed INTEGER NOT NULL,"
    " text TEXT NOT NULL,"
    " policies TEXT NOT NULL," /* JSON arrays of strings */
    " remedies TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL,"
    " state TEXT NOT NULL,"
    " closed_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX hold_state ON hold (state, created_us);"
    "CREATE TABLE vote ("
    " hold TEXT NOT NULL REFERENCES hold (id),"
    " approver TEXT NOT NULL,"
    " is_approval INTEGER NOT NULL,"
    " reason TEXT,"
    " time_us INTEGER NOT NULL,"
    " PRIMARY KEY (hold, approver)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1937207154;";

/* What each version added to the one before it, from the first on. */
static const char *const store_steps[STORE_SCHEMA_VERSION - 1] = {
    "CREATE TABLE conversation ("
    " id BLOB PRIMARY KEY,"
    " sealed TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX conversation_expiry ON conversation (expires_us);"
    "UPDATE schema_version SET version = 2;",
    "CREATE TABLE usage ("
    " principal TEXT NOT NULL,"
    " start_us INTEGER NOT NULL,"
    " tokens INTEGER NOT NULL,"
    " PRIMARY KEY (start_us, principal)) STRICT, WITHOUT ROWID;"
    "UPDATE schema_version SET version = 3;",
    "CREATE TABLE shelf ("
    " sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
    " scope BLOB NOT NULL,"
    " sealed TEXT NOT NULL,"
    " expires_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX shelf_scope ON shelf (scope, sequence);"
    "CREATE INDEX shelf_expiry ON shelf (expires_us);"
    "UPDATE schema_version SET version = 4;",
    "CREATE TABLE spending ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " principal TEXT NOT NULL,"
    " time_us INTEGER NOT NULL,"
    " tokens INTEGER NOT NULL) STRICT;"
    "CREATE INDEX spending_principal ON spending (principal, time_us, tokens);"
    "CREATE INDEX spending_time ON spending (time_us);"
    "INSERT INTO spending (principal, time_us, tokens) SELECT principal, start_us + 300000000, tokens FROM usage;"
    "DROP TABLE usage;"
    "UPDATE schema_version SET version = 5;",
};

static int store_execute(struct store *store, const char *sql, struct error *error) {
    if (sqlite3_exec(store->writer.database, sql, NULL, NULL, NULL) == SQLITE_OK) return 0;
    return error_set(error, ERROR_UNAVAILABLE, "state: %s", sqlite3_errmsg(store->writer.database));
}

static int store_query_integer(struct store *store, const char *sql, int64_t *value, struct error *error) {
    sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(store->writer.database, sql, -1, &statement, NULL);
    if (status == SQLITE_OK) status = sqlite3_step(statement);
    if (status == SQLITE_ROW) *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    if (status == SQLITE_ROW) return 0;
    return error_set(error, ERROR_UNAVAILABLE, "state: %s", sqlite3_errmsg(store->writer.database));
}

static int store_upgrade(struct store *store, struct error *error) {
    int64_t table_count = 0, application = 0, version = 0;
    if (store_query_integer(store, "SELECT count(*) FROM sqlite_schema", &table_count, error) != 0 ||
        (table_count == 0 && store_execute(store, store_schema, error) != 0) ||
        store_query_integer(store, "PRAGMA application_id", &application, error) != 0) {
        return -1;
    }
    if (application != STORE_APPLICATION_ID) return 0; /* store_check_schema refuses it */
    if (store_query_integer(store, "SELECT version FROM schema_version", &version, error) != 0) return -1;
    for (; version >= 1 && version < STORE_SCHEMA_VERSION; version++) {
        if (store_execute(store, store_steps[version - 1], error) != 0) return -1;
    }
    return 0;
}

/* Creates the tables in an empty file, and those that an older file lacks, once, also when two processes open it at the
 * same time. */
static int store_create_schema(struct store *store, struct error *error) {
    if (store_execute(store, "BEGIN IMMEDIATE", error) != 0) return -1;
    if (store_upgrade(store, error) != 0) {
        (void)sqlite3_exec(store->writer.database, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }
    return store_execute(store, "COMMIT", error);
}

static int store_check_schema(struct store *store, struct error *error) {
    int64_t application = 0;
    int64_t version = 0;
    if (store_query_integer(store, "PRAGMA application_id", &application, error) != 0) return -1;
    if (application != STORE_APPLICATION_ID) {
        return error_set(error, ERROR_INVALID, "state: the file is a database of something else; name another file");
    }
    if (store_query_integer(store, "SELECT version FROM schema_version", &version, error) != 0) return -1;
    if (version != STORE_SCHEMA_VERSION) {
        return error_set(error, ERROR_INVALID,
                         "state: the file has schema version %lld, this sworn knows %d: use the sworn that wrote it",
                         (long long)version, STORE_SCHEMA_VERSION);
    }
    return 0;
}

/* SQLite gives -wal and -shm files the mode of the database file: so it is made with the right one first. */
static int store_make_file(const char *path, struct error *error) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return error_set_errno(error, "state: cannot open %s", path);
    int status = fchmod(fd, 0600);
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    if (status != 0) return error_set_errno(error, "state: cannot set the mode of %s to 0600", path);
    return 0;
}

static int store_connect(struct store *store, const char *path, struct error *error) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &store->writer.database, flags, NULL) != SQLITE_OK) {
        return error_set(error, ERROR_UNAVAILABLE, "state: cannot open %s: %s", path,
                         sqlite3_errmsg(store->writer.database));
    }
    sqlite3_busy_timeout(store->writer.database, STORE_BUSY_TIMEOUT_MS);
    int64_t ignored = 0;
    if (store_query_integer(store, "SELECT count(*) FROM sqlite_schema", &ignored, error) != 0 ||
        store_execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
                      error) != 0 ||
        store_create_schema(store, error) != 0) {
        return -1;
    }
    return store_check_schema(store, error);
}

static int store_connect_reader(struct store *store, const char *path, struct error *error) {
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &store->reader.database, flags, NULL) != SQLITE_OK) {
        return error_set(error, ERROR_UNAVAILABLE, "state: cannot open: %s", sqlite3_errmsg(store->reader.database));
    }
    sqlite3_busy_timeout(store->reader.database, STORE_READ_TIMEOUT_MS);
    return 0;
}

struct store *store_open(const char *path, struct error *error) {
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    store->magic = STORE_MAGIC;
    pthread_mutex_init(&store->writer.lock, NULL);
    pthread_mutex_init(&store->reader.lock, NULL);
    if (store_make_file(path, error) != 0) {
        store_close(&store);
        return NULL;
    }
    if (store_connect(store, path, error) != 0 || store_connect_reader(store, path, error) != 0) {
        (void)error_prefix(error, "%s", path);
        store_close(&store);
    }
    return store;
}

void store_close(struct store **store) {
    if (*store == NULL) return;
    CHECK_MAGIC(*store, STORE_MAGIC);
    for (int i = 0; i < STORE_STATEMENT_COUNT; i++) sqlite3_finalize((*store)->statements[i]);
    CHECK(sqlite3_close((*store)->reader.database) == SQLITE_OK);
    CHECK(sqlite3_close((*store)->writer.database) == SQLITE_OK);
    pthread_mutex_destroy(&(*store)->writer.lock);
    pthread_mutex_destroy(&(*store)->reader.lock);
    (*store)->magic = 0;
    free(*store);
    *store = NULL;
}

static struct store_connection *store_connection_of(struct store *store, enum store_statement which) {
    return str_starts_with(str_from_cstr(store_sql[which]), STR("SELECT ")) ? &store->reader : &store->writer;
}

sqlite3_stmt *store_begin(struct store *store, enum store_statement which, struct error *error) {
    CHECK_MAGIC(store, STORE_MAGIC);
    struct store_connection *connection = store_connection_of(store, which);
    pthread_mutex_lock(&connection->lock);
    sqlite3_stmt **statement = &store->statements[which];
    if (*statement == NULL &&
        sqlite3_prepare_v3(connection->database, store_sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
                           NULL) != SQLITE_OK) {
        (void)error_set(error, ERROR_UNAVAILABLE, "state: %s", sqlite3_errmsg(connection->database));
        pthread_mutex_unlock(&connection->lock);
        return NULL;
    }
    return *statement;
}

int store_finish(struct store *store, sqlite3_stmt *statement, int status, struct error *error) {
    int result = 0;
    struct store_connection *connection =
        sqlite3_db_handle(statement) == store->reader.database ? &store->reader : &store->writer;
    if (status == SQLITE_NOMEM) {
        result = error_out_of_memory(error);
    } else if (status == SQLITE_CONSTRAINT_PRIMARYKEY || status == SQLITE_CONSTRAINT_UNIQUE) {
        result = error_set(error, ERROR_INVALID, "state: it is there already");
    } else if (status != SQLITE_DONE && status != SQLITE_ROW) {
        result = error_set(error, ERROR_UNAVAILABLE, "state: %s", sqlite3_errmsg(connection->database));
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    pthread_mutex_unlock(&connection->lock);
    return result;
}

void store_bind_text(sqlite3_stmt *statement, int parameter, struct str text) {
    if (text.data == NULL) return; /* unbound is NULL */
    sqlite3_bind_text64(statement, parameter, text.data, text.length, SQLITE_STATIC, SQLITE_UTF8);
}

void store_bind_hash(sqlite3_stmt *statement, int parameter, const struct sha256 *hash) {
    sqlite3_bind_blob(statement, parameter, hash->bytes, SHA256_BYTES, SQLITE_STATIC);
}

void store_bind_integer(sqlite3_stmt *statement, int parameter, int64_t value) {
    sqlite3_bind_int64(statement, parameter, value);
}

struct str store_column_text(sqlite3_stmt *statement, int column, struct arena *arena, bool *is_full) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    if (text == NULL) return STR_NONE;
    struct str copy = arena_copy(arena, str_make(text, (size_t)sqlite3_column_bytes(statement, column)));
    if (copy.data == NULL) *is_full = true;
    return copy;
}

struct sha256 store_column_hash(sqlite3_stmt *statement, int column) {
    struct sha256 hash = {{0}};
    const void *bytes = sqlite3_column_blob(statement, column);
    if (bytes != NULL && sqlite3_column_bytes(statement, column) == SHA256_BYTES) {
        memcpy(hash.bytes, bytes, SHA256_BYTES);
    }
    return hash;
}
