/* RFC 6962 section 2.1 hashing, in the tiles of C2SP tlog-tiles: 256 hashes wide, 8 levels of the tree each.
 *
 * struct merkle_edge is all that a growing log must remember: for each tile level the hashes of the one tile that is
 * not full yet. Level L holds the roots of perfect subtrees of 256^L leaves. Plain data, no allocation, no I/O. */
#ifndef SWORN_LEDGER_MERKLE_H
#define SWORN_LEDGER_MERKLE_H

#include "base/digest.h"
#include "base/error.h"

#define TILE_WIDTH 256u
#define TILE_LEVELS 8u
#define TILE_ENTRIES_LEVEL (-1) /* entry bundles, in paths */
#define TILE_PATH_MAX_BYTES 64u
#define MERKLE_PROOF_MAX 64u

struct sha256 merkle_leaf_hash(struct str entry);
struct sha256 merkle_node_hash(const struct sha256 *left, const struct sha256 *right);
/* The tree hash over `count` nodes, each the root of a perfect subtree of one size; of none: SHA-256 of nothing. */
struct sha256 merkle_root_of(const struct sha256 *nodes, size_t count);

struct merkle_level {
    uint32_t count; /* less than TILE_WIDTH between calls */
    struct sha256 hashes[TILE_WIDTH];
};

struct merkle_edge {
    uint64_t size;
    struct merkle_level levels[TILE_LEVELS];
};

/* Told of each tile that becomes full, lowest level first; a result other than 0 is passed on. */
typedef int merkle_tile_function(void *context, uint32_t level, uint64_t number, const struct sha256 *hashes);

void merkle_edge_init(struct merkle_edge *edge);
int merkle_edge_append(struct merkle_edge *edge, struct sha256 leaf, merkle_tile_function *on_full, void *context)
    MUST_USE;
struct sha256 merkle_edge_root(const struct merkle_edge *edge);

/* How many hashes the tile has in a tree of that size: 0 to TILE_WIDTH. The entry bundle N is as wide as tile 0/N. */
uint32_t tile_width(uint64_t size, uint32_t level, uint64_t number);
/* "tile/<L>/<N>" or "tile/entries/<N>", with ".p/<W>" for a width below TILE_WIDTH; NUL-terminated. */
struct str tile_path_format(char out[TILE_PATH_MAX_BYTES], int level, uint64_t number, uint32_t width);
int tile_path_parse(struct str path, int *level, uint64_t *number, uint32_t *width) MUST_USE;

/* Takes the next entry (big-endian u16 length, bytes) off the front of an entry bundle. -1: cut short. */
int bundle_take_entry(struct str *rest, struct str *entry) MUST_USE;

#endif
