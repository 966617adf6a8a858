/* What the keeper does before it serves: find the end of the log, publish it, close what the last run left open. */
#ifndef SWORN_KEEPER_RECOVER_H
#define SWORN_KEEPER_RECOVER_H

#include "keeper/publisher.h"
#include "keeper/writer.h"

/* Reads state and write-ahead log, cuts a torn tail, refuses when less is there than was signed. Afterwards the
 * publisher and the writer stand at the end of the log and everything in it is published. */
int recover_log(struct keeper_core *core, struct publisher *publisher, struct writer *writer, struct error *error)
    MUST_USE;
/* Writes outcomes with status "interrupted" for open intents and ends for open sessions, and publishes them. */
int recover_open_ends(struct keeper_core *core, struct publisher *publisher, struct writer *writer,
                      struct error *error) MUST_USE;

#endif
