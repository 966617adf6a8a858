/* Schemas in either form again. Declarations keep their order. */
#include "base/json.h"
#include "cedar/problem.h"
#include "cedar/schema.h"

/* ---- Text ---------------------------------------------------------------------------------------------------- */

static void indent(struct buffer *out, unsigned level) {
    for (unsigned i = 0; i < level; i++) buffer_append_cstr(out, "  ");
}

static void write_name(struct str name, struct buffer *out) {
    if (cedar_schema_is_name(name) && !cedar_is_reserved(name)) buffer_append_str(out, name);
    else cedar_escape(name, out);
}

static void write_annotations(const struct cedar_list *annotations, unsigned level, struct buffer *out) {
    for (uint32_t i = 0; i < annotations->count; i++) {
        const struct cedar_annotation *annotation = annotations->items[i];
        indent(out, level);
        buffer_append_byte(out, '@');
        buffer_append_str(out, annotation->key);
        if (annotation->has_value) {
            buffer_append_byte(out, '(');
            cedar_escape(annotation->value, out);
            buffer_append_byte(out, ')');
        }
        buffer_append_byte(out, '\n');
    }
}

static void write_type(const struct cedar_schema_type *type, unsigned level, struct buffer *out);

static void write_record(const struct cedar_schema_type *type, unsigned level, struct buffer *out) {
    if (type->attributes.count == 0) {
        buffer_append_cstr(out, "{}");
        return;
    }
    buffer_append_cstr(out, "{\n");
    for (uint32_t i = 0; i < type->attributes.count; i++) {
        const struct cedar_schema_attribute *attribute = type->attributes.items[i];
        write_annotations(&attribute->annotations, level + 1, out);
        indent(out, level + 1);
        write_name(attribute->name, out);
        buffer_append_cstr(out, attribute->is_required ? ": " : "?: ");
        write_type(attribute->type, level + 1, out);
        buffer_append_cstr(out, ",\n");
    }
    indent(out, level);
    buffer_append_byte(out, '}');
}

/* Recursion: declared types are at most CEDAR_SCHEMA_DEPTH_MAX deep, here and in write_json_type(). */
static void write_type(const struct cedar_schema_type *type, unsigned level, struct buffer *out) {
    switch (type->form) {
    case CEDAR_FORM_RECORD: write_record(type, level, out); return;
    case CEDAR_FORM_SET:
        buffer_append_cstr(out, "Set<");
        write_type(type->element, level, out);
        buffer_append_byte(out, '>');
        return;
    case CEDAR_FORM_PRIMITIVE:
    case CEDAR_FORM_EXTENSION:
        buffer_append_cstr(out, "__cedar::");
        buffer_append_str(out, type->name);
        return;
    default: buffer_append_str(out, type->name);
    }
}

static void write_types(const struct cedar_list *references, struct buffer *out) {
    buffer_append_byte(out, '[');
    for (uint32_t i = 0; i < references->count; i++) {
        if (i > 0) buffer_append_cstr(out, ", ");
        buffer_append_str(out, ((const struct cedar_schema_reference *)references->items[i])->type);
    }
    buffer_append_byte(out, ']');
}

static void write_groups(const struct cedar_list *groups, struct buffer *out) {
    buffer_append_cstr(out, " in [");
    for (uint32_t i = 0; i < groups->count; i++) {
        const struct cedar_schema_reference *group = groups->items[i];
        if (i > 0) buffer_append_cstr(out, ", ");
        if (group->type.data != NULL) {
            buffer_append_str(out, group->type);
            buffer_append_cstr(out, "::");
        }
        cedar_escape(group->id, out);
    }
    buffer_append_byte(out, ']');
}

static void write_common(const struct cedar_common_type *common, unsigned level, struct buffer *out) {
    write_annotations(&common->annotations, level, out);
    indent(out, level);
    buffer_append_cstr(out, "type ");
    buffer_append_str(out, common->name);
    buffer_append_cstr(out, " = ");
    write_type(common->type, level, out);
    buffer_append_cstr(out, ";\n");
}

static void write_ids(const struct cedar_list *ids, struct buffer *out) {
    buffer_append_cstr(out, " enum [");
    for (uint32_t i = 0; i < ids->count; i++) {
        if (i > 0) buffer_append_cstr(out, ", ");
        cedar_escape(((const struct cedar_schema_reference *)ids->items[i])->id, out);
    }
    buffer_append_byte(out, ']');
}

static void write_entity(const struct cedar_entity_type *entity, unsigned level, struct buffer *out) {
    write_annotations(&entity->annotations, level, out);
    indent(out, level);
    buffer_append_cstr(out, "entity ");
    buffer_append_str(out, entity->name);
    if (entity->ids.count > 0) write_ids(&entity->ids, out);
    if (entity->parents.count > 0) {
        buffer_append_cstr(out, " in ");
        write_types(&entity->parents, out);
    }
    if (entity->shape != NULL && entity->shape->attributes.count > 0) {
        buffer_append_cstr(out, " = ");
        write_type(entity->shape, level, out);
    }
    if (entity->tags != NULL) {
        buffer_append_cstr(out, " tags ");
        write_type(entity->tags, level, out);
    }
    buffer_append_cstr(out, ";\n");
}

static void write_action(const struct cedar_schema_action *action, unsigned level, struct buffer *out) {
    write_annotations(&action->annotations, level, out);
    indent(out, level);
    buffer_append_cstr(out, "action ");
    cedar_escape(action->name, out);
    if (action->groups.count > 0) write_groups(&action->groups, out);
    if (action->principals.count > 0 && action->resources.count > 0) {
        buffer_append_cstr(out, " appliesTo {\n");
        indent(out, level + 1);
        buffer_append_cstr(out, "principal: ");
        write_types(&action->principals, out);
        buffer_append_cstr(out, ",\n");
        indent(out, level + 1);
        buffer_append_cstr(out, "resource: ");
        write_types(&action->resources, out);
        if (action->context != NULL) {
            buffer_append_cstr(out, ",\n");
            indent(out, level + 1);
            buffer_append_cstr(out, "context: ");
            write_type(action->context, level + 1, out);
        }
        buffer_append_cstr(out, ",\n");
        indent(out, level);
        buffer_append_byte(out, '}');
    }
    buffer_append_cstr(out, ";\n");
}

static void write_namespace(const struct cedar_schema_namespace *home, struct buffer *out) {
    unsigned level = home->name.length > 0 ? 1 : 0;
    if (level > 0) {
        write_annotations(&home->annotations, 0, out);
        buffer_append_cstr(out, "namespace ");
        buffer_append_str(out, home->name);
        buffer_append_cstr(out, " {\n");
    }
    for (uint32_t i = 0; i < home->commons.count; i++) write_common(home->commons.items[i], level, out);
    for (uint32_t i = 0; i < home->entities.count; i++) write_entity(home->entities.items[i], level, out);
    for (uint32_t i = 0; i < home->actions.count; i++) write_action(home->actions.items[i], level, out);
    if (level > 0) buffer_append_cstr(out, "}\n");
}

/* JSON says which of the two a name means, or has a shape behind a name: text cannot. */
static int check_type(const struct cedar_schema *schema, const struct cedar_schema_namespace *home,
                      const struct cedar_schema_type *type, struct cedar_problem *problem) {
    for (uint32_t i = 0; i < type->attributes.count; i++) {
        const struct cedar_schema_attribute *attribute = type->attributes.items[i];
        if (check_type(schema, home, attribute->type, problem) != 0) return -1;
    }
    if (type->form == CEDAR_FORM_SET) return check_type(schema, home, type->element, problem);
    if (type->form != CEDAR_FORM_ENTITY && type->form != CEDAR_FORM_COMMON) return 0;
    struct arena scratch;
    arena_init(&scratch, CEDAR_SCHEMA_NAME_BYTES_MAX * 4 + (1u << 16));
    bool is_qualified = home->name.length == 0 || str_find(type->name, STR("::")) != STR_NOT_FOUND;
    struct str own = is_qualified ? type->name : cedar_schema_join(&scratch, home->name, "::", type->name);
    bool is_entity = map_get(&schema->entities, own) != NULL || map_get(&schema->entities, type->name) != NULL;
    bool is_common = map_get(&schema->commons, own) != NULL || map_get(&schema->commons, type->name) != NULL ||
                     cedar_schema_builtin(type->name) != NULL;
    arena_free(&scratch);
    if (!is_entity || !is_common) return 0;
    return cedar_problem_set_at(problem, CEDAR_UNSUPPORTED, schema->text, type->span,
                                "`%.*s` is an entity type and another type too, which text cannot tell apart: rename "
                                "one",
                                STR_ARGS(str_slice(type->name, 0, 100)));
}

static int check_entity(const struct cedar_schema *schema, const struct cedar_schema_namespace *home,
                        const struct cedar_entity_type *entity, struct cedar_problem *problem) {
    if (entity->shape != NULL && entity->shape->form != CEDAR_FORM_RECORD) {
        return cedar_problem_set_at(problem, CEDAR_UNSUPPORTED, schema->text, entity->shape->span,
                                    "text cannot name a type as the shape of `%.*s`: write the attributes out",
                                    STR_ARGS(str_slice(entity->name, 0, 100)));
    }
    if (entity->shape != NULL && check_type(schema, home, entity->shape, problem) != 0) return -1;
    return entity->tags != NULL ? check_type(schema, home, entity->tags, problem) : 0;
}

static int check_namespace(const struct cedar_schema *schema, const struct cedar_schema_namespace *home,
                           struct cedar_problem *problem) {
    for (uint32_t i = 0; i < home->commons.count; i++) {
        const struct cedar_common_type *common = home->commons.items[i];
        if (check_type(schema, home, common->type, problem) != 0) return -1;
    }
    for (uint32_t i = 0; i < home->entities.count; i++) {
        if (check_entity(schema, home, home->entities.items[i], problem) != 0) return -1;
    }
    for (uint32_t i = 0; i < home->actions.count; i++) {
        const struct cedar_schema_action *action = home->actions.items[i];
        if (action->context == NULL || action->context->form != CEDAR_FORM_RECORD) continue;
        if (check_type(schema, home, action->context, problem) != 0) return -1;
    }
    return 0;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

static void json_comma(struct buffer *out, bool *is_first) {
    if (!*is_first) buffer_append_byte(out, ',');
    *is_first = false;
}

static void json_member_begin(struct buffer *out, bool *is_first, struct str key) {
    json_comma(out, is_first);
    json_append_quoted(out, key);
    buffer_append_byte(out, ':');
}

static void json_annotations(const struct cedar_list *annotations, bool *is_first, struct buffer *out) {
    if (annotations->count == 0) return;
    bool is_first_inside = true;
    json_member_begin(out, is_first, STR("annotations"));
    buffer_append_byte(out, '{');
    for (uint32_t i = 0; i < annotations->count; i++) {
        const struct cedar_annotation *annotation = annotations->items[i];
        json_member_begin(out, &is_first_inside, annotation->key);
        json_append_quoted(out, annotation->value);
    }
    buffer_append_byte(out, '}');
}

static void write_json_type(const struct cedar_schema_type *type, const struct cedar_schema_attribute *attribute,
                            const struct cedar_list *annotations, struct buffer *out);

static void json_attributes(const struct cedar_list *attributes, struct buffer *out) {
    bool is_first = true;
    buffer_append_cstr(out, ",\"attributes\":{");
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct cedar_schema_attribute *attribute = attributes->items[i];
        json_member_begin(out, &is_first, attribute->name);
        write_json_type(attribute->type, attribute, &attribute->annotations, out);
    }
    buffer_append_byte(out, '}');
}

static void write_json_type(const struct cedar_schema_type *type, const struct cedar_schema_attribute *attribute,
                            const struct cedar_list *annotations, struct buffer *out) {
    static const char *const words[] = {
        [CEDAR_FORM_NAME] = "EntityOrCommon", [CEDAR_FORM_ENTITY] = "Entity", [CEDAR_FORM_EXTENSION] = "Extension",
        [CEDAR_FORM_SET] = "Set", [CEDAR_FORM_RECORD] = "Record", [CEDAR_FORM_PRIMITIVE] = "", [CEDAR_FORM_COMMON] = "",
    };
    struct str word = str_from_cstr(words[type->form]);
    if (type->form == CEDAR_FORM_COMMON) word = type->name;
    if (type->form == CEDAR_FORM_PRIMITIVE) word = str_equal(type->name, STR("Bool")) ? STR("Boolean") : type->name;
    bool is_first = false;
    buffer_append_cstr(out, "{\"type\":");
    json_append_quoted(out, word);
    if (type->form == CEDAR_FORM_NAME || type->form == CEDAR_FORM_ENTITY || type->form == CEDAR_FORM_EXTENSION) {
        json_member_begin(out, &is_first, STR("name"));
        json_append_quoted(out, type->name);
    }
    if (type->form == CEDAR_FORM_RECORD) json_attributes(&type->attributes, out);
    if (type->form == CEDAR_FORM_SET) {
        json_member_begin(out, &is_first, STR("element"));
        write_json_type(type->element, NULL, NULL, out);
    }
    if (attribute != NULL && !attribute->is_required) buffer_append_cstr(out, ",\"required\":false");
    if (annotations != NULL) json_annotations(annotations, &is_first, out);
    buffer_append_byte(out, '}');
}

static void json_references(const struct cedar_list *references, bool are_ids, struct buffer *out) {
    bool is_first = true;
    buffer_append_byte(out, '[');
    for (uint32_t i = 0; i < references->count; i++) {
        const struct cedar_schema_reference *reference = references->items[i];
        json_comma(out, &is_first);
        json_append_quoted(out, are_ids ? reference->id : reference->type);
    }
    buffer_append_byte(out, ']');
}

static void json_entity(const struct cedar_entity_type *entity, struct buffer *out) {
    bool is_first = true;
    buffer_append_byte(out, '{');
    if (entity->ids.count > 0) {
        json_member_begin(out, &is_first, STR("enum"));
        json_references(&entity->ids, true, out);
    }
    if (entity->parents.count > 0) {
        json_member_begin(out, &is_first, STR("memberOfTypes"));
        json_references(&entity->parents, false, out);
    }
    if (entity->shape != NULL && (entity->shape->form != CEDAR_FORM_RECORD || entity->shape->attributes.count > 0)) {
        json_member_begin(out, &is_first, STR("shape"));
        write_json_type(entity->shape, NULL, NULL, out);
    }
    if (entity->tags != NULL) {
        json_member_begin(out, &is_first, STR("tags"));
        write_json_type(entity->tags, NULL, NULL, out);
    }
    json_annotations(&entity->annotations, &is_first, out);
    buffer_append_byte(out, '}');
}

static void json_groups(const struct cedar_list *groups, struct buffer *out) {
    bool is_first = true;
    buffer_append_byte(out, '[');
    for (uint32_t i = 0; i < groups->count; i++) {
        const struct cedar_schema_reference *group = groups->items[i];
        json_comma(out, &is_first);
        buffer_append_cstr(out, "{\"id\":");
        json_append_quoted(out, group->id);
        if (group->type.data != NULL) {
            buffer_append_cstr(out, ",\"type\":");
            json_append_quoted(out, group->type);
        }
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, ']');
}

static void json_applies_to(const struct cedar_schema_action *action, struct buffer *out) {
    bool has_context = action->context != NULL &&
                       (action->context->form != CEDAR_FORM_RECORD || action->context->attributes.count > 0);
    buffer_append_cstr(out, "{\"principalTypes\":");
    json_references(&action->principals, false, out);
    buffer_append_cstr(out, ",\"resourceTypes\":");
    json_references(&action->resources, false, out);
    if (has_context) {
        buffer_append_cstr(out, ",\"context\":");
        write_json_type(action->context, NULL, NULL, out);
    }
    buffer_append_byte(out, '}');
}

static void json_action(const struct cedar_schema_action *action, struct buffer *out) {
    bool is_first = true;
    buffer_append_byte(out, '{');
    if (action->has_applies_to) {
        json_member_begin(out, &is_first, STR("appliesTo"));
        json_applies_to(action, out);
    }
    if (action->groups.count > 0) {
        json_member_begin(out, &is_first, STR("memberOf"));
        json_groups(&action->groups, out);
    }
    json_annotations(&action->annotations, &is_first, out);
    buffer_append_byte(out, '}');
}

static void json_commons(const struct cedar_list *commons, bool *is_first, struct buffer *out) {
    bool is_first_inside = true;
    if (commons->count == 0) return;
    json_member_begin(out, is_first, STR("commonTypes"));
    buffer_append_byte(out, '{');
    for (uint32_t i = 0; i < commons->count; i++) {
        const struct cedar_common_type *common = commons->items[i];
        json_member_begin(out, &is_first_inside, common->name);
        write_json_type(common->type, NULL, &common->annotations, out);
    }
    buffer_append_byte(out, '}');
}

static void json_namespace(const struct cedar_schema_namespace *home, struct buffer *out) {
    bool is_first = true, is_first_inside = true;
    buffer_append_byte(out, '{');
    json_commons(&home->commons, &is_first, out);
    json_member_begin(out, &is_first, STR("entityTypes"));
    buffer_append_byte(out, '{');
    for (uint32_t i = 0; i < home->entities.count; i++) {
        const struct cedar_entity_type *entity = home->entities.items[i];
        json_member_begin(out, &is_first_inside, entity->name);
        json_entity(entity, out);
    }
    buffer_append_cstr(out, "},\"actions\":{");
    is_first_inside = true;
    for (uint32_t i = 0; i < home->actions.count; i++) {
        const struct cedar_schema_action *action = home->actions.items[i];
        json_member_begin(out, &is_first_inside, action->name);
        json_action(action, out);
    }
    buffer_append_byte(out, '}');
    json_annotations(&home->annotations, &is_first, out);
    buffer_append_byte(out, '}');
}

int cedar_schema_write(const struct cedar_schema *schema, enum cedar_schema_format format, struct buffer *out,
                       struct cedar_problem *problem) {
    bool is_first = true, is_json = format == CEDAR_SCHEMA_JSON;
    if (is_json) buffer_append_byte(out, '{');
    for (uint32_t i = 0; i < schema->namespaces.count; i++) {
        const struct cedar_schema_namespace *home = schema->namespaces.items[i];
        if (is_json) {
            json_member_begin(out, &is_first, home->name);
            json_namespace(home, out);
        } else {
            if (check_namespace(schema, home, problem) != 0) return -1;
            if (i > 0) buffer_append_byte(out, '\n');
            write_namespace(home, out);
        }
    }
    if (is_json) buffer_append_cstr(out, "}\n");
    return buffer_failed(out) ? cedar_problem_set_memory(problem) : 0;
}
