/* What policy says of an action. Plain data; strings belong to the action's arena. */
#ifndef SWORN_MODEL_VERDICT_H
#define SWORN_MODEL_VERDICT_H

#include "base/digest.h"
#include "detect/classes.h"

enum verdict_kind {
    VERDICT_DENY, /* zero: what nobody decided is denied */
    VERDICT_ALLOW,
    VERDICT_HOLD, /* every determining forbid can be cured: ask for the remedies, then decide again */
};

struct verdict {
    enum verdict_kind kind;
    bool cedar_allows;           /* what plain Cedar says; differs from kind when a forbid erred */
    const struct str *policies;  /* determining policy ids, sorted, without duplicates */
    size_t policy_count;
    const struct str *errors;    /* ids of policies that erred, sorted */
    size_t error_count;
    const struct str *remedies;  /* HOLD: what to ask for, sorted; "approve:<group>[:<count>]" */
    size_t remedy_count;
    const struct str *applied;   /* remedies that were in force */
    size_t applied_count;
    const struct str *approvers; /* who gave them */
    size_t approver_count;
    uint32_t rounds;             /* decisions taken until this one */
    struct sha256 bundle;        /* the policies that decided */
    struct sha256 entities;      /* the principals and resources that they spoke of */
    int64_t decided_us;          /* the time that they saw, real; with rounds == 0 nothing of this is set */
    int64_t tokens_1h;           /* what the principal had spent by then */
    int64_t tokens_1d;
    class_set reveal;            /* classes that the principal may receive in clear */
    class_set reveal_request;    /* and the upstream, of a protocol that masks requests */
    uint64_t rows_max;           /* of what is allowed: rows of the answer that may leave at most; 0: all */
    class_set reveal_url;        /* and what is named by a URL in the answer */
    bool is_unavailable;         /* DENY because evidence cannot be written just now: the same may be allowed later */
    struct str message;          /* for the client of a denial: what and why, no data */
};

struct str verdict_kind_name(enum verdict_kind kind); /* "allow", "deny", "hold" */

#endif
