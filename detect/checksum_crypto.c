/* Check sums of cryptocurrency addresses: base58check (double SHA-256), bech32 and bech32m (BIP 173, 350), and the
 * mixed case of EIP-55, which needs Keccak-256 with its original padding (not SHA-3's). */
#include "base/digest.h"
#include "detect/bytes.h"
#include "detect/checksum.h"

#define BASE58_BYTES 25 /* version, 20 of hash, 4 of check */

bool base58check_is_valid(struct str s) {
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    uint8_t bytes[BASE58_BYTES] = {0};
    if (s.length < 26 || s.length > 35) return false;
    for (size_t i = 0; i < s.length; i++) {
        const char *place = s.data[i] != '\0' ? strchr(alphabet, s.data[i]) : NULL;
        if (place == NULL) return false;
        unsigned carry = (unsigned)(place - alphabet);
        for (int j = BASE58_BYTES - 1; j >= 0; j--) {
            carry += 58u * bytes[j];
            bytes[j] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry != 0) return false;
    }
    if (bytes[0] != 0 && bytes[0] != 5) return false;
    struct sha256 once = sha256_of(str_make(bytes, BASE58_BYTES - 4));
    struct sha256 twice = sha256_of(str_make(once.bytes, SHA256_BYTES));
    return memcmp(twice.bytes, bytes + BASE58_BYTES - 4, 4) == 0;
}

static uint32_t bech32_step(uint32_t checksum, uint8_t value) {
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = checksum >> 25;
    checksum = (checksum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++) {
        if (top >> i & 1) checksum ^= generator[i];
    }
    return checksum;
}

bool bech32_is_valid(struct str s) {
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    if (s.length < 14 || s.length > 74 || !str_equal_ignoring_case(str_slice(s, 0, 3), STR("bc1"))) return false;
    uint32_t checksum = 1;
    static const uint8_t prefix[5] = {'b' >> 5, 'c' >> 5, 0, 'b' & 31, 'c' & 31};
    for (int i = 0; i < 5; i++) checksum = bech32_step(checksum, prefix[i]);
    bool has_upper = false, has_lower = false;
    for (size_t i = 0; i < s.length; i++) {
        char c = s.data[i];
        if (byte_is_upper(c)) has_upper = true;
        else if (byte_is_letter(c)) has_lower = true;
        if (i < 3) continue;
        char lower = byte_is_upper(c) ? (char)(c + 32) : c;
        const char *place = lower != '\0' ? strchr(alphabet, lower) : NULL;
        if (place == NULL) return false;
        checksum = bech32_step(checksum, (uint8_t)(place - alphabet));
    }
    return !(has_upper && has_lower) && (checksum == 1 || checksum == 0x2bc830a3);
}

static uint64_t rotate_left(uint64_t x, int n) { return n == 0 ? x : x << n | x >> (64 - n); }

/* Keccak-f[1600], FIPS 202 section 3.3; round constants by the LFSR of section 3.2.5. */
static void keccak_permute(uint64_t state[25]) {
    uint8_t lfsr = 1;
    for (int round = 0; round < 24; round++) {
        uint64_t parity[5];
        for (int x = 0; x < 5; x++) {
            parity[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
        }
        for (int i = 0; i < 25; i++) state[i] ^= parity[(i + 4) % 5] ^ rotate_left(parity[(i + 1) % 5], 1);
        int x = 1, y = 0;
        uint64_t moving = state[1];
        for (int t = 0; t < 24; t++) {
            int next = (2 * x + 3 * y) % 5;
            x = y;
            y = next;
            uint64_t kept = state[x + 5 * y];
            state[x + 5 * y] = rotate_left(moving, (t + 1) * (t + 2) / 2 % 64);
            moving = kept;
        }
        for (int row = 0; row < 25; row += 5) {
            uint64_t old[5];
            memcpy(old, state + row, sizeof(old));
            for (int i = 0; i < 5; i++) state[row + i] = old[i] ^ (~old[(i + 1) % 5] & old[(i + 2) % 5]);
        }
        for (int j = 0; j < 7; j++) {
            if (lfsr & 1) state[0] ^= 1ull << ((1 << j) - 1);
            lfsr = (uint8_t)(lfsr << 1 ^ (lfsr >> 7) * 0x71);
        }
    }
}

bool eth_address_is_valid(struct str hex) {
    if (hex.length != 40) return false;
    bool has_upper = false, has_lower = false;
    char lower[136] = {0}; /* one block: rate of Keccak-256 */
    for (size_t i = 0; i < 40; i++) {
        char c = hex.data[i];
        if (!byte_is_hex(c)) return false;
        if (byte_is_upper(c)) has_upper = true;
        else if (byte_is_letter(c)) has_lower = true;
        lower[i] = byte_is_upper(c) ? (char)(c + 32) : c;
    }
    if (!has_upper || !has_lower) return true;
    lower[40] = 1;
    lower[135] = (char)0x80;
    uint64_t state[25] = {0};
    memcpy(state, lower, sizeof(lower)); /* lanes are little-endian, as are the machines sworn runs on */
    keccak_permute(state);
    for (size_t i = 0; i < 40; i++) {
        unsigned nibble = (unsigned)(state[i / 16] >> (i / 2 % 8 * 8 + (i % 2 == 0 ? 4 : 0))) & 15;
        if (byte_is_letter(hex.data[i]) && byte_is_upper(hex.data[i]) != (nibble >= 8)) return false;
    }
    return true;
}
