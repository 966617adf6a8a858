/* How far a JSON text needs no second look: bytes that stand in a string for themselves, eight at a time. Pure. */
#ifndef SWORN_BASE_JSON_PLAIN_H
#define SWORN_BASE_JSON_PLAIN_H

#include <string.h>

#include "base/str.h"

#define JSON_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The highest bit of each byte that is zero, and of some above the first such: only "any" can be asked of it. */
static inline uint64_t json_zero_bytes(uint64_t word) { return (word - JSON_EACH_BYTE(1)) & ~word; }

/* No control, quote, backslash or byte of a longer character among the eight. */
static inline bool json_word_is_plain(uint64_t word) {
    uint64_t below_space = word - JSON_EACH_BYTE(0x20); /* borrows only behind a byte that is below, too */
    uint64_t special = word | below_space | json_zero_bytes(word ^ JSON_EACH_BYTE('"')) |
                       json_zero_bytes(word ^ JSON_EACH_BYTE('\\'));
    return (special & JSON_EACH_BYTE(0x80)) == 0;
}

static inline bool json_byte_is_plain(uint8_t byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* The first byte from `at` on that is not plain; the text's length when all are. */
static inline size_t json_plain_end(struct str text, size_t at) {
    uint64_t word;
    while (text.length - at >= sizeof(word)) {
        memcpy(&word, text.data + at, sizeof(word));
        if (!json_word_is_plain(word)) break;
        at += sizeof(word);
    }
    while (at < text.length && json_byte_is_plain((uint8_t)text.data[at])) at++;
    return at;
}

#endif
