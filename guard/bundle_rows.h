/* The entities of a bundle as text: one canonical JSON object a line, for the evidence log and back from it.
 *
 *     {"groups":["agents"],"on_behalf_of":"ana","principal":"copilot","type":"Agent"}     groups, on_behalf_of: if any
 *     {"environment":"prod","labels":["eu"],"type":"Provider","upstream":"openai"}        labels: if any; no type: Database
 *     {"labels":["pii"],"table":"public.customers","upstream":"shop"}
 *     {"labels":["small"],"resource":"gpt-4o","type":"Model","upstream":"openai"}         what is no table
 *     {"verb":"billing:create_refund"}
 *
 * Principals first, then upstreams, then resources, then verbs, each in the order of the config. Pure functions. */
#ifndef SWORN_GUARD_BUNDLE_ROWS_H
#define SWORN_GUARD_BUNDLE_ROWS_H

#include "guard/bundle.h"

#define BUNDLE_ROW_BYTES_MAX 40000u /* so that a row fits into an entry */
#define BUNDLE_ROWS_BYTES_MAX (64u << 20)

/* ERROR_LIMIT names the row that is too long. */
int bundle_rows_make(struct arena *arena, const struct bundle_source *source, struct str *rows, struct error *error)
    MUST_USE;

struct bundle_rows {
    struct identity_row *principals;
    size_t principal_count;
    struct bundle_upstream *upstreams;
    size_t upstream_count;
    struct bundle_resource *resources;
    size_t resource_count;
    struct str *verbs;
    size_t verb_count;
};

/* Strings are borrowed from `rows` or in the arena. */
int bundle_rows_parse(struct arena *arena, struct str rows, struct bundle_rows *out, struct error *error) MUST_USE;

#endif
