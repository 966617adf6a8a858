/* One cache for the process: databases by upstream and name, their tables by oid. Tables are made of one allocation
 * each. Everything is only touched under the mutex. */
#include "wire/postgres/catalog.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "wire/postgres/message.h"
#include "wire/postgres/upstream.h"

#define ANSWER_BYTES_MAX (16u * 1024 * 1024)
#define QUERY_BYTES_MAX (64u * 1024)
#define ATTRIBUTES_MAX 1700u

struct table {
    uint32_t oid; /* the key */
    uint64_t learned_ns;
    size_t name_count;
    struct str names[]; /* [attribute number - 1]; the bytes follow */
};

struct database {
    struct str key; /* upstream NUL database */
    uint64_t failed_ns;
    struct map tables;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct map databases;

/* ---- under the mutex ---- */

static void forget_tables(struct database *database) {
    size_t cursor = 0;
    void *table;
    while (map_next(&database->tables, &cursor, NULL, &table)) free(table);
    map_free(&database->tables);
}

static struct database *find_database(const struct wire_upstream *target, struct str name) {
    struct buffer key;
    buffer_init(&key, QUERY_BYTES_MAX);
    buffer_append_str(&key, target->name);
    buffer_append_byte(&key, 0);
    buffer_append_str(&key, name);
    struct database *database = map_get(&databases, buffer_view(&key));
    if (database == NULL && !buffer_failed(&key) && databases.count < CATALOG_DATABASES_MAX) {
        database = calloc(1, sizeof(*database));
        if (database != NULL) {
            database->key = buffer_view(&key);
            if (map_set(&databases, database->key, database) == 0) return database;
            free(database);
            database = NULL;
        }
    }
    buffer_free(&key);
    return database;
}

static struct table *find_table(const struct database *database, uint32_t oid) {
    return map_get(&database->tables, str_make(&oid, sizeof(oid)));
}

static void keep_table(struct database *database, struct table *table) {
    if (database->tables.count >= CATALOG_TABLES_MAX) forget_tables(database);
    free(map_remove(&database->tables, str_make(&table->oid, sizeof(table->oid))));
    if (map_set(&database->tables, str_make(&table->oid, sizeof(table->oid)), table) != 0) free(table);
}

static bool is_known(const struct database *database, uint32_t oid, uint64_t now_ns) {
    const struct table *table = find_table(database, oid);
    if (table == NULL) return now_ns < database->failed_ns + CATALOG_RETRY_NS;
    return now_ns < table->learned_ns + (table->name_count > 0 ? CATALOG_AGE_NS : CATALOG_RETRY_NS);
}

/* ---- asking ---- */

struct answer_row {
    uint32_t oid;
    uint32_t number;
    struct str name;
};

/* A DataRow of three texts: oid, number, name. */
static int decode_row(struct str body, struct answer_row *row) {
    struct str texts[3];
    uint64_t oid;
    uint64_t number;
    if (body.length < 2 || body.data[0] != 0 || body.data[1] != 3) return -1;
    struct str rest = str_slice(body, 2, body.length);
    for (size_t i = 0; i < 3; i++) {
        bool is_null;
        texts[i] = message_bind_next(&rest, &is_null);
        if (is_null) return -1;
    }
    if (str_parse_u64(texts[0], &oid) != 0 || str_parse_u64(texts[1], &number) != 0 || oid > UINT32_MAX ||
        number == 0 || number > ATTRIBUTES_MAX)
        return -1;
    *row = (struct answer_row){(uint32_t)oid, (uint32_t)number, texts[2]};
    return 0;
}

/* P: the bodies of the rows of a query, each with its frame, appended to rows. */
static int ask(const struct wire_upstream *target, struct str database, struct str query, struct buffer *rows,
               struct error *error) {
    struct upstream_link link;
    struct upstream_login login = {.target = target, .database = database, .application_name = STR("sworn:catalog"),
                                   .deadline_ns = clock_monotonic_ns() + target->connect_timeout_ns};
    if (upstream_link_open(&link, &login, error) != 0) return -1;
    struct buffer *out = stream_output(link.stream);
    size_t offset = message_begin(out, 'Q');
    message_append_cstring(out, query);
    message_end(out, offset);
    int result = stream_flush(link.stream, login.deadline_ns, error);
    for (bool is_done = false; result == 0 && !is_done;) {
        struct message message;
        enum message_framing framing = message_next(stream_buffered(link.stream), &message);
        if (framing == MESSAGE_BAD || message.frame_bytes > UPSTREAM_LOGIN_BYTES_MAX || buffer_failed(rows)) {
            result = error_set(error, ERROR_UNAVAILABLE, "the catalog's answer is too large");
        } else if (framing == MESSAGE_PART) {
            result = stream_fill(link.stream, message.frame_bytes, login.deadline_ns, error);
        } else {
            if (message.type == 'D') message_append(rows, 'D', message.body);
            if (message.type == 'E')
                result = error_set(error, ERROR_UNAVAILABLE, "upstream %.*s: the catalog cannot be read: %.*s",
                                   STR_ARGS(target->name), STR_ARGS(message_error_field(message.body, 'M')));
            is_done = message.type == 'Z';
            stream_consume(link.stream, message.frame_bytes);
        }
    }
    upstream_link_close(&link);
    return result;
}

/* Cuts the next row off the answer. */
static bool next_row(struct str *rows, struct answer_row *row) {
    struct message message;
    while (message_next(*rows, &message) == MESSAGE_WHOLE) {
        *rows = str_slice(*rows, message.frame_bytes, rows->length);
        if (decode_row(message.body, row) == 0) return true;
    }
    return false;
}

/* ---- columns by oid ---- */

static struct table *make_table(uint32_t oid, struct str rows) {
    struct answer_row row;
    size_t name_count = 0;
    size_t bytes = 0;
    for (struct str rest = rows; next_row(&rest, &row);) {
        if (row.oid != oid) continue;
        if (row.number > name_count) name_count = row.number;
        bytes += row.name.length;
    }
    struct table *table = calloc(1, sizeof(*table) + name_count * sizeof(struct str) + bytes);
    if (table == NULL) return NULL;
    table->oid = oid;
    table->learned_ns = clock_monotonic_ns();
    table->name_count = name_count;
    char *at = (char *)&table->names[name_count];
    for (struct str rest = rows; next_row(&rest, &row);) {
        if (row.oid != oid) continue;
        memcpy(at, row.name.data, row.name.length);
        table->names[row.number - 1] = str_make(at, row.name.length);
        at += row.name.length;
    }
    return table;
}

/* The query for those of the tables that are not known; false when all are. */
static bool make_query(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count,
                       struct buffer *query) {
    uint64_t now_ns = clock_monotonic_ns();
    size_t unknown_count = 0;
    buffer_append_cstr(query, "SELECT attrelid, attnum, attname FROM pg_catalog.pg_attribute WHERE attnum > 0 "
                              "AND NOT attisdropped AND attrelid IN (");
    pthread_mutex_lock(&mutex);
    const struct database *database = find_database(target, name);
    for (size_t i = 0; database != NULL && i < count; i++) {
        if (is_known(database, oids[i], now_ns)) continue;
        if (unknown_count++ > 0) buffer_append_byte(query, ',');
        buffer_append_u64_decimal(query, oids[i]);
    }
    pthread_mutex_unlock(&mutex);
    buffer_append_cstr(query, ") ORDER BY 1, 2");
    return unknown_count > 0 && !buffer_failed(query);
}

static void keep_answer(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count,
                        struct str rows) {
    uint64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&mutex);
    struct database *database = find_database(target, name);
    for (size_t i = 0; database != NULL && i < count; i++) {
        if (is_known(database, oids[i], now_ns)) continue;
        struct table *table = make_table(oids[i], rows);
        if (table != NULL) keep_table(database, table);
    }
    pthread_mutex_unlock(&mutex);
}

static void keep_failure(const struct wire_upstream *target, struct str name) {
    pthread_mutex_lock(&mutex);
    struct database *database = find_database(target, name);
    if (database != NULL) database->failed_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&mutex);
}

void catalog_learn(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count) {
    struct buffer query;
    struct buffer rows;
    struct error error;
    buffer_init(&query, QUERY_BYTES_MAX);
    buffer_init(&rows, ANSWER_BYTES_MAX);
    if (count > 0 && make_query(target, name, oids, count, &query)) {
        if (ask(target, name, buffer_view(&query), &rows, &error) == 0) {
            keep_answer(target, name, oids, count, buffer_view(&rows));
        } else {
            keep_failure(target, name);
            log_warning("the names of columns could not be looked up: %s", error.text);
        }
    }
    buffer_free(&query);
    buffer_free(&rows);
}

struct str catalog_column_name(const struct wire_upstream *target, struct str name, uint32_t oid,
                               int16_t attribute_number, struct arena *arena) {
    struct str found = STR_NONE;
    if (oid == 0 || attribute_number <= 0) return found;
    pthread_mutex_lock(&mutex);
    const struct database *database = find_database(target, name);
    const struct table *table = database != NULL ? find_table(database, oid) : NULL;
    if (table != NULL && (size_t)attribute_number <= table->name_count)
        found = arena_copy(arena, table->names[attribute_number - 1]);
    pthread_mutex_unlock(&mutex);
    return found;
}

void catalog_forget_all(void) {
    size_t cursor = 0;
    void *value;
    pthread_mutex_lock(&mutex);
    while (map_next(&databases, &cursor, NULL, &value)) {
        struct database *database = value;
        forget_tables(database);
        free((void *)(uintptr_t)database->key.data);
        free(database);
    }
    map_free(&databases);
    pthread_mutex_unlock(&mutex);
}

/* ---- columns by name, for COPY ---- */

/* Text as bytes in hex: no quoting rule and no setting of the server has a say. */
static void append_text(struct buffer *query, struct str text) {
    buffer_append_cstr(query, "pg_catalog.convert_from(pg_catalog.decode('");
    hex_append(query, text);
    buffer_append_cstr(query, "','hex'),'UTF8')");
}

static void append_table_query(struct buffer *query, struct str schema, struct str name, bool as_copied) {
    buffer_append_cstr(query,
                       "SELECT c.oid, pg_catalog.row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname "
                       "FROM pg_catalog.pg_class c "
                       "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                       "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
                       "WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname = ");
    append_text(query, name);
    if (as_copied) buffer_append_cstr(query, " AND a.attgenerated = ''");
    if (schema.length > 0) {
        buffer_append_cstr(query, " AND n.nspname = ");
        append_text(query, schema);
    }
}

/* Gives each place the names that any of the tables has there. */
static int collect_columns(struct str rows, struct arena *arena, const struct row_mask_column **columns,
                           size_t *count) {
    struct answer_row row;
    size_t place_count = 0;
    for (struct str rest = rows; next_row(&rest, &row);) {
        if (row.number > place_count) place_count = row.number;
    }
    struct row_mask_column *places = ARENA_NEW_ARRAY(arena, struct row_mask_column, place_count);
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, place_count * CATALOG_TABLES_BY_NAME_MAX);
    if (places == NULL || names == NULL) return -1;
    for (struct str rest = rows; next_row(&rest, &row);) {
        struct row_mask_column *place = &places[row.number - 1];
        struct str *own = names + (row.number - 1) * CATALOG_TABLES_BY_NAME_MAX;
        if (place->referenced_count == CATALOG_TABLES_BY_NAME_MAX) return -1;
        place->referenced = own;
        own[place->referenced_count] = arena_copy(arena, row.name);
        if (own[place->referenced_count++].data == NULL) return -1;
    }
    *columns = places;
    *count = place_count;
    return 0;
}

int catalog_table_columns(const struct wire_upstream *target, struct str database, struct str schema, struct str name,
                          bool as_copied, struct arena *arena, const struct row_mask_column **columns, size_t *count,
                          struct error *error) {
    struct buffer query;
    struct buffer rows;
    buffer_init(&query, QUERY_BYTES_MAX);
    buffer_init(&rows, ANSWER_BYTES_MAX);
    append_table_query(&query, schema, name, as_copied);
    int result = buffer_failed(&query) ? error_set(error, ERROR_LIMIT, "the name of a table is too long")
                                       : ask(target, database, buffer_view(&query), &rows, error);
    if (result == 0 && collect_columns(buffer_view(&rows), arena, columns, count) != 0)
        result = error_set(error, ERROR_LIMIT, "too many tables of one name to tell their columns apart");
    buffer_free(&query);
    buffer_free(&rows);
    return result;
}
