/* The writer: takes records off the rings, admits them, and makes them durable, one batch after the other.
 *
 * One thread does all of it. While its fdatasync runs, the next batch gathers in the rings, which are the second
 * buffer; there is no commit delay. A record is admitted when its event is canonical and fits its session; it then has
 * its number for good, because a batch is either durable as a whole or the keeper is gone. */
#ifndef SWORN_KEEPER_WRITER_H
#define SWORN_KEEPER_WRITER_H

#include "keeper/core.h"

#define WRITER_SESSIONS_MAX (1u << 20)

struct writer;

int writer_new(struct writer **writer, struct keeper_core *core, struct error *error) MUST_USE;
void writer_free(struct writer **writer);
/* Where the log ends: set once, before anything is appended. last_time_us: of the last entry. */
int writer_start_at(struct writer *writer, uint64_t segment, size_t offset, uint64_t index, int64_t last_time_us,
                    struct error *error) MUST_USE;

/* For recovery, before the rings are served: a session that is open in the log, and what closes it. */
int writer_open_session(struct writer *writer, uint64_t session, uint64_t next_seq, struct error *error) MUST_USE;
int writer_append(struct writer *writer, uint64_t session, uint32_t flags, struct str event, struct error *error)
    MUST_USE;
void writer_commit(struct writer *writer);

/* Serves the rings until the lifeline ends and all of them are empty. -1: a producer broke its ring. */
int writer_run(struct writer *writer) MUST_USE;

#endif
