/* sworn audit verify, receipt, reindex; and the place where the evidence lies. */
#include "cmd/audit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "ledger/checkpoint.h"
#include "ledger/file.h"
#include "ledger/seal.h"

int audit_place_open(struct audit_place *place, const char *evidence_option, const char *config_option) {
    struct error error;
    *place = (struct audit_place){.folder = evidence_option};
    if (evidence_option == NULL) {
        place->config = config_load_for_command(command_config_path(config_option), &error);
        if (place->config == NULL) return command_fail_error(COMMAND_USAGE, &error);
        place->folder = place->config->ledger.directory.data;
    }
    struct stat status;
    if (stat(place->folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return command_fail(COMMAND_USAGE, "%s: there is no such folder", place->folder);
    }
    /* The index of a gateway's own log is kept beside it; somebody else's copy is only looked at. */
    if (place->config != NULL) {
        snprintf(place->index_path, sizeof(place->index_path), "%s.index", place->folder);
    }
    return COMMAND_OK;
}

void audit_place_close(struct audit_place *place) {
    config_free(&place->config);
}

int audit_place_index(struct audit_place *place, bool is_fresh, struct audit_index **index, struct error *error) {
    const char *path = place->index_path[0] != '\0' ? place->index_path : NULL;
    struct secret key = {0};
    /* Whoever cannot bind an index makes one for this time only. */
    if (path != NULL && access(place->config->ledger.sealed_key.data, R_OK) != 0) path = NULL;
    if (path != NULL && seal_kek_load(place->config->ledger.sealed_key.data, false, &key, error) != 0) return -1;
    int result = audit_index_open(index, path, place->folder, secret_view(&key), is_fresh, error);
    secret_wipe(&key);
    return result;
}

/* ---- verify ------------------------------------------------------------------------------------------------------- */

int audit_read_vkey(const char *option, char vkey[AUDIT_VKEY_MAX_BYTES]) {
    if (strchr(option, '+') != NULL && access(option, R_OK) != 0) {
        snprintf(vkey, AUDIT_VKEY_MAX_BYTES, "%s", option);
        return 0;
    }
    FILE *file = fopen(option, "r");
    if (file == NULL || fgets(vkey, AUDIT_VKEY_MAX_BYTES, file) == NULL) {
        if (file != NULL) fclose(file);
        return command_fail(COMMAND_USAGE, "--key %s: neither a verifier key (name+hash+key) nor a file with one", option);
    }
    fclose(file);
    vkey[strcspn(vkey, "\r\n")] = '\0';
    return 0;
}

static void print_finding(void *context, const struct ledger_finding *finding) {
    const bool *as_json = context;
    if (!*as_json) {
        printf("%s: %s\n", finding->severity == LEDGER_BAD ? "BAD" : "warning", finding->text);
        return;
    }
    struct buffer line;
    struct json_writer writer;
    buffer_init(&line, 1 << 16);
    json_writer_init(&writer, &line);
    json_begin_object(&writer);
    if (finding->has_index) json_member_integer(&writer, STR("entry"), (int64_t)finding->index);
    json_member_string(&writer, STR("finding"), str_from_cstr(finding->text));
    json_member_string(&writer, STR("severity"), finding->severity == LEDGER_BAD ? STR("bad") : STR("warning"));
    json_end_object(&writer);
    printf("%.*s\n", (int)buffer_length(&line), buffer_view(&line).data);
    buffer_free(&line);
}

static void print_summary(const struct ledger_summary *summary, const char *folder) {
    char first[CLOCK_RFC3339_BYTES];
    char last[CLOCK_RFC3339_BYTES];
    printf("%s: %s, log %s, %" PRIu64 " entries, %" PRIu64 " sessions, %" PRIu64 " actions (%" PRIu64 " denied, %" PRIu64
           " interrupted)",
           folder, summary->bad_count == 0 ? "good" : "BAD", summary->origin, summary->size, summary->sessions,
           summary->intents, summary->denied, summary->interrupted);
    if (summary->size > 0) {
        printf(", %.*s to %.*s", 19, clock_format_rfc3339(summary->first_time_us, first).data, 19,
               clock_format_rfc3339(summary->last_time_us, last).data);
    }
    printf("\n");
}

static void print_texts(const struct audit_sealed *texts, const char *folder) {
    printf("%s: %s, %" PRIu64 " sealed texts, %" PRIu64 " erased, %" PRIu64 " missing or changed\n", folder,
           texts->bad == 0 ? "good" : "BAD", texts->whole, texts->erased, texts->bad);
}

static int audit_verify(int argc, char **argv) {
    const char *key = NULL;
    const char *config = NULL;
    const char *checkpoint = NULL;
    const char *sealed = NULL;
    struct audit_sealed texts = {.whole = 0};
    bool as_json = false;
    const struct command_option options[] = {
        {"--key", "VKEY", "verifier key of the log, or a file that holds it (default: the configuration's)", &key, NULL},
        {"--checkpoint", "FILE", "a checkpoint of this log that was kept: the log must hold it still", &checkpoint, NULL},
        {"--sealed", "DIR", "the folder of sealed texts: each one that the log commits to must be there", &sealed, NULL},
        COMMAND_OPTION_CONFIG(&config), COMMAND_OPTION_JSON(&as_json)};
    const struct command_usage usage = {
        "audit verify", "[DIR]",
        "Checks an evidence folder, or a copy of one, from its files and the verifier key alone. One line for each thing\n"
        "that is wrong. Exit status 0: good, 1: bad, 2: it could not be checked.",
        options, LENGTH_OF(options), 0, 1};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    struct audit_place place = {0};
    const char *folder = count > 0 ? argv[0] : NULL;
    if (folder == NULL || key == NULL) {
        status = audit_place_open(&place, NULL, config);
        if (status != COMMAND_OK) return status;
        if (folder == NULL) folder = place.folder;
        if (key == NULL) key = place.config->ledger.vkey.data;
    }
    char vkey[AUDIT_VKEY_MAX_BYTES];
    struct ledger_summary summary;
    struct error error;
    struct buffer kept;
    buffer_init(&kept, CHECKPOINT_MAX_BYTES + 65536);
    status = audit_read_vkey(key, vkey);
    if (status == 0 && checkpoint != NULL && file_read(AT_FDCWD, checkpoint, &kept, &error) != 0) {
        status = command_fail_error(COMMAND_USAGE, &error);
    }
    if (status == 0 && ledger_verify(folder, str_from_cstr(vkey), buffer_view(&kept), print_finding, &as_json, &summary,
                                     &error) != 0) {
        status = command_fail_error(COMMAND_USAGE, &error);
    } else if (status == 0) {
        if (sealed != NULL && audit_check_sealed(folder, sealed, print_finding, &as_json, &texts, &error) != 0) {
            status = command_fail_error(COMMAND_USAGE, &error);
        } else {
            if (!as_json) print_summary(&summary, folder);
            if (!as_json && sealed != NULL) print_texts(&texts, sealed);
            status = summary.bad_count == 0 && texts.bad == 0 ? COMMAND_OK : COMMAND_NO;
        }
    }
    buffer_free(&kept);
    audit_place_close(&place);
    return status;
}

/* ---- reindex ------------------------------------------------------------------------------------------------------ */

static int audit_reindex(int argc, char **argv) {
    const char *config = NULL;
    const struct command_option options[] = {COMMAND_OPTION_CONFIG(&config)};
    const struct command_usage usage = {
        "audit reindex", "", "Builds the query index anew from the log. It holds nothing that the log does not.", options,
        LENGTH_OF(options), 0, 0};
    int count;
    struct audit_place place;
    struct audit_index *index = NULL;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = audit_place_open(&place, NULL, config);
    if (status != COMMAND_OK) return status;
    if (audit_place_index(&place, true, &index, &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    } else {
        printf("%s: %" PRId64 " entries\n", place.index_path, audit_index_size(index));
    }
    audit_index_close(&index);
    audit_place_close(&place);
    return status;
}

int command_audit(int argc, char **argv) {
    static const struct command_verb verbs[] = {
        {"verify", audit_verify, "check an evidence folder from its files and a key alone"},
        {"list", audit_list, "list actions: who, what, decided how, masked what, approved by whom"},
        {"show", audit_show, "everything the evidence has of one action"},
        {"receipt", audit_receipt, "proof that one action is in the log, for somebody else to check"},
        {"export", audit_export, "copy the evidence while it is written, whole up to a checkpoint"},
        {"reindex", audit_reindex, "build the query index anew"},
    };
    return command_dispatch("audit", verbs, LENGTH_OF(verbs), argc, argv);
}
