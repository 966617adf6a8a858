/* Schemas: making them, names and duplicates, lookups. */
#include "cedar/schema.h"

#include "cedar/problem.h"

#define SCHEMA_MAGIC 0x43534348u
#define SCHEMA_BYTES_MAX ((size_t)1 << 30)

static int check_text(struct str text, struct cedar_problem *problem) {
    if (text.length > CEDAR_TEXT_BYTES_MAX) {
        return cedar_problem_set(problem, CEDAR_LIMIT, "the schema is larger than 64 MiB: split it");
    }
    if (utf8_is_valid(text)) return 0;
    return cedar_problem_set(problem, CEDAR_BAD_TOKEN, "the schema is not UTF-8: save the file as UTF-8");
}

static int fill(struct cedar_schema *schema, struct str text, enum cedar_schema_format format,
                struct cedar_problem *problem) {
    if (check_text(text, problem) != 0) return -1;
    schema->text = arena_copy(&schema->arena, text);
    if (schema->text.data == NULL) return cedar_problem_set_memory(problem);
    int status = format == CEDAR_SCHEMA_JSON ? cedar_schema_read_json(schema, problem)
                                             : cedar_schema_read_text(schema, problem);
    return status == 0 ? cedar_schema_resolve(schema, problem) : -1;
}

struct cedar_schema *cedar_schema_new(struct str text, enum cedar_schema_format format, struct cedar_problem *problem) {
    struct cedar_schema *schema = calloc(1, sizeof(*schema));
    if (schema == NULL) {
        cedar_problem_set_memory(problem);
        return NULL;
    }
    schema->magic = SCHEMA_MAGIC;
    arena_init(&schema->arena, SCHEMA_BYTES_MAX);
    map_init(&schema->commons);
    map_init(&schema->entities);
    map_init(&schema->actions);
    if (fill(schema, text, format, problem) != 0) cedar_schema_free(&schema);
    return schema;
}

void cedar_schema_free(struct cedar_schema **schema) {
    if (*schema == NULL) return;
    CHECK_MAGIC(*schema, SCHEMA_MAGIC);
    map_free(&(*schema)->commons);
    map_free(&(*schema)->entities);
    map_free(&(*schema)->actions);
    arena_free(&(*schema)->arena);
    (*schema)->magic = 0;
    free(*schema);
    *schema = NULL;
}

int cedar_schema_translate(struct str text, enum cedar_schema_format from, enum cedar_schema_format to,
                           struct buffer *out, struct cedar_problem *problem) {
    struct cedar_schema *schema = cedar_schema_new(text, from, problem);
    int status = schema != NULL ? cedar_schema_write(schema, to, out, problem) : -1;
    cedar_schema_free(&schema);
    return status;
}

int cedar_schema_push(struct cedar_schema *schema, struct cedar_list *list, void *item, struct cedar_problem *problem) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity > 0 ? list->capacity * 2 : 4;
        void **items = list->count < CEDAR_MEMBERS_MAX ? ARENA_NEW_ARRAY(&schema->arena, void *, capacity) : NULL;
        if (items == NULL) {
            return cedar_problem_set(problem, CEDAR_LIMIT, "a list of the schema has more than 65,536 members, or "
                                                           "memory is out: split it");
        }
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return 0;
}

struct cedar_schema_namespace *cedar_schema_namespace_open(struct cedar_schema *schema, struct str name,
                                                           struct cedar_problem *problem) {
    for (uint32_t i = 0; i < schema->namespaces.count; i++) {
        struct cedar_schema_namespace *there = schema->namespaces.items[i];
        if (str_equal(there->name, name)) return there;
    }
    if (schema->namespaces.count >= CEDAR_SCHEMA_NAMESPACES_MAX) {
        cedar_problem_set(problem, CEDAR_LIMIT, "the schema has more than 1,024 namespaces: join some");
        return NULL;
    }
    struct cedar_schema_namespace *home = ARENA_NEW(&schema->arena, struct cedar_schema_namespace);
    if (home == NULL) {
        cedar_problem_set_memory(problem);
        return NULL;
    }
    home->name = name;
    return cedar_schema_push(schema, &schema->namespaces, home, problem) == 0 ? home : NULL;
}

struct str cedar_schema_join(struct arena *arena, struct str a, const char *sign, struct str b) {
    size_t sign_length = strlen(sign), length = a.length + sign_length + b.length;
    char *joined = arena_alloc(arena, length + 1);
    if (joined == NULL) return STR_NONE;
    if (a.length > 0) memcpy(joined, a.data, a.length);
    memcpy(joined + a.length, sign, sign_length);
    if (b.length > 0) memcpy(joined + a.length + sign_length, b.data, b.length);
    return str_make(joined, length);
}

bool cedar_schema_is_name(struct str name) {
    struct cedar_lexer lexer = {name, 0};
    struct cedar_token token;
    if (name.length == 0) return false;
    cedar_lex(&lexer, &token);
    return token.kind == CEDAR_TOKEN_NAME && token.text.length == name.length;
}

bool cedar_schema_is_own(struct str path) {
    for (struct str rest = path; rest.length > 0;) {
        size_t at = str_find(rest, STR("::"));
        if (str_equal(str_slice(rest, 0, at), STR("__cedar"))) return true;
        rest = at == STR_NOT_FOUND ? STR("") : str_slice(rest, at + 2, rest.length);
    }
    return false;
}

/* ---- Names --------------------------------------------------------------------------------------------------- */

static struct str full_name(struct cedar_schema *schema, const struct cedar_schema_namespace *home, struct str name) {
    return home->name.length > 0 ? cedar_schema_join(&schema->arena, home->name, "::", name) : name;
}

static int refuse(const struct cedar_schema *schema, struct cedar_problem *problem, enum cedar_code code,
                  struct cedar_span span, const char *format, struct str name) {
    char shown[100];
    snprintf(shown, sizeof(shown), "%.*s", STR_ARGS(name));
    return cedar_problem_set_at(problem, code, schema->text, span, format, shown);
}

/* A list of such members in the order of their indexes, with a limit. */
static int enlist(struct cedar_schema *schema, struct map *map, struct str key, void *item, struct cedar_list *list,
                  struct cedar_problem *problem) {
    if (key.data == NULL || map_set(map, key, item) != 0) return cedar_problem_set_memory(problem);
    if (list == NULL) return 0;
    if (list->count >= CEDAR_SCHEMA_DECLARATIONS_MAX) {
        return cedar_problem_set(problem, CEDAR_LIMIT,
                                 "the schema has more than 8,192 entity types or actions: split it");
    }
    return cedar_schema_push(schema, list, item, problem);
}

static int make_self(struct cedar_schema *schema, struct cedar_entity_type *entity, struct cedar_problem *problem) {
    struct cedar_type *self = ARENA_NEW(&schema->arena, struct cedar_type);
    const struct cedar_entity_type **only = ARENA_NEW(&schema->arena, const struct cedar_entity_type *);
    if (self == NULL || only == NULL) return cedar_problem_set_memory(problem);
    only[0] = entity;
    *self = (struct cedar_type){.kind = CEDAR_TYPE_ENTITY, .depth = 1, .count = 1, .node_count = 1, .entities = only};
    entity->self = self;
    entity->index = schema->all_entities.count;
    return 0;
}

static int index_entity(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                        struct cedar_entity_type *entity, struct cedar_problem *problem) {
    entity->home = home;
    entity->full_name = full_name(schema, home, entity->name);
    if (entity->full_name.data == NULL) return cedar_problem_set_memory(problem);
    if (str_equal(entity->name, STR("Action")) && !entity->is_action) {
        return refuse(schema, problem, CEDAR_RESERVED, entity->span, "`%s` is the type of actions: choose another name",
                      entity->name);
    }
    if (map_get(&schema->entities, entity->full_name) != NULL) {
        return refuse(schema, problem, CEDAR_DUPLICATE, entity->span,
                      "the entity type `%s` is there already: remove one",
                      entity->name);
    }
    if (make_self(schema, entity, problem) != 0) return -1;
    return enlist(schema, &schema->entities, entity->full_name, entity, &schema->all_entities, problem);
}

static int index_common(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                        struct cedar_common_type *common, struct cedar_problem *problem) {
    static const char *const words[] = {"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"};
    struct str name = full_name(schema, home, common->name);
    common->home = home;
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (!str_equal_cstr(common->name, words[i])) continue;
        return refuse(schema, problem, CEDAR_RESERVED, common->span, "`%s` is Cedar's own name: choose another",
                      common->name);
    }
    if (name.data != NULL && map_get(&schema->commons, name) != NULL) {
        return refuse(schema, problem, CEDAR_DUPLICATE, common->span, "the type `%s` is there already: remove one",
                      common->name);
    }
    return enlist(schema, &schema->commons, name, common, NULL, problem);
}

static struct str action_key(struct arena *arena, struct str type, struct str id) {
    return cedar_schema_join(arena, type, "\n", id);
}

static int index_action(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                        struct cedar_schema_action *action, struct cedar_problem *problem) {
    struct str type = full_name(schema, home, STR("Action"));
    struct str key = action_key(&schema->arena, type, action->name);
    action->home = home;
    action->index = schema->all_actions.count;
    action->uid = type.data != NULL ? cedar_uid_make(&schema->arena, type, action->name) : NULL;
    if (action->uid == NULL || key.data == NULL) return cedar_problem_set_memory(problem);
    if (map_get(&schema->actions, key) != NULL) {
        return refuse(schema, problem, CEDAR_DUPLICATE, action->span, "the action `%s` is there already: remove one",
                      action->name);
    }
    action->type = map_get(&schema->entities, type);
    return enlist(schema, &schema->actions, key, action, &schema->all_actions, problem);
}

/* The entity type of a namespace's actions. */
static int index_action_type(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                             struct cedar_problem *problem) {
    if (home->actions.count == 0) return 0;
    struct cedar_entity_type *type = ARENA_NEW(&schema->arena, struct cedar_entity_type);
    if (type == NULL) return cedar_problem_set_memory(problem);
    type->name = STR("Action");
    type->is_action = true;
    return index_entity(schema, home, type, problem);
}

static int index_namespace(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                           struct cedar_problem *problem) {
    for (uint32_t i = 0; i < home->commons.count; i++) {
        if (index_common(schema, home, home->commons.items[i], problem) != 0) return -1;
    }
    for (uint32_t i = 0; i < home->entities.count; i++) {
        if (index_entity(schema, home, home->entities.items[i], problem) != 0) return -1;
    }
    if (index_action_type(schema, home, problem) != 0) return -1;
    for (uint32_t i = 0; i < home->actions.count; i++) {
        if (index_action(schema, home, home->actions.items[i], problem) != 0) return -1;
    }
    return 0;
}

static const char shadow_text[] =
    "`%s` is defined outside of all namespaces too: a name there can have no second meaning, so rename one";

static bool is_defined(const struct cedar_schema *schema, struct str full_name) {
    return map_get(&schema->commons, full_name) != NULL || map_get(&schema->entities, full_name) != NULL;
}

/* What the empty namespace defines, no other may. */
static int check_shadows(struct cedar_schema *schema, const struct cedar_schema_namespace *home,
                         struct cedar_problem *problem) {
    if (home->name.length == 0) return 0;
    for (uint32_t i = 0; i < home->commons.count; i++) {
        const struct cedar_common_type *common = home->commons.items[i];
        if (!is_defined(schema, common->name)) continue;
        return refuse(schema, problem, CEDAR_SHADOWED, common->span, shadow_text, common->name);
    }
    for (uint32_t i = 0; i < home->entities.count; i++) {
        const struct cedar_entity_type *entity = home->entities.items[i];
        if (!is_defined(schema, entity->name)) continue;
        return refuse(schema, problem, CEDAR_SHADOWED, entity->span, shadow_text, entity->name);
    }
    for (uint32_t i = 0; i < home->actions.count; i++) {
        const struct cedar_schema_action *action = home->actions.items[i];
        if (cedar_schema_action_named(schema, STR("Action"), action->name) == NULL) continue;
        return refuse(schema, problem, CEDAR_SHADOWED, action->span, shadow_text, action->name);
    }
    return 0;
}

int cedar_schema_index(struct cedar_schema *schema, struct cedar_problem *problem) {
    for (uint32_t i = 0; i < schema->namespaces.count; i++) {
        if (index_namespace(schema, schema->namespaces.items[i], problem) != 0) return -1;
    }
    for (uint32_t i = 0; i < schema->namespaces.count; i++) {
        if (check_shadows(schema, schema->namespaces.items[i], problem) != 0) return -1;
    }
    return 0;
}

struct cedar_schema_action *cedar_schema_action_named(const struct cedar_schema *schema, struct str type,
                                                      struct str id) {
    struct arena scratch;
    if (type.length > CEDAR_SCHEMA_NAME_BYTES_MAX * 2) return NULL;
    arena_init(&scratch, type.length + id.length + (1u << 16));
    struct str key = action_key(&scratch, type, id);
    struct cedar_schema_action *action = key.data != NULL ? map_get(&schema->actions, key) : NULL;
    arena_free(&scratch);
    return action;
}

struct cedar_schema_action *cedar_schema_action_of(const struct cedar_schema *schema, const struct cedar_uid *uid) {
    return cedar_schema_action_named(schema, uid->type, uid->id);
}

struct cedar_entity_type *cedar_schema_entity_named(const struct cedar_schema *schema, struct str full_name) {
    return map_get(&schema->entities, full_name);
}

bool cedar_entity_type_has_id(const struct cedar_entity_type *type, struct str id) {
    if (type->ids.count == 0) return true;
    for (uint32_t i = 0; i < type->ids.count; i++) {
        if (str_equal(((const struct cedar_schema_reference *)type->ids.items[i])->id, id)) return true;
    }
    return false;
}
