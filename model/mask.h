/* How a protocol has values masked without knowing of policy or detection: it hands over a value and what it knows of
 * its place, and gets back what may go on.
 *
 * guard/ makes the plans when an action starts; they live as long as the action. Calls do not park. Towards the upstream a
 * value is replaced by a placeholder that the plan of the answer puts back, where the principal may see it; towards the
 * client it is masked by the operator of its class. */
#ifndef SWORN_MODEL_MASK_H
#define SWORN_MODEL_MASK_H

#include "base/buffer.h"
#include "detect/classes.h"

enum mask_shape {
    MASK_TEXT,
    MASK_JSON,   /* strings inside are masked, everything else keeps its bytes */
    MASK_NAME, /* text that stands by itself, such as an identifier: no part of what is read as one */
    MASK_NUMBER, /* of a numeric type: its shape says nothing, only its name does */
};

enum mask_result {
    MASK_UNCHANGED, /* nothing was appended to out: the value goes on as it is */
    MASK_CHANGED,   /* the value to send was appended to out */
    MASK_DROPPED,   /* the value is to be sent as NULL, or left empty where there is no NULL */
    MASK_FAILED,    /* doubt: refuse */
};

/* What is known of a field before its values: look it up once a column, not once a value. */
struct mask_field {
    uint64_t hint; /* opaque: which classes the name speaks for */
};

/* Joined into a hint: the value is computed from what the names speak for, so that it may hold it in any form. It is
 * masked whole unless all of these classes may be seen. */
#define MASK_FIELD_COMPUTED ((uint64_t)1 << 63)

/* One text that arrives in pieces, such as the deltas of a stream. */
struct mask_lane;
#define MASK_LANE_HELD_MAX 512 /* bytes that a lane holds back at most */

struct mask_plan {
    bool reveals_all; /* no value needs to be looked at, nothing to be put back */
    struct mask_field (*field)(const struct mask_plan *plan, struct str name);
    /* Does the name speak for a class that must not be seen? */
    bool (*hides)(const struct mask_plan *plan, struct mask_field field);
    /* masked and revealed are counted up by class. */
    enum mask_result (*value)(const struct mask_plan *plan, struct mask_field field, enum mask_shape shape,
                              struct str value, struct buffer *out, struct class_counts *masked,
                              struct class_counts *revealed);
    /* What one text of a request shows to be a value may stand in another, without what showed it, or in another form.
     * begin: a walk over all texts of a request begins. settle, behind it: 1, the texts have to be walked again, in the same
     * order, from the start; 0, it is done; -1, doubt. Nothing parks in between. NULL where there is no need. */
    void (*begin)(const struct mask_plan *plan);
    int (*settle)(const struct mask_plan *plan);
    /* May there be something to mask in the document that inspection does not find? NULL: no. */
    bool (*concerns)(const struct mask_plan *plan, struct str document);
    /* NULL when memory is out. A lane must not outlive its plan. */
    struct mask_lane *(*lane_new)(const struct mask_plan *plan, struct mask_field field);
    /* Appends to out what may go on now: everything but what could still become part of a value or a placeholder; with
     * is_last everything that is left. -1: doubt, the stream must not go on. */
    int (*lane_feed)(struct mask_lane *lane, struct str piece, bool is_last, struct buffer *out,
                     struct class_counts *masked, struct class_counts *revealed);
    void (*lane_free)(struct mask_lane **lane);
    /* A text that the client is to carry for us and give back, unread and unchanged: sealed for this principal and
     * upstream, as base64url. unseal: -1 when it is none of ours. */
    int (*seal)(const struct mask_plan *plan, struct str text, struct buffer *out);
    int (*unseal)(const struct mask_plan *plan, struct str sealed, struct buffer *out);
    void *self;
};

/* The two directions of one action. */
struct mask_plans {
    const struct mask_plan *request; /* NULL unless the protocol masks requests */
    const struct mask_plan *answer;
};

#endif
