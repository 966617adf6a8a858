/* The table of facts, and how they are set. */
#include "model/fact.h"

#include <stdlib.h>
#include <string.h>

#define COUNTED true

const struct fact_description fact_descriptions[FACT_COUNT] = {
#define FACT(identifier, name, kind, counted, description) \
    [FACT_##identifier] = {name, FACT_KIND_##kind, counted, description},
#include "model/facts.def"
#undef FACT
};

int64_t facts_spent(const struct fact facts[FACT_COUNT]) {
    int64_t sum = 0;
    for (size_t i = 0; i < FACT_COUNT; i++) {
        if (!fact_descriptions[i].is_counted || !facts[i].is_set || facts[i].integer < 0) continue;
        if (__builtin_add_overflow(sum, facts[i].integer, &sum)) return INT64_MAX;
    }
    return sum;
}

void fact_text_set(struct fact_text *text, struct str value) {
    value = str_slice(value, 0, FACT_TEXT_BYTES_MAX);
    text->length = (uint8_t)value.length;
    if (value.length > 0) memcpy(text->bytes, value.data, value.length);
}

void fact_forget(struct fact facts[FACT_COUNT], enum fact_id id) {
    bool is_owner = facts[id].is_set && fact_descriptions[id].kind == FACT_KIND_NAMES;
    if (is_owner) free(facts[id].names.items);
    facts[id].is_set = false;
}

void fact_set_text(struct fact facts[FACT_COUNT], enum fact_id id, struct str text) {
    CHECK(fact_descriptions[id].kind == FACT_KIND_TEXT);
    facts[id].is_set = true;
    fact_text_set(&facts[id].text, text);
}

void fact_set_integer(struct fact facts[FACT_COUNT], enum fact_id id, int64_t integer) {
    CHECK(fact_descriptions[id].kind == FACT_KIND_INTEGER);
    facts[id].is_set = true;
    facts[id].integer = integer;
}

void fact_set_names(struct fact facts[FACT_COUNT], enum fact_id id, const struct str *names, size_t count) {
    struct fact *fact = &facts[id];
    CHECK(fact_descriptions[id].kind == FACT_KIND_NAMES);
    if (count > FACT_NAMES_MAX) count = FACT_NAMES_MAX;
    fact_forget(facts, id);
    if (count == 0) return;
    fact->names.items = calloc(count, sizeof(*fact->names.items));
    if (fact->names.items == NULL) return;
    fact->names.count = count;
    for (size_t i = 0; i < count; i++) fact_text_set(&fact->names.items[i], names[i]);
    fact->is_set = true;
}

void facts_free(struct fact facts[FACT_COUNT]) {
    for (size_t i = 0; i < FACT_COUNT; i++) fact_forget(facts, (enum fact_id)i);
}
