/* enum data_class: what kind of personal data or secret a span of text holds. The rows stand in classes.def. */
#ifndef SWORN_DETECT_CLASSES_H
#define SWORN_DETECT_CLASSES_H

#include <assert.h>

#include "base/str.h"

enum data_class {
#define CLASS(identifier, name, label, operator, text) CLASS_##identifier,
#include "detect/classes.def"
#undef CLASS
    CLASS_MAX,
    CLASS_NONE = 255,
};

/* One bit a class. */
typedef uint64_t class_set;
static_assert(CLASS_MAX <= 64, "a class set is 64 bits");

#define CLASS_SET_ALL ((class_set)((CLASS_MAX < 64 ? (class_set)1 << (CLASS_MAX % 64) : 0) - 1))
#define CLASS_BIT(class) ((class_set)1 << (class))

static inline bool class_set_has(class_set set, enum data_class class) { return (set >> class & 1) != 0; }

const char *class_name(enum data_class class);        /* "card_number" */
const char *class_label(enum data_class class);       /* "CARD_NUMBER" */
const char *class_description(enum data_class class); /* for doc and CLI */
/* CLASS_NONE when there is none of that name. */
enum data_class class_from_name(struct str name);

/* How many spans of each class were found or masked. */
struct class_counts {
    uint32_t count[CLASS_MAX];
};

/* The classes with a count above zero. */
static inline class_set class_counts_set(const struct class_counts *counts) {
    class_set set = 0;
    for (int i = 0; i < CLASS_MAX; i++) {
        if (counts->count[i] > 0) set |= CLASS_BIT(i);
    }
    return set;
}

/* Saturates. */
static inline void class_counts_add(struct class_counts *into, const struct class_counts *more) {
    for (int i = 0; i < CLASS_MAX; i++) {
        if (__builtin_add_overflow(into->count[i], more->count[i], &into->count[i])) into->count[i] = UINT32_MAX;
    }
}

#endif
