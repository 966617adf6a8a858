/* Evidence near a candidate: which of the words of context.def stand before it or right behind it. */
#ifndef SWORN_DETECT_CONTEXT_H
#define SWORN_DETECT_CONTEXT_H

#include "detect/word_table.h"

#define CONTEXT_WINDOW_BYTES 64 /* before the candidate, one bit each of a mask; below DETECT_CONTEXT_BYTES */
#define CONTEXT_WORDS_MAX 7     /* the nearest words before it */

enum context_bit {
    CONTEXT_PHONE = 1 << 0,
    CONTEXT_CARD = 1 << 1,
    CONTEXT_SSN = 1 << 2,
    CONTEXT_BANK = 1 << 3,
    CONTEXT_IP = 1 << 4,
    CONTEXT_NHS = 1 << 5,
    CONTEXT_NINO = 1 << 6,
    CONTEXT_DE_TAX = 1 << 7,
    CONTEXT_NIR = 1 << 8,
    CONTEXT_DNI = 1 << 9,
    CONTEXT_PASSPORT = 1 << 10,
    CONTEXT_BIRTH = 1 << 11,
    CONTEXT_OTHER = 1 << 12,
    CONTEXT_SECRET = 1 << 13,   /* of names only: they end in a word for secrets (credentials.def) */
    CONTEXT_PASSWORD = 1 << 14, /* or in one for passwords */
};

/* What makes a number more than a number. */
#define CONTEXT_OF_NUMBERS \
    (CONTEXT_PHONE | CONTEXT_CARD | CONTEXT_SSN | CONTEXT_BANK | CONTEXT_NHS | CONTEXT_NINO | CONTEXT_DE_TAX | \
     CONTEXT_NIR | CONTEXT_DNI | CONTEXT_PASSPORT | CONTEXT_BIRTH)

void context_table_init(struct word_table *table);
/* The bit of a word in any case, or 0. */
uint32_t context_of_word(const struct word_table *table, struct str word);
/* The bits of the words of a name such as "homePhone" or "card_number". */
uint32_t context_of_name(const struct word_table *table, struct str name);
/* The bits of the words that end before `start`, none before `floor`. CONTEXT_OTHER only from the two nearest words. */
uint32_t context_before(const struct word_table *table, const char *text, size_t floor, size_t start);
/* The bit of the word that follows `end` behind blanks, hyphens or dots, not past `limit`. */
uint32_t context_after(const struct word_table *table, const char *text, size_t end, size_t limit);

#endif
