/* How types relate: below, least above, disjoint; attributes and tags of types.
 *
 * Strict: records agree in their fields, and in which are required; entity types are the same or have nothing above
 * both. Permissive: a field that is optional in one is optional above both, one that only one has or that has no
 * common type is left out of an open record, and entity types join to "one of these".
 *
 * Recursion is bounded by the depth of types: that of expressions plus CEDAR_SCHEMA_DEPTH_MAX. */
#include "cedar/validate.h"

static bool has_entity(const struct cedar_type *type, const struct cedar_entity_type *entity) {
    for (uint32_t i = 0; i < type->count; i++) {
        if (type->entities[i] == entity) return true;
    }
    return false;
}

static bool is_record_below(const struct cedar_type *a, const struct cedar_type *b, enum cedar_validation_mode mode) {
    if (!b->is_open && (a->is_open || a->count != b->count)) return false;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct cedar_type_field *field = cedar_type_field_find(a, b->fields[i].name);
        if (field == NULL || !cedar_type_is_subtype(field->type, b->fields[i].type, mode)) return false;
        if (field->is_required == b->fields[i].is_required) continue;
        if (mode == CEDAR_STRICT || !field->is_required) return false;
    }
    return true;
}

bool cedar_type_is_subtype(const struct cedar_type *a, const struct cedar_type *b, enum cedar_validation_mode mode) {
    if (a == b || a->kind == CEDAR_TYPE_NEVER || b->kind == CEDAR_TYPE_ANY) return true;
    switch (b->kind) {
    case CEDAR_TYPE_BOOL: return a->kind >= CEDAR_TYPE_TRUE && a->kind <= CEDAR_TYPE_BOOL;
    case CEDAR_TYPE_ANY_ENTITY: return a->kind == CEDAR_TYPE_ENTITY || a->kind == CEDAR_TYPE_ANY_ENTITY;
    case CEDAR_TYPE_SET:
        if (a->kind != CEDAR_TYPE_SET) return false;
        return b->element == NULL || (a->element != NULL && cedar_type_is_subtype(a->element, b->element, mode));
    case CEDAR_TYPE_RECORD: return a->kind == CEDAR_TYPE_RECORD && is_record_below(a, b, mode);
    case CEDAR_TYPE_ENTITY:
        if (a->kind != CEDAR_TYPE_ENTITY) return false;
        for (uint32_t i = 0; i < a->count; i++) {
            if (!has_entity(b, a->entities[i])) return false;
        }
        return true;
    default: return a->kind == b->kind;
    }
}

bool cedar_type_are_disjoint(const struct cedar_type *a, const struct cedar_type *b) {
    if (a->kind != CEDAR_TYPE_ENTITY || b->kind != CEDAR_TYPE_ENTITY) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (has_entity(b, a->entities[i])) return false;
    }
    return true;
}

static struct cedar_type *make(struct cedar_checker *checker, uint8_t kind) {
    struct cedar_type *type = ARENA_NEW(checker->scratch, struct cedar_type);
    if (type == NULL) checker->report->has_failed = true;
    else *type = (struct cedar_type){.kind = kind, .depth = 1, .node_count = 1};
    return type;
}

/* One of the entity types of either, by index. */
static const struct cedar_type *join_entities(struct cedar_checker *checker, const struct cedar_type *a,
                                              const struct cedar_type *b) {
    struct cedar_type *type = make(checker, CEDAR_TYPE_ENTITY);
    const struct cedar_entity_type **entities =
        ARENA_NEW_ARRAY(checker->scratch, const struct cedar_entity_type *, (size_t)a->count + b->count);
    if (type == NULL || entities == NULL) {
        checker->report->has_failed = true;
        return NULL;
    }
    uint32_t left = 0, right = 0;
    while (left < a->count || right < b->count) {
        bool takes_left = right == b->count ||
                          (left < a->count && a->entities[left]->index <= b->entities[right]->index);
        const struct cedar_entity_type *next = takes_left ? a->entities[left++] : b->entities[right++];
        if (type->count == 0 || entities[type->count - 1] != next) entities[type->count++] = next;
    }
    type->entities = entities;
    return type;
}

static const struct cedar_type *join_records(struct cedar_checker *checker, const struct cedar_type *a,
                                             const struct cedar_type *b) {
    bool is_strict = checker->report->mode == CEDAR_STRICT;
    if (is_strict && a->count != b->count) return NULL;
    struct cedar_type *type = make(checker, CEDAR_TYPE_RECORD);
    struct cedar_type_field *fields = ARENA_NEW_ARRAY(checker->scratch, struct cedar_type_field, a->count);
    if (type == NULL || fields == NULL) {
        checker->report->has_failed = true;
        return NULL;
    }
    type->is_open = a->is_open || b->is_open || a->count != b->count;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct cedar_type_field *left = &a->fields[i], *right = cedar_type_field_find(b, left->name);
        const struct cedar_type *joined = right != NULL ? cedar_type_join(checker, left->type, right->type) : NULL;
        if (joined == NULL || (is_strict && left->is_required != right->is_required)) {
            if (is_strict) return NULL;
            type->is_open = true;
            continue;
        }
        fields[type->count++] =
            (struct cedar_type_field){left->name, joined, left->is_required && right->is_required};
    }
    type->fields = fields;
    return type;
}

static const struct cedar_type *join_sets(struct cedar_checker *checker, const struct cedar_type *a,
                                          const struct cedar_type *b) {
    if (a->element == NULL || b->element == NULL) return &cedar_type_any_set;
    const struct cedar_type *element = cedar_type_join(checker, a->element, b->element);
    struct cedar_type *type = element != NULL ? make(checker, CEDAR_TYPE_SET) : NULL;
    if (type != NULL) type->element = element;
    return type;
}

const struct cedar_type *cedar_type_join(struct cedar_checker *checker, const struct cedar_type *a,
                                         const struct cedar_type *b) {
    enum cedar_validation_mode mode = checker->report->mode;
    if (!cedar_report_step(checker->report)) return NULL;
    if (cedar_type_is_subtype(a, b, mode)) return b;
    if (cedar_type_is_subtype(b, a, mode)) return a;
    if (cedar_type_is_subtype(a, &cedar_type_bool, mode) && cedar_type_is_subtype(b, &cedar_type_bool, mode)) {
        return &cedar_type_bool;
    }
    if (a->kind != b->kind) return NULL;
    switch (a->kind) {
    case CEDAR_TYPE_SET: return join_sets(checker, a, b);
    case CEDAR_TYPE_RECORD: return join_records(checker, a, b);
    case CEDAR_TYPE_ENTITY: return mode == CEDAR_PERMISSIVE ? join_entities(checker, a, b) : NULL;
    default: return NULL;
    }
}

/* What all of the entity types have in common, by way of `find`. */
static const struct cedar_type *join_found(struct cedar_checker *checker, const struct cedar_type *joined,
                                           const struct cedar_type *found) {
    return joined != NULL && found != NULL ? cedar_type_join(checker, joined, found) : NULL;
}

const struct cedar_type *cedar_type_attribute(struct cedar_checker *checker, const struct cedar_type *type,
                                              struct str name, bool *is_required, bool *may_have) {
    const struct cedar_type *joined = NULL;
    *is_required = true;
    *may_have = type->kind == CEDAR_TYPE_RECORD ? type->is_open : type->kind != CEDAR_TYPE_ENTITY;
    uint32_t count = type->kind == CEDAR_TYPE_ENTITY ? type->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct cedar_type *record = type->kind == CEDAR_TYPE_ENTITY ? type->entities[i]->attributes : type;
        if (record->kind != CEDAR_TYPE_RECORD) return NULL;
        const struct cedar_type_field *field = cedar_type_field_find(record, name);
        if (field != NULL) *may_have = true;
        if (field != NULL && !field->is_required) *is_required = false;
        joined = i == 0 ? (field != NULL ? field->type : NULL)
                        : join_found(checker, joined, field != NULL ? field->type : NULL);
    }
    return joined;
}

const struct cedar_type *cedar_type_tags(struct cedar_checker *checker, const struct cedar_type *type, bool *may_have) {
    const struct cedar_type *joined = NULL;
    *may_have = type->kind != CEDAR_TYPE_ENTITY;
    if (type->kind != CEDAR_TYPE_ENTITY) return NULL;
    for (uint32_t i = 0; i < type->count; i++) {
        const struct cedar_type *tags = type->entities[i]->tag_type;
        if (tags != NULL) *may_have = true;
        joined = i == 0 ? tags : join_found(checker, joined, tags);
    }
    return joined;
}

#define DESCRIBED_BYTES_MAX 120

struct str cedar_type_describe(struct cedar_checker *checker, const struct cedar_type *type) {
    struct buffer text;
    buffer_init(&text, 1u << 20);
    cedar_type_write(type, &text);
    struct str shown = buffer_view(&text);
    size_t length = shown.length;
    if (length > DESCRIBED_BYTES_MAX) {
        length = DESCRIBED_BYTES_MAX;
        while (length > 0 && ((uint8_t)shown.data[length] & 0xc0) == 0x80) length--;
    }
    struct str copy = arena_format(checker->scratch, "%.*s%s", (int)length, shown.data,
                                   length < shown.length ? "..." : "");
    buffer_free(&text);
    return copy.data != NULL ? copy : STR("?");
}
