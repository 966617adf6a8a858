/* The mask plan of one action: the detector, the operators of the config and the classes that policy reveals, behind
 * the vtable of model/mask.h that protocols use.
 *
 * A mask_worker (one a worker thread) is shared by all plans of that thread. A plan lives in its action's arena and
 * must not outlive worker, detector or operators. Nothing here parks. */
#ifndef SWORN_GUARD_MASK_PLAN_H
#define SWORN_GUARD_MASK_PLAN_H

#include "guard/mask_box.h"
#include "guard/mask_worker.h"
#include "guard/vault.h"
#include "model/mask.h"

/* What policy reveals goes on in clear and is counted in `revealed`; every other value found is masked by its operator
 * and counted in `masked`. operators is borrowed and must outlive the plan (its key is used). With every class revealed
 * the plan says reveals_all. NULL when the arena is full. */
const struct mask_plan *mask_plan_new(struct arena *arena, struct mask_worker *worker,
                                      const struct mask_policy *operators, class_set reveal) MUST_USE;

/* Both directions of an action of a protocol that masks requests. Everything is borrowed and must outlive the plans: the
 * vault is best made in the same arena. */
struct mask_plans_options {
    struct mask_worker *worker;
    const struct mask_policy *operators; /* of what is masked in answers; a class with `keep` is kept in requests too */
    class_set reveal_principal;          /* what the answer shows in clear, and whose placeholders it puts back */
    class_set reveal_request;            /* what the upstream may see in clear */
    class_set reveal_url;                /* what a URL in the answer may hold in clear */
    struct vault *vault;                 /* NULL: plans->request is NULL, the answer is that of mask_plan_new */
    const struct mask_box_key *key;      /* of seal and unseal; NULL: they fail */
    struct str principal;                /* a sealed text opens for the same principal and upstream only */
    struct str upstream;
};

/* The request plan fills the vault, the answer plan reads it: mask the request whole before the first answer. An answer
 * plan puts back what the vault holds at each call. NULL when the arena is full. */
const struct mask_plans *mask_plans_new(struct arena *arena, const struct mask_plans_options *options) MUST_USE;

/* Requests are inspected, never changed: adds what the value holds to counts. -1 on doubt: refuse the action. A text
 * that is not JSON is inspected as text whatever its shape. */
int mask_inspect(struct mask_worker *worker, struct mask_field field, enum mask_shape shape, struct str value,
                 struct class_counts *counts, struct error *error) MUST_USE;
/* The field of a name, where there is no plan yet. */
struct mask_field mask_field_of_name(const struct mask_worker *worker, struct str name);

#endif
