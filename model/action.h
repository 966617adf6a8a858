/* One action: what a principal asks of an upstream, described without any wire format.
 *
 * A protocol (wire/) fills it in; guard/ decides on it and records it; nobody changes it after it was described, but for
 * its outcome, which the protocol fills in as the answer passes. It lives in its own arena and is freed whole with
 * action_free(). */
#ifndef SWORN_MODEL_ACTION_H
#define SWORN_MODEL_ACTION_H

#include "base/arena.h"
#include "base/digest.h"
#include "detect/classes.h"
#include "model/attribute.h"
#include "model/fact.h"
#include "model/verdict.h"

#define ACTION_ARENA_BYTES (4u * 1024 * 1024)
#define ACTION_ID_BYTES 40 /* "<16 hex digits of the session>-<number>" and a NUL */

/* A node of the resource tree: Table -> Database -> Environment. Ids are unique within their type. */
struct resource {
    struct str type; /* Cedar entity type within Sworn: "Table" */
    struct str id;   /* "prod/shop/public.orders" */
    const struct resource *parent;
};

/* What only lets go (ROLLBACK, COMMIT, CLOSE ...) is recorded and never asked of policy: denied, it would leave locks, and a
 * transaction that nobody can end. No policy can name it. */
#define ACTION_VERB_RELEASE "sql:release"

/* One question for policy: a statement that touches three tables has three. All must be allowed. */
struct action_step {
    struct str verb; /* "sql:write" */
    const struct resource *resource;
    const struct attribute *attributes;
    size_t attribute_count;
};

enum outcome_status {
    OUTCOME_OK,
    OUTCOME_ERROR,       /* the upstream answered with an error */
    OUTCOME_CANCELLED,   /* the client cancelled it or went away */
    OUTCOME_INTERRUPTED, /* the gateway ended it: its run or its session was over before the answer was complete */
    OUTCOME_CLIENT_LEFT, /* the client went away, and what the upstream did of it is not known */
    OUTCOME_CONNECTION_LOST, /* the connection to the upstream broke before the answer was complete */
};

enum refusal {
    REFUSAL_NONE,
#define REFUSAL(identifier, word) REFUSAL_##identifier,
#include "model/refusals.def"
#undef REFUSAL
    REFUSAL_COUNT,
};

const char *refusal_word(enum refusal refusal); /* "" for none */

struct outcome {
    enum outcome_status status;
    enum refusal withheld_as; /* why the client did not get the answer, or not to its end */
    uint64_t rows;
    uint64_t bytes; /* towards the client */
    char code[8];   /* the protocol's own result code (SQLSTATE), NUL-terminated; empty for none */
    char tag[32];   /* command tag ("SELECT 3"), NUL-terminated */
    struct class_counts masked;
    struct class_counts revealed;
    struct class_counts received; /* in data that the client sent after the request */
    struct class_counts request_masked;   /* towards the upstream */
    struct class_counts request_revealed;
    struct fact facts[FACT_COUNT]; /* set by the functions of model/fact.h, which copy */
    /* The upstream's name of what was said so far, under which a later action may continue; empty: none. */
    struct fact_text conversation;
};

/* What the client says of itself: recorded as asserted, never used to decide. */
struct assertion {
    struct str name; /* "traceparent" */
    struct str value;
};

/* What belongs to the action and does not stand in its text: whoever approves has to see it, too. */
enum action_detail_kind {
    ACTION_DETAIL_PARAMETER, /* a value that the client bound */
    ACTION_DETAIL_BEHIND,    /* the text that a name in the text stands for */
    ACTION_DETAIL_FIELD,     /* a header field that goes along */
    ACTION_DETAIL_SETTING,   /* a state of the session that gives the text its meaning */
};

#define ACTION_DETAILS_MAX (1u << 16) /* a Bind has no more parameters than that */

struct action_detail {
    enum action_detail_kind kind;
    bool is_null;
    struct str name;  /* "$1", "execute q", "search_path" */
    struct str type;  /* "int8"; empty: not known */
    struct str field; /* the name that says what the value may be, such as the column that it is compared with */
    struct str value;
};

struct str action_detail_kind_name(enum action_detail_kind kind);

#define ACTION_ASSERTIONS_MAX 4
#define ACTION_ASSERTION_BYTES_MAX 128

struct action {
    uint32_t magic;
    struct arena arena;
    char id[ACTION_ID_BYTES];
    uint64_t number;     /* within its session, from 1 */
    uint64_t intent;     /* the gate's: which event of the session its intent is; 0: none yet */
    char within[ACTION_ID_BYTES]; /* the action whose answer asks for this one; empty: none */
    struct str protocol; /* "postgres" */
    struct str text;     /* what the approver reads and what is sealed */
    enum refusal refused_as; /* why it is denied whatever policy says */
    struct str refusal;      /* the same in words for the client */
    struct sha256 digest; /* of the exact action: text, parameters, upstream. An approval binds to it. */
    bool is_keyed;        /* the digest is keyed by seal_key, which is sealed with the text (guard/record.h) */
    uint8_t seal_key[32];
    struct action_step *steps;
    size_t step_count;
    struct str *untold;   /* names in the steps that hold somebody's data: evidence has a keyed hash in their place */
    size_t untold_count;
    struct class_counts request_classes;
    class_set fixed_classes; /* of these, found where nothing can stand in their place: the upstream gets them or nothing */
    bool has_unscanned;      /* it holds data that nobody can look into, such as an image */
    struct str conversation; /* of an earlier outcome, which this action continues; empty: none */
    struct action_detail *details; /* sealed with the text, and shown with it */
    size_t detail_count;
    size_t detail_capacity;
    bool is_part_unseen; /* a detail was too long to be kept: people cannot decide on what they cannot see */
    struct assertion assertions[ACTION_ASSERTIONS_MAX];
    size_t assertion_count;
    uint64_t started_ns; /* monotonic */
    struct verdict verdict;
    struct outcome outcome;
    const struct str *tools; /* that a later answer may call, too: of a request that begins or continues a conversation */
    size_t tool_count;
    int64_t tokens_estimate; /* that a prompt may spend; 0: no prompt */
    struct {                 /* the gate's: its part of a budget, and what was spent before it; number 0: none */
        int64_t number;
        int64_t tokens_1h;
        int64_t tokens_1d;
    } reserved;
    struct vault *vault; /* the gate's: what its placeholders stand for; in the arena; NULL: there are none */
    void *wire; /* the protocol's own, in the action's arena */
};

void action_write_id(char id[ACTION_ID_BYTES], uint64_t session_id, uint64_t number);
/* NULL when memory is out. */
struct action *action_new(uint64_t session_id, uint64_t number) MUST_USE;
void action_free(struct action **action);
/* The first reason stays; the message is copied. */
void action_refuse(struct action *action, enum refusal refused_as, struct str message);
/* The strings are copied. What does not fit makes the action one that is unseen in part. */
void action_add_detail(struct action *action, const struct action_detail *detail);

#endif
