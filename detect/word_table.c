/* Open addressing over FNV-1a of the lower-case bytes. */
#include "detect/word_table.h"

static uint32_t hash_word(const char *word, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)(word[i] | 0x20)) * 16777619u;
    return hash ^ hash >> 15;
}

void word_table_init(struct word_table *table, const struct word_row *rows, size_t count) {
    CHECK(count * 2 < WORD_TABLE_SLOTS);
    *table = (struct word_table){0};
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = hash_word(rows[i].word, rows[i].length);
        size_t slot = hash % WORD_TABLE_SLOTS;
        while (table->slots[slot].word != NULL) slot = (slot + 1) % WORD_TABLE_SLOTS;
        table->slots[slot] = rows[i];
        table->slots[slot].hash = hash;
        const char *word = rows[i].word;
        table->last_letters[rows[i].length][word[0] & 31] |= 1u << (word[rows[i].length - 1] & 31);
    }
}

uint16_t word_table_get(const struct word_table *table, struct str word) {
    if (word.length < 2 || word.length > WORD_LENGTH_MAX) return 0;
    if (!(table->last_letters[word.length][word.data[0] & 31] >> (word.data[word.length - 1] & 31) & 1)) return 0;
    uint32_t hash = hash_word(word.data, word.length);
    size_t at = hash % WORD_TABLE_SLOTS;
    for (const struct word_row *row; (row = &table->slots[at])->word != NULL; at = (at + 1) % WORD_TABLE_SLOTS) {
        if (row->hash == hash && row->length == word.length && strncasecmp(row->word, word.data, word.length) == 0) {
            return row->value;
        }
    }
    return 0;
}
