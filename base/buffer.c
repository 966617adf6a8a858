/* A growable byte queue with a cap and a sticky failure. Memory doubles; consumed room at the front is reused before
 * more is asked for. */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>

#define BUFFER_FIRST_BYTES 256u

void buffer_init(struct buffer *buffer, size_t cap_bytes) {
    *buffer = (struct buffer){.cap_bytes = cap_bytes};
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    buffer_init(buffer, buffer->cap_bytes);
}

void buffer_clear(struct buffer *buffer) {
    buffer->start = buffer->end = 0;
    buffer->is_failed = false;
}

static bool grow(struct buffer *buffer, size_t needed_bytes) {
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : BUFFER_FIRST_BYTES;
    while (capacity < needed_bytes) {
        if (__builtin_mul_overflow(capacity, 2u, &capacity)) return false;
    }
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *buffer_reserve(struct buffer *buffer, size_t length) {
    if (buffer->is_failed) return NULL;
    if (buffer->capacity - buffer->end >= length && buffer->data != NULL) {
        if (length <= buffer->cap_bytes - (buffer->end - buffer->start)) return buffer->data + buffer->end;
        buffer->is_failed = true;
        return NULL;
    }
    size_t held = buffer_length(buffer);
    size_t needed;
    if (__builtin_add_overflow(held, length, &needed) || needed > buffer->cap_bytes) {
        buffer->is_failed = true;
        return NULL;
    }
    if (buffer->start > 0) {
        memmove(buffer->data, buffer->data + buffer->start, held);
        buffer->start = 0;
        buffer->end = held;
    }
    if ((buffer->capacity < needed || buffer->data == NULL) && !grow(buffer, needed)) {
        buffer->is_failed = true;
        return NULL;
    }
    return buffer->data + buffer->end;
}

void buffer_commit(struct buffer *buffer, size_t length) {
    CHECK(length <= buffer->capacity - buffer->end);
    buffer->end += length;
}

void buffer_append_slowly(struct buffer *buffer, const void *data, size_t length) {
    if (length == 0) return;
    char *room = buffer_reserve(buffer, length);
    if (room == NULL) return;
    memcpy(room, data, length);
    buffer->end += length;
}

void buffer_append_cstr(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_u16be(struct buffer *buffer, uint16_t value) {
    uint16_t swapped = __builtin_bswap16(value);
    buffer_append(buffer, &swapped, sizeof(swapped));
}

void buffer_append_u32be(struct buffer *buffer, uint32_t value) {
    uint32_t swapped = __builtin_bswap32(value);
    buffer_append(buffer, &swapped, sizeof(swapped));
}

void buffer_append_u64be(struct buffer *buffer, uint64_t value) {
    uint64_t swapped = __builtin_bswap64(value);
    buffer_append(buffer, &swapped, sizeof(swapped));
}

void buffer_append_u64_decimal(struct buffer *buffer, uint64_t value) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buffer_append(buffer, digits + at, sizeof(digits) - at);
}

void buffer_append_i64_decimal(struct buffer *buffer, int64_t value) {
    if (value < 0) buffer_append_byte(buffer, '-');
    buffer_append_u64_decimal(buffer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *room = length >= 0 ? buffer_reserve(buffer, (size_t)length + 1) : NULL;
    if (room != NULL) {
        vsnprintf(room, (size_t)length + 1, format, again);
        buffer->end += (size_t)length;
    }
    va_end(again);
}

void buffer_consume(struct buffer *buffer, size_t length) {
    CHECK(length <= buffer_length(buffer));
    buffer->start += length;
    if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
}

void buffer_truncate(struct buffer *buffer, size_t length) {
    CHECK(length <= buffer_length(buffer));
    buffer->end = buffer->start + length;
}

void buffer_patch_u32be(struct buffer *buffer, size_t offset, uint32_t value) {
    if (buffer->is_failed) return;
    CHECK(offset + sizeof(value) <= buffer_length(buffer));
    uint32_t swapped = __builtin_bswap32(value);
    memcpy(buffer->data + buffer->start + offset, &swapped, sizeof(swapped));
}
