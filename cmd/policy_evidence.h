/* What `sworn policy replay` and `sworn policy diff` share: the evidence, the key to sealed texts, how verdicts read. */
#ifndef SWORN_CMD_POLICY_EVIDENCE_H
#define SWORN_CMD_POLICY_EVIDENCE_H

#include "base/json.h"
#include "cmd/command.h"
#include "guard/replay.h"

struct policy_place {
    struct config *config; /* NULL: an evidence folder alone */
    const char *evidence;
    struct secret key; /* empty when there is none to be read */
};

/* evidence == NULL: the configuration's. An exit status; failures are said. */
int policy_place_open(struct policy_place *place, const char *evidence, const char *config);
void policy_place_close(struct policy_place *place);
/* Options of a run over the place, without sides. */
struct replay_options policy_place_options(const struct policy_place *place);

/* "allow", "deny", "deny (nothing permits it)", "hold (approve:sre:2)". */
void policy_append_verdict(struct buffer *out, const struct verdict *verdict);
void policy_append_names(struct buffer *out, const struct str *names, size_t count); /* "a, b" */
void policy_append_classes(struct buffer *out, class_set classes);                   /* "email, phone", "all", "none" */
void policy_write_names(struct json_writer *writer, struct str key, const struct str *names, size_t count);
void policy_write_classes(struct json_writer *writer, struct str key, class_set classes);

/* For replay_run(): says why an action cannot be decided, POLICY_PROBLEMS_MAX times. The context starts with a counter. */
#define POLICY_PROBLEMS_MAX 20
struct policy_problems {
    uint64_t count;
};
void policy_tell_problem(void *context, struct str action, const char *text);

#endif
