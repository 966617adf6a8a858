"""Forging: a log rewritten and signed again by somebody who has its key, tree and checkpoint as they must be. Written from
doc/evidence-format.md, with nothing of sworn."""
import base64
import hashlib
import json
import pathlib
import shutil

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from verify_independent import WIDTH, entries_of, leaf_hash, open_checkpoint, tile_path, tree_hash


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_entries(folder, vkey):
    size, _ = open_checkpoint(folder, vkey)
    return [json.loads(entry) for entry in entries_of(folder, size)]


def number_anew(entries):
    """Sessions count their entries without gaps, whatever was taken out or put in."""
    counts = {}
    for entry in entries:
        entry["seq"] = counts.get(entry["session"], 0)
        counts[entry["session"]] = entry["seq"] + 1


def count_anew(entries):
    """The totals of each session's end as its entries have them now."""
    found = {}
    for entry in entries:
        event = entry["event"]
        total = found.setdefault(entry["session"], {"actions": 0, "denials": 0, "entries": 0})
        total["entries"] += 1
        total["actions"] += event["type"] == "intent"
        total["denials"] += event["type"] == "intent" and event["verdict"] == "deny"
        if event["type"] == "session_end" and "actions" in event:
            event.update(total)


def write_tiles(folder, level, hashes):
    for number in range((len(hashes) + WIDTH - 1) // WIDTH):
        part = hashes[number * WIDTH:(number + 1) * WIDTH]
        write(folder, tile_path(level, number, len(part)), b"".join(part))


def write(folder, name, data):
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def sign(origin, key_file, size, root):
    """A checkpoint; the key file is one line, "PRIVATE+KEY+<name>+<id>+<base64 of 0x01 and the seed>"."""
    name, key_id, blob = pathlib.Path(key_file).read_text().strip()[len("PRIVATE+KEY+"):].split("+", 2)
    assert name == origin
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    signature = Ed25519PrivateKey.from_private_bytes(base64.b64decode(blob)[1:]).sign(text)
    line = base64.b64encode(bytes.fromhex(key_id) + signature).decode()
    return text + f"\n\u2014 {origin} {line}\n".encode()


def write_log(folder, entries, origin, key_file):
    """The folder anew, with these entries."""
    shutil.rmtree(folder, ignore_errors=True)
    texts = [canonical(entry) for entry in entries]
    leaves = [leaf_hash(text) for text in texts]
    for number in range((len(texts) + WIDTH - 1) // WIDTH):
        part = texts[number * WIDTH:(number + 1) * WIDTH]
        write(folder, tile_path("entries", number, len(part)), b"".join(len(text).to_bytes(2, "big") + text for text in part))
    hashes, level = leaves, 0
    while hashes:
        write_tiles(folder, level, hashes)
        full = len(hashes) // WIDTH
        hashes = [tree_hash(hashes[number * WIDTH:(number + 1) * WIDTH]) for number in range(full)]
        level += 1
    write(folder, "checkpoint", sign(origin, key_file, len(texts), tree_hash(leaves)))


def sha256_hex(text):
    return hashlib.sha256(text.encode()).hexdigest()
