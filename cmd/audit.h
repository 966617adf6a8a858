/* What the verbs of `sworn audit` share: where the evidence is, and how to find an action in it. */
#ifndef SWORN_CMD_AUDIT_H
#define SWORN_CMD_AUDIT_H

#include "cmd/command.h"
#include "cmd/index.h"
#include "ledger/verify.h"

/* Where the evidence lies: from --evidence, else from the configuration. */
struct audit_place {
    struct config *config; /* NULL with --evidence */
    const char *folder;
    char index_path[4096]; /* beside the folder; empty: in memory */
};

#define AUDIT_OPTION_EVIDENCE(target) {"--evidence", "DIR", "evidence folder (default: the configuration's)", target, NULL}

int audit_place_open(struct audit_place *place, const char *evidence_option, const char *config_option);
void audit_place_close(struct audit_place *place);
int audit_place_index(struct audit_place *place, bool is_fresh, struct audit_index **index, struct error *error) MUST_USE;

#define AUDIT_VKEY_MAX_BYTES 1024
/* The value of --key: a verifier key in signed-note form, or a file that holds one. An exit status; failures are said. */
int audit_read_vkey(const char *option, char vkey[AUDIT_VKEY_MAX_BYTES]);

/* What is sealed of what the log commits to. -1: it could not be checked. */
struct audit_sealed {
    uint64_t whole;
    uint64_t erased;
    uint64_t bad; /* missing or changed */
};
int audit_check_sealed(const char *folder, const char *sealed, ledger_finding_function *report, void *context,
                       struct audit_sealed *found, struct error *error) MUST_USE;

int audit_export(int argc, char **argv);
int audit_list(int argc, char **argv);
int audit_show(int argc, char **argv);
int audit_receipt(int argc, char **argv);

#endif
