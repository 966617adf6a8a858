/* From an entry of the log back to the action that was decided on: an intent or a hold_requested.
 *
 * What policy saw comes from the entry (steps, classes, applied, the time), the rest from entries before it: who and
 * from where (session_start), counts (the session's intents), policies and entities (by their hashes). */
#ifndef SWORN_GUARD_REPLAY_ENTRY_H
#define SWORN_GUARD_REPLAY_ENTRY_H

#include "ledger/event.h"
#include "model/action.h"

#define REPLAY_STEPS_MAX 4096
#define REPLAY_TAGS_MAX 64

/* An attribute whose tags are sealed, and what they have to be. */
struct replay_tags {
    struct attribute *attribute;
    struct sha256 keyed; /* by the key that is sealed with the text */
};

/* What was recorded. Strings and arrays are borrowed from the entry's text or in the action's arena. */
struct replay_entry {
    struct str action;
    bool is_hold;        /* hold_requested: the verdict was VERDICT_HOLD */
    bool was_decided;    /* false: refused before policy was asked */
    struct str principal; /* of an intent; absent in a hold */
    bool is_denied;      /* of an intent */
    bool cedar_allows;   /* of an intent */
    uint32_t rounds;     /* of an intent */
    struct sha256 bundle;
    struct sha256 entities;
    int64_t decided_us;
    int64_t tokens_1h; /* spent by then */
    int64_t tokens_1d;
    bool has_untold;     /* names that stand as keyed hashes */
    bool is_disproved; /* the log before it does not bear out what it says (ledger/story.h) */
    const struct str *applied; /* as recorded; in replay_run(), of these what votes have proven */
    size_t applied_count;
    const struct str *policies;
    size_t policy_count;
    const struct str *errors;
    size_t error_count;
    const struct str *remedies; /* of a hold */
    size_t remedy_count;
    class_set reveal;
    class_set reveal_request; /* to the upstream */
    class_set reveal_url;     /* in URLs; older versions did not ask */
    bool has_reveal_url;
    uint64_t rows_max;
    struct str text; /* its commitment, as JSON */
    struct replay_tags tags[REPLAY_TAGS_MAX]; /* guard/replay_tags.h */
    size_t tag_count;
};

/* Fills in the action's steps and classes; its arena is reset first. ERROR_INVALID says what is missing or unknown. */
int replay_entry_parse(const struct ledger_entry *entry, struct action *action, struct replay_entry *out,
                       struct error *error) MUST_USE;

/* Does the verdict differ from what was recorded? In what: bits. `kind` is what policy said then. */
enum replay_difference {
    REPLAY_VERDICT = 1,
    REPLAY_POLICIES = 2,
    REPLAY_ERRORS = 4,
    REPLAY_REMEDIES = 8,
    REPLAY_REVEAL = 16,
    REPLAY_ROWS_MAX = 32,
    REPLAY_EVIDENCE = 64, /* it is disproved by what stands before it */
};
unsigned replay_entry_compare(const struct replay_entry *entry, enum verdict_kind kind, const struct verdict *verdict);

bool replay_names_equal(const struct str *a, size_t a_count, const struct str *b, size_t b_count);

#endif
