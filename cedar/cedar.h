/* Cedar 4.5: the policy language of https://docs.cedarpolicy.com, as a library of its own (base + jansson only).
 *
 * The way through it:
 *
 *     policy text -> cedar_policy_set (syntax tree, ids, annotations, links) -> cedar_engine (compiled, immutable)
 *     entities JSON or C calls -> cedar_entities (finished: immutable) -> overlay of one request (in its arena)
 *     request + engine + entities + scratch arena -> cedar_decision
 *
 * Ownership: a set owns its texts and trees and must outlive, unchanged, every engine made of it. Engines and finished
 * entities are immutable and may be shared by any number of threads. An overlay, a request's values and a decision live
 * in the arena that was passed in; strings given to the C builder are borrowed and must live as long as that arena.
 *
 * Nothing here parks a fiber. Stack: cedar_engine_authorize() fits in 64 KiB (expressions nest at most
 * CEDAR_DEPTH_MAX deep). Everything that reads text or JSON, compiles, or walks a tree belongs on a big stack: 512 KiB.
 *
 * Errors: text and JSON are refused with a struct cedar_problem (stable code, span, what to do). A policy that fails
 * while it is evaluated is listed in the decision with a struct cedar_failure and otherwise skipped, as Cedar says. */
#ifndef SWORN_CEDAR_CEDAR_H
#define SWORN_CEDAR_CEDAR_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

#define CEDAR_TEXT_BYTES_MAX (64u << 20)  /* one policy file, entities file or request */
#define CEDAR_POLICY_BYTES_MAX (1u << 20) /* one policy with its annotations */
#define CEDAR_POLICIES_MAX 1000000        /* policies, templates and links in a set */
#define CEDAR_DEPTH_MAX 128               /* nesting of an expression; `a && b && c` and the like count once */
#define CEDAR_VALUE_DEPTH_MAX 64          /* nesting of sets and records in entities and context */
#define CEDAR_MEMBERS_MAX 65536           /* members of one set or record, terms of one chain, arguments */
#define CEDAR_ENTITIES_MAX 4000000        /* entities in one store */
#define CEDAR_ANCESTORS_MAX 65536         /* ancestors of one entity */
#define CEDAR_ANNOTATIONS_MAX 1024        /* annotations of one policy */
#define CEDAR_UNARY_MAX 4                 /* `!!!!x`, `----x` */
#define CEDAR_SCHEMA_DEPTH_MAX 64           /* nesting of a type, through the names of types too */
#define CEDAR_SCHEMA_TYPE_PARTS_MAX 65536   /* parts of one type, when all names are written out */
#define CEDAR_SCHEMA_NAMESPACES_MAX 1024
#define CEDAR_SCHEMA_DECLARATIONS_MAX 8192  /* entity types; actions */
#define CEDAR_SCHEMA_NAME_BYTES_MAX 4096    /* a name with its namespaces */
#define CEDAR_ENVIRONMENTS_MAX 100000       /* principal type x action x resource type, of one policy */
#define CEDAR_FINDINGS_MAX 10000            /* what one validation lists */

/* Codes are stable: they may be stored and compared. cedar_code_name() gives the same word as text. */
enum cedar_code {
    CEDAR_OK = 0,
    CEDAR_SYNTAX,              /* a token that does not belong there, or an early end */
    CEDAR_BAD_TOKEN,           /* a character or number that is no token */
    CEDAR_BAD_STRING,          /* an escape or a string that is not closed */
    CEDAR_RESERVED,            /* a reserved word used as a name */
    CEDAR_BAD_SCOPE,           /* principal, action, resource: wrong variable, operator or value */
    CEDAR_BAD_SLOT,            /* ?principal or ?resource where it may not stand, or another slot */
    CEDAR_BAD_CONDITION,       /* neither `when` nor `unless`, or an empty one */
    CEDAR_BAD_OPERATOR,        /* `=`, `/`, `%`, chained relations, mixed or too many unary operators */
    CEDAR_BAD_NAME,            /* unknown variable, function or method, or one used as another */
    CEDAR_BAD_ARGUMENTS,       /* a call with too few or too many arguments */
    CEDAR_DUPLICATE,           /* an annotation, record key, policy id or entity that is there already */
    CEDAR_INTEGER_RANGE,       /* does not fit 64 bits */
    CEDAR_LIMIT,               /* one of the maxima above */
    CEDAR_MEMORY,              /* memory is out or an arena's cap was hit */
    CEDAR_NOT_FOUND,           /* no such policy or template */
    CEDAR_BAD_LINK,            /* slots given do not match the template's slots */
    CEDAR_BAD_JSON,            /* not JSON, or not of the form that is wanted there */
    CEDAR_BAD_EXTENSION,       /* an extension function is unknown, or its argument is not of its form */
    CEDAR_CYCLE,               /* an entity is its own ancestor */
    CEDAR_FAILED_TYPE,         /* evaluation: an operand has the wrong type */
    CEDAR_FAILED_OVERFLOW,     /* evaluation: does not fit 64 bits */
    CEDAR_FAILED_NO_ENTITY,    /* evaluation: the entity is not in the store */
    CEDAR_FAILED_NO_ATTRIBUTE, /* evaluation: the entity or record does not have the attribute */
    CEDAR_FAILED_NO_TAG,       /* evaluation: the entity does not have the tag */
    CEDAR_FAILED_EXTENSION,    /* evaluation: an argument of an extension function is not of its form */
    CEDAR_FAILED_ARGUMENTS,    /* evaluation: an extension function got too few or too many arguments */
    CEDAR_UNDEFINED,           /* schema: a name that nothing declares */
    CEDAR_SHADOWED,            /* schema: a name that is declared outside of all namespaces too */
    CEDAR_BAD_TYPE,            /* schema: a shape or a context that is no record */
    CEDAR_UNSUPPORTED,         /* schema: open records, attributes of actions; what the other form cannot say */
    CEDAR_INVALID_ENTITY_TYPE, /* validation: an entity type that the schema does not declare */
    CEDAR_INVALID_ACTION,      /* validation: an action that the schema does not declare */
    CEDAR_INVALID_ID,          /* validation: an id that the enumerated type does not have */
    CEDAR_INVALID_SCOPE,       /* validation: no action applies to what the scope asks for */
    CEDAR_INVALID_TYPE,        /* validation: an operand or value of the wrong type */
    CEDAR_INVALID_MIX,         /* validation: types that must be the same and are not */
    CEDAR_INVALID_ATTRIBUTE,   /* validation: an attribute that is not declared */
    CEDAR_INVALID_OPTIONAL,    /* validation: an optional attribute is read without `has` before it */
    CEDAR_INVALID_TAG,         /* validation: a tag is read without `hasTag` before it */
    CEDAR_INVALID_NO_TAGS,     /* validation: a tag of an entity type that has none */
    CEDAR_INVALID_EMPTY_SET,   /* validation: `[]`, whose elements have no type */
    CEDAR_INVALID_CALL,        /* validation: an extension constructor whose argument is no literal */
    CEDAR_INVALID_LITERAL,     /* validation: an argument that the extension constructor refuses */
    CEDAR_INVALID_ARGUMENTS,   /* validation: too few or too many arguments of an extension function */
    CEDAR_INVALID_FUNCTION,    /* validation: a function that has no type */
    CEDAR_INVALID_PARENT,      /* validation: an entity has an ancestor of a type that is not declared for it */
    CEDAR_INVALID_MISSING,     /* validation: an entity or context lacks a required attribute */
    CEDAR_INVALID_DECLARATION, /* validation: an action entity is not as the schema declares it */
    CEDAR_INVALID_REQUEST,     /* validation: the action does not apply to such a principal or resource */
    CEDAR_WARNED_IMPOSSIBLE,   /* warning: the policy can never be satisfied */
    CEDAR_WARNED_SCRIPTS,      /* warning: a text mixes scripts, so that letters may look like others */
    CEDAR_WARNED_BIDI,         /* warning: a text has characters that change the direction of what follows */
    CEDAR_WARNED_IDENTIFIER,   /* warning: a character that Unicode advises against in identifiers */
    CEDAR_CODE_COUNT,
};

const char *cedar_code_name(enum cedar_code code);

/* Byte offsets into the text: [start, end). */
struct cedar_span {
    uint32_t start;
    uint32_t end;
};

struct cedar_problem {
    enum cedar_code code;
    struct cedar_span span; /* in the text that was read */
    uint32_t line;          /* from 1; 0 where there is no text */
    uint32_t column;        /* in code points, from 1 */
    char text[400];         /* what is wrong and what to do */
};

/* ---- Values -------------------------------------------------------------------------------------------------- */

enum cedar_kind {
    CEDAR_BOOL,
    CEDAR_LONG,
    CEDAR_STRING,
    CEDAR_ENTITY,
    CEDAR_SET,
    CEDAR_RECORD,
    CEDAR_DECIMAL,  /* number: ten-thousandths */
    CEDAR_DATETIME, /* number: milliseconds since 1970-01-01T00:00:00Z */
    CEDAR_DURATION, /* number: milliseconds */
    CEDAR_IP,
    CEDAR_KIND_COUNT,
};

/* An entity's id: made with cedar_uid_make() or cedar_uid_init(), so that the hash is right. */
struct cedar_uid {
    struct str type; /* normalised: `A::B` without white space */
    struct str id;
    uint64_t hash;
};

struct cedar_ip {
    uint8_t bytes[16]; /* network order; IPv4 in the first four */
    uint8_t prefix_bits;
    bool is_v6;
};

struct cedar_set;    /* members sorted, without doubles */
struct cedar_record; /* fields sorted by name */

struct cedar_value {
    enum cedar_kind kind;
    union {
        bool boolean;
        int64_t number; /* CEDAR_LONG, _DECIMAL, _DATETIME, _DURATION */
        struct str string;
        const struct cedar_uid *entity;
        const struct cedar_set *set;
        const struct cedar_record *record;
        const struct cedar_ip *ip;
    };
};

static inline struct cedar_value cedar_bool(bool boolean) {
    return (struct cedar_value){.kind = CEDAR_BOOL, .boolean = boolean};
}
static inline struct cedar_value cedar_number(enum cedar_kind kind, int64_t number) {
    return (struct cedar_value){.kind = kind, .number = number};
}
static inline struct cedar_value cedar_long(int64_t number) { return cedar_number(CEDAR_LONG, number); }
static inline struct cedar_value cedar_string(struct str string) {
    return (struct cedar_value){.kind = CEDAR_STRING, .string = string};
}
static inline struct cedar_value cedar_entity_value(const struct cedar_uid *uid) {
    return (struct cedar_value){.kind = CEDAR_ENTITY, .entity = uid};
}
static inline struct cedar_value cedar_record_value(const struct cedar_record *record) {
    return (struct cedar_value){.kind = CEDAR_RECORD, .record = record};
}

void cedar_uid_init(struct cedar_uid *uid, struct str type, struct str id);
/* In the arena; type and id borrowed. NULL when the arena is full. */
const struct cedar_uid *cedar_uid_make(struct arena *arena, struct str type, struct str id) MUST_USE;
/* `Type::"id"` as Cedar writes it, copied into the arena. */
const struct cedar_uid *cedar_uid_parse(struct arena *arena, struct str text, struct cedar_problem *problem) MUST_USE;
bool cedar_uid_equal(const struct cedar_uid *a, const struct cedar_uid *b);
/* Appends the uid as Cedar writes it, with escapes. */
void cedar_uid_write(const struct cedar_uid *uid, struct buffer *out);

/* A set of the given members: they are copied, sorted and freed of doubles. -1 when the arena is full or the count is
 * past CEDAR_MEMBERS_MAX. */
int cedar_set_make(struct arena *arena, const struct cedar_value *members, size_t count, struct cedar_value *set)
    MUST_USE;
size_t cedar_set_count(const struct cedar_set *set);
const struct cedar_value *cedar_set_at(const struct cedar_set *set, size_t index);

/* A record that grows up to `capacity` fields. cedar_record_set() replaces a field of the same name (names borrowed);
 * -1 when the record is full or NULL, so that calls can be chained and checked once. Do not set after sharing it. */
struct cedar_record *cedar_record_new(struct arena *arena, size_t capacity) MUST_USE;
int cedar_record_set(struct cedar_record *record, struct str name, struct cedar_value value) MUST_USE;
const struct cedar_value *cedar_record_get(const struct cedar_record *record, struct str name); /* NULL: absent */
size_t cedar_record_count(const struct cedar_record *record);
const struct cedar_value *cedar_record_at(const struct cedar_record *record, size_t index, struct str *name);

/* decimal("..."), datetime("..."), duration("..."), ip("..."): -1 when the text is not of that form. */
int cedar_extension_parse(struct arena *arena, enum cedar_kind kind, struct str text, struct cedar_value *value)
    MUST_USE;
/* An address that is there already: 4 or 16 bytes in network order. */
int cedar_ip_make(struct arena *arena, const uint8_t *bytes, size_t length, unsigned prefix_bits,
                  struct cedar_value *value) MUST_USE;
bool cedar_value_equal(const struct cedar_value *a, const struct cedar_value *b);
/* A total order, of no meaning to policies: for sorting. */
int cedar_value_compare(const struct cedar_value *a, const struct cedar_value *b);
/* Appends the value as a Cedar expression. */
void cedar_value_write(const struct cedar_value *value, struct buffer *out);

/* ---- Policies ------------------------------------------------------------------------------------------------ */

enum cedar_effect { CEDAR_PERMIT, CEDAR_FORBID };

/* How statements of a text get their ids. Cedar's own way is CEDAR_IDS_NUMBERED with an empty prefix: policy0, policy1,
 * ... in order, templates included. With CEDAR_IDS_ANNOTATED the value of `@id` is the id, and a statement without
 * one is numbered. The prefix (a file name, say) stands before numbered ids only. */
enum cedar_ids { CEDAR_IDS_NUMBERED, CEDAR_IDS_ANNOTATED };

struct cedar_naming {
    enum cedar_ids ids;
    struct str prefix;
    struct str file; /* what cedar_policy_file() gives; copied */
};

struct cedar_policy_set;
struct cedar_policy; /* a static policy, a template, or a link of one; owned by its set (the tree: cedar/ast.h) */

struct cedar_policy_set *cedar_policy_set_new(void) MUST_USE;
void cedar_policy_set_free(struct cedar_policy_set **set);
/* Adds every statement of the text, or none. naming may be NULL (numbered, no prefix). The text is copied. */
int cedar_policy_set_add(struct cedar_policy_set *set, struct str text, const struct cedar_naming *naming,
                         struct cedar_problem *problem) MUST_USE;
/* A policy from a template; a value is NULL exactly where the template has no such slot. */
int cedar_policy_set_link(struct cedar_policy_set *set, struct str template_id, struct str link_id,
                          const struct cedar_uid *principal, const struct cedar_uid *resource,
                          struct cedar_problem *problem) MUST_USE;
size_t cedar_policy_set_count(const struct cedar_policy_set *set); /* policies, templates and links, in order added */
const struct cedar_policy *cedar_policy_set_at(const struct cedar_policy_set *set, size_t index);
const struct cedar_policy *cedar_policy_set_find(const struct cedar_policy_set *set, struct str id);

struct str cedar_policy_id(const struct cedar_policy *policy);
enum cedar_effect cedar_policy_effect(const struct cedar_policy *policy);
bool cedar_policy_is_template(const struct cedar_policy *policy); /* has slots: never decides by itself */
bool cedar_policy_is_link(const struct cedar_policy *policy);
size_t cedar_policy_link_count(const struct cedar_policy *policy); /* links that were made of a template */
struct str cedar_policy_text(const struct cedar_policy *policy); /* with annotations; a link has its template's */
struct str cedar_policy_file(const struct cedar_policy *policy);   /* as its text was named; a link has its template's */
struct str cedar_policy_source(const struct cedar_policy *policy); /* the whole text that it stands in */
/* Where the policy's text begins in the file: what spans of failures are relative to is the file. */
void cedar_policy_position(const struct cedar_policy *policy, struct cedar_span *span, uint32_t *line,
                           uint32_t *column);
size_t cedar_policy_annotation_count(const struct cedar_policy *policy);
struct str cedar_policy_annotation_at(const struct cedar_policy *policy, size_t index, struct str *key);
/* data == NULL when there is none of that key; empty when it has no value. A link has its template's. */
struct str cedar_policy_annotation(const struct cedar_policy *policy, struct str key);

/* Questions about the text, for lints. */
/* True if `context.applied.contains("<token>")` stands in an `unless` clause such that the token alone satisfies the
 * clause: as the clause itself or as a term of its outermost `||`. */
bool cedar_policy_is_cured_by(const struct cedar_policy *policy, struct str token);
/* True if the policy mentions `context.<name>`, `context["<name>"]` or `context has <name>`. */
bool cedar_policy_reads_context(const struct cedar_policy *policy, struct str name);

/* ---- Entities ------------------------------------------------------------------------------------------------ */

struct cedar_entities; /* a store, or the overlay of one request over a store */
struct cedar_entity;

struct cedar_entities *cedar_entities_new(void) MUST_USE;
void cedar_entities_free(struct cedar_entities **entities); /* not for overlays: they go with their arena */
/* The entities of one request: they hide base entities of the same uid; base may be NULL, and must be finished. An
 * entity of the overlay may have parents in the base; the ancestors of base entities stay what they were. */
struct cedar_entities *cedar_entities_overlay(struct arena *arena, const struct cedar_entities *base) MUST_USE;

/* The C builder. Failures are sticky and end in cedar_entities_finish(): no call in between needs a check, and NULL
 * entities are ignored. The uid and all strings are borrowed. Adding a uid that was added before gives that entity. */
struct cedar_entity *cedar_entities_add(struct cedar_entities *entities, const struct cedar_uid *uid);
void cedar_entity_add_parent(struct cedar_entities *entities, struct cedar_entity *entity,
                             const struct cedar_uid *parent);
void cedar_entity_set(struct cedar_entities *entities, struct cedar_entity *entity, struct str name,
                      struct cedar_value value);
void cedar_entity_set_tag(struct cedar_entities *entities, struct cedar_entity *entity, struct str name,
                          struct cedar_value value);
/* Shares a record that is built already (attributes that stay the same over a session). */
void cedar_entity_set_attributes(struct cedar_entity *entity, const struct cedar_record *attributes);

/* Adds all entities of a JSON array: {uid, attrs, parents, tags?}; uids as {type, id} or {__entity: {type, id}},
 * values with __entity and __extn. Two entities of one uid are an error unless they are equal. */
int cedar_entities_add_json(struct cedar_entities *entities, struct str json, struct cedar_problem *problem) MUST_USE;
/* Computes the ancestors; a cycle is an error. After it the entities are immutable. */
int cedar_entities_finish(struct cedar_entities *entities, struct cedar_problem *problem) MUST_USE;

size_t cedar_entities_count(const struct cedar_entities *entities); /* without the base */
const struct cedar_entity *cedar_entities_find(const struct cedar_entities *entities, const struct cedar_uid *uid);
const struct cedar_uid *cedar_entity_uid(const struct cedar_entity *entity);
const struct cedar_record *cedar_entity_attributes(const struct cedar_entity *entity);
const struct cedar_record *cedar_entity_tags(const struct cedar_entity *entity);
size_t cedar_entity_ancestor_count(const struct cedar_entity *entity);
const struct cedar_uid *cedar_entity_ancestor_at(const struct cedar_entity *entity, size_t index);

/* What is asked. */
struct cedar_request {
    const struct cedar_uid *principal;
    const struct cedar_uid *action;
    const struct cedar_uid *resource;
    const struct cedar_record *context; /* NULL: empty */
};

/* ---- Schemas ------------------------------------------------------------------------------------------------- */

enum cedar_schema_format { CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_JSON };

struct cedar_schema; /* immutable: may be shared by any number of threads */

/* Reads a schema in one of its forms (the text is copied). NULL with a problem. */
struct cedar_schema *cedar_schema_new(struct str text, enum cedar_schema_format format,
                                      struct cedar_problem *problem) MUST_USE;
void cedar_schema_free(struct cedar_schema **schema);
/* Appends the schema in either form. -1 when text cannot say what the JSON form said. */
int cedar_schema_write(const struct cedar_schema *schema, enum cedar_schema_format format, struct buffer *out,
                       struct cedar_problem *problem) MUST_USE;
int cedar_schema_translate(struct str text, enum cedar_schema_format from, enum cedar_schema_format to,
                           struct buffer *out, struct cedar_problem *problem) MUST_USE;

/* Entities and requests guided by a schema: beside the explicit forms, {type, id} stands for an entity, and a string or
 * {fn, arg} for an extension value, where the schema says so. What does not conform is refused. schema may be NULL:
 * then these are cedar_entities_add_json(), cedar_entities_finish() and cedar_request_parse(). */
int cedar_entities_add_json_guided(struct cedar_entities *entities, const struct cedar_schema *schema, struct str json,
                                   struct cedar_problem *problem) MUST_USE;
int cedar_request_parse_guided(struct arena *arena, const struct cedar_schema *schema, struct str json,
                               struct cedar_request *request, struct cedar_problem *problem) MUST_USE;
/* Adds the schema's actions with their groups, as far as they are not there, and finishes; then every entity is
 * checked. Those of the base are not. */
int cedar_entities_finish_guided(struct cedar_entities *entities, const struct cedar_schema *schema,
                                 struct cedar_problem *problem) MUST_USE;
/* Does one entity of a finished store, or one request, conform? 0, or -1 with the problem. */
int cedar_schema_check_entity(const struct cedar_schema *schema, const struct cedar_entity *entity,
                              struct cedar_problem *problem) MUST_USE;
int cedar_schema_check_request(const struct cedar_schema *schema, const struct cedar_request *request,
                               struct cedar_problem *problem) MUST_USE;

/* Strict is what Cedar recommends: both sides of `==`, members of a set and branches of an `if` have one type.
 * Permissive takes the common ground of their types. */
enum cedar_validation_mode { CEDAR_STRICT, CEDAR_PERMISSIVE };

struct cedar_finding {
    const struct cedar_policy *policy;
    struct cedar_problem problem; /* the span is in the policy's file */
    bool is_warning;
};

struct cedar_validation {
    const struct cedar_finding *findings; /* by policy in the set's order, each problem once */
    size_t finding_count;
    size_t error_count; /* those that are no warnings; 0: the set is valid */
    bool is_cut;        /* more than CEDAR_FINDINGS_MAX were found */
};

/* Validates every policy and template of the set, in every request environment of the schema. All memory comes from the
 * arena. -1 with a problem when it is full or a limit is reached. */
int cedar_validate(const struct cedar_schema *schema, const struct cedar_policy_set *set,
                   enum cedar_validation_mode mode, struct arena *arena, struct cedar_validation *validation,
                   struct cedar_problem *problem) MUST_USE;

/* ---- Decisions ----------------------------------------------------------------------------------------------- */

/* {principal, action, resource, context}: uids as in entities JSON or as `Type::"id"` text; all copied to the arena. */
int cedar_request_parse(struct arena *arena, struct str json, struct cedar_request *request,
                        struct cedar_problem *problem) MUST_USE;

struct cedar_failure {
    const struct cedar_policy *policy;
    enum cedar_code code;   /* CEDAR_FAILED_... */
    struct cedar_span span; /* the sub-expression that failed, in the policy's file */
};

struct cedar_decision {
    bool is_allowed;
    const struct cedar_policy *const *reasons; /* the determining policies, sorted by id */
    size_t reason_count;
    const struct cedar_failure *errors; /* one for each policy that failed, sorted by id */
    size_t error_count;
};

struct cedar_engine;

/* Compiles every static policy and link of the set. */
struct cedar_engine *cedar_engine_new(const struct cedar_policy_set *set, struct cedar_problem *problem) MUST_USE;
void cedar_engine_free(struct cedar_engine **engine);
size_t cedar_engine_memory_bytes(const struct cedar_engine *engine);

/* Decides: satisfied forbid > satisfied permit > deny. entities may be NULL and must be finished. All working memory
 * and the decision come from scratch (reset it between decisions). -1 only when scratch is full: then refuse. */
int cedar_engine_authorize(const struct cedar_engine *engine, const struct cedar_request *request,
                           const struct cedar_entities *entities, struct arena *scratch,
                           struct cedar_decision *decision) MUST_USE;
/* Appends one line: what failed and what to do. */
void cedar_failure_write(const struct cedar_failure *failure, struct buffer *out);

#endif
