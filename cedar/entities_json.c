/* Entities and requests from JSON. */
#include "cedar/entities.h"
#include "cedar/problem.h"
#include "cedar/schema.h"
#include "cedar/value_json.h"

struct parents {
    const struct cedar_uid **items;
    size_t count;
    size_t capacity;
};

static int push_parent(struct cedar_reader *reader, struct parents *parents, const struct cedar_uid *uid) {
    if (parents->count == parents->capacity) {
        size_t capacity = parents->capacity > 0 ? parents->capacity * 2 : 4;
        const struct cedar_uid **items = parents->count < CEDAR_ANCESTORS_MAX
                                             ? ARENA_NEW_ARRAY(reader->arena, const struct cedar_uid *, capacity)
                                             : NULL;
        if (items == NULL) return cedar_reader_refuse(reader, CEDAR_LIMIT, "too many parents (65,536 at most)");
        if (parents->count > 0) memcpy(items, parents->items, parents->count * sizeof(*items));
        parents->items = items;
        parents->capacity = capacity;
    }
    parents->items[parents->count++] = uid;
    return 0;
}

static int read_parents(struct cedar_reader *reader, struct parents *parents) {
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_ARRAY, "`parents` is an array of entities") != 0) return -1;
    while (reader->event != JSON_TOKEN_END_ARRAY) {
        const struct cedar_uid *uid;
        if (cedar_read_uid(reader, &uid) != 0 || push_parent(reader, parents, uid) != 0) return -1;
    }
    cedar_reader_advance(reader);
    return 0;
}

struct draft {
    const struct cedar_entity_type *type; /* what guides the values; NULL: nothing */
    const struct cedar_uid *uid;
    const struct cedar_record *attributes;
    const struct cedar_record *tags;
    struct parents parents;
    bool has_parents;
    struct map seen; /* members without a meaning */
};

static int read_member(struct cedar_reader *reader, struct draft *draft) {
    struct str key;
    if (cedar_read_key(reader, &key) != 0) return -1;
    if (str_equal(key, STR("uid")) && draft->uid == NULL) return cedar_read_uid(reader, &draft->uid);
    if (str_equal(key, STR("attrs")) && draft->attributes == NULL) {
        struct cedar_guide guide = {.record = draft->type != NULL ? draft->type->attributes : NULL};
        return cedar_read_record(reader, guide, &draft->attributes);
    }
    if (str_equal(key, STR("tags")) && draft->tags == NULL) {
        struct cedar_guide guide = {.each = draft->type != NULL ? draft->type->tag_type : NULL};
        return cedar_read_record(reader, guide, &draft->tags);
    }
    if (str_equal(key, STR("parents")) && !draft->has_parents) {
        draft->has_parents = true;
        return read_parents(reader, &draft->parents);
    }
    bool is_known = str_equal(key, STR("uid")) || str_equal(key, STR("attrs")) || str_equal(key, STR("tags")) ||
                    str_equal(key, STR("parents"));
    if (is_known) return cedar_reader_refuse(reader, CEDAR_DUPLICATE, "this member stands twice: remove one");
    return cedar_skip_member(reader, &draft->seen, key);
}

static bool has_parent(const struct cedar_uid *const *parents, size_t count, const struct cedar_uid *uid) {
    for (size_t i = 0; i < count; i++) {
        if (cedar_uid_equal(parents[i], uid)) return true;
    }
    return false;
}

static bool is_same_record(const struct cedar_record *a, const struct cedar_record *b) {
    if (cedar_record_count(a) == 0 || cedar_record_count(b) == 0) return cedar_record_count(a) == cedar_record_count(b);
    struct cedar_value left = cedar_record_value(a), right = cedar_record_value(b);
    return cedar_value_equal(&left, &right);
}

/* The same entity twice is no error as long as it says the same. */
static bool is_same_entity(const struct cedar_entity *entity, const struct draft *draft) {
    for (size_t i = 0; i < draft->parents.count; i++) {
        if (!has_parent(entity->parents, entity->parent_count, draft->parents.items[i])) return false;
    }
    for (size_t i = 0; i < entity->parent_count; i++) {
        if (!has_parent(draft->parents.items, draft->parents.count, entity->parents[i])) return false;
    }
    return is_same_record(entity->attributes, draft->attributes) && is_same_record(entity->tags, draft->tags);
}

/* Groups of actions are actions. */
static int check_parents(struct cedar_reader *reader, const struct draft *draft) {
    if (!cedar_is_action_type(draft->uid->type)) return 0;
    for (size_t i = 0; i < draft->parents.count; i++) {
        if (cedar_is_action_type(draft->parents.items[i]->type)) continue;
        return cedar_reader_refuse(reader, CEDAR_INVALID_PARENT,
                                   "the action before this has a parent that is no action: correct its parents");
    }
    return 0;
}

static int add_draft(struct cedar_entities *entities, struct cedar_reader *reader, const struct draft *draft) {
    const struct cedar_entity *there = cedar_entities_find_own(entities, draft->uid);
    if (check_parents(reader, draft) != 0) return -1;
    if (there != NULL) {
        if (is_same_entity(there, draft)) return 0;
        return cedar_reader_refuse(reader, CEDAR_DUPLICATE,
                                   "the entity before this is there already, and differs: remove one");
    }
    struct cedar_entity *entity = cedar_entities_add(entities, draft->uid);
    if (entity == NULL) return cedar_problem_set_memory(reader->problem);
    entity->attributes = draft->attributes;
    entity->tags = draft->tags;
    entity->parents = draft->parents.items;
    entity->parent_count = (uint32_t)draft->parents.count;
    entity->parent_capacity = (uint32_t)draft->parents.capacity;
    return 0;
}

/* As in entities, or `Type::"id"` as text. */
static int read_request_uid(struct cedar_reader *reader, const struct cedar_uid **uid) {
    struct str text;
    if (reader->event != JSON_TOKEN_STRING) return cedar_read_uid(reader, uid);
    if (cedar_read_string(reader, &text) != 0) return -1;
    *uid = cedar_uid_parse(reader->arena, text, reader->problem);
    return *uid != NULL ? 0 : -1;
}

/* Reads ahead for one member, whatever stands before it; the reader stays where it is. False: it is not there, or does
 * not read, which is told when it is its turn. */
static bool find_uid_ahead(const struct cedar_reader *reader, struct str name, const struct cedar_uid **uid) {
    struct cedar_problem ignored;
    struct cedar_reader ahead = *reader;
    struct str key;
    ahead.problem = &ignored;
    if (ahead.event != JSON_TOKEN_BEGIN_OBJECT) return false;
    cedar_reader_advance(&ahead);
    while (ahead.event == JSON_TOKEN_KEY && cedar_read_key(&ahead, &key) == 0) {
        if (str_equal(key, name)) return read_request_uid(&ahead, uid) == 0;
        if (cedar_skip_value(&ahead) != 0) return false;
    }
    return false;
}

/* The type that the schema declares for the entity to be read. */
static int find_type(const struct cedar_schema *schema, struct cedar_reader *reader, struct draft *draft) {
    const struct cedar_uid *uid;
    if (schema == NULL || !find_uid_ahead(reader, STR("uid"), &uid)) return 0;
    draft->type = cedar_schema_entity_named(schema, uid->type);
    if (draft->type != NULL) return 0;
    return cedar_reader_refuse(reader, CEDAR_INVALID_ENTITY_TYPE,
                               "the schema has no such entity type as this entity's: correct its uid, or declare it");
}

static int read_entity(struct cedar_entities *entities, const struct cedar_schema *schema,
                       struct cedar_reader *reader) {
    struct draft draft = {0};
    if (find_type(schema, reader, &draft) != 0) return -1;
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "an entity is an object with uid, attrs and parents") != 0)
        return -1;
    int status = 0;
    map_init(&draft.seen);
    while (status == 0 && reader->event == JSON_TOKEN_KEY) status = read_member(reader, &draft);
    map_free(&draft.seen);
    if (status != 0) return -1;
    if (draft.uid == NULL || draft.attributes == NULL || !draft.has_parents) {
        return cedar_reader_refuse(reader, CEDAR_BAD_JSON,
                                   "an entity needs uid, attrs and parents: add what is missing");
    }
    if (cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") != 0) return -1;
    return add_draft(entities, reader, &draft);
}

int cedar_entities_add_json(struct cedar_entities *entities, struct str json, struct cedar_problem *problem) {
    return cedar_entities_add_json_guided(entities, NULL, json, problem);
}

int cedar_entities_add_json_guided(struct cedar_entities *entities, const struct cedar_schema *schema, struct str json,
                                   struct cedar_problem *problem) {
    struct cedar_reader reader;
    CHECK(!entities->is_finished);
    if (cedar_reader_init(&reader, entities->arena, json, problem) != 0) return -1;
    if (cedar_reader_expect(&reader, JSON_TOKEN_BEGIN_ARRAY, "entities are an array of objects") != 0) return -1;
    while (reader.event != JSON_TOKEN_END_ARRAY) {
        if (read_entity(entities, schema, &reader) != 0) return -1;
    }
    cedar_reader_advance(&reader);
    return reader.event == JSON_TOKEN_END ? 0
        : cedar_reader_refuse(&reader, CEDAR_BAD_JSON, "nothing may stand behind the array");
}

static int read_context(struct cedar_reader *reader, const struct cedar_type *type,
                        const struct cedar_record **context) {
    struct cedar_value value;
    if (cedar_read_value_as(reader, type, &value) != 0) return -1;
    if (value.kind != CEDAR_RECORD)
        return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "the context before this must be a record");
    *context = value.record;
    return 0;
}

/* Each member once. */
static int read_request_member(struct cedar_reader *reader, const struct cedar_type *context_type, struct map *seen,
                               struct cedar_request *request) {
    struct str key;
    if (cedar_read_key(reader, &key) != 0) return -1;
    bool is_context = str_equal(key, STR("context"));
    const struct cedar_uid **uid = str_equal(key, STR("principal"))  ? &request->principal
                                   : str_equal(key, STR("action"))   ? &request->action
                                   : str_equal(key, STR("resource")) ? &request->resource
                                                                     : NULL;
    if (uid == NULL && !is_context) return cedar_skip_member(reader, seen, key);
    if (uid != NULL ? *uid != NULL : request->context != NULL) {
        return cedar_reader_refuse(reader, CEDAR_DUPLICATE, "this member stands twice: remove one");
    }
    return is_context ? read_context(reader, context_type, &request->context) : read_request_uid(reader, uid);
}

/* What the schema says of the context for the request's action. */
static const struct cedar_type *find_context_type(const struct cedar_schema *schema,
                                                  const struct cedar_reader *reader) {
    const struct cedar_uid *uid;
    if (schema == NULL || !find_uid_ahead(reader, STR("action"), &uid)) return NULL;
    const struct cedar_schema_action *action = cedar_schema_action_of(schema, uid);
    return action != NULL ? action->context_type : NULL;
}

static int parse_request(struct arena *arena, const struct cedar_schema *schema, struct str json,
                         struct cedar_request *request, struct cedar_problem *problem) {
    struct cedar_reader reader;
    *request = (struct cedar_request){0};
    if (cedar_reader_init(&reader, arena, json, problem) != 0) return -1;
    const struct cedar_type *context_type = find_context_type(schema, &reader);
    if (cedar_reader_expect(&reader, JSON_TOKEN_BEGIN_OBJECT, "a request is an object") != 0) return -1;
    struct map seen;
    int status = 0;
    map_init(&seen);
    while (status == 0 && reader.event == JSON_TOKEN_KEY) {
        status = read_request_member(&reader, context_type, &seen, request);
    }
    map_free(&seen);
    if (status != 0) return -1;
    if (request->principal == NULL || request->action == NULL || request->resource == NULL) {
        return cedar_reader_refuse(&reader, CEDAR_BAD_JSON,
                                   "a request needs principal, action and resource: add what is missing");
    }
    if (cedar_reader_expect(&reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") != 0) return -1;
    return reader.event == JSON_TOKEN_END ? 0
        : cedar_reader_refuse(&reader, CEDAR_BAD_JSON, "nothing may stand behind the request");
}

int cedar_request_parse(struct arena *arena, struct str json, struct cedar_request *request,
                        struct cedar_problem *problem) {
    return parse_request(arena, NULL, json, request, problem);
}

int cedar_request_parse_guided(struct arena *arena, const struct cedar_schema *schema, struct str json,
                               struct cedar_request *request, struct cedar_problem *problem) {
    if (parse_request(arena, schema, json, request, problem) != 0) return -1;
    return schema != NULL ? cedar_schema_check_request(schema, request, problem) : 0;
}
