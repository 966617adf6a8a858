/* One cache for the process: databases by upstream and name, their tables and row types by oid. Everything is only
 * touched under the mutex. */
#include "wire/postgres/catalog.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "wire/postgres/catalog_view.h"
#include "wire/postgres/message.h"
#include "wire/postgres/pg_type.h"
#include "wire/postgres/upstream.h"

#define ANSWER_BYTES_MAX (16u * 1024 * 1024)
#define ANSWER_ROW_BYTES_MAX (1024u * 1024)
#define TABLE_BYTES_MAX (4u * 1024 * 1024)
#define QUERY_BYTES_MAX (64u * 1024)
#define ATTRIBUTES_MAX 1700u

struct table_column {
    struct str name; /* empty: dropped */
    uint32_t type_oid;
    const struct str *sources; /* of a view's column: the names that it is computed from */
    size_t source_count;
};

struct table {
    uint32_t oid; /* the key */
    uint64_t learned_ns;
    struct arena arena;
    size_t column_count;
    struct table_column *columns; /* [attribute number - 1] */
};

struct type {
    uint32_t oid; /* the key */
    uint64_t learned_ns;
    uint32_t relation_oid; /* whose rows are of this type, or of which it is an array; 0: not a row type */
    size_t inner_count;
    uint32_t inner[]; /* the relations whose rows lie in its fields */
};

struct database {
    struct str key; /* upstream NUL database */
    uint64_t failed_ns;
    struct map tables;
    struct map types;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct map databases;

/* ---- under the mutex ---- */

static void free_table(struct table *table) {
    if (table == NULL) return;
    arena_free(&table->arena);
    free(table);
}

static void forget_tables(struct database *database) {
    size_t cursor = 0;
    void *table;
    while (map_next(&database->tables, &cursor, NULL, &table)) free_table(table);
    map_free(&database->tables);
}

static void forget_types(struct database *database) {
    size_t cursor = 0;
    void *type;
    while (map_next(&database->types, &cursor, NULL, &type)) free(type);
    map_free(&database->types);
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

static struct type *find_type(const struct database *database, uint32_t oid) {
    return map_get(&database->types, str_make(&oid, sizeof(oid)));
}

static void keep_table(struct database *database, struct table *table) {
    if (database->tables.count >= CATALOG_TABLES_MAX) forget_tables(database);
    free_table(map_remove(&database->tables, str_make(&table->oid, sizeof(table->oid))));
    if (map_set(&database->tables, str_make(&table->oid, sizeof(table->oid)), table) != 0) free_table(table);
}

static void keep_type(struct database *database, struct type *type) {
    if (database->types.count >= CATALOG_TABLES_MAX) forget_types(database);
    free(map_remove(&database->types, str_make(&type->oid, sizeof(type->oid))));
    if (map_set(&database->types, str_make(&type->oid, sizeof(type->oid)), type) != 0) free(type);
}

static bool is_known_table(const struct database *database, uint32_t oid, uint64_t now_ns) {
    const struct table *table = find_table(database, oid);
    if (table == NULL) return now_ns < database->failed_ns + CATALOG_RETRY_NS;
    return now_ns < table->learned_ns + (table->column_count > 0 ? CATALOG_AGE_NS : CATALOG_RETRY_NS);
}

static bool is_known_type(const struct database *database, uint32_t oid, uint64_t now_ns) {
    const struct type *type = find_type(database, oid);
    return now_ns < (type != NULL ? type->learned_ns + CATALOG_AGE_NS : database->failed_ns + CATALOG_RETRY_NS);
}

/* ---- asking ---- */

#define ROW_TEXTS 5

struct answer_row {
    uint32_t asked;    /* the oid that was asked for */
    uint32_t relation; /* that the row is of: itself, or what lies within */
    uint32_t number;   /* of a column; 0: the definition of a view */
    uint32_t type_oid;
    struct str text;   /* the column's name, or the definition */
};

/* A DataRow of five texts: asked, relation, number, type, text. */
static int decode_row(struct str body, struct answer_row *row) {
    struct str texts[ROW_TEXTS];
    uint64_t numbers[ROW_TEXTS - 1];
    if (body.length < 2 || body.data[0] != 0 || body.data[1] != ROW_TEXTS) return -1;
    struct str rest = str_slice(body, 2, body.length);
    for (size_t i = 0; i < ROW_TEXTS; i++) {
        bool is_null;
        texts[i] = message_bind_next(&rest, &is_null);
        if (is_null) return -1;
    }
    for (size_t i = 0; i < LENGTH_OF(numbers); i++) {
        if (str_parse_u64(texts[i], &numbers[i]) != 0 || numbers[i] > UINT32_MAX) return -1;
    }
    if (numbers[2] > ATTRIBUTES_MAX) return -1;
    *row = (struct answer_row){(uint32_t)numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2], (uint32_t)numbers[3],
                               texts[4]};
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
        if (framing == MESSAGE_BAD || message.frame_bytes > ANSWER_ROW_BYTES_MAX || buffer_failed(rows)) {
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

/* ---- tables by oid ---- */

/* Columns and definitions of relations and, for views, of all views within. */
#define TABLE_QUERY_BEGIN                                                                                              \
    "WITH RECURSIVE inside(asked, relation) AS (SELECT c.oid, c.oid FROM pg_catalog.pg_class c WHERE c.oid IN ("
#define TABLE_QUERY_END                                                                                                \
    ") UNION SELECT i.asked, c.oid FROM inside i "                                                                     \
    "JOIN pg_catalog.pg_rewrite r ON r.ev_class = i.relation AND r.ev_type = '1' "                                     \
    "JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid "     \
    "AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "                                                   \
    "JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('v', 'm')) "                                   \
    "SELECT i.asked, i.relation, a.attnum, a.atttypid, a.attname::pg_catalog.text FROM inside i "                      \
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.relation WHERE a.attnum > 0 AND NOT a.attisdropped "             \
    "UNION ALL SELECT i.asked, i.relation, 0, 0, pg_catalog.left(pg_catalog.pg_get_viewdef(i.relation), 200000) "      \
    "FROM inside i JOIN pg_catalog.pg_class c ON c.oid = i.relation WHERE c.relkind IN ('v', 'm')"

static size_t count_columns(struct str rows, uint32_t asked, uint32_t relation) {
    struct answer_row row;
    size_t count = 0;
    while (next_row(&rows, &row)) {
        if (row.asked == asked && row.relation == relation && row.number > count) count = row.number;
    }
    return count;
}

static int copy_columns(struct table *table, struct str rows) {
    struct answer_row row;
    table->column_count = count_columns(rows, table->oid, table->oid);
    table->columns = ARENA_NEW_ARRAY(&table->arena, struct table_column, table->column_count);
    if (table->columns == NULL) return -1;
    while (next_row(&rows, &row)) {
        if (row.asked != table->oid || row.relation != table->oid || row.number == 0) continue;
        struct table_column *column = &table->columns[row.number - 1];
        *column = (struct table_column){.name = arena_copy(&table->arena, row.text), .type_oid = row.type_oid};
    }
    return 0;
}

/* Appends the aliases of one view. */
static int read_view(struct arena *arena, struct str rows, const struct answer_row *view, struct catalog_alias *aliases,
                     size_t *count, struct error *error) {
    struct answer_row row;
    size_t column_count = count_columns(rows, view->asked, view->relation);
    struct catalog_alias *own = aliases + *count;
    for (struct str rest = rows; next_row(&rest, &row);) {
        if (row.asked != view->asked || row.relation != view->relation || row.number == 0) continue;
        own[row.number - 1].name = row.text;
    }
    *count += column_count;
    return catalog_view_read(arena, view->text, own, column_count, error);
}

/* For views: what stands behind the columns. */
static int find_sources(struct table *table, struct str rows, struct error *error) {
    struct answer_row row;
    size_t capacity = 0;
    for (struct str rest = rows; next_row(&rest, &row);) {
        if (row.asked == table->oid && row.number == 0) capacity += count_columns(rows, row.asked, row.relation);
    }
    if (capacity == 0) return 0;
    struct catalog_alias *aliases = ARENA_NEW_ARRAY(&table->arena, struct catalog_alias, capacity);
    size_t count = 0;
    if (aliases == NULL) return error_out_of_memory(error);
    for (struct str rest = rows; next_row(&rest, &row);) {
        if (row.asked != table->oid || row.number != 0) continue;
        if (read_view(&table->arena, rows, &row, aliases, &count, error) != 0) return -1;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        struct table_column *column = &table->columns[i];
        if (catalog_view_resolve(&table->arena, aliases, count, column->name, &column->sources, &column->source_count,
                                 error) != 0)
            return -1;
    }
    return 0;
}

static struct table *make_table(uint32_t oid, struct str rows, struct error *error) {
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    table->oid = oid;
    table->learned_ns = clock_monotonic_ns();
    arena_init(&table->arena, TABLE_BYTES_MAX);
    if (copy_columns(table, rows) == 0 && find_sources(table, rows, error) == 0) return table;
    free_table(table);
    return NULL;
}

/* Appends those of the oids that are not known, with commas; returns how many. */
static size_t append_unknown(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count,
                             bool (*is_known)(const struct database *database, uint32_t oid, uint64_t now_ns),
                             struct buffer *query) {
    uint64_t now_ns = clock_monotonic_ns();
    size_t unknown_count = 0;
    pthread_mutex_lock(&mutex);
    const struct database *database = find_database(target, name);
    for (size_t i = 0; database != NULL && i < count; i++) {
        if (is_known(database, oids[i], now_ns)) continue;
        if (unknown_count++ > 0) buffer_append_byte(query, ',');
        buffer_append_u64_decimal(query, oids[i]);
    }
    pthread_mutex_unlock(&mutex);
    return buffer_failed(query) ? 0 : unknown_count;
}

static bool is_asked(struct str list, uint32_t oid) {
    while (list.length > 0) {
        uint64_t number;
        size_t comma = str_find_byte(list, ',');
        size_t end = comma == STR_NOT_FOUND ? list.length : comma;
        if (str_parse_u64(str_slice(list, 0, end), &number) == 0 && number == oid) return true;
        list = str_slice(list, end + 1, list.length);
    }
    return false;
}

static void keep_tables(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count,
                        struct str asked, struct str rows) {
    struct error error;
    for (size_t i = 0; i < count; i++) {
        if (!is_asked(asked, oids[i])) continue;
        struct table *table = make_table(oids[i], rows, &error);
        if (table == NULL) {
            log_warning("the columns of a table could not be kept: %s", error.text);
            continue;
        }
        pthread_mutex_lock(&mutex);
        struct database *database = find_database(target, name);
        if (database != NULL) keep_table(database, table);
        else free_table(table);
        pthread_mutex_unlock(&mutex);
    }
}

static void keep_failure(const struct wire_upstream *target, struct str name, const struct error *error) {
    log_warning("the names of columns could not be looked up: %s", error->text);
    pthread_mutex_lock(&mutex);
    struct database *database = find_database(target, name);
    if (database != NULL) database->failed_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&mutex);
}

/* What is asked for, and what came. */
struct inquiry {
    struct buffer asked;
    struct buffer query;
    struct buffer rows;
};

static void inquiry_init(struct inquiry *inquiry) {
    buffer_init(&inquiry->asked, QUERY_BYTES_MAX);
    buffer_init(&inquiry->query, QUERY_BYTES_MAX);
    buffer_init(&inquiry->rows, ANSWER_BYTES_MAX);
}

static void inquiry_free(struct inquiry *inquiry) {
    buffer_free(&inquiry->asked);
    buffer_free(&inquiry->query);
    buffer_free(&inquiry->rows);
}

/* P: asks for what stands in inquiry->asked. */
static int inquire(struct inquiry *inquiry, const struct wire_upstream *target, struct str name, const char *begin,
                   const char *end) {
    struct error error;
    buffer_append_cstr(&inquiry->query, begin);
    buffer_append_str(&inquiry->query, buffer_view(&inquiry->asked));
    buffer_append_cstr(&inquiry->query, end);
    int result = buffer_failed(&inquiry->query)
                     ? error_set(&error, ERROR_LIMIT, "too many tables at once")
                     : ask(target, name, buffer_view(&inquiry->query), &inquiry->rows, &error);
    if (result != 0) keep_failure(target, name, &error);
    return result;
}

void catalog_learn(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count) {
    struct inquiry inquiry;
    inquiry_init(&inquiry);
    if (count > 0 && append_unknown(target, name, oids, count, is_known_table, &inquiry.asked) > 0 &&
        inquire(&inquiry, target, name, TABLE_QUERY_BEGIN, TABLE_QUERY_END) == 0)
        keep_tables(target, name, oids, count, buffer_view(&inquiry.asked), buffer_view(&inquiry.rows));
    inquiry_free(&inquiry);
}

static struct str *copy_names(struct arena *arena, const struct str *names, size_t count) {
    struct str *copies = ARENA_NEW_ARRAY(arena, struct str, count + 1);
    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = arena_copy(arena, names[i]);
        if (names[i].length > 0 && copies[i].data == NULL) return NULL;
    }
    return copies;
}

static int copy_column(struct arena *arena, const struct table_column *from, struct row_mask_column *to) {
    to->origin = arena_copy(arena, from->name);
    to->referenced = copy_names(arena, from->sources, from->source_count);
    to->referenced_count = to->referenced != NULL ? from->source_count : 0;
    return to->origin.data != NULL && to->referenced != NULL ? 0 : -1;
}

int catalog_column(const struct wire_upstream *target, struct str name, uint32_t oid, int16_t attribute_number,
                   struct arena *arena, struct row_mask_column *column) {
    int result = 0;
    if (oid == 0 || attribute_number <= 0) return 0;
    pthread_mutex_lock(&mutex);
    const struct database *database = find_database(target, name);
    const struct table *table = database != NULL ? find_table(database, oid) : NULL;
    if (table != NULL && (size_t)attribute_number <= table->column_count)
        result = copy_column(arena, &table->columns[attribute_number - 1], column);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* ---- types by oid ---- */

/* Row types that a type is, is an array or a domain of (number 1), and that lie within their fields (number 2). */
#define TYPE_QUERY_BEGIN                                                                                               \
    "WITH RECURSIVE steps(asked, type, is_inside) AS (SELECT t.oid, t.oid, 0 FROM pg_catalog.pg_type t "               \
    "WHERE t.oid IN ("
#define TYPE_QUERY_END                                                                                                 \
    ") UNION SELECT s.asked, n.type, s.is_inside | n.is_inside FROM steps s "                                          \
    "JOIN pg_catalog.pg_type t ON t.oid = s.type CROSS JOIN LATERAL (SELECT t.typelem, 0 UNION ALL "                   \
    "SELECT t.typbasetype, 0 UNION ALL SELECT a.atttypid, 1 FROM pg_catalog.pg_attribute a WHERE t.typrelid <> 0 "     \
    "AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS n(type, is_inside) WHERE n.type <> 0) "   \
    "SELECT s.asked, t.typrelid, 1 + s.is_inside, 0, ''::pg_catalog.text FROM steps s "                                \
    "JOIN pg_catalog.pg_type t ON t.oid = s.type WHERE t.typrelid <> 0"

static struct type *make_type(uint32_t oid, struct str rows) {
    struct answer_row row;
    size_t count = 0;
    for (struct str rest = rows; next_row(&rest, &row);) count += row.asked == oid && row.number > 1;
    struct type *type = calloc(1, sizeof(*type) + count * sizeof(type->inner[0]));
    if (type == NULL) return NULL;
    type->oid = oid;
    type->learned_ns = clock_monotonic_ns();
    while (next_row(&rows, &row)) {
        if (row.asked != oid) continue;
        if (row.number == 1) type->relation_oid = row.relation;
        else type->inner[type->inner_count++] = row.relation;
    }
    return type;
}

static void keep_types(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count,
                       struct str asked, struct str rows) {
    pthread_mutex_lock(&mutex);
    struct database *database = find_database(target, name);
    for (size_t i = 0; database != NULL && i < count; i++) {
        struct type *type = is_asked(asked, oids[i]) ? make_type(oids[i], rows) : NULL;
        if (type != NULL) keep_type(database, type);
    }
    pthread_mutex_unlock(&mutex);
}

/* The relations of these types, at most `capacity`. */
static size_t relations_of(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count,
                           uint32_t *relations, size_t capacity) {
    size_t found = 0;
    pthread_mutex_lock(&mutex);
    const struct database *database = find_database(target, name);
    for (size_t i = 0; database != NULL && i < count; i++) {
        const struct type *type = find_type(database, oids[i]);
        if (type == NULL || type->relation_oid == 0) continue;
        if (found < capacity) relations[found++] = type->relation_oid;
        for (size_t j = 0; j < type->inner_count && found < capacity; j++) relations[found++] = type->inner[j];
    }
    pthread_mutex_unlock(&mutex);
    return found;
}

void catalog_learn_types(const struct wire_upstream *target, struct str name, const uint32_t *oids, size_t count) {
    uint32_t relations[CATALOG_RELATIONS_OF_TYPES_MAX];
    struct inquiry inquiry;
    inquiry_init(&inquiry);
    if (count > 0 && append_unknown(target, name, oids, count, is_known_type, &inquiry.asked) > 0 &&
        inquire(&inquiry, target, name, TYPE_QUERY_BEGIN, TYPE_QUERY_END) == 0)
        keep_types(target, name, oids, count, buffer_view(&inquiry.asked), buffer_view(&inquiry.rows));
    inquiry_free(&inquiry);
    catalog_learn(target, name, relations,
                  relations_of(target, name, oids, count, relations, LENGTH_OF(relations)));
}

/* The names of all columns of the relations within a type, with what stands behind them. */
static struct str *collect_inner(const struct database *database, const struct type *type, struct arena *arena,
                                 size_t *count) {
    size_t capacity = 0;
    *count = 0;
    for (size_t i = 0; i < type->inner_count; i++) {
        const struct table *table = find_table(database, type->inner[i]);
        for (size_t j = 0; table != NULL && j < table->column_count; j++) capacity += 1 + table->columns[j].source_count;
    }
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, capacity + 1);
    for (size_t i = 0; names != NULL && i < type->inner_count; i++) {
        const struct table *table = find_table(database, type->inner[i]);
        for (size_t j = 0; table != NULL && j < table->column_count; j++) {
            const struct table_column *column = &table->columns[j];
            names[(*count)++] = arena_copy(arena, column->name);
            for (size_t k = 0; k < column->source_count; k++) names[(*count)++] = arena_copy(arena, column->sources[k]);
        }
    }
    return names;
}

/* A field of a type that is not built in may be a row itself: all names within speak for it. */
static int add_inner_names(struct arena *arena, const struct str *inner, size_t count, struct row_mask_column *field) {
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, field->referenced_count + count + 1);
    if (names == NULL) return -1;
    for (size_t i = 0; i < field->referenced_count; i++) names[i] = field->referenced[i];
    for (size_t i = 0; i < count; i++) names[field->referenced_count + i] = inner[i];
    field->referenced = names;
    field->referenced_count += count;
    return 0;
}

static int copy_fields(const struct database *database, const struct type *type, struct arena *arena,
                       struct row_mask_column *column) {
    const struct table *table = find_table(database, type->relation_oid);
    if (table == NULL) return 0;
    size_t inner_count;
    const struct str *inner = collect_inner(database, type, arena, &inner_count);
    struct row_mask_column *fields = ARENA_NEW_ARRAY(arena, struct row_mask_column, table->column_count);
    size_t count = 0;
    if (inner == NULL || fields == NULL) return -1;
    for (size_t i = 0; i < table->column_count; i++) {
        const struct table_column *from = &table->columns[i];
        if (from->name.length == 0) continue; /* dropped: no field */
        if (copy_column(arena, from, &fields[count]) != 0) return -1;
        bool may_be_row = pg_type_find(from->type_oid)->kind == PG_TYPE_UNKNOWN;
        if (may_be_row && add_inner_names(arena, inner, inner_count, &fields[count]) != 0) return -1;
        count++;
    }
    column->fields = fields;
    column->field_count = count;
    return 0;
}

int catalog_fields(const struct wire_upstream *target, struct str name, struct arena *arena,
                   struct row_mask_column *column) {
    int result = 0;
    pthread_mutex_lock(&mutex);
    const struct database *database = find_database(target, name);
    const struct type *type = database != NULL ? find_type(database, column->type_oid) : NULL;
    if (type != NULL && type->relation_oid != 0) result = copy_fields(database, type, arena, column);
    pthread_mutex_unlock(&mutex);
    return result;
}

void catalog_forget_all(void) {
    size_t cursor = 0;
    void *value;
    pthread_mutex_lock(&mutex);
    while (map_next(&databases, &cursor, NULL, &value)) {
        struct database *database = value;
        forget_tables(database);
        forget_types(database);
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
                       "SELECT c.oid, c.oid, pg_catalog.row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), "
                       "a.atttypid, "
                       "a.attname::pg_catalog.text "
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
        if (place->referenced_count == 0) place->type_oid = row.type_oid;
        if (place->type_oid != row.type_oid) place->type_oid = 0;
        place->referenced = own;
        own[place->referenced_count] = arena_copy(arena, row.text);
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
