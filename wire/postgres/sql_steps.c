/* The steps of an action as they are gathered: each question once, and equal lists of attributes once. */
#include "wire/postgres/sql_session.h"

/* So few are compared with each other. More are found by a digest, so that a text of many is no square of work. */
#define COMPARED_MAX 32

void sql_steps_begin(struct sql_steps *steps, struct action *action) {
    *steps = (struct sql_steps){.action = action};
    map_init(&steps->found);
    action->steps = NULL;
    action->step_count = 0;
}

void sql_steps_end(struct sql_steps *steps) {
    map_free(&steps->found);
}

static bool is_same_step(const struct action_step *a, const struct action_step *b) {
    return str_equal(a->verb, b->verb) && str_equal(a->resource->type, b->resource->type) &&
           str_equal(a->resource->id, b->resource->id) &&
           attributes_equal(a->attributes, a->attribute_count, b->attributes, b->attribute_count);
}

/* Equal lists are one list (sql_steps_attributes), so that its address stands for it, as a resource's does. */
static struct str key_of(const struct action_step *step, struct sha256 *key) {
    const struct str parts[] = {step->verb, step->resource->type, {"", 1}, step->resource->id, {"", 1},
                                str_make(&step->attributes, sizeof(step->attributes))};
    *key = sha256_of_parts(parts, LENGTH_OF(parts));
    return str_make(key->bytes, sizeof(key->bytes));
}

static int remember(struct sql_steps *steps, const struct action_step *step) {
    struct sha256 key;
    struct str kept = arena_copy(&steps->action->arena, key_of(step, &key));
    return kept.data != NULL ? map_set(&steps->found, kept, steps) : -1;
}

static bool is_there(struct sql_steps *steps, const struct action_step *added) {
    const struct action *action = steps->action;
    struct sha256 key;
    if (action->step_count > COMPARED_MAX) return map_get(&steps->found, key_of(added, &key)) != NULL;
    for (size_t i = action->step_count; i > 0; i--) {
        if (is_same_step(&action->steps[i - 1], added)) return true;
    }
    return false;
}

static int grow(struct sql_steps *steps) {
    struct action *action = steps->action;
    size_t capacity = steps->capacity > 0 ? steps->capacity * 2 : 4;
    struct action_step *grown = ARENA_NEW_ARRAY(&action->arena, struct action_step, capacity);
    if (grown == NULL) return -1;
    if (action->step_count > 0) memcpy(grown, action->steps, action->step_count * sizeof(*grown));
    action->steps = grown;
    steps->capacity = capacity;
    return 0;
}

int sql_steps_add(struct sql_steps *steps, const struct action_step *added) {
    struct action *action = steps->action;
    if (is_there(steps, added)) return 0;
    if (action->step_count == SQL_STEPS_MAX) return -1;
    if (action->step_count == steps->capacity && grow(steps) != 0) return -1;
    action->steps[action->step_count++] = *added;
    if (action->step_count <= COMPARED_MAX) return 0;
    size_t first = action->step_count == COMPARED_MAX + 1 ? 0 : action->step_count - 1;
    for (size_t i = first; i < action->step_count; i++) {
        if (remember(steps, &action->steps[i]) != 0) return -1;
    }
    return 0;
}

static int copy_names(struct arena *arena, struct attribute *attribute) {
    struct str *copies = ARENA_NEW_ARRAY(arena, struct str, attribute->set.count + 1);
    if (copies == NULL) return -1;
    for (size_t i = 0; i < attribute->set.count; i++) {
        copies[i] = arena_copy(arena, attribute->set.items[i]);
        if (copies[i].data == NULL) return -1;
    }
    attribute->set.items = copies;
    return 0;
}

/* Strings of an analysis may go before the action does. */
static const struct attribute *copy_attributes(struct arena *arena, const struct attribute *from, size_t count) {
    struct attribute *list = ARENA_NEW_ARRAY(arena, struct attribute, count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = from[i];
        enum attribute_kind kind = attribute_descriptions[from[i].id].kind;
        if (kind == ATTRIBUTE_KIND_STRING) list[i].string = arena_copy(arena, from[i].string);
        if (kind == ATTRIBUTE_KIND_STRING && list[i].string.data == NULL) return NULL;
        if (kind == ATTRIBUTE_KIND_SET && copy_names(arena, &list[i]) != 0) return NULL;
    }
    return list;
}

static size_t measure(const struct sql_part *part, struct str role, struct str via, bool is_in_transaction,
                      struct attribute *list) {
    size_t count = 0;
    list[count++] = (struct attribute){.id = ATTRIBUTE_STATEMENT, .string = part->kind};
    if (part->is_where_relevant) {
        list[count++] = (struct attribute){.id = ATTRIBUTE_HAS_WHERE, .boolean = part->has_where};
    }
    if (part->is_change) {
        list[count++] = (struct attribute){.id = ATTRIBUTE_TOUCHES_ALL_ROWS, .boolean = part->touches_all_rows};
    }
    if (part->is_limit_relevant) {
        list[count++] = (struct attribute){.id = ATTRIBUTE_HAS_LIMIT, .boolean = part->has_limit};
        list[count++] = (struct attribute){.id = ATTRIBUTE_BOUNDED_ROWS, .boolean = part->has_row_limit};
    }
    if (part->has_row_limit) list[count++] = (struct attribute){.id = ATTRIBUTE_ROW_LIMIT, .integer = part->row_limit};
    struct attribute functions = {.id = ATTRIBUTE_FUNCTIONS};
    functions.set.items = part->functions;
    functions.set.count = part->function_count;
    list[count++] = functions;
    if (role.length > 0) list[count++] = (struct attribute){.id = ATTRIBUTE_ROLE, .string = role};
    if (via.length > 0) list[count++] = (struct attribute){.id = ATTRIBUTE_VIA_VIEW, .string = via};
    list[count++] = (struct attribute){.id = ATTRIBUTE_IN_TRANSACTION, .boolean = is_in_transaction};
    return count;
}

const struct attribute *sql_steps_attributes(struct sql_steps *steps, const struct sql_part *part, struct str role,
                                             struct str via, bool is_in_transaction, size_t *count) {
    struct attribute list[ATTRIBUTE_COUNT];
    *count = measure(part, role, via, is_in_transaction, list);
    for (size_t i = 0; i < steps->recent_count; i++) {
        const struct sql_attributes *recent = &steps->recent[i];
        if (attributes_equal(recent->list, recent->count, list, *count)) return recent->list;
    }
    const struct attribute *kept = copy_attributes(&steps->action->arena, list, *count);
    size_t slot = steps->next_recent++ % LENGTH_OF(steps->recent);
    if (kept == NULL) return NULL;
    if (steps->recent_count < LENGTH_OF(steps->recent)) steps->recent_count++;
    steps->recent[slot] = (struct sql_attributes){kept, *count};
    return kept;
}
