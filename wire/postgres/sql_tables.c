/* The tables of names: functions, operators, system relations; sorted, found by binary search. */
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

static const char *const builtin_functions[] = {
#include "wire/postgres/sql_functions_read.def"
};

static const char *const contrib_functions[] = {
#include "wire/postgres/sql_functions_contrib.def"
};

static const char *const record_functions[] = {
#include "wire/postgres/sql_functions_record.def"
};

static const char *const operators[] = {
#include "wire/postgres/sql_operators.def"
};

static const char *const catalog_relations[] = {
#define CATALOG_RELATION(name) name,
#include "wire/postgres/sql_catalog.def"
#undef CATALOG_RELATION
};

static int compare_function(const void *key, const void *row) {
    return str_compare(*(const struct str *)key, str_from_cstr(((const struct function_row *)row)->name));
}

static int compare_name(const void *key, const void *row) {
    return str_compare(*(const struct str *)key, str_from_cstr(*(const char *const *)row));
}

static bool holds(const char *const *names, size_t count, struct str name) {
    return bsearch(&name, names, count, sizeof(names[0]), compare_name) != NULL;
}

bool sql_function_verb(struct str name, enum sql_verb *verb) {
    const struct function_row *row =
        bsearch(&name, functions, LENGTH_OF(functions), sizeof(functions[0]), compare_function);
    if (row != NULL) *verb = row->verb;
    return row != NULL;
}

bool sql_function_reads(struct str schema, struct str name) {
    bool is_builtin = schema.length == 0 || str_equal_cstr(schema, "pg_catalog") ||
                      str_equal_cstr(schema, "information_schema");
    return (is_builtin && holds(builtin_functions, LENGTH_OF(builtin_functions), name)) ||
           holds(contrib_functions, LENGTH_OF(contrib_functions), name);
}

bool sql_function_makes_record(struct str name) {
    return holds(record_functions, LENGTH_OF(record_functions), name);
}

bool sql_is_operator_known(struct str schema, struct str name) {
    return (schema.length == 0 || str_equal_cstr(schema, "pg_catalog")) && holds(operators, LENGTH_OF(operators), name);
}

bool sql_is_catalog_relation(struct str name) {
    return str_starts_with(name, STR("pg_")) && holds(catalog_relations, LENGTH_OF(catalog_relations), name);
}

bool sql_is_statistics_relation(struct str name) {
    static const char *const names[] = {"pg_statistic", "pg_statistic_ext_data", "pg_stats", "pg_stats_ext",
                                        "pg_stats_ext_exprs"};
    return holds(names, LENGTH_OF(names), name);
}
