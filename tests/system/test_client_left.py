"""A client that hangs up does not hide what it did: the server goes on with what it was sent, and evidence says how that
ended. `interrupted` is kept for a run that ended.
"""
import socket
import struct
import tempfile

import pytest

from conftest import Gateway, wait_until
from pgwire import SYNC, TERMINATE, Connection, bind, execute, message, parse, query
from promise import events

POLICY = """
@id("sql") permit (principal, action in Sworn::Action::"sql", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
"""
ONE = "insert into gone values (1)"
SLOW = "select pg_sleep(0.5)"


def unnamed(sql):
    return parse(sql) + bind() + execute()


# What is sent before the client leaves, and the status, rows and tag of each outcome.
SLEPT, ADDED = ("ok", 1, "SELECT 1"), ("ok", 1, "INSERT 0 1")
LEFT = {
    "two queries": (query(SLOW) + query(ONE), [SLEPT, ADDED]),
    "one text of two": (query(f"{SLOW}; {ONE}"), [("ok", 1, "INSERT 0 1")]),
    "a pipeline": (unnamed(SLOW) + unnamed(ONE) + SYNC, [SLEPT, ADDED]),
    "a transaction": (query("begin") + query(SLOW) + query(ONE) + query("commit"),
                      [("ok", 0, "BEGIN"), SLEPT, ADDED, ("ok", 0, "COMMIT")]),
    "then an error": (query(ONE) + query(SLOW) + query("select 1/0"), [ADDED, SLEPT, ("error", 0, None)]),
    "with goodbye": (query(SLOW) + query(ONE) + TERMINATE, [SLEPT, ADDED]),
    "a large answer": (query(SLOW) + query("select repeat('x', 100) from generate_series(1, 50000)") + query(ONE),
                       [SLEPT, ("ok", 50000, "SELECT 50000"), ADDED]),
}


@pytest.fixture(scope="module")
def gate(cluster):
    cluster.create_database("leavers", "create table gone (id int)")
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="leavers", policies={"all.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()


def send_and_leave(gate, data, hang_up=socket.socket.close):
    """The outcomes of a session whose client is gone before anything is answered; its end is awaited."""
    client = Connection(gate.port).login("ana", gate.token("ana"), "leavers")
    known = {event["session"] for event in events(gate, "session_end")}
    client.send(data)
    hang_up(client.socket)
    ended = wait_until(lambda: [event for event in events(gate, "session_end") if event["session"] not in known], 30,
                       "the end of the session")
    return [event for event in events(gate, "outcome") if event["session"] == ended[0]["session"]]


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def count(gate):
    with gate.postgres.connect("leavers") as admin:
        return admin.execute("select count(*) from gone").fetchone()[0]


def assert_verifies_without_warning(gate):
    gate.await_publication()
    assert " 0 interrupted" in gate.verify().stdout


@pytest.mark.parametrize("hang_up", [socket.socket.close, reset], ids=["close", "reset"])
@pytest.mark.parametrize("name", LEFT)
def test_outcome_is_what_the_server_did(gate, name, hang_up):
    data, expected = LEFT[name]
    before = count(gate)
    outcomes = send_and_leave(gate, data, hang_up)
    assert [(event["status"], event["rows"], event.get("tag")) for event in outcomes] == expected
    assert count(gate) == before + 1
    assert_verifies_without_warning(gate)


def test_copy_data_that_never_ends_adds_nothing(gate):
    """The server waits for data of a client that is gone: it is told, and its error is recorded."""
    before = count(gate)
    outcomes = send_and_leave(gate, query("copy gone from stdin") + message(b"d", b"1\n2\n"))
    assert [(event["status"], event["code"]) for event in outcomes] == [("error", "57014")]
    assert count(gate) == before
    assert_verifies_without_warning(gate)


def test_unfinished_transaction_of_who_left_is_rolled_back(gate):
    before = count(gate)
    outcomes = send_and_leave(gate, query("begin") + query(ONE))
    assert [event["status"] for event in outcomes] == ["ok", "ok"]
    wait_until(lambda: not open_transactions(gate), 10, "the end of the transaction")
    assert count(gate) == before


def open_transactions(gate):
    with gate.postgres.connect("leavers") as admin:
        return admin.execute("select 1 from pg_stat_activity where datname = 'leavers' and state like 'idle in%'").fetchall()


def test_endless_statement_of_who_left_is_cancelled(gate):
    """Nobody waits for hours: the server is asked to cancel, and says what became of it."""
    outcomes = send_and_leave(gate, query("select pg_sleep(3600)"))
    assert [(event["status"], event["code"]) for event in outcomes] == [("error", "57014")]
    assert_verifies_without_warning(gate)
