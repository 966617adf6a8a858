/* Hashes, random bytes, encodings of bytes as text, and secrets. */
#ifndef SWORN_BASE_DIGEST_H
#define SWORN_BASE_DIGEST_H

#include "base/buffer.h"

#define SHA256_BYTES 32

struct sha256 {
    uint8_t bytes[SHA256_BYTES];
};

/* Hashes the concatenation of `count` parts. */
struct sha256 sha256_of_parts(const struct str *parts, size_t count);
struct sha256 sha256_of(struct str data);
struct sha256 hmac_sha256(struct str key, struct str data);
bool sha256_equal(const struct sha256 *a, const struct sha256 *b);

/* Comparison in constant time for equal lengths. */
bool bytes_equal_constant_time(struct str a, struct str b);
/* Cannot fail: aborts when the kernel gives no randomness. */
void random_bytes(void *out, size_t length);

void hex_append(struct buffer *out, struct str bytes); /* lower case */
int hex_decode(struct str text, struct buffer *out) MUST_USE;
void base64_append(struct buffer *out, struct str bytes); /* RFC 4648, padded */
int base64_decode(struct str text, struct buffer *out) MUST_USE; /* strict: padding and trailing bits checked */

/* A secret: heap bytes that are wiped when freed and never printed. */
struct secret {
    char *data;
    size_t length;
};

int secret_set(struct secret *secret, struct str value) MUST_USE;
void secret_wipe(struct secret *secret); /* frees; accepts an empty one */
static inline struct str secret_view(const struct secret *secret) { return str_make(secret->data, secret->length); }

#endif
