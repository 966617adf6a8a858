/* On which day a token was last used: written beside the login, which does not wait for it. */
#ifndef SWORN_GATE_TOKEN_USE_H
#define SWORN_GATE_TOKEN_USE_H

#include "guard/store.h"

/* Returns at once. The store outlives the runtime. A note that cannot be written is lost, and the next login makes one. */
void token_use_note(struct store *store, const struct token_info *token, int64_t now_us);

#endif
