/* Tokens as text, and the login with one.
 *
 *     token  = "swt_" random check
 *     random = 43 base64url characters: 32 bytes, no padding (RFC 4648, section 5)
 *     check  = 6 base64url characters: the first 36 bits of SHA-256("sworn token check" NUL random)
 *
 * The check tells a typing error or a scanner's false hit from a token without asking the store. It proves nothing. */
#include <assert.h>

#include "base/log.h"
#include "guard/identity.h"

#define TOKEN_RANDOM_BYTES 32
#define TOKEN_RANDOM_CHARACTERS 43
#define TOKEN_CHECK_CHARACTERS 6
#define LOGIN_ARENA_BYTES 8192

static const struct str token_prefix = {"swt_", 4};
static_assert(sizeof("swt_") - 1 + TOKEN_RANDOM_CHARACTERS + TOKEN_CHECK_CHARACTERS == TOKEN_TEXT_BYTES - 1, "layout");

/* Six bits a character; bits past the end count as zero. */
static void token_encode(const uint8_t *bytes, size_t length, char *out, size_t characters) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < characters; i++) {
        size_t byte = i * 6 / 8;
        unsigned pair = (unsigned)bytes[byte] << 8 | (byte + 1 < length ? bytes[byte + 1] : 0);
        out[i] = alphabet[pair >> (10 - i * 6 % 8) & 63];
    }
}

static void token_check_characters(struct str random, char out[TOKEN_CHECK_CHARACTERS]) {
    struct str parts[] = {STR("sworn token check\0"), random};
    struct sha256 hash = sha256_of_parts(parts, LENGTH_OF(parts));
    token_encode(hash.bytes, SHA256_BYTES, out, TOKEN_CHECK_CHARACTERS);
}

void token_make(char text[TOKEN_TEXT_BYTES], struct sha256 *hash) {
    uint8_t bytes[TOKEN_RANDOM_BYTES];
    random_bytes(bytes, sizeof(bytes));
    memcpy(text, token_prefix.data, token_prefix.length);
    char *random = text + token_prefix.length;
    token_encode(bytes, sizeof(bytes), random, TOKEN_RANDOM_CHARACTERS);
    token_check_characters(str_make(random, TOKEN_RANDOM_CHARACTERS), random + TOKEN_RANDOM_CHARACTERS);
    text[TOKEN_TEXT_BYTES - 1] = '\0';
    *hash = sha256_of(str_make(text, TOKEN_TEXT_BYTES - 1));
    explicit_bzero(bytes, sizeof(bytes));
}

bool token_is_well_formed(struct str text) {
    if (text.length != TOKEN_TEXT_BYTES - 1 || !str_starts_with(text, token_prefix)) return false;
    struct str random = str_slice(text, token_prefix.length, token_prefix.length + TOKEN_RANDOM_CHARACTERS);
    char check[TOKEN_CHECK_CHARACTERS];
    token_check_characters(random, check);
    struct str given = str_slice(text, token_prefix.length + TOKEN_RANDOM_CHARACTERS, text.length);
    return bytes_equal_constant_time(given, str_make(check, sizeof(check)));
}

/* NULL when the token proves the name; else why not, for the operational log. The order of tests tells an outsider
 * nothing: each way ends in the same answer after the same look-up. */
static const char *login_refusal(const struct principal *principal, bool is_found, const struct token_info *token,
                                 int64_t now_us) {
    if (principal == NULL) return "no such principal";
    if (!is_found) return "no such token";
    if (!bytes_equal_constant_time(principal->name, token->principal)) return "the token is another principal's";
    if (token->revoked_us != 0) return "the token is revoked";
    if (token->expires_us != 0 && token->expires_us <= now_us) return "the token has expired";
    return NULL;
}

static int login_find(struct store *store, struct arena *arena, struct str token_text, struct token_info *token,
                      bool *is_found, struct error *error) {
    struct sha256 hash = sha256_of(token_text);
    struct error reason = {0};
    *is_found = store_token_find(store, arena, &hash, token, &reason) == 0;
    if (!*is_found && reason.code != ERROR_NOT_FOUND) {
        return error_set(error, ERROR_UNAVAILABLE, "logins are not possible now: %s", reason.text);
    }
    *is_found = *is_found && sha256_equal(&hash, &token->hash) && token_is_well_formed(token_text);
    return 0;
}

/* name: NULL for the token's own. */
static int authenticate(const struct identity *identity, struct store *store, const struct str *name,
                        struct str token_text, int64_t now_us, const struct principal **principal,
                        struct token_info *token, struct error *error) {
    struct arena arena;
    arena_init(&arena, LOGIN_ARENA_BYTES);
    struct token_info found = {0};
    bool is_found = false;
    if (login_find(store, &arena, token_text, &found, &is_found, error) != 0) {
        arena_free(&arena);
        return -1;
    }
    struct str claimed = name != NULL ? *name : is_found ? found.principal : STR("(a bearer)");
    const struct principal *candidate = identity_find(identity, claimed);
    const char *refusal = login_refusal(candidate, is_found, &found, now_us);
    /* What no principal is called may be anything: a token typed in the wrong place. */
    struct str shown = candidate != NULL ? claimed : STR("an unknown name");
    if (refusal != NULL) log_warning("login as %.*s refused: %s", STR_ARGS(shown), refusal);
    arena_free(&arena);
    if (refusal != NULL) {
        return error_set(error, ERROR_DENIED,
                         "name or token is wrong, or the token is no longer valid: ask for one with "
                         "`sworn token create`");
    }
    *principal = candidate;
    found.principal = candidate->name;
    if (token != NULL) *token = found;
    return 0;
}

int identity_authenticate(const struct identity *identity, struct store *store, struct str name, struct str token_text,
                          int64_t now_us, const struct principal **principal, struct token_info *token,
                          struct error *error) {
    return authenticate(identity, store, &name, token_text, now_us, principal, token, error);
}

int identity_authenticate_bearer(const struct identity *identity, struct store *store, struct str token_text,
                                 int64_t now_us, const struct principal **principal, struct token_info *token,
                                 struct error *error) {
    return authenticate(identity, store, NULL, token_text, now_us, principal, token, error);
}
