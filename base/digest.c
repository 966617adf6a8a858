/* Thin covers over OpenSSL, and the text encodings of bytes. */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

static EVP_MD *algorithm; /* fetched once: a fetch costs more than the hash of a short text */
static pthread_key_t context_key; /* a thread's context goes when the thread does */
static pthread_once_t is_ready = PTHREAD_ONCE_INIT;

static void free_context(void *context) {
    EVP_MD_CTX_free(context);
}

static void make_ready(void) {
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(algorithm != NULL && pthread_key_create(&context_key, free_context) == 0);
}

struct sha256 sha256_of_parts(const struct str *parts, size_t count) {
    static _Thread_local EVP_MD_CTX *context;
    if (context == NULL) {
        pthread_once(&is_ready, make_ready);
        context = EVP_MD_CTX_new();
        CHECK(context != NULL && pthread_setspecific(context_key, context) == 0);
    }
    CHECK(EVP_DigestInit_ex2(context, algorithm, NULL) == 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0) CHECK(EVP_DigestUpdate(context, parts[i].data, parts[i].length) == 1);
    }
    struct sha256 digest;
    CHECK(EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1);
    return digest;
}

struct sha256 sha256_of(struct str data) {
    return sha256_of_parts(&data, 1);
}

struct sha256 hmac_sha256(struct str key, struct str data) {
    struct sha256 digest;
    unsigned int length = SHA256_BYTES;
    CHECK(key.length <= INT32_MAX);
    const void *key_data = key.length > 0 ? key.data : "";
    const void *message = data.length > 0 ? data.data : "";
    CHECK(HMAC(EVP_sha256(), key_data, (int)key.length, message, data.length, digest.bytes, &length) != NULL);
    return digest;
}

bool sha256_equal(const struct sha256 *a, const struct sha256 *b) {
    return CRYPTO_memcmp(a->bytes, b->bytes, SHA256_BYTES) == 0;
}

bool bytes_equal_constant_time(struct str a, struct str b) {
    return a.length == b.length && (a.length == 0 || CRYPTO_memcmp(a.data, b.data, a.length) == 0);
}

void random_bytes(void *out, size_t length) {
    char *next = out;
    while (length > 0) {
        ssize_t got = getrandom(next, length, 0);
        CHECK(got > 0);
        next += got;
        length -= (size_t)got;
    }
}

void hex_append(struct buffer *out, struct str bytes) {
    static const char digits[] = "0123456789abcdef";
    char *room = bytes.length <= SIZE_MAX / 2 ? buffer_reserve(out, 2 * bytes.length) : NULL;
    if (room == NULL) return;
    for (size_t i = 0; i < bytes.length; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];
        room[2 * i] = digits[byte >> 4];
        room[2 * i + 1] = digits[byte & 15];
    }
    buffer_commit(out, 2 * bytes.length);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int hex_decode(struct str text, struct buffer *out) {
    if (text.length % 2 != 0) return -1;
    for (size_t i = 0; i < text.length; i += 2) {
        int high = hex_value(text.data[i]);
        int low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0) return -1;
        buffer_append_byte(out, (uint8_t)(high << 4 | low));
    }
    return buffer_failed(out) ? -1 : 0;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buffer *out, struct str bytes) {
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;
        uint32_t group = (uint32_t)(uint8_t)bytes.data[i] << 16;
        if (left > 1) group |= (uint32_t)(uint8_t)bytes.data[i + 1] << 8;
        if (left > 2) group |= (uint8_t)bytes.data[i + 2];
        char quad[4] = {base64_alphabet[group >> 18], base64_alphabet[group >> 12 & 63],
                        left > 1 ? base64_alphabet[group >> 6 & 63] : '=', left > 2 ? base64_alphabet[group & 63] : '='};
        buffer_append(out, quad, sizeof(quad));
    }
}

static int base64_value(char c) {
    const char *found = c != '\0' ? strchr(base64_alphabet, c) : NULL;
    return found == NULL ? -1 : (int)(found - base64_alphabet);
}

int base64_decode(struct str text, struct buffer *out) {
    if (text.length % 4 != 0) return -1;
    for (size_t i = 0; i < text.length; i += 4) {
        bool is_last = i + 4 == text.length;
        size_t padding = !is_last || text.data[i + 3] != '=' ? 0 : text.data[i + 2] == '=' ? 2 : 1;
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            int value = j < 4 - padding ? base64_value(text.data[i + j]) : 0;
            if (value < 0) return -1;
            group = group << 6 | (uint32_t)value;
        }
        if ((padding == 1 && (group & 0xff) != 0) || (padding == 2 && (group & 0xffff) != 0)) return -1;
        char bytes[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
        buffer_append(out, bytes, 3 - padding);
    }
    return buffer_failed(out) ? -1 : 0;
}

int secret_set(struct secret *secret, struct str value) {
    secret_wipe(secret);
    secret->data = malloc(value.length + 1);
    if (secret->data == NULL) return -1;
    if (value.length > 0) memcpy(secret->data, value.data, value.length);
    secret->data[value.length] = '\0';
    secret->length = value.length;
    return 0;
}

void secret_wipe(struct secret *secret) {
    if (secret->data != NULL) {
        OPENSSL_cleanse(secret->data, secret->length);
        free(secret->data);
    }
    *secret = (struct secret){0};
}
