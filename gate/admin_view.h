/* What a reader on the administration socket is shown of held actions: masked as policy has it for that reader, whole for
 * nobody who has not said who they are. */
#ifndef SWORN_GATE_ADMIN_VIEW_H
#define SWORN_GATE_ADMIN_VIEW_H

#include "gate/gateway.h"
#include "guard/approval.h"
#include "guard/mask_plan.h"

struct admin_reader {
    struct gate_worker *worker;
    const struct snapshot *snapshot;
    const struct principal *principal; /* NULL: nobody who is known, to whom nothing is revealed */
    struct arena *arena;
};

/* What the reader may see of what comes from an upstream. NULL on doubt. */
const struct mask_plan *admin_reader_plan(const struct admin_reader *reader, struct str upstream_id,
                                          struct error *error) MUST_USE;
/* The text as the reader may see it, in the arena; field: a name that speaks for it, such as its column's. */
struct str admin_reader_text(const struct admin_reader *reader, const struct mask_plan *plan, struct str field,
                             struct str text);
/* Members "id" (what an approval has to name), "masked" (whether the reader is not shown all) and "view". */
int admin_write_view(const struct admin_reader *reader, const struct approval_view *view, struct json_writer *writer,
                     struct error *error) MUST_USE;

#endif
