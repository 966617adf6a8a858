/* The entities that policies speak of, as names: from the words of model/ to Cedar's. */
#ifndef SWORN_GUARD_POLICY_ENTITIES_H
#define SWORN_GUARD_POLICY_ENTITIES_H

#include "guard/bundle_internal.h"
#include "model/action.h"

#define POLICY_UNSCANNED "unscanned" /* the data class of what the detector cannot look into */
#define RESOURCE_DEPTH_MAX 8 /* a resource and its parents */

/* Fills bundle->entities and the uids in it from the config's principals and resources. They live in the
 * bundle's arena. */
int policy_entities_build(struct bundle *bundle, const struct bundle_source *source, struct error *error) MUST_USE;

/* "Sworn::" before an entity type of ours. data == NULL when the type is no identifier or the arena is full. */
struct str policy_entity_type(struct arena *arena, struct str type);
void policy_action_uid(struct cedar_uid *uid, struct str verb);
void policy_principal_uid(struct cedar_uid *uid, const struct principal *principal);

/* The uid of an attribute that is an entity with tags: Sworn::Input::"input". NULL when the arena is full. */
const struct cedar_uid *policy_tags_uid(struct arena *arena, enum attribute_id attribute);
/* The uid of a step's resource, and the entities in which it can be found: those of the bundle, or an overlay of them in
 * the scratch arena with what the config does not know: the resource and its parents, and the step's tags. */
int policy_step_entities(const struct bundle *bundle, struct arena *scratch, const struct action_step *step,
                         struct cedar_uid *uid, const struct cedar_entities **entities, struct error *error) MUST_USE;

#endif
