#!/usr/bin/python3
"""Checks an evidence folder with nothing of sworn: written from the C2SP specifications (tlog-tiles, tlog-checkpoint,
signed-note) and RFC 6962, with Debian's python3-cryptography for Ed25519.

Usage: verify_independent.py FOLDER VKEY [INDEX...]
Verifies the checkpoint's signature, recomputes the root from the entry bundles alone, compares the level 0 tiles, and
for each INDEX (default: some) builds an inclusion proof from the hash tiles alone and checks it. Exit 0, or 1."""
import base64
import hashlib
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


class Bad(Exception):
    pass


def sha(data):
    return hashlib.sha256(data).digest()


def leaf_hash(entry):
    return sha(b"\0" + entry)


def node_hash(left, right):
    return sha(b"\1" + left + right)


def tree_hash(hashes):
    """MTH of RFC 6962 section 2.1 over the hashes of the leaves."""
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(tree_hash(hashes[:split]), tree_hash(hashes[split:]))


def open_checkpoint(folder, vkey):
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[0] != 1 or len(key) != 33:
        raise Bad("vkey is not Ed25519")
    if sha(name.encode() + b"\n" + key)[:4].hex() != key_id:
        raise Bad("vkey's key id is wrong")
    with open(os.path.join(folder, "checkpoint"), "rb") as file:
        note = file.read()
    text, signatures = note.rsplit(b"\n\n", 1)
    text += b"\n"
    for line in signatures.decode().splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and signer == name and blob[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text)
            except InvalidSignature:
                raise Bad("the signature is bad")
            origin, size, root = text.decode().split("\n")[:3]
            if origin != name:
                raise Bad("the origin is not the key's name")
            return int(size), base64.b64decode(root, validate=True)
    raise Bad("no signature by this key")


def tile_path(level, number, width):
    groups = ["%03d" % (number % 1000)]
    number //= 1000
    while number:
        groups.insert(0, "x%03d" % (number % 1000))
        number //= 1000
    path = "/".join(["tile", str(level)] + groups)
    return path if width == WIDTH else "%s.p/%d" % (path, width)


def read_tile(folder, level, number, width):
    for name in (tile_path(level, number, width), tile_path(level, number, WIDTH)):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            continue
    raise Bad("missing: " + tile_path(level, number, width))


def entries_of(folder, size):
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        data = read_tile(folder, "entries", number, width)
        at = 0
        for _ in range(width):
            length = int.from_bytes(data[at:at + 2], "big")
            entry = data[at + 2:at + 2 + length]
            if len(entry) != length:
                raise Bad("bundle %d is cut short" % number)
            yield entry
            at += 2 + length


class Tiles:
    def __init__(self, folder, size):
        self.folder, self.size, self.cache = folder, size, {}

    def node(self, height, position):
        """The hash of the perfect subtree of 2^height leaves at that position of its row."""
        level, inner = divmod(height, 8)
        first = position << inner
        number, offset = divmod(first, WIDTH)
        if (level, number) not in self.cache:
            width = min(WIDTH, (self.size >> (8 * level)) - number * WIDTH)
            self.cache[level, number] = read_tile(self.folder, level, number, width)
        tile = self.cache[level, number]
        hashes = [tile[32 * i:32 * i + 32] for i in range(offset, offset + (1 << inner))]
        if len(hashes[-1]) != 32:
            raise Bad("tile %d/%d is short" % (level, number))
        return tree_hash(hashes)

    def range(self, start, end):
        count = end - start
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self.node(height, start >> height)
        split = 1 << ((count - 1).bit_length() - 1)
        return node_hash(self.range(start, start + split), self.range(start + split, end))

    def root_through(self, index, leaf, start=0, end=None):
        """The root, with the path from the leaf upwards computed and everything beside it from tiles."""
        end = self.size if end is None else end
        if end - start == 1:
            return leaf
        split = 1 << ((end - start - 1).bit_length() - 1)
        if index < start + split:
            return node_hash(self.root_through(index, leaf, start, start + split), self.range(start + split, end))
        return node_hash(self.range(start, start + split), self.root_through(index, leaf, start + split, end))


def main():
    folder, vkey = sys.argv[1], sys.argv[2]
    if os.path.exists(vkey):
        with open(vkey) as file:
            vkey = file.read()
    try:
        size, root = open_checkpoint(folder, vkey)
        entries = list(entries_of(folder, size))
        leaves = [leaf_hash(entry) for entry in entries]
        if tree_hash(leaves) != root:
            raise Bad("the entries do not give the signed root")
        for number in range((size + WIDTH - 1) // WIDTH):
            wanted = b"".join(leaves[number * WIDTH:(number + 1) * WIDTH])
            if read_tile(folder, 0, number, len(wanted) // 32)[:len(wanted)] != wanted:
                raise Bad("tile 0/%d does not hold its entries' hashes" % number)
        tiles = Tiles(folder, size)
        chosen = [int(word) for word in sys.argv[3:]] or range(0, size, max(1, size // 50))
        for index in chosen:
            if tiles.root_through(index, leaves[index]) != root:
                raise Bad("entry %d is not included" % index)
    except (Bad, ValueError, OSError) as problem:
        print("bad: %s" % problem)
        return 1
    print("good: %d entries" % size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
