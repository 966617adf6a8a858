"""What the published log has of a text says nothing to whoever has not the key, and proves the text to whoever has it."""
import hashlib
import hmac
import json
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pgwire import Connection, bind, execute, parse, rows, SYNC
from promise import Held, events, wait_for_event

SSN = "536-90-4399"
LITERAL = f"select full_name from customers where ssn = '{SSN}'"
BOUND = "select full_name from customers where ssn = $1"


def frame(*parts):
    return b"".join(struct.pack(">Q", len(part)) + part for part in parts)


def inner_digest(text, parameters=bytes(32)):
    """Of an action of PostgreSQL, before it is keyed (doc/evidence-format.md)."""
    return hashlib.sha256(frame(b"sworn/action/postgres/v1", b"prod", b"shop", b"shop", text.encode(), parameters)).digest()


def bound(*values):
    """Of parameters in text form."""
    return hashlib.sha256(struct.pack(">QQ", 0, len(values)) + b"".join(struct.pack(">i", len(value)) + value
                                                                         for value in values)).digest()


def open_sealed(gateway, commitment):
    """(MAC key, text), by the page's section on sealed payloads."""
    name, payload_at, key_at = commitment["reference"].split(":")
    kek = (gateway.folder / "sealed.key").read_bytes()
    record = (gateway.folder / "sealed" / f"{name}.keys").read_bytes()[int(key_at):][:80]
    data_key = AESGCM(kek).decrypt(record[16:28], record[28:76], record[:16])
    payload = (gateway.folder / "sealed" / f"{name}.payloads").read_bytes()[int(payload_at):]
    magic, length, key_offset = struct.unpack("<IIQ", payload[:16])
    assert magic == 0x70777377 and key_offset == int(key_at)
    cipher = payload[48:48 + length]
    assert hashlib.sha256(cipher).hexdigest() == commitment["ciphertext"]
    opened = AESGCM(data_key).decrypt(payload[16:28], cipher + payload[28:44], None)
    assert hmac.new(opened[:32], opened[32:], hashlib.sha256).hexdigest() == commitment["plaintext"]
    return opened[:32], opened[32:].decode()


def keyed(key, domain, data):
    return hmac.new(key, domain + b"\0" + data, hashlib.sha256).hexdigest()


def hashes_in(value):
    """Every string of the log that could be a hash."""
    if isinstance(value, dict):
        for item in value.values():
            yield from hashes_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from hashes_in(item)
    elif isinstance(value, str) and len(value) == 64:
        yield value


@pytest.fixture
def gateway(make_gateway):
    gateway = make_gateway()
    gateway.psql("-c", LITERAL)
    with Connection(gateway.port) as connection:
        connection.login("ana", gateway.token("ana"), "shop")
        rows(connection.ask(parse(BOUND) + bind((SSN.encode(),)) + execute() + SYNC))
    wait_for_event(gateway, "intent", lambda event: len(events(gateway, "intent")) >= 2)
    return gateway


def test_no_value_can_be_guessed_from_the_published_log(gateway):
    """The attacker knows statement and framing, and tries values: nothing in the log answers, by no hash of it."""
    published = set(hashes_in([entry["event"] for entry in gateway.entries()]))
    tries = {inner_digest(LITERAL), inner_digest(BOUND, bound(SSN.encode())), hashlib.sha256(LITERAL.encode()).digest(),
             bound(SSN.encode()), hashlib.sha256(SSN.encode()).digest(), hashlib.sha256(BOUND.encode()).digest()}
    assert published and not published & {digest.hex() for digest in tries}


def test_whoever_holds_the_opening_verifies_the_binding(gateway):
    """Key and text out of the seal give the digest that approvals bind to, literal and bound."""
    found = {}
    for event in events(gateway, "intent"):
        key, text = open_sealed(gateway, event["text"])
        found[text.split("\n")[0]] = (key, event["digest"])
    key, digest = found[LITERAL]
    assert keyed(key, b"sworn/digest/v1", inner_digest(LITERAL)) == digest
    key, digest = found[BOUND]
    assert keyed(key, b"sworn/digest/v1", inner_digest(BOUND, bound(SSN.encode()))) == digest


def test_one_digest_from_hold_to_intent_and_none_after_erasure(make_gateway):
    gateway = make_gateway(policies={"all.cedar": """
@id("all") permit (principal, action, resource);
@id("two") @remedy("approve:sre") forbid (principal, action == Sworn::Action::"sql:write", resource)
unless { context.applied.contains("approve:sre") };"""})
    held = Held(gateway, "DELETE FROM orders WHERE id = 999999", user="ana")
    gateway.run("approve", held.id, token="bo")
    held.finish().close()
    gateway.stop()
    of_action = [event for event in events(gateway) if event.get("action") == held.action and "digest" in event]
    assert [event["type"] for event in of_action] == ["hold_requested", "approval", "intent"]
    assert len({event["digest"] for event in of_action}) == 1
    key, text = open_sealed(gateway, of_action[0]["text"])
    assert keyed(key, b"sworn/digest/v1", inner_digest(text.split("\n")[0])) == of_action[0]["digest"]
    # Erased: nobody can make the digest again, and what is left in the store and the log is not the unkeyed one.
    name, offset, _ = of_action[0]["text"]["reference"].split(":")
    payloads = gateway.folder / "sealed" / f"{name}.payloads"
    data = bytearray(payloads.read_bytes())
    data[int(offset):int(offset) + 48 + 32 + len(text)] = bytes(48 + 32 + len(text))
    payloads.write_bytes(bytes(data))
    with pytest.raises(Exception):
        open_sealed(gateway, of_action[0]["text"])
    assert inner_digest(text.split("\n")[0]) not in (gateway.folder / "sworn.db").read_bytes()
    assert gateway.verify().returncode == 0


def test_equal_actions_of_two_sessions_do_not_look_equal(make_gateway):
    gateway = make_gateway()
    for _ in range(2):
        gateway.psql("-c", LITERAL)
    gateway.stop()
    digests = [event["digest"] for event in events(gateway, "intent")]
    assert len(digests) == 2 and len(set(digests)) == 2
    assert json.dumps(digests).count(inner_digest(LITERAL).hex()) == 0
