/* The inside of a bundle, for the files that load it, lint it and decide with it. */
#ifndef SWORN_GUARD_BUNDLE_INTERNAL_H
#define SWORN_GUARD_BUNDLE_INTERNAL_H

#include <stdatomic.h>

#include "detect/classes.h"
#include "guard/bundle.h"

#define BUNDLE_MAGIC 0xb0d1e5a7u

struct bundle {
    uint32_t magic;
    atomic_uint holders;
    struct arena arena; /* files, and the strings and uids of the entities */
    struct sha256 hash;
    struct sha256 entities_hash;
    struct str entity_rows;
    struct bundle_file *files;
    size_t file_count;
    struct cedar_policy_set *policies;
    struct cedar_engine *engine;
    struct cedar_entities *entities;
    struct cedar_uid reveal;             /* Sworn::Action::"reveal" */
    struct cedar_uid classes[CLASS_MAX]; /* Sworn::DataClass::"..." */
    const struct str *verbs;             /* of the config's own operations */
    size_t verb_count;
    struct cedar_uid unscanned;          /* Sworn::DataClass::"unscanned" */
    struct cedar_value empty_set;
};

/* Appends a problem of this kind and place, with a text of its own; beyond BUNDLE_PROBLEMS_MAX it is dropped. */
void bundle_add_problem(struct bundle_problems *problems, const struct bundle_problem *place, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
