/* Entry bundles and the entries in them: entries lie within the bundle, and one that parses is rebuilt byte for byte
 * from what was read out of it. */
#include <stdlib.h>

#include "ledger/event.h"
#include "ledger/merkle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(struct str text) {
    struct ledger_entry entry;
    struct error error;
    if (entry_parse(text, &entry, &error) != 0) return;
    char *again = malloc(entry.event.length + ENTRY_ENVELOPE_MAX_BYTES);
    CHECK(again != NULL);
    size_t length = entry_wrap(again, entry.event, entry.session, entry.seq, entry.time);
    CHECK(str_equal(str_make(again, length), text));
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str rest = str_make(data, size);
    struct str entry;
    check_entry(rest);
    while (bundle_take_entry(&rest, &entry) == 0) {
        CHECK((const uint8_t *)entry.data >= data && (const uint8_t *)entry.data + entry.length <= data + size);
        check_entry(entry);
    }
    return 0;
}
