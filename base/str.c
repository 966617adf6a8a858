/* Borrowed bytes: comparison, search, numbers, UTF-8. Pure functions. */
#include "base/str.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

int str_compare(struct str a, struct str b) {
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) return order;
    return (a.length > b.length) - (a.length < b.length);
}

static char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_equal_ignoring_case(struct str a, struct str b) {
    if (a.length != b.length) return false;
    for (size_t i = 0; i < a.length; i++) {
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i])) return false;
    }
    return true;
}

size_t str_find(struct str s, struct str needle) {
    if (needle.length == 0) return 0;
    if (s.length < needle.length) return STR_NOT_FOUND;
    const char *found = memmem(s.data, s.length, needle.data, needle.length);
    return found == NULL ? STR_NOT_FOUND : (size_t)(found - s.data);
}

size_t str_find_byte(struct str s, char byte) {
    if (s.length == 0) return STR_NOT_FOUND;
    const char *found = memchr(s.data, byte, s.length);
    return found == NULL ? STR_NOT_FOUND : (size_t)(found - s.data);
}

static bool is_ascii_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s) {
    while (s.length > 0 && is_ascii_space(s.data[0])) s = str_slice(s, 1, s.length);
    while (s.length > 0 && is_ascii_space(s.data[s.length - 1])) s.length--;
    return s;
}

bool str_split(struct str *rest, char separator, struct str *part) {
    if (rest->data == NULL) return false;
    size_t at = str_find_byte(*rest, separator);
    if (at == STR_NOT_FOUND) {
        *part = *rest;
        *rest = STR_NONE;
        return true;
    }
    *part = str_slice(*rest, 0, at);
    *rest = str_slice(*rest, at + 1, rest->length);
    return true;
}

int str_parse_u64(struct str s, uint64_t *value) {
    if (s.length == 0) return -1;
    uint64_t sum = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return -1;
        if (__builtin_mul_overflow(sum, 10u, &sum)) return -1;
        if (__builtin_add_overflow(sum, (uint64_t)(s.data[i] - '0'), &sum)) return -1;
    }
    *value = sum;
    return 0;
}

int str_parse_i64(struct str s, int64_t *value) {
    bool is_negative = s.length > 0 && s.data[0] == '-';
    uint64_t magnitude;
    if (str_parse_u64(is_negative ? str_slice(s, 1, s.length) : s, &magnitude) != 0) return -1;
    if (magnitude > (uint64_t)INT64_MAX + (is_negative ? 1u : 0u)) return -1;
    *value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

int str_parse_f64(struct str s, double *value) {
    char text[64];
    if (s.length == 0 || s.length >= sizeof(text) || is_ascii_space(s.data[0])) return -1;
    memcpy(text, s.data, s.length);
    text[s.length] = '\0';
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return end == text + s.length && errno == 0 ? 0 : -1;
}

char *str_to_cstr(struct str s) {
    if (str_find_byte(s, '\0') != STR_NOT_FOUND) return NULL;
    char *copy = malloc(s.length + 1);
    if (copy == NULL) return NULL;
    if (s.length > 0) memcpy(copy, s.data, s.length);
    copy[s.length] = '\0';
    return copy;
}

static uint64_t hash_seed;

static void hash_seed_init(void) {
    if (getrandom(&hash_seed, sizeof(hash_seed), 0) != sizeof(hash_seed)) abort();
}

static uint64_t mix(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t str_hash(struct str s) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hash_seed_init);
    uint64_t hash = hash_seed ^ mix(s.length + 0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u);
    while (s.length >= 8) {
        uint64_t word;
        memcpy(&word, s.data, 8);
        hash = mix(hash ^ word, 0xa0761d6478bd642fu);
        s = str_slice(s, 8, s.length);
    }
    uint64_t tail = 0;
    if (s.length > 0) memcpy(&tail, s.data, s.length);
    hash = mix(hash ^ tail, 0xe7037ed1a0b428dbu);
    return mix(hash ^ hash_seed, 0x8ebc6af09c88c6e3u);
}

static const uint32_t utf8_least[5] = {0, 0, 0x80, 0x800, 0x10000};

int utf8_decode(struct str s, size_t *offset, uint32_t *code_point) {
    if (*offset >= s.length) return -1;
    const uint8_t *bytes = (const uint8_t *)s.data + *offset;
    size_t left = s.length - *offset;
    uint8_t first = bytes[0];
    size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4)) return -1;
    if (left < length) return -1;
    uint32_t value = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return -1;
        value = value << 6 | (bytes[i] & 0x3fu);
    }
    if (value < utf8_least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return -1;
    *offset += length;
    *code_point = value;
    return 0;
}

size_t utf8_encode(uint32_t code_point, char out[4]) {
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff)) return 0;
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

/* Moves *offset past a run of ASCII, eight bytes at a time. */
static void skip_ascii(struct str s, size_t *offset) {
    uint64_t word;
    while (*offset + 8 <= s.length) {
        memcpy(&word, s.data + *offset, 8);
        if ((word & 0x8080808080808080u) != 0) return;
        *offset += 8;
    }
}

bool utf8_is_valid(struct str s) {
    size_t offset = 0;
    uint32_t ignored;
    for (;;) {
        skip_ascii(s, &offset);
        if (offset == s.length) return true;
        if (utf8_decode(s, &offset, &ignored) != 0) return false;
    }
}

size_t utf8_count(struct str s) {
    size_t count = 0;
    size_t offset = 0;
    uint32_t ignored;
    while (offset < s.length) {
        if (utf8_decode(s, &offset, &ignored) != 0) offset++;
        count++;
    }
    return count;
}
