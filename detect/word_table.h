/* struct word_table: from words in any case to a small number, in a few nanoseconds. Made once, then immutable. */
#ifndef SWORN_DETECT_WORD_TABLE_H
#define SWORN_DETECT_WORD_TABLE_H

#include "base/str.h"

#define WORD_TABLE_SLOTS 2048 /* a power of two, several times the words put in */
#define WORD_LENGTH_MAX 32

struct word_row {
    const char *word; /* lower case, static */
    uint8_t length;
    uint16_t value; /* not 0 */
    uint32_t hash;  /* filled in by word_table_init */
};

struct word_table {
    /* By length and first letter, one bit a last letter: most words fail here, before they are hashed. */
    uint32_t last_letters[WORD_LENGTH_MAX + 1][32];
    struct word_row slots[WORD_TABLE_SLOTS];
};

void word_table_init(struct word_table *table, const struct word_row *rows, size_t count);
/* 0 when the word is not there. */
uint16_t word_table_get(const struct word_table *table, struct str word);

#endif
