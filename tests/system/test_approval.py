"""Who approved that? Holds, votes, and every way in which they end."""
import os
import signal
import socket
import struct
import threading
import time

import psycopg
import pytest

import pgwire
from conftest import wait_until
from promise import Held, ServerLog, events, events_of, wait_for_event

HELD = """
@id("all") permit (principal, action, resource);

@id("ddl-needs-sre") @remedy("approve:sre")
forbid (principal, action == Sworn::Action::"sql:ddl", resource)
unless { context.applied.contains("approve:sre") };

@id("write-needs-two") @remedy("approve:sre:2")
forbid (principal, action == Sworn::Action::"sql:write", resource)
unless { context.applied.contains("approve:sre:2") };
"""
# bo and cleo are in sre; ana, copilot and nightly are not.
PRINCIPALS = """
principals:
  - {name: ana, kind: user, groups: [support, sre]}
  - {name: bo, kind: user, groups: [sre]}
  - {name: cleo, kind: user, groups: [sre, security]}
  - {name: dan, kind: user, groups: [support]}
  - {name: copilot, kind: agent, on_behalf_of: ana, groups: [agents]}
  - {name: robot, kind: agent, on_behalf_of: dan, groups: [sre]}
  - {name: nightly, kind: service, groups: [sre]}
"""


def with_principals(gateway, principals=PRINCIPALS):
    """The configuration with these principals in the place of its own."""
    before, rest = gateway.config.read_text().split("principals:", 1)
    gateway.config.write_text(before + principals.strip() + "\ntables:" + rest.split("\ntables:", 1)[1])


@pytest.fixture(scope="module")
def work(cluster):
    cluster.create_database("work", "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1);")
    return cluster


@pytest.fixture
def make_held(make_gateway, work):
    opened = []

    def make(timeout="2m"):
        gateway = make_gateway(database="work", policies={"held.cedar": HELD}, start=False,
                               config=f"approval: {{timeout: {timeout}}}")
        with_principals(gateway)
        gateway.start()
        gateway.server_log = ServerLog(work)
        gateway.held = lambda *arguments, **options: opened.append(Held(gateway, *arguments, **options)) or opened[-1]
        return gateway

    yield make
    for held in opened:
        held.close()


def vote(gateway, verb, held, who, *arguments):
    if verb == "approve":
        return gateway.approve(held.id, who, *arguments, check=False)
    return gateway.run(verb, held.id, *arguments, token=who, check=False)


def hold_ends(gateway, held):
    return [event["how"] for event in events_of(gateway, held.action) if event["type"] == "hold_ended"]


@pytest.mark.parametrize("who, rule", [
    ("copilot", "only a person"), ("ana", "acts for"), ("dan", "not a member"), ("robot", "only a person"),
    ("nightly", "only a person")])
def test_who_may_not_approve(make_held, who, rule):
    gateway = make_held()
    held = gateway.held(f"CREATE TABLE never_{who} (id int)")
    for verb in ("approve", "deny"):
        refused = vote(gateway, verb, held, who)
        assert refused.returncode == 1 and rule in refused.stderr
    assert held.thread.is_alive() and len(gateway.pending()) == 1
    assert vote(gateway, "deny", held, "bo").returncode == 0
    assert "denied by bo" in str(held.finish().error)
    assert "CREATE TABLE never" not in gateway.server_log.text()
    refusals = [event for event in events_of(gateway, held.action) if event.get("decision") == "refused"]
    assert [(event["approver"], rule in event["rule"]) for event in refusals] == [(who, True)] * 2


def test_requester_in_the_group_may_not_approve(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE own (id int)", user="bo")
    refused = vote(gateway, "approve", held, "bo")
    assert refused.returncode == 1 and "requester" in refused.stderr
    assert vote(gateway, "approve", held, "cleo").returncode == 0
    assert held.finish().error is None


def test_token_is_needed_to_vote(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE nobody (id int)")
    assert gateway.run("approve", held.id, check=False).returncode != 0
    gateway.tokens["forged"] = gateway.token("bo")[:-1] + "x"
    refused = vote(gateway, "approve", held, "forged")
    assert refused.returncode == 1 and held.thread.is_alive()
    unknown = gateway.approve("zzzz-zzzz", "bo", check=False)
    assert unknown.returncode == 1 and "sworn pending" in unknown.stderr


def test_quorum_of_two(make_held):
    gateway = make_held()
    held = gateway.held("INSERT INTO kept VALUES (2)")
    assert held.row["needs"] == "approve:sre:2"
    assert vote(gateway, "approve", held, "bo", "--reason", "first").returncode == 0
    again = vote(gateway, "approve", held, "bo")
    assert again.returncode == 1 and "already" in again.stderr
    time.sleep(0.2)
    assert held.thread.is_alive() and gateway.pending()[0]["approved_by"] == "bo"
    assert "INSERT INTO kept" not in gateway.server_log.text()
    assert vote(gateway, "approve", held, "cleo").returncode == 0
    assert held.finish().error is None
    assert "INSERT INTO kept" in gateway.server_log.text()
    intent = [event for event in events_of(gateway, held.action) if event["type"] == "intent"][0]
    assert intent["approvers"] == ["bo", "cleo"] and intent["applied"] == ["approve:sre:2"] and intent["rounds"] == 2
    assert vote(gateway, "approve", held, "cleo").returncode == 1  # it waits no more


def test_one_denial_ends_a_quorum(make_held):
    gateway = make_held()
    held = gateway.held("INSERT INTO kept VALUES (3)")
    assert vote(gateway, "approve", held, "bo").returncode == 0
    assert vote(gateway, "deny", held, "cleo", "--reason", "not today").returncode == 0
    assert isinstance(held.finish().error, psycopg.errors.InsufficientPrivilege)
    assert held.connection.execute("SELECT 1").fetchone() == (1,)
    assert "INSERT INTO kept" not in gateway.server_log.text()


def test_approval_is_single_use(make_held):
    gateway = make_held()
    sql = "CREATE TABLE IF NOT EXISTS twice (id int)"
    first = gateway.held(sql)
    assert vote(gateway, "approve", first, "bo").returncode == 0
    assert first.finish().error is None
    second = gateway.held(sql, connect=first.connection)
    assert second.id != first.id and second.action != first.action
    assert vote(gateway, "deny", second, "bo").returncode == 0
    assert second.finish().error is not None


def test_approval_is_of_one_exact_action(make_held):
    """Two held at once: the approval of one is none of the other."""
    gateway = make_held()
    one = gateway.held("CREATE TABLE exact_one (id int)")
    two = gateway.held("CREATE TABLE exact_two (id int)")
    assert vote(gateway, "approve", two, "bo").returncode == 0
    assert two.finish().error is None
    time.sleep(0.2)
    assert one.thread.is_alive() and [row["id"] for row in gateway.pending()] == [one.id]
    assert "CREATE TABLE exact_one" not in gateway.server_log.text()


def test_nobody_in_time_is_a_denial(make_held):
    gateway = make_held(timeout="1s")
    held = gateway.held("CREATE TABLE expired (id int)")
    assert "in time" in str(held.finish().error)
    assert gateway.pending() == [] and hold_ends(gateway, held) == ["expired"]
    assert "CREATE TABLE expired" not in gateway.server_log.text()
    assert gateway.actions("--decision", "expired")[0]["action"] == held.action


def test_client_that_leaves_ends_the_hold(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE left_behind (id int)")
    descriptor = socket.socket(fileno=os.dup(held.connection.fileno()))
    descriptor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    descriptor.shutdown(socket.SHUT_RDWR)
    descriptor.close()
    wait_until(lambda: gateway.pending() == [], 10, "the hold to end")
    held.finish()
    assert vote(gateway, "approve", held, "bo").returncode == 1
    assert hold_ends(gateway, held) == ["cancelled"]
    wait_for_event(gateway, "session_end", lambda event: held.action.startswith(event["session"]))
    assert "CREATE TABLE left_behind" not in gateway.server_log.text()
    assert gateway.verify().returncode == 0


def test_client_that_cancels_ends_the_hold_and_keeps_its_session(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE cancelled (id int)")
    held.connection.cancel()
    assert "cancelled" in str(held.finish().error)
    assert hold_ends(gateway, held) == ["cancelled"]
    assert held.connection.execute("SELECT 7").fetchone() == (7,)
    assert "CREATE TABLE cancelled" not in gateway.server_log.text()


def test_gateway_that_stops_interrupts_holds_at_once(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE stopped (id int)")
    started = time.monotonic()
    gateway.stop()
    assert time.monotonic() - started < 10
    assert held.finish().error is not None
    assert hold_ends(gateway, held) == ["interrupted"]
    assert gateway.verify().returncode == 0
    gateway.start()
    assert gateway.pending() == [] and vote(gateway, "approve", held, "bo").returncode == 1
    assert "CREATE TABLE stopped" not in gateway.server_log.text()


def test_gateway_that_is_killed_interrupts_holds(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE killed (id int)")
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()
    held.finish()
    gateway.start()
    assert gateway.pending() == [] and vote(gateway, "approve", held, "bo").returncode == 1
    assert "interrupted" in gateway.log.read_text()
    again = gateway.held("CREATE TABLE killed (id int)")
    assert vote(gateway, "deny", again, "bo").returncode == 0
    assert "CREATE TABLE killed" not in gateway.server_log.text()
    assert gateway.verify().returncode == 0
    listed = {row["action"]: row for row in gateway.actions()}
    assert listed[held.action]["held"] == "interrupted"


def test_policy_that_changed_meanwhile_decides(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE changed (id int)")
    gateway.write_policies({"held.cedar": HELD + """
@id("freeze") forbid (principal, action == Sworn::Action::"sql:ddl", resource);
"""})
    gateway.reload()
    assert vote(gateway, "approve", held, "bo").returncode == 0
    error = held.finish().error
    assert "freeze" in error.diag.message_detail
    assert "CREATE TABLE changed" not in gateway.server_log.text()


def test_policy_that_asks_for_more_meanwhile_is_heard(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE more (id int)")
    gateway.write_policies({"held.cedar": HELD + """
@id("security-too") @remedy("approve:security")
forbid (principal, action == Sworn::Action::"sql:ddl", resource)
unless { context.applied.contains("approve:security") };
"""})
    gateway.reload()
    assert vote(gateway, "approve", held, "bo").returncode == 0
    second = wait_until(lambda: [row for row in gateway.pending() if row["id"] != held.id], 10, "a second hold")[0]
    assert second["needs"] == "approve:security"
    assert gateway.approve(second["id"], "bo", check=False).returncode == 1
    assert gateway.approve(second["id"], "cleo").returncode == 0
    assert held.finish().error is None
    intent = [event for event in events_of(gateway, held.action) if event["type"] == "intent"][0]
    assert intent["applied"] == ["approve:security", "approve:sre"]
    assert intent["approvers"] == ["bo", "cleo"]


def test_principal_removed_meanwhile_does_not_act(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE removed (id int)", user="dan")
    with_principals(gateway, "\n".join(line for line in PRINCIPALS.splitlines() if "dan" not in line))
    gateway.reload()
    assert vote(gateway, "approve", held, "bo").returncode == 0
    assert "no longer known" in str(held.finish().error)
    assert "CREATE TABLE removed" not in gateway.server_log.text()


def test_approver_removed_meanwhile_does_not_count(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE outsider (id int)")
    gateway.token("bo")
    with_principals(gateway, PRINCIPALS.replace("{name: bo, kind: user, groups: [sre]}",
                                                "{name: bo, kind: user, groups: [support]}"))
    gateway.reload()
    refused = vote(gateway, "approve", held, "bo")
    assert refused.returncode == 1 and "not a member" in refused.stderr


def test_token_revoked_meanwhile_does_not_act(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE revoked (id int)")
    import json
    tokens = json.loads(gateway.run("token", "list", "copilot", "--json").stdout)
    for token in tokens:
        gateway.run("token", "revoke", str(token["id"]))
    assert vote(gateway, "approve", held, "bo").returncode == 0
    assert "revoked" in str(held.finish().error)
    assert "CREATE TABLE revoked" not in gateway.server_log.text()
    with pytest.raises(psycopg.OperationalError):
        gateway.connect("copilot")


def test_token_expired_meanwhile_does_not_act(make_held):
    gateway = make_held()
    gateway.tokens["copilot"] = gateway.run("token", "create", "copilot", "--expires", "2s").stdout.strip()
    held = gateway.held("CREATE TABLE outlived (id int)")
    time.sleep(2.1)
    assert vote(gateway, "approve", held, "bo").returncode == 0
    assert "expired" in str(held.finish().error)
    assert "CREATE TABLE outlived" not in gateway.server_log.text()


def test_revoked_approver_token_does_not_vote(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE by_revoked (id int)")
    gateway.token("bo")
    import json
    for token in json.loads(gateway.run("token", "list", "bo", "--json").stdout):
        gateway.run("token", "revoke", str(token["id"]))
    assert vote(gateway, "approve", held, "bo").returncode == 1
    assert held.thread.is_alive()


def test_other_sessions_go_on_while_one_is_held(make_held):
    gateway = make_held()
    helds = [gateway.held(f"CREATE TABLE aside_{number} (id int)") for number in range(5)]
    with gateway.connect() as one, gateway.connect("dan") as two:
        for number in range(20):
            assert one.execute(f"SELECT {number}").fetchone() == (number,)
            assert two.execute(f"SELECT {number}").fetchone() == (number,)
    assert len(gateway.pending()) == 5
    assert all(held.thread.is_alive() for held in helds)


def test_held_action_does_not_hold_back_answers_of_its_own_batch(make_held):
    """Without a Sync between them the server would keep the earlier answers to itself."""
    gateway = make_held()
    with pgwire.Connection(gateway.port) as connection:
        connection.login("copilot", gateway.token("copilot"), "shop")
        for sql in ("SELECT 41", "SELECT 42", "CREATE TABLE batched (id int)"):
            connection.send(pgwire.parse(sql) + pgwire.bind() + pgwire.execute())
        for value in (b"41", b"42"):
            assert pgwire.rows(connection.read_until(b"C")) == [[value]]
        row = wait_until(gateway.pending, 10, "the held statement")[0]
        gateway.run("deny", row["id"], token="bo")


def test_held_action_does_not_hold_back_earlier_answers(make_held):
    """Pipelined: the answers of what came before the held one arrive while it waits."""
    gateway = make_held()
    with gateway.connect("copilot") as connection:
        before = []
        seen = threading.Event()
        failures = []

        def run():
            try:
                with connection.pipeline() as pipeline:
                    first = connection.execute("SELECT 41")
                    second = connection.execute("SELECT 42")
                    pipeline.sync()
                    connection.execute("CREATE TABLE pipelined (id int)")
                    before.append(first.fetchone())
                    before.append(second.fetchone())
                    seen.set()
            except psycopg.Error as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        row = wait_until(gateway.pending, 10, "the held statement")[0]
        try:
            assert seen.wait(5), "earlier answers did not arrive while the action was held"
            assert before == [(41,), (42,)]
            assert thread.is_alive()
        finally:
            gateway.approve(row["id"], "bo")
            thread.join(20)
        assert not thread.is_alive() and not failures


def test_pending_says_who_what_why_and_until_when(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE fields (id int)")
    row = held.row
    assert row["principal"] == "copilot" and row["on_behalf_of"] == "ana" and row["upstream"] == "prod/shop"
    assert row["text"] == "CREATE TABLE fields (id int)" and row["policies"] == "ddl-needs-sre"
    assert row["needs"] == "approve:sre" and row["approved_by"] == "" and row["since"] < row["expires"]
    assert row["action"].endswith("-1") and row["may_approve"] == "bo, cleo"
    table = gateway.run("pending").stdout
    for word in (held.id, "copilot", "ana", "approve:sre", "ddl-needs-sre", "CREATE TABLE fields"):
        assert word in table
    vote(gateway, "deny", held, "bo")
    held.finish()
    assert "nothing waits" in gateway.run("pending").stdout


def test_approval_by_action_id_and_its_entries(make_held):
    gateway = make_held()
    held = gateway.held("CREATE TABLE by_action (id int)")
    assert gateway.approve(held.action, "bo", "--reason", "canary-reason-1").returncode == 0
    assert held.finish().error is None
    mine = events_of(gateway, held.action)
    assert [event["type"] for event in mine] == ["hold_requested", "approval", "hold_ended", "intent", "outcome"]
    assert len({event["digest"] for event in mine if "digest" in event}) == 1
    assert mine[1]["approver"] == "bo" and mine[1]["group"] == "sre" and mine[1]["decision"] == "approve"
    assert mine[1]["time"] <= mine[3]["time"]
    assert "canary-reason-1" in gateway.run("audit", "show", held.action).stdout
    assert "canary-reason-1" not in "".join(str(event) for event in events(gateway))


def test_transaction_goes_on_after_an_approval_inside_it(make_held):
    gateway = make_held()
    connection = gateway.connect("copilot", autocommit=False)
    connection.execute("SELECT 1")
    held = gateway.held("CREATE TABLE inside (id int)", connect=connection)
    vote(gateway, "approve", held, "bo")
    assert held.finish().error is None
    connection.commit()
    with gateway.postgres.connect("work") as direct:
        assert direct.execute("SELECT to_regclass('inside') IS NOT NULL").fetchone() == (True,)
