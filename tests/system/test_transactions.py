"""A denial fails its transaction like any error; what only lets go is never denied; nobody waits for what stays denied."""

import psycopg
import pytest

import pgwire
from conftest import wait_until
from pgwire import SYNC, Connection, bind, errors, execute, parse, query
from promise import events

POLICY = """
@id("all") permit (principal, action in Sworn::Action::"sql", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
@id("no-admin") forbid (principal, action == Sworn::Action::"sql:admin", resource);
"""
# an ordinary rule, which speaks of everything after a session's first action
FORBIDS_ALL_WITHIN = POLICY + """
@id("one-only") forbid (principal, action in Sworn::Action::"sql", resource) when { context.session_actions >= 1 };
"""


@pytest.fixture(scope="module")
def table(cluster):
    cluster.create_database("transactions", "CREATE TABLE t (id int); INSERT INTO t VALUES (1);")
    return cluster


@pytest.fixture
def reset(table):
    with table.connect("transactions") as direct:
        direct.execute("TRUNCATE t; INSERT INTO t VALUES (1)")

        def ids():
            return sorted(row[0] for row in direct.execute("SELECT id FROM t").fetchall())

        yield ids


def open_gateway(make_gateway, policy=POLICY, **options):
    return make_gateway(database="transactions", policies={"t.cedar": policy}, **options)


def login(gateway, user="ana"):
    return Connection(gateway.port).login(user, gateway.token(user), "transactions")


def status_of(messages):
    return messages[-1][1]


DENIED = "VACUUM t"  # sql:admin


def simple(connection, text):
    return connection.ask(query(text))


def extended(connection, text):
    return connection.ask(parse(text) + bind() + execute() + SYNC)


def prepared_only(connection, text):
    return connection.ask(parse(text, b"only") + SYNC)


@pytest.mark.parametrize("deny", [simple, extended, prepared_only])
@pytest.mark.parametrize("begin", ["BEGIN", "START TRANSACTION", "BEGIN; SELECT 1"])
def test_a_denial_fails_the_transaction(make_gateway, reset, deny, begin):
    """BEGIN; INSERT; a denied statement; COMMIT used to commit the INSERT."""
    gateway = open_gateway(make_gateway)
    with login(gateway) as connection:
        simple(connection, begin)
        assert status_of(simple(connection, "INSERT INTO t VALUES (2)")) == b"T"
        got = deny(connection, DENIED)
        assert errors(got)[0]["C"] == "42501" and status_of(got) == b"E"
        assert errors(simple(connection, "SELECT 1"))[0]["C"] == "25P02"
        got = simple(connection, "COMMIT")
        assert (b"C", b"ROLLBACK\0") in got and status_of(got) == b"I"
    assert reset() == [1]


def test_a_pipeline_with_a_denial_commits_nothing(make_gateway, reset):
    gateway = open_gateway(make_gateway)

    def step(text):
        return parse(text) + bind() + execute() + SYNC

    with login(gateway) as connection:
        connection.send(step("BEGIN") + step("INSERT INTO t VALUES (2)") + step(DENIED) + step("INSERT INTO t VALUES (3)") +
                        step("COMMIT"))
        got = [connection.read_until(b"Z") for _ in range(5)]
        assert [status_of(each) for each in got] == [b"T", b"T", b"E", b"E", b"I"]
    assert reset() == [1]


def test_one_batch_with_a_denial_commits_nothing(make_gateway, reset):
    gateway = open_gateway(make_gateway)

    def step(text):
        return parse(text) + bind() + execute()

    with login(gateway) as connection:
        got = connection.ask(step("INSERT INTO t VALUES (2)") + step(DENIED) + step("INSERT INTO t VALUES (3)") + SYNC)
        assert len(errors(got)) == 1 and status_of(got) == b"I"
        simple(connection, "BEGIN")
        got = connection.ask(step("INSERT INTO t VALUES (4)") + step(DENIED) + SYNC)
        assert status_of(got) == b"E"
        simple(connection, "COMMIT")
    assert reset() == [1]


def test_a_multi_statement_text_with_a_denial(make_gateway, reset):
    gateway = open_gateway(make_gateway)
    with login(gateway) as connection:
        got = simple(connection, f"BEGIN; INSERT INTO t VALUES (2); {DENIED}; COMMIT")
        assert errors(got)[0]["C"] == "42501" and status_of(got) == b"I", "none of it ran"
        simple(connection, "BEGIN")
        got = simple(connection, f"INSERT INTO t VALUES (3); {DENIED}")
        assert status_of(got) == b"E"
        simple(connection, "COMMIT")
    assert reset() == [1]


def test_savepoints_are_as_the_server_has_them(make_gateway, reset):
    gateway = open_gateway(make_gateway)
    with login(gateway) as connection:
        for text in ("BEGIN", "INSERT INTO t VALUES (2)", "SAVEPOINT a", "INSERT INTO t VALUES (3)"):
            assert status_of(simple(connection, text)) == b"T"
        assert status_of(simple(connection, DENIED)) == b"E"
        assert status_of(simple(connection, "ROLLBACK TO a")) == b"T"
        assert status_of(simple(connection, "INSERT INTO t VALUES (4)")) == b"T"
        assert status_of(simple(connection, "COMMIT")) == b"I"
    assert reset() == [1, 2, 4]


def test_psql_in_one_transaction_commits_nothing(make_gateway, reset, tmp_path):
    """psql -1 -f used to commit half a file."""
    gateway = open_gateway(make_gateway)
    script = tmp_path / "half.sql"
    script.write_text(f"INSERT INTO t VALUES (2);\n{DENIED};\nINSERT INTO t VALUES (3);\n")
    ran = gateway.psql("-1", "-f", str(script), check=False)
    assert "denied" in ran.stderr
    assert reset() == [1]


def test_a_driver_sees_the_failed_transaction(make_gateway, reset):
    gateway = open_gateway(make_gateway)
    with gateway.connect(autocommit=False) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(DENIED)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        connection.execute("INSERT INTO t VALUES (5)")
        connection.commit()
    assert reset() == [1, 5]


def test_outside_of_a_transaction_the_server_hears_nothing_of_a_denial(make_gateway, table):
    gateway = open_gateway(make_gateway)
    with login(gateway) as connection:
        simple(connection, "SELECT 'here'")
        before = table.server_log().count("sworn refused")
        assert status_of(simple(connection, DENIED)) == b"I"
        assert table.server_log().count("sworn refused") == before


# ---- What only lets go ----

LETS_GO = {
    "rollback": ("BEGIN", "ROLLBACK"), "commit": ("BEGIN", "COMMIT"), "end": ("BEGIN", "END"), "abort": ("BEGIN", "ABORT"),
    "rollback to": ("BEGIN; SAVEPOINT a", "ROLLBACK TO SAVEPOINT a"), "release": ("BEGIN; SAVEPOINT a", "RELEASE a"),
    "deallocate": ("BEGIN; PREPARE q AS SELECT 1", "DEALLOCATE q"), "deallocate all": ("BEGIN", "DEALLOCATE ALL"),
    "close": ("BEGIN; DECLARE c CURSOR FOR SELECT 1", "CLOSE c"), "close all": ("BEGIN", "CLOSE ALL"),
    "unlisten": ("BEGIN; LISTEN x", "UNLISTEN x"), "unlisten all": ("BEGIN", "UNLISTEN *"),
    "reset": ("BEGIN; SET statement_timeout = 5000", "RESET statement_timeout"), "reset all": ("BEGIN", "RESET ALL"),
    "discard": ("BEGIN", "DISCARD PLANS"), "discard sequences": ("BEGIN", "DISCARD SEQUENCES"),
}


@pytest.mark.parametrize("name", LETS_GO)
def test_what_only_lets_go_is_never_denied_and_recorded(make_gateway, reset, name):
    before, text = LETS_GO[name]
    gateway = open_gateway(make_gateway, FORBIDS_ALL_WITHIN)
    with login(gateway) as connection:
        assert not errors(simple(connection, before))
        assert not errors(simple(connection, text)), name
        assert errors(simple(connection, "SELECT 1"))[0]["C"] == "42501", "what does anything else is"
    gateway.stop()
    recorded = [event for event in events(gateway, "intent") if event["steps"][0]["verb"] == "sql:release"]
    assert recorded and recorded[0]["verdict"] == "allow"
    assert gateway.verify(check=False).returncode == 0
    replayed = gateway.run("policy", "replay", "--evidence", str(gateway.evidence), check=False)
    assert replayed.returncode in (0, 2), replayed.stdout + replayed.stderr


@pytest.mark.parametrize("text", ["COMMIT; SELECT 1", "ROLLBACK; INSERT INTO t VALUES (9)", "CLOSE ALL; SELECT 1",
                                  "RELEASE a; SELECT * FROM t", "DISCARD PLANS; SELECT 1"])
def test_what_comes_along_with_it_is_asked(make_gateway, reset, text):
    gateway = open_gateway(make_gateway, FORBIDS_ALL_WITHIN + '@id("no") forbid (principal, action == '
                           'Sworn::Action::"sql:read", resource); @id("nw") forbid (principal, action == '
                           'Sworn::Action::"sql:write", resource);')
    with login(gateway) as connection:
        assert errors(simple(connection, text))[0]["C"] == "42501"
    assert reset() == [1]


# ---- Holds that nothing permits ----

HOPELESS = """
@id("read") permit (principal, action == Sworn::Action::"sql:read", resource);
@id("needs-sre") @remedy("approve:sre:1") forbid (principal, action == Sworn::Action::"sql:ddl", resource)
unless { context.applied.contains("approve:sre:1") };
"""
SECOND_WALL = """
@id("all") permit (principal, action in Sworn::Action::"sql", resource);
@id("needs-sre") @remedy("approve:sre:1") forbid (principal, action == Sworn::Action::"sql:ddl", resource)
unless { context.applied.contains("approve:sre:1") };
@id("then-no") forbid (principal, action == Sworn::Action::"sql:ddl", resource)
when { context.applied.contains("approve:sre:1") };
"""
TWO_ROUNDS_TO_NOTHING = """
@id("all") permit (principal, action in Sworn::Action::"sql", resource);
@id("a") @remedy("approve:sre:1") forbid (principal, action == Sworn::Action::"sql:ddl", resource)
unless { context.applied.contains("approve:sre:1") };
@id("b") @remedy("approve:security:1") forbid (principal, action == Sworn::Action::"sql:ddl", resource)
when { context.applied.contains("approve:sre:1") } unless { context.applied.contains("approve:security:1") };
@id("c") forbid (principal, action == Sworn::Action::"sql:ddl", resource)
when { context.applied.contains("approve:security:1") };
"""


@pytest.mark.parametrize("policy", [HOPELESS, SECOND_WALL, TWO_ROUNDS_TO_NOTHING], ids=["no permit", "a wall behind", "two"])
def test_a_hold_that_nothing_permits_is_denied_at_once(make_gateway, reset, policy):
    gateway = open_gateway(make_gateway, policy)
    with login(gateway) as connection:
        got = simple(connection, "CREATE TABLE never (id int)")
        assert errors(got)[0]["C"] == "42501" and "no approval would change that" in errors(got)[0]["M"]
        assert gateway.pending() == []
    gateway.stop()
    assert gateway.verify(check=False).returncode == 0


def test_a_hold_that_somebody_can_cure_waits(make_gateway, reset):
    gateway = open_gateway(make_gateway, HOPELESS + '@id("ddl") permit (principal, action == Sworn::Action::"sql:ddl", '
                           'resource);')
    with login(gateway) as connection:
        connection.send(query("CREATE TABLE waits (id int)"))
        wait_until(gateway.pending, 10, "the hold")


def test_holds_of_one_principal_are_capped(make_gateway, reset):
    """Approvers read what waits: one principal must not bury the rest."""
    gateway = open_gateway(make_gateway, HOPELESS + '@id("ddl") permit (principal, action == Sworn::Action::"sql:ddl", '
                           'resource);')
    held = [login(gateway) for _ in range(32)]
    try:
        for number, connection in enumerate(held):
            connection.send(query(f"CREATE TABLE waits{number} (id int)"))
        wait_until(lambda: len(gateway.pending()) == 32, 20, "the holds")
        with login(gateway) as one_more:
            got = simple(one_more, "CREATE TABLE one_more (id int)")
            assert "wait for approval already" in errors(got)[0]["M"]
        with login(gateway, "cleo") as other:
            other.send(query("CREATE TABLE another (id int)"))
            wait_until(lambda: len(gateway.pending()) == 33, 10, "another principal's hold")
    finally:
        for connection in held:
            connection.socket.close()
    gateway.stop()
    assert gateway.verify(check=False).returncode == 0
