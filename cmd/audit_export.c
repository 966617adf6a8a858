/* sworn audit export: a consistent copy of a log that goes on. */
#include <inttypes.h>

#include "cmd/audit.h"
#include "ledger/export.h"

int audit_export(int argc, char **argv) {
    const char *key = NULL;
    const char *config = NULL;
    const char *evidence = NULL;
    const struct command_option options[] = {
        AUDIT_OPTION_EVIDENCE(&evidence), COMMAND_OPTION_CONFIG(&config),
        {"--key", "VKEY", "verifier key of the log, or a file that holds it (default: the configuration's)", &key, NULL}};
    const struct command_usage usage = {
        "audit export", "DIR",
        "Copies the evidence into a new folder: what the newest checkpoint covers, also while the gateway writes.\n"
        "Check the copy with `sworn audit verify`.", options, LENGTH_OF(options), 1, 1};
    int count;
    char vkey[AUDIT_VKEY_MAX_BYTES];
    struct audit_place place;
    struct error error;
    uint64_t size = 0;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (evidence != NULL && key == NULL) return command_fail(COMMAND_USAGE, "--evidence needs --key");
    status = audit_place_open(&place, evidence, config);
    if (status != COMMAND_OK) return status;
    status = audit_read_vkey(key != NULL ? key : place.config->ledger.vkey.data, vkey);
    if (status == 0 && ledger_export(place.folder, str_from_cstr(vkey), argv[0], &size, &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    } else if (status == 0) {
        printf("%s: %" PRIu64 " entries\n", argv[0], size);
    }
    audit_place_close(&place);
    return status;
}
