#!/usr/bin/python3
"""Checks an evidence folder with nothing of sworn: written from the C2SP specifications (tlog-tiles, tlog-checkpoint,
signed-note) and RFC 6962, with Debian's python3-cryptography for Ed25519.

Usage: verify_independent.py FOLDER VKEY [INDEX...]
Verifies the checkpoint's signature, recomputes the root from the entry bundles alone, compares every tile, looks for files
that do not belong there, and for each INDEX (default: some) builds an inclusion proof from the hash tiles alone and checks
it. What the entries tell is checked by verify_story.py. Exit 0, or 1."""
import base64
import hashlib
import os
import re
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
    text, _, signatures = note.partition(b"\n\n")
    text += b"\n"
    if not signatures.endswith(b"\n"):
        raise Bad("the note is cut short")
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
            if not re.fullmatch("0|[1-9][0-9]*", size):
                raise Bad("the size is no number")
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


def read_file(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def read_tile(folder, level, number, width):
    """The tile's bytes and how wide it is: full where the log has gone on since the checkpoint."""
    for found in (width, WIDTH):
        try:
            data = read_file(folder, tile_path(level, number, found))
        except FileNotFoundError:
            continue
        if level != "entries" and len(data) != 32 * found:
            raise Bad("%s has %d bytes" % (tile_path(level, number, found), len(data)))
        return data, found
    raise Bad("missing: " + tile_path(level, number, width))


def split_bundle(name, data, width):
    """Exactly that many entries, and nothing behind them."""
    entries, at = [], 0
    for _ in range(width):
        length = int.from_bytes(data[at:at + 2], "big")
        entries.append(data[at + 2:at + 2 + length])
        at += 2 + length
        if at > len(data):
            raise Bad("%s is cut short" % name)
    if at != len(data):
        raise Bad("%s has %d bytes too many" % (name, len(data) - at))
    return entries


def entries_of(folder, size):
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        data, found = read_tile(folder, "entries", number, width)
        yield from split_bundle("bundle %d" % number, data, found)[:width]


def check_names(folder, size):
    """No file that does not belong there; a narrower form of a tile is the beginning of the one that counts."""
    for place, folders, files in os.walk(folder):
        if place == folder:
            folders[:] = [name for name in folders if not name.startswith(".")]
            files = [name for name in files if not name.startswith(".")]
        for name in files:
            path = os.path.relpath(os.path.join(place, name), folder)
            if path != "checkpoint":
                check_name(folder, size, path)


def check_name(folder, size, path):
    form = re.fullmatch(r"tile/(entries|[0-7])((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([1-9][0-9]*))?", path)
    if form is None:
        raise Bad("%s does not belong into an evidence folder" % path)
    level = form[1] if form[1] == "entries" else int(form[1])
    number, width = int(re.sub("[/x]", "", form[2])), int(form[3] or WIDTH)
    if tile_path(level, number, width) != path or width > WIDTH or (form[3] and width == WIDTH):
        raise Bad("%s does not belong into an evidence folder" % path)
    covered = min(WIDTH, max(0, (size >> (0 if level == "entries" else 8 * level)) - number * WIDTH))
    if width >= covered:
        return  # what counts, or ahead of the checkpoint
    wide, narrow = read_tile(folder, level, number, covered)[0], read_file(folder, path)
    if not wide.startswith(narrow) or (level != "entries" and len(narrow) != 32 * width):
        raise Bad("%s does not fit the wider form of the same tile" % path)
    if level == "entries":
        split_bundle(path, narrow, width)


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
            self.cache[level, number] = read_tile(self.folder, level, number, width)[0]
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


def check_tiles(folder, hashes):
    """Each level's tiles hold the roots of what is below them."""
    for level in range(8):
        for number in range((len(hashes) + WIDTH - 1) // WIDTH):
            wanted = b"".join(hashes[number * WIDTH:(number + 1) * WIDTH])
            if read_tile(folder, level, number, len(wanted) // 32)[0][:len(wanted)] != wanted:
                raise Bad("tile %d/%d does not hold the hashes of the entries" % (level, number))
        hashes = [tree_hash(hashes[i:i + WIDTH]) for i in range(0, len(hashes) // WIDTH * WIDTH, WIDTH)]


def main():
    from verify_story import Lie, check_story, parse_entry
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
        check_tiles(folder, leaves)
        check_names(folder, size)
        check_story([parse_entry(entry) for entry in entries])
        tiles = Tiles(folder, size)
        chosen = [int(word) for word in sys.argv[3:]] or range(0, size, max(1, size // 50))
        for index in chosen:
            if tiles.root_through(index, leaves[index]) != root:
                raise Bad("entry %d is not included" % index)
    except (Bad, Lie, ValueError, OSError) as problem:
        print("bad: %s" % problem)
        return 1
    print("good: %d entries" % size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
