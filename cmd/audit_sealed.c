/* sworn audit verify --sealed: the texts that the log commits to, one by one, without their keys. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "cmd/audit.h"
#include "ledger/reader.h"
#include "ledger/seal.h"

/* The commitment of an event, if it has one: a text or a reason. */
static bool find_commitment(const struct ledger_entry *entry, struct seal_commitment *commitment) {
    static const char *const names[] = {"text", "reason"};
    json_t *event = json_loadb(entry->event.data, entry->event.length, 0, NULL);
    bool is_found = false;
    for (size_t i = 0; i < LENGTH_OF(names) && !is_found; i++) {
        const json_t *value = json_object_get(event, names[i]);
        char *json = json_is_object(value) ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        is_found = json != NULL && seal_commitment_parse(str_from_cstr(json), commitment, NULL) == 0;
        free(json);
    }
    json_decref(event);
    return is_found;
}

int audit_check_sealed(const char *folder, const char *sealed, ledger_finding_function *report, void *context,
                       struct audit_sealed *found, struct error *error) {
    static const char *const words[] = {[SEAL_ERASED] = "was erased", [SEAL_MISSING] = "is missing",
                                        [SEAL_CHANGED] = "is not the one that was recorded"};
    struct ledger_reader *reader = NULL;
    struct ledger_entry entry;
    struct seal_commitment commitment;
    int got = 0;
    *found = (struct audit_sealed){.whole = 0};
    if (ledger_reader_open(&reader, folder, STR_NONE, error) != 0) return -1;
    while ((got = ledger_reader_next(reader, &entry, error)) == 1) {
        if (!find_commitment(&entry, &commitment)) continue;
        enum seal_state state = seal_look(sealed, &commitment);
        if (state == SEAL_WHOLE) {
            found->whole++;
            continue;
        }
        char text[256];
        snprintf(text, sizeof(text), "entry %" PRIu64 ": its sealed text %s", entry.index, words[state]);
        bool is_bad = state != SEAL_ERASED;
        found->bad += is_bad;
        found->erased += !is_bad;
        struct ledger_finding finding = {is_bad ? LEDGER_BAD : LEDGER_WARNING, true, entry.index, text};
        if (found->bad + found->erased <= LEDGER_FINDINGS_MAX) report(context, &finding);
    }
    ledger_reader_free(&reader);
    return got;
}
