"""What stock tools and frameworks send is understood, and needs no permit for what is unknown.

pg_dump and pg_dumpall under permits of reading; PostgREST's settings bound per request; cursors of the protocol and of
functions; SQL's EXECUTE of what Parse has prepared; limits that are bound. (Classification that refused normal work.)
"""
import os
import subprocess
import tempfile

import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection

POLICY = """
@id("read") permit (principal, action == Sworn::Action::"sql:read", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
@id("no-secrets") forbid (principal, action, resource == Sworn::Table::"prod/shop/normal/hidden.secrets")
unless { context has statement && context.statement == "lock" };
@id("few") forbid (principal, action, resource == Sworn::Table::"prod/shop/normal/public.many")
when { context has bounded_rows && !(context has row_limit && context.row_limit <= 2) };
"""
CALLS = POLICY + '@id("calls") permit (principal, action == Sworn::Action::"sql:unknown", resource);\n'
TABLES = """
CREATE TABLE orders (id serial PRIMARY KEY, word text);
INSERT INTO orders (word) VALUES ('one'), ('two');
CREATE TABLE many AS SELECT i FROM generate_series(1, 5) i;
CREATE VIEW seen AS SELECT word FROM orders;
CREATE INDEX ON orders (word);
COMMENT ON TABLE orders IS 'of customers';
CREATE SCHEMA hidden;
CREATE TABLE hidden.secrets (word text);
CREATE TABLE hidden.orders (word text);
CREATE FUNCTION opened(refcursor) RETURNS refcursor LANGUAGE plpgsql AS
    'BEGIN OPEN $1 FOR SELECT word FROM orders ORDER BY id; RETURN $1; END';
CREATE FUNCTION opened_anyhow() RETURNS refcursor LANGUAGE plpgsql AS
    'DECLARE c refcursor; BEGIN OPEN c FOR SELECT word FROM orders ORDER BY id; RETURN c; END';
"""


def make(cluster, policy):
    folder = tempfile.TemporaryDirectory(prefix="sworn-gw-")
    return folder, Gateway(folder.name, cluster, database="normal", policies={"p.cedar": policy}).start()


@pytest.fixture(scope="module")
def database(cluster):
    cluster.create_database("normal", TABLES)
    yield
    with cluster.connect() as connection:
        connection.execute("DROP DATABASE normal WITH (FORCE)")


@pytest.fixture(scope="module", params=[POLICY, CALLS], ids=["reads", "calls"])
def gateway(request, cluster, database):
    folder, running = make(cluster, request.param)
    with folder:
        running.calls = request.param is CALLS
        yield running
        running.stop()


@pytest.fixture
def raw(gateway):
    with Connection(gateway.port) as connection:
        yield connection.login("ana", gateway.token("ana"), "normal")


def program(gateway, name, *arguments):
    environment = {**os.environ, "PGPASSWORD": gateway.token("ana")}
    return subprocess.run([name, "-h", "127.0.0.1", "-p", str(gateway.port), "-U", "ana", *arguments], env=environment,
                          text=True, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("options", [[], ["-Fc"], ["--inserts"], ["-s"], ["-a", "-t", "orders"], ["-Fd", "-j", "2"],
                                     ["--enable-row-security"]], ids=lambda options: " ".join(options) or "plain")
def test_pg_dump(gateway, tmp_path, options):
    arguments = ["-T", "many", "-T", "hidden.secrets", "-f", str(tmp_path / "out"), *options, "normal"]
    done = program(gateway, "pg_dump", *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").exists()


def test_pg_dump_does_not_pass_what_is_forbidden(gateway):
    done = program(gateway, "pg_dump", "-a", "normal")
    assert done.returncode != 0 and "no-secrets" in done.stderr + done.stdout or "few" in done.stderr


def test_pg_dumpall(gateway):
    done = program(gateway, "pg_dumpall", "--schema-only", "--exclude-database=shop", "--exclude-database=bypass",
                   "-l", "normal", "--no-role-passwords")
    assert done.returncode == 0, done.stderr
    assert "CREATE ROLE" in done.stdout and "CREATE TABLE public.orders" in done.stdout


def test_pg_dumpall_globals(gateway):
    done = program(gateway, "pg_dumpall", "-g", "-l", "normal")
    assert done.returncode == 0 and "CREATE ROLE" in done.stdout, done.stderr


def bound(sql, *values):
    return pgwire.parse(sql) + pgwire.bind(list(values)) + pgwire.describe() + pgwire.execute() + pgwire.SYNC


@pytest.mark.parametrize("sql,values", [
    ("select set_config('search_path', $1, true)", [b"public"]),
    ("select set_config($1, $2, true)", [b"search_path", b"public"]),
    ("select set_config($1, $2, $3)", [b"app.tenant_id", b"7", b"t"]),
    ("select set_config('search_path', $1, true), set_config('request.jwt.claims', $2, true), set_config('request.method', $3, "
     "true)", [b"public", b"{}", b"GET"]),
    ("select set_config('search_path', $1::text, $2::boolean)", [b'"$user", public', b"true"]),
    ("select set_config(name, 'view, foreign-table', false) from pg_settings where name = "
     "'restrict_nonsystem_relation_kind'", []),
    ("select set_config(name, $2, false) from pg_catalog.pg_settings where name = $1 and true", [b"work_mem", b"8MB"]),
])
def test_settings_that_are_bound(raw, sql, values):
    answer = raw.ask(bound(sql, *values))
    assert not pgwire.errors(answer), pgwire.errors(answer)


@pytest.mark.parametrize("sql,values", [
    ("select set_config('role', $1, true)", [b"owner"]),
    ("select set_config($1, $2, true)", [b"role", b"owner"]),
    ("select set_config($1, $2, true)", [b"pgaudit.log", b"none"]),
    ("select set_config(name, 'none', true) from pg_settings where name in ('work_mem', 'log_statement')", []),
    ("select set_config(name, 'x', true) from (select 'role' as name) pg_settings where name = 'work_mem'", []),
    ("select set_config('standard_conforming_strings', $1, true)", [b"off"]),
    ("select set_config(name, '1', true) from pg_settings where name = 'work_mem' or true", []),
])
def test_what_they_may_not_set(gateway, raw, sql, values):
    answer = raw.ask(bound(sql, *values))
    assert gateway.calls or [error["C"] for error in pgwire.errors(answer)] == ["42501"], answer


def test_a_bound_path_is_followed(raw):
    """The name means the table of the schema that was bound: in this transaction, and in the session."""
    raw.ask(pgwire.query("BEGIN") + b"")
    assert not pgwire.errors(raw.ask(bound("select set_config('search_path', $1, true)", b"hidden")))
    assert pgwire.errors(raw.ask(pgwire.query("SELECT word FROM secrets")))
    raw.ask(pgwire.query("ROLLBACK"))
    assert not pgwire.errors(raw.ask(bound("select set_config('search_path', $1, $2)", b"hidden", b"f")))
    assert pgwire.errors(raw.ask(pgwire.query("SELECT word FROM secrets")))[0]["C"] == "42501"


@pytest.mark.parametrize("value,allowed", [(b"2", True), (b"1", True), (b"3", False), (None, False), (b"x", False)])
def test_a_limit_that_is_bound(raw, value, allowed):
    answer = raw.ask(pgwire.parse("SELECT i FROM many LIMIT $1") + pgwire.bind([value]) + pgwire.execute() + pgwire.SYNC)
    assert bool(pgwire.rows(answer)) == allowed, answer


@pytest.mark.parametrize("number,allowed", [(2, True), (3, False), (-1, False)])
def test_a_limit_that_is_bound_in_binary(raw, number, allowed):
    value = number.to_bytes(8, "big", signed=True)
    answer = raw.ask(pgwire.parse("SELECT i FROM many LIMIT $1") + pgwire.bind([value], formats=[1]) + pgwire.execute() +
                     pgwire.SYNC)
    assert bool(pgwire.rows(answer)) == allowed, answer


def test_fetch_from_a_portal_of_the_protocol(raw):
    raw.ask(pgwire.query("BEGIN"))
    raw.ask(pgwire.parse("SELECT word FROM orders ORDER BY id", b"s") + pgwire.bind(portal=b"p", name=b"s") + pgwire.SYNC)
    assert pgwire.rows(raw.ask(pgwire.query("FETCH 1 FROM p"))) == [[b"one"]]
    assert not pgwire.errors(raw.ask(pgwire.query("MOVE 1 IN p; CLOSE p")))
    raw.ask(pgwire.query("COMMIT"))


def test_execute_of_what_parse_has_prepared(raw):
    raw.ask(pgwire.parse("SELECT word FROM orders WHERE id = $1", b"by_id") + pgwire.SYNC)
    assert pgwire.rows(raw.ask(pgwire.query("EXECUTE by_id(2)"))) == [[b"two"]]
    answer = raw.ask(pgwire.parse("SELECT word FROM hidden.secrets", b"hidden") + pgwire.SYNC)
    assert pgwire.errors(answer)[0]["C"] == "42501" and pgwire.errors(raw.ask(pgwire.query("EXECUTE hidden")))


@pytest.mark.parametrize("call,name", [("SELECT opened('c')", "c"), ("SELECT opened_anyhow()", '"<unnamed portal 1>"'),
                                       ("SELECT * FROM opened('c')", "c")])
def test_fetch_from_a_cursor_of_a_function(gateway, raw, call, name):
    """It gives what the function may read: who may call that may fetch, and nobody else."""
    raw.ask(pgwire.query("BEGIN"))
    answer = raw.ask(pgwire.query(call))
    assert bool(pgwire.errors(answer)) != gateway.calls
    if gateway.calls:
        assert pgwire.rows(raw.ask(pgwire.query(f"FETCH ALL FROM {name}"))) == [[b"one"], [b"two"]]
    raw.ask(pgwire.query("ROLLBACK"))
    answer = raw.ask(pgwire.query("BEGIN; FETCH ALL FROM nobody_opened_it"))
    assert pgwire.errors(answer)


def test_a_cursor_left_open_by_do(raw):
    """DO is read: its cursor gives what its query reads."""
    raw.ask(pgwire.query("BEGIN"))
    answer = raw.ask(pgwire.query("DO $$ DECLARE c refcursor := 'd'; BEGIN OPEN c FOR SELECT word FROM hidden.secrets; END $$; "
                                  "FETCH ALL FROM d"))
    assert [error["C"] for error in pgwire.errors(answer)] == ["42501"]
    raw.ask(pgwire.query("ROLLBACK"))


def schema_of(tables):
    """A schema file as dump tools write it: one text, several steps a table."""
    return "CREATE SCHEMA made;" + "".join(
        f"CREATE TABLE made.t{i} (id int NOT NULL, a text); CREATE SEQUENCE made.t{i}_seq; ALTER SEQUENCE made.t{i}_seq OWNED BY "
        f"made.t{i}.id; CREATE INDEX ON made.t{i} (a); COMMENT ON TABLE made.t{i} IS 'x'; " for i in range(tables))


@pytest.mark.parametrize("name", ["schema", "lock", "truncate", "union", "drop"])
def test_texts_of_many_things(make_gateway, cluster, name):
    """More than 128 different steps in one text."""
    gateway = make_gateway()
    tables = ", ".join(f"many{i}" for i in range(140))
    with cluster.connect("shop") as owner:
        owner.execute("".join(f"CREATE TABLE many{i} (i int); " for i in range(140)))
        try:
            sql = {"schema": schema_of(24), "lock": f"BEGIN; LOCK TABLE {tables} IN ACCESS SHARE MODE; COMMIT",
                   "truncate": f"TRUNCATE {tables}", "drop": f"DROP TABLE {tables}",
                   "union": " UNION ALL ".join(f"SELECT i FROM many{i}" for i in range(140))}[name]
            with Connection(gateway.port) as connection:
                connection.login("ana", gateway.token("ana"), "shop")
                answer = connection.ask(pgwire.query(sql))
            assert not pgwire.errors(answer), pgwire.errors(answer)
        finally:
            owner.execute("".join(f"DROP TABLE IF EXISTS many{i}; " for i in range(140)) + "DROP SCHEMA IF EXISTS made CASCADE")
