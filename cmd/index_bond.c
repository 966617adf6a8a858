/* Reading and writing the bond; the log's root at a size comes from its own tiles. */
#include "cmd/index_bond.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "ledger/checkpoint.h"
#include "ledger/file.h"
#include "ledger/proof.h"

#define BOND_DOMAIN "sworn/index/v1"
#define READ_BYTES 65536
#define BOND_BYTES_MAX (1u << 17)

struct bond {
    uint64_t size;
    struct sha256 root;
    struct sha256 file;
};

static int hash_file(const char *path, struct sha256 *hash) {
    static char bytes[READ_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ssize_t got = -1;
    bool is_good = fd >= 0 && context != NULL && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1;
    while (is_good && (got = read(fd, bytes, sizeof(bytes))) > 0) {
        is_good = EVP_DigestUpdate(context, bytes, (size_t)got) == 1;
    }
    is_good = is_good && got == 0 && EVP_DigestFinal_ex(context, hash->bytes, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (fd >= 0) close(fd);
    return is_good ? 0 : -1;
}

static int read_checkpoint(const char *folder, struct bond *now) {
    char path[4096 + 16];
    struct buffer note;
    struct checkpoint checkpoint;
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    snprintf(path, sizeof(path), "%s/checkpoint", folder);
    int result = file_read(AT_FDCWD, path, &note, NULL);
    if (result == 0) result = checkpoint_parse(buffer_view(&note), &checkpoint, NULL);
    if (result == 0) {
        now->size = checkpoint.size;
        now->root = checkpoint.root;
    }
    buffer_free(&note);
    return result;
}

/* "<size> <root> <file>", and the same behind it, keyed. */
static void format_bond(const struct bond *bond, struct str key, struct buffer *out) {
    buffer_append_format(out, "%llu ", (unsigned long long)bond->size);
    hex_append(out, str_make(bond->root.bytes, SHA256_BYTES));
    buffer_append_byte(out, ' ');
    hex_append(out, str_make(bond->file.bytes, SHA256_BYTES));
    struct sha256 derived = hmac_sha256(key, STR(BOND_DOMAIN));
    struct sha256 mac = hmac_sha256(str_make(derived.bytes, SHA256_BYTES), buffer_view(out));
    buffer_append_byte(out, ' ');
    hex_append(out, str_make(mac.bytes, SHA256_BYTES));
    buffer_append_byte(out, '\n');
}

static void bond_path(char path[4096 + 16], const char *index_path) { snprintf(path, 4096 + 16, "%s.bond", index_path); }

/* The tree of the bond's size is in the log's. */
static bool is_of_log(const char *folder, const struct bond *bond) {
    struct bond now = {0};
    struct merkle_proof proof;
    struct error error;
    if (read_checkpoint(folder, &now) != 0 || bond->size > now.size) return false;
    if (bond->size == 0) return true;
    if (bond->size == now.size) return sha256_equal(&bond->root, &now.root);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_same = fd >= 0 && proof_of_consistency(fd, bond->size, now.size, &proof, &error) == 0 &&
                   proof_check_consistency(&proof, bond->size, now.size, &bond->root, &now.root) == 0;
    if (fd >= 0) close(fd);
    return is_same;
}

static bool parse_hash(struct str text, struct sha256 *hash) {
    struct buffer bytes = {.data = (char *)hash->bytes, .capacity = SHA256_BYTES, .cap_bytes = SHA256_BYTES};
    return text.length == 2 * SHA256_BYTES && hex_decode(text, &bytes) == 0;
}

bool index_bond_holds(const char *index_path, const char *evidence_folder, struct str key) {
    char path[4096 + 16];
    struct buffer text;
    struct buffer wanted;
    struct bond bond = {0};
    struct sha256 file;
    struct str size = STR_NONE;
    struct str root = STR_NONE;
    struct str hash = STR_NONE;
    bond_path(path, index_path);
    buffer_init(&text, BOND_BYTES_MAX);
    buffer_init(&wanted, BOND_BYTES_MAX);
    bool holds = file_read(AT_FDCWD, path, &text, NULL) == 0;
    struct str rest = buffer_view(&text);
    holds = holds && str_split(&rest, ' ', &size) && str_split(&rest, ' ', &root) && str_split(&rest, ' ', &hash) &&
            str_parse_u64(size, &bond.size) == 0 && parse_hash(root, &bond.root) && parse_hash(hash, &bond.file);
    if (holds) format_bond(&bond, key, &wanted);
    holds = holds && bytes_equal_constant_time(buffer_view(&text), buffer_view(&wanted)) &&
            hash_file(index_path, &file) == 0 && sha256_equal(&file, &bond.file) && is_of_log(evidence_folder, &bond);
    buffer_free(&text);
    buffer_free(&wanted);
    return holds;
}

int index_bond_write(const char *index_path, const char *evidence_folder, struct str key, uint64_t size,
                     struct error *error) {
    char path[4096 + 16];
    struct bond bond = {0};
    struct buffer text;
    bond_path(path, index_path);
    unlink(path);
    if (hash_file(index_path, &bond.file) != 0) return error_set_errno(error, "%s cannot be read back", index_path);
    if (read_checkpoint(evidence_folder, &bond) != 0 || bond.size != size) return 0; /* the log went on: no bond this time */
    buffer_init(&text, BOND_BYTES_MAX);
    format_bond(&bond, key, &text);
    int result = file_replace(AT_FDCWD, path, buffer_view(&text), 0600, error);
    buffer_free(&text);
    return result;
}
