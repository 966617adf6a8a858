/* What the files of the mask plan share: the plan behind the vtable. */
#ifndef SWORN_GUARD_MASK_PLAN_INTERNAL_H
#define SWORN_GUARD_MASK_PLAN_INTERNAL_H

#include "guard/mask_box.h"
#include "guard/mask_plan.h"
#include "guard/mask_rewrite.h"

struct plan {
    struct mask_plan vtable;
    struct mask_worker *worker;
    const struct mask_policy *policy; /* what the receiver may see is kept */
    class_set reveal;                 /* to the receiver */
    class_set restore;                /* to the principal */
    class_set restore_url;
    bool is_request;
    struct vault *vault;            /* NULL: none */
    const struct mask_box_key *key; /* NULL: nothing is sealed */
    struct mask_box_owner owner;
    enum { PLAN_ONCE, PLAN_FIRST_WALK, PLAN_SECOND_WALK } walk; /* over a request */
};

/* place: of a text in pieces, NULL for a whole one. */
struct mask_rewrite plan_rewrite(const struct plan *plan, struct text_place *place, struct class_counts *masked,
                                 struct class_counts *revealed);
struct detect_hint plan_hint(const struct plan *plan, struct mask_field field, struct str value);

/* guard/mask_lane.c */
struct mask_lane *mask_lane_new(const struct mask_plan *vtable, struct mask_field field);
int mask_lane_feed(struct mask_lane *lane, struct str piece, bool is_last, struct buffer *out,
                   struct class_counts *masked, struct class_counts *revealed);
void mask_lane_free(struct mask_lane **lane);
/* Bytes that are held back now, for tests. */
size_t mask_lane_held(const struct mask_lane *lane);

#endif
