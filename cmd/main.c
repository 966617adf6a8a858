/* sworn: the inline compliance gateway. One binary, its verbs. */
#include "cmd/command.h"
#include "cmd/output.h"

static int command_version(int argc, char **argv) {
    (void)argc;
    (void)argv;
    puts("sworn 0.1.0");
    return COMMAND_OK;
}

static const struct command_verb verbs[] = {
    {"gateway", command_gateway, "run the gateway"},
    {"check", command_check, "check a configuration and its policies"},
    {"token", command_token, "create, list and revoke tokens"},
    {"pending", command_pending, "list the actions that wait for approval"},
    {"approve", command_approve, "approve an action that waits"},
    {"deny", command_deny, "deny an action that waits"},
    {"status", command_status, "ask a running gateway how it is"},
    {"audit", command_audit, "verify the evidence, list and show what it holds"},
    {"policy", command_policy, "format, test, explain and translate policies"},
    {"detect", command_detect, "find personal data and secrets in text"},
    {"keeper", command_keeper, NULL}, /* the ledger process, started by the gateway */
    {"--version", command_version, NULL},
    {"version", command_version, NULL},
};

int main(int argc, char **argv) {
    output_make_safe();
    return command_dispatch("", verbs, LENGTH_OF(verbs), argc - 1, argv + 1);
}
