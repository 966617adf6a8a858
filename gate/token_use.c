/* One write a token and day, on a helper thread. */
#include "gate/token_use.h"

#include <stdlib.h>

#include "base/log.h"
#include "run/offload.h"

#define MICROSECONDS_PER_DAY (86400ll * 1000000)

struct note {
    struct offload_job job;
    struct store *store;
    int64_t token_id;
    int64_t now_us;
};

static void write_note(void *argument) {
    struct note *note = argument;
    struct error error;
    if (store_token_touch(note->store, note->token_id, note->now_us, &error) == 0) return;
    log_warning("the use of token %lld cannot be noted: %s", (long long)note->token_id, error.text);
}

void token_use_note(struct store *store, const struct token_info *token, int64_t now_us) {
    if (token->used_day >= now_us / MICROSECONDS_PER_DAY) return;
    struct note *note = malloc(sizeof(*note));
    if (note == NULL) return;
    *note = (struct note){
        .job = {.run = write_note, .done = free, .argument = note},
        .store = store, .token_id = token->id, .now_us = now_us,
    };
    if (offload_submit(OFFLOAD_STATE_WRITE, &note->job, NULL) != 0) free(note);
}
