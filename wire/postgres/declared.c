#include "wire/postgres/declared.h"

static bool fits(struct str pattern, struct str name) { return str_equal(pattern, STR("*")) || str_equal(pattern, name); }

/* A name without a schema may be of any. */
static bool touches(const struct sql_statement *statement, const struct wire_column *declared) {
    for (size_t i = 0; i < statement->use_count; i++) {
        const struct sql_use *use = &statement->uses[i];
        bool is_in_schema = use->schema.length == 0 || fits(declared->schema, use->schema);
        if (use->name.length > 0 && is_in_schema && fits(declared->table, use->name)) return true;
    }
    return false;
}

struct str declared_next(const struct wire_upstream *target, const struct sql_statement *statement, struct str column,
                         size_t *at) {
    while (*at < target->column_count) {
        const struct wire_column *declared = &target->columns[(*at)++];
        if (str_equal(declared->column, column) && touches(statement, declared)) return declared->class;
    }
    return STR_NONE;
}

static size_t collect(const struct wire_upstream *target, const struct sql_statement *statement, struct str name,
                      struct str *classes, size_t count, size_t room) {
    size_t at = 0;
    for (struct str class; count < room && (class = declared_next(target, statement, name, &at)).length > 0;) {
        classes[count++] = class;
    }
    return count;
}

int declared_add(struct arena *arena, const struct wire_upstream *target, const struct sql_statement *statement,
                 struct row_mask_column *column) {
    struct str classes[CLASS_MAX];
    size_t count = 0;
    if (target->column_count == 0 || statement == NULL) return 0;
    count = collect(target, statement, column->name, classes, count, CLASS_MAX);
    count = collect(target, statement, column->origin, classes, count, CLASS_MAX);
    for (size_t i = 0; i < column->referenced_count; i++) {
        count = collect(target, statement, column->referenced[i], classes, count, CLASS_MAX);
    }
    if (count == 0) return 0;
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, column->referenced_count + count);
    if (names == NULL) return -1;
    for (size_t i = 0; i < column->referenced_count; i++) names[i] = column->referenced[i];
    for (size_t i = 0; i < count; i++) names[column->referenced_count + i] = classes[i];
    column->referenced = names;
    column->referenced_count += count;
    return 0;
}
