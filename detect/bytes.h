/* Classes of single ASCII bytes, without locale. */
#ifndef SWORN_DETECT_BYTES_H
#define SWORN_DETECT_BYTES_H

#include <assert.h>

#include "base/str.h"

static inline bool byte_is_digit(char c) { return (unsigned char)(c - '0') < 10; }
static inline bool byte_is_upper(char c) { return (unsigned char)(c - 'A') < 26; }
static inline bool byte_is_letter(char c) { return (unsigned char)((c | 0x20) - 'a') < 26; }
static inline bool byte_is_alnum(char c) { return byte_is_digit(c) || byte_is_letter(c); }
static inline bool byte_is_word(char c) { return byte_is_alnum(c) || c == '_'; }
static inline bool byte_is_hex(char c) { return byte_is_digit(c) || (unsigned char)((c | 0x20) - 'a') < 6; }
static inline char byte_upper(char c) { return (unsigned char)(c - 'a') < 26 ? (char)(c - 32) : c; }

#endif
