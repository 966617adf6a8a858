/* From bytes to anchors: 64 bytes at a time become one bit mask of digits' beginnings, '@', ':', '=' and '>'. */
#include "detect/scan.h"

#include "detect/bytes.h"

#define BLOCK_BYTES 64

typedef uint8_t bytes16 __attribute__((vector_size(16)));

void scan_add(struct scan *scan, size_t start, size_t end, enum data_class class, int score, const char *rule) {
    struct detect_spans *spans = &scan->scratch->candidates;
    if (start < scan->from || end > scan->end || !class_set_has(scan->detector->classes, class)) return;
    if (spans->count == spans->capacity) {
        size_t capacity = spans->capacity == 0 ? 64 : spans->capacity * 2;
        struct detect_span *items =
            capacity > DETECT_SPANS_MAX ? NULL : realloc(spans->items, capacity * sizeof(*items));
        if (items == NULL) {
            scan->is_failed = true;
            return;
        }
        spans->items = items;
        spans->capacity = capacity;
    }
    spans->items[spans->count++] = (struct detect_span){start, end, class, (uint8_t)score, rule};
}

bool is_uuid(const char *text) {
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !byte_is_hex(text[i])) return false;
    }
    return true;
}

#ifdef __SSE2__
#include <emmintrin.h>

static void block_masks(const char *block, uint64_t *digits, uint64_t *marks) {
    *digits = *marks = 0;
    for (int i = 0; i < BLOCK_BYTES / 16; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
        __m128i offset = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(9)), offset);
        __m128i is_joint = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('=')),
                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('>')));
        __m128i is_mark = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('@')),
                                       _mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')));
        is_mark = _mm_or_si128(is_mark, is_joint);
        *digits |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_digit) << (16 * i);
        *marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_mark) << (16 * i);
    }
}
#else
static void block_masks(const char *block, uint64_t *digits, uint64_t *marks) {
    *digits = *marks = 0;
    for (int i = 0; i < BLOCK_BYTES; i++) {
        *digits |= (uint64_t)byte_is_digit(block[i]) << i;
        *marks |= (uint64_t)(block[i] == '@' || block[i] == ':' || block[i] == '=' || block[i] == '>') << i;
    }
}
#endif

static size_t run_rule(struct scan *scan, size_t at) {
    char c = scan->text[at];
    if (c == '@') return scan_at_sign(scan, at);
    if (c == ':' || c == '=' || c == '>') scan_named(scan, at);
    if (c == ':') return scan_colon(scan, at);
    if (c == '=' || c == '>') return at + 1;
    return scan_digits(scan, at);
}

void scan_anchors(struct scan *scan) {
    size_t resume = scan->from;
    scan_named_before(scan);
    uint64_t digit_carry = 0; /* did the block before end in a digit? Segments never begin inside a word that counts. */
    for (size_t block = scan->from; block < scan->end && !scan->is_failed; block += BLOCK_BYTES) {
        uint64_t digits, marks;
        if (scan->end - block >= BLOCK_BYTES) {
            block_masks(scan->text + block, &digits, &marks);
        } else {
            char last[BLOCK_BYTES] = {0};
            memcpy(last, scan->text + block, scan->end - block);
            block_masks(last, &digits, &marks);
        }
        uint64_t anchors = (digits & ~(digits << 1 | digit_carry)) | marks;
        digit_carry = digits >> 63;
        for (; anchors != 0; anchors &= anchors - 1) {
            size_t at = block + (size_t)__builtin_ctzll(anchors);
            if (at >= resume) resume = run_rule(scan, at);
        }
    }
}
