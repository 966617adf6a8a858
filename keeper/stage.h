/* Files on their way into the published tree: written in full under .new/, made durable together, renamed into place.
 *
 * Doing up to STAGED_MAX at once lets their write-back overlap: one journal commit serves them all. */
#ifndef SWORN_KEEPER_STAGE_H
#define SWORN_KEEPER_STAGE_H

#include "keeper/publisher.h"

int stage_prepare(struct keeper_core *core, struct error *error) MUST_USE; /* makes .new/ */
void stage_clean(struct keeper_core *core);
/* Adds a file; flushes first when there is no more room. -1: gave up. */
int stage_add(struct publisher *publisher, const char *path, struct str data) MUST_USE;
int stage_flush(struct publisher *publisher) MUST_USE;
/* One small file, durably: the state file or the checkpoint. `step` names it for the fault tests. */
int stage_replace(struct keeper_core *core, int folder_fd, const char *temporary, const char *path, struct str data,
                  const char *step) MUST_USE;

#endif
