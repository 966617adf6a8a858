/* Segments of the write-ahead log: only records that were sealed for this segment and index are ever read, and they lie
 * within it. The first two bytes choose which records are made genuine, so that the fuzzer gets past the CRC. */
#include <stdlib.h>

#include "keeper/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t length = size - 2;
    char *segment = malloc(length + 1);
    CHECK(segment != NULL);
    memcpy(segment, data + 2, length);
    uint32_t genuine = data[0];
    if (length > WAL_RECORD_HEADER_BYTES + genuine && genuine > 0) wal_seal_record(segment, 7, data[1], genuine);
    size_t offset = 0;
    struct str entry;
    for (uint64_t index = data[1]; wal_take_record(str_make(segment, length), 7, index, &offset, &entry); index++) {
        CHECK(entry.length > 0 && entry.data >= segment && entry.data + entry.length <= segment + length);
        CHECK(offset <= length);
    }
    free(segment);
    return 0;
}
