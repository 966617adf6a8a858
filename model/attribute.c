/* The table of attributes. */
#include "model/attribute.h"

const struct attribute_description attribute_descriptions[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(identifier, name, kind, description) \
    [ATTRIBUTE_##identifier] = {name, ATTRIBUTE_KIND_##kind, description},
#include "model/attributes.def"
#undef ATTRIBUTE
};
