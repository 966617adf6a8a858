/* The entities that policies speak of, as names: from the words of model/ to Cedar's. */
#ifndef SWORN_GUARD_POLICY_ENTITIES_H
#define SWORN_GUARD_POLICY_ENTITIES_H

#include "guard/bundle_internal.h"
#include "model/action.h"

#define RESOURCE_DEPTH_MAX 8 /* a resource and its parents */

/* Fills bundle->entities and the uids in it from the config's principals and resources. They live in the
 * bundle's arena. */
int policy_entities_build(struct bundle *bundle, const struct bundle_source *source, struct error *error) MUST_USE;

/* "Sworn::" before an entity type of ours. data == NULL when the type is no identifier or the arena is full. */
struct str policy_entity_type(struct arena *arena, struct str type);
void policy_action_uid(struct cedar_uid *uid, struct str verb);
void policy_principal_uid(struct cedar_uid *uid, const struct principal *principal);

/* The uid of a resource, and the entities in which it can be found: those of the bundle, or an overlay of them in the
 * scratch arena with what the config does not know: the resource and its parents, without labels. */
int policy_resource(const struct bundle *bundle, struct arena *scratch, const struct resource *resource,
                    struct cedar_uid *uid, const struct cedar_entities **entities, struct error *error) MUST_USE;

#endif
