/* The administration socket: one JSON object a line in, one out, over a Unix socket that only sworn's own user opens.
 *
 *     {"verb":"pending"}                                    -> {"ok":true,"pending":[{...}]}
 *     {"verb":"view","id":"..."}                   -> {"ok":true,"shown":{"id":"9f86...","masked":false,"view":{...}}}
 *     {"verb":"approve","id":"...","view":"9f86...","token":"swt_...","reason":"..."}
 *                                                           -> {"ok":true,"vote":{"ended":true}}
 *                                                  or {"ok":true,"vote":{"ended":false,"given":1,"needed":2}}
 *     {"verb":"deny","id":"...","token":"swt_...","reason":"..."} -> {"ok":true,"vote":{"ended":true}}
 *     {"verb":"status"}                                                 -> {"ok":true,"sessions":N,...}
 *     anything that fails                                               -> {"ok":false,"code":"...","error":"..."}
 *
 * Whoever decides proves who they are by their token, and approves by the id of the view that they were shown. The socket
 * alone only lets one look, and then everything that is recognised is masked; with a token (in "pending" and "view", too)
 * it is what policy reveals to its principal. */
#ifndef SWORN_GATE_ADMIN_H
#define SWORN_GATE_ADMIN_H

#include "gate/gateway.h"

#define ADMIN_LINE_MAX_BYTES ((size_t)64 << 10)
#define ADMIN_TIMEOUT_NS (30 * NANOSECONDS_PER_SECOND)

/* A fiber's main: accepts on gateway->admin until cancelled. argument: struct gate_worker. */
void admin_main(void *argument);

#endif
