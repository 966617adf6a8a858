/* Errors and notices that quote what a statement computes.
 *
 * "invalid input syntax for type integer: "Maria Keller;Jonas Weber"" holds a column whose name alone tells what it is.
 * So where a statement names a column of a class that must not be seen, the texts of its messages that may quote values
 * are replaced. What says which statement went wrong and how (SQLSTATE, position, names of constraints) stays. */
#ifndef SWORN_WIRE_POSTGRES_ERROR_WITHHOLD_H
#define SWORN_WIRE_POSTGRES_ERROR_WITHHOLD_H

#include "model/mask.h"
#include "wire/postgres/message.h"
#include "wire/postgres/sql.h"
#include "wire/wire.h"

/* Does one of the statements name a column, or a whole row, of which something must not be seen? */
bool error_is_telling(const struct mask_plan *plan, const struct wire_upstream *target,
                      const struct sql_analysis *analysis, const struct sql_session *session);
/* May the message (N or E) quote a value? */
bool error_may_quote(const struct message *message);
/* Appends the message with its texts replaced. */
void error_append_without_values(struct buffer *out, const struct message *message);

#endif
