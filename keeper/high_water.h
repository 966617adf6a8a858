/* The high-water mark: the newest checkpoint of the log, kept once more on another path.
 *
 * State and evidence can be put back together to an older day, and fit each other. The mark is what is not put back with
 * them: it lies on another file system, or where another backup takes it. Its file holds the signed checkpoint, word for
 * word, and is written behind each of them. A start that finds more in it than the log has, or another tree, is refused. */
#ifndef SWORN_KEEPER_HIGH_WATER_H
#define SWORN_KEEPER_HIGH_WATER_H

#include "keeper/publisher.h"

/* Opens the folder of the file; no file configured: nothing to do. */
int high_water_open(struct keeper_core *core, const char *file, struct error *error) MUST_USE;
void high_water_close(struct keeper_core *core);
/* Against the log as it is published: at a start, before anything is added to it. */
int high_water_check(struct keeper_core *core, const struct keeper_state *state, struct error *error) MUST_USE;
/* -1: gave up. */
int high_water_write(struct keeper_core *core, struct str checkpoint) MUST_USE;

#endif
