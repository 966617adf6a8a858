/* sworn audit receipt: the proof that one action is in the log, made and checked. */
#include <stdlib.h>

#include "cmd/audit.h"
#include "cmd/output.h"
#include "ledger/receipt.h"

/* The entry that says how the action was decided: its intent, else the first that names it. -1: there is none. */
static int64_t find_entry(struct audit_index *index, const char *action) {
    sqlite3_stmt *statement;
    int64_t number = -1;
    sqlite3_prepare_v2(audit_index_database(index),
                       "SELECT number FROM entries WHERE action = ? ORDER BY type <> 'intent', number LIMIT 1", -1,
                       &statement, NULL);
    sqlite3_bind_text(statement, 1, action, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW) number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static int make(const struct audit_place *place, struct audit_index *index, const char *action, struct error *error) {
    int64_t number = find_entry(index, action);
    if (number < 0) {
        return error_set(error, ERROR_NOT_FOUND, "no action \"%s\" in %s: see `sworn audit list`", action, place->folder);
    }
    struct buffer out;
    buffer_init(&out, RECEIPT_MAX_BYTES);
    int result = receipt_make(place->folder, STR_NONE, (uint64_t)number, &out, error);
    if (result == 0) output_be_exact();
    if (result == 0) printf("%.*s\n", (int)buffer_length(&out), buffer_view(&out).data);
    buffer_free(&out);
    return result;
}

static int check(const char *path, const char *key) {
    char vkey[AUDIT_VKEY_MAX_BYTES];
    struct buffer receipt;
    struct buffer scratch;
    struct ledger_entry entry;
    struct error error;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL) return command_fail(COMMAND_USAGE, "%s: cannot be read", path);
    int status = audit_read_vkey(key, vkey);
    buffer_init(&receipt, RECEIPT_MAX_BYTES);
    buffer_init(&scratch, 2 * RECEIPT_MAX_BYTES);
    char *room = buffer_reserve(&receipt, RECEIPT_MAX_BYTES - 1);
    if (room != NULL) buffer_commit(&receipt, fread(room, 1, RECEIPT_MAX_BYTES - 1, file));
    if (file != stdin) fclose(file);
    if (status == COMMAND_OK) {
        if (receipt_verify(str_trim(buffer_view(&receipt)), str_from_cstr(vkey), &scratch, &entry, &error) != 0) {
            status = command_fail_error(COMMAND_NO, &error);
        } else {
            printf("good: entry %llu of %.*s\n%.*s\n", (unsigned long long)entry.index, STR_ARGS(str_from_cstr(vkey)),
                   (int)entry.text.length, entry.text.data);
        }
    }
    buffer_free(&receipt);
    buffer_free(&scratch);
    return status;
}

int audit_receipt(int argc, char **argv) {
    const char *config = NULL;
    const char *evidence = NULL;
    const char *file = NULL;
    const char *key = NULL;
    const struct command_option options[] = {
        {"--check", "FILE", "check a receipt (- for stdin) instead of making one; needs --key", &file, NULL},
        {"--key", "VKEY", "verifier key of the log, or a file that holds it", &key, NULL},
        AUDIT_OPTION_EVIDENCE(&evidence), COMMAND_OPTION_CONFIG(&config)};
    const struct command_usage usage = {
        "audit receipt", "[ACTION]",
        "Prints the receipt of an action: its entry, the proof that it is in the log, and the signed checkpoint. Whoever\n"
        "has the verifier key checks it, with --check or with a program of their own; nothing else is needed.",
        options, LENGTH_OF(options), 0, 1};
    int count;
    struct audit_place place;
    struct audit_index *index = NULL;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (file != NULL && key == NULL) return command_fail(COMMAND_USAGE, "--check needs --key");
    if (file != NULL) return check(file, key);
    if (count == 0) return command_fail(COMMAND_USAGE, "which action? `sworn audit list` lists them");
    status = audit_place_open(&place, evidence, config);
    if (status != COMMAND_OK) return status;
    if (audit_place_index(&place, false, &index, &error) != 0 || make(&place, index, argv[0], &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    }
    audit_index_close(&index);
    audit_place_close(&place);
    return status;
}
