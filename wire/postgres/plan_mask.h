/* The plan that EXPLAIN prints: one text, whose lines the server sends as rows (PostgreSQL 15 documentation, EXPLAIN).
 *
 * A value of several lines in it, such as a private key that the statement compares with, is cut by the rows. So the
 * lines are gathered, masked as the one text that they are, and sent as rows again. Nothing here parks. */
#ifndef SWORN_WIRE_POSTGRES_PLAN_MASK_H
#define SWORN_WIRE_POSTGRES_PLAN_MASK_H

#include "base/error.h"
#include "model/mask.h"

struct outcome;

/* Appends the line in the body of a DataRow. -1: it has not one value, or the text is too long. */
int plan_mask_add(struct buffer *text, struct str body, struct error *error) MUST_USE;
/* Appends the masked text as DataRows, counts it, and clears it. */
int plan_mask_finish(struct buffer *text, const struct mask_plan *plan, struct buffer *out, struct outcome *outcome,
                     struct error *error) MUST_USE;
/* A part of a plan cannot be judged: one line says so in its place. */
void plan_mask_withhold(struct buffer *text, struct buffer *out, struct outcome *outcome);

#endif
