/* The table of facts. */
#include "model/fact.h"

const struct fact_description fact_descriptions[FACT_COUNT] = {
#define FACT(identifier, name, kind, description) [FACT_##identifier] = {name, FACT_KIND_##kind, description},
#include "model/facts.def"
#undef FACT
};
