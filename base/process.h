/* What a process that holds secrets does about its own memory. */
#ifndef SWORN_BASE_PROCESS_H
#define SWORN_BASE_PROCESS_H

/* No core dumps, and nobody of the same user may look into the memory or /proc of this process. Says in the log what the
 * system did not allow. */
void process_keep_memory(void);

#endif
