/* Schemas as JSON: an object of namespaces, each {entityTypes, actions, commonTypes?, annotations?}. Members that have
 * no meaning are refused, so that a typo is seen. Spans are those of the JSON text. */
#include "cedar/problem.h"
#include "cedar/schema.h"
#include "cedar/value_json.h"

struct loader {
    struct cedar_schema *schema;
    struct cedar_reader json;
    struct cedar_schema_namespace *home;
};

/* Reads the value of one member into `target`. -1 with a problem, 1 when there is no such member. */
typedef int read_member(struct loader *loader, struct str key, void *target);

#define UNKNOWN_MEMBER 1

static int refuse(struct loader *loader, enum cedar_code code, const char *what) {
    return cedar_reader_refuse(&loader->json, code, what);
}

static int refuse_at(struct loader *loader, enum cedar_code code, struct cedar_span span, const char *what) {
    return cedar_problem_set_at(loader->json.problem, code, loader->json.text, span, "%s", what);
}

static int push(struct loader *loader, struct cedar_list *list, void *item) {
    if (item == NULL) return cedar_problem_set_memory(loader->json.problem);
    return cedar_schema_push(loader->schema, list, item, loader->json.problem);
}

static struct cedar_span next_span(const struct loader *loader) {
    uint32_t start = (uint32_t)loader->json.scanner.offset;
    if (loader->json.raw.data != NULL && loader->json.event != JSON_TOKEN_BAD && loader->json.event != JSON_TOKEN_END) {
        start = (uint32_t)(loader->json.raw.data - loader->json.text.data);
        return (struct cedar_span){start, start + (uint32_t)loader->json.raw.length};
    }
    return (struct cedar_span){start, start};
}

/* The members of an object, each once. */
static int read_object(struct loader *loader, read_member *read, void *target, const char *what) {
    struct cedar_reader *json = &loader->json;
    struct map seen;
    int status = cedar_reader_expect(json, JSON_TOKEN_BEGIN_OBJECT, what);
    map_init(&seen);
    while (status == 0 && json->event == JSON_TOKEN_KEY) {
        struct cedar_span span = next_span(loader);
        struct str key;
        status = cedar_read_key(json, &key);
        if (status == 0 && map_get(&seen, key) != NULL) {
            status = refuse_at(loader, CEDAR_DUPLICATE, span, "this member stands twice: remove one");
        }
        if (status == 0 && map_set(&seen, key, loader) != 0) status = cedar_problem_set_memory(json->problem);
        if (status == 0) status = read(loader, key, target);
        if (status == UNKNOWN_MEMBER) {
            status = refuse_at(loader, CEDAR_BAD_JSON, span,
                               "this member has no meaning here: remove it, or correct it");
        }
    }
    map_free(&seen);
    return status == 0 ? cedar_reader_expect(json, JSON_TOKEN_END_OBJECT, "`}` must stand here") : -1;
}

/* A path of names that is written without white space. */
static bool is_path(struct str path) {
    struct str rest = path;
    for (size_t at; (at = str_find(rest, STR("::"))) != STR_NOT_FOUND; rest = str_slice(rest, at + 2, rest.length)) {
        if (!cedar_schema_is_name(str_slice(rest, 0, at))) return false;
    }
    return cedar_schema_is_name(rest) && path.length <= CEDAR_SCHEMA_NAME_BYTES_MAX;
}

static int read_path(struct loader *loader, struct str *path) {
    struct cedar_span span = next_span(loader);
    if (cedar_read_string(&loader->json, path) != 0) return -1;
    if (is_path(*path)) return 0;
    return refuse_at(loader, CEDAR_BAD_NAME, span, "this is no name: write it as in `Namespace::Name`, without spaces");
}

static int read_annotation(struct loader *loader, struct str key, void *target) {
    struct cedar_annotation *annotation = ARENA_NEW(&loader->schema->arena, struct cedar_annotation);
    if (annotation == NULL) return cedar_problem_set_memory(loader->json.problem);
    struct cedar_list *annotations = target;
    if (!cedar_schema_is_name(key) && !cedar_is_reserved(key)) {
        return refuse(loader, CEDAR_BAD_NAME, "the annotation's key must be a name");
    }
    if (annotations->count >= CEDAR_ANNOTATIONS_MAX) {
        return refuse(loader, CEDAR_LIMIT, "too many annotations (1,024 at most)");
    }
    *annotation = (struct cedar_annotation){.key = key, .value = STR("")};
    if (loader->json.event == JSON_TOKEN_NULL) {
        cedar_reader_advance(&loader->json);
    } else {
        annotation->has_value = true;
        if (cedar_read_string(&loader->json, &annotation->value) != 0) return -1;
    }
    return push(loader, annotations, annotation);
}

static int read_annotations(struct loader *loader, struct cedar_list *annotations) {
    return read_object(loader, read_annotation, annotations, "annotations are an object of strings");
}

/* ---- Types --------------------------------------------------------------------------------------------------- */

struct type_draft {
    struct cedar_schema_type *type;
    struct str word; /* the value of `type` */
    struct str name;
    struct cedar_span span;
    bool has_attributes, has_additional;
    struct cedar_schema_attribute *attribute; /* where `required` and `annotations` may stand */
    struct cedar_list *annotations;           /* where `annotations` may stand */
};

static int read_type(struct loader *loader, struct type_draft *draft);

static struct cedar_schema_type *read_plain_type(struct loader *loader) {
    struct type_draft draft = {0};
    return read_type(loader, &draft) == 0 ? draft.type : NULL;
}

static int read_attribute(struct loader *loader, struct str key, void *target) {
    struct cedar_schema_attribute *attribute = ARENA_NEW(&loader->schema->arena, struct cedar_schema_attribute);
    if (attribute == NULL) return cedar_problem_set_memory(loader->json.problem);
    attribute->name = key;
    attribute->is_required = true;
    attribute->span = next_span(loader);
    struct type_draft draft = {.attribute = attribute, .annotations = &attribute->annotations};
    if (read_type(loader, &draft) != 0) return -1;
    attribute->type = draft.type;
    return push(loader, target, attribute);
}

static int read_flag(struct loader *loader, bool *flag) {
    if (loader->json.event != JSON_TOKEN_TRUE && loader->json.event != JSON_TOKEN_FALSE) {
        return refuse(loader, CEDAR_BAD_JSON, "true or false must stand here");
    }
    *flag = loader->json.event == JSON_TOKEN_TRUE;
    cedar_reader_advance(&loader->json);
    return 0;
}

static int read_additional(struct loader *loader, struct type_draft *draft) {
    struct cedar_span span = next_span(loader);
    bool flag = false;
    draft->has_additional = true;
    if (read_flag(loader, &flag) != 0) return -1;
    if (!flag) return 0;
    return refuse_at(loader, CEDAR_UNSUPPORTED, span,
                     "open records are not supported: declare the attributes, and remove additionalAttributes");
}

static int read_type_member(struct loader *loader, struct str key, void *target) {
    struct type_draft *draft = target;
    if (str_equal(key, STR("type"))) {
        draft->span = next_span(loader);
        return read_path(loader, &draft->word);
    }
    if (str_equal(key, STR("name"))) return read_path(loader, &draft->name);
    if (str_equal(key, STR("element"))) {
        draft->type->element = read_plain_type(loader);
        return draft->type->element != NULL ? 0 : -1;
    }
    if (str_equal(key, STR("attributes"))) {
        draft->has_attributes = true;
        return read_object(loader, read_attribute, &draft->type->attributes, "attributes are an object of types");
    }
    if (str_equal(key, STR("additionalAttributes"))) return read_additional(loader, draft);
    if (str_equal(key, STR("required")) && draft->attribute != NULL) {
        return read_flag(loader, &draft->attribute->is_required);
    }
    if (str_equal(key, STR("annotations")) && draft->annotations != NULL) {
        return read_annotations(loader, draft->annotations);
    }
    return UNKNOWN_MEMBER;
}

/* The members must be exactly those that the type has. */
static int check_members(struct loader *loader, const struct type_draft *draft, bool has_element, bool has_attributes,
                         bool has_name) {
    if (has_element == (draft->type->element != NULL) && has_attributes == draft->has_attributes &&
        has_name == (draft->name.data != NULL) && (has_attributes || !draft->has_additional)) {
        return 0;
    }
    return refuse_at(loader, CEDAR_BAD_JSON, draft->span,
                     has_element      ? "a Set has `element` and nothing else: correct its members"
                     : has_attributes ? "a Record has `attributes`: correct its members"
                     : has_name       ? "this type has `name` and nothing else: correct its members"
                                      : "this type has no further members: remove them");
}

static int name_type(struct loader *loader, struct type_draft *draft) {
    static const struct {
        const char *word;
        const char *name; /* of primitive types */
        uint8_t form;
        bool has_element, has_attributes, has_name;
    } rows[] = {
        {"String", "String", CEDAR_FORM_PRIMITIVE, false, false, false},
        {"Long", "Long", CEDAR_FORM_PRIMITIVE, false, false, false},
        {"Boolean", "Bool", CEDAR_FORM_PRIMITIVE, false, false, false},
        {"Set", NULL, CEDAR_FORM_SET, true, false, false},
        {"Record", NULL, CEDAR_FORM_RECORD, false, true, false},
        {"Entity", NULL, CEDAR_FORM_ENTITY, false, false, true},
        {"EntityOrCommon", NULL, CEDAR_FORM_NAME, false, false, true},
        {"Extension", NULL, CEDAR_FORM_EXTENSION, false, false, true},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        if (!str_equal_cstr(draft->word, rows[i].word)) continue;
        draft->type->form = (enum cedar_schema_type_form)rows[i].form;
        draft->type->name = rows[i].name != NULL ? str_from_cstr(rows[i].name) : draft->name;
        return check_members(loader, draft, rows[i].has_element, rows[i].has_attributes, rows[i].has_name);
    }
    draft->type->form = CEDAR_FORM_COMMON;
    draft->type->name = draft->word;
    return check_members(loader, draft, false, false, false);
}

/* Recursion is bounded by JSON_DEPTH_MAX: the scanner refuses what is deeper. */
static int read_type(struct loader *loader, struct type_draft *draft) {
    struct cedar_span span = next_span(loader);
    draft->type = ARENA_NEW(&loader->schema->arena, struct cedar_schema_type);
    if (draft->type == NULL) return cedar_problem_set_memory(loader->json.problem);
    if (read_object(loader, read_type_member, draft, "a type is an object with `type`") != 0) return -1;
    draft->type->span = draft->span;
    if (draft->word.data == NULL) return refuse_at(loader, CEDAR_BAD_JSON, span, "a type needs `type`: add it");
    return name_type(loader, draft);
}

/* ---- Declarations -------------------------------------------------------------------------------------------- */

static int check_name(struct loader *loader, struct str name) {
    if (!cedar_schema_is_name(name) && !cedar_is_reserved(name)) {
        return refuse(loader, CEDAR_BAD_NAME, "the name before this is none: use letters, digits and `_`");
    }
    if (!cedar_is_reserved(name)) return 0;
    return refuse(loader, CEDAR_RESERVED, "the name before this is a reserved word: choose another");
}

/* An array of paths, or of strings into ids. */
struct names {
    struct cedar_list *list;
    bool are_ids;
};

static int read_names(struct loader *loader, struct names names) {
    struct cedar_reader *json = &loader->json;
    if (cedar_reader_expect(json, JSON_TOKEN_BEGIN_ARRAY, "a list of names must stand here") != 0) return -1;
    while (json->event != JSON_TOKEN_END_ARRAY) {
        struct cedar_schema_reference *name = ARENA_NEW(&loader->schema->arena, struct cedar_schema_reference);
        if (name == NULL) return cedar_problem_set_memory(json->problem);
        name->span = next_span(loader);
        if ((names.are_ids ? cedar_read_string(json, &name->id) : read_path(loader, &name->type)) != 0) return -1;
        if (push(loader, names.list, name) != 0) return -1;
    }
    cedar_reader_advance(json);
    return 0;
}

static int read_entity_member(struct loader *loader, struct str key, void *target) {
    struct cedar_entity_type *entity = target;
    if (str_equal(key, STR("annotations"))) return read_annotations(loader, &entity->annotations);
    if (str_equal(key, STR("enum"))) {
        if (read_names(loader, (struct names){&entity->ids, true}) != 0) return -1;
        if (entity->ids.count > 0) return 0;
        return refuse(loader, CEDAR_BAD_JSON, "the enumeration before this is empty: add ids");
    }
    if (str_equal(key, STR("memberOfTypes"))) return read_names(loader, (struct names){&entity->parents, false});
    if (str_equal(key, STR("shape"))) {
        entity->shape = read_plain_type(loader);
        return entity->shape != NULL ? 0 : -1;
    }
    if (str_equal(key, STR("tags"))) {
        entity->tags = read_plain_type(loader);
        return entity->tags != NULL ? 0 : -1;
    }
    return UNKNOWN_MEMBER;
}

/* As read_entity_member(), and notes that anything beside `enum` and `annotations` was there. */
struct entity_draft {
    struct cedar_entity_type *entity;
    bool has_standard_member;
};

static int read_draft_member(struct loader *loader, struct str key, void *target) {
    struct entity_draft *draft = target;
    if (!str_equal(key, STR("enum")) && !str_equal(key, STR("annotations"))) draft->has_standard_member = true;
    return read_entity_member(loader, key, draft->entity);
}

static int read_entity(struct loader *loader, struct str key, void *target) {
    struct cedar_entity_type *entity = ARENA_NEW(&loader->schema->arena, struct cedar_entity_type);
    struct entity_draft draft = {.entity = entity};
    (void)target;
    if (entity == NULL) return cedar_problem_set_memory(loader->json.problem);
    entity->name = key;
    entity->span = next_span(loader);
    if (check_name(loader, key) != 0) return -1;
    if (read_object(loader, read_draft_member, &draft, "an entity type is an object") != 0) return -1;
    if (entity->ids.count > 0 && draft.has_standard_member) {
        return refuse_at(loader, CEDAR_BAD_JSON, entity->span,
                         "an enumerated type has no attributes, tags or groups: remove them");
    }
    return push(loader, &loader->home->entities, entity);
}

static int read_group_member(struct loader *loader, struct str key, void *target) {
    struct cedar_schema_reference *group = target;
    if (str_equal(key, STR("id"))) return cedar_read_string(&loader->json, &group->id);
    if (!str_equal(key, STR("type"))) return UNKNOWN_MEMBER;
    if (loader->json.event != JSON_TOKEN_NULL) return read_path(loader, &group->type);
    cedar_reader_advance(&loader->json);
    return 0;
}

static int read_groups(struct loader *loader, struct cedar_list *groups) {
    struct cedar_reader *json = &loader->json;
    if (cedar_reader_expect(json, JSON_TOKEN_BEGIN_ARRAY, "memberOf is an array") != 0) return -1;
    while (json->event != JSON_TOKEN_END_ARRAY) {
        struct cedar_schema_reference *group = ARENA_NEW(&loader->schema->arena, struct cedar_schema_reference);
        if (group == NULL) return cedar_problem_set_memory(json->problem);
        group->span = next_span(loader);
        if (read_object(loader, read_group_member, group, "an action group is {\"id\": ...}") != 0) return -1;
        if (group->id.data == NULL) return refuse_at(loader, CEDAR_BAD_JSON, group->span, "a group needs `id`: add it");
        if (push(loader, groups, group) != 0) return -1;
    }
    cedar_reader_advance(json);
    return 0;
}

struct applies_draft {
    struct cedar_schema_action *action;
    bool has_principals, has_resources;
};

static int read_applies_member(struct loader *loader, struct str key, void *target) {
    struct applies_draft *draft = target;
    if (str_equal(key, STR("principalTypes"))) {
        draft->has_principals = true;
        return read_names(loader, (struct names){&draft->action->principals, false});
    }
    if (str_equal(key, STR("resourceTypes"))) {
        draft->has_resources = true;
        return read_names(loader, (struct names){&draft->action->resources, false});
    }
    if (!str_equal(key, STR("context"))) return UNKNOWN_MEMBER;
    draft->action->context = read_plain_type(loader);
    return draft->action->context != NULL ? 0 : -1;
}

static int read_applies_to(struct loader *loader, struct cedar_schema_action *action) {
    struct applies_draft draft = {.action = action};
    struct cedar_span span = next_span(loader);
    if (read_object(loader, read_applies_member, &draft, "appliesTo is an object") != 0) return -1;
    action->has_applies_to = true;
    if (draft.has_principals && draft.has_resources) return 0;
    return refuse_at(loader, CEDAR_BAD_JSON, span, "appliesTo needs principalTypes and resourceTypes: add both");
}

static int read_action_member(struct loader *loader, struct str key, void *target) {
    struct cedar_schema_action *action = target;
    bool is_null = loader->json.event == JSON_TOKEN_NULL;
    if (str_equal(key, STR("annotations"))) return read_annotations(loader, &action->annotations);
    bool is_known = str_equal(key, STR("appliesTo")) || str_equal(key, STR("memberOf")) ||
                    str_equal(key, STR("attributes"));
    if (!is_known) return UNKNOWN_MEMBER;
    if (is_null) {
        cedar_reader_advance(&loader->json);
        return 0;
    }
    if (str_equal(key, STR("appliesTo"))) return read_applies_to(loader, action);
    if (str_equal(key, STR("memberOf"))) return read_groups(loader, &action->groups);
    return refuse(loader, CEDAR_UNSUPPORTED, "actions have no attributes: remove them");
}

static int read_action(struct loader *loader, struct str key, void *target) {
    struct cedar_schema_action *action = ARENA_NEW(&loader->schema->arena, struct cedar_schema_action);
    (void)target;
    if (action == NULL) return cedar_problem_set_memory(loader->json.problem);
    action->name = key;
    action->span = next_span(loader);
    if (read_object(loader, read_action_member, action, "an action is an object") != 0) return -1;
    return push(loader, &loader->home->actions, action);
}

static int read_common(struct loader *loader, struct str key, void *target) {
    struct cedar_common_type *common = ARENA_NEW(&loader->schema->arena, struct cedar_common_type);
    (void)target;
    if (common == NULL) return cedar_problem_set_memory(loader->json.problem);
    common->name = key;
    common->span = next_span(loader);
    if (check_name(loader, key) != 0) return -1;
    struct type_draft draft = {.annotations = &common->annotations};
    if (read_type(loader, &draft) != 0) return -1;
    common->type = draft.type;
    return push(loader, &loader->home->commons, common);
}

struct namespace_draft {
    bool has_entities, has_actions;
};

static int read_namespace_member(struct loader *loader, struct str key, void *target) {
    struct namespace_draft *draft = target;
    if (str_equal(key, STR("entityTypes"))) {
        draft->has_entities = true;
        return read_object(loader, read_entity, NULL, "entityTypes is an object");
    }
    if (str_equal(key, STR("actions"))) {
        draft->has_actions = true;
        return read_object(loader, read_action, NULL, "actions is an object");
    }
    if (str_equal(key, STR("commonTypes"))) return read_object(loader, read_common, NULL, "commonTypes is an object");
    if (!str_equal(key, STR("annotations"))) return UNKNOWN_MEMBER;
    return read_annotations(loader, &loader->home->annotations);
}

static int check_namespace(struct loader *loader, struct str name) {
    if (name.length == 0) return 0;
    if (!is_path(name)) return refuse(loader, CEDAR_BAD_NAME, "the namespace before this is no name: correct it");
    for (struct str rest = name; rest.length > 0;) {
        size_t at = str_find(rest, STR("::"));
        struct str part = str_slice(rest, 0, at);
        if (cedar_is_reserved(part)) {
            return refuse(loader, CEDAR_RESERVED, "the namespace before this holds a reserved word: choose another");
        }
        rest = at == STR_NOT_FOUND ? STR("") : str_slice(rest, at + 2, rest.length);
    }
    return 0;
}

static int read_namespace(struct loader *loader, struct str key, void *target) {
    struct namespace_draft draft = {0};
    struct cedar_span span = next_span(loader);
    (void)target;
    if (check_namespace(loader, key) != 0) return -1;
    loader->home = cedar_schema_namespace_open(loader->schema, key, loader->json.problem);
    if (loader->home == NULL) return -1;
    if (read_object(loader, read_namespace_member, &draft, "a namespace is an object") != 0) return -1;
    if (!draft.has_entities || !draft.has_actions) {
        return refuse_at(loader, CEDAR_BAD_JSON, span, "a namespace needs entityTypes and actions: add both, as {}");
    }
    if (key.length > 0 || loader->home->annotations.count == 0) return 0;
    return refuse_at(loader, CEDAR_BAD_JSON, span, "the empty namespace has no annotations: remove them");
}

int cedar_schema_read_json(struct cedar_schema *schema, struct cedar_problem *problem) {
    struct loader loader = {.schema = schema};
    if (cedar_reader_init(&loader.json, &schema->arena, schema->text, problem) != 0) return -1;
    if (read_object(&loader, read_namespace, NULL, "a schema is an object of namespaces") != 0) return -1;
    if (loader.json.event == JSON_TOKEN_END) return 0;
    return refuse(&loader, CEDAR_BAD_JSON, "nothing may stand behind the schema");
}
