/* The write-ahead log: a tail torn at any byte, segments used again, damage in the middle. */
#include <errno.h>

#include "keeper/wal.h"
#include "ledger/event.h"
#include "tests/unit/ledger/folder.h"

#define SEGMENT_BYTES (1024u * 1024u)
#define RECORDS 6

static size_t ends[RECORDS + 1];

/* Writes RECORDS records to a copy of a segment in memory; returns the bytes. */
static void make_segment(char *segment, uint64_t number) {
    size_t at = WAL_HEADER_BYTES;
    ends[0] = at;
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint32_t length = (uint32_t)(10 + 37 * i);
        memset(segment + at + WAL_RECORD_HEADER_BYTES, 'a' + (int)i, length);
        wal_seal_record(segment + at, number, 100 + i, length);
        at += WAL_RECORD_HEADER_BYTES + length;
        ends[i + 1] = at;
    }
}

static unsigned count_records(const char *segment, uint64_t number) {
    size_t offset = WAL_HEADER_BYTES;
    unsigned count = 0;
    struct str entry;
    while (wal_take_record(str_make(segment, SEGMENT_BYTES), number, 100 + count, &offset, &entry)) count++;
    return count;
}

static void test_torn_tails(void) {
    char *segment = calloc(1, SEGMENT_BYTES);
    char *torn = calloc(1, SEGMENT_BYTES);
    CHECK(segment != NULL && torn != NULL);
    make_segment(segment, 7);
    is_integer(count_records(segment, 7), RECORDS, "all records are read");
    is_integer(count_records(segment, 8), 0, "and none as those of another use of the file");
    uint64_t wrong = 0;
    for (size_t cut = WAL_HEADER_BYTES; cut <= ends[RECORDS]; cut++) {
        unsigned whole = 0;
        while (whole < RECORDS && ends[whole + 1] <= cut) whole++;
        memcpy(torn, segment, SEGMENT_BYTES);
        memset(torn + cut, 0, ends[RECORDS] - cut);
        wrong += count_records(torn, 7) != whole;
        memset(torn + cut, 0xee, ends[RECORDS] - cut);
        wrong += count_records(torn, 7) != whole;
        if (cut == ends[RECORDS]) continue;
        memcpy(torn, segment, SEGMENT_BYTES);
        torn[cut] ^= 0x10; /* a single byte that did not arrive */
        wrong += count_records(torn, 7) != whole;
    }
    is_integer(wrong, 0, "a tail torn at any byte ends the log before its record");
    free(segment);
    free(torn);
}

static void test_segments(void) {
    struct test_run run;
    struct wal wal;
    struct error error = {0};
    char path[400];
    test_begin(&run);
    snprintf(path, sizeof(path), "%s/wal", run.folder);
    ok(wal_open(&wal, path, SEGMENT_BYTES, 4 * SEGMENT_BYTES, &error) == 0, "an empty log opens");
    for (unsigned i = 0; i < 4; i++) ok(wal_prepare(&wal) == 0, "a segment is made");
    ok(wal_prepare(&wal) != 0 && errno == EAGAIN, "up to the bound");
    wal_release(&wal, wal.oldest + 2);
    ok(wal_prepare(&wal) == 0 && wal_prepare(&wal) == 0, "released segments are used again");
    ok(wal_prepare(&wal) != 0, "once");
    uint64_t oldest = wal.oldest;
    uint64_t prepared = atomic_load(&wal.prepared);
    wal_close(&wal);
    ok(wal_open(&wal, path, SEGMENT_BYTES, 4 * SEGMENT_BYTES, &error) == 0 && wal.oldest == oldest &&
           atomic_load(&wal.prepared) == prepared, "it opens as it was");
    wal_close(&wal);
    ok(wal_open(&wal, path, 2 * SEGMENT_BYTES, 8 * SEGMENT_BYTES, &error) != 0, "not with another segment size");
    wal_close(&wal);
    snprintf(path, sizeof(path), "%s/wal/%016llx.wal", run.folder, (unsigned long long)oldest + 1);
    unlink(path);
    snprintf(path, sizeof(path), "%s/wal", run.folder);
    ok(wal_open(&wal, path, SEGMENT_BYTES, 4 * SEGMENT_BYTES, &error) != 0 && strstr(error.text, "missing") != NULL,
       "a missing segment is noticed");
    wal_close(&wal);
    test_remove(run.folder);
}

int main(void) {
    test_torn_tails();
    test_segments();
    return tap_done();
}
