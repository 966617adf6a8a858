/* The write-ahead log: numbered segment files of one size, allocated and zeroed before use, and used again.
 *
 *     segment = header (magic, version, size, number, CRC) padded to WAL_HEADER_BYTES, records, anything
 *     record  = length u32, crc u32, index u64 (all little-endian), entry
 *
 * The CRC32C covers the segment's number, index, length and entry: what an earlier use of the file left behind never
 * passes for a record. A batch of records lies in one segment and is durable before the next batch is begun, so the log
 * ends at the first record that does not fit its CRC and the expected index. The segment with the last entry is never
 * used again before a later one holds entries: an empty log beside a signed size is loss, not a fresh start.
 *
 * Threads: wal_prepare and wal_release by the publisher; the rest by whoever recovers, before the threads start. */
#ifndef SWORN_KEEPER_WAL_H
#define SWORN_KEEPER_WAL_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/str.h"

#define WAL_HEADER_BYTES 4096u
#define WAL_RECORD_HEADER_BYTES 16u
#define WAL_SEGMENTS_MAX 4096u
#define WAL_SEGMENT_NAME_BYTES 24

struct wal {
    int folder_fd;
    uint32_t segment_bytes;
    uint64_t segments_max;
    uint64_t oldest;           /* number of the first segment that exists */
    uint64_t released;         /* segments below this one may be used again */
    _Atomic uint64_t prepared; /* number of the last segment that exists; oldest - 1: none */
};

/* A segment mapped for reading. */
struct wal_view {
    uint64_t number;
    struct str bytes; /* the whole file */
    size_t offset;    /* of the next record */
};

/* Looks at what there is; header damage and holes in the numbering are errors. */
int wal_open(struct wal *wal, const char *folder, uint32_t segment_bytes, uint64_t max_bytes, struct error *error)
    MUST_USE;
void wal_close(struct wal *wal);
/* Makes one more segment ready, out of a released one if there is. -1 with errno; EAGAIN: the bound is reached. */
int wal_prepare(struct wal *wal) MUST_USE;
void wal_release(struct wal *wal, uint64_t below);
int wal_open_segment(const struct wal *wal, uint64_t number) MUST_USE; /* for writing; -1 with errno */

int wal_map(const struct wal *wal, uint64_t number, struct wal_view *view, struct error *error) MUST_USE;
void wal_unmap(struct wal_view *view);

/* Fills in the record header at out; the entry already stands behind it. */
void wal_seal_record(char *out, uint64_t segment_number, uint64_t index, uint32_t length);
/* The record at *offset of a segment, if it is one; *offset moves behind it. */
bool wal_take_record(struct str segment, uint64_t segment_number, uint64_t index, size_t *offset, struct str *entry);
/* The index that the first record of the segment claims (and proves); false when it holds none. */
bool wal_first_index(const struct wal_view *view, uint64_t *index);

/* Overwrites what may be left of a batch that was cut, from offset on, and makes the segment durable as it is. */
int wal_cut(const struct wal *wal, uint64_t number, size_t offset, size_t stale_bytes, struct error *error) MUST_USE;

#endif
