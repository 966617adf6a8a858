#include "wire/postgres/sql_shape.h"

#include "wire/postgres/sql_builder.h"

/* A number of more digits may be no int4 to the parser; one with a leading zero is not written as its value is. */
#define SQL_NUMBER_DIGITS_MAX 9

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What makes a run of digits part of something longer. */
static bool is_joined(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

static bool is_plain(struct str text, size_t at) {
    char c = text.data[at];
    char next = at + 1 < text.length ? text.data[at + 1] : ' ';
    if ((c == '-' && next == '-') || (c == '/' && next == '*')) return false;
    if (c == '\'' || c == '"' || c == '$' || c == '\\') return false;
    return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t' || c == '\r';
}

static bool is_number(struct str run) {
    if (run.length > SQL_NUMBER_DIGITS_MAX || (run.data[0] == '0' && run.length > 1)) return false;
    for (size_t i = 0; i < run.length; i++) {
        if (!is_digit(run.data[i])) return false;
    }
    return true;
}

static bool add_number(struct sql_shape *shape, size_t offset, size_t length_bytes) {
    if (shape->number_count == SQL_SHAPE_NUMBERS_MAX) return false;
    shape->numbers[shape->number_count++] = (struct sql_number){offset, length_bytes};
    shape->key[shape->key_bytes++] = '\0';
    return true;
}

bool sql_shape_read(struct str text, struct sql_shape *shape) {
    shape->key_bytes = shape->number_count = 0;
    if (text.length > SQL_SHAPE_BYTES_MAX) return false;
    for (size_t at = 0; at < text.length;) {
        size_t start = at;
        while (at < text.length && is_joined(text.data[at])) at++;
        if (at == start) {
            if (!is_plain(text, at)) return false;
            shape->key[shape->key_bytes++] = text.data[at++];
        } else if (is_number(str_slice(text, start, at))) {
            if (!add_number(shape, start, at - start)) return false;
        } else {
            memcpy(shape->key + shape->key_bytes, text.data + start, at - start);
            shape->key_bytes += at - start;
        }
    }
    return shape->number_count > 0;
}

struct str sql_shape_key(const struct sql_shape *shape) {
    return str_make(shape->key, shape->key_bytes);
}

/* The number that starts there, or NULL. */
static const struct sql_number *number_at(const struct sql_shape *shape, size_t offset) {
    for (size_t i = 0; i < shape->number_count; i++) {
        if (shape->numbers[i].offset == offset) return &shape->numbers[i];
    }
    return NULL;
}

/* Each number must be known as a literal, which is all that an analysis says of it. A row limit is said apart. */
bool sql_shape_covers(const struct sql_shape *shape, const struct sql_analysis *analysis) {
    static const struct str kinds[] = {{"select", 6}, {"insert", 6}, {"update", 6}, {"delete", 6}};
    if (analysis->statement_count != 1) return false;
    const struct sql_statement *statement = &analysis->statements[0];
    bool is_kind = false;
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) is_kind |= str_equal(statement->kind, kinds[i]);
    if (!is_kind || statement->effect_count > 0 || statement->unknown_reason.length > 0) return false;
    for (size_t i = 0; i < statement->part_count; i++) {
        bool is_insert = str_equal_cstr(statement->parts[i].kind, "insert"); /* by its rows, which are not numbers */
        if (statement->parts[i].has_row_limit && !is_insert) return false;
    }
    uint64_t found = 0;
    for (size_t i = 0; i < statement->literal_count; i++) {
        const struct sql_literal *literal = &statement->literals[i];
        const struct sql_number *number = literal->offset > 0 ? number_at(shape, literal->offset) : NULL;
        if (number == NULL) continue;
        struct str digits = str_slice(analysis->text, number->offset, number->offset + number->length_bytes);
        if (!str_equal(digits, literal->value)) return false;
        found |= UINT64_C(1) << (number - shape->numbers);
    }
    return found == (UINT64_C(1) << shape->number_count) - 1;
}

static struct str text_of(struct str text, const struct sql_analysis *base) {
    size_t before = (size_t)(base->statements[0].text.data - base->text.data);
    size_t behind = base->text.length - before - base->statements[0].text.length;
    return str_slice(text, before, text.length - behind);
}

/* Literals stand in the order of the walk, which need not be that of the text. */
static const struct sql_literal *literals_of(const struct sql_shape *shape, struct sql_analysis *analysis) {
    const struct sql_statement *from = &analysis->base->statements[0];
    struct sql_shape base;
    struct sql_literal *literals = ARENA_NEW_ARRAY(&analysis->arena, struct sql_literal, from->literal_count);
    if (literals == NULL || !sql_shape_read(analysis->base->text, &base)) return NULL;
    for (size_t i = 0; i < from->literal_count; i++) {
        literals[i] = from->literals[i];
        const struct sql_number *old = literals[i].offset > 0 ? number_at(&base, literals[i].offset) : NULL;
        if (old == NULL) continue;
        const struct sql_number *number = &shape->numbers[old - base.numbers];
        literals[i].offset = number->offset;
        literals[i].value = str_slice(analysis->text, number->offset, number->offset + number->length_bytes);
    }
    return literals;
}

struct sql_analysis *sql_shape_apply(const struct sql_shape *shape, struct str text, const struct sql_analysis *base,
                                     struct error *error) {
    struct sql_analysis *analysis = sql_analysis_begin(text, error);
    if (analysis == NULL) return NULL;
    analysis->base = sql_analysis_hold(base);
    analysis->is_ascii = true;
    struct sql_statement *statement = ARENA_NEW(&analysis->arena, struct sql_statement);
    const struct sql_literal *literals = statement != NULL ? literals_of(shape, analysis) : NULL;
    if (literals == NULL) {
        const struct sql_analysis *dropped = analysis;
        sql_analysis_release(&dropped);
        error_out_of_memory(error);
        return NULL;
    }
    *statement = base->statements[0];
    statement->text = text_of(analysis->text, base);
    statement->literals = literals;
    analysis->statements = statement;
    analysis->statement_count = 1;
    return analysis;
}
