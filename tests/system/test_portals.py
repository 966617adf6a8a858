"""What the server does at Parse, Bind and Describe is decided before it does it.

A Bind makes the server plan, and the planner runs stable functions: their result, or an error with data in it, leaves
without any Execute. A Parse and a Describe tell which columns a table has. Every one of them needs a verdict and an
intent, in whatever order the messages come.
"""
import json
import tempfile

import psycopg
import pytest

import pgwire
from conftest import Gateway
from pgwire import FLUSH, SYNC, Connection, bind, describe, errors, execute, message, parse, query, rows
from promise import events

TABLES = """
CREATE SCHEMA hr;
CREATE TABLE hr.pay (person text, salary int);
INSERT INTO hr.pay VALUES ('Wilhelmine', 4711);
CREATE TABLE plain (id int, word text);
INSERT INTO plain VALUES (1, 'one'), (2, 'two');
"""
POLICY = """
@id("read") permit (principal, action == Sworn::Action::"sql:read", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
@id("no-pay") forbid (principal, action, resource == Sworn::Table::"prod/shop/portals/hr.pay");
@id("bo-nothing") forbid (principal == Sworn::User::"bo", action, resource);
"""
# The planner evaluates the stable function, and the cast error holds what it read.
LEAK = "select 1 from pg_class where relpages = (schema_to_xml('hr', true, false, '')::text)::int"
SECRETS = (b"Wilhelmine", b"4711", b"salary", b"person")


@pytest.fixture(scope="module")
def gate(cluster):
    cluster.create_database("portals", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="portals", policies={"portals.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()


def login(gate, user="ana"):
    return Connection(gate.port).login(user, gate.token(user), "portals")


FORBIDDEN = "select * from hr.pay"
CLOSE_STATEMENT = message(b"C", b"Sq\0")


def close(kind, name):
    return message(b"C", kind + name + b"\0")


# Each is refused before the server hears of the forbidden statement; what each is, is its name.
HIDDEN = {
    "bind without execute": parse(LEAK) + bind() + SYNC,
    "bind of a named portal": parse(LEAK) + bind(portal=b"p") + SYNC,
    "bind of a named statement": parse(LEAK, b"q") + bind(name=b"q") + SYNC,
    "bind, flush, sync": parse(LEAK) + bind() + FLUSH + SYNC,
    "parse, flush, bind, flush, sync": parse(LEAK) + FLUSH + bind() + FLUSH + SYNC,
    "bind, then close of the portal": parse(LEAK) + bind(portal=b"p") + close(b"P", b"p") + SYNC,
    "bind, then close of the statement": parse(LEAK, b"q") + bind(name=b"q") + close(b"S", b"q") + SYNC,
    "bind, then describe of the portal": parse(LEAK) + bind() + describe() + SYNC,
    "bind, then execute of another portal": parse("select 1", b"one") + parse(LEAK, b"q") + bind(portal=b"p", name=b"q") +
                                            bind(name=b"one") + execute() + SYNC,
    "execute of a good portal, then a bind": parse("select 1") + bind() + execute() + parse(LEAK) + bind() + SYNC,
    "bind of a second portal between describe and execute": parse("select 1", b"one") + parse(LEAK, b"q") +
        bind(name=b"one") + bind(portal=b"p", name=b"q") + describe() + execute() + SYNC,
    "bind, then a simple query": parse(LEAK) + bind() + query("select 1") + SYNC,
    "bind, then a function call": parse(LEAK) + bind() + message(b"F", b"\0\0\0\1\0\0\0\0\0\0") + SYNC,
    "many binds": parse(LEAK, b"q") + b"".join(bind(portal=b"p%d" % i, name=b"q") for i in range(20)) + SYNC,
    "parse of the same name again": parse("select 1", b"") + parse(LEAK, b"") + bind() + SYNC,
    "parse alone of a forbidden table": parse(FORBIDDEN) + SYNC,
    "parse and describe of a forbidden table": parse(FORBIDDEN) + describe(b"S") + SYNC,
    "parse, flush, describe": parse(FORBIDDEN, b"q") + FLUSH + describe(b"S", b"q") + FLUSH + SYNC,
    "a good statement described, then a forbidden one": parse("select 1", b"one") + describe(b"S", b"one") +
        parse(FORBIDDEN, b"q") + describe(b"S", b"q") + SYNC,
    "describe of the portal of a forbidden table": parse(FORBIDDEN) + bind() + describe() + SYNC,
    "a forbidden table in a join": parse("select p.id from plain p join hr.pay y on true") + describe(b"S") + SYNC,
    "a forbidden table in a CTE": parse("with y as (select * from hr.pay) select * from y") + describe(b"S") + SYNC,
    "a write that is only prepared": parse("delete from plain") + SYNC,
    "a write that is only bound": parse("delete from plain returning *") + bind() + describe() + SYNC,
    "two batches": parse(FORBIDDEN, b"q") + SYNC + describe(b"S", b"q") + SYNC,
}


@pytest.mark.parametrize("case", HIDDEN)
def test_nothing_reaches_the_server_undecided(gate, case):
    with login(gate) as connection:
        connection.send(HIDDEN[case])
        got = [connection.read_until(b"Z") for _ in range(HIDDEN[case].count(SYNC))]
        received = connection.received
        refused = [error for each in got for error in errors(each)]
        assert refused and refused[0]["C"] == "42501", got
        assert not [secret for secret in SECRETS if secret in received], received
        connection.send(query("select word from plain order by id"))
        assert rows(connection.read_until(b"Z")) == [[b"one"], [b"two"]], "the session goes on"
    assert "schema_to_xml" not in statements_of(gate, connection) and "hr.pay" not in statements_of(gate, connection)


def statements_of(gate, connection):
    """What the server says that this session's backend parsed, planned or ran."""
    return "\n".join(line for line in gate.postgres.server_log().splitlines() if "[test_portals]" in line)


@pytest.mark.parametrize("case", ["bind without execute", "parse and describe of a forbidden table", "many binds"])
def test_a_principal_without_any_right_learns_nothing(gate, case):
    with login(gate, "bo") as connection:
        got = connection.ask(HIDDEN[case])
        assert errors(got)[0]["C"] == "42501" and len(errors(got)) == 1
        assert {kind for kind, _ in got} <= {b"E", b"Z"}, "neither ParseComplete nor columns"


def test_what_is_permitted_is_prepared_bound_and_described(gate):
    """The flows of drivers, with one entry for each decision."""
    with login(gate) as connection:
        connection.send(parse("select * from plain where id = $1", b"q") + describe(b"S", b"q") + SYNC)
        got = connection.read_until(b"Z")
        assert [kind for kind, _ in got] == [b"1", b"t", b"T", b"Z"]
        connection.send(bind((b"1",), name=b"q", portal=b"p") + FLUSH)
        assert [kind for kind, _ in connection.read_until(b"2")] == [b"2"]
        connection.send(describe(b"P", b"p") + execute(b"p") + SYNC)
        got = connection.read_until(b"Z")
        assert [kind for kind, _ in got] == [b"T", b"D", b"C", b"Z"] and rows(got) == [[b"1", b"one"]]
        connection.send(describe(b"S", b"q") + close(b"S", b"q") + SYNC)
        assert [kind for kind, _ in connection.read_until(b"Z")] == [b"t", b"T", b"3", b"Z"]
        session = None
    gate.await_publication()
    last = [entry for entry in events(gate, "intent")][-4:]
    session = last[0]["session"]
    assert [entry["session"] for entry in last] == [session] * 4
    texts = [gate.run("audit", "show", entry["action"]).stdout for entry in last]
    assert ["prepared, not run" in text for text in texts] == [True, False, False, True]
    assert ["bound, not run" in text for text in texts] == [False, True, False, False]


def test_one_intent_for_the_usual_batch(gate):
    """Parse, Bind, Describe, Execute, Sync: the decision on the Execute covers what came for it."""
    before = len(events(gate, "intent"))
    with login(gate) as connection:
        for _ in range(3):
            got = connection.ask(parse("select 1") + bind() + describe() + execute() + SYNC)
            assert [kind for kind, _ in got] == [b"1", b"2", b"T", b"D", b"C", b"Z"]
    gate.await_publication()
    assert len(events(gate, "intent")) == before + 3


def test_errors_of_the_server_come_in_their_place(gate):
    with login(gate) as connection:
        got = connection.ask(parse("select nothing from plain") + describe(b"S") + SYNC)
        assert [kind for kind, _ in got] == [b"E", b"Z"] and errors(got)[0]["C"] == "42703"
        got = connection.ask(parse("select $1::int") + bind((b"x",)) + SYNC)
        assert [kind for kind, _ in got] == [b"1", b"E", b"Z"] and errors(got)[0]["C"] == "22P02"
        got = connection.ask(describe(b"S", b"unknown") + SYNC)
        assert errors(got)[0]["C"] == "26000"
        got = connection.ask(bind(name=b"unknown") + SYNC)
        assert errors(got)[0]["C"] in ("26000", "42501")
        got = connection.ask(parse("select 1") + bind() + execute() + SYNC)
        assert rows(got) == [[b"1"]]


def test_a_refused_bind_takes_its_batch_along(gate):
    """What was executed before it in the same implicit transaction is rolled back, what follows is skipped."""
    with login(gate) as connection:
        got = connection.ask(parse("select 1") + bind() + execute() + parse(LEAK) + bind() + parse("select 2") + bind() +
                             execute() + SYNC)
        kinds = [kind for kind, _ in got]
        assert kinds.count(b"E") == 1 and kinds.count(b"C") == 1 and kinds[-2:] == [b"E", b"Z"]


def test_a_driver_that_prepares_first(gate):
    """psycopg prepares after a few executions; libpq's PQprepare is a Parse and a Sync."""
    with gate.connect() as connection:
        connection.prepare_threshold = 0
        for number in (1, 2):
            assert connection.execute("SELECT word FROM plain WHERE id = %s", (number,)).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM hr.pay WHERE salary > %s", (1,))


def test_evidence_of_a_refused_bind(gate):
    with login(gate) as connection:
        connection.ask(HIDDEN["bind without execute"])
    gate.await_publication()
    denied = [entry for entry in events(gate, "intent") if entry["verdict"] == "deny"][-1]
    assert "schema_to_xml" not in json.dumps(denied["text"]), "the text is sealed"
    assert "bound, not run" in gate.run("audit", "show", denied["action"]).stdout
