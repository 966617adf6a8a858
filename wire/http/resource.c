/* Resources of an upstream that is an API or a provider. */
#include "wire/http/api.h"

const struct resource *http_resource(const struct wire_upstream *target, struct arena *arena, struct str type,
                                     struct str name) {
    struct resource *chain = ARENA_NEW_ARRAY(arena, struct resource, 3);
    struct str upstream = arena_format(arena, "%.*s/%.*s", STR_ARGS(target->environment), STR_ARGS(target->name));
    if (chain == NULL || upstream.data == NULL) return NULL;
    chain[2] = (struct resource){STR("Environment"), target->environment, NULL};
    chain[1] = (struct resource){target->resource_type, upstream, &chain[2]};
    if (name.length == 0) return &chain[1];
    struct str id = arena_format(arena, "%.*s/%.*s", STR_ARGS(upstream), STR_ARGS(name));
    chain[0] = (struct resource){type, id, &chain[1]};
    return id.data != NULL ? chain : NULL;
}
