/* A held action on a terminal: everything that is approved with it, so that no text can pass for another part of it. */
#ifndef SWORN_CMD_APPROVAL_VIEW_H
#define SWORN_CMD_APPROVAL_VIEW_H

#include <jansson.h>
#include <stdio.h>

/* shown: {"id", "masked", "view"} as gate/admin.h answers. */
void approval_print_view(const json_t *shown, FILE *out);

#endif
