/* Proofs. A range of leaves [start, end) whose hash is asked for is cut into its perfect subtrees; each of those lies
 * within one tile. */
#include "ledger/proof.h"

#include "ledger/file.h"

#define TILE_READ_BYTES (TILE_WIDTH * SHA256_BYTES + 65536u)

struct tile_source {
    int folder_fd;
    uint64_t size;
    struct buffer tile;
    bool has_tile;
    uint32_t level;
    uint64_t number;
    struct error *error;
};

static int load_tile(struct tile_source *source, uint32_t level, uint64_t number) {
    char path[TILE_PATH_MAX_BYTES];
    uint32_t width = tile_width(source->size, level, number);
    if (source->has_tile && source->level == level && source->number == number) return 0;
    source->has_tile = false;
    tile_path_format(path, (int)level, number, width);
    if (file_read(source->folder_fd, path, &source->tile, source->error) != 0) {
        tile_path_format(path, (int)level, number, TILE_WIDTH);
        if (file_read(source->folder_fd, path, &source->tile, source->error) != 0) return -1;
    }
    if (buffer_length(&source->tile) < width * SHA256_BYTES) {
        return error_set(source->error, ERROR_INVALID, "%s is short", path);
    }
    source->has_tile = true;
    source->level = level;
    source->number = number;
    return 0;
}

/* The root over the 2^height leaves from start on (start is a multiple of that). */
static int perfect_hash(struct tile_source *source, uint64_t start, uint32_t height, struct sha256 *out) {
    uint32_t level = height / 8;
    uint64_t node = start >> (8 * level); /* among the nodes of that tile level */
    uint32_t count = 1u << (height % 8);
    struct sha256 nodes[TILE_WIDTH];
    if (load_tile(source, level, node / TILE_WIDTH) != 0) return -1;
    uint32_t place = (uint32_t)(node % TILE_WIDTH);
    if (buffer_length(&source->tile) < (place + count) * SHA256_BYTES) {
        return error_set(source->error, ERROR_INVALID, "a tile is short");
    }
    memcpy(nodes, buffer_view(&source->tile).data + place * SHA256_BYTES, count * SHA256_BYTES);
    *out = merkle_root_of(nodes, count);
    return 0;
}

static uint32_t floor_log2(uint64_t value) {
    return 63u - (uint32_t)__builtin_clzll(value);
}

/* MTH(D[start:end]) where start is a multiple of the largest power of two below end - start. */
static int range_hash(struct tile_source *source, uint64_t start, uint64_t end, struct sha256 *out) {
    struct sha256 parts[64];
    uint32_t count = 0;
    while (start < end) {
        uint32_t height = floor_log2(end - start);
        if (perfect_hash(source, start, height, &parts[count++]) != 0) return -1;
        start += (uint64_t)1 << height;
    }
    *out = parts[--count];
    while (count > 0) {
        count--;
        *out = merkle_node_hash(&parts[count], out);
    }
    return 0;
}

/* The largest power of two smaller than count (count > 1). */
static uint64_t split_of(uint64_t count) {
    return (uint64_t)1 << floor_log2(count - 1);
}

static void reverse(struct merkle_proof *proof) {
    for (uint32_t i = 0; i < proof->count / 2; i++) {
        struct sha256 kept = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = kept;
    }
}

static struct tile_source open_source(int folder_fd, uint64_t size, struct error *error) {
    struct tile_source source = {.folder_fd = folder_fd, .size = size, .error = error};
    buffer_init(&source.tile, TILE_READ_BYTES);
    return source;
}

static int add_range(struct tile_source *source, struct merkle_proof *proof, uint64_t start, uint64_t end) {
    CHECK(proof->count < MERKLE_PROOF_MAX);
    return range_hash(source, start, end, &proof->hashes[proof->count++]);
}

int proof_of_inclusion(int folder_fd, uint64_t index, uint64_t size, struct merkle_proof *proof, struct error *error) {
    if (index >= size) return error_set(error, ERROR_NOT_FOUND, "there is no entry %llu", (unsigned long long)index);
    struct tile_source source = open_source(folder_fd, size, error);
    uint64_t start = 0;
    uint64_t end = size;
    int result = 0;
    proof->count = 0;
    while (result == 0 && end - start > 1) {
        uint64_t middle = start + split_of(end - start);
        if (index < middle) {
            result = add_range(&source, proof, middle, end);
            end = middle;
        } else {
            result = add_range(&source, proof, start, middle);
            start = middle;
        }
    }
    buffer_free(&source.tile);
    reverse(proof);
    return result;
}

int proof_of_consistency(int folder_fd, uint64_t old_size, uint64_t size, struct merkle_proof *proof,
                         struct error *error) {
    if (old_size > size) return error_set(error, ERROR_INVALID, "the older tree is larger");
    struct tile_source source = open_source(folder_fd, size, error);
    uint64_t start = 0;
    uint64_t end = size;
    uint64_t left = old_size; /* leaves of the old tree within [start, end) */
    int result = 0;
    proof->count = 0;
    while (result == 0 && left > 0 && left < end - start) {
        uint64_t split = split_of(end - start);
        if (left <= split) {
            result = add_range(&source, proof, start + split, end);
            end = start + split;
        } else {
            result = add_range(&source, proof, start, start + split);
            start += split;
            left -= split;
        }
    }
    /* At start 0 what is left is the old tree itself, whose root is known to whoever checks. */
    if (result == 0 && start > 0) result = add_range(&source, proof, start, end);
    buffer_free(&source.tile);
    reverse(proof);
    return result;
}

int proof_check_inclusion(const struct merkle_proof *proof, uint64_t index, uint64_t size, const struct sha256 *leaf,
                          const struct sha256 *root) {
    if (index >= size || proof->count > MERKLE_PROOF_MAX) return -1;
    uint64_t node = index;
    uint64_t last = size - 1;
    struct sha256 hash = *leaf;
    for (uint32_t i = 0; i < proof->count; i++) {
        if (last == 0) return -1;
        if ((node & 1) != 0 || node == last) {
            hash = merkle_node_hash(&proof->hashes[i], &hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = merkle_node_hash(&hash, &proof->hashes[i]);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && sha256_equal(&hash, root) ? 0 : -1;
}

int proof_check_consistency(const struct merkle_proof *proof, uint64_t old_size, uint64_t size,
                            const struct sha256 *old_root, const struct sha256 *root) {
    if (old_size > size || proof->count > MERKLE_PROOF_MAX) return -1;
    if (old_size == size) return proof->count == 0 && sha256_equal(old_root, root) ? 0 : -1;
    if (old_size == 0) return proof->count == 0 ? 0 : -1;
    uint64_t node = old_size - 1;
    uint64_t last = size - 1;
    uint32_t at = 0;
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    bool is_old_perfect = node == 0;
    if (!is_old_perfect && proof->count == 0) return -1;
    struct sha256 old_hash = is_old_perfect ? *old_root : proof->hashes[at++];
    struct sha256 hash = old_hash;
    for (; at < proof->count; at++) {
        if (last == 0) return -1;
        if ((node & 1) != 0 || node == last) {
            old_hash = merkle_node_hash(&proof->hashes[at], &old_hash);
            hash = merkle_node_hash(&proof->hashes[at], &hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = merkle_node_hash(&hash, &proof->hashes[at]);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && sha256_equal(&old_hash, old_root) && sha256_equal(&hash, root) ? 0 : -1;
}
