/* Secrets of known forms (credentials.def): Vectorscan finds literals, PCRE2 the exact span in a bounded window. */
#ifndef SWORN_DETECT_SECRETS_H
#define SWORN_DETECT_SECRETS_H

#include "base/error.h"
#include "base/str.h"

struct scan;
struct secrets;
struct secrets_scratch;

/* match_steps_max: of the pattern engine in one attempt; 0: enough for any text. */
struct secrets *secrets_new(uint32_t match_steps_max, struct error *error) MUST_USE;
void secrets_free(struct secrets **secrets);
struct secrets_scratch *secrets_scratch_new(const struct secrets *secrets, struct error *error) MUST_USE;
void secrets_scratch_free(struct secrets_scratch **scratch);

/* Adds the candidates of the segment. -1 when the engine gives no verdict (ERROR_LIMIT, ERROR_MEMORY): then nothing may
 * pass. */
int secrets_scan(struct scan *scan, struct error *error) MUST_USE;
/* CONTEXT_SECRET or CONTEXT_PASSWORD when the name ends in a word behind which secrets are looked for; else 0. */
uint32_t secrets_context_of_name(struct str name);
/* Is text[start .. end), the whole value of a field of such a name, what would be a secret behind that word in a text? */
bool secrets_is_value(struct scan *scan, size_t start, size_t end, uint32_t context);
/* Is there a run long enough, or an assignment, for secrets_scan to find anything? Cheap: for short values. */
bool secrets_possible(struct str text);

#endif
