/* The node's own session in the evidence: its start, the bundles it puts in force, its heartbeats, its stop. */
#ifndef SWORN_GATE_NODE_H
#define SWORN_GATE_NODE_H

#include "gate/gateway.h"

/* P. A fiber's main on worker 0, argument: struct gate_worker. Records the start and the first bundle, sets
 * gateway->is_serving, beats until it is cancelled and every session has ended, records the stop. */
void node_main(void *argument);
/* From any thread: puts a loaded snapshot in force once it is recorded. Takes over the hold. */
void node_activate(struct gateway *gateway, struct snapshot *snapshot);

#endif
