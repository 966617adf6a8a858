/* Schemas inside: what was declared, as written, and what it resolves to. Both lie in the schema's arena.
 *
 * Two readers (schema_text.c, schema_json.c) make declarations; schema_resolve.c gives names their meaning and fills
 * the resolved members, after which a schema is immutable; schema_write.c writes declarations in either form. */
#ifndef SWORN_CEDAR_SCHEMA_H
#define SWORN_CEDAR_SCHEMA_H

#include "cedar/ast.h"
#include "cedar/parse.h"

/* ---- Resolved types ------------------------------------------------------------------------------------------ */

enum cedar_type_kind {
    CEDAR_TYPE_NEVER, /* the element of an empty set */
    CEDAR_TYPE_TRUE,  /* a boolean that is known */
    CEDAR_TYPE_FALSE,
    CEDAR_TYPE_BOOL,
    CEDAR_TYPE_LONG,
    CEDAR_TYPE_STRING,
    CEDAR_TYPE_DECIMAL,
    CEDAR_TYPE_DATETIME,
    CEDAR_TYPE_DURATION,
    CEDAR_TYPE_IP,
    CEDAR_TYPE_SET,        /* element; NULL: a set of anything */
    CEDAR_TYPE_RECORD,     /* fields */
    CEDAR_TYPE_ENTITY,     /* one of the entity types listed */
    CEDAR_TYPE_ANY_ENTITY, /* an entity of whatever type */
    CEDAR_TYPE_ANY,
};

struct cedar_type {
    uint8_t kind;
    bool is_open;   /* a record that may have other fields too */
    uint16_t depth; /* of nesting, 1 for what has no parts */
    uint32_t count; /* fields or entities */
    uint32_t node_count;
    union {
        const struct cedar_type *element;
        const struct cedar_type_field *fields;             /* in the order of cedar_name_compare() */
        const struct cedar_entity_type *const *entities; /* by index, ascending */
    };
};

struct cedar_type_field {
    struct str name;
    const struct cedar_type *type;
    bool is_required;
};

extern const struct cedar_type cedar_type_never, cedar_type_true, cedar_type_false, cedar_type_bool, cedar_type_long,
    cedar_type_string, cedar_type_decimal, cedar_type_datetime, cedar_type_duration, cedar_type_ip, cedar_type_any_set,
    cedar_type_any_record, cedar_type_any_entity, cedar_type_any;

const struct cedar_type_field *cedar_type_field_find(const struct cedar_type *record, struct str name);
/* Appends the type as a schema would write it. */
void cedar_type_write(const struct cedar_type *type, struct buffer *out);

/* ---- Declarations -------------------------------------------------------------------------------------------- */

enum cedar_schema_type_form {
    CEDAR_FORM_NAME,      /* an entity type or a common type, whichever there is */
    CEDAR_FORM_COMMON,    /* JSON {"type": name} */
    CEDAR_FORM_ENTITY,    /* JSON {"type": "Entity", "name": name} */
    CEDAR_FORM_EXTENSION, /* JSON {"type": "Extension", "name": name} */
    CEDAR_FORM_PRIMITIVE, /* JSON String, Long, Boolean: name is String, Long, Bool */
    CEDAR_FORM_SET,
    CEDAR_FORM_RECORD,
};

struct cedar_schema_type {
    enum cedar_schema_type_form form;
    struct cedar_span span;
    struct str name;
    struct cedar_schema_type *element;
    struct cedar_list attributes; /* struct cedar_schema_attribute */
};

struct cedar_schema_attribute {
    struct str name;
    struct cedar_span span;
    bool is_required;
    struct cedar_schema_type *type;
    struct cedar_list annotations; /* struct cedar_annotation */
};

/* A name that refers to something; for actions the type may be absent (data == NULL). */
struct cedar_schema_reference {
    struct str type;
    struct str id;
    struct cedar_span span;
};

enum cedar_mark { CEDAR_MARK_NEW, CEDAR_MARK_OPEN, CEDAR_MARK_CLOSED };

struct cedar_common_type {
    struct str name;
    struct cedar_span span;
    struct cedar_list annotations;
    struct cedar_schema_type *type;
    /* resolved */
    struct cedar_schema_namespace *home;
    const struct cedar_type *resolved;
    enum cedar_mark mark;
};

struct cedar_entity_type {
    struct str name;
    struct cedar_span span;
    struct cedar_list annotations;
    struct cedar_list parents; /* struct cedar_schema_reference, type only */
    struct cedar_list ids;     /* struct cedar_schema_reference, id only; enumerated types have at least one */
    struct cedar_schema_type *shape, *tags; /* NULL: none */
    /* resolved */
    struct cedar_schema_namespace *home;
    struct str full_name;
    uint32_t index;
    bool is_action; /* made for the actions of a namespace */
    const struct cedar_type *self; /* the type of such entities */
    const struct cedar_type *attributes;
    const struct cedar_type *tag_type; /* NULL: no tags */
    uint64_t *ancestors;               /* bits by index; a type is not its own ancestor unless declared so */
};

struct cedar_schema_action {
    struct str name;
    struct cedar_span span;
    struct cedar_list annotations;
    struct cedar_list groups; /* struct cedar_schema_reference */
    bool has_applies_to; /* false only where JSON says nothing of it */
    struct cedar_list principals, resources; /* struct cedar_schema_reference, type only */
    struct cedar_schema_type *context;       /* NULL: empty */
    /* resolved */
    struct cedar_schema_namespace *home;
    const struct cedar_uid *uid;
    uint32_t index;
    const struct cedar_entity_type *type;
    struct cedar_list principal_types, resource_types; /* struct cedar_entity_type */
    struct cedar_list parents;                         /* struct cedar_schema_action */
    const struct cedar_type *context_type;
    uint64_t *ancestors; /* bits by index */
    enum cedar_mark mark;
    uint32_t next_parent;
};

struct cedar_schema_namespace {
    struct str name; /* empty for the empty one */
    struct cedar_span span;
    struct cedar_list annotations;
    struct cedar_list commons, entities, actions;
};

struct cedar_schema {
    uint32_t magic;
    struct arena arena;
    struct str text;
    struct cedar_list namespaces;
    struct map commons;  /* by full name */
    struct map entities; /* by full name */
    struct map actions;  /* by type, line feed, id */
    struct cedar_list all_entities, all_actions; /* by index */
};

static inline bool cedar_bit_get(const uint64_t *bits, uint32_t index) { return bits[index / 64] >> (index % 64) & 1; }
static inline void cedar_bit_set(uint64_t *bits, uint32_t index) { bits[index / 64] |= UINT64_C(1) << (index % 64); }

/* In the schema's arena. -1 with a problem. */
int cedar_schema_push(struct cedar_schema *schema, struct cedar_list *list, void *item,
                      struct cedar_problem *problem) MUST_USE;
/* The namespace of that name, made when it is new; NULL with a problem. */
struct cedar_schema_namespace *cedar_schema_namespace_open(struct cedar_schema *schema, struct str name,
                                                           struct cedar_problem *problem) MUST_USE;
struct str cedar_schema_join(struct arena *arena, struct str a, const char *sign, struct str b) MUST_USE;
bool cedar_schema_is_name(struct str name); /* a letter or `_`, then letters, digits, `_` */
bool cedar_schema_is_own(struct str path);  /* has `__cedar` among its names */

int cedar_schema_read_text(struct cedar_schema *schema, struct cedar_problem *problem) MUST_USE;
int cedar_schema_read_json(struct cedar_schema *schema, struct cedar_problem *problem) MUST_USE;
int cedar_schema_resolve(struct cedar_schema *schema, struct cedar_problem *problem) MUST_USE;
/* Names: maps and duplicates, then what a name means at some place. */
int cedar_schema_index(struct cedar_schema *schema, struct cedar_problem *problem) MUST_USE;
const struct cedar_type *cedar_schema_builtin(struct str name); /* String, Long, Bool, ipaddr, ...; NULL: none */
struct cedar_entity_type *cedar_schema_resolve_entity(struct cedar_schema *schema,
                                                      const struct cedar_schema_namespace *home,
                                                      const struct cedar_schema_reference *reference,
                                                      struct cedar_problem *problem) MUST_USE;
const struct cedar_type *cedar_schema_resolve_type(struct cedar_schema *schema, struct cedar_schema_namespace *home,
                                                   const struct cedar_schema_type *type, unsigned depth,
                                                   struct cedar_problem *problem) MUST_USE;
struct cedar_schema_action *cedar_schema_action_named(const struct cedar_schema *schema, struct str type,
                                                      struct str id);
struct cedar_schema_action *cedar_schema_action_of(const struct cedar_schema *schema, const struct cedar_uid *uid);
struct cedar_entity_type *cedar_schema_entity_named(const struct cedar_schema *schema, struct str full_name);
/* Is `id` one of an enumerated type's ids? True for other types. */
bool cedar_entity_type_has_id(const struct cedar_entity_type *type, struct str id);
/* Is `type` the same as `ancestor`, or below it? */
static inline bool cedar_entity_type_is_under(const struct cedar_entity_type *type,
                                              const struct cedar_entity_type *ancestor) {
    return type == ancestor || cedar_bit_get(type->ancestors, ancestor->index);
}

#endif
