"""Recorded decisions, taken again from the evidence alone: the same under what was recorded, and exactly the expected
differences under other policies."""
import json
import pathlib
import shutil
import subprocess
import threading
import time

import psycopg
import pytest

from conftest import ROOT, SWORN, wait_until

DEMO = {path.name: path.read_text() for path in (ROOT / "policies" / "demo").glob("*.cedar")}
GROWING = """
@id("slow-down") @reason("five actions a session")
forbid (principal in Sworn::Group::"support", action == Sworn::Action::"sql:read", resource)
when { context.session_actions > 4 };
@id("labelled") @remedy("approve:security")
forbid (principal is Sworn::Agent, action == Sworn::Action::"sql:write", resource)
when { resource.labels.contains("pii") } unless { context.applied.contains("approve:security") };
@id("office") forbid (principal, action == Sworn::Action::"sql:read", resource)
when { context.hour > 23 || context.time < datetime("2020-01-01") ||
       (context has client_address && !context.client_address.isLoopback()) };
"""


def sworn(*arguments):
    return subprocess.run([str(SWORN), *map(str, arguments)], text=True, capture_output=True, timeout=60, check=False)


def write_folder(folder, policies):
    folder.mkdir()
    for name, text in policies.items():
        (folder / name).write_text(text)
    return folder


def held(gateway, sql, vote, voter, user="copilot"):
    """Runs sql, which is held, and votes on it; the psql's result."""
    result = {}
    thread = threading.Thread(target=lambda: result.update(run=gateway.psql("-c", sql, user=user, check=False)))
    thread.start()
    try:
        waiting = wait_until(gateway.pending, 10, "the held action")[0]
        if vote == "approve":
            gateway.approve(waiting["id"], voter)
        else:
            gateway.run(vote, waiting["id"], token=voter)
    finally:
        thread.join(30)
    return result["run"]


def attempt(connection, sql):
    try:
        connection.execute(sql)
        return "ok"
    except psycopg.errors.InsufficientPrivilege as refused:
        return refused.diag.message_detail or str(refused)


def live(gateway):
    """Allows, denials of several kinds, holds with every end, over several sessions and a reload."""
    with gateway.connect("ana") as connection:
        for number in range(5):
            assert attempt(connection, f"SELECT {number}, email FROM customers") == "ok"
        assert "slow-down" in attempt(connection, "SELECT 5 FROM customers")
        assert attempt(connection, "DELETE FROM orders") != "ok"  # nothing permits it
    with gateway.connect("copilot") as connection:
        assert "no-change-without-where" in attempt(connection, "UPDATE orders SET status = 'x'")
        assert "agents-never-drop" in attempt(connection, "DROP TABLE orders")
        assert attempt(connection, 'SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id') == "ok"
        assert attempt(connection, "CREATE FUNCTION x(") != "ok"  # cannot be parsed
    assert held(gateway, "ALTER TABLE orders ADD COLUMN IF NOT EXISTS seen boolean", "approve", "bo").returncode == 0
    assert held(gateway, "ALTER TABLE orders ADD COLUMN never int", "deny", "bo").returncode != 0
    assert held(gateway, "UPDATE customers SET note = note WHERE id = 1", "approve", "cleo").returncode == 0


@pytest.fixture(scope="module")
def recorded(cluster, tmp_path_factory):
    """The evidence of a gateway that has lived a little, and the policies it had."""
    from conftest import Gateway  # pylint: disable=import-outside-toplevel
    gateway = Gateway(tmp_path_factory.mktemp("gw"), cluster, policies={**DEMO, "40-growing.cedar": GROWING}).start()
    try:
        live(gateway)
        gateway.write_policies({**DEMO, "40-growing.cedar": GROWING, "50-more.cedar": '@id("none-write") forbid (principal, '
                                'action == Sworn::Action::"sql:write", resource);'})
        text = gateway.config.read_text()
        gateway.config.write_text(text.replace("labels: [pii]", "labels: [pii, secret]"))
        gateway.reload()
        with gateway.connect("copilot") as connection:
            assert "none-write" in attempt(connection, "UPDATE orders SET status = status WHERE id = 1")
    finally:
        gateway.stop()
    return gateway


def decisions_of(gateway):
    entries = gateway.entries()
    intents = [e["event"] for e in entries if e["event"]["type"] == "intent" and e["event"]["rounds"] > 0]
    holds = [e["event"] for e in entries if e["event"]["type"] == "hold_requested"]
    return intents, holds


def test_recorded_decisions_come_out_the_same(recorded, tmp_path):
    intents, holds = decisions_of(recorded)
    assert len(holds) == 3 and len(intents) >= 14
    elsewhere = tmp_path / "copy"  # the folder alone: no config, no key, no gateway
    shutil.copytree(recorded.evidence, elsewhere)
    again = sworn("policy", "replay", "--evidence", elsewhere)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{len(intents) + len(holds)} decisions taken again: all the same" in again.stdout
    assert recorded.verify().returncode == 0


def test_entries_name_what_decided(recorded):
    entities = [e["event"] for e in recorded.entries() if e["event"]["type"] == "entities_activated"]
    assert len(entities) == 2 and entities[0]["entities"] != entities[1]["entities"]
    assert {"labels": ["pii"], "table": "public.customers", "upstream": "shop"} in entities[0]["rows"]
    intents, holds = decisions_of(recorded)
    assert {event["entities"] for event in intents + holds} == {entity["entities"] for entity in entities}
    step = [step for event in intents for step in event["steps"] if step["type"] == "Table"][0]
    assert step["parents"] == ["Database::prod/shop", "Environment::prod"]


def test_replay_under_other_policies_names_each_difference(recorded, tmp_path):
    changed = {**DEMO, "40-growing.cedar": GROWING.replace("> 4", "> 3")}
    again = sworn("policy", "replay", "--evidence", recorded.evidence, "--policies",
                  write_folder(tmp_path / "new", changed), "--json")
    *differences, summary = map(json.loads, again.stdout.splitlines())
    assert again.returncode == 1 and summary["differ"] == len(differences) == 2
    fifth, last = differences
    assert fifth["action"].endswith("-5") and fifth["principal"] == "ana" and "verdict" in fifth["differs"]
    assert fifth["was"]["verdict"] == "allow" and fifth["now"] == {
        "errors": [], "policies": ["slow-down"], "remedies": [], "reveal": [], "reveal_request": [], "verdict": "deny"}
    assert last["was"]["policies"] == ["none-write"] and last["now"]["verdict"] == "allow"


def diff(recorded, tmp_path, new):
    old = write_folder(tmp_path / "old", {**DEMO, "40-growing.cedar": GROWING})
    done = sworn("policy", "diff", old, write_folder(tmp_path / "new", new), "--against", recorded.evidence, "--json")
    assert done.returncode in (0, 1), done.stderr
    *changes, summary = map(json.loads, done.stdout.splitlines())
    return done.returncode, [{k: v for k, v in change.items() if k != "example"} for change in changes], summary


def test_diff_of_the_same_policies_is_empty(recorded, tmp_path):
    status, changes, summary = diff(recorded, tmp_path, {**DEMO, "40-growing.cedar": GROWING})
    assert status == 0 and changes == [] and summary["changed"] == 0 and summary["decisions"] > 14


def test_diff_lists_exactly_what_changes(recorded, tmp_path):
    new = {**DEMO, "40-growing.cedar": GROWING.replace("> 4", "> 2")}
    new["20-guardrails.cedar"] = new["20-guardrails.cedar"].replace("approve:sre", "approve:sre:2")
    status, changes, summary = diff(recorded, tmp_path, new)
    assert status == 1 and summary["changed"] == 5
    assert sorted(changes, key=json.dumps) == sorted([
        {"change": "verdict", "count": 2, "old": "allow", "new": "deny", "policies": ["slow-down"], "principal": "ana"},
        {"change": "verdict", "count": 2, "old": "hold (approve:sre)", "new": "hold (approve:sre:2)",
         "policies": ["prod-ddl-needs-sre"], "principal": "copilot"},
        {"change": "verdict", "count": 1, "old": "allow", "new": "hold (approve:sre:2)",
         "policies": ["prod-ddl-needs-sre"], "principal": "copilot"}], key=json.dumps)


def test_diff_shows_what_would_be_masked_and_revealed(recorded, tmp_path):
    new = {**DEMO, "40-growing.cedar": GROWING}
    new["30-reveal.cedar"] = new["30-reveal.cedar"].replace('Sworn::DataClass::"email"', 'Sworn::DataClass::"iban"')
    status, changes, summary = diff(recorded, tmp_path, new)
    assert status == 1 and summary["changed"] == 0 and summary["reveals"] == 5
    assert changes == [{"change": "reveal", "count": 5, "masked": ["email"], "revealed": ["iban"], "principal": "ana",
                        "source": "prod/shop"}]


def test_diff_of_a_permit_that_goes(recorded, tmp_path):
    new = {**DEMO, "40-growing.cedar": GROWING}
    new["10-access.cedar"] = new["10-access.cedar"].replace("support-reads", "support-reads-2")
    status, changes, summary = diff(recorded, tmp_path, new)
    assert status == 0 and changes == [] and summary["other_policies"] == 5
    new["10-access.cedar"] = new["10-access.cedar"].replace('Group::"support"', 'Group::"nobody"')
    shutil.rmtree(tmp_path / "old")
    shutil.rmtree(tmp_path / "new")
    status, changes, summary = diff(recorded, tmp_path, new)
    assert status == 1 and changes == [{"change": "verdict", "count": 5, "old": "allow", "policies": ["support-reads"],
                                        "new": "deny (nothing permits it)", "principal": "ana"}]


def test_policies_that_do_not_parse_are_an_error(recorded, tmp_path):
    old = write_folder(tmp_path / "old", DEMO)
    new = write_folder(tmp_path / "new", {"bad.cedar": "permit (principal, action"})
    done = sworn("policy", "diff", old, new, "--against", recorded.evidence)
    assert done.returncode == 2 and "bad.cedar:1" in done.stderr


@pytest.mark.parametrize("was, becomes, says", [
    (b"agents-never-drop", b"agents-newer-drop", "does not have the hash"),
    (b'"labels":["pii"]', b'"labels":["pij"]', "rows do not have the hash"),
])
def test_altered_texts_are_told(recorded, tmp_path, was, becomes, says):
    elsewhere = tmp_path / "copy"
    shutil.copytree(recorded.evidence, elsewhere)
    for path in (elsewhere / "tile" / "entries").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(was, becomes))
    done = sworn("policy", "replay", "--evidence", elsewhere)
    assert done.returncode == 2 and says in done.stderr and "audit verify" in done.stderr


def test_sealed_texts_are_opened_by_the_key_alone(make_gateway):
    gateway = make_gateway(policies=DEMO, start=False)
    gateway.config.write_text(gateway.config.read_text().replace("policy: {directory: policies}",
                                                                 "policy: {directory: policies, record_text: sealed}"))
    gateway.start()
    gateway.psql("-c", "SELECT 1 FROM customers")
    time.sleep(0.5)
    without = sworn("policy", "replay", "--evidence", gateway.evidence)
    assert without.returncode == 2 and "sealed" in without.stderr and "--config" in without.stderr
    done = sworn("policy", "replay", "--evidence", gateway.evidence, "--config", gateway.config)
    assert done.returncode == 0 and "all the same" in done.stdout, done.stderr
    other = pathlib.Path(ROOT / "policies" / "demo")
    assert sworn("policy", "diff", other, other, "--against", gateway.evidence).returncode == 0
