/* The validator inside: one policy is checked in one request environment at a time; what is found is collected for all.
 *
 * validate.c goes over policies and environments, validate_scope.c looks at names and scopes, validate_expression.c and
 * validate_call.c give each expression its type, validate_type.c relates types, validate_script.c looks at letters. */
#ifndef SWORN_CEDAR_VALIDATE_H
#define SWORN_CEDAR_VALIDATE_H

#include "cedar/schema.h"

#define CEDAR_VALIDATION_STEPS_MAX 400000000u /* expressions visited and capabilities compared, of one validation */

/* All findings of one validation. */
struct cedar_report {
    const struct cedar_schema *schema;
    enum cedar_validation_mode mode;
    struct arena *arena;
    struct cedar_problem *problem;
    struct cedar_finding *findings;
    size_t count, capacity;
    size_t first; /* of the policy that is looked at */
    size_t error_count;
    uint64_t step_count;
    bool is_cut;
    bool has_failed; /* memory or steps: sticky */
    const struct cedar_policy *policy;
};

/* What `has` and `hasTag` have shown, as a tree of immutable nodes; NULL: nothing. */
struct cedar_capability {
    enum { CEDAR_CAPABILITY_ONE, CEDAR_CAPABILITY_EITHER, CEDAR_CAPABILITY_BOTH } kind;
    const struct cedar_expression *expression;
    const struct cedar_expression *tag; /* NULL: the attribute `name` */
    struct str name;
    const struct cedar_capability *left, *right; /* EITHER: in one of the two; BOTH: in both */
};

/* One request environment. */
struct cedar_checker {
    struct cedar_report *report;
    struct arena *scratch; /* of this environment */
    const struct cedar_schema_action *action;
    const struct cedar_type *principal, *resource;
};

/* The type of an expression. NULL: not known, because of an error below. Not `is_ok`: there was an error below; the
 * type is what it would be without. */
struct cedar_outcome {
    const struct cedar_type *type;
    const struct cedar_capability *capability;
    bool is_ok;
};

/* Adds a finding about the current policy, unless it is there. */
void cedar_report_add(struct cedar_report *report, enum cedar_code code, struct cedar_span span, const char *format,
                      ...)
    PRINTF_LIKE(4, 5);
/* False when steps are used up. */
bool cedar_report_step(struct cedar_report *report);

/* validate_type.c */
bool cedar_type_is_subtype(const struct cedar_type *a, const struct cedar_type *b, enum cedar_validation_mode mode);
/* The least type above both; NULL when there is none (or memory is out: then the report has failed). */
const struct cedar_type *cedar_type_join(struct cedar_checker *checker, const struct cedar_type *a,
                                         const struct cedar_type *b);
/* Can no entity be of both types? */
bool cedar_type_are_disjoint(const struct cedar_type *a, const struct cedar_type *b);
/* The attribute of a record or entity type. may_have: some value of the type may have it. */
const struct cedar_type *cedar_type_attribute(struct cedar_checker *checker, const struct cedar_type *type,
                                              struct str name, bool *is_required, bool *may_have);
/* The type of the tags of an entity type; NULL: it has none. may_have as above. */
const struct cedar_type *cedar_type_tags(struct cedar_checker *checker, const struct cedar_type *type, bool *may_have);
/* For a text about it: cut to fit. */
struct str cedar_type_describe(struct cedar_checker *checker, const struct cedar_type *type);

/* validate_capability.c */
const struct cedar_capability *cedar_capability_either(struct cedar_checker *checker,
                                                       const struct cedar_capability *left,
                                                       const struct cedar_capability *right);
const struct cedar_capability *cedar_capability_both(struct cedar_checker *checker, const struct cedar_capability *left,
                                                     const struct cedar_capability *right);
const struct cedar_capability *cedar_capability_make(struct cedar_checker *checker,
                                                     const struct cedar_expression *expression, struct str name,
                                                     const struct cedar_expression *tag);
/* Is the attribute (or the tag) of the expression known to be there? */
bool cedar_capability_has(struct cedar_checker *checker, const struct cedar_capability *set,
                          const struct cedar_expression *expression, struct str name,
                          const struct cedar_expression *tag);

/* validate_expression.c */
struct cedar_outcome cedar_check(struct cedar_checker *checker, const struct cedar_expression *node,
                                 const struct cedar_capability *prior);
/* The same, of a type at or below one of two; second may be NULL. */
struct cedar_outcome cedar_check_as(struct cedar_checker *checker, const struct cedar_expression *node,
                                    const struct cedar_capability *prior, const struct cedar_type *wanted,
                                    const struct cedar_type *second);
/* Both types must be one in strict mode: is_ok is cleared where they are not. */
void cedar_check_same(struct cedar_checker *checker, const struct cedar_expression *node,
                      const struct cedar_type *left, const struct cedar_type *right, struct cedar_outcome *outcome);
/* validate_call.c */
struct cedar_outcome cedar_check_call(struct cedar_checker *checker, const struct cedar_expression *node,
                                      const struct cedar_capability *prior);

/* validate_scope.c */
/* Entity types, actions and enumerated ids that the schema does not have. */
void cedar_check_names(struct cedar_report *report, const struct cedar_policy *policy);
/* Is there an action to which the scope can apply? With a link, its slots have values. */
void cedar_check_scope(struct cedar_report *report, const struct cedar_policy *policy);
/* Scope and conditions as one expression, in the arena. NULL when it is full. */
const struct cedar_expression *cedar_condition_make(struct arena *arena, const struct cedar_statement *statement);

/* validate_script.c: warnings about letters that look like others. */
void cedar_check_scripts(struct cedar_report *report, const struct cedar_policy *policy);
bool cedar_script_is_mixed(struct str text);
/* False: *bad is the first character that should not stand in an identifier. */
bool cedar_script_is_identifier(struct str text, uint32_t *bad);
bool cedar_script_is_bidi(struct str text);

#endif
