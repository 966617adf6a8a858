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
    gateway.approve(held.id, "bo")
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


# ---- Names: nobody's data, no token -----------------------------------------------------------------------------------

NAMES = ['select 1 from "maria.keller@example.org"', 'select 1 from "4111111111111111"',
         'select "maria.keller@example.org"(1)', 'select 1 from shop."maria.keller@example.org".orders',
         'select * from "maria.keller@example.org"."4111111111111111"', 'drop table "4111 1111 1111 1111"',
         'insert into "maria.keller@example.org" values (1)']


def published(gateway):
    """All that leaves the gateway for everybody's eyes: the log's entries and the operational log."""
    gateway.await_publication()
    entries = json.dumps([entry["event"] for entry in gateway.entries()])
    return entries + gateway.log.read_text()


@pytest.mark.parametrize("statement", NAMES)
def test_names_that_hold_data_are_told_by_a_keyed_hash(make_gateway, statement):
    """Identifiers become ids of resources, names of functions, databases: they pass the detector as values do."""
    gateway = make_gateway()
    gateway.psql("-c", statement, check=False)
    gateway.psql("-c", "select 1 from customers")
    text = published(gateway)
    for value in ("maria.keller", "4111111111", "4111 1111"):
        assert value not in text, text
    intents = events(gateway, "intent")
    assert intents[0]["untold"] >= 1 and "[name:" in json.dumps(intents[0]["steps"])
    assert "untold" not in intents[1] and "prod/shop/public.customers" in json.dumps(intents[1]["steps"])


def test_name_is_proven_by_the_opening(make_gateway):
    gateway = make_gateway()
    gateway.psql("-c", NAMES[0], check=False)
    gateway.stop()
    intent = events(gateway, "intent")[0]
    key, _ = open_sealed(gateway, intent["text"])
    name = hashlib.sha256(b"prod/shop/public.maria.keller@example.org").digest()
    assert intent["steps"][0]["resource"] == f"prod/shop/[name:{keyed(key, b'sworn/name/v1', name)[:16]}]"


@pytest.mark.parametrize("what", ["token", "password", "card", "email", "long"])
def test_what_is_typed_as_a_user_name_is_nowhere(make_gateway, what):
    """Somebody pastes a live token, or another secret, where the name belongs."""
    gateway = make_gateway()
    typed = {"token": gateway.token("ana"), "password": "Tr0ub4dor&3-very-secret", "card": "4111111111111111",
             "email": "maria.keller@example.org", "long": "n" * 5000}[what]
    for database in ("shop", typed):
        with Connection(gateway.port) as connection:
            try:
                connection.login(typed, "x", database)
            except Exception:
                pass
    gateway.psql("-c", "select 1")
    assert typed not in published(gateway) and typed[:40] not in published(gateway)
    refused = [event for event in events(gateway, "session_start") if "refused" in event]
    assert len(refused) >= 1 and len({event["claimed_hash"] for event in refused}) == 1
    assert not any("claimed_name" in event for event in refused)


def test_known_name_is_told(make_gateway):
    """A wrong token for a principal that there is: who was tried is what an operator has to know."""
    gateway = make_gateway()
    with Connection(gateway.port) as connection:
        try:
            connection.login("bo", "swt_wrong", "shop")
        except Exception:
            pass
    refused = wait_for_event(gateway, "session_start", lambda event: "refused" in event)[0]
    assert refused["claimed_name"] == "bo" and "claimed_hash" not in refused
    assert "login as bo refused" in gateway.log.read_text()
