/* Do entities and requests conform to a schema? */
#include "cedar/entities.h"
#include "cedar/problem.h"
#include "cedar/schema.h"

/* What is checked, for the text of a problem: `who` is an entity or "the context", `attribute` the one at its top. */
struct place {
    const struct cedar_schema *schema;
    struct cedar_problem *problem;
    char who[160];
    struct str attribute;
};

static void name_place(struct place *place, const struct cedar_uid *uid) {
    struct buffer text;
    buffer_init(&text, 1u << 20);
    cedar_uid_write(uid, &text);
    struct str shown = str_slice(buffer_view(&text), 0, sizeof(place->who) - 1);
    while (shown.length > 0 && shown.length < buffer_length(&text) && (shown.data[shown.length] & 0xc0) == 0x80) {
        shown.length--;
    }
    snprintf(place->who, sizeof(place->who), "%.*s", STR_ARGS(shown));
    buffer_free(&text);
}

static int refuse(const struct place *place, enum cedar_code code, const char *what) {
    struct str attribute = str_slice(place->attribute, 0, 60);
    if (place->attribute.data == NULL) return cedar_problem_set(place->problem, code, "%s: %s", place->who, what);
    return cedar_problem_set(place->problem, code, "%s, `%.*s`: %s", place->who, STR_ARGS(attribute), what);
}

static int refuse_type(const struct place *place, const struct cedar_type *type) {
    struct buffer text;
    buffer_init(&text, 1u << 20);
    cedar_type_write(type, &text);
    struct str shown = str_slice(buffer_view(&text), 0, 120), attribute = str_slice(place->attribute, 0, 60);
    cedar_problem_set(place->problem, CEDAR_INVALID_TYPE, "%s, `%.*s`: the value must be of type %.*s: correct it",
                      place->who, STR_ARGS(attribute), STR_ARGS(shown));
    buffer_free(&text);
    return -1;
}

static int check_uid(const struct place *place, const struct cedar_uid *uid) {
    const struct cedar_entity_type *type = cedar_schema_entity_named(place->schema, uid->type);
    if (type == NULL) {
        return refuse(place, CEDAR_INVALID_ENTITY_TYPE,
                      "the schema has no such entity type: correct it, or declare it");
    }
    if (cedar_entity_type_has_id(type, uid->id)) return 0;
    return refuse(place, CEDAR_INVALID_ID,
                  "the schema lists the ids of this type, and this is none of them: correct it");
}

static int check_value(struct place *place, const struct cedar_type *type, const struct cedar_value *value);

/* Fields of a record within a value; those of the top are named in problems. */
static int check_fields(struct place *place, const struct cedar_type *type, const struct cedar_record *record,
                        bool is_top) {
    for (size_t i = 0; i < cedar_record_count(record); i++) {
        const struct cedar_type_field *field = cedar_type_field_find(type, record->fields[i].name);
        if (is_top) place->attribute = record->fields[i].name;
        if (field == NULL) {
            return refuse(place, CEDAR_INVALID_ATTRIBUTE,
                          "the schema has no such attribute here: remove it, or declare it");
        }
        if (check_value(place, field->type, &record->fields[i].value) != 0) return -1;
    }
    for (uint32_t i = 0; i < type->count; i++) {
        if (!type->fields[i].is_required || cedar_record_get(record, type->fields[i].name) != NULL) continue;
        place->attribute = type->fields[i].name;
        return refuse(place, CEDAR_INVALID_MISSING, "this attribute is required: add it");
    }
    return 0;
}

static int check_members(struct place *place, const struct cedar_type *element, const struct cedar_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        if (check_value(place, element, &set->members[i]) != 0) return -1;
    }
    return 0;
}

/* Recursion: values are at most CEDAR_VALUE_DEPTH_MAX deep. */
static int check_value(struct place *place, const struct cedar_type *type, const struct cedar_value *value) {
    static const uint8_t kinds[CEDAR_KIND_COUNT] = {
        [CEDAR_BOOL] = CEDAR_TYPE_BOOL, [CEDAR_LONG] = CEDAR_TYPE_LONG, [CEDAR_STRING] = CEDAR_TYPE_STRING,
        [CEDAR_ENTITY] = CEDAR_TYPE_ENTITY, [CEDAR_SET] = CEDAR_TYPE_SET, [CEDAR_RECORD] = CEDAR_TYPE_RECORD,
        [CEDAR_DECIMAL] = CEDAR_TYPE_DECIMAL, [CEDAR_DATETIME] = CEDAR_TYPE_DATETIME,
        [CEDAR_DURATION] = CEDAR_TYPE_DURATION, [CEDAR_IP] = CEDAR_TYPE_IP,
    };
    if (kinds[value->kind] != type->kind) return refuse_type(place, type);
    switch (value->kind) {
    case CEDAR_SET: return check_members(place, type->element, value->set);
    case CEDAR_RECORD: return check_fields(place, type, value->record, false);
    case CEDAR_ENTITY:
        if (!str_equal(value->entity->type, type->entities[0]->full_name)) return refuse_type(place, type);
        return check_uid(place, value->entity);
    default: return 0;
    }
}

/* ---- Entities ------------------------------------------------------------------------------------------------ */

/* An action is in the store as the schema declares it: its groups, and nothing else. */
static int check_action(struct place *place, const struct cedar_entity *entity) {
    const struct cedar_schema_action *action = cedar_schema_action_of(place->schema, entity->uid);
    if (action == NULL) {
        return refuse(place, CEDAR_INVALID_ACTION, "the schema has no such action: correct it, or declare it");
    }
    bool is_same = cedar_record_count(entity->attributes) == 0 && cedar_record_count(entity->tags) == 0;
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < place->schema->all_actions.count; i++) wanted += cedar_bit_get(action->ancestors, i);
    for (uint32_t i = 0; i < entity->ancestor_count; i++) {
        const struct cedar_schema_action *group = cedar_schema_action_of(place->schema, entity->ancestors[i].uid);
        is_same = is_same && group != NULL && cedar_bit_get(action->ancestors, group->index);
    }
    if (is_same && wanted == entity->ancestor_count) return 0;
    return refuse(place, CEDAR_INVALID_DECLARATION, "the schema declares this action otherwise: leave it out here");
}

static int check_ancestors(struct place *place, const struct cedar_entity_type *type,
                           const struct cedar_entity *entity) {
    for (uint32_t i = 0; i < entity->ancestor_count; i++) {
        const struct cedar_uid *uid = entity->ancestors[i].uid;
        const struct cedar_entity_type *ancestor = cedar_schema_entity_named(place->schema, uid->type);
        place->attribute = STR("parents");
        if (ancestor == NULL || !cedar_bit_get(type->ancestors, ancestor->index)) {
            return refuse(place, CEDAR_INVALID_PARENT,
                          "the schema has no such group for this type: correct the parents");
        }
        if (check_uid(place, uid) != 0) return -1;
    }
    return 0;
}

static int check_tags(struct place *place, const struct cedar_entity_type *type, const struct cedar_record *tags) {
    for (size_t i = 0; i < cedar_record_count(tags); i++) {
        place->attribute = tags->fields[i].name;
        if (type->tag_type == NULL) {
            return refuse(place, CEDAR_INVALID_NO_TAGS,
                          "the schema has no tags for this type: remove it, or declare them");
        }
        if (check_value(place, type->tag_type, &tags->fields[i].value) != 0) return -1;
    }
    return 0;
}

int cedar_schema_check_entity(const struct cedar_schema *schema, const struct cedar_entity *entity,
                              struct cedar_problem *problem) {
    struct place place = {.schema = schema, .problem = problem};
    name_place(&place, entity->uid);
    const struct cedar_entity_type *type = cedar_schema_entity_named(schema, entity->uid->type);
    if (type != NULL && type->is_action) return check_action(&place, entity);
    if (check_uid(&place, entity->uid) != 0) return -1;
    if (check_fields(&place, type->attributes, entity->attributes, true) != 0) return -1;
    place.attribute = STR_NONE;
    if (check_tags(&place, type, entity->tags) != 0) return -1;
    return check_ancestors(&place, type, entity);
}

static const struct cedar_uid *copy_uid(struct cedar_entities *entities, const struct cedar_uid *uid) {
    struct str type = arena_copy(entities->arena, uid->type), id = arena_copy(entities->arena, uid->id);
    return type.data != NULL && id.data != NULL ? cedar_uid_make(entities->arena, type, id) : NULL;
}

static void add_action(struct cedar_entities *entities, const struct cedar_schema_action *action) {
    if (cedar_entities_find(entities, action->uid) != NULL) return;
    struct cedar_entity *entity = cedar_entities_add(entities, copy_uid(entities, action->uid));
    for (uint32_t i = 0; i < action->parents.count; i++) {
        const struct cedar_schema_action *parent = action->parents.items[i];
        cedar_entity_add_parent(entities, entity, copy_uid(entities, parent->uid));
    }
}

int cedar_entities_finish_guided(struct cedar_entities *entities, const struct cedar_schema *schema,
                                 struct cedar_problem *problem) {
    if (schema == NULL) return cedar_entities_finish(entities, problem);
    for (uint32_t i = 0; entities != NULL && i < schema->all_actions.count; i++) {
        add_action(entities, schema->all_actions.items[i]);
    }
    if (cedar_entities_finish(entities, problem) != 0) return -1;
    for (size_t i = 0; i < entities->count; i++) {
        if (cedar_schema_check_entity(schema, entities->order[i], problem) != 0) return -1;
    }
    return 0;
}

/* ---- Requests ------------------------------------------------------------------------------------------------ */

static int check_side(struct place *place, const char *side, const struct cedar_uid *uid,
                      const struct cedar_list *types) {
    place->attribute = STR_NONE;
    snprintf(place->who, sizeof(place->who), "the %s", side);
    if (check_uid(place, uid) != 0) return -1;
    for (uint32_t i = 0; i < types->count; i++) {
        if (str_equal(((const struct cedar_entity_type *)types->items[i])->full_name, uid->type)) return 0;
    }
    return refuse(place, CEDAR_INVALID_REQUEST, "the action does not apply to this type: ask for another, or change "
                                                "appliesTo in the schema");
}

int cedar_schema_check_request(const struct cedar_schema *schema, const struct cedar_request *request,
                               struct cedar_problem *problem) {
    struct place place = {.schema = schema, .problem = problem};
    const struct cedar_schema_action *action = cedar_schema_action_of(schema, request->action);
    if (action == NULL) {
        name_place(&place, request->action);
        return refuse(&place, CEDAR_INVALID_ACTION, "the schema has no such action: correct it, or declare it");
    }
    if (check_side(&place, "principal", request->principal, &action->principal_types) != 0) return -1;
    if (check_side(&place, "resource", request->resource, &action->resource_types) != 0) return -1;
    snprintf(place.who, sizeof(place.who), "the context");
    return check_fields(&place, action->context_type, request->context, true);
}
