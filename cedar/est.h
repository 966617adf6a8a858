/* The JSON form of policies and policy sets, in and out: https://docs.cedarpolicy.com/policies/json-format.html.
 *
 * A policy: {"effect", "principal", "action", "resource", "conditions", "annotations"?}. A set: {"staticPolicies",
 * "templates", "templateLinks"}, policies by id. What is read becomes Cedar text first, which is then parsed: spans of
 * failures are in that text (cedar_policy_text()), spans of a problem in the JSON are in the JSON. Nothing parks; all
 * of it needs a big stack. */
#ifndef SWORN_CEDAR_EST_H
#define SWORN_CEDAR_EST_H

#include "cedar/cedar.h"

#define CEDAR_EST_DEPTH_MAX 4096 /* nesting of the JSON: a chain of operators nests twice for each */

/* Appends the JSON form of a policy or template; of a link, its template's. -1 when memory is out. */
int cedar_policy_write_json(const struct cedar_policy *policy, struct buffer *out) MUST_USE;
/* Appends the JSON form of a whole set: each policy and template under its id, and the links. */
int cedar_policy_set_write_json(const struct cedar_policy_set *set, struct buffer *out) MUST_USE;

/* Appends the Cedar text of one policy in JSON form. */
int cedar_est_to_text(struct str json, struct buffer *out, struct cedar_problem *problem) MUST_USE;
/* Adds one policy or template in JSON form under the id given. */
int cedar_policy_set_add_json(struct cedar_policy_set *set, struct str json, struct str id,
                              struct cedar_problem *problem) MUST_USE;
/* Adds a policy set in JSON form: all of it, or nothing. Policies may also stand there as strings of Cedar text. */
int cedar_policy_set_load_json(struct cedar_policy_set *set, struct str json, struct cedar_problem *problem) MUST_USE;
/* Adds links of templates that are in the set: an array as in `templateLinks`, all of it or nothing. */
int cedar_policy_set_link_json(struct cedar_policy_set *set, struct str json, struct cedar_problem *problem) MUST_USE;

#endif
