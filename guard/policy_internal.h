/* What the files of the decision share: the session, and how a request to Cedar is built. */
#ifndef SWORN_GUARD_POLICY_INTERNAL_H
#define SWORN_GUARD_POLICY_INTERNAL_H

#include "guard/policy.h"
#include "guard/policy_entities.h"

#define POLICY_SOURCE_BYTES_MAX 256

/* The last answer of policy_reveal() for one sink. */
struct reveal_memory {
    bool is_set;
    int64_t minute;
    size_t source_length;
    char source[POLICY_SOURCE_BYTES_MAX];
    class_set reveal;
};

struct policy_session {
    uint32_t magic;
    struct bundle *bundle;
    const struct cedar_uid *principal; /* in the bundle */
    struct arena arena;
    bool has_address;
    struct cedar_value address;
    struct reveal_memory reveals[POLICY_SINK_COUNT]; /* by enum policy_sink */
};

/* Bits: which attributes beside those of the session belong in a context. */
struct policy_context {
    const struct policy_facts *facts;
    const struct str *applied;
    size_t applied_count;
};

void policy_session_check(const struct policy_session *session);
/* Sets context.<name of the attribute>. */
int policy_set(struct cedar_record *context, enum attribute_id attribute, struct cedar_value value) MUST_USE;
/* What stands in every context: applied, time, hour, weekday, client_address. At most POLICY_COMMON_COUNT fields. */
#define POLICY_COMMON_COUNT 5
int policy_set_common(const struct policy_session *session, struct arena *scratch, const struct policy_context *from,
                      struct cedar_record *context) MUST_USE;
/* May the upstream get data that nobody can look into? In the same scratch arena as the action's own requests. */
int policy_ask_unscanned(const struct policy_session *session, struct arena *scratch, const struct policy_context *from,
                         struct cedar_decision *decision) MUST_USE;
/* Did a forbid err? Then nothing is allowed, whatever Cedar says. */
bool policy_forbid_erred(const struct cedar_decision *decision);

#endif
