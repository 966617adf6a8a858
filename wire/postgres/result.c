/* What is known of the columns of a result: their names as the client sees them, the names that the table has for them,
 * and, for computed ones, the names that the statement computes them from. An alias must not hide a column. */
#include "wire/postgres/session.h"

#include <ctype.h>

#include "wire/postgres/catalog.h"
#include "wire/postgres/declared.h"
#include "wire/postgres/pg_type.h"

#define COPY_NAMES_MAX 16384u
#define COPY_COLUMNS_MAX 1664u /* the server's own maximum of a result */

/* EXECUTE and FETCH give what another statement computes. */
static const struct sql_statement *source_of(const struct postgres_state *state,
                                             const struct sql_statement *statement) {
    for (size_t i = 0; statement != NULL && i < statement->effect_count; i++) {
        const struct sql_effect *effect = &statement->effects[i];
        struct sql_named found;
        if (effect->kind == SQL_EFFECT_EXECUTE && sql_session_find_prepared(state->sql, effect->name, &found))
            return found.statement;
        if (effect->kind == SQL_EFFECT_FETCH && sql_session_find_portal(state->sql, effect->name, &found))
            return found.statement;
    }
    return statement;
}

/* The output that the index-th of `count` columns is; around a "*" they are counted from either end. NULL: not known. */
static const struct sql_output *output_of(const struct sql_statement *source, size_t index, size_t count) {
    if (source->moves_unnamed) return NULL;
    if (source->output_count == count) return &source->outputs[index];
    if (source->starred_count == 0 || count + 1 < source->starred_count) return NULL;
    size_t behind = source->starred_count - source->star - 1;
    if (index < source->star) return &source->starred[index];
    return index + behind >= count ? &source->starred[source->starred_count - (count - index)]
                                   : &source->starred[source->star];
}

/* The names that the index-th column is computed from; all of the statement's when that is not known. */
static void set_references(struct row_mask_column *column, const struct sql_statement *source, size_t index,
                           size_t count) {
    if (source == NULL) return;
    const struct sql_output *output = output_of(source, index, count);
    if (output != NULL) {
        column->referenced = output->names;
        column->referenced_count = output->name_count;
    } else {
        column->referenced = source->columns;
        column->referenced_count = source->column_count;
    }
}

/* Does the statement write? What RETURNING gives back has the table's names, and may come from elsewhere. */
static bool is_writing(const struct sql_statement *source) {
    for (size_t i = 0; source != NULL && i < source->use_count; i++) {
        if (source->uses[i].verb == SQL_WRITE) return true;
    }
    return false;
}

static bool names_table(const struct sql_statement *source, const struct row_mask_column *column) {
    for (size_t i = 0; i < column->referenced_count; i++) {
        for (size_t j = 0; j < source->use_count; j++) {
            if (source->uses[j].name.length > 0 && str_equal(source->uses[j].name, column->referenced[i])) return true;
        }
    }
    return false;
}

/* P: every name that a column of the statement's tables has, and every one that the statement writes. */
static int collect_names(struct wire_session *session, const struct sql_statement *statement, struct str **names,
                         size_t *name_count, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    *names = ARENA_NEW_ARRAY(&state->result, struct str, COPY_NAMES_MAX);
    *name_count = 0;
    if (*names == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < statement->column_count && *name_count < COPY_NAMES_MAX; i++)
        (*names)[(*name_count)++] = statement->columns[i];
    for (size_t i = 0; i < statement->use_count; i++) {
        const struct row_mask_column *columns;
        size_t count;
        if (statement->uses[i].name.length == 0) continue;
        if (catalog_table_columns(session->target, state->database, statement->uses[i].schema, statement->uses[i].name,
                                  false, &state->result, &columns, &count, error) != 0)
            return -1;
        for (size_t j = 0; j < count; j++) {
            for (size_t k = 0; k < columns[j].referenced_count && *name_count < COPY_NAMES_MAX; k++)
                (*names)[(*name_count)++] = columns[j].referenced[k];
        }
    }
    if (*name_count < COPY_NAMES_MAX) return 0;
    return error_set(error, ERROR_LIMIT, "a row of tables with too many columns: name the columns");
}

/* P: the tables and types that are not known yet. Their oids are copied out of the input before. */
static int learn_tables(struct wire_session *session, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message message;
    struct message_columns columns;
    if (message_next(stream_buffered(session->upstream), &message) != MESSAGE_WHOLE ||
        message_decode_row_description(message.body, &columns) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "the upstream sent a RowDescription that cannot be read");
    uint32_t *tables = ARENA_NEW_ARRAY(&state->result, uint32_t, columns.count);
    uint32_t *types = ARENA_NEW_ARRAY(&state->result, uint32_t, columns.count);
    size_t table_count = 0;
    size_t type_count = 0;
    if (tables == NULL || types == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < columns.count; i++) {
        struct message_column column;
        message_column_next(&columns, &column);
        bool is_unknown = pg_type_find(column.type_oid)->kind == PG_TYPE_UNKNOWN;
        bool is_again = table_count > 0 && tables[table_count - 1] == column.table_oid;
        if (column.table_oid != 0 && !is_again) tables[table_count++] = column.table_oid;
        if (is_unknown) types[type_count++] = column.type_oid;
    }
    catalog_learn(session->target, state->database, tables, table_count);
    catalog_learn_types(session->target, state->database, types, type_count);
    return 0;
}

/* A document in a view may hold under other names what it is made of. */
static bool is_json(const struct row_mask_column *column) {
    enum pg_type_kind kind = pg_type_find(column->type_oid)->kind;
    return kind == PG_TYPE_JSON || kind == PG_TYPE_JSONB;
}

static bool is_document(const struct row_mask_column *column) { return column->referenced_count > 0 && is_json(column); }

/* pg_stats and pg_statistic hold values of the tables' columns. */
static bool is_statistic(struct str origin) {
    static const char *const names[] = {"histogram_bounds", "most_common_vals", "most_common_elems", "stavalues1",
                                        "stavalues2", "stavalues3", "stavalues4", "stavalues5"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (str_equal_cstr(origin, names[i])) return true;
    }
    return false;
}

/* Every name of the tables' columns: what a whole row may hold that an expression makes a text of. */
struct all_names {
    struct str *names;
    size_t count;
};

/* What the catalog says of the column; what the statement computes it from when it is no table's. */
static int set_names(struct wire_session *session, const struct message_column *described,
                     const struct sql_statement *source, size_t index, size_t count, const struct all_names *all,
                     struct row_mask_column *column) {
    struct postgres_state *state = postgres_state(session);
    *column = (struct row_mask_column){
        .name = described->name, .type_oid = described->type_oid, .format = described->format};
    if (catalog_column(session->target, state->database, described->table_oid, described->attribute_number,
                       &state->result, column) != 0 ||
        catalog_fields(session->target, state->database, &state->result, column) != 0)
        return -1;
    bool is_plain = column->origin.length > 0;
    bool is_moved = is_plain && column->referenced_count == 0 && is_writing(source);
    if (!is_plain || is_moved) set_references(column, source, index, count);
    if (declared_add(&state->result, session->target, source, column) != 0) return -1;
    /* The server names no table for what an expression computes. A view's own columns are computed from others. */
    bool is_row = all->count > 0 && described->table_oid == 0 && column->field_count == 0 && names_table(source, column);
    if (is_row && !is_json(column)) {
        column->referenced = all->names;
        column->referenced_count = all->count;
    }
    column->is_computed = described->table_oid == 0 || is_document(column) || is_statistic(column->origin);
    return 0;
}

int postgres_prepare_rows(struct wire_session *session, const struct mask_plan *plan,
                          const struct sql_statement *statement, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct message message;
    struct message_columns descriptions;
    if (learn_tables(session, error) != 0) return -1;
    const struct sql_statement *source = source_of(state, statement);
    struct all_names all = {0};
    if (source != NULL && source->has_whole_row && !plan->reveals_all &&
        collect_names(session, source, &all.names, &all.count, error) != 0)
        return -1;
    CHECK(message_next(stream_buffered(session->upstream), &message) == MESSAGE_WHOLE);
    CHECK(message_decode_row_description(message.body, &descriptions) == 0);
    size_t count = descriptions.count;
    struct row_mask_column *columns = ARENA_NEW_ARRAY(&state->result, struct row_mask_column, count);
    if (columns == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        struct message_column column;
        message_column_next(&descriptions, &column);
        if (set_names(session, &column, source, i, count, &all, &columns[i]) != 0) return error_out_of_memory(error);
    }
    state->row_mask = row_mask_new(&state->result, plan, columns, count);
    state->is_plan = statement != NULL && str_equal_cstr(statement->kind, "explain") && count == 1 &&
                     pg_type_find(columns[0].type_oid)->kind == PG_TYPE_TEXT;
    if (state->row_mask != NULL) return 0;
    return error_set(error, ERROR_LIMIT, "a result has more columns than can be masked");
}

static enum copy_mask_format format_of(const struct sql_copy *copy) {
    switch (copy->format) {
    case SQL_COPY_TEXT: return COPY_MASK_TEXT;
    case SQL_COPY_CSV: return COPY_MASK_CSV;
    case SQL_COPY_BINARY: return COPY_MASK_BINARY;
    }
    return COPY_MASK_TEXT;
}

/* Lower-case words and single signs, one space between them. */
static struct str next_word(struct str *text) {
    struct str rest = str_trim(*text);
    size_t end = 0;
    while (end < rest.length && (isalnum((uint8_t)rest.data[end]) || rest.data[end] == '_')) end++;
    if (end == 0 && rest.length > 0) end = 1;
    *text = str_slice(rest, end, rest.length);
    return str_slice(rest, 0, end);
}

/* "COPY (SELECT * FROM name ...) TO" of one table and nothing beside it: its columns are the table's. */
static bool is_plain_star(const struct sql_statement *statement) {
    static const struct str beginning[] = {STR("copy"), STR("("), STR("select"), STR("*"), STR("from")};
    static const struct str other[] = {STR("join"), STR(","), STR("union"), STR("intersect"), STR("except"),
                                       STR("select"), STR("lateral"), STR("as"), STR("/"), STR("-")};
    struct str text = statement->text;
    if (statement->use_count != 1) return false;
    for (size_t i = 0; i < LENGTH_OF(beginning); i++) {
        if (!str_equal_ignoring_case(next_word(&text), beginning[i])) return false;
    }
    if (text.length > 0 && str_trim(text).data[0] == '(') return false;
    while (text.length > 0) {
        struct str word = next_word(&text);
        for (size_t i = 0; i < LENGTH_OF(other); i++) {
            if (str_equal_ignoring_case(word, other[i])) return false;
        }
    }
    return true;
}

/* P: COPY (query) whose outputs cannot be told from its text: each column may be any. */
static int set_any_columns(struct wire_session *session, const struct sql_statement *statement,
                           struct copy_mask_options *options, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct str *names;
    size_t name_count;
    if (collect_names(session, statement, &names, &name_count, error) != 0) return -1;
    struct row_mask_column *columns = ARENA_NEW_ARRAY(&state->result, struct row_mask_column, COPY_COLUMNS_MAX);
    if (columns == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < COPY_COLUMNS_MAX; i++) {
        columns[i].referenced = names;
        columns[i].referenced_count = name_count;
    }
    options->columns = columns;
    options->column_count = COPY_COLUMNS_MAX;
    return 0;
}

/* P: COPY table (a, b): the list; COPY (query): its outputs; COPY table: what the catalog has under that name. */
static int set_copy_columns(struct wire_session *session, const struct sql_statement *statement,
                            struct copy_mask_options *options, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    const struct sql_copy *copy = statement->copy;
    bool is_table = copy->column_count == 0 && copy->name.length > 0;
    bool is_star = copy->column_count == 0 && !is_table && statement->output_count == 0;
    if (is_table || (is_star && is_plain_star(statement)))
        return catalog_table_columns(session->target, state->database,
                                     is_table ? copy->schema : statement->uses[0].schema,
                                     is_table ? copy->name : statement->uses[0].name, is_table, &state->result,
                                     &options->columns, &options->column_count, error);
    if (is_star) return set_any_columns(session, statement, options, error);
    size_t count = copy->column_count > 0 ? copy->column_count : statement->output_count;
    struct row_mask_column *columns = ARENA_NEW_ARRAY(&state->result, struct row_mask_column, count);
    if (columns == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        if (copy->column_count > 0) columns[i].name = copy->columns[i];
        else set_references(&columns[i], statement, i, count);
    }
    options->columns = columns;
    options->column_count = count;
    return 0;
}

static int declare_copy_columns(struct wire_session *session, const struct sql_statement *statement,
                                struct copy_mask_options *options) {
    struct postgres_state *state = postgres_state(session);
    if (session->target->column_count == 0) return 0;
    struct row_mask_column *columns = ARENA_NEW_ARRAY(&state->result, struct row_mask_column, options->column_count);
    if (columns == NULL) return -1;
    for (size_t i = 0; i < options->column_count; i++) {
        columns[i] = options->columns[i];
        if (declared_add(&state->result, session->target, statement, &columns[i]) != 0) return -1;
    }
    options->columns = columns;
    return 0;
}

struct copy_mask *postgres_prepare_copy(struct wire_session *session, const struct mask_plan *plan,
                                        const struct sql_statement *statement, uint8_t format, struct error *error) {
    const struct sql_copy *copy = statement != NULL ? statement->copy : NULL;
    if (copy == NULL || (copy->format == SQL_COPY_BINARY) != (format == 1)) {
        error_set(error, ERROR_UNAVAILABLE, "COPY data comes whose form is not known, so it cannot be inspected");
        return NULL;
    }
    struct copy_mask_options options = copy_mask_options_default(format_of(copy));
    options.delimiter = copy->delimiter;
    options.quote = copy->quote;
    options.escape = copy->escape;
    options.null_text = copy->null_text;
    options.has_header = copy->has_header;
    options.row_bytes_max = session->target->message_bytes_max;
    if (set_copy_columns(session, statement, &options, error) != 0) return NULL;
    if (declare_copy_columns(session, statement, &options) != 0) {
        error_out_of_memory(error);
        return NULL;
    }
    struct copy_mask *mask = copy_mask_new(&options, plan);
    if (mask == NULL) error_out_of_memory(error);
    return mask;
}
