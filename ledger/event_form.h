/* What an event may hold: the table ledger/event_members.def, and an event read by it.
 *
 * A type that the table does not know, a member that its type does not have, one of another kind, or a missing one makes the
 * event malformed: a log that says what its reader does not understand is not understood. Values are borrowed from the
 * event's text or live in the caller's arena. */
#ifndef SWORN_LEDGER_EVENT_FORM_H
#define SWORN_LEDGER_EVENT_FORM_H

#include "base/arena.h"
#include "base/json_read.h"
#include "ledger/event.h"

enum event_kind {
    EVENT_KIND_ACTION,             /* an action's id */
    EVENT_KIND_COMMITMENT,         /* to a sealed text */
    EVENT_KIND_COUNTS,             /* {"name":N,...} */
    EVENT_KIND_FLAG,               /* true; absent for false */
    EVENT_KIND_HASH,               /* 64 hex digits */
    EVENT_KIND_NAMES,              /* an array of strings */
    EVENT_KIND_NATURAL,            /* 0 or more */
    EVENT_KIND_OBJECT,             /* of members that belong to whoever wrote it */
    EVENT_KIND_OBJECTS,            /* an array of such */
    EVENT_KIND_STEPS,              /* of an action */
    EVENT_KIND_TEXT,               /* any string */
    EVENT_KIND_TEXT_OR_COMMITMENT,
    EVENT_KIND_TIME,               /* as an entry's */
    EVENT_KIND_WORD,               /* one of some words */
};

enum event_type {
#define EVENT_TYPE(type, place) EVENT_TYPE_##type,
#define EVENT_MEMBER(type, member, kind, when, words)
#include "ledger/event_members.def"
#undef EVENT_TYPE
#undef EVENT_MEMBER
    EVENT_TYPE_COUNT
};

enum event_member {
#define EVENT_TYPE(type, place)
#define EVENT_MEMBER(type, member, kind, when, words) EVENT_MEMBER_##type##_##member,
#include "ledger/event_members.def"
#undef EVENT_TYPE
#undef EVENT_MEMBER
    EVENT_MEMBER_COUNT
};

struct event_value {
    bool is_set;
    struct str raw;          /* the value's JSON */
    struct str text;         /* of a string: without escapes */
    uint64_t natural;
    const struct str *names; /* of NAMES; of COUNTS: without the numbers; of OBJECTS and STEPS: each one's JSON */
    size_t name_count;
};

struct event_form {
    enum event_type type;
    bool is_node;        /* belongs into a node's session */
    bool is_interrupted; /* says only that it was */
    struct event_value values[EVENT_MEMBER_COUNT]; /* those of other types are not to be looked at */
};

/* -1: it is not as the table has it; the error says what. Large: keep the form off small stacks. */
int event_form_read(struct event_form *form, struct str event, struct str type, struct arena *arena, struct error *error)
    MUST_USE;

/* Of the table, for tests and documents: NULL past the end. */
const char *event_form_type_name(size_t type);
const char *event_form_member_name(size_t member, enum event_type *type);

#endif
