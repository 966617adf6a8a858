"""What a statement does is described wherever it stands: in DO, in WITH, in a function's body, behind PREPARE, in a cursor.

An agent may read, write and define, but never drop or truncate, never change all rows of a table, and take small bites of one
table; and there is a function that nobody calls. Each text below is refused by the policy that its plain form is refused by,
in the simple and in the extended protocol, and nothing of it runs. (What is said of each part of a statement; conditions that
choose no rows; limits that limit nothing.)
"""
import tempfile

import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection
from promise import events

POLICY = """
@id("work") permit (principal, action in [Sworn::Action::"sql:read", Sworn::Action::"sql:write", Sworn::Action::"sql:ddl"],
  resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
@id("never-drop") forbid (principal, action in Sworn::Action::"sql", resource)
when { context has statement && (context.statement like "drop*" || context.statement == "truncate") };
@id("never-all") forbid (principal, action == Sworn::Action::"sql:write", resource)
when { context has touches_all_rows && context.touches_all_rows && context has statement && context.statement != "truncate" };
@id("small-bites") forbid (principal, action == Sworn::Action::"sql:read", resource == Sworn::Table::"prod/shop/kinds/public.big")
when { context has bounded_rows && !(context.bounded_rows && context has row_limit && context.row_limit <= 2) };
@id("uncalled") forbid (principal, action in Sworn::Action::"sql", resource)
when { context has functions && context.functions.contains("uncalled") };
"""
TABLES = """
CREATE TABLE t (id int PRIMARY KEY, word text);
INSERT INTO t SELECT i, 'w' || i FROM generate_series(1, 5) i;
CREATE TABLE u (id int, word text);
INSERT INTO u VALUES (1, 'u');
CREATE TABLE big AS SELECT i AS id FROM generate_series(1, 9) i;
CREATE FUNCTION uncalled(text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'INSERT INTO u VALUES (9, $1); SELECT $1';
CREATE PROCEDURE nothing(text) LANGUAGE sql AS '';
"""


def code(body, declare=""):
    return f"DO $code$ {declare} BEGIN {body}; END $code$"


NEVER_DROP = {
    "TRUNCATE": "TRUNCATE t",
    "DO that truncates": code("TRUNCATE t"),
    "DO that drops": code("DROP TABLE t"),
    "DO in DO": code("DO $in$ BEGIN TRUNCATE t; END $in$"),
    "DO behind IF": code("IF false THEN NULL; ELSIF true THEN TRUNCATE t; END IF"),
    "DO behind CASE": code("CASE 1 WHEN 2 THEN NULL; ELSE DROP TABLE t; END CASE"),
    "DO in a loop": code("FOR i IN 1..1 LOOP TRUNCATE t; END LOOP"),
    "DO in an exception handler": code("BEGIN RAISE 'x'; EXCEPTION WHEN others THEN TRUNCATE t; END"),
    "DO in a named block": code("<<b>> BEGIN DROP TABLE IF EXISTS t CASCADE; END"),
    "DO among other statements": code("PERFORM 1; INSERT INTO u VALUES (7, 'x'); TRUNCATE TABLE ONLY t; PERFORM 2"),
    "DO with an index": code("DROP INDEX IF EXISTS t_pkey"),
    "DO with a function": code("DROP FUNCTION uncalled"),
    "DO with a schema": code("DROP SCHEMA public CASCADE"),
    "DO with quoted code": "DO E'BEGIN \\n TRUNCATE t; END'",
    "DO with a language in front": "DO LANGUAGE plpgsql $$ BEGIN TRUNCATE t; END $$",
    "a function that truncates": "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; END $$",
    "a function in SQL that drops": "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DROP TABLE t'",
    "a procedure that truncates": "CREATE PROCEDURE f() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; COMMIT; END $$",
    "a trigger's function": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE u; RETURN NEW; END $$",
    "a second statement": "SELECT 1; TRUNCATE t",
    "in a transaction": "BEGIN; TRUNCATE t; COMMIT",
    "several tables": "DROP TABLE t, u",
    "DROP OWNED within DO": code("DROP TABLE u; DROP TABLE t"),
}

NEVER_ALL = {
    "DELETE": "DELETE FROM t",
    "WHERE true": "DELETE FROM t WHERE true",
    "a constant comparison": "DELETE FROM t WHERE 1 = 1",
    "strings": "DELETE FROM t WHERE 'a' < 'b'",
    "a negated constant": "UPDATE t SET word = 'x' WHERE NOT false",
    "with itself": "DELETE FROM t WHERE id = id",
    "with itself, qualified": "DELETE FROM t WHERE t.id = id",
    "with itself in a function": "DELETE FROM t WHERE lower(word) = lower(word)",
    "OR true": "UPDATE t SET word = 'x' WHERE id = 1 OR true",
    "NOT of what is never": "UPDATE t SET word = 'x' WHERE NOT (id = 1 AND false)",
    "now()": "DELETE FROM t WHERE now() > '2000-01-01'",
    "a subquery without a condition": "DELETE FROM t WHERE EXISTS (SELECT 1 FROM u)",
    "IN all of the table": "DELETE FROM t WHERE id IN (SELECT id FROM t)",
    "USING itself": "DELETE FROM t USING t AS s WHERE t.id = s.id",
    "UPDATE FROM itself": "UPDATE t SET word = 'x' FROM t AS s WHERE s.id = t.id",
    "MERGE ON true": "MERGE INTO t USING (VALUES (1)) v ON true WHEN MATCHED THEN DELETE",
    "MERGE ON 1 = 1": "MERGE INTO t USING u ON 1 = 1 WHEN MATCHED THEN UPDATE SET word = 'x'",
    "MERGE with itself": "MERGE INTO t USING t AS s ON t.id = s.id WHEN MATCHED THEN DELETE",
    "MERGE of two clauses": "MERGE INTO t USING u ON true WHEN MATCHED AND t.id = 1 THEN DO NOTHING WHEN MATCHED THEN DELETE",
    "MERGE with an empty condition": "MERGE INTO t USING u ON true WHEN MATCHED AND 1 = 1 THEN DELETE",
    "an upsert of its own rows": "INSERT INTO t SELECT * FROM t ON CONFLICT (id) DO UPDATE SET word = 'x'",
    "an upsert of made rows": "INSERT INTO t SELECT i, '' FROM generate_series(1, 99) i ON CONFLICT (id) DO UPDATE SET word = ''",
    "an upsert with WHERE true": "INSERT INTO t TABLE t ON CONFLICT (id) DO UPDATE SET word = 'x' WHERE true",
    "in WITH": "WITH gone AS (DELETE FROM t RETURNING *) SELECT count(*) FROM gone",
    "in WITH beside one that is bounded": "WITH a AS (UPDATE t SET word = 'x' RETURNING 1) DELETE FROM u WHERE id = 1",
    "in DO": code("DELETE FROM t"),
    "in DO beside one that is bounded": code("DELETE FROM u WHERE id = 7; UPDATE t SET word = 'x'"),
    "in a loop's query": code("FOR r IN DELETE FROM t RETURNING * LOOP NULL; END LOOP", "DECLARE r record;"),
    "in DO with a MERGE": code("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE"),
    "in EXPLAIN ANALYZE": "EXPLAIN ANALYZE DELETE FROM t",
    "in COPY": "COPY (DELETE FROM t RETURNING *) TO STDOUT",
    "in PREPARE": "PREPARE p AS DELETE FROM t",
    "in a rule": "CREATE RULE r AS ON INSERT TO u DO ALSO DELETE FROM t",
    "in a function": "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'UPDATE t SET word = NULL'",
    "in an atomic function": "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM t; END",
}

SMALL_BITES = {
    "no limit": "SELECT * FROM big",
    "too large a limit": "SELECT * FROM big LIMIT 3",
    "LIMIT ALL": "SELECT * FROM big LIMIT ALL",
    "WITH TIES": "SELECT id FROM big ORDER BY id * 0 FETCH FIRST 1 ROW WITH TIES",
    "WITH TIES without a number": "SELECT id FROM big ORDER BY id * 0 FETCH FIRST ROW WITH TIES",
    "a computed limit": "SELECT * FROM big LIMIT (SELECT 99)",
    "TABLE": "TABLE big",
    "a limit of a subquery": "SELECT b.* FROM big b, (SELECT 1 LIMIT 1) x",
    "a limit of one side": "(SELECT id FROM big LIMIT 1) UNION ALL SELECT id FROM big",
    "a limit in WITH": "WITH x AS (SELECT 1 LIMIT 1) SELECT big.* FROM big, x",
    "COPY": "COPY big TO STDOUT",
    "COPY of columns": "COPY big (id) TO STDOUT (FORMAT csv)",
    "COPY of a query": "COPY (SELECT * FROM big) TO STDOUT",
    "COPY with ties": "COPY (SELECT * FROM big ORDER BY id * 0 FETCH FIRST 1 ROW WITH TIES) TO STDOUT",
    "RETURNING": "UPDATE big SET id = id WHERE id > 0 RETURNING id",
    "DELETE RETURNING": "DELETE FROM big WHERE id > 0 RETURNING id",
    "a cursor": "BEGIN; DECLARE c CURSOR FOR SELECT * FROM big; FETCH ALL FROM c; COMMIT",
    "PREPARE and EXECUTE": "PREPARE q AS SELECT * FROM big; EXECUTE q",
    "EXPLAIN ANALYZE": "EXPLAIN ANALYZE SELECT * FROM big",
    "in DO": code("PERFORM id FROM big"),
}

UNCALLED = {
    "plainly": "SELECT uncalled('x')",
    "in WHERE": "SELECT 1 FROM t WHERE uncalled(word) = 'x'",
    "in FROM": "SELECT * FROM uncalled('x')",
    "in WITH of a write": "WITH a AS (INSERT INTO u VALUES (1, uncalled('y')) RETURNING 1) SELECT 1",
    "of EXECUTE's argument": "PREPARE e AS SELECT $1; EXECUTE e(uncalled('x'))",
    "in DO": code("PERFORM uncalled('x')"),
    "in DO's declaration": code("NULL", "DECLARE x text := uncalled('x');"),
    "in DO's condition": code("IF uncalled('x') = 'x' THEN NULL; END IF"),
    "in DO's loop": code("FOR i IN 1..length(uncalled('x')) LOOP NULL; END LOOP"),
    "in DO's RAISE": code("RAISE NOTICE '%', uncalled('x')"),
    "in DO's ASSERT": code("ASSERT uncalled('x') = 'x'"),
    "in DO's assignment": code("x := uncalled('x')", "DECLARE x text;"),
    "in DO's element": code("x[length(uncalled('x'))] := 1", "DECLARE x int[];"),
    "in CALL": "CALL nothing(uncalled('x'))",
    "in a default": "CREATE TABLE n (a text DEFAULT uncalled('x'))",
    "in a view": "CREATE VIEW v AS SELECT uncalled('x')",
    "in an index": "CREATE INDEX ON t (uncalled(word))",
    "in a policy": "CREATE POLICY p ON t USING (uncalled(word) = 'x')",
    "in a limit": "SELECT 1 LIMIT length(uncalled('x'))",
    "in COPY": "COPY (SELECT uncalled('x')) TO STDOUT",
}

CASES = [(policy, name, sql) for policy, table in (
    ("never-drop", NEVER_DROP), ("never-all", NEVER_ALL), ("small-bites", SMALL_BITES), ("uncalled", UNCALLED))
    for name, sql in table.items()]

ALLOWED = [
    "DELETE FROM u WHERE id = 99",
    "UPDATE u SET word = 'u' WHERE id = 99 OR word IS NULL",
    "DELETE FROM u USING t WHERE t.id = u.id AND t.word = 'none'",
    "DELETE FROM u WHERE id IN (SELECT id + 100 FROM t)",
    "MERGE INTO u USING t ON t.id = u.id + 100 WHEN MATCHED THEN DELETE",
    "MERGE INTO u USING t ON false WHEN MATCHED AND u.id = 99 THEN DELETE",
    "INSERT INTO t VALUES (1, 'w1') ON CONFLICT (id) DO UPDATE SET word = excluded.word",
    "INSERT INTO t SELECT * FROM unnest('{1}'::int[], '{w1}'::text[]) ON CONFLICT (id) DO UPDATE SET word = excluded.word",
    "INSERT INTO t SELECT i, 'w1' FROM generate_series(1, 1) i ON CONFLICT DO NOTHING",
    "SELECT * FROM big LIMIT 2",
    "SELECT id FROM big ORDER BY id FETCH FIRST ROW ONLY",
    "COPY (SELECT * FROM big LIMIT 2) TO STDOUT",
    "PREPARE small AS SELECT * FROM big LIMIT 1; EXECUTE small; DEALLOCATE small",
    code("DELETE FROM u WHERE id = 99; PERFORM * FROM t"),
    "EXPLAIN DELETE FROM t",
    "SELECT * FROM t",
    "COPY t TO STDOUT",
]


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("kinds", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="kinds", policies={"kinds.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()
            with cluster.connect() as connection:
                connection.execute("DROP DATABASE kinds WITH (FORCE)")


@pytest.fixture(scope="module")
def state(gateway, cluster):
    with cluster.connect("kinds") as watching:
        def read():
            return watching.execute(
                "SELECT (SELECT array_agg(t ORDER BY t) FROM t), (SELECT array_agg(u ORDER BY u) FROM u), (SELECT count(*) "
                "FROM big), (SELECT array_agg(relname ORDER BY oid) FROM pg_class WHERE oid >= 16384), "
                "(SELECT count(*) FROM pg_proc)").fetchone()
        before = read()
        yield lambda: read() == before


@pytest.fixture
def raw(gateway):
    with Connection(gateway.port) as connection:
        yield connection.login("copilot", gateway.token("copilot"), "kinds")


def assert_refused_by(answer, policy):
    errors = pgwire.errors(answer)
    assert [error["C"] for error in errors] == ["42501"], (errors, pgwire.rows(answer))
    assert policy in errors[0]["D"], errors
    assert not [kind for kind, _ in answer if kind in (b"D", b"d")], "rows came"


@pytest.mark.parametrize("policy,name,sql", CASES, ids=[f"{policy}: {name}" for policy, name, _ in CASES])
def test_refused_by_the_policy_of_the_plain_form(raw, state, policy, name, sql):
    assert_refused_by(raw.ask(pgwire.query(sql)), policy)
    raw.ask(pgwire.query("ROLLBACK"))
    if "; " not in sql or sql.startswith(("DO ", "CREATE ", "MERGE")):
        answer = raw.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC)
        assert len(pgwire.errors(answer)) == 1 and not pgwire.rows(answer), answer
    assert state()


@pytest.mark.parametrize("sql", ALLOWED, ids=lambda sql: sql[:60])
def test_what_is_bounded_is_allowed(raw, state, sql):
    answer = raw.ask(pgwire.query(sql))
    assert not pgwire.errors(answer), pgwire.errors(answer)
    assert state()


def test_each_step_says_what_does_it(gateway, raw):
    """The evidence of a DO names each statement in it, with what is known of that one."""
    raw.ask(pgwire.query(code("DELETE FROM u WHERE id = 99; INSERT INTO u SELECT * FROM t WHERE false; PERFORM lower('x')")))
    gateway.await_publication()
    steps = events(gateway, "intent")[-1]["steps"]
    said = {(step["verb"], step["resource"].split(".")[-1]): step["context"] for step in steps}
    assert said["sql:write", "u"]["statement"] in ("delete", "insert")
    kinds = {step["context"]["statement"] for step in steps}
    assert kinds == {"do", "delete", "insert", "select"}, kinds
    deleted = next(step["context"] for step in steps if step["context"]["statement"] == "delete")
    assert deleted["has_where"] and not deleted["touches_all_rows"] and deleted["functions"] == []
    assert next(step["context"] for step in steps if step["context"]["statement"] == "select")["functions"] == ["lower"]
