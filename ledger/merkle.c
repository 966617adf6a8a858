/* Tree hashes, the right edge, tile names and entry bundles. */
#include "ledger/merkle.h"

#include <stdio.h>

struct sha256 merkle_leaf_hash(struct str entry) {
    struct str parts[] = {STR("\0"), entry};
    return sha256_of_parts(parts, LENGTH_OF(parts));
}

struct sha256 merkle_node_hash(const struct sha256 *left, const struct sha256 *right) {
    char joined[1 + 2 * SHA256_BYTES];
    joined[0] = 1;
    memcpy(joined + 1, left->bytes, SHA256_BYTES);
    memcpy(joined + 1 + SHA256_BYTES, right->bytes, SHA256_BYTES);
    return sha256_of(str_make(joined, sizeof(joined)));
}

/* The root over a power of two of nodes: `nodes` is worked on in place. */
static struct sha256 fold_perfect(struct sha256 *nodes, size_t count) {
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++) nodes[i] = merkle_node_hash(&nodes[2 * i], &nodes[2 * i + 1]);
    }
    return nodes[0];
}

/* Puts the roots of the perfect subtrees of these nodes before *right, from the right to the left. */
static void fold_left_of(struct sha256 *right, bool *has_right, const struct sha256 *nodes, size_t count) {
    for (size_t group = 1; count > 0; group *= 2) {
        if ((count & group) == 0) continue;
        count -= group;
        struct sha256 scratch[TILE_WIDTH];
        memcpy(scratch, nodes + count, group * sizeof(*nodes));
        struct sha256 root = fold_perfect(scratch, group);
        *right = *has_right ? merkle_node_hash(&root, right) : root;
        *has_right = true;
    }
}

struct sha256 merkle_root_of(const struct sha256 *nodes, size_t count) {
    CHECK(count <= TILE_WIDTH);
    bool has_root = false;
    struct sha256 root;
    fold_left_of(&root, &has_root, nodes, count);
    return has_root ? root : sha256_of(STR(""));
}

void merkle_edge_init(struct merkle_edge *edge) {
    edge->size = 0;
    for (uint32_t level = 0; level < TILE_LEVELS; level++) edge->levels[level].count = 0;
}

int merkle_edge_append(struct merkle_edge *edge, struct sha256 leaf, merkle_tile_function *on_full, void *context) {
    struct sha256 hash = leaf;
    for (uint32_t level = 0; level < TILE_LEVELS; level++) {
        struct merkle_level *here = &edge->levels[level];
        here->hashes[here->count++] = hash;
        if (here->count < TILE_WIDTH) break;
        uint64_t number = edge->size >> (8 * (level + 1));
        if (on_full != NULL && on_full(context, level, number, here->hashes) != 0) return -1;
        hash = merkle_root_of(here->hashes, TILE_WIDTH);
        here->count = 0;
    }
    edge->size++;
    return 0;
}

struct sha256 merkle_edge_root(const struct merkle_edge *edge) {
    bool has_root = false;
    struct sha256 root;
    for (uint32_t level = 0; level < TILE_LEVELS; level++) {
        fold_left_of(&root, &has_root, edge->levels[level].hashes, edge->levels[level].count);
    }
    return has_root ? root : sha256_of(STR(""));
}

uint32_t tile_width(uint64_t size, uint32_t level, uint64_t number) {
    uint64_t nodes = level >= TILE_LEVELS ? 0 : size >> (8 * level);
    if (number > nodes / TILE_WIDTH) return 0;
    return number < nodes / TILE_WIDTH ? TILE_WIDTH : (uint32_t)(nodes % TILE_WIDTH);
}

struct str tile_path_format(char out[TILE_PATH_MAX_BYTES], int level, uint64_t number, uint32_t width) {
    char groups[40] = "";
    size_t at = sizeof(groups) - 1;
    bool is_last = true;
    do {
        char group[6];
        snprintf(group, sizeof(group), is_last ? "/%03u" : "/x%03u", (unsigned)(number % 1000));
        size_t length = is_last ? 4 : 5;
        at -= length;
        memcpy(groups + at, group, length);
        number /= 1000;
        is_last = false;
    } while (number > 0);
    char folder[12] = "entries";
    if (level >= 0) snprintf(folder, sizeof(folder), "%d", level);
    int length = snprintf(out, TILE_PATH_MAX_BYTES, "tile/%s%.*s", folder, (int)(sizeof(groups) - 1 - at), groups + at);
    if (width < TILE_WIDTH) {
        length += snprintf(out + length, TILE_PATH_MAX_BYTES - (size_t)length, ".p/%u", width);
    }
    return str_make(out, (size_t)length);
}

/* Reads an x001/x234/067 name; by being formatted again it is held to the one right form. */
static int parse_number(struct str text, uint64_t *number) {
    *number = 0;
    struct str group;
    while (str_split(&text, '/', &group)) {
        uint64_t value;
        if (str_starts_with(group, STR("x"))) group = str_slice(group, 1, group.length);
        if (group.length != 3 || str_parse_u64(group, &value) != 0 || *number > UINT64_MAX / 1000 - 1) return -1;
        *number = *number * 1000 + value;
    }
    return 0;
}

int tile_path_parse(struct str path, int *level, uint64_t *number, uint32_t *width) {
    struct str rest = path;
    struct str word;
    if (!str_split(&rest, '/', &word) || !str_equal(word, STR("tile")) || !str_split(&rest, '/', &word)) return -1;
    uint64_t value;
    if (str_equal(word, STR("entries"))) {
        *level = TILE_ENTRIES_LEVEL;
    } else if (str_parse_u64(word, &value) == 0 && value < TILE_LEVELS) {
        *level = (int)value;
    } else {
        return -1;
    }
    *width = TILE_WIDTH;
    size_t partial = rest.data == NULL ? STR_NOT_FOUND : str_find(rest, STR(".p/"));
    if (partial != STR_NOT_FOUND) {
        if (str_parse_u64(str_slice(rest, partial + 3, rest.length), &value) != 0 || value == 0 ||
            value >= TILE_WIDTH) {
            return -1;
        }
        *width = (uint32_t)value;
        rest = str_slice(rest, 0, partial);
    }
    if (rest.data == NULL || parse_number(rest, number) != 0) return -1;
    char again[TILE_PATH_MAX_BYTES];
    return str_equal(tile_path_format(again, *level, *number, *width), path) ? 0 : -1;
}

int bundle_take_entry(struct str *rest, struct str *entry) {
    if (rest->length < 2) return -1;
    size_t length = (size_t)((uint8_t)rest->data[0] << 8 | (uint8_t)rest->data[1]);
    if (rest->length < 2 + length) return -1;
    *entry = str_slice(*rest, 2, 2 + length);
    *rest = str_slice(*rest, 2 + length, rest->length);
    return 0;
}
