/* struct mask_worker: the working memory of one worker thread for looking into values, and what is done with it: scan,
 * mask what may not be seen, count. The detector's side of guard/mask_plan.h. Nothing here parks; one thread only. */
#ifndef SWORN_GUARD_MASK_WORKER_H
#define SWORN_GUARD_MASK_WORKER_H

#include "base/arena.h"
#include "detect/detect.h"

struct mask_policy; /* detect/mask.h */
struct mask_rewriter;
struct mask_worker;
struct known; /* guard/known.h */

/* detector is borrowed. NULL on error. */
struct mask_worker *mask_worker_new(const struct detector *detector, struct error *error) MUST_USE;
void mask_worker_free(struct mask_worker **worker);

/* What a value is masked by, and where it is counted. */
struct mask_job {
    const struct mask_policy *policy; /* from mask_worker_policy(): revealed classes are kept */
    class_set reveal;
    struct class_counts *masked;
    struct class_counts *revealed;
};

enum masked_as {
    MASKED_NOT,     /* nothing was appended */
    MASKED_CHANGED, /* what is to be sent was appended */
    MASKED_NULL,    /* the whole value goes */
};

/* The operators, with those of the revealed classes set to keep; in the arena, NULL when it is full. */
const struct mask_policy *mask_worker_policy(struct arena *arena, const struct mask_policy *operators, class_set reveal)
    MUST_USE;
/* NULL when memory is out. */
struct known *mask_worker_known(struct mask_worker *worker) MUST_USE;
struct detect_hint mask_worker_hint(const struct mask_worker *worker, struct str name);
/* -1 on doubt; what stands in out is to be thrown away then. */
int mask_worker_text(struct mask_worker *worker, const struct mask_job *job, struct detect_hint hint, struct str value,
                     struct buffer *out, enum masked_as *masked, struct error *error) MUST_USE;
int mask_worker_json(struct mask_worker *worker, const struct mask_job *job, struct detect_hint hint, struct str value,
                     struct buffer *out, enum masked_as *masked, struct error *error) MUST_USE;
/* As the two above, with what is found given to a rewriter. */
int mask_worker_rewrite_text(struct mask_worker *worker, const struct mask_rewriter *rewriter, struct detect_hint hint,
                             struct str value, struct buffer *out, enum masked_as *masked, struct error *error) MUST_USE;
int mask_worker_rewrite_json(struct mask_worker *worker, const struct mask_rewriter *rewriter, struct detect_hint hint,
                             struct str value, struct buffer *out, enum masked_as *masked, struct error *error) MUST_USE;
/* One segment of a text in pieces: the spans are good until the next call. NULL on doubt. */
const struct detect_spans *mask_worker_segment(struct mask_worker *worker, struct str text, size_t from, size_t end,
                                               uint32_t context) MUST_USE;
int mask_worker_count_text(struct mask_worker *worker, struct detect_hint hint, struct str value,
                           struct class_counts *counts, struct error *error) MUST_USE;
int mask_worker_count_json(struct mask_worker *worker, struct detect_hint hint, struct str value,
                           struct class_counts *counts, struct error *error) MUST_USE;

#endif
