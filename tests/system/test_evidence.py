"""Anyone can check, and nobody's secrets are in it."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from conftest import ALLOW_ALL, ROOT, SWORN, Gateway, bundle_order, wait_until
from promise import Held, events, events_of, text_of, wait_for_event

VERIFY = ROOT / "tests" / "system" / "verify_independent.py"
ENTRIES = 600  # more than two full bundles, and a partial one
CANARY_SQL = "canary_sql_7f3a"
CANARY_REASON = "canary-reason-91bc"
POLICIES = {path.name: path.read_text() for path in (ROOT / "policies" / "demo").glob("*.cedar")}


@pytest.fixture(scope="module")
def log(cluster, tmp_path_factory):
    """A stopped gateway whose log has a few full tiles, denials, a held action and an agent among its entries."""
    gateway = Gateway(tmp_path_factory.mktemp("gw"), cluster, policies={**POLICIES}).start()
    try:
        with gateway.connect("ana") as connection:
            for number in range(ENTRIES // 2):
                connection.execute(f"SELECT {number}, '{CANARY_SQL}'")
            with pytest.raises(psycopg.Error):
                connection.execute("DELETE FROM orders")
        gateway.psql("-c", "SELECT email, card_number FROM customers", user="copilot")
        held = Held(gateway, "ALTER TABLE orders ADD COLUMN IF NOT EXISTS checked boolean")
        gateway.approve(held.id, "bo", "--reason", CANARY_REASON)
        held.finish().close()
        assert held.error is None
        gateway.held = held
        gateway.proc = snapshot_of_processes(gateway)
    finally:
        gateway.stop()
    gateway.vkey = (gateway.folder / "evidence.vkey").read_text().strip()
    return gateway


def snapshot_of_processes(gateway):
    """What anybody may see of the gateway and its keeper."""
    seen = b""
    for pid in (gateway.process.pid, gateway.keeper_pid()):
        seen += pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    # The keeper's environment is the gateway's, so the secrets that are given as files must not be in it.
    seen += pathlib.Path(f"/proc/{gateway.process.pid}/environ").read_bytes()
    try:
        seen += pathlib.Path(f"/proc/{gateway.keeper_pid()}/environ").read_bytes()
    except PermissionError:
        pass
    return seen


@pytest.fixture
def copy(log, tmp_path):
    shutil.copytree(log.evidence, tmp_path / "copy")
    return tmp_path / "copy"


def verify(folder, key):
    return subprocess.run([str(SWORN), "audit", "verify", str(folder), "--key", key], text=True, capture_output=True,
                          timeout=60, check=False, env={"PATH": os.environ["PATH"]})


def verify_independently(folder, key):
    return subprocess.run([sys.executable, str(VERIFY), str(folder), key], text=True, capture_output=True, timeout=60,
                          check=False)


def bundles(folder):
    """The bundle files that hold the log, each in its widest form, in order."""
    widest = {}
    for path in (folder / "tile" / "entries").rglob("*"):
        if path.is_file():
            number, width = bundle_order(path)
            if width >= widest.get(number, (0, None))[0]:
                widest[number] = (width, path)
    return [widest[number][1] for number in sorted(widest)]


def split(bundle):
    data, entries, at = bundle.read_bytes(), [], 0
    while at < len(data):
        length = int.from_bytes(data[at:at + 2], "big")
        entries.append(data[at + 2:at + 2 + length])
        at += 2 + length
    return entries


def join(bundle, entries):
    bundle.write_bytes(b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries))


def test_good_by_both_verifiers_from_a_copy_without_gateway_or_config(log, copy):
    ours = verify(copy, log.vkey)
    assert ours.returncode == 0 and "good" in ours.stdout, ours.stdout
    theirs = verify_independently(copy, log.vkey)
    assert theirs.returncode == 0 and "good" in theirs.stdout, theirs.stdout
    assert theirs.stdout.split()[1] in ours.stdout
    by_file = verify(copy, str(log.folder / "evidence.vkey"))
    assert by_file.returncode == 0


def flip(folder, which, position):
    bundle = bundles(folder)[which]
    data = bytearray(bundle.read_bytes())
    data[int(len(data) * position)] ^= 1
    bundle.write_bytes(bytes(data))


def remove_entry(folder):
    bundle = bundles(folder)[0]
    entries = split(bundle)
    join(bundle, entries[:100] + entries[101:])


def swap_entries(folder):
    bundle = bundles(folder)[1]
    entries = split(bundle)
    entries[10], entries[11] = entries[11], entries[10]
    join(bundle, entries)


def change_verdict(folder):
    bundle = [path for path in bundles(folder) if b'"verdict":"deny"' in path.read_bytes()][0]
    bundle.write_bytes(bundle.read_bytes().replace(b'"verdict":"deny"', b'"verdict":"alow"', 1))


def foreign_entry(folder):
    bundle = bundles(folder)[0]
    entries = split(bundle)
    entries[50] = entries[50].replace(b'"principal":"ana"', b'"principal":"bob"', 1)
    entries[51] = b'{"event":{"type":"heartbeat"},"seq":3,"session":"0123456789abcdef","time":"2026-01-01T00:00:00.000000Z"}'
    join(bundle, entries)


def cut_last_bundle(folder):
    bundle = bundles(folder)[-1]
    bundle.write_bytes(bundle.read_bytes()[:-7])


def drop_bundle(folder):
    bundles(folder)[0].unlink()


def flip_hash_tile(folder):
    tile = folder / "tile" / "0" / "000"
    data = bytearray(tile.read_bytes())
    data[40] ^= 0x80
    tile.write_bytes(bytes(data))


def drop_hash_tile(folder):
    (folder / "tile" / "0" / "001").unlink()


def forge_size(folder):
    """Truncation to a smaller tree by somebody without the key."""
    checkpoint = folder / "checkpoint"
    lines = checkpoint.read_text().split("\n")
    lines[1] = str(int(lines[1]) - 5)
    checkpoint.write_text("\n".join(lines))


def forge_root(folder):
    checkpoint = folder / "checkpoint"
    lines = checkpoint.read_text().split("\n")
    lines[2] = base64.b64encode(hashlib.sha256(b"else").digest()).decode()
    checkpoint.write_text("\n".join(lines))


def spoil_signature(folder):
    checkpoint = folder / "checkpoint"
    text, signature = checkpoint.read_text().rstrip("\n").rsplit(" ", 1)
    blob = bytearray(base64.b64decode(signature))
    blob[20] ^= 1
    checkpoint.write_text(f"{text} {base64.b64encode(bytes(blob)).decode()}\n")


def drop_checkpoint(folder):
    (folder / "checkpoint").unlink()


def bytes_behind_a_bundle(folder):
    bundle = bundles(folder)[-1]
    bundle.write_bytes(bundle.read_bytes() + b"\0")


def bytes_behind_a_full_bundle(folder):
    bundle = bundles(folder)[0]
    bundle.write_bytes(bundle.read_bytes() + b"\0\2{}")


def bytes_behind_a_tile(folder):
    tile = folder / "tile" / "0" / "000"
    tile.write_bytes(tile.read_bytes() + bytes(32))


def flip_upper_tile(folder):
    tile = next((folder / "tile" / "1" / "000.p").iterdir())
    data = bytearray(tile.read_bytes())
    data[5] ^= 1
    tile.write_bytes(bytes(data))


def foreign_file(folder):
    (folder / "tile" / "0" / "note.txt").write_text("x")


def bytes_behind_the_checkpoint(folder):
    checkpoint = folder / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes() + b"more")


TAMPERINGS = {
    "bytes behind the last bundle": bytes_behind_a_bundle, "bytes behind a full bundle": bytes_behind_a_full_bundle,
    "bytes behind a tile": bytes_behind_a_tile, "flip an upper tile": flip_upper_tile, "a foreign file": foreign_file,
    "bytes behind the checkpoint": bytes_behind_the_checkpoint,
    "flip the first byte": lambda folder: flip(folder, 0, 0.0), "flip in the middle": lambda folder: flip(folder, 1, 0.5),
    "flip near the end": lambda folder: flip(folder, -1, 0.99), "remove an entry": remove_entry,
    "reorder": swap_entries, "change a verdict": change_verdict, "a foreign entry": foreign_entry,
    "cut the last bundle": cut_last_bundle, "drop a bundle": drop_bundle, "flip a hash tile": flip_hash_tile,
    "drop a hash tile": drop_hash_tile, "forge the size": forge_size, "forge the root": forge_root,
    "spoil the signature": spoil_signature, "drop the checkpoint": drop_checkpoint,
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found(log, copy, what):
    TAMPERINGS[what](copy)
    found = verify(copy, log.vkey)
    assert found.returncode == 1 and "BAD" in found.stdout, found.stdout + found.stderr
    named = [line for line in found.stdout.splitlines() if line.startswith("BAD:")]
    assert named and all(len(line) > 20 for line in named)
    assert verify_independently(copy, log.vkey).returncode == 1


def test_tampered_entry_is_named(log, copy):
    bundle = bundles(copy)[0]
    entries = split(bundle)
    entries[123] = entries[123][:-2] + b"!}"
    join(bundle, entries)
    assert "entry 123" in verify(copy, log.vkey).stdout


def test_wrong_key_is_refused(log, copy, make_gateway):
    other = make_gateway()
    other.stop()
    found = verify(copy, (other.folder / "evidence.vkey").read_text().strip())
    assert found.returncode == 1 and found.stdout
    assert verify(copy, "nonsense").returncode == 2
    assert verify(copy / "nowhere", log.vkey).returncode == 2


def test_older_checkpoint_is_smaller_and_the_gateway_signs_no_fork_of_it(make_gateway, tmp_path):
    """An older checkpoint is good in itself, and says that it is smaller than the one that somebody kept."""
    gateway = make_gateway()
    gateway.psql("-c", "SELECT 1")
    gateway.verify()
    old = (gateway.evidence / "checkpoint").read_bytes()
    for number in range(5):
        gateway.psql("-c", f"SELECT {number}")
    gateway.stop()
    folder = tmp_path / "rolled-back"
    shutil.copytree(gateway.evidence, folder)
    newest = (folder / "checkpoint").read_bytes()
    assert int(newest.split(b"\n")[1]) > int(old.split(b"\n")[1])
    (folder / "checkpoint").write_bytes(old)
    assert f" {int(old.split()[1])} entries" in gateway.verify(folder).stdout
    # The gateway itself, whose state is newer than the folder, notices the older checkpoint.
    (gateway.evidence / "checkpoint").write_bytes(old)
    gateway.start()
    gateway.stop()
    assert int((gateway.evidence / "checkpoint").read_bytes().split(b"\n")[1]) > int(newest.split(b"\n")[1])
    assert gateway.verify().returncode == 0


def test_lost_write_ahead_log_stops_the_next_start(make_gateway):
    """What was signed must be there: a log that is shorter than its last signature is never continued."""
    gateway = make_gateway()
    gateway.psql("-c", "SELECT 1")
    gateway.stop()
    shutil.rmtree(gateway.folder / "evidence.state")
    gateway.start(wait=False)
    assert gateway.process.wait(20) == 1
    gateway.process = None
    assert "state folder" in gateway.log.read_text()


# ---- Receipts -------------------------------------------------------------------------------------------------------


def check_receipt(gateway, text, tmp_path, key=None):
    file = tmp_path / "receipt.json"
    file.write_text(text)
    return subprocess.run([str(SWORN), "audit", "receipt", "--check", str(file), "--key", key or gateway.vkey],
                          text=True, capture_output=True, timeout=30, check=False, env={"PATH": os.environ["PATH"]})


def test_receipt_is_a_proof_that_others_check(log, tmp_path):
    action = log.held.action
    receipt = log.run("audit", "receipt", action).stdout
    good = check_receipt(log, receipt, tmp_path)
    assert good.returncode == 0 and "good" in good.stdout and action in good.stdout
    parts = json.loads(receipt)
    entry = json.loads(parts["entry"])["event"]
    assert entry["type"] == "intent" and entry["action"] == action and entry["approvers"] == ["bo"]
    assert tree_root(parts) == parts["checkpoint"].split("\n")[2]


def tree_root(parts):
    """RFC 9162 section 2.1.3.2, on the receipt alone."""
    index = parts["index"]
    size = int(parts["checkpoint"].split("\n")[1])
    value = hashlib.sha256(b"\0" + parts["entry"].encode()).digest()
    node, last = index, size - 1
    for step in parts["proof"]:
        step = base64.b64decode(step)
        if node & 1 or node == last:
            value = hashlib.sha256(b"\1" + step + value).digest()
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            value = hashlib.sha256(b"\1" + value + step).digest()
        node >>= 1
        last >>= 1
    return base64.b64encode(value).decode()


def tampered_receipts(receipt):
    parts = json.loads(receipt)
    yield "entry", {**parts, "entry": parts["entry"].replace('"copilot"', '"copilox"', 1)}
    yield "index", {**parts, "index": parts["index"] ^ 1}
    yield "proof", {**parts, "proof": parts["proof"][:-1]}
    yield "order", {**parts, "proof": list(reversed(parts["proof"]))}
    lines = parts["checkpoint"].split("\n")
    yield "size", {**parts, "checkpoint": "\n".join([lines[0], str(int(lines[1]) + 1), *lines[2:]])}


def test_tampered_receipt_is_refused(log, make_gateway, tmp_path):
    receipt = log.run("audit", "receipt", log.held.action).stdout
    for what, parts in tampered_receipts(receipt):
        bad = check_receipt(log, json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False), tmp_path)
        assert bad.returncode == 1 and bad.stderr, what
    assert check_receipt(log, receipt[:-20], tmp_path).returncode == 1
    assert check_receipt(log, "", tmp_path).returncode == 1
    other = log.vkey.split("+")[0] + "+00000000+" + log.vkey.split("+", 2)[2]
    assert check_receipt(log, receipt, tmp_path, key=other).returncode != 0
    assert log.run("audit", "receipt", "0000000000000000-1", check=False).returncode == 1


# ---- List, show, reindex --------------------------------------------------------------------------------------------


def rows(gateway, *arguments):
    return [json.loads(line) for line in gateway.run("audit", "list", "--json", *arguments).stdout.splitlines()]


def test_list_filters(log):
    everything = rows(log)
    assert len(everything) == ENTRIES // 2 + 3
    copilot = rows(log, "--principal", "copilot")
    assert {row["principal"] for row in copilot} == {"copilot"} and len(copilot) == 2
    assert len(rows(log, "--principal", "ana")) == len(everything)  # herself, and on her behalf
    assert [row["policies"] for row in rows(log, "--decision", "deny")] == ["no-change-without-where"]
    assert [row["action"] for row in rows(log, "--decision", "approved")] == [log.held.action]
    assert {row["principal"] for row in rows(log, "--class", "card_number")} == {"copilot"}
    assert rows(log, "--class", "iban") == []
    assert {row["what"] for row in rows(log, "--resource", "public.orders")} == {"delete", "alter table"}
    middle = everything[len(everything) // 2]["time"]
    assert len(rows(log, "--since", middle)) + len(rows(log, "--until", middle)) == len(everything)
    assert len(rows(log, "--limit", "7")) == 7 and rows(log, "--limit", "7")[-1] == everything[-1]
    table = log.run("audit", "list", "--principal", "copilot").stdout
    assert table.splitlines()[0].split()[:2] == ["TIME", "WHO"] and "bo" in table


def test_reindex_gives_the_same_list(log):
    before = rows(log)
    index = log.folder / "evidence.index"
    assert index.exists()
    log.run("audit", "reindex")
    assert rows(log) == before
    index.unlink()
    assert rows(log) == before


def test_list_of_a_copy_needs_no_gateway(log, copy):
    listed = subprocess.run([str(SWORN), "audit", "list", "--json", "--evidence", str(copy)], text=True, check=True,
                            capture_output=True, timeout=60, env={"PATH": os.environ["PATH"]})
    assert [json.loads(line) for line in listed.stdout.splitlines()] == rows(log)
    assert not list(copy.parent.glob("*.index"))


def test_show_opens_what_is_sealed(log):
    assert text_of(log, log.held.action).startswith("ALTER TABLE orders")
    shown = log.run("audit", "show", log.held.action).stdout
    for word in ("hold_requested", "approval", "hold_ended", "intent", "outcome", CANARY_REASON):
        assert word in shown
    raw = log.run("audit", "show", "--json", log.held.action).stdout
    assert [json.loads(line)["event"]["type"] for line in raw.splitlines()] == [
        "hold_requested", "approval", "hold_ended", "intent", "outcome"]
    assert CANARY_REASON not in raw
    missing = log.run("audit", "show", "nothing-1", check=False)
    assert missing.returncode == 1 and "sworn audit list" in missing.stderr


# ---- Secrets --------------------------------------------------------------------------------------------------------


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_text_stands_in_clear(log):
    """SQL and reasons only under the seal: not in the log, its state, the store, the index, or the gateway's log."""
    for path in files_of(log.folder):
        data = path.read_bytes()
        for canary in (CANARY_SQL, CANARY_REASON, "ALTER TABLE orders", "DELETE FROM orders", "card_number FROM"):
            assert canary.encode() not in data, f"{canary} is in {path}"


def test_no_data_stands_in_evidence(log):
    for path in files_of(log.folder):
        data = path.read_bytes()
        for value in (b"maria.keller@example.org", b"4111 1111 1111 1111", b"4111111111111111"):
            assert value not in data, path


def test_no_credential_stands_anywhere(log):
    secrets = [*log.tokens.values(), log.postgres.password]
    secrets.append((log.folder / "mask.key").read_text().strip())
    own = {"upstream.password", "mask.key"}
    assert len(secrets) >= 5
    for secret in secrets:
        assert secret.encode() not in log.proc, "in a process's command line or environment"
        for path in files_of(log.folder):
            if path.name not in own:
                assert secret.encode() not in path.read_bytes(), path
    for name in ("evidence.key", "sealed.key", "mask.key", "sworn.db"):
        if (log.folder / name).exists():
            assert (log.folder / name).stat().st_mode & 0o077 == 0, name
    for path in files_of(log.folder / "sealed"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_keeper_inherits_no_secret_from_the_environment(make_gateway, cluster):
    gateway = make_gateway(start=False, environment={"UPSTREAM_PASSWORD": cluster.password})
    gateway.config.write_text(gateway.config.read_text().replace("file:upstream.password", "env:UPSTREAM_PASSWORD"))
    gateway.start()
    gateway.psql("-c", "SELECT 1")
    try:
        inherited = pathlib.Path(f"/proc/{gateway.keeper_pid()}/environ").read_bytes()
    except PermissionError:
        return  # nobody but root can look, which is as good
    assert cluster.password.encode() not in inherited and b"UPSTREAM_PASSWORD" not in inherited


def test_upstream_sees_the_session_and_not_the_token(log, cluster):
    server = cluster.server_log()
    assert f"sworn:{log.held.action.split('-')[0]}" in server
    for token in log.tokens.values():
        assert token not in server


# ---- What the node says of itself -----------------------------------------------------------------------------------


def test_heartbeats_and_bundles(make_gateway):
    gateway = make_gateway(start=False)
    gateway.config.write_text(gateway.config.read_text().replace("checkpoint_interval: 200ms",
                                                                 "checkpoint_interval: 200ms, heartbeat: 1s"))
    gateway.start()
    beats = wait_for_event(gateway, "heartbeat")
    start = events(gateway, "node_start")[0]
    assert start["heartbeat_ms"] == 1000
    assert start["binary"] == hashlib.sha256(SWORN.read_bytes()).hexdigest() == beats[0]["binary"]
    assert start["config"] == hashlib.sha256(gateway.config.read_bytes()).hexdigest() == beats[0]["config"]
    activated = events(gateway, "bundle_activated")
    assert [event["file"] for event in activated] == ["all.cedar"] and activated[0]["text"] == ALLOW_ALL
    assert activated[0]["sha256"] == hashlib.sha256(ALLOW_ALL.encode()).hexdigest()
    assert activated[0]["bundle"] == start["bundle"] == beats[0]["bundle"]
    gateway.write_policies({"all.cedar": ALLOW_ALL + "// more\n"})
    gateway.reload()
    newer = wait_for_event(gateway, "bundle_activated", lambda event: event["text"] != ALLOW_ALL)[0]
    assert newer["bundle"] != start["bundle"]
    wait_for_event(gateway, "heartbeat", lambda event: event["bundle"] == newer["bundle"])
    gateway.psql("-c", "SELECT 1")
    intent = wait_for_event(gateway, "intent")[0]
    assert intent["bundle"] == newer["bundle"]


def test_silence_of_a_node_is_declared(make_gateway):
    gateway = make_gateway(start=False)
    gateway.config.write_text(gateway.config.read_text().replace("checkpoint_interval: 200ms",
                                                                 "checkpoint_interval: 200ms, heartbeat: 1s"))
    gateway.start()
    os.kill(gateway.process.pid, signal.SIGSTOP)
    time.sleep(3.5)
    os.kill(gateway.process.pid, signal.SIGCONT)
    gap = wait_for_event(gateway, "heartbeat_gap")[0]
    assert gap["gap_ms"] >= 3000
    verified = gateway.verify()
    assert verified.returncode == 0 and "heartbeat" in verified.stdout


def test_bundle_text_is_sealed_when_asked(make_gateway):
    gateway = make_gateway(start=False)
    gateway.config.write_text(gateway.config.read_text().replace("policy: {directory: policies}",
                                                                 "policy: {directory: policies, record_text: sealed}"))
    gateway.write_policies({"all.cedar": ALLOW_ALL + "// canary_policy_text\n"})
    gateway.start()
    activated = wait_for_event(gateway, "bundle_activated")[0]
    assert set(activated["text"]) >= {"ciphertext", "plaintext", "reference"}
    gateway.stop()
    for path in files_of(gateway.folder):
        assert path.parent.name == "policies" or b"canary_policy_text" not in path.read_bytes(), path


def test_outcome_behind_records_the_same(make_gateway):
    gateway = make_gateway(upstream="outcome: behind")
    with gateway.connect() as connection:
        for number in range(50):
            assert connection.execute(f"SELECT {number}").fetchone() == (number,)
    gateway.stop()
    intents = {event["action"] for event in events(gateway, "intent")}
    outcomes = {event["action"] for event in events(gateway, "outcome")}
    assert intents == outcomes and len(intents) == 50
    assert gateway.verify().returncode == 0


def finish(connection):
    """Reads what a raw query still has to answer."""
    while connection.pgconn.get_result() is not None:
        pass


def test_outcome_waits_for_its_entry_unless_behind(make_gateway):
    """With the keeper stopped in its tracks, an answer under `durable` is held back, and one under `behind` is not."""
    seen = {}
    for mode in ("durable", "behind"):
        gateway = make_gateway(upstream=f"outcome: {mode}")
        with gateway.connect() as connection, gateway.postgres.connect("shop") as direct:
            connection.execute("SELECT 1")
            keeper = gateway.keeper_pid()
            # The statement waits on the server for a lock, so that its intent is durable before the keeper stops.
            direct.execute("SELECT pg_advisory_lock(42)")
            connection.pgconn.send_query(b"SELECT pg_advisory_xact_lock(42)")
            wait_until(lambda: direct.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (1,), 10,
                       "the statement to reach the server")
            os.kill(keeper, signal.SIGSTOP)
            try:
                direct.execute("SELECT pg_advisory_unlock(42)")
                time.sleep(0.7)
                connection.pgconn.consume_input()
                seen[mode] = not connection.pgconn.is_busy()
            finally:
                os.kill(keeper, signal.SIGCONT)
            finish(connection)
        gateway.stop()
    assert seen == {"durable": False, "behind": True}


def test_nothing_is_forwarded_before_its_intent_is_durable(make_gateway, cluster):
    gateway = make_gateway()
    with gateway.connect() as connection:
        connection.execute("SELECT 1")
        keeper = gateway.keeper_pid()
        os.kill(keeper, signal.SIGSTOP)
        try:
            connection.pgconn.send_query(b"SELECT 'not_before_its_intent'")
            time.sleep(0.7)
            assert "not_before_its_intent" not in cluster.server_log()
        finally:
            os.kill(keeper, signal.SIGCONT)
        finish(connection)
        assert "not_before_its_intent" in cluster.server_log()
