"""What is signed is what was seen: a held action is shown whole, and an approval names the view that it is for."""
import hashlib
import json
import os
import pty
import subprocess
import tempfile

import psycopg
import pytest

import pgwire
from conftest import SWORN, Gateway, wait_until
from promise import Held, events_of

POLICIES = """
@id("all") permit (principal, action, resource);

@id("ddl-needs-sre") @remedy("approve:sre") @reason("schema changes need an SRE")
forbid (principal, action == Sworn::Action::"sql:ddl", resource)
unless { context.applied.contains("approve:sre") };

@id("write-needs-two") @remedy("approve:sre:2")
forbid (principal, action == Sworn::Action::"sql:write", resource)
unless { context.applied.contains("approve:sre:2") };

@id("masked-for-all-but-cleo") forbid (principal, action == Sworn::Action::"reveal", resource)
unless { principal == Sworn::User::"cleo" };
"""
PRINCIPALS = """
principals:
  - {name: ana, kind: user, groups: [support]}
  - {name: bo, kind: user, groups: [sre]}
  - {name: cleo, kind: user, groups: [sre]}
  - {name: copilot, kind: agent, on_behalf_of: ana, groups: [agents]}
"""
TABLES = "CREATE TABLE orders (id int, amount numeric, email text); CREATE SCHEMA decoy; CREATE TABLE decoy.orders (id int);"


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("views", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        made = Gateway(folder, cluster, database="views", policies={"held.cedar": POLICIES}, config="approval: {timeout: 2m}")
        before, rest = made.config.read_text().split("principals:", 1)
        made.config.write_text(before + PRINCIPALS.strip() + "\ntables:" + rest.split("\ntables:", 1)[1])
        made.start()
        try:
            yield made
        finally:
            made.stop(expect=None)


class HeldRun(Held):
    """Held, by something else than one plain statement."""

    def __init__(self, gateway, run, **options):
        self.todo = run
        super().__init__(gateway, getattr(run, "__name__", "it"), **options)

    def run(self):
        try:
            self.todo(self.connection)
        except psycopg.Error as error:
            self.error = error


@pytest.fixture
def held(gateway):
    opened = []

    def hold(what, **options):
        one = HeldRun(gateway, what, **options) if callable(what) else Held(gateway, what, **options)
        opened.append(one)
        return one

    yield hold
    for one in opened:
        gateway.run("deny", one.id, token="cleo", check=False)
        one.close()


def details_of(shown, kind):
    return {detail["name"]: detail for detail in shown["view"]["details"] if detail["kind"] == kind}


def settings_of(shown):
    return {name: detail["value"] for name, detail in details_of(shown, "setting").items()}


def test_bound_values_are_shown_with_their_types_and_sealed(gateway, held):
    """Approvers sign blind: the values of a Bind."""
    one = held(lambda connection: connection.execute("UPDATE orders SET amount = %s WHERE id >= %s OR true = %s",
                                                     (999999.99, -1, True)))
    parameters = details_of(gateway.view(one.id), "parameter")
    assert [(parameters[name]["value"], parameters[name].get("field")) for name in ("$1", "$2")] == [
        ("999999.99", "amount"), ("-1", "id")]
    assert parameters["$1"]["type"] == "float8" and parameters["$3"]["value"] == "t"
    for voter in ("bo", "cleo"):
        gateway.approve(one.id, voter)
    assert one.finish().error is None
    gateway.await_publication()
    shown = gateway.run("audit", "show", one.action).stdout
    assert "details, as committed to" in shown and '"name":"$2","type":"int2","value":"-1"' in shown


@pytest.mark.parametrize("values, wanted", [
    ((psycopg.types.numeric.Int8(7), None), [("int8", "7"), (None, None)]),
    ((b"\x00\xff", "two\nlines"), [("bytea", "\\x00ff"), (None, "two\nlines")]),
    (([1, 2], "x"), [("int2[]", None), (None, "x")]),
    ((psycopg.types.json.Jsonb({"a": 1}), "' OR 1=1 --"), [("jsonb", '{"a": 1}'), (None, "' OR 1=1 --")])])
def test_values_in_binary_form_are_shown_as_text(gateway, held, values, wanted):
    def run(connection):
        with connection.cursor(binary=True) as cursor:
            cursor.execute("INSERT INTO orders SELECT 1 WHERE pg_typeof(%b) IS NULL OR pg_typeof(%b::text) IS NULL", values)

    parameters = details_of(gateway.view(held(run).id), "parameter")
    for number, (kind, value) in enumerate(wanted, 1):
        detail = parameters[f"${number}"]
        assert kind is None or detail["type"] == kind
        if value is not None:
            assert detail["value"] == value
        elif kind is None:
            assert "value" not in detail
    assert len(parameters) == 2


def test_named_statement_keeps_its_types_for_later_binds(gateway, held):
    """Parse in one batch, Bind in binary form in another."""
    session = pgwire.Connection(gateway.port)
    session.login("copilot", gateway.token("copilot"), "views")
    parsed = held(lambda _: session.ask(pgwire.parse("UPDATE orders SET id = $1", b"s", [23]) + pgwire.SYNC))
    for voter in ("bo", "cleo"):
        gateway.approve(parsed.id, voter)
    parsed.finish()

    def run(_):
        session.ask(pgwire.bind([b"\x00\x00\x00\x2a"], name=b"s", formats=[1]) + pgwire.execute() + pgwire.SYNC)

    one = held(run)
    assert details_of(gateway.view(one.id), "parameter")["$1"] == {"kind": "parameter", "name": "$1", "type": "int4",
                                                                   "value": "42", "field": "id"}
    gateway.run("deny", one.id, token="bo")
    one.finish()


def test_text_behind_execute_and_fetch_is_shown(gateway, held):
    connection = gateway.connect("ana")
    connection.autocommit = True
    one = held("PREPARE q(int) AS UPDATE orders SET amount = 0 WHERE id = $1", connect=connection)
    for voter in ("bo", "cleo"):
        gateway.approve(one.id, voter)
    assert one.finish().error is None
    two = held("EXECUTE q(2)", connect=connection)
    behind = details_of(gateway.view(two.id), "behind")
    assert behind["execute q"]["value"] == "PREPARE q(int) AS UPDATE orders SET amount = 0 WHERE id = $1"


def test_settings_that_give_the_text_its_meaning_are_shown(gateway, held):
    connection = gateway.connect("copilot")
    connection.execute("SET search_path = decoy")
    shown = gateway.view(held("ALTER TABLE orders ADD COLUMN IF NOT EXISTS q int", connect=connection).id)
    settings = settings_of(shown)
    assert settings["search_path"] == '"decoy"' and settings["database"] == "views" and settings["database user"] == "owner"
    assert "none is open" in settings["transaction"]
    assert any(step["resource"].endswith("decoy.orders") for step in shown["view"]["steps"])
    assert shown["view"]["policies"] == [{"id": "ddl-needs-sre", "reason": "schema changes need an SRE"}]
    assert shown["view"]["on_behalf_of"] == "ana" and shown["view"]["remedies"] == ["approve:sre"]


def test_open_transaction_and_copy_data_are_said(gateway, held):
    connection = gateway.connect("copilot")
    connection.execute("BEGIN")

    def run(connection):
        with connection.cursor().copy("COPY orders (id) FROM STDIN") as copy:
            copy.write(b"1\n")

    settings = settings_of(gateway.view(held(run, connect=connection).id))
    assert "one is open" in settings["transaction"] and "after the decision" in settings["copy data"]


@pytest.mark.parametrize("hidden, spelt", [
    (" " * 200, "<200 spaces>"), ("/*\x1b[2K\x1b[1A*/", "<U+001B>"), ("/*‮*/", "<U+202E>"),
    ("\r", "<U+000D>"), ("/*\xa0​*/", "<U+200B>"), ("\n" * 60, "  | , DROP COLUMN"), ("/*\x9b2J*/", "<U+009B>")])
def test_nothing_of_a_text_is_hidden_from_a_reader(gateway, held, hidden, spelt):
    """200 spaces hid `, DROP COLUMN`."""
    one = held(f"ALTER TABLE decoy.orders ADD COLUMN IF NOT EXISTS ok int{hidden}, DROP COLUMN IF EXISTS important")
    shown = gateway.run("pending", one.id).stdout
    assert spelt in shown and "DROP COLUMN IF EXISTS important" in shown.replace("\n  : ", "")
    assert not any(ord(letter) < 32 and letter != "\n" or 0x7f <= ord(letter) < 0xa0 for letter in shown)
    assert "DROP COLUMN" in gateway.run("pending").stdout or hidden.strip()


def test_text_cannot_pass_for_another_part_of_the_view(gateway, held):
    one = held("ALTER TABLE decoy.orders ADD COLUMN IF NOT EXISTS ok int /*\nview          00000000\ndoes:\n  nothing\n*/")
    lines = gateway.run("pending", one.id).stdout.splitlines()
    assert [line for line in lines if line.startswith("view ")] == [f"view          {gateway.view(one.id)['id']}"]
    assert "  | view<10 spaces>00000000" in lines and lines.count("does:") == 1


def test_approval_without_the_view_counts_for_nothing(gateway, held):
    one = held("ALTER TABLE decoy.orders ADD COLUMN IF NOT EXISTS never int")
    other = held("ALTER TABLE decoy.orders ADD COLUMN IF NOT EXISTS other int")
    view, another = gateway.view(one.id)["id"], gateway.view(other.id)["id"]
    assert gateway.run("approve", one.id, token="bo", check=False).returncode == 2  # nobody to show it to
    for wrong in ("", view[:7], "0" * 16, another, view.upper() + "x", view[1:]):
        refused = gateway.run("approve", one.id, "--view", wrong, token="bo", check=False)
        assert refused.returncode == 1 and "view" in refused.stderr, wrong
    assert one.thread.is_alive()
    refusals = [event for event in events_of(gateway, one.action) if event["type"] == "approval"]
    assert {event["decision"] for event in refusals} == {"refused"} and all("view_digest" not in event for event in refusals)
    assert gateway.run("approve", one.id, "--view", view[:8], token="bo").stdout == f"{one.id}: approved\n"
    assert one.finish().error is None


def test_evidence_holds_the_view_that_was_signed_and_the_token_that_signed(gateway, held):
    one = held("ALTER TABLE decoy.orders ADD COLUMN IF NOT EXISTS signed int")
    shown = gateway.view(one.id)
    gateway.approve(one.id, "bo")
    assert one.finish().error is None
    trail = events_of(gateway, one.action)
    hold = next(event for event in trail if event["type"] == "hold_requested")
    vote = next(event for event in trail if event["type"] == "approval")
    assert vote["view_digest"] == hold["view_digest"] and vote["view_digest"].startswith(shown["id"])
    tokens = gateway.run("token", "list", "bo", "--json").stdout
    assert any(str(row["id"]) == vote["token"] for row in json.loads(tokens))
    opened = gateway.run("audit", "show", one.action).stdout.split("view, as committed to:\n    ", 1)[1].split("\n", 1)[0]
    assert hashlib.sha256(opened.encode()).hexdigest() == hold["view_digest"]
    assert json.loads(opened) == shown["view"] and len(shown["view"]["nonce"]) == 32
    assert gateway.verify().returncode == 0


def test_view_is_masked_for_its_reader(gateway, held):
    one = held(lambda connection: connection.execute(
        "UPDATE orders SET email = %s WHERE email = 'maria.keller@example.org'", ("jo@example.org",)))
    anonymous, bo, cleo = gateway.view(one.id), gateway.view(one.id, "bo"), gateway.view(one.id, "cleo")
    for shown in (anonymous, bo):
        assert shown["masked"] and "example.org" not in json.dumps(shown) and shown["id"] == cleo["id"]
    assert not cleo["masked"] and "maria.keller@example.org" in cleo["view"]["text"]
    assert details_of(cleo, "parameter")["$1"]["value"] == "jo@example.org"
    assert "example.org" not in gateway.run("pending", "--json").stdout
    assert "maria.keller@example.org" in gateway.run("pending", "--json", token="cleo").stdout
    assert "masked" in gateway.run("pending", one.id, token="bo").stdout


def test_approved_is_said_when_it_is_approved(gateway, held):
    one = held("INSERT INTO orders VALUES (5)")
    first = gateway.approve(one.id, "bo").stdout
    assert "1 of 2" in first and "approved" not in first
    assert gateway.approve(one.id, "cleo").stdout == f"{one.id}: approved\n"
    assert one.finish().error is None
    two = held("INSERT INTO orders VALUES (6)")
    assert gateway.run("deny", two.id, token="bo").stdout == f"{two.id}: denied\n"


@pytest.mark.parametrize("reply, is_approved", [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_on_a_terminal_the_view_is_shown_before_the_question(gateway, held, reply, is_approved):
    one = held("ALTER TABLE decoy.orders ADD COLUMN IF NOT EXISTS asked int")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "SWORN_CONFIG": str(gateway.config), "SWORN_TOKEN": gateway.token("bo")}
    process = subprocess.Popen([str(SWORN), "approve", one.id], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 4096)
    assert b"ADD COLUMN IF NOT EXISTS asked int" in seen and b"search_path" in seen
    os.write(ours, reply)
    assert process.wait(30) == (0 if is_approved else 1)
    os.close(ours)
    wait_until(lambda: one.thread.is_alive() != is_approved, 10, "the end of the hold")


def test_what_is_too_long_to_be_shown_is_not_held(gateway, held):
    """Rather denied than approved unseen: a text, and parameters."""
    with gateway.connect("copilot") as connection:
        for sql, values in ((f"ALTER TABLE orders ADD COLUMN x int /* {'x' * (5 << 20)} */", None),
                            ("UPDATE orders SET email = %s", ("x" * (2 << 20),))):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="send it in parts"):
                connection.execute(sql, values)
            connection.rollback()
    assert gateway.pending() == []
