/* Tree hashes against RFC 6962's definition written out naively, tile names, widths, proofs from tiles. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/file.h"
#include "ledger/merkle.h"
#include "ledger/proof.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/tap.h"

#define LEAVES_MAX 2000

static struct sha256 leaves[LEAVES_MAX];

/* MTH of RFC 6962 section 2.1, as it is written there. */
static struct sha256 naive_root(const struct sha256 *from, size_t count) {
    if (count == 0) return sha256_of(STR(""));
    if (count == 1) return from[0];
    size_t split = 1;
    while (2 * split < count) split *= 2;
    struct sha256 left = naive_root(from, split);
    struct sha256 right = naive_root(from + split, count - split);
    return merkle_node_hash(&left, &right);
}

static bool is_hex(struct sha256 digest, const char *hex) {
    struct buffer text;
    buffer_init(&text, 128);
    hex_append(&text, str_make(digest.bytes, SHA256_BYTES));
    bool is_same = str_equal_cstr(buffer_view(&text), hex);
    if (!is_same) printf("# got %.*s\n", STR_ARGS(buffer_view(&text)));
    buffer_free(&text);
    return is_same;
}

/* The reference leaves and roots of the Certificate Transparency test vectors. */
static void test_known_roots(void) {
    static const struct { const char *data; size_t length; const char *root; } rows[] = {
        {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"\x50\x51\x52\x53\x54\x55\x56\x57", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    static struct merkle_edge edge;
    merkle_edge_init(&edge);
    ok(is_hex(merkle_edge_root(&edge), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), "0 leaves");
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        CHECK(merkle_edge_append(&edge, merkle_leaf_hash(str_make(rows[i].data, rows[i].length)), NULL, NULL) == 0);
        ok(is_hex(merkle_edge_root(&edge), rows[i].root), "1 to 8 leaves");
    }
}

struct tile_folder {
    int fd;
};

static void write_file(int fd, const char *path, const void *data, size_t length) {
    CHECK(file_make_folders_of(fd, path) == 0);
    int file = openat(fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(file >= 0 && file_write_all(file, str_make(data, length)) == 0);
    close(file);
}

static int on_tile(void *context, uint32_t level, uint64_t number, const struct sha256 *hashes) {
    char path[TILE_PATH_MAX_BYTES];
    tile_path_format(path, (int)level, number, TILE_WIDTH);
    write_file(((struct tile_folder *)context)->fd, path, hashes, TILE_WIDTH * SHA256_BYTES);
    return 0;
}

static void test_against_naive(struct merkle_edge *edge, struct tile_folder *folder) {
    bool all_equal = true;
    merkle_edge_init(edge);
    for (size_t i = 0; i < LEAVES_MAX; i++) {
        leaves[i] = merkle_leaf_hash(str_make(&i, sizeof(i)));
        CHECK(merkle_edge_append(edge, leaves[i], on_tile, folder) == 0);
        if (i > 600 && i % 97 != 0) continue;
        struct sha256 root = merkle_edge_root(edge);
        struct sha256 naive = naive_root(leaves, i + 1);
        all_equal &= sha256_equal(&root, &naive);
    }
    ok(all_equal, "roots equal those of the plain recursion");
    /* The narrower forms too, as a folder has them in which checkpoints were made at other sizes. */
    for (uint32_t level = 0; level < TILE_LEVELS; level++) {
        for (uint32_t width = 1; width <= edge->levels[level].count; width++) {
            char path[TILE_PATH_MAX_BYTES];
            tile_path_format(path, (int)level, edge->size >> (8 * level) >> 8, width);
            write_file(folder->fd, path, edge->levels[level].hashes, width * SHA256_BYTES);
        }
    }
}

static void test_proofs(int fd) {
    static const uint64_t sizes[] = {1, 2, 3, 7, 8, 255, 256, 257, 511, 600, 1024, 1999, 2000};
    bool all_good = true;
    bool all_bound = true;
    for (size_t s = 0; s < LENGTH_OF(sizes); s++) {
        struct sha256 root = naive_root(leaves, sizes[s]);
        for (uint64_t index = 0; index < sizes[s]; index += 1 + index / 7) {
            struct merkle_proof proof;
            CHECK(proof_of_inclusion(fd, index, sizes[s], &proof, NULL) == 0);
            all_good &= proof_check_inclusion(&proof, index, sizes[s], &leaves[index], &root) == 0;
            all_bound &= proof_check_inclusion(&proof, index, sizes[s], &leaves[(index + 1) % LEAVES_MAX], &root) != 0;
            if (proof.count > 0) {
                proof.hashes[proof.count / 2].bytes[3] ^= 1;
                all_bound &= proof_check_inclusion(&proof, index, sizes[s], &leaves[index], &root) != 0;
            }
        }
    }
    ok(all_good, "inclusion proofs hold");
    ok(all_bound, "and for nothing else");
    bool is_consistent = true;
    bool is_refused = true;
    for (size_t s = 0; s < LENGTH_OF(sizes); s++) {
        struct sha256 root = naive_root(leaves, sizes[s]);
        for (uint64_t old = 0; old <= sizes[s]; old += 1 + old / 5) {
            struct merkle_proof proof;
            struct sha256 old_root = naive_root(leaves, old);
            CHECK(proof_of_consistency(fd, old, sizes[s], &proof, NULL) == 0);
            is_consistent &= proof_check_consistency(&proof, old, sizes[s], &old_root, &root) == 0;
            old_root.bytes[0] ^= 1;
            if (old > 0) is_refused &= proof_check_consistency(&proof, old, sizes[s], &old_root, &root) != 0;
        }
    }
    ok(is_consistent, "consistency proofs hold");
    ok(is_refused, "and not for another old root");
}

static void test_paths(void) {
    static const struct { int level; uint64_t number; uint32_t width; const char *path; } rows[] = {
        {0, 0, 256, "tile/0/000"}, {0, 67, 256, "tile/0/067"}, {1, 1234067, 256, "tile/1/x001/x234/067"},
        {0, 1000, 5, "tile/0/x001/000.p/5"}, {-1, 0, 255, "tile/entries/000.p/255"},
        {-1, 999999, 256, "tile/entries/x999/999"}, {7, 3, 1, "tile/7/003.p/1"},
    };
    static const char *const bad[] = {"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/8/000",
        "tile/0/x000/001", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/05",
        "tile/00/000", "tile/entries/abc", "tile/0/001/000", "tile/0/x001", "tile/0/000/", "Tile/0/000"};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char path[TILE_PATH_MAX_BYTES];
        int level;
        uint64_t number;
        uint32_t width;
        is_str(tile_path_format(path, rows[i].level, rows[i].number, rows[i].width), str_from_cstr(rows[i].path), "path");
        ok(tile_path_parse(str_from_cstr(rows[i].path), &level, &number, &width) == 0 && level == rows[i].level &&
               number == rows[i].number && width == rows[i].width, "path parsed");
    }
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        int level;
        uint64_t number;
        uint32_t width;
        ok(tile_path_parse(str_from_cstr(bad[i]), &level, &number, &width) != 0, bad[i]);
    }
    char path[TILE_PATH_MAX_BYTES];
    ok(tile_path_format(path, 7, UINT64_MAX, 1).length < TILE_PATH_MAX_BYTES, "the longest path fits");
}

static void test_widths(void) {
    static const struct { uint64_t size; uint32_t level; uint64_t number; uint32_t width; } rows[] = {
        {0, 0, 0, 0}, {1, 0, 0, 1}, {256, 0, 0, 256}, {256, 0, 1, 0}, {256, 1, 0, 1}, {255, 1, 0, 0},
        {65536, 1, 0, 256}, {65536, 2, 0, 1}, {70000, 0, 273, 112}, {70000, 1, 1, 17}, {70000, 0, 274, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        is_integer(tile_width(rows[i].size, rows[i].level, rows[i].number), rows[i].width, "tile width");
    }
}

int main(void) {
    static struct merkle_edge edge;
    struct test_run run;
    struct tile_folder folder;
    test_begin(&run);
    folder.fd = open(run.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_known_roots();
    test_against_naive(&edge, &folder);
    test_proofs(folder.fd);
    test_paths();
    test_widths();
    close(folder.fd);
    test_remove(run.folder);
    return tap_done();
}
