/* Gathers what the walk finds: lists that grow in the scratch arena and are copied, exact, into the analysis. */
#include "wire/postgres/sql_builder.h"

#include <stdlib.h>

void *sql_list_add(struct sql_builder *builder, struct sql_list *list, size_t item_bytes) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 8;
        void *items = arena_alloc_array(builder->scratch, capacity, item_bytes);
        if (items == NULL) {
            builder->is_out_of_memory = true;
            return NULL;
        }
        if (list->count > 0) memcpy(items, list->items, list->count * item_bytes);
        list->items = items;
        list->capacity = capacity;
    }
    return (char *)list->items + list->count++ * item_bytes;
}

struct str sql_keep(struct sql_builder *builder, struct str s) {
    if (s.length == 0) return STR("");
    struct str copy = arena_copy(builder->arena, s);
    if (copy.data == NULL) builder->is_out_of_memory = true;
    return copy;
}

struct str sql_keep_cstr(struct sql_builder *builder, const char *text) {
    return sql_keep(builder, str_from_cstr(text));
}

void sql_add_use(struct sql_builder *builder, enum sql_verb verb, struct str schema, struct str name) {
    struct sql_list *list = &builder->draft->uses;
    const struct sql_use *uses = list->items;
    for (size_t i = 0; i < list->count; i++) {
        bool is_same = uses[i].verb == verb && uses[i].part == builder->draft->part;
        if (is_same && str_equal(uses[i].name, name) && str_equal(uses[i].schema, schema)) return;
    }
    if (list->count == SQL_USES_MAX) {
        sql_add_unknown(builder, "the statement names too many tables");
        return;
    }
    struct sql_use *use = sql_list_add(builder, list, sizeof(*use));
    if (use == NULL) return;
    *use = (struct sql_use){verb, (uint32_t)builder->draft->part, sql_keep(builder, schema), sql_keep(builder, name)};
}

void sql_add_unknown(struct sql_builder *builder, const char *reason) {
    struct sql_list *list = &builder->draft->uses;
    const struct sql_use *uses = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (uses[i].verb == SQL_UNKNOWN) return;
    }
    struct sql_use *use = sql_list_add(builder, list, sizeof(*use));
    if (use != NULL) *use = (struct sql_use){.verb = SQL_UNKNOWN, .part = (uint32_t)builder->draft->part};
    builder->draft->statement.unknown_reason = sql_keep_cstr(builder, reason);
}

void sql_add_relation(struct sql_builder *builder, enum sql_verb verb, const PgQuery__RangeVar *relation) {
    struct str schema = str_from_cstr(relation->schemaname);
    struct str name = str_from_cstr(relation->relname);
    if (name.length == 0) return;
    if (schema.length == 0 && str_equal_cstr(str_from_cstr(relation->relpersistence), "t")) schema = STR("pg_temp");
    if (schema.length == 0 && verb == SQL_DDL) schema = builder->schema;
    bool is_catalog = schema.length == 0 || str_equal_cstr(schema, "pg_catalog");
    if (is_catalog && sql_is_statistics_relation(name)) {
        sql_add_unknown(builder, "it reads statistics, which hold values of other tables");
    }
    sql_add_use(builder, verb, schema, name);
    if (relation->catalogname == NULL || relation->catalogname[0] == '\0') return;
    sql_add_effect(builder, SQL_EFFECT_NAMES_DATABASE, relation->catalogname);
}

bool sql_has_verb_since(const struct sql_builder *builder, size_t first_use, enum sql_verb verb) {
    const struct sql_use *uses = builder->draft->uses.items;
    for (size_t i = first_use; i < builder->draft->uses.count; i++) {
        if (uses[i].verb == verb) return true;
    }
    return false;
}

struct sql_draft_part *sql_part(struct sql_builder *builder) {
    CHECK(builder->draft->part < builder->draft->parts.count);
    return ((struct sql_draft_part **)builder->draft->parts.items)[builder->draft->part];
}

static struct sql_draft_part *add_part(struct sql_builder *builder) {
    struct sql_draft_part *part = ARENA_NEW(builder->scratch, struct sql_draft_part);
    struct sql_draft_part **slot = part != NULL ? sql_list_add(builder, &builder->draft->parts, sizeof(part)) : NULL;
    if (slot == NULL) {
        builder->is_out_of_memory = true;
        return NULL;
    }
    *part = (struct sql_draft_part){.part = {.has_where = true}};
    map_init(&part->function_set);
    return *slot = part;
}

size_t sql_part_begin(struct sql_builder *builder, struct str kind, const ProtobufCMessage *message) {
    size_t outer = builder->draft->part;
    if (builder->draft->parts.count == SQL_PARTS_MAX) {
        sql_add_unknown(builder, "the statement holds too many statements");
        return outer;
    }
    struct sql_draft_part *part = add_part(builder);
    if (part == NULL) return outer;
    part->part.kind = kind;
    part->message = message;
    builder->draft->part = builder->draft->parts.count - 1;
    return outer;
}

void sql_part_end(struct sql_builder *builder, size_t outer) {
    builder->draft->part = outer;
}

static void add_to_set(struct sql_builder *builder, struct map *set, struct sql_list *list, struct str name) {
    if (name.length == 0 || map_get(set, name) != NULL) return;
    if (list->count == SQL_FUNCTIONS_MAX) {
        sql_add_unknown(builder, "the statement names too many functions or columns");
        return;
    }
    struct str *item = sql_list_add(builder, list, sizeof(*item));
    if (item == NULL) return;
    *item = sql_keep(builder, name);
    if (map_set(set, *item, builder) != 0) builder->is_out_of_memory = true;
}

static void add_call(struct sql_builder *builder, const struct sql_call *call) {
    struct sql_list *list = &builder->draft->calls;
    const struct sql_call *calls = list->items;
    for (size_t i = list->count; i > 0; i--) {
        bool is_same = calls[i - 1].kind == call->kind && calls[i - 1].part == builder->draft->part;
        if (is_same && str_equal(calls[i - 1].name, call->name) && str_equal(calls[i - 1].schema, call->schema) &&
            str_equal(calls[i - 1].qualifier, call->qualifier)) return;
    }
    if (list->count == SQL_CALLS_MAX) {
        sql_add_unknown(builder, "the statement calls too many functions");
        return;
    }
    struct sql_call *added = sql_list_add(builder, list, sizeof(*added));
    if (added == NULL) return;
    *added = (struct sql_call){call->kind, (uint32_t)builder->draft->part, sql_keep(builder, call->schema),
                               sql_keep(builder, call->name), sql_keep(builder, call->qualifier)};
}

static void add_verb_of_function(struct sql_builder *builder, struct str schema, struct str name) {
    enum sql_verb verb;
    if (!sql_function_verb(name, &verb)) {
        struct sql_call call = {.kind = SQL_CALL_FUNCTION, .schema = schema, .name = name};
        if (!sql_function_reads(schema, name)) add_call(builder, &call);
        return;
    }
    if (verb == SQL_UNKNOWN) {
        sql_add_unknown(builder, "it calls a function that runs SQL made at run time, or reads a table named in text");
    } else {
        sql_add_use(builder, verb, STR_NONE, STR_NONE);
    }
}

/* Its name only: it is not called now. */
void sql_add_function_name(struct sql_builder *builder, struct str schema, struct str name) {
    struct str full = name;
    if (schema.length > 0) {
        full = arena_format(builder->scratch, "%.*s.%.*s", STR_ARGS(schema), STR_ARGS(name));
        if (full.data == NULL) builder->is_out_of_memory = true;
    }
    add_to_set(builder, &sql_part(builder)->function_set, &sql_part(builder)->functions, full);
}

void sql_add_function(struct sql_builder *builder, PgQuery__Node *const *names, size_t count) {
    if (count == 0) return;
    struct str name = sql_node_string(names[count - 1]);
    struct str schema = count > 1 ? sql_node_string(names[count - 2]) : STR_NONE;
    sql_add_function_name(builder, schema, name);
    add_verb_of_function(builder, schema, name);
}

void sql_add_operator(struct sql_builder *builder, PgQuery__Node *const *names, size_t count) {
    if (count == 0) return;
    struct str name = sql_node_string(names[count - 1]);
    struct str schema = count > 1 ? sql_node_string(names[count - 2]) : STR_NONE;
    if (name.length == 0 || sql_is_operator_known(schema, name)) return;
    sql_add_function_name(builder, schema, name);
    add_call(builder, &(struct sql_call){.kind = SQL_CALL_FUNCTION, .schema = schema, .name = name});
}

/* PostgreSQL calls f(x) for x.f where x has no column of that name, and for (x).f. What is on the list of those that do
 * more than read counts at once. */
static bool add_if_listed(struct sql_builder *builder, struct str name) {
    enum sql_verb verb;
    if (!sql_function_verb(name, &verb)) return sql_function_reads(STR_NONE, name);
    sql_add_function_name(builder, STR_NONE, name);
    add_verb_of_function(builder, STR_NONE, name);
    return true;
}

void sql_add_possible_function(struct sql_builder *builder, struct str qualifier, struct str name) {
    if (name.length == 0 || add_if_listed(builder, name)) return;
    add_call(builder, &(struct sql_call){.kind = SQL_CALL_COLUMN, .name = name, .qualifier = qualifier});
}

/* What has columns of its own: a function of the list that says so. Any other value may be of any type. */
static bool is_record(const PgQuery__Node *node) {
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || node->func_call->n_funcname == 0) return false;
    return sql_function_makes_record(sql_node_string(node->func_call->funcname[node->func_call->n_funcname - 1]));
}

void sql_add_field(struct sql_builder *builder, const PgQuery__Node *of, struct str name) {
    sql_add_function_name(builder, STR_NONE, name);
    if (add_if_listed(builder, name) || is_record(of)) return;
    add_call(builder, &(struct sql_call){.kind = SQL_CALL_FIELD, .name = name});
}

void sql_add_column(struct sql_builder *builder, struct str name) {
    add_to_set(builder, &builder->draft->column_set, &builder->draft->columns, name);
    struct sql_list *output = builder->draft->output_columns;
    if (output == NULL || name.length == 0) return;
    struct str *item = sql_list_add(builder, output, sizeof(*item));
    if (item != NULL) *item = name;
}

void sql_add_literal(struct sql_builder *builder, struct str value, size_t offset) {
    struct sql_literal *literal = sql_list_add(builder, &builder->draft->literals, sizeof(*literal));
    if (literal != NULL) *literal = (struct sql_literal){builder->literal_name, sql_keep(builder, value), offset};
}

void sql_add_parameter(struct sql_builder *builder, int32_t number) {
    struct sql_list *list = &builder->draft->parameter_names;
    if (number < 1 || number > SQL_PARAMETERS_MAX) return;
    while (list->count < (size_t)number) {
        struct str *empty = sql_list_add(builder, list, sizeof(*empty));
        if (empty == NULL) return;
        *empty = STR("");
    }
    struct str *name = (struct str *)list->items + (number - 1);
    if (name->length == 0) *name = builder->literal_name;
}

struct sql_effect *sql_add_effect(struct sql_builder *builder, enum sql_effect_kind kind, const char *name) {
    struct sql_effect *effect = sql_list_add(builder, &builder->draft->effects, sizeof(*effect));
    if (effect == NULL) return NULL;
    *effect = (struct sql_effect){.kind = kind, .name = sql_keep_cstr(builder, name)};
    return effect;
}

void sql_draft_begin(struct sql_builder *builder, struct sql_draft *draft) {
    *draft = (struct sql_draft){0};
    map_init(&draft->column_set);
    builder->draft = draft;
}

static int compare_names(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static const void *keep_list(struct sql_builder *builder, const struct sql_list *list, size_t item_bytes,
                             size_t *count) {
    *count = list->count;
    if (list->count == 0) return NULL;
    void *items = arena_alloc_array(builder->arena, list->count, item_bytes);
    if (items == NULL) {
        builder->is_out_of_memory = true;
        *count = 0;
        return NULL;
    }
    return memcpy(items, list->items, list->count * item_bytes);
}

static const struct str *keep_sorted(struct sql_builder *builder, struct sql_list *list, size_t *count) {
    if (list->count > 1) qsort(list->items, list->count, sizeof(struct str), compare_names);
    return keep_list(builder, list, sizeof(struct str), count);
}

/* The columns behind one output column: what it names, and what stands behind that where it is an alias somewhere in
 * the statement. Rounds are bounded by the number of names that there are. */
static struct sql_output resolve_output(struct sql_builder *builder, struct sql_list *names) {
    struct sql_list all = {0};
    struct map seen;
    map_init(&seen);
    for (size_t i = 0; i < names->count; i++) {
        add_to_set(builder, &seen, &all, ((const struct str *)names->items)[i]);
    }
    const struct sql_alias *aliases = builder->draft->aliases.items;
    for (size_t i = 0; i < all.count && !builder->is_out_of_memory; i++) {
        struct str name = ((const struct str *)all.items)[i];
        for (size_t j = 0; j < builder->draft->aliases.count; j++) {
            if (str_equal(aliases[j].name, name)) add_to_set(builder, &seen, &all, aliases[j].column);
        }
    }
    map_free(&seen);
    struct sql_output output;
    output.names = keep_sorted(builder, &all, &output.name_count);
    return output;
}

/* x.x, and x.y in f(...) AS x(y), are the value itself. */
static bool is_value_itself(const struct sql_scalar *scalar, struct str name) {
    bool is_it = str_equal(scalar->name, name);
    for (size_t i = 0; scalar->alias != NULL && i < scalar->alias->n_colnames; i++) {
        is_it |= str_equal(sql_node_string(scalar->alias->colnames[i]), name);
    }
    return is_it;
}

/* x.f where x is a value that a function in FROM gives is a call of f. */
static void settle_columns(struct sql_draft *draft) {
    struct sql_call *calls = draft->calls.items;
    const struct sql_scalar *scalars = draft->scalars.items;
    for (size_t i = 0; i < draft->calls.count; i++) {
        for (size_t j = 0; calls[i].kind == SQL_CALL_COLUMN && j < draft->scalars.count; j++) {
            bool is_of_it = str_equal(calls[i].qualifier, scalars[j].name);
            if (is_of_it && !is_value_itself(&scalars[j], calls[i].name)) calls[i].kind = SQL_CALL_FIELD;
        }
    }
}

static int compare_calls(const void *a, const void *b) {
    return (int)((const struct sql_call *)a)->kind - (int)((const struct sql_call *)b)->kind;
}

static void keep_calls(struct sql_builder *builder, struct sql_draft *draft, struct sql_statement *statement) {
    settle_columns(draft);
    if (draft->calls.count > 1) qsort(draft->calls.items, draft->calls.count, sizeof(struct sql_call), compare_calls);
    statement->calls = keep_list(builder, &draft->calls, sizeof(struct sql_call), &statement->call_count);
}

#define SQL_OUTPUT_WORK_MAX 100000 /* outputs times aliases: past it nothing is computed, and all columns count */

static void keep_outputs(struct sql_builder *builder, struct sql_statement *statement) {
    struct sql_draft *draft = builder->draft;
    size_t count = draft->outputs.count;
    statement->has_whole_row = sql_output_has_row(draft);
    if (draft->star_count > 1) draft->is_output_doubtful = true;
    if (draft->is_output_doubtful || count == 0 || count * (draft->aliases.count + 1) > SQL_OUTPUT_WORK_MAX) return;
    struct sql_output *outputs = ARENA_NEW_ARRAY(builder->arena, struct sql_output, count);
    if (outputs == NULL) {
        builder->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        outputs[i] = resolve_output(builder, &((struct sql_list *)draft->outputs.items)[i]);
    }
    if (draft->star_count == 1) {
        statement->starred = outputs;
        statement->starred_count = count;
        statement->star = draft->star;
        return;
    }
    statement->outputs = outputs;
    statement->output_count = count;
}

static void keep_parts(struct sql_builder *builder, struct sql_draft *draft, struct sql_statement *statement) {
    struct sql_draft_part *const *drafts = draft->parts.items;
    size_t count = draft->parts.count;
    struct sql_part *parts = ARENA_NEW_ARRAY(builder->arena, struct sql_part, count + 1);
    if (parts == NULL) builder->is_out_of_memory = true;
    for (size_t i = 0; i < count; i++) {
        size_t function_count = 0;
        const struct str *functions = keep_sorted(builder, &drafts[i]->functions, &function_count);
        map_free(&drafts[i]->function_set);
        if (parts == NULL) continue;
        parts[i] = drafts[i]->part;
        if (function_count == 0) continue; /* an absorbed one has them already */
        parts[i].functions = functions;
        parts[i].function_count = function_count;
    }
    statement->parts = parts;
    statement->part_count = parts != NULL ? count : 0;
    if (statement->part_count > 0) statement->kind = parts[0].kind;
}

/* A function, a procedure or DO may open a cursor that lives on; what it reads was asked about when the code was run. */
static void note_opening(struct sql_builder *builder, struct sql_draft *draft) {
    const struct sql_call *calls = draft->calls.items;
    struct sql_draft_part *const *parts = draft->parts.items;
    bool opens = false;
    for (size_t i = 0; i < draft->calls.count; i++) opens |= calls[i].kind != SQL_CALL_COLUMN;
    for (size_t i = 0; i < draft->parts.count; i++) opens |= str_equal_cstr(parts[i]->part.kind, "do");
    if (opens) (void)sql_add_effect(builder, SQL_EFFECT_OPENS, NULL);
}

void sql_draft_end(struct sql_builder *builder, struct sql_draft *draft, struct sql_statement *statement) {
    note_opening(builder, draft);
    *statement = draft->statement;
    keep_calls(builder, draft, statement);
    keep_parts(builder, draft, statement);
    keep_outputs(builder, statement);
    statement->uses = keep_list(builder, &draft->uses, sizeof(struct sql_use), &statement->use_count);
    statement->literals = keep_list(builder, &draft->literals, sizeof(struct sql_literal), &statement->literal_count);
    statement->parameter_names =
        keep_list(builder, &draft->parameter_names, sizeof(struct str), &statement->parameter_count);
    statement->columns = keep_sorted(builder, &draft->columns, &statement->column_count);
    statement->effects = keep_list(builder, &draft->effects, sizeof(struct sql_effect), &statement->effect_count);
    map_free(&draft->column_set);
}

/* The parts of the inner statement become parts of the outer one, and its uses go with them. */
static void absorb_parts(struct sql_builder *builder, const struct sql_statement *inner) {
    struct sql_draft *draft = builder->draft;
    size_t outer = draft->part;
    size_t first = draft->parts.count;
    if (first + inner->part_count > SQL_PARTS_MAX) {
        sql_add_unknown(builder, "the statement holds too many statements");
        return;
    }
    for (size_t i = 0; i < inner->part_count; i++) {
        struct sql_draft_part *part = add_part(builder);
        if (part == NULL) return;
        part->part = inner->parts[i];
    }
    for (size_t i = 0; i < inner->use_count; i++) {
        const struct sql_use *use = &inner->uses[i];
        draft->part = first + use->part;
        if (use->verb != SQL_UNKNOWN) sql_add_use(builder, use->verb, use->schema, use->name);
    }
    for (size_t i = 0; i < inner->call_count; i++) {
        draft->part = first + inner->calls[i].part;
        add_call(builder, &inner->calls[i]);
    }
    draft->part = outer;
}

static void absorb_names(struct sql_builder *builder, const struct sql_statement *inner) {
    struct sql_draft *draft = builder->draft;
    if (inner->unknown_reason.length > 0) sql_add_unknown(builder, inner->unknown_reason.data);
    for (size_t i = 0; i < inner->column_count; i++) {
        add_to_set(builder, &draft->column_set, &draft->columns, inner->columns[i]);
    }
    for (size_t i = 0; i < inner->literal_count; i++) {
        struct sql_literal *literal = sql_list_add(builder, &draft->literals, sizeof(*literal));
        if (literal != NULL) *literal = inner->literals[i];
    }
}

static void absorb_effect(struct sql_builder *builder, const struct sql_effect *inner) {
    struct sql_effect *effect = sql_list_add(builder, &builder->draft->effects, sizeof(*effect));
    if (effect != NULL) *effect = *inner;
}

void sql_absorb(struct sql_builder *builder, const struct sql_statement *inner) {
    absorb_parts(builder, inner);
    absorb_names(builder, inner);
    for (size_t i = 0; i < inner->effect_count; i++) absorb_effect(builder, &inner->effects[i]);
}

void sql_absorb_plan(struct sql_builder *builder, const struct sql_statement *inner) {
    for (size_t i = 0; i < inner->use_count; i++) {
        const struct sql_use *use = &inner->uses[i];
        bool is_change = use->verb == SQL_WRITE || use->verb == SQL_DDL;
        if (use->verb != SQL_UNKNOWN) sql_add_use(builder, is_change ? SQL_READ : use->verb, use->schema, use->name);
    }
    struct sql_draft_part *part = sql_part(builder);
    for (size_t i = 0; i < inner->part_count; i++) {
        for (size_t j = 0; j < inner->parts[i].function_count; j++) {
            add_to_set(builder, &part->function_set, &part->functions, inner->parts[i].functions[j]);
        }
    }
    for (size_t i = 0; i < inner->call_count; i++) add_call(builder, &inner->calls[i]);
    absorb_names(builder, inner);
    for (size_t i = 0; i < inner->effect_count; i++) {
        enum sql_effect_kind kind = inner->effects[i].kind;
        bool is_about_names = kind == SQL_EFFECT_EXECUTE || kind == SQL_EFFECT_NAMES_DATABASE;
        if (is_about_names) absorb_effect(builder, &inner->effects[i]);
    }
}
