"""The main job, end to end: a real psql, a real PostgreSQL, policy, masking, approval, evidence."""
import subprocess
import threading

import psycopg
import pytest

from conftest import ROOT, wait_until

POLICIES = {path.name: path.read_text() for path in (ROOT / "policies" / "demo").glob("*.cedar")}


def demo_policies():
    return dict(POLICIES)


def test_allowed_and_revealed_is_what_the_server_says(gateway, cluster):
    sql = "SELECT * FROM customers ORDER BY id"
    assert gateway.psql("-c", sql).stdout == cluster.psql("shop", "-c", sql).stdout


def test_wrong_token_is_refused_and_recorded(make_gateway):
    gateway = make_gateway()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={gateway.port} user=ana password=wrong dbname=shop")
    starts = wait_until(lambda: entries_of(gateway, "session_start", 1), 5, "the refused login's entry")
    assert starts[0]["event"]["refused"]
    assert gateway.verify().returncode == 0


def entries_of(gateway, kind, at_least):
    entries = [entry for entry in gateway.entries() if entry["event"]["type"] == kind]
    return entries if len(entries) >= at_least else None


def test_denial_names_policy_and_leaves_the_session_usable(make_gateway, cluster):
    gateway = make_gateway(policies=demo_policies())
    with gateway.connect("copilot") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
            connection.execute("DROP TABLE orders")
        assert "agents-never-drop" in refused.value.diag.message_detail
        assert connection.execute("SELECT count(*) FROM orders").fetchone() is not None
    assert "DROP TABLE orders" not in cluster.server_log()
    denied = gateway.actions("--decision", "deny")
    assert "agents-never-drop" in denied[0]["policies"] and denied[0]["on_behalf_of"] == "ana"


def test_agent_sees_masks_person_sees_what_policy_reveals(make_gateway):
    gateway = make_gateway(policies=demo_policies())
    sql = "SELECT full_name, email, phone, card_number, iban, ssn, profile, note FROM customers ORDER BY id"
    seen_by_agent = gateway.psql("-c", sql, user="copilot").stdout
    seen_by_person = gateway.psql("-c", sql, user="ana").stdout
    for secret in ("maria.keller@example.org", "4111 1111 1111 1111", "DE89370400440532013000", "536-90-4399",
                   "mk.private@example.net", "AKIAQ3EGSZ2UNL5HXW7P", "Maria Keller", "+1 415 555 2671"):
        assert secret not in seen_by_agent
    assert "maria.keller@example.org" in seen_by_person
    assert "4111 1111 1111 1111" not in seen_by_person
    masked = gateway.actions("--principal", "copilot")[-1]["masked"]
    assert "email" in masked and "card_number" in masked


def test_held_until_another_person_approves(make_gateway):
    gateway = make_gateway(policies=demo_policies())
    result = {}

    def alter():
        result["run"] = gateway.psql("-c", "ALTER TABLE orders ADD COLUMN IF NOT EXISTS refunded boolean",
                                     user="copilot", check=False)

    thread = threading.Thread(target=alter)
    thread.start()
    try:
        held = wait_until(gateway.pending, 10, "the held action")[0]
        assert held["principal"] == "copilot" and "ALTER TABLE" in held["text"]
        own = gateway.approve(held["id"], "ana", check=False)
        assert own.returncode == 1 and "acts for" in own.stderr
        assert thread.is_alive()
        gateway.approve(held["id"], "bo", "--reason", "reviewed")
        thread.join(20)
    finally:
        thread.join(20)
    assert result["run"].returncode == 0, result["run"].stderr
    row = [row for row in gateway.actions() if row["action"] == held["action"]][0]
    assert row["decision"] == "allow (approved)" and row["approved_by"] == "bo" and row["status"] == "ok"
    order = [e["event"]["type"] for e in gateway.entries() if e["event"].get("action") == held["action"]]
    assert order == ["hold_requested", "approval", "approval", "hold_ended", "intent", "outcome"]
    assert gateway.verify().returncode == 0


def test_denied_by_a_person(make_gateway):
    gateway = make_gateway(policies=demo_policies())
    process = subprocess.Popen(
        ["psql", "-X", gateway.dsn("copilot"), "-c", "ALTER TABLE orders ADD COLUMN never int"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    held = wait_until(gateway.pending, 10, "the held action")[0]
    gateway.run("deny", held["id"], token="bo")
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and "denied by bo" in errors


def test_evidence_verifies_and_tampering_is_found(make_gateway, tmp_path):
    gateway = make_gateway()
    for number in range(5):
        gateway.psql("-c", f"SELECT {number}")
    good = gateway.verify()
    assert "good" in good.stdout
    bundle = sorted((gateway.evidence / "tile" / "entries").rglob("*"))[-1]
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(bytes(data))
    gateway.verifies = False
    bad = gateway.verify(check=False)
    assert bad.returncode == 1 and "entry" in bad.stdout


def test_reload_is_atomic_and_a_bad_one_is_refused(make_gateway):
    gateway = make_gateway()
    with gateway.connect() as connection:
        connection.execute("SELECT 1")
        gateway.write_policies({"all.cedar": "permit (principal, action"})
        gateway.reload()
        connection.execute("SELECT 1")
        gateway.write_policies({"none.cedar": '@id("nothing") forbid (principal, action, resource);'})
        gateway.reload()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT 1")
    activated = wait_until(lambda: entries_of(gateway, "bundle_activated", 2), 5, "two activated bundles")
    assert [e["event"]["file"] for e in activated] == ["all.cedar", "none.cedar"]
