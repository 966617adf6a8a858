/* Segments of the write-ahead log. */
#include "keeper/wal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/fault.h"
#include "ledger/crc32c.h"
#include "ledger/event.h"

#define SEGMENT_MAGIC 0x6c61776e726f7773u /* "swornwal" */
#define SEGMENT_VERSION 1u
#define NAME_DIGITS 16
#define ZERO_CHUNK_BYTES (256u * 1024u)

struct segment_header {
    uint64_t magic;
    uint32_t version;
    uint32_t segment_bytes;
    uint64_t number;
    uint32_t crc; /* of what stands before it */
};

struct record_header {
    uint32_t length;
    uint32_t crc;
    uint64_t index;
};
static_assert(sizeof(struct record_header) == WAL_RECORD_HEADER_BYTES, "records are packed");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the log's numbers are little-endian in memory");

static const char zeros[ZERO_CHUNK_BYTES];

static void format_name(uint64_t number, char out[WAL_SEGMENT_NAME_BYTES]) {
    snprintf(out, WAL_SEGMENT_NAME_BYTES, "%016llx.wal", (unsigned long long)number);
}

static bool parse_name(const char *name, uint64_t *number) {
    struct str text = str_from_cstr(name);
    return str_ends_with(text, STR(".wal")) && session_parse(str_slice(text, 0, text.length - 4), number) == 0;
}

static struct segment_header make_header(const struct wal *wal, uint64_t number) {
    struct segment_header header;
    memset(&header, 0, sizeof(header));
    header.magic = SEGMENT_MAGIC;
    header.version = SEGMENT_VERSION;
    header.segment_bytes = wal->segment_bytes;
    header.number = number;
    header.crc = crc32c(0, str_make(&header, offsetof(struct segment_header, crc)));
    return header;
}

/* Whether the file's header is that of the number in its name. One that is not is a segment in the making. */
static bool is_header_of(struct wal *wal, const char *name, uint64_t number) {
    struct segment_header header;
    struct stat status;
    int fd = openat(wal->folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    bool is_read = fstat(fd, &status) == 0 && pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header);
    close(fd);
    if (!is_read || header.magic != SEGMENT_MAGIC || header.number != number) return false;
    if (header.crc != crc32c(0, str_make(&header, offsetof(struct segment_header, crc)))) return false;
    return header.version == SEGMENT_VERSION && header.segment_bytes == wal->segment_bytes &&
           status.st_size == (off_t)wal->segment_bytes;
}

struct survey {
    uint64_t lowest;
    uint64_t highest;
    uint64_t count;
    uint64_t highest_unfit; /* of files whose header is not theirs; 0: none (numbers start at 1) */
};

static int survey_folder(struct wal *wal, struct survey *survey) {
    int fd = openat(wal->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL) {
        if (fd >= 0) close(fd);
        return -1;
    }
    *survey = (struct survey){.lowest = UINT64_MAX};
    for (struct dirent *item; (item = readdir(listing)) != NULL;) {
        uint64_t number;
        if (!parse_name(item->d_name, &number)) continue;
        if (!is_header_of(wal, item->d_name, number)) {
            if (number > survey->highest_unfit) survey->highest_unfit = number;
            continue;
        }
        if (number < survey->lowest) survey->lowest = number;
        if (number > survey->highest) survey->highest = number;
        survey->count++;
    }
    closedir(listing);
    return 0;
}

int wal_open(struct wal *wal, const char *folder, uint32_t segment_bytes, uint64_t max_bytes, struct error *error) {
    *wal = (struct wal){.folder_fd = -1, .segment_bytes = segment_bytes, .segments_max = max_bytes / segment_bytes};
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return error_set_errno(error, "%s cannot be created", folder);
    wal->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct survey survey;
    if (wal->folder_fd < 0 || survey_folder(wal, &survey) != 0) {
        return error_set_errno(error, "%s cannot be read", folder);
    }
    if (survey.count == 0) survey.lowest = survey.highest + 1;
    if (survey.count > 0 && survey.highest - survey.lowest + 1 != survey.count) {
        return error_set(error, ERROR_INVALID, "%s: a segment is missing between the first and the last", folder);
    }
    /* An unfit file below the rest is one that was about to be used again: nothing in it is needed. */
    if (survey.highest_unfit != 0 && (survey.count == 0 || survey.highest_unfit > survey.lowest)) {
        return error_set(error, ERROR_INVALID, "%s: the header of segment %llx is damaged or of another segment size",
                         folder, (unsigned long long)survey.highest_unfit);
    }
    wal->oldest = wal->released = survey.lowest;
    atomic_store(&wal->prepared, survey.count > 0 ? survey.highest : survey.lowest - 1);
    return 0;
}

void wal_close(struct wal *wal) {
    if (wal->folder_fd >= 0) close(wal->folder_fd);
    wal->folder_fd = -1;
}

static int write_zeros(int fd, size_t offset, size_t length) {
    while (length > 0) {
        size_t chunk = length < sizeof(zeros) ? length : sizeof(zeros);
        ssize_t done = pwrite(fd, zeros, chunk, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        offset += (size_t)done;
        length -= (size_t)done;
    }
    return 0;
}

static int write_header(const struct wal *wal, int fd, uint64_t number) {
    struct segment_header header = make_header(wal, number);
    ssize_t done = pwrite(fd, &header, sizeof(header), 0);
    if (done >= 0 && done < (ssize_t)sizeof(header)) errno = ENOSPC;
    return done == (ssize_t)sizeof(header) ? 0 : -1;
}

/* A failed fsync of a segment must never be tried again: its number is EIO, which nobody retries. */
static int sync_for_good(int fd) {
    if (fault_fsync(fd) == 0) return 0;
    errno = EIO;
    return -1;
}

static int create_segment(struct wal *wal, const char *temporary, uint64_t number) {
    if (fault_new_space() != 0) return -1;
    int fd = openat(wal->folder_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -1;
    int result = write_zeros(fd, 0, wal->segment_bytes) == 0 && write_header(wal, fd, number) == 0 ? sync_for_good(fd)
                                                                                                   : -1;
    int code = errno;
    close(fd);
    if (result != 0) unlinkat(wal->folder_fd, temporary, 0);
    errno = code;
    return result;
}

/* Out of a released segment: a new header makes all its records void, then it gets its new name. */
static int recycle_segment(struct wal *wal, const char *old_name, uint64_t number) {
    int fd = openat(wal->folder_fd, old_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -1;
    int result = write_header(wal, fd, number) == 0 ? sync_for_good(fd) : -1;
    int code = errno;
    close(fd);
    errno = code;
    return result;
}

int wal_prepare(struct wal *wal) {
    uint64_t number = atomic_load(&wal->prepared) + 1;
    bool is_recycling = wal->oldest < wal->released;
    char old_name[WAL_SEGMENT_NAME_BYTES] = "new.segment";
    char name[WAL_SEGMENT_NAME_BYTES];
    if (!is_recycling && number - wal->oldest >= wal->segments_max) {
        errno = EAGAIN;
        return -1;
    }
    if (is_recycling) format_name(wal->oldest, old_name);
    if ((is_recycling ? recycle_segment(wal, old_name, number) : create_segment(wal, old_name, number)) != 0) return -1;
    format_name(number, name);
    if (renameat(wal->folder_fd, old_name, wal->folder_fd, name) != 0 || sync_for_good(wal->folder_fd) != 0) return -1;
    if (is_recycling) wal->oldest++;
    atomic_store(&wal->prepared, number);
    return 0;
}

void wal_release(struct wal *wal, uint64_t below) {
    if (below > wal->released) wal->released = below;
}

int wal_open_segment(const struct wal *wal, uint64_t number) {
    char name[WAL_SEGMENT_NAME_BYTES];
    format_name(number, name);
    return openat(wal->folder_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

int wal_map(const struct wal *wal, uint64_t number, struct wal_view *view, struct error *error) {
    int fd = wal_open_segment(wal, number);
    void *memory = fd >= 0 ? mmap(NULL, wal->segment_bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    int code = errno;
    if (fd >= 0) close(fd);
    if (memory == MAP_FAILED) {
        errno = code;
        return error_set_errno(error, "segment %llx of the write-ahead log cannot be read", (unsigned long long)number);
    }
    *view = (struct wal_view){number, str_make(memory, wal->segment_bytes), WAL_HEADER_BYTES};
    return 0;
}

void wal_unmap(struct wal_view *view) {
    if (view->bytes.data != NULL) munmap((void *)(uintptr_t)view->bytes.data, view->bytes.length);
    view->bytes = STR_NONE;
}

static uint32_t record_crc(uint64_t segment_number, uint64_t index, struct str entry) {
    uint64_t seed[3] = {segment_number, index, entry.length};
    return crc32c(crc32c(0, str_make(seed, sizeof(seed))), entry);
}

void wal_seal_record(char *out, uint64_t segment_number, uint64_t index, uint32_t length) {
    struct record_header header = {.length = length, .index = index};
    header.crc = record_crc(segment_number, index, str_make(out + WAL_RECORD_HEADER_BYTES, length));
    memcpy(out, &header, sizeof(header));
}

static bool take_any_record(struct str segment, uint64_t segment_number, size_t *offset, uint64_t *index,
                            struct str *entry) {
    struct record_header header;
    if (segment.length < sizeof(header) || *offset > segment.length - sizeof(header)) return false;
    memcpy(&header, segment.data + *offset, sizeof(header));
    size_t start = *offset + sizeof(header);
    if (header.length == 0 || header.length > ENTRY_MAX_BYTES || header.length > segment.length - start) return false;
    *entry = str_slice(segment, start, start + header.length);
    if (record_crc(segment_number, header.index, *entry) != header.crc) return false;
    *index = header.index;
    *offset = start + header.length;
    return true;
}

bool wal_take_record(struct str segment, uint64_t segment_number, uint64_t index, size_t *offset, struct str *entry) {
    size_t at = *offset;
    uint64_t found;
    if (!take_any_record(segment, segment_number, &at, &found, entry) || found != index) return false;
    *offset = at;
    return true;
}

bool wal_first_index(const struct wal_view *view, uint64_t *index) {
    size_t offset = WAL_HEADER_BYTES;
    struct str entry;
    return take_any_record(view->bytes, view->number, &offset, index, &entry);
}

int wal_cut(const struct wal *wal, uint64_t number, size_t offset, size_t stale_bytes, struct error *error) {
    size_t rest = wal->segment_bytes - offset;
    int fd = wal_open_segment(wal, number);
    int result = fd >= 0 && write_zeros(fd, offset, rest < stale_bytes ? rest : stale_bytes) == 0 ? fault_fsync(fd) : -1;
    if (result != 0) error_set_errno(error, "the tail of the write-ahead log cannot be cut");
    if (fd >= 0) close(fd);
    return result;
}
