/* The tables of verbs and operations. */
#include "model/operation.h"

static const struct operation operations[] = {
#define OPERATION(table, method, path, name) \
    {{method, sizeof(method) - 1}, {path, sizeof(path) - 1}, {#table ":" name, sizeof(#table ":" name) - 1}},
#include "model/operations.def"
#undef OPERATION
};

const struct verb model_verbs[] = {
#define VERB(name, group) {{name, sizeof(name) - 1}, {group, sizeof(group) - 1}},
#include "model/verbs.def"
#undef VERB
#define OPERATION(table, method, path, name) {{#table ":" name, sizeof(#table ":" name) - 1}, {"http", 4}},
#include "model/operations.def"
#undef OPERATION
};
const size_t model_verb_count = LENGTH_OF(model_verbs);

static bool is_of_table(const struct operation *operation, struct str name) {
    return str_starts_with(operation->verb, name) && operation->verb.length > name.length &&
           operation->verb.data[name.length] == ':';
}

/* The rows of a table stand together. */
bool operation_table_find(struct str name, struct operation_table *table) {
    *table = (struct operation_table){.name = name};
    for (size_t i = 0; i < LENGTH_OF(operations); i++) {
        if (!is_of_table(&operations[i], name)) continue;
        if (table->count++ == 0) table->items = &operations[i];
    }
    return table->count > 0;
}
