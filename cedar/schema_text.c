/* Schemas as text.
 *
 *     schema      = *(*annotation ("namespace" path "{" *declaration "}" / declaration))
 *     declaration = *annotation (entity / action / common) ";"
 *     entity      = "entity" name *("," name) ["in" types] [["="] record] ["tags" type]
 *                 / "entity" name *("," name) "enum" "[" string *("," string) "]"
 *     action      = "action" id *("," id) ["in" groups] ["appliesTo" "{" applies "}"] ["attributes" "{" "}"]
 *     common      = "type" name "=" type
 *     types       = path / "[" [path *("," path)] "]"
 *     groups      = group / "[" group *("," group) "]"
 *     group       = id / path "::" string
 *     applies     = part *("," part) [","]
 *     part        = ("principal" / "resource") ":" types / "context" ":" (path / record)
 *     type        = path / "Set" "<" type ">" / record
 *     record      = "{" [attribute *("," attribute) [","]] "}"
 *     attribute   = *annotation id ["?"] ":" type
 *     id          = name / string */
#include "cedar/problem.h"
#include "cedar/schema.h"

struct reader {
    struct cedar_schema *schema;
    struct cedar_parser parser;
    struct cedar_schema_namespace *home;
};

static int refuse_at(struct reader *reader, enum cedar_code code, struct cedar_span span, const char *text) {
    return cedar_problem_set_at(reader->parser.problem, code, reader->schema->text, span, "%s", text);
}

static int push(struct reader *reader, struct cedar_list *list, void *item) {
    if (item == NULL) return cedar_parser_memory(&reader->parser);
    return cedar_schema_push(reader->schema, list, item, reader->parser.problem);
}

static int parse_annotation(struct reader *reader, struct cedar_list *annotations) {
    struct cedar_parser *parser = &reader->parser;
    struct cedar_annotation *annotation = ARENA_NEW(parser->arena, struct cedar_annotation);
    if (annotation == NULL) return cedar_parser_memory(parser);
    cedar_parser_advance(parser);
    if (parser->token.kind != CEDAR_TOKEN_NAME) return cedar_parser_refuse(parser, "the annotation's name");
    *annotation = (struct cedar_annotation){.key = parser->token.text, .value = STR(""), .span = parser->token.span};
    for (uint32_t i = 0; i < annotations->count; i++) {
        const struct cedar_annotation *earlier = annotations->items[i];
        if (!str_equal(earlier->key, annotation->key)) continue;
        return refuse_at(reader, CEDAR_DUPLICATE, annotation->span, "this annotation is there already: remove one");
    }
    if (annotations->count >= CEDAR_ANNOTATIONS_MAX) {
        return refuse_at(reader, CEDAR_LIMIT, annotation->span, "too many annotations (1,024 at most)");
    }
    cedar_parser_advance(parser);
    annotation->has_value = cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_PAREN);
    if (annotation->has_value) {
        if (cedar_parse_string(parser, &annotation->value) != 0) return -1;
        if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_PAREN, "`)`") != 0) return -1;
    }
    return push(reader, annotations, annotation);
}

static int parse_annotations(struct reader *reader, struct cedar_list *annotations) {
    *annotations = (struct cedar_list){0};
    while (reader->parser.token.kind == CEDAR_TOKEN_AT) {
        if (parse_annotation(reader, annotations) != 0) return -1;
    }
    return 0;
}

/* A name in a path: `__cedar` may stand there. */
static int parse_path_name(struct reader *reader, struct str *name) {
    struct cedar_parser *parser = &reader->parser;
    if (!cedar_parser_is_word(parser, "__cedar")) return cedar_parse_name(parser, name);
    *name = parser->token.text;
    cedar_parser_advance(parser);
    return 0;
}

/* The name of something new. */
static int parse_new_name(struct reader *reader, struct cedar_schema_reference *name) {
    name->span = reader->parser.token.span;
    if (cedar_parser_is_word(&reader->parser, "__cedar")) {
        return refuse_at(reader, CEDAR_RESERVED, name->span,
                         "`__cedar` is reserved for Cedar itself: choose another name");
    }
    return cedar_parse_name(&reader->parser, &name->type);
}

/* path, or path "::" string: then the id is set. */
static int parse_reference(struct reader *reader, struct cedar_schema_reference *reference) {
    struct cedar_parser *parser = &reader->parser;
    reference->id = STR_NONE;
    reference->span.start = parser->token.span.start;
    if (parse_path_name(reader, &reference->type) != 0) return -1;
    while (cedar_parser_accept(parser, CEDAR_TOKEN_PATH)) {
        if (parser->token.kind == CEDAR_TOKEN_STRING) {
            if (cedar_parse_string(parser, &reference->id) != 0) return -1;
            break;
        }
        struct str name;
        if (parse_path_name(reader, &name) != 0) return -1;
        if (reference->type.length + name.length > CEDAR_SCHEMA_NAME_BYTES_MAX) {
            return refuse_at(reader, CEDAR_LIMIT, parser->token.span, "this name is too long (4,096 bytes at most)");
        }
        reference->type = cedar_schema_join(parser->arena, reference->type, "::", name);
        if (reference->type.data == NULL) return cedar_parser_memory(parser);
    }
    reference->span.end = parser->last_end;
    return 0;
}

static int parse_type_reference(struct reader *reader, struct cedar_list *list) {
    struct cedar_schema_reference *reference = ARENA_NEW(reader->parser.arena, struct cedar_schema_reference);
    if (reference == NULL) return cedar_parser_memory(&reader->parser);
    if (parse_reference(reader, reference) != 0) return -1;
    if (reference->id.data != NULL) {
        return refuse_at(reader, CEDAR_SYNTAX, reference->span, "an entity type must stand here, without an id");
    }
    return push(reader, list, reference);
}

/* types: one, or a list that may be empty. */
static int parse_types(struct reader *reader, struct cedar_list *list) {
    struct cedar_parser *parser = &reader->parser;
    if (!cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_BRACKET)) return parse_type_reference(reader, list);
    if (cedar_parser_accept(parser, CEDAR_TOKEN_RIGHT_BRACKET)) return 0;
    do {
        if (parse_type_reference(reader, list) != 0) return -1;
    } while (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA));
    return cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACKET, "`,` or `]`");
}

/* id: a name or a string. */
static int parse_id(struct reader *reader, struct str *id) {
    struct cedar_parser *parser = &reader->parser;
    return parser->token.kind == CEDAR_TOKEN_STRING ? cedar_parse_string(parser, id) : parse_path_name(reader, id);
}

static struct cedar_schema_type *parse_type(struct reader *reader);

/* The place of an attribute of that name: a second one replaces the first, as in Cedar. */
static int adopt_attribute(struct reader *reader, struct map *names, struct cedar_list *attributes,
                           struct cedar_schema_attribute *attribute) {
    struct cedar_schema_attribute *earlier = map_get(names, attribute->name);
    if (earlier != NULL) {
        *earlier = *attribute;
        return 0;
    }
    if (attributes->count >= CEDAR_MEMBERS_MAX) {
        return refuse_at(reader, CEDAR_LIMIT, attribute->span, "too many attributes (65,536 at most)");
    }
    if (map_set(names, attribute->name, attribute) != 0) return cedar_parser_memory(&reader->parser);
    return push(reader, attributes, attribute);
}

static int parse_attribute(struct reader *reader, struct map *names, struct cedar_list *attributes) {
    struct cedar_parser *parser = &reader->parser;
    struct cedar_schema_attribute *attribute = ARENA_NEW(parser->arena, struct cedar_schema_attribute);
    if (attribute == NULL) return cedar_parser_memory(parser);
    if (parse_annotations(reader, &attribute->annotations) != 0) return -1;
    attribute->span = parser->token.span;
    if (parse_id(reader, &attribute->name) != 0) return -1;
    attribute->is_required = !cedar_parser_accept(parser, CEDAR_TOKEN_QUESTION);
    if (cedar_parser_expect(parser, CEDAR_TOKEN_COLON, "`:` and a type") != 0) return -1;
    attribute->type = parse_type(reader);
    return attribute->type == NULL ? -1 : adopt_attribute(reader, names, attributes, attribute);
}

static int parse_attributes(struct reader *reader, struct cedar_list *attributes) {
    struct cedar_parser *parser = &reader->parser;
    struct map names;
    int status = 0;
    map_init(&names);
    while (status == 0 && parser->token.kind != CEDAR_TOKEN_RIGHT_BRACE) {
        status = parse_attribute(reader, &names, attributes);
        if (status == 0 && !cedar_parser_accept(parser, CEDAR_TOKEN_COMMA)) break;
    }
    map_free(&names);
    return status == 0 ? cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACE, "`,` or `}`") : -1;
}

static int fill_type(struct reader *reader, struct cedar_schema_type *type) {
    struct cedar_parser *parser = &reader->parser;
    if (cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_BRACE)) {
        type->form = CEDAR_FORM_RECORD;
        return parse_attributes(reader, &type->attributes);
    }
    struct cedar_schema_reference name;
    if (parse_reference(reader, &name) != 0) return -1;
    if (name.id.data != NULL) {
        return refuse_at(reader, CEDAR_SYNTAX, name.span, "a type must stand here, without an id");
    }
    type->name = name.type;
    if (!str_equal(name.type, STR("Set")) || !cedar_parser_accept(parser, CEDAR_TOKEN_LESS)) return 0;
    type->form = CEDAR_FORM_SET;
    type->element = parse_type(reader);
    return type->element == NULL ? -1 : cedar_parser_expect(parser, CEDAR_TOKEN_GREATER, "`>`");
}

/* Recursion is bounded by CEDAR_SCHEMA_DEPTH_MAX. */
static struct cedar_schema_type *parse_type(struct reader *reader) {
    struct cedar_parser *parser = &reader->parser;
    if (parser->depth >= CEDAR_SCHEMA_DEPTH_MAX) {
        refuse_at(reader, CEDAR_LIMIT, parser->token.span, "this type is nested too deep: give its inside a name");
        return NULL;
    }
    struct cedar_schema_type *type = ARENA_NEW(parser->arena, struct cedar_schema_type);
    if (type == NULL) {
        cedar_parser_memory(parser);
        return NULL;
    }
    type->form = CEDAR_FORM_NAME;
    type->span.start = parser->token.span.start;
    parser->depth++;
    int status = fill_type(reader, type);
    parser->depth--;
    type->span.end = parser->last_end;
    return status == 0 ? type : NULL;
}

static int parse_enumeration(struct reader *reader, struct cedar_entity_type *entity) {
    struct cedar_parser *parser = &reader->parser;
    cedar_parser_advance(parser);
    if (cedar_parser_expect(parser, CEDAR_TOKEN_LEFT_BRACKET, "`[` and the ids") != 0) return -1;
    do {
        struct cedar_schema_reference *id = ARENA_NEW(parser->arena, struct cedar_schema_reference);
        if (id == NULL) return cedar_parser_memory(parser);
        id->span = parser->token.span;
        if (cedar_parse_string(parser, &id->id) != 0 || push(reader, &entity->ids, id) != 0) return -1;
    } while (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA));
    return cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACKET, "`,` or `]`");
}

static int parse_entity_body(struct reader *reader, struct cedar_entity_type *entity) {
    struct cedar_parser *parser = &reader->parser;
    if (cedar_parser_is_word(parser, "enum")) return parse_enumeration(reader, entity);
    if (cedar_parser_is_word(parser, "in")) {
        cedar_parser_advance(parser);
        if (parse_types(reader, &entity->parents) != 0) return -1;
    }
    bool has_sign = cedar_parser_accept(parser, CEDAR_TOKEN_ASSIGN);
    if (has_sign || parser->token.kind == CEDAR_TOKEN_LEFT_BRACE) {
        if (parser->token.kind != CEDAR_TOKEN_LEFT_BRACE) return cedar_parser_refuse(parser, "`{` and the attributes");
        entity->shape = parse_type(reader);
        if (entity->shape == NULL) return -1;
    }
    if (!cedar_parser_is_word(parser, "tags")) return 0;
    cedar_parser_advance(parser);
    entity->tags = parse_type(reader);
    return entity->tags != NULL ? 0 : -1;
}

/* The names before a declaration's body: `entity A, B ...`. */
static int parse_names(struct reader *reader, bool is_action, struct cedar_list *names) {
    do {
        struct cedar_schema_reference *name = ARENA_NEW(reader->parser.arena, struct cedar_schema_reference);
        if (name == NULL) return cedar_parser_memory(&reader->parser);
        name->span = reader->parser.token.span;
        if ((is_action ? parse_id(reader, &name->type) : parse_new_name(reader, name)) != 0) return -1;
        if (push(reader, names, name) != 0) return -1;
    } while (cedar_parser_accept(&reader->parser, CEDAR_TOKEN_COMMA));
    return 0;
}

static int parse_entity(struct reader *reader, const struct cedar_list *annotations) {
    struct cedar_list names = {0};
    struct cedar_entity_type body = {.annotations = *annotations};
    if (parse_names(reader, false, &names) != 0 || parse_entity_body(reader, &body) != 0) return -1;
    for (uint32_t i = 0; i < names.count; i++) {
        const struct cedar_schema_reference *name = names.items[i];
        struct cedar_entity_type *entity = ARENA_NEW(reader->parser.arena, struct cedar_entity_type);
        if (entity == NULL) return cedar_parser_memory(&reader->parser);
        *entity = body;
        entity->name = name->type;
        entity->span = name->span;
        if (push(reader, &reader->home->entities, entity) != 0) return -1;
    }
    return 0;
}

static int parse_group(struct reader *reader, struct cedar_list *groups) {
    struct cedar_schema_reference *group = ARENA_NEW(reader->parser.arena, struct cedar_schema_reference);
    if (group == NULL) return cedar_parser_memory(&reader->parser);
    group->span = reader->parser.token.span;
    if (reader->parser.token.kind == CEDAR_TOKEN_STRING) {
        if (cedar_parse_string(&reader->parser, &group->id) != 0) return -1;
    } else {
        if (parse_reference(reader, group) != 0) return -1;
        if (group->id.data == NULL && str_find(group->type, STR("::")) != STR_NOT_FOUND) {
            return refuse_at(reader, CEDAR_SYNTAX, group->span, "an action must stand here, as in Action::\"read\"");
        }
        if (group->id.data == NULL) {
            group->id = group->type;
            group->type = STR_NONE;
        }
    }
    return push(reader, groups, group);
}

static int parse_groups(struct reader *reader, struct cedar_list *groups) {
    struct cedar_parser *parser = &reader->parser;
    cedar_parser_advance(parser);
    if (!cedar_parser_accept(parser, CEDAR_TOKEN_LEFT_BRACKET)) return parse_group(reader, groups);
    do {
        if (parse_group(reader, groups) != 0) return -1;
    } while (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA));
    return cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACKET, "`,` or `]`");
}

static int parse_context(struct reader *reader, struct cedar_schema_action *action) {
    struct cedar_span span = reader->parser.token.span;
    if (action->context != NULL) return refuse_at(reader, CEDAR_DUPLICATE, span, "context stands twice: remove one");
    action->context = parse_type(reader);
    if (action->context == NULL) return -1;
    if (action->context->form == CEDAR_FORM_NAME) action->context->form = CEDAR_FORM_COMMON;
    if (action->context->form != CEDAR_FORM_SET) return 0;
    return refuse_at(reader, CEDAR_SYNTAX, span, "the context is a record: write `{ ... }` or the name of a record");
}

static int parse_part(struct reader *reader, struct cedar_schema_action *action) {
    struct cedar_parser *parser = &reader->parser;
    bool is_principal = cedar_parser_is_word(parser, "principal"), is_context = cedar_parser_is_word(parser, "context");
    struct cedar_span span = parser->token.span;
    if (!is_principal && !is_context && !cedar_parser_is_word(parser, "resource")) {
        return cedar_parser_refuse(parser, "`principal`, `resource` or `context`");
    }
    cedar_parser_advance(parser);
    if (cedar_parser_expect(parser, CEDAR_TOKEN_COLON, "`:`") != 0) return -1;
    if (is_context) return parse_context(reader, action);
    struct cedar_list *types = is_principal ? &action->principals : &action->resources;
    if (types->count > 0) return refuse_at(reader, CEDAR_DUPLICATE, span, "this stands twice: join the two lists");
    if (parse_types(reader, types) != 0) return -1;
    if (types->count > 0) return 0;
    return refuse_at(reader, CEDAR_SYNTAX, span, "this list is empty: name an entity type, or leave appliesTo out");
}

static int parse_applies_to(struct reader *reader, struct cedar_schema_action *action) {
    struct cedar_parser *parser = &reader->parser;
    struct cedar_span span = parser->token.span;
    cedar_parser_advance(parser);
    if (cedar_parser_expect(parser, CEDAR_TOKEN_LEFT_BRACE, "`{`") != 0) return -1;
    do {
        if (parser->token.kind == CEDAR_TOKEN_RIGHT_BRACE) break;
        if (parse_part(reader, action) != 0) return -1;
    } while (cedar_parser_accept(parser, CEDAR_TOKEN_COMMA));
    if (cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACE, "`,` or `}`") != 0) return -1;
    if (action->principals.count > 0 && action->resources.count > 0) return 0;
    return refuse_at(reader, CEDAR_SYNTAX, span, "appliesTo needs `principal: ...` and `resource: ...`: add both");
}

static int parse_action_body(struct reader *reader, struct cedar_schema_action *action) {
    struct cedar_parser *parser = &reader->parser;
    if (cedar_parser_is_word(parser, "in") && parse_groups(reader, &action->groups) != 0) return -1;
    if (cedar_parser_is_word(parser, "appliesTo") && parse_applies_to(reader, action) != 0) return -1;
    if (!cedar_parser_is_word(parser, "attributes")) return 0;
    cedar_parser_advance(parser);
    if (cedar_parser_expect(parser, CEDAR_TOKEN_LEFT_BRACE, "`{`") != 0) return -1;
    return cedar_parser_expect(parser, CEDAR_TOKEN_RIGHT_BRACE, "`}` (actions have no attributes)");
}

static int parse_action(struct reader *reader, const struct cedar_list *annotations) {
    struct cedar_list names = {0};
    struct cedar_schema_action body = {.annotations = *annotations, .has_applies_to = true};
    if (parse_names(reader, true, &names) != 0 || parse_action_body(reader, &body) != 0) return -1;
    for (uint32_t i = 0; i < names.count; i++) {
        const struct cedar_schema_reference *name = names.items[i];
        struct cedar_schema_action *action = ARENA_NEW(reader->parser.arena, struct cedar_schema_action);
        if (action == NULL) return cedar_parser_memory(&reader->parser);
        *action = body;
        action->name = name->type;
        action->span = name->span;
        if (push(reader, &reader->home->actions, action) != 0) return -1;
    }
    return 0;
}

static int parse_common(struct reader *reader, const struct cedar_list *annotations) {
    struct cedar_common_type *common = ARENA_NEW(reader->parser.arena, struct cedar_common_type);
    struct cedar_schema_reference name;
    if (common == NULL) return cedar_parser_memory(&reader->parser);
    if (parse_new_name(reader, &name) != 0) return -1;
    common->name = name.type;
    common->span = name.span;
    common->annotations = *annotations;
    if (cedar_parser_expect(&reader->parser, CEDAR_TOKEN_ASSIGN, "`=` and the type") != 0) return -1;
    common->type = parse_type(reader);
    return common->type == NULL ? -1 : push(reader, &reader->home->commons, common);
}

static int parse_declaration(struct reader *reader, const struct cedar_list *annotations) {
    static const struct {
        const char *word;
        int (*parse)(struct reader *reader, const struct cedar_list *annotations);
    } rows[] = {{"entity", parse_entity}, {"action", parse_action}, {"type", parse_common}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        if (!cedar_parser_is_word(&reader->parser, rows[i].word)) continue;
        cedar_parser_advance(&reader->parser);
        if (rows[i].parse(reader, annotations) != 0) return -1;
        return cedar_parser_expect(&reader->parser, CEDAR_TOKEN_SEMICOLON, "`;`");
    }
    return cedar_parser_refuse(&reader->parser, "`entity`, `action` or `type`");
}

static int open_namespace(struct reader *reader, const struct cedar_list *annotations) {
    struct cedar_schema_reference name;
    cedar_parser_advance(&reader->parser);
    if (parse_reference(reader, &name) != 0) return -1;
    if (name.id.data != NULL) return refuse_at(reader, CEDAR_SYNTAX, name.span, "a namespace is a name without an id");
    if (cedar_schema_is_own(name.type)) {
        return refuse_at(reader, CEDAR_RESERVED, name.span,
                         "`__cedar` is reserved for Cedar itself: choose another name");
    }
    uint32_t before = reader->schema->namespaces.count;
    reader->home = cedar_schema_namespace_open(reader->schema, name.type, reader->parser.problem);
    if (reader->home == NULL) return -1;
    if (reader->schema->namespaces.count == before) {
        return refuse_at(reader, CEDAR_DUPLICATE, name.span, "this namespace is there already: join the two");
    }
    reader->home->span = name.span;
    reader->home->annotations = *annotations;
    return cedar_parser_expect(&reader->parser, CEDAR_TOKEN_LEFT_BRACE, "`{`");
}

static int parse_namespace(struct reader *reader, const struct cedar_list *annotations) {
    if (open_namespace(reader, annotations) != 0) return -1;
    while (!cedar_parser_accept(&reader->parser, CEDAR_TOKEN_RIGHT_BRACE)) {
        struct cedar_list own;
        if (parse_annotations(reader, &own) != 0 || parse_declaration(reader, &own) != 0) return -1;
    }
    return 0;
}

int cedar_schema_read_text(struct cedar_schema *schema, struct cedar_problem *problem) {
    struct reader reader = {.schema = schema};
    cedar_parser_init(&reader.parser, &schema->arena, schema->text, problem);
    while (reader.parser.token.kind != CEDAR_TOKEN_END) {
        struct cedar_list annotations;
        int status;
        if (parse_annotations(&reader, &annotations) != 0) return -1;
        if (cedar_parser_is_word(&reader.parser, "namespace")) {
            status = parse_namespace(&reader, &annotations);
        } else {
            reader.home = cedar_schema_namespace_open(schema, STR(""), problem);
            status = reader.home != NULL ? parse_declaration(&reader, &annotations) : -1;
        }
        if (status != 0) return -1;
    }
    return 0;
}
