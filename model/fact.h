/* Facts: what a protocol read off an answer, for the outcome entry.
 *
 * Facts own their bytes: they are set only by the functions below, which copy, since what they are read off (a stream, a
 * body) is gone before the outcome is recorded when a client leaves. facts_free lets go of them. */
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

/* A short text with its own bytes. */
struct fact_text {
    uint8_t length;
    char bytes[FACT_TEXT_BYTES_MAX];
};

static inline struct str fact_text_view(const struct fact_text *text) { return str_make(text->bytes, text->length); }
/* A longer one is cut. */
void fact_text_set(struct fact_text *text, struct str value);

struct fact {
    bool is_set;
    union {
        struct fact_text text;
        int64_t integer;
        struct {
            struct fact_text *items; /* the fact's own */
            size_t count;
        } names;
    };
};

void fact_set_text(struct fact facts[FACT_COUNT], enum fact_id id, struct str text);
void fact_set_integer(struct fact facts[FACT_COUNT], enum fact_id id, int64_t integer);
/* Those that are too many are left out, and all of them where memory is out. */
void fact_set_names(struct fact facts[FACT_COUNT], enum fact_id id, const struct str *names, size_t count);
void fact_forget(struct fact facts[FACT_COUNT], enum fact_id id);
void facts_free(struct fact facts[FACT_COUNT]);

/* What was spent: the sum of the counted facts that are set. */
int64_t facts_spent(const struct fact facts[FACT_COUNT]);

#endif
