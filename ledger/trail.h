/* What entries say about each other: the part of verification that follows sessions, actions, time and heartbeats
 * through the log. Feed it every entry in order; it reports what does not fit (rules in ledger/event.h). */
#ifndef SWORN_LEDGER_TRAIL_H
#define SWORN_LEDGER_TRAIL_H

#include "ledger/event.h"
#include "ledger/verify.h"

/* Where findings go: counts them in the summary and caps how many are passed on. */
struct finding_sink {
    ledger_finding_function *report;
    void *context;
    struct ledger_summary *summary;
};

#define FINDING_NO_INDEX UINT64_MAX
void finding_add(struct finding_sink *sink, enum ledger_severity severity, uint64_t index, const char *format, ...)
    PRINTF_LIKE(4, 5);

struct trail;

int trail_new(struct trail **trail, struct finding_sink *sink) MUST_USE; /* -1: out of memory */
void trail_free(struct trail **trail);
int trail_note(struct trail *trail, const struct ledger_entry *entry) MUST_USE; /* -1: out of memory */
/* Entries are missing here (reported already): what follows from that alone is not reported again. */
void trail_skip(struct trail *trail);
/* After the last entry: fills in what is still open. */
void trail_end(struct trail *trail);

#endif
