/* The table of facts. */
#include "model/fact.h"

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
