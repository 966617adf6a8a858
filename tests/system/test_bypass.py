"""Statements that hide a write, a DDL or a table get the verdict of their plain form.

The principal may read everything but public.secrets, and nothing else. What is refused must not have run: the server's
own log (log_statement = all) must not show it, and the tables must be as they were. What is plainly a read is allowed,
however it is written.
"""
import os
import re
import tempfile

import psycopg
import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection

POLICY = """
@id("read") permit (principal, action == Sworn::Action::"sql:read", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
@id("no-secrets") forbid (principal, action, resource == Sworn::Table::"prod/shop/bypass/public.secrets");
"""
TABLES = """
CREATE TABLE secrets (id int, word text);
INSERT INTO secrets VALUES (1, 'xyzzy');
CREATE TABLE plain (id int PRIMARY KEY, word text);
INSERT INTO plain VALUES (1, 'one'), (2, 'two');
CREATE TABLE "Quoted Name" (id int);
CREATE SCHEMA other;
CREATE TABLE other.plain (id int);
CREATE SEQUENCE numbers;
CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO plain VALUES (99, ''written''); SELECT 1';
CREATE PROCEDURE proc() LANGUAGE sql AS 'DELETE FROM plain';
"""

# One statement each that must be refused. {mark} becomes a text by which the server's log is searched.
REFUSED = {
    # comments and white space
    "comment in front": "/* SELECT */ DELETE FROM plain WHERE word = '{mark}'",
    "nested comments": "/* /* SELECT 1 */ ; */ DELETE /* */ FROM/**/plain WHERE word = '{mark}'",
    "comment ends a line": "-- SELECT 1\nDELETE FROM plain WHERE word = '{mark}'",
    "carriage return ends no psql line": "-- x\rDELETE FROM plain WHERE word = '{mark}'",
    "comment that looks closed in a string": "SELECT '/*'; DELETE FROM plain WHERE word = '{mark} */'",
    "comment within a keyword's neighbours": "SELECT*FROM/*x*/secrets/*y*/WHERE/**/word='{mark}'",
    "white space of every kind": "\n\t\r\f DELETE\n\tFROM\fplain WHERE word = '{mark}'",
    "mixed case": "dElEtE fRoM pLaIn WHERE word = '{mark}'",
    "leading semicolons": ";;; DELETE FROM plain WHERE word = '{mark}'",
    "leading parentheses": "((SELECT word FROM secrets WHERE word <> '{mark}'))",
    # names
    "quoted name": "SELECT * FROM \"secrets\" WHERE word <> '{mark}'",
    "quoted and qualified": "SELECT * FROM \"public\".\"secrets\" WHERE word <> '{mark}'",
    "with the database in front": "SELECT * FROM bypass.public.secrets WHERE word <> '{mark}'",
    "unicode escapes in a name": "SELECT * FROM U&\"\\0073ecrets\" WHERE word <> '{mark}'",
    "long unicode escapes": "SELECT * FROM U&\"\\+000073ecret\\0073\" WHERE word <> '{mark}'",
    "another escape character": "SELECT * FROM U&\"!0073ecrets\" UESCAPE '!' WHERE word <> '{mark}'",
    "upper case folds": "SELECT * FROM SECRETS WHERE word <> '{mark}'",
    "ONLY": "SELECT * FROM ONLY (secrets) WHERE word <> '{mark}'",
    "star": "SELECT * FROM secrets * WHERE word <> '{mark}'",
    "TABLE": "TABLE secrets ORDER BY word = '{mark}'",
    "alias of an allowed name": "SELECT plain.* FROM secrets AS plain WHERE plain.word <> '{mark}'",
    # places where a table hides
    "subquery in the list": "SELECT (SELECT word FROM secrets WHERE word <> '{mark}')",
    "subquery in WHERE": "SELECT 1 FROM plain WHERE EXISTS (SELECT FROM secrets WHERE word <> '{mark}')",
    "subquery in LIMIT": "SELECT '{mark}' LIMIT (SELECT count(*) FROM secrets)",
    "subquery in ORDER BY": "SELECT '{mark}' FROM plain ORDER BY (SELECT word FROM secrets)",
    "subquery in CASE in an array": "SELECT ARRAY[CASE WHEN '{mark}' <> '' THEN (SELECT word FROM secrets) END]",
    "join": "SELECT '{mark}' FROM plain p LEFT JOIN secrets s ON s.id = p.id",
    "lateral": "SELECT '{mark}' FROM plain p, LATERAL (SELECT * FROM secrets WHERE id = p.id) s",
    "union": "SELECT '{mark}' UNION ALL SELECT word FROM secrets",
    "CTE": "WITH plain AS (SELECT * FROM secrets) SELECT '{mark}', * FROM plain",
    "CTE that shadows from a sibling": "WITH a AS (SELECT * FROM secrets), secrets AS (SELECT '{mark}' AS word) TABLE a",
    "name of a CTE out of its scope": "SELECT '{mark}', (WITH secrets AS (SELECT 1) SELECT 1), word FROM secrets",
    "VALUES": "VALUES ('{mark}'), ((SELECT word FROM secrets))",
    "window": "SELECT '{mark}', sum(1) OVER (ORDER BY (SELECT word FROM secrets))",
    "FILTER": "SELECT count(*) FILTER (WHERE (SELECT word FROM secrets) <> '{mark}')",
    "grouping sets": "SELECT '{mark}' FROM plain GROUP BY GROUPING SETS (((SELECT word FROM secrets)))",
    "function argument by name": "SELECT repeat('{mark}', times => (SELECT id FROM secrets))" .replace("times => ", ""),
    "whole row": "SELECT s FROM secrets s WHERE s.word <> '{mark}'",
    "tablesample": "SELECT '{mark}' FROM secrets TABLESAMPLE SYSTEM (100)",
    "FOR UPDATE": "SELECT * FROM plain WHERE word = '{mark}' FOR UPDATE",
    "FOR KEY SHARE in a subquery": "SELECT (SELECT id FROM plain WHERE word = '{mark}' FOR KEY SHARE)",
    # writes in reads' clothes
    "CTE that deletes": "WITH gone AS (DELETE FROM plain WHERE word = '{mark}' RETURNING *) SELECT * FROM gone",
    "CTE in a CTE that updates": "WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b), c AS (UPDATE plain SET word = '{mark}' "
                                 "RETURNING 1) SELECT 1 FROM a",
    "SELECT INTO": "SELECT '{mark}' AS word INTO stolen FROM plain",
    "SELECT INTO TEMP behind a CTE": "WITH a AS (SELECT '{mark}' AS b) SELECT b INTO TEMP stolen FROM a",
    "CREATE TABLE AS": "CREATE TABLE stolen AS SELECT '{mark}' AS word",
    "CREATE TABLE AS EXECUTE": "CREATE TABLE stolen AS EXECUTE {mark}",
    "EXPLAIN ANALYZE of a write": "EXPLAIN ANALYZE DELETE FROM plain WHERE word = '{mark}'",
    "EXPLAIN (ANALYZE) among options": "EXPLAIN (COSTS off, ANALYZE 1, FORMAT json) INSERT INTO plain VALUES (9, '{mark}')",
    "EXPLAIN of a secret": "EXPLAIN SELECT * FROM secrets WHERE word = '{mark}'",
    "MERGE": "MERGE INTO plain p USING (SELECT 1 AS id) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET word = '{mark}'",
    "INSERT ON CONFLICT": "INSERT INTO plain VALUES (1, '{mark}') ON CONFLICT (id) DO UPDATE SET word = excluded.word",
    "nextval": "SELECT '{mark}', nextval('numbers')",
    "setval with a schema": "SELECT '{mark}', pg_catalog.setval('numbers', 99)",
    "quoted function name": "SELECT '{mark}', \"setval\"('numbers', 99)",
    "pg_notify": "SELECT pg_notify('{mark}', 'x')",
    "NOTIFY": "NOTIFY \"{mark}\"",
    "TRUNCATE": "TRUNCATE plain /* {mark} */",
    "LOCK": "LOCK TABLE plain /* {mark} */",
    "REFRESH": "REFRESH MATERIALIZED VIEW \"{mark}\"",
    "ANALYZE": "ANALYZE plain /* {mark} */",
    "VACUUM": "VACUUM plain /* {mark} */",
    "COMMENT ON": "COMMENT ON TABLE plain IS '{mark}'",
    "SECURITY LABEL": "SECURITY LABEL ON TABLE plain IS '{mark}'",
    # code
    "DO": "DO $$ BEGIN DELETE FROM plain WHERE word = '{mark}'; END $$",
    "DO with odd quotes": "DO LANGUAGE 'plpgsql' $SELECT$ BEGIN PERFORM '{mark}'; END $SELECT$",
    "DO of a string": "DO E'BEGIN \\nPERFORM \\'{mark}\\'; END'",
    "CALL": "CALL proc() /* {mark} */",
    "CREATE FUNCTION": "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '{mark}' $f$",
    "CREATE RULE": "CREATE RULE \"{mark}\" AS ON SELECT TO plain DO INSTEAD SELECT * FROM secrets",
    "query_to_xml": "SELECT query_to_xml('SELECT word FROM secrets --{mark}', true, false, '')",
    "table_to_xml": "SELECT table_to_xml('secrets', true, false, '{mark}')",
    "cursor_to_xml": "SELECT cursor_to_xml('{mark}', 1, true, false, '')",
    "ts_stat": "SELECT * FROM ts_stat('SELECT to_tsvector(word) FROM secrets --{mark}')",
    "dblink": "SELECT * FROM dblink('dbname=bypass', 'SELECT word FROM secrets --{mark}') AS t(word text)",
    # files and programs
    "COPY to a program": "COPY (SELECT '{mark}') TO PROGRAM 'cat > /dev/null'",
    "COPY from a program": "COPY plain FROM PROGRAM 'echo {mark}'",
    "COPY to a file": "COPY plain TO '/tmp/{mark}'",
    "COPY of a secret": "COPY secrets TO STDOUT (NULL '{mark}')",
    "COPY of a query on a secret": "COPY (SELECT word FROM secrets WHERE word <> '{mark}') TO STDOUT",
    "COPY of a write": "COPY (DELETE FROM plain WHERE word = '{mark}' RETURNING *) TO STDOUT",
    "COPY in": "COPY plain FROM STDIN (NULL '{mark}')",
    "lo_export": "SELECT lo_export(1, '/tmp/{mark}')",
    "lo_import": "SELECT lo_import('/tmp/{mark}')",
    "pg_read_file": "SELECT pg_read_file('/tmp/{mark}')",
    "pg_ls_dir in FROM": "SELECT * FROM pg_ls_dir('/tmp/{mark}')",
    "pg_terminate_backend": "SELECT '{mark}', pg_terminate_backend(1)",
    "ALTER SYSTEM": "ALTER SYSTEM SET search_path = '{mark}'",
    "LOAD": "LOAD '{mark}'",
    # several statements, and strings that could hide a second one
    "second statement": "SELECT 1; DELETE FROM plain WHERE word = '{mark}'",
    "third, behind a string with a semicolon": "SELECT ';'; SELECT 2; DROP TABLE plain; SELECT '{mark}'",
    "write in front of a read": "INSERT INTO plain VALUES (50, '{mark}'); SELECT 1",
    "within a transaction": "BEGIN; DELETE FROM plain WHERE word = '{mark}'; COMMIT",
    "dollar quotes that hide nothing": "SELECT $a$ $b$ ; $a$; DELETE FROM plain WHERE word = $x${mark}$x$",
    "escape string that ends early": "SELECT E'\\''; DELETE FROM plain WHERE word = '{mark}' --'",
    "backslash is plain here": "SELECT '\\'; DELETE FROM plain WHERE word = '{mark}' --'",
    "doubled quotes": "SELECT ''''; DELETE FROM plain WHERE word = '{mark}' --'''",
    "continued string": "SELECT 'a'\n'b'; DELETE FROM plain WHERE word = '{mark}'",
    "unicode string": "SELECT U&'\\0027'; DELETE FROM plain WHERE word = '{mark}'",
    "nine megabytes of comment": "/*" + "x" * (9 << 20) + "*/ DELETE FROM plain WHERE word = '{mark}'",
    "a thousand statements in front": "SELECT 1;" * 1000 + "DELETE FROM plain WHERE word = '{mark}'",
    "deep parentheses": "SELECT " + "(" * 3000 + "SELECT word FROM secrets WHERE word <> '{mark}'" + ")" * 3000,
    "what does not parse": "SELECT 1; NONSENSE '{mark}'",
    # roles and sessions
    "ALTER ROLE": "ALTER ROLE owner SET search_path = '{mark}'",
    "GRANT": "GRANT ALL ON plain TO PUBLIC /* {mark} */",
    "CREATE SCHEMA with a table": "CREATE SCHEMA \"{mark}\" CREATE TABLE t (i int)",
    "DROP of several": "DROP TABLE IF EXISTS nothing, plain /* {mark} */",
    "ALTER TABLE in a read's place": "ALTER TABLE plain ADD COLUMN \"{mark}\" int",
    "PREPARE of a write": "PREPARE p_{mark} AS DELETE FROM plain; EXECUTE p_{mark}",
    "DECLARE on a secret": "BEGIN; DECLARE c_{mark} CURSOR FOR SELECT * FROM secrets; FETCH c_{mark}; COMMIT",
}

# Steps in one session; the last is refused.
SEQUENCES = {
    "PREPARE, then EXECUTE": ["PREPARE later AS DELETE FROM plain WHERE word = '{mark}'", "EXECUTE later"],
    "PREPARE a read of a secret": ["PREPARE later AS SELECT word FROM secrets WHERE word <> '{mark}'", "EXECUTE later"],
    "DECLARE, then FETCH": ["BEGIN", "DECLARE far CURSOR FOR SELECT word, '{mark}' FROM secrets", "FETCH far"],
    "search_path makes a name mean it": ["SET search_path = other, public", "SELECT word FROM secrets WHERE word <> '{mark}'"],
    "search_path by set_config": ["SELECT set_config('search_path', 'other', false)",
                                  "SELECT '{mark}' FROM public.secrets"],
    "strings by the old rules": ["SET standard_conforming_strings = off",
                                 "SELECT '\\'', 'x; DELETE FROM plain WHERE word = \\'{mark}\\''; "
                                 "DELETE FROM plain WHERE word = '{mark}'"],
    "a backslash that hides the end": ["SET standard_conforming_strings = off",
                                       "SELECT '\\'; SELECT '; DELETE FROM plain WHERE word <> '{mark}' --'"],
    "temporary table's namesake": ["SET search_path = pg_temp, public", "SELECT '{mark}', word FROM secrets"],
}

ALLOWED = [
    "SELECT * FROM plain ORDER BY id",
    "/* DELETE FROM plain */ SELECT 'DELETE FROM secrets' AS text",
    "SELECT 'secrets', \"id\" FROM plain -- FROM secrets",
    "WITH secrets AS (SELECT 1 AS word) SELECT word FROM secrets",
    "WITH RECURSIVE secrets(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM secrets WHERE n < 3) SELECT * FROM secrets",
    "SELECT $$; DROP TABLE plain; $$",
    "SELECT E'\\'; DELETE FROM plain; --'",
    "SELECT U&'\\0073ecrets'",
    "SELECT secrets.id FROM plain AS secrets",
    "EXPLAIN SELECT * FROM plain",
    "EXPLAIN ANALYZE SELECT * FROM plain",
    "BEGIN; SELECT 1; COMMIT",
    "PREPARE fine AS SELECT * FROM plain; EXECUTE fine; DEALLOCATE fine",
    "BEGIN; DECLARE fine CURSOR FOR SELECT * FROM plain; FETCH ALL FROM fine; COMMIT",
    "COPY plain TO STDOUT",
    "COPY (SELECT id FROM plain) TO STDOUT",
    "SET search_path = other; SELECT * FROM plain; RESET search_path",
    "SELECT relname FROM pg_class WHERE relname = 'secrets'",
    "SHOW search_path",
    "VALUES (1), (2)",
    "TABLE other.plain",
    "SELECT * FROM \"Quoted Name\"",
    "SELECT set_config('work_mem', '4MB', false)",
    "LISTEN quiet; UNLISTEN quiet",
    "SELECT /*" + "x" * (9 << 20) + "*/ 1",
]


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("bypass", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="bypass", policies={"read.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()
            with cluster.connect() as connection:
                connection.execute("DROP DATABASE bypass WITH (FORCE)")


@pytest.fixture(scope="module")
def state(gateway, cluster):
    """What the tables and the catalogue hold, to be the same after each attempt."""
    with cluster.connect("bypass") as watching:
        def read():
            return watching.execute(
                "SELECT (SELECT array_agg(p ORDER BY p) FROM plain p), (SELECT array_agg(s) FROM secrets s), "
                "(SELECT last_value FROM numbers), (SELECT array_agg(relname ORDER BY oid) FROM pg_class WHERE "
                "oid >= 16384), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_largeobject_metadata)").fetchone()
        before = read()
        yield lambda: read() == before


@pytest.fixture
def raw(gateway):
    gateway.token("ana")
    with Connection(gateway.port) as connection:
        yield connection.login("ana", gateway.token("ana"), "bypass")


def make_mark():
    return "m" + os.urandom(6).hex()


class ServerLog:
    """What the server logged since this was made, but for what sworn asked on its own turn."""

    def __init__(self, cluster):
        self.log = cluster.log
        self.start = self.log.stat().st_size

    def text(self):
        with open(self.log, "rb") as log:
            log.seek(self.start)
            text = log.read().decode(errors="replace")
        return re.sub(r"[^\n]*sworn:inquiry[^\n]*\n([^\n]*DETAIL:  parameters:[^\n]*\n)?", "", text)


def assert_refused(answer, log, mark, state):
    assert [error["C"] for error in pgwire.errors(answer)] == ["42501"], pgwire.errors(answer)
    assert not [body for kind, body in answer if kind == b"D" and b"xyzzy" in body]
    assert mark not in log.text()
    assert state()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_simple_query(cluster, raw, state, name):
    mark, log = make_mark(), ServerLog(cluster)
    answer = raw.ask(pgwire.query(REFUSED[name].replace("{mark}", mark)))
    assert_refused(answer, log, mark, state)
    assert not [kind for kind, _ in answer if kind in (b"D", b"C")], "something of it ran"
    assert pgwire.rows(raw.ask(pgwire.query("SELECT 'usable'"))) == [[b"usable"]]


@pytest.mark.parametrize("name", [name for name in REFUSED if "; " not in REFUSED[name] and
                                  not REFUSED[name].startswith("SELECT 1;")])
def test_refused_in_the_extended_protocol(cluster, raw, state, name):
    mark, log = make_mark(), ServerLog(cluster)
    sql = REFUSED[name].replace("{mark}", mark)
    answer = raw.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC)
    codes = [error["C"] for error in pgwire.errors(answer)]
    # The server may refuse it before, at Parse or Bind, for a reason of its own; it must not get as far as to run.
    assert len(codes) == 1 and (codes[0] == "42501" or codes[0][:2] in ("42", "22", "26", "0A", "54")), codes
    assert not [kind for kind, _ in answer if kind in (b"D", b"C", b"s")], "something of it ran"
    assert f"execute <unnamed>: {sql[:40]}" not in log.text()
    assert state()
    assert pgwire.rows(raw.ask(pgwire.query("SELECT 'usable'"))) == [[b"usable"]]


@pytest.mark.parametrize("name", SEQUENCES)
def test_refused_in_the_end(cluster, raw, state, name):
    mark, log = make_mark(), ServerLog(cluster)
    *steps, last = [step.replace("{mark}", mark) for step in SEQUENCES[name]]
    for step in steps:
        raw.ask(pgwire.query(step))
    ran = len(log.text())
    answer = raw.ask(pgwire.query(last))
    assert pgwire.errors(answer) and not [kind for kind, _ in answer if kind in (b"D", b"C")], answer
    assert last.split()[0] not in log.text()[ran:]
    assert state()


@pytest.mark.parametrize("sql", ALLOWED, ids=lambda sql: sql[:50])
def test_allowed(raw, sql):
    answer = raw.ask(pgwire.query(sql))
    assert not pgwire.errors(answer), pgwire.errors(answer)


def test_a_named_statement_keeps_its_verdict(raw, state):
    raw.ask(pgwire.parse("SELECT 1", b"s") + pgwire.SYNC)
    assert pgwire.rows(raw.ask(pgwire.bind(name=b"s") + pgwire.execute() + pgwire.SYNC)) == [[b"1"]]
    raw.ask(pgwire.message(b"C", b"Ss\0") + pgwire.parse("DELETE FROM plain", b"s") + pgwire.SYNC)
    answer = raw.ask(pgwire.bind(name=b"s") + pgwire.execute() + pgwire.SYNC)
    assert pgwire.errors(answer) and state()


def test_a_statement_of_one_protocol_in_the_other(raw, state):
    """SQL's PREPARE and the protocol's Parse share one space of names."""
    raw.ask(pgwire.parse("DELETE FROM plain", b"shared") + pgwire.SYNC)
    assert pgwire.errors(raw.ask(pgwire.query("EXECUTE shared"))) and state()
    raw.ask(pgwire.query("PREPARE other_way AS SELECT 1"))
    assert pgwire.rows(raw.ask(pgwire.bind(name=b"other_way") + pgwire.execute() + pgwire.SYNC)) == [[b"1"]]


def test_a_failed_parse_does_not_leave_the_old_meaning(raw, state):
    """Parse over an existing name fails on the server: the first statement stays."""
    raw.ask(pgwire.parse("SELECT 1", b"kept") + pgwire.SYNC)
    raw.ask(pgwire.parse("DELETE FROM plain", b"kept") + pgwire.SYNC)
    answer = raw.ask(pgwire.bind(name=b"kept") + pgwire.execute() + pgwire.SYNC)
    assert state() and (pgwire.errors(answer) or pgwire.rows(answer) == [[b"1"]])


def test_search_path_changed_in_a_pipeline(raw, state):
    """The second statement means what the first one has made of its names."""
    batch = b""
    for sql in ("SET search_path = public", "SELECT word FROM secrets"):
        batch += pgwire.parse(sql) + pgwire.bind() + pgwire.execute()
    answer = raw.ask(batch + pgwire.SYNC)
    assert [error["C"] for error in pgwire.errors(answer)] == ["42501"] and not pgwire.rows(answer)
    raw.send(pgwire.query("SET search_path = other") + pgwire.query("SELECT word FROM secrets"))
    raw.read_until(b"Z")
    answer = raw.read_until(b"Z")
    assert pgwire.errors(answer) and not pgwire.rows(answer)


def test_text_that_is_not_utf8(cluster, raw, state):
    mark, log = make_mark(), ServerLog(cluster)
    answer = raw.ask(pgwire.message(b"Q", b"SELECT '\xff'; DELETE FROM plain WHERE word = '" + mark.encode() + b"'\0"))
    assert pgwire.errors(answer) and mark not in log.text() and state()


@pytest.mark.parametrize("encoding", ["SJIS", "GBK", "BIG5", "SHIFT_JIS_2004", "GB18030", "UHC", "LATIN1", "SQL_ASCII"])
def test_encodings_where_a_backslash_is_half_a_letter(cluster, raw, state, encoding):
    """0x95 0x5c is one letter in SJIS; read bytewise it ends with a backslash, which may change where a string ends."""
    mark, log = make_mark(), ServerLog(cluster)
    raw.ask(pgwire.query(f"SET client_encoding = '{encoding}'"))
    for text in (b"SELECT E'\x95\x5c'; DELETE FROM plain WHERE word = '" + mark.encode() + b"' --'",
                 b"SELECT E'\x95\x5c''; DELETE FROM plain WHERE word = ''" + mark.encode() + b"'",
                 b"DELETE FROM plain WHERE word = '" + mark.encode() + b"'",
                 b"SELECT '" + mark.encode() + b"' FROM secrets"):
        answer = raw.ask(pgwire.message(b"Q", text + b"\0"))
        ran = [body for kind, body in answer if kind == b"C" and not body.startswith(b"SELECT")]
        assert not ran and not [row for row in pgwire.rows(answer) if row == [mark.encode()]]
        assert state()
    assert "DELETE FROM plain" not in [line for line in log.text().splitlines() if "statement:" in line]


def test_startup_encoding_and_path(gateway, state):
    with Connection(gateway.port) as connection:
        connection.login("ana", gateway.token("ana"), "bypass", options="-c search_path=other")
        assert pgwire.errors(connection.ask(pgwire.query("SELECT word FROM public.secrets")))
        assert not pgwire.errors(connection.ask(pgwire.query("SELECT id FROM plain")))
        assert state()


def test_a_nul_ends_no_inspection(raw, state):
    for data in (pgwire.message(b"Q", b"SELECT 1\0; DELETE FROM plain\0"),
                 pgwire.message(b"P", b"\0SELECT 1\0DELETE FROM plain\0\0\0")):
        try:
            raw.send(data + pgwire.SYNC)
            raw.read_until(b"Z")
        except pgwire.Closed:
            break
    assert state()


@pytest.mark.parametrize("name", ["SELECT INTO", "CTE that deletes", "second statement", "DO", "COPY in"])
def test_refused_through_psql_variables(gateway, cluster, state, name):
    mark, log = make_mark(), ServerLog(cluster)
    script = f"\\set hidden $$ {REFUSED[name].replace('{mark}', mark)} $$\n"
    script += "SELECT $outer$" + REFUSED[name].replace("{mark}", mark) + "$outer$ AS sql \\gset\n:sql ;\nSELECT :'sql' \\gexec\n"
    done = gateway.psql("-At", "-v", "VERBOSITY=verbose", "-f", "-", stdin=script, check=False)
    assert done.stderr.count("42501") == 2 and state(), done.stderr
    assert not [line for line in log.text().splitlines() if "statement:" in line and mark in line and "$outer$" not in line
                and "SELECT '" not in line], log.text()[-800:]


def test_refused_through_psycopg(gateway, cluster, state):
    with gateway.connect(database="bypass", prepare_threshold=0) as connection:
        for sql, parameters in (("DELETE FROM plain WHERE id = %s", [1]), ("SELECT word FROM secrets WHERE id = %s", [1]),
                                ("WITH x AS (UPDATE plain SET word = %s RETURNING 1) SELECT * FROM x", ["y"]),
                                ("SELECT nextval(%s)", ["numbers"]), ("TABLE secrets", [])):
            for _ in range(2):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(sql, parameters)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.cursor().executemany("INSERT INTO plain VALUES (%s, %s)", [(7, "x"), (8, "y")])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with connection.cursor().copy("COPY plain FROM STDIN") as copy:
                copy.write(b"7\tx\n")
        assert connection.execute("SELECT count(*) FROM plain").fetchone() == (2,)
    assert state()


def test_the_set_is_large():
    assert len(REFUSED) + len(SEQUENCES) >= 60
