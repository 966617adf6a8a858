/* Sworn's own Cedar schema, as text: what policies may speak of. The context of each action comes from
 * model/attributes.def, so that a typo in `context.clases` is an error when the file is saved. */
#ifndef SWORN_GUARD_POLICY_SCHEMA_H
#define SWORN_GUARD_POLICY_SCHEMA_H

#include "cedar/cedar.h"

/* Appends the schema; verbs are those of a config's own operations, in the group "http". A buffer that is full says so
 * itself: buffer_failed(). */
void policy_schema_write(struct buffer *out, const struct str *verbs, size_t verb_count);
/* It, read. NULL: out of memory. */
struct cedar_schema *policy_schema_new(const struct str *verbs, size_t verb_count, struct error *error) MUST_USE;

#endif
