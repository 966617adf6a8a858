/* client-first = "n,," "n=" username ",r=" nonce
 * server-first = "r=" nonce ",s=" base64 salt ",i=" iterations
 * client-final = "c=biws,r=" nonce ",p=" base64 proof
 * server-final = "v=" base64 signature / "e=" error
 * Extensions are not accepted: an attribute that we do not know may be one that we must understand. */
#include "wire/postgres/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define GS2_HEADER_BASE64 "biws" /* of "n,," */
#define SALT_BYTES_MAX 256

struct server_first {
    struct str nonce;
    struct str salt; /* decoded, in the caller's buffer */
    uint64_t iterations;
};

void scram_client_init(struct scram_client *client) {
    uint8_t random[SCRAM_NONCE_BYTES / 4 * 3];
    struct buffer text;
    *client = (struct scram_client){0};
    random_bytes(random, sizeof(random));
    buffer_init(&text, SCRAM_NONCE_BYTES);
    base64_append(&text, str_make(random, sizeof(random)));
    CHECK(!buffer_failed(&text) && buffer_length(&text) == sizeof(client->nonce));
    memcpy(client->nonce, buffer_view(&text).data, sizeof(client->nonce));
    client->nonce_length = sizeof(client->nonce);
    buffer_free(&text);
}

static void append_first_bare(const struct scram_client *client, struct str username, struct buffer *out) {
    buffer_append_cstr(out, "n=");
    buffer_append_str(out, username);
    buffer_append_cstr(out, ",r=");
    buffer_append(out, client->nonce, client->nonce_length);
}

void scram_client_start(const struct scram_client *client, struct str username, struct buffer *out) {
    buffer_append_cstr(out, "n,,");
    append_first_bare(client, username, out);
}

/* Takes "<letter>=" value off at the next comma. */
static bool take_attribute(struct str *rest, const char *prefix, struct str *value) {
    struct str part;
    if (rest->data == NULL || !str_split(rest, ',', &part)) return false;
    if (!str_starts_with(part, str_from_cstr(prefix))) return false;
    *value = str_slice(part, 2, part.length);
    return value->length > 0;
}

static int decode_server_first(const struct scram_client *client, struct str message, struct server_first *out,
                               struct buffer *salt, struct error *error) {
    struct str own = str_make(client->nonce, client->nonce_length);
    struct str rest = message;
    struct str salt_text;
    struct str iterations;
    if (message.length > SCRAM_MESSAGE_BYTES_MAX || !take_attribute(&rest, "r=", &out->nonce) ||
        !take_attribute(&rest, "s=", &salt_text) || !take_attribute(&rest, "i=", &iterations) || rest.data != NULL)
        return error_set(error, ERROR_PROTOCOL, "the upstream's SCRAM challenge does not follow RFC 5802");
    if (!str_starts_with(out->nonce, own) || out->nonce.length == own.length)
        return error_set(error, ERROR_PROTOCOL, "the upstream's SCRAM challenge does not extend our nonce");
    if (base64_decode(salt_text, salt) != 0 || buffer_length(salt) == 0 || buffer_failed(salt))
        return error_set(error, ERROR_PROTOCOL, "the upstream's SCRAM salt is not usable");
    if (str_parse_u64(iterations, &out->iterations) != 0 || out->iterations == 0 ||
        out->iterations > SCRAM_ITERATIONS_MAX)
        return error_set(error, ERROR_PROTOCOL, "the upstream's SCRAM iteration count is not between 1 and %d",
                         SCRAM_ITERATIONS_MAX);
    out->salt = buffer_view(salt);
    return 0;
}

static struct str view_of(const struct sha256 *hash) { return str_make(hash->bytes, sizeof(hash->bytes)); }

/* RFC 5802, section 3. */
static int compute_proof(struct scram_client *client, struct str password, const struct server_first *first,
                         struct str auth_message, struct sha256 *proof) {
    struct sha256 salted;
    if (PKCS5_PBKDF2_HMAC(password.length > 0 ? password.data : "", (int)password.length,
                          (const unsigned char *)first->salt.data, (int)first->salt.length, (int)first->iterations,
                          EVP_sha256(), sizeof(salted.bytes), salted.bytes) != 1)
        return -1;
    struct sha256 client_key = hmac_sha256(view_of(&salted), STR("Client Key"));
    struct sha256 server_key = hmac_sha256(view_of(&salted), STR("Server Key"));
    struct sha256 stored_key = sha256_of(view_of(&client_key));
    struct sha256 signature = hmac_sha256(view_of(&stored_key), auth_message);
    for (size_t i = 0; i < SHA256_BYTES; i++) proof->bytes[i] = client_key.bytes[i] ^ signature.bytes[i];
    client->server_signature = hmac_sha256(view_of(&server_key), auth_message);
    client->has_signature = true;
    OPENSSL_cleanse(&salted, sizeof(salted));
    OPENSSL_cleanse(&client_key, sizeof(client_key));
    OPENSSL_cleanse(&server_key, sizeof(server_key));
    return 0;
}

static int append_final(struct scram_client *client, struct str username, struct str password, struct str server_first,
                        const struct server_first *first, struct buffer *auth_message, struct buffer *out) {
    append_first_bare(client, username, auth_message);
    buffer_append_byte(auth_message, ',');
    buffer_append_str(auth_message, server_first);
    buffer_append_byte(auth_message, ',');
    size_t offset = buffer_length(auth_message);
    buffer_append_cstr(auth_message, "c=" GS2_HEADER_BASE64 ",r=");
    buffer_append_str(auth_message, first->nonce);
    if (buffer_failed(auth_message)) return -1;
    struct str whole = buffer_view(auth_message);
    struct sha256 proof;
    if (password.length > INT32_MAX || compute_proof(client, password, first, whole, &proof) != 0) return -1;
    buffer_append_str(out, str_slice(whole, offset, whole.length));
    buffer_append_cstr(out, ",p=");
    base64_append(out, view_of(&proof));
    return buffer_failed(out) ? -1 : 0;
}

int scram_client_finish(struct scram_client *client, struct str username, struct str password,
                        struct str server_first, struct buffer *out, struct error *error) {
    struct server_first first;
    struct buffer salt;
    struct buffer auth_message;
    buffer_init(&salt, SALT_BYTES_MAX);
    buffer_init(&auth_message, 3 * SCRAM_MESSAGE_BYTES_MAX);
    int result = decode_server_first(client, server_first, &first, &salt, error);
    if (result == 0 && append_final(client, username, password, server_first, &first, &auth_message, out) != 0)
        result = error_set(error, ERROR_SYSTEM, "the SCRAM proof could not be computed");
    buffer_free(&salt);
    buffer_free(&auth_message);
    return result;
}

int scram_client_verify(const struct scram_client *client, struct str server_final, struct error *error) {
    struct str rest = server_final;
    struct str text;
    struct buffer signature;
    if (!client->has_signature || server_final.length > SCRAM_MESSAGE_BYTES_MAX ||
        !take_attribute(&rest, "v=", &text) || rest.data != NULL)
        return error_set(error, ERROR_DENIED, "the upstream ended SCRAM without proof that it knows the password");
    buffer_init(&signature, SCRAM_MESSAGE_BYTES_MAX);
    bool is_right = base64_decode(text, &signature) == 0 &&
                    bytes_equal_constant_time(buffer_view(&signature), view_of(&client->server_signature));
    buffer_free(&signature);
    if (is_right) return 0;
    return error_set(error, ERROR_DENIED, "the upstream's SCRAM signature is wrong: it does not know the password");
}

static int md5_hex(struct str first, struct str second, char out[33]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[16];
    unsigned int length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
                   EVP_DigestUpdate(context, first.data, first.length) == 1 &&
                   EVP_DigestUpdate(context, second.data, second.length) == 1 &&
                   EVP_DigestFinal_ex(context, hash, &length) == 1 && length == sizeof(hash);
    EVP_MD_CTX_free(context);
    if (!is_done) return -1;
    for (size_t i = 0; i < sizeof(hash); i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[32] = '\0';
    return 0;
}

int md5_password(struct str user, struct str password, struct str salt, char out[MD5_PASSWORD_BYTES],
                 struct error *error) {
    char inner[33];
    memcpy(out, "md5", 3);
    if (md5_hex(password, user, inner) != 0 || md5_hex(str_make(inner, 32), salt, out + 3) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "the upstream asks for an MD5 password and MD5 is not available "
                                                   "here: use scram-sha-256 there");
    OPENSSL_cleanse(inner, sizeof(inner));
    return 0;
}
