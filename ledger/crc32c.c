/* CRC32C: by SSE 4.2, or by a table of one byte a step. */
#include "ledger/crc32c.h"

#include <pthread.h>

#define POLYNOMIAL_REFLECTED 0x82f63b78u

static uint32_t table[256];
static bool has_instruction;
static pthread_once_t is_ready = PTHREAD_ONCE_INIT;

static void make_ready(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? POLYNOMIAL_REFLECTED : 0);
        table[i] = value;
    }
#if defined(__x86_64__)
    has_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

static uint32_t by_table(uint32_t crc, struct str data) {
    for (size_t i = 0; i < data.length; i++) crc = table[(crc ^ (uint8_t)data.data[i]) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, struct str data) {
    uint64_t wide = crc;
    size_t at = 0;
    for (; at + 8 <= data.length; at += 8) {
        uint64_t word;
        memcpy(&word, data.data + at, sizeof(word));
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; at < data.length; at++) crc = __builtin_ia32_crc32qi(crc, (uint8_t)data.data[at]);
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, struct str data) {
    pthread_once(&is_ready, make_ready);
    crc = ~crc;
#if defined(__x86_64__)
    if (has_instruction) return ~by_instruction(crc, data);
#endif
    return ~by_table(crc, data);
}
