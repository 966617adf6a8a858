/* Names of verdicts, as evidence and commands print them. */
#include "model/verdict.h"

struct str verdict_kind_name(enum verdict_kind kind) {
    static const struct str names[] = {
        [VERDICT_DENY] = {"deny", 4}, [VERDICT_ALLOW] = {"allow", 5}, [VERDICT_HOLD] = {"hold", 4}};
    return names[kind];
}
