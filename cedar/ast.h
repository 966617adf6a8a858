/* The syntax tree of policies, as written: for the validator, the formatter, the JSON form and the lints. The compiled
 * form (compile.h) is another one, made from it.
 *
 * Everything lies in the arena of the policy set; strings are unescaped copies or slices of the set's copy of the text.
 * Spans are byte offsets into source->text. Chains of one level (`a && b && c`, `a + b - c`) are one node. A `-` before
 * an integer literal is part of the literal, as in Cedar's own tree. */
#ifndef SWORN_CEDAR_AST_H
#define SWORN_CEDAR_AST_H

#include "base/map.h"
#include "cedar/value.h"

enum cedar_expression_kind {
    CEDAR_EXPRESSION_LITERAL,   /* value: bool, long, string or entity */
    CEDAR_EXPRESSION_VARIABLE,  /* variable */
    CEDAR_EXPRESSION_NOT,       /* operands[0]; `!!x` is two nodes */
    CEDAR_EXPRESSION_NEGATE,    /* operands[0] */
    CEDAR_EXPRESSION_OR,        /* two or more operands */
    CEDAR_EXPRESSION_AND,       /* two or more operands */
    CEDAR_EXPRESSION_SUM,       /* two or more operands; operators[i] before operands[i + 1], '+' or '-' */
    CEDAR_EXPRESSION_PRODUCT,   /* two or more operands, all `*` */
    CEDAR_EXPRESSION_IF,        /* operands: test, then, else */
    CEDAR_EXPRESSION_RELATION,  /* two operands, relation */
    CEDAR_EXPRESSION_HAS,       /* operands[0], names[]: `has a.b.c`; has_string: `has "s"` */
    CEDAR_EXPRESSION_LIKE,      /* operands[0], pattern */
    CEDAR_EXPRESSION_IS,        /* operands[0], name is the type, operands[1] behind `in` if there are two */
    CEDAR_EXPRESSION_ATTRIBUTE, /* operands[0], name; has_string: written `["s"]` */
    CEDAR_EXPRESSION_CALL,      /* function, operands are the arguments; a method's receiver is operands[0] */
    CEDAR_EXPRESSION_SET,       /* operands */
    CEDAR_EXPRESSION_RECORD,    /* operands with names[] as keys, in the order written */
};

enum cedar_variable { CEDAR_PRINCIPAL, CEDAR_ACTION, CEDAR_RESOURCE, CEDAR_CONTEXT };

enum cedar_relation {
    CEDAR_EQUAL,
    CEDAR_NOT_EQUAL,
    CEDAR_LESS,
    CEDAR_LESS_EQUAL,
    CEDAR_GREATER,
    CEDAR_GREATER_EQUAL,
    CEDAR_IN,
};

/* Literal pieces with a `*` between each two: `a*b` is {"a", "b"}, `*` is {"", ""}. */
struct cedar_pattern {
    size_t count;
    struct str pieces[];
};

struct cedar_expression {
    uint8_t kind;
    uint8_t variable;
    uint8_t relation;
    uint8_t function;
    bool has_string;
    uint8_t depth;        /* of the tree below and with it */
    uint16_t paren_count; /* pairs around it, as written; the span is without them */
    struct cedar_span span;
    uint32_t count; /* operands */
    uint32_t name_count;
    struct cedar_expression **operands;
    char *operators;
    struct str *names;
    struct str name;
    struct cedar_value value;
    const struct cedar_pattern *pattern;
};

enum cedar_scope_kind {
    CEDAR_SCOPE_ANY,
    CEDAR_SCOPE_EQUAL,
    CEDAR_SCOPE_IN,
    CEDAR_SCOPE_IN_LIST, /* action only */
    CEDAR_SCOPE_IS,
    CEDAR_SCOPE_IS_IN,
};

struct cedar_scope {
    enum cedar_scope_kind kind;
    bool has_slot; /* instead of entities[0] */
    struct cedar_span span;
    struct str type;
    uint32_t count;
    const struct cedar_uid **entities;
};

struct cedar_condition {
    bool is_unless;
    struct cedar_span span; /* from the keyword to the brace */
    struct cedar_expression *body;
};

struct cedar_annotation {
    struct str key;
    struct str value; /* empty when there is none */
    bool has_value;
    struct cedar_span span;
};

/* One text that was added to a set. */
struct cedar_source {
    struct str text;
    struct str file; /* its name; empty when it has none */
};

/* One statement. Links share their template's. */
struct cedar_statement {
    const struct cedar_source *source;
    struct cedar_span span; /* annotations to the semicolon */
    enum cedar_effect effect;
    struct cedar_scope principal, action, resource;
    struct cedar_annotation *annotations;
    struct cedar_condition *conditions;
    uint32_t annotation_count;
    uint32_t condition_count;
};

struct cedar_policy {
    struct str id;
    const struct cedar_statement *statement;
    struct cedar_policy *link_of;                 /* the template; NULL for what stands in a text */
    size_t link_count;                            /* of a template */
    const struct cedar_uid *principal, *resource; /* a link's slot values */
};

struct cedar_policy_set {
    uint32_t magic;
    struct arena arena;
    struct map by_id;
    struct cedar_policy **policies;
    size_t count;
    size_t capacity;
};

/* Adds the one statement that the text holds, under the id given. */
int cedar_policy_set_add_one(struct cedar_policy_set *set, struct str text, struct str id,
                             struct cedar_problem *problem) MUST_USE;
/* Takes out what was added last, down to `count` policies. */
void cedar_policy_set_truncate(struct cedar_policy_set *set, size_t count);

#endif
