/* Facts: what a protocol read off an answer, for the outcome entry. Plain data; strings are the action's. */
#ifndef SWORN_MODEL_FACT_H
#define SWORN_MODEL_FACT_H

#include "base/str.h"

#define FACT_TEXT_BYTES_MAX 128
#define FACT_NAMES_MAX 32

enum fact_kind { FACT_KIND_TEXT, FACT_KIND_INTEGER, FACT_KIND_NAMES };

enum fact_id {
#define FACT(identifier, name, kind, counted, description) FACT_##identifier,
#include "model/facts.def"
#undef FACT
    FACT_COUNT,
};

struct fact_description {
    const char *name;
    enum fact_kind kind;
    bool is_counted;
    const char *description;
};

extern const struct fact_description fact_descriptions[FACT_COUNT];

struct fact {
    bool is_set;
    union {
        struct str text;
        int64_t integer;
        struct {
            const struct str *items;
            size_t count;
        } names;
    };
};

/* What was spent: the sum of the counted facts that are set. */
int64_t facts_spent(const struct fact facts[FACT_COUNT]);

#endif
