/* Boxes over OpenSSL; the form stands in mask_box.h. */
#include "guard/mask_box.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#define BOX_VERSION 1
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define HEAD_BYTES (1 + NONCE_BYTES)
#define OWNER_BYTES_MAX 4096
#define KEY_LABEL "sworn mask box v1"

int mask_box_key_derive(struct str seal_key, struct mask_box_key *key, struct error *error) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t length = sizeof(key->bytes);
    bool is_good = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
                   EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1 &&
                   EVP_PKEY_CTX_set1_hkdf_key(context, (const uint8_t *)seal_key.data, (int)seal_key.length) == 1 &&
                   EVP_PKEY_CTX_add1_hkdf_info(context, (const uint8_t *)KEY_LABEL, (int)strlen(KEY_LABEL)) == 1 &&
                   EVP_PKEY_derive(context, key->bytes, &length) == 1 && length == sizeof(key->bytes);
    EVP_PKEY_CTX_free(context);
    return is_good ? 0 : error_set(error, ERROR_MEMORY, "a key cannot be derived from the seal key");
}

void mask_box_key_wipe(struct mask_box_key *key) { OPENSSL_cleanse(key, sizeof(*key)); }

/* Each part with its length before it: no two owners have the same bytes. */
static void append_owner(struct buffer *out, const struct mask_box_owner *owner) {
    const struct str parts[] = {owner->purpose, owner->principal, owner->upstream};
    for (size_t i = 0; i < LENGTH_OF(parts); i++) {
        buffer_append_u32be(out, (uint32_t)parts[i].length);
        buffer_append_str(out, parts[i]);
    }
}

static void append_base64url(struct buffer *out, struct str bytes) {
    size_t before = buffer_length(out);
    base64_append(out, bytes);
    if (buffer_failed(out)) return;
    while (buffer_length(out) > before && out->data[out->end - 1] == '=') buffer_truncate(out, buffer_length(out) - 1);
    for (size_t i = out->start + before; i < out->end; i++) {
        if (out->data[i] == '+') out->data[i] = '-';
        else if (out->data[i] == '/') out->data[i] = '_';
    }
}

static int decode_base64url(struct str text, struct buffer *out) {
    struct buffer standard;
    buffer_init(&standard, SIZE_MAX / 2);
    int result = 0;
    for (size_t i = 0; i < text.length && result == 0; i++) {
        char c = text.data[i];
        if (c == '+' || c == '/' || c == '=') result = -1;
        buffer_append_byte(&standard, (uint8_t)(c == '-' ? '+' : c == '_' ? '/' : c));
    }
    for (size_t i = text.length; i % 4 != 0; i++) buffer_append_byte(&standard, '=');
    if (result == 0) result = buffer_failed(&standard) ? -1 : base64_decode(buffer_view(&standard), out);
    buffer_free(&standard);
    return result;
}

static int encrypt(const struct mask_box_key *key, struct str owner, struct str text, uint8_t *box) {
    if (text.data == NULL) text = STR("");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *ciphertext = box + HEAD_BYTES;
    int length;
    box[0] = BOX_VERSION;
    random_bytes(box + 1, NONCE_BYTES);
    bool is_good =
        context != NULL && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, box + 1) == 1 &&
        EVP_EncryptUpdate(context, NULL, &length, (const uint8_t *)owner.data, (int)owner.length) == 1 &&
        EVP_EncryptUpdate(context, ciphertext, &length, (const uint8_t *)text.data, (int)text.length) == 1 &&
        EVP_EncryptFinal_ex(context, ciphertext + text.length, &length) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, ciphertext + text.length) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_good ? 0 : -1;
}

static int decrypt(const struct mask_box_key *key, struct str owner, struct str box, uint8_t *text) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const uint8_t *bytes = (const uint8_t *)box.data;
    size_t text_length = box.length - HEAD_BYTES - TAG_BYTES;
    uint8_t tag[TAG_BYTES];
    memcpy(tag, bytes + HEAD_BYTES + text_length, TAG_BYTES);
    int length;
    bool is_good = context != NULL && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, bytes + 1) == 1 &&
                   EVP_DecryptUpdate(context, NULL, &length, (const uint8_t *)owner.data, (int)owner.length) == 1 &&
                   EVP_DecryptUpdate(context, text, &length, bytes + HEAD_BYTES, (int)text_length) == 1 &&
                   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
                   EVP_DecryptFinal_ex(context, text + text_length, &length) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_good ? 0 : -1;
}

int mask_box_seal(const struct mask_box_key *key, const struct mask_box_owner *owner, struct str text,
                  struct buffer *out, struct error *error) {
    if (text.length > MASK_BOX_TEXT_MAX_BYTES) {
        return error_set(error, ERROR_LIMIT, "a text of more than %u MiB is not sealed", MASK_BOX_TEXT_MAX_BYTES >> 20);
    }
    struct buffer bound, box;
    size_t before = buffer_length(out);
    size_t box_bytes = HEAD_BYTES + text.length + TAG_BYTES;
    buffer_init(&bound, OWNER_BYTES_MAX);
    buffer_init(&box, box_bytes);
    append_owner(&bound, owner);
    char *room = buffer_reserve(&box, box_bytes);
    int result = room == NULL || buffer_failed(&bound) ? -1 : encrypt(key, buffer_view(&bound), text, (uint8_t *)room);
    if (result == 0) append_base64url(out, str_make(room, box_bytes));
    buffer_free(&bound);
    buffer_free(&box);
    if (result == 0 && !buffer_failed(out)) return 0;
    buffer_truncate(out, before);
    return error_out_of_memory(error);
}

int mask_box_open(const struct mask_box_key *key, const struct mask_box_owner *owner, struct str sealed,
                  struct buffer *out, struct error *error) {
    struct buffer bound, box;
    buffer_init(&bound, OWNER_BYTES_MAX);
    buffer_init(&box, MASK_BOX_TEXT_MAX_BYTES + HEAD_BYTES + TAG_BYTES);
    append_owner(&bound, owner);
    int result = buffer_failed(&bound) ? -1 : decode_base64url(sealed, &box);
    struct str bytes = buffer_view(&box);
    if (result == 0 && (bytes.length < HEAD_BYTES + TAG_BYTES || bytes.data[0] != BOX_VERSION)) result = -1;
    size_t length = result == 0 ? bytes.length - HEAD_BYTES - TAG_BYTES : 0;
    /* GCM writes what it decrypts before it knows the tag: nothing counts until it does. */
    char *room = result == 0 ? buffer_reserve(out, length + 1) : NULL;
    if (result == 0) result = room == NULL ? -1 : decrypt(key, buffer_view(&bound), bytes, (uint8_t *)room);
    if (result == 0) buffer_commit(out, length);
    else if (room != NULL) OPENSSL_cleanse(room, length);
    buffer_free(&bound);
    buffer_free(&box);
    return result == 0 ? 0 : error_set(error, ERROR_INVALID, "a sealed text is none of ours, or not for this principal");
}
