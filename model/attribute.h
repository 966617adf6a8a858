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
    ATTRIBUTE_KIND_TAGS,        /* names and texts that only the caller knows: an entity whose tags they are */
    ATTRIBUTE_KIND_NUMBER_TAGS, /* those of them that are whole numbers */
};

/* In which contexts an attribute stands. */
enum attribute_context {
    IN_SQL = 1 << 0,
    IN_LLM = 1 << 1,
    IN_TOOL = 1 << 2,
    IN_HTTP = 1 << 3,
    IN_REVEAL = 1 << 4,
    IN_ACTIONS = IN_SQL | IN_LLM | IN_TOOL | IN_HTTP,
};

enum attribute_id {
#define ATTRIBUTE(identifier, name, kind, always, known, description) ATTRIBUTE_##identifier,
#include "model/attributes.def"
#undef ATTRIBUTE
    ATTRIBUTE_COUNT,
};

struct attribute_description {
    const char *name;
    enum attribute_kind kind;
    unsigned always_in; /* enum attribute_context */
    unsigned known_in;  /* where the gateway knows it */
    const char *description;
};

extern const struct attribute_description attribute_descriptions[ATTRIBUTE_COUNT];

struct attribute_tag {
    struct str name; /* "options.force" */
    struct str text;
    bool is_integer;
    int64_t integer;
};

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
        struct {
            const struct attribute_tag *items; /* NULL with a count: they are not at hand, as in evidence */
            size_t count;
        } tags; /* TAGS, NUMBER_TAGS */
    };
};

/* Has it tags that are not at hand? */
bool attribute_is_sealed(const struct attribute *attribute);
/* The same attributes with the same values in the same order. */
bool attributes_equal(const struct attribute *a, size_t a_count, const struct attribute *b, size_t b_count);

#endif
