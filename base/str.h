/* struct str: borrowed bytes, a pointer and a length. Never NUL-terminated by contract; may hold any byte.
 * The owner of the bytes outlives every str that points into them. */
#ifndef SWORN_BASE_STR_H
#define SWORN_BASE_STR_H

#include <stdbool.h>
#include <string.h>

#include "base/check.h"

struct str {
    const char *data;
    size_t length;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s", STR_ARGS(s). */
#define STR_ARGS(s) (int)((s).length > 4096 ? 4096 : (s).length), ((s).data != NULL ? (s).data : "")

static inline struct str str_make(const void *data, size_t length) {
    return (struct str){(const char *)data, length};
}

static inline struct str str_from_cstr(const char *text) {
    return (struct str){text, text != NULL ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool str_equal_cstr(struct str a, const char *b) {
    return str_equal(a, str_from_cstr(b));
}

/* The bytes from start (clamped) up to end (clamped). */
static inline struct str str_slice(struct str s, size_t start, size_t end) {
    if (end > s.length) end = s.length;
    if (start > end) start = end;
    return (struct str){s.data != NULL ? s.data + start : NULL, end - start}; /* NULL + 0 is undefined in C */
}

static inline bool str_starts_with(struct str s, struct str prefix) {
    return s.length >= prefix.length && str_equal(str_slice(s, 0, prefix.length), prefix);
}

static inline bool str_ends_with(struct str s, struct str suffix) {
    return s.length >= suffix.length && str_equal(str_slice(s, s.length - suffix.length, s.length), suffix);
}

#define STR_NOT_FOUND SIZE_MAX

/* Bytewise order, shorter first on a common prefix: <0, 0, >0. */
int str_compare(struct str a, struct str b);
bool str_equal_ignoring_case(struct str a, struct str b); /* ASCII only */
size_t str_find(struct str s, struct str needle);         /* offset or STR_NOT_FOUND */
size_t str_find_byte(struct str s, char byte);
struct str str_trim(struct str s); /* ASCII white space at both ends */
/* Cuts *rest at the first separator: returns what stands before it and leaves what stands after it. False when *rest
 * is exhausted (data == NULL). */
bool str_split(struct str *rest, char separator, struct str *part);

/* Decimal, whole string, no sign for u64, no white space. Return 0, or -1 when malformed or out of range. */
int str_parse_u64(struct str s, uint64_t *value) MUST_USE;
int str_parse_i64(struct str s, int64_t *value) MUST_USE;
int str_parse_f64(struct str s, double *value) MUST_USE;

/* A NUL-terminated heap copy, for C interfaces that need one; NULL when memory is out or s holds a NUL. */
char *str_to_cstr(struct str s) MUST_USE;

uint64_t str_hash(struct str s); /* seeded per process: not stable across runs */

/* UTF-8 (RFC 3629). Decodes one code point at *offset and moves on; -1 on an ill-formed sequence (offset unmoved). */
int utf8_decode(struct str s, size_t *offset, uint32_t *code_point) MUST_USE;
/* Writes 1 to 4 bytes to out, returns how many; 0 for a surrogate or a value past U+10FFFF. */
size_t utf8_encode(uint32_t code_point, char out[4]);
bool utf8_is_valid(struct str s);
size_t utf8_count(struct str s); /* code points; ill-formed bytes count one each */

#endif
