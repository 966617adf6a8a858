/* The mark outside of the log. */
#include "keeper/high_water.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keeper/stage.h"
#include "ledger/file.h"
#include "ledger/proof.h"

int high_water_open(struct keeper_core *core, const char *file, struct error *error) {
    char folder[KEEPER_PATH_BYTES];
    char name[KEEPER_PATH_BYTES];
    core->high_water_fd = -1;
    if (file == NULL || file[0] == '\0') return 0;
    if (strlen(file) >= sizeof(folder) - sizeof(".new")) return error_set(error, ERROR_INVALID, "%s is too long", file);
    snprintf(folder, sizeof(folder), "%s", file);
    snprintf(name, sizeof(name), "%s", file);
    snprintf(core->high_water_name, sizeof(core->high_water_name), "%s", basename(name));
    core->high_water_fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (core->high_water_fd >= 0) return 0;
    return error_set_errno(error, "ledger.high_water %s: its folder cannot be opened", file);
}

void high_water_close(struct keeper_core *core) {
    if (core->high_water_fd >= 0) close(core->high_water_fd);
    core->high_water_fd = -1;
}

static int compare(struct keeper_core *core, const struct keeper_state *state, const struct checkpoint *mark,
                   struct error *error) {
    struct merkle_proof proof;
    if (mark->size > state->size) {
        return error_set(error, ERROR_INVALID, "the high-water mark has seen %llu entries, and the log has %llu: evidence "
                         "and state were put back to an older day, and entries are lost. Restore newer ones",
                         (unsigned long long)mark->size, (unsigned long long)state->size);
    }
    bool is_same = mark->size < state->size || sha256_equal(&mark->root, &state->root);
    if (mark->size > 0 && mark->size < state->size) {
        if (proof_of_consistency(core->evidence_fd, mark->size, state->size, &proof, error) != 0) return -1;
        is_same = proof_check_consistency(&proof, mark->size, state->size, &mark->root, &state->root) == 0;
    }
    if (is_same) return 0;
    return error_set(error, ERROR_INVALID, "the log does not hold what the high-water mark has seen at %llu entries: it was "
                     "forked. Restore the evidence folder and its state", (unsigned long long)mark->size);
}

int high_water_check(struct keeper_core *core, const struct keeper_state *state, struct error *error) {
    struct buffer note;
    struct checkpoint mark;
    struct error problem = {0};
    if (core->high_water_fd < 0) return 0;
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    int result = file_read(core->high_water_fd, core->high_water_name, &note, &problem);
    if (result != 0 && problem.code == ERROR_NOT_FOUND) {
        result = state->size == 0
                     ? 0
                     : error_set(error, ERROR_INVALID, "the high-water mark %s is missing, and the log has %llu entries: if "
                                 "this log is the newest, copy its checkpoint there", core->high_water_name,
                                 (unsigned long long)state->size);
    } else if (result != 0 ||
               checkpoint_verify(buffer_view(&note), checkpoint_signer_vkey(core->signer), &mark, &problem) != 0) {
        result = error_set(error, ERROR_INVALID, "the high-water mark: %s", problem.text);
    } else {
        result = compare(core, state, &mark, error);
    }
    buffer_free(&note);
    return result;
}

int high_water_write(struct keeper_core *core, struct str checkpoint) {
    char temporary[sizeof(core->high_water_name) + sizeof(".new")];
    if (core->high_water_fd < 0) return 0;
    snprintf(temporary, sizeof(temporary), "%s.new", core->high_water_name);
    return stage_replace(core, core->high_water_fd, temporary, core->high_water_name, checkpoint, "high-water-rename");
}
