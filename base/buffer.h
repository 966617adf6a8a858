/* struct buffer: bytes that grow at the end and are consumed at the front, up to a cap.
 *
 * Appending past the cap or out of memory sets a sticky failure: later appends do nothing, and the caller asks once,
 * with buffer_failed(), when it is done. A str from buffer_view() is valid until the next append or consume. */
#ifndef SWORN_BASE_BUFFER_H
#define SWORN_BASE_BUFFER_H

#include <stdarg.h>

#include "base/str.h"

struct buffer {
    char *data;
    size_t start;
    size_t end;
    size_t capacity;
    size_t cap_bytes;
    bool is_failed;
};

void buffer_init(struct buffer *buffer, size_t cap_bytes);
void buffer_free(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* empties it, clears the failure, keeps the memory */

static inline size_t buffer_length(const struct buffer *buffer) { return buffer->end - buffer->start; }
static inline struct str buffer_view(const struct buffer *buffer) {
    if (buffer->data == NULL) return STR_NONE;
    return (struct str){buffer->data + buffer->start, buffer->end - buffer->start};
}
static inline bool buffer_failed(const struct buffer *buffer) { return buffer->is_failed; }

void buffer_append_cstr(struct buffer *buffer, const char *text);
void buffer_append_u16be(struct buffer *buffer, uint16_t value);
void buffer_append_u32be(struct buffer *buffer, uint32_t value);
void buffer_append_u64be(struct buffer *buffer, uint64_t value);
void buffer_append_u64_decimal(struct buffer *buffer, uint64_t value);
void buffer_append_i64_decimal(struct buffer *buffer, int64_t value);
void buffer_append_format(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* As buffer_append, when the room at hand may not do. */
void buffer_append_slowly(struct buffer *buffer, const void *data, size_t length);

/* Most appends are short and fit: they are not worth a call. */
static inline void buffer_append(struct buffer *buffer, const void *data, size_t length) {
    bool fits = length > 0 && !buffer->is_failed && length <= buffer->capacity - buffer->end &&
                length <= buffer->cap_bytes - (buffer->end - buffer->start);
    if (!fits) {
        buffer_append_slowly(buffer, data, length);
        return;
    }
    memcpy(buffer->data + buffer->end, data, length);
    buffer->end += length;
}

static inline void buffer_append_str(struct buffer *buffer, struct str s) { buffer_append(buffer, s.data, s.length); }
static inline void buffer_append_byte(struct buffer *buffer, uint8_t byte) { buffer_append(buffer, &byte, 1); }

/* Room for at least `length` bytes at the end, for reading into; NULL (and failed) at the cap. Then buffer_commit. */
char *buffer_reserve(struct buffer *buffer, size_t length) MUST_USE;
void buffer_commit(struct buffer *buffer, size_t length);
/* Drops bytes at the front; length must not pass what is there. */
void buffer_consume(struct buffer *buffer, size_t length);
/* Cuts to the first `length` bytes. */
void buffer_truncate(struct buffer *buffer, size_t length);
/* Overwrites a big-endian u32 at an offset from the front (for lengths known only later). */
void buffer_patch_u32be(struct buffer *buffer, size_t offset, uint32_t value);

#endif
