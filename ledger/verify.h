/* Checks an evidence folder from its files alone: no gateway, no config, no private key.
 *
 * Checked: the checkpoint's signature and origin; the root, recomputed from every entry; every tile against the
 * recomputed hashes; that no file is missing, short, or foreign; that entries are canonical JSON; that each session
 * starts, counts and ends as it must; that time never goes back; that every intent is answered, exactly once; that
 * silence of a node is declared. What it says about one entry names its index. A folder that a keeper is writing to can
 * be checked too: files ahead of the checkpoint are not findings. */
#ifndef SWORN_LEDGER_VERIFY_H
#define SWORN_LEDGER_VERIFY_H

#include "base/digest.h"
#include "base/error.h"

enum ledger_severity {
    LEDGER_BAD,     /* the evidence does not hold */
    LEDGER_WARNING, /* worth knowing, properly declared: an interruption, a gap in the heartbeats */
};

struct ledger_finding {
    enum ledger_severity severity;
    bool has_index;
    uint64_t index;   /* of the entry, where has_index */
    const char *text; /* one line, names the entry itself too: "entry 17: ..." */
};

struct ledger_summary {
    char origin[256];
    uint64_t size; /* entries under the checkpoint */
    struct sha256 root;
    uint64_t sessions;
    uint64_t intents;
    uint64_t denied;      /* intents with verdict deny */
    uint64_t interrupted; /* outcomes with status interrupted */
    uint64_t open;        /* intents still without outcome in the run that is still going on */
    int64_t first_time_us;
    int64_t last_time_us;
    uint64_t bad_count;
    uint64_t warning_count;
};

typedef void ledger_finding_function(void *context, const struct ledger_finding *finding);

/* 0: the check ran to its end, and the evidence is good if summary->bad_count is 0. -1: it could not run (no folder,
 * malformed vkey, out of memory). At most LEDGER_FINDINGS_MAX findings are reported; the counts go on. */
#define LEDGER_FINDINGS_MAX 1000u
/* kept: a checkpoint of the same log that somebody has, which the log must hold still; STR_NONE for none. */
int ledger_verify(const char *folder, struct str vkey, struct str kept, ledger_finding_function *report, void *context,
                  struct ledger_summary *summary, struct error *error) MUST_USE;

#endif
