/* What the parts of the story share: its sessions and actions. ledger/story.c has sessions, intents and outcomes,
 * ledger/story_hold.c holds and votes. */
#ifndef SWORN_LEDGER_STORY_INTERNAL_H
#define SWORN_LEDGER_STORY_INTERNAL_H

#include "base/map.h"
#include "ledger/story.h"
#include "ledger/story_world.h"

#define STORY_VOTES_MAX 64u     /* that count, of one hold */
#define STORY_PROVEN_MAX 256u   /* remedies of one action */
#define STORY_ACTION_BYTES_MAX ((size_t)4 << 20)

struct story_vote {
    struct str approver;
    bool is_approval;
};

enum story_hold { STORY_HOLD_NONE, STORY_HOLD_OPEN, STORY_HOLD_APPROVED, STORY_HOLD_FAILED };

/* An action from its first hold or intent to its outcome. Strings are in its arena. */
struct story_action {
    struct story_action *next; /* of the same session */
    struct story_action *previous;
    struct arena arena;
    struct str id; /* the map's key */
    bool has_intent;
    struct str bundle;       /* of the intent */
    struct str reveal;       /* of the intent: raw arrays; empty for none */
    struct str reveal_request;
    enum story_hold hold;    /* the last one */
    uint32_t hold_count;
    struct str digest;       /* of the holds */
    struct str view_digest; /* of its newest hold */
    uint64_t held_at;        /* entry */
    const struct story_people *people; /* that the hold names */
    const struct str *remedies;
    size_t remedy_count;
    struct story_vote votes[STORY_VOTES_MAX];
    size_t vote_count;
    struct str proven[STORY_PROVEN_MAX];
    size_t proven_count;
    struct str approvers[STORY_PROVEN_MAX]; /* of the holds that were approved, each once */
    size_t approver_count;
};

struct story_session {
    uint64_t id; /* the map's key */
    bool is_node;
    bool is_refused;
    struct str principal; /* these in `text` */
    struct str principal_type;
    struct str on_behalf_of;
    struct str upstream;
    uint64_t intents;
    uint64_t denials;
    uint64_t highest; /* number of an intent */
    uint64_t beats;
    struct story_action *actions;
    char text[];
};

struct story {
    story_finding_function *report;
    void *context;
    struct map sessions;
    struct map actions;
    struct story_world *world;
    struct arena scratch; /* of one entry */
    struct event_form form;
    bool is_lenient;
    bool is_closing; /* what a run left open is being closed by the next one */
    bool is_out_of_memory;
    const struct ledger_entry *entry; /* the one that is looked at */
};

/* About the entry that is looked at; nothing where entries are missing. */
void story_bad(struct story *story, const char *format, ...) PRINTF_LIKE(2, 3);
void story_warn(struct story *story, const char *format, ...) PRINTF_LIKE(2, 3);

struct story_action *story_find_action(const struct story *story, struct str id);
/* NULL: out of memory, and noted. */
struct story_action *story_add_action(struct story *story, struct story_session *session, struct str id);
void story_drop_action(struct story *story, struct story_session *session, struct story_action *action);

void story_note_hold(struct story *story, struct story_session *session);
void story_note_vote(struct story *story, struct story_session *session);
void story_note_hold_ended(struct story *story, struct story_session *session);
/* The intent of an action that was held, or (NULL) was not. */
void story_check_approval(struct story *story, const struct story_action *action);

#endif
