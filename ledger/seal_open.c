/* References and commitments as text, and opening what was sealed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/event.h"
#include "ledger/seal.h"
#include "ledger/seal_format.h"

static void format_reference(const struct seal_reference *reference, char out[SEAL_REFERENCE_MAX_BYTES]) {
    snprintf(out, SEAL_REFERENCE_MAX_BYTES, "%016" PRIx64 "-%" PRIu32 ":%" PRIu64 ":%" PRIu64, reference->run,
             reference->worker, reference->payload_offset, reference->key_offset);
}

int seal_reference_parse(struct str text, struct seal_reference *out) {
    struct str rest = text;
    struct str part;
    uint64_t worker;
    if (!str_split(&rest, '-', &part) || session_parse(part, &out->run) != 0 || !str_split(&rest, ':', &part) ||
        str_parse_u64(part, &worker) != 0 || worker > UINT32_MAX || !str_split(&rest, ':', &part) ||
        str_parse_u64(part, &out->payload_offset) != 0 || rest.data == NULL ||
        str_parse_u64(rest, &out->key_offset) != 0) {
        return -1;
    }
    out->worker = (uint32_t)worker;
    return 0;
}

static void write_hex_member(struct json_writer *writer, struct str key, const struct sha256 *digest) {
    struct buffer hex;
    buffer_init(&hex, 2 * SHA256_BYTES);
    hex_append(&hex, str_make(digest->bytes, SHA256_BYTES));
    json_member_string(writer, key, buffer_view(&hex));
    buffer_free(&hex);
}

void seal_commitment_write(struct json_writer *writer, const struct seal_commitment *commitment) {
    char reference[SEAL_REFERENCE_MAX_BYTES];
    format_reference(&commitment->reference, reference);
    json_begin_object(writer);
    write_hex_member(writer, STR("ciphertext"), &commitment->ciphertext);
    json_member_integer(writer, STR("length"), (int64_t)commitment->length);
    write_hex_member(writer, STR("plaintext"), &commitment->plaintext);
    json_member_string(writer, STR("reference"), str_from_cstr(reference));
    json_end_object(writer);
}

static int parse_digest(struct str hex, struct sha256 *out) {
    struct buffer bytes;
    buffer_init(&bytes, 2 * SHA256_BYTES);
    int result = hex_decode(hex, &bytes) == 0 && buffer_length(&bytes) == SHA256_BYTES ? 0 : -1;
    if (result == 0) memcpy(out->bytes, buffer_view(&bytes).data, SHA256_BYTES);
    buffer_free(&bytes);
    return result;
}

static int parse_member(struct str key, enum json_token event, struct str raw, struct seal_commitment *out) {
    if (event == JSON_TOKEN_NUMBER) return str_equal(key, STR("length")) ? str_parse_u64(raw, &out->length) : -1;
    if (event != JSON_TOKEN_STRING) return -1;
    if (str_equal(key, STR("ciphertext"))) return parse_digest(raw, &out->ciphertext);
    if (str_equal(key, STR("plaintext"))) return parse_digest(raw, &out->plaintext);
    return str_equal(key, STR("reference")) ? seal_reference_parse(raw, &out->reference) : -1;
}

int seal_commitment_parse(struct str json, struct seal_commitment *out, struct error *error) {
    struct json_scanner scanner;
    struct str key;
    struct str raw;
    size_t count = 0;
    *out = (struct seal_commitment){0};
    json_scanner_init(&scanner, json);
    enum json_token event = json_next(&scanner, &key);
    if (event == JSON_TOKEN_BEGIN_OBJECT) {
        while ((event = json_next(&scanner, &key)) == JSON_TOKEN_KEY) {
            event = json_next(&scanner, &raw);
            if (parse_member(key, event, raw, out) != 0) break;
            count++;
        }
    }
    if (event == JSON_TOKEN_END_OBJECT && count == 4 && json_next(&scanner, &raw) == JSON_TOKEN_END) return 0;
    return error_set(error, ERROR_INVALID, "it is not the commitment of a sealed payload");
}

static int gcm_open(const uint8_t *key, const uint8_t *iv, struct str aad, struct str cipher, const uint8_t *tag,
                    uint8_t *out) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int length;
    uint8_t tag_copy[SEAL_TAG_BYTES];
    memcpy(tag_copy, tag, sizeof(tag_copy));
    bool is_good = context != NULL && EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key, iv, NULL) == 1 &&
                   (aad.length == 0 || EVP_DecryptUpdate(context, NULL, &length, (const uint8_t *)aad.data,
                                                         (int)aad.length) == 1) &&
                   EVP_DecryptUpdate(context, out, &length, (const uint8_t *)cipher.data, (int)cipher.length) == 1 &&
                   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag_copy) == 1 &&
                   EVP_DecryptFinal_ex(context, out + cipher.length, &length) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_good ? 0 : -1;
}

static int read_at(const char *folder, const struct seal_reference *reference, const char *suffix, uint64_t offset,
                   void *out, size_t length, struct error *error) {
    char path[SEAL_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%016" PRIx64 "-%" PRIu32 ".%s", folder, reference->run, reference->worker, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        int code = errno;
        error_set_errno(error, "%s cannot be opened", path);
        if (code == ENOENT && error != NULL) error->code = ERROR_NOT_FOUND;
        return -1;
    }
    ssize_t got = offset <= INT64_MAX ? pread(fd, out, length, (off_t)offset) : -1;
    close(fd);
    if (got == (ssize_t)length) return 0;
    return error_set(error, ERROR_NOT_FOUND, "the sealed payload is not there: %s is shorter", path);
}

static bool is_zero(const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static int unwrap_key(const char *folder, struct str kek, const struct seal_reference *reference, uint8_t *key,
                      struct error *error) {
    struct seal_key_record record;
    if (read_at(folder, reference, "keys", reference->key_offset, &record, sizeof(record), error) != 0) return -1;
    if (is_zero(&record, sizeof(record))) return error_set(error, ERROR_NOT_FOUND, "the session's key was erased");
    if (record.magic != SEAL_KEY_MAGIC) return error_set(error, ERROR_INVALID, "there is no key record there");
    if (gcm_open((const uint8_t *)kek.data, record.iv, str_make(&record, SEAL_KEY_AAD_BYTES),
                 str_make(record.wrapped, sizeof(record.wrapped)), record.tag, key) != 0) {
        return error_set(error, ERROR_DENIED, "the session's key cannot be unwrapped: another KEK, or damaged");
    }
    return 0;
}

enum seal_state seal_look(const char *folder, const struct seal_commitment *commitment) {
    const struct seal_reference *reference = &commitment->reference;
    struct seal_payload_header header;
    struct seal_key_record record;
    if (read_at(folder, reference, "payloads", reference->payload_offset, &header, sizeof(header), NULL) != 0 ||
        read_at(folder, reference, "keys", reference->key_offset, &record, sizeof(record), NULL) != 0) {
        return SEAL_MISSING;
    }
    if (is_zero(&header, sizeof(header)) || is_zero(&record, sizeof(record))) return SEAL_ERASED;
    if (header.magic != SEAL_PAYLOAD_MAGIC || record.magic != SEAL_KEY_MAGIC || header.key_offset != reference->key_offset ||
        header.length != commitment->length + SEAL_MAC_KEY_BYTES ||
        header.length > SEAL_PLAINTEXT_MAX_BYTES + SEAL_MAC_KEY_BYTES) {
        return SEAL_CHANGED;
    }
    char *cipher = malloc(header.length);
    if (cipher == NULL) return SEAL_CHANGED;
    uint64_t offset = reference->payload_offset + sizeof(header);
    enum seal_state state = SEAL_MISSING;
    if (read_at(folder, reference, "payloads", offset, cipher, header.length, NULL) == 0) {
        struct sha256 digest = sha256_of(str_make(cipher, header.length));
        state = sha256_equal(&digest, &commitment->ciphertext) ? SEAL_WHOLE : SEAL_CHANGED;
    }
    free(cipher);
    return state;
}

static int open_cipher(const uint8_t *key, const struct seal_payload_header *header, struct str cipher,
                       const struct seal_commitment *commitment, struct buffer *plaintext,
                       uint8_t mac_key[SEAL_MAC_KEY_BYTES], struct error *error) {
    struct sha256 digest = sha256_of(cipher);
    if (!sha256_equal(&digest, &commitment->ciphertext)) {
        return error_set(error, ERROR_INVALID, "the sealed payload is not the one in evidence");
    }
    uint8_t *opened = malloc(cipher.length + SEAL_TAG_BYTES);
    if (opened == NULL) return error_out_of_memory(error);
    int result = gcm_open(key, header->iv, STR_NONE, cipher, header->tag, opened);
    struct str text = str_make(opened + SEAL_MAC_KEY_BYTES, cipher.length - SEAL_MAC_KEY_BYTES);
    struct sha256 mac = hmac_sha256(str_make(opened, SEAL_MAC_KEY_BYTES), text);
    if (result == 0 && sha256_equal(&mac, &commitment->plaintext) && text.length == commitment->length) {
        buffer_append_str(plaintext, text);
        memcpy(mac_key, opened, SEAL_MAC_KEY_BYTES);
        if (buffer_failed(plaintext)) result = error_out_of_memory(error);
    } else {
        result = error_set(error, ERROR_INVALID, "the sealed payload does not hold the text in evidence");
    }
    OPENSSL_cleanse(opened, cipher.length + SEAL_TAG_BYTES);
    free(opened);
    return result;
}

int seal_open(const char *folder, struct str kek, const struct seal_commitment *commitment, struct buffer *plaintext,
              struct error *error) {
    uint8_t ignored[SEAL_MAC_KEY_BYTES];
    int result = seal_open_with_key(folder, kek, commitment, plaintext, ignored, error);
    OPENSSL_cleanse(ignored, sizeof(ignored));
    return result;
}

int seal_open_with_key(const char *folder, struct str kek, const struct seal_commitment *commitment,
                       struct buffer *plaintext, uint8_t mac_key[SEAL_MAC_KEY_BYTES], struct error *error) {
    const struct seal_reference *reference = &commitment->reference;
    struct seal_payload_header header;
    uint8_t key[SEAL_KEK_BYTES];
    if (kek.length != SEAL_KEK_BYTES) return error_set(error, ERROR_INVALID, "a KEK has %u bytes", SEAL_KEK_BYTES);
    if (read_at(folder, reference, "payloads", reference->payload_offset, &header, sizeof(header), error) != 0) return -1;
    if (is_zero(&header, sizeof(header))) return error_set(error, ERROR_NOT_FOUND, "the payload was erased");
    if (header.magic != SEAL_PAYLOAD_MAGIC || header.key_offset != reference->key_offset ||
        header.length != commitment->length + SEAL_MAC_KEY_BYTES ||
        header.length > SEAL_PLAINTEXT_MAX_BYTES + SEAL_MAC_KEY_BYTES) {
        return error_set(error, ERROR_INVALID, "there is no such payload there");
    }
    if (unwrap_key(folder, kek, reference, key, error) != 0) return -1;
    char *cipher = malloc(header.length);
    int result = cipher != NULL ? 0 : error_out_of_memory(error);
    uint64_t offset = reference->payload_offset + sizeof(header);
    if (result == 0) result = read_at(folder, reference, "payloads", offset, cipher, header.length, error);
    if (result == 0) {
        result = open_cipher(key, &header, str_make(cipher, header.length), commitment, plaintext, mac_key, error);
    }
    OPENSSL_cleanse(key, sizeof(key));
    free(cipher);
    return result;
}
