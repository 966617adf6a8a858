/* The compiled form of a policy: nodes in arrays, constants folded, names ready to compare. Immutable. */
#ifndef SWORN_CEDAR_COMPILE_H
#define SWORN_CEDAR_COMPILE_H

#include "base/map.h"
#include "cedar/ast.h"

enum cedar_operation {
    CEDAR_DO_CONSTANT,  /* value */
    CEDAR_DO_VARIABLE,  /* detail: enum cedar_variable */
    CEDAR_DO_ATTRIBUTE, /* items[0], value.string: the name */
    CEDAR_DO_CONTEXT_ATTRIBUTE, /* context.name: value.string */
    CEDAR_DO_NOT,
    CEDAR_DO_NEGATE,
    CEDAR_DO_AND,
    CEDAR_DO_OR,
    CEDAR_DO_IF,
    CEDAR_DO_RELATION, /* detail: enum cedar_relation but CEDAR_IN */
    CEDAR_DO_IN,
    CEDAR_DO_SUM,     /* value.string: the operators */
    CEDAR_DO_PRODUCT,
    CEDAR_DO_HAS,     /* names */
    CEDAR_DO_LIKE,    /* pattern */
    CEDAR_DO_IS,      /* value.string: the type; items[1] behind `in` */
    CEDAR_DO_CALL,    /* detail: enum cedar_function */
    CEDAR_DO_SET,
    CEDAR_DO_RECORD,  /* names; items in the order of names, sorted */
};

struct cedar_node {
    uint8_t operation;
    uint8_t detail;
    uint16_t name_count;
    uint32_t count;
    struct cedar_span span;
    const struct cedar_node *items;
    union {
        struct cedar_value value;
        const struct cedar_pattern *pattern;
        const struct str *names;
    };
};

/* The scope, ready to test: NULL or an empty list is no restriction, but for CEDAR_SCOPE_IN_LIST. */
struct cedar_test {
    enum cedar_scope_kind kind;
    uint32_t count;
    const struct cedar_uid *const *entities;
    struct str type;
};

struct cedar_compiled {
    const struct cedar_policy *policy;
    enum cedar_effect effect;
    struct cedar_test principal, action, resource;
    uint32_t condition_count;
    const struct cedar_node *conditions; /* of `unless` the negation is already made */
};

/* Entities and names that policies have in common stand once, side by side in the arena: a scan over many policies then
 * reads none of the texts and trees they came from, which lie wide apart. */
struct cedar_compiler {
    struct arena *arena;
    struct map names;
    struct map uids; /* by their hash; of several with one hash only the first is shared */
};

void cedar_compiler_init(struct cedar_compiler *compiler, struct arena *arena);
void cedar_compiler_free(struct cedar_compiler *compiler); /* not what was compiled: that is the arena's */
int cedar_compile_policy(struct cedar_compiler *compiler, const struct cedar_policy *policy,
                         struct cedar_compiled *compiled) MUST_USE;

#endif
