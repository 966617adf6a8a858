/* What becomes of a text, given the spans found in it: values become placeholders or masks, placeholders become values.
 * Shared by whole values (guard/mask_plan.c) and texts in pieces (guard/mask_lane.c). Nothing here parks. */
#ifndef SWORN_GUARD_MASK_REWRITE_H
#define SWORN_GUARD_MASK_REWRITE_H

#include "detect/mask.h"
#include "guard/text_place.h"
#include "guard/vault.h"

struct mask_rewrite {
    bool is_request;                  /* values become placeholders; otherwise masks, and placeholders values */
    const struct mask_policy *policy; /* the classes that the receiver may see are kept */
    struct vault *vault;              /* NULL: there are no placeholders */
    class_set reveal;      /* the classes that the receiver may see */
    class_set restore;     /* the classes that the principal may see: their placeholders are put back in the answer, and
                              what a request says of them is text of the caller, which is kept apart */
    class_set restore_url; /* also where they stand in a URL */
    struct text_place *place; /* of a text in pieces: where the last one ended. NULL: the text is whole */
    bool is_json;             /* whole texts are values of a JSON document */
    bool is_address;          /* this one is a URL */
    struct class_counts *masked;
    struct class_counts *revealed; /* what was kept, and what was put back */
};

static inline void mask_count_one(struct class_counts *counts, enum data_class class) {
    if (counts->count[class] != UINT32_MAX) counts->count[class]++;
}

/* The classes whose placeholders can be put back now. */
class_set mask_rewrite_restorable(const struct mask_rewrite *job);

/* Appends what becomes of text[from .. end), also when nothing changes; *is_changed says so. The text behind `end` is
 * looked at only to tell where a placeholder ends: none may lie across `end` (mask_rewrite_hold). spans count within
 * text, none of them across from or end. -1: the vault is full, or out is. */
int mask_rewrite_part(const struct mask_rewrite *job, struct str text, size_t from, size_t end, bool is_final,
                      const struct detect_spans *spans, struct buffer *out, bool *is_changed,
                      struct error *error) MUST_USE;
/* `end`, or before it the beginning of what may become a placeholder across it. Where that is `from` itself and the
 * placeholder is whole: its end. */
size_t mask_rewrite_hold(const struct mask_rewrite *job, struct str text, size_t from, size_t end, bool is_final);

#endif
