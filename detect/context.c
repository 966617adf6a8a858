/* The words of context.def, and the walk over the words near a candidate. */
#include "detect/context.h"

#include "detect/bytes.h"

static const struct word_row rows[] = {
#define CONTEXT(text, bit) {text, sizeof(text) - 1, CONTEXT_##bit, 0},
#include "detect/context.def"
#undef CONTEXT
};

void context_table_init(struct word_table *table) { word_table_init(table, rows, LENGTH_OF(rows)); }

uint32_t context_of_word(const struct word_table *table, struct str word) { return word_table_get(table, word); }

/* Words that say something in a sentence, and nothing as the name of a column ("text" is what a cast is called). */
static bool is_generic_name(struct str name) {
    static const char *const words[] = {"text", "call", "calls", "ring", "office", "desk", "messages", "registered",
                                        "portable", "security", "social", "credit", "debit", "discover", "server",
                                        "client", "host"};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (str_equal_ignoring_case(name, str_from_cstr(words[i]))) return true;
    }
    return false;
}

uint32_t context_of_name(const struct word_table *table, struct str name) {
    if (is_generic_name(name)) return 0;
    uint32_t bits = context_of_word(table, name);
    for (size_t i = 0; i < name.length;) {
        size_t start = i++;
        if (!byte_is_letter(name.data[start])) continue;
        while (i < name.length && byte_is_letter(name.data[i]) &&
               !(byte_is_upper(name.data[i]) && !byte_is_upper(name.data[i - 1]))) {
            i++;
        }
        bits |= context_of_word(table, str_slice(name, start, i));
    }
    return bits;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* Which of 64 bytes are letters. */
static uint64_t letters_of(const char *window) {
    uint64_t mask = 0;
    for (int i = 0; i < CONTEXT_WINDOW_BYTES / 16; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(window + 16 * i));
        __m128i offset = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(25)), offset);
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_letter) << (16 * i);
    }
    return mask;
}
#else
static uint64_t letters_of(const char *window) {
    uint64_t mask = 0;
    for (int i = 0; i < CONTEXT_WINDOW_BYTES; i++) mask |= (uint64_t)byte_is_letter(window[i]) << i;
    return mask;
}
#endif

uint32_t context_before(const struct word_table *table, const char *text, size_t floor, size_t start) {
    char near_floor[CONTEXT_WINDOW_BYTES];
    const char *window = text + start - CONTEXT_WINDOW_BYTES;
    bool is_full = start - floor >= CONTEXT_WINDOW_BYTES;
    if (!is_full) {
        size_t length = start - floor;
        memset(near_floor, 0, sizeof(near_floor) - length);
        memcpy(near_floor + sizeof(near_floor) - length, text + floor, length);
        window = near_floor;
    }
    uint32_t bits = 0;
    uint64_t letters = letters_of(window);
    for (int word = 0; word < CONTEXT_WORDS_MAX && letters != 0; word++) {
        unsigned above = (unsigned)__builtin_clzll(letters);
        uint64_t gaps = ~(letters << above);
        unsigned length = gaps == 0 ? CONTEXT_WINDOW_BYTES : (unsigned)__builtin_clzll(gaps);
        unsigned first = CONTEXT_WINDOW_BYTES - above - length;
        /* A word cut by the window is no word: its beginning is out of sight. */
        if (first == 0 && is_full) break;
        uint32_t bit = context_of_word(table, str_make(window + first, length));
        if (bit != CONTEXT_OTHER || word < 2) bits |= bit;
        letters &= ((uint64_t)1 << first) - 1;
    }
    return bits;
}

uint32_t context_after(const struct word_table *table, const char *text, size_t end, size_t limit) {
    size_t at = end;
    while (at < limit && at - end < 4 && (text[at] == ' ' || text[at] == '-' || text[at] == '(')) at++;
    size_t start = at;
    while (at < limit && at - start <= WORD_LENGTH_MAX && byte_is_letter(text[at])) at++;
    return context_of_word(table, str_make(text + start, at - start));
}
