/* Sealing: what one session and one worker write. The records are those of ledger/seal_format.h.
 *
 * The IV of a payload is its number in the session: the key is the session's alone, so it never repeats. */
#include "ledger/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/seal_format.h"

#define SEALER_MAGIC 0x5ea1e20au
#define BUFFERED_BYTES (128u * 1024u)
#define RECENT_COUNT 8
#define RANDOM_POOL_BYTES 4096u
#define HMAC_BLOCK_BYTES 64

struct append_file {
    int fd;
    uint64_t end; /* on disk */
    bool is_broken; /* it could not be made durable */
    struct buffer pending;
};

struct sealer {
    uint32_t magic;
    uint64_t run;
    uint32_t worker;
    struct append_file keys;
    struct append_file payloads;
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *context;
    uint8_t kek[SEAL_KEK_BYTES];
    uint8_t random[RANDOM_POOL_BYTES];
    size_t random_used;
};

struct recent_text {
    struct sha256 digest; /* of the text: kept in memory only, as is the key */
    uint8_t mac_key[SEAL_MAC_KEY_BYTES];
    bool is_used;
    struct seal_commitment commitment;
};

struct seal_session {
    uint8_t key[SEAL_KEK_BYTES];
    uint64_t key_offset;
    uint64_t payload_count;
    uint32_t next_recent;
    struct recent_text recent[RECENT_COUNT];
};

int seal_kek_load(const char *path, bool may_be_made, struct secret *kek, struct error *error) {
    struct buffer bytes;
    struct error problem = {0};
    buffer_init(&bytes, 2 * 65536);
    int result = file_read(AT_FDCWD, path, &bytes, &problem);
    if (result != 0 && problem.code == ERROR_NOT_FOUND && may_be_made) {
        char fresh[SEAL_KEK_BYTES];
        random_bytes(fresh, sizeof(fresh));
        buffer_append(&bytes, fresh, sizeof(fresh));
        OPENSSL_cleanse(fresh, sizeof(fresh));
        result = file_replace(AT_FDCWD, path, buffer_view(&bytes), 0600, &problem);
    }
    if (result != 0 && problem.code == ERROR_NOT_FOUND) {
        (void)error_set(&problem, ERROR_NOT_FOUND, "%s is not there, and the log that it belongs to is: put it back from "
                        "your copy, a new one would open nothing that is sealed", path);
    }
    if (result == 0 && buffer_length(&bytes) != SEAL_KEK_BYTES) {
        result = error_set(&problem, ERROR_INVALID, "%s: a key file holds exactly %u bytes", path, SEAL_KEK_BYTES);
    }
    if (result == 0 && secret_set(kek, buffer_view(&bytes)) != 0) result = error_out_of_memory(&problem);
    if (bytes.data != NULL) OPENSSL_cleanse(bytes.data, bytes.capacity);
    buffer_free(&bytes);
    if (result != 0 && error != NULL) *error = problem;
    return result;
}

static int open_append(struct append_file *file, const char *folder, uint64_t run, uint32_t worker, const char *suffix,
                       struct error *error) {
    char path[SEAL_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%016" PRIx64 "-%u.%s", folder, run, worker, suffix);
    buffer_init(&file->pending, 2 * SEAL_PLAINTEXT_MAX_BYTES);
    file->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    off_t end = file->fd >= 0 ? lseek(file->fd, 0, SEEK_END) : -1;
    if (end < 0) return error_set_errno(error, "%s cannot be opened", path);
    file->end = (uint64_t)end;
    return 0;
}

int sealer_new(struct sealer **out, const char *folder, struct str kek, uint64_t run, uint32_t worker,
               struct error *error) {
    struct sealer *sealer = *out = calloc(1, sizeof(*sealer));
    if (sealer == NULL) return error_out_of_memory(error);
    CHECK(kek.length == SEAL_KEK_BYTES);
    sealer->magic = SEALER_MAGIC;
    sealer->run = run;
    sealer->worker = worker;
    sealer->keys.fd = sealer->payloads.fd = -1;
    sealer->random_used = RANDOM_POOL_BYTES;
    memcpy(sealer->kek, kek.data, SEAL_KEK_BYTES);
    sealer->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    sealer->context = EVP_CIPHER_CTX_new();
    int result = 0;
    if (sealer->cipher == NULL || sealer->context == NULL) result = error_out_of_memory(error);
    if (result == 0 && (file_make_folders_of(AT_FDCWD, folder) != 0 || (mkdir(folder, 0700) != 0 && errno != EEXIST))) {
        result = error_set_errno(error, "folder %s cannot be created", folder);
    }
    if (result == 0) result = open_append(&sealer->keys, folder, run, worker, "keys", error);
    if (result == 0) result = open_append(&sealer->payloads, folder, run, worker, "payloads", error);
    if (result != 0) sealer_free(out);
    return result;
}

static void close_append(struct append_file *file) {
    if (file->fd >= 0) close(file->fd);
    buffer_free(&file->pending);
}

void sealer_free(struct sealer **sealer) {
    if (*sealer == NULL) return;
    CHECK_MAGIC(*sealer, SEALER_MAGIC);
    close_append(&(*sealer)->keys);
    close_append(&(*sealer)->payloads);
    EVP_CIPHER_CTX_free((*sealer)->context);
    EVP_CIPHER_free((*sealer)->cipher);
    OPENSSL_cleanse(*sealer, sizeof(**sealer));
    free(*sealer);
    *sealer = NULL;
}

/* All of it or nothing: what a full disk cut off is taken back, so that offsets stay true. What could not be made durable
 * is not tried again: nobody knows what the file holds then. */
static int flush_append(struct append_file *file, struct error *error) {
    struct str pending = buffer_view(&file->pending);
    if (file->is_broken) return error_set(error, ERROR_UNAVAILABLE, "sealed payloads could not be made durable: restart");
    if (pending.length == 0) return 0;
    if (file_write_all(file->fd, pending) != 0) {
        error_set_errno(error, "sealed payloads cannot be written");
        int ignored = ftruncate(file->fd, (off_t)file->end);
        (void)ignored;
        return -1;
    }
    file->is_broken = fdatasync(file->fd) != 0;
    if (file->is_broken) return error_set_errno(error, "sealed payloads cannot be made durable");
    file->end += pending.length;
    buffer_clear(&file->pending);
    return 0;
}

int sealer_flush(struct sealer *sealer, struct error *error) {
    CHECK_MAGIC(sealer, SEALER_MAGIC);
    if (flush_append(&sealer->keys, error) != 0) return -1;
    return flush_append(&sealer->payloads, error);
}

static void take_random(struct sealer *sealer, uint8_t *out, size_t length) {
    if (RANDOM_POOL_BYTES - sealer->random_used < length) {
        random_bytes(sealer->random, RANDOM_POOL_BYTES);
        sealer->random_used = 0;
    }
    memcpy(out, sealer->random + sealer->random_used, length);
    OPENSSL_cleanse(sealer->random + sealer->random_used, length);
    sealer->random_used += length;
}

struct gcm_part {
    const uint8_t *in;
    size_t length;
};

/* Encrypts the parts one behind the other to out. */
static int gcm_seal(struct sealer *sealer, const uint8_t *key, const uint8_t *iv, struct str aad,
                    const struct gcm_part *parts, size_t count, uint8_t *out, uint8_t *tag) {
    EVP_CIPHER_CTX *context = sealer->context;
    int length;
    bool is_good = EVP_EncryptInit_ex2(context, sealer->cipher, key, iv, NULL) == 1 &&
                   (aad.length == 0 || EVP_EncryptUpdate(context, NULL, &length, (const uint8_t *)aad.data,
                                                         (int)aad.length) == 1);
    for (size_t i = 0; i < count && is_good; i++) {
        is_good = EVP_EncryptUpdate(context, out, &length, parts[i].in, (int)parts[i].length) == 1;
        out += parts[i].length;
    }
    return is_good && EVP_EncryptFinal_ex(context, out, &length) == 1 &&
                   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, tag) == 1
               ? 0
               : -1;
}

int seal_session_begin(struct sealer *sealer, uint64_t session, struct seal_session **out, struct error *error) {
    CHECK_MAGIC(sealer, SEALER_MAGIC);
    struct seal_session *made = *out = calloc(1, sizeof(*made));
    if (made == NULL) return error_out_of_memory(error);
    struct seal_key_record record = {.magic = SEAL_KEY_MAGIC, .session = session};
    take_random(sealer, made->key, sizeof(made->key));
    take_random(sealer, record.iv, sizeof(record.iv));
    made->key_offset = sealer->keys.end + buffer_length(&sealer->keys.pending);
    struct gcm_part part = {made->key, sizeof(made->key)};
    int result = gcm_seal(sealer, sealer->kek, record.iv, str_make(&record, SEAL_KEY_AAD_BYTES), &part, 1,
                          record.wrapped, record.tag);
    if (result == 0) buffer_append(&sealer->keys.pending, &record, sizeof(record));
    if (result == 0 && !buffer_failed(&sealer->keys.pending)) return 0;
    seal_session_free(out);
    return error_set(error, ERROR_MEMORY, "a session key cannot be wrapped");
}

void seal_session_free(struct seal_session **session) {
    if (*session == NULL) return;
    OPENSSL_cleanse(*session, sizeof(**session));
    free(*session);
    *session = NULL;
}

/* RFC 2104, over the process's fetched SHA-256. */
static struct sha256 mac_of(const uint8_t key[SEAL_MAC_KEY_BYTES], struct str text) {
    uint8_t pad[HMAC_BLOCK_BYTES];
    memset(pad, 0x36, sizeof(pad));
    for (size_t i = 0; i < SEAL_MAC_KEY_BYTES; i++) pad[i] ^= key[i];
    struct str inner_parts[] = {str_make(pad, sizeof(pad)), text};
    struct sha256 inner = sha256_of_parts(inner_parts, LENGTH_OF(inner_parts));
    for (size_t i = 0; i < sizeof(pad); i++) pad[i] ^= 0x36 ^ 0x5c;
    struct str outer_parts[] = {str_make(pad, sizeof(pad)), str_make(inner.bytes, SHA256_BYTES)};
    struct sha256 outer = sha256_of_parts(outer_parts, LENGTH_OF(outer_parts));
    OPENSSL_cleanse(pad, sizeof(pad));
    return outer;
}

struct sha256 seal_keyed_hash(const uint8_t key[SEAL_MAC_KEY_BYTES], const char *domain, struct str data) {
    char text[128];
    struct str name = str_from_cstr(domain);
    CHECK(name.length + 1 + data.length <= sizeof(text));
    memcpy(text, name.data, name.length + 1);
    memcpy(text + name.length + 1, data.data, data.length);
    return mac_of(key, str_make(text, name.length + 1 + data.length));
}

struct sha256 sealer_keyed_hash(const struct sealer *sealer, const char *domain, struct str data) {
    CHECK_MAGIC(sealer, SEALER_MAGIC);
    struct sha256 inner = sha256_of(data);
    return seal_keyed_hash(sealer->kek, domain, str_make(inner.bytes, SHA256_BYTES));
}

static int seal_payload(struct sealer *sealer, struct seal_session *session, struct str text,
                        const uint8_t mac_key[SEAL_MAC_KEY_BYTES], struct seal_commitment *out) {
    struct buffer *pending = &sealer->payloads.pending;
    struct seal_payload_header header = {SEAL_PAYLOAD_MAGIC, (uint32_t)(SEAL_MAC_KEY_BYTES + text.length),
                                          session->key_offset, {0},
                                    {0}, {0}};
    size_t whole = sizeof(header) + header.length;
    char *room = buffer_reserve(pending, whole);
    if (room == NULL) return -1;
    memcpy(header.iv, &session->payload_count, sizeof(session->payload_count));
    struct gcm_part parts[] = {{mac_key, SEAL_MAC_KEY_BYTES}, {(const uint8_t *)text.data, text.length}};
    uint8_t *cipher = (uint8_t *)room + sizeof(header);
    if (gcm_seal(sealer, session->key, header.iv, STR_NONE, parts, LENGTH_OF(parts), cipher, header.tag) != 0) return -1;
    memcpy(room, &header, sizeof(header));
    out->reference = (struct seal_reference){sealer->run, sealer->worker,
                                             sealer->payloads.end + buffer_length(pending), session->key_offset};
    out->ciphertext = sha256_of(str_make(cipher, header.length));
    out->plaintext = mac_of(mac_key, text);
    out->length = text.length;
    buffer_commit(pending, whole);
    session->payload_count++;
    return 0;
}

static const struct recent_text *find_recent(const struct seal_session *session, const struct sha256 *digest) {
    for (size_t i = 0; i < RECENT_COUNT; i++) {
        const struct recent_text *recent = &session->recent[i];
        if (recent->is_used && sha256_equal(&recent->digest, digest)) return recent;
    }
    return NULL;
}

void seal_choose_key(struct sealer *sealer, const struct seal_session *session, struct str plaintext,
                     uint8_t key[SEAL_MAC_KEY_BYTES]) {
    CHECK_MAGIC(sealer, SEALER_MAGIC);
    struct sha256 digest = sha256_of(plaintext);
    const struct recent_text *recent = find_recent(session, &digest);
    if (recent != NULL) memcpy(key, recent->mac_key, SEAL_MAC_KEY_BYTES);
    else take_random(sealer, key, SEAL_MAC_KEY_BYTES);
}

/* key: NULL for any. */
static int put(struct sealer *sealer, struct seal_session *session, struct str plaintext, const uint8_t *key,
               struct seal_commitment *out, struct error *error) {
    CHECK_MAGIC(sealer, SEALER_MAGIC);
    if (plaintext.length > SEAL_PLAINTEXT_MAX_BYTES) {
        return error_set(error, ERROR_LIMIT, "a text of %zu bytes is too long to be sealed", plaintext.length);
    }
    struct sha256 digest = sha256_of(plaintext);
    const struct recent_text *recent = find_recent(session, &digest);
    if (recent != NULL && (key == NULL || memcmp(recent->mac_key, key, SEAL_MAC_KEY_BYTES) == 0)) {
        *out = recent->commitment;
        return 0;
    }
    struct recent_text made = {.digest = digest, .is_used = true};
    if (key != NULL) memcpy(made.mac_key, key, SEAL_MAC_KEY_BYTES);
    else take_random(sealer, made.mac_key, SEAL_MAC_KEY_BYTES);
    if (buffer_length(&sealer->payloads.pending) > BUFFERED_BYTES && sealer_flush(sealer, error) != 0) return -1;
    if (seal_payload(sealer, session, plaintext, made.mac_key, &made.commitment) != 0) {
        return error_set(error, ERROR_MEMORY, "a text of %zu bytes cannot be sealed", plaintext.length);
    }
    *out = made.commitment;
    session->recent[session->next_recent++ % RECENT_COUNT] = made;
    OPENSSL_cleanse(made.mac_key, sizeof(made.mac_key));
    return 0;
}

int seal_put(struct sealer *sealer, struct seal_session *session, struct str plaintext, struct seal_commitment *out,
             struct error *error) {
    return put(sealer, session, plaintext, NULL, out, error);
}

int seal_put_under(struct sealer *sealer, struct seal_session *session, struct str plaintext,
                   const uint8_t key[SEAL_MAC_KEY_BYTES], struct seal_commitment *out, struct error *error) {
    return put(sealer, session, plaintext, key, out, error);
}
