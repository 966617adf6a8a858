/* The tables of names: functions and system relations, sorted, found by binary search. */
#include <stdlib.h>

#include "wire/postgres/sql_builder.h"

struct function_row {
    const char *name;
    enum sql_verb verb;
};

static const struct function_row functions[] = {
#define FUNCTION(name, verb) {name, SQL_##verb},
#include "wire/postgres/sql_functions.def"
#undef FUNCTION
};

static const char *const catalog_relations[] = {
#define CATALOG_RELATION(name) name,
#include "wire/postgres/sql_catalog.def"
#undef CATALOG_RELATION
};

static int compare_function(const void *key, const void *row) {
    return str_compare(*(const struct str *)key, str_from_cstr(((const struct function_row *)row)->name));
}

static int compare_relation(const void *key, const void *row) {
    return str_compare(*(const struct str *)key, str_from_cstr(*(const char *const *)row));
}

bool sql_function_verb(struct str name, enum sql_verb *verb) {
    const struct function_row *row =
        bsearch(&name, functions, LENGTH_OF(functions), sizeof(functions[0]), compare_function);
    if (row != NULL) *verb = row->verb;
    return row != NULL;
}

bool sql_is_catalog_relation(struct str name) {
    if (!str_starts_with(name, STR("pg_"))) return false;
    return bsearch(&name, catalog_relations, LENGTH_OF(catalog_relations), sizeof(catalog_relations[0]),
                   compare_relation) != NULL;
}
