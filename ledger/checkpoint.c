/* Parsing, signing and verifying of checkpoints.
 *
 *     note      = text LF 1*64signature            text ends with LF; the last empty line separates
 *     text      = origin LF size LF root LF *(extension LF)
 *     signature = %xE2.80.94 SP name SP base64 LF
 */
#include "ledger/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"

#define SIGNATURE_PREFIX STR("\xe2\x80\x94 ")
#define PRIVATE_PREFIX STR("PRIVATE+KEY+")
#define ALGORITHM_ED25519 1
#define KEY_TEXT_MAX_BYTES 512u
#define SIGNATURES_MAX 64

struct checkpoint_signer {
    struct checkpoint_vkey vkey;
    EVP_PKEY *key;
};

static uint32_t key_id_of(struct str name, const uint8_t public_key[ED25519_KEY_BYTES]) {
    struct str parts[] = {name, STR("\n\x01"), str_make(public_key, ED25519_KEY_BYTES)};
    struct sha256 digest = sha256_of_parts(parts, LENGTH_OF(parts));
    uint32_t id;
    memcpy(&id, digest.bytes, sizeof(id));
    return __builtin_bswap32(id);
}

/* A key name: no white space or control characters, no plus sign, valid UTF-8. */
static bool is_name(struct str name) {
    if (name.length == 0 || name.length > CHECKPOINT_NAME_MAX_BYTES || !utf8_is_valid(name)) return false;
    for (size_t i = 0; i < name.length; i++) {
        uint8_t c = (uint8_t)name.data[i];
        if (c <= ' ' || c == 0x7f || c == '+') return false;
    }
    return true;
}

/* name+hex8+base64(0x01 || 32 bytes), for both kinds of key text. */
static int parse_key_text(struct str text, struct str *name, uint32_t *key_id, uint8_t bytes[ED25519_KEY_BYTES],
                          struct error *error) {
    struct str rest = text;
    struct str id_text;
    struct buffer decoded;
    buffer_init(&decoded, KEY_TEXT_MAX_BYTES);
    int result = -1;
    if (str_split(&rest, '+', name) && is_name(*name) && str_split(&rest, '+', &id_text) && id_text.length == 8 &&
        hex_decode(id_text, &decoded) == 0 && rest.data != NULL && base64_decode(rest, &decoded) == 0) {
        struct str view = buffer_view(&decoded);
        if (view.length == 4 + 1 + ED25519_KEY_BYTES && view.data[4] == ALGORITHM_ED25519) {
            memcpy(key_id, view.data, 4);
            *key_id = __builtin_bswap32(*key_id);
            memcpy(bytes, view.data + 5, ED25519_KEY_BYTES);
            result = 0;
        }
        OPENSSL_cleanse(decoded.data, decoded.capacity);
    }
    buffer_free(&decoded);
    return result == 0 ? 0 : error_set(error, ERROR_INVALID, "not a key of the form name+hex8+base64 (Ed25519)");
}

static void format_key_text(struct str name, uint32_t key_id, const uint8_t bytes[ED25519_KEY_BYTES],
                            struct buffer *out) {
    char with_algorithm[1 + ED25519_KEY_BYTES] = {ALGORITHM_ED25519};
    memcpy(with_algorithm + 1, bytes, ED25519_KEY_BYTES);
    buffer_append_str(out, name);
    buffer_append_format(out, "+%08x+", key_id);
    base64_append(out, str_make(with_algorithm, sizeof(with_algorithm)));
    OPENSSL_cleanse(with_algorithm, sizeof(with_algorithm));
}

int checkpoint_vkey_parse(struct str text, struct checkpoint_vkey *vkey, struct error *error) {
    struct str name;
    text = str_trim(text);
    if (parse_key_text(text, &name, &vkey->key_id, vkey->public_key, error) != 0) return error_prefix(error, "vkey");
    memcpy(vkey->name, name.data, name.length);
    vkey->name[name.length] = '\0';
    if (key_id_of(name, vkey->public_key) != vkey->key_id) {
        return error_set(error, ERROR_INVALID, "vkey: its key id does not belong to its name and key");
    }
    return 0;
}

void checkpoint_vkey_format(const struct checkpoint_vkey *vkey, struct buffer *out) {
    format_key_text(str_from_cstr(vkey->name), vkey->key_id, vkey->public_key, out);
}

static int signer_from_seed(struct checkpoint_signer *signer, struct str name, const uint8_t seed[ED25519_KEY_BYTES],
                            struct error *error) {
    size_t length = ED25519_KEY_BYTES;
    signer->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_KEY_BYTES);
    if (signer->key == NULL || EVP_PKEY_get_raw_public_key(signer->key, signer->vkey.public_key, &length) != 1) {
        return error_set(error, ERROR_INVALID, "the signing key cannot be used");
    }
    memcpy(signer->vkey.name, name.data, name.length);
    signer->vkey.name[name.length] = '\0';
    signer->vkey.key_id = key_id_of(name, signer->vkey.public_key);
    return 0;
}

static int create_key(const char *path, struct str name, struct buffer *text, struct error *error) {
    uint8_t seed[ED25519_KEY_BYTES];
    struct checkpoint_signer draft = {0};
    random_bytes(seed, sizeof(seed));
    int result = signer_from_seed(&draft, name, seed, error);
    if (result == 0) {
        buffer_clear(text);
        buffer_append_str(text, PRIVATE_PREFIX);
        format_key_text(name, draft.vkey.key_id, seed, text);
        buffer_append_byte(text, '\n');
        result = file_replace(AT_FDCWD, path, buffer_view(text), 0600, error);
    }
    EVP_PKEY_free(draft.key);
    OPENSSL_cleanse(seed, sizeof(seed));
    return result;
}

static int signer_from_text(struct checkpoint_signer *signer, struct str text, struct str name, struct error *error) {
    struct str found;
    uint32_t key_id;
    uint8_t seed[ED25519_KEY_BYTES];
    text = str_trim(text);
    if (!str_starts_with(text, PRIVATE_PREFIX)) return error_set(error, ERROR_INVALID, "not a private key file");
    text = str_slice(text, PRIVATE_PREFIX.length, text.length);
    if (parse_key_text(text, &found, &key_id, seed, error) != 0) return -1;
    int result = 0;
    if (!str_equal(found, name)) {
        result = error_set(error, ERROR_INVALID, "the key's name is %.*s, but the log's origin is %.*s", STR_ARGS(found),
                           STR_ARGS(name));
    } else if (signer_from_seed(signer, name, seed, error) != 0) {
        result = -1;
    } else if (signer->vkey.key_id != key_id) {
        result = error_set(error, ERROR_INVALID, "the key id does not belong to the key: the file is damaged");
    }
    OPENSSL_cleanse(seed, sizeof(seed));
    return result;
}

int checkpoint_signer_load(struct checkpoint_signer **signer, const char *path, bool may_be_made, struct str name,
                           struct error *error) {
    if (!is_name(name)) {
        return error_set(error, ERROR_INVALID, "origin \"%.*s\": spaces and '+' are not allowed", STR_ARGS(name));
    }
    *signer = calloc(1, sizeof(**signer));
    if (*signer == NULL) return error_out_of_memory(error);
    struct buffer text;
    buffer_init(&text, 2 * 65536);
    struct error problem = {0};
    int result = file_read(AT_FDCWD, path, &text, &problem);
    if (result != 0 && problem.code == ERROR_NOT_FOUND && may_be_made) result = create_key(path, name, &text, &problem);
    if (result != 0 && problem.code == ERROR_NOT_FOUND) {
        (void)error_set(&problem, ERROR_NOT_FOUND, "is not there, and its log is: put it back from your copy; with a new "
                        "key nobody who trusts the old one could check what follows");
    }
    if (result == 0) result = signer_from_text(*signer, buffer_view(&text), name, &problem);
    if (text.data != NULL) OPENSSL_cleanse(text.data, text.capacity);
    buffer_free(&text);
    if (result != 0) {
        checkpoint_signer_free(signer);
        if (error != NULL) *error = problem;
        return error_prefix(error, "signing key %s", path);
    }
    return 0;
}

void checkpoint_signer_free(struct checkpoint_signer **signer) {
    if (*signer == NULL) return;
    EVP_PKEY_free((*signer)->key);
    free(*signer);
    *signer = NULL;
}

const struct checkpoint_vkey *checkpoint_signer_vkey(const struct checkpoint_signer *signer) {
    return &signer->vkey;
}

int checkpoint_sign(const struct checkpoint_signer *signer, uint64_t size, const struct sha256 *root,
                    struct buffer *note, struct error *error) {
    size_t start = buffer_length(note);
    buffer_append_format(note, "%s\n%llu\n", signer->vkey.name, (unsigned long long)size);
    base64_append(note, str_make(root->bytes, SHA256_BYTES));
    buffer_append_byte(note, '\n');
    struct str text = str_slice(buffer_view(note), start, SIZE_MAX);
    uint8_t id_and_signature[4 + ED25519_SIGNATURE_BYTES];
    uint32_t id = __builtin_bswap32(signer->vkey.key_id);
    memcpy(id_and_signature, &id, 4);
    size_t length = ED25519_SIGNATURE_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool signed_well = context != NULL && !buffer_failed(note) &&
                       EVP_DigestSignInit(context, NULL, NULL, NULL, signer->key) == 1 &&
                       EVP_DigestSign(context, id_and_signature + 4, &length, (const uint8_t *)text.data,
                                      text.length) == 1;
    EVP_MD_CTX_free(context);
    if (!signed_well) return error_set(error, ERROR_SYSTEM, "the checkpoint cannot be signed");
    buffer_append_byte(note, '\n');
    buffer_append_str(note, SIGNATURE_PREFIX);
    buffer_append_cstr(note, signer->vkey.name);
    buffer_append_byte(note, ' ');
    base64_append(note, str_make(id_and_signature, sizeof(id_and_signature)));
    buffer_append_byte(note, '\n');
    return buffer_failed(note) ? error_out_of_memory(error) : 0;
}

/* Cuts the note at its last empty line: text with its final newline, and the signature lines. */
static bool split_note(struct str note, struct str *text, struct str *signatures) {
    if (note.length > CHECKPOINT_MAX_BYTES || !utf8_is_valid(note)) return false;
    for (size_t i = 0; i < note.length; i++) {
        if ((uint8_t)note.data[i] < 0x20 && note.data[i] != '\n') return false;
    }
    size_t at = note.length;
    while (at >= 2 && !(note.data[at - 1] == '\n' && note.data[at - 2] == '\n')) at--;
    if (at < 2) return false;
    *text = str_slice(note, 0, at - 1);
    *signatures = str_slice(note, at, note.length);
    return signatures->length > 0 && str_ends_with(*signatures, STR("\n"));
}

static int parse_text(struct str text, struct checkpoint *checkpoint, struct error *error) {
    struct str rest = text;
    struct str size_text;
    struct str root_text;
    struct buffer root;
    buffer_init(&root, KEY_TEXT_MAX_BYTES);
    bool is_good = str_split(&rest, '\n', &checkpoint->origin) && checkpoint->origin.length > 0 &&
                   str_split(&rest, '\n', &size_text) && str_parse_u64(size_text, &checkpoint->size) == 0 &&
                   (size_text.length == 1 || size_text.data[0] != '0') && str_split(&rest, '\n', &root_text) &&
                   base64_decode(root_text, &root) == 0 && buffer_length(&root) == SHA256_BYTES && rest.data != NULL;
    struct str extension;
    while (is_good && rest.length > 0 && str_split(&rest, '\n', &extension)) is_good = extension.length > 0;
    if (is_good) memcpy(checkpoint->root.bytes, buffer_view(&root).data, SHA256_BYTES);
    buffer_free(&root);
    return is_good ? 0 : error_set(error, ERROR_INVALID, "not a checkpoint (origin, size, root)");
}

int checkpoint_parse(struct str note, struct checkpoint *checkpoint, struct error *error) {
    struct str text;
    struct str signatures;
    if (!split_note(note, &text, &signatures)) return error_set(error, ERROR_INVALID, "not a signed note");
    return parse_text(text, checkpoint, error);
}

static bool is_signature_good(struct str text, struct str signature, const struct checkpoint_vkey *vkey) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, vkey->public_key, ED25519_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good = key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                   EVP_DigestVerify(context, (const uint8_t *)signature.data, signature.length,
                                    (const uint8_t *)text.data, text.length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return is_good;
}

enum line_verdict { LINE_MALFORMED, LINE_OTHER_KEY, LINE_BAD, LINE_GOOD };

static enum line_verdict judge_line(struct str line, struct str text, const struct checkpoint_vkey *vkey) {
    struct str name;
    struct buffer decoded;
    if (!str_starts_with(line, SIGNATURE_PREFIX)) return LINE_MALFORMED;
    line = str_slice(line, SIGNATURE_PREFIX.length, line.length);
    if (!str_split(&line, ' ', &name) || !is_name(name) || line.data == NULL) return LINE_MALFORMED;
    buffer_init(&decoded, CHECKPOINT_MAX_BYTES);
    enum line_verdict verdict = LINE_MALFORMED;
    if (base64_decode(line, &decoded) == 0 && buffer_length(&decoded) > 4) {
        struct str bytes = buffer_view(&decoded);
        uint32_t id;
        memcpy(&id, bytes.data, 4);
        bool is_ours = __builtin_bswap32(id) == vkey->key_id && str_equal_cstr(name, vkey->name);
        struct str signature = str_slice(bytes, 4, bytes.length);
        verdict = !is_ours ? LINE_OTHER_KEY : is_signature_good(text, signature, vkey) ? LINE_GOOD : LINE_BAD;
    }
    buffer_free(&decoded);
    return verdict;
}

int checkpoint_verify(struct str note, const struct checkpoint_vkey *vkey, struct checkpoint *checkpoint,
                      struct error *error) {
    struct str text;
    struct str signatures;
    if (!split_note(note, &text, &signatures)) return error_set(error, ERROR_INVALID, "not a signed note");
    if (parse_text(text, checkpoint, error) != 0) return -1;
    int good_count = 0;
    int line_count = 0;
    struct str line;
    while (signatures.length > 0 && str_split(&signatures, '\n', &line)) {
        enum line_verdict verdict = judge_line(line, text, vkey);
        if (verdict == LINE_MALFORMED || ++line_count > SIGNATURES_MAX) {
            return error_set(error, ERROR_INVALID, "a signature line is malformed");
        }
        if (verdict == LINE_BAD) {
            return error_set(error, ERROR_INVALID, "the signature by %s is not good: the checkpoint was altered",
                             vkey->name);
        }
        if (verdict == LINE_GOOD) good_count++;
    }
    if (good_count == 0) return error_set(error, ERROR_INVALID, "no signature by %s (%08x)", vkey->name, vkey->key_id);
    if (!str_equal_cstr(checkpoint->origin, vkey->name)) {
        return error_set(error, ERROR_INVALID, "the origin is %.*s, not %s", STR_ARGS(checkpoint->origin), vkey->name);
    }
    return 0;
}
