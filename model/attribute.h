/* Attributes: what the gateway measured, as typed values. Plain data; strings are borrowed from the action's arena. */
#ifndef SWORN_MODEL_ATTRIBUTE_H
#define SWORN_MODEL_ATTRIBUTE_H

#include "base/str.h"

enum attribute_kind {
    ATTRIBUTE_KIND_BOOL,
    ATTRIBUTE_KIND_LONG,
    ATTRIBUTE_KIND_STRING,
    ATTRIBUTE_KIND_SET, /* of strings */
    ATTRIBUTE_KIND_IP,
    ATTRIBUTE_KIND_DATETIME,
};

enum attribute_id {
#define ATTRIBUTE(identifier, name, kind, description) ATTRIBUTE_##identifier,
#include "model/attributes.def"
#undef ATTRIBUTE
    ATTRIBUTE_COUNT,
};

struct attribute_description {
    const char *name;
    enum attribute_kind kind;
    const char *description;
};

extern const struct attribute_description attribute_descriptions[ATTRIBUTE_COUNT];

struct attribute {
    enum attribute_id id;
    union {
        bool boolean;
        int64_t integer;   /* LONG; DATETIME: milliseconds since the epoch */
        struct str string; /* STRING, IP */
        struct {
            const struct str *items;
            size_t count;
        } set;
    };
};

/* The same attributes with the same values in the same order. */
bool attributes_equal(const struct attribute *a, size_t a_count, const struct attribute *b, size_t b_count);

#endif
