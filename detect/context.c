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

uint32_t context_of_name(const struct word_table *table, struct str name) {
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

uint32_t context_before(const struct word_table *table, const char *text, size_t floor, size_t start) {
    if (start - floor > CONTEXT_WINDOW_BYTES) floor = start - CONTEXT_WINDOW_BYTES;
    uint32_t bits = 0;
    size_t at = start;
    for (int word = 0; word < CONTEXT_WORDS_MAX; word++) {
        while (at > floor && !byte_is_letter(text[at - 1])) at--;
        size_t end = at;
        while (at > floor && byte_is_letter(text[at - 1])) at--;
        if (at == end) break;
        /* A word cut by the window is no word: its beginning is out of sight. */
        if (at == floor && start - floor == CONTEXT_WINDOW_BYTES) break;
        uint32_t bit = context_of_word(table, str_make(text + at, end - at));
        if (bit != CONTEXT_OTHER || word < 2) bits |= bit;
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
