/* Base entities, built once a bundle, and the overlay for resources that the config does not name.
 *
 *     Sworn::Group                    Sworn::Environment
 *       Sworn::User|Agent|Service       Sworn::Database "<environment>/<upstream>"
 *     Sworn::Action (groups below)        Sworn::Table "<environment>/<upstream>/<schema>.<table>"
 *     Sworn::DataClass, one a class of the detector, and "unscanned"
 */
#include "guard/policy_entities.h"

#include "model/operation.h"

static const struct str labels_name = {"labels", 6};
static const struct str on_behalf_of_name = {"onBehalfOf", 10};

/* The types that are asked for again and again need no formatting. */
static const struct {
    struct str name;
    struct str type;
} known_types[] = {
    {{"Table", 5}, {"Sworn::Table", 12}},
    {{"Database", 8}, {"Sworn::Database", 15}},
    {{"Environment", 11}, {"Sworn::Environment", 18}},
};

static bool type_is_identifier(struct str type) {
    if (type.length == 0 || (type.data[0] >= '0' && type.data[0] <= '9')) return false;
    for (size_t i = 0; i < type.length; i++) {
        char byte = type.data[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
        if (!is_letter && !(byte >= '0' && byte <= '9')) return false;
    }
    return true;
}

struct str policy_entity_type(struct arena *arena, struct str type) {
    for (size_t i = 0; i < LENGTH_OF(known_types); i++) {
        if (str_equal(known_types[i].name, type)) return known_types[i].type;
    }
    return type_is_identifier(type) ? arena_format(arena, "Sworn::%.*s", STR_ARGS(type)) : STR_NONE;
}

void policy_action_uid(struct cedar_uid *uid, struct str verb) { cedar_uid_init(uid, STR("Sworn::Action"), verb); }

void policy_principal_uid(struct cedar_uid *uid, const struct principal *principal) {
    static const struct str types[] = {
        [PRINCIPAL_USER] = {"Sworn::User", 11},
        [PRINCIPAL_AGENT] = {"Sworn::Agent", 12},
        [PRINCIPAL_SERVICE] = {"Sworn::Service", 14},
    };
    cedar_uid_init(uid, types[principal->kind], principal->name);
}

/* ---- The base ------------------------------------------------------------------------------------------------ */

struct builder {
    struct bundle *bundle;
    bool is_full; /* the arena */
};

/* A copy in the bundle's arena. */
static const struct cedar_uid *build_uid(struct builder *builder, struct cedar_uid uid) {
    struct arena *arena = &builder->bundle->arena;
    struct str id = arena_copy(arena, uid.id);
    const struct cedar_uid *copy = id.data != NULL ? cedar_uid_make(arena, uid.type, id) : NULL;
    if (copy == NULL) builder->is_full = true;
    return copy;
}

/* Adds the entity with its parent (NULL: none). A uid that could not be made is left out: the build fails in the
 * end. */
static struct cedar_entity *build_add(struct builder *builder, const struct cedar_uid *uid,
                                      const struct cedar_uid *parent) {
    if (uid == NULL) return NULL;
    struct cedar_entity *entity = cedar_entities_add(builder->bundle->entities, uid);
    if (parent != NULL) cedar_entity_add_parent(builder->bundle->entities, entity, parent);
    return entity;
}

static const struct cedar_uid *build_named(struct builder *builder, struct str type, struct str id) {
    struct cedar_uid uid;
    cedar_uid_init(&uid, type, id);
    return build_uid(builder, uid);
}

static void build_actions(struct builder *builder, const struct bundle_source *source) {
    for (size_t i = 0; i < model_verb_count; i++) {
        bool is_in_group = model_verbs[i].group.length > 0;
        const struct cedar_uid *group =
            is_in_group ? build_named(builder, STR("Sworn::Action"), model_verbs[i].group) : NULL;
        build_add(builder, build_named(builder, STR("Sworn::Action"), model_verbs[i].name), group);
    }
    const struct cedar_uid *http = build_named(builder, STR("Sworn::Action"), STR("http"));
    for (size_t i = 0; i < source->verb_count; i++) {
        build_add(builder, build_named(builder, STR("Sworn::Action"), source->verbs[i]), http);
    }
}

static void build_classes(struct builder *builder) {
    struct bundle *bundle = builder->bundle;
    policy_action_uid(&bundle->reveal, STR("reveal"));
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        struct str name = str_from_cstr(class_name((enum data_class)class));
        cedar_uid_init(&bundle->classes[class], STR("Sworn::DataClass"), name);
        build_add(builder, &bundle->classes[class], NULL);
    }
    cedar_uid_init(&bundle->unscanned, STR("Sworn::DataClass"), STR(POLICY_UNSCANNED));
    build_add(builder, &bundle->unscanned, NULL);
}

static void build_principal(struct builder *builder, const struct principal *principal) {
    struct cedar_entities *entities = builder->bundle->entities;
    struct cedar_uid uid;
    policy_principal_uid(&uid, principal);
    struct cedar_entity *entity = build_add(builder, build_uid(builder, uid), NULL);
    for (size_t i = 0; i < principal->group_count; i++) {
        const struct cedar_uid *group = build_named(builder, STR("Sworn::Group"), principal->groups[i]);
        build_add(builder, group, NULL);
        if (group != NULL) cedar_entity_add_parent(entities, entity, group);
    }
    if (principal->on_behalf_of == NULL) return;
    policy_principal_uid(&uid, principal->on_behalf_of);
    const struct cedar_uid *person = build_uid(builder, uid);
    if (person != NULL) cedar_entity_set(entities, entity, on_behalf_of_name, cedar_entity_value(person));
}

static struct cedar_value build_labels(struct builder *builder, const struct str *labels, size_t count) {
    struct arena *arena = &builder->bundle->arena;
    struct cedar_value *members = ARENA_NEW_ARRAY(arena, struct cedar_value, count);
    struct cedar_value set = builder->bundle->empty_set;
    for (size_t i = 0; members != NULL && i < count; i++) members[i] = cedar_string(arena_copy(arena, labels[i]));
    if ((members == NULL && count != 0) || cedar_set_make(arena, members, count, &set) != 0) builder->is_full = true;
    return set;
}

/* A resource with its labels, in its parent. */
static const struct cedar_uid *build_resource(struct builder *builder, struct str type, struct str id,
                                              const struct cedar_uid *parent, struct cedar_value labels) {
    const struct cedar_uid *uid = build_named(builder, type, id);
    struct cedar_entity *entity = build_add(builder, uid, parent);
    cedar_entity_set(builder->bundle->entities, entity, labels_name, labels);
    return uid;
}

static void build_upstream(struct builder *builder, const struct bundle_source *source,
                           const struct bundle_upstream *upstream) {
    struct arena *arena = &builder->bundle->arena;
    struct cedar_value none = builder->bundle->empty_set;
    const struct cedar_uid *environment =
        build_resource(builder, STR("Sworn::Environment"), upstream->environment, NULL, none);
    struct str id = arena_format(arena, "%.*s/%.*s", STR_ARGS(upstream->environment), STR_ARGS(upstream->name));
    struct str type = policy_entity_type(arena, upstream->type.length > 0 ? upstream->type : STR("Database"));
    struct cedar_value own = build_labels(builder, upstream->labels, upstream->label_count);
    const struct cedar_uid *uid = build_resource(builder, type, id, environment, own);
    for (size_t i = 0; i < source->resource_count; i++) {
        const struct bundle_resource *within = &source->resources[i];
        if (!str_equal(within->upstream, upstream->name)) continue;
        struct str within_id = arena_format(arena, "%.*s/%.*s", STR_ARGS(id), STR_ARGS(within->name));
        struct cedar_value labels = build_labels(builder, within->labels, within->label_count);
        struct str within_type = policy_entity_type(arena, within->type.length > 0 ? within->type : STR("Table"));
        build_resource(builder, within_type, within_id, uid, labels);
    }
}

int policy_entities_build(struct bundle *bundle, const struct bundle_source *source, struct error *error) {
    struct builder builder = {.bundle = bundle};
    bundle->entities = cedar_entities_new();
    if (bundle->entities == NULL || cedar_set_make(&bundle->arena, NULL, 0, &bundle->empty_set) != 0) {
        return error_out_of_memory(error);
    }
    build_actions(&builder, source);
    build_classes(&builder);
    for (size_t i = 0; i < identity_count(source->identity); i++) {
        build_principal(&builder, identity_at(source->identity, i));
    }
    for (size_t i = 0; i < source->upstream_count; i++) build_upstream(&builder, source, &source->upstreams[i]);
    if (builder.is_full) return error_out_of_memory(error);
    struct cedar_problem problem;
    if (cedar_entities_finish(bundle->entities, &problem) == 0) return 0;
    return error_set(error, ERROR_INVALID, "the entities of the config: %s", problem.text);
}

/* ---- The overlay of one request ------------------------------------------------------------------------------ */

static int resource_uid(struct arena *scratch, const struct resource *resource, struct cedar_uid *uid,
                        struct error *error) {
    struct str type = policy_entity_type(scratch, resource->type);
    if (type.data == NULL) return error_set(error, ERROR_INVALID, "the action has a resource of no proper type");
    cedar_uid_init(uid, type, resource->id);
    return 0;
}

static int overlay_finish(struct cedar_entities *overlay, struct error *error) {
    struct cedar_problem problem;
    if (cedar_entities_finish(overlay, &problem) == 0) return 0;
    return error_set(error, ERROR_LIMIT, "the action's resources: %s", problem.text);
}

/* Tables are labelled by their upstream. Where that has several databases, a table's id has the database's name within
 * (env/upstream/database/schema.table), and its labels are those of the id without. */
static struct cedar_value labels_of(const struct bundle *bundle, struct arena *scratch, const struct resource *resource) {
    const struct resource *database = resource->parent;
    const struct resource *upstream = database != NULL ? database->parent : NULL;
    if (upstream == NULL || !str_equal(upstream->type, database->type)) return bundle->empty_set;
    if (!str_starts_with(resource->id, database->id)) return bundle->empty_set;
    struct str within = str_slice(resource->id, database->id.length, resource->id.length);
    struct str id = arena_format(scratch, "%.*s%.*s", STR_ARGS(upstream->id), STR_ARGS(within));
    struct cedar_uid uid;
    struct error error;
    const struct resource labelled = {resource->type, id, NULL};
    if (id.data == NULL || resource_uid(scratch, &labelled, &uid, &error) != 0) return bundle->empty_set;
    const struct cedar_entity *entity = cedar_entities_find(bundle->entities, &uid);
    const struct cedar_value *labels =
        entity != NULL ? cedar_record_get(cedar_entity_attributes(entity), labels_name) : NULL;
    return labels != NULL ? *labels : bundle->empty_set;
}

/* Adds the resource and its parents up to the first that the base has. */
static int overlay_add(const struct bundle *bundle, struct arena *scratch, const struct resource *resource,
                       struct cedar_entities *overlay, struct error *error) {
    struct cedar_entity *child = NULL;
    for (int depth = 0; resource != NULL; depth++, resource = resource->parent) {
        if (depth == RESOURCE_DEPTH_MAX) {
            return error_set(error, ERROR_LIMIT, "the action's resource is nested too deep");
        }
        struct cedar_uid *uid = ARENA_NEW(scratch, struct cedar_uid);
        if (uid == NULL) return error_out_of_memory(error);
        if (resource_uid(scratch, resource, uid, error) != 0) return -1;
        if (child != NULL) cedar_entity_add_parent(overlay, child, uid);
        if (cedar_entities_find(bundle->entities, uid) != NULL) return 0;
        child = cedar_entities_add(overlay, uid);
        cedar_entity_set(overlay, child, labels_name, labels_of(bundle, scratch, resource));
    }
    return 0;
}

const struct cedar_uid *policy_tags_uid(struct arena *arena, enum attribute_id attribute) {
    const struct attribute_description *description = &attribute_descriptions[attribute];
    bool has_numbers = description->kind == ATTRIBUTE_KIND_NUMBER_TAGS;
    return cedar_uid_make(arena, has_numbers ? STR("Sworn::InputNumbers") : STR("Sworn::Input"),
                          str_from_cstr(description->name));
}

static bool has_tags(const struct attribute *attribute) {
    if (attribute_is_sealed(attribute)) return false;
    enum attribute_kind kind = attribute_descriptions[attribute->id].kind;
    return kind == ATTRIBUTE_KIND_TAGS || kind == ATTRIBUTE_KIND_NUMBER_TAGS;
}

static int overlay_add_tags(struct arena *scratch, const struct attribute *attribute, struct cedar_entities *overlay,
                            struct error *error) {
    bool has_numbers = attribute_descriptions[attribute->id].kind == ATTRIBUTE_KIND_NUMBER_TAGS;
    const struct cedar_uid *uid = policy_tags_uid(scratch, attribute->id);
    if (uid == NULL) return error_out_of_memory(error);
    struct cedar_entity *entity = cedar_entities_add(overlay, uid);
    for (size_t i = 0; i < attribute->tags.count; i++) {
        const struct attribute_tag *tag = &attribute->tags.items[i];
        if (!has_numbers) cedar_entity_set_tag(overlay, entity, tag->name, cedar_string(tag->text));
        else if (tag->is_integer) cedar_entity_set_tag(overlay, entity, tag->name, cedar_long(tag->integer));
    }
    return 0;
}

int policy_step_entities(const struct bundle *bundle, struct arena *scratch, const struct action_step *step,
                         struct cedar_uid *uid, const struct cedar_entities **entities, struct error *error) {
    *entities = bundle->entities;
    if (step->resource == NULL) return error_set(error, ERROR_INVALID, "the action has no resource");
    if (resource_uid(scratch, step->resource, uid, error) != 0) return -1;
    bool is_known = cedar_entities_find(bundle->entities, uid) != NULL;
    size_t tagged = 0;
    for (size_t i = 0; i < step->attribute_count; i++) tagged += has_tags(&step->attributes[i]);
    if (is_known && tagged == 0) return 0;
    struct cedar_entities *overlay = cedar_entities_overlay(scratch, bundle->entities);
    if (overlay == NULL) return error_out_of_memory(error);
    *entities = overlay;
    if (!is_known && overlay_add(bundle, scratch, step->resource, overlay, error) != 0) return -1;
    for (size_t i = 0; i < step->attribute_count && tagged > 0; i++) {
        const struct attribute *attribute = &step->attributes[i];
        if (has_tags(attribute) && overlay_add_tags(scratch, attribute, overlay, error) != 0) return -1;
    }
    return overlay_finish(overlay, error);
}
